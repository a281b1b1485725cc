#![allow(clippy::unwrap_used)]

use bitcoin::absolute::LockTime;
use bitcoin::{ScriptBuf, Sequence, Witness, transaction};

use super::super::fixtures::{Coin, Key, NOW_S, funded, unsigned};
use super::*;

const SAT: fn(u64) -> Amount = Amount::from_sat;

fn spend_of(tx: &Transaction, vout: u32) -> Coin {
    let output = tx.output[usize::try_from(vout).unwrap()].clone();
    (OutPoint::new(tx.compute_txid(), vout), output)
}

#[test]
fn rewards_are_spent_to_both_kinds_of_script_and_those_are_spent_again() {
    let (chain, key) = funded();
    let other = Key::new(3);
    let pay = [(SAT(70_000), other.p2wpkh()), (SAT(80_000), other.p2tr())];
    let first = key.pay(&chain.coins(&key), &pay, 1_000);
    assert_eq!(first.input.len(), 4);
    let txid = chain.submit(first.clone()).unwrap();
    let info = chain.tx(&txid).unwrap();
    assert_eq!((info.fee, info.confirmed), (SAT(1_000), None));

    let second = other.pay(&[spend_of(&first, 0), spend_of(&first, 1)], &[], 400);
    let second_id = chain.submit(second).unwrap();
    let hash = chain.mine(1, &key.p2tr(), NOW_S).unwrap()[0];
    let order: Vec<Txid> = chain.block_txs(&hash, 1, 9).unwrap().iter().map(|i| i.txid).collect();
    assert_eq!(order, [txid, second_id]);
    assert_eq!(chain.coins(&key).len(), 0, "the change is not a reward but only one block old");
}

#[test]
fn what_already_waits_is_accepted_again_and_what_is_mined_is_not() {
    let (chain, key) = funded();
    let tx = key.pay(&chain.coins(&key)[..1], &[], 100);
    let txid = chain.submit(tx.clone()).unwrap();
    assert_eq!(chain.submit(tx.clone()), Ok(txid));
    assert_eq!(chain.mempool().len(), 1);
    chain.mine(1, &key.p2tr(), NOW_S).unwrap();
    assert_eq!(chain.submit(tx), Err(Reject::AlreadyConfirmed(txid)));
}

#[test]
fn a_wrong_signature_is_refused() {
    let (chain, key) = funded();
    for coin in chain.coins(&key) {
        let mut tx = key.pay(std::slice::from_ref(&coin), &[], 100);
        tx.output[0].value -= SAT(1);
        let fault = ScriptFault::Signature;
        assert_eq!(chain.submit(tx), Err(Reject::Script { input: 0, fault }));
        // Another key does not match the hash in the coin, or signs for another taproot key.
        let tx = Key::new(9).pay(std::slice::from_ref(&coin), &[], 100);
        assert!(matches!(chain.submit(tx), Err(Reject::Script { input: 0, .. })));
        let mut tx = key.pay(std::slice::from_ref(&coin), &[], 100);
        tx.input[0].witness = Witness::new();
        let fault = ScriptFault::Witness;
        assert_eq!(chain.submit(tx), Err(Reject::Script { input: 0, fault }));
    }
    assert!(chain.mempool().is_empty());
}

#[test]
fn coins_that_are_spent_unknown_or_immature_are_refused() {
    let (chain, key) = funded();
    let coins = chain.coins(&key);
    let tx = key.pay(&coins[..1], &[], 100);
    let txid = chain.submit(tx).unwrap();
    chain.mine(1, &key.p2tr(), NOW_S).unwrap();

    let coin = coins[0].0;
    let again = key.pay(&coins[..1], &[], 5_000);
    assert_eq!(chain.submit(again), Err(Reject::SpentCoin { coin, by: txid }));

    let unknown = OutPoint::new(txid, 7);
    let tx = key.pay(&[(unknown, coins[0].1.clone())], &[], 100);
    assert_eq!(chain.submit(tx), Err(Reject::UnknownCoin(unknown)));

    // Block 5 paid the other key; its reward opens with block 105, and 105 is the tip now.
    let other = Key::new(2);
    let reward = |height| {
        let block = chain.block(&chain.block_hash(height).unwrap()).unwrap().block;
        spend_of(&block.txdata[0], 0)
    };
    let coin = reward(7).0;
    let tx = other.pay(&[reward(7)], &[], 100);
    assert_eq!(chain.submit(tx), Err(Reject::Immature { coin, from_height: 107 }));
    chain.submit(other.pay(&[reward(6)], &[], 100)).unwrap();

    let genesis = chain.block(&chain.block_hash(0).unwrap()).unwrap().block;
    let coin = spend_of(&genesis.txdata[0], 0);
    let tx = unsigned(std::slice::from_ref(&coin), &[(SAT(1), key.p2tr())]);
    assert_eq!(chain.submit(tx), Err(Reject::UnknownCoin(coin.0)));
}

