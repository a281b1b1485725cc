//! Which coins and transactions are ours to count on, and which others have a hand in.

use std::collections::BTreeSet;

use bdk_wallet::KeychainKind;
use bitcoin::{OutPoint, Transaction, Txid};

use super::draft::Draft;
use super::purse::Purse;

impl Purse {
    /// Whether everything that a transaction spends is still there; what it replaces has not spent it for good.
    pub(super) fn may_still_spend(&self, tx: &Transaction, draft: &Draft) -> bool {
        let replaces = draft.replaces;
        if draft.is_left {
            let spent = self.spent();
            return !self.repeats_change(tx, None)
                && !tx.input.iter().any(|input| spent.contains(&input.previous_output));
        }
        if self.repeats_change(tx, replaces) || replaces.is_some_and(|txid| self.has_spent_from(txid)) {
            return false;
        }
        let replaced = replaces.and_then(|txid| self.wallet.get_tx(txid));
        let replaced = replaced.filter(|known| !known.chain_position.is_confirmed());
        let replaced: Vec<OutPoint> = replaced
            .map_or_else(Vec::new, |old| old.tx_node.tx.input.iter().map(|input| input.previous_output).collect());
        tx.input.iter().all(|input| {
            let coin = input.previous_output;
            replaced.contains(&coin) || self.wallet.get_utxo(coin).is_some_and(|known| !known.is_spent)
        })
    }

    /// What all transactions that count spend, of whoever's.
    pub(super) fn spent(&self) -> BTreeSet<OutPoint> {
        let counting = self.wallet.transactions();
        counting
            .flat_map(|known| known.tx_node.tx.input.iter().map(|input| input.previous_output).collect::<Vec<_>>())
            .collect()
    }

    /// Whether a transaction that was made here brings what closed channels left: nothing that it spends was in this wallet.
    pub(super) fn collects(&self, made_here: &Transaction) -> bool {
        made_here.input.iter().all(|input| {
            let coin = input.previous_output;
            self.own_output(coin).is_none() && self.wallet.tx_graph().get_txout(coin).is_some()
        })
    }

    /// Whether this transaction counts, as far as is known here.
    pub(super) fn counts(&self, txid: Txid) -> bool {
        self.wallet.transactions().any(|known| known.tx_node.txid == txid)
    }

    /// From `now_s` on, in seconds since 1970, this transaction counts no more.
    pub(super) fn give_up(&mut self, txid: Txid, now_s: u64) {
        let seen = self.wallet.get_tx(txid).and_then(|known| known.tx_node.last_seen);
        let gone_s = seen.map_or(now_s, |seen_s| now_s.max(seen_s.saturating_add(1)));
        self.wallet.apply_evicted_txs([(txid, gone_s)]);
    }

    /// Coins that somebody else can still take back: in no block yet, and others have a hand in where they come from.
    pub(super) fn not_ours_yet(&self) -> Vec<OutPoint> {
        let coins = self.wallet.list_unspent().map(|coin| coin.outpoint);
        coins.filter(|coin| !self.stands_by_us(coin.txid, ANCESTORS_MAX)).collect()
    }

    /// Whether a transaction is in a block, or is ours alone and follows from nothing but such ones.
    fn stands_by_us(&self, txid: Txid, depth: u32) -> bool {
        let Some(known) = self.wallet.get_tx(txid) else { return false };
        known.chain_position.is_confirmed()
            || depth > 0
                && self.spends_only_ours(&known.tx_node.tx)
                && known.tx_node.tx.input.iter().all(|input| self.stands_by_us(input.previous_output.txid, depth - 1))
    }

    /// The same for one that is perhaps not counted now.
    pub(super) fn can_stand_by_us(&self, tx: &Transaction) -> bool {
        self.spends_only_ours(tx)
            && tx.input.iter().all(|input| self.stands_by_us(input.previous_output.txid, ANCESTORS_MAX))
    }

    /// Whether every coin that it spends was ours, as far as it is known whole.
    pub(super) fn spends_only_ours(&self, tx: &Transaction) -> bool {
        tx.input.iter().all(|input| self.own_output(input.previous_output).is_some())
    }

    /// Whether anything that counts spends what this transaction brought.
    pub(super) fn has_spent_from(&self, txid: Txid) -> bool {
        self.wallet.list_output().any(|coin| coin.outpoint.txid == txid && coin.is_spent)
    }

    /// Whether a change address in `tx` is one of another transaction already.
    fn repeats_change(&self, tx: &Transaction, replaces: Option<Txid>) -> bool {
        let others = self.wallet.transactions().filter(|known| Some(known.tx_node.txid) != replaces);
        let used: Vec<_> = others.flat_map(|known| known.tx_node.tx.output.clone()).collect();
        tx.output.iter().any(|output| {
            let path = self.wallet.derivation_of_spk(output.script_pubkey.clone());
            matches!(path, Some((KeychainKind::Internal, _)))
                && used.iter().any(|known| known.script_pubkey == output.script_pubkey)
        })
    }
}

/// Nodes pass on no longer chains of waiting transactions.
const ANCESTORS_MAX: u32 = 25;
