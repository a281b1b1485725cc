//! What one can ask the chain.

use std::cmp::Reverse;
use std::sync::Arc;

use bitcoin::hashes::sha256;
use bitcoin::{Amount, Block, BlockHash, MerkleBlock, OutPoint, Transaction, TxMerkleNode, TxOut, Txid, merkle_tree};

use super::{Chain, Place, Record, State, StoredBlock};

/// The sha256 of an output script, shown in the order of its bytes (Esplora, `/scripthash`).
pub type ScriptHash = sha256::Hash;

/// A block of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockRef {
    /// Blocks below it.
    pub height: u32,
    /// Its id.
    pub hash: BlockHash,
    /// Its timestamp in unix seconds.
    pub time: u32,
}

/// A block with its transactions.
#[derive(Debug, Clone)]
pub struct BlockInfo {
    /// Blocks below it.
    pub height: u32,
    /// The block as a node would send it.
    pub block: Block,
    /// The median time past up to and including this block, in unix seconds (BIP113).
    pub median_time: u32,
}

/// Whether a block is part of the chain; one that is unknown or was dropped is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockStatus {
    /// Part of the chain now.
    pub in_best_chain: bool,
    /// Its height, if it is.
    pub height: Option<u32>,
    /// The block after it, if there is one.
    pub next_best: Option<BlockHash>,
}

/// A transaction and what is known about it.
#[derive(Debug, Clone)]
pub struct TxInfo {
    /// Its id.
    pub txid: Txid,
    /// The transaction.
    pub tx: Arc<Transaction>,
    /// The outputs that its inputs spend, in their order; empty for a coinbase.
    pub prevouts: Vec<TxOut>,
    /// What the inputs bring and the outputs do not take; zero for a coinbase.
    pub fee: Amount,
    /// The block that holds it; `None` while it waits in the mempool.
    pub confirmed: Option<BlockRef>,
}

/// What spends a coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    /// The spending transaction.
    pub txid: Txid,
    /// The position of its input.
    pub vin: u32,
    /// The block that holds it; `None` while it waits in the mempool.
    pub confirmed: Option<BlockRef>,
}

/// An unspent coin. One that a waiting transaction spends counts as spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unspent {
    /// Where it is.
    pub coin: OutPoint,
    /// Its value and script.
    pub output: TxOut,
    /// The block that holds it; `None` while it waits in the mempool.
    pub confirmed: Option<BlockRef>,
}

/// The transactions of a script, newest first.
#[derive(Debug, Clone)]
pub struct History {
    /// Waiting ones, at most [`PAGE_MEMPOOL`].
    pub mempool: Vec<TxInfo>,
    /// Confirmed ones, at most [`PAGE_CHAIN`].
    pub chain: Vec<TxInfo>,
}

/// What came to a script and left it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Coins that came.
    pub funded_count: u64,
    /// Their sum in sat.
    pub funded_sat: u64,
    /// Coins that left.
    pub spent_count: u64,
    /// Their sum in sat.
    pub spent_sat: u64,
    /// Transactions with either.
    pub tx_count: u64,
}

/// The path from a transaction to the merkle root of its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MerkleProof {
    /// The height of the block.
    pub height: u32,
    /// The position of the transaction in it.
    pub position: usize,
    /// What to hash with, from the leaves up.
    pub branch: Vec<TxMerkleNode>,
}

impl Chain {
    /// The newest block.
    pub fn tip(&self) -> BlockRef {
        self.lock().tip().reference()
    }

    /// The hash of the block at a height; `None` above the tip.
    pub fn block_hash(&self, height: u32) -> Option<BlockHash> {
        self.lock().at(height).map(|block| block.hash)
    }

    /// A block of the chain; `None` when it is unknown or was dropped.
    pub fn block(&self, hash: &BlockHash) -> Option<BlockInfo> {
        let state = self.lock();
        state.by_hash(hash).map(|block| state.block_info(block))
    }

    /// Up to `count` blocks from `from` downwards, or from the tip; `None` above the tip.
    pub fn blocks_down(&self, from: Option<u32>, count: usize) -> Option<Vec<BlockInfo>> {
        let state = self.lock();
        let top = from.unwrap_or(state.tip().height);
        state.at(top)?;
        let heights = (0..=top).rev().take(count);
        Some(heights.filter_map(|h| state.at(h)).map(|block| state.block_info(block)).collect())
    }

