//! What a wallet service says, read from its decrypted JSON. Amounts are msat, times are seconds.

use bitcoin::Network;
use nostr::Event;
use serde_json::Value;

use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::json::{Document, whole_number};
use crate::lightning::answers::{Direction, Incoming, Listed};
use crate::lightning::trouble::{ServiceFault, ServiceKind, Trouble};

/// What the info event of a service promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub methods: Vec<String>,
    pub nip44: bool,
}

impl Announced {
    pub(super) fn read(event: &Event) -> Announced {
        let methods = event.content.split_whitespace().take(METHODS_MAX).map(str::to_owned).collect();
        let encryption = event.tags.iter().map(|tag| tag.as_slice()).filter(|tag| names(tag, "encryption"));
        let nip44 = encryption
            .flat_map(|tag| tag.iter().skip(1))
            .flat_map(|value| value.split([' ', ',']))
            .any(|scheme| scheme == "nip44_v2");
        Announced { methods, nip44 }
    }

    pub(super) fn offers(&self, method: &str) -> bool {
        self.methods.iter().any(|offered| offered == method)
    }
}

/// A decrypted answer to a request.
pub(super) struct Answer(String);

/// The service refused, in its own code and words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: String,
    pub message: String,
}

impl Answer {
    pub(super) fn new(text: String) -> Answer {
        Answer(text)
    }

    /// The result of `method`, or the refusal.
    ///
    /// # Errors
    /// [`Refusal`]; with an empty code where the answer is none.
    pub(super) fn result(&self, method: &str) -> Result<Document<'_>, Refusal> {
        let none = |message: &str| Refusal { code: String::new(), message: message.to_owned() };
        let document = Document::parse(self.0.as_bytes()).map_err(|fault| none(&fault.to_string()))?;
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
        let said = format!("{} {}", self.code, self.message);
        (ServiceFault::with(ServiceKind::Nwc, trouble, said.trim()), before)
    }

    /// Alby Hub's words for a hash that it paid or is paying.
    pub(super) fn knows_hash(&self) -> bool {
        self.code == "INTERNAL" && HASH_IS_KNOWN.contains(&self.message.as_str())
    }
}

/// A pay result with its proof; `None` if it proves nothing.
pub(super) fn paid(document: &Document<'_>, hash: &PaymentHash) -> Option<PayOutcome> {
    let preimage = Preimage(hex32(text(document, "/result/preimage"))?);
    preimage.proves(hash).then(|| PayOutcome::Paid { preimage, fee: number(document, "/result/fees_paid").map(Msat) })
}

/// One payment, incoming or outgoing, as look-up and list show it.
pub(super) struct Transaction {
    pub direction: Direction,
    pub hash: PaymentHash,
    state: String,
    settled_at_s: Option<u64>,
    pub created_at_s: Option<u64>,
    expires_at_s: Option<u64>,
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
            amount: number(document, &at("amount")).map(Msat),
            fee: number(document, &at("fees_paid")).map(Msat),
            preimage: hex32(text(document, &at("preimage"))).map(Preimage),
        })
    }

    /// What became of our payment of `hash`. `expired` is said of the invoice, also while the payment is on its way.
    pub(super) fn outgoing(&self, hash: &PaymentHash) -> Found {
        let unclear =
            |said: &str| Found::Unavailable(ServiceFault::with(ServiceKind::Nwc, Trouble::Unclear, said).to_string());
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
            "failed" => Found::Outcome(PayOutcome::Failed(
                ServiceFault::with(ServiceKind::Nwc, Trouble::Recipient, "the payment failed").to_string(),
            )),
            "" | "pending" | "accepted" => Found::Outcome(PayOutcome::InFlight),
            "expired" => unclear("the invoice expired; it does not say whether the payment went through"),
            _ => unclear("its word for the state of the payment is not known"),
        }
    }

    /// What became of our invoice of `hash`; `None` if this is something else.
    pub(super) fn incoming(&self, hash: &PaymentHash, now: UnixMillis) -> Option<Incoming> {
        if self.direction != Direction::In || self.hash != *hash {
            return None;
        }
        if self.is_settled() {
            return self.amount.map(Incoming::Paid);
        }
        let is_past = self.expires_at_s.is_some_and(|at| at.saturating_mul(1_000) <= now.0);
        match self.state.as_str() {
            "expired" | "failed" => Some(Incoming::Expired),
            "accepted" => Some(Incoming::Open),
            "" | "pending" => Some(if is_past { Incoming::Expired } else { Incoming::Open }),
            _ => None,
        }
    }

    /// For the history, if it is settled and, when ours, proven.
    pub(super) fn listed(&self) -> Option<Listed> {
        let preimage = self.preimage.filter(|preimage| preimage.proves(&self.hash));
        if !self.is_settled() || (self.direction == Direction::Out && preimage.is_none()) {
            return None;
        }
        Some(Listed {
            direction: self.direction,
            hash: self.hash,
            amount: self.amount?,
            fee: self.fee,
            settled_at: self.settled_at_s.map(|seconds| UnixMillis(seconds.saturating_mul(1_000))),
            preimage,
        })
    }

    /// Services may leave out the state; a stated one counts more than the time.
    fn is_settled(&self) -> bool {
        self.state == "settled" || (self.state.is_empty() && self.settled_at_s.is_some())
    }
}