#[test]
fn malformed_transactions_are_refused() {
    let (chain, key) = funded();
    let coins = chain.coins(&key);
    let good = key.pay(&coins[..1], &[], 100);
    #[track_caller]
    fn case(chain: &Chain, good: &Transaction, reject: Reject, change: impl FnOnce(&mut Transaction)) {
        let mut tx = good.clone();
        change(&mut tx);
        assert_eq!(chain.submit(tx), Err(reject));
    }
    let coin = coins[0].0;
    case(&chain, &good, Reject::Empty, |tx| tx.input.clear());
    case(&chain, &good, Reject::Empty, |tx| tx.output.clear());
    case(&chain, &good, Reject::Version(4), |tx| tx.version = transaction::Version(4));
    case(&chain, &good, Reject::Version(0), |tx| tx.version = transaction::Version(0));
    case(&chain, &good, Reject::Coinbase, |tx| tx.input[0].previous_output = OutPoint::null());
    case(&chain, &good, Reject::DuplicateInput(coin), |tx| tx.input.push(tx.input[0].clone()));
    case(&chain, &good, Reject::TooSmall, |tx| tx.output[0].script_pubkey = ScriptBuf::new());
    case(&chain, &good, Reject::TooLarge, |tx| {
        tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0x6a; 100_000]);
    });
    case(&chain, &good, Reject::TooLarge, |tx| {
        tx.output[0].script_pubkey = ScriptBuf::from_bytes(vec![0xac; 5_000]);
    });
    case(&chain, &good, Reject::OutputsExceedInputs, |tx| tx.output[0].value += SAT(101));
    case(&chain, &good, Reject::ValueOverflow, |tx| tx.output[0].value = Amount::MAX);
    case(&chain, &good, Reject::ValueOverflow, |tx| {
        tx.output[0].value = Amount::MAX_MONEY;
        tx.output.push(tx.output[0].clone());
    });
    chain.submit(good).unwrap();
}

#[test]
fn unknown_kinds_of_scripts_are_refused_when_spent() {
    let (chain, key) = funded();
    let anyone = ScriptBuf::from_bytes(vec![0x51]);
    let anchor = ScriptBuf::from_bytes(vec![0x51, 0x02, 0x4e, 0x73]);
    let tx = key.pay(&chain.coins(&key)[..1], &[(SAT(900), anyone), (SAT(800), anchor)], 10);
    chain.submit(tx.clone()).unwrap();
    let pay = [(SAT(500), key.p2tr())];
    let fault = ScriptFault::Unsupported;
    let spend = unsigned(&[spend_of(&tx, 0)], &pay);
    assert_eq!(chain.submit(spend), Err(Reject::Script { input: 0, fault }));
    chain.submit(unsigned(&[spend_of(&tx, 1)], &pay)).unwrap();
}

#[test]
fn a_replacement_pays_more_in_total_and_per_byte() {
    let (chain, key) = funded();
    let coins = chain.coins(&key);
    let parent = key.pay(&coins[..1], &[(SAT(50_000), key.p2tr())], 1_000);
    let child = key.pay(&[spend_of(&parent, 0)], &[], 500);
    let parent_id = chain.submit(parent).unwrap();
    let child_id = chain.submit(child).unwrap();

    let low = key.pay(&coins[..1], &[], 1_500);
    let replaced_sat = 1_500;
    assert_eq!(chain.submit(low), Err(Reject::ReplacementFee { replaced_sat }));
    // Enough in total, but spread over four inputs it is a lower rate.
    let wide = key.pay(&coins, &[], 1_501);
    assert_eq!(chain.submit(wide), Err(Reject::ReplacementFee { replaced_sat }));
    assert_eq!(chain.mempool().len(), 2);

    let enough = key.pay(&coins[..1], &[], 1_501);
    let enough_id = chain.submit(enough).unwrap();
    assert!(chain.tx(&parent_id).is_none() && chain.tx(&child_id).is_none());
    assert_eq!(chain.spend(&coins[0].0).unwrap().txid, enough_id);
    assert_eq!(chain.mempool().len(), 1);
}

#[test]
fn a_replacement_cannot_spend_what_it_replaces() {
    let (chain, key) = funded();
    let coins = chain.coins(&key);
    let parent = key.pay(&coins[..1], &[], 1_000);
    chain.submit(parent.clone()).unwrap();
    let both = key.pay(&[coins[0].clone(), spend_of(&parent, 0)], &[], 90_000);
    assert_eq!(chain.submit(both), Err(Reject::ReplacesParent));
}

