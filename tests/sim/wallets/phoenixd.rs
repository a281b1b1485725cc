//! phoenixd's HTTP API on loopback: form-encoded requests, two passwords, and failures with status 200.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, RawForm, RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kilosat::domain::invoice::{PaymentHash, hex32};
use kilosat::domain::l402::base64_decode;
use lightning_invoice::{Bolt11Invoice, Currency};
use serde_json::{Value, json};

use super::socket::SocketDoor;
use super::{Faults, Ledger, OwnInvoice, PayState, Payment, Refusal};

/// A running phoenixd. Clones are the same one.
#[derive(Clone)]
pub struct Phoenixd {
    /// Where it listens.
    pub url: String,
    /// Its money.
    pub ledger: Ledger,
    /// What goes wrong.
    pub faults: Faults,
    /// Its websocket.
    pub socket: SocketDoor,
    node: Arc<Mutex<Node>>,
}

struct Node {
    chain: &'static str,
    channels: Vec<&'static str>,
}

/// `http-password` of its phoenix.conf.
pub const PASSWORD: &str = "full-0f1e2d3c4b5a";
/// `http-password-limited-access` of its phoenix.conf.
pub const PASSWORD_LIMITED: &str = "limited-a5b4c3d2e1f0";

impl Phoenixd {
    /// Starts one with a balance and one open channel.
    pub async fn start(balance_msat: u64) -> Phoenixd {
        let ledger = Ledger::new(Currency::Bitcoin, balance_msat, 0);
        let (listener, socket) =
            SocketDoor::open("/websocket", is_authorized, ledger.arrivals(), received(&ledger)).await;
        let phoenixd = Phoenixd {
            url: socket.url.clone(),
            ledger,
            faults: Faults::default(),
            socket,
            node: Arc::new(Mutex::new(Node { chain: "mainnet", channels: vec!["Normal"] })),
        };
        let app = phoenixd.faults.wrap(phoenixd.router());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        phoenixd
    }

    /// Moves it to another chain.
    pub fn set_chain(&self, chain: &'static str) {
        self.node.lock().unwrap().chain = chain;
    }

    /// Gives it channels in these states.
    pub fn set_channels(&self, states: &[&'static str]) {
        self.node.lock().unwrap().channels = states.to_vec();
    }

    fn router(&self) -> Router {
        let spending = Router::new()
            .route("/payinvoice", post(pay_invoice))
            .route("/payoffer", post(pay_offer))
            .layer(from_fn(|request, next| authenticate(&[PASSWORD], request, next)));
        let rest = Router::new()
            .route("/getinfo", get(info))
            .route("/getbalance", get(balance))
            .route("/createinvoice", post(create))
            .route("/payments/outgoingbyhash/{hash}", get(outgoing))
            .route("/payments/incoming/{hash}", get(incoming))
            .route("/payments/outgoing", get(list_outgoing))
            .route("/payments/incoming", get(list_incoming))
            .layer(from_fn(|request, next| authenticate(&[PASSWORD, PASSWORD_LIMITED], request, next)));
        let unknown = || async { (StatusCode::NOT_FOUND, "Unknown endpoint (check api doc)") };
        spending.merge(rest).fallback(unknown).with_state(self.clone())
    }
}

/// Any user name will do.
async fn authenticate(passwords: &'static [&'static str], request: Request, next: Next) -> Response {
    if shows(passwords, request.headers()) {
        return next.run(request).await;
    }
    let text = "Invalid authentication (use basic auth with the http password set in phoenix.conf)";
    (StatusCode::UNAUTHORIZED, text).into_response()
}

fn shows(passwords: &[&str], headers: &HeaderMap) -> bool {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let decoded = header.and_then(|value| value.strip_prefix("Basic ")).and_then(base64_decode);
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    text.split_once(':').is_some_and(|(_, password)| passwords.contains(&password))
}

fn is_authorized(headers: &HeaderMap) -> bool {
    shows(&[PASSWORD, PASSWORD_LIMITED], headers)
}

/// What the websocket tells of each payment that comes in.
fn received(ledger: &Ledger) -> impl Fn([u8; 32]) -> String + Send + 'static {
    let ledger = ledger.clone();
    move |hash| {
        let own = ledger.invoice(&hash).unwrap();
        json!({
            "type": "payment_received", "timestamp": own.paid_ms, "amountSat": own.amount_msat / 1_000,
            "paymentHash": hex(hash),
        })
        .to_string()
    }
}

