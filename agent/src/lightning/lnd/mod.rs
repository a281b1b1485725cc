//! LND over its REST API.
//!
//! The credential is a macaroon in hex, sent in the header `Grpc-Metadata-macaroon`. LND's own certificate is marked as
//! an authority, so its fingerprint is pinned. One that can do no more than Kilosat needs is made with
//! `lncli bakemacaroon --save_to kilosat.macaroon --root_key_id 7` followed by
//!
//! - for paying: `uri:/lnrpc.Lightning/GetInfo uri:/lnrpc.Lightning/ChannelBalance uri:/lnrpc.Lightning/ListPayments
//!   uri:/lnrpc.Lightning/ListInvoices uri:/routerrpc.Router/SendPaymentV2 uri:/routerrpc.Router/TrackPaymentV2`
//! - for selling, in addition or alone with the first four: `uri:/lnrpc.Lightning/AddInvoice
//!   uri:/lnrpc.Lightning/LookupInvoice uri:/lnrpc.Lightning/SubscribeInvoices`
//! - only to show an on-chain address for filling the wallet: `uri:/lnrpc.Lightning/NewAddress`
//! - to be filled up from the savings: that one and what [`chain`] calls; see `CREDENTIALS.md`
//!
//! and written in hex with `xxd -p -c 0 kilosat.macaroon`; `lncli deletemacaroonid 7` takes it back. A macaroon of the
//! form `offchain:write` also opens and closes channels.
//!
//! Source: `lightning-backends`, section 3.

pub(super) mod answers;
mod chain;
pub(super) mod lists;
mod trial;

use std::time::Duration;

use serde_json::{Value, json};

use self::answers::{REFUSAL_LINES_MAX, Refusal, UPDATES_MAX, document, fault, text};
use super::answers::{Balance, Capabilities, FeeLimit, Finding, Incoming, Info, InvoiceRequest, Listed, NewInvoice};
use super::remote::Remote;
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::domain::invoice::PaymentHash;
use crate::domain::l402::base64_encode;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Found, PayOutcome};
use crate::http::{HttpFault, Lines, Request, StrictClient};

/// LND over its REST API. Clones are the same wallet.
#[derive(Clone)]
pub struct Lnd {
    remote: Remote,
    client: StrictClient,
}

