//! The built-in node: `ldk-node` with channels bought just in time from an LSP (`bLIP-52`, LSPS2).
//!
//! Its own store is `node.db`, apart from ours: channel state must never come from a backup. A payment it reports as
//! done is done; a payment it does not know may be handed to it again, because it refuses to pay a hash twice.

mod answers;
mod channels;
mod funds;
mod setup;

use std::path::Path;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bitcoin::hashes::Hash as _;
use bitcoin::{Network, secp256k1::PublicKey};
use ldk_node::config::Config as LdkConfig;
use ldk_node::io::sqlite_store::SqliteStore;
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::lightning::offers::offer::Offer;
use ldk_node::lightning::routing::router::RouteParametersConfig;
use ldk_node::lightning_invoice::{Bolt11Invoice, Bolt11InvoiceDescription, Description};
use ldk_node::payment::{PaymentDetails, PaymentDirection, PaymentStatus};
use ldk_node::{Builder, Node, NodeError};
use tokio::runtime::Handle;
use tokio::time::sleep;

use answers::{fault, report, said};
pub use channels::{Channel, Closing, NodeFunds, NodeTx};
use setup::lsp_peer;
pub(crate) use setup::{ToTracing, set_chain_source};

use super::answers::{Balance, Capabilities, FeeLimit, Finding, Incoming, Info, InvoiceRequest, Listed, NewInvoice};
use super::trouble::{ServiceFault, ServiceKind, Trouble};
use crate::clock::Clock;
use crate::config::NodeConfig;
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::{Event, Found, OpeningPrice, PayOutcome};

/// The running node.
#[derive(Clone)]
pub struct NodeService {
    node: Arc<Node>,
    lsp_fee_max: Msat,
    /// What the LSP asked last for opening a channel.
    price: Arc<Mutex<Option<OpeningPrice>>>,
    lsp: Option<(PublicKey, SocketAddress)>,
}

/// Why the node does not start.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NodeFault {
    /// A value of the configuration does not fit.
    #[error("{0}")]
    Configuration(String),
    /// Its store cannot be opened.
    #[error("The built-in Lightning node cannot open its store ({0}). Nothing was paid; check the disk or SD card.")]
    Store(String),
    /// It cannot be put together.
    #[error("The built-in Lightning node cannot be set up ({0}). Nothing was paid.")]
    Build(ldk_node::BuildError),
    /// It cannot run, most often because the chain source does not answer.
    #[error(
        "The built-in Lightning node cannot start ({0}). Nothing was paid; check that the chain source answers, and its settings."
    )]
    Start(NodeError),
}

impl NodeService {
    /// Builds and starts the node with its store in `directory`.
    ///
    /// # Errors
    /// [`NodeFault`]; blocks while the node reads its store and asks the chain source for fees.
    pub fn start(
        config: &NodeConfig,
        network: Network,
        entropy: [u8; 64],
        directory: &Path,
        runtime: Handle,
    ) -> Result<NodeService, NodeFault> {
        let mut ldk = LdkConfig { network, ..LdkConfig::default() };
        ldk.storage_dir_path = directory.display().to_string();
        if !config.anchor_channels {
            ldk.anchor_channels_config = None;
        }
        let mut builder = Builder::from_config(ldk);
        builder.set_runtime(runtime).set_entropy_seed_bytes(entropy).set_gossip_source_p2p();
        builder.set_custom_logger(Arc::new(ToTracing));
        set_chain_source(&mut builder, &config.chain)?;
        let lsp = config.lsp.as_ref().map(|(key, address)| lsp_peer(key, address)).transpose()?;
        if let Some((key, address)) = lsp.clone() {
            builder.set_liquidity_source_lsps2(key, address, None);
        }
        let store = SqliteStore::new(directory.to_owned(), Some("node.db".to_owned()), None)
            .map_err(|error| NodeFault::Store(error.to_string()))?;
        let node = builder.build_with_store(Arc::new(store)).map_err(NodeFault::Build)?;
        node.start().map_err(NodeFault::Start)?;
        Ok(NodeService { node: Arc::new(node), lsp_fee_max: config.lsp_fee_max, price: Arc::default(), lsp })
    }

