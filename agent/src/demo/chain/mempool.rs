//! Which transactions the chain takes, and what it says to the others.

use std::collections::HashSet;
use std::sync::Arc;

use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid, Weight, Wtxid, constants};

use super::scripts;
use super::{Chain, Place, Record, ScriptFault, State};

/// Why a transaction was not taken. Nothing changed; the sender may correct it and send it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// A block already holds it.
    #[error("transaction {0} is already in a block; there is nothing left to send")]
    AlreadyConfirmed(Txid),
    /// It spends nothing or pays nothing.
    #[error("the transaction has no inputs or no outputs")]
    Empty,
    /// Only the miner makes coinbases.
    #[error("a transaction with a null input is the miner's own and cannot be sent")]
    Coinbase,
    /// Nodes relay versions 1, 2 and 3.
    #[error("transaction version {0} is not relayed; use 1, 2 or 3")]
    Version(i32),
    /// More than [`TX_WEIGHT_MAX`], or too many signature operations.
    #[error("the transaction is larger than nodes relay; split it")]
    TooLarge,
    /// Sizes near 64 bytes can be confused with inner nodes of the merkle tree.
    #[error("the transaction is smaller than nodes relay; it needs {BASE_SIZE_MIN} bytes without witness")]
    TooSmall,
    /// One coin is named twice.
    #[error("the transaction spends coin {0} twice")]
    DuplicateInput(OutPoint),
    /// No transaction of the chain or the mempool makes this coin.
    #[error("coin {0} does not exist here; send the transaction that makes it first")]
    UnknownCoin(OutPoint),
    /// A block already spent it.
    #[error("coin {coin} was already spent by transaction {by}")]
    SpentCoin {
        /// The coin.
        coin: OutPoint,
        /// The confirmed transaction that spends it.
        by: Txid,
    },
    /// Block rewards rest for 100 blocks.
    #[error("coin {coin} is a block reward that can be spent from block {from_height} on")]
    Immature {
        /// The coin.
        coin: OutPoint,
        /// The first block that may spend it.
        from_height: u32,
    },
    /// An amount or a sum passes 21 million bitcoin.
    #[error("the amounts of the transaction exceed all bitcoin there is")]
    ValueOverflow,
    /// The fee would be negative.
    #[error("the transaction pays out more than it spends")]
    OutputsExceedInputs,
    /// `nLockTime` lies ahead.
    #[error("the transaction's lock time has not come yet")]
    NotFinal,
    /// A relative lock (BIP68) has not run out.
    #[error("coin {0} is not old enough for the relative lock of the input that spends it")]
    RelativeLock(OutPoint),
    /// It conflicts with unconfirmed transactions and does not pay more than all of them.
    #[error(
        "the transaction replaces others that pay {replaced_sat} sat in fees and must pay more than that, at a higher rate than each it conflicts with"
    )]
    ReplacementFee {
        /// The fees of everything it would push out, in sat.
        replaced_sat: u64,
    },
    /// It would push out more than [`REPLACED_TXS_MAX`] transactions.
    #[error("the transaction would replace more than {REPLACED_TXS_MAX} others")]
    ReplacesTooMany,
    /// It spends what it would push out.
    #[error("the transaction spends a coin of a transaction that it replaces")]
    ReplacesParent,
    /// [`MEMPOOL_TXS_MAX`] or [`MEMPOOL_WEIGHT_MAX`] is reached.
    #[error("too many transactions wait for a block; mine one and send this again")]
    MempoolFull,
    /// The proof that the sender may spend a coin does not hold.
    #[error("input {input}: {fault}")]
    Script {
        /// The position of the input, from 0.
        input: usize,
        /// What is wrong with it.
        #[source]
        fault: ScriptFault,
    },
}

/// What became of one transaction of a package.
#[derive(Debug, Clone)]
pub struct PackageEntry {
    /// Its id.
    pub txid: Txid,
    /// Its id including the witness.
    pub wtxid: Wtxid,
    /// The virtual size in bytes.
    pub vsize: usize,
    /// The fee and the transactions that had to go, or why this one was not taken.
    pub outcome: Result<(Amount, Vec<Txid>), Reject>,
}

impl Chain {
    /// Takes a transaction into the mempool; the next block will hold it.
    ///
    /// Sending one again that already waits changes nothing and is no error. One that spends coins
    /// which waiting transactions spend replaces those and all their descendants if its fee exceeds
    /// the sum of theirs and its feerate exceeds that of each direct conflict. As in Bitcoin Core
    /// since version 28, the replaced transaction need not have signalled it (BIP125); unlike there,
    /// one satoshi more is enough.
    ///
    /// # Errors
    /// [`Reject`] says which rule was broken; the mempool is then as it was.
    pub fn submit(&self, tx: Transaction) -> Result<Txid, Reject> {
        let txid = tx.compute_txid();
        self.lock().accept(&self.secp, Arc::new(tx))?;
        Ok(txid)
    }

