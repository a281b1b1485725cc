//! What LNbits' answers mean. Amounts come in msat with a sign, negative for outgoing; requests are in sat.

use serde_json::Value;

use super::super::answers::{Balance, Direction, Incoming, Info, Listed, expiry_of, failed_before_expiry};
use super::super::trouble::{ServiceFault, Trouble};
use super::KIND;
use super::refusal::Refusal;
use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::HttpAnswer;
use crate::json::{Document, whole_number};
use crate::keys::Secret;

/// What a key opens.
pub(in crate::lightning) struct Wallet {
    /// Shown to the admin key only.
    pub id: Option<String>,
    pub name: String,
    pub balance: Msat,
}

/// One payment or invoice as LNbits keeps it.
pub(in crate::lightning) struct Row {
    pub wallet_id: String,
    pub hash: PaymentHash,
    pub is_outgoing: bool,
    pub amount: Msat,
    pub fee: Option<Msat>,
    pub(in crate::lightning) state: State,
    pub changed_at: Option<UnixMillis>,
    bolt11: String,
    preimage: Option<Preimage>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::lightning) enum State {
    Pending,
    Success,
    Failed,
}

impl Wallet {
    /// LNbits does not say on which network it is; each invoice it makes is checked for that.
    pub(in crate::lightning) fn info(self) -> Info {
        Info { node_id: self.id.unwrap_or_default(), alias: self.name, ..Info::default() }
    }

    pub(in crate::lightning) fn balance(self) -> Balance {
        Balance {
            node_id: self.id.unwrap_or_default(),
            balance_msat: self.balance.0,
            spendable_msat: spendable(self.balance).0,
            ..Balance::default()
        }
    }
}

impl Row {
    fn read(document: &Document<'_>) -> Option<Row> {
        let text = |pointer| document.value.pointer(pointer).and_then(Value::as_str);
        let (is_outgoing, amount) = signed(document.text_at("/amount")?)?;
        let state = match text("/status")? {
            "pending" => State::Pending,
            "success" => State::Success,
            "failed" => State::Failed,
            _ => return None,
        };
        Some(Row {
            wallet_id: text("/wallet_id").filter(|id| !id.is_empty())?.to_owned(),
            hash: PaymentHash(hex32(text("/payment_hash")?)?),
            is_outgoing,
            amount,
            fee: document.text_at("/fee").and_then(signed).map(|(_, fee)| fee),
            state,
            changed_at: text("/updated_at").and_then(instant),
            bolt11: text("/bolt11").unwrap_or_default().to_owned(),
            preimage: text("/preimage").and_then(hex32).map(Preimage),
        })
    }

    /// The row, if it is the one asked for: of this hash, and of the wallet `own_id` where that is known.
    pub(in crate::lightning) fn checked(self, hash: &PaymentHash, own_id: Option<&str>) -> Result<Row, ServiceFault> {
        if self.hash != *hash || own_id.is_some_and(|own_id| own_id != self.wallet_id) {
            return Err(unclear("it answered with the payment of another wallet or another invoice"));
        }
        Ok(self)
    }

    pub(in crate::lightning) fn incoming(&self) -> Result<Incoming, ServiceFault> {
        if self.is_outgoing {
            return Err(unclear("this hash is known as a payment of the wallet, not as an invoice"));
        }
        Ok(match self.state {
            State::Pending => Incoming::Open,
            State::Success => Incoming::Paid(self.amount),
            State::Failed => Incoming::Expired,
        })
    }

    pub(in crate::lightning) fn listed(&self) -> Listed {
        Listed {
            direction: if self.is_outgoing { Direction::Out } else { Direction::In },
            hash: self.hash,
            amount: self.amount,
            fee: self.fee,
            settled_at: self.changed_at,
            preimage: self.preimage.filter(|preimage| preimage.proves(&self.hash)),
        }
    }

    fn proof(&self, hash: &PaymentHash) -> Option<Preimage> {
        self.preimage.filter(|preimage| preimage.proves(hash))
    }
}

/// What an answer to a pay call has led to.
pub(in crate::lightning) async fn pay_outcome(
    answer: &HttpAnswer,
    hash: &PaymentHash,
    own_id: &str,
    look_up: impl Future<Output = Found>,
) -> PayOutcome {
    if is_success(answer) { paid(answer, hash, own_id) } else { Refusal::read(answer).outcome(look_up).await }
}

/// What a pay call that LNbits accepted has led to; 201 says nothing about that.
fn paid(answer: &HttpAnswer, hash: &PaymentHash, own_id: &str) -> PayOutcome {
    let unknown = |why: &str| PayOutcome::Unknown(unclear(why).to_string());
    let Some(row) = Document::unambiguous(&answer.body).ok().and_then(|document| Row::read(&document)) else {
        return unknown("it answered something that is no payment");
    };
    if row.wallet_id != own_id || !row.is_outgoing || row.hash != *hash {
        return unknown("it answered with the payment of somebody else");
    }
    match (row.state, row.proof(hash)) {
        (State::Success, Some(preimage)) => PayOutcome::Paid { preimage, fee: row.fee },
        (State::Success, None) => unknown("it says that this is paid and does not prove it"),
        (State::Pending, _) => PayOutcome::InFlight,
        // An earlier failure is shown again while the node behind LNbits is not sure.
        (State::Failed, _) => unknown("it says that an earlier attempt failed"),
    }
}

