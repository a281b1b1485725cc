//! Programs get in with a token, see and do what it is for, and are told in one way what they may not.

#![cfg(not(feature = "node"))]
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::tests::changes::house;
use super::super::tests::served::{PASSWORD, Served, body};
use super::described;
use crate::access::Scope;
use crate::status::StatusSource;

/// Each operation, and the permission it needs.
const OPERATIONS: [(&str, &str, Scope); 16] = [
    ("GET", "/api/v1/status", Scope::Read),
    ("GET", "/api/v1/agreements", Scope::Read),
    ("GET", "/api/v1/feeds", Scope::Read),
    ("GET", "/api/v1/payments", Scope::Read),
    ("GET", "/api/v1/payments/{payment}", Scope::Read),
    ("GET", "/api/v1/statement", Scope::Read),
    ("GET", "/api/v1/wallet", Scope::Read),
    ("GET", "/api/v1/devices", Scope::Read),
    ("GET", "/api/v1/history", Scope::Read),
    ("GET", "/api/v1/history/points", Scope::Read),
    ("GET", "/api/v1/invoices/{payment_hash}", Scope::Read),
    ("POST", "/api/v1/stop", Scope::Stop),
    ("POST", "/api/v1/agreements/{id}/pause", Scope::Stop),
    ("POST", "/api/v1/invoices", Scope::Receive),
    ("POST", "/api/v1/resume", Scope::Pay),
    ("POST", "/api/v1/questions/{question}", Scope::Pay),
];

async fn token(source: &StatusSource, scopes: &[Scope]) -> String {
    let from = std::net::Ipv4Addr::LOCALHOST.into();
    source.access.new_token(from, PASSWORD, "a test", scopes.to_vec()).await.unwrap()
}

/// A house, and a program that may do all of this there.
struct Program<'a> {
    served: &'a Served,
    headers: String,
}

impl Program<'_> {
    fn with<'a>(served: &'a Served, token: &str) -> Program<'a> {
        Program { served, headers: format!("Authorization: Bearer {token}\r\n") }
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, sent: &str) -> (u16, Value, String) {
        let (address, own, length) = (self.served.address, &self.headers, sent.len());
        let kind = if sent.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{own}{headers}{kind}Content-Length: {length}\r\n\
             Connection: close\r\n\r\n{sent}"
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let json =
            serde_json::from_str(body(&answer)).unwrap_or_else(|error| panic!("{method} {path}: {error}: {answer}"));
        (status, json, answer)
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let (status, json, _) = self.ask("GET", path, "", "").await;
        (status, json)
    }

    async fn post(&self, path: &str, sent: &str) -> (u16, Value) {
        let (status, json, _) = self.ask("POST", path, "Idempotency-Key: 1\r\n", sent).await;
        (status, json)
    }
}

fn concrete(path: &str) -> String {
    path.replace("{payment}", "1")
        .replace("{question}", "1")
        .replace("{id}", "electricity")
        .replace("{payment_hash}", &"ab".repeat(32))
}

#[test]
fn the_description_says_what_each_operation_needs() {
    let description = serde_json::to_value(described().into_openapi()).unwrap();
    let mut described = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scope = operation["security"][0]["token"][0].as_str().unwrap().to_owned();
            described.push((method.to_uppercase(), path.clone(), scope));
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
            assert_eq!(operation["responses"]["default"]["$ref"], "#/components/responses/Problem");
        }
    }
    let expected =
        OPERATIONS.map(|(method, path, scope)| (method.to_owned(), path.to_owned(), scope.name().to_owned()));
    let mut expected = expected.to_vec();
    expected.sort();
    described.sort();
    assert_eq!(described, expected);
}

#[tokio::test]
async fn a_token_opens_what_it_is_for_and_nothing_else() {
    let (served, source) = house().await;
    for scope in Scope::ALL {
        let program_token = token(&source, &[scope]).await;
        let program = Program::with(&served, &program_token);
        for (method, path, needed) in OPERATIONS {
            let (status, json, answer) = program.ask(method, &concrete(path), "Idempotency-Key: 1\r\n", "").await;
            assert_eq!(status == 403, scope != needed, "{method} {path} with {scope:?}: {json}");
            if status == 403 {
                assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
                assert_eq!(json["status"], 403);
            }
        }
    }
    assert!(!source.status().await.unwrap().stopped, "the one with pay lets it go on last");
    let all = token(&source, &Scope::ALL).await;
    // A token is for the API alone.
    let served = served.with(String::new());
    for path in ["/", "/settings", "/payments", "/events"] {
        let host = format!("{}\r\nAuthorization: Bearer {all}", served.address);
        assert_eq!(served.ask("GET", path, &host).await.0, 303, "{path}");
    }
}

