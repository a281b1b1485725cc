//! What the owner reads when something is wrong: each trouble with each wallet is brought about for real, and its
//! sentence stands in `tests/vectors/sentences.md`. `KILOSAT_WRITE_VECTORS=1` with one test at a time writes the file.

use std::path::{Path, PathBuf};

use kilosat::domain::money::Msat;
use kilosat::engine::{Found, PayOutcome};
use kilosat::http::Fingerprint;
use kilosat::lightning::{InvoiceRequest, LightningService, Remote, ServiceFault, ServiceKind};
use lightning_invoice::Currency;
use sim::wallets::cln::{ClnNode, RUNE};
use sim::wallets::lnbits::LnbitsServer;
use sim::wallets::lnd::{self, Lnd};
use sim::wallets::nwc::{Manner, Misbehaviour, NwcWallet};
use sim::wallets::phoenixd::{PASSWORD, PASSWORD_LIMITED, Phoenixd};
use sim::wallets::tls::{self, Identity};
use sim::wallets::{Faults, Ledger, Plan};

use crate::bench::{hash_of, remote, unreachable};

/// The troubles, in the order of every table.
const TROUBLES: [&str; 8] = [
    "connection refused",
    "certificate wrong",
    "credential wrong",
    "credential without permission",
    "wrong network",
    "locked or syncing",
    "out of balance",
    "no route",
];

/// What a wallet's table says of one trouble.
pub enum Cell {
    /// The sentence, and words that it must hold.
    Says(String, &'static [&'static str]),
    /// It cannot happen with this wallet.
    Never(&'static str),
}

/// More than any of them asks for.
const FEE_MAX: Msat = Msat(10_000_000);
const BALANCE: u64 = 10_000_000;
const UNREACHABLE: &[&str] = &["cannot be reached", "Nothing was paid", "Check that it runs"];
const CERTIFICATE: &[&str] = &["another certificate", "Nothing was sent", "certificate_sha256"];
const CREDENTIAL: &[&str] = &["does not accept", "Nothing was paid", "put the right one in place"];
const PERMISSION: &[&str] = &["may not do this", "Nothing was paid", "make one with the permissions"];
const NETWORK: &[&str] = &["is on the bitcoin network", "Nothing was paid", "connect a wallet of the right network"];
pub const NOT_READY: &[&str] = &["is locked, still starting", "pays nothing new", "look at the wallet itself"];
pub const FUNDS: &[&str] = &["is too small", "Nothing was paid", "put money into the wallet"];
pub const NO_ROUTE: &[&str] = &["found no way to the recipient", "Nothing was paid", "tried again later"];
const NOT_TAKEN: &[&str] = &["did not take the payment", "Nothing was paid", "tried again"];

#[tokio::test]
async fn phoenixd_troubles_are_told_as_written() {
    let sim = Phoenixd::start(BALANCE).await;
    let with = |url: &str, password: &str| service(ServiceKind::Phoenixd, remote(url, password));
    let bill = || sim.ledger.foreign(100_000, 600);
    let good = with(&sim.url, PASSWORD);
    let refused = unpaid(&unreachable(ServiceKind::Phoenixd, "http", PASSWORD), &bill()).await;
    let certificate = unpaid(&behind_wrong_certificate(ServiceKind::Phoenixd, &sim.url, PASSWORD).await, &bill()).await;
    let credential = unpaid(&with(&sim.url, "wrong"), &bill()).await;
    let permission = unpaid(&with(&sim.url, PASSWORD_LIMITED), &bill()).await;
    sim.set_chain("testnet3");
    let network = told(good.info().await);
    sim.set_chain("mainnet");
    sim.set_channels(&["Syncing"]);
    let locked = told(good.balance().await);
    sim.set_channels(&["Normal"]);
    let funds = unpaid(&good, &sim.ledger.foreign(BALANCE + 1_000, 600)).await;
    sim.ledger.plan(Plan::NoRoute);
    let no_route = unpaid(&good, &bill()).await;
    assert_told(
        ServiceKind::Phoenixd,
        [
            Cell::Says(refused, UNREACHABLE),
            Cell::Says(certificate, CERTIFICATE),
            Cell::Says(credential, CREDENTIAL),
            Cell::Says(permission, PERMISSION),
            Cell::Says(network, NETWORK),
            Cell::Says(locked, NOT_READY),
            Cell::Says(funds, FUNDS),
            Cell::Says(no_route, NOT_TAKEN),
        ],
    );
}