async fn info(State(sim): State<Phoenixd>) -> Json<Value> {
    let balance_sat = sim.ledger.balance_msat() / 1_000;
    let node = sim.node.lock().unwrap();
    let channel = |state: &&str| match *state {
        "Offline" | "Syncing" => json!({ "state": state }),
        _ => json!({
            "state": state,
            "channelId": "11".repeat(32),
            "balanceSat": balance_sat,
            "inboundLiquiditySat": 2_000_000,
            "capacitySat": balance_sat + 2_000_000,
            "fundingTxId": "22".repeat(32),
        }),
    };
    Json(json!({
        "nodeId": format!("02{}", "33".repeat(32)),
        "channels": node.channels.iter().map(channel).collect::<Vec<_>>(),
        "chain": node.chain,
        "blockHeight": 900_000,
        "version": "0.7.3-simulated",
    }))
}

async fn balance(State(sim): State<Phoenixd>) -> Json<Value> {
    Json(json!({ "balanceSat": sim.ledger.balance_msat() / 1_000, "feeCreditSat": 12 }))
}

async fn pay_invoice(State(sim): State<Phoenixd>, RawForm(body): RawForm) -> Response {
    let form = pairs(&body);
    let Some(text) = form.get("invoice") else { return bad_request("Request parameter invoice is missing") };
    let Ok(invoice) = Bolt11Invoice::from_str(text) else {
        return bad_request("Request parameter invoice couldn't be parsed/converted to bolt11invoice");
    };
    let hash = bitcoin::hashes::Hash::to_byte_array(*invoice.payment_hash());
    let amount_msat = invoice.amount_milli_satoshis().unwrap();
    sim.ledger.set_fee(4_000 + amount_msat * 4 / 1_000);
    let reason = match sim.ledger.pay(text, None) {
        Ok(_) => return Json(ended(&sim, hash).await).into_response(),
        Err(Refusal::AlreadyPaid) => "this invoice has already been paid",
        Err(Refusal::InFlight) => "another payment is in progress for that invoice",
        Err(Refusal::Funds) => "not enough funds in wallet to afford payment",
        Err(Refusal::NoRoute) => "recipient node is offline or unreachable",
        Err(_) => "recipient node rejected the payment",
    };
    Json(failure(hash, reason)).into_response()
}

/// The call lasts as long as the payment, and a payment that is held outlasts every client.
async fn ended(sim: &Phoenixd, hash: [u8; 32]) -> Value {
    let payment = sim.ledger.payment(&hash).unwrap();
    if payment.state == PayState::InFlight {
        return std::future::pending().await;
    }
    json!({
        "recipientAmountSat": payment.amount_msat / 1_000,
        "routingFeeSat": payment.fee_msat / 1_000,
        "paymentId": uuid(&payment),
        "paymentHash": hex(hash),
        "paymentPreimage": hex(payment.preimage),
    })
}

/// The only offers it knows are `lno-` and an invoice of somebody else, which is what an offer leads to.
async fn pay_offer(State(sim): State<Phoenixd>, RawForm(body): RawForm) -> Response {
    let form = pairs(&body);
    let Some(bolt11) = form.get("offer").and_then(|offer| offer.strip_prefix("lno-")) else {
        return bad_request("Request parameter offer couldn't be parsed/converted to offer");
    };
    let amount_msat = form["amountSat"].parse::<u64>().unwrap() * 1_000;
    assert_eq!(Bolt11Invoice::from_str(bolt11).unwrap().amount_milli_satoshis(), Some(amount_msat));
    sim.ledger.set_fee(4_000 + amount_msat * 4 / 1_000);
    match sim.ledger.pay(bolt11, None) {
        Ok(payment) => Json(ended(&sim, payment.hash).await).into_response(),
        Err(_) => Json(json!({ "offerId": "44".repeat(32), "reason": "an unknown error occurred" })).into_response(),
    }
}

async fn create(State(sim): State<Phoenixd>, RawForm(body): RawForm) -> Response {
    let form = pairs(&body);
    let Some(description) = form.get("description") else {
        return bad_request("Must provide either a description or descriptionHash");
    };
    if description.encode_utf16().count() > 128 {
        return bad_request("Request parameter description is too long (max 128 characters)");
    }
    let amount_sat: u64 = form["amountSat"].parse().unwrap();
    let expiry_s: u64 = form.get("expirySeconds").map_or(3_600, |text| text.parse().unwrap());
    let own = sim.ledger.create(amount_sat * 1_000, description, expiry_s, "");
    Json(json!({ "amountSat": amount_sat, "paymentHash": hex(own.hash), "serialized": own.bolt11 })).into_response()
}

