//! Buying from a real ticket office on this machine, and from sellers that misbehave.
#![cfg(feature = "node")] // the seller bought from here is the demo's
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use bitcoin::hashes::{Hash, sha256};

use super::*;
use crate::demo::seller_gate::TicketOffice;
use crate::domain::l402::TicketOutcome;
use crate::http::loopback::{lan_client, serve};
use crate::http::{Limits, Reach};

const PREIMAGE: [u8; 32] = [9; 32];

/// Answers every request with one status and these headers.
async fn seller(status: u16, headers: &'static [(&str, &str)], body: &'static str) -> Url {
    let status = StatusCode::from_u16(status).unwrap();
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    serve(Router::new().fallback(move || async move { (status, map, body) })).await
}

async fn ask(url: &Url) -> Result<Purchase, FetchFault> {
    fetch(&lan_client(url), url, None).await
}

fn challenge(scheme: Scheme, token: &str) -> Challenge {
    Challenge { scheme, token: token.to_owned(), invoice: "lnbcrt1x".to_owned() }
}

#[tokio::test]
async fn a_page_is_bought_with_one_payment() {
    let office = Arc::new(TicketOffice::new("prices").unwrap());
    let router = Router::new().route(
        "/prices",
        get(move |headers: HeaderMap| async move {
            assert_eq!(headers.get("accept-authenticate").unwrap(), "L402");
            let sent = headers.get("authorization").map(|value| value.to_str().unwrap());
            let outcome = sent.map(|sent| office.check(sent, "/prices", 100));
            if let Some(TicketOutcome::Valid(_)) = outcome {
                return (StatusCode::OK, HeaderMap::new(), r#"{"price":0.25}"#).into_response();
            }
            let hash = sha256::Hash::hash(&PREIMAGE).to_byte_array();
            let token = office.challenge(&hash, "/prices", 200).unwrap();
            let mut answer = HeaderMap::new();
            for value in TicketOffice::challenge_headers(&token, "lnbcrt1x") {
                answer.append("www-authenticate", value.parse().unwrap());
            }
            (StatusCode::PAYMENT_REQUIRED, answer, "").into_response()
        }),
    );
    let url = serve(router).await.join("prices").unwrap();
    let Purchase::PaymentRequired(challenge) = ask(&url).await.unwrap() else {
        panic!("the page is for sale");
    };
    assert_eq!(challenge.scheme, Scheme::L402);
    assert_eq!(challenge.covers("/prices", 100), Ok(()));
    assert!(challenge.covers("/other", 100).is_err());

    let paid = Credential::new(&challenge, &PREIMAGE);
    let page = fetch(&lan_client(&url), &url, Some(&paid)).await.unwrap();
    assert_eq!(page, Purchase::Data(br#"{"price":0.25}"#.to_vec()));

    let unpaid = Credential::new(&challenge, &[0; 32]);
    let refused = fetch(&lan_client(&url), &url, Some(&unpaid)).await.unwrap();
    assert!(matches!(refused, Purchase::CredentialRefused(Some(_))));
}

#[tokio::test]
async fn the_newer_scheme_is_preferred() {
    let lsat = ("www-authenticate", r#"LSAT macaroon="A", invoice="lnbcrt1x""#);
    let both: &'static [_] =
        Box::leak(Box::new([lsat, ("www-authenticate", r#"L402 macaroon="B", invoice="lnbcrt1x""#)]));
    let wanted = Purchase::PaymentRequired(challenge(Scheme::L402, "B"));
    assert_eq!(ask(&seller(402, both, "").await).await, Ok(wanted));
    let only: &'static [_] = Box::leak(Box::new([lsat]));
    let wanted = Purchase::PaymentRequired(challenge(Scheme::Lsat, "A"));
    assert_eq!(ask(&seller(401, only, "").await).await, Ok(wanted));
}

#[tokio::test]
async fn a_refused_credential_is_told_with_or_without_a_new_challenge() {
    let credential = Credential::new(&challenge(Scheme::L402, "B"), &PREIMAGE);
    for status in [401, 402] {
        let url = seller(status, &[], "").await;
        let answer = fetch(&lan_client(&url), &url, Some(&credential)).await;
        assert_eq!(answer, Ok(Purchase::CredentialRefused(None)));
    }
}

#[tokio::test]
async fn a_seller_of_another_currency_is_named_and_not_paid() {
    let body = r#"{"x402Version":1,"accepts":[{"network":"base","asset":"0x1"}]}"#;
    let url = seller(402, &[], body).await;
    let fault = ask(&url).await.unwrap_err();
    assert!(fault.to_string().contains("takes 0x1 on base and not Lightning"));
    let url = seller(402, &[("payment-required", "e30=")], "").await;
    assert!(matches!(ask(&url).await, Err(FetchFault::OtherCurrency { .. })));
}

#[tokio::test]
async fn every_other_status_is_a_fault_of_its_own() {
    let host = "127.0.0.1".to_owned();
    let url = seller(402, &[("www-authenticate", "Payment id=1")], "").await;
    assert_eq!(ask(&url).await, Err(FetchFault::NoChallenge { host: host.clone() }));
    let url = seller(429, &[("retry-after", "60")], "").await;
    let retry_after_s = Some(60);
    let fault = FetchFault::TooOften { host: host.clone(), retry_after_s };
    assert_eq!(ask(&url).await, Err(fault));
    let url = seller(503, &[("retry-after", "99999999999")], "").await;
    let retry_after_s = Some(RETRY_AFTER_S_MAX);
    let fault = FetchFault::SellerFault { host: host.clone(), status: 503, retry_after_s };
    assert_eq!(ask(&url).await, Err(fault));
    for status in [204, 400, 403, 404] {
        let fault = FetchFault::NotGiven { host: host.clone(), status };
        assert_eq!(ask(&seller(status, &[], "").await).await, Err(fault));
    }
}

#[tokio::test]
async fn a_credential_does_not_follow_a_redirect() {
    let url = seller(307, &[("location", "https://evil.example/")], "").await;
    let credential = Credential::new(&challenge(Scheme::L402, "B"), &PREIMAGE);
    let fault = fetch(&lan_client(&url), &url, Some(&credential)).await.unwrap_err();
    assert!(matches!(fault, FetchFault::Http(HttpFault::Redirected { .. })));
}

#[tokio::test]
async fn a_page_on_plain_http_is_not_asked_for() {
    let client = StrictClient::new(Reach::Public, Limits::default()).unwrap();
    let url = "http://data.example/prices".parse().unwrap();
    let fault = fetch(&client, &url, None).await.unwrap_err();
    assert!(matches!(fault, FetchFault::Http(HttpFault::RefusedUrl { .. })));
}
