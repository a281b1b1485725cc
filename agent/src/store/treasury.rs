//! The on-chain wallet: what changed in it, and its transactions as the ledger has them.

use bitcoin::Txid;
use bitcoin::hashes::Hash as _;
use rusqlite::{Row, params};

use super::copy::{HAS_PAST, WORDS_HOLD_SOME};
use super::{StoreError, Tx, optional};
use crate::domain::money::UnixMillis;

/// One transaction as it is booked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnchainTx {
    /// Its id.
    pub txid: Txid,
    /// What the ledger has of it, in satoshis; zero once it counts no more.
    pub net_sat: i64,
    /// What it costs, where that is known.
    pub fee_sat: Option<u64>,
    /// The block that confirms it.
    pub height: Option<u32>,
    /// When it was first seen here.
    pub first_at: UnixMillis,
    /// `opening`, `received` or `sent`.
    pub purpose: String,
    /// What the owner wrote beside it.
    pub label: Option<String>,
    /// Where it pays to, where it was made here.
    pub address: Option<String>,
    /// It was made here, and replaces this one.
    pub replaces: Option<Txid>,
    /// A chain source took it then.
    pub taken_at: Option<UnixMillis>,
    /// The last trouble with sending it.
    pub fault: Option<String>,
    /// What a bitcoin cost when it was first seen: the currency and hundredths of it.
    pub rate: Option<(String, u64)>,
    /// The move between savings and spending money that it is part of.
    pub of_move: Option<i64>,
}

/// A draft whose owner signs it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnchainDraft {
    /// Its id.
    pub txid: Txid,
    /// It, in base64 (BIP 174).
    pub psbt: String,
    /// Where it pays to.
    pub address: String,
    /// The transaction that it replaces.
    pub replaces: Option<Txid>,
}

/// What a transaction made here brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeHere {
    /// All of it, as it is broadcast.
    pub raw: Vec<u8>,
    /// Where it pays to.
    pub address: String,
    /// What the owner wrote beside it.
    pub label: Option<String>,
    /// The one that it replaces.
    pub replaces: Option<Txid>,
}

