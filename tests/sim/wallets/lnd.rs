//! LND's REST API over a [`Ledger`], as `lightning-backends`, section 3, documents it.
#![allow(clippy::unwrap_used)]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use futures_util::StreamExt as _;
use kilosat::domain::l402::{base64_decode, base64_encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[cfg(feature = "node")]
#[path = "lnd_chain.rs"]
mod chain;

use super::{Faults, Ledger, OwnInvoice, PayState, Payment, Refusal};

/// A simulated LND. Clones are the same.
#[derive(Clone)]
pub struct Lnd {
    ledger: Ledger,
    /// What it says of itself; tests change it.
    pub says: Arc<Mutex<Says>>,
    #[cfg(feature = "node")]
    chain: Option<super::onchain::OnChain>,
}

/// What it says of itself.
pub struct Says {
    /// The word for its network.
    pub network: &'static str,
    /// Refuses every call until it is unlocked.
    pub locked: bool,
    /// Has all blocks.
    pub synced: bool,
    /// Added to every line about a payment, over what it would say.
    pub of_payments: Value,
}

/// A macaroon for everything, in hex like the others.
pub const ADMIN: &str = "0201036c6e6400";
/// One with what paying needs.
pub const BUYER: &str = "0201036c6e6401";
/// One with what receiving needs.
pub const SELLER: &str = "0201036c6e6402";
/// One that may do both.
pub const BOTH: &str = "0201036c6e6403";
/// One that may do both, and open channels.
pub const FILLER: &str = "0201036c6e6405";
/// One that may only ask for the balance.
pub const WATCHER: &str = "0201036c6e6404";

impl Lnd {
    /// An unlocked one on the main network.
    pub fn new(ledger: Ledger) -> Lnd {
        let says = Says { network: "mainnet", locked: false, synced: true, of_payments: json!({}) };
        Lnd {
            ledger,
            says: Arc::new(Mutex::new(says)),
            #[cfg(feature = "node")]
            chain: None,
        }
    }

    /// One on regtest that has a wallet on the chain.
    #[cfg(feature = "node")]
    pub fn on_chain(ledger: Ledger, chain: super::onchain::OnChain) -> Lnd {
        let lnd = Lnd { chain: Some(chain), ..Lnd::new(ledger) };
        lnd.says.lock().unwrap().network = "regtest";
        lnd
    }

    /// Serves it without TLS on a free port of this machine; returns its address.
    pub async fn serve(&self, faults: &Faults) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = self.router(faults);
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    /// The whole API.
    pub fn router(&self, faults: &Faults) -> Router {
        let router = Router::new()
            .route("/v1/getinfo", get(node))
            .route("/v1/balance/channels", get(channel_balance))
            .route("/v1/balance/blockchain", get(async || Json(json!({ "total_balance": "7" }))))
            .route("/v1/channels/pending", get(pending))
            .route("/v1/fees", get(async || Json(json!({ "day_fee_sum": "0" }))))
            .route("/v1/newaddress", get(new_address))
            .route("/v1/invoices", post(add_invoice).get(invoices))
            .route("/v1/invoices/subscribe", get(async || Body::from_stream(silent())))
            .route("/v1/invoice/{hash}", get(invoice))
            .route("/v1/payments", get(payments))
            .route("/v2/router/send", post(send))
            .route("/v2/router/track/{hash}", get(track));
        #[cfg(feature = "node")]
        let router = chain::routes(router);
        let router = router.layer(from_fn_with_state(self.clone(), gate)).with_state(self.clone());
        faults.wrap(router)
    }

    fn shown(&self, payment: &Payment) -> Value {
        let (status, preimage) = match payment.state {
            PayState::Settled => ("SUCCEEDED", payment.preimage),
            PayState::InFlight => ("IN_FLIGHT", [0; 32]),
            PayState::Failed => ("FAILED", [0; 32]),
        };
        let reason = if payment.state == PayState::Failed { "NO_ROUTE" } else { "NONE" };
        let mut shown = json!({
            "payment_hash": payment.hash.to_lower_hex_string(),
            "payment_preimage": preimage.to_lower_hex_string(),
            "payment_request": payment.bolt11,
            "value_msat": payment.amount_msat.to_string(),
            "fee_msat": payment.fee_msat.to_string(),
            "creation_date": (payment.created_ms / 1_000).to_string(),
            "creation_time_ns": (payment.created_ms * 1_000_000).to_string(),
            "payment_index": payment.index.to_string(),
            "status": status,
            "failure_reason": format!("FAILURE_REASON_{reason}"),
            "htlcs": [],
        });
        let said = self.says.lock().unwrap().of_payments.clone();
        shown.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
        shown
    }
}

/// What each call needs, by LND's own name for it, and who has it.
async fn gate(State(lnd): State<Lnd>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let streams = path.starts_with("/v2/") || path.ends_with("/subscribe");
    let refuse = |message: &str| error(streams, 500, 2, message);
    if lnd.says.lock().unwrap().locked {
        return refuse("wallet locked, unlock it to enable full RPC access");
    }
    let buying = ["/v2/router/send", "/v2/router/track/"].iter().any(|part| path.starts_with(part));
    let selling = path.starts_with("/v1/invoice") && !(path == "/v1/invoices" && request.method() == "GET");
    let reading = ["/v1/getinfo", "/v1/balance/channels"].contains(&path);
    let listing = ["/v1/payments", "/v1/invoices"].contains(&path) && request.method() == "GET";
    let macaroon = request.headers().get("grpc-metadata-macaroon").and_then(|value| value.to_str().ok());
    let filling =
        ["/v1/newaddress", "/v1/utxos", "/v1/transactions", "/v1/channels", "/v1/channels/pending", "/v1/peers"]
            .contains(&path);
    let allowed = match macaroon {
        Some(ADMIN) => true,
        Some(FILLER) => reading || listing || buying || selling || filling,
        Some(BUYER) => reading || listing || buying,
        Some(SELLER) => reading || listing || selling,
        Some(BOTH) => reading || listing || buying || selling,
        Some(WATCHER) => reading,
        Some(_) => return refuse("verification failed: signature mismatch after caveat verification"),
        None => return refuse("expected 1 macaroon, got 0"),
    };
    if allowed { next.run(request).await } else { refuse("permission denied") }
}

async fn new_address(State(lnd): State<Lnd>) -> Json<Value> {
    #[cfg(feature = "node")]
    if let Some(chain) = &lnd.chain {
        return Json(json!({ "address": chain.address().to_string() }));
    }
    #[cfg(not(feature = "node"))]
    let _ = lnd;
    Json(json!({ "address": ADDRESS }))
}

async fn pending(State(lnd): State<Lnd>) -> Json<Value> {
    #[cfg(feature = "node")]
    if let Some(chain) = &lnd.chain {
        return chain::pending(chain).await;
    }
    #[cfg(not(feature = "node"))]
    let _ = lnd;
    Json(json!({ "total_limbo_balance": "0" }))
}

async fn node(State(lnd): State<Lnd>) -> Json<Value> {
    #[cfg(feature = "node")]
    let height = match &lnd.chain {
        Some(chain) => chain.height().await,
        None => HEIGHT,
    };
    #[cfg(not(feature = "node"))]
    let height = HEIGHT;
    let says = lnd.says.lock().unwrap();
    Json(json!({
        "identity_pubkey": "02".repeat(33),
        "alias": "the house's own",
        "version": "0.19.2-beta",
        "block_height": height,
        "num_active_channels": 2,
        "num_inactive_channels": 1,
        "synced_to_chain": says.synced,
        "chains": [{ "chain": "bitcoin", "network": says.network }],
    }))
}

async fn channel_balance(State(lnd): State<Lnd>) -> Json<Value> {
    #[cfg(feature = "node")]
    if let Some(chain) = &lnd.chain {
        chain.channels().await;
    }
    let local = lnd.ledger.balance_msat();
    let amount = |msat: u64| json!({ "sat": (msat / 1_000).to_string(), "msat": msat.to_string() });
    Json(
        json!({ "balance": (local / 1_000).to_string(), "local_balance": amount(local), "remote_balance": amount(9_000) }),
    )
}

async fn add_invoice(State(lnd): State<Lnd>, Json(asked): Json<Value>) -> Json<Value> {
    let amount_msat = whole(&asked["value_msat"]).or_else(|| Some(whole(&asked["value"])? * 1_000)).unwrap();
    let expiry_s = whole(&asked["expiry"]).unwrap_or(86_400);
    let own = lnd.ledger.create(amount_msat, asked["memo"].as_str().unwrap_or_default(), expiry_s, "");
    Json(json!({
        "r_hash": base64_encode(&own.hash),
        "payment_request": own.bolt11,
        "add_index": own.index.to_string(),
        "payment_addr": base64_encode(&[1; 32]),
    }))
}

/// 64-bit integers may come as text or as numbers.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn shown_invoice(own: &OwnInvoice) -> Value {
    let paid = own.paid_ms.map(|_| own.amount_msat).unwrap_or_default();
    json!({
        "memo": own.description,
        "r_hash": base64_encode(&own.hash),
        "r_preimage": base64_encode(&own.preimage),
        "value_msat": own.amount_msat.to_string(),
        "creation_date": (own.created_ms / 1_000).to_string(),
        "settle_date": (own.paid_ms.unwrap_or(0) / 1_000).to_string(),
        "payment_request": own.bolt11,
        "state": if own.paid_ms.is_some() { "SETTLED" } else { "OPEN" },
        "amt_paid_msat": paid.to_string(),
        "add_index": own.index.to_string(),
    })
}

