//! From a closed interval to a purchase that wants an invoice.

use kilosat_drivers::reading::MilliwattHours;
use serde_json::json;

use super::Step;
use super::jobs::Job;
use crate::config::Agreement;
use crate::domain::meter::{Accrual, Mark, MeterState, accrue};
use crate::domain::money::Msat;
use crate::store::{AgreementRow, PurchaseKind, StoreError};

impl Step<'_> {
    /// Advances the virtual meter, prices the energy for each agreement on it, and bills what is due.
    pub(super) fn on_interval(&mut self, meter: &str, state: MeterState, samples: u32) -> Result<(), StoreError> {
        let was = self.tx.meter(meter)?;
        let shrank = was.is_some_and(|was| state.total < was.total || state.generation < was.generation);
        if shrank || state.total.0 > COUNTER_MAX_MWH || state.raw.0 > COUNTER_MAX_MWH {
            return self.record(json!({"event": "interval_refused", "meter": meter, "total_mwh": state.total.0}));
        }
        self.tx.close_interval(meter, was, state, samples)?;
        self.record(json!({
            "event": "interval", "meter": meter, "generation": state.generation, "raw_mwh": state.raw.0,
            "total_mwh": state.total.0, "at_ms": state.at.0, "samples": samples,
            "unobserved_ms": state.evidence.unobserved_ms,
        }))?;
        let rules = self.rules;
        for agreement in rules.agreements.iter().filter(|agreement| agreement.meter == meter) {
            self.price(agreement, was, state)?;
            self.bill_if_due(agreement)?;
        }
        Ok(())
    }

    /// What hangs on a line changed. No decision about money looks at it.
    pub(super) fn on_switched(&mut self, device: &str, on: bool, why: &str) -> Result<(), StoreError> {
        self.record(json!({"event": "switched", "device": device, "on": on, "why": why}))
    }

    /// Keeps what happened to a meter, and the counter that nobody must believe later.
    pub(super) fn on_meter_doubt(&mut self, meter: &str, text: &str, too_high: Option<Mark>) -> Result<(), StoreError> {
        let too_high = too_high.filter(|mark| mark.raw.0 <= COUNTER_MAX_MWH);
        self.tx.put_too_high(meter, too_high)?;
        self.record(json!({"event": "meter", "meter": meter, "text": text}))
    }

    /// Bills whatever whole satoshis are owed, on the owner's word.
    pub(super) fn settle_up(&mut self) -> Result<(), StoreError> {
        let rules = self.rules;
        rules.agreements.iter().try_for_each(|agreement| self.bill(agreement, Asked::ByOwner))
    }

    /// Opens a purchase when at least a slice is owed, or anything at all for longer than the agreement's period.
    pub(super) fn bill_if_due(&mut self, agreement: &Agreement) -> Result<(), StoreError> {
        self.bill(agreement, Asked::ByTerms)
    }

    fn price(&mut self, agreement: &Agreement, was: Option<MeterState>, state: MeterState) -> Result<(), StoreError> {
        let row = match self.tx.agreement(&agreement.id)? {
            Some(row) => self.in_force(row, agreement, was, state)?,
            None => began(agreement, state),
        };
        match accrue(row.accrual, state.total, agreement.price) {
            Ok(accrual) => {
                self.notices.remove(&agreement.id);
                self.tx.put_agreement(&AgreementRow { accrual, ..row })
            }
            Err(fault) => {
                self.notices.insert(agreement.id.clone(), fault.to_string());
                self.record(json!({"event": "not_priced", "agreement": agreement.id, "why": fault.to_string()}))
            }
        }
    }

    /// The account without what it must not pay for: another meter's energy, or energy counted while the agreement was
    /// out of the configuration.
    fn in_force(
        &self,
        mut row: AgreementRow,
        agreement: &Agreement,
        was: Option<MeterState>,
        state: MeterState,
    ) -> Result<AgreementRow, StoreError> {
        if row.meter != agreement.meter {
            self.record(json!({
                "event": "meter_changed", "agreement": agreement.id, "from": row.meter, "to": agreement.meter,
                "billed_mwh": row.accrual.billed_to.0.saturating_sub(row.start_total.0), "owed_msat": row.accrual.owed.0,
            }))?;
            let Accrual { owed, remainder, .. } = row.accrual;
            row = began(agreement, state);
            row.accrual = Accrual { owed, remainder, ..row.accrual };
            return Ok(row);
        }
        let known = was.map_or(row.accrual.billed_to, |was| was.total);
        let missed = known.0.saturating_sub(row.accrual.billed_to.0);
        if missed > 0 {
            self.record(json!({"event": "not_in_force", "agreement": agreement.id, "energy_mwh": missed}))?;
            row.start_total = MilliwattHours(row.start_total.0.saturating_add(missed));
            row.accrual.billed_to = known;
        }
        Ok(row)
    }

    /// One purchase at a time: while one is open, nothing else is billed for this agreement. Whole satoshis are billed,
    /// rounded down; the rest stays owed.
    fn bill(&mut self, agreement: &Agreement, asked: Asked) -> Result<(), StoreError> {
        if agreement.paused {
            return Ok(());
        }
        let Some(row) = self.tx.agreement(&agreement.id)? else {
            return Ok(());
        };
        let owed = row.accrual.owed.whole_sats();
        if owed == Msat::ZERO || !self.tx.open_purchases(Some(&agreement.id))?.is_empty() {
            return Ok(());
        }
        if asked == Asked::ByTerms && owed < agreement.slice && !self.is_overdue(agreement)? {
            return Ok(());
        }
        let amount = self.fitting(owed, agreement);
        if amount == Msat::ZERO {
            self.notices.insert(agreement.id.clone(), NO_ROOM.to_owned());
            return Ok(());
        }
        let (number, paid) = self.tx.paid_purchases(&agreement.id)?;
        let need = format!("energy:{}:{number}:{}", agreement.id, paid.0);
        if let Some(withdrawn) = self.tx.purchase_for(&need)?
            && withdrawn.amount >= amount
            && asked == Asked::ByTerms
            && self.jobs.waits(&Job::Bill(withdrawn.purchase), self.now.monotonic)
        {
            return Ok(()); // The payee takes no amount this small; it is asked again for more, or another day.
        }
        let payee = agreement.payee.to_string();
        let purchase =
            self.tx.open_purchase(&need, PurchaseKind::Energy, &agreement.id, &payee, amount, self.now.wall)?;
        self.record(json!({
            "event": "due", "agreement": agreement.id, "purchase": purchase.purchase,
            "billed_to_mwh": row.accrual.billed_to.0, "owed_msat": row.accrual.owed.0, "amount_msat": purchase.amount.0,
        }))?;
        self.bill_or_retry(purchase.purchase)
    }

    fn is_overdue(&self, agreement: &Agreement) -> Result<bool, StoreError> {
        let began = self.tx.billing_began(&agreement.id, &agreement.meter)?;
        Ok(began.is_some_and(|began| self.now.wall.since(began) >= agreement.pay_every_ms))
    }
}

fn began(agreement: &Agreement, state: MeterState) -> AgreementRow {
    AgreementRow {
        agreement: agreement.id.clone(),
        meter: agreement.meter.clone(),
        start_total: state.total,
        accrual: Accrual { billed_to: state.total, ..Accrual::default() },
    }
}

/// Who wants the bill.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The agreement's slice or period.
    ByTerms,
    /// The owner, who wants everything paid now.
    ByOwner,
}

/// Shown when no payment at all would fit.
pub(super) const NO_ROOM: &str =
    "The limits leave no room for one satoshi and its fee. Raise them to pay this agreement.";
/// What SQLite's signed integers hold; no real counter comes near.
const COUNTER_MAX_MWH: u64 = i64::MAX as u64;
