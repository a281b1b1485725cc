//! A regtest chain in memory: blocks are really mined, spends are really checked, nothing is kept.
//!
//! `kilosat demo` runs it inside its own process, and real Lightning nodes and wallets follow it
//! through [`super::esplora`]. There is one miner, so there is never a fork to choose between: the
//! best chain is the only chain, and [`Chain::invalidate_tip`] is how a test makes a reorganisation.
//!
//! What a Bitcoin node checks and this chain does not: scripts other than those named in
//! [`ScriptFault::Unsupported`], the minimum relay fee (any fee from zero up is taken), dust, the
//! rules for chains of unconfirmed transactions, and blocks from anyone but its own miner. What it
//! does check is never looser than a Bitcoin node: a spend taken here is valid there.

#[cfg(test)]
pub(crate) mod fixtures;
mod interpreter;
mod lookup;
mod mempool;
mod mining;
mod saved;
mod scripts;

pub use interpreter::ScriptFault;
pub use lookup::{
    Activity, BlockInfo, BlockRef, BlockStatus, History, MerkleProof, PAGE_CHAIN, PAGE_MEMPOOL, ScriptHash, Spend,
    TxInfo, Unspent,
};
pub use mempool::{
    MEMPOOL_TXS_MAX, MEMPOOL_WEIGHT_MAX, PACKAGE_TXS_MAX, PackageEntry, REPLACED_TXS_MAX, Reject, TX_WEIGHT_MAX,
};
pub use mining::{ChainError, HEIGHT_MAX};
pub use saved::SavedError;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use bitcoin::block::Header;
use bitcoin::hashes::{Hash, sha256};
use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use bitcoin::{Amount, BlockHash, Network, OutPoint, Script, Transaction, TxOut, Txid};

/// The chain and its mempool; share it as `Arc<Chain>`.
///
/// Every call takes the lock for its own duration and never waits for anything else, so calls may
/// come from async code. One call sees one consistent chain; two calls may have a block between them.
pub struct Chain {
    state: Mutex<State>,
    secp: Secp256k1<VerifyOnly>,
}

