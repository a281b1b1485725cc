//! What a wallet service says, read from its decrypted JSON. Amounts are msat, times are seconds.

use bitcoin::Network;
use serde_json::Value;

use super::{fault, unclear};
use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::json::{Document, whole_number};
use crate::lightning::answers::{Balance, Direction, Incoming, Info, Listed, expiry_of, failed_before_expiry};
use crate::lightning::trouble::{ServiceFault, ServiceKind, Trouble};

/// A decrypted answer to a request.
pub(in crate::lightning) struct Answer(String);

/// The service refused, in its own code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: String,
    pub message: String,
}

impl Answer {
    pub(in crate::lightning) fn new(text: String) -> Answer {
        Answer(text)
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// The result of `method`, or the refusal.
    ///
    /// # Errors
    /// [`Refusal`]; with an empty code where the answer is none.
    pub(super) fn result(&self, method: &str) -> Result<Document<'_>, Refusal> {
        let none = |message: &str| Refusal { code: String::new(), message: message.to_owned() };
        let document = Document::unambiguous(self.0.as_bytes()).map_err(|fault| none(&fault.to_string()))?;
        let text = |pointer: &str| document.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = text("/result_type");
        let has_error = document.value.get("error").is_some_and(|error| !error.is_null());
        if kind != method && !(kind.is_empty() && has_error) {
            return Err(none("it answers another question"));
        }
        if has_error {
            return Err(Refusal { code: text("/error/code").to_owned(), message: text("/error/message").to_owned() });
        }
        if !document.value.get("result").is_some_and(Value::is_object) {
            return Err(none("the answer has no result"));
        }
        Ok(document)
    }
}

impl Refusal {
    /// What it means; the second value says whether the specification promises that nothing was begun.
    ///
    /// Source: NIP-47, error codes.
    pub(super) fn sorted(&self) -> (ServiceFault, bool) {
        let (trouble, before) = match self.code.as_str() {
            "RATE_LIMITED" => (Trouble::Busy, true),
            "NOT_IMPLEMENTED" => (Trouble::Unsupported("this request"), true),
            "INSUFFICIENT_BALANCE" => (Trouble::Funds, true),
            "QUOTA_EXCEEDED" => (Trouble::Limit, true),
            "RESTRICTED" => (Trouble::Permission, true),
            "UNAUTHORIZED" => (Trouble::Credential, true),
            "UNSUPPORTED_ENCRYPTION" => (Trouble::Unsupported(NIP44), true),
            _ => (Trouble::Unclear, false),
        };
        // A code means something to an owner only where there are no words.
        let said = if before || !self.message.is_empty() { &self.message } else { &self.code };
        (ServiceFault::with(ServiceKind::Nwc, trouble, said), before)
    }

    /// Alby Hub's words for a hash that it paid or is paying.
    pub(super) fn knows_hash(&self) -> bool {
        self.code == "INTERNAL" && HASH_IS_KNOWN.contains(&self.message.as_str())
    }
}

/// How a pay request ended, if this answer to it says so. After an unclear answer no refusal is believed any more.
pub(in crate::lightning) fn ending(
    answer: &Answer,
    hash: &PaymentHash,
    unclear_before: &mut Option<ServiceFault>,
) -> Option<PayOutcome> {
    let refusal = match answer.result("pay_invoice") {
        Ok(document) => match paid(&document, hash) {
            Some(paid) => return Some(paid),
            None => Refusal { code: String::new(), message: "it says paid and shows no proof".to_owned() },
        },
        Err(refusal) => refusal,
    };
    if refusal.knows_hash() {
        return Some(PayOutcome::AlreadyKnown);
    }
    let (fault, was_before) = refusal.sorted();
    if was_before && unclear_before.is_none() {
        return Some(PayOutcome::NotSent(fault.to_string()));
    }
    if refusal.code == PAYMENT_FAILED {
        return Some(PayOutcome::Unknown(fault.to_string()));
    }
    *unclear_before = Some(fault);
    None
}

/// What an answer to a look-up of an outgoing payment means.
pub(in crate::lightning) fn found(answer: &Answer, hash: &PaymentHash, now: UnixMillis) -> Found {
    let document = match answer.result("lookup_invoice") {
        Ok(document) => document,
        Err(refusal) if refusal.code == NOT_FOUND => return Found::NotFound,
        Err(refusal) => return Found::Unavailable(refusal.sorted().0.to_string()),
    };
    match Transaction::read(&document, "/result") {
        Some(transaction) => transaction.outgoing(hash, now),
        None => Found::Unavailable(unclear("the look-up shows no payment").to_string()),
    }
}

