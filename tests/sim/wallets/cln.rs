//! A Core Lightning node behind clnrest, as its schemas and its REST plugin describe it.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use serde_json::{Value, json};

#[cfg(feature = "node")]
#[path = "cln_chain.rs"]
mod chain;

use super::{Faults, Ledger, OwnInvoice, PayState, Payment, Refusal};

/// A node that listens. Clones are the same one.
#[derive(Clone)]
pub struct ClnNode {
    /// Where.
    pub url: String,
    /// Its money.
    pub ledger: Ledger,
    /// What goes wrong on the way.
    pub faults: Faults,
    knobs: Arc<Mutex<Knobs>>,
    #[cfg(feature = "node")]
    chain: Option<super::onchain::OnChain>,
}

/// What is different about this node.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// `getinfo` names it.
    pub network: &'static str,
    /// It still reads the chain.
    pub syncing: bool,
    /// Methods that the rune [`RUNE`] may not call.
    pub forbidden: Vec<&'static str>,
    /// Payments are shown as if they had begun so much earlier.
    pub older_s: u64,
    /// So many answers of `listpays` say `failed` of what is on its way.
    pub flips: u32,
    /// Amounts are texts, as old versions had them.
    pub old_amounts: bool,
    /// The next `xpay` calls end so, after doing nothing.
    pub xpay_code: Option<i64>,
    /// It does not know `index`, `start` and `limit`.
    pub no_pages: bool,
}

/// The rune with the restrictions that Kilosat documents.
pub const RUNE: &str = "aWxvc2F0LXNpbXVsYXRlZC1ydW5l";
/// The one for filling up, which may do what [`FILLING`] names as well.
pub const FILL_RUNE: &str = "ZmlsbC1zaW11bGF0ZWQtcnVuZQ==";
/// A rune without restrictions.
pub const MASTER_RUNE: &str = "bWFzdGVyLXNpbXVsYXRlZC1ydW5l";

/// An error of the node.
struct Failure(u16, i64, String);

type Answer = Result<Value, Failure>;

impl ClnNode {
    /// Starts listening on loopback.
    pub async fn start(ledger: Ledger) -> ClnNode {
        ClnNode::listening(ledger, |node| node).await
    }

    /// One on regtest that has a wallet on the chain.
    #[cfg(feature = "node")]
    pub async fn on_chain(ledger: Ledger, chain: super::onchain::OnChain) -> ClnNode {
        let node = ClnNode::listening(ledger, |node| ClnNode { chain: Some(chain), ..node }).await;
        node.set(|knobs| knobs.network = "regtest");
        node
    }

    async fn listening(ledger: Ledger, with: impl FnOnce(ClnNode) -> ClnNode) -> ClnNode {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let knobs = Knobs {
            network: "bitcoin",
            syncing: false,
            forbidden: Vec::new(),
            older_s: 0,
            flips: 0,
            old_amounts: false,
            xpay_code: None,
            no_pages: false,
        };
        let url = format!("http://{}", listener.local_addr().unwrap());
        let node = with(ClnNode {
            url,
            ledger,
            faults: Faults::default(),
            knobs: Arc::new(Mutex::new(knobs)),
            #[cfg(feature = "node")]
            chain: None,
        });
        let router = Router::new().route("/v1/{method}", post(call)).with_state(node.clone());
        let router = node.faults.wrap(router);
        tokio::spawn(async move { axum::serve(listener, router).await });
        node
    }

