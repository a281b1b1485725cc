//! What became of a payment: settled with proof, failed for good, or still unclear.

use serde_json::json;

use super::bills::signed;
use super::by_hand::for_once;
use super::jobs::Job;
use super::{Effect, Found, PayOutcome, Step};
use crate::domain::invoice::{EXPIRY_MARGIN_MS, PaymentHash, Preimage};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::{AgreementRow, PaymentRow, Posting, PurchaseKind, StoreError};

impl Step<'_> {
    /// A pay call's answer or a later report. Reports may come twice, late, and in any order.
    pub(super) fn on_outcome(&mut self, hash: PaymentHash, outcome: PayOutcome) -> Result<(), StoreError> {
        self.on_word(hash, outcome, Source::Report)
    }

    /// A look-up's answer. Only an explicit answer about this hash changes anything.
    pub(super) fn on_found(&mut self, hash: PaymentHash, found: Found) -> Result<(), StoreError> {
        match found {
            Found::Outcome(outcome) => self.on_word(hash, outcome, Source::LookUp),
            Found::NotFound => self.on_not_found(hash),
            Found::Unavailable(_) => {
                self.jobs.again(Job::LookUp(hash), self.now.monotonic);
                Ok(())
            }
        }
    }

    fn on_word(&mut self, hash: PaymentHash, outcome: PayOutcome, source: Source) -> Result<(), StoreError> {
        let Some(payment) = self.tx.payment_by_hash(&hash)? else {
            return match outcome {
                PayOutcome::Paid { .. } => self.lock(&format!(
                    "the Lightning service settled a payment ({hash}) that this ledger does not know. Was the state \
                     directory restored from a backup? Check the wallet before you unlock."
                )),
                _ => Ok(()),
            };
        };
        if payment.service != self.rules.service && !matches!(outcome, PayOutcome::Paid { .. }) {
            return Ok(()); // Another wallet's word: only a proof counts, whoever brings it.
        }
        if source == Source::Report && payment.state == State::Sending {
            match outcome {
                PayOutcome::NotSent(_) | PayOutcome::Unknown(_) => self.breaker.fault(self.now.monotonic),
                _ => self.breaker.worked(),
            }
        }
        match outcome {
            PayOutcome::Paid { preimage, fee } => self.on_paid(&payment, preimage, fee)?,
            PayOutcome::Failed(why) => self.on_failed(&payment, &why, source)?,
            PayOutcome::NotSent(why) if payment.state == State::Sending => {
                self.advance(&payment, State::Intent, Some(&why))?;
                match payment.is_by_hand() {
                    true => self.cancel(&PaymentRow { state: State::Intent, ..payment }, &why)?,
                    false => self.jobs.again(Job::Send(payment.payment), self.now.monotonic),
                }
            }
            PayOutcome::InFlight if matches!(payment.state, State::Sending | State::Unknown) => {
                self.advance(&payment, State::InFlight, None)?;
                self.jobs.again(Job::LookUp(hash), self.now.monotonic);
            }
            // The service says that it has this very payment: from now on, not finding it is no proof of anything.
            PayOutcome::AlreadyKnown if matches!(payment.state, State::Sending | State::Unknown) => {
                self.advance(&payment, State::InFlight, Some("the service had this payment already"))?;
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

    pub(super) fn on_received(&mut self, hash: &PaymentHash, amount: Msat) -> Result<(), StoreError> {
        if amount > BELIEVED_MAX {
            if self.tx.note_received(hash, Msat::ZERO, self.now.wall)? {
                self.record(json!({"event": "not_believed", "hash": hash.to_string(), "received_msat": amount.0}))?;
            }
            return Ok(());
        }
        if self.tx.note_received(hash, amount, self.now.wall)? {
            let amount = signed(amount)?;
            let wallet = Posting::wallet(&self.rules.service);
            let sides = [Posting(&wallet, amount), Posting(Posting::INCOME, -amount)];
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

    /// A payment that was handed to another wallet than the one in use waits until that one is configured again.
    pub(super) fn look_up_own(&mut self, payment: &PaymentRow) -> Result<(), StoreError> {
        if payment.service == self.rules.service {
            self.look_up(payment.hash);
            return Ok(());
        }
        self.jobs.again(Job::LookUp(payment.hash), self.now.monotonic);
        self.tx.set_refusal(payment.purchase, Some(OTHER_WALLET))?;
        Ok(())
    }

    pub(super) fn look_up(&mut self, hash: PaymentHash) {
        self.jobs.asked(Job::LookUp(hash), self.now.monotonic);
        self.effects.push(Effect::LookUp { hash });
    }

    fn on_paid(&mut self, payment: &PaymentRow, preimage: Preimage, fee: Option<Msat>) -> Result<(), StoreError> {
        let attempts = self.tx.attempts(&payment.hash)?;
        if attempts.iter().any(|attempt| attempt.state.is_paid()) {
            return Ok(());
        }
        if !preimage.proves(&payment.hash) {
            return self.on_unproven(payment);
        }
        // A service that names no fee, or one that cannot be, may have taken all it was allowed to.
        let named = fee.filter(|fee| *fee <= BELIEVED_MAX);
        let fee = named.unwrap_or(payment.fee_max);
        if named.is_none() {
            self.note_estimated_fee(&payment.service, fee)?;
        }
        if payment.state.may_be_moving() {
            return self.settle(payment, &preimage, fee);
        }
        // Nothing of this hash is on its way, so an attempt that had failed has not, or nobody should have paid it.
        if payment.state == State::Intent {
            self.cancel(payment, "the invoice was settled before it was sent")?;
        }
        match attempts.iter().find(|attempt| attempt.state == State::Failed) {
            Some(failed) => self.settle_late(failed, &preimage, fee),
            None => self.settle_stray(payment, &preimage, fee),
        }
    }

    fn on_unproven(&mut self, payment: &PaymentRow) -> Result<(), StoreError> {
        if !payment.state.may_be_moving() {
            return Ok(());
        }
        if payment.state == State::Sending {
            self.advance(payment, State::Unknown, Some(UNPROVEN))?;
        }
        self.jobs.again(Job::LookUp(payment.hash), self.now.monotonic);
        if self.tx.set_refusal(payment.purchase, Some(UNPROVEN))? {
            self.record(json!({"event": "unproven", "payment": payment.payment, "why": UNPROVEN}))?;
        }
        Ok(())
    }

    fn settle(&mut self, payment: &PaymentRow, preimage: &Preimage, fee: Msat) -> Result<(), StoreError> {
        self.tx.set_payment_paid(payment.payment, State::Settled, preimage, fee, self.now.wall)?;
        let (amount, fee_max, fee_paid) = (signed(payment.amount)?, signed(payment.fee_max)?, signed(fee)?);
        let Some(purchase) = self.tx.purchase(payment.purchase)? else {
            return Err(StoreError::Damaged(format!("payment {} has no purchase", payment.payment)));
        };
        let (expense, wallet) = (expense(purchase.kind), Posting::wallet(&payment.service));
        let sides = [
            Posting(Posting::PENDING, -(amount + fee_max)),
            Posting(expense, amount),
            Posting(Posting::FEES, fee_paid),
            Posting(&wallet, fee_max - fee_paid),
        ];
        self.tx.post(self.now.wall, Some(payment.payment), &sides)?;
        self.tx.know_payee(&payment.payee, self.now.wall)?;
        if fee > payment.fee_max {
            // Never dropped (`reliability-security`, rule 4.9); the wallet broke the limit or knows none.
            self.notices
                .insert(purchase.rule.clone(), format!("{FEE_ABOVE_LIMIT} ({fee} instead of {}).", payment.fee_max));
            self.record(json!({
                "event": "fee_above_limit", "payment": payment.payment, "fee_msat": fee.0, "fee_max_msat": payment.fee_max.0,
            }))?;
        }
        self.tx.set_purchase_state(purchase.purchase, "paid")?;
        self.jobs.done(&Job::LookUp(payment.hash));
        self.jobs.done(&Job::Bill(purchase.purchase));
        self.record(json!({
            "event": "settled", "payment": payment.payment, "rule": purchase.rule, "hash": payment.hash.to_string(),
            "preimage": preimage.to_string(), "amount_msat": payment.amount.0, "fee_msat": fee.0,
        }))?;
        match purchase.kind {
            PurchaseKind::Energy => self.credit(&purchase.rule, payment.amount),
            PurchaseKind::Data => self.keep_ticket(&purchase.rule, payment, preimage),
            PurchaseKind::Hand => Ok(()),
        }
    }

    /// Takes what was paid off what is owed, and bills the next slice if it is due already.
    pub(super) fn credit(&mut self, agreement: &str, amount: Msat) -> Result<(), StoreError> {
        let Some(mut row) = self.tx.agreement(agreement)? else {
            return Ok(());
        };
        row.accrual.owed = row.accrual.owed.checked_sub(amount).ok_or_else(|| {
            StoreError::Damaged(format!("agreement {agreement} owes {}, but {amount} was paid", row.accrual.owed))
        })?;
        self.tx.put_agreement(&AgreementRow { ..row })?;
        let rules = self.rules;
        match rules.agreements.iter().find(|known| known.id == agreement) {
            Some(known) => self.bill_if_due(known),
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
        let wallet = Posting::wallet(&payment.service);
        let sides =
            [Posting(&wallet, -(amount + fee_paid)), Posting(expense(kind), amount), Posting(Posting::FEES, fee_paid)];
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

    /// The service settled an invoice that was never handed to it: the money is gone, nobody knows what for.
    fn settle_stray(&mut self, payment: &PaymentRow, preimage: &Preimage, fee: Msat) -> Result<(), StoreError> {
        if !self.tx.keep_stray_proof(payment.payment, preimage, fee)? {
            return Ok(());
        }
        let (amount, fee_paid) = (signed(payment.amount)?, signed(fee)?);
        let wallet = Posting::wallet(&payment.service);
        let sides = [
            Posting(&wallet, -(amount + fee_paid)),
            Posting(Posting::SUSPENSE, amount),
            Posting(Posting::FEES, fee_paid),
        ];
        self.tx.post(self.now.wall, Some(payment.payment), &sides)?;
        if self.tx.purchase(payment.purchase)?.is_some_and(|purchase| purchase.state != "paid") {
            self.tx.set_purchase_state(payment.purchase, "frozen")?;
        }
        self.record(json!({
            "event": "stray", "payment": payment.payment, "hash": payment.hash.to_string(),
            "preimage": preimage.to_string(), "amount_msat": payment.amount.0, "fee_msat": fee.0,
        }))?;
        self.lock(&format!(
            "the Lightning service settled payment {}, which was never sent to it. Check the wallet.",
            payment.hash
        ))
    }

    /// The service says that it failed. All attempts at an invoice share its hash, and reports come late and twice: for a
    /// second attempt only a look-up after its pay call tells whose failure this is (rules 1.5a and 1.12).
    fn on_failed(&mut self, payment: &PaymentRow, why: &str, source: Source) -> Result<(), StoreError> {
        if !payment.state.may_be_moving() {
            return Ok(());
        }
        if payment.attempt == 1 {
            return self.fail(payment, why);
        }
        match (source, payment.state) {
            (Source::LookUp, State::Sending) => Ok(()),
            (Source::LookUp, _) => self.fail(payment, why),
            (Source::Report, State::Sending) => {
                self.advance(payment, State::Unknown, Some(why))?;
                self.jobs.again(Job::LookUp(payment.hash), self.now.monotonic);
                Ok(())
            }
            (Source::Report, _) => {
                self.look_up(payment.hash);
                Ok(())
            }
        }
    }

    /// Releases the reservation. The next attempt waits longer than the one before.
    pub(super) fn fail(&mut self, payment: &PaymentRow, why: &str) -> Result<(), StoreError> {
        let why = &if payment.is_by_hand() { for_once(why) } else { why.to_owned() };
        self.advance(payment, State::Failed, Some(why))?;
        self.release(payment)?;
        self.jobs.done(&Job::LookUp(payment.hash));
        if !self.end_by_hand(payment, why)? {
            self.jobs.after(Job::Bill(payment.purchase), payment.attempt, self.now.monotonic);
            let again = if why.contains("tried again") { "" } else { " It will be tried again." };
            let text = format!("The payment failed: {}.{again}", why.trim_end_matches('.'));
            self.tx.set_refusal(payment.purchase, Some(&text))?;
        }
        self.record(json!({
            "event": "failed", "payment": payment.payment, "hash": payment.hash.to_string(), "why": why,
        }))
    }

    /// The service does not know the hash. While the invoice is valid the same invoice may be handed to a service that
    /// refuses duplicates; "failed" needs expiry, time and several answers (rules 1.9 and 1.10).
    fn on_not_found(&mut self, hash: PaymentHash) -> Result<(), StoreError> {
        let Some(payment) = self.tx.payment_by_hash(&hash)?.filter(|payment| payment.state.may_be_moving()) else {
            self.jobs.done(&Job::LookUp(hash));
            return Ok(());
        };
        if payment.service != self.rules.service {
            return Ok(()); // A wallet that was never asked to pay it cannot know it.
        }
        if payment.state == State::Sending {
            return Ok(()); // An answer about an attempt before; this one has its own answer or time limit.
        }
        let lives = self.now.wall.plus(EXPIRY_MARGIN_MS) < payment.expires_at;
        let may_wait = self.rules.service_refuses_duplicates && !payment.is_by_hand();
        let again = payment.state == State::Unknown && may_wait && lives;
        if again && !self.wallet_is_doubted()? && self.refused_now(&payment)?.is_none() {
            // No second copy while the first may still be under way to the service.
            self.jobs.asked(Job::LookUp(hash), self.now.monotonic);
            self.effects.push(Effect::Send { hash, bolt11: payment.bolt11, fee_max: payment.fee_max });
            return Ok(());
        }
        self.jobs.again(Job::LookUp(hash), self.now.monotonic);
        self.count_not_found(&payment)
    }

    fn count_not_found(&mut self, payment: &PaymentRow) -> Result<(), StoreError> {
        let now = self.now.wall;
        if now < payment.not_found_at {
            // The clock went back; the spacing starts again from here.
            return self.tx.set_not_found(payment.payment, payment.not_found_count, now);
        }
        if now.since(payment.not_found_at) < NOT_FOUND_APART_MS {
            return Ok(());
        }
        let count = payment.not_found_count.saturating_add(1);
        self.tx.set_not_found(payment.payment, count, now)?;
        if count < NOT_FOUND_MIN || now.since(payment.expires_at) < NOT_FOUND_APART_MS || self.wallet_is_doubted()? {
            return Ok(());
        }
        if payment.state == State::InFlight {
            return self.lock(&format!(
                "the Lightning service had payment {} on its way and now does not know it. Was its wallet restored from a \
                 backup? The payment stays open; compare the wallet's history with the ledger.",
                payment.hash
            ));
        }
        self.fail(payment, "the invoice expired and the service never knew the payment")?;
        self.send_next()
    }
}

pub(super) fn expense(kind: PurchaseKind) -> &'static str {
    match kind {
        PurchaseKind::Energy => Posting::ENERGY,
        PurchaseKind::Data => Posting::DATA,
        PurchaseKind::Hand => Posting::BY_HAND,
    }
}

/// Who says what became of a payment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The pay call or a later report.
    Report,
    /// A look-up by hash.
    LookUp,
}

const OTHER_WALLET: &str = "A payment is still open at the wallet that was used before. It is not paid again; configure that \
    wallet once more, so that Kilosat can look up what became of it.";
const FEE_ABOVE_LIMIT: &str = "The wallet took a larger fee than your limit allows for the last payment; it is booked";
const UNPROVEN: &str = "The Lightning service says paid but shows no valid proof. The money counts as spent, and the \
    payment is looked up until the proof is there.";
/// A hundred bitcoin: no house pays or receives more at once, and sums of what is at most this large fit the ledger.
pub(super) const BELIEVED_MAX: Msat = Msat(10_000_000_000_000);
/// Look-ups that must have said "not found" before that counts, and the time between two of them.
pub(super) const NOT_FOUND_MIN: u32 = 3;
const NOT_FOUND_APART_MS: u64 = 600_000;