#[tokio::test]
async fn lnd_troubles_are_told_as_written() {
    let ledger = Ledger::new(Currency::Bitcoin, BALANCE, 1_000);
    let lnd = Lnd::new(ledger.clone());
    let url = lnd.serve(&Faults::default()).await;
    let with = |macaroon: &str| service(ServiceKind::Lnd, remote(&url, macaroon));
    let bill = || ledger.foreign(100_000, 600);
    let good = with(lnd::BOTH);
    let refused = unpaid(&unreachable(ServiceKind::Lnd, "https", lnd::BOTH), &bill()).await;
    let certificate = unpaid(&behind_wrong_certificate(ServiceKind::Lnd, &url, lnd::BOTH).await, &bill()).await;
    let credential = unpaid(&with("00ff"), &bill()).await;
    let permission = unpaid(&with(lnd::SELLER), &bill()).await;
    lnd.says.lock().unwrap().network = "signet";
    let network = told(good.info().await);
    lnd.says.lock().unwrap().network = "mainnet";
    lnd.says.lock().unwrap().synced = false;
    let syncing = told(good.info().await);
    lnd.says.lock().unwrap().locked = true;
    let locked = unpaid(&good, &bill()).await;
    assert!(NOT_READY.iter().all(|part| syncing.contains(part)), "{syncing}");
    lnd.says.lock().unwrap().locked = false;
    let funds = unpaid(&good, &ledger.foreign(BALANCE + 1_000, 600)).await;
    ledger.plan(Plan::NoRoute);
    let no_route = unpaid(&good, &bill()).await;
    assert_told(
        ServiceKind::Lnd,
        [
            Cell::Says(refused, UNREACHABLE),
            Cell::Says(certificate, CERTIFICATE),
            Cell::Says(credential, CREDENTIAL),
            Cell::Says(permission, PERMISSION),
            Cell::Says(network, NETWORK),
            Cell::Says(locked, NOT_READY),
            Cell::Says(funds, FUNDS),
            Cell::Says(no_route, NO_ROUTE),
        ],
    );
}

#[tokio::test]
async fn core_lightning_troubles_are_told_as_written() {
    let node = ClnNode::start(Ledger::new(Currency::Bitcoin, BALANCE, 1_000)).await;
    let with = |rune: &str| service(ServiceKind::Cln, remote(&node.url, rune));
    let bill = || node.ledger.foreign(100_000, 600);
    let good = with(RUNE);
    let refused = unpaid(&unreachable(ServiceKind::Cln, "https", RUNE), &bill()).await;
    let certificate = unpaid(&behind_wrong_certificate(ServiceKind::Cln, &node.url, RUNE).await, &bill()).await;
    let credential = unpaid(&with("c29tZWJvZHkgZWxzZQ"), &bill()).await;
    node.set(|knobs| knobs.forbidden = vec!["xpay"]);
    let permission = unpaid(&good, &bill()).await;
    node.set(|knobs| knobs.forbidden.clear());
    node.set(|knobs| knobs.network = "signet");
    let network = told(good.info().await);
    node.set(|knobs| knobs.network = "bitcoin");
    node.set(|knobs| knobs.syncing = true);
    let syncing = told(good.info().await);
    node.set(|knobs| knobs.syncing = false);
    let funds = unpaid(&good, &node.ledger.foreign(BALANCE + 1_000, 600)).await;
    node.ledger.plan(Plan::NoRoute);
    let no_route = unpaid(&good, &bill()).await;
    assert_told(
        ServiceKind::Cln,
        [
            Cell::Says(refused, UNREACHABLE),
            Cell::Says(certificate, CERTIFICATE),
            Cell::Says(credential, CREDENTIAL),
            Cell::Says(permission, PERMISSION),
            Cell::Says(network, NETWORK),
            Cell::Says(syncing, NOT_READY),
            Cell::Says(funds, FUNDS),
            Cell::Says(no_route, NO_ROUTE),
        ],
    );
}