/// The network of `get_info`: `Ok(None)` if it does not say.
///
/// # Errors
/// The word, if it is none that Kilosat knows.
pub(super) fn network(word: &str) -> Result<Option<Network>, String> {
    Ok(Some(match word {
        "" => return Ok(None),
        "mainnet" | "bitcoin" => Network::Bitcoin,
        "testnet" => Network::Testnet,
        "signet" => Network::Signet,
        "regtest" => Network::Regtest,
        other => return Err(crate::text::cleaned(other, 20)),
    }))
}

/// A string member, or nothing.
pub(super) fn text<'a>(document: &'a Document<'_>, pointer: &str) -> &'a str {
    document.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A whole number, read from its digits.
pub(super) fn number(document: &Document<'_>, pointer: &str) -> Option<u64> {
    whole_number(document.text_at(pointer)?)
}

/// Whether a tag has this name.
pub(super) fn names(tag: &[String], name: &str) -> bool {
    tag.first().is_some_and(|first| first == name)
}

/// What a service must offer besides its methods.
pub(super) const NIP44: &str = "the encryption nip44_v2";
const METHODS_MAX: usize = 64;
const HASH_IS_KNOWN: [&str; 2] =
    ["this invoice has already been paid", "there is already a payment pending for this invoice"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use bitcoin::hashes::{Hash as _, sha256};

    /// `Found` of a look-up for the hash of the preimage 0707..07; PROOF and HASH stand for the two.
    #[track_caller]
    fn case(members: &str, expected: &str) {
        let hash = PaymentHash(sha256::Hash::hash(&[7; 32]).to_byte_array());
        let members = members.replace("PROOF", &"07".repeat(32)).replace("HASH", &hash.to_string());
        let text = format!(r#"{{"result_type":"lookup_invoice","result":{{{members}}}}}"#);
        let answer = Answer::new(text);
        let document = answer.result("lookup_invoice").unwrap();
        let found = Transaction::read(&document, "/result").map(|transaction| transaction.outgoing(&hash));
        let shown = format!("{found:?}");
        assert!(shown.contains(expected), "{members}: {shown}");
    }

    #[test]
    fn only_a_settled_payment_with_its_proof_is_paid() {
        let out = |members: &str| format!(r#""type":"outgoing","payment_hash":"HASH",{members}"#);
        case(&out(r#""state":"settled","preimage":"PROOF","fees_paid":21"#), "Paid");
        case(&out(r#""settled_at":1700000000,"preimage":"PROOF""#), "Paid");
        case(&out(r#""state":"settled","preimage":"""#), "Unavailable");
        case(&out(r#""state":"settled""#), "Unavailable");
        case(
            &out(r#""state":"settled","preimage":"0000000000000000000000000000000000000000000000000000000000000000""#),
            "Unavailable",
        );
        case(&out(r#""state":"pending","preimage":"PROOF""#), "InFlight");
        case(&out(r#""state":"pending","settled_at":null"#), "InFlight");
        case(&out(r#""settled_at":null"#), "InFlight");
        case(&out(r#""settled_at":0"#), "InFlight");
        case(&out(r#""state":"failed","preimage":"""#), "Failed");
        case(&out(r#""state":"failed","preimage":"PROOF""#), "Unavailable");
        case(&out(r#""state":"expired""#), "Unavailable");
        case(&out(r#""state":"something new""#), "Unavailable");
        case(r#""type":"incoming","payment_hash":"HASH","state":"settled","preimage":"PROOF""#, "Unavailable");
        case(r#""type":"incoming","payment_hash":"HASH","state":"failed""#, "Unavailable");
        let other = "22".repeat(32);
        case(&format!(r#""type":"outgoing","payment_hash":"{other}","state":"failed""#), "Unavailable");
        case(r#""type":"outgoing","state":"failed""#, "None");
        case(r#""payment_hash":"HASH","state":"failed""#, "None");
    }

    #[test]
    fn an_answer_to_another_question_is_no_refusal() {
        for (text, code) in [
            (r#"{"result_type":"pay_invoice","error":{"code":"RESTRICTED","message":"no"}}"#, "RESTRICTED"),
            (r#"{"error":{"code":"RESTRICTED","message":"no"}}"#, "RESTRICTED"),
            (r#"{"result_type":"get_info","error":{"code":"RESTRICTED","message":"no"}}"#, ""),
            (r#"{"result_type":"pay_invoice","error":{"message":"no"}}"#, ""),
            (r#"{"result_type":"pay_invoice","error":"RESTRICTED"}"#, ""),
            (r#"{"result_type":"pay_invoice","error":null,"result":[]}"#, ""),
            (r#"{"result":{"preimage":""}}"#, ""),
            ("[]", ""),
            ("", ""),
        ] {
            let refusal = Answer::new(text.to_owned()).result("pay_invoice").err().unwrap();
            assert_eq!(refusal.code, code, "{text}");
            assert_eq!(refusal.sorted().1, code == "RESTRICTED", "{text}");
        }
    }
}
