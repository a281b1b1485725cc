//! What LND's answers mean.

use std::str::FromStr as _;

use bitcoin::Network;
use serde_json::Value;

use crate::domain::invoice::{PaymentHash, Preimage, hex32};
use crate::domain::l402::base64_decode;
use crate::domain::money::Msat;
use crate::engine::{Found, PayOutcome};
use crate::http::HttpAnswer;
use crate::json::{Document, whole_number};
use crate::lightning::answers::{Balance, Incoming, Info};
use crate::lightning::trouble::{ServiceFault, ServiceKind, Trouble};

/// A call that LND, or something in front of it, did not carry out.
#[derive(Debug)]
pub(in crate::lightning) struct Refusal {
    status: u16,
    /// LND's own number; something in front of it has none.
    code: Option<u64>,
    message: String,
}

impl Refusal {
    /// A refusal that came as a stream; a line end inside a text stays one, and makes it no JSON.
    pub(in crate::lightning) fn of_lines(status: u16, lines: &[Vec<u8>]) -> Refusal {
        Refusal::read(status, &lines.join(&b'\n'))
    }

    /// Streams wrap the error, other calls do not.
    pub(in crate::lightning) fn read(status: u16, body: &[u8]) -> Refusal {
        let value = document(body).unwrap_or_default();
        let error = if value["error"].is_object() { &value["error"] } else { &value };
        let message = text(error, "message").unwrap_or_default().to_owned();
        Refusal { status, code: number(error, "code"), message }
    }

    pub(in crate::lightning) fn fault(&self) -> ServiceFault {
        fault(self.trouble(), &self.message)
    }

    pub(in crate::lightning) fn pay_outcome(&self) -> PayOutcome {
        if self.code == Some(ALREADY_EXISTS) {
            return PayOutcome::AlreadyKnown;
        }
        if !self.is_before_dispatch() {
            return PayOutcome::Unknown(self.fault().to_string());
        }
        let trouble = self.trouble();
        let trouble = if trouble == Trouble::Unclear { Trouble::Invoice } else { trouble };
        PayOutcome::NotSent(fault(trouble, &self.message).to_string())
    }

    pub(in crate::lightning) fn found(&self) -> Found {
        if self.says_payment_unknown() { Found::NotFound } else { Found::Unavailable(self.fault().to_string()) }
    }

    fn says_payment_unknown(&self) -> bool {
        self.status == 404 && self.code == Some(NOT_FOUND) && self.message == "payment isn't initiated"
    }

    fn says_invoice_unknown(&self) -> bool {
        let told = ["unable to locate invoice", "there are no existing invoices"];
        self.code.is_some() && told.iter().any(|words| self.message.contains(words))
    }

    /// Whether LND itself answered; only then its answer says something about the macaroon.
    pub(super) fn is_from_lnd(&self) -> bool {
        self.code.is_some()
    }

    pub(super) fn trouble(&self) -> Trouble {
        let says = |words: &[&str]| self.is_from_lnd() && words.iter().any(|part| self.message.starts_with(part));
        match (self.status, self.code) {
            _ if says(&NOT_READY) => Trouble::NotReady,
            _ if says(&BAD_MACAROON) => Trouble::Credential,
            _ if says(&NOT_ALLOWED) => Trouble::Permission,
            _ if says(&BAD_INVOICE) => Trouble::Invoice,
            (401, _) | (_, Some(16)) => Trouble::Credential,
            // A status of 403 alone is the word of whatever stands in front of LND.
            (_, Some(7)) => Trouble::Permission,
            (429, _) => Trouble::Busy,
            (408 | 504, _) => Trouble::TooSlow,
            _ => Trouble::Unclear,
        }
    }

    /// Refusals from before anything was tried: by number, or by these very words, which LND sends with number 2.
    fn is_before_dispatch(&self) -> bool {
        let told = || [&NOT_READY[..], &BAD_MACAROON, &NOT_ALLOWED, &BAD_INVOICE].concat();
        match (self.status, self.code) {
            (400, Some(3)) | (403, Some(7)) | (401, Some(16)) => true,
            (404 | 500, Some(UNKNOWN)) => told().iter().any(|part| self.message.starts_with(part)),
            _ => false,
        }
    }
}

/// The answer to a call that is no stream, or LND's refusal.
pub(in crate::lightning) fn answered(answer: &HttpAnswer) -> Result<Result<Value, Refusal>, ServiceFault> {
    if answer.status != 200 {
        return Ok(Err(Refusal::read(answer.status, &answer.body)));
    }
    document(&answer.body).map(Ok)
}

