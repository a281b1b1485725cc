//! Transactions that are shown before they are sent; kept in memory only.

use std::sync::{Arc, Mutex, PoisonError};

use crate::treasury::{DraftView, TreasuryView, TxView};

/// The last ones that were shown.
#[derive(Clone, Default)]
pub(in super::super) struct Drafts {
    kept: Arc<Mutex<Vec<Kept>>>,
}

/// One of them, and what is shown beside it.
#[derive(Clone, Debug)]
pub(in super::super) struct Kept {
    pub(in super::super) draft: DraftView,
    /// What the owner wrote beside it.
    pub(in super::super) label: String,
    /// What can be spent afterwards; absent where only its fee leaves.
    pub(in super::super) left_sat: Option<u64>,
}

impl Kept {
    /// One that sends something.
    pub(super) fn sending(draft: DraftView, label: String, view: &TreasuryView) -> Kept {
        let left = view.spendable_sat.saturating_sub(draft.amount_sat).saturating_sub(draft.fee_sat);
        Kept { draft, label, left_sat: Some(left) }
    }

    /// One that brings here what closed channels left.
    pub(super) fn collecting(draft: DraftView, label: String, view: &TreasuryView) -> Kept {
        let left = view.spendable_sat.saturating_add(draft.amount_sat);
        Kept { draft, label, left_sat: Some(left) }
    }

    /// One that makes `old` faster, in its place or by spending what it brings.
    pub(super) fn faster(draft: DraftView, old: Option<&TxView>, view: &TreasuryView) -> Kept {
        let label = old.and_then(|old| old.label.clone()).unwrap_or_default();
        let replaced = old.filter(|old| draft.replaces.as_deref() == Some(old.txid.as_str()));
        let left_sat = replaced.map(|old| {
            let took = old.net_sat.unsigned_abs();
            // To an address of our own, only the fee left.
            let sent = if old.fee_sat == Some(took) { 0 } else { draft.amount_sat };
            view.spendable_sat.saturating_add(took).saturating_sub(sent).saturating_sub(draft.fee_sat)
        });
        Kept { draft, label, left_sat }
    }
}

impl Drafts {
    pub(in super::super) fn keep(&self, draft: Kept) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.draft.id != draft.draft.id);
        if all.len() >= KEPT_MAX {
            all.remove(0);
        }
        all.push(draft);
    }

    pub(super) fn get(&self, id: &str) -> Option<Kept> {
        let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|known| known.draft.id == id).cloned()
    }

    pub(super) fn forget(&self, id: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known.draft.id != id);
    }
}

const KEPT_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(id: &str, replaces: Option<&str>) -> DraftView {
        DraftView {
            id: id.to_owned(),
            to: "bc1q".to_owned(),
            amount_sat: 60_000,
            fee_sat: 500,
            sat_per_kvb: 3_500,
            replaces: replaces.map(str::to_owned),
            collects: false,
            signs_elsewhere: false,
            psbt: "cHNidA==".to_owned(),
        }
    }

    fn old(net_sat: i64, fee_sat: u64) -> TxView {
        TxView {
            txid: "old".to_owned(),
            net_sat,
            fee_sat: Some(fee_sat),
            height: None,
            confirmations: 0,
            first_ms: 0,
            purpose: "sent".to_owned(),
            label: Some("a car".to_owned()),
            address: None,
            is_gone: false,
            can_be_given_up: false,
            fault: None,
            worth_cents: None,
            currency: None,
        }
    }

    #[test]
    fn what_is_left_counts_what_is_undone() {
        let view = TreasuryView { spendable_sat: 100_000, ..TreasuryView::default() };
        assert_eq!(Kept::sending(draft("a", None), String::new(), &view).left_sat, Some(39_500));
        let replacing = |old: &TxView| Kept::faster(draft("a", Some("old")), Some(old), &view).left_sat;
        assert_eq!(replacing(&old(-60_200, 200)), Some(99_700), "only the fee grew");
        assert_eq!(replacing(&old(-200, 200)), Some(99_700), "it went to ourselves");
        let child = Kept::faster(draft("a", None), Some(&old(60_000, 0)), &view);
        assert_eq!((child.left_sat, child.label.as_str()), (None, "a car"));
    }

    #[test]
    fn only_the_last_drafts_are_kept() {
        let drafts = Drafts::default();
        for number in 0..=KEPT_MAX {
            drafts.keep(Kept { draft: draft(&number.to_string(), None), label: String::new(), left_sat: None });
        }
        assert!(drafts.get("0").is_none() && drafts.get("1").is_some());
        drafts.forget("1");
        assert!(drafts.get("1").is_none());
    }
}
