//! What phoenixd's answers mean.
//!
//! Source: `lightning-backends`, section 1; the reasons are the final failures of lightning-kmp.

use std::borrow::Cow;

use bitcoin::Network;
use bitcoin::hashes::Hash as _;
use lightning_invoice::Bolt11Invoice;
use serde_json::Value;

use super::KIND;
use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::money::{MSAT_PER_SAT, Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::HttpAnswer;
use crate::json::{Document, whole_number};
use crate::lightning::answers::{Direction, Incoming, Info, Listed};
use crate::lightning::trouble::{ServiceFault, Trouble};

/// What `getinfo` says.
pub(in crate::lightning) struct Node {
    pub(in crate::lightning) info: Info,
    /// Its word for the network.
    pub(super) chain: String,
    /// Those that are not closing or closed.
    pub(super) channels: usize,
    pub(super) channels_usable: usize,
    pub(super) receivable: Msat,
}

/// One page of the history.
pub(in crate::lightning) struct Page {
    /// All on it, also those that are not Lightning payments.
    pub(super) records: usize,
    pub(in crate::lightning) settled: Vec<Listed>,
}

/// What phoenixd takes for a payment: it has one trampoline fee, 4 sat and 0.4 %.
pub(in crate::lightning) fn predicted_fee(amount: Msat) -> Msat {
    Msat(FEE_BASE.0.saturating_add(amount.parts_per_million(FEE_PPM).0))
}

/// Hash and amount of an invoice that names an amount.
pub(super) fn due(bolt11: &str) -> Option<(PaymentHash, Msat)> {
    let invoice: Bolt11Invoice = bolt11.parse().ok()?;
    let amount = invoice.amount_milli_satoshis().filter(|amount| *amount > 0)?;
    Some((PaymentHash(invoice.payment_hash().to_byte_array()), Msat(amount)))
}

/// At most 128 characters, which phoenixd counts in UTF-16.
pub(super) fn description(text: &str) -> String {
    let mut units = 0;
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= DESCRIPTION_UNITS_MAX
    };
    text.chars().take_while(fits).collect()
}

/// What an answer to a pay call means.
pub(in crate::lightning) fn pay_outcome(
    answer: &HttpAnswer,
    expected: Option<&PaymentHash>,
    predicted: Msat,
) -> PayOutcome {
    match answer.status {
        200 => paid(&answer.body, expected, predicted),
        401 if is_bad_password(answer) => PayOutcome::NotSent(refused(answer).to_string()),
        400 if is_bad_parameter(answer) => {
            PayOutcome::NotSent(ServiceFault::with(KIND, Trouble::Invoice, &said(answer)).to_string())
        }
        404 if is_unknown_endpoint(answer) => PayOutcome::NotSent(refused(answer).to_string()),
        _ => PayOutcome::Unknown(refused(answer).to_string()),
    }
}

/// What an answer to a look-up of an outgoing payment means.
pub(in crate::lightning) fn found(answer: &HttpAnswer, hash: &PaymentHash) -> Found {
    match answer.status {
        200 => outgoing(&answer.body, hash),
        _ if is_not_found(answer) => Found::NotFound,
        _ => Found::Unavailable(refused(answer).to_string()),
    }
}

/// The answer with status 200 to a pay call. A failure has that status too, and "already" is among the failures.
fn paid(body: &[u8], expected: Option<&PaymentHash>, predicted: Msat) -> PayOutcome {
    let unknown = |what: &str| PayOutcome::Unknown(unclear(what).to_string());
    let Ok(document) = Document::unambiguous(body) else { return unknown("no JSON") };
    let hash = hash_at(&document, "/paymentHash").map(PaymentHash);
    if expected.is_some() && hash.as_ref() != expected {
        return unknown("no answer about this payment");
    }
    match (document.value.get("reason"), document.value.get("paymentPreimage")) {
        (Some(Value::String(reason)), None) => failure(reason),
        (None, Some(_)) => match (hash, hash_at(&document, "/paymentPreimage").map(Preimage)) {
            (Some(hash), Some(preimage)) if preimage.proves(&hash) => {
                PayOutcome::Paid { preimage, fee: fee_of(&document, predicted) }
            }
            _ => unknown("a proof that proves nothing"),
        },
        _ => unknown("neither success nor failure"),
    }
}

