//! phoenixd over its HTTP API.
//!
//! Two passwords stand in its `phoenix.conf`. `http-password-limited-access` reads and makes invoices: all that
//! receiving needs, and all that Kilosat should be given where it pays from elsewhere. Paying needs `http-password`,
//! which can also close channels and send on-chain; phoenixd has nothing in between and no budget, so it should hold
//! only what Kilosat may spend. Its HTTP is plain: on another machine it belongs behind TLS or a VPN.
//!
//! Which password it is shows a pay call with an invoice that is none. The password is judged first (401 when it may
//! not pay), the invoice second (400), so no money can move.
//!
//! Source: `lightning-backends`, section 1.

pub(super) mod answers;

use super::answers::{
    Balance, Capabilities, Direction, FeeLimit, Finding, Grade, Incoming, Info, InvoiceRequest, Listed, NewInvoice,
};
use super::hints::{Hints, Source};
use super::remote::Remote;
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::domain::invoice::PaymentHash;
use crate::domain::l402::base64_encode;
use crate::domain::money::{MSAT_PER_SAT, Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::{HttpAnswer, HttpFault, Request, StrictClient};
use crate::keys::Secret;
use answers::{Node, accepted, is_bad_parameter, is_bad_password, refused, unclear};

/// phoenixd over its HTTP API. Clones are the same wallet.
#[derive(Clone)]
pub struct Phoenixd {
    remote: Remote,
    client: StrictClient,
    authorization: Secret,
    hints: Hints,
}

impl Phoenixd {
    /// Prepares the client; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up.
    pub fn new(remote: Remote) -> Result<Phoenixd, ServiceFault> {
        let client = remote.client(KIND)?;
        let credentials = base64_encode(format!(":{}", remote.secret.expose()).as_bytes());
        let authorization = Secret::new(&format!("Basic {credentials}"));
        Ok(Phoenixd { remote, client, authorization, hints: Hints::default() })
    }

    pub(super) fn kind(&self) -> ServiceKind {
        KIND
    }

    pub(super) fn identity(&self) -> String {
        self.remote.identity(self.kind())
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            fee_limit: FeeLimit::Predicted,
            refuses_duplicates: true,
            sub_sat_invoices: false,
            offers: true,
            deposit_address: false,
        }
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        Ok(self.node().await?.info)
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        let balance = answers::balance(&self.get("/getbalance").await?).ok_or_else(|| unclear("no balance"))?;
        let node = self.node().await?;
        if node.channels > 0 && node.channels_usable == 0 {
            return Err(ServiceFault::new(KIND, Trouble::NotReady));
        }
        Ok(Balance {
            node_id: node.info.node_id,
            balance_msat: balance.0,
            spendable_msat: balance.0,
            receivable_msat: node.receivable.0,
            channels: Some(node.channels),
            channels_usable: Some(node.channels_usable),
            block_height: node.info.block_height.unwrap_or(0),
        })
    }

    pub(super) async fn check(&self, spends: bool) -> Vec<Finding> {
        let node = match self.node().await {
            Ok(node) => node,
            Err(fault) => return vec![Finding::error(&fault)],
        };
        let mut findings = vec![Finding::good(format!("phoenixd {} answers.", node.info.version).replace("  ", " "))];
        if node.channels == 0 {
            findings.push(Finding::warning("phoenixd has no channel yet; it opens one when money comes in."));
        } else if node.channels_usable == 0 {
            findings.push(Finding::error(&ServiceFault::new(KIND, Trouble::NotReady)));
        }
        findings.push(match (self.may_spend().await, spends) {
            (Ok(true), true) => Finding::good(
                "The password may pay. phoenixd knows no budget, so keep only as much in it as Kilosat may spend.",
            ),
            (Ok(true), false) => Finding::warning(
                "The password may pay, close channels and send on-chain, but Kilosat only receives here. Use the one named \
                 http-password-limited-access in phoenix.conf.",
            ),
            (Ok(false), true) => Finding::error(&ServiceFault::with(KIND, Trouble::Permission, LIMITED)),
            (Ok(false), false) => Finding::good("The password can receive and not pay, as it should be."),
            (Err(fault), _) => Finding::error(&fault),
        });
        if let (true, Found::Unavailable(text)) = (spends, self.look_up(&NO_HASH).await) {
            findings.push(Finding { grade: Grade::Error, text });
        }
        findings
    }

    pub(super) async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        let Some((hash, amount)) = answers::due(bolt11) else {
            return PayOutcome::NotSent(ServiceFault::new(KIND, Trouble::Invoice).to_string());
        };
        let fee = answers::predicted_fee(amount);
        if fee > fee_max {
            return PayOutcome::NotSent(ServiceFault::new(KIND, Trouble::FeeTooHigh).to_string());
        }
        let fields = vec![("invoice", bolt11.to_owned())];
        self.pay_call("/payinvoice", fields, Some(&hash), fee).await
    }

    pub(super) async fn look_up(&self, hash: &PaymentHash) -> Found {
        match self.call(Request::get(self.remote.at(&format!("/payments/outgoingbyhash/{hash}")))).await {
            Ok(answer) => answers::found(&answer, hash),
            Err(fault) => Found::Unavailable(ServiceFault::of_http(KIND, &fault).to_string()),
        }
    }

    pub(super) async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        let mut fields = vec![
            ("description", answers::description(&request.description)),
            ("amountSat", request.amount.0.div_ceil(MSAT_PER_SAT).to_string()),
            ("expirySeconds", request.expiry_s.to_string()),
        ];
        if !request.label.is_empty() {
            fields.push(("externalId", request.label.clone()));
        }
        let answer = self.ask(Request::form(self.remote.at("/createinvoice"), fields)).await?;
        let (bolt11, hash) = answers::created(accepted(&answer)?).ok_or_else(|| unclear("no invoice"))?;
        let now = self.remote.clock.now().wall;
        let made = NewInvoice::checked(KIND, &bolt11, request, self.remote.network, now)?;
        if made.hash == hash { Ok(made) } else { Err(unclear("an invoice of another hash")) }
    }

    pub(super) async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        let answer = self.ask(Request::get(self.remote.at(&format!("/payments/incoming/{hash}")))).await?;
        answers::looked_up_incoming(&answer, hash)
    }

    pub(super) async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let mut listed = self.pages(Direction::In, since).await?;
        listed.append(&mut self.pages(Direction::Out, since).await?);
        Ok(listed)
    }

    /// Its websocket tells of money that came in, to either password, and to nobody who was not connected.
    pub(super) async fn next_hint(&self) {
        let source = Source {
            client: &self.client,
            url: self.remote.at("/websocket"),
            header: Some(("authorization", self.authorization.expose())),
            is_hint: answers::is_hint,
            poll: self.remote.waits.poll,
        };
        self.hints.next(&source).await;
    }

    pub(super) async fn pay_offer(&self, offer: &str, amount: Msat, fee_max: Msat) -> Result<PayOutcome, ServiceFault> {
        if amount.0 == 0 || amount != amount.whole_sats() {
            return Err(ServiceFault::new(KIND, Trouble::Unsupported("fractions of a satoshi for an offer")));
        }
        let fee = answers::predicted_fee(amount);
        if fee > fee_max {
            return Ok(PayOutcome::NotSent(ServiceFault::new(KIND, Trouble::FeeTooHigh).to_string()));
        }
        let fields = vec![("offer", offer.to_owned()), ("amountSat", (amount.0 / MSAT_PER_SAT).to_string())];
        Ok(self.pay_call("/payoffer", fields, None, fee).await)
    }

    /// `hash` is what the payment must be known by; for an offer nobody knows it before.
    async fn pay_call(
        &self,
        path: &str,
        fields: Vec<(&'static str, String)>,
        hash: Option<&PaymentHash>,
        fee: Msat,
    ) -> PayOutcome {
        let request = Request::form(self.remote.at(path), fields).within(self.remote.waits.pay);
        let answer = match self.call(request).await {
            Ok(answer) => answer,
            Err(fault) => {
                let said = ServiceFault::of_http(KIND, &fault).to_string();
                return if fault.was_not_sent() { PayOutcome::NotSent(said) } else { PayOutcome::Unknown(said) };
            }
        };
        match answer.status {
            401 if is_bad_password(&answer) => PayOutcome::NotSent(self.why_refused().await.to_string()),
            _ => answers::pay_outcome(&answer, hash, fee),
        }
    }

    /// Both a wrong password and one that may not pay are answered with 401; the wrong one also may not read.
    async fn why_refused(&self) -> ServiceFault {
        match self.get("/getinfo").await {
            Ok(_) => ServiceFault::with(KIND, Trouble::Permission, LIMITED),
            Err(_) => ServiceFault::new(KIND, Trouble::Credential),
        }
    }

    /// Whether the password may pay; see the head of this file.
    async fn may_spend(&self) -> Result<bool, ServiceFault> {
        let fields = vec![("invoice", NO_INVOICE.to_owned())];
        let answer = self.ask(Request::form(self.remote.at("/payinvoice"), fields)).await?;
        match answer.status {
            400 if is_bad_parameter(&answer) => Ok(true),
            401 => Ok(false),
            _ => Err(refused(&answer)),
        }
    }

    /// Who answers, on the right network.
    async fn node(&self) -> Result<Node, ServiceFault> {
        let node = answers::node(&self.get("/getinfo").await?).ok_or_else(|| unclear("no node"))?;
        if node.info.network == Some(self.remote.network) {
            return Ok(node);
        }
        Err(ServiceFault::new(KIND, Trouble::Network { found: node.chain, expected: self.remote.network }))
    }

    /// Without `all`, phoenixd lists what was settled, and `from` means when it was.
    async fn pages(&self, direction: Direction, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let name = if direction == Direction::In { "incoming" } else { "outgoing" };
        let mut listed = Vec::new();
        for page in 0..PAGES_MAX {
            let offset = page * PAGE_RECORDS;
            let path = format!("/payments/{name}?from={}&limit={PAGE_RECORDS}&offset={offset}", since.0);
            let page = answers::page(direction, &self.get(&path).await?).ok_or_else(|| unclear("an odd history"))?;
            listed.extend(page.settled);
            if page.records < PAGE_RECORDS {
                return Ok(listed);
            }
        }
        Err(unclear("a history without an end"))
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, ServiceFault> {
        let answer = self.ask(Request::get(self.remote.at(path))).await?;
        accepted(&answer).map(<[u8]>::to_vec)
    }

    async fn ask<'a>(&'a self, request: Request<'a>) -> Result<HttpAnswer, ServiceFault> {
        self.call(request).await.map_err(|fault| ServiceFault::of_http(KIND, &fault))
    }

    async fn call<'a>(&'a self, request: Request<'a>) -> Result<HttpAnswer, HttpFault> {
        let mut answer = self.client.send(request.header("authorization", self.authorization.expose())).await?;
        if answer.status != 200 {
            answer.body = self.without_secrets(&answer.body);
        }
        Ok(answer)
    }

    /// Some proxies repeat the request in their error pages, which are shown.
    fn without_secrets(&self, body: &[u8]) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(body).into_owned();
        let authorization = self.authorization.expose();
        let credentials = authorization.strip_prefix("Basic ").unwrap_or(authorization);
        for secret in [self.remote.secret.expose(), credentials] {
            if !secret.is_empty() {
                text = text.replace(secret, "(hidden)");
            }
        }
        text.into_bytes()
    }
}

const KIND: ServiceKind = ServiceKind::Phoenixd;
/// A page of the longest records stays below the largest body that is read.
const PAGE_RECORDS: usize = 40;
const PAGES_MAX: usize = 500;
/// Cannot be read as an invoice.
const NO_INVOICE: &str = "kilosat-only-asks-whether-it-may";
/// Nobody knows a preimage of it. Versions that look up nothing by hash cannot be paid with safely.
const NO_HASH: PaymentHash = PaymentHash([0; 32]);
const LIMITED: &str = "this is the limited password; paying needs the one named http-password in phoenix.conf";
