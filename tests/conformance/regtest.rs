//! A regtest chain with a small town on it: an LSP, a shop, a neighbour, and the house whose node is under test.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bitcoin::Network;
use bitcoin::hashes::{Hash as _, sha256};
use kilosat::clock::Clock;
use kilosat::config::{ChainSource, NodeConfig};
use kilosat::demo::ChainChoice;
use kilosat::demo::miner::Miner;
use kilosat::demo::town::{Town, burn_address, on_thread};
use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::money::Msat;
use kilosat::lightning::node::{NodeFault, NodeService};
use kilosat::lightning::{InvoiceRequest, LightningService};
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning_invoice::{Bolt11InvoiceDescription, Description};
use ldk_node::lightning_types::payment::{PaymentHash as LdkHash, PaymentPreimage};
use ldk_node::payment::PaymentStatus;
use ldk_node::{ChannelDetails, LightningBalance, Node};
use lightning_invoice::Currency;
use sim::wait;
use sim::wallets::Ledger;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::bench::{Fate, hash_of};

/// What the neighbour pays first; the LSP keeps its fee of it.
pub const FIRST_MONEY: Msat = Msat(200_000_000);
/// Longer than any test.
pub const EXPIRY_S: u32 = 3_600;

/// Everybody around the node under test.
pub struct Regtest {
    pub town: Town,
    pub miner: Miner,
    /// The node under test; another one after a restart.
    node: Mutex<NodeService>,
    /// Invoices of people no node has ever heard of.
    strangers: Ledger,
    /// Hashes and preimages of payments that the shop takes only when it is told to.
    secrets: Mutex<Vec<([u8; 32], [u8; 32])>>,
    pub folder: TempDir,
    _servers: JoinSet<()>,
}

impl Regtest {
    /// A town around a node that nobody paid anything to yet.
    pub async fn open() -> Regtest {
        let folder = tempfile::tempdir().unwrap();
        let mut servers = JoinSet::new();
        let miner = Miner::start(&ChainChoice::Memory, None, Clock::real(), &mut servers).await.unwrap();
        let town = Town::open(folder.path(), &miner, &mut servers, &|_| {}).await.unwrap();
        let node = Mutex::new(start(folder.path(), &town, &miner).await);
        let (strangers, secrets) = (Ledger::new(Currency::Regtest, 0, 0), Mutex::default());
        Regtest { town, miner, node, strangers, secrets, folder, _servers: servers }
    }

    /// The node under test, as Kilosat uses it.
    pub fn service(&self) -> LightningService {
        LightningService::Node(self.node.lock().unwrap().clone())
    }

    /// Starts the node under test once more.
    pub async fn restart(&self) {
        let node = start(self.folder.path(), &self.town, &self.miner).await;
        *self.node.lock().unwrap() = node;
    }

    /// The node under test.
    pub fn node(&self) -> Arc<Node> {
        Arc::clone(self.node.lock().unwrap().ldk())
    }

    /// The shop's node.
    pub fn shop(&self) -> Arc<Node> {
        Arc::clone(self.town.utility.ldk())
    }

    /// What the channels hold for the house, to the msat, its reserve included.
    pub fn balance_msat(&self) -> u64 {
        let of = |channel: &ChannelDetails| {
            channel.outbound_capacity_msat + channel.unspendable_punishment_reserve.unwrap_or(0) * 1_000
        };
        self.node().list_channels().iter().map(of).sum()
    }

    /// An invoice of the shop, or of somebody whom nobody knows.
    pub async fn bill(&self, amount_msat: u64, fate: Fate) -> String {
        if fate == Fate::Unreachable {
            return self.strangers.foreign(amount_msat, u64::from(EXPIRY_S));
        }
        let description = Bolt11InvoiceDescription::Direct(Description::new("a bill".to_owned()).unwrap());
        let hash = (fate == Fate::Held).then(|| self.new_secret());
        let shop = self.shop();
        let made = on_thread(move || match hash {
            None => shop.bolt11_payment().receive(amount_msat, &description, EXPIRY_S),
            Some(hash) => shop.bolt11_payment().receive_for_hash(amount_msat, &description, EXPIRY_S, hash),
        });
        made.await.unwrap().unwrap().to_string()
    }

    /// The hash of a preimage that only the test knows, so that the shop cannot take the money by itself.
    fn new_secret(&self) -> LdkHash {
        let mut secrets = self.secrets.lock().unwrap();
        let preimage = [u8::try_from(secrets.len()).unwrap() + 1; 32];
        let hash = sha256::Hash::hash(&preimage).to_byte_array();
        secrets.push((hash, preimage));
        LdkHash(hash)
    }

