//! Any wallet that speaks Nostr Wallet Connect (NIP-47): requests and answers are encrypted events that a relay passes on.
//!
//! The connection text is the credential. Make one for Kilosat alone, with the methods get_info, get_balance,
//! get_budget, make_invoice, lookup_invoice and list_transactions, with pay_invoice only where it pays, with a budget of
//! about a month, and not with keysend, sign_message or multi_pay. In Alby Hub: Connections, Add connection, "isolated"
//! or with a budget, then copy the text.
//!
//! The protocol promises little: an answer may never come, and a service that was away may begin a payment later. So a
//! payment without an answer stays unknown until a look-up shows it; requests carry an expiration for the services that
//! obey it; and a `NOT_FOUND` is weak for as long as the service may still hold the request. The engine's own waiting,
//! the invoice's expiry and ten minutes more, three times asked, covers that, and as [`Capabilities::refuses_duplicates`]
//! is false nothing is ever handed over twice.
//!
//! Sources: NIP-47, NIP-44, NIP-40, NIP-01; `lightning-backends.md`, section 5.

mod announced;
pub(super) mod answers;
mod exchange;
mod pairing;
mod relay;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::answers::{Balance, Capabilities, FeeLimit, Finding, Incoming, Info, InvoiceRequest, Listed, NewInvoice};
use super::remote::Remote;
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{MSAT_PER_SAT, Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use answers::{Answer, number};
use exchange::Fault;
use pairing::Pairing;
use relay::{Heard, Link};

/// Any wallet that speaks Nostr Wallet Connect (NIP-47). Clones are the same wallet.
#[derive(Clone)]
pub struct Nwc {
    remote: Remote,
    pairing: Arc<Pairing>,
    /// The relay to try first; moves on when no answer came by one.
    first: Arc<AtomicUsize>,
    /// The connection on which the service tells of payments.
    hints: Arc<Mutex<Option<Link>>>,
}

impl Nwc {
    /// Prepares the client; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when the connection text cannot be read or names a relay that Kilosat does not use.
    pub fn new(remote: Remote) -> Result<Nwc, ServiceFault> {
        if !remote.pins.is_empty() {
            return Err(fault(Trouble::Unsupported(PINS), ""));
        }
        let pairing = Pairing::parse(remote.secret.expose())
            .map_err(|why| fault(Trouble::Credential, &format!("the connection text: {why}")))?;
        Ok(Nwc { remote, pairing: Arc::new(pairing), first: Arc::default(), hints: Arc::default() })
    }

    /// The decrypted answer to the request `id` in a relay's message, if it holds one that is really from the service.
    pub fn answer_in(&self, message: &str, id: &str) -> Option<String> {
        match relay::heard(message)? {
            Heard::Event(event) => self.opened(&event, id).map(Answer::into_text),
            Heard::CaughtUp | Heard::Closed(_) | Heard::Refused(..) => None,
        }
    }

    pub(super) fn kind(&self) -> ServiceKind {
        ServiceKind::Nwc
    }

    pub(super) fn identity(&self) -> String {
        self.remote.identity(self.kind())
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities { fee_limit: FeeLimit::None, ..Capabilities::default() }
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        let answer = self.call("get_info", json!({})).await?;
        answers::info(&answer, &self.pairing.service.to_hex(), self.remote.network)
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        let answer = self.call("get_balance", json!({})).await?;
        answers::balance(&answer, &self.pairing.service.to_hex())
    }

    pub(super) async fn check(&self, spends: bool) -> Vec<Finding> {
        let mut methods = match self.announced().await {
            Ok(announced) => announced.methods,
            Err(fault) => return vec![Finding::error(&fault)],
        };
        if methods.iter().any(|method| method == "get_info") {
            match self.granted().await {
                Ok(granted) if granted.is_empty() => {}
                Ok(granted) => methods = granted,
                Err(fault) => return vec![Finding::error(&fault)],
            }
        }
        let mut findings = findings(&methods, spends);
        if spends {
            findings.push(self.budget(methods.iter().any(|method| method == "get_budget")).await);
        }
        findings
    }

    /// What stands between a stolen connection text and the whole wallet.
    async fn budget(&self, is_told: bool) -> Finding {
        const FEES: &str = "Nostr Wallet Connect knows no limit for routing fees";
        if !is_told {
            return Finding::warning(format!("{FEES}: give the connection a budget in the wallet."));
        }
        let answer = match self.call("get_budget", json!({})).await {
            Ok(answer) => answer,
            Err(fault) => return Finding::error(&fault),
        };
        match answer.result("get_budget") {
            Ok(document) => match number(&document, "/result/total_budget") {
                Some(total) => Finding::good(format!("The connection has a budget of {}.", Msat(total))),
                None => Finding::warning(format!(
                    "The connection has no budget, so whoever has its text can spend the whole wallet, and {FEES}. Give \
                     it a budget in the wallet."
                )),
            },
            Err(refusal) => Finding::error(&refusal.sorted().0),
        }
    }

    pub(super) async fn pay(&self, bolt11: &str, _fee_max: Msat) -> PayOutcome {
        let Some(hash) = PaymentHash::of(bolt11) else {
            return PayOutcome::NotSent(fault(Trouble::Invoice, "the invoice cannot be read").to_string());
        };
        let wait = self.remote.waits.pay;
        let mut asked = match self.ask("pay_invoice", &json!({ "invoice": bolt11 }), wait).await {
            Ok(asked) => asked,
            Err(Fault::NotSent(fault)) => return PayOutcome::NotSent(fault.to_string()),
            Err(Fault::Sent(fault)) => return PayOutcome::Unknown(fault.to_string()),
        };
        let mut unclear = None;
        match timeout(wait, self.outcome(&mut asked, &hash, &mut unclear)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                let silent = self.no_answer();
                PayOutcome::Unknown(unclear.unwrap_or(silent).to_string())
            }
        }
    }

    pub(super) async fn look_up(&self, hash: &PaymentHash) -> Found {
        match self.call("lookup_invoice", json!({ "payment_hash": hash.to_string() })).await {
            Ok(answer) => answers::found(&answer, hash, self.remote.clock.now().wall),
            Err(fault) => Found::Unavailable(fault.to_string()),
        }
    }

    pub(super) async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        let amount = request.amount.0.div_ceil(MSAT_PER_SAT).saturating_mul(MSAT_PER_SAT);
        let asked = json!({ "amount": amount, "description": request.description, "expiry": request.expiry_s });
        let answer = self.call("make_invoice", asked).await?;
        let now = self.remote.clock.now().wall;
        NewInvoice::checked(self.kind(), &answers::made(&answer)?, request, self.remote.network, now)
    }

    pub(super) async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        let answer = self.call("lookup_invoice", json!({ "payment_hash": hash.to_string() })).await?;
        answers::looked_up_incoming(&answer, hash, self.remote.clock.now().wall)
    }

    /// Services filter by when a payment began, so the question reaches a day further back. Pages may be shorter than
    /// asked for; only an empty one is the end, or for services without pages the same short one again.
    pub(super) async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let from = (since.0 / 1_000).saturating_sub(BEGAN_EARLIER_S);
        let (mut listed, mut seen, mut offset) = (Vec::new(), HashSet::new(), 0_usize);
        for _ in 0..PAGES_MAX {
            let asked = json!({ "from": from, "limit": PAGE_LEN, "offset": offset, "unpaid": false });
            let answer = self.call("list_transactions", asked).await?;
            let page = answers::page(&answer)?;
            let count = page.len();
            if count == 0 {
                return Ok(listed);
            }
            let mut brought_new = page.iter().any(Option::is_none);
            for found in page.into_iter().flatten() {
                if seen.insert((found.direction, found.hash, found.created_at_s)) {
                    brought_new = true;
                    listed.extend(found.listed()?);
                }
            }
            if !brought_new && offset == count && count < PAGE_LEN {
                return Ok(listed);
            }
            if !brought_new {
                return Err(unclear("it shows the same part of its history again"));
            }
            offset = offset.saturating_add(count);
        }
        Err(unclear("its history since then is longer than Kilosat reads"))
    }

    /// A fresh subscription counts as a hint, because what came before it was missed; a silent one is not trusted for
    /// longer than [`HINT_POLLS`] polls.
    pub(super) async fn next_hint(&self) {
        let poll = self.remote.waits.poll;
        if let Ok(false) = timeout(poll.saturating_mul(HINT_POLLS), self.hinted()).await {
            sleep(poll).await;
        }
    }
}

