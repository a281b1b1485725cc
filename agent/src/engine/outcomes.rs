//! What became of a payment: settled with proof, failed for good, or still unclear.

use serde_json::json;

use super::bills::signed;
use super::jobs::Job;
use super::{Effect, Found, PayOutcome, Step};
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::{AgreementRow, PaymentRow, Posting, PurchaseKind, StoreError};

impl Step<'_> {
    /// A pay call's answer or a later report. Reports may come twice, late, and in any order.
    pub(super) fn on_outcome(&mut self, hash: PaymentHash, outcome: PayOutcome) -> Result<(), StoreError> {
        let Some(payment) = self.tx.payment_by_hash(&hash)? else {
            return match outcome {
                PayOutcome::Paid { .. } => self.lock(&format!(
                    "the Lightning service settled a payment ({hash}) that this ledger does not know. Was the state \
                     directory restored from a backup? Check the wallet before you unlock."
                )),
                _ => Ok(()),
            };
        };
        match outcome {
            PayOutcome::Paid { preimage, fee } => self.on_paid(&payment, preimage, fee)?,
            PayOutcome::Failed(why) => self.on_failed(&payment, &why)?,
            PayOutcome::NotSent(why) if payment.state == State::Sending => {
                self.advance(&payment, State::Intent, Some(&why))?;
                self.jobs.again(Job::Send(payment.payment), self.now.monotonic);
            }
            PayOutcome::InFlight if matches!(payment.state, State::Sending | State::Unknown) => {
                self.advance(&payment, State::InFlight, None)?;
                self.jobs.again(Job::LookUp(hash), self.now.monotonic);
            }
            PayOutcome::AlreadyKnown if payment.state == State::Sending => {
                self.advance(&payment, State::Unknown, Some("the service had this payment already"))?;
                self.look_up(hash);
            }
            PayOutcome::Unknown(why) if payment.state == State::Sending => {
                self.advance(&payment, State::Unknown, Some(&why))?;
                self.jobs.again(Job::LookUp(hash), self.now.monotonic);
            }
            PayOutcome::NotSent(_) | PayOutcome::InFlight | PayOutcome::AlreadyKnown | PayOutcome::Unknown(_) => {
                if payment.state.may_be_moving() {
                    self.jobs.again(Job::LookUp(hash), self.now.monotonic);
                }
            }
        }
        self.send_next()
    }

    /// A look-up's answer. Only an explicit answer about this hash changes anything.
    pub(super) fn on_found(&mut self, hash: PaymentHash, found: Found) -> Result<(), StoreError> {
        match found {
            Found::Outcome(outcome) => self.on_outcome(hash, outcome),
            Found::NotFound => self.on_not_found(hash),
            Found::Unavailable(_) => {
                self.jobs.again(Job::LookUp(hash), self.now.monotonic);
                Ok(())
            }
        }
    }

    pub(super) fn on_received(&mut self, hash: &PaymentHash, amount: Msat) -> Result<(), StoreError> {
        if self.tx.note_received(hash, amount, self.now.wall)? {
            let amount = signed(amount)?;
            let sides = [Posting(Posting::WALLET, amount), Posting(Posting::INCOME, -amount)];
            self.tx.post(self.now.wall, None, &sides)?;
            self.record(json!({"event": "received", "hash": hash.to_string(), "amount_msat": amount}))?;
        }
        Ok(())
    }

    /// Writes a legal move. An illegal one is a fault of the program or of the service: noted, never obeyed.
    pub(super) fn advance(&mut self, payment: &PaymentRow, to: State, fault: Option<&str>) -> Result<(), StoreError> {
        match payment.state.move_to(to) {
            Ok(state) => self.tx.set_payment_state(payment.payment, state, fault, self.now.wall),
            Err(illegal) => {
                self.record(json!({"event": "illegal_move", "payment": payment.payment, "why": illegal.to_string()}))
            }
        }
    }

    pub(super) fn look_up(&mut self, hash: PaymentHash) {
        self.jobs.asked(Job::LookUp(hash), self.now.monotonic);
        self.effects.push(Effect::LookUp { hash });
    }

    fn on_paid(&mut self, payment: &PaymentRow, preimage: Preimage, fee: Option<Msat>) -> Result<(), StoreError> {
        if payment.state.is_paid() {
            return Ok(());
        }
        if !preimage.proves(&payment.hash) {
            let text = "the service says paid but shows no valid proof; the money counts as spent and is looked up";
            if payment.state == State::Sending {
                self.advance(payment, State::Unknown, Some(text))?;
            }
            self.jobs.again(Job::LookUp(payment.hash), self.now.monotonic);
            return self.record(json!({"event": "unproven", "payment": payment.payment, "why": text}));
        }
        // A service that names no fee may have taken all it was allowed to.
        let fee = fee.unwrap_or(payment.fee_max);
        match payment.state {
            State::Failed => self.settle_late(payment, &preimage, fee),
            State::Intent | State::Cancelled => {
                self.lock("the Lightning service settled a payment that was never sent to it. Check the wallet.")
            }
            _ => self.settle(payment, &preimage, fee),
        }
    }

    fn settle(&mut self, payment: &PaymentRow, preimage: &Preimage, fee: Msat) -> Result<(), StoreError> {
        self.tx.set_payment_paid(payment.payment, State::Settled, preimage, fee, self.now.wall)?;
        let (amount, fee_max, fee_paid) = (signed(payment.amount)?, signed(payment.fee_max)?, signed(fee)?);
        let Some(purchase) = self.tx.purchase(payment.purchase)? else {
            return Err(StoreError::Damaged(format!("payment {} has no purchase", payment.payment)));
        };
        let expense = expense(purchase.kind);
        let sides = [
            Posting(Posting::PENDING, -(amount + fee_max)),
            Posting(expense, amount),
            Posting(Posting::FEES, fee_paid),
            Posting(Posting::WALLET, fee_max - fee_paid),
        ];
        self.tx.post(self.now.wall, Some(payment.payment), &sides)?;
        self.tx.set_purchase_state(purchase.purchase, "paid")?;
        self.jobs.done(&Job::LookUp(payment.hash));
        self.jobs.done(&Job::Bill(purchase.purchase));
        self.record(json!({
            "event": "settled", "payment": payment.payment, "hash": payment.hash.to_string(),
            "preimage": preimage.to_string(), "amount_msat": payment.amount.0, "fee_msat": fee.0,
        }))?;
        match purchase.kind {
            PurchaseKind::Energy => self.credit(&purchase.rule, payment.amount),
            PurchaseKind::Data => self.keep_ticket(&purchase.rule, payment, preimage),
        }
    }

    /// Takes what was paid off what is owed, and bills the next slice if it is due already.
    fn credit(&mut self, agreement: &str, amount: Msat) -> Result<(), StoreError> {
        let Some(mut row) = self.tx.agreement(agreement)? else {
            return Ok(());
        };
        row.accrual.owed = row.accrual.owed.checked_sub(amount).ok_or_else(|| {
            StoreError::Damaged(format!("agreement {agreement} owes {}, but {amount} was paid", row.accrual.owed))
        })?;
        self.tx.put_agreement(&AgreementRow { ..row })?;
        let rules = self.rules;
        match rules.agreements.iter().find(|known| known.id == agreement) {
            Some(known) => self.bill_if_due(known, known.slice),
            None => Ok(()),
        }
    }

    fn keep_ticket(&mut self, feed: &str, payment: &PaymentRow, preimage: &Preimage) -> Result<(), StoreError> {
        if let Some((scheme, token)) = &payment.ticket {
            self.tx.put_ticket(feed, (scheme, token), preimage, payment.payment)?;
        }
        self.fetch(feed)
    }

    /// The service took its failure back: the money is gone, so it is booked even over the budget, and payments stop.
    fn settle_late(&mut self, payment: &PaymentRow, preimage: &Preimage, fee: Msat) -> Result<(), StoreError> {
        self.tx.set_payment_paid(payment.payment, State::LateSettled, preimage, fee, self.now.wall)?;
        let (amount, fee_paid) = (signed(payment.amount)?, signed(fee)?);
        let purchase = self.tx.purchase(payment.purchase)?;
        let kind = purchase.as_ref().map_or(PurchaseKind::Energy, |purchase| purchase.kind);
        let sides = [
            Posting(Posting::WALLET, -(amount + fee_paid)),
            Posting(expense(kind), amount),
            Posting(Posting::FEES, fee_paid),
        ];
        self.tx.post(self.now.wall, Some(payment.payment), &sides)?;
        if let Some(purchase) = purchase.filter(|purchase| purchase.state != "paid") {
            self.tx.set_purchase_state(purchase.purchase, "frozen")?;
        }
        self.lock(&format!(
            "the Lightning service first reported payment {} as failed and then settled it. Nothing more is paid \
             through it until you have compared its history with the ledger.",
            payment.hash
        ))
    }

    fn on_failed(&mut self, payment: &PaymentRow, why: &str) -> Result<(), StoreError> {
        if !payment.state.may_be_moving() {
            return Ok(());
        }
        self.advance(payment, State::Failed, Some(why))?;
        self.release(payment)?;
        self.jobs.done(&Job::LookUp(payment.hash));
        self.jobs.again(Job::Bill(payment.purchase), self.now.monotonic);
        self.tx.set_refusal(payment.purchase, Some(&format!("The payment failed: {why}. It will be tried again.")))?;
        self.record(json!({"event": "failed", "payment": payment.payment, "why": why}))
    }

    /// The service does not know the hash. While the invoice is valid the same invoice may be handed to a service that
    /// refuses duplicates; "failed" needs expiry, time and several answers (rules 1.9 and 1.10).
    fn on_not_found(&mut self, hash: PaymentHash) -> Result<(), StoreError> {
        let Some(payment) = self.tx.payment_by_hash(&hash)?.filter(|payment| payment.state.may_be_moving()) else {
            self.jobs.done(&Job::LookUp(hash));
            return Ok(());
        };
        let now = self.now.wall;
        let locked = self.tx.meta(super::LOCK)?.is_some();
        if payment.state == State::Unknown
            && self.rules.service_refuses_duplicates
            && !locked
            && now.plus(crate::domain::invoice::EXPIRY_MARGIN_MS) < payment.expires_at
        {
            self.jobs.again(Job::LookUp(hash), self.now.monotonic);
            self.effects.push(Effect::Send { hash, bolt11: payment.bolt11, fee_max: payment.fee_max });
            return Ok(());
        }
        if now.since(payment.not_found_at) >= NOT_FOUND_APART_MS {
            self.tx.count_not_found(payment.payment, now)?;
            let count = payment.not_found_count.saturating_add(1);
            if count >= NOT_FOUND_MIN && now.since(payment.expires_at) >= NOT_FOUND_APART_MS {
                return self.on_failed(&payment, "the invoice expired and the service never knew the payment");
            }
        }
        self.jobs.again(Job::LookUp(hash), self.now.monotonic);
        Ok(())
    }
}

fn expense(kind: PurchaseKind) -> &'static str {
    match kind {
        PurchaseKind::Energy => Posting::ENERGY,
        PurchaseKind::Data => Posting::DATA,
    }
}

/// Look-ups that must have said "not found" before that counts, and the time between two of them.
const NOT_FOUND_MIN: u32 = 3;
const NOT_FOUND_APART_MS: u64 = 600_000;
