//! What is done to a restored database before anybody can open it as theirs.

use serde_json::json;

use super::treasury::SEARCHED;
use super::{instance, lock};
use crate::domain::money::UnixMillis;
use crate::store::{Store, StoreError};

/// Locks automatic payments in a database that was in a backup of the instant `made`, and records why: the device that it
/// was made on may still run, so the owner has to say that it does not. What was open stays open. Savings are spent only after all their addresses were searched again: some may have been shown after the backup.
///
/// # Errors
/// [`StoreError`].
pub fn lock_restored(store: &mut Store, now: UnixMillis, made: UnixMillis, reason: &str) -> Result<(), StoreError> {
    let tx = store.begin()?;
    tx.record(now, &json!({"event": "restored", "made_at_ms": made.0}))?;
    tx.clear_metas(SEARCHED)?;
    instance::doubt_for(&tx, reason)?;
    lock(&tx, now, reason)?;
    tx.commit()
}
