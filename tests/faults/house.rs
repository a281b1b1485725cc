//! A house whose money moves as fast as it can, with a wallet, a payee and a meter that outlive every death of its
//! Kilosat.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path as Name, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use kilosat_drivers::profiles;
use kilosat_drivers::reading::MilliwattHours;
use lightning_invoice::Currency;
use serde_json::json;
use sim::hub::Hub;
use sim::meter::MeterSim;
use sim::wallets::lnd::{BOTH, Lnd};
use sim::wallets::phoenixd::{PASSWORD, Phoenixd};
use sim::wallets::{Fault, Faults, Ledger, PayState, Plan};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::audit::{Acknowledged, Books};
use crate::dice::Dice;

/// Which wallet pays.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// The fee limit is part of each request; its answers stream.
    Lnd,
    /// Fees are predicted; failures come with status 200.
    Phoenixd,
}

/// Everything around one Kilosat.
pub struct House {
    /// The wallet's own books.
    pub ledger: Ledger,
    /// Kilosat's state directory.
    pub state: PathBuf,
    /// Kilosat's configuration; its log lies beside it.
    pub config: PathBuf,
    directory: TempDir,
    faults: Faults,
    pay_path: &'static str,
    payee_rests: Arc<AtomicBool>,
    metered_mwh: Arc<AtomicU64>,
    _peers: JoinSet<()>,
}

impl House {
    /// Builds one; Kilosat's state lies in a folder of its own unless `state` names another.
    pub async fn build(kind: Kind, state: Option<PathBuf>) -> House {
        let directory = tempfile::Builder::new().prefix("kilosat-faults-").tempdir().unwrap();
        let state = state.unwrap_or_else(|| directory.path().join("state"));
        let mut peers = JoinSet::new();
        let (url, secret, ledger, faults, pay_path) = match kind {
            Kind::Lnd => {
                let ledger = Ledger::new(Currency::Bitcoin, WALLET_MSAT, 1_250);
                let faults = Faults::default();
                let url = Lnd::new(ledger.clone()).serve(&faults).await;
                (url, BOTH, ledger, faults, "/v2/router/send")
            }
            Kind::Phoenixd => {
                let phoenixd = Phoenixd::start(WALLET_MSAT).await;
                (phoenixd.url, PASSWORD, phoenixd.ledger, phoenixd.faults, "/payinvoice")
            }
        };
        let payee_rests = Arc::new(AtomicBool::new(false));
        let payee = open_payee(ledger.clone(), Arc::clone(&payee_rests), &mut peers).await;
        let meter = MeterSim::start(profiles::find("schneider-iem3155").unwrap()).await.unwrap();
        let meter_port = meter.addr().port();
        let metered_mwh = Arc::new(AtomicU64::new(0));
        peers.spawn(burn(meter, Arc::clone(&metered_mwh)));

        let config = directory.path().join("kilosat.toml");
        let secret_file = directory.path().join("secret");
        std::fs::write(&secret_file, secret).unwrap();
        std::fs::write(&config, configuration(kind, &url, &secret_file, &state, &payee, meter_port)).unwrap();
        House { ledger, state, config, directory, faults, pay_path, payee_rests, metered_mwh, _peers: peers }
    }

    /// Starts its Kilosat.
    pub fn start(&self) -> Hub {
        Hub::start(&self.config, &self.state)
    }

    /// Starts its Kilosat under a program that watches it.
    pub fn start_under(&self, watcher: &[&str]) -> Hub {
        Hub::start_under(watcher, &self.config, &self.state)
    }