#[test]
fn lock_times_and_relative_locks_hold() {
    let (chain, key) = funded();
    let coins = chain.coins(&key);
    let next = chain.tip().height + 1;
    let locked = |version, lock_time, sequence| {
        let mut tx = unsigned(&coins[..1], &[(SAT(1_000), key.p2wpkh())]);
        tx.version = transaction::Version(version);
        tx.lock_time = LockTime::from_consensus(lock_time);
        tx.input[0].sequence = Sequence::from_consensus(sequence);
        key.sign(&mut tx, &coins[..1]);
        // Its own chain: the case before it must not be in the way.
        funded().0.submit(tx).map(|_| ())
    };
    let coin = coins[0].0; // the reward of block 1
    let early = Err(Reject::RelativeLock(coin));
    let no_lock = 0xffff_fffe;
    assert_eq!(locked(2, next - 1, no_lock), Ok(()));
    assert_eq!(locked(2, next, no_lock), Err(Reject::NotFinal));
    assert_eq!(locked(2, next, u32::MAX), Ok(()));
    assert_eq!(locked(2, NOW_S, no_lock), Ok(()));
    assert_eq!(locked(2, NOW_S + 1_000, no_lock), Err(Reject::NotFinal));
    assert_eq!(locked(2, 0, next - 1), Ok(()));
    assert_eq!(locked(2, 0, next), early);
    assert_eq!(locked(1, 0, next), Ok(()), "version 1 has no relative locks");
    // Fifteen years lie between the genesis block before this coin and the present.
    assert_eq!(locked(2, 0, SEQUENCE_TIME | SEQUENCE_VALUE), Ok(()));

    let parent = key.pay(&coins[1..2], &[], 100);
    chain.submit(parent.clone()).unwrap();
    let coin = spend_of(&parent, 0);
    for (sequence, open) in [(0, true), (1, false), (SEQUENCE_TIME, true), (SEQUENCE_TIME | 1, false)] {
        let mut tx = unsigned(std::slice::from_ref(&coin), &[(SAT(1_000), key.p2wpkh())]);
        tx.input[0].sequence = Sequence::from_consensus(sequence);
        key.sign(&mut tx, std::slice::from_ref(&coin));
        let outcome = chain.submit(tx.clone());
        assert_eq!(outcome.is_ok(), open, "sequence {sequence:#x}");
        if open {
            chain.lock().remove(&tx.compute_txid());
        }
    }
}

#[test]
fn a_full_mempool_refuses_until_a_block_is_mined() {
    let (chain, key) = funded();
    let mut coin = chain.coins(&key)[0].clone();
    for _ in 0..MEMPOOL_TXS_MAX {
        let tx = key.pay(&[coin], &[], 0);
        coin = spend_of(&tx, 0);
        chain.submit(tx).unwrap();
    }
    let tx = key.pay(&[coin], &[], 0);
    assert_eq!(chain.submit(tx.clone()), Err(Reject::MempoolFull));
    chain.mine(1, &key.p2tr(), NOW_S).unwrap();
    assert!(chain.mempool().is_empty());
    chain.submit(tx).unwrap();
}

#[test]
fn what_does_not_fit_into_a_block_waits_for_the_next() {
    let (chain, key) = funded();
    let mut coin = chain.coins(&key)[0].clone();
    let filler = ScriptBuf::from_bytes([vec![0x6a], vec![0; 95_000]].concat());
    for _ in 0..12 {
        let tx = key.pay(&[coin], &[(SAT(0), filler.clone())], 0);
        coin = spend_of(&tx, 1);
        chain.submit(tx).unwrap();
    }
    let hash = chain.mine(1, &key.p2tr(), NOW_S).unwrap()[0];
    let block = chain.block(&hash).unwrap().block;
    assert!(block.weight() <= Weight::MAX_BLOCK);
    assert_eq!((block.txdata.len(), chain.mempool().len()), (11, 2));
    chain.mine(1, &key.p2tr(), NOW_S).unwrap();
    assert!(chain.mempool().is_empty());
}

#[test]
fn a_package_is_taken_in_order_and_each_failure_is_named() {
    let (chain, key) = funded();
    let coins = chain.coins(&key);
    let parent = key.pay(&coins[..1], &[], 0);
    let child = key.pay(&[spend_of(&parent, 0)], &[], 900);
    let outcome = chain.submit_package(vec![child.clone(), parent.clone(), child]);
    let ok: Vec<bool> = outcome.iter().map(|entry| entry.outcome.is_ok()).collect();
    assert_eq!(ok, [false, true, true]);
    assert_eq!(outcome[2].outcome, Ok((SAT(900), Vec::new())));
    let better = key.pay(&coins[..1], &[], 2_000);
    let outcome = chain.submit_package(vec![better]);
    let (_, replaced) = outcome[0].outcome.clone().unwrap();
    assert_eq!(replaced.len(), 2);
    assert_eq!(replaced[0], parent.compute_txid());
}
