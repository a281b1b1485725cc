#![allow(clippy::unwrap_used)]

use bitcoin::hashes::{Hash, sha256d};

use super::super::fixtures::{Key, NOW_S, funded};
use super::super::script_hash;
use super::*;

const SAT: fn(u64) -> Amount = Amount::from_sat;

#[test]
fn merkle_proofs_lead_from_every_transaction_to_the_root() {
    let (chain, key) = funded();
    let mut coin = chain.coins(&key)[0].clone();
    for count in 0..9 {
        for _ in 0..count {
            let tx = key.pay(&[coin], &[], 1);
            coin = (OutPoint::new(tx.compute_txid(), 0), tx.output[0].clone());
            chain.submit(tx).unwrap();
        }
        let hash = chain.mine(1, &key.p2tr(), NOW_S).unwrap()[0];
        let block = chain.block(&hash).unwrap().block;
        assert_eq!(block.txdata.len(), count + 1);
        for (position, tx) in block.txdata.iter().enumerate() {
            let txid = tx.compute_txid();
            let proof = chain.merkle_proof(&txid).unwrap();
            assert_eq!((proof.height, proof.position), (chain.tip().height, position));
            let root = fold(txid.to_raw_hash(), &proof);
            assert_eq!(TxMerkleNode::from_raw_hash(root), block.header.merkle_root);

            let merkle_block = chain.merkle_block(&txid).unwrap();
            let (mut matches, mut indexes) = (Vec::new(), Vec::new());
            merkle_block.extract_matches(&mut matches, &mut indexes).unwrap();
            assert_eq!(merkle_block.header, block.header);
            assert_eq!((matches, indexes), (vec![txid], vec![u32::try_from(position).unwrap()]));
        }
    }
}

/// Hashes up the branch: an odd position is a right-hand leaf.
fn fold(leaf: sha256d::Hash, proof: &MerkleProof) -> sha256d::Hash {
    proof.branch.iter().enumerate().fold(leaf, |hash, (level, node)| {
        let (own, other) = (hash.to_byte_array(), node.to_byte_array());
        let right = (proof.position >> level) & 1 == 1;
        sha256d::Hash::hash(&if right { [other, own] } else { [own, other] }.concat())
    })
}

#[test]
fn waiting_transactions_have_no_proof() {
    let (chain, key) = funded();
    let txid = chain.submit(key.pay(&chain.coins(&key)[..1], &[], 1)).unwrap();
    assert_eq!(chain.merkle_proof(&txid), None);
    assert!(chain.merkle_block(&txid).is_none());
}

#[test]
fn a_history_has_pages_newest_first() {
    let (chain, key) = (Chain::new(), Key::new(1));
    let hashes = chain.mine(60, &key.p2tr(), NOW_S).unwrap();
    let script = script_hash(&key.p2tr());
    let mut seen = chain.history(&script).chain;
    while let Some(last) = seen.last() {
        let page = chain.history_after(&script, &last.txid);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= PAGE_CHAIN);
        seen.extend(page);
    }
    let blocks: Vec<BlockHash> = seen.iter().map(|info| info.confirmed.unwrap().hash).collect();
    assert!(blocks.iter().eq(hashes.iter().rev()));
    let unknown = Txid::from_byte_array([7; 32]);
    assert!(chain.history_after(&script, &unknown).is_empty());
    assert!(chain.history(&script_hash(&Key::new(9).p2tr())).chain.is_empty());
}

#[test]
fn activity_and_unspent_coins_follow_the_mempool() {
    let (chain, key) = funded();
    let script = script_hash(&key.p2tr());
    let reward = 5_000_000_000;
    let before = Activity { funded_count: 2, funded_sat: 2 * reward, tx_count: 2, ..Activity::default() };
    assert_eq!(chain.activity(&script), (before, Activity::default()));

    let coin = chain.coins(&key)[2].clone();
    let tx = key.pay(std::slice::from_ref(&coin), &[(SAT(700), key.p2tr())], 10);
    let txid = chain.submit(tx).unwrap();
    let waiting = Activity { funded_count: 1, funded_sat: 700, spent_count: 1, spent_sat: reward, tx_count: 1 };
    assert_eq!(chain.activity(&script), (before, waiting));
    let coins: Vec<OutPoint> = chain.unspent(&script).iter().map(|unspent| unspent.coin).collect();
    assert_eq!(coins.len(), 2);
    assert_eq!(coins[1], OutPoint::new(txid, 0));
    assert_eq!(chain.spend(&coin.0).unwrap(), Spend { txid, vin: 0, confirmed: None });
    assert_eq!(chain.spends(&txid).unwrap(), [None, None]);

    chain.mine(1, &Key::new(2).p2tr(), NOW_S).unwrap();
    assert_eq!(chain.spend(&coin.0).unwrap().confirmed, Some(chain.tip()));
    let history = chain.history(&script);
    assert_eq!((history.mempool.len(), history.chain.len()), (0, 3));
    assert_eq!(history.chain[0].txid, txid);
}

#[test]
fn blocks_are_listed_downwards() {
    let (chain, _) = funded();
    let heights = |from, count| {
        let blocks = chain.blocks_down(from, count)?;
        Some(blocks.iter().map(|block| block.height).collect::<Vec<u32>>())
    };
    assert_eq!(heights(None, 3), Some(vec![104, 103, 102]));
    assert_eq!(heights(Some(1), 10), Some(vec![1, 0]));
    assert_eq!(heights(Some(105), 10), None);
    let status = chain.block_status(&chain.block_hash(3).unwrap());
    assert_eq!((status.height, status.next_best), (Some(3), chain.block_hash(4)));
    assert_eq!(chain.block_status(&chain.tip().hash).next_best, None);
}