/// What an answer to a look-up by a key of the wallet `own_id` says of an outgoing payment.
pub(in crate::lightning) fn looked_up(answer: &HttpAnswer, hash: &PaymentHash, own_id: &str, now: UnixMillis) -> Found {
    if says_no_such_payment(answer) {
        return Found::NotFound;
    }
    let row = row(answer).and_then(|row| row.checked(hash, Some(own_id)));
    row.map_or_else(|fault| Found::Unavailable(fault.to_string()), |row| found(&row, hash, now))
}

/// What a row of this wallet says of an outgoing payment. LNbits never looks a failed one up again, and calls it so, too,
/// when the service behind it only saw that the invoice expired.
pub(super) fn found(row: &Row, hash: &PaymentHash, now: UnixMillis) -> Found {
    let unavailable = |why: &str| Found::Unavailable(unclear(why).to_string());
    if !row.is_outgoing {
        return unavailable("it knows this hash only as an invoice of the wallet itself");
    }
    match (row.state, row.proof(hash)) {
        (State::Success, Some(preimage)) => Found::Outcome(PayOutcome::Paid { preimage, fee: row.fee }),
        (State::Success, None) => unavailable("it says that this is paid and does not prove it"),
        (State::Pending, _) => Found::Outcome(PayOutcome::InFlight),
        (State::Failed, _) if !failed_before_expiry(row.changed_at.unwrap_or(now), expiry_of(&row.bolt11, hash)) => {
            unavailable("the payment failed, but perhaps only because its invoice expired")
        }
        (State::Failed, _) => {
            let fault = ServiceFault::with(KIND, Trouble::Recipient, "the payment failed");
            Found::Outcome(PayOutcome::Failed(fault.to_string()))
        }
    }
}

/// The row in an answer to a look-up. A wrong key is no error there: LNbits then leaves `details` out.
pub(in crate::lightning) fn row(answer: &HttpAnswer) -> Result<Row, ServiceFault> {
    if answer.status != 200 {
        return Err(fault(answer));
    }
    let document = parsed(answer)?;
    let says_paid = document.value.get("paid").and_then(Value::as_bool);
    let says_paid = says_paid.ok_or_else(|| unclear("it answered something that is no look-up"))?;
    let Some(details) = document.text_at("/details").filter(|details| *details != "null") else {
        return Err(ServiceFault::with(KIND, Trouble::Credential, "the answer is the one for strangers"));
    };
    let row = inner(details)?;
    if says_paid != (row.state == State::Success) {
        return Err(unclear("it contradicts itself about this payment"));
    }
    Ok(row)
}

/// The rows of a list.
pub(in crate::lightning) fn rows(answer: &HttpAnswer) -> Result<Vec<Row>, ServiceFault> {
    if answer.status != 200 {
        return Err(fault(answer));
    }
    let document = parsed(answer)?;
    let items = document.items_at("").ok_or_else(|| unclear("it answered something that is no list"))?;
    items.into_iter().map(inner).collect()
}

/// The wallet that the key opens.
pub(in crate::lightning) fn wallet(answer: &HttpAnswer) -> Result<Wallet, ServiceFault> {
    if answer.status != 200 {
        return Err(fault(answer));
    }
    let document = parsed(answer)?;
    let text = |key: &str| document.value.get(key).and_then(Value::as_str).map(str::to_owned);
    let (is_negative, balance) = document
        .text_at("/balance")
        .and_then(signed)
        .ok_or_else(|| unclear("it answered something that is no wallet"))?;
    Ok(Wallet {
        id: text("id").filter(|id| !id.is_empty()),
        name: text("name").unwrap_or_default(),
        // A debt leaves nothing to spend.
        balance: if is_negative { Msat(0) } else { balance },
    })
}

/// The invoice key in an answer that shows the whole wallet; `None` if it is masked, or is no other key than `ours`.
pub(super) fn invoice_key_shown(answer: &HttpAnswer, ours: &str) -> Result<Option<Secret>, ServiceFault> {
    if answer.status == 429 || answer.status >= 500 {
        return Err(fault(answer));
    }
    let Ok(document) = parsed(answer) else { return Ok(None) };
    let key = document.value.get("inkey").and_then(Value::as_str).unwrap_or_default();
    let is_key = answer.status == 200 && !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok((is_key && key != ours).then(|| Secret::new(key)))
}

/// The invoice in an answer to the request for one.
pub(in crate::lightning) fn bolt11(answer: &HttpAnswer) -> Result<String, ServiceFault> {
    let document = parsed(answer)?;
    let bolt11 = document.value.get("bolt11").and_then(Value::as_str);
    bolt11.map(str::to_owned).ok_or_else(|| unclear("it made no invoice"))
}

