//! Why the demo could not go on.

use crate::access::Denied;
use crate::agent::AgentError;
use crate::config::ConfigError;
use crate::lightning::ServiceFault;
use crate::tasks::EngineGone;

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The system refused something.
    #[error("the demo could not use this machine's files or network: {0}")]
    Io(#[from] std::io::Error),
    /// The chain.
    #[error("the demo's chain failed: {0}")]
    Chain(String),
    /// A kept chain.
    #[error(transparent)]
    Saved(#[from] super::chain::SavedError),
    /// A node of the town.
    #[error("the demo's Lightning network failed: {0}")]
    Town(String),
    /// The demo's own configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineGone),
    /// The page's password.
    #[error(transparent)]
    Access(Denied),
    /// A node that cannot be set up.
    #[error(transparent)]
    Node(#[from] crate::lightning::node::NodeFault),
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] ServiceFault),
}