    /// The node itself, for what only a built-in node has.
    pub fn ldk(&self) -> &Arc<Node> {
        &self.node
    }

    pub(super) async fn pay(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        let Ok(invoice) = Bolt11Invoice::from_str(bolt11) else {
            return PayOutcome::NotSent(said(Trouble::Invoice));
        };
        let route =
            RouteParametersConfig { max_total_routing_fee_msat: Some(fee_max.0), ..RouteParametersConfig::default() };
        match self.on_thread(move |node| send(node, &invoice, route)).await {
            Some(outcome) => outcome,
            None => PayOutcome::Unknown(fault(&"it stopped while it was asked to pay").to_string()),
        }
    }

    pub(super) async fn look_up(&self, hash: &PaymentHash) -> Found {
        let id = PaymentId(hash.0);
        match self.on_thread(move |node| node.payment(&id)).await {
            Some(record) => answers::outgoing(record),
            None => Found::Unavailable(stopped().to_string()),
        }
    }

    pub(super) fn kind(&self) -> ServiceKind {
        ServiceKind::Node
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    pub(super) async fn info(&self) -> Result<Info, ServiceFault> {
        let info = self.on_thread(|node| Info {
            node_id: node.node_id().to_string(),
            alias: node.node_alias().map(|alias| alias.to_string()).unwrap_or_default(),
            network: Some(node.config().network),
            block_height: Some(node.status().current_best_block.height),
            version: String::new(),
        });
        info.await.ok_or_else(stopped)
    }

    /// The keys are the node's own: there is nothing to hand out less of.
    pub(super) async fn check(&self, _spends: bool) -> Vec<Finding> {
        let balance = match self.balance().await {
            Ok(balance) => balance,
            Err(fault) => return vec![Finding::error(&fault)],
        };
        let mut findings = vec![Finding::good(format!("The built-in node {} runs.", balance.node_id))];
        if balance.channels == Some(0) {
            findings.push(Finding::warning("The built-in node has no channel yet; one opens when money arrives."));
        } else if balance.channels_usable == Some(0) {
            findings.push(Finding::error(&stopped()));
        }
        findings
    }

    pub(super) async fn create(&self, request: &InvoiceRequest) -> Result<NewInvoice, ServiceFault> {
        let text = Description::new(request.description.clone()).map_err(|error| fault(&error))?;
        let description = Bolt11InvoiceDescription::Direct(text);
        let (amount, expiry_s, fee_max) = (request.amount.0, request.expiry_s, self.lsp_fee_max.0);
        let jit = self.lsp.is_some() && self.balance().await?.receivable_msat < amount;
        let created = self.on_thread(move |node| {
            let payments = node.bolt11_payment();
            if jit {
                payments.receive_via_jit_channel(amount, &description, expiry_s, Some(fee_max))
            } else {
                payments.receive(amount, &description, expiry_s)
            }
        });
        let invoice = created.await.ok_or_else(stopped)?.map_err(|error| match error {
            NodeError::LiquidityFeeTooHigh => ServiceFault::new(ServiceKind::Node, Trouble::Opening),
            error => fault(&error),
        })?;
        if jit {
            self.note_price(&invoice, request.amount).await;
        }
        let network = self.node.config().network;
        NewInvoice::checked(ServiceKind::Node, &invoice.to_string(), request, network, Clock::real().now().wall)
    }

    /// What the LSP asked for it, for whoever watches its terms.
    async fn note_price(&self, invoice: &Bolt11Invoice, amount: Msat) {
        let id = PaymentId(invoice.payment_hash().to_byte_array());
        let fee = self.on_thread(move |node| funds::price(node, &id)).await.flatten();
        if let Some(fee) = fee {
            *self.price.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(OpeningPrice { amount_msat: amount.0, fee_msat: fee.0 });
        }
    }

    /// What the LSP asked last for opening a channel, and who it is; once.
    pub fn take_price(&self) -> Option<(String, OpeningPrice)> {
        let (key, _) = self.lsp.as_ref()?;
        let price = self.price.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some((key.to_string(), price))
    }

    pub(super) async fn look_up_incoming(&self, hash: &PaymentHash) -> Result<Incoming, ServiceFault> {
        let id = PaymentId(hash.0);
        Ok(answers::incoming(self.on_thread(move |node| node.payment(&id)).await.ok_or_else(stopped)?))
    }

    pub(super) async fn list_since(&self, since: UnixMillis) -> Result<Vec<Listed>, ServiceFault> {
        let listed = self.on_thread(move |node| {
            let settled = |payment: &&PaymentDetails| {
                payment.status == PaymentStatus::Succeeded && payment.latest_update_timestamp >= since.0 / 1_000
            };
            node.list_payments_with_filter(settled).iter().filter_map(answers::listed).collect()
        });
        listed.await.ok_or_else(stopped)
    }

    /// The node's own reports tell.
    pub(super) async fn next_hint(&self) {
        std::future::pending().await
    }

    pub(super) async fn pay_offer(&self, offer: &str, amount: Msat, fee_max: Msat) -> Result<PayOutcome, ServiceFault> {
        let offer: Offer = offer.parse().map_err(|_| ServiceFault::new(KIND, Trouble::Invoice))?;
        let route =
            RouteParametersConfig { max_total_routing_fee_msat: Some(fee_max.0), ..RouteParametersConfig::default() };
        let sent = self.on_thread(move |node| match unable_to_send(node, amount.0) {
            Some(unable) => unable,
            None => match node.bolt12_payment().send_using_amount(&offer, amount.0, None, None, Some(route)) {
                Ok(_) => PayOutcome::InFlight,
                Err(error) => answers::offer_not_taken(error),
            },
        });
        sent.await.ok_or_else(stopped)
    }

    pub(crate) async fn deposit_address(&self) -> Result<String, ServiceFault> {
        let address = self.on_thread(|node| node.onchain_payment().new_address()).await.ok_or_else(stopped)?;
        address.map(|address| address.to_string()).map_err(|error| fault(&error))
    }

    pub(super) async fn balance(&self) -> Result<Balance, ServiceFault> {
        self.on_thread(funds::balance).await.ok_or_else(stopped)
    }

    /// Reports that mean nothing to the engine are noted and skipped.
    pub(super) async fn next_report(&self) -> Option<Event> {
        loop {
            let event = self.node.next_event_async().await;
            let lsp = self.lsp.as_ref().map(|(key, _)| *key);
            let opening = |payment| funds::opening(&self.node, payment, lsp);
            match report(event, |channel| funds::has_money(&self.node, channel), opening) {
                Ok(report) => return Some(report),
                Err(note) => {
                    tracing::info!("{note}");
                    self.report_handled().await;
                }
            }
        }
    }

    pub(super) async fn report_handled(&self) {
        if let Some(Err(error)) = self.on_thread(|node| node.event_handled()).await {
            tracing::error!(%error, "the node could not note that its report was handled; it will come again");
        }
    }

    /// Returns once payments work after they did not. Until then the LSP is called again and again: the node's own
    /// attempts are a minute apart, and one that meets a connection the LSP has not given up yet is lost.
    pub(super) async fn next_ready(&self) {
        let mut was_ready = self.on_thread(is_ready).await.unwrap_or(false);
        let mut wait = RECONNECT_FIRST;
        loop {
            sleep(wait).await;
            let is_ready = self.on_thread(is_ready).await.unwrap_or(false);
            if is_ready && !was_ready {
                return;
            }
            was_ready = is_ready;
            wait = if is_ready || self.meet_lsp().await { RECONNECT_FIRST } else { (wait * 2).min(RECONNECT_LONGEST) };
        }
    }

    /// Connects to the LSP unless that is done already; false when it does not answer.
    async fn meet_lsp(&self) -> bool {
        let Some((key, address)) = self.lsp.clone() else { return true };
        let met = self.on_thread(move |node| {
            let connected = node.list_peers().iter().any(|peer| peer.node_id == key && peer.is_connected);
            if connected { Ok(()) } else { node.connect(key, address, true) }
        });
        match met.await {
            Some(Err(error)) => {
                tracing::warn!(%error, "the LSP does not answer; it is called again");
                false
            }
            _ => true,
        }
    }

    pub(super) async fn stop(&self) {
        if let Some(Err(error)) = self.on_thread(|node| node.stop()).await {
            tracing::error!(%error, "the Lightning node did not stop cleanly");
        }
    }

    /// Runs a call that may wait for the disk or a peer off the async threads; `None` if the program is ending.
    async fn on_thread<T: Send + 'static>(&self, call: impl FnOnce(&Node) -> T + Send + 'static) -> Option<T> {
        let node = Arc::clone(&self.node);
        tokio::task::spawn_blocking(move || call(&node)).await.ok()
    }
}

