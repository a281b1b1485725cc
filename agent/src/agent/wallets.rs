//! The wallet that pays: outside this process, or the built-in node.

use std::sync::Arc;
#[cfg(feature = "node")]
use std::time::Duration;

use bitcoin::hex::DisplayHex as _;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::AgentError;
use crate::clock::Clock;
use crate::config::Config;
use crate::keys::{KeyError, Secret};
use crate::lightning::remote::identity;
use crate::lightning::{LightningService, Remote, SealedWallet, ServiceKind, Waits};
use crate::settings::Settings;
use crate::tasks::{EngineHandle, Mover, RefillView};
use crate::treasury::{Keeper, Keys, ToRemote, Treasury, TreasuryFault};
use crate::vault::{NameOf, ReadFault, Vault};

/// The wallet outside this process, if the configuration names one; opens no connection.
///
/// # Errors
/// [`AgentError::WalletSecret`], or what its client says.
pub fn wallet(config: &Config, vault: &Vault, clock: &Clock) -> Result<Option<LightningService>, AgentError> {
    let Some(wallet) = &config.wallet else { return Ok(None) };
    let secret = match vault.read(&wallet.secret_file) {
        Ok(secret) => credential(&secret),
        Err(ReadFault::Closed { of, why }) => {
            // At LNbits and over Nostr the credential names the wallet; of others, the address does.
            let is_named = matches!(wallet.kind, ServiceKind::Lnbits | ServiceKind::Nwc);
            let identity = if is_named { of } else { identity(wallet.kind, &wallet.url, &Secret::new("")) };
            return Ok(Some(LightningService::Sealed(SealedWallet { kind: wallet.kind, identity, why })));
        }
        Err(ReadFault::Io(source)) => {
            return Err(AgentError::WalletSecret { path: wallet.secret_file.display().to_string(), source });
        }
    };
    let remote = Remote {
        url: wallet.url.clone(),
        secret,
        pins: wallet.pins.clone(),
        network: config.network,
        clock: clock.clone(),
        waits: Waits::default(),
    };
    Ok(Some(LightningService::remote(wallet.kind, remote)?))
}

/// A macaroon file is binary; everything else is text.
fn credential(secret: &[u8]) -> Secret {
    std::str::from_utf8(secret).map_or_else(|_| Secret::new(&secret.to_lower_hex_string()), Secret::new)
}

/// Names the wallet that a credential in a file opens, so that this can be said while it is sealed.
pub(crate) fn name_of(config: &Config) -> NameOf {
    let wallet = config.wallet.clone();
    Arc::new(move |file, secret| {
        let used = wallet.as_ref().filter(|wallet| wallet.secret_file == file);
        used.map_or_else(String::new, |wallet| identity(wallet.kind, &wallet.url, &credential(secret)))
    })
}

/// Opens the on-chain wallet, if the owner wants one, and lets its task run.
///
/// # Errors
/// [`AgentError::Treasury`]; [`AgentError::EngineLost`].
pub(super) async fn start_treasury(
    config: &Config,
    vault: &Vault,
    engine: &EngineHandle,
    clock: &Clock,
    tasks: &mut JoinSet<()>,
) -> Result<Option<Treasury>, AgentError> {
    let Some(wanted) = config.treasury.clone() else { return Ok(None) };
    let keys = match Keys::of(&wanted.kind, config.network, || vault.seed_or_fresh()) {
        // The page says so.
        Err(TreasuryFault::Keys(KeyError::Closed(_))) => return Ok(None),
        keys => keys?,
    };
    // Without a wallet outside this process, the words are those of the built-in node.
    let seed = if config.wallet.is_none() { vault.seed() } else { Ok(None) };
    let seed = seed.unwrap_or_else(|fault| {
        tracing::warn!(%fault, "what closed channels left cannot be looked for");
        None
    });
    let keys = keys.with_node(seed.as_ref().map(ToRemote::of));
    let opened = Keeper::open(keys, wanted, config.network, engine.clone(), clock.clone()).await;
    let (keeper, treasury, asked) = opened.map_err(|_| AgentError::EngineLost)??;
    tasks.spawn(keeper.run(asked));
    Ok(Some(treasury))
}

/// Lets the task run that moves money between savings and spending money; what is known of that comes from the receiver.
pub(super) fn start_mover(
    settings: &Settings,
    engine: &EngineHandle,
    lightning: &LightningService,
    treasury: Option<Treasury>,
    clock: &Clock,
    tasks: &mut JoinSet<()>,
) -> watch::Receiver<RefillView> {
    let (mover, refills) = Mover::new(settings.clone(), engine.clone(), lightning.clone(), treasury, clock.clone());
    tasks.spawn(mover.run());
    refills
}

/// Starts the built-in node. When it cannot run yet, it is tried again while everything else goes on; with `once` that is
/// an error, as it is where somebody has to change something first.
#[cfg(feature = "node")]
pub(super) async fn start_node(config: &Config, vault: &Vault, once: bool) -> Result<LightningService, AgentError> {
    use crate::lightning::node::{NodeFault, NodeService};
    use crate::lightning::starting::Starting;
    let entropy = match vault.seed_or_fresh() {
        Err(KeyError::Closed(why)) => {
            let (kind, identity) = (ServiceKind::Node, ServiceKind::Node.name().to_owned());
            return Ok(LightningService::Sealed(SealedWallet { kind, identity, why }));
        }
        seed => seed?.node_entropy(),
    };
    let (node, network, directory) = (config.node.clone(), config.network, config.state_directory.clone());
    let runtime = tokio::runtime::Handle::current();
    let starting = Starting::begin(move || NodeService::start(&node, network, entropy, &directory, runtime.clone()));
    let patience = if once { Duration::MAX } else { NODE_PATIENCE };
    match starting.first_try(patience).await {
        Some(Ok(node)) => Ok(LightningService::Node(node)),
        Some(Err(NodeFault::Start(_))) | None if !once && !starting.has_ended() => {
            Ok(LightningService::Starting(starting))
        }
        Some(Err(fault)) => {
            starting.stop().await;
            Err(fault.into())
        }
        None => Err(AgentError::EngineLost),
    }
}

#[cfg(not(feature = "node"))]
pub(super) async fn start_node(_: &Config, _: &Vault, _once: bool) -> Result<LightningService, AgentError> {
    tracing::warn!("this build has no Lightning wallet: meters are read, nothing is paid");
    Ok(LightningService::Absent)
}

/// Most often it runs within a second or says why not; a network that swallows everything takes longer.
#[cfg(feature = "node")]
const NODE_PATIENCE: Duration = Duration::from_secs(10);