    /// Makes something different about it.
    pub fn set(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.knobs.lock().unwrap());
    }

    fn knobs(&self) -> Knobs {
        self.knobs.lock().unwrap().clone()
    }

    /// A payment as `listpays` shows it now.
    fn pay_row(&self, payment: &Payment) -> Value {
        let mut knobs = self.knobs.lock().unwrap();
        let flips = payment.state == PayState::InFlight && knobs.flips > 0;
        knobs.flips -= u32::from(flips);
        let status = match payment.state {
            PayState::Settled => "complete",
            PayState::InFlight if !flips => "pending",
            PayState::InFlight | PayState::Failed => "failed",
        };
        let amount = |msat| amount(msat, knobs.old_amounts);
        let began_s = (payment.created_ms / 1_000).saturating_sub(knobs.older_s);
        let mut row = json!({
            "bolt11": payment.bolt11,
            "payment_hash": payment.hash.to_lower_hex_string(),
            "status": status,
            "created_at": began_s,
            "created_index": payment.index,
            "amount_sent_msat": amount(payment.amount_msat + payment.fee_msat),
        });
        if payment.state == PayState::Settled {
            row["preimage"] = json!(payment.preimage.to_lower_hex_string());
            row["amount_msat"] = amount(payment.amount_msat);
            row["completed_at"] = json!(began_s);
        }
        row
    }

    fn invoice_row(&self, invoice: &OwnInvoice) -> Value {
        let mut row = json!({
            "label": invoice.label,
            "bolt11": invoice.bolt11,
            "payment_hash": invoice.hash.to_lower_hex_string(),
            "amount_msat": amount(invoice.amount_msat, self.knobs().old_amounts),
            "status": "unpaid",
            "description": invoice.description,
            "expires_at": invoice.expires_ms / 1_000,
            "created_index": invoice.index,
        });
        if let Some(paid_ms) = invoice.paid_ms {
            row["status"] = json!("paid");
            row["pay_index"] = json!(self.ledger.pay_index(invoice));
            row["amount_received_msat"] = amount(invoice.amount_msat, self.knobs().old_amounts);
            row["paid_at"] = json!(paid_ms / 1_000);
            row["payment_preimage"] = json!(invoice.preimage.to_lower_hex_string());
        }
        row
    }
}