    /// Takes several transactions, parents first, under one lock.
    ///
    /// With no minimum fee to reach together, each stands for itself: the result is that of
    /// [`Chain::submit`] in order. Whoever calls this bounds the count by [`PACKAGE_TXS_MAX`].
    pub fn submit_package(&self, txs: Vec<Transaction>) -> Vec<PackageEntry> {
        let mut state = self.lock();
        txs.into_iter()
            .map(|tx| {
                let (txid, wtxid, vsize) = (tx.compute_txid(), tx.compute_wtxid(), tx.vsize());
                let outcome = state.accept(&self.secp, Arc::new(tx)).map(|replaced| {
                    let fee = state.records.get(&txid).map_or(Amount::ZERO, |record| record.fee);
                    (fee, replaced)
                });
                PackageEntry { txid, wtxid, vsize, outcome }
            })
            .collect()
    }
}

impl State {
    /// Takes a transaction; returns the ids of those it replaced.
    pub(super) fn accept(&mut self, secp: &Secp256k1<VerifyOnly>, tx: Arc<Transaction>) -> Result<Vec<Txid>, Reject> {
        let txid = tx.compute_txid();
        match self.records.get(&txid).map(|record| record.place) {
            Some(Place::Mempool { .. }) => return Ok(Vec::new()),
            Some(Place::Block { .. }) => return Err(Reject::AlreadyConfirmed(txid)),
            None => {}
        }
        check_form(&tx)?;
        let prevouts = self.prevouts(&tx)?;
        let fee = fee(&tx, &prevouts)?;
        self.check_locks(&tx)?;
        if self.sigops(&tx) > TX_SIGOPS_MAX {
            return Err(Reject::TooLarge);
        }
        let replaced = self.replaced_by(&tx, fee)?;
        self.check_room(&tx, &replaced)?;
        scripts::verify(secp, &tx, &prevouts).map_err(|(input, fault)| Reject::Script { input, fault })?;

        // Children come after their parents in this list, and must go before them.
        for gone in replaced.iter().rev() {
            self.remove(gone);
        }
        let place = Place::Mempool { arrival: self.arrivals };
        self.arrivals += 1;
        self.add(txid, Record { tx, prevouts, fee, place });
        Ok(replaced)
    }

    pub(super) fn sigops(&self, tx: &Transaction) -> usize {
        tx.total_sigop_cost(|coin| self.output(coin).cloned())
    }

    /// The outputs that the inputs spend. Coins spent by waiting transactions are still returned.
    fn prevouts(&self, tx: &Transaction) -> Result<Vec<TxOut>, Reject> {
        let next_height = self.tip().height + 1;
        let mut prevouts = Vec::with_capacity(tx.input.len());
        for input in &tx.input {
            let coin = input.previous_output;
            let unknown = Reject::UnknownCoin(coin);
            let Some(record) = self.records.get(&coin.txid) else {
                return Err(unknown);
            };
            let Some(output) = self.output(&coin) else {
                return Err(unknown);
            };
            if let Place::Block { height, position: 0 } = record.place {
                let from_height = height.saturating_add(constants::COINBASE_MATURITY);
                if height == 0 {
                    return Err(unknown); // the genesis reward was never entered into the coins
                } else if next_height < from_height {
                    return Err(Reject::Immature { coin, from_height });
                }
            }
            if let Some((by, _)) = self.spends.get(&coin)
                && self.records.get(by).is_some_and(|r| matches!(r.place, Place::Block { .. }))
            {
                return Err(Reject::SpentCoin { coin, by: *by });
            }
            prevouts.push(output.clone());
        }
        Ok(prevouts)
    }

    /// `nLockTime`, and relative locks from version 2 on (BIP68), both against the next block.
    fn check_locks(&self, tx: &Transaction) -> Result<(), Reject> {
        let next_height = self.tip().height + 1;
        let now = self.tip().median_time;
        let lock = tx.lock_time.to_consensus_u32();
        let reached = if tx.lock_time.is_block_height() { next_height } else { now };
        if lock >= reached && lock != 0 && tx.is_lock_time_enabled() {
            return Err(Reject::NotFinal);
        }
        if tx.version.0 < 2 {
            return Ok(());
        }
        for input in &tx.input {
            let coin = input.previous_output;
            let height = match self.records.get(&coin.txid).map(|record| record.place) {
                Some(Place::Block { height, .. }) => height,
                _ => next_height,
            };
            let sequence = input.sequence.to_consensus_u32();
            let units = sequence & SEQUENCE_VALUE;
            let open = if !input.sequence.is_relative_lock_time() {
                true
            } else if sequence & SEQUENCE_TIME == 0 {
                height.saturating_add(units) <= next_height
            } else {
                let born = height.checked_sub(1).and_then(|h| self.at(h)).map_or(now, |b| b.median_time);
                born.saturating_add(units << SEQUENCE_TIME_SHIFT) <= now
            };
            if !open {
                return Err(Reject::RelativeLock(coin));
            }
        }
        Ok(())
    }