async fn invoice(State(lnd): State<Lnd>, Path(hash): Path<String>) -> Response {
    let hash = <[u8; 32]>::from_hex(&hash).unwrap();
    match lnd.ledger.invoice(&hash) {
        Some(own) => Json(shown_invoice(&own)).into_response(),
        None => error(false, 404, 5, "unable to locate invoice"),
    }
}

async fn invoices(State(lnd): State<Lnd>, Query(asked): Query<Vec<(String, String)>>) -> Json<Value> {
    let all = lnd.ledger.invoices();
    page("invoices", &asked, "num_max_invoices", all.iter().map(|own| (own.index, shown_invoice(own))).collect())
}

async fn payments(State(lnd): State<Lnd>, Query(asked): Query<Vec<(String, String)>>) -> Json<Value> {
    let all = lnd.ledger.payments();
    let settled = all.iter().filter(|payment| payment.state == PayState::Settled);
    page("payments", &asked, "max_payments", settled.map(|payment| (payment.index, lnd.shown(payment))).collect())
}

/// The newest below the offset, in the order they were made.
fn page(name: &str, asked: &[(String, String)], size: &str, all: Vec<(u64, Value)>) -> Json<Value> {
    let value = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("reversed"), Some("true"));
    let before: u64 = value("index_offset").unwrap().parse().unwrap();
    let below: Vec<_> = all.into_iter().filter(|(index, _)| before == 0 || *index < before).collect();
    let skipped = below.len().saturating_sub(value(size).unwrap().parse().unwrap());
    let shown = &below[skipped..];
    let index = |item: Option<&(u64, Value)>| item.map(|(index, _)| *index).unwrap_or_default().to_string();
    Json(json!({
        name: shown.iter().map(|(_, value)| value).collect::<Vec<_>>(),
        "first_index_offset": index(shown.first()),
        "last_index_offset": index(shown.last()),
    }))
}