    /// The shop takes or refuses a payment as soon as it has arrived there.
    pub async fn resolve(&self, hash: PaymentHash, settles: bool) {
        let (shop, secrets) = (self.shop(), self.secrets.lock().unwrap().clone());
        let (_, preimage) = secrets.into_iter().find(|(known, _)| *known == hash.0).unwrap();
        let amount = shop.payment(&PaymentId(hash.0)).unwrap().amount_msat.unwrap();
        let wanted = if settles { PaymentStatus::Succeeded } else { PaymentStatus::Failed };
        let before = self.balance_msat();
        let resolved = async || {
            let shop = Arc::clone(&shop);
            let asked = on_thread(move || match settles {
                true => shop.bolt11_payment().claim_for_hash(LdkHash(hash.0), amount, PaymentPreimage(preimage)),
                false => shop.bolt11_payment().fail_for_hash(LdkHash(hash.0)),
            });
            asked.await.unwrap().unwrap();
            let is_away = self.node().list_peers().iter().all(|peer| !peer.is_connected);
            let is_done = match (is_away, settles) {
                (true, true) => true,
                (true, false) => !self.waits_at_shop(hash),
                (false, _) => self.status(hash) == Some(wanted) && (settles || self.balance_msat() > before),
            };
            is_done.then_some(())
        };
        wait::answer(resolved).await.expect("the payment arrives and is resolved");
    }

    /// Whether a payment, which must be worth more than dust, waits at the shop.
    pub fn waits_at_shop(&self, hash: PaymentHash) -> bool {
        let is_it = |balance: &LightningBalance| match balance {
            LightningBalance::MaybePreimageClaimableHTLC { payment_hash, .. } => payment_hash.0 == hash.0,
            _ => false,
        };
        self.shop().list_balances().lightning_balances.iter().any(is_it)
    }

    /// The neighbour pays an invoice of the house.
    pub async fn pay(&self, bolt11: &str) {
        let before = self.balance_msat();
        self.town.neighbour.pay(bolt11).await.unwrap();
        let is_settled = || self.status(hash_of(bolt11)) == Some(PaymentStatus::Succeeded);
        // The channel's count follows a moment after the record.
        let arrived = async || (is_settled() && self.balance_msat() > before).then_some(());
        wait::answer(arrived).await.expect("the house gets it");
    }

    /// Whether the shop was paid. Its own record may come a moment after ours.
    pub async fn has_got(&self, hash: PaymentHash) -> bool {
        let has =
            || self.shop().payment(&PaymentId(hash.0)).is_some_and(|paid| paid.status == PaymentStatus::Succeeded);
        if self.status(hash) == Some(PaymentStatus::Succeeded) {
            return wait::answer(async || has().then_some(())).await.is_some();
        }
        has()
    }

    /// In the node under test.
    fn status(&self, hash: PaymentHash) -> Option<PaymentStatus> {
        self.node().payment(&PaymentId(hash.0)).map(|payment| payment.status)
    }

    /// The neighbour pays the first invoice, for which the LSP opens a channel.
    pub async fn fund(&self, service: &LightningService) -> PaymentHash {
        let invoice = service.create(&request(FIRST_MONEY, "first")).await.unwrap();
        self.town.neighbour.pay(&invoice.bolt11).await.unwrap();
        let works = async || (service.balance().await.unwrap().spendable_msat > 0).then_some(());
        wait::answer(works).await.expect("the LSP opens a channel");
        self.miner.mine(6, &burn_address()).await.unwrap();
        self.town.sync().await.unwrap();
        self.sync().await;
        invoice.hash
    }

    /// Waits until the house has a channel that works, and news of the shop's.
    pub async fn can_pay(&self, service: &LightningService) {
        let (mut turn, lsp) = (0, self.town.lsp.ldk().node_id());
        let ready = async || {
            turn += 1;
            // News of a channel can get lost while its funding is still being verified. A new connection asks anew.
            if turn % GOSSIP_TURNS == 0 {
                let node = self.node();
                let _ = on_thread(move || node.disconnect(lsp)).await; // One that is away needs none.
            }
            let works = service.balance().await.unwrap().spendable_msat > 0;
            (works && self.town.ways_from_lsp(&self.node()) >= 2).then_some(())
        };
        wait::answer(ready).await.expect("the house can pay within a minute");
    }

    /// The node under test sees the newest block.
    pub async fn sync(&self) {
        let node = self.node();
        on_thread(move || node.sync_wallets()).await.unwrap().unwrap();
    }
}

async fn start(folder: &Path, town: &Town, miner: &Miner) -> NodeService {
    let lsp = town.lsp.peer().split_once('@').map(|(key, at)| (key.to_owned(), at.to_owned()));
    started(folder.join("house"), Network::Regtest, lsp, miner.source()).await.unwrap()
}

/// A node with the chain source and the LSP that are named.
pub async fn started(
    folder: PathBuf,
    network: Network,
    lsp: Option<(String, String)>,
    chain: ChainSource,
) -> Result<NodeService, NodeFault> {
    let config = NodeConfig { lsp, lsp_fee_max: Msat(5_000_000), anchor_channels: false, chain };
    std::fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Handle::current();
    on_thread(move || NodeService::start(&config, network, [7; 64], &folder, runtime)).await.unwrap()
}

/// An invoice of the house.
pub fn request(amount: Msat, label: &str) -> InvoiceRequest {
    InvoiceRequest { amount, description: "Charging".to_owned(), expiry_s: EXPIRY_S, label: label.to_owned() }
}

/// Eight seconds of twenty beats.
const GOSSIP_TURNS: u32 = 160;
