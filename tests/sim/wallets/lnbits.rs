//! A real LNbits server with its FakeWallet, in a process and a folder of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kilosat::domain::invoice::PaymentHash;
use kilosat::http::{Limits, Request, StrictClient};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

/// A running LNbits; killed and removed when dropped.
pub struct LnbitsServer {
    child: Child,
    /// Its address, without a slash at the end.
    pub url: String,
    /// A wallet with 100,000 sat.
    pub buyer: LnbitsWallet,
    /// A wallet with 1,000 sat.
    pub seller: LnbitsWallet,
    /// A wallet that never held anything.
    pub empty: LnbitsWallet,
    _folder: TempDir,
}

/// One wallet on the server.
#[derive(Clone, Debug)]
pub struct LnbitsWallet {
    /// Its name in answers.
    pub id: String,
    /// The key that may spend.
    pub admin_key: String,
    /// The key that may not.
    pub invoice_key: String,
}

impl LnbitsServer {
    /// Starts the server with `KILOSAT_LNBITS_PYTHON`, which `tests/run` sets up; a quarter of a minute.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> LnbitsServer {
        let python = std::env::var_os("KILOSAT_LNBITS_PYTHON").expect("KILOSAT_LNBITS_PYTHON is set by tests/run");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/peers/lnbits_server.py");
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the Python environment of tests/run works");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("LNbits did not start:\n{log}");
        };
        let wallet = |name: &str| {
            let text = |key: &str| ready["wallets"][name][key].as_str().unwrap().to_owned();
            LnbitsWallet { id: text("id"), admin_key: text("adminkey"), invoice_key: text("inkey") }
        };
        LnbitsServer {
            child,
            url: format!("http://127.0.0.1:{}", ready["port"]),
            buyer: wallet("buyer"),
            seller: wallet("seller"),
            empty: wallet("empty"),
            _folder: folder,
        }
    }

    /// Posts JSON with a key, as a program other than Kilosat would; the status and what came back.
    ///
    /// # Panics
    /// When there is no JSON answer.
    pub async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.ask(Request::json(self.at(path), body), key).await
    }

    /// Asks for JSON with a key; the status and what came back.
    ///
    /// # Panics
    /// When there is no JSON answer.
    pub async fn get(&self, path: &str, key: &str) -> (u16, Value) {
        self.ask(Request::get(self.at(path)), key).await
    }

    /// All money in a wallet.
    ///
    /// # Panics
    /// When the server does not say.
    pub async fn balance_msat(&self, wallet: &LnbitsWallet) -> u64 {
        self.get("/api/v1/wallet", &wallet.admin_key).await.1["balance"].as_u64().unwrap()
    }

    /// A new invoice of a wallet.
    ///
    /// # Panics
    /// When the server makes none.
    pub async fn bill(&self, wallet: &LnbitsWallet, amount_msat: u64) -> String {
        let asked = json!({ "out": false, "amount": amount_msat.div_ceil(1_000), "memo": "a bill", "expiry": 600 });
        let (_, made) = self.post("/api/v1/payments", &wallet.invoice_key, &asked).await;
        made["bolt11"].as_str().unwrap().to_owned()
    }

    /// A wallet pays an invoice.
    ///
    /// # Panics
    /// When it is not paid at once.
    pub async fn pay(&self, wallet: &LnbitsWallet, bolt11: &str) {
        let asked = json!({ "out": true, "bolt11": bolt11 });
        let (status, paid) = self.post("/api/v1/payments", &wallet.admin_key, &asked).await;
        assert_eq!((status, paid["status"].as_str()), (201, Some("success")), "{paid}");
    }

    /// Whether an invoice of a wallet is paid.
    pub async fn has_got(&self, wallet: &LnbitsWallet, hash: PaymentHash) -> bool {
        self.get(&format!("/api/v1/payments/{hash}"), &wallet.invoice_key).await.1["paid"] == true
    }

    fn at(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.url)).unwrap()
    }

    async fn ask(&self, request: Request<'_>, key: &str) -> (u16, Value) {
        let client = StrictClient::for_wallet(&request.url, &[], Limits::default()).unwrap();
        let answer = client.send(request.header("x-api-key", key)).await.unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap())
    }
}

impl Drop for LnbitsServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
