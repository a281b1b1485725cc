//! Pages through `listpays` and `listinvoices`, and remembers where nothing changes any more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::answers::{self, Row};
use super::calls::{BAD_PARAMETERS, CallFault, Calls, unclear};
use crate::domain::money::UnixMillis;
use crate::http::HttpFault;
use crate::lightning::{Direction, Listed, ServiceFault};

/// Where reading begins next time.
#[derive(Default)]
pub(super) struct History(Mutex<Begin>);

#[derive(Clone, Copy, Default)]
struct Begin {
    since: UnixMillis,
    pays: u64,
    invoices: u64,
}

/// What one list held.
struct Pages {
    listed: Vec<Listed>,
    begin: u64,
    pay_index: u64,
    /// Nothing follows.
    is_whole: bool,
}

impl History {
    /// What was settled at or after `since`, and the highest `pay_index` seen.
    pub async fn since(&self, calls: &Calls, since: UnixMillis) -> Result<(Vec<Listed>, u64), ServiceFault> {
        let known = *self.lock();
        let begin = if since < known.since { Begin::default() } else { known };
        let pays = read(calls, Direction::Out, begin.pays, since).await?;
        let invoices = read(calls, Direction::In, begin.invoices, since).await?;
        *self.lock() = Begin { since, pays: pays.begin, invoices: invoices.begin };
        if !pays.is_whole || !invoices.is_whole {
            return Err(unclear("its history is longer than Kilosat reads at once"));
        }
        let mut listed = pays.listed;
        listed.extend(invoices.listed);
        Ok((listed, invoices.pay_index))
    }

    fn lock(&self) -> MutexGuard<'_, Begin> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads from `begin` on, oldest first. A page that is larger than what is read is asked for again with half as many rows.
async fn read(calls: &Calls, direction: Direction, begin: u64, since: UnixMillis) -> Result<Pages, ServiceFault> {
    let (method, key) = match direction {
        Direction::Out => ("listpays", "pays"),
        Direction::In => ("listinvoices", "invoices"),
    };
    let mut pages = Pages { listed: Vec::new(), begin, pay_index: 0, is_whole: false };
    let (mut start, mut size, mut all_old) = (begin, ROWS_PER_PAGE, true);
    for _ in 0..PAGES_MAX {
        let params = json!({ "index": "created", "start": start, "limit": size });
        let (body, is_all) = match calls.list(method, &params).await {
            Err(CallFault::Rpc(error)) if error.code == BAD_PARAMETERS => (calls.list(method, &json!({})).await, true),
            Err(CallFault::Http(HttpFault::TooLarge { .. })) if size > 1 => {
                size /= 2;
                continue;
            }
            answer => (answer, false),
        };
        let body = body.map_err(|fault| fault.fault())?;
        let rows =
            Row::whole(&body).and_then(|row| row.list(key)).ok_or_else(|| unclear("a list that cannot be read"))?;
        for row in &rows {
            pages.pay_index = pages.pay_index.max(row.number("pay_index").unwrap_or(0));
            let listed = answers::listed(row, direction)?;
            let is_old = match &listed {
                Some(listed) => listed.settled_at.is_some_and(|at| at < since),
                None => answers::is_final(row, since),
            };
            all_old &= is_old;
            if let Some(index) = row.number("created_index").filter(|_| all_old) {
                pages.begin = pages.begin.max(index);
            }
            pages.listed.extend(listed.filter(|_| !is_old));
        }
        if is_all || rows.is_empty() {
            pages.is_whole = true;
            break;
        }
        let last = rows.iter().filter_map(|row| row.number("created_index")).max().filter(|last| *last >= start);
        start = last.ok_or_else(|| unclear("a list without its place"))?.saturating_add(1);
    }
    Ok(pages)
}

/// One page stays well below the largest one that is read.
const ROWS_PER_PAGE: u32 = 200;
/// What lies beyond is read the next time, as far as what lies before is old: such rows are not read again.
const PAGES_MAX: usize = 500;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use serde_json::Value;

    use super::*;
    use crate::clock::Clock;
    use crate::http::loopback::serve;
    use crate::keys::Secret;
    use crate::lightning::{Remote, Waits};

    /// A node with a paid invoice at every third index, paid at that second; it counts what it is asked.
    async fn node(invoices: u64) -> (Calls, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let list = async move |axum::Json(params): axum::Json<Value>| {
            count.fetch_add(1, Ordering::Relaxed);
            let (start, limit) = (params["start"].as_u64().unwrap(), params["limit"].as_u64().unwrap());
            let first = start.div_ceil(3).max(1);
            let rows = (first..=invoices).take(usize::try_from(limit).unwrap()).map(|number| {
                let index = number * 3;
                json!({
                    "payment_hash": format!("{index:064x}"), "status": "paid", "amount_received_msat": 1_000,
                    "paid_at": index, "created_index": index, "pay_index": number,
                })
            });
            (StatusCode::CREATED, axum::Json(json!({ "invoices": rows.collect::<Vec<_>>() })))
        };
        let nothing = async || (StatusCode::CREATED, axum::Json(json!({ "pays": [] })));
        let routes = Router::new().route("/v1/listinvoices", post(list)).route("/v1/listpays", post(nothing));
        let remote = Remote {
            url: serve(routes).await,
            secret: Secret::new("rune"),
            pins: Vec::new(),
            network: bitcoin::Network::Regtest,
            clock: Clock::real(),
            waits: Waits::default(),
        };
        (Calls::new(remote).unwrap(), asked)
    }

    fn seconds(listed: &[Listed]) -> Vec<u64> {
        listed.iter().map(|item| item.settled_at.unwrap().0 / 1_000).collect()
    }

    #[tokio::test]
    async fn a_long_history_is_read_to_its_end() {
        let (calls, _) = node(25_000).await;
        let history = History::default();
        let (listed, pay_index) = history.since(&calls, UnixMillis(0)).await.unwrap();
        let seconds = seconds(&listed);
        assert_eq!((seconds.first(), seconds.last(), pay_index), (Some(&3), Some(&75_000), 25_000));
        assert!(seconds.is_sorted() && seconds.len() == 25_000, "{}", seconds.len());
    }

    #[tokio::test]
    async fn a_long_past_is_not_read_again_and_hides_no_new_payment() {
        let (calls, asked) = node(25_000).await;
        let history = History::default();
        let since = UnixMillis(74_998_000);
        for _ in 0..3 {
            let (listed, _) = history.since(&calls, since).await.unwrap();
            assert_eq!(seconds(&listed), [75_000]);
        }
        asked.store(0, Ordering::Relaxed);
        history.since(&calls, since).await.unwrap();
        assert!(asked.load(Ordering::Relaxed) <= 3, "{asked:?} questions about what is known");
    }
}
