//! From an invoice to a durable intent: check, decide, reserve, and mark as sending before the first byte leaves.

use serde_json::json;

use super::by_hand::{TOO_LATE, for_once};
use super::energy::NO_ROOM;
use super::jobs::Job;
use super::judge::payee_name;
use super::{Effect, Step};
use crate::config::Agreement;
use crate::domain::breaker::UNKNOWN_MAX;
use crate::domain::invoice::{EXPIRY_MARGIN_MS, Invoice, Price};
use crate::domain::l402::{Challenge, Scheme};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::policy::Decision;
use crate::domain::rate::Rate;
use crate::store::{NewPayment, PaymentRow, Posting, PurchaseKind, PurchaseRow, StoreError};

impl Step<'_> {
    /// A payee's invoice for an energy purchase.
    pub(super) fn on_bill(&mut self, purchase: i64, bolt11: &str) -> Result<(), StoreError> {
        let Some(purchase) = self.wants_new_invoice(purchase)? else {
            return Ok(());
        };
        self.consider(&purchase, bolt11, Price::Exactly(purchase.amount), None)
    }

    /// A payee that gave no invoice. When the amount is why, the purchase is made smaller or waits until more is owed.
    pub(super) fn on_no_bill(
        &mut self,
        purchase: i64,
        fault: &str,
        range: Option<(Msat, Msat)>,
    ) -> Result<(), StoreError> {
        let Some(purchase) = self.wants_new_invoice(purchase)? else {
            return Ok(());
        };
        match range {
            Some((_, most)) if purchase.amount > most && most.whole_sats() > Msat::ZERO => {
                self.tx.set_purchase_amount(purchase.purchase, most.whole_sats())?;
            }
            Some((least, _)) if purchase.amount < least => {
                self.tx.set_purchase_state(purchase.purchase, "withdrawn")?;
                let rested = self.now.monotonic.saturating_add(WITHDRAWN_REST_MS);
                self.jobs.at(Job::Bill(purchase.purchase), rested);
                return self.refuse(&purchase, fault);
            }
            _ => {}
        }
        self.jobs.again(Job::Bill(purchase.purchase), self.now.monotonic);
        self.refuse(&purchase, fault)
    }

    /// Gets an open purchase on: a valid failed invoice is tried again, otherwise a new one is asked for.
    ///
    /// No second invoice while the first may still be paid (`reliability-security`, rules 1.5a and 1.8). A purchase whose
    /// agreement or feed is gone rests until a start that finds it again.
    pub(super) fn bill_or_retry(&mut self, purchase: i64) -> Result<(), StoreError> {
        let Some(row) = self.wants_invoice(purchase)? else {
            self.jobs.done(&Job::Bill(purchase));
            return Ok(());
        };
        let Some(row) = self.follow_payee(row)? else { return Ok(()) };
        if let Some(failed) = self.tx.unexpired_failure(purchase, self.now.wall)? {
            return self.retry(&row, &failed);
        }
        let rules = self.rules;
        match rules.agreements.iter().find(|known| known.id == row.rule && row.kind == PurchaseKind::Energy) {
            Some(agreement) => self.request_bill(&row, agreement),
            // The seller's next 402 brings a new invoice for the same purchase.
            None => {
                self.jobs.done(&Job::Bill(purchase));
                self.fetch(&row.rule)
            }
        }
    }

    /// The purchase with the payee that its rule names now. A failed invoice of an earlier payee is waited out, because
    /// it may still be paid; a purchase whose rule is gone rests.
    pub(super) fn follow_payee(&mut self, row: PurchaseRow) -> Result<Option<PurchaseRow>, StoreError> {
        let job = Job::Bill(row.purchase);
        let Some((payee, _)) = self.rule(&row.rule) else {
            self.jobs.done(&job);
            return Ok(None);
        };
        if payee == row.payee {
            return Ok(Some(row));
        }
        if let Some(failed) = self.tx.unexpired_failure(row.purchase, self.now.wall)? {
            let left = failed.expires_at.since(self.now.wall);
            self.jobs.at(job, self.now.monotonic.saturating_add(left));
            return Ok(None);
        }
        self.tx.set_purchase_payee(row.purchase, &payee)?;
        Ok(Some(PurchaseRow { payee, ..row }))
    }

    /// Asks the payee, unless the limits would refuse its invoice now. What can never fit any more is made smaller.
    fn request_bill(&mut self, row: &PurchaseRow, agreement: &Agreement) -> Result<(), StoreError> {
        let amount = self.fitting(row.amount, agreement);
        if amount == Msat::ZERO {
            return self.refuse_and_retry(row, NO_ROOM);
        }
        match self.ask_policy(row, amount)? {
            Decision::Refuse(refusal) => return self.refuse_and_retry(row, &refusal.to_string()),
            Decision::Ask(question) => return self.ask_owner(row, amount, question),
            Decision::Pay { .. } => {}
        }
        if amount < row.amount {
            self.tx.set_purchase_amount(row.purchase, amount)?;
        }
        self.jobs.asked(Job::Bill(row.purchase), self.now.monotonic);
        self.effects.push(Effect::RequestBill { purchase: row.purchase, agreement: agreement.id.clone(), amount });
        Ok(())
    }

    /// Tries a failed invoice again: often at first, then once a day, and never so late that it may expire on its way.
    fn retry(&mut self, row: &PurchaseRow, failed: &PaymentRow) -> Result<(), StoreError> {
        let offer = failed.ticket.clone().and_then(|(scheme, token)| {
            Some(Challenge { scheme: Scheme::from_name(&scheme)?, token, invoice: failed.bolt11.clone() })
        });
        let rules = self.rules;
        let feed = rules.feeds.iter().find(|known| known.id == row.rule && row.kind == PurchaseKind::Data);
        let price = feed.map_or(Price::Exactly(failed.amount), |feed| Price::AtMost(feed.price_max));
        let opens = feed.is_none_or(|feed| {
            offer.as_ref().is_some_and(|offer| offer.covers(feed.url.path(), self.now.wall.0 / 1_000).is_ok())
        });
        let left = failed.expires_at.since(self.now.wall);
        // Only the wallet that failed knows this hash: through another one it could be paid a second time (rule 1.3).
        let elsewhere = failed.service != rules.service;
        let rested = self.now.wall.since(failed.changed_at);
        let wait = if left <= EXPIRY_MARGIN_MS || !opens || elsewhere {
            left
        } else if failed.attempt >= ATTEMPTS_MAX {
            left.min(ATTEMPTS_REST_MS.saturating_sub(rested))
        } else {
            0
        };
        if wait > 0 {
            self.jobs.at(Job::Bill(row.purchase), self.now.monotonic.saturating_add(wait));
            return Ok(());
        }
        self.consider(row, &failed.bolt11, price, offer.as_ref())
    }

    /// Checks an invoice, asks the policy, and writes the intent with its reservation in this transaction.
    pub(super) fn consider(
        &mut self,
        purchase: &PurchaseRow,
        bolt11: &str,
        price: Price,
        offer: Option<&Challenge>,
    ) -> Result<(), StoreError> {
        let invoice = match Invoice::check(bolt11, self.rules.network, price, self.now.wall) {
            Ok(invoice) => invoice,
            Err(fault) => return self.refuse_and_retry(purchase, &fault.to_string()),
        };
        let unpaid = |seen: &PaymentRow| matches!(seen.state, State::Failed | State::Cancelled);
        let seen = self.tx.payment_by_hash(&invoice.hash)?;
        let usable = seen.is_none_or(|seen| seen.purchase == purchase.purchase && unpaid(&seen));
        if !usable || self.tx.was_received(&invoice.hash)? {
            return self.refuse_and_retry(purchase, HASH_SEEN);
        }
        if offer.and_then(Challenge::identifier).is_some_and(|ticket| ticket.payment_hash != invoice.hash.0) {
            return self.refuse_and_retry(purchase, OTHER_TICKET);
        }
        if self.rule_pin(purchase).is_some_and(|pin| pin != invoice.payee_key) {
            return self.refuse_and_retry(purchase, OTHER_PAYEE);
        }
        match self.ask_policy(purchase, invoice.amount)? {
            Decision::Refuse(refusal) => self.refuse_and_retry(purchase, &refusal.to_string()),
            Decision::Ask(question) => self.ask_owner(purchase, invoice.amount, question),
            Decision::Pay { fee_max } => self.intend(purchase, &invoice, fee_max, offer),
        }
    }

    pub(super) fn intend(
        &mut self,
        purchase: &PurchaseRow,
        invoice: &Invoice,
        fee_max: Msat,
        offer: Option<&Challenge>,
    ) -> Result<(), StoreError> {
        let ticket = offer.map(|offer| (offer.scheme.as_str(), offer.token.as_str()));
        let (service, payee) = (&self.rules.service, payee_name(purchase));
        let memo =
            Some(invoice.description.as_str()).filter(|memo| purchase.kind == PurchaseKind::Hand && !memo.is_empty());
        let rate = self.rate.as_ref().filter(|rate| rate.is_fresh(self.now.wall));
        let number = purchase.purchase;
        let new = NewPayment { purchase: number, payee: &payee, invoice, fee_max, service, ticket, memo, rate };
        let payment = self.tx.insert_intent(&new, self.now.wall)?;
        let reserved = signed(invoice.amount)? + signed(fee_max)?;
        let sides = [Posting(&Posting::wallet(service), -reserved), Posting(Posting::PENDING, reserved)];
        self.tx.post(self.now.wall, Some(payment), &sides)?;
        self.tx.set_purchase_amount(number, invoice.amount)?;
        self.tx.set_refusal(number, None)?;
        self.notices.remove(&purchase.rule);
        self.jobs.done(&Job::Bill(number));
        let mut entry = json!({
            "event": "intent", "payment": payment, "purchase": number, "rule": purchase.rule, "hash": invoice.hash.to_string(),
            "amount_msat": invoice.amount.0, "fee_max_msat": fee_max.0, "payee": purchase.payee,
        });
        if let Some(Rate { currency, cents, at, sources }) = rate {
            entry["rate"] =
                json!({"currency": currency.code(), "cents_per_btc": cents, "at_ms": at.0, "sources": sources});
        }
        self.record(entry)?;
        self.send_next_knowing(Some(payment))
    }

    /// Marks the oldest waiting intent as sending and hands it out: one at a time, so that order and budget stay clear.
    pub(super) fn send_next(&mut self) -> Result<(), StoreError> {
        self.send_next_knowing(None)
    }

    /// `allowed` names an intent that the policy has just let through; all others are judged again.
    fn send_next_knowing(&mut self, allowed: Option<i64>) -> Result<(), StoreError> {
        if self.tx.is_sending()? {
            return Ok(());
        }
        let open = self.tx.open_payments()?;
        if let Some(until) = self.held_back(&open) {
            return self.put_off(&open, until);
        }
        let intents = open.into_iter().filter(|payment| payment.state == State::Intent);
        for payment in intents {
            if self.jobs.waits(&Job::Send(payment.payment), self.now.monotonic) {
                continue;
            }
            if self.now.wall.plus(SEND_MARGIN_MS) >= payment.expires_at {
                self.cancel(&payment, EXPIRED_WAITING)?;
                continue;
            }
            if self.is_too_late(&payment) {
                self.cancel(&payment, TOO_LATE)?;
                continue;
            }
            let refusal = if allowed == Some(payment.payment) { None } else { self.refused_now(&payment)? };
            if let Some(refusal) = refusal {
                self.cancel(&payment, &refusal.to_string())?;
                continue;
            }
            self.advance(&payment, State::Sending, None)?;
            self.jobs.asked(Job::Send(payment.payment), self.now.monotonic);
            self.jobs.asked(Job::LookUp(payment.hash), self.now.monotonic);
            let PaymentRow { hash, bolt11, fee_max, .. } = payment;
            self.effects.push(Effect::Send { hash, bolt11, fee_max });
            return Ok(());
        }
        Ok(())
    }

    /// Intents wait until `until`, or are given up when their invoice will not live that long.
    fn put_off(&mut self, open: &[PaymentRow], until: u64) -> Result<(), StoreError> {
        for payment in open.iter().filter(|payment| payment.state == State::Intent) {
            let left = payment.expires_at.since(self.now.wall.plus(SEND_MARGIN_MS));
            if left == 0 {
                self.cancel(payment, EXPIRED_WAITING)?;
            } else if self.is_too_late(payment) {
                self.cancel(payment, TOO_LATE)?;
            } else {
                self.jobs.ready(Job::Send(payment.payment), until.min(self.now.monotonic.saturating_add(left)));
            }
        }
        Ok(())
    }

    /// Until when no payment is handed over: too many before it are unclear (`reliability-security`, rule 2.7), or the
    /// wallet's history is not compared yet (rule 1.11).
    fn held_back(&self, open: &[PaymentRow]) -> Option<u64> {
        let now = self.now.monotonic;
        if !self.standing.may_pay() {
            return Some(now.saturating_add(UNKNOWN_REST_MS));
        }
        let ours = open.iter().filter(|payment| payment.service == self.rules.service);
        let unknown = ours.filter(|payment| payment.state == State::Unknown).count();
        let crowded = (unknown >= UNKNOWN_MAX).then(|| now.saturating_add(UNKNOWN_REST_MS));
        self.breaker.open_until(now).max(crowded)
    }

    /// Intents that waited for a wallet that could not pay are tried now.
    pub(super) fn on_wallet_ready(&mut self) -> Result<(), StoreError> {
        self.breaker.worked();
        self.send_waiting_intents()
    }

    pub(super) fn send_waiting_intents(&mut self) -> Result<(), StoreError> {
        for payment in self.tx.open_payments()?.iter().filter(|payment| payment.state == State::Intent) {
            self.jobs.at(Job::Send(payment.payment), self.now.monotonic);
        }
        self.send_next()
    }

    /// Gives up an intent: nothing left this machine, so the reservation is released.
    pub(super) fn cancel(&mut self, payment: &PaymentRow, why: &str) -> Result<(), StoreError> {
        let why = &if payment.is_by_hand() { for_once(why) } else { why.to_owned() };
        self.advance(payment, State::Cancelled, Some(why))?;
        self.release(payment)?;
        self.jobs.done(&Job::Send(payment.payment));
        if !self.end_by_hand(payment, why)? {
            self.jobs.again(Job::Bill(payment.purchase), self.now.monotonic);
            self.tx.set_refusal(payment.purchase, Some(why))?;
        }
        self.record(json!({
            "event": "cancelled", "payment": payment.payment, "hash": payment.hash.to_string(), "why": why,
        }))
    }

    /// Returns the reservation of a payment that will not happen.
    pub(super) fn release(&self, payment: &PaymentRow) -> Result<(), StoreError> {
        let reserved = signed(payment.amount)? + signed(payment.fee_max)?;
        let sides = [Posting(Posting::PENDING, -reserved), Posting(&Posting::wallet(&payment.service), reserved)];
        self.tx.post(self.now.wall, Some(payment.payment), &sides)
    }

    /// The purchase, if it is open and nothing is being paid for it.
    fn wants_invoice(&self, purchase: i64) -> Result<Option<PurchaseRow>, StoreError> {
        let Some(row) = self.tx.purchase(purchase)?.filter(|row| row.state == "open") else {
            return Ok(None);
        };
        let live = self.tx.newest_payment_of(purchase)?.is_some_and(|newest| newest.state.is_open());
        Ok((!live).then_some(row))
    }

    /// The same, if no failed invoice could still be paid: answers that come late or twice must not bring a second one.
    fn wants_new_invoice(&self, purchase: i64) -> Result<Option<PurchaseRow>, StoreError> {
        let failed = self.tx.unexpired_failure(purchase, self.now.wall)?;
        Ok(self.wants_invoice(purchase)?.filter(|_| failed.is_none()))
    }

    pub(super) fn refuse_and_retry(&mut self, purchase: &PurchaseRow, why: &str) -> Result<(), StoreError> {
        self.jobs.again(Job::Bill(purchase.purchase), self.now.monotonic);
        self.refuse(purchase, why)
    }

    pub(super) fn refuse(&mut self, purchase: &PurchaseRow, why: &str) -> Result<(), StoreError> {
        if !self.tx.set_refusal(purchase.purchase, Some(why))? {
            return Ok(());
        }
        self.record(json!({"event": "refused", "purchase": purchase.purchase, "payee": purchase.payee, "why": why}))
    }

    fn rule_pin(&self, purchase: &PurchaseRow) -> Option<&str> {
        let agreements = self.rules.agreements.iter().map(|agreement| (&agreement.id, &agreement.payee_key));
        let feeds = self.rules.feeds.iter().map(|feed| (&feed.id, &feed.payee_key));
        agreements.chain(feeds).find(|(id, _)| **id == purchase.rule).and_then(|(_, pin)| pin.as_deref())
    }
}

