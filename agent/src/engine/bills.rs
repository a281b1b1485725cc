//! From an invoice to a durable intent: check, decide, reserve, and mark as sending before the first byte leaves.

use serde_json::json;

use super::jobs::Job;
use super::{Effect, LOCK, Step};
use crate::domain::invoice::{EXPIRY_MARGIN_MS, Invoice, Price};
use crate::domain::l402::{Challenge, Scheme};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::policy::{Account, Decision, decide};
use crate::store::{NewPayment, PaymentRow, Posting, PurchaseKind, PurchaseRow, StoreError};

impl Step<'_> {
    /// A payee's invoice for an energy purchase.
    pub(super) fn on_bill(&mut self, purchase: i64, bolt11: &str) -> Result<(), StoreError> {
        let Some(purchase) = self.wants_invoice(purchase)? else {
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
        let Some(purchase) = self.wants_invoice(purchase)? else {
            return Ok(());
        };
        match range {
            Some((_, most)) if purchase.amount > most && most.whole_sats() > Msat::ZERO => {
                self.tx.set_purchase_amount(purchase.purchase, most.whole_sats())?;
            }
            Some((least, _)) if purchase.amount < least => {
                self.tx.set_purchase_state(purchase.purchase, "withdrawn")?;
                self.jobs.done(&Job::Bill(purchase.purchase));
                return self.refuse(&purchase, fault);
            }
            _ => {}
        }
        self.jobs.again(Job::Bill(purchase.purchase), self.now.monotonic);
        self.refuse(&purchase, fault)
    }

    /// Gets an open purchase on: a valid failed invoice is tried again, otherwise a new one is asked for.
    ///
    /// No second invoice while the first may still be paid (`reliability-security`, rules 1.5a and 1.8).
    pub(super) fn bill_or_retry(&mut self, purchase: i64) -> Result<(), StoreError> {
        let Some(row) = self.wants_invoice(purchase)? else {
            self.jobs.done(&Job::Bill(purchase));
            return Ok(());
        };
        if let Some(failed) = self.unexpired_failure(purchase)? {
            if failed.attempt >= ATTEMPTS_MAX {
                let wait = failed.expires_at.since(self.now.wall);
                self.jobs.at(Job::Bill(purchase), self.now.monotonic.saturating_add(wait));
                return Ok(());
            }
            let price = match row.kind {
                PurchaseKind::Energy => Price::Exactly(row.amount),
                PurchaseKind::Data => Price::AtMost(row.amount),
            };
            let offer = failed.ticket.and_then(|(scheme, token)| {
                Some(Challenge { scheme: Scheme::from_name(&scheme)?, token, invoice: failed.bolt11.clone() })
            });
            return self.consider(&row, &failed.bolt11, price, offer.as_ref());
        }
        match row.kind {
            PurchaseKind::Energy => {
                self.jobs.asked(Job::Bill(purchase), self.now.monotonic);
                self.effects.push(Effect::RequestBill { purchase, agreement: row.rule, amount: row.amount });
                Ok(())
            }
            // The seller's next 402 brings a new invoice for the same purchase.
            PurchaseKind::Data => {
                self.jobs.done(&Job::Bill(purchase));
                self.fetch(&row.rule)
            }
        }
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
        if let Some(seen) = self.tx.payment_by_hash(&invoice.hash)?
            && (seen.purchase != purchase.purchase || seen.state != State::Failed)
        {
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
            Decision::Pay { fee_max } => self.intend(purchase, &invoice, fee_max, offer),
        }
    }

    fn ask_policy(&self, purchase: &PurchaseRow, amount: Msat) -> Result<Decision, StoreError> {
        let lock = self.tx.meta(LOCK)?;
        let house = Account { budget: self.rules.house, committed: self.tx.committed(None, self.now.wall)? };
        let committed = self.tx.committed(Some(&purchase.rule), self.now.wall)?;
        let rule = self.rule_budget(purchase).map(|budget| Account { budget, committed });
        Ok(decide(lock.as_deref(), rule.as_ref(), &house, self.rules.fees, amount))
    }

    fn intend(
        &mut self,
        purchase: &PurchaseRow,
        invoice: &Invoice,
        fee_max: Msat,
        offer: Option<&Challenge>,
    ) -> Result<(), StoreError> {
        let ticket = offer.map(|offer| (offer.scheme.as_str(), offer.token.as_str()));
        let new = NewPayment { purchase: purchase.purchase, invoice, fee_max, service: self.rules.service, ticket };
        let payment = self.tx.insert_intent(&new, self.now.wall)?;
        let reserved = signed(invoice.amount)? + signed(fee_max)?;
        let sides = [Posting(Posting::WALLET, -reserved), Posting(Posting::PENDING, reserved)];
        self.tx.post(self.now.wall, Some(payment), &sides)?;
        self.tx.set_purchase_amount(purchase.purchase, invoice.amount)?;
        self.tx.set_refusal(purchase.purchase, None)?;
        self.notices.remove(&purchase.rule);
        self.jobs.done(&Job::Bill(purchase.purchase));
        self.record(json!({
            "event": "intent", "payment": payment, "purchase": purchase.purchase, "hash": invoice.hash.to_string(),
            "amount_msat": invoice.amount.0, "fee_max_msat": fee_max.0, "payee": purchase.payee,
        }))?;
        self.send_next()
    }

    /// Marks the oldest waiting intent as sending and hands it out: one at a time, so that order and budget stay clear.
    pub(super) fn send_next(&mut self) -> Result<(), StoreError> {
        let open = self.tx.open_payments()?;
        if open.iter().any(|payment| payment.state == State::Sending) {
            return Ok(());
        }
        let intents = open.into_iter().filter(|payment| payment.state == State::Intent);
        for payment in intents {
            if self.jobs.waits(&Job::Send(payment.payment), self.now.monotonic) {
                continue;
            }
            if self.now.wall.plus(SEND_MARGIN_MS) >= payment.expires_at {
                self.cancel(&payment, "the invoice expired before it could be sent; a new one will be asked for")?;
                continue;
            }
            if let Some(lock) = self.tx.meta(LOCK)? {
                self.cancel(&payment, &lock)?;
                continue;
            }
            self.advance(&payment, State::Sending, None)?;
            self.jobs.done(&Job::Send(payment.payment));
            let PaymentRow { hash, bolt11, fee_max, .. } = payment;
            self.effects.push(Effect::Send { hash, bolt11, fee_max });
            return Ok(());
        }
        Ok(())
    }

    /// Gives up an intent: nothing left this machine, so the reservation is released.
    fn cancel(&mut self, payment: &PaymentRow, why: &str) -> Result<(), StoreError> {
        self.advance(payment, State::Cancelled, Some(why))?;
        self.release(payment)?;
        self.jobs.done(&Job::Send(payment.payment));
        self.jobs.again(Job::Bill(payment.purchase), self.now.monotonic);
        self.record(json!({"event": "cancelled", "payment": payment.payment, "why": why}))
    }

    /// Returns the reservation of a payment that will not happen.
    pub(super) fn release(&self, payment: &PaymentRow) -> Result<(), StoreError> {
        let reserved = signed(payment.amount)? + signed(payment.fee_max)?;
        let sides = [Posting(Posting::PENDING, -reserved), Posting(Posting::WALLET, reserved)];
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

    /// The newest attempt, when it failed and its invoice could still be paid.
    pub(super) fn unexpired_failure(&self, purchase: i64) -> Result<Option<PaymentRow>, StoreError> {
        let margin = self.now.wall.plus(EXPIRY_MARGIN_MS);
        let newest = self.tx.newest_payment_of(purchase)?;
        Ok(newest.filter(|newest| newest.state == State::Failed && newest.expires_at > margin))
    }

    fn refuse_and_retry(&mut self, purchase: &PurchaseRow, why: &str) -> Result<(), StoreError> {
        self.jobs.again(Job::Bill(purchase.purchase), self.now.monotonic);
        self.refuse(purchase, why)
    }

    pub(super) fn refuse(&mut self, purchase: &PurchaseRow, why: &str) -> Result<(), StoreError> {
        self.tx.set_refusal(purchase.purchase, Some(why))?;
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
const OTHER_PAYEE: &str = "The invoice comes from another Lightning node than the one pinned for this payee. It was not \
    paid; if the payee moved, change payee_key in the configuration.";
const OTHER_TICKET: &str = "The seller's ticket belongs to another invoice than the one beside it. It was not paid, \
    because the ticket would not open anything.";
/// Attempts at one invoice before waiting for its expiry.
const ATTEMPTS_MAX: u32 = 5;
/// An intent is not sent when its invoice expires this soon.
const SEND_MARGIN_MS: u64 = 30_000;
