//! A house with a meter, a utility, a simulated phoenixd, GPIO chips, and the real `kilosat` binary that pays.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use kilosat_drivers::profiles;
use kilosat_drivers::reading::MilliwattHours;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::gpio::Gpio;
use crate::hub::{Hub, kilosat_in};
use crate::meter::MeterSim;
use crate::wallets::Ledger;
use crate::wallets::phoenixd::{PASSWORD, Phoenixd};

/// Everything the configuration names.
pub struct House {
    /// Its chips.
    pub gpio: Gpio,
    meter: MeterSim,
    used_wh: AtomicU64,
    wallet: Phoenixd,
    folder: TempDir,
    _servers: JoinSet<()>,
}

impl House {
    /// A house whose configuration has these further `sections`.
    pub async fn new(sections: &str) -> House {
        let folder = tempfile::tempdir().unwrap();
        let meter = MeterSim::start(profiles::find("schneider-iem3155").unwrap()).await.unwrap();
        meter.set_energy(COUNTER);
        let wallet = Phoenixd::start(1_000_000_000).await;
        let mut servers = JoinSet::new();
        let utility = open_utility(wallet.ledger.clone(), &mut servers).await;
        std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
        let web = if sections.contains("[web]") { "" } else { "[web]\nlisten = \"\"" };
        let text = format!(
            r#"
state_directory = {state:?}
{web}
{sections}
[lightning]
service = "phoenixd"
[lightning.phoenixd]
url = "{wallet}"
secret_file = {secret:?}
[[meter]]
id = "house"
profile = "schneider-iem3155"
host = "127.0.0.1"
port = {port}
poll_interval_ms = 100
power_max_w = 1000000
interval_wh = 1
[[agreement]]
id = "electricity"
meter = "house"
payee = "electricity@{utility}"
lan = "http://{utility}"
price_msat_per_kwh = 1000000
slice_msat = 1000
[agreement.limits]
per_payment_msat = 100000000
per_month_msat = 100000000
"#,
            state = folder.path().join("state"),
            secret = folder.path().join("password"),
            port = meter.addr().port(),
            wallet = wallet.url,
        );
        std::fs::write(folder.path().join("kilosat.toml"), text).unwrap();
        let used_wh = AtomicU64::new(0);
        House { gpio: Gpio::start(), meter, used_wh, wallet, folder, _servers: servers }
    }

    /// A profile of the owner's own, beside the configuration.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn add_profile(&self, name: &str, text: &str) {
        let profiles = self.folder.path().join("profiles");
        std::fs::create_dir_all(&profiles).unwrap();
        std::fs::write(profiles.join(format!("{name}.toml")), text).unwrap();
    }

    /// Starts `kilosat run`.
    pub fn start(&self) -> Hub {
        self.start_logging("info")
    }

    /// The same; it logs this much.
    pub fn start_logging(&self, level: &str) -> Hub {
        // Lines that tell of the stop button are errors and warnings; what surrounds the test may want less.
        let environment = self.gpio.environment().into_iter().chain([(OsString::from("RUST_LOG"), level.into())]);
        Hub::start_in(&self.config(), &self.state(), environment)
    }

    /// What `kilosat` prints when it is called with these arguments on this house.
    ///
    /// # Panics
    /// When it does not succeed.
    pub fn kilosat(&self, arguments: &[&str]) -> String {
        self.try_kilosat(arguments).unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same; what it complains of is the error.
    ///
    /// # Errors
    /// Its words on standard error, when it does not succeed.
    pub fn try_kilosat(&self, arguments: &[&str]) -> Result<String, String> {
        let config = self.config();
        let arguments = [arguments, &["--config", config.to_str().unwrap()]].concat();
        let done = kilosat_in(&arguments, self.gpio.environment());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
    }

    /// The house uses so much more energy.
    pub fn use_wh(&self, wh: u64) {
        let used = self.used_wh.fetch_add(wh, Ordering::Relaxed) + wh;
        self.meter.set_energy(MilliwattHours(COUNTER.0 + used * 1_000));
    }

    /// Payments the wallet was asked for.
    pub fn payments(&self) -> usize {
        self.wallet().payments().len()
    }

    /// What lies behind the wallet.
    pub fn wallet(&self) -> &Ledger {
        &self.wallet.ledger
    }

    /// Where everything of it is that is on the disk.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its state directory.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("kilosat.toml")
    }
}

/// A Lightning address whose invoices the wallet can pay; returns `host:port`. Source: LUD-06, LUD-16.
async fn open_utility(ledger: Ledger, servers: &mut JoinSet<()>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let terms = json!({
        "tag": "payRequest",
        "callback": format!("http://{host}/invoice"),
        "minSendable": 1_000,
        "maxSendable": 100_000_000,
        "metadata": format!("[[\"text/plain\", \"Electricity\"], [\"text/identifier\", \"electricity@{host}\"]]"),
    });
    let router = Router::new()
        .route("/.well-known/lnurlp/electricity", get(async move || Json(terms)))
        .route("/invoice", get(invoice))
        .with_state(ledger);
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    host
}

async fn invoice(State(ledger): State<Ledger>, Query(asked): Query<Vec<(String, String)>>) -> Json<Value> {
    let amount = asked.iter().find(|(key, _)| key == "amount").and_then(|(_, value)| value.parse().ok());
    Json(json!({"pr": ledger.foreign(amount.unwrap(), 600), "routes": []}))
}

const COUNTER: MilliwattHours = MilliwattHours(12_345_000_000);