fn is_ready(node: &Node) -> bool {
    node.list_channels().iter().any(|channel| channel.is_usable)
}

/// Hands an invoice to the node. Only an explicit refusal means that no money can move.
fn send(node: &Node, invoice: &Bolt11Invoice, route: RouteParametersConfig) -> PayOutcome {
    let id = PaymentId(invoice.payment_hash().to_byte_array());
    let known = node.payment(&id);
    match known.as_ref().map(|known| (known.direction, known.status)) {
        Some((PaymentDirection::Inbound, _)) => return not_sent(Trouble::Invoice, "it is this wallet's own"),
        Some((_, PaymentStatus::Pending | PaymentStatus::Succeeded)) => return PayOutcome::AlreadyKnown,
        Some((_, PaymentStatus::Failed)) | None => {}
    }
    if let Some(unable) = unable_to_send(node, invoice.amount_milli_satoshis().unwrap_or(0)) {
        return unable;
    }
    // The node notes a payment only after it was handed out. A failure left from an earlier attempt would speak for
    // this one if the power went in between, so it goes first: then the look-up says "not found", which is the truth.
    if known.is_some()
        && let Err(error) = node.remove_payment(&id)
    {
        return not_sent(Trouble::NotReady, &format!("it cannot write: {error}"));
    }
    match node.bolt11_payment().send(invoice, Some(route)) {
        Ok(_) => PayOutcome::InFlight,
        Err(error) => answers::not_handed_over(error),
    }
}

