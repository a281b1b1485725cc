//! The wallet itself: addresses, coins and transactions, without any I/O and without a clock.

use std::collections::BTreeSet;
use std::sync::Arc;

use bdk_wallet::chain::indexer::keychain_txout::KeychainTxOutIndex;
use bdk_wallet::chain::spk_client::{FullScanRequest, SyncRequest};
use bdk_wallet::chain::{BlockId, ChainPosition, CheckPoint};
use bdk_wallet::{AddressInfo, Balance, ChangeSet, KeychainKind, Update, Wallet};
use bitcoin::{Amount, Block, Network, OutPoint, Transaction, Txid};
use serde::{Deserialize, Serialize};

use super::TreasuryFault;
use super::guard::{Refused, read_address};
use super::keys::Keys;

/// An on-chain wallet. What changes in it is to be written down before it counts: see [`Purse::staged`].
pub struct Purse {
    pub(super) wallet: Wallet,
    pub(super) keys: Keys,
    pub(super) network: Network,
    /// The numbers of addresses that are shown for one bill each.
    pub(super) billed: BTreeSet<u32>,
}

/// One transaction as it counts now, for the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenTx {
    /// Its id.
    pub txid: Txid,
    /// What it adds to the wallet, in satoshis; zero once it was replaced or fell out of the chain.
    pub net_sat: i64,
    /// What it costs, where all that it spends is known.
    pub fee_sat: Option<u64>,
    /// The block that confirms it.
    pub height: Option<u32>,
    /// The time that this block bears, in seconds since 1970.
    pub block_s: Option<u64>,
}

/// What one transaction paid to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Its id.
    pub txid: Txid,
    /// How much.
    pub sat: u64,
    /// The block that confirms it.
    pub height: Option<u32>,
}

/// How the wallet is asked about: what any kind of chain source needs.
pub(super) struct Question {
    pub(super) checkpoint: CheckPoint,
    /// Transactions of ours that no block has yet.
    pub(super) unconfirmed: Vec<Arc<Transaction>>,
    pub(super) scripts: Scripts,
    /// All addresses, for whoever looks into blocks.
    pub(super) index: KeychainTxOutIndex<KeychainKind>,
}

/// What servers that know addresses are asked for.
pub(super) enum Scripts {
    /// Every address that was ever shown.
    Known(SyncRequest<(KeychainKind, u32)>),
    /// All addresses until so many in a row are unused.
    All(FullScanRequest<KeychainKind>),
}

impl Purse {
    /// Opens the wallet of `keys` with what was `saved` of it, or an empty one. In blocks, so many addresses after those that
    /// were used are looked for.
    ///
    /// # Errors
    /// [`TreasuryFault`].
    pub fn open(keys: Keys, network: Network, saved: Option<ChangeSet>, stop_gap: u32) -> Result<Purse, TreasuryFault> {
        let (external, internal) = (keys.external.clone(), keys.internal.clone());
        let wallet = match saved {
            Some(saved) => Wallet::load()
                .descriptor(KeychainKind::External, Some(external))
                .descriptor(KeychainKind::Internal, Some(internal))
                .check_network(network)
                .lookahead(stop_gap)
                .load_wallet_no_persist(saved)
                .map_err(|error| TreasuryFault::Saved(error.to_string()))?
                .ok_or_else(|| TreasuryFault::Saved("it is empty".to_owned()))?,
            None => Wallet::create(external, internal)
                .network(network)
                .lookahead(stop_gap)
                .create_wallet_no_persist()
                .map_err(|error| TreasuryFault::Descriptor(error.to_string()))?,
        };
        Ok(Purse { wallet, keys, network, billed: BTreeSet::new() })
    }

    /// What changed since this was last asked, as JSON, if anything did.
    pub fn staged(&mut self) -> Option<String> {
        let staged = self.wallet.take_staged()?;
        Some(serde_json::to_string(&staged).expect("a change set is plain data"))
    }

    /// The first address that nobody has paid to and no bill has; a new one once it is paid to.
    pub fn address(&mut self, stop_gap: u32) -> AddressInfo {
        match self.free_address() {
            Some(free) => free,
            None if self.has_room(stop_gap) => self.wallet.reveal_next_address(KeychainKind::External),
            None => self.wallet.next_unused_address(KeychainKind::External),
        }
    }

    /// Another address than those that were shown before, unless so many of them are unused that a later search could miss
    /// it; then one that was shown long ago.
    pub fn another_address(&mut self, stop_gap: u32) -> AddressInfo {
        if self.has_room(stop_gap) {
            return self.wallet.reveal_next_address(KeychainKind::External);
        }
        self.free_address().unwrap_or_else(|| self.wallet.next_unused_address(KeychainKind::External))
    }

    fn free_address(&self) -> Option<AddressInfo> {
        let mut unused = self.wallet.list_unused_addresses(KeychainKind::External);
        unused.find(|address| !self.billed.contains(&address.index))
    }

    fn has_room(&self, stop_gap: u32) -> bool {
        let unused = self.wallet.list_unused_addresses(KeychainKind::External).count();
        u32::try_from(unused).unwrap_or(u32::MAX).saturating_add(1) < stop_gap
    }

    /// The number of the newest address that was ever shown.
    pub fn newest_shown(&self) -> Option<u32> {
        self.wallet.derivation_index(KeychainKind::External)
    }

    /// What it holds.
    pub fn balance(&self) -> Balance {
        self.wallet.balance()
    }

