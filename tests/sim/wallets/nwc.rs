//! A wallet service that speaks Nostr Wallet Connect, and a real relay between it and Kilosat.
//!
//! Source: NIP-47; the words for hashes that are known are those of Alby Hub.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use nostr::nips::nip44;
use nostr::{Event, EventBuilder, Keys, Kind, PublicKey, Tag};
use nostr_relay_builder::{LocalRelay, RelayBuilder, builder::RateLimit};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Ledger, OwnInvoice, PayState, Payment, Refusal};

/// One misbehaviour; each is used up by one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Does what was asked and never answers.
    Silent,
    /// Does nothing and never answers.
    Deaf,
    /// Refuses with this code, doing nothing.
    Code(&'static str),
    /// Does what was asked and answers with this code.
    CodeAfter(&'static str),
    /// Somebody else signs the answer.
    WrongAuthor,
    /// The answer names another request.
    WrongRequest,
    /// The answer comes twice.
    Twice,
    /// Two unclear answers before the true one.
    InternalFirst,
    /// Does what was asked and answers INTERNAL, then with this code.
    InternalThen(&'static str),
    /// What cannot be decrypted.
    Garbage,
    /// Does what was asked, and this is the decrypted answer.
    Text(&'static str),
}

/// What the wallet offers and says of itself.
#[derive(Clone)]
pub struct Manner {
    /// In its info event and in `get_info`.
    pub methods: &'static str,
    /// In its info event.
    pub encryption: &'static str,
    /// In `get_info`.
    pub network: &'static str,
    /// In `get_budget`, in msat.
    pub budget: Option<u64>,
    /// It leaves out the optional state and says `expired` of outgoing payments whose invoice expired.
    pub state_of: fn(&Payment) -> Option<&'static str>,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            methods: "get_info get_balance make_invoice pay_invoice lookup_invoice list_transactions notifications",
            encryption: "nip44_v2 nip04",
            network: "mainnet",
            budget: None,
            state_of: |payment| {
                Some(match payment.state {
                    PayState::InFlight => "pending",
                    PayState::Settled => "settled",
                    PayState::Failed => "failed",
                })
            },
        }
    }
}

/// The service and its relay; both end when this is dropped.
pub struct NwcWallet {
    /// What the owner copies into Kilosat.
    pub connection_text: String,
    /// Where the relay listens.
    pub relay_url: String,
    waiting: Waiting,
    notices: tokio::sync::mpsc::UnboundedSender<()>,
    expirations: Arc<Mutex<Vec<u64>>>,
    _relay: LocalRelay,
    service: JoinHandle<()>,
}

type Waiting = Arc<Mutex<VecDeque<(&'static str, String, Misbehaviour)>>>;

impl NwcWallet {
    /// Starts a relay and, connected to it, a wallet service over `ledger`.
    pub async fn start(ledger: Ledger, manner: Manner) -> NwcWallet {
        let relay = relay().await;
        let relay_url = relay.url().await.to_string();
        let (service, client) = (Keys::generate(), Keys::generate());
        let mut socket = connect(&relay_url).await;
        let (waiting, expirations) = (Waiting::default(), Arc::<Mutex<Vec<u64>>>::default());
        let info = EventBuilder::new(Kind::from(13_194), manner.methods)
            .tag(Tag::parse(["encryption", manner.encryption]).unwrap())
            .tag(Tag::parse(["notifications", "payment_received"]).unwrap())
            .sign_with_keys(&service)
            .unwrap();
        send(&mut socket, &json!(["EVENT", info])).await;
        send(&mut socket, &json!(["REQ", "r", { "kinds": [23_194], "#p": [service.public_key().to_hex()] }])).await;
        until_caught_up(&mut socket).await;
        let connection_text = format!(
            "nostr+walletconnect://{}?relay={}&secret={}",
            service.public_key().to_hex(),
            url::form_urlencoded::byte_serialize(relay_url.as_bytes()).collect::<String>(),
            client.secret_key().to_secret_hex(),
        );
        let (notices, mut noticed) = tokio::sync::mpsc::unbounded_channel();
        let desk = Desk {
            ledger,
            manner,
            keys: service,
            client: client.public_key(),
            waiting: waiting.clone(),
            expirations: expirations.clone(),
        };
        let service = tokio::spawn(async move {
            loop {
                let events = tokio::select! {
                    message = socket.next() => match message {
                        Some(Ok(message)) => desk.answers(&message),
                        _ => return,
                    },
                    Some(()) = noticed.recv() => vec![desk.notice()],
                };
                for event in events {
                    send(&mut socket, &json!(["EVENT", event])).await;
                }
            }
        });
        NwcWallet { connection_text, relay_url, waiting, notices, expirations, _relay: relay, service }
    }

    /// The next request of `method` meets this.
    pub fn push(&self, method: &'static str, misbehaviour: Misbehaviour) {
        self.push_about(method, String::new(), misbehaviour);
    }

    /// The next request of `method` whose parameters hold `about` meets this.
    pub fn push_about(&self, method: &'static str, about: String, misbehaviour: Misbehaviour) {
        self.waiting.lock().unwrap().push_back((method, about, misbehaviour));
    }

    /// Whether a misbehaviour about this still waits for its request.
    pub fn waits(&self, about: &str) -> bool {
        self.waiting.lock().unwrap().iter().any(|(_, waiting, _)| waiting == about)
    }

    /// Tells the client that a payment came in.
    pub fn notify(&self) {
        self.notices.send(()).unwrap();
    }

    /// The expirations of the requests that came, in seconds since 1970.
    pub fn expirations(&self) -> Vec<u64> {
        self.expirations.lock().unwrap().clone()
    }
}

impl Drop for NwcWallet {
    fn drop(&mut self) {
        self.service.abort();
    }
}

/// The service's side of one connection text.
struct Desk {
    ledger: Ledger,
    manner: Manner,
    keys: Keys,
    client: PublicKey,
    waiting: Waiting,
    expirations: Arc<Mutex<Vec<u64>>>,
}

impl Desk {
    fn answers(&self, message: &Message) -> Vec<Event> {
        let Message::Text(text) = message else { return Vec::new() };
        let value: Value = serde_json::from_str(text.as_str()).unwrap();
        if value[0] != "EVENT" {
            return Vec::new();
        }
        let request: Event = serde_json::from_value(value[2].clone()).unwrap();
        request.verify().unwrap();
        let tag = |name: &str| {
            let mut tags = request.tags.iter().map(Tag::as_slice);
            tags.find(|tag| tag[0] == name).map(|tag| tag[1].clone())
        };
        self.expirations.lock().unwrap().extend(tag("expiration").map(|at| at.parse::<u64>().unwrap()));
        let Ok(content) = nip44::decrypt(self.keys.secret_key(), &request.pubkey, &request.content) else {
            return Vec::new();
        };
        let asked: Value = serde_json::from_str(&content).unwrap();
        let method = asked["method"].as_str().unwrap().to_owned();
        let refused = |code: &str, message: &str| json!({ "result_type": method, "error": { "code": code, "message": message }, "result": null });
        if request.pubkey != self.client {
            return vec![self.sealed(&request, &refused("UNAUTHORIZED", "no such connection").to_string())];
        }
        assert_eq!(tag("encryption").as_deref(), Some("nip44_v2"));
        let done = || match self.perform(&method, &asked["params"]) {
            Ok(None) => None,
            Ok(Some(result)) => Some(json!({ "result_type": method, "error": null, "result": result }).to_string()),
            Err((code, message)) => Some(refused(code, message).to_string()),
        };
        let sealed = |text: Option<String>| text.map(|text| self.sealed(&request, &text)).into_iter().collect();
        let Some(misbehaviour) = self.take(&method, &asked["params"].to_string()) else { return sealed(done()) };
        match misbehaviour {
            Misbehaviour::Code(code) => return sealed(Some(refused(code, "because").to_string())),
            Misbehaviour::Deaf => return Vec::new(),
            _ => {}
        }
        // What is on its way has no answer yet; whoever misbehaves has one all the same.
        let answer = done().unwrap_or_else(|| refused("INTERNAL", "still trying").to_string());
        match misbehaviour {
            Misbehaviour::CodeAfter(code) => sealed(Some(refused(code, "because").to_string())),
            Misbehaviour::WrongAuthor => vec![answer_of(&Keys::generate(), &request, &request.id.to_hex(), &answer)],
            Misbehaviour::WrongRequest => vec![answer_of(&self.keys, &request, &"7".repeat(64), &answer)],
            Misbehaviour::Twice => vec![self.sealed(&request, &answer), self.sealed(&request, &answer)],
            Misbehaviour::InternalFirst => {
                let unclear = refused("INTERNAL", "one part failed").to_string();
                [&unclear, &unclear, &answer].map(|text| self.sealed(&request, text)).to_vec()
            }
            Misbehaviour::InternalThen(code) => [refused("INTERNAL", "one part failed"), refused(code, "because")]
                .map(|answer| self.sealed(&request, &answer.to_string()))
                .to_vec(),
            Misbehaviour::Garbage => vec![signed(&self.keys, &request, &request.id.to_hex(), "AgAAgarbage".to_owned())],
            Misbehaviour::Text(text) => sealed(Some(text.to_owned())),
            Misbehaviour::Silent | Misbehaviour::Code(_) | Misbehaviour::Deaf => Vec::new(),
        }
    }

    fn take(&self, method: &str, params: &str) -> Option<Misbehaviour> {
        let mut waiting = self.waiting.lock().unwrap();
        let place = waiting.iter().position(|(wanted, about, _)| *wanted == method && params.contains(about))?;
        waiting.remove(place).map(|(.., misbehaviour)| misbehaviour)
    }

    /// `Ok(None)`: the answer comes when the payment ends, which is never while anybody waits.
    fn perform(&self, method: &str, params: &Value) -> Result<Option<Value>, (&'static str, &'static str)> {
        if !self.manner.methods.split(' ').any(|offered| offered == method) {
            return Err(("RESTRICTED", "not allowed for this connection"));
        }
        let result = match method {
            "get_info" => json!({
                "alias": "Hub \u{202e}", "color": "#3399ff", "network": self.manner.network, "pubkey": "02".repeat(33),
                "block_height": 900_000, "block_hash": "00".repeat(32),
                "methods": self.manner.methods.split(' ').collect::<Vec<_>>(),
            }),
            "get_balance" => json!({ "balance": self.ledger.balance_msat() }),
            "get_budget" => self.manner.budget.map_or_else(
                || json!({}),
                |total| json!({ "used_budget": 21_000, "total_budget": total, "renewal_period": "monthly" }),
            ),
            "make_invoice" => {
                let amount = params["amount"].as_u64().unwrap();
                assert_eq!(amount % 1_000, 0, "Alby Hub demands whole satoshis");
                let text = params["description"].as_str().unwrap_or_default();
                own(&self.ledger.create(amount, text, params["expiry"].as_u64().unwrap_or(3_600), ""))
            }
            "pay_invoice" => return self.pay(params["invoice"].as_str().unwrap()),
            "lookup_invoice" => {
                let hash = kilosat::domain::invoice::hex32(params["payment_hash"].as_str().unwrap()).unwrap();
                let paid = self.ledger.payment(&hash).map(|payment| self.outgoing(&payment));
                let found = paid.or_else(|| self.ledger.invoice(&hash).map(|invoice| own(&invoice)));
                found.ok_or(("NOT_FOUND", "transaction not found"))?
            }
            "list_transactions" => self.list(params),
            _ => return Err(("NOT_IMPLEMENTED", "unknown method")),
        };
        Ok(Some(result))
    }

    fn pay(&self, bolt11: &str) -> Result<Option<Value>, (&'static str, &'static str)> {
        match self.ledger.pay(bolt11, None) {
            Ok(payment) if payment.state == PayState::Settled => {
                Ok(Some(json!({ "preimage": hex(&payment.preimage), "fees_paid": payment.fee_msat })))
            }
            Ok(_) => Ok(None),
            Err(Refusal::Funds) => Err(("INSUFFICIENT_BALANCE", "the balance is too low")),
            Err(Refusal::NoRoute) => Err(("PAYMENT_FAILED", "no route, or a timeout")),
            Err(Refusal::AlreadyPaid) => Err(("INTERNAL", "this invoice has already been paid")),
            Err(Refusal::InFlight) => Err(("INTERNAL", "there is already a payment pending for this invoice")),
            Err(Refusal::Fee | Refusal::Expired | Refusal::Invoice) => Err(("OTHER", "this invoice cannot be paid")),
        }
    }

    fn list(&self, params: &Value) -> Value {
        let number = |name: &str| usize::try_from(params[name].as_u64().unwrap_or(0)).unwrap();
        assert!(number("limit") <= 20);
        let incoming = self.ledger.invoices().into_iter().filter(|invoice| invoice.paid_ms.is_some());
        let outgoing = self.ledger.payments().into_iter().filter(|payment| payment.state != PayState::InFlight);
        let mut all: Vec<(u64, Value)> = incoming.map(|invoice| (invoice.index, own(&invoice))).collect();
        all.extend(outgoing.map(|payment| (payment.index, self.outgoing(&payment))));
        all.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        let page = all
            .into_iter()
            .map(|(_, value)| value)
            .filter(|value| value["created_at"].as_u64() >= params["from"].as_u64());
        json!({ "transactions": page.skip(number("offset")).take(number("limit")).collect::<Vec<_>>() })
    }

    fn outgoing(&self, payment: &Payment) -> Value {
        let settled = payment.state == PayState::Settled;
        let mut value = json!({
            "type": "outgoing", "invoice": payment.bolt11, "payment_hash": hex(&payment.hash),
            "preimage": if settled { hex(&payment.preimage) } else { String::new() },
            "amount": payment.amount_msat, "fees_paid": payment.fee_msat, "created_at": payment.created_ms / 1_000,
            "settled_at": settled.then_some(payment.created_ms / 1_000),
        });
        if let Some(state) = (self.manner.state_of)(payment) {
            value["state"] = state.into();
        }
        value
    }

    fn notice(&self) -> Event {
        let content = json!({ "notification_type": "payment_received", "notification": {} }).to_string();
        let content = nip44::encrypt(self.keys.secret_key(), &self.client, content, nip44::Version::V2).unwrap();
        EventBuilder::new(Kind::from(23_197), content)
            .tag(Tag::public_key(self.client))
            .sign_with_keys(&self.keys)
            .unwrap()
    }

    fn sealed(&self, request: &Event, text: &str) -> Event {
        answer_of(&self.keys, request, &request.id.to_hex(), text)
    }
}

fn answer_of(author: &Keys, request: &Event, id: &str, text: &str) -> Event {
    let content = nip44::encrypt(author.secret_key(), &request.pubkey, text, nip44::Version::V2).unwrap();
    signed(author, request, id, content)
}

fn signed(author: &Keys, request: &Event, id: &str, content: String) -> Event {
    EventBuilder::new(Kind::from(23_195), content)
        .tags([Tag::public_key(request.pubkey), Tag::parse(["e", id]).unwrap()])
        .sign_with_keys(author)
        .unwrap()
}

fn own(invoice: &OwnInvoice) -> Value {
    json!({
        "type": "incoming", "state": if invoice.paid_ms.is_some() { "settled" } else { "pending" },
        "invoice": invoice.bolt11, "description": invoice.description, "payment_hash": hex(&invoice.hash),
        "preimage": if invoice.paid_ms.is_some() { hex(&invoice.preimage) } else { String::new() },
        "amount": invoice.amount_msat, "fees_paid": 0, "created_at": invoice.created_ms / 1_000,
        "expires_at": invoice.expires_ms / 1_000, "settled_at": invoice.paid_ms.map(|at| at / 1_000),
    })
}

fn hex(bytes: &[u8; 32]) -> String {
    kilosat::domain::invoice::PaymentHash(*bytes).to_string()
}

/// A relay on a free port of loopback; another one if somebody was faster.
async fn relay() -> LocalRelay {
    for _ in 0..10 {
        let limits = RateLimit { max_reqs: 500, notes_per_minute: 10_000 };
        let relay = LocalRelay::new(RelayBuilder::default().rate_limit(limits));
        if relay.run().await.is_ok() {
            return relay;
        }
    }
    panic!("no free port");
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: &str) -> Socket {
    connect_async(url).await.unwrap().0
}

async fn send(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

async fn until_caught_up(socket: &mut Socket) {
    let caught_up =
        async { while !socket.next().await.unwrap().unwrap().to_text().unwrap().starts_with("[\"EOSE\"") {} };
    tokio::time::timeout(Duration::from_secs(10), caught_up).await.unwrap();
}
