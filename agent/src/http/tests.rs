//! What the strict client sends, and everything it must not.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{HeaderMap as Headers, StatusCode};
use axum::routing::get;

use super::names::{ADDRESSES_MAX, NameFault, allowed_addresses};
use super::*;
use crate::http::loopback::{impatient, lan_client, serve, serve_and_stall};

fn public() -> StrictClient {
    StrictClient::new(Reach::Public, Limits::default()).unwrap()
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

#[track_caller]
fn refused(client: &StrictClient, text: &str, part: &str) {
    let fault = client.check(&url(text)).unwrap_err();
    assert!(fault.to_string().contains(part), "{text}: {fault}");
    assert!(fault.was_not_sent());
}

#[test]
fn a_public_payee_is_reached_over_https_only() {
    let client = public();
    for text in [
        "https://pay.example/x?y=1",
        "https://pay.example:443/",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
        "https://zähler.example/",
    ] {
        assert_eq!(client.check(&url(text)), Ok(()), "{text}");
    }
    refused(&client, "http://pay.example/", "not https");
    refused(&client, "ftp://pay.example/", "not https");
    refused(&client, "https://pay.example:8443/", "port");
    refused(&client, "https://user@pay.example/", "user name");
    refused(&client, "https://:pw@pay.example/", "password");
    refused(&client, "http://abcdef.onion/", "Tor");
    refused(&client, "https://abcdef.onion./", "Tor");
    let long = format!("https://pay.example/{}", "x".repeat(URL_BYTES_MAX));
    refused(&client, &long, "too long");
}

#[test]
fn an_address_in_the_house_is_refused_in_every_spelling() {
    let client = public();
    for text in [
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://192.168.1.20/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1]/",
    ] {
        refused(&client, text, "private address");
    }
}

#[test]
fn a_fault_names_the_host_and_nothing_else_of_the_url() {
    let fault = public().check(&url("http://pay.example/secret-path?key=1"));
    let sentence = fault.unwrap_err().to_string();
    assert!(sentence.contains("pay.example") && !sentence.contains("secret"));
}

#[test]
fn a_paired_origin_is_exact() {
    let reach = Reach::lan("http://192.168.1.20:8080/setup").unwrap();
    let client = StrictClient::new(reach, Limits::default()).unwrap();
    assert_eq!(client.check(&url("http://192.168.1.20:8080/pay")), Ok(()));
    refused(&client, "https://192.168.1.20:8080/", "port");
    refused(&client, "https://192.168.1.20/", "private address");
    refused(&client, "http://192.168.1.20/", "not https");
    refused(&client, "http://192.168.1.21:8080/", "not https");
    refused(&client, "http://user@192.168.1.20:8080/", "user name");
    assert_eq!(client.check(&url("https://pay.example/")), Ok(()));
}

#[test]
fn only_an_http_origin_can_be_paired() {
    for text in ["", "meter", "ftp://meter/", "file:///etc", "http://a:b@meter/"] {
        let fault = Reach::lan(text).unwrap_err();
        assert!(matches!(fault, HttpFault::RefusedUrl { .. }), "{text}");
    }
}

#[test]
fn one_private_address_spoils_a_name() {
    let own = OwnNetworks::default();
    let addresses = |texts: &[&str]| {
        let parsed: Vec<SocketAddr> = texts.iter().map(|text| text.parse().unwrap()).collect();
        allowed_addresses(parsed.into_iter(), &own)
    };
    assert_eq!(addresses(&["1.1.1.1:0", "[2606:4700::1]:0"]).unwrap().len(), 2);
    assert_eq!(addresses(&["1.1.1.1:0", "10.0.0.1:0"]), Err(NameFault::Private));
    assert_eq!(addresses(&[]), Err(NameFault::Unknown));
    assert_eq!(addresses(&["1.1.1.1:0"; 40]).unwrap().len(), ADDRESSES_MAX);
}

#[tokio::test]
async fn a_public_name_that_resolves_into_the_house_is_refused() {
    let fault = public().get(&url("https://localhost/"), &[]).await;
    let host = "localhost".to_owned();
    assert_eq!(fault, Err(HttpFault::PrivateAddress { host }));
}

#[tokio::test]
async fn an_answer_is_passed_on_whatever_its_status() {
    let router = Router::new().route(
        "/x",
        get(|headers: Headers| async move {
            let asked = headers.get("accept-authenticate").unwrap().clone();
            assert!(headers.get("cookie").is_none() && headers.get("referer").is_none());
            assert!(headers.get("accept-encoding").is_none());
            (
                StatusCode::PAYMENT_REQUIRED,
                [
                    ("www-authenticate", "LSAT a=1"),
                    ("retry-after", "30"),
                    ("payment-required", "e30="),
                    ("set-cookie", "a=b"),
                ],
                asked.as_bytes().to_vec(),
            )
        }),
    );
    let base = serve(router).await;
    let client = lan_client(&base);
    for _ in 0..2 {
        let answer = client.get(&base.join("x").unwrap(), &[("Accept-Authenticate", "L402")]).await.unwrap();
        assert_eq!(answer.status, 402);
        assert_eq!(answer.www_authenticate, ["LSAT a=1"]);
        assert_eq!(answer.retry_after_s, Some(30));
        assert_eq!(answer.payment_required.as_deref(), Some("e30="));
        assert_eq!(answer.body, b"L402");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    static VISITS: AtomicUsize = AtomicUsize::new(0);
    let router = Router::new()
        .route("/", get(|| async { (StatusCode::FOUND, [("location", "/inner")]) }))
        .route("/inner", get(|| async { VISITS.fetch_add(1, Ordering::SeqCst).to_string() }));
    let base = serve(router).await;
    let fault = lan_client(&base).get(&base, &[]).await.unwrap_err();
    assert!(matches!(fault, HttpFault::Redirected { .. }));
    assert!(!fault.was_not_sent());
    assert_eq!(VISITS.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_above_the_limit_is_dropped() {
    let limits = Limits { body_bytes_max: 1_000, ..Limits::default() };
    let announced = Router::new()
        .route("/fits", get(|| async { vec![b'x'; 1_000] }))
        .route("/over", get(|| async { vec![b'x'; 1_001] }));
    let base = serve(announced).await;
    let client = StrictClient::new(Reach::lan(base.as_str()).unwrap(), limits).unwrap();
    let body = client.get(&base.join("fits").unwrap(), &[]).await.unwrap().body;
    assert_eq!(body.len(), 1_000);
    let fault = client.get(&base.join("over").unwrap(), &[]).await.unwrap_err();
    assert!(matches!(fault, HttpFault::TooLarge { .. }));

    // A body of unknown length is counted as it comes.
    let base = serve_and_stall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
    let limits = Limits { body_bytes_max: 4, ..limits };
    let client = StrictClient::new(Reach::lan(base.as_str()).unwrap(), limits).unwrap();
    let fault = client.get(&base, &[]).await.unwrap_err();
    assert!(matches!(fault, HttpFault::TooLarge { .. }));
}

#[tokio::test]
async fn a_server_that_stalls_is_left_in_time() {
    for start in [b"".as_slice(), b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx"] {
        let base = serve_and_stall(start).await;
        let client = StrictClient::new(Reach::lan(base.as_str()).unwrap(), impatient()).unwrap();
        let fault = client.get(&base, &[]).await.unwrap_err();
        assert!(matches!(fault, HttpFault::TooSlow { .. }), "{fault:?}");
        assert!(!fault.was_not_sent());
    }
}

#[tokio::test]
async fn noise_in_place_of_http_is_a_broken_answer() {
    let base = serve_and_stall(b"\x15\x03\x01 not http\r\n\r\n").await;
    let fault = lan_client(&base).get(&base, &[]).await.unwrap_err();
    assert!(matches!(fault, HttpFault::Broken { .. }), "{fault:?}");
}

#[tokio::test]
async fn a_closed_port_means_nothing_was_sent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = url(&format!("http://{}/", listener.local_addr().unwrap()));
    drop(listener);
    let fault = lan_client(&base).get(&base, &[]).await.unwrap_err();
    assert!(matches!(fault, HttpFault::NoConnection { .. }), "{fault:?}");
    assert!(fault.was_not_sent());
}

#[tokio::test]
async fn a_failed_tls_handshake_means_nothing_was_sent() {
    let mut base = serve_and_stall(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    base.set_scheme("https").unwrap();
    let fault = lan_client(&base).get(&base, &[]).await.unwrap_err();
    assert!(matches!(fault, HttpFault::NoConnection { .. }), "{fault:?}");
    assert!(fault.was_not_sent());
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_found_before_sending() {
    let base = url("http://127.0.0.1:9/");
    for header in [("bad name", "x"), ("name", "a\r\nb: c")] {
        let fault = lan_client(&base).get(&base, &[header]).await.unwrap_err();
        assert!(matches!(fault, HttpFault::NotPrepared { .. }));
    }
}

#[tokio::test]
async fn a_second_request_waits_its_turn_and_gives_up_in_time() {
    let base = serve_and_stall(b"").await;
    let client = StrictClient::new(Reach::lan(base.as_str()).unwrap(), impatient()).unwrap();
    let (first, second) = tokio::join!(client.get(&base, &[]), client.get(&base, &[]));
    let (first, second) = (first.unwrap_err(), second.unwrap_err());
    assert!(matches!(first, HttpFault::TooSlow { .. }));
    assert!(!matches!(second, HttpFault::NoConnection { .. }));
}
