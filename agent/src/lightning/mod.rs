//! The Lightning wallet in use, behind one closed enum with the same few calls.
//!
//! Every service answers in the words of [`answers`]; what goes wrong is one of the troubles of [`trouble`], whose
//! sentences the owner reads.

pub mod answers;
pub mod cln;
mod hints;
pub mod lnbits;
pub mod lnd;
#[cfg(feature = "node")]
pub mod node;
pub mod nwc;
pub mod outside;
pub mod phoenixd;
pub mod providers;
pub mod reading;
pub mod remote;
#[cfg(feature = "node")]
pub mod starting;
pub mod trouble;

pub use answers::{
    Balance, Capabilities, Direction, FeeLimit, Finding, Grade, Incoming, Info, InvoiceRequest, Listed, NewInvoice,
};
pub use outside::OutsideNode;
pub use remote::{Remote, Waits};
pub use trouble::{ServiceFault, ServiceKind, Trouble};

use crate::config::Config;
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Event, Found, PayOutcome};
use crate::vault::Closed;

/// The Lightning wallet in use. Clones are the same wallet.
#[derive(Clone)]
pub enum LightningService {
    /// The node inside this process.
    #[cfg(feature = "node")]
    Node(node::NodeService),
    /// The same while it does not run yet, and from then on.
    #[cfg(feature = "node")]
    Starting(starting::Starting),
    /// phoenixd over its HTTP API.
    Phoenixd(phoenixd::Phoenixd),
    /// A wallet on an LNbits server.
    Lnbits(lnbits::Lnbits),
    /// LND over its REST API.
    Lnd(lnd::Lnd),
    /// Core Lightning over clnrest.
    Cln(cln::Cln),
    /// Any wallet that speaks Nostr Wallet Connect.
    Nwc(nwc::Nwc),
    /// The built-in node, which must not run: it is not certain that its state is the newest.
    Held,
    /// Its words or its credential are sealed, and what opens them is not there.
    Sealed(SealedWallet),
    /// This build has no node and none is configured: meters are read, nothing is paid.
    Absent,
}

/// What is known of a wallet that cannot be used before its secrets are opened.
#[derive(Clone, Debug)]
pub struct SealedWallet {
    /// Which kind it is.
    pub kind: ServiceKind,
    /// What payments handed to it are marked with.
    pub identity: String,
    /// Why it cannot be used.
    pub why: Closed,
}

/// Calls the same method of whichever service is in use.
macro_rules! each {
    ($self:expr, $service:ident => $call:expr, absent => $absent:expr) => {
        match $self {
            #[cfg(feature = "node")]
            LightningService::Node($service) => $call,
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => match starting.node() {
                Some($service) => $call,
                None => $absent,
            },
            LightningService::Phoenixd($service) => $call,
            LightningService::Lnbits($service) => $call,
            LightningService::Lnd($service) => $call,
            LightningService::Cln($service) => $call,
            LightningService::Nwc($service) => $call,
            LightningService::Held | LightningService::Sealed(_) | LightningService::Absent => $absent,
        }
    };
}

impl LightningService {
    /// Prepares the client of a wallet outside this process; it opens no connection.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up or the credential cannot be read.
    pub fn remote(kind: ServiceKind, remote: Remote) -> Result<LightningService, ServiceFault> {
        Ok(match kind {
            ServiceKind::Node => LightningService::Absent,
            ServiceKind::Phoenixd => LightningService::Phoenixd(phoenixd::Phoenixd::new(remote)?),
            ServiceKind::Lnbits => LightningService::Lnbits(lnbits::Lnbits::new(remote)?),
            ServiceKind::Lnd => LightningService::Lnd(lnd::Lnd::new(remote)?),
            ServiceKind::Cln => LightningService::Cln(cln::Cln::new(remote)?),
            ServiceKind::Nwc => LightningService::Nwc(nwc::Nwc::new(remote)?),
        })
    }