/// Why a new payment of `amount_msat` could only fail now: right after a start, or while the LSP is away, it waits
/// instead.
fn unable_to_send(node: &Node, amount_msat: u64) -> Option<PayOutcome> {
    let channels = node.list_channels();
    let usable: Vec<_> = channels.iter().filter(|channel| channel.is_usable).collect();
    let spendable = usable.iter().fold(0_u64, |sum, channel| sum.saturating_add(channel.outbound_capacity_msat));
    if channels.is_empty() {
        Some(not_sent(Trouble::Funds, "it has no channel yet; one opens when money arrives"))
    } else if usable.is_empty() {
        Some(not_sent(Trouble::NotReady, "no channel works yet"))
    } else if amount_msat > spendable {
        Some(not_sent(Trouble::Funds, ""))
    } else {
        None
    }
}

fn not_sent(trouble: Trouble, why: &str) -> PayOutcome {
    PayOutcome::NotSent(ServiceFault::with(KIND, trouble, why).to_string())
}

fn stopped() -> ServiceFault {
    ServiceFault::new(ServiceKind::Node, Trouble::NotReady)
}

pub(super) const CAPABILITIES: Capabilities = Capabilities {
    fee_limit: FeeLimit::InCall,
    refuses_duplicates: true,
    sub_sat_invoices: true,
    offers: true,
    deposit_address: true,
};
const KIND: ServiceKind = ServiceKind::Node;
const RECONNECT_FIRST: Duration = Duration::from_millis(500);
const RECONNECT_LONGEST: Duration = Duration::from_secs(60);
