#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use bitcoin::Network;
use futures_util::FutureExt as _;
use url::Url;

use super::*;
use crate::http::loopback;
use crate::keys::Secret;
use crate::lightning::{Remote, Waits};

/// A client of the phoenixd at `url`.
pub(crate) fn phoenixd_at(url: Url, clock: &Clock) -> LightningService {
    let remote = Remote {
        url,
        secret: Secret::new("password"),
        pins: Vec::new(),
        network: Network::Regtest,
        clock: clock.clone(),
        waits: Waits::default(),
    };
    LightningService::remote(ServiceKind::Phoenixd, remote).unwrap()
}

/// A phoenixd that counts who asks it, and can be told to fail.
#[derive(Clone, Default)]
struct Phoenixd {
    asked: Arc<AtomicUsize>,
    fails: Arc<AtomicBool>,
}

impl Phoenixd {
    async fn view(&self, pace: Pace) -> WalletView {
        let node = r#"{"nodeId": "02c6", "chain": "regtest", "channels": [], "blockHeight": 7, "version": "0.6"}"#;
        let router = Router::new()
            .route("/getbalance", get(balance))
            .route("/getinfo", get(async move || node))
            .with_state(self.clone());
        let clock = Clock::real();
        WalletView::at_pace(phoenixd_at(loopback::serve(router).await, &clock), clock, pace)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn balance(State(phoenixd): State<Phoenixd>) -> Result<String, StatusCode> {
    let asked = phoenixd.asked.fetch_add(1, Ordering::SeqCst) + 1;
    match phoenixd.fails.load(Ordering::SeqCst) {
        true => Err(StatusCode::INTERNAL_SERVER_ERROR),
        false => Ok(format!("{{\"balanceSat\": {asked}, \"feeCreditSat\": 0}}")),
    }
}

#[tokio::test]
async fn one_question_serves_all_who_look() {
    let phoenixd = Phoenixd::default();
    let view = phoenixd.view(Pace { view_wait: 60_000, every: 60_000, while_moving: 0 }).await;
    let seen = tokio::join!(view.look(0), view.look(0), view.look(0), view.look(0));
    assert_eq!((seen.0.balance.balance_msat, seen.3.balance.balance_msat), (1_000, 1_000));
    assert_eq!((view.look(0).await.balance.balance_msat, phoenixd.asked()), (1_000, 1), "it is not asked again");
    let moved = view.look(-5_000).await;
    assert_eq!((moved.balance.balance_msat, phoenixd.asked()), (2_000, 2), "money moved, so it is");
    assert_eq!((view.look(-5_000).await.balance.balance_msat, phoenixd.asked()), (2_000, 2));
}

#[tokio::test]
async fn while_money_moves_it_is_not_asked_at_every_look() {
    let phoenixd = Phoenixd::default();
    let view = phoenixd.view(Pace { view_wait: 60_000, every: 60_000, while_moving: 60_000 }).await;
    for ledger in 0..5 {
        assert_eq!(view.look(ledger).await.balance.balance_msat, 1_000);
    }
    assert_eq!(phoenixd.asked(), 1);
}

#[tokio::test]
async fn an_old_answer_stays_with_its_age_when_no_new_one_comes() {
    let phoenixd = Phoenixd::default();
    let view = phoenixd.view(Pace { view_wait: 60_000, every: 0, while_moving: 0 }).await;
    let first = view.look(0).await;
    assert!(first.age_ms.is_some() && first.fault.is_none(), "{first:?}");
    phoenixd.fails.store(true, Ordering::SeqCst);
    let second = view.look(0).await;
    assert_eq!(second.balance, first.balance);
    assert!(second.age_ms >= first.age_ms && second.fault.is_some(), "{second:?}");
    phoenixd.fails.store(false, Ordering::SeqCst);
    let third = view.look(0).await;
    assert!(third.balance.balance_msat > 1_000 && third.fault.is_none(), "{third:?}");
}

#[tokio::test]
async fn a_wallet_that_keeps_silent_keeps_nobody_waiting() {
    let clock = Clock::real();
    let silent = phoenixd_at(loopback::serve_and_stall(b"").await, &clock);
    let view = WalletView::at_pace(silent, clock, Pace { view_wait: 50, every: 60_000, while_moving: 60_000 });
    // The wallet's own time limit is ten seconds, so an answer before that is ours.
    for _ in 0..3 {
        let seen = timeout(Duration::from_secs(5), view.look(0)).await.unwrap();
        assert!(seen.age_ms.is_none() && seen.fault.is_none(), "{seen:?}");
    }
}

#[tokio::test]
async fn whoever_goes_away_does_not_take_the_answer_along() {
    let phoenixd = Phoenixd::default();
    let view = phoenixd.view(Pace { view_wait: 60_000, every: 60_000, while_moving: 60_000 }).await;
    // Looks once, and does not wait.
    assert!(view.look(0).now_or_never().is_none());
    assert_eq!((view.look(0).await.balance.balance_msat, phoenixd.asked()), (1_000, 1));
}
