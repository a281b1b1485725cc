//! From a closed interval to a purchase that wants an invoice.

use serde_json::json;

use super::jobs::Job;
use super::{Effect, Step};
use crate::config::Agreement;
use crate::domain::meter::{Accrual, MeterState, accrue};
use crate::domain::money::Msat;
use crate::domain::policy::affordable;
use crate::store::{AgreementRow, PurchaseKind, StoreError};

impl Step<'_> {
    /// Advances the virtual meter, prices the energy for each agreement on it, and bills what is due.
    pub(super) fn on_interval(&mut self, meter: &str, state: MeterState, samples: u32) -> Result<(), StoreError> {
        let was = self.tx.meter(meter)?;
        if was.is_some_and(|was| state.total < was.total || state.generation < was.generation) {
            return self.record(json!({"event": "interval_refused", "meter": meter, "total_mwh": state.total.0}));
        }
        self.tx.close_interval(meter, was, state, samples)?;
        self.record(json!({
            "event": "interval", "meter": meter, "generation": state.generation, "raw_mwh": state.raw.0,
            "total_mwh": state.total.0, "at_ms": state.at.0, "samples": samples,
        }))?;
        let rules = self.rules;
        for agreement in rules.agreements.iter().filter(|agreement| agreement.meter == meter) {
            self.price(agreement, state)?;
            self.bill_if_due(agreement, agreement.slice)?;
        }
        Ok(())
    }

    /// Bills whatever whole satoshis are owed, on the owner's word.
    pub(super) fn settle_up(&mut self) -> Result<(), StoreError> {
        let rules = self.rules;
        rules.agreements.iter().try_for_each(|agreement| self.bill_if_due(agreement, Msat(1_000)))
    }

    fn price(&mut self, agreement: &Agreement, state: MeterState) -> Result<(), StoreError> {
        let row = self.tx.agreement(&agreement.id)?.unwrap_or_else(|| AgreementRow {
            agreement: agreement.id.clone(),
            meter: agreement.meter.clone(),
            start_total: state.total,
            accrual: Accrual { billed_to: state.total, ..Accrual::default() },
        });
        match accrue(row.accrual, state.total, agreement.price) {
            Ok(accrual) => self.tx.put_agreement(&AgreementRow { accrual, ..row }),
            Err(fault) => {
                self.notices.insert(agreement.id.clone(), fault.to_string());
                self.record(json!({"event": "not_priced", "agreement": agreement.id, "why": fault.to_string()}))
            }
        }
    }

    /// Opens a purchase when at least `slice` is owed, or anything at all for longer than the agreement's period.
    ///
    /// One purchase at a time: while one is open, nothing else is billed for this agreement. Whole satoshis are billed,
    /// rounded down; the rest stays owed.
    pub(super) fn bill_if_due(&mut self, agreement: &Agreement, slice: Msat) -> Result<(), StoreError> {
        let Some(row) = self.tx.agreement(&agreement.id)? else {
            return Ok(());
        };
        let owed = row.accrual.owed.whole_sats();
        if owed == Msat::ZERO || !self.tx.open_purchases(Some(&agreement.id))?.is_empty() {
            return Ok(());
        }
        let overdue = self
            .tx
            .billing_began(&agreement.id, &agreement.meter)?
            .is_some_and(|began| self.now.wall.since(began) >= agreement.pay_every_ms);
        if owed < slice && !overdue {
            return Ok(());
        }
        let amount = affordable(owed, &agreement.budget, self.rules.fees)
            .min(affordable(owed, &self.rules.house, self.rules.fees))
            .whole_sats();
        if amount == Msat::ZERO {
            let text =
                "The limit per payment leaves no room for one satoshi and its fee. Raise it to pay this agreement.";
            self.notices.insert(agreement.id.clone(), text.to_owned());
            return Ok(());
        }
        let (number, paid) = self.tx.paid_purchases(&agreement.id)?;
        let need = format!("energy:{}:{number}:{}", agreement.id, paid.0);
        let kind = PurchaseKind::Energy;
        let purchase =
            self.tx.open_purchase(&need, kind, &agreement.id, &agreement.payee.to_string(), amount, self.now.wall)?;
        self.record(json!({
            "event": "due", "agreement": agreement.id, "purchase": purchase.purchase,
            "billed_to_mwh": row.accrual.billed_to.0, "owed_msat": row.accrual.owed.0, "amount_msat": purchase.amount.0,
        }))?;
        self.jobs.asked(Job::Bill(purchase.purchase), self.now.monotonic);
        self.effects.push(Effect::RequestBill {
            purchase: purchase.purchase,
            agreement: agreement.id.clone(),
            amount: purchase.amount,
        });
        Ok(())
    }
}