impl Tx<'_> {
    /// Everything that changed in `wallet`, oldest first, with the number of each change.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn onchain_changes(&self, wallet: &str) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = "SELECT change, data FROM treasury_changes WHERE wallet = ?1 ORDER BY change";
        let mut statement = self.prepared(sql)?;
        let rows = statement.query_map([wallet], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether money is or was in an on-chain wallet or in the built-in node; with `all`, whether anything was paid or
    /// received at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn has_past(&self, all: bool) -> Result<bool, StoreError> {
        let sql = if all { HAS_PAST } else { WORDS_HOLD_SOME };
        Ok(self.prepared(sql)?.query_row([], |row| row.get(0))?)
    }

    /// Keeps what changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn add_onchain_change(&self, wallet: &str, data: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO treasury_changes (wallet, data) VALUES (?1, ?2)";
        self.prepared(sql)?.execute(params![wallet, data])?;
        Ok(())
    }

    /// Puts one change in the place of all up to number `to`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn merge_onchain_changes(&self, wallet: &str, to: i64, merged: &str) -> Result<(), StoreError> {
        self.prepared("DELETE FROM treasury_changes WHERE wallet = ?1 AND change <= ?2")?
            .execute(params![wallet, to])?;
        // Below every number that is still to come, so that it stays the first.
        self.prepared("INSERT INTO treasury_changes (change, wallet, data) VALUES (?1, ?2, ?3)")?
            .execute(params![to, wallet, merged])?;
        Ok(())
    }

    /// One transaction of `wallet`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn onchain_tx(&self, wallet: &str, txid: &Txid) -> Result<Option<OnchainTx>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM treasury_txs WHERE wallet = ?1 AND txid = ?2");
        optional(self.prepared(&sql)?.query_row(params![wallet, txid.to_byte_array()], read))
    }

    /// The newest transactions of `wallet`, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn onchain_txs(&self, wallet: &str, most: u32) -> Result<Vec<OnchainTx>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM treasury_txs WHERE wallet = ?1
             ORDER BY height IS NOT NULL, height DESC, first_ms DESC LIMIT ?2"
        );
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map(params![wallet, most], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Those that count in the ledger, or have a block.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn booked_onchain(&self, wallet: &str) -> Result<Vec<OnchainTx>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM treasury_txs WHERE wallet = ?1 AND (net_sat <> 0 OR height IS NOT NULL)");
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map([wallet], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Made here, in no block yet, and not replaced: each whole.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn onchain_to_send(&self, wallet: &str) -> Result<Vec<(Txid, Vec<u8>)>, StoreError> {
        let sql = "SELECT txid, raw FROM treasury_txs t WHERE wallet = ?1 AND raw IS NOT NULL AND height IS NULL
                   AND NOT EXISTS (SELECT 1 FROM treasury_txs r WHERE r.wallet = t.wallet AND r.replaces = t.txid)";
        let mut statement = self.prepared(sql)?;
        let rows = statement.query_map([wallet], |row| Ok((txid(row.get(0)?), row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes what counts of a transaction now. What was first known of it (when, what for, the price) stays.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_onchain(&self, wallet: &str, tx: &OnchainTx, made: Option<&MadeHere>) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO treasury_txs (wallet, txid, net_sat, fee_sat, height, first_ms, purpose, label, address, raw,
                       replaces, rate_currency, rate_cents, move)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
                   ON CONFLICT (wallet, txid) DO UPDATE SET net_sat = excluded.net_sat, fee_sat = excluded.fee_sat,
                       height = excluded.height, label = ifnull(excluded.label, label),
                       address = ifnull(excluded.address, address), raw = ifnull(excluded.raw, raw),
                       replaces = ifnull(excluded.replaces, replaces), move = ifnull(excluded.move, move)";
        let rate = tx.rate.as_ref();
        self.prepared(sql)?.execute(params![
            wallet,
            tx.txid.to_byte_array(),
            tx.net_sat,
            tx.fee_sat,
            tx.height,
            tx.first_at.0,
            tx.purpose,
            made.map_or(tx.label.as_deref(), |made| made.label.as_deref()),
            made.map_or(tx.address.as_deref(), |made| Some(made.address.as_str())),
            made.map(|made| made.raw.as_slice()),
            made.and_then(|made| made.replaces).or(tx.replaces).map(|txid| txid.to_byte_array()),
            rate.map(|(currency, _)| currency.as_str()),
            rate.map(|(_, cents)| *cents),
            tx.of_move,
        ])?;
        Ok(())
    }

    /// Notes what came of sending a transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_onchain_sent(
        &self,
        wallet: &str,
        txid: &Txid,
        fault: Option<&str>,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE treasury_txs SET fault = ?3, taken_ms = iif(?3 IS NULL, ?4, taken_ms)
                   WHERE wallet = ?1 AND txid = ?2";
        self.prepared(sql)?.execute(params![wallet, txid.to_byte_array(), fault, now.0])?;
        Ok(())
    }

    /// It is not sent any more; all of it comes back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_onchain_raw(&self, wallet: &str, txid: &Txid) -> Result<Option<Vec<u8>>, StoreError> {
        let found = "SELECT raw FROM treasury_txs WHERE wallet = ?1 AND txid = ?2";
        let raw = optional(self.prepared(found)?.query_row(params![wallet, txid.to_byte_array()], |row| row.get(0)))?;
        let forget = "UPDATE treasury_txs SET raw = NULL WHERE wallet = ?1 AND txid = ?2";
        self.prepared(forget)?.execute(params![wallet, txid.to_byte_array()])?;
        Ok(raw.flatten())
    }

    /// Writes beside a transaction what the owner says it was; false when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn label_onchain(&self, wallet: &str, txid: &Txid, label: Option<&str>) -> Result<bool, StoreError> {
        let sql = "UPDATE treasury_txs SET label = ?3 WHERE wallet = ?1 AND txid = ?2";
        Ok(self.prepared(sql)?.execute(params![wallet, txid.to_byte_array(), label])? == 1)
    }

    /// Keeps a draft for its signature.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_draft(&self, wallet: &str, draft: &OnchainDraft, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "INSERT INTO treasury_drafts (wallet, txid, psbt, address, made_ms, replaces)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT (wallet, txid) DO UPDATE SET made_ms = excluded.made_ms";
        let replaces = draft.replaces.map(|txid| txid.to_byte_array());
        let OnchainDraft { txid, psbt, address, .. } = draft;
        self.prepared(sql)?.execute(params![wallet, txid.to_byte_array(), psbt, address, now.0, replaces])?;
        // What nobody signed for long is not signed any more.
        let sql = "DELETE FROM treasury_drafts WHERE wallet = ?1 AND made_ms < ?2";
        self.prepared(sql)?.execute(params![wallet, now.0.saturating_sub(DRAFT_KEPT_MS)])?;
        Ok(())
    }

    /// A draft that was kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn kept_draft(&self, wallet: &str, txid: &Txid) -> Result<Option<OnchainDraft>, StoreError> {
        let sql = "SELECT txid, psbt, address, replaces FROM treasury_drafts WHERE wallet = ?1 AND txid = ?2";
        let read = |row: &Row<'_>| {
            Ok(OnchainDraft {
                txid: self::txid(row.get(0)?),
                psbt: row.get(1)?,
                address: row.get(2)?,
                replaces: row.get::<_, Option<_>>(3)?.map(self::txid),
            })
        };
        optional(self.prepared(sql)?.query_row(params![wallet, txid.to_byte_array()], read))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<OnchainTx> {
    let rate = row.get::<_, Option<String>>(10)?.zip(row.get(11)?);
    Ok(OnchainTx {
        txid: txid(row.get(0)?),
        net_sat: row.get(1)?,
        fee_sat: row.get(2)?,
        height: row.get(3)?,
        first_at: UnixMillis(row.get(4)?),
        purpose: row.get(5)?,
        label: row.get(6)?,
        address: row.get(7)?,
        replaces: row.get::<_, Option<_>>(12)?.map(txid),
        taken_at: row.get::<_, Option<_>>(8)?.map(UnixMillis),
        fault: row.get(9)?,
        rate,
        of_move: row.get(13)?,
    })
}

fn txid(bytes: [u8; 32]) -> Txid {
    Txid::from_byte_array(bytes)
}

const COLUMNS: &str = "txid, net_sat, fee_sat, height, first_ms, purpose, label, address, taken_ms, fault, rate_currency, \
    rate_cents, replaces, move";
const DRAFT_KEPT_MS: u64 = 90 * 86_400_000;
