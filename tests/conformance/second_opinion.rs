//! LNbits' own clients of other wallets, written by others, must understand our simulators of those wallets.

use std::path::Path;

use lightning_invoice::Currency;
use serde_json::Value;
use sim::wallets::cln::{ClnNode, MASTER_RUNE};
use sim::wallets::lnd::{self, Lnd};
use sim::wallets::phoenixd::{PASSWORD, Phoenixd};
use sim::wallets::{Faults, Ledger, PayState};

use crate::bench::hash_of;

const BALANCE: u64 = 10_000_000;

/// What LNbits' client of a wallet makes of the server at `url`: creates, pays, looks up both.
async fn understood(class: &str, url: &str, secret: &str, ledger: &Ledger) {
    let python = std::env::var_os("KILOSAT_LNBITS_PYTHON").expect("KILOSAT_LNBITS_PYTHON is set by tests/run");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/peers/lnbits_client.py");
    let bolt11 = ledger.foreign(100_000, 600);
    let output =
        tokio::process::Command::new(python).arg(script).args([class, url, secret, &bolt11]).output().await.unwrap();
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{class}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(told["create_invoice"]["ok"], true, "{class}: {told}");
    assert_eq!(told["pay_invoice"]["ok"], true, "{class}: {told}");
    assert_eq!(told["get_payment_status"]["paid"], true, "{class}: {told}");
    assert_ne!(told["get_invoice_status"]["paid"], true, "{class}: nobody paid it: {told}");
    assert_eq!(ledger.payment(&hash_of(&bolt11).0).map(|payment| payment.state), Some(PayState::Settled), "{class}");
}

#[tokio::test]
async fn lnbits_pays_through_our_phoenixd() {
    let sim = Phoenixd::start(BALANCE).await;
    understood("PhoenixdWallet", &sim.url, PASSWORD, &sim.ledger).await;
}

#[tokio::test]
async fn lnbits_pays_through_our_core_lightning() {
    let sim = ClnNode::start(Ledger::new(Currency::Bitcoin, BALANCE, 1_000)).await;
    understood("CLNRestWallet", &sim.url, MASTER_RUNE, &sim.ledger).await;
}

#[tokio::test]
async fn lnbits_pays_through_our_lnd() {
    let ledger = Ledger::new(Currency::Bitcoin, BALANCE, 1_000);
    let url = Lnd::new(ledger.clone()).serve(&Faults::default()).await;
    understood("LndRestWallet", &url, lnd::ADMIN, &ledger).await;
}