/// The record of an outgoing payment.
fn outgoing(body: &[u8], hash: &PaymentHash) -> Found {
    let unavailable = |what: &str| Found::Unavailable(unclear(what).to_string());
    let Ok(document) = Document::unambiguous(body) else { return unavailable("no JSON") };
    if !is_record(&document, "outgoing_payment") || hash_at(&document, "/paymentHash") != Some(hash.0) {
        return unavailable("no answer about this payment");
    }
    let is_absent = |name: &str| document.value.get(name).is_none_or(Value::is_null);
    match document.value.get("isPaid").and_then(Value::as_bool) {
        Some(true) => match hash_at(&document, "/preimage").map(Preimage).filter(|preimage| preimage.proves(hash)) {
            Some(preimage) => {
                Found::Outcome(PayOutcome::Paid { preimage, fee: number_at(&document, "/fees").map(Msat) })
            }
            None => unavailable("a proof that proves nothing"),
        },
        Some(false) if !is_absent("preimage") => unavailable("a proof of something unpaid"),
        Some(false) if is_absent("completedAt") => Found::Outcome(PayOutcome::InFlight),
        Some(false) if number_at(&document, "/completedAt").is_some() => {
            Found::Outcome(PayOutcome::Failed(ServiceFault::new(KIND, Trouble::Recipient).to_string()))
        }
        _ => unavailable("no state of the payment"),
    }
}

/// What an answer to a look-up of an invoice of ours means.
pub(in crate::lightning) fn looked_up_incoming(
    answer: &HttpAnswer,
    hash: &PaymentHash,
) -> Result<Incoming, ServiceFault> {
    if is_not_found(answer) {
        return Ok(Incoming::NotFound);
    }
    incoming(accepted(answer)?, hash).ok_or_else(|| unclear("no state of the invoice"))
}

/// The body of an answer that says yes.
pub(in crate::lightning) fn accepted(answer: &HttpAnswer) -> Result<&[u8], ServiceFault> {
    if answer.status == 200 { Ok(&answer.body) } else { Err(refused(answer)) }
}

/// The record of an invoice of ours. Its preimage shows before it is paid and means nothing.
fn incoming(body: &[u8], hash: &PaymentHash) -> Option<Incoming> {
    let document = Document::unambiguous(body).ok()?;
    if !is_record(&document, "incoming_payment") || hash_at(&document, "/paymentHash")? != hash.0 {
        return None;
    }
    let flag = |name: &str| document.value.get(name).and_then(Value::as_bool);
    Some(match (flag("isPaid")?, flag("isExpired")?) {
        (true, _) => Incoming::Paid(sat_at(&document, "/receivedSat")?),
        (false, true) => Incoming::Expired,
        (false, false) => Incoming::Open,
    })
}

/// The string and the hash of a new invoice.
pub(in crate::lightning) fn created(body: &[u8]) -> Option<(String, PaymentHash)> {
    let document = Document::unambiguous(body).ok()?;
    let bolt11 = document.value.get("serialized")?.as_str()?.to_owned();
    Some((bolt11, PaymentHash(hash_at(&document, "/paymentHash")?)))
}

/// What `getbalance` says; `feeCreditSat` can only pay phoenixd's own fees.
pub(in crate::lightning) fn balance(body: &[u8]) -> Option<Msat> {
    sat_at(&Document::unambiguous(body).ok()?, "/balanceSat")
}

/// What `getinfo` says. Channels that are not connected show no amounts.
pub(in crate::lightning) fn node(body: &[u8]) -> Option<Node> {
    let document = Document::unambiguous(body).ok()?;
    let text = |name: &str| document.value.get(name).and_then(Value::as_str).map(shown);
    let chain = text("chain")?;
    let info = Info {
        node_id: text("nodeId")?,
        alias: String::new(),
        network: network(&chain),
        block_height: number_at(&document, "/blockHeight").and_then(|height| u32::try_from(height).ok()),
        version: text("version").unwrap_or_default(),
    };
    let mut node = Node { info, chain, channels: 0, channels_usable: 0, receivable: Msat::ZERO };
    for (place, channel) in document.value.get("channels")?.as_array()?.iter().enumerate() {
        let state = channel.get("state")?.as_str()?.to_ascii_lowercase();
        if CLOSED.contains(&state.as_str()) {
            continue;
        }
        node.channels += 1;
        if state == "normal" {
            node.channels_usable += 1;
            let inbound = sat_at(&document, &format!("/channels/{place}/inboundLiquiditySat"));
            node.receivable = node.receivable.checked_add(inbound.unwrap_or(Msat::ZERO))?;
        }
    }
    Some(node)
}

