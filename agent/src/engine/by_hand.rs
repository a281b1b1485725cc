//! Payments that the owner makes by hand: their own word is the rule, for one invoice and one amount.
//!
//! Everything else is as for any payment: the policy decides (stop, lock, the limits of the payee and of the house), and the
//! row is committed with its reservation before anything leaves. What fails is not tried again by itself.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::owner::{Verdict, done};
use super::{Engine, EngineError, Step};
use crate::domain::invoice::{Invoice, PaymentHash, Price};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::policy::{Budget, Decision};
use crate::store::{BY_HAND, PaymentRow, PurchaseKind, StoreError};
use crate::text::cleaned;

/// An invoice that the owner wants paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// As it was given.
    pub bolt11: String,
    /// What the owner agreed to, without the fee, in msat.
    pub amount_msat: u64,
    /// The address that gave the invoice; its node's key counts as payee without.
    pub payee: Option<String>,
    /// What it is for, in the payee's words, as the owner saw it.
    pub memo: String,
}

impl Engine {
    /// The newest payment with this hash.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn payment_with(&mut self, hash: &PaymentHash) -> Result<Option<i64>, EngineError> {
        Ok(self.store.begin()?.payment_by_hash(hash)?.map(|payment| payment.payment))
    }

    /// The most that the fee of a payment of `amount` may be.
    pub fn fee_max(&self, amount: Msat) -> Msat {
        self.rules.fees.limit(amount)
    }
}

impl Step<'_> {
    /// Pays an invoice because the owner says so.
    pub(super) fn pay_by_hand(&mut self, wanted: &ByHand) -> Result<Verdict, StoreError> {
        let (now, amount) = (self.now.wall, Msat(wanted.amount_msat));
        let invoice = match Invoice::check(&wanted.bolt11, self.rules.network, Price::Exactly(amount), now) {
            // An address tells what its invoices are for beside them.
            Ok(invoice) => Invoice { description: cleaned(&wanted.memo, MEMO_CHARS_MAX), ..invoice },
            Err(fault) => return Ok(Verdict::Refused(fault.to_string())),
        };
        if let Some(seen) = self.tx.payment_by_hash(&invoice.hash)?
            && let Some(why) = self.not_again(&seen)?
        {
            return Ok(Verdict::Refused(why.to_owned()));
        }
        if self.tx.was_received(&invoice.hash)? {
            return Ok(Verdict::Refused(OWN_INVOICE.to_owned()));
        }
        let payee = wanted.payee.clone().unwrap_or_else(|| invoice.payee_key.clone());
        let need = format!("hand:{}", invoice.hash);
        let purchase = self.tx.open_purchase(&need, PurchaseKind::Hand, BY_HAND, &payee, amount, now)?;
        if purchase.state != "open" {
            return Ok(Verdict::Refused(PAID.to_owned()));
        }
        self.record(json!({
            "event": "by_hand", "purchase": purchase.purchase, "payee": payee, "amount_msat": amount.0,
            "for": invoice.description,
        }))?;
        let why = match self.ask_policy(&purchase, amount)? {
            Decision::Pay { fee_max } => {
                self.intend(&purchase, &invoice, fee_max, None)?;
                return Ok(done(&format!("{amount} are paid to {payee}, with a fee of at most {fee_max}.")));
            }
            Decision::Refuse(refusal) => refusal.to_string(),
            Decision::Ask(question) => question.to_string(),
        };
        self.refuse(&purchase, &why)?;
        self.tx.set_purchase_state(purchase.purchase, "withdrawn")?;
        Ok(Verdict::Refused(why))
    }

    /// Whether this payment is one by hand, which ends with its first failure.
    pub(super) fn ends_by_hand(&self, payment: &PaymentRow, why: &str) -> Result<bool, StoreError> {
        let purchase = self.tx.purchase(payment.purchase)?;
        let Some(purchase) = purchase.filter(|purchase| purchase.kind == PurchaseKind::Hand) else { return Ok(false) };
        self.tx.set_purchase_state(purchase.purchase, "withdrawn")?;
        self.tx.set_refusal(purchase.purchase, Some(why))?;
        Ok(true)
    }

    /// Why an invoice with this payment's hash is not paid, if it is not.
    fn not_again(&self, seen: &PaymentRow) -> Result<Option<&'static str>, StoreError> {
        let purchase = self.tx.purchase(seen.purchase)?;
        let by_hand = purchase.is_some_and(|purchase| purchase.kind == PurchaseKind::Hand);
        Ok(match seen.state {
            state if state.is_open() => Some(UNDER_WAY),
            // Only the wallet that failed knows this hash: through another one it could be paid a second time (rule 1.3).
            State::Failed if by_hand && seen.service != self.rules.service => Some(OTHER_WALLET),
            State::Failed | State::Cancelled if by_hand => None,
            State::Failed | State::Cancelled => Some(OF_A_RULE),
            _ => Some(PAID),
        })
    }
}

/// What the owner's own word allows: this one payment, whatever it costs. The limits of payee and house still hold.
pub(super) const OWN_WORD: Budget = Budget::of(Msat::MAX, Msat::MAX, Msat::MAX, Msat::MAX);
/// Of what an invoice says it is for.
const MEMO_CHARS_MAX: usize = 200;
const PAID: &str = "This invoice was paid already. Nothing was paid a second time.";
const UNDER_WAY: &str = "This invoice is being paid just now, or it is not known yet what became of it. Nothing was paid a \
    second time; the payments show where it stands.";
const OTHER_WALLET: &str = "The wallet used before failed to pay this invoice. Through another wallet it could be paid twice, \
    so it was not paid; ask the payee for a new invoice.";
const OF_A_RULE: &str =
    "This invoice belongs to one of your agreements or feeds, which pay by themselves. It was not paid.";
const OWN_INVOICE: &str = "This invoice is one of your own, and it was paid before. Nothing was paid.";