/// What the methods of a connection mean for this house.
fn findings(methods: &[String], spends: bool) -> Vec<Finding> {
    let has = |method: &str| methods.iter().any(|offered| offered == method);
    let needed: &[&'static str] =
        if spends { &["pay_invoice", "lookup_invoice"] } else { &["make_invoice", "lookup_invoice"] };
    let mut findings: Vec<_> = needed
        .iter()
        .filter(|method| !has(method))
        .map(|method| Finding::error(&fault(Trouble::Unsupported(method), "")))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::good("The connected wallet answers, and the connection can do what is needed."));
    }
    if !spends && has("pay_invoice") {
        findings
            .push(Finding::warning("The connection may pay, and this house only sells. Make one without pay_invoice."));
    }
    let more: Vec<_> = methods.iter().map(String::as_str).filter(|method| !USED.contains(method)).collect();
    if !more.is_empty() {
        let more = crate::text::cleaned(&more.join(", "), NAMES_CHARS_MAX);
        findings.push(Finding::warning(format!(
            "The connection can do more than Kilosat needs: {more}. Make one without these."
        )));
    }
    findings
}

fn unclear(said: &str) -> ServiceFault {
    fault(Trouble::Unclear, said)
}

fn fault(trouble: Trouble, said: &str) -> ServiceFault {
    ServiceFault::with(ServiceKind::Nwc, trouble, said)
}

/// What Kilosat uses, and what only reads.
const USED: [&str; 8] = [
    "get_info",
    "get_balance",
    "get_budget",
    "make_invoice",
    "pay_invoice",
    "lookup_invoice",
    "list_transactions",
    "notifications",
];
const PINS: &str =
    "a choice of certificates; leave out certificate_sha256, its relays are vouched for by the public authorities";
const NAMES_CHARS_MAX: usize = 200;
/// Answers of more entries do not fit into one event everywhere.
const PAGE_LEN: usize = 20;
const PAGES_MAX: usize = 250;
/// A payment is listed by when it began; it may settle this much later.
const BEGAN_EARLIER_S: u64 = 24 * 60 * 60;
/// Silence on the subscription is believed for this many polls.
const HINT_POLLS: u32 = 10;