    /// Which kind it is; `None` for [`LightningService::Absent`].
    pub fn kind(&self) -> Option<ServiceKind> {
        match self {
            #[cfg(feature = "node")]
            LightningService::Starting(_) => Some(ServiceKind::Node),
            LightningService::Held => Some(ServiceKind::Node),
            LightningService::Sealed(wallet) => Some(wallet.kind),
            _ => each!(self, service => Some(service.kind()), absent => None),
        }
    }

    /// The built-in node itself, if that is the wallet and runs.
    #[cfg(feature = "node")]
    pub fn node(&self) -> Option<node::NodeService> {
        match self {
            LightningService::Node(node) => Some(node.clone()),
            LightningService::Starting(starting) => starting.node(),
            _ => None,
        }
    }

    /// A node outside this process that can be filled on the chain, if that is the wallet.
    pub fn outside(&self) -> Option<OutsideNode> {
        match self {
            LightningService::Lnd(lnd) => Some(OutsideNode::Lnd(Box::new(lnd.clone()))),
            LightningService::Cln(cln) => Some(OutsideNode::Cln(Box::new(cln.clone()))),
            _ => None,
        }
    }

    /// Tries the credential for what `config` wants of this wallet, without moving money.
    pub async fn try_out(&self, config: &Config, spends: bool) -> Vec<Finding> {
        let mut findings = self.check(spends).await;
        let is_filled = config.refill.as_ref().is_some_and(|rule| rule.channel_to.is_some());
        if let Some(outside) = self.outside().filter(|_| is_filled) {
            findings.push(outside.check().await);
        }
        findings
    }

    /// Whether it is the built-in node, which does not run yet.
    pub fn is_waiting(&self) -> bool {
        match self {
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => starting.node().is_none(),
            _ => false,
        }
    }