    /// A path beside the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The end of what its Kilosats logged.
    pub fn log(&self) -> String {
        let text = std::fs::read(self.config.with_extension("log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
    }

    /// How long the log is by now.
    pub fn log_length(&self) -> u64 {
        std::fs::metadata(self.config.with_extension("log")).map_or(0, |log| log.len())
    }

    /// What was logged after it was `length` long.
    pub fn log_since(&self, length: u64) -> String {
        let text = std::fs::read(self.config.with_extension("log")).unwrap_or_default();
        let from = usize::try_from(length).unwrap().min(text.len());
        String::from_utf8_lossy(&text[from..]).into_owned()
    }

    /// What wallet and network do during the next life: mostly nothing, sometimes what makes a payment hang, fail or
    /// become unclear.
    pub fn change_weather(&self, dice: &mut Dice) {
        self.ledger.plan(Plan::Settle);
        self.resolve_held(dice.below(4) > 0);
        match dice.below(10) {
            0 => self.faults.push(self.pay_path, Fault::CutAfter),
            1 => self.faults.push(self.pay_path, Fault::CutBefore),
            2 => self.ledger.plan(Plan::Hold),
            3 if dice.below(2) == 0 => self.ledger.plan(Plan::NoRoute),
            _ => {}
        }
    }

    /// Waits until the wallet was asked to pay more often than `before`; false when that takes too long.
    pub async fn moved_since(&self, before: usize, limit: Duration) -> bool {
        let moved = async {
            let mut beat = interval(LOOK_EVERY);
            while self.ledger.asked_count() <= before {
                beat.tick().await;
            }
        };
        timeout(limit, moved).await.is_ok()
    }

    /// Looks into the books of a Kilosat that is dead.
    ///
    /// # Panics
    /// When anything is wrong; the folder is kept, so that it can be looked at.
    pub fn audit(&mut self, context: &str, acknowledged: Acknowledged) {
        let findings = match Books::read(&self.state) {
            Ok(books) => books.findings(&self.ledger, self.metered_mwh.load(Ordering::SeqCst), acknowledged),
            Err(fault) => vec![fault],
        };
        self.expect_none(context, &findings);
    }

    /// Lets a last Kilosat bring everything that is open to its end, and looks whether wallet and books agree to the msat.
    /// Returns how many payments were settled.
    ///
    /// # Panics
    /// As [`House::audit`].
    pub async fn close_accounts(&mut self, context: &str) -> usize {
        self.payee_rests.store(true, Ordering::SeqCst);
        self.ledger.plan(Plan::Settle);
        self.resolve_held(true);
        self.faults.clear();
        let mut ended = self.finish_payments().await.terminate().await;
        for _ in 0..FINISHERS {
            // What failed is tried again right after a start: then an intent waits where nothing was open just before.
            if !Books::read(&self.state).is_ok_and(|books| books.has_open()) {
                break;
            }
            ended = self.finish_payments().await.terminate().await;
        }
        self.payee_rests.store(false, Ordering::SeqCst);
        let mut findings = Vec::new();
        if !ended.success() {
            findings.push(format!("a Kilosat that was asked to stop ended with {ended}"));
        }
        match Books::read(&self.state) {
            Ok(books) => {
                let metered = self.metered_mwh.load(Ordering::SeqCst);
                findings.extend(books.findings(&self.ledger, metered, Acknowledged::default()));
                findings.extend(books.final_findings(&self.ledger, WALLET_MSAT));
            }
            Err(fault) => findings.push(fault),
        }
        self.expect_none(context, &findings);
        self.ledger.payments().iter().filter(|payment| payment.state == PayState::Settled).count()
    }

    /// A Kilosat that runs and has no open payment any more.
    async fn finish_payments(&self) -> Hub {
        for _ in 0..FINISHERS {
            let mut hub = self.start();
            let none_open = async { while hub.status().await.open_payments > 0 {} };
            if timeout(FINISHED_WITHIN, none_open).await.is_ok() {
                return hub;
            }
            // After three unclear payments at once an intent rests for a minute; a new start looks again.
            hub.kill();
        }
        let mut hub = self.start();
        hub.until("no payment is open", |status| status.open_payments == 0).await;
        hub
    }

    /// Ends what the wallet holds.
    fn resolve_held(&self, settles: bool) {
        for held in self.ledger.payments().iter().filter(|payment| payment.state == PayState::InFlight) {
            self.ledger.resolve(held.hash, settles);
        }
    }

    /// Fails with every finding and leaves the evidence where it is.
    ///
    /// # Panics
    /// When there is a finding.
    pub fn expect_none(&mut self, context: &str, findings: &[String]) {
        if findings.is_empty() {
            return;
        }
        self.directory.disable_cleanup(true);
        for name in ["money.db", "money.db-wal"] {
            // The state may lie on a disk that does not outlive this test; a book that is not there is the finding.
            let _ = std::fs::copy(self.state.join(name), self.path(name));
        }
        let (kept, log) = (self.directory.path().display(), self.log());
        panic!("{context}:\n  {}\nkept in {kept}; its log ends with:\n{log}", findings.join("\n  "));
    }
}

/// Every agreement, with what one payment and one hour may cost, fees included.
pub const AGREEMENTS: [(&str, u64, u64); 4] =
    [("heat", 7_000, PLENTY), ("car", 9_000, PLENTY), ("flat", 12_000, PLENTY), ("capped", 9_000, CAP_MSAT)];
/// What the agreement named `capped` may spend in an hour, fees included. It is reached in every house.
pub const CAP_MSAT: u64 = 90_000;
/// High enough that work never runs out: 0.1 kWh a second make 100 sat a second for each agreement.
pub const PRICE_MSAT_PER_KWH: u64 = 1_000_000;
const PLENTY: u64 = 1_000_000_000;
/// What the wallet holds at first.
pub const WALLET_MSAT: u64 = 10_000_000_000;

fn configuration(kind: Kind, url: &str, secret_file: &Path, state: &Path, payee: &str, meter_port: u16) -> String {
    let service = match kind {
        Kind::Lnd => "lnd",
        Kind::Phoenixd => "phoenixd",
    };
    let mut text = format!(
        r#"
name = "Faults"
network = "bitcoin"
state_directory = {state:?}
[web]
listen = ""
[ask]
first_payment = false
[limits]
per_payment_msat = 100000
per_hour_msat = {PLENTY}
per_day_msat = {PLENTY}
fee_base_max_msat = 5000
[lightning]
service = "{service}"
[lightning.{service}]
url = "{url}"
secret_file = {secret_file:?}
[[meter]]
id = "house"
profile = "schneider-iem3155"
host = "127.0.0.1"
port = {meter_port}
poll_interval_ms = 100
power_max_w = 1000000
interval_wh = 1
"#
    );
    for (agreement, per_payment, per_hour) in AGREEMENTS {
        text += &format!(
            r#"
[[agreement]]
id = "{agreement}"
meter = "house"
payee = "{agreement}@{payee}"
lan = "http://{payee}"
price_msat_per_kwh = {PRICE_MSAT_PER_KWH}
slice_msat = 1000
[agreement.limits]
per_payment_msat = {per_payment}
per_hour_msat = {per_hour}
per_day_msat = {PLENTY}
per_month_msat = {PLENTY}
"#
        );
    }
    text
}

/// 360 kW, counted up every 50 ms.
async fn burn(meter: MeterSim, metered_mwh: Arc<AtomicU64>) {
    let mut beat = interval(Duration::from_millis(50));
    for step in 0_u64.. {
        metered_mwh.store(step * STEP_MWH, Ordering::SeqCst);
        meter.set_energy(MilliwattHours(COUNTER_MWH + step * STEP_MWH));
        beat.tick().await;
    }
}

/// Opens a Lightning address server whose invoices the wallet can pay; returns `host:port`.
async fn open_payee(ledger: Ledger, rests: Arc<AtomicBool>, peers: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let payee = Payee { host: host.clone(), ledger, rests };
    let router = Router::new()
        .route("/.well-known/lnurlp/{name}", get(pay_request))
        .route("/invoice/{name}", get(invoice))
        .with_state(payee);
    peers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    host
}

#[derive(Clone)]
struct Payee {
    host: String,
    ledger: Ledger,
    rests: Arc<AtomicBool>,
}

/// LUD-06, first answer.
async fn pay_request(State(payee): State<Payee>, Name(name): Name<String>) -> Response {
    if payee.rests.load(Ordering::SeqCst) {
        return (StatusCode::SERVICE_UNAVAILABLE, "closed").into_response();
    }
    let metadata = json!([["text/plain", "Electricity"], ["text/identifier", format!("{name}@{}", payee.host)]]);
    Json(json!({
        "tag": "payRequest",
        "callback": format!("http://{}/invoice/{name}", payee.host),
        "minSendable": 1_000,
        "maxSendable": 100_000_000,
        "metadata": metadata.to_string(),
    }))
    .into_response()
}

/// LUD-06, second answer.
async fn invoice(State(payee): State<Payee>, Query(asked): Query<Vec<(String, String)>>) -> Response {
    let amount = asked.iter().find(|(key, _)| key == "amount").and_then(|(_, value)| value.parse().ok());
    let bolt11 = payee.ledger.foreign(amount.unwrap(), INVOICE_EXPIRY_S);
    Json(json!({ "pr": bolt11, "routes": [] })).into_response()
}

const COUNTER_MWH: u64 = 5_000_000_000;
const STEP_MWH: u64 = 5_000;
const INVOICE_EXPIRY_S: u64 = 3_600;
const LOOK_EVERY: Duration = Duration::from_millis(2);
const FINISHERS: u32 = 3;
const FINISHED_WITHIN: Duration = Duration::from_secs(4);
const LOG_LINES_SHOWN: usize = 40;