#[tokio::test]
async fn who_has_no_token_is_told_how_to_get_one() {
    let (served, source) = house().await;
    let right = token(&source, &Scope::ALL).await;
    for (headers, why) in [
        (String::new(), "none"),
        ("Authorization: Bearer kilosat_00\r\n".to_owned(), "wrong"),
        (format!("Authorization: Basic {right}\r\n"), "another scheme"),
        (format!("Authorization: {right}\r\n"), "no scheme"),
        (format!("Authorization: Bearer {right}x\r\n"), "longer"),
        // The password is no token, and a session does not help who sends a wrong one.
        (format!("Authorization: Bearer {PASSWORD}\r\nCookie: {}\r\n", served.cookie), "the password"),
    ] {
        let stranger = Program { served: &served, headers };
        for (method, path, _) in OPERATIONS {
            let (status, _, answer) = stranger.ask(method, &concrete(path), "", "").await;
            assert!(status == 401 && answer.contains("www-authenticate: Bearer"), "{why}: {method} {path}: {answer}");
        }
    }
    let program = Program::with(&served, &right);
    assert_eq!(program.get("/api/v1/status").await.0, 200);
    let number = source.access.tokens()[0].number;
    assert!(source.access.end_token(number).unwrap());
    assert_eq!(program.get("/api/v1/status").await.0, 401, "revoked");
}

#[tokio::test]
async fn nobodys_house_tells_programs_nothing() {
    let house = super::super::tests::served::example_house();
    let served = Served::unclaimed(house).await;
    for headers in [String::new(), "Authorization: Bearer kilosat_00\r\n".to_owned()] {
        let program = Program { served: &served, headers };
        for (method, path, _) in OPERATIONS {
            let (status, _, answer) = program.ask(method, &concrete(path), "", "").await;
            assert_eq!(status, 401, "{method} {path}");
            assert!(!answer.contains("My house") && !answer.contains("utility.example"), "{answer}");
        }
    }
}

#[tokio::test]
async fn the_page_of_the_owner_uses_it_too_and_another_site_does_not() {
    let (served, _) = house().await;
    let owner = Program { served: &served, headers: format!("Cookie: {}\r\n", served.cookie) };
    assert_eq!(owner.get("/api/v1/wallet").await.0, 200);
    let (status, json, _) = owner.ask("POST", "/api/v1/stop", "Sec-Fetch-Site: same-origin\r\n", "").await;
    assert_eq!((status, json["done"].as_str().unwrap().starts_with("Automatic payments are stopped")), (200, true));
    let answer =
        served.ask("POST", "/api/v1/resume", &format!("{}\r\nSec-Fetch-Site: cross-site", served.address)).await;
    assert_eq!(answer.0, 403);
}

#[tokio::test]
async fn what_the_pages_show_is_there_as_json() {
    let (served, source) = house().await;
    let all = token(&source, &Scope::ALL).await;
    let program = Program::with(&served, &all);
    let (_, status) = program.get("/api/v1/status").await;
    assert_eq!(status["agreements"][0]["payee"], "electricity@utility.example");
    let (_, agreements) = program.get("/api/v1/agreements").await;
    assert_eq!(agreements[0]["limits"]["month"], json!({"used_msat": 0, "limit_msat": 200_000_000}));
    assert_eq!(program.get("/api/v1/feeds").await.1[0]["price_max_msat"], 20_000);
    assert_eq!(
        program.get("/api/v1/payments?rule=electricity&standing=paid&from=2026-01-01&to=2026-12-31").await,
        (200, json!([]))
    );
    let (_, devices) = program.get("/api/v1/devices").await;
    assert_eq!(
        (&devices["meters"][0]["place"], &devices["meters"][0]["profile"]),
        (&json!("192.168.1.50:502"), &json!("schneider-iem3155"))
    );
    assert_eq!(program.get("/api/v1/statement?month=2026-02").await.1["closing_msat"], 0);
    assert_eq!(program.get("/api/v1/history/points").await, (200, json!([])));
    for (path, status) in [
        ("/api/v1/payments?standing=lost", 400),
        ("/api/v1/payments?from=tomorrow", 400),
        ("/api/v1/payments?wrong=1", 400),
        ("/api/v1/payments/7", 404),
        ("/api/v1/payments/seven", 400),
        ("/api/v1/statement?month=2026-13", 400),
        ("/api/v1/history", 404),
        ("/api/v1/history?span=hour", 400),
        ("/api/v1/invoices/00", 400),
        ("/api/v1/nothing", 404),
        ("/api/v2/status", 404),
        ("/api/v1/stop", 405),
    ] {
        let (got, problem) = program.get(path).await;
        assert_eq!((got, problem["status"].as_u64()), (status, Some(u64::from(status))), "{path}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{path}");
    }
    let (status, document) = program.get("/api/v1/openapi.json").await;
    assert_eq!((status, document["info"]["title"].as_str()), (200, Some("Kilosat")));
}