async fn call(State(node): State<ClnNode>, Path(method): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let params: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let answer = match allowed(&node, headers.get("rune").map(|rune| rune.to_str().unwrap()), &method, &params) {
        Ok(()) => answer(&node, &method, &params).await,
        Err(refused) => Err(refused),
    };
    let (status, body) = match answer {
        Ok(body) => (201, body),
        Err(Failure(status, code, message)) => (status, json!({ "code": code, "message": message })),
    };
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn allowed(node: &ClnNode, rune: Option<&str>, method: &str, params: &Value) -> Result<(), Failure> {
    let not_permitted = |why: &str| Err(Failure(401, 1502, format!("Not permitted: {why}")));
    match rune {
        None => return Err(Failure(403, 1501, "Not authorized: Missing rune".to_owned())),
        Some(MASTER_RUNE) => return Ok(()),
        Some(FILL_RUNE) if FILLING.contains(&method) => return Ok(()),
        Some(RUNE | FILL_RUNE) => {}
        Some(_) => return Err(Failure(401, 1501, "Not authorized: Not derived from master".to_owned())),
    }
    if !NEEDED.contains(&method) || node.knobs().forbidden.contains(&method) {
        return not_permitted("method is not equal to getinfo");
    }
    if method == "xpay" {
        let amount = params["invstring"].as_str().and_then(|text| text.parse().ok());
        let amount = amount.and_then(|invoice: lightning_invoice::Bolt11Invoice| invoice.amount_milli_satoshis());
        match amount {
            None => return not_permitted("method is equal to xpay AND pinvinvstring_amount not present"),
            Some(msat) if msat > LIMIT_MSAT => {
                return not_permitted("method is equal to xpay AND pinvinvstring_amount is greater or equal to");
            }
            Some(_) => {}
        }
        if !params["maxfee"].is_u64() || params.get("amount_msat").is_some() {
            return not_permitted("method is equal to xpay AND pnamemaxfee is not an integer field");
        }
    }
    Ok(())
}

async fn answer(node: &ClnNode, method: &str, params: &Value) -> Answer {
    #[cfg(feature = "node")]
    if let Some(chain) = &node.chain
        && let Some(answer) = chain::answer(node, chain, method, params).await
    {
        return answer;
    }
    match method {
        "getinfo" => Ok(info(&node.knobs())),
        "listpeerchannels" => Ok(channels(node)),
        "listfunds" => Ok(funds(node)),
        "listpays" => list_pays(node, params),
        "listinvoices" => list_invoices(node, params),
        "invoice" => invoice(node, params),
        "waitanyinvoice" => wait_any_invoice(node, params).await,
        "xpay" => xpay(node, params).await,
        "pay" => pay(node, params).await,
        "listconfigs" => Ok(json!({ "configs": {} })),
        _ => Err(Failure(404, -32601, format!("Unknown command '{method}'"))),
    }
}

fn info(knobs: &Knobs) -> Value {
    let mut info = json!({
        "id": "02".repeat(33),
        "alias": "SIMULATED",
        "num_active_channels": 1,
        "version": "v26.06",
        "blockheight": 900_000,
        "network": knobs.network,
    });
    if knobs.syncing {
        info["warning_lightningd_sync"] = json!("Still loading latest blocks from bitcoind.");
    }
    info
}

fn channels(node: &ClnNode) -> Value {
    let ours = amount(node.ledger.balance_msat(), node.knobs().old_amounts);
    let open = json!({
        "peer_connected": true, "state": "CHANNELD_NORMAL",
        "to_us_msat": ours, "spendable_msat": ours, "receivable_msat": 5_000_000,
    });
    let closing = json!({ "peer_connected": true, "state": "ONCHAIN", "to_us_msat": 7_000, "spendable_msat": 7_000 });
    json!({ "channels": [open, closing] })
}

fn funds(node: &ClnNode) -> Value {
    let ours = node.ledger.balance_msat();
    let open =
        json!({ "connected": true, "state": "CHANNELD_NORMAL", "our_amount_msat": ours, "amount_msat": 2 * ours });
    json!({ "outputs": [], "channels": [open] })
}

fn list_pays(node: &ClnNode, params: &Value) -> Answer {
    let rows: Vec<Value> = match hash_of(params) {
        Some(hash) => node.ledger.payment(&hash).iter().map(|payment| node.pay_row(payment)).collect(),
        None => node.ledger.payments().iter().map(|payment| node.pay_row(payment)).collect(),
    };
    Ok(json!({ "pays": page(node, rows, params)? }))
}

fn list_invoices(node: &ClnNode, params: &Value) -> Answer {
    let wanted = |own: &OwnInvoice| match (hash_of(params), params["label"].as_str()) {
        (Some(hash), _) => own.hash == hash,
        (None, Some(label)) => own.label == label,
        (None, None) => true,
    };
    let rows = node.ledger.invoices().iter().filter(|own| wanted(own)).map(|own| node.invoice_row(own)).collect();
    Ok(json!({ "invoices": page(node, rows, params)? }))
}

fn page(node: &ClnNode, rows: Vec<Value>, params: &Value) -> Result<Vec<Value>, Failure> {
    if params.get("index").is_none() {
        return Ok(rows);
    }
    if node.knobs().no_pages {
        return Err(Failure(500, -32602, "unknown parameter: index".to_owned()));
    }
    let start = params["start"].as_u64().unwrap_or(0);
    let limit = usize::try_from(params["limit"].as_u64().unwrap_or(u64::MAX)).unwrap();
    Ok(rows.into_iter().filter(|row| row["created_index"].as_u64() >= Some(start)).take(limit).collect())
}

fn invoice(node: &ClnNode, params: &Value) -> Answer {
    let (Some(msat), Some(label)) = (params["amount_msat"].as_u64(), params["label"].as_str()) else {
        return Err(Failure(500, -32602, "missing required parameter".to_owned()));
    };
    if node.ledger.invoices().iter().any(|own| own.label == label) {
        return Err(Failure(500, 900, format!("Duplicate label '{label}'")));
    }
    let description = params["description"].as_str().unwrap();
    let expiry_s = params["expiry"].as_u64().unwrap_or(604_800);
    let own = node.ledger.create(msat, description, expiry_s, label);
    Ok(json!({
        "bolt11": own.bolt11,
        "payment_hash": own.hash.to_lower_hex_string(),
        "expires_at": own.expires_ms / 1_000,
        "created_index": own.index,
        "warning_capacity": "Insufficient incoming channel capacity to pay invoice",
    }))
}

async fn wait_any_invoice(node: &ClnNode, params: &Value) -> Answer {
    let known = usize::try_from(params["lastpay_index"].as_u64().unwrap_or(0)).unwrap();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    let next = async {
        loop {
            let paid = node.ledger.invoices().into_iter().filter(|own| own.paid_ms.is_some());
            if let Some(own) =
                paid.filter(|own| node.ledger.pay_index(own) > known).min_by_key(|own| node.ledger.pay_index(own))
            {
                return node.invoice_row(&own);
            }
            tick.tick().await;
        }
    };
    let timeout = Duration::from_secs(params["timeout"].as_u64().unwrap());
    let waited = tokio::time::timeout(timeout, next).await;
    waited.map_err(|_| Failure(500, 904, "Timed out while waiting for invoice to be paid".to_owned()))
}

async fn xpay(node: &ClnNode, params: &Value) -> Answer {
    let failure = |code, message: &str| Err(Failure(500, code, message.to_owned()));
    if let Some(code) = node.knobs().xpay_code {
        return failure(code, "as the test wants");
    }
    match node.ledger.pay(params["invstring"].as_str().unwrap(), params["maxfee"].as_u64()) {
        Ok(payment) if payment.state == PayState::InFlight => std::future::pending().await,
        Ok(payment) => Ok(json!({
            "payment_preimage": payment.preimage.to_lower_hex_string(),
            "amount_msat": amount(payment.amount_msat, node.knobs().old_amounts),
            "amount_sent_msat": amount(payment.amount_msat + payment.fee_msat, node.knobs().old_amounts),
            "failed_parts": 0,
            "successful_parts": 1,
        })),
        Err(Refusal::Funds) => failure(205, "Failed: We could not find a usable set of paths."),
        Err(Refusal::NoRoute) => failure(205, "Failed after 1 attempts. No way to the destination."),
        Err(Refusal::Fee) => failure(206, "Could not find a route cheap enough"),
        Err(Refusal::Expired) => failure(207, "Invoice expired"),
        Err(Refusal::Invoice) => failure(-32602, "Invalid bolt11"),
        Err(Refusal::AlreadyPaid) => failure(219, "Already paid this invoice successfully"),
        Err(Refusal::InFlight) => failure(200, "Payment is already in progress"),
    }
}

/// The older command: the same payment, another name for the invoice, and a state in the answer.
async fn pay(node: &ClnNode, params: &Value) -> Answer {
    let mut paid = xpay(node, &json!({ "invstring": params["bolt11"], "maxfee": params["maxfee"] })).await?;
    let invoice: lightning_invoice::Bolt11Invoice = params["bolt11"].as_str().unwrap().parse().unwrap();
    (paid["status"], paid["payment_hash"]) = (json!("complete"), json!(invoice.payment_hash().to_string()));
    Ok(paid)
}

fn hash_of(params: &Value) -> Option<[u8; 32]> {
    params["payment_hash"].as_str().map(|text| <[u8; 32]>::from_hex(text).unwrap())
}

fn amount(msat: u64, as_text: bool) -> Value {
    if as_text { json!(format!("{msat}msat")) } else { json!(msat) }
}

/// What the documented rune allows.
const NEEDED: [&str; 7] =
    ["getinfo", "listpeerchannels", "listpays", "listinvoices", "invoice", "waitanyinvoice", "xpay"];
/// What the documented rune for filling up allows in addition.
const FILLING: [&str; 6] = ["newaddr", "listfunds", "listtransactions", "connect", "fundchannel", "withdraw"];
/// What the documented rune allows per payment, here large enough for every scenario.
const LIMIT_MSAT: u64 = 20_000_000;
