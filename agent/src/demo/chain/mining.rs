//! Making blocks, and taking them back.

use std::collections::HashSet;
use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::block::{Block, Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{
    Amount, BlockHash, CompactTarget, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut,
    Txid, Weight, Witness, transaction,
};

use super::{Chain, Place, State};

/// Why no block was made or taken back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// The chain would pass [`HEIGHT_MAX`].
    #[error("the demo chain ends at block {HEIGHT_MAX} to bound its memory; nothing was mined, start the demo again")]
    Full,
    /// No timestamp is left above the median of the last blocks.
    #[error("block times reached the end of 32-bit time; no further block was mined, use an earlier time")]
    Time,
    /// There are fewer blocks than asked for.
    #[error("the demo chain has only {height} blocks above its first one; nothing was dropped")]
    TooDeep {
        /// The present height.
        height: u32,
    },
}

impl Chain {
    /// Mines `count` blocks that pay `pay_to`; the first ones hold everything the mempool has.
    ///
    /// `now_s` (unix seconds) becomes the block time, or the earliest later second that the
    /// consensus rules allow: with many blocks at one time, times run ahead by a second every six
    /// blocks. Returns the hashes, oldest first. Each block differs from every other block that
    /// this chain ever mined, so blocks after [`Chain::invalidate_tip`] are new blocks.
    ///
    /// # Errors
    /// [`ChainError::Full`] before anything is mined; [`ChainError::Time`] near the year 2106.
    pub fn mine(&self, count: u32, pay_to: &Script, now_s: u32) -> Result<Vec<BlockHash>, ChainError> {
        let mut state = self.lock();
        let end = state.tip().height.checked_add(count).ok_or(ChainError::Full)?;
        if end > HEIGHT_MAX {
            return Err(ChainError::Full);
        }
        (0..count).map(|_| state.mine_one(pay_to, now_s)).collect()
    }

    /// Drops the newest `count` blocks; their transactions go back to the mempool.
    ///
    /// Coinbases vanish, and so does whatever is no longer valid without them. Returns the dropped
    /// hashes, newest first. Followers of the chain expect a heavier one soon: mine `count + 1`.
    ///
    /// # Errors
    /// [`ChainError::TooDeep`] when the genesis block would have to go; then nothing is dropped.
    pub fn invalidate_tip(&self, count: u32) -> Result<Vec<BlockHash>, ChainError> {
        let mut state = self.lock();
        let height = state.tip().height;
        if count > height {
            return Err(ChainError::TooDeep { height });
        }
        let mut loose = state.empty_mempool();
        let mut dropped = Vec::new();
        for _ in 0..count {
            dropped.extend(state.disconnect(&mut loose));
        }
        for tx in loose.into_iter().rev() {
            // What became invalid is forgotten, as a node forgets it.
            let _ = state.accept(&self.secp, tx);
        }
        Ok(dropped)
    }
}

impl State {
    fn mine_one(&mut self, pay_to: &Script, now_s: u32) -> Result<BlockHash, ChainError> {
        let earliest = self.tip().median_time.checked_add(1).ok_or(ChainError::Time)?;
        let height = self.tip().height + 1;
        let mut fees = Amount::ZERO;
        let mut txs = Vec::new();
        for txid in self.choose() {
            if let Some(record) = self.records.get(&txid) {
                fees += record.fee;
                txs.push(Arc::clone(&record.tx));
            }
        }
        self.blocks_mined += 1;
        let coinbase = coinbase(height, self.blocks_mined, subsidy(height) + fees, pay_to);
        let mut block = Block {
            header: Header {
                version: Version::NO_SOFT_FORK_SIGNALLING,
                prev_blockhash: self.tip().hash,
                merkle_root: TxMerkleNode::all_zeros(),
                time: now_s.max(earliest),
                bits: CompactTarget::from_consensus(REGTEST_BITS),
                nonce: 0,
            },
            txdata: [coinbase].into_iter().chain(txs.iter().map(|tx| (**tx).clone())).collect(),
        };
        seal(&mut block);
        let coinbase = block.txdata.swap_remove(0);
        txs.insert(0, Arc::new(coinbase));
        Ok(self.connect(block.header, txs))
    }

