//! What is done to a restored database before anybody can open it as theirs.

use serde_json::json;

use super::lock;
use crate::domain::money::UnixMillis;
use crate::store::{Store, StoreError};

/// Locks automatic payments in a database that was in a backup of the instant `made`, and records why. Nothing else of it
/// is changed: what was open stays open.
///
/// # Errors
/// [`StoreError`].
pub fn lock_restored(store: &mut Store, now: UnixMillis, made: UnixMillis, reason: &str) -> Result<(), StoreError> {
    let tx = store.begin()?;
    tx.record(now, &json!({"event": "restored", "made_at_ms": made.0}))?;
    lock(&tx, now, reason)?;
    tx.commit()
}
