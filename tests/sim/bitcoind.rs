//! Bitcoin Core in regtest mode, one per test, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kilosat::clock::Clock;
use kilosat::demo::ChainChoice;
use kilosat::demo::miner::Miner;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::wait;

/// A running bitcoind; killed and removed when dropped.
pub struct Bitcoind {
    child: Child,
    directory: TempDir,
    port: u16,
    peer_port: u16,
}

impl Bitcoind {
    /// Starts `BITCOIND_EXE`, or the `bitcoind` in the path.
    ///
    /// # Panics
    /// When there is none: `tests/run` builds it.
    pub async fn start() -> Bitcoind {
        let directory = tempfile::tempdir().unwrap();
        let (port, peer_port) = (free_port(), free_port());
        let exe = std::env::var_os("BITCOIND_EXE").unwrap_or_else(|| "bitcoind".into());
        let child = Command::new(&exe)
            .arg("-regtest")
            .arg(format!("-datadir={}", directory.path().display()))
            .arg(format!("-rpcport={port}"))
            .args(["-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-server=1", "-fallbackfee=0.00001"])
            // Its other port is for who asks by filters.
            .args([format!("-bind=127.0.0.1:{peer_port}"), "-blockfilterindex=1".to_owned()])
            .args([
                "-peerblockfilters=1",
                "-dnsseed=0",
                "-txindex=1",
                "-printtoconsole=0",
                "-dbcache=16",
                "-rpcworkqueue=128",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start ({error}); run tests/run, it builds one", exe.display()));
        let bitcoind = Bitcoind { child, directory, port, peer_port };
        let ready = async || {
            let listens = bitcoind.cookie_file().exists() && TcpStream::connect(("127.0.0.1", port)).await.is_ok();
            listens.then_some(())
        };
        wait::answer(ready).await.expect("bitcoind answers within a minute");
        // It listens before it is done with its blocks.
        let miner = Miner::start(&bitcoind.choice(), None, Clock::real(), &mut JoinSet::new()).await.unwrap();
        let warm = async || miner.call("getblockcount", json!([])).await.ok();
        wait::answer(warm).await.expect("bitcoind has its blocks within a minute");
        bitcoind
    }

    /// For the demo's miner.
    pub fn choice(&self) -> ChainChoice {
        ChainChoice::Core { host: "127.0.0.1".to_owned(), port: self.port, cookie_file: self.cookie_file() }
    }

    /// `host:port` of its RPC.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `host:port` where other nodes ask it.
    pub fn peer_address(&self) -> String {
        format!("127.0.0.1:{}", self.peer_port)
    }

    /// The file with user and password.
    pub fn cookie_file(&self) -> PathBuf {
        Path::new(self.directory.path()).join("regtest").join(".cookie")
    }
}

impl Drop for Bitcoind {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port nobody uses now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