/// How a pay call ended, if this line of its stream says so.
pub(in crate::lightning) fn ending(line: Result<Vec<u8>, ServiceFault>, hash: &PaymentHash) -> Option<PayOutcome> {
    match line.and_then(|line| update(&line, hash)) {
        Ok(PayOutcome::InFlight) => None,
        Ok(outcome) => Some(outcome),
        Err(fault) => Some(PayOutcome::Unknown(fault.to_string())),
    }
}

/// What a look-up found whose status is 200: the first line of its stream is the present state.
pub(in crate::lightning) fn found(line: Result<Vec<u8>, ServiceFault>, hash: &PaymentHash) -> Found {
    match line.and_then(|line| update(&line, hash)) {
        Ok(outcome) => Found::Outcome(outcome),
        Err(fault) => Found::Unavailable(fault.to_string()),
    }
}

/// One line of a payment's stream: `Paid` and `Failed` are final, anything that is not clearly of `hash` is a fault.
fn update(line: &[u8], hash: &PaymentHash) -> Result<PayOutcome, ServiceFault> {
    let value = document(line)?;
    let payment = &value["result"];
    let unclear = |detail| Err(fault(Trouble::Unclear, detail));
    if text(payment, "payment_hash").and_then(hex32) != Some(hash.0) {
        return unclear("it does not speak of this payment");
    }
    match text(payment, "status") {
        Some("SUCCEEDED") => match text(payment, "payment_preimage").and_then(hex32).map(Preimage) {
            Some(preimage) if preimage.proves(hash) => {
                Ok(PayOutcome::Paid { preimage, fee: number(payment, "fee_msat").map(Msat) })
            }
            _ => unclear("it says paid without the proof"),
        },
        Some("FAILED") if has_parts_under_way(payment) => Ok(PayOutcome::InFlight),
        Some("FAILED") => Ok(PayOutcome::Failed(failure(text(payment, "failure_reason").unwrap_or_default()))),
        Some("IN_FLIGHT" | "INITIATED") => Ok(PayOutcome::InFlight),
        _ => unclear("it names no state that Kilosat knows"),
    }
}

/// LND promises that a failed payment has none; should one be there all the same, it can still be paid.
fn has_parts_under_way(payment: &Value) -> bool {
    let parts = payment["htlcs"].as_array();
    parts.is_some_and(|parts| parts.iter().any(|part| text(part, "status") == Some("IN_FLIGHT")))
}

fn failure(reason: &str) -> String {
    let (trouble, said) = match reason {
        "FAILURE_REASON_INSUFFICIENT_BALANCE" => (Trouble::Funds, ""),
        "FAILURE_REASON_NO_ROUTE" => (Trouble::NoRoute, ""),
        "FAILURE_REASON_TIMEOUT" => (Trouble::NoRoute, "its time was up"),
        "FAILURE_REASON_INCORRECT_PAYMENT_DETAILS" => (Trouble::Recipient, "the recipient does not know this payment"),
        "FAILURE_REASON_CANCELED" => (Trouble::Recipient, "somebody canceled it there"),
        _ => (Trouble::Recipient, "it gives no reason"),
    };
    fault(trouble, said).to_string()
}

pub(in crate::lightning) fn info(node: &Value, expected: Network) -> Result<Info, ServiceFault> {
    let node_id = text(node, "identity_pubkey").filter(|id| !id.is_empty());
    let node_id = node_id.ok_or_else(|| fault(Trouble::Unclear, "it does not say who it is"))?;
    let named = node["chains"].get(0).and_then(|chain| text(chain, "network"));
    let network = named.map(network_named);
    if let (Some(name), Some(network)) = (named, network)
        && network != Some(expected)
    {
        let found = crate::text::cleaned(name, NETWORK_CHARS_MAX);
        return Err(ServiceFault::new(ServiceKind::Lnd, Trouble::Network { found, expected }));
    }
    if node["synced_to_chain"] == Value::Bool(false) {
        return Err(fault(Trouble::NotReady, "it is not synced to the chain"));
    }
    Ok(Info {
        node_id: node_id.to_owned(),
        alias: text(node, "alias").unwrap_or_default().to_owned(),
        network: network.flatten(),
        block_height: number(node, "block_height").and_then(|height| height.try_into().ok()),
        version: text(node, "version").unwrap_or_default().to_owned(),
    })
}