/// What an answer to a look-up of an invoice of ours means.
pub(in crate::lightning) fn looked_up_incoming(
    answer: &Answer,
    hash: &PaymentHash,
    now: UnixMillis,
) -> Result<Incoming, ServiceFault> {
    let document = match answer.result("lookup_invoice") {
        Ok(document) => document,
        Err(refusal) if refusal.code == NOT_FOUND => return Ok(Incoming::NotFound),
        Err(refusal) => return Err(refusal.sorted().0),
    };
    let incoming = Transaction::read(&document, "/result").and_then(|found| found.incoming(hash, now));
    incoming.ok_or_else(|| unclear("the look-up does not show the invoice"))
}

/// The entries of one page of the history: `None` in place of those that cannot be read and are not called settled.
pub(in crate::lightning) fn page(answer: &Answer) -> Result<Vec<Option<Transaction>>, ServiceFault> {
    let document = answer.result("list_transactions").map_err(|refusal| refusal.sorted().0)?;
    let items = document.items_at("/result/transactions");
    let items = items.ok_or_else(|| unclear("the list of payments is missing"))?;
    let read = |item: &str| {
        let document = Document::unambiguous(item.as_bytes()).map_err(|_| unreadable())?;
        match (Transaction::read(&document, ""), text(&document, "/state")) {
            (None, state) if !OPEN_STATES.contains(&state) => Err(unreadable()),
            (transaction, _) => Ok(transaction),
        }
    };
    items.into_iter().map(read).collect()
}

fn unreadable() -> ServiceFault {
    unclear("a settled payment in its history cannot be read")
}

fn millis(seconds: u64) -> UnixMillis {
    UnixMillis(seconds.saturating_mul(1_000))
}

/// A pay result with its proof; `None` if it proves nothing.
fn paid(document: &Document<'_>, hash: &PaymentHash) -> Option<PayOutcome> {
    let preimage = Preimage(hex32(text(document, "/result/preimage"))?);
    preimage.proves(hash).then(|| PayOutcome::Paid { preimage, fee: number(document, "/result/fees_paid").map(Msat) })
}

/// One payment, incoming or outgoing, as look-up and list show it.
pub(in crate::lightning) struct Transaction {
    pub direction: Direction,
    pub hash: PaymentHash,
    state: String,
    settled_at_s: Option<u64>,
    pub created_at_s: Option<u64>,
    expires_at_s: Option<u64>,
    invoice: String,
    amount: Option<Msat>,
    fee: Option<Msat>,
    preimage: Option<Preimage>,
}

impl Transaction {
    /// Reads the transaction at a JSON pointer; `None` if it does not say which way and which hash.
    pub(super) fn read(document: &Document<'_>, pointer: &str) -> Option<Transaction> {
        let at = |member: &str| format!("{pointer}/{member}");
        let seconds = |member| number(document, &at(member)).filter(|seconds| *seconds > 0);
        Some(Transaction {
            direction: match text(document, &at("type")) {
                "outgoing" => Direction::Out,
                "incoming" => Direction::In,
                _ => return None,
            },
            hash: PaymentHash(hex32(text(document, &at("payment_hash")))?),
            state: text(document, &at("state")).to_ascii_lowercase(),
            settled_at_s: seconds("settled_at"),
            created_at_s: seconds("created_at"),
            expires_at_s: seconds("expires_at"),
            invoice: text(document, &at("invoice")).to_owned(),
            amount: number(document, &at("amount")).map(Msat),
            fee: number(document, &at("fees_paid")).map(Msat),
            preimage: hex32(text(document, &at("preimage"))).map(Preimage),
        })
    }

    /// What became of our payment of `hash`. `expired` is said of the invoice, also while the payment is on its way;
    /// `failed` may mean no more, and no member says since when.
    pub(super) fn outgoing(&self, hash: &PaymentHash, now: UnixMillis) -> Found {
        let unclear = |said: &str| Found::Unavailable(unclear(said).to_string());
        if self.direction != Direction::Out || self.hash != *hash {
            return unclear("it showed another payment than the one asked for");
        }
        if self.is_settled() {
            return match self.preimage.filter(|preimage| preimage.proves(hash)) {
                Some(preimage) => Found::Outcome(PayOutcome::Paid { preimage, fee: self.fee }),
                None => unclear("it calls the payment settled and shows no proof"),
            };
        }
        match self.state.as_str() {
            "failed" if self.preimage.is_some_and(|preimage| preimage.proves(hash)) => {
                unclear("it calls the payment failed and shows its proof")
            }
            "failed" if !failed_before_expiry(now, self.expires_at(hash)) => {
                unclear("it calls the payment failed, but perhaps only because its invoice expired")
            }
            "failed" => Found::Outcome(PayOutcome::Failed(fault(Trouble::Recipient, "the payment failed").to_string())),
            "" | "pending" | "accepted" => Found::Outcome(PayOutcome::InFlight),
            "expired" => unclear("the invoice expired; it does not say whether the payment went through"),
            _ => unclear("its word for the state of the payment is not known"),
        }
    }

