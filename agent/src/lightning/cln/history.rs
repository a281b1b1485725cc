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

async fn read(calls: &Calls, direction: Direction, begin: u64, since: UnixMillis) -> Result<Pages, CallFault> {
    let (method, key) = match direction {
        Direction::Out => ("listpays", "pays"),
        Direction::In => ("listinvoices", "invoices"),
    };
    let mut pages = Pages { listed: Vec::new(), begin, pay_index: 0 };
    let (mut start, mut all_old) = (begin, true);
    for _ in 0..PAGES_MAX {
        let params = json!({ "index": "created", "start": start, "limit": ROWS_PER_PAGE });
        let (body, pages_end) = match calls.call(method, &params).await {
            Err(CallFault::Rpc(error)) if error.code == BAD_PARAMETERS => (calls.call(method, &json!({})).await?, true),
            answer => (answer?, false),
        };
        let rows = Row::whole(&body).and_then(|row| row.list(key)).ok_or(CallFault::Odd(SUCCESS))?;
        let last = rows.iter().filter_map(|row| row.number("created_index")).max();
        for row in &rows {
            pages.pay_index = pages.pay_index.max(row.number("pay_index").unwrap_or(0));
            let listed = answers::listed(row, direction);
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
        match last {
            Some(last) if !pages_end && last >= start => start = last.saturating_add(1),
            _ => break,
        }
    }
    Ok(pages)
}

/// One page stays well below the largest answer that is read.
const ROWS_PER_PAGE: u32 = 100;
/// What lies beyond is read the next time, because old rows are not read again.
const PAGES_MAX: usize = 100;
