//! The on-chain wallet in the ledger: what counts of it is booked in the transaction that keeps it.
//!
//! Its account always holds what its transactions add up to; each is booked by what it adds now, so a reorganisation of the
//! chain, a replacement and a transaction that falls out are all the same: the difference to what was booked before.

use bitcoin::Txid;
use bitcoin::hex::DisplayHex as _;
use serde_json::json;

use super::{Engine, EngineError, Step};
use crate::clock::Now;
use crate::domain::money::{MSAT_PER_SAT, Msat};
use crate::store::{MadeHere, OnchainDraft, OnchainTx, Posting, StoreError};
use crate::treasury::SeenTx;

/// What is to be kept of an on-chain wallet, at once or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// The wallet's id.
    pub wallet: String,
    /// What changed in it, as bdk_wallet writes it.
    pub change: Option<String>,
    /// Transactions that count differently than before.
    pub seen: Vec<SeenTx>,
    /// What it holds in all, in satoshis.
    pub total_sat: u64,
    /// What is new was there before Kilosat looked for the first time.
    pub opening: bool,
    /// From now on it counts as searched.
    pub searched: bool,
}

/// What was kept of an on-chain wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Its changes, oldest first, with their numbers.
    pub changes: Vec<(i64, String)>,
    /// What the ledger has of its transactions.
    pub booked: Vec<OnchainTx>,
    /// All its addresses were searched once.
    pub searched: bool,
}

/// A transaction that the owner wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// Its id.
    pub txid: Txid,
    /// It itself, and what belongs to it.
    pub made: MadeHere,
    /// What arrives.
    pub amount_sat: u64,
    /// What it costs.
    pub fee_sat: u64,
    /// The move that it is the first part of.
    pub of_move: Option<i64>,
}

impl Engine {
    /// What was kept of the on-chain wallet `wallet`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn kept(&mut self, wallet: &str) -> Result<Kept, EngineError> {
        let tx = self.store.begin()?;
        Ok(Kept {
            changes: tx.onchain_changes(wallet)?,
            booked: tx.booked_onchain(wallet)?,
            searched: tx.meta(&format!("{SEARCHED}:{wallet}"))?.is_some(),
        })
    }

    /// Whether no money is or was under the words of this device: in an on-chain wallet, or in the built-in node.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn words_hold_nothing(&mut self) -> Result<bool, EngineError> {
        Ok(!self.store.begin()?.has_past(false)?)
    }

    /// Whether nothing was paid or received here yet.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn has_no_past(&mut self) -> Result<bool, EngineError> {
        Ok(!self.store.begin()?.has_past(true)?)
    }

    /// Puts one change in the place of many.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn merge_kept(&mut self, wallet: &str, to: i64, merged: &str) -> Result<(), EngineError> {
        let tx = self.store.begin()?;
        tx.merge_onchain_changes(wallet, to, merged)?;
        Ok(tx.commit()?)
    }

    /// Keeps and books what is new of an on-chain wallet.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn keep(&mut self, now: Now, keep: &Keep) -> Result<(), EngineError> {
        self.transact(now, |step| step.keep(keep)).map(drop)
    }

    /// Lets a transaction be sent: it is kept with all that it changes before it leaves. The sentence says why not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn spend(&mut self, now: Now, keep: &Keep, spend: &Spend) -> Result<Result<(), String>, EngineError> {
        let mut allowed = Ok(());
        self.transact(now, |step| {
            allowed = match keep.seen.iter().any(|seen| seen.txid == spend.txid) {
                true => step.may_spend(spend)?,
                false => Err(NOT_COUNTED.to_owned()),
            };
            match allowed {
                Ok(()) => step.spend(keep, spend),
                Err(_) => Ok(()),
            }
        })?;
        Ok(allowed)
    }

    /// A transaction that no chain source ever took is given up, with what that changes. The sentence says why not.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn give_up(&mut self, now: Now, keep: &Keep, txid: &Txid) -> Result<Result<(), String>, EngineError> {
        let mut given_up = Ok(());
        self.transact(now, |step| {
            given_up = step.give_up(keep, txid)?;
            Ok(())
        })?;
        Ok(given_up)
    }

    /// Keeps a draft that its owner signs elsewhere.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn keep_draft(&mut self, now: Now, wallet: &str, draft: &OnchainDraft) -> Result<(), EngineError> {
        let tx = self.store.begin()?;
        tx.keep_draft(wallet, draft, now.wall)?;
        Ok(tx.commit()?)
    }

    /// A draft that was kept.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn kept_draft(&mut self, wallet: &str, txid: &Txid) -> Result<Option<OnchainDraft>, EngineError> {
        Ok(self.store.begin()?.kept_draft(wallet, txid)?)
    }

    /// What is still to be sent, each transaction whole.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn onchain_to_send(&mut self, wallet: &str) -> Result<Vec<(Txid, Vec<u8>)>, EngineError> {
        Ok(self.store.begin()?.onchain_to_send(wallet)?)
    }

    /// Notes what came of sending one.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_sent(&mut self, now: Now, wallet: &str, txid: &Txid, fault: Option<&str>) -> Result<(), EngineError> {
        let tx = self.store.begin()?;
        tx.note_onchain_sent(wallet, txid, fault, now.wall)?;
        Ok(tx.commit()?)
    }

    /// Writes beside a transaction what the owner says it was; false when there is none.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn label(&mut self, wallet: &str, txid: &Txid, label: Option<&str>) -> Result<bool, EngineError> {
        let tx = self.store.begin()?;
        let found = tx.label_onchain(wallet, txid, label)?;
        tx.commit()?;
        Ok(found)
    }

    /// The newest transactions of an on-chain wallet: what waits first, then by height.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn onchain_history(&mut self, wallet: &str, most: u32) -> Result<Vec<OnchainTx>, EngineError> {
        Ok(self.store.begin()?.onchain_txs(wallet, most)?)
    }
}