/// What each side of a channel must keep is not told here; it is a hundredth of the channel as a rule.
pub(in crate::lightning) fn balance(channels: &Value, node: &Value, info: Info) -> Result<Balance, ServiceFault> {
    let side = |name: &str| number(&channels[name], "msat");
    let local = side("local_balance").ok_or_else(|| fault(Trouble::Unclear, "it does not say how much it has"))?;
    let remote = side("remote_balance").unwrap_or(0);
    let kept = local.saturating_add(remote) / RESERVE_DIVISOR;
    let count = |name| number(node, name).and_then(|count| usize::try_from(count).ok());
    let usable = count("num_active_channels");
    Ok(Balance {
        node_id: info.node_id,
        balance_msat: local,
        spendable_msat: local.saturating_sub(kept),
        receivable_msat: remote.saturating_sub(kept),
        channels: usable.and_then(|usable| usable.checked_add(count("num_inactive_channels")?)),
        channels_usable: usable,
        block_height: info.block_height.unwrap_or(0),
    })
}

/// What became of an invoice, or what LND says of one it does not know.
pub(in crate::lightning) fn looked_up_incoming(
    answer: Result<Value, Refusal>,
    hash: &PaymentHash,
) -> Result<Incoming, ServiceFault> {
    match answer {
        Ok(invoice) => incoming(&invoice, hash),
        Err(refusal) if refusal.says_invoice_unknown() => Ok(Incoming::NotFound),
        Err(refusal) => Err(refusal.fault()),
    }
}

fn incoming(invoice: &Value, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
    let unclear = |detail| Err(fault(Trouble::Unclear, detail));
    if bytes32(invoice, "r_hash") != Some(hash.0) {
        return unclear("it does not speak of this invoice");
    }
    match (text(invoice, "state"), number(invoice, "amt_paid_msat")) {
        (Some("OPEN" | "ACCEPTED"), _) => Ok(Incoming::Open),
        (Some("SETTLED"), Some(amount)) => Ok(Incoming::Paid(Msat(amount))),
        (Some("CANCELED"), _) => Ok(Incoming::Expired),
        _ => unclear("it does not say what became of the invoice"),
    }
}

pub(in crate::lightning) fn address(made: &Value, network: Network) -> Result<String, ServiceFault> {
    let address = text(made, "address").and_then(|address| bitcoin::Address::from_str(address).ok());
    let address = address.and_then(|address| address.require_network(network).ok());
    address
        .map(|address| address.to_string())
        .ok_or_else(|| fault(Trouble::Unclear, "it gave no address of this network"))
}

pub(in crate::lightning) fn fault(trouble: Trouble, said: &str) -> ServiceFault {
    ServiceFault::with(ServiceKind::Lnd, trouble, said)
}

pub(in crate::lightning) fn document(body: &[u8]) -> Result<Value, ServiceFault> {
    Document::unambiguous(body)
        .map(|document| document.value)
        .map_err(|error| fault(Trouble::Unclear, &error.to_string()))
}

pub(in crate::lightning) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

/// LND writes 64-bit numbers as text and smaller ones as numbers.
pub(super) fn number(value: &Value, name: &str) -> Option<u64> {
    let found = value.get(name)?;
    found.as_u64().or_else(|| whole_number(found.as_str()?))
}

pub(super) fn bytes32(value: &Value, name: &str) -> Option<[u8; 32]> {
    base64_decode(text(value, name)?)?.try_into().ok()
}

fn network_named(name: &str) -> Option<Network> {
    match name {
        "mainnet" => Some(Network::Bitcoin),
        "testnet" | "testnet3" => Some(Network::Testnet),
        "testnet4" => Some(Network::Testnet4),
        "signet" => Some(Network::Signet),
        "regtest" => Some(Network::Regtest),
        _ => None,
    }
}

/// A payment with more updates does not end.
pub(in crate::lightning) const UPDATES_MAX: usize = 1_000;
/// More lines of a refusal are not read.
pub(in crate::lightning) const REFUSAL_LINES_MAX: usize = 16;
const UNKNOWN: u64 = 2;
const NOT_FOUND: u64 = 5;
const ALREADY_EXISTS: u64 = 6;
/// The gate in front of every call, while the wallet is locked or LND starts.
const NOT_READY: [&str; 4] = [
    "wallet locked, unlock it to enable full RPC access",
    "wallet not created, create one to enable full RPC access",
    "the RPC server is in the process of starting up",
    "waiting to start, RPC services not available",
];
/// The gate in front of every call, for a macaroon that is not one of this LND, or has expired.
const BAD_MACAROON: [&str; 5] = [
    "verification failed: ",
    "cannot get macaroon: ",
    "expected 1 macaroon, got ",
    "unknown macaroon version",
    "caveat \"",
];
const NOT_ALLOWED: [&str; 1] = ["permission denied"];
const BAD_INVOICE: [&str; 3] =
    ["invoice expired. Valid until", "invoice not for current active network", "self-payments not allowed"];
const RESERVE_DIVISOR: u64 = 100;
const NETWORK_CHARS_MAX: usize = 20;
