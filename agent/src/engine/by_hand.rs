//! Payments that the owner makes by hand: their own word is the rule, for one invoice and one amount.
//!
//! Everything else is as for any payment: the policy decides (stop, lock, the limits of the payee and of the house), and the
//! row is committed with its reservation before anything leaves. What fails is not tried again by itself.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bills::OTHER_PAYEE;
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
        let refused = |why: &str| Ok(Verdict::Refused(for_once(why)));
        let invoice = match Invoice::check(&wanted.bolt11, self.rules.network, Price::Exactly(amount), now) {
            // An address tells what its invoices are for beside them.
            Ok(invoice) => Invoice { description: cleaned(&wanted.memo, MEMO_CHARS_MAX), ..invoice },
            Err(fault) => return refused(&fault.to_string()),
        };
        let payee = wanted.payee.clone().unwrap_or_else(|| invoice.payee_key.clone());
        if let Some(why) = self.not_again(&invoice, &payee)? {
            return refused(why);
        }
        let need = format!("hand:{}", invoice.hash);
        let purchase = self.tx.open_purchase(&need, PurchaseKind::Hand, BY_HAND, &payee, amount, now)?;
        if purchase.state != "open" {
            return refused(PAID);
        }
        // What was said of an earlier try is over.
        self.tx.set_refusal(purchase.purchase, None)?;
        let why = match self.ask_policy(&purchase, amount)? {
            Decision::Pay { fee_max } => {
                self.record(json!({
                    "event": "by_hand", "purchase": purchase.purchase, "payee": payee, "amount_msat": amount.0,
                    "for": invoice.description,
                }))?;
                self.intend(&purchase, &invoice, fee_max, None)?;
                return Ok(done(&format!("{amount} are on their way to {payee}, with a fee of at most {fee_max}.")));
            }
            Decision::Refuse(refusal) => for_once(&refusal.to_string()),
            Decision::Ask(question) => question.to_string(),
        };
        self.refuse(&purchase, &why)?;
        self.tx.set_purchase_state(purchase.purchase, "withdrawn")?;
        Ok(Verdict::Refused(why))
    }

    /// A payment by hand ends with its first failure; true when it is one.
    pub(super) fn end_by_hand(&self, payment: &PaymentRow, why: &str) -> Result<bool, StoreError> {
        if !payment.is_by_hand() {
            return Ok(false);
        }
        self.tx.set_purchase_state(payment.purchase, "withdrawn")?;
        self.tx.set_refusal(payment.purchase, Some(why))?;
        self.record(json!({
            "event": "by_hand_failed", "payment": payment.payment, "payee": payment.payee,
            "amount_msat": payment.amount.0, "why": why,
        }))?;
        Ok(true)
    }

    /// Whether nobody expects any more that this payment, which has not left, is still made. The owner stood by and waited
    /// for a moment, and has perhaps paid in another way since.
    pub(super) fn is_too_late(&self, payment: &PaymentRow) -> bool {
        payment.is_by_hand() && self.now.wall.since(payment.changed_at) > BY_HAND_WAIT_MS
    }

    /// Why this invoice is not paid to this payee, if it is not.
    fn not_again(&self, invoice: &Invoice, payee: &str) -> Result<Option<&'static str>, StoreError> {
        let attempts = self.tx.attempts(&invoice.hash)?;
        for seen in &attempts {
            let why = match seen.state {
                state if state.is_open() => Some(UNDER_WAY),
                state if state.is_paid() => Some(PAID),
                _ if !seen.is_by_hand() => Some(OF_A_RULE),
                // Only the wallet that failed knows this hash: through another one it could be paid a second time (rule 1.3).
                State::Failed if seen.service != self.rules.service => Some(OTHER_WALLET),
                _ => None,
            };
            if why.is_some() {
                return Ok(why);
            }
        }
        if self.tx.is_stranger_anywhere(&invoice.hash)? {
            return Ok(Some(PAID));
        }
        if self.tx.was_received(&invoice.hash)? {
            return Ok(Some(OWN_INVOICE));
        }
        // Whoever has no answer yet asks for another invoice, and would pay twice (rule 1.8).
        if self.tx.open_payments()?.iter().any(|open| open.is_by_hand() && open.payee == payee) {
            return Ok(Some(PAYEE_UNDER_WAY));
        }
        let pins = self.rules.agreements.iter().filter(|known| known.payee.to_string() == payee);
        let is_other = |pin: &String| *pin != invoice.payee_key;
        Ok(pins.filter_map(|known| known.payee_key.as_ref()).any(is_other).then_some(OTHER_PAYEE))
    }
}

/// What is said of bills that come again, said of one that does not.
pub(super) fn for_once(why: &str) -> String {
    ENDINGS.iter().fold(why.to_owned(), |text, (again, once)| text.replace(again, once))
}

/// What the owner's own word allows: this one payment, whatever it costs. The limits of payee and house still hold.
pub(super) const OWN_WORD: Budget = Budget::of(Msat::MAX, Msat::MAX, Msat::MAX, Msat::MAX);
/// Of what an invoice says it is for.
const MEMO_CHARS_MAX: usize = 200;
const PAID: &str = "This invoice was paid already. Nothing was paid a second time.";
/// An intent that waits for its turn or for the wallet is given up after this long.
const BY_HAND_WAIT_MS: u64 = 180_000;
/// Endings of sentences about what is billed again.
const ENDINGS: [(&str, &str); 8] = [
    ("It will be tried again later.", "Nothing was paid."),
    ("It will be tried again.", "It is not tried again."),
    ("it is tried again later", "it is not tried again"),
    ("it is tried again", "it is not tried again"),
    ("Kilosat tries again", "Kilosat does not try again"),
    ("meanwhile and tries again;", "meanwhile;"),
    ("a new one will be asked for", "ask the payee for a new one"),
    ("a new invoice will be asked for", "ask the payee for a new one"),
];
pub(super) const TOO_LATE: &str = "The wallet could not pay it at once, and by now you may have paid in another way. Nothing was \
    paid; order it once more if you still want it.";
const PAYEE_UNDER_WAY: &str = "A payment by hand to this payee is still under way. Nothing more was paid; the payments show what \
    becomes of it.";
const UNDER_WAY: &str = "This invoice is being paid just now, or it is not known yet what became of it. Nothing was paid a \
    second time; the payments show where it stands.";
const OTHER_WALLET: &str = "The wallet used before failed to pay this invoice. Through another wallet it could be paid twice, \
    so it was not paid; ask the payee for a new invoice.";
const OF_A_RULE: &str =
    "This invoice belongs to one of your agreements or feeds, which pay by themselves. It was not paid.";
const OWN_INVOICE: &str = "This invoice is one of your own, and it was paid before. Nothing was paid.";