#[tokio::test]
async fn nwc_troubles_are_told_as_written() {
    let ledger = Ledger::new(Currency::Bitcoin, BALANCE, 1_000);
    let wallet = NwcWallet::start(ledger.clone(), Manner::default()).await;
    let text = &wallet.connection_text;
    let with = |text: &str| service(ServiceKind::Nwc, remote("nwc://unused", text));
    let over = |relay: &str| text.replace(&escaped(&wallet.relay_url), &escaped(relay));
    let bill = || ledger.foreign(100_000, 600);
    let good = with(text);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = unpaid(&with(&over(&format!("ws://{nobody}"))), &bill()).await;
    let plain = wallet.relay_url.replace("ws://", "http://");
    let tls = tls::in_front_of(plain.trim_end_matches('/'), Identity::authority()).await;
    let certificate = unpaid(&with(&over(&tls.replace("https://", "wss://"))), &bill()).await;
    let (before, _) = text.split_once("secret=").unwrap();
    let credential = unpaid(&with(&format!("{before}secret={}", "5".repeat(64))), &bill()).await;
    wallet.push("pay_invoice", Misbehaviour::Code("RESTRICTED"));
    let permission = unpaid(&good, &bill()).await;
    let elsewhere = NwcWallet::start(ledger.clone(), Manner { network: "signet", ..Manner::default() }).await;
    let network = told(with(&elsewhere.connection_text).info().await);
    let away = unpaid(&with(&over(&elsewhere.relay_url)), &bill()).await;
    let funds = unpaid(&good, &ledger.foreign(BALANCE + 1_000, 600)).await;
    ledger.plan(Plan::NoRoute);
    let no_route = unpaid(&good, &bill()).await;
    assert_told(
        ServiceKind::Nwc,
        [
            Cell::Says(refused, UNREACHABLE),
            Cell::Says(certificate, &["another certificate", "Nothing was sent", "another relay"]),
            Cell::Says(credential, CREDENTIAL),
            Cell::Says(permission, PERMISSION),
            Cell::Says(network, NETWORK),
            Cell::Says(away, NOT_READY),
            Cell::Says(funds, FUNDS),
            Cell::Says(no_route, NOT_TAKEN),
        ],
    );
}

/// The real server; called where one runs.
pub async fn lnbits_troubles_are_told_as_written(server: &LnbitsServer) {
    let with = |key: &str| service(ServiceKind::Lnbits, remote(&server.url, key));
    let strangers = Ledger::new(Currency::Bitcoin, 0, 0);
    let (key, bill) = (server.buyer.admin_key.as_str(), async || server.bill(&server.seller, 100_000).await);
    let good = with(key);
    let refused = unpaid(&unreachable(ServiceKind::Lnbits, "http", key), &bill().await).await;
    let certificate =
        unpaid(&behind_wrong_certificate(ServiceKind::Lnbits, &server.url, key).await, &bill().await).await;
    let credential = unpaid(&with("wrong"), &bill().await).await;
    let permission = unpaid(&with(&server.buyer.invoice_key), &bill().await).await;
    let mut signet = remote(&server.url, key);
    signet.network = bitcoin::Network::Signet;
    let request = InvoiceRequest {
        amount: Msat(100_000),
        description: "Charging".to_owned(),
        expiry_s: 600,
        label: "signet".to_owned(),
    };
    let network = told(service(ServiceKind::Lnbits, signet).create(&request).await);
    let dear = server.bill(&server.seller, server.balance_msat(&server.buyer).await + 1_000).await;
    let funds = unpaid(&good, &dear).await;
    let no_route = unpaid(&good, &strangers.foreign(100_000, 600)).await;
    assert_told(
        ServiceKind::Lnbits,
        [
            Cell::Says(refused, UNREACHABLE),
            Cell::Says(certificate, CERTIFICATE),
            Cell::Says(credential, CREDENTIAL),
            Cell::Says(permission, PERMISSION),
            Cell::Says(network, NETWORK),
            Cell::Never(
                "LNbits has no lock. While the node behind it is away, a payment stays unclear and is looked up.",
            ),
            Cell::Says(funds, FUNDS),
            Cell::Says(no_route, NOT_TAKEN),
        ],
    );
}

