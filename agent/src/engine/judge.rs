//! What the policy has to know about a payment: halts, limits and what counts against them, all from this transaction.

use url::Url;

use super::by_hand::OWN_WORD;
use super::{LOCK, STOPPED, Step};
use crate::config::Agreement;
use crate::domain::money::Msat;
use crate::domain::policy::{Account, Budget, Case, Decision, Halt, Refusal, affordable, allow, decide};
use crate::domain::window::Starts;
use crate::store::{PaymentRow, PurchaseKind, PurchaseRow, QuestionState, StoreError};

impl Step<'_> {
    /// Whether `amount` may be paid for `purchase` now.
    pub(super) fn ask_policy(&self, purchase: &PurchaseRow, amount: Msat) -> Result<Decision, StoreError> {
        let case = self.case(purchase, None)?;
        Ok(decide(&case, self.rules.fees, self.rules.ask, amount))
    }

    /// Asks again about an intent that is about to be sent: lock, rules and limits may have changed while it waited.
    pub(super) fn refused_now(&self, payment: &PaymentRow) -> Result<Option<Refusal>, StoreError> {
        if payment.service != self.rules.service {
            return Ok(Some(Refusal::OtherWallet));
        }
        let purchase = self.tx.purchase(payment.purchase)?;
        let Some(purchase) = purchase.filter(|purchase| purchase.state == "open") else {
            return Ok(Some(Refusal::NoRule));
        };
        let case = self.case(&purchase, Some(payment.payment))?;
        let cost = Msat(payment.amount.0.saturating_add(payment.fee_max.0));
        Ok(allow(&case, cost).err())
    }

    /// What keeps every automatic payment back, if anything does.
    pub(super) fn halt(&self) -> Result<Option<Halt>, StoreError> {
        if self.tx.meta(STOPPED)?.is_some() {
            return Ok(Some(Halt::Stopped));
        }
        if let Some(reason) = self.tx.meta(LOCK)? {
            return Ok(Some(Halt::Locked(reason)));
        }
        Ok(self.interlock.clone().map(Halt::Interlock))
    }

    /// Payee, as configured, and limits of an agreement or feed.
    pub(super) fn rule(&self, id: &str) -> Option<(String, Budget)> {
        let agreements = self.rules.agreements.iter().map(|known| (&known.id, known.payee.to_string(), known.budget));
        let feeds = self.rules.feeds.iter().map(|known| (&known.id, known.url.to_string(), known.budget));
        agreements.chain(feeds).find(|(known, ..)| *known == id).map(|(_, payee, budget)| (payee, budget))
    }

    /// The most of `wanted` that the limits of the agreement, its payee and the house can ever let through at once.
    pub(super) fn fitting(&self, wanted: Msat, agreement: &Agreement) -> Msat {
        let payee = self.payee_budget(&agreement.payee.to_string());
        let budgets = [Some(agreement.budget), payee, Some(self.rules.house)];
        let most = |budget: &Budget| affordable(wanted, budget, self.rules.fees);
        budgets.iter().flatten().map(most).min().unwrap_or(Msat::ZERO).whole_sats()
    }

    /// `except` names a payment that does not count against the limits: the one being judged.
    fn case(&self, purchase: &PurchaseRow, except: Option<i64>) -> Result<Case, StoreError> {
        let payee = payee_name(purchase);
        let starts = Starts::at(self.now.wall, &self.rules.zone).after(self.lived.jump);
        let committed = self.tx.committed(&purchase.rule, &payee, except, &starts)?;
        let by_hand = purchase.kind == PurchaseKind::Hand;
        let rule =
            self.rule(&purchase.rule).filter(|(allowed, _)| *allowed == purchase.payee).map(|(_, budget)| budget);
        let own = self.payee_budget(&payee);
        let agreement = self.rules.agreements.iter().find(|known| known.id == purchase.rule);
        let feed = self.rules.feeds.iter().find(|known| known.id == purchase.rule);
        // An answer counts for this very purchase and this very payee; a yes up to its amount and not for ever.
        let question = self.tx.question_about(purchase.purchase)?.filter(|question| question.payee == payee);
        let answered = |state| question.as_ref().filter(|question| question.state == state);
        Ok(Case {
            halt: self.halt()?,
            paused: agreement.is_some_and(|known| known.paused) || feed.is_some_and(|known| known.paused),
            rule: rule.or(by_hand.then_some(OWN_WORD)).map(|budget| Account { budget, committed: committed.rule }),
            payee: own.map(|budget| Account { budget, committed: committed.payee }),
            house: Account { budget: self.rules.house, committed: committed.house.and(self.tx.strayed(&starts)?) },
            listed: own.is_some() || by_hand || !self.rules.listed_payees_only,
            price: agreement.filter(|_| purchase.kind == PurchaseKind::Energy).map(|known| known.price),
            known: self.tx.knows_payee(&payee)?,
            approved: answered(QuestionState::Approved)
                .filter(|yes| self.now.wall < yes.expires_at)
                .map(|yes| yes.amount)
                .or(by_hand.then_some(purchase.amount)),
            declined: answered(QuestionState::Declined).map(|no| no.question),
        })
    }

    fn payee_budget(&self, payee: &str) -> Option<Budget> {
        self.rules.payees.iter().find(|known| known.payee == payee).map(|known| known.budget)
    }
}

/// Whom a purchase is paid to, in the word under which all payments to the same payee count together: an address or LNURL
/// as configured or as the owner wrote it, the key of a node, or the origin of an L402 seller.
pub(super) fn payee_name(purchase: &PurchaseRow) -> String {
    let origin = |url: Url| url.origin().ascii_serialization();
    match purchase.kind {
        PurchaseKind::Energy | PurchaseKind::Hand => purchase.payee.clone(),
        PurchaseKind::Data => Url::parse(&purchase.payee).map_or_else(|_| purchase.payee.clone(), origin),
    }
}
