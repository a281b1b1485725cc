//! Sorts what LNbits says to a pay call that it did not take.

use super::super::trouble::{ServiceFault, Trouble};
use super::KIND;
use super::answers::{self, INVOICE_KEY, NO_ADMIN_KEY, NO_WALLET, told};
use crate::engine::{Found, PayOutcome};
use crate::http::HttpAnswer;

/// What an answer to a pay call means that is no success.
pub(super) enum Refusal {
    /// The key was refused: the request was not looked at.
    KeyRefused(ServiceFault),
    /// This request was refused before LNbits wrote a row for it.
    BeforeSending(ServiceFault),
    /// LNbits has a row for this hash.
    Known,
    /// The node behind LNbits says that the payment failed.
    Failed(ServiceFault),
    /// Nothing follows from it.
    Unclear(ServiceFault),
}

impl Refusal {
    /// Sorts an answer to a pay call that is no success, by the exact words of LNbits 1.6.2.
    pub(super) fn read(answer: &HttpAnswer) -> Refusal {
        let (detail, status) = told(answer);
        let fault = |trouble| ServiceFault::with(KIND, trouble, &detail);
        match (answer.status, detail.as_str(), status.as_str()) {
            (401, NO_KEY, _) | (404, NO_WALLET, _) => {
                return Refusal::KeyRefused(fault(Trouble::Credential));
            }
            (403, INVOICE_KEY | NO_ADMIN_KEY, _) => return Refusal::KeyRefused(fault(Trouble::Permission)),
            (520, INTERNAL_PAID, "failed") | (520, _, "pending" | "success") => return Refusal::Known,
            _ => {}
        }
        let begins = |words: &str| detail.starts_with(words);
        let known = PRE_CHECKS.iter().find(|(code, words, _)| *code == answer.status && begins(words));
        if let Some((_, _, trouble)) = known {
            return Refusal::BeforeSending(fault(trouble.clone()));
        }
        if answer.status == 520 && status == "failed" && FAILED.iter().any(|words| begins(words)) {
            let is_about_the_way = detail.to_ascii_lowercase().contains("route");
            return Refusal::Failed(fault(if is_about_the_way { Trouble::NoRoute } else { Trouble::Recipient }));
        }
        Refusal::Unclear(answers::fault(answer))
    }

    /// What it comes to; `look_up` tells the two that say only what became of this request, which may be the second one
    /// for this hash.
    pub(super) async fn outcome(self, look_up: impl Future<Output = Found>) -> PayOutcome {
        match self {
            Refusal::KeyRefused(fault) => PayOutcome::NotSent(fault.to_string()),
            Refusal::Known => PayOutcome::AlreadyKnown,
            Refusal::Unclear(fault) => PayOutcome::Unknown(fault.to_string()),
            Refusal::BeforeSending(fault) => match look_up.await {
                Found::NotFound => PayOutcome::NotSent(fault.to_string()),
                Found::Outcome(_) => PayOutcome::AlreadyKnown,
                Found::Unavailable(_) => PayOutcome::Unknown(fault.to_string()),
            },
            Refusal::Failed(fault) => match look_up.await {
                Found::Outcome(PayOutcome::Failed(_)) => PayOutcome::Failed(fault.to_string()),
                Found::Outcome(_) => PayOutcome::AlreadyKnown,
                Found::NotFound | Found::Unavailable(_) => PayOutcome::Unknown(fault.to_string()),
            },
        }
    }
}

const NO_KEY: &str = "No Api Key provided.";
/// Comes with the word `failed` although it is paid, perhaps by us.
const INTERNAL_PAID: &str = "Internal invoice already paid.";
const FAILED: [&str; 2] = ["Payment failed:", "Payment is failed node, retrying is not possible."];
/// What LNbits checks before it writes a row, with how its answer begins.
const PRE_CHECKS: [(u16, &str, Trouble); 10] = [
    (520, "Insufficient balance.", Trouble::Funds),
    (520, "You must reserve at least", Trouble::Funds),
    (520, "Amountless invoices not supported.", Trouble::Invoice),
    (520, "Bolt11 decoding failed.", Trouble::Invoice),
    (520, "Invoice amount ", Trouble::Limit),
    (520, "The time limit of ", Trouble::Limit),
    (520, "Only incoming payments allowed.", Trouble::Permission),
    (520, "Wallet does not have permission to pay invoices.", Trouble::Permission),
    (400, "Daily withdrawal limit of ", Trouble::Limit),
    (400, "It is not allowed to spend funds from this server.", Trouble::Limit),
];