    /// What fits into one block, parents before children.
    fn choose(&self) -> Vec<Txid> {
        let mut chosen = HashSet::new();
        let mut order = Vec::new();
        let mut room = Weight::MAX_BLOCK - COINBASE_ROOM;
        let mut sigops = BLOCK_SIGOPS_MAX;
        for txid in self.waiting.values() {
            let Some(record) = self.records.get(txid) else { continue };
            let ready = record.tx.input.iter().all(|input| {
                let parent = input.previous_output.txid;
                chosen.contains(&parent) || self.is_confirmed(&parent)
            });
            let room_left = room.checked_sub(record.tx.weight());
            let sigops_left = sigops.checked_sub(self.sigops(&record.tx));
            if let (true, Some(room_left), Some(sigops_left)) = (ready, room_left, sigops_left) {
                (room, sigops) = (room_left, sigops_left);
                chosen.insert(*txid);
                order.push(*txid);
            }
        }
        order
    }

    fn is_confirmed(&self, txid: &Txid) -> bool {
        self.records.get(txid).is_some_and(|record| matches!(record.place, Place::Block { .. }))
    }

    /// Takes everything out of the mempool, newest first.
    fn empty_mempool(&mut self) -> Vec<Arc<Transaction>> {
        let txids: Vec<Txid> = self.waiting.values().rev().copied().collect();
        txids.iter().filter_map(|txid| self.remove(txid)).map(|record| record.tx).collect()
    }

    /// Drops the tip and appends its transactions, last one first, to `loose`.
    fn disconnect(&mut self, loose: &mut Vec<Arc<Transaction>>) -> Option<BlockHash> {
        let block = self.blocks.pop()?;
        self.heights.remove(&block.hash);
        for txid in block.txids.iter().rev() {
            let record = self.remove(txid)?;
            if !record.tx.is_coinbase() {
                loose.push(record.tx);
            }
        }
        Some(block.hash)
    }
}

/// Regtest halves the reward every 150 blocks (Bitcoin Core, `CRegTestParams`).
fn subsidy(height: u32) -> Amount {
    let halvings = height / HALVING_BLOCKS;
    Amount::from_sat(Amount::ONE_BTC.to_sat().saturating_mul(50).checked_shr(halvings).unwrap_or(0))
}

/// BIP34: the script starts with the height. The counter after it makes every block unique.
fn coinbase(height: u32, counter: u64, value: Amount, pay_to: &Script) -> Transaction {
    let script_sig = Builder::new().push_int(i64::from(height)).push_slice(counter.to_le_bytes()).into_script();
    Transaction {
        version: transaction::Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig,
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[WITNESS_RESERVED]),
        }],
        output: vec![TxOut { value, script_pubkey: pay_to.to_owned() }],
    }
}

/// Adds the witness commitment (BIP141) to the coinbase, the merkle root, and the proof of work.
fn seal(block: &mut Block) {
    let witness_root = block.witness_root().expect("a block has a coinbase");
    let commitment = Block::compute_witness_commitment(&witness_root, &WITNESS_RESERVED);
    let mut data = PushBytesBuf::from(COMMITMENT_TAG);
    data.extend_from_slice(commitment.as_ref()).expect("36 bytes can be pushed");
    if let Some(coinbase) = block.txdata.first_mut() {
        let script_pubkey = ScriptBuf::new_op_return(data);
        coinbase.output.push(TxOut { value: Amount::ZERO, script_pubkey });
    }
    block.header.merkle_root = block.compute_merkle_root().expect("a block has a coinbase");
    let target = block.header.target();
    block.header.nonce = (0..=u32::MAX)
        .find(|nonce| {
            let header = Header { nonce: *nonce, ..block.header };
            header.validate_pow(target).is_ok()
        })
        .expect("half of all nonces meet the regtest target");
}

/// The chain stops growing here: about 100 megabytes when blocks are small.
pub const HEIGHT_MAX: u32 = 50_000;