/// One page of the history; `None` if a settled payment on it cannot be read.
pub(in crate::lightning) fn page(direction: Direction, body: &[u8]) -> Option<Page> {
    let document = Document::unambiguous(body).ok()?;
    let records = document.items_at("")?;
    let mut settled = Vec::new();
    for record in &records {
        let record = Document::unambiguous(record.as_bytes()).ok()?;
        let is_paid = record.value.get("isPaid")?.as_bool()?;
        let is_lightning = record.value.get("paymentHash").is_some_and(Value::is_string);
        if is_paid && is_lightning {
            settled.push(listed(direction, &record)?);
        }
    }
    Some(Page { records: records.len(), settled })
}

fn listed(direction: Direction, record: &Document<'_>) -> Option<Listed> {
    let hash = PaymentHash(hash_at(record, "/paymentHash")?);
    let (amount, fee) = match direction {
        Direction::In => (sat_at(record, "/receivedSat")?, None),
        Direction::Out => {
            let fee = Msat(number_at(record, "/fees")?);
            (sent_amount(record, &hash, fee)?, Some(fee))
        }
    };
    Some(Listed {
        direction,
        hash,
        amount,
        fee,
        settled_at: number_at(record, "/completedAt").map(UnixMillis),
        preimage: hash_at(record, "/preimage").map(Preimage).filter(|preimage| preimage.proves(&hash)),
    })
}

/// What the recipient got. `sent` includes the fee and is cut to whole satoshis, so the invoice knows better; without
/// one the amount was given in whole satoshis, of which only one fits.
fn sent_amount(record: &Document<'_>, hash: &PaymentHash, fee: Msat) -> Option<Msat> {
    let invoice = record.value.get("invoice").and_then(Value::as_str).and_then(due);
    if let Some((_, amount)) = invoice.filter(|(billed, _)| billed == hash) {
        return Some(amount);
    }
    let sat = sat_at(record, "/sent")?.0.saturating_sub(fee.0).div_ceil(MSAT_PER_SAT);
    sat.checked_mul(MSAT_PER_SAT).map(Msat)
}

/// Whether a text of its websocket tells of money.
pub(super) fn is_hint(text: &str) -> bool {
    Document::parse(text.as_bytes()).is_ok_and(|document| document.value["type"] == "payment_received")
}

/// What phoenixd means by a reason. Only known words are a verdict; all others are looked up.
fn failure(reason: &str) -> PayOutcome {
    if ALREADY.contains(&reason) {
        return PayOutcome::AlreadyKnown;
    }
    let verdict = REASONS.iter().find(|(known, ..)| *known == reason);
    let said = |trouble: &Trouble| ServiceFault::with(KIND, trouble.clone(), reason).to_string();
    match verdict {
        Some((_, Was::Refused, trouble)) => PayOutcome::NotSent(said(trouble)),
        Some((_, Was::Tried, trouble)) => PayOutcome::Failed(said(trouble)),
        None => PayOutcome::Unknown(said(&Trouble::Unclear)),
    }
}

/// `routingFeeSat` is cut to whole satoshis; where the prediction agrees with it, the prediction is exact.
fn fee_of(document: &Document<'_>, predicted: Msat) -> Option<Msat> {
    let told = sat_at(document, "/routingFeeSat")?;
    Some(if predicted.whole_sats() == told { predicted } else { told })
}

/// What an answer other than 200 means.
pub(super) fn refused(answer: &HttpAnswer) -> ServiceFault {
    let trouble = match answer.status {
        401 => Trouble::Credential,
        404 if is_unknown_endpoint(answer) => Trouble::Unsupported("this call; version 0.5.0 and newer ones do"),
        408 | 504 => Trouble::TooSlow,
        429 => Trouble::Busy,
        502 | 503 => Trouble::NotReady,
        _ => Trouble::Unclear,
    };
    ServiceFault::with(KIND, trouble, &said(answer))
}

/// The one 404 that says "no such payment". Another version, path or proxy says it in other words.
fn is_not_found(answer: &HttpAnswer) -> bool {
    answer.status == 404 && answer.body == b"Not found"
}

