//! The journal's rows: appended in the transaction of the change they record, verified at start.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Store, StoreError, Tx, optional};
use crate::domain::journal::{Entry, GENESIS, commitment, entry_hash, follow};
use crate::domain::money::UnixMillis;

/// One entry, for whoever follows what happens: numbered without gaps, written in the transaction of what it records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its number, which never changes.
    pub seq: u64,
    /// When it was written, ms since 1970.
    pub at_ms: u64,
    /// What happened; `None` where it was erased.
    pub entry: Option<serde_json::Value>,
}

impl JournalEntry {
    /// For whoever must not use what was paid for: the proof of a payment opens the ticket it bought.
    #[must_use]
    pub fn without_proof(mut self) -> JournalEntry {
        if let Some(fields) = self.entry.as_mut().and_then(serde_json::Value::as_object_mut) {
            fields.remove("preimage");
        }
        self
    }
}

impl Tx<'_> {
    /// Appends `payload` (one JSON object) to the chain.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn record(&self, at: UnixMillis, payload: &serde_json::Value) -> Result<(), StoreError> {
        let payload = payload.to_string();
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| StoreError::Damaged(format!("no entropy: {error}")))?;
        let (seq, previous) = self.journal_head()?;
        let seq = seq + 1;
        let commitment = commitment(&salt, &payload);
        let hash = entry_hash(&previous, seq, &commitment);
        self.prepared(
            "INSERT INTO journal (seq, at_ms, payload, salt, commitment, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![seq, at.0, payload, salt, commitment, hash])?;
        Ok(())
    }

    /// The entries after number `after`, oldest first, at most `most`; none when no number can be that large.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn journal_after(&self, after: u64, most: u32) -> Result<Vec<JournalEntry>, StoreError> {
        let sql = "SELECT seq, at_ms, payload FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2";
        let mut statement = self.prepared(sql)?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![after, most], journal_entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest entry as `(seq, hash)`; `(0, GENESIS)` in an empty journal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn journal_head(&self) -> Result<(u64, [u8; 32]), StoreError> {
        let head = self
            .prepared("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
        Ok(optional(head)?.unwrap_or((0, GENESIS)))
    }
}

/// A row of `seq, at_ms, payload`.
pub(super) fn journal_entry(row: &Row<'_>) -> rusqlite::Result<JournalEntry> {
    let payload: Option<String> = row.get(2)?;
    let entry = payload.and_then(|payload| serde_json::from_str(&payload).ok());
    Ok(JournalEntry { seq: row.get(0)?, at_ms: row.get(1)?, entry })
}

impl Store {
    /// Follows the chain over its last entries.
    pub(super) fn verify_journal_tail(&self) -> Result<(), StoreError> {
        let newest: u64 = self.connection.query_row("SELECT ifnull(max(seq), 0) FROM journal", [], |row| row.get(0))?;
        self.verify_journal_from(newest.saturating_sub(TAIL_ENTRIES)).map(|_| ())
    }

    /// Verifies every entry after number `after` and returns the head.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] at the first entry that does not continue the chain.
    pub fn verify_journal_from(&self, after: u64) -> Result<(u64, [u8; 32]), StoreError> {
        follow_from(&self.connection, after)
    }
}

/// The same over any connection.
pub(super) fn follow_from(sql: &Connection, after: u64) -> Result<(u64, [u8; 32]), StoreError> {
    let start: Option<[u8; 32]> =
        optional(sql.query_row("SELECT hash FROM journal WHERE seq = ?1", [after], |row| row.get(0)))?;
    let mut head = (after, start.unwrap_or(GENESIS));
    let mut statement =
        sql.prepare("SELECT seq, payload, salt, commitment, hash FROM journal WHERE seq > ?1 ORDER BY seq")?;
    for entry in statement.query_map([after], entry)? {
        head = follow(head, &entry?).map_err(|fault| StoreError::Damaged(fault.to_string()))?;
    }
    Ok(head)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let payload: Option<String> = row.get(1)?;
    let salt: Option<[u8; 16]> = row.get(2)?;
    Ok(Entry { seq: row.get(0)?, payload: salt.zip(payload), commitment: row.get(3)?, hash: row.get(4)? })
}

/// Entries verified at each start.
const TAIL_ENTRIES: u64 = 1_000;
