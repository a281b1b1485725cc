//! What was found in a wallet's own history, and how far that was read.

use rusqlite::params;

use super::{StoreError, Tx};
use crate::domain::invoice::PaymentHash;

impl Tx<'_> {
    /// Whether any wallet's history holds a payment with this hash that no payment of ours made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_stranger_anywhere(&self, hash: &PaymentHash) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM strangers WHERE hash = ?1)";
        Ok(self.prepared(sql)?.query_row([hash.0], |row| row.get(0))?)
    }

    /// Whether a payment that is not ours was found in the history of `service` before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_stranger(&self, service: &str, hash: &PaymentHash) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM strangers WHERE service = ?1 AND hash = ?2)";
        Ok(self.prepared(sql)?.query_row(params![service, hash.0], |row| row.get(0))?)
    }

    /// Notes a payment that is not ours: from `before` Kilosat used the wallet, or a stray one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_stranger(&self, service: &str, hash: &PaymentHash, before: bool) -> Result<(), StoreError> {
        let kind = if before { "before" } else { "stray" };
        let sql = "INSERT OR IGNORE INTO strangers (service, hash, kind) VALUES (?1, ?2, ?3)";
        self.prepared(sql)?.execute(params![service, hash.0, kind])?;
        Ok(())
    }
}