impl Step<'_> {
    fn keep(&mut self, keep: &Keep) -> Result<(), StoreError> {
        let amounts = keep.seen.iter().map(|seen| seen.net_sat.unsigned_abs());
        if amounts.chain([keep.total_sat]).any(|sat| sat > SUPPLY_SAT) {
            return self.lock(IMPOSSIBLE);
        }
        if let Some(change) = &keep.change {
            self.tx.add_onchain_change(&keep.wallet, change)?;
        }
        for seen in &keep.seen {
            self.book(&keep.wallet, seen, keep.opening, None)?;
        }
        if keep.searched {
            self.tx.set_meta(&format!("{SEARCHED}:{}", keep.wallet), &self.now.wall.0.to_string())?;
        }
        let account = Posting::treasury(&keep.wallet);
        let (booked, holds) = (self.tx.account(&account)?, msat(signed(keep.total_sat)));
        if booked != holds {
            // Whatever it is, nothing may be spent on top of it.
            self.lock(&format!(
                "the on-chain wallet holds {} sat, and its transactions in the ledger add up to {} sat. Nothing is spent \
                 until you have compared them.",
                keep.total_sat,
                booked / msat(1)
            ))?;
        }
        Ok(())
    }

    fn spend(&mut self, keep: &Keep, spend: &Spend) -> Result<(), StoreError> {
        let (others, own): (Vec<_>, Vec<_>) = keep.seen.iter().cloned().partition(|seen| seen.txid != spend.txid);
        let replaced = match &spend.made.replaces {
            Some(txid) => self.tx.onchain_tx(&keep.wallet, txid)?,
            None => None,
        };
        if let Some(replaced) = replaced.as_ref().filter(|replaced| replaced.of_move.is_some()) {
            let fees = (replaced.fee_sat.unwrap_or(0), spend.fee_sat);
            self.move_paid_anew(&replaced.txid, spend.txid, fees)?;
        }
        let of_move = spend.of_move.or(replaced.and_then(|replaced| replaced.of_move));
        for seen in &own {
            self.book(&keep.wallet, seen, false, Some((&spend.made, of_move)))?;
        }
        // What spends nothing of the savings collects what closed channels left.
        let event = if own.iter().all(|seen| seen.net_sat > 0) { "onchain_collected" } else { "onchain_sent" };
        self.record(json!({
            "event": event, "txid": spend.txid.to_string(), "to": spend.made.address,
            "amount_sat": spend.amount_sat, "fee_sat": spend.fee_sat,
            "replaces": spend.made.replaces.map(|txid| txid.to_string()),
        }))?;
        self.keep(&Keep { seen: others, ..keep.clone() })
    }

    fn give_up(&mut self, keep: &Keep, txid: &Txid) -> Result<Result<(), String>, StoreError> {
        let known = self.tx.onchain_tx(&keep.wallet, txid)?.filter(|known| known.height.is_none());
        let Some(known) = known.filter(|known| known.taken_at.is_none()) else {
            return Ok(Err(WAS_TAKEN.to_owned()));
        };
        // What it replaced may still find a block, and a move would end without what it began with.
        if known.replaces.is_some() || known.of_move.is_some() {
            return Ok(Err(BELONGS.to_owned()));
        }
        let raw = self.tx.forget_onchain_raw(&keep.wallet, txid)?;
        self.record(json!({
            "event": "onchain_given_up", "txid": txid.to_string(), "raw": raw.map(|raw| raw.to_lower_hex_string()),
        }))?;
        self.keep(keep)?;
        Ok(Ok(()))
    }

    /// The owner's own word, as for a payment by hand: stop and lock hold, the limits are those of what is paid unasked. A
    /// move passes its own limits once more.
    fn may_spend(&mut self, spend: &Spend) -> Result<Result<(), String>, StoreError> {
        let msat = |sat: u64| Msat(sat.saturating_mul(MSAT_PER_SAT));
        if let Err(why) = self.own_word(msat(spend.amount_sat), msat(spend.fee_sat))? {
            return Ok(Err(why));
        }
        let judged = spend.of_move.map(|number| self.move_may_go_on(number)).transpose()?;
        if let Some(Err(why)) = judged {
            return Ok(Err(why));
        }
        match spend.of_move {
            Some(number) if !self.move_paid(number, spend.txid, spend.fee_sat)? => Ok(Err(NO_MOVE.to_owned())),
            _ => Ok(Ok(())),
        }
    }

    /// Books the difference between what a transaction adds now and what the ledger has of it.
    fn book(
        &mut self,
        wallet: &str,
        seen: &SeenTx,
        opening: bool,
        made: Option<(&MadeHere, Option<i64>)>,
    ) -> Result<(), StoreError> {
        let known = self.tx.onchain_tx(wallet, &seen.txid)?;
        let (made, of_move) = made.map_or((None, None), |(made, of_move)| (Some(made), of_move));
        let purpose = match (&known, opening) {
            (Some(known), _) => known.purpose.clone(),
            (None, true) => "opening".to_owned(),
            (None, false) if seen.net_sat < 0 => "sent".to_owned(),
            (None, false) => "received".to_owned(),
        };
        let account = Posting::treasury(wallet);
        let (was_net, was_fee) = known.as_ref().map_or((0, None), |known| (known.net_sat, known.fee_sat));
        let was_moved = known.as_ref().and_then(|known| known.of_move);
        let was = sides(&purpose, was_moved.is_some(), was_net, was_fee);
        let of_move = was_moved.or(of_move.filter(|_| known.is_none()));
        let mut postings = vec![Posting(&account, msat(seen.net_sat - was_net))];
        for (side, before) in sides(&purpose, of_move.is_some(), seen.net_sat, seen.fee_sat).into_iter().zip(was) {
            postings.push(Posting(side.0, msat(side.1 - before.1)));
        }
        self.tx.post(self.now.wall, None, &postings)?;
        let rate = self.rate.as_ref().filter(|rate| rate.is_fresh(self.now.wall) && !opening);
        let row = OnchainTx {
            txid: seen.txid,
            net_sat: seen.net_sat,
            fee_sat: seen.fee_sat,
            height: seen.height,
            first_at: known.as_ref().map_or_else(|| self.first_seen(seen, opening), |known| known.first_at),
            purpose,
            label: None,
            address: None,
            replaces: None,
            taken_at: None,
            fault: None,
            rate: rate.map(|rate| (rate.currency.code().to_owned(), rate.cents)),
            of_move,
        };
        self.tx.put_onchain(wallet, &row, made)?;
        let gone = known.as_ref().is_some_and(|known| known.net_sat != 0 && seen.net_sat == 0);
        let event = match known.as_ref() {
            _ if gone => "onchain_gone",
            None if seen.net_sat >= 0 => "onchain_received",
            None => "onchain_spent",
            Some(known) if known.height.is_some() && seen.height != known.height => "onchain_moved",
            Some(known) if known.height.is_none() && seen.height.is_some() => "onchain_confirmed",
            Some(_) => return Ok(()),
        };
        self.record(json!({
            "event": event, "txid": seen.txid.to_string(), "net_sat": seen.net_sat, "height": seen.height,
        }))
    }

    /// What was there before Kilosat looked happened when its block says.
    fn first_seen(&self, seen: &SeenTx, opening: bool) -> crate::domain::money::UnixMillis {
        match seen.block_s.filter(|_| opening) {
            Some(block_s) => crate::domain::money::UnixMillis(block_s.saturating_mul(1_000)).min(self.now.wall),
            None => self.now.wall,
        }
    }
}