/// An amount as one side of a posting.
pub(super) fn signed(amount: Msat) -> Result<i64, StoreError> {
    i64::try_from(amount.0).map_err(|_| StoreError::Damaged(format!("{amount} does not fit the ledger")))
}

const HASH_SEEN: &str = "The payee sent an invoice that was used before. It was not paid, because paying one invoice \
    twice pays nothing new; the payee must send a fresh one.";
pub(super) const OTHER_PAYEE: &str = "The invoice comes from another Lightning node than the one pinned for this payee. It was not \
    paid; if the payee moved, change payee_key in the configuration.";
const OTHER_TICKET: &str = "The seller's ticket belongs to another invoice than the one beside it. It was not paid, \
    because the ticket would not open anything.";
const EXPIRED_WAITING: &str = "The invoice expired before it could be sent. Nothing was paid; a new one will be asked \
    for.";
/// Attempts at one invoice before it rests for a day between any two further ones.
const ATTEMPTS_MAX: u32 = 12;
const ATTEMPTS_REST_MS: u64 = 86_400_000;
/// A payee that takes no amount this small is left alone this long, unless more is owed.
const WITHDRAWN_REST_MS: u64 = 86_400_000;
/// When to see again whether enough unknown payments have become clear.
const UNKNOWN_REST_MS: u64 = 60_000;
/// An intent is not sent when its invoice expires this soon.
const SEND_MARGIN_MS: u64 = 30_000;