    /// Whether a block is part of the chain. Every hash has an answer.
    pub fn block_status(&self, hash: &BlockHash) -> BlockStatus {
        let state = self.lock();
        let height = state.heights.get(hash).copied();
        let next = height.and_then(|height| state.at(height.checked_add(1)?));
        BlockStatus { in_best_chain: height.is_some(), height, next_best: next.map(|b| b.hash) }
    }

    /// Up to `count` transactions of a block from position `from` on.
    pub fn block_txs(&self, hash: &BlockHash, from: usize, count: usize) -> Option<Vec<TxInfo>> {
        let state = self.lock();
        let txids = state.by_hash(hash)?.txids.iter().skip(from).take(count);
        Some(txids.filter_map(|txid| state.info(txid)).collect())
    }

    /// A transaction of the chain or the mempool.
    pub fn tx(&self, txid: &Txid) -> Option<TxInfo> {
        self.lock().info(txid)
    }

    /// What spends a coin; `None` when nothing does, or when there is no such coin.
    pub fn spend(&self, coin: &OutPoint) -> Option<Spend> {
        self.lock().spend(coin)
    }

    /// What spends each output of a transaction, in their order.
    pub fn spends(&self, txid: &Txid) -> Option<Vec<Option<Spend>>> {
        let state = self.lock();
        let outputs = state.records.get(txid)?.tx.output.iter();
        Some(outputs.zip(0..).map(|(_, vout)| state.spend(&OutPoint::new(*txid, vout))).collect())
    }

    /// The first page of a script's history.
    pub fn history(&self, script: &ScriptHash) -> History {
        let state = self.lock();
        let (mempool, chain) = state.places(script);
        History { mempool: state.page(mempool, PAGE_MEMPOOL), chain: state.page(chain, PAGE_CHAIN) }
    }

    /// The page of confirmed transactions that follows `after`; empty when `after` is not among them.
    pub fn history_after(&self, script: &ScriptHash, after: &Txid) -> Vec<TxInfo> {
        let state = self.lock();
        let (_, chain) = state.places(script);
        state.page(chain.into_iter().skip_while(|txid| txid != after).skip(1), PAGE_CHAIN)
    }

    /// The unspent coins of a script, oldest first.
    pub fn unspent(&self, script: &ScriptHash) -> Vec<Unspent> {
        let state = self.lock();
        let (mempool, chain) = state.places(script);
        let mut coins = Vec::new();
        for txid in mempool.into_iter().chain(chain).rev() {
            let Some(record) = state.records.get(&txid) else {
                continue;
            };
            let confirmed = state.reference(record);
            for (output, vout) in record.tx.output.iter().zip(0..) {
                let coin = OutPoint::new(txid, vout);
                if super::script_hash(&output.script_pubkey) == *script && !state.spends.contains_key(&coin) {
                    coins.push(Unspent { coin, output: output.clone(), confirmed });
                }
            }
        }
        coins
    }

    /// What happened to a script in the chain, and what waits in the mempool.
    pub fn activity(&self, script: &ScriptHash) -> (Activity, Activity) {
        let state = self.lock();
        let (mempool, chain) = state.places(script);
        (state.sum(script, &chain), state.sum(script, &mempool))
    }

    /// The path from a confirmed transaction to the merkle root of its block.
    pub fn merkle_proof(&self, txid: &Txid) -> Option<MerkleProof> {
        let state = self.lock();
        let Place::Block { height, position } = state.records.get(txid)?.place else {
            return None;
        };
        let txids = &state.at(height)?.txids;
        let mut level: Vec<_> = txids.iter().map(|txid| txid.to_raw_hash()).collect();
        let mut branch = Vec::new();
        let mut at = position;
        while level.len() > 1 {
            let last = *level.last()?;
            branch.push(TxMerkleNode::from_raw_hash(level.get(at ^ 1).copied().unwrap_or(last)));
            level = level
                .chunks(2)
                .filter_map(|pair| {
                    let (left, right) = (*pair.first()?, *pair.last()?);
                    merkle_tree::calculate_root([left, right].into_iter())
                })
                .collect();
            at /= 2;
        }
        Some(MerkleProof { height, position, branch })
    }