    /// Every transaction that counts, in no order.
    pub fn seen(&self) -> Vec<SeenTx> {
        let signed = |amount: Amount| i64::try_from(amount.to_sat()).unwrap_or(i64::MAX);
        let all = self.wallet.transactions().map(|known| {
            let tx = &known.tx_node.tx;
            let received = self.wallet.sent_and_received(tx).1;
            // Of coins that are known whole only, as the wallet's balance has it.
            let spent = tx.input.iter().filter_map(|input| self.own_output(input.previous_output));
            let sent: Amount = spent.sum();
            let anchor = match known.chain_position {
                ChainPosition::Confirmed { anchor, .. } => Some(anchor),
                ChainPosition::Unconfirmed { .. } => None,
            };
            SeenTx {
                txid: known.tx_node.txid,
                net_sat: signed(received) - signed(sent),
                fee_sat: self.wallet.calculate_fee(tx).ok().map(Amount::to_sat),
                height: anchor.map(|anchor| anchor.block_id.height),
                block_s: anchor.map(|anchor| anchor.confirmation_time),
            }
        });
        all.collect()
    }

    /// What counts of all that was paid to an address.
    ///
    /// # Errors
    /// [`Refused`]: it is none.
    pub(super) fn paid_to(&self, address: &str) -> Result<Vec<Arrival>, Refused> {
        let script = read_address(address, self.network)?.script_pubkey();
        let all = self.wallet.transactions().filter_map(|known| {
            let outputs = known.tx_node.tx.output.iter().filter(|output| output.script_pubkey == script);
            let paid: Amount = outputs.map(|output| output.value).sum();
            let height = known.chain_position.confirmation_height_upper_bound();
            (paid > Amount::ZERO).then_some(Arrival { txid: known.tx_node.txid, sat: paid.to_sat(), height })
        });
        Ok(all.collect())
    }

    /// What a chain source is asked at `now_s`, in seconds since 1970; with `all`, also about addresses that were never
    /// shown.
    pub(super) fn question(&self, all: bool, now_s: u64) -> Question {
        let scripts = match all {
            true => Scripts::All(self.wallet.start_full_scan_at(now_s).build()),
            false => Scripts::Known(self.wallet.start_sync_with_revealed_spks_at(now_s).build()),
        };
        let waiting = self.wallet.transactions().filter(|known| !known.chain_position.is_confirmed());
        let unconfirmed = waiting.map(|known| Arc::clone(&known.tx_node.tx)).collect();
        Question {
            checkpoint: self.wallet.latest_checkpoint(),
            unconfirmed,
            scripts,
            index: self.wallet.spk_index().clone(),
        }
    }

    /// What a coin of ours is worth, if the transaction that brought it is known whole.
    pub(super) fn own_output(&self, coin: OutPoint) -> Option<Amount> {
        let parent = self.wallet.tx_graph().get_tx(coin.txid)?;
        let output = parent.output.get(usize::try_from(coin.vout).ok()?)?;
        self.wallet.is_mine(output.script_pubkey.clone()).then_some(output.value)
    }

    /// What a server that knows addresses answered.
    ///
    /// # Errors
    /// Its chain has nothing to do with the one known here, or it tells what cannot be; nothing of it counts then.
    pub(super) fn learn(&mut self, update: Update, now_s: u64) -> Result<(), String> {
        self.can_be(&update, now_s)?;
        self.wallet.apply_update(update).map_err(|error| error.to_string())
    }

    /// A server can make up what it likes; what nobody can have, and blocks that cannot be there yet, are not taken.
    fn can_be(&self, update: &Update, now_s: u64) -> Result<(), String> {
        let mut ours = self.wallet.balance().total();
        let outputs = update.tx_update.txs.iter().flat_map(|tx| &tx.output).chain(update.tx_update.txouts.values());
        for output in outputs {
            if self.wallet.is_mine(output.script_pubkey.clone()) {
                ours = ours.checked_add(output.value).ok_or(TOO_MUCH)?;
            }
            if output.value > Amount::MAX_MONEY || ours > Amount::MAX_MONEY {
                return Err(TOO_MUCH.to_owned());
            }
        }
        let height = update.chain.as_ref().map_or(0, CheckPoint::height);
        let most = match self.network {
            Network::Bitcoin => now_s.saturating_sub(GENESIS_S) / FASTEST_BLOCK_S,
            _ => HEIGHT_MAX,
        };
        match u64::from(height) > most {
            true => Err(format!("there cannot be a block {height} yet")),
            false => Ok(()),
        }
    }

    /// The next block of the chain.
    ///
    /// # Errors
    /// It does not fit to those before.
    pub(super) fn learn_block(&mut self, block: &Block, height: u32, after: BlockId) -> Result<(), String> {
        self.wallet.apply_block_connected_to(block, height, after).map_err(|error| error.to_string())
    }

    /// Transactions that wait for a block, and those that no longer do; each with the second it was seen.
    pub(super) fn learn_waiting(&mut self, waiting: Vec<(Arc<Transaction>, u64)>, gone: Vec<(Txid, u64)>) {
        self.wallet.apply_unconfirmed_txs(waiting);
        self.wallet.apply_evicted_txs(gone);
    }

    /// The newest block known here.
    pub fn height(&self) -> u32 {
        self.wallet.latest_checkpoint().height()
    }
}

const TOO_MUCH: &str = "it tells of more bitcoin than there can be";
/// The first block of bitcoin, in seconds since 1970; on an average no block ever took less than this.
const GENESIS_S: u64 = 1_231_006_505;
const FASTEST_BLOCK_S: u64 = 400;
/// Above, a lock time is no height any more.
const HEIGHT_MAX: u64 = 499_999_999;
