//! Why the agent did not start or could not go on, in the owner's words.

use std::net::SocketAddr;

use crate::config::MeterTlsError;
use crate::engine::EngineError;
use crate::keys;
use crate::lightning::ServiceFault;
use crate::store::StoreError;

/// Why the agent did not start or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The state directory cannot be used.
    #[error("the state directory {path} cannot be used ({source}). Nothing was started; check its owner and the disk")]
    StateDirectory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another Kilosat uses the state directory.
    #[error("another Kilosat already uses {0}. Two would pay twice, so this one stops; look at: kilosat status")]
    AlreadyRunning(String),
    /// The money database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no keys.
    #[error(transparent)]
    Keys(#[from] keys::KeyError),
    /// The on-chain wallet cannot be opened.
    #[error(transparent)]
    Treasury(#[from] crate::treasury::TreasuryFault),
    /// The Lightning node does not start.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Node(#[from] crate::lightning::node::NodeFault),
    /// TLS to a meter cannot be set up.
    #[error(transparent)]
    MeterTls(#[from] MeterTlsError),
    /// The wallet's credential cannot be read.
    #[error(
        "the wallet's secret file {path} cannot be read ({source}). Nothing was started; put the credential there, \
         readable by Kilosat alone"
    )]
    WalletSecret {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The wallet's client cannot be set up.
    #[error(transparent)]
    Wallet(#[from] ServiceFault),
    /// TLS cannot be set up.
    #[error(transparent)]
    Http(#[from] crate::http::HttpFault),
    /// The page's address is taken.
    #[error(
        "the page cannot be served at {address} ({source}). Nothing was started; choose another [web] listen address"
    )]
    Web {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The command line could not ask.
    #[error(
        "the socket {path} for the command line cannot be opened ({source}). Nothing was started; name another one as \
         control_socket, in a folder that is there and may be written to"
    )]
    Control {
        /// The socket.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The engine failed while running.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The engine's thread is gone without a word.
    #[error("the payment engine ended unexpectedly; nothing more is paid until Kilosat is started again")]
    EngineLost,
}