#[tokio::test]
async fn a_program_stops_pauses_and_says_who_it_was() {
    let (served, source) = house().await;
    let stops = token(&source, &[Scope::Stop]).await;
    let program = Program::with(&served, &stops);
    assert_eq!(program.post("/api/v1/stop", "").await.0, 200);
    assert_eq!(
        program.post("/api/v1/agreements/electricity/pause", "").await,
        (200, json!({"done": "electricity is paused."}))
    );
    assert_eq!(program.post("/api/v1/agreements/weather/pause", "").await.0, 200);
    assert_eq!(program.post("/api/v1/agreements/nobody/pause", "").await.0, 404);
    let config = source.config();
    assert!(config.agreements[0].paused && config.feeds[0].paused && source.status().await.unwrap().stopped);
    let journal = source.engine.journal_after(0, 100).await.unwrap();
    let told = serde_json::to_string(&journal.iter().map(|entry| &entry.entry).collect::<Vec<_>>()).unwrap();
    for said in
        ["payments were stopped by the API, with token 1 (a test)", "electricity was paused by the API, with token 1"]
    {
        assert!(told.contains(said), "{said}: {told}");
    }
    assert!(!told.contains(&stops));
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once() {
    let (served, source) = house().await;
    let pays = token(&source, &[Scope::Pay]).await;
    let program = Program::with(&served, &pays);
    let path = "/api/v1/questions/41";
    let ask = async |key: &str, sent: &str| {
        let headers = if key.is_empty() { String::new() } else { format!("Idempotency-Key: {key}\r\n") };
        let (status, json, _) = program.ask("POST", path, &headers, sent).await;
        (status, json["detail"].as_str().unwrap_or_default().to_owned())
    };
    let (status, detail) = ask("", "{\"approve\":true}").await;
    assert!(status == 400 && detail.contains("Idempotency-Key"), "{detail}");
    assert_eq!(ask(&"k".repeat(129), "{\"approve\":true}").await.0, 400);
    let first = ask("a", "{\"approve\":true}").await;
    assert_eq!(first.0, 409, "there is no such question: {first:?}");
    let entries = source.engine.journal_after(0, 100).await.unwrap().len();
    assert_eq!(ask("a", "{\"approve\":true}").await, first, "the answer of before");
    assert_eq!(ask("a", "{\"approve\":false}").await.0, 422, "another request with the same key");
    assert_eq!(source.engine.journal_after(0, 100).await.unwrap().len(), entries);
    for (sent, status) in
        [("", 415), ("{}", 422), ("{\"approve\":1}", 422), ("{\"approve\":true,\"x\":1}", 422), ("{", 400)]
    {
        assert_eq!(ask("b", sent).await.0, status, "{sent}");
    }
    // Another program's key is another one.
    let other = token(&source, &[Scope::Pay]).await;
    let other = Program::with(&served, &other);
    assert_eq!(other.ask("POST", path, "Idempotency-Key: a\r\n", "{\"approve\":false}").await.0, 409);
}

#[tokio::test]
async fn money_is_asked_for_where_there_is_a_wallet() {
    let (served, source) = house().await;
    let receives = token(&source, &[Scope::Receive]).await;
    let program = Program::with(&served, &receives);
    for (sent, status) in [
        ("{\"amount_msat\":1000}", 502),
        ("{\"amount_msat\":0}", 422),
        ("{\"amount_msat\":100000000000001}", 422),
        ("{\"amount_msat\":-1}", 422),
        ("{\"amount_msat\":1.5}", 422),
        ("{\"amount_sat\":1}", 422),
        (&format!("{{\"amount_msat\":1,\"description\":\"{}\"}}", "ü".repeat(101)), 422),
    ] {
        let (got, problem) = program.post("/api/v1/invoices", sent).await;
        assert_eq!(got, status, "{sent}: {problem}");
    }
}
