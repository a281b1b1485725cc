//! Hints over a wallet's websocket: they come at once, survive what breaks, and are never needed.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::get;
use kilosat::domain::money::Msat;
use kilosat::engine::PayOutcome;
use kilosat::http::{Fingerprint, Heard, HttpFault, Limits, Reach, StrictClient};
use kilosat::lightning::{InvoiceRequest, LightningService, Remote, ServiceKind, Waits};
use serde_json::json;
use sim::wallets::lnbits::LnbitsServer;
use sim::wallets::phoenixd::{PASSWORD, PASSWORD_LIMITED, Phoenixd};
use sim::wallets::tls::{self, Identity};
use tokio::time::{Instant, timeout};
use url::Url;

use crate::bench::remote;

/// So long that no poll is mistaken for a hint.
const PATIENT: Duration = Duration::from_secs(3_600);
const AT_ONCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(300);

fn service(url: &str, password: &str, poll: Duration, pins: &[Fingerprint]) -> LightningService {
    let mut remote = remote(url, password);
    remote.waits.poll = poll;
    remote.pins = pins.to_vec();
    LightningService::remote(ServiceKind::Phoenixd, remote).unwrap()
}

/// A wallet, and the house that listens to it.
async fn listening(password: &str) -> (Phoenixd, LightningService) {
    let sim = Phoenixd::start(0).await;
    let service = service(&sim.url, password, PATIENT, &[]);
    hinted(&service, "what came before a new connection was missed").await;
    assert_eq!(sim.socket.listeners(), 1);
    (sim, service)
}

async fn hinted(service: &LightningService, why: &str) {
    assert!(timeout(AT_ONCE, service.next_hint()).await.is_ok(), "no hint: {why}");
}

async fn quiet(service: &LightningService, why: &str) {
    assert!(timeout(QUIET, service.next_hint()).await.is_err(), "a hint: {why}");
}

fn receive(sim: &Phoenixd) {
    let own = sim.ledger.create(5_000, "garage", 600, "");
    sim.ledger.receive(own.hash);
}

#[tokio::test]
async fn a_payment_is_hinted_at_within_a_moment_to_either_password() {
    for password in [PASSWORD, PASSWORD_LIMITED] {
        let (sim, service) = listening(password).await;
        quiet(&service, "nothing happened").await;
        for _ in 0..3 {
            receive(&sim);
            hinted(&service, "money came in").await;
        }
        quiet(&service, "each is told once").await;
        assert_eq!(sim.socket.opened(), 1, "the connection is kept between two hints");
    }
}

#[tokio::test]
async fn a_broken_connection_is_made_anew_and_what_came_meanwhile_is_looked_for() {
    let (sim, service) = listening(PASSWORD).await;
    for times in 2..4 {
        sim.socket.drop_all();
        hinted(&service, "a new connection").await;
        assert_eq!(sim.socket.opened(), times);
        receive(&sim);
        hinted(&service, "money came in over the new connection").await;
    }
}

#[tokio::test]
async fn a_wallet_that_keeps_breaking_the_connection_is_called_ever_more_seldom() {
    let (sim, service) = listening(PASSWORD).await;
    let begun = Instant::now();
    for _ in 0..2 {
        sim.socket.drop_all();
        timeout(AT_ONCE, service.next_hint()).await.unwrap();
    }
    assert!(begun.elapsed() >= Duration::from_secs(2), "a second, then two: {:?}", begun.elapsed());
}

