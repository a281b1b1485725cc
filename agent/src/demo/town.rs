//! The Lightning network around the house: an LSP, the utility, and a neighbour who sells weather data and lends the
//! first satoshis. Each is a real LDK node with a store of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bitcoin::{Address, Network};
use ldk_node::config::Config as LdkConfig;
use ldk_node::lightning::ln::msgs::SocketAddress;
use ldk_node::lightning::routing::gossip::NodeId;
use ldk_node::lightning_invoice::Bolt11Invoice;
use ldk_node::liquidity::LSPS2ServiceConfig;
use ldk_node::payment::{PaymentDirection, PaymentStatus};
use ldk_node::{Builder, Event, Node};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::DemoError;
use super::miner::Miner;
use crate::lightning::node::{ToTracing, set_chain_source};
use crate::vault::Vault;

/// One node of the town.
#[derive(Clone)]
pub struct TownNode {
    node: Arc<Node>,
    address: SocketAddr,
}

/// What a node is there for.
#[derive(Clone, Copy)]
enum Role {
    Lsp { anchors: bool },
    Other,
}

/// Everyone but the house.
pub struct Town {
    /// Sells channels and routes.
    pub lsp: TownNode,
    /// Sells electricity.
    pub utility: TownNode,
    /// Sells weather data, and paid for the house's first channel.
    pub neighbour: TownNode,
}

impl TownNode {
    async fn start(name: &str, role: Role, directory: &Path, miner: &Miner) -> Result<TownNode, DemoError> {
        let address = free_port()?;
        let mut ldk = LdkConfig { network: Network::Regtest, ..LdkConfig::default() };
        ldk.storage_dir_path = directory.join(name).display().to_string();
        // No on-chain reserve is needed on a chain where fees never rise.
        if !matches!(role, Role::Lsp { anchors: true }) {
            ldk.anchor_channels_config = None;
        }
        let mut builder = Builder::from_config(ldk);
        builder.set_runtime(Handle::current()).set_gossip_source_p2p();
        builder.set_custom_logger(Arc::new(ToTracing));
        builder.set_entropy_seed_bytes(kept_entropy(&directory.join(name))?);
        set_chain_source(&mut builder, &miner.source())?;
        let fault = |error: &dyn std::fmt::Display| DemoError::Town(format!("{name}: {error}"));
        builder.set_node_alias(name.to_owned()).map_err(|error| fault(&error))?;
        builder.set_listening_addresses(vec![SocketAddress::from(address)]).map_err(|error| fault(&error))?;
        if let Role::Lsp { .. } = role {
            builder.set_liquidity_provider_lsps2(LSP_TERMS);
        }
        let node = builder.build().map_err(|error| fault(&error))?;
        let node = Arc::new(node);
        let started = Arc::clone(&node);
        on_thread(move || started.start()).await?.map_err(|error| fault(&error))?;
        Ok(TownNode { node, address })
    }

    /// `public key@host:port`.
    pub fn peer(&self) -> String {
        format!("{}@{}", self.node.node_id(), self.address)
    }

    /// The node itself.
    pub fn ldk(&self) -> &Arc<Node> {
        &self.node
    }

    /// Follows the chain to its tip.
    ///
    /// # Errors
    /// [`DemoError::Town`].
    pub async fn sync(&self) -> Result<(), DemoError> {
        let node = Arc::clone(&self.node);
        on_thread(move || node.sync_wallets()).await?.map_err(|error| DemoError::Town(error.to_string()))
    }

    /// Pays an invoice; the outcome comes later.
    ///
    /// # Errors
    /// [`DemoError::Town`].
    pub async fn pay(&self, bolt11: &str) -> Result<(), DemoError> {
        let invoice: Bolt11Invoice =
            bolt11.parse().map_err(|_| DemoError::Town("the house made no valid invoice".to_owned()))?;
        let node = Arc::clone(&self.node);
        let sent = on_thread(move || node.bolt11_payment().send(&invoice, None)).await?;
        sent.map(|_| ()).map_err(|error| DemoError::Town(error.to_string()))
    }

    /// Received over Lightning in all, in msat.
    pub fn received_msat(&self) -> u64 {
        let incoming = |payment: &&ldk_node::payment::PaymentDetails| {
            payment.direction == PaymentDirection::Inbound
                && payment.status == PaymentStatus::Succeeded
                && !matches!(payment.kind, ldk_node::payment::PaymentKind::Onchain { .. })
        };
        let payments = self.node.list_payments_with_filter(incoming);
        payments.iter().filter_map(|payment| payment.amount_msat).fold(0, u64::saturating_add)
    }

