//! What LND settled, page by page from the newest to the oldest. A list that is not whole is a fault.

use serde_json::Value;

use super::answers::{answered, bytes32, fault, number, text};
use super::{Lnd, of_http};
use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{Msat, UnixMillis};
use crate::http::{HttpFault, Request};
use crate::lightning::answers::{Direction, Listed};
use crate::lightning::remote::PAGE_BYTES_MAX;
use crate::lightning::trouble::{ServiceFault, Trouble};

impl Lnd {
    pub(super) async fn listed_payments(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let path = "/v1/payments?include_incomplete=false&reversed=true&max_payments";
        self.listed(path, "payments", since, payment).await
    }

    pub(super) async fn listed_invoices(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        self.listed("/v1/invoices?reversed=true&num_max_invoices", "invoices", since, invoice).await
    }

    /// Pages are ordered by when a thing was made, so the walk goes on for a while behind `since`. A page that is larger
    /// than what is read is asked for again with half as many items.
    async fn listed(
        &self,
        path: &str,
        name: &str,
        since: UnixMillis,
        read: fn(&Value) -> Result<Option<Listed>, ServiceFault>,
    ) -> Result<Vec<Listed>, ServiceFault> {
        let oldest_s = (since.0 / 1_000).saturating_sub(SETTLED_LATER_S_MAX);
        let (mut listed, mut offset, mut size) = (Vec::new(), 0, ITEMS_PER_PAGE);
        for _ in 0..PAGES_MAX {
            let Some(page) = self.page(&format!("{path}={size}&index_offset={offset}")).await? else {
                size /= 2;
                if size == 0 {
                    return Err(unclear("one item of its history is larger than Kilosat reads"));
                }
                continue;
            };
            let items = page[name].as_array().ok_or_else(|| unclear("a list is missing"))?;
            for item in items {
                listed.extend(read(item)?);
            }
            let is_behind = |item: &Value| number(item, "creation_date").is_some_and(|made_s| made_s < oldest_s);
            if items.is_empty() || items.iter().any(is_behind) {
                return Ok(listed);
            }
            let first = number(&page, "first_index_offset").ok_or_else(|| unclear("a list without its place"))?;
            if first <= 1 {
                return Ok(listed);
            }
            if offset != 0 && first >= offset {
                return Err(unclear("it shows the same part of its history again"));
            }
            offset = first;
        }
        Err(unclear("its history since then is longer than Kilosat reads"))
    }

    /// `None` when it is larger than what is read.
    async fn page(&self, path: &str) -> Result<Option<Value>, ServiceFault> {
        let request = Request::get(self.remote.at(path)).up_to(PAGE_BYTES_MAX);
        match self.client.send(self.signed(request)).await {
            Ok(answer) => answered(&answer)?.map(Some).map_err(|refusal| refusal.fault()),
            Err(HttpFault::TooLarge { .. }) => Ok(None),
            Err(fault) => Err(of_http(&fault)),
        }
    }
}

/// A settled payment; `None` for every other one.
pub(in crate::lightning) fn payment(item: &Value) -> Result<Option<Listed>, ServiceFault> {
    match text(item, "status") {
        Some("SUCCEEDED") => settled_payment(item).map(Some).ok_or_else(|| unclear("a payment that cannot be read")),
        Some(_) => Ok(None),
        None => Err(unclear("a payment without its state")),
    }
}

/// A settled invoice; `None` for every other one.
pub(in crate::lightning) fn invoice(item: &Value) -> Result<Option<Listed>, ServiceFault> {
    match text(item, "state") {
        Some("SETTLED") => settled_invoice(item).map(Some).ok_or_else(|| unclear("an invoice that cannot be read")),
        Some(_) => Ok(None),
        None => Err(unclear("an invoice without its state")),
    }
}

fn unclear(what: &str) -> ServiceFault {
    fault(Trouble::Unclear, what)
}

fn settled_payment(item: &Value) -> Option<Listed> {
    let hash = PaymentHash(hex32(text(item, "payment_hash")?)?);
    let parts = item["htlcs"].as_array().map(Vec::as_slice).unwrap_or_default();
    let settled = parts.iter().filter(|part| text(part, "status") == Some("SUCCEEDED"));
    let resolved_ns = settled.filter_map(|part| number(part, "resolve_time_ns")).max();
    let at_ns = resolved_ns.or_else(|| number(item, "creation_time_ns"));
    Some(Listed {
        direction: Direction::Out,
        hash,
        amount: Msat(number(item, "value_msat")?),
        fee: number(item, "fee_msat").map(Msat),
        settled_at: at_ns.map(|at_ns| UnixMillis(at_ns / NS_PER_MS)),
        preimage: text(item, "payment_preimage").and_then(hex32).map(Preimage).filter(|proof| proof.proves(&hash)),
    })
}

fn settled_invoice(item: &Value) -> Option<Listed> {
    let hash = PaymentHash(bytes32(item, "r_hash")?);
    Some(Listed {
        direction: Direction::In,
        hash,
        amount: Msat(number(item, "amt_paid_msat")?),
        fee: None,
        settled_at: number(item, "settle_date").map(|at_s| UnixMillis(at_s.saturating_mul(1_000))),
        preimage: bytes32(item, "r_preimage").map(Preimage).filter(|proof| proof.proves(&hash)),
    })
}

/// Payments carry the way of every attempt; most pages of them are a tenth of the largest one.
const ITEMS_PER_PAGE: u32 = 100;
const PAGES_MAX: usize = 500;
/// A payment can be held on its way for two weeks; an invoice can be paid for a day, unless it was made otherwise.
const SETTLED_LATER_S_MAX: u64 = 14 * 24 * 60 * 60;
const NS_PER_MS: u64 = 1_000_000;