async fn outgoing(State(sim): State<Phoenixd>, Path(hash): Path<String>) -> Response {
    let Some(hash) = hex32(&hash) else {
        return bad_request("Request parameter paymentHash couldn't be parsed/converted to hex32");
    };
    sim.ledger.payment(&hash).map_or_else(not_found, |payment| Json(outgoing_record(&payment)).into_response())
}

async fn incoming(State(sim): State<Phoenixd>, Path(hash): Path<String>) -> Response {
    let Some(hash) = hex32(&hash) else {
        return bad_request("Request parameter paymentHash couldn't be parsed/converted to hex32");
    };
    sim.ledger.invoice(&hash).map_or_else(not_found, |own| Json(incoming_record(&own)).into_response())
}

/// Only settled ones, in no order.
async fn list_outgoing(State(sim): State<Phoenixd>, RawQuery(query): RawQuery) -> Json<Value> {
    let settled = |payment: &Payment| payment.state == PayState::Settled;
    let all = sim.ledger.payments();
    let on_chain = json!({
        "type": "outgoing_payment", "subType": "auto_liquidity", "paymentId": "on-chain", "txId": "55".repeat(32),
        "isPaid": true, "sent": 3_000, "fees": 3_000_000, "completedAt": u64::MAX / 4, "createdAt": 1,
    });
    let records = all.iter().rev().filter(|payment| settled(payment)).map(outgoing_record).chain([on_chain]);
    Json(paged(records, query.as_deref()))
}

/// Only settled ones, newest first.
async fn list_incoming(State(sim): State<Phoenixd>, RawQuery(query): RawQuery) -> Json<Value> {
    let mut paid: Vec<_> = sim.ledger.invoices().into_iter().filter(|own| own.paid_ms.is_some()).collect();
    paid.sort_by_key(|own| std::cmp::Reverse(own.paid_ms));
    Json(paged(paid.iter().map(incoming_record), query.as_deref()))
}

fn paged(records: impl Iterator<Item = Value>, query: Option<&str>) -> Value {
    let query = pairs(query.unwrap_or("").as_bytes());
    let number = |name: &str, default| query.get(name).map_or(default, |text| text.parse::<u64>().unwrap());
    let from = number("from", 0);
    let size = |number: u64| usize::try_from(number).unwrap();
    records
        .filter(|record| record["completedAt"].as_u64().unwrap() >= from)
        .skip(size(number("offset", 0)))
        .take(size(number("limit", 20)))
        .collect()
}

fn outgoing_record(payment: &Payment) -> Value {
    let mut record = json!({
        "type": "outgoing_payment",
        "subType": "lightning",
        "paymentId": uuid(payment),
        "paymentHash": hex(payment.hash),
        "isPaid": payment.state == PayState::Settled,
        "sent": (payment.amount_msat + payment.fee_msat) / 1_000,
        "fees": payment.fee_msat,
        "invoice": payment.bolt11,
        "createdAt": payment.created_ms,
    });
    if payment.state == PayState::Settled {
        record["preimage"] = hex(payment.preimage).into();
    }
    if payment.state != PayState::InFlight {
        record["completedAt"] = (payment.created_ms + 1).into();
    }
    record
}

fn incoming_record(own: &OwnInvoice) -> Value {
    let is_expired = own.expires_ms < kilosat::clock::Clock::real().now().wall.0;
    let mut record = json!({
        "type": "incoming_payment",
        "subType": "lightning",
        "paymentHash": hex(own.hash),
        "preimage": hex(own.preimage),
        "description": own.description,
        "invoice": own.bolt11,
        "isPaid": own.paid_ms.is_some(),
        "isExpired": is_expired,
        "requestedSat": own.amount_msat / 1_000,
        "receivedSat": own.paid_ms.map_or(0, |_| own.amount_msat / 1_000),
        "fees": 0,
        "expiresAt": own.expires_ms,
        "createdAt": own.created_ms,
    });
    if let Some(paid_ms) = own.paid_ms {
        record["completedAt"] = paid_ms.into();
    }
    record
}

fn failure(hash: [u8; 32], reason: &str) -> Value {
    json!({ "paymentHash": hex(hash), "reason": reason })
}

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text).into_owned().collect()
}

fn bad_request(text: &'static str) -> Response {
    (StatusCode::BAD_REQUEST, text).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "Not found").into_response()
}

fn uuid(payment: &Payment) -> String {
    format!("00000000-0000-4000-8000-{:012}", payment.index)
}

fn hex(bytes: [u8; 32]) -> String {
    PaymentHash(bytes).to_string()
}
