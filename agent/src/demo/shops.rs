//! The two shops of the town: the utility's Lightning address, and the neighbour's weather page for L402 tickets.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};
use axum::routing::get;
use bitcoin::hashes::{Hash as _, sha256};
use ldk_node::lightning_invoice::{Bolt11InvoiceDescription, Description, Sha256};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::DemoError;
use super::seller_gate::TicketOffice;
use super::town::{TownNode, on_thread};
use crate::clock::Clock;
use crate::domain::l402::TicketOutcome;
use crate::sim::{House, solar_at};

/// Opens the utility's Lightning address server; returns `host:port`.
///
/// # Errors
/// [`DemoError`].
pub async fn open_utility(node: TownNode, servers: &mut JoinSet<()>) -> Result<String, DemoError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let host = listener.local_addr()?.to_string();
    let metadata =
        json!([["text/plain", "Electricity, billed by the kWh"], ["text/identifier", format!("electricity@{host}")]]);
    let utility = Arc::new(Utility { node, host: host.clone(), metadata: metadata.to_string() });
    let router = Router::new()
        .route("/.well-known/lnurlp/electricity", get(pay_request))
        .route("/lnurlp/electricity/invoice", get(invoice))
        .with_state(utility);
    servers.spawn(async move {
        // It ends with the demo.
        let _ = axum::serve(listener, router).await;
    });
    Ok(host)
}

/// Where the neighbour's weather page will be.
///
/// # Errors
/// [`DemoError::Io`].
pub fn weather_url(door: &TcpListener) -> Result<String, DemoError> {
    Ok(format!("http://{}{WEATHER_PATH}", door.local_addr()?))
}

/// Opens the neighbour's weather page.
///
/// # Errors
/// [`DemoError`].
pub fn open_seller(
    door: TcpListener,
    node: TownNode,
    house: Arc<Mutex<House>>,
    clock: Clock,
    servers: &mut JoinSet<()>,
) -> Result<(), DemoError> {
    let office = TicketOffice::new("weather").map_err(|error| DemoError::Town(error.to_string()))?;
    let seller = Arc::new(Seller { node, office, house, clock });
    let router = Router::new().route(WEATHER_PATH, get(weather)).with_state(seller);
    servers.spawn(async move {
        // It ends with the demo.
        let _ = axum::serve(door, router).await;
    });
    Ok(())
}

struct Utility {
    node: TownNode,
    host: String,
    metadata: String,
}

struct Seller {
    node: TownNode,
    office: TicketOffice,
    house: Arc<Mutex<House>>,
    clock: Clock,
}

#[derive(Deserialize)]
struct Amount {
    amount: u64,
}

/// LUD-06, first answer.
async fn pay_request(State(utility): State<Arc<Utility>>) -> Response {
    Json(json!({
        "tag": "payRequest",
        "callback": format!("http://{}/lnurlp/electricity/invoice", utility.host),
        "minSendable": 1_000,
        "maxSendable": 100_000_000,
        "metadata": utility.metadata,
    }))
    .into_response()
}

/// LUD-06, second answer.
async fn invoice(State(utility): State<Arc<Utility>>, Query(asked): Query<Amount>) -> Response {
    let refuse = |reason: String| Json(json!({"status": "ERROR", "reason": reason})).into_response();
    if !(1_000..=100_000_000).contains(&asked.amount) {
        return refuse("the amount is out of range".to_owned());
    }
    let description = Bolt11InvoiceDescription::Hash(Sha256(sha256::Hash::hash(utility.metadata.as_bytes())));
    let node = Arc::clone(utility.node.ldk());
    let made = on_thread(move || node.bolt11_payment().receive(asked.amount, &description, INVOICE_EXPIRY_S)).await;
    match made {
        Ok(Ok(invoice)) => Json(json!({"pr": invoice.to_string(), "routes": []})).into_response(),
        Ok(Err(error)) => refuse(error.to_string()),
        Err(error) => refuse(error.to_string()),
    }
}

/// 402 with a ticket and an invoice, or the weather for a paid ticket.
async fn weather(State(seller): State<Arc<Seller>>, headers: HeaderMap) -> Response {
    let now_s = seller.clock.now().wall.0 / 1_000;
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match shown.map(|ticket| seller.office.check(ticket, WEATHER_PATH, now_s)) {
        Some(TicketOutcome::Valid(_)) => Json(seller.weather()).into_response(),
        None | Some(TicketOutcome::Expired) => seller.challenge(now_s).await,
        Some(_) => (StatusCode::UNAUTHORIZED, "this ticket does not open this page").into_response(),
    }
}

impl Seller {
    async fn challenge(&self, now_s: u64) -> Response {
        let unavailable = |text: String| (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
        let Ok(text) = Description::new("Weather, one ticket".to_owned()) else {
            return unavailable("no description".to_owned());
        };
        let (node, description) = (Arc::clone(self.node.ldk()), Bolt11InvoiceDescription::Direct(text));
        let made = on_thread(move || node.bolt11_payment().receive(TICKET_MSAT, &description, INVOICE_EXPIRY_S)).await;
        let invoice = match made {
            Ok(Ok(invoice)) => invoice,
            _ => return unavailable("no invoice can be made now".to_owned()),
        };
        let hash = invoice.payment_hash().to_byte_array();
        let ticket = match self.office.challenge(&hash, WEATHER_PATH, now_s.saturating_add(TICKET_LIFE_S)) {
            Ok(ticket) => ticket,
            Err(error) => return unavailable(error.to_string()),
        };
        let mut response = (StatusCode::PAYMENT_REQUIRED, "a ticket costs 3 sat").into_response();
        response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
        for challenge in TicketOffice::challenge_headers(&ticket, &invoice.to_string()) {
            if let Ok(value) = challenge.parse() {
                response.headers_mut().append(header::WWW_AUTHENTICATE, value);
            }
        }
        response
    }

    /// The sun as the simulated house sees it, and a temperature that follows it.
    fn weather(&self) -> serde_json::Value {
        let second = self.house.lock().unwrap_or_else(PoisonError::into_inner).second_of_day();
        let sun_w = solar_at(second).0 / 1_000;
        let tenths = 80 + sun_w / 40;
        json!({"sun_w": sun_w, "temperature_c": format!("{}.{}", tenths / 10, tenths % 10).parse::<serde_json::Number>().ok()})
    }
}

/// The page that is sold.
const WEATHER_PATH: &str = "/weather";
const TICKET_MSAT: u64 = 3_000;
const TICKET_LIFE_S: u64 = 12;
const INVOICE_EXPIRY_S: u32 = 600;