/// The 404 of a version or path that does not have this call.
pub(super) fn is_unknown_endpoint(answer: &HttpAnswer) -> bool {
    answer.status == 404 && answer.body.starts_with(b"Unknown endpoint")
}

/// The 400 of a field that cannot be read, given before anything is done.
pub(super) fn is_bad_parameter(answer: &HttpAnswer) -> bool {
    answer.status == 400 && answer.body.starts_with(b"Request parameter ")
}

/// The 401 of phoenixd itself, which judges the password before anything else. That of a proxy says nothing.
pub(super) fn is_bad_password(answer: &HttpAnswer) -> bool {
    answer.status == 401 && answer.body.starts_with(b"Invalid authentication")
}

/// The words of an answer.
pub(super) fn said(answer: &HttpAnswer) -> Cow<'_, str> {
    String::from_utf8_lossy(&answer.body)
}

/// An answer that makes no sense; `what` came instead of the thing asked for.
pub(super) fn unclear(what: &str) -> ServiceFault {
    ServiceFault::with(KIND, Trouble::Unclear, what)
}

fn is_record(document: &Document<'_>, kind: &str) -> bool {
    document.value.get("type").is_none_or(|found| found == kind)
}

fn hash_at(document: &Document<'_>, pointer: &str) -> Option<[u8; 32]> {
    hex32(document.value.pointer(pointer)?.as_str()?)
}

fn number_at(document: &Document<'_>, pointer: &str) -> Option<u64> {
    whole_number(document.text_at(pointer)?)
}

fn sat_at(document: &Document<'_>, pointer: &str) -> Option<Msat> {
    number_at(document, pointer)?.checked_mul(MSAT_PER_SAT).map(Msat)
}

fn shown(text: &str) -> String {
    crate::text::cleaned(text, SHOWN_CHARS_MAX)
}

fn network(chain: &str) -> Option<Network> {
    match chain {
        "mainnet" => Some(Network::Bitcoin),
        "testnet" | "testnet3" => Some(Network::Testnet),
        "testnet4" => Some(Network::Testnet4),
        "signet" => Some(Network::Signet),
        "regtest" => Some(Network::Regtest),
        _ => None,
    }
}

/// How far a payment came.
enum Was {
    /// Nothing was sent.
    Refused,
    /// An attempt was made and ended.
    Tried,
}

const FEE_BASE: Msat = Msat(4_000);
const FEE_PPM: u32 = 4_000;
const DESCRIPTION_UNITS_MAX: usize = 128;
const SHOWN_CHARS_MAX: usize = 80;
const CLOSED: [&str; 3] = ["closing", "closed", "aborted"];
const ALREADY: [&str; 2] = ["this invoice has already been paid", "another payment is in progress for that invoice"];
const REASONS: [(&str, Was, Trouble); 19] = [
    ("not enough funds in wallet to afford payment", Was::Refused, Trouble::Funds),
    ("channel is not connected yet, please retry when connected", Was::Refused, Trouble::NotReady),
    ("channel creation is in progress, please retry when ready", Was::Refused, Trouble::NotReady),
    (
        "channel closing is in progress, please retry when a new channel has been created",
        Was::Refused,
        Trouble::NotReady,
    ),
    ("payment amount must be positive", Was::Tried, Trouble::Invoice),
    ("payment request features not supported", Was::Tried, Trouble::Invoice),
    (
        "the recipient was offline or did not have enough liquidity to receive the payment",
        Was::Tried,
        Trouble::Recipient,
    ),
    ("the recipient rejected the payment", Was::Tried, Trouble::Recipient),
    ("recipient node rejected the payment", Was::Tried, Trouble::Recipient),
    ("recipient node is offline or unreachable", Was::Tried, Trouble::Recipient),
    ("liquidity issue at the recipient node", Was::Tried, Trouble::Recipient),
    ("payment attempts exhausted without success", Was::Tried, Trouble::NoRoute),
    ("a node in the route had a temporary failure", Was::Tried, Trouble::NoRoute),
    ("routing fees are insufficient", Was::Tried, Trouble::NoRoute),
    ("not enough funds", Was::Tried, Trouble::Funds),
    ("the payment amount is too large", Was::Tried, Trouble::NoRoute),
    ("the payment expiry is too far in the future", Was::Tried, Trouble::NoRoute),
    ("too many pending payments", Was::Tried, Trouble::Busy),
    ("a splicing operation is in progress", Was::Tried, Trouble::NotReady),
];
