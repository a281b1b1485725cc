//! A real Electrum server on a Bitcoin Core.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::bitcoind::{Bitcoind, free_port};
use crate::wait;

/// A running ElectrumX; killed and removed when dropped.
pub struct ElectrumX {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl ElectrumX {
    /// Starts it with the Python in `KILOSAT_ELECTRUMX`, and waits until it knows all blocks.
    ///
    /// # Panics
    /// When there is none: `tests/run` installs it.
    pub async fn start(bitcoind: &Bitcoind) -> ElectrumX {
        let python = std::env::var_os("KILOSAT_ELECTRUMX").expect("tests/run installs ElectrumX");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/electrum_server.py");
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let login = std::fs::read_to_string(bitcoind.cookie_file()).unwrap();
        let child = Command::new(python)
            .arg(script)
            .env("COIN", "Bitcoin")
            .env("NET", "regtest")
            .env("DB_DIRECTORY", directory.path())
            .env("DAEMON_URL", format!("http://{}@{}/", login.trim(), bitcoind.address()))
            .env("SERVICES", format!("tcp://127.0.0.1:{port}"))
            .env("PEER_DISCOVERY", "off")
            .env("COST_SOFT_LIMIT", "0")
            .env("COST_HARD_LIMIT", "0")
            // A public server takes its time with each; nobody else asks this one.
            .env("REQUEST_SLEEP", "0")
            .env("INITIAL_CONCURRENT", "100")
            .env("DAEMON_POLL_INTERVAL_BLOCKS", "250")
            .env("DAEMON_POLL_INTERVAL_MEMPOOL", "250")
            .env("ALLOW_ROOT", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = ElectrumX { child, port, _directory: directory };
        // It listens once it has read the chain.
        let ready = async || TcpStream::connect(("127.0.0.1", port)).await.ok();
        wait::answer(ready).await.expect("ElectrumX listens within a minute");
        server
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.port)
    }
}

impl Drop for ElectrumX {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
