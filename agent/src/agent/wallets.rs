//! The wallet that pays: outside this process, or the built-in node.

#[cfg(feature = "node")]
use std::time::Duration;

use bitcoin::hex::DisplayHex as _;

use super::AgentError;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys;
use crate::lightning::{LightningService, Remote, Waits};

/// The wallet outside this process, if the configuration names one; opens no connection.
///
/// # Errors
/// [`AgentError::WalletSecret`], or what its client says.
pub fn wallet(config: &Config, clock: &Clock) -> Result<Option<LightningService>, AgentError> {
    let Some(wallet) = &config.wallet else { return Ok(None) };
    let unreadable = |source| AgentError::WalletSecret { path: wallet.secret_file.display().to_string(), source };
    let secret = std::fs::read(&wallet.secret_file).map_err(unreadable)?;
    // A macaroon file is binary; everything else is text.
    let secret = String::from_utf8(secret).unwrap_or_else(|error| error.as_bytes().to_lower_hex_string());
    let remote = Remote {
        url: wallet.url.clone(),
        secret: keys::Secret::new(&secret),
        pins: wallet.pins.clone(),
        network: config.network,
        clock: clock.clone(),
        waits: Waits::default(),
    };
    Ok(Some(LightningService::remote(wallet.kind, remote)?))
}

/// Starts the built-in node; until it does, or with `once` says at the first try why not.
#[cfg(feature = "node")]
pub(super) async fn start_node(config: &Config, once: bool) -> Result<LightningService, AgentError> {
    use crate::lightning::node::{NodeFault, NodeService};
    let entropy = keys::Seed::load_or_create(&config.state_directory)?.node_entropy();
    let (node, network, directory) = (config.node.clone(), config.network, config.state_directory.clone());
    let runtime = tokio::runtime::Handle::current();
    let start = move || NodeService::start(&node, network, entropy, &directory, runtime);
    let mut wait = NODE_RETRY_FIRST;
    loop {
        match tokio::task::spawn_blocking(start.clone()).await {
            Ok(Ok(node)) => return Ok(LightningService::Node(node)),
            // Most often the network is not there yet after a power cut. Meters are read meanwhile.
            Ok(Err(fault @ NodeFault::Start(_))) if !once => {
                tracing::warn!(%fault, "it is tried again in {} s", wait.as_secs())
            }
            Ok(Err(fault)) => return Err(fault.into()),
            Err(_) => return Err(AgentError::EngineLost),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(NODE_RETRY_LONGEST);
    }
}

#[cfg(not(feature = "node"))]
pub(super) async fn start_node(_: &Config, _once: bool) -> Result<LightningService, AgentError> {
    tracing::warn!("this build has no Lightning wallet: meters are read, nothing is paid");
    Ok(LightningService::Absent)
}

#[cfg(feature = "node")]
const NODE_RETRY_FIRST: Duration = Duration::from_secs(5);
#[cfg(feature = "node")]
const NODE_RETRY_LONGEST: Duration = Duration::from_secs(60);