impl Chain {
    /// Starts at the genesis block that every regtest node agrees on.
    pub fn new() -> Self {
        let genesis = bitcoin::constants::genesis_block(Network::Regtest);
        let mut state = State::default();
        state.connect(genesis.header, genesis.txdata.into_iter().map(Arc::new).collect());
        Self { state: Mutex::new(state), secp: Secp256k1::verification_only() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the chain")
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything the chain knows. A coin is unspent when its transaction is in `records` and its
/// outpoint is not in `spends`; there is no second set that could disagree.
#[derive(Default)]
struct State {
    /// The position in the list is the height.
    blocks: Vec<StoredBlock>,
    heights: HashMap<BlockHash, u32>,
    /// Every transaction of the chain and the mempool.
    records: HashMap<Txid, Record>,
    /// Which transaction spends a coin, by which input.
    spends: HashMap<OutPoint, (Txid, u32)>,
    /// Which transactions pay to or spend from a script.
    history: HashMap<ScriptHash, Vec<Txid>>,
    /// The mempool by arrival. Parents always arrive first, so this is also an order for a block.
    waiting: BTreeMap<u64, Txid>,
    arrivals: u64,
    blocks_mined: u64,
}

struct StoredBlock {
    height: u32,
    hash: BlockHash,
    header: Header,
    txids: Vec<Txid>,
    /// The median of this block's time and of the ten before it, in unix seconds.
    median_time: u32,
}

struct Record {
    tx: Arc<Transaction>,
    /// What the inputs spend, in their order; empty for a coinbase.
    prevouts: Vec<TxOut>,
    fee: Amount,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Block { height: u32, position: usize },
    Mempool { arrival: u64 },
}

impl State {
    fn tip(&self) -> &StoredBlock {
        self.blocks.last().expect("the genesis block is never dropped")
    }

    fn at(&self, height: u32) -> Option<&StoredBlock> {
        self.blocks.get(usize::try_from(height).ok()?)
    }

    fn by_hash(&self, hash: &BlockHash) -> Option<&StoredBlock> {
        self.at(*self.heights.get(hash)?)
    }

    fn output(&self, coin: &OutPoint) -> Option<&TxOut> {
        self.records.get(&coin.txid)?.tx.output.get(usize::try_from(coin.vout).ok()?)
    }

    /// Appends a block whose transactions were checked; those in the mempool move into it.
    fn connect(&mut self, header: Header, txs: Vec<Arc<Transaction>>) -> BlockHash {
        let height = self.blocks.last().map_or(0, |tip| tip.height + 1);
        let hash = header.block_hash();
        let mut txids = Vec::with_capacity(txs.len());
        for (position, tx) in txs.into_iter().enumerate() {
            let txid = tx.compute_txid();
            let place = Place::Block { height, position };
            txids.push(txid);
            match self.records.get_mut(&txid) {
                Some(record) => {
                    if let Place::Mempool { arrival } = record.place {
                        self.waiting.remove(&arrival);
                    }
                    record.place = place;
                }
                None => self.add(txid, Record { tx, prevouts: Vec::new(), fee: Amount::ZERO, place }),
            }
        }
        let median_time = self.median_time_with(header.time);
        self.blocks.push(StoredBlock { height, hash, header, txids, median_time });
        self.heights.insert(hash, height);
        hash
    }

    /// Adds a transaction whose inputs are known and free.
    fn add(&mut self, txid: Txid, record: Record) {
        if let Place::Mempool { arrival } = record.place {
            self.waiting.insert(arrival, txid);
        }
        if !record.tx.is_coinbase() {
            for (input, vin) in record.tx.input.iter().zip(0..) {
                self.spends.insert(input.previous_output, (txid, vin));
            }
        }
        for script in record.scripts() {
            let txids = self.history.entry(script_hash(script)).or_default();
            if txids.last() != Some(&txid) {
                txids.push(txid);
            }
        }
        self.records.insert(txid, record);
    }

    /// Takes a transaction out of the chain or the mempool. The caller removes what spends it first.
    fn remove(&mut self, txid: &Txid) -> Option<Record> {
        let record = self.records.remove(txid)?;
        if let Place::Mempool { arrival } = record.place {
            self.waiting.remove(&arrival);
        }
        for input in &record.tx.input {
            self.spends.remove(&input.previous_output);
        }
        for script in record.scripts() {
            let key = script_hash(script);
            if let Some(txids) = self.history.get_mut(&key) {
                txids.retain(|other| other != txid);
                if txids.is_empty() {
                    self.history.remove(&key);
                }
            }
        }
        Some(record)
    }

    /// The median time past of a block with this time on top of the present tip (BIP113).
    fn median_time_with(&self, time: u32) -> u32 {
        let mut times: Vec<u32> = self
            .blocks
            .iter()
            .rev()
            .take(MEDIAN_TIME_BLOCKS - 1)
            .map(|block| block.header.time)
            .chain([time])
            .collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or(time)
    }
}

impl Record {
    fn scripts(&self) -> impl Iterator<Item = &Script> {
        self.prevouts.iter().chain(&self.tx.output).map(|output| output.script_pubkey.as_script())
    }
}

fn script_hash(script: &Script) -> ScriptHash {
    sha256::Hash::hash(script.as_bytes())
}

/// BIP113: the median is taken over eleven blocks.
const MEDIAN_TIME_BLOCKS: usize = 11;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_new_chain_is_the_regtest_genesis_block() {
        let chain = Chain::new();
        let genesis = bitcoin::constants::genesis_block(Network::Regtest);
        assert_eq!(chain.tip().height, 0);
        assert_eq!(chain.tip().hash, genesis.block_hash());
        assert_eq!(chain.block(&genesis.block_hash()).unwrap().block, genesis);
    }
}
