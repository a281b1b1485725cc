//! A wallet with more history than is read at once.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::routing::get;
use bitcoin::Network;

use super::super::remote::Waits;
use super::*;
use crate::clock::Clock;
use crate::http::loopback::serve;
use crate::keys::Secret;

/// A server whose wallet has `count` rows, one for each second since 1970, listed newest first.
async fn busy(count: usize) -> Lnbits {
    let page = async move |uri: axum::http::Uri| {
        let asked = |name: &str| -> usize {
            let value = uri.query().unwrap().split('&').find_map(|pair| pair.strip_prefix(name)).unwrap();
            value.parse().unwrap()
        };
        let newest = count.saturating_sub(asked("offset="));
        let rows = (newest.saturating_sub(asked("limit="))..newest).rev().map(|second| {
            let at = jiff::Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
            json!({
                "wallet_id": "own", "payment_hash": format!("{second:064x}"), "amount": -1_000, "fee": 0,
                "status": "success", "updated_at": at.to_string(),
            })
        });
        axum::Json(rows.collect::<Vec<_>>())
    };
    let url = serve(Router::new().route(PAYMENTS, get(page))).await;
    Lnbits::new(Remote {
        url,
        secret: Secret::new("key"),
        pins: Vec::new(),
        network: Network::Regtest,
        clock: Clock::real(),
        waits: Waits::default(),
    })
    .unwrap()
}

#[tokio::test]
async fn a_busy_wallet_is_read_as_far_back_as_asked() {
    let listed = busy(5_000).await.list_since(UnixMillis(1_000_000)).await.unwrap();
    assert!(listed.len() >= 4_000 && listed.len() <= 4_000 + PAGE_ROWS, "{}", listed.len());
    assert!(listed.iter().any(|item| item.settled_at == Some(UnixMillis(1_000_000))));
}

#[tokio::test]
async fn of_a_history_without_an_end_the_newest_rows_are_read() {
    let listed = busy(21_000).await.list_since(UnixMillis(0)).await.unwrap();
    let seconds: Vec<_> = listed.iter().map(|item| item.settled_at.unwrap().0 / 1_000).collect();
    assert_eq!(seconds, (1_000..21_000).rev().collect::<Vec<_>>());
}