    /// The earlier one where the service and the invoice differ.
    fn expires_at(&self, hash: &PaymentHash) -> Option<UnixMillis> {
        let told = self.expires_at_s.map(millis);
        [told, expiry_of(&self.invoice, hash)].into_iter().flatten().min()
    }

    /// What became of our invoice of `hash`; `None` if this is something else.
    pub(super) fn incoming(&self, hash: &PaymentHash, now: UnixMillis) -> Option<Incoming> {
        if self.direction != Direction::In || self.hash != *hash {
            return None;
        }
        if self.is_settled() {
            return self.amount.map(Incoming::Paid);
        }
        let is_past = self.expires_at_s.is_some_and(|at| millis(at) <= now);
        match self.state.as_str() {
            "expired" | "failed" => Some(Incoming::Expired),
            "accepted" => Some(Incoming::Open),
            "" | "pending" => Some(if is_past { Incoming::Expired } else { Incoming::Open }),
            _ => None,
        }
    }

    /// For the history, if it is settled.
    pub(in crate::lightning) fn listed(&self) -> Result<Option<Listed>, ServiceFault> {
        if !self.is_settled() {
            return Ok(None);
        }
        Ok(Some(Listed {
            direction: self.direction,
            hash: self.hash,
            amount: self.amount.ok_or_else(unreadable)?,
            fee: self.fee,
            settled_at: self.settled_at_s.map(millis),
            preimage: self.preimage.filter(|preimage| preimage.proves(&self.hash)),
        }))
    }

    /// Services may leave out the state; a stated one counts more than the time.
    fn is_settled(&self) -> bool {
        self.state == "settled" || (self.state.is_empty() && self.settled_at_s.is_some())
    }
}

/// What `get_info` says; `service` is the key the wallet answers with, for those that name no node.
pub(in crate::lightning) fn info(answer: &Answer, service: &str, expected: Network) -> Result<Info, ServiceFault> {
    let document = answer.result("get_info").map_err(|refusal| refusal.sorted().0)?;
    let word = text(&document, "/result/network");
    let network = network(word);
    if !word.is_empty() && network != Some(expected) {
        let found = network.map_or_else(|| crate::text::cleaned(word, 20), |found| found.to_string());
        return Err(ServiceFault::new(ServiceKind::Nwc, Trouble::Network { found, expected }));
    }
    let shown = |words: &str| crate::text::cleaned(words, NAME_CHARS_MAX);
    let node_id = text(&document, "/result/pubkey");
    Ok(Info {
        node_id: shown(if node_id.is_empty() { service } else { node_id }),
        alias: shown(text(&document, "/result/alias")),
        network,
        block_height: number(&document, "/result/block_height").and_then(|height| u32::try_from(height).ok()),
        version: String::new(),
    })
}

/// What `get_balance` says.
pub(in crate::lightning) fn balance(answer: &Answer, service: &str) -> Result<Balance, ServiceFault> {
    let document = answer.result("get_balance").map_err(|refusal| refusal.sorted().0)?;
    let balance_msat = number(&document, "/result/balance").ok_or_else(|| unclear("the balance is missing"))?;
    Ok(Balance { node_id: service.to_owned(), balance_msat, spendable_msat: balance_msat, ..Balance::default() })
}

/// The invoice that `make_invoice` made; empty if there is none.
pub(in crate::lightning) fn made(answer: &Answer) -> Result<String, ServiceFault> {
    let document = answer.result("make_invoice").map_err(|refusal| refusal.sorted().0)?;
    Ok(text(&document, "/result/invoice").to_owned())
}

fn network(word: &str) -> Option<Network> {
    Some(match word {
        "mainnet" | "bitcoin" => Network::Bitcoin,
        "testnet" => Network::Testnet,
        "testnet4" => Network::Testnet4,
        "signet" => Network::Signet,
        "regtest" => Network::Regtest,
        _ => return None,
    })
}

/// A string member, or nothing.
fn text<'a>(document: &'a Document<'_>, pointer: &str) -> &'a str {
    document.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number, read from its digits.
pub(super) fn number(document: &Document<'_>, pointer: &str) -> Option<u64> {
    whole_number(document.text_at(pointer)?)
}

/// What a service must offer besides its methods.
pub(super) const NIP44: &str = "the encryption nip44_v2";
const NAME_CHARS_MAX: usize = 100;
const OPEN_STATES: [&str; 4] = ["pending", "failed", "accepted", "expired"];
const NOT_FOUND: &str = "NOT_FOUND";
const PAYMENT_FAILED: &str = "PAYMENT_FAILED";
const HASH_IS_KNOWN: [&str; 2] =
    ["this invoice has already been paid", "there is already a payment pending for this invoice"];

#[cfg(test)]
mod tests;