    /// What payments handed to it are marked with; tells one wallet from another of the same kind.
    pub fn identity(&self) -> String {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(_) | LightningService::Starting(_) => ServiceKind::Node.name().to_owned(),
            LightningService::Phoenixd(wallet) => wallet.identity(),
            LightningService::Lnbits(wallet) => wallet.identity(),
            LightningService::Lnd(wallet) => wallet.identity(),
            LightningService::Cln(wallet) => wallet.identity(),
            LightningService::Nwc(wallet) => wallet.identity(),
            LightningService::Held => ServiceKind::Node.name().to_owned(),
            LightningService::Sealed(wallet) => wallet.identity.clone(),
            LightningService::Absent => "absent".to_owned(),
        }
    }

    /// What it can do, as far as that is known without asking.
    pub fn capabilities(&self) -> Capabilities {
        match self {
            #[cfg(feature = "node")]
            LightningService::Starting(_) => node::CAPABILITIES,
            _ => each!(self, service => service.capabilities(), absent => Capabilities::default()),
        }
    }

    /// Who and where the wallet is.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn info(&self) -> Result<Info, ServiceFault> {
        each!(self, service => service.info().await, absent => Err(self.missing()))
    }

    /// What can be spent and received now.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn balance(&self) -> Result<Balance, ServiceFault> {
        each!(self, service => service.balance().await, absent => Err(self.missing()))
    }

    /// Tries the credential without moving money: what is wrong, and what it can do that Kilosat does not need.
    pub async fn check(&self, spends: bool) -> Vec<Finding> {
        each!(self, service => service.check(spends).await, absent => Vec::new())
    }

    /// Pays `bolt11` with at most `fee_max` for routing. Called only for a row that is durable and says `sending`.
    pub async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        each!(self, service => service.pay(bolt11, fee_max).await, absent => PayOutcome::NotSent(self.missing().to_string()))
    }

    /// What the wallet knows of an outgoing payment. Only evidence from this very wallet makes [`Found::NotFound`].
    pub async fn look_up(&self, hash: &PaymentHash) -> Found {
        each!(self, service => service.look_up(hash).await, absent => Found::Unavailable(self.missing().to_string()))
    }

    /// A new invoice of ours.
    ///
    /// # Errors
    /// [`ServiceFault`] when the wallet makes none, or makes another than asked for; no money is involved.
    pub async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        each!(self, service => service.create(request).await, absent => Err(self.missing()))
    }

    /// What became of an invoice of ours.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        each!(self, service => service.look_up_incoming(hash).await, absent => Err(self.missing()))
    }

    /// What was settled at or after `since`, both directions, in any order; may repeat and may hold older ones.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        each!(self, service => service.list_since(since).await, absent => Err(self.missing()))
    }

    /// Returns when money may have come in. A hint may be false, late, or lost: [`LightningService::list_since`] tells.
    pub async fn next_hint(&self) {
        each!(self, service => service.next_hint().await, absent => std::future::pending().await)
    }

    /// Pays `amount` to a BOLT12 offer where the wallet can, with at most `fee_max` for routing.
    ///
    /// Nothing identifies such a payment before it is made, so an answer that does not come leaves it unknown: the
    /// engine does not use this on its own.
    ///
    /// # Errors
    /// [`ServiceFault`] with [`Trouble::Unsupported`] where the wallet cannot.
    pub async fn pay_offer(&self, offer: &str, amount: Msat, fee_max: Msat) -> Result<PayOutcome, ServiceFault> {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.pay_offer(offer, amount, fee_max).await,
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => match starting.node() {
                Some(node) => node.pay_offer(offer, amount, fee_max).await,
                None => Err(self.missing()),
            },
            LightningService::Phoenixd(phoenixd) => phoenixd.pay_offer(offer, amount, fee_max).await,
            _ => Err(self.unsupported("payments to BOLT12 offers")),
        }
    }

    /// An on-chain address that fills the wallet, where it has one.
    ///
    /// # Errors
    /// [`ServiceFault`] with [`Trouble::Unsupported`] where the wallet has none.
    pub async fn deposit_address(&self) -> Result<String, ServiceFault> {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.deposit_address().await,
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => match starting.node() {
                Some(node) => node.deposit_address().await,
                None => Err(self.missing()),
            },
            LightningService::Lnd(lnd) => lnd.deposit_address().await,
            _ => Err(self.unsupported("an on-chain address that fills it")),
        }
    }

    /// The built-in node's next report for the engine; the same one comes again until
    /// [`LightningService::report_handled`]. Other wallets report nothing by themselves.
    pub async fn next_report(&self) -> Option<Event> {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.next_report().await,
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => starting.ready().await.next_report().await,
            _ => std::future::pending().await,
        }
    }

    /// The last report is committed and need not come again.
    pub async fn report_handled(&self) {
        #[cfg(feature = "node")]
        if let Some(node) = self.node() {
            node.report_handled().await;
        }
    }

    /// Returns each time the wallet can pay again after it could not.
    pub async fn next_ready(&self) {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.next_ready().await,
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => starting.ready().await.next_ready().await,
            _ => std::future::pending().await,
        }
    }

    fn unsupported(&self, what: &'static str) -> ServiceFault {
        ServiceFault::new(self.kind().unwrap_or(ServiceKind::Node), Trouble::Unsupported(what))
    }

    /// Stops what runs inside this process; payments under way are found again by look-up at the next start.
    pub async fn stop(&self) {
        match self {
            #[cfg(feature = "node")]
            LightningService::Node(node) => node.stop().await,
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => starting.stop().await,
            _ => {}
        }
    }

    /// Why there is no wallet to ask.
    fn missing(&self) -> ServiceFault {
        match self {
            #[cfg(feature = "node")]
            LightningService::Starting(starting) => starting.fault(),
            LightningService::Held => ServiceFault::new(ServiceKind::Node, Trouble::Held),
            LightningService::Sealed(wallet) => ServiceFault::new(wallet.kind, wallet.trouble()),
            _ => ServiceFault::new(ServiceKind::Node, Trouble::Unsupported("a Lightning wallet")),
        }
    }
}

impl SealedWallet {
    fn trouble(&self) -> Trouble {
        match self.why {
            Closed::Passphrase => Trouble::Sealed,
            Closed::Machine | Closed::Damaged | Closed::Unreadable => Trouble::KeyMissing,
        }
    }
}