fn service(kind: ServiceKind, remote: Remote) -> LightningService {
    LightningService::remote(kind, remote).unwrap()
}

/// The wallet behind TLS whose certificate is not the one that the owner named.
async fn behind_wrong_certificate(kind: ServiceKind, url: &str, secret: &str) -> LightningService {
    let url = tls::in_front_of(url, Identity::authority()).await;
    service(kind, Remote { pins: vec![Fingerprint([3; 32])], ..remote(&url, secret) })
}

/// What the owner reads of a payment that came to nothing.
async fn unpaid(service: &LightningService, bolt11: &str) -> String {
    match service.pay(bolt11, FEE_MAX).await {
        PayOutcome::NotSent(why) | PayOutcome::Failed(why) => why,
        PayOutcome::Unknown(_) => match service.look_up(&hash_of(bolt11)).await {
            Found::Outcome(PayOutcome::Failed(why)) => why,
            found => panic!("not failed: {found:?}"),
        },
        outcome => panic!("paid: {outcome:?}"),
    }
}

fn told<T: std::fmt::Debug>(answer: Result<T, ServiceFault>) -> String {
    answer.unwrap_err().to_string()
}

fn escaped(url: &str) -> String {
    url::form_urlencoded::byte_serialize(url.as_bytes()).collect()
}

/// Checks each sentence by itself and against the file.
pub fn assert_told(kind: ServiceKind, cells: [Cell; 8]) {
    let mut table = "| trouble | what the owner reads |\n| --- | --- |\n".to_owned();
    for (trouble, cell) in TROUBLES.iter().zip(&cells) {
        let text = match cell {
            Cell::Never(why) => format!("*cannot happen:* {why}"),
            Cell::Says(sentence, parts) => {
                for part in *parts {
                    assert!(sentence.contains(part), "{trouble}: {part:?} is missing in {sentence:?}");
                }
                assert!(!holds_codes(sentence), "{trouble}: a code is no word for an owner: {sentence:?}");
                assert!(sentence.ends_with(['.', ')']), "{trouble}: not whole: {sentence:?}");
                assert!(sentence.starts_with(char::is_uppercase) || sentence.starts_with(kind.title()), "{sentence}");
                without_ports(sentence)
            }
        };
        table.push_str(&format!("| {trouble} | {text} |\n"));
    }
    let path = file();
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let (before, known, after) = section(&kept, kind);
    if std::env::var_os("KILOSAT_WRITE_VECTORS").is_some() {
        std::fs::write(path, format!("{before}{table}{after}")).unwrap();
        return;
    }
    assert_eq!(known, table, "tests/vectors/sentences.md is not what {} says", kind.title());
}

/// Numbers of errors, names of variants and of constants, JSON.
fn holds_codes(sentence: &str) -> bool {
    let is_constant =
        |word: &str| word.len() >= 6 && word.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_');
    let mut words = sentence.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let odd = ["{", "}", "::", "Some(", "HTTP", " 401", " 403", " 404", " 500", " 520", "-32"];
    words.any(is_constant) || odd.iter().any(|part| sentence.contains(part))
}

/// The file around the table of one wallet, and that table.
fn section(text: &str, kind: ServiceKind) -> (String, String, String) {
    let heading = format!("## {}\n\n", kind.title());
    let start = text.find(&heading).unwrap_or_else(|| panic!("no section {heading:?}")) + heading.len();
    let (before, rest) = text.split_at(start);
    let end = rest.find("\n## ").unwrap_or(rest.len());
    (before.to_owned(), rest[..end].to_owned(), rest[end..].to_owned())
}

/// Ports differ from run to run.
fn without_ports(sentence: &str) -> String {
    let mut parts = sentence.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let colon = if rest.len() == part.len() { ":" } else { "" };
        format!("{text}127.0.0.1{colon}{rest}")
    })
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/sentences.md")
}