    /// The header of a confirmed transaction's block with a proof that the block holds it (BIP37).
    pub fn merkle_block(&self, txid: &Txid) -> Option<MerkleBlock> {
        let state = self.lock();
        let Place::Block { height, .. } = state.records.get(txid)?.place else {
            return None;
        };
        let StoredBlock { header, txids, .. } = state.at(height)?;
        Some(MerkleBlock::from_header_txids_with_predicate(header, txids, |other| other == txid))
    }

    /// Everything that waits for a block, in order of arrival: parents before children.
    pub fn mempool(&self) -> Vec<TxInfo> {
        let state = self.lock();
        state.waiting.values().filter_map(|txid| state.info(txid)).collect()
    }
}

impl StoredBlock {
    fn reference(&self) -> BlockRef {
        BlockRef { height: self.height, hash: self.hash, time: self.header.time }
    }
}

impl State {
    fn reference(&self, record: &Record) -> Option<BlockRef> {
        match record.place {
            Place::Block { height, .. } => self.at(height).map(StoredBlock::reference),
            Place::Mempool { .. } => None,
        }
    }

    fn info(&self, txid: &Txid) -> Option<TxInfo> {
        let record = self.records.get(txid)?;
        Some(TxInfo {
            txid: *txid,
            tx: Arc::clone(&record.tx),
            prevouts: record.prevouts.clone(),
            fee: record.fee,
            confirmed: self.reference(record),
        })
    }

    fn block_info(&self, stored: &StoredBlock) -> BlockInfo {
        let records = stored.txids.iter().filter_map(|txid| self.records.get(txid));
        let txdata = records.map(|record| (*record.tx).clone()).collect();
        let block = Block { header: stored.header, txdata };
        BlockInfo { height: stored.height, block, median_time: stored.median_time }
    }

    fn spend(&self, coin: &OutPoint) -> Option<Spend> {
        let (txid, vin) = *self.spends.get(coin)?;
        Some(Spend { txid, vin, confirmed: self.reference(self.records.get(&txid)?) })
    }

    /// The transactions of a script, newest first: waiting ones, confirmed ones.
    fn places(&self, script: &ScriptHash) -> (Vec<Txid>, Vec<Txid>) {
        let mut places: Vec<(Place, Txid)> = self
            .history
            .get(script)
            .into_iter()
            .flatten()
            .filter_map(|txid| Some((self.records.get(txid)?.place, *txid)))
            .collect();
        places.sort_unstable_by_key(|(place, _)| Reverse(*place));
        let waiting = places.partition_point(|(place, _)| matches!(place, Place::Mempool { .. }));
        let mut mempool: Vec<Txid> = places.into_iter().map(|(_, txid)| txid).collect();
        let chain = mempool.split_off(waiting);
        (mempool, chain)
    }

    fn page(&self, txids: impl IntoIterator<Item = Txid>, count: usize) -> Vec<TxInfo> {
        txids.into_iter().take(count).filter_map(|txid| self.info(&txid)).collect()
    }

    fn sum(&self, script: &ScriptHash, txids: &[Txid]) -> Activity {
        let mut sum = Activity::default();
        for record in txids.iter().filter_map(|txid| self.records.get(txid)) {
            let ours = |output: &&TxOut| super::script_hash(&output.script_pubkey) == *script;
            sum.tx_count += 1;
            for output in record.tx.output.iter().filter(ours) {
                sum.funded_count += 1;
                sum.funded_sat = sum.funded_sat.saturating_add(output.value.to_sat());
            }
            for output in record.prevouts.iter().filter(ours) {
                sum.spent_count += 1;
                sum.spent_sat = sum.spent_sat.saturating_add(output.value.to_sat());
            }
        }
        sum
    }
}

/// Confirmed transactions on one page of a history (Esplora).
pub const PAGE_CHAIN: usize = 25;
/// Waiting transactions on the first page of a history (Esplora).
pub const PAGE_MEMPOOL: usize = 50;

#[cfg(test)]
mod tests;
