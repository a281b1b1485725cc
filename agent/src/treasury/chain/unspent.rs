//! What nothing spends under scripts that are in no wallet.

use std::collections::{BTreeMap, BTreeSet};

use bdk_wallet::chain::{ConfirmationBlockTime, TxUpdate};
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut};

/// One output that a block has and nothing spends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::treasury) struct LeftCoin {
    pub(in crate::treasury) outpoint: OutPoint,
    pub(in crate::treasury) output: TxOut,
}

/// Finds it out of all transactions that have to do with them.
pub(super) struct Unspent {
    wanted: BTreeSet<ScriptBuf>,
    coins: BTreeMap<OutPoint, TxOut>,
    spent: BTreeSet<OutPoint>,
}

impl Unspent {
    pub(super) fn of(wanted: &[ScriptBuf]) -> Unspent {
        Unspent { wanted: wanted.iter().cloned().collect(), coins: BTreeMap::new(), spent: BTreeSet::new() }
    }

    /// Only what a block has can be spent; what waits for one spends already.
    pub(super) fn see(&mut self, tx: &Transaction, has_block: bool) {
        self.spent.extend(tx.input.iter().map(|input| input.previous_output));
        let ours = (0..).zip(&tx.output).filter(|(_, output)| self.wanted.contains(&output.script_pubkey));
        let ours: Vec<_> = ours.filter(|_| has_block).collect();
        if !ours.is_empty() {
            let txid = tx.compute_txid();
            self.coins.extend(ours.into_iter().map(|(number, output)| (OutPoint::new(txid, number), output.clone())));
        }
    }

    /// What a server that knows scripts answered.
    pub(super) fn see_all(mut self, answer: &TxUpdate<ConfirmationBlockTime>) -> Vec<LeftCoin> {
        let in_blocks: BTreeSet<_> = answer.anchors.iter().map(|(_, txid)| *txid).collect();
        for tx in &answer.txs {
            self.see(tx, in_blocks.contains(&tx.compute_txid()));
        }
        self.left()
    }

    pub(super) fn left(self) -> Vec<LeftCoin> {
        let left = self.coins.into_iter().filter(|(outpoint, _)| !self.spent.contains(outpoint));
        left.map(|(outpoint, output)| LeftCoin { outpoint, output }).collect()
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::absolute::LockTime;
    use bitcoin::transaction::Version;
    use bitcoin::{Amount, TxIn};

    use super::*;

    #[test]
    fn only_what_a_block_has_and_nothing_spends_is_left() {
        let scripts: Vec<_> = (0..4).map(|number| ScriptBuf::from_bytes(vec![0x51, number])).collect();
        let (wanted, stranger) = (&scripts[..3], &scripts[3]);
        let paying = |sat: u64, script: &ScriptBuf| Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: Vec::new(),
            output: vec![TxOut { value: Amount::from_sat(sat), script_pubkey: script.clone() }],
        };
        let (left, spent) = (paying(1, &wanted[0]), paying(2, &wanted[1]));
        let (waits, other) = (paying(3, &wanted[2]), paying(4, stranger));
        let mut spender = paying(2, stranger);
        spender.input = vec![TxIn { previous_output: OutPoint::new(spent.compute_txid(), 0), ..TxIn::default() }];
        let mut unspent = Unspent::of(wanted);
        for (tx, has_block) in [(&spender, false), (&left, true), (&spent, true), (&waits, false), (&other, true)] {
            unspent.see(tx, has_block);
        }
        assert_eq!(
            unspent.left(),
            [LeftCoin { outpoint: OutPoint::new(left.compute_txid(), 0), output: left.output[0].clone() }]
        );
    }
}