/// What the server itself says it would reserve.
pub(in crate::lightning) fn told_fee_reserve(answer: &HttpAnswer) -> Result<Msat, ServiceFault> {
    if answer.status != 200 {
        return Err(fault(answer));
    }
    let reserve = parsed(answer)?.text_at("/fee_reserve").and_then(whole_number);
    reserve.map(Msat).ok_or_else(|| unclear("it does not say what a payment may cost"))
}

/// What a server with its original settings reserves for routing, and lets its node spend.
pub(super) fn fee_reserve(amount: Msat) -> Msat {
    Msat((amount.0 / RESERVE_PART).max(RESERVE_MIN_MSAT))
}

/// The largest amount that `balance` covers together with its reserve.
fn spendable(balance: Msat) -> Msat {
    let by_part = balance.0 - balance.0.div_ceil(RESERVE_PART + 1);
    Msat(by_part.min(balance.0.saturating_sub(RESERVE_MIN_MSAT)))
}

/// Whether LNbits answered that there is no such payment, in exactly its words.
pub(in crate::lightning) fn says_no_such_payment(answer: &HttpAnswer) -> bool {
    let exactly = serde_json::json!({ "detail": "Payment does not exist." });
    answer.status == 404 && parsed(answer).is_ok_and(|document| document.value == exactly)
}

pub(super) fn is_success(answer: &HttpAnswer) -> bool {
    matches!(answer.status, 200 | 201)
}

/// An answer that helps nobody, in the owner's words.
pub(super) fn fault(answer: &HttpAnswer) -> ServiceFault {
    let (detail, _) = told(answer);
    let trouble = match (answer.status, detail.as_str()) {
        (401, _) | (404, NO_WALLET) => Trouble::Credential,
        (403, INVOICE_KEY | NO_ADMIN_KEY) => Trouble::Permission,
        (408, _) => Trouble::TooSlow,
        (429, _) => Trouble::Busy,
        _ => Trouble::Unclear,
    };
    let said = if detail.is_empty() { format!("status {}", answer.status) } else { detail };
    ServiceFault::with(KIND, trouble, &said)
}

pub(super) fn unclear(why: &str) -> ServiceFault {
    ServiceFault::with(KIND, Trouble::Unclear, why)
}

pub(super) fn invoice_key() -> ServiceFault {
    ServiceFault::with(KIND, Trouble::Permission, "this is the invoice key; paying needs the admin key")
}

/// The error text and the word next to it; empty where there is none.
pub(super) fn told(answer: &HttpAnswer) -> (String, String) {
    let Ok(document) = Document::unambiguous(&answer.body) else {
        return (String::new(), String::new());
    };
    let text = |key: &str| document.value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("detail"), text("status"))
}

fn parsed(answer: &HttpAnswer) -> Result<Document<'_>, ServiceFault> {
    Document::unambiguous(&answer.body).map_err(|fault| unclear(&fault.to_string()))
}

fn inner(text: &str) -> Result<Row, ServiceFault> {
    let row = Document::unambiguous(text.as_bytes()).ok().and_then(|document| Row::read(&document));
    row.ok_or_else(|| unclear("a payment in its answer cannot be read"))
}

/// Whether a text of the wallet's websocket tells of money that came in; outgoing payments are told there too.
pub(super) fn is_hint(text: &str) -> bool {
    let Ok(document) = Document::parse(text.as_bytes()) else { return false };
    document.text_at("/payment/amount").and_then(signed).is_some_and(|(is_outgoing, _)| !is_outgoing)
}

/// A whole number with its sign: whether it is negative, and how large.
fn signed(text: &str) -> Option<(bool, Msat)> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    whole_number(digits).map(|number| (is_negative, Msat(number)))
}

fn instant(text: &str) -> Option<UnixMillis> {
    let at: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(at.as_millisecond()).ok().map(UnixMillis)
}

pub(super) const NO_WALLET: &str = "Wallet not found.";
pub(super) const NO_ADMIN_KEY: &str = "Invalid adminkey.";
pub(super) const INVOICE_KEY: &str = "Invoice (or Admin) key required.";
const RESERVE_MIN_MSAT: u64 = 2_000;
/// One hundredth.
const RESERVE_PART: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn covers(balance: u64, expected: u64) {
        let amount = spendable(Msat(balance));
        assert_eq!(amount, Msat(expected));
        assert!(amount.0 == 0 || amount.0 + fee_reserve(amount).0 <= balance);
        let more = Msat(amount.0 + 1_000);
        assert!(more.0 + fee_reserve(more).0 > balance, "a satoshi more would be covered too");
    }

    #[test]
    fn what_can_be_spent_leaves_the_reserve() {
        covers(0, 0);
        covers(1_999, 0);
        covers(2_000, 0);
        covers(2_001, 1);
        covers(202_000, 200_000);
        covers(100_000_000, 99_009_900);
    }

    #[test]
    fn numbers_keep_their_sign_and_lose_no_digit() {
        for (text, expected) in [
            ("-21000", Some((true, Msat(21_000)))),
            ("21000", Some((false, Msat(21_000)))),
            ("0", Some((false, Msat(0)))),
            ("-0.5", None),
            ("--1", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            assert_eq!(signed(text), expected, "{text}");
        }
    }
}
