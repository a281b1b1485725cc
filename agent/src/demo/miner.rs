//! The regtest chain under the demo: the one in memory, or a Bitcoin Core that proves the same story.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::Address;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::DemoError;
use super::chain::Chain;
use super::esplora;
use crate::clock::Clock;
use crate::config::ChainSource;

/// Which chain to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainChoice {
    /// The one in this process.
    Memory,
    /// Bitcoin Core in regtest mode, with its cookie file.
    Core {
        /// Host name or address.
        host: String,
        /// RPC port.
        port: u16,
        /// Bitcoin Core's `.cookie`.
        cookie_file: PathBuf,
    },
}

/// Makes blocks.
pub enum Miner {
    /// In memory, served through the Esplora API.
    Memory {
        /// The chain.
        chain: Arc<Chain>,
        /// Where the API is served.
        url: String,
        /// Block times come from here.
        clock: Clock,
    },
    /// Bitcoin Core's RPC.
    Core {
        /// For the RPC calls.
        client: reqwest::Client,
        /// As chosen.
        source: ChainSource,
        /// `http://host:port/`.
        url: String,
        /// User and password.
        login: (String, String),
    },
}

impl Miner {
    /// Starts the chain; `kept` names the file of an earlier run's chain.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn start(
        choice: &ChainChoice,
        kept: Option<&Path>,
        clock: Clock,
        servers: &mut JoinSet<()>,
    ) -> Result<Miner, DemoError> {
        match choice {
            ChainChoice::Memory => {
                let chain = match kept.filter(|path| path.exists()) {
                    Some(path) => Chain::load(path)?,
                    None => Chain::new(),
                };
                let chain = Arc::new(chain);
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                let url = format!("http://{}", listener.local_addr()?);
                let router = esplora::router(Arc::clone(&chain));
                servers.spawn(async move {
                    // It ends with the demo.
                    let _ = axum::serve(listener, router).await;
                });
                Ok(Miner::Memory { chain, url, clock })
            }
            ChainChoice::Core { host, port, cookie_file } => {
                let cookie = std::fs::read_to_string(cookie_file)?;
                let (user, password) = cookie
                    .trim()
                    .split_once(':')
                    .ok_or_else(|| DemoError::Chain("Bitcoin Core's cookie file holds no password".to_owned()))?;
                let client = reqwest::Client::builder().no_proxy().timeout(RPC_WAIT).build();
                Ok(Miner::Core {
                    client: client.map_err(|error| DemoError::Chain(error.to_string()))?,
                    source: ChainSource::Bitcoind { host: host.clone(), port: *port, cookie_file: cookie_file.clone() },
                    url: format!("http://{host}:{port}/"),
                    login: (user.to_owned(), password.to_owned()),
                })
            }
        }
    }

    /// What a node needs to follow this chain.
    pub fn source(&self) -> ChainSource {
        match self {
            Miner::Memory { url, .. } => ChainSource::Esplora(url.clone()),
            Miner::Core { source, .. } => source.clone(),
        }
    }

    /// Mines `count` blocks that pay `address`.
    ///
    /// # Errors
    /// [`DemoError::Chain`].
    pub async fn mine(&self, count: u32, address: &Address) -> Result<(), DemoError> {
        match self {
            Miner::Memory { chain, clock, .. } => {
                let now_s = u32::try_from(clock.now().wall.0 / 1_000).unwrap_or(u32::MAX);
                let mined = chain.mine(count, &address.script_pubkey(), now_s);
                mined.map(|_| ()).map_err(|error| DemoError::Chain(error.to_string()))
            }
            Miner::Core { .. } => self.call("generatetoaddress", json!([count, address.to_string()])).await.map(|_| ()),
        }
    }

    /// Transactions waiting for a block.
    ///
    /// # Errors
    /// [`DemoError::Chain`].
    pub async fn waiting(&self) -> Result<usize, DemoError> {
        match self {
            Miner::Memory { chain, .. } => Ok(chain.mempool().len()),
            Miner::Core { .. } => {
                let waiting = self.call("getrawmempool", json!([])).await?;
                Ok(waiting.as_array().map_or(0, Vec::len))
            }
        }
    }

    /// Keeps the chain for another run; Bitcoin Core keeps its own.
    ///
    /// # Errors
    /// [`DemoError`].
    pub fn save(&self, path: &Path) -> Result<(), DemoError> {
        match self {
            Miner::Memory { chain, .. } => Ok(chain.save(path)?),
            Miner::Core { .. } => Ok(()),
        }
    }

    /// Calls Bitcoin Core; the chain in memory answers nothing.
    ///
    /// # Errors
    /// [`DemoError::Chain`].
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, DemoError> {
        let Miner::Core { client, url, login, .. } = self else { return Ok(Value::Null) };
        let fault = |error: &dyn std::fmt::Display| DemoError::Chain(format!("Bitcoin Core, {method}: {error}"));
        let body = json!({"jsonrpc": "1.0", "id": "kilosat", "method": method, "params": params}).to_string();
        let request = client.post(url).basic_auth(&login.0, Some(&login.1)).body(body);
        let answer = request.send().await.map_err(|error| fault(&error))?;
        let text = answer.text().await.map_err(|error| fault(&error))?;
        let answer: Value = serde_json::from_str(&text).map_err(|error| fault(&error))?;
        match answer.get("error") {
            Some(Value::Null) | None => Ok(answer.get("result").cloned().unwrap_or_default()),
            Some(error) => Err(fault(error)),
        }
    }
}

const RPC_WAIT: Duration = Duration::from_secs(30);