    /// Tells of its channels once more: a changed fee is news. Nobody pays through this node.
    fn tell_anew(&self) {
        for channel in self.node.list_channels() {
            let mut config = channel.config;
            config.forwarding_fee_base_msat ^= 1;
            let told = self.node.update_channel_config(&channel.user_channel_id, channel.counterparty_node_id, config);
            if let Err(error) = told {
                tracing::warn!(%error, "a node of the town could not tell of its channel");
            }
        }
    }

    fn usable_channels(&self) -> usize {
        self.node.list_channels().iter().filter(|channel| channel.is_usable).count()
    }
}

impl Town {
    /// Starts the nodes and, on a new chain, gives the LSP money and channels to the other two.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn open(
        directory: &Path,
        miner: &Miner,
        tasks: &mut JoinSet<()>,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Town, DemoError> {
        Town::open_with(false, directory, miner, tasks, say).await
    }

    /// The same with an LSP that wants anchors in its channels or does not, such as most want today.
    ///
    /// # Errors
    /// [`DemoError`].
    pub async fn open_with(
        anchors: bool,
        directory: &Path,
        miner: &Miner,
        tasks: &mut JoinSet<()>,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Town, DemoError> {
        let lsp = TownNode::start("lsp", Role::Lsp { anchors }, directory, miner).await?;
        let utility = TownNode::start("utility", Role::Other, directory, miner).await?;
        let neighbour = TownNode::start("neighbour", Role::Other, directory, miner).await?;
        let town = Town { lsp, utility, neighbour };
        for node in town.nodes() {
            tasks.spawn(acknowledge(Arc::clone(&node.node)));
        }
        let ready = async {
            if town.lsp.node.list_channels().is_empty() {
                town.fund(miner, say).await?;
            } else {
                town.meet_again().await?;
            }
            town.wait_for_channels().await
        };
        match ready.await {
            Ok(()) => Ok(town),
            Err(error) => {
                town.close().await;
                Err(error)
            }
        }
    }

    /// Follows the chain to its tip, everyone.
    ///
    /// # Errors
    /// [`DemoError::Town`].
    pub async fn sync(&self) -> Result<(), DemoError> {
        for node in self.nodes() {
            node.sync().await?;
        }
        Ok(())
    }

    /// Stops everyone.
    pub async fn close(self) {
        for node in [self.lsp.node, self.utility.node, self.neighbour.node] {
            // A node that does not stop cleanly ends with the demo anyway.
            let _ = on_thread(move || node.stop()).await;
        }
    }

    /// An address of the LSP, which earns the block rewards.
    ///
    /// # Errors
    /// [`DemoError::Town`].
    pub fn reward_address(&self) -> Result<Address, DemoError> {
        self.lsp.node.onchain_payment().new_address().map_err(|error| DemoError::Town(error.to_string()))
    }

    fn nodes(&self) -> [&TownNode; 3] {
        [&self.lsp, &self.utility, &self.neighbour]
    }

    async fn fund(&self, miner: &Miner, say: &(dyn Fn(&str) + Sync)) -> Result<(), DemoError> {
        say("Mining the first blocks; the LSP earns their reward.");
        miner.mine(3, &self.reward_address()?).await?;
        miner.mine(COINBASE_MATURITY, &burn_address()).await?;
        say("The LSP opens channels to the utility and to the neighbour.");
        for (opened, (node, push_msat)) in
            [(&self.utility, 0), (&self.neighbour, NEIGHBOUR_MSAT)].into_iter().enumerate()
        {
            // A sync that began before the last block ends without it.
            let seen = async || {
                self.lsp.sync().await?;
                Ok(self.lsp.node.list_balances().spendable_onchain_balance_sats > CHANNEL_SAT)
            };
            until("the LSP does not see its money", seen).await?;
            let (lsp, id, address) = (Arc::clone(&self.lsp.node), node.node.node_id(), node.address);
            let open = move || {
                lsp.open_announced_channel(id, SocketAddress::from(address), CHANNEL_SAT, Some(push_msat), None)
            };
            on_thread(open).await?.map_err(|error| DemoError::Town(format!("no channel: {error}")))?;
            // The next funding must not spend the same coins, so the wallet has to see this one first.
            until("the LSP's funding did not reach the chain", async || Ok(miner.waiting().await? > opened)).await?;
            self.lsp.sync().await?;
        }
        miner.mine(ANNOUNCE_DEPTH, &burn_address()).await?;
        self.sync().await
    }

    /// A continued town listens at new ports; the LSP tells its node where the others are now.
    async fn meet_again(&self) -> Result<(), DemoError> {
        for node in [&self.utility, &self.neighbour] {
            let (lsp, id, address) = (Arc::clone(&self.lsp.node), node.node.node_id(), node.address);
            let connect = move || lsp.connect(id, SocketAddress::from(address), true);
            on_thread(connect).await?.map_err(|error| DemoError::Town(error.to_string()))?;
        }
        Ok(())
    }

    /// Waits until both channels work and the LSP has news of both their ends. A peer's news that comes before the
    /// channel is verified is lost; then it is asked for again.
    async fn wait_for_channels(&self) -> Result<(), DemoError> {
        let fault = "the channels between LSP, utility and neighbour did not open";
        let turn = AtomicU32::new(0);
        until(fault, async || {
            let works = self.lsp.usable_channels() >= 2;
            if works && turn.fetch_add(1, Ordering::Relaxed) % NEWS_TURNS == NEWS_TURNS - 1 {
                self.utility.tell_anew();
                self.neighbour.tell_anew();
            }
            Ok(works && self.ways_from_lsp(&self.lsp.node) >= 2)
        })
        .await
    }

    /// How many of the LSP's announced channels `observer` could pay over, as far as gossip has told it. A node uses
    /// a channel only once it has news of both its ends.
    pub fn ways_from_lsp(&self, observer: &Node) -> usize {
        let lsp = NodeId::from_pubkey(&self.lsp.node.node_id());
        let graph = observer.network_graph();
        let channels = graph.list_channels();
        let known = channels.iter().filter_map(|scid| graph.channel(*scid));
        known
            .filter(|channel| channel.node_one == lsp || channel.node_two == lsp)
            .filter(|channel| channel.one_to_two.is_some() && channel.two_to_one.is_some())
            .count()
    }
}

/// Asks again and again until the answer is yes, for a minute at most.
async fn until(fault: &str, done: impl AsyncFn() -> Result<bool, DemoError>) -> Result<(), DemoError> {
    let asking = async {
        while !done().await? {
            sleep(POLL).await;
        }
        Ok(())
    };
    timeout(STEP_WAIT, asking).await.unwrap_or_else(|_| Err(DemoError::Town(fault.to_owned())))
}

/// Reads the node's events so that its queue stays short; the demo looks at the node's lists instead.
async fn acknowledge(node: Arc<Node>) {
    loop {
        let event = node.next_event_async().await;
        if let Event::ChannelClosed { reason, .. } = &event {
            tracing::warn!(?reason, "a channel of the town was closed");
        }
        let handled = Arc::clone(&node);
        if on_thread(move || handled.event_handled()).await.is_err() {
            return;
        }
    }
}

/// Runs a call of a node that may wait off the async threads.
pub async fn on_thread<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> Result<T, DemoError> {
    tokio::task::spawn_blocking(call).await.map_err(|_| DemoError::Town("the demo is ending".to_owned()))
}

/// An address nobody has the key of.
pub fn burn_address() -> Address {
    let nobody = bitcoin::WitnessProgram::new(bitcoin::WitnessVersion::V0, &[0; 20]).expect("20 bytes fit version 0");
    Address::from_witness_program(nobody, Network::Regtest)
}

/// The node needs the port's number before it listens. Nobody else on this machine is likely to take it in between.
fn free_port() -> Result<SocketAddr, DemoError> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// The node's keys: made once per folder.
fn kept_entropy(directory: &Path) -> Result<[u8; 64], DemoError> {
    std::fs::create_dir_all(directory)?;
    let seed = Vault::plain(directory).seed_or_fresh().map_err(|error| DemoError::Town(error.to_string()))?;
    Ok(seed.node_entropy())
}

/// What the LSP asks for a channel bought just in time.
const LSP_TERMS: LSPS2ServiceConfig = LSPS2ServiceConfig {
    require_token: None,
    advertise_service: false,
    channel_opening_fee_ppm: 4_000,
    channel_over_provisioning_ppm: 500_000,
    min_channel_opening_fee_msat: 1_000_000,
    min_channel_lifetime: 4_320,
    max_client_to_self_delay: 2_016,
    min_payment_size_msat: 1_000,
    max_payment_size_msat: 1_000_000_000,
    client_trusts_lsp: false,
};
const CHANNEL_SAT: u64 = 2_000_000;
const NEIGHBOUR_MSAT: u64 = 1_000_000_000;
const COINBASE_MATURITY: u32 = 100;
/// Channels are announced after this many blocks (`BOLT 7`).
const ANNOUNCE_DEPTH: u32 = 6;
const STEP_WAIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);
/// One second in units of [`POLL`].
const NEWS_TURNS: u32 = 10;
