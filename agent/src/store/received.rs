//! What came in.

use rusqlite::params;

use super::{StoreError, Tx};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};

impl Tx<'_> {
    /// Whether money came in under `hash`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn was_received(&self, hash: &PaymentHash) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM received WHERE hash = ?1)";
        Ok(self.prepared(sql)?.query_row([hash.0], |row| row.get(0))?)
    }

    /// Notes money that came in; false when this hash was noted before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_received(&self, hash: &PaymentHash, amount: Msat, now: UnixMillis) -> Result<bool, StoreError> {
        let sql = "INSERT OR IGNORE INTO received (hash, amount_msat, at_ms) VALUES (?1, ?2, ?3)";
        Ok(self.prepared(sql)?.execute(params![hash.0, amount.0, now.0])? == 1)
    }
}
