//! The Lightning wallet in use, behind one closed enum with the same few calls.

#[cfg(feature = "node")]
pub mod node;

use serde::{Deserialize, Serialize};

use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::engine::{Event, Found, PayOutcome};

/// The Lightning wallet in use.
#[derive(Clone)]
pub enum LightningService {
    /// The node inside this process.
    #[cfg(feature = "node")]
    Node(node::NodeService),
    /// This build has no wallet: meters are read, nothing is paid.
    #[cfg(not(feature = "node"))]
    Absent,
}

/// What can be spent and received now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The wallet's name on the Lightning network.
    pub node_id: String,
    /// All of it, in msat.
    pub balance_msat: u64,
    /// What can be sent now, in msat.
    pub spendable_msat: u64,
    /// What can be received now, in msat.
    pub receivable_msat: u64,
    /// Open channels, usable or not.
    pub channels: usize,
    /// Channels over which payments work now.
    pub channels_usable: usize,
    /// Height of the newest block known.
    pub block_height: u32,
}

/// A wallet call that has no money moving behind it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Lightning wallet says: {0}")]
pub struct ServiceFault(pub String);

impl LightningService {
    /// The word in the ledger and the configuration.
    pub fn name(&self) -> &'static str {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(_) => "node",
            #[cfg(not(feature = "node"))]
            LightningService::Absent => "absent",
        }
    }

    /// Pays `bolt11` with at most `fee_max` for routing. Called only for a row that is durable and says `sending`.
    pub async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.pay(bolt11, fee_max).await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => {
                let _ = (bolt11, fee_max);
                PayOutcome::NotSent(ABSENT.to_owned())
            }
        }
    }

    /// What the wallet knows of an outgoing payment.
    pub async fn look_up(&self, hash: &PaymentHash) -> Found {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.look_up(hash).await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => {
                let _ = hash;
                Found::Unavailable(ABSENT.to_owned())
            }
        }
    }

    /// An invoice for `amount`, valid for `expiry_s` seconds.
    ///
    /// # Errors
    /// [`ServiceFault`] when the wallet makes none; no money is involved.
    pub async fn create(&self, amount: Msat, description: &str, expiry_s: u32) -> Result<String, ServiceFault> {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.create(amount, description, expiry_s).await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => {
                let _ = (amount, description, expiry_s);
                Err(ServiceFault(ABSENT.to_owned()))
            }
        }
    }

    /// What can be spent and received now.
    pub async fn balance(&self) -> Balance {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.balance().await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => Balance::default(),
        }
    }

    /// The wallet's next report for the engine. The same one comes again until [`LightningService::report_handled`].
    pub async fn next_report(&self) -> Option<Event> {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.next_report().await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => std::future::pending().await,
        }
    }

    /// The last report is committed and need not come again.
    pub async fn report_handled(&self) {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.report_handled().await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => {}
        }
    }

    /// Returns each time the wallet can pay again after it could not.
    pub async fn next_ready(&self) {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.next_ready().await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => std::future::pending().await,
        }
    }

    /// Stops the wallet; payments under way are found again by look-up at the next start.
    pub async fn stop(&self) {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.stop().await,
            #[cfg(not(feature = "node"))]
            LightningService::Absent => {}
        }
    }
}

#[cfg(not(feature = "node"))]
const ABSENT: &str = "this Kilosat was built without a Lightning wallet";