    /// The waiting transactions that have to go, in order of arrival.
    fn replaced_by(&self, tx: &Transaction, fee: Amount) -> Result<Vec<Txid>, Reject> {
        let spent = tx.input.iter().filter_map(|input| self.spends.get(&input.previous_output));
        let conflicts: HashSet<Txid> = spent.map(|(txid, _)| *txid).collect();
        if conflicts.is_empty() {
            return Ok(Vec::new());
        }
        let mut gone = HashSet::new();
        let mut order = Vec::new();
        let mut replaced_fee = Amount::ZERO;
        let mut outbid = true;
        for txid in self.waiting.values() {
            let Some(record) = self.records.get(txid) else { continue };
            let inputs = &record.tx.input;
            let direct = conflicts.contains(txid);
            if direct || inputs.iter().any(|input| gone.contains(&input.previous_output.txid)) {
                gone.insert(*txid);
                order.push(*txid);
                replaced_fee += record.fee;
            }
            if direct {
                outbid &= product(fee, record.tx.weight()) > product(record.fee, tx.weight());
            }
        }
        if order.len() > REPLACED_TXS_MAX {
            Err(Reject::ReplacesTooMany)
        } else if tx.input.iter().any(|input| gone.contains(&input.previous_output.txid)) {
            Err(Reject::ReplacesParent)
        } else if fee <= replaced_fee || !outbid {
            Err(Reject::ReplacementFee { replaced_sat: replaced_fee.to_sat() })
        } else {
            Ok(order)
        }
    }

    fn check_room(&self, tx: &Transaction, replaced: &[Txid]) -> Result<(), Reject> {
        let waiting = self.waiting.values().filter(|txid| !replaced.contains(txid));
        let mut count = 1_usize;
        let mut weight = tx.weight();
        for record in waiting.filter_map(|txid| self.records.get(txid)) {
            count += 1;
            weight += record.tx.weight();
        }
        if count > MEMPOOL_TXS_MAX || weight > MEMPOOL_WEIGHT_MAX {
            return Err(Reject::MempoolFull);
        }
        Ok(())
    }
}

/// What can be said without knowing the coins.
fn check_form(tx: &Transaction) -> Result<(), Reject> {
    if tx.input.is_empty() || tx.output.is_empty() {
        return Err(Reject::Empty);
    }
    if !(1..=3).contains(&tx.version.0) {
        return Err(Reject::Version(tx.version.0));
    }
    if tx.weight() > TX_WEIGHT_MAX {
        return Err(Reject::TooLarge);
    }
    let mut seen = HashSet::new();
    for input in &tx.input {
        if input.previous_output.is_null() {
            return Err(Reject::Coinbase);
        }
        if !seen.insert(input.previous_output) {
            return Err(Reject::DuplicateInput(input.previous_output));
        }
    }
    if tx.base_size() < BASE_SIZE_MIN {
        return Err(Reject::TooSmall);
    }
    Ok(())
}

fn fee(tx: &Transaction, prevouts: &[TxOut]) -> Result<Amount, Reject> {
    let spent = sum(prevouts)?;
    spent.checked_sub(sum(&tx.output)?).ok_or(Reject::OutputsExceedInputs)
}

/// Compares feerates without division: a/b > c/d when a*d > c*b.
fn product(fee: Amount, weight: Weight) -> u128 {
    u128::from(fee.to_sat()) * u128::from(weight.to_wu())
}

fn sum(outputs: &[TxOut]) -> Result<Amount, Reject> {
    outputs
        .iter()
        .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value))
        .filter(|sum| *sum <= Amount::MAX_MONEY)
        .ok_or(Reject::ValueOverflow)
}

/// How many transactions may wait for a block.
pub const MEMPOOL_TXS_MAX: usize = 1_000;
/// How much they may weigh together: five full blocks.
pub const MEMPOOL_WEIGHT_MAX: Weight = Weight::from_wu(20_000_000);
/// The weight of one transaction (Bitcoin Core, `MAX_STANDARD_TX_WEIGHT`).
pub const TX_WEIGHT_MAX: Weight = Weight::from_wu(400_000);
/// How many transactions one replacement may push out (BIP125, rule 5).
pub const REPLACED_TXS_MAX: usize = 100;
/// How many transactions one package may have (Bitcoin Core, `MAX_PACKAGE_COUNT`).
pub const PACKAGE_TXS_MAX: usize = 25;

/// Bitcoin Core, `MAX_STANDARD_TX_SIGOPS_COST`.
const TX_SIGOPS_MAX: usize = 16_000;
/// Bitcoin Core, `MIN_STANDARD_TX_NONWITNESS_SIZE`.
const BASE_SIZE_MIN: usize = 65;
/// BIP68: the lowest 16 bits count, in blocks, or in units of 512 seconds when bit 22 is set.
const SEQUENCE_VALUE: u32 = 0xffff;
const SEQUENCE_TIME: u32 = 1 << 22;
const SEQUENCE_TIME_SHIFT: u32 = 9;

#[cfg(test)]
mod tests;