impl Lnd {
    /// Prepares the client; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up or the macaroon is not written in hex.
    pub fn new(remote: Remote) -> Result<Lnd, ServiceFault> {
        let macaroon = remote.secret.expose();
        if macaroon.is_empty() || !macaroon.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(fault(Trouble::Credential, "the macaroon must be written in hex, nothing else"));
        }
        let client = remote.client(ServiceKind::Lnd)?;
        Ok(Lnd { remote, client })
    }

    pub(super) fn kind(&self) -> ServiceKind {
        ServiceKind::Lnd
    }

    pub(super) fn identity(&self) -> String {
        self.remote.identity(self.kind())
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        Capabilities {
            fee_limit: FeeLimit::InCall,
            refuses_duplicates: true,
            sub_sat_invoices: true,
            offers: false,
            deposit_address: true,
        }
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        answers::info(&self.get("/v1/getinfo").await?, self.remote.network)
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        let node = self.get("/v1/getinfo").await?;
        let info = answers::info(&node, self.remote.network)?;
        answers::balance(&self.get("/v1/balance/channels").await?, &node, info)
    }

    pub(super) async fn check(&self, spends: bool) -> Vec<Finding> {
        self.try_out(spends).await
    }

    pub(super) async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        let Some(hash) = PaymentHash::of(bolt11) else {
            return PayOutcome::NotSent(fault(Trouble::Invoice, "it cannot be read").to_string());
        };
        let asked = json!({
            "payment_request": bolt11,
            "fee_limit_msat": fee_max.0.to_string(),
            "timeout_seconds": attempts_s(self.remote.waits.pay),
            "no_inflight_updates": true,
        });
        let request = Request::json(self.remote.at(SEND), &asked).within(self.remote.waits.pay);
        let mut lines = match self.client.lines(self.signed(request)).await {
            Ok(lines) => lines,
            Err(fault) if fault.was_not_sent() => return PayOutcome::NotSent(of_http(&fault).to_string()),
            Err(fault) => return PayOutcome::Unknown(of_http(&fault).to_string()),
        };
        if lines.status() != OK {
            return refusal_in(lines).await.pay_outcome();
        }
        for _ in 0..UPDATES_MAX {
            if let Some(outcome) = answers::ending(next(&mut lines).await, &hash) {
                return outcome;
            }
        }
        PayOutcome::Unknown(fault(Trouble::Unclear, "the payment did not end").to_string())
    }

    /// The first line of the stream is the present state, in flight included.
    pub(super) async fn look_up(&self, hash: &PaymentHash) -> Found {
        let url_safe = base64_encode(&hash.0).replace('+', "-").replace('/', "_");
        let path = format!("/v2/router/track/{url_safe}?no_inflight_updates=false");
        let mut lines = match self.client.lines(self.signed(Request::get(self.remote.at(&path)))).await {
            Ok(lines) => lines,
            Err(fault) => return Found::Unavailable(of_http(&fault).to_string()),
        };
        if lines.status() != OK {
            return refusal_in(lines).await.found();
        }
        answers::found(next(&mut lines).await, hash)
    }

    pub(super) async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        let asked = json!({
            "memo": request.description,
            "value_msat": request.amount.0.to_string(),
            "expiry": request.expiry_s.to_string(),
            // Without the hints for private channels, nobody could pay most houses.
            "private": true,
        });
        let made = self.ask(Request::json(self.remote.at("/v1/invoices"), &asked)).await?;
        let bolt11 = text(&made, "payment_request").ok_or_else(|| fault(Trouble::Unclear, "it gave no invoice"))?;
        let now = self.remote.clock.now().wall;
        NewInvoice::checked(ServiceKind::Lnd, bolt11, request, self.remote.network, now)
    }

    pub(super) async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        let answer = self.send(Request::get(self.remote.at(&format!("/v1/invoice/{hash}")))).await?;
        answers::looked_up_incoming(answer, hash)
    }

    pub(super) async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let mut listed = self.listed_payments(since).await?;
        listed.extend(self.listed_invoices(since).await?);
        Ok(listed)
    }

    /// Waits for a settled invoice in LND's own stream, but no longer than a poll would.
    pub(super) async fn next_hint(&self) {
        if !matches!(tokio::time::timeout(self.remote.waits.poll, self.settlement()).await, Ok(None)) {
            return;
        }
        tokio::time::sleep(self.remote.waits.poll).await;
    }

    pub(super) async fn deposit_address(&self) -> Result<String, ServiceFault> {
        let made = self.get("/v1/newaddress?type=WITNESS_PUBKEY_HASH").await?;
        answers::address(&made, self.remote.network)
    }

    /// `None` when the stream cannot be had or ends.
    async fn settlement(&self) -> Option<()> {
        let url = self.remote.at("/v1/invoices/subscribe");
        let request = self.signed(Request::get(url)).within(self.remote.waits.poll.saturating_mul(2));
        let mut lines = self.client.lines(request).await.ok().filter(|lines| lines.status() == OK)?;
        loop {
            let line = lines.next().await.ok()??;
            if document(&line).is_ok_and(|update| text(&update["result"], "state") == Some("SETTLED")) {
                return Some(());
            }
        }
    }

    async fn get(&self, path: &str) -> Result<Value, ServiceFault> {
        self.ask(Request::get(self.remote.at(path))).await
    }

    async fn ask(&self, request: Request<'_>) -> Result<Value, ServiceFault> {
        self.send(request).await?.map_err(|refusal| refusal.fault())
    }

    /// The answer, or LND's refusal.
    async fn send(&self, request: Request<'_>) -> Result<Result<Value, Refusal>, ServiceFault> {
        let answer = self.client.send(self.signed(request)).await.map_err(|fault| of_http(&fault))?;
        answers::answered(&answer)
    }

    fn signed<'a>(&'a self, request: Request<'a>) -> Request<'a> {
        request.header("grpc-metadata-macaroon", self.remote.secret.expose())
    }
}

async fn next(lines: &mut Lines) -> Result<Vec<u8>, ServiceFault> {
    let line = lines.next().await.map_err(|fault| of_http(&fault))?;
    line.ok_or_else(|| fault(Trouble::Unclear, "the answer ended too early"))
}

/// What came with a status other than 200; what breaks off says nothing.
async fn refusal_in(mut lines: Lines) -> Refusal {
    let status = lines.status();
    let mut read = Vec::new();
    for _ in 0..REFUSAL_LINES_MAX {
        let Ok(Some(line)) = lines.next().await else { break };
        read.push(line);
    }
    Refusal::of_lines(status, &read)
}

fn of_http(fault: &HttpFault) -> ServiceFault {
    ServiceFault::of_http(ServiceKind::Lnd, fault)
}

/// How long LND may begin new attempts: it should have given up before we stop listening.
fn attempts_s(wait: Duration) -> u64 {
    wait.as_secs().saturating_sub(ATTEMPTS_END_EARLIER_S).clamp(1, ATTEMPTS_S_MAX)
}

const SEND: &str = "/v2/router/send";
const OK: u16 = 200;
const ATTEMPTS_END_EARLIER_S: u64 = 10;
const ATTEMPTS_S_MAX: u64 = 600;
