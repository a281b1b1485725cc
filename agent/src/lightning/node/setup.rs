//! How the node is put together: its chain source, its LSP, its log.

use bitcoin::secp256k1::PublicKey;
use ldk_node::Builder;
use ldk_node::config::{BackgroundSyncConfig, ElectrumSyncConfig, EsploraSyncConfig};
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::logger::{LogLevel, LogRecord, LogWriter};

use super::NodeFault;
use crate::config::ChainSource;

pub(crate) fn set_chain_source(builder: &mut Builder, chain: &ChainSource) -> Result<(), NodeFault> {
    let background = Some(BackgroundSyncConfig {
        onchain_wallet_sync_interval_secs: ONCHAIN_SYNC_S,
        lightning_wallet_sync_interval_secs: CHANNEL_SYNC_S,
        fee_rate_cache_update_interval_secs: FEE_SYNC_S,
    });
    match chain {
        ChainSource::Esplora(url) => {
            let sync = EsploraSyncConfig { background_sync_config: background };
            builder.set_chain_source_esplora(url.clone(), Some(sync));
        }
        ChainSource::Electrum(url) => {
            let sync = ElectrumSyncConfig { background_sync_config: background };
            builder.set_chain_source_electrum(url.clone(), Some(sync));
        }
        ChainSource::Bitcoind { host, port, cookie_file } => {
            let cookie = std::fs::read_to_string(cookie_file).map_err(|error| {
                NodeFault::Configuration(format!(
                    "the bitcoind cookie file {} cannot be read ({error}). Is bitcoind running, and may this user read it?",
                    cookie_file.display()
                ))
            })?;
            let Some((user, password)) = cookie.trim().split_once(':') else {
                return Err(NodeFault::Configuration(format!("{} does not hold user:password", cookie_file.display())));
            };
            builder.set_chain_source_bitcoind_rpc(host.clone(), *port, user.to_owned(), password.to_owned());
        }
        ChainSource::Filters(_) => {
            return Err(NodeFault::Configuration("the built-in node cannot ask by filters".to_owned()));
        }
    }
    Ok(())
}

pub(super) fn lsp_peer(key: &str, address: &str) -> Result<(PublicKey, SocketAddress), NodeFault> {
    let wrong = || NodeFault::Configuration(format!("the LSP {key}@{address} cannot be read"));
    Ok((key.parse().map_err(|_| wrong())?, address.parse().map_err(|_| wrong())?))
}

/// The node's own records, in our log.
pub(crate) struct ToTracing;

impl LogWriter for ToTracing {
    fn log(&self, record: LogRecord<'_>) {
        let module = record.module_path;
        match record.level {
            LogLevel::Error => tracing::error!(target: "ldk", module, "{}", record.args),
            LogLevel::Warn => tracing::warn!(target: "ldk", module, "{}", record.args),
            LogLevel::Info => tracing::info!(target: "ldk", module, "{}", record.args),
            LogLevel::Debug => tracing::debug!(target: "ldk", module, "{}", record.args),
            LogLevel::Trace | LogLevel::Gossip => tracing::trace!(target: "ldk", module, "{}", record.args),
        }
    }
}

const ONCHAIN_SYNC_S: u64 = 80;
const CHANNEL_SYNC_S: u64 = 30;
const FEE_SYNC_S: u64 = 600;
