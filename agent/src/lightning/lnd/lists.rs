//! What LND settled, page by page from the newest to the oldest.

use serde_json::Value;

use super::Lnd;
use super::answers::{bytes32, fault, number, text};
use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{Msat, UnixMillis};
use crate::lightning::answers::{Direction, Listed};
use crate::lightning::trouble::{ServiceFault, Trouble};

impl Lnd {
    pub(super) async fn listed_payments(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let path = format!("/v1/payments?include_incomplete=false&reversed=true&max_payments={PAYMENTS_PER_PAGE}");
        self.listed(&path, "payments", "creation_date", since, payment).await
    }

    pub(super) async fn listed_invoices(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let path = format!("/v1/invoices?reversed=true&num_max_invoices={INVOICES_PER_PAGE}");
        self.listed(&path, "invoices", "creation_date", since, invoice).await
    }

    /// Pages are ordered by when a thing was made, so the walk goes on for a while behind `since`.
    async fn listed(
        &self,
        path: &str,
        name: &str,
        made: &str,
        since: UnixMillis,
        read: fn(&Value) -> Option<Listed>,
    ) -> Result<Vec<Listed>, ServiceFault> {
        let oldest_s = (since.0 / 1_000).saturating_sub(SETTLED_LATER_S_MAX);
        let mut listed = Vec::new();
        let mut offset = 0;
        for _ in 0..PAGES_MAX {
            let page = self.get(&format!("{path}&index_offset={offset}")).await?;
            let Some(items) = page[name].as_array() else {
                return Err(fault(Trouble::Unclear, "a list is missing"));
            };
            listed.extend(items.iter().filter_map(read));
            let is_behind = items.iter().any(|item| number(item, made).is_some_and(|made_s| made_s < oldest_s));
            let first = number(&page, "first_index_offset").unwrap_or(0);
            if items.is_empty() || is_behind || first <= 1 || (offset != 0 && first >= offset) {
                break;
            }
            offset = first;
        }
        Ok(listed)
    }
}

pub(in crate::lightning) fn payment(item: &Value) -> Option<Listed> {
    if text(item, "status") != Some("SUCCEEDED") {
        return None;
    }
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

pub(in crate::lightning) fn invoice(item: &Value) -> Option<Listed> {
    if text(item, "state") != Some("SETTLED") {
        return None;
    }
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

/// Payments carry every attempt's route, so a page of them is short.
const PAYMENTS_PER_PAGE: u32 = 20;
const INVOICES_PER_PAGE: u32 = 50;
const PAGES_MAX: usize = 100;
/// An invoice of LND can be paid for a day, unless it was made otherwise.
const SETTLED_LATER_S_MAX: u64 = 25 * 60 * 60;
const NS_PER_MS: u64 = 1_000_000;