#[tokio::test]
async fn texts_that_say_nothing_of_money_are_no_hints_and_do_no_harm() {
    let (sim, service) = listening(PASSWORD).await;
    for text in
        ["", "payment_received", "{}", "[]", "{\"type\":7}", r#"{"type":"payment_sent"}"#, "\u{0}", "{\"type\":"]
    {
        sim.socket.say(text);
    }
    sim.socket.say(&"[".repeat(60_000));
    quiet(&service, "garbage").await;
    receive(&sim);
    hinted(&service, "after the garbage").await;
    assert_eq!(sim.socket.opened(), 1);
}

#[tokio::test]
async fn too_much_garbage_ends_the_connection_for_a_while() {
    let (sim, service) = listening(PASSWORD).await;
    let flood = async {
        while sim.socket.opened() == 1 {
            (0..30).for_each(|_| sim.socket.say("garbage"));
            let _ = timeout(Duration::from_millis(20), service.next_hint()).await; // Reads them.
        }
    };
    timeout(Duration::from_secs(60), flood).await.expect("connected anew");
    receive(&sim);
    hinted(&service, "after too much garbage").await;
}

#[tokio::test]
async fn a_message_without_an_end_is_cut_off() {
    let (sim, service) = listening(PASSWORD).await;
    sim.socket.say_without_end();
    hinted(&service, "a new connection").await;
    assert_eq!((sim.socket.opened(), sim.socket.listeners()), (2, 1), "the old one is gone");
    receive(&sim);
    hinted(&service, "after the endless message").await;
}

#[tokio::test]
async fn without_a_websocket_it_is_polled() {
    let poll = Duration::from_millis(50);
    let sim = Phoenixd::start(0).await;
    let wrong = service(&sim.url, "wrong", poll, &[]);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let absent = service(&format!("http://{nobody}"), PASSWORD, poll, &[]);
    for service in [wrong, absent] {
        for _ in 0..3 {
            hinted(&service, "the next poll is due").await;
        }
    }
    assert_eq!(sim.socket.opened(), 0);
}

#[tokio::test]
async fn the_password_goes_only_to_a_wallet_with_the_pinned_certificate() {
    let sim = Phoenixd::start(0).await;
    let identity = Identity::authority();
    let pin = identity.fingerprint();
    let thief = tls::in_front_of(&sim.url, identity.stolen()).await;
    let url = tls::in_front_of(&sim.url, identity).await;
    let poll = Duration::from_millis(50);
    for (url, pins) in [(&url, vec![Fingerprint([3; 32])]), (&url, vec![]), (&thief, vec![pin])] {
        hinted(&service(url, PASSWORD, poll, &pins), "the next poll is due").await;
        assert_eq!(sim.socket.opened(), 0, "{pins:?}");
    }
    let service = service(&url, PASSWORD, PATIENT, &[pin]);
    hinted(&service, "a new connection").await;
    receive(&sim);
    hinted(&service, "money came in").await;
    assert_eq!(sim.socket.opened(), 1);
}

#[tokio::test]
async fn no_other_address_than_the_wallets_is_listened_to() {
    let sim = Phoenixd::start(0).await;
    let (ours, other): (Url, Url) = (sim.url.parse().unwrap(), "http://127.0.0.1:9/websocket".parse().unwrap());
    let client = StrictClient::for_wallet(&ours, &[], Limits::default()).unwrap();
    let refused = client.socket(&other, None).await.err().unwrap();
    assert!(matches!(refused, HttpFault::RefusedUrl { .. }), "{refused}");
    let strangers = StrictClient::new(Reach::Public, Limits::default()).unwrap();
    let refused = strangers.socket(&"https://payee.example/".parse().unwrap(), None).await.err().unwrap();
    assert!(refused.to_string().contains("only the owner's wallet"), "{refused}");

    let authorization = format!("Basic {}", kilosat::domain::l402::base64_encode(format!(":{PASSWORD}").as_bytes()));
    let at = ours.join("/websocket").unwrap();
    let mut socket = client.socket(&at, Some(("authorization", &authorization))).await.unwrap();
    assert!(socket.ping().await);
    assert_eq!(socket.next().await, Some(Heard::Nothing), "a sign of life");
    sim.socket.say("anything");
    assert_eq!(socket.next().await, Some(Heard::Text("anything".to_owned())));
}

/// The key that spends must not stand in a URL, because URLs are logged.
#[tokio::test]
async fn the_admin_key_of_lnbits_is_never_part_of_a_url() {
    for (shown, listened) in [("e1f2", vec!["e1f2"]), ("****", vec![]), ("admin", vec![]), ("a/../b", vec![])] {
        let (asked, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let wallet = json!({ "id": "w", "name": "", "balance": 0, "adminkey": "admin", "inkey": shown }).to_string();
        let patched = wallet.clone();
        let seen = async move |Path(key): Path<String>| {
            asked.send(key).unwrap();
            StatusCode::NOT_FOUND
        };
        let router = Router::new()
            .route("/api/v1/wallet", get(async move || wallet).patch(async move || patched))
            .route("/api/v1/ws/{key}", get(seen));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut remote = remote(&format!("http://{}", listener.local_addr().unwrap()), "admin");
        remote.waits.poll = Duration::from_millis(50);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let service = LightningService::remote(ServiceKind::Lnbits, remote).unwrap();
        hinted(&service, "the next poll is due").await;
        hinted(&service, "the next poll is due").await;
        let keys: Vec<String> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
        assert_eq!(keys, listened, "{shown}");
    }
}

/// The real server tells both keys of money that comes in; whoever knows a key can say anything there.
pub async fn the_real_lnbits_hints_at_money(server: &LnbitsServer) {
    let patient = |key: &str| {
        let waits = Waits { poll: PATIENT, ..Waits::default() };
        LightningService::remote(ServiceKind::Lnbits, Remote { waits, ..remote(&server.url, key) }).unwrap()
    };
    let (seller, owner) = (patient(&server.seller.invoice_key), patient(&server.seller.admin_key));
    let buyer = patient(&server.buyer.admin_key);
    for service in [&seller, &owner, &buyer] {
        hinted(service, "a new connection").await;
        quiet(service, "nothing happened").await;
    }
    for label in ["first", "second"] {
        let amount = Msat(5_000);
        let request =
            InvoiceRequest { amount, description: "Charging".to_owned(), expiry_s: 600, label: label.to_owned() };
        let bill = seller.create(&request).await.unwrap();
        let paid = buyer.pay(&bill.bolt11, Msat(10_000)).await;
        assert!(matches!(paid, PayOutcome::Paid { .. }), "{paid:?}");
        hinted(&seller, "money came in").await;
        hinted(&owner, "money came in").await;
        // LNbits may tell it twice.
        while timeout(QUIET, seller.next_hint()).await.is_ok() {}
        while timeout(QUIET, owner.next_hint()).await.is_ok() {}
    }
    quiet(&buyer, "money that went out").await;
    for text in ["garbage", r#"{"wallet_balance":1,"payment":{"amount":-1000}}"#] {
        let said = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let path = format!("/api/v1/ws/{}?data={said}", server.seller.invoice_key);
        assert_eq!(server.post(&path, "", &json!({})).await.0, 200);
    }
    quiet(&seller, "garbage of somebody who knows the key").await;
}