/// Against which accounts a transaction is booked, in satoshis; together with what it adds they sum to zero.
pub(super) fn sides(purpose: &str, is_moved: bool, net_sat: i64, fee_sat: Option<u64>) -> [(&'static str, i64); 2] {
    // Only of what leaves a wallet is the fee ours.
    let fee = if net_sat < 0 { signed(fee_sat.unwrap_or(0)).min(-net_sat) } else { 0 };
    let other = match purpose {
        _ if is_moved => Posting::MOVING_AT_SAVINGS,
        "opening" => Posting::SAVINGS_OPENING,
        "received" => Posting::SAVINGS_RECEIVED,
        _ => Posting::SAVINGS_SENT,
    };
    match purpose {
        "opening" => [(other, -net_sat), (Posting::SAVINGS_FEES, 0)],
        _ => [(other, -net_sat - fee), (Posting::SAVINGS_FEES, fee)],
    }
}

fn signed(sat: u64) -> i64 {
    i64::try_from(sat).unwrap_or(i64::MAX)
}

/// Saturates: more than all money there is fits.
fn msat(sat: i64) -> i64 {
    sat.saturating_mul(1_000)
}

const NOT_COUNTED: &str = "The wallet holds another transaction for the newer one. Nothing was sent; look at what happened, and \
    begin again.";
const BELONGS: &str = "That transaction took the place of another one, or belongs to a move, so it cannot be given up. Nothing \
    was changed; make it faster instead.";
const WAS_TAKEN: &str = "A chain source has taken that transaction before, so it can still find a block. Nothing was changed; make \
    it faster instead.";
const NO_MOVE: &str = "The move that this transaction belongs to has ended or has begun already. Nothing was sent.";
const IMPOSSIBLE: &str = "a chain source tells of more bitcoin in your savings than there can be. Nothing of it was booked; use \
    another source.";
const SUPPLY_SAT: u64 = 2_100_000_000_000_000;
/// Key in the table `meta`, followed by a colon and a wallet's id.
pub(super) const SEARCHED: &str = "treasury_searched";
