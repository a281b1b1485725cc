//! The four sources over real sockets, with the answers that their documents show.
#![allow(clippy::unwrap_used)]

use std::sync::OnceLock;

use axum::Router;
use axum::routing::get;

use super::*;
use crate::domain::rate::{RateFault, Rates};
use crate::http::loopback;

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// What one source says.
fn said(kind: Kind, currency: Currency, body: &str) -> Option<(u64, Option<UnixMillis>)> {
    kind.read(currency, body.as_bytes())
}

#[test]
fn each_source_is_read_in_its_own_words() {
    let at = Some(UnixMillis(1_800_000_000_000));
    for (kind, body, expected) in [
        (Kind::Mempool, r#"{"time":1800000000,"USD":65000,"EUR":60001,"JPY":-1}"#, Some((6_000_100, at))),
        (Kind::Mempool, r#"{"time":1800000000,"EUR":-1}"#, None),
        (Kind::Mempool, r#"{"EUR":60001}"#, None),
        (Kind::Coinbase, r#"{"data":{"amount":"60001.235","base":"BTC","currency":"EUR"}}"#, Some((6_000_123, None))),
        (Kind::Coinbase, r#"{"data":{"amount":"60001.2","base":"BTC","currency":"USD"}}"#, None),
        (Kind::Kraken, r#"{"error":[],"result":{"XXBTZEUR":{"c":["60001.20000","0.01"]}}}"#, Some((6_000_120, None))),
        (Kind::Kraken, r#"{"error":["EQuery:Unknown asset pair"]}"#, None),
        (Kind::Bitstamp, r#"{"last":"60001","timestamp":"1800000000"}"#, Some((6_000_100, at))),
        (Kind::Bitstamp, r#"{"last":"60001"}"#, None),
        (Kind::Bitstamp, "<html>", None),
        (Kind::Coinbase, r#"{"data":{"amount":"0.0","currency":"EUR"}}"#, Some((0, None))),
    ] {
        assert_eq!(said(kind, Currency::Eur, body), expected, "{kind:?} {body}");
    }
    for kind in Kind::ALL {
        for body in ["", "null", "[]", "{}", "{\"data\":{}}", "{\"error\":[],\"result\":{}}", "\"60000\""] {
            assert_eq!(said(kind, Currency::Eur, body), None, "{kind:?} {body}");
        }
    }
}

#[test]
fn the_rarer_currencies_have_three_sources_and_all_are_asked_over_tls() {
    for currency in Currency::ALL {
        let sources = Sources::of(currency).unwrap().sources;
        assert!(sources.len() >= 3, "{}", currency.code());
        assert!(
            sources.iter().all(|source| source.url.scheme() == "https" && source.client.check(&source.url).is_ok())
        );
    }
}

#[tokio::test]
async fn the_sources_that_answer_make_a_rate_and_the_others_cost_nothing() {
    static ORIGIN: OnceLock<String> = OnceLock::new();
    let kraken = r#"{"error":[],"result":{"XXBTZEUR":{"c":["60100.0","0.01"]}}}"#;
    let router = Router::new()
        .route("/api/v1/prices", get(|| async { r#"{"time":1799999999,"EUR":60000}"# }))
        .route("/v2/prices/BTC-EUR/spot", get(|| async { axum::http::StatusCode::TOO_MANY_REQUESTS }))
        .route("/0/public/Ticker", get(move || async move { kraken }))
        .route("/api/v2/ticker/btceur/", get(|| async { "maintenance" }));
    let url = loopback::serve(router).await;
    let origin = ORIGIN.get_or_init(|| url.as_str().trim_end_matches('/').to_owned());
    let sources = Sources::at(Currency::Eur, |_| origin, &Reach::lan(url.as_str()).unwrap()).unwrap();
    let quotes = sources.ask(Currency::Eur, || NOW).await;
    let names: Vec<_> = quotes.iter().map(|quote| quote.source).collect();
    assert_eq!(names, ["mempool.space", "kraken"]);
    let rate = Rates::default().hear(Currency::Eur, &quotes, NOW).unwrap();
    assert_eq!((rate.cents, rate.at), (6_005_000, UnixMillis(1_799_999_999_000)));
    assert_eq!(Rates::default().hear(Currency::Eur, &quotes[..1], NOW), Err(RateFault::TooFew(1)));
}
