//! Pages through `listpays` and `listinvoices`, and remembers where nothing changes any more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::answers::{self, Row};
use super::calls::{BAD_PARAMETERS, CallFault, Calls, SUCCESS};
use crate::domain::money::UnixMillis;
use crate::lightning::{Direction, Listed};

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
}

impl History {
    /// What was settled at or after `since`, and the highest `pay_index` seen.
    pub async fn since(&self, calls: &Calls, since: UnixMillis) -> Result<(Vec<Listed>, u64), CallFault> {
        let known = *self.lock();
        let begin = if since < known.since { Begin::default() } else { known };
        let pays = read(calls, Direction::Out, begin.pays, since).await?;
        let invoices = read(calls, Direction::In, begin.invoices, since).await?;
        *self.lock() = Begin { since, pays: pays.begin, invoices: invoices.begin };
        let mut listed = pays.listed;
        listed.extend(invoices.listed);
        Ok((listed, invoices.pay_index))
    }

    fn lock(&self) -> MutexGuard<'_, Begin> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From `begin` to the end; where that is further than is read at once, the newest rows all the same.
async fn read(calls: &Calls, direction: Direction, begin: u64, since: UnixMillis) -> Result<Pages, CallFault> {
    let mut pages = Pages { listed: Vec::new(), begin, pay_index: 0 };
    let Some(stopped) = pages.walk(calls, direction, begin, since).await? else {
        return Ok(pages);
    };
    let end = end(calls, direction, stopped).await?;
    let newest = end.saturating_sub(ROWS_PER_PAGE.saturating_mul(PAGES_MAX - 1)).max(stopped);
    if newest > stopped {
        tracing::warn!("Core Lightning lists more payments than Kilosat reads at once; the newest are read");
    }
    // The next walk begins where the first one stopped finding old rows only, so that nothing in between is forgotten.
    let mut rest = Pages { listed: Vec::new(), begin, pay_index: 0 };
    rest.walk(calls, direction, newest, since).await?;
    pages.listed.extend(rest.listed);
    pages.pay_index = pages.pay_index.max(rest.pay_index);
    Ok(pages)
}

impl Pages {
    /// Adds [`PAGES_MAX`] pages from index `start` on; where to go on, if there may be more.
    async fn walk(
        &mut self,
        calls: &Calls,
        direction: Direction,
        mut start: u64,
        since: UnixMillis,
    ) -> Result<Option<u64>, CallFault> {
        let mut all_old = true;
        for _ in 0..PAGES_MAX {
            let (body, is_whole) = page(calls, direction, start, ROWS_PER_PAGE).await?;
            let rows = rows(&body, direction)?;
            for row in &rows {
                self.pay_index = self.pay_index.max(row.number("pay_index").unwrap_or(0));
                let listed = answers::listed(row, direction);
                let is_old = match &listed {
                    Some(listed) => listed.settled_at.is_some_and(|at| at < since),
                    None => answers::is_final(row, since),
                };
                all_old &= is_old;
                if let Some(index) = row.number("created_index").filter(|_| all_old) {
                    self.begin = self.begin.max(index);
                }
                self.listed.extend(listed.filter(|_| !is_old));
            }
            match rows.iter().filter_map(|row| row.number("created_index")).max() {
                Some(last) if !is_whole && last >= start => start = last.saturating_add(1),
                _ => return Ok(None),
            }
        }
        Ok(Some(start))
    }
}

/// The index after the newest row, found in some forty short questions: the node lists from an index upwards only.
async fn end(calls: &Calls, direction: Direction, known: u64) -> Result<u64, CallFault> {
    let (mut low, mut step) = (known, 1_u64);
    let mut high = loop {
        let tried = low.saturating_add(step);
        match index_from(calls, direction, tried).await? {
            Some(found) if found < INDEX_MAX => (low, step) = (found, step.saturating_mul(2)),
            Some(_) => return Err(CallFault::Odd(SUCCESS)),
            None => break tried,
        }
    };
    // Nothing is at `high` or after it.
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        match index_from(calls, direction, middle).await? {
            Some(found) => low = found.clamp(middle, high - 1),
            None => high = middle,
        }
    }
    Ok(high)
}

/// The first row at `start` or after it.
async fn index_from(calls: &Calls, direction: Direction, start: u64) -> Result<Option<u64>, CallFault> {
    let (body, _) = page(calls, direction, start, 1).await?;
    let found = rows(&body, direction)?.iter().filter_map(|row| row.number("created_index")).min();
    match found {
        Some(found) if found < start => Err(CallFault::Odd(SUCCESS)),
        found => Ok(found),
    }
}

/// One page, and whether it is the whole list: an old node knows no pages.
async fn page(calls: &Calls, direction: Direction, start: u64, limit: u64) -> Result<(Vec<u8>, bool), CallFault> {
    let (method, _) = names(direction);
    let params = json!({ "index": "created", "start": start, "limit": limit });
    match calls.call(method, &params).await {
        Err(CallFault::Rpc(error)) if error.code == BAD_PARAMETERS => Ok((calls.call(method, &json!({})).await?, true)),
        answer => Ok((answer?, false)),
    }
}

fn rows(body: &[u8], direction: Direction) -> Result<Vec<Row<'_>>, CallFault> {
    let (_, key) = names(direction);
    Row::whole(body).and_then(|row| row.list(key)).ok_or(CallFault::Odd(SUCCESS))
}

/// The method, and what it calls its list.
fn names(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Out => ("listpays", "pays"),
        Direction::In => ("listinvoices", "invoices"),
    }
}

/// One page stays well below the largest answer that is read.
const ROWS_PER_PAGE: u64 = 100;
/// So many at the beginning and at the end. What lies between is read the next time, because old rows are not read again.
const PAGES_MAX: u64 = 100;
/// More rows than a node can have; an answer beyond it is nonsense and would be asked about for ever.
const INDEX_MAX: u64 = 1 << 48;

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
    async fn of_a_history_longer_than_is_read_at_once_the_newest_rows_are_there() {
        let (calls, _) = node(25_000).await;
        let history = History::default();
        let (listed, pay_index) = history.since(&calls, UnixMillis(0)).await.unwrap();
        let seconds = seconds(&listed);
        assert_eq!((seconds.first(), seconds.last(), pay_index), (Some(&3), Some(&75_000), 25_000));
        assert!(seconds.is_sorted() && seconds.len() > 10_000, "{}", seconds.len());
        let newest: Vec<_> = (66_000..=75_000).filter(|second| second % 3 == 0).collect();
        assert!(seconds.ends_with(&newest), "the newest without a gap");
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