async fn send(State(lnd): State<Lnd>, Json(asked): Json<Value>) -> Response {
    let bolt11 = asked["payment_request"].as_str().unwrap();
    let fee_max = whole(&asked["fee_limit_msat"]).unwrap_or(0);
    if asked["timeout_seconds"].as_u64().unwrap_or(0) == 0 {
        return error(true, 500, 2, "timeout_seconds must be specified");
    }
    let failed = |reason: &str| {
        let invoice: lightning_invoice::Bolt11Invoice = bolt11.parse().unwrap();
        let hash = invoice.payment_hash().to_string();
        line(&json!({ "payment_hash": hash, "status": "FAILED", "failure_reason": reason, "htlcs": [] }))
    };
    match lnd.ledger.pay(bolt11, Some(fee_max)) {
        Ok(payment) if payment.state == PayState::InFlight => std::future::pending().await,
        Ok(payment) => line(&lnd.shown(&payment)).into_response(),
        Err(Refusal::Funds) => failed("FAILURE_REASON_INSUFFICIENT_BALANCE").into_response(),
        Err(Refusal::NoRoute | Refusal::Fee) => failed("FAILURE_REASON_NO_ROUTE").into_response(),
        Err(Refusal::Expired) => error(true, 500, 2, "invoice expired. Valid until 2026-01-01 00:00:00 +0000 UTC"),
        Err(Refusal::Invoice) => error(true, 500, 2, "invalid bech32 string length 10"),
        Err(Refusal::AlreadyPaid) => error(true, 409, 6, "invoice is already paid"),
        Err(Refusal::InFlight) => error(true, 409, 6, "payment is in transition"),
    }
}

async fn track(
    State(lnd): State<Lnd>,
    Path(hash): Path<String>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    assert!(hash.ends_with('=') && !hash.contains(['+', '/']), "not the alphabet of paths, padded: {hash}");
    let hash = base64_decode(&hash).unwrap().try_into().unwrap();
    let Some(payment) = lnd.ledger.payment(&hash) else { return error(true, 404, 5, "payment isn't initiated") };
    if payment.state != PayState::InFlight {
        return line(&lnd.shown(&payment)).into_response();
    }
    if asked.iter().any(|(key, value)| key == "no_inflight_updates" && value == "true") {
        return std::future::pending().await;
    }
    let first = futures_util::stream::iter([Ok(Bytes::from(line(&lnd.shown(&payment))))]);
    Body::from_stream(first.chain(silent())).into_response()
}

fn line(payment: &Value) -> String {
    format!("{}\n", json!({ "result": payment }))
}

fn silent() -> impl futures_util::Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    futures_util::stream::pending()
}

fn error(streams: bool, status: u16, code: u64, message: &str) -> Response {
    let error = json!({ "code": code, "message": message, "details": [] });
    let body = if streams { json!({ "error": error }) } else { error };
    (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
}

const HEIGHT: u64 = 900_000;
const ADDRESS: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";