const HALVING_BLOCKS: u32 = 150;
const REGTEST_BITS: u32 = 0x207f_ffff;
/// Weight kept free for the header, the count of transactions and the coinbase.
const COINBASE_ROOM: Weight = Weight::from_wu(8_000);
/// Consensus allows 80 000 a block; the coinbase may pay to a script that counts some itself.
const BLOCK_SIGOPS_MAX: usize = 79_000;
const WITNESS_RESERVED: [u8; 32] = [0; 32];
const COMMITMENT_TAG: [u8; 4] = [0xaa, 0x21, 0xa9, 0xed];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use bitcoin::params::REGTEST;

    use super::super::fixtures::{Key, NOW_S, funded};
    use super::*;

    #[test]
    fn every_block_is_valid_on_its_own_and_on_its_parent() {
        let (chain, key) = funded();
        let spend = key.pay(&chain.coins(&key)[..1], &[(Amount::from_sat(1_000), key.p2tr())], 500);
        chain.submit(spend).unwrap();
        chain.mine(200, &key.p2tr(), NOW_S).unwrap();

        let mut times: Vec<u32> = Vec::new();
        let mut previous = BlockHash::all_zeros();
        for height in 0..=chain.tip().height {
            let block = chain.block(&chain.block_hash(height).unwrap()).unwrap().block;
            let target = REGTEST.max_attainable_target;
            block.header.validate_pow(target).unwrap();
            assert_eq!(block.header.prev_blockhash, previous);
            assert!(block.check_merkle_root() && block.check_witness_commitment());
            if height > 16 {
                assert_eq!(block.bip34_block_height().unwrap(), u64::from(height));
            }
            let mut last: Vec<u32> = times.iter().rev().take(11).copied().collect();
            last.sort_unstable();
            assert!(last.is_empty() || block.header.time > last[last.len() / 2]);
            times.push(block.header.time);
            previous = block.block_hash();
        }
        assert!(times.last().unwrap() - NOW_S < 60, "times stay close to the caller's clock");
    }

    #[test]
    fn the_reward_halves_every_150_blocks_and_ends() {
        #[track_caller]
        fn case(height: u32, sat: u64) {
            assert_eq!(subsidy(height).to_sat(), sat);
        }
        case(1, 5_000_000_000);
        case(149, 5_000_000_000);
        case(150, 2_500_000_000);
        case(300, 1_250_000_000);
        case(150 * 32, 1);
        case(150 * 33, 0);
        case(150 * 64, 0);
    }

    #[test]
    fn fees_go_to_the_coinbase() {
        let (chain, key) = funded();
        let tx = key.pay(&chain.coins(&key)[..1], &[(Amount::from_sat(1_000), key.p2tr())], 777);
        chain.submit(tx).unwrap();
        let hash = chain.mine(1, &key.p2tr(), NOW_S).unwrap()[0];
        let block = chain.block(&hash).unwrap().block;
        assert_eq!(block.txdata.len(), 2);
        let reward = subsidy(chain.tip().height).to_sat() + 777;
        assert_eq!(block.txdata[0].output[0].value.to_sat(), reward);
    }

    #[test]
    fn a_reorganisation_returns_transactions_to_the_mempool() {
        let (chain, key) = funded();
        let parent = key.pay(&chain.coins(&key)[..1], &[(Amount::from_sat(9_000), key.p2wpkh())], 100);
        let parent_id = chain.submit(parent.clone()).unwrap();
        let old = chain.mine(1, &key.p2tr(), NOW_S).unwrap();
        let coin = (OutPoint::new(parent_id, 0), parent.output[0].clone());
        let child = key.pay(&[coin], &[(Amount::from_sat(5_000), key.p2tr())], 100);
        let child_id = chain.submit(child).unwrap();

        assert_eq!(chain.invalidate_tip(1).unwrap(), old);
        assert_eq!(chain.tx(&parent_id).unwrap().confirmed, None);
        assert_eq!(chain.tx(&child_id).unwrap().confirmed, None);
        assert!(!chain.block_status(&old[0]).in_best_chain);
        let order: Vec<Txid> = chain.mempool().iter().map(|info| info.txid).collect();
        assert_eq!(order, [parent_id, child_id]);

        let new = chain.mine(2, &key.p2tr(), NOW_S).unwrap();
        assert_ne!(new[0], old[0]);
        assert_eq!(chain.tx(&child_id).unwrap().confirmed.unwrap().hash, new[0]);
        assert!(chain.mempool().is_empty());
    }

    #[test]
    fn a_spend_of_a_vanished_coinbase_vanishes() {
        let (chain, key) = funded();
        let tx = key.pay(&chain.coins(&key)[..1], &[(Amount::from_sat(9_000), key.p2wpkh())], 100);
        let txid = chain.submit(tx).unwrap();
        chain.invalidate_tip(chain.tip().height).unwrap();
        assert_eq!(chain.tip().height, 0);
        assert!(chain.tx(&txid).is_none());
        assert!(chain.coins(&key).is_empty());
        assert_eq!(chain.invalidate_tip(1), Err(ChainError::TooDeep { height: 0 }));
    }

    #[test]
    fn the_chain_refuses_to_grow_without_end() {
        let chain = Chain::new();
        let pay_to = Key::new(1).p2tr();
        assert_eq!(chain.mine(HEIGHT_MAX + 1, &pay_to, NOW_S), Err(ChainError::Full));
        assert_eq!(chain.mine(u32::MAX, &pay_to, NOW_S), Err(ChainError::Full));
        assert_eq!(chain.tip().height, 0);
    }

    #[test]
    fn the_end_of_32_bit_time_stops_the_miner() {
        let chain = Chain::new();
        assert_eq!(chain.mine(20, &Key::new(1).p2tr(), u32::MAX), Err(ChainError::Time));
    }
}
