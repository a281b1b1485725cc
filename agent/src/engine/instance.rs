//! Whether this state is the only one of its kind: it stays on its machine, and never goes back in time
//! (`reliability-security`, rule 6.11). It is written into money.db and into a file beside it, and the two go on together.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::lock;
use crate::domain::money::UnixMillis;
use crate::machine::Machine;
use crate::store::{Store, StoreError, Tx};

/// What stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Random; another one for each first start.
    pub id: String,
    /// How often it was started. Zero: its first start is being made.
    pub starts: u64,
    /// Where.
    pub machine: Machine,
}

/// What stands in money.db.
#[derive(Serialize, Deserialize)]
struct Known {
    id: String,
    starts: u64,
}

/// How a start goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// This is to be written to the file before anything else is done, and then it is to be asked again.
    First(Instance),
    /// This is to be written to the file.
    Same(Instance),
    /// Nothing is paid, and no Lightning node may run on this state, for this reason.
    Doubtful(String),
}

/// Looks whether the state in `store` is the one that was here at the last start, with what the file beside it says. What is
/// doubtful is locked until the owner says that no other one runs.
///
/// # Errors
/// [`StoreError`].
pub fn belongs(
    store: &mut Store,
    now: UnixMillis,
    kept: Option<Instance>,
    machine: Machine,
    fresh_id: impl FnOnce() -> String,
) -> Result<Belonging, StoreError> {
    let tx = store.begin()?;
    let text = tx.meta(INSTANCE)?;
    let begins_anew = text.as_deref() == Some(ANEW);
    let known = text.and_then(|text| serde_json::from_str::<Known>(&text).ok());
    let old_doubt = tx.meta(DOUBT)?;
    let new_doubt = match (&old_doubt, begins_anew) {
        (None, false) => doubt(&tx, known.as_ref(), kept.as_ref(), &machine)?.map(str::to_owned),
        _ => None,
    };
    if let Some(doubt) = &new_doubt {
        tx.record(now, &json!({"event": "doubtful", "reason": doubt}))?;
        tx.set_meta(DOUBT, doubt)?;
    }
    if let Some(doubt) = old_doubt.or(new_doubt) {
        lock(&tx, now, &doubt)?;
        tx.commit()?;
        return Ok(Belonging::Doubtful(doubt));
    }
    let next = match (known, kept) {
        (Some(known), kept) => {
            // A start that a power cut ended before the file was written is not counted twice.
            let counts = kept.as_ref().is_none_or(|kept| kept.starts >= known.starts);
            let before = kept.map(|kept| kept.machine).unwrap_or_default();
            let machine = machine.with_what_is_known_of(&before);
            Instance { id: known.id, starts: known.starts.saturating_add(u64::from(counts)), machine }
        }
        (None, Some(kept)) if kept.starts == 0 => Instance { starts: 1, machine, ..kept },
        (None, _) => return Ok(Belonging::First(Instance { id: fresh_id(), starts: 0, machine })),
    };
    let text = serde_json::to_string(&Known { id: next.id.clone(), starts: next.starts }).unwrap_or_default();
    tx.set_meta(INSTANCE, &text)?;
    tx.commit()?;
    Ok(Belonging::Same(next))
}

/// A power cut between the two leaves money.db one start ahead of the file, never behind it.
fn doubt(
    tx: &Tx<'_>,
    known: Option<&Known>,
    kept: Option<&Instance>,
    machine: &Machine,
) -> Result<Option<&'static str>, StoreError> {
    Ok(match (known, kept) {
        // A first start that a power cut ended wrote the file only.
        (None, Some(kept)) if kept.starts == 0 => None,
        (None, Some(_)) if tx.journal_head()?.0 == 0 => Some(EMPTY),
        (None, Some(_)) => Some(OLDER),
        // Money.db alone is older than this file, or new.
        (None, None) => None,
        (Some(_), None) => Some(ALONE),
        (Some(known), Some(kept)) if known.id != kept.id => Some(ALONE),
        (Some(known), Some(kept)) if known.starts < kept.starts => Some(OLDER),
        (Some(known), Some(kept)) if known.starts > kept.starts.saturating_add(1) => Some(ALONE),
        (Some(_), Some(kept)) if machine.is_another_than(&kept.machine) => Some(MOVED),
        (Some(_), Some(_)) => None,
    })
}

/// The next start is the first of a new instance, whatever the file beside it says.
pub(super) fn begin_anew(tx: &Tx<'_>) -> Result<(), StoreError> {
    tx.clear_meta(DOUBT)?;
    tx.set_meta(INSTANCE, ANEW)
}

/// Makes it doubtful, for this reason, that the state is the only one.
pub(super) fn doubt_for(tx: &Tx<'_>, reason: &str) -> Result<(), StoreError> {
    tx.set_meta(DOUBT, reason)
}

/// Why it is doubtful whether this state is the only one, if it is.
pub(super) fn is_doubtful(tx: &Tx<'_>) -> Result<bool, StoreError> {
    Ok(tx.meta(DOUBT)?.is_some())
}

/// Keys in the table `meta`.
const INSTANCE: &str = "instance";
const DOUBT: &str = "instance_doubt";
/// In place of [`Known`].
const ANEW: &str = "anew";
const MOVED: &str = "This state was last used on another device or another card. If both run, they pay twice, and what is in \
    Lightning channels can be lost. Nothing is paid, and the built-in Lightning node stays off, until you say that no other \
    one runs.";
const OLDER: &str = "The money database is older than it was at the last start, so an older copy was put in its place. What \
    was paid in between is not in it. Nothing is paid, and the built-in Lightning node stays off, until you say that this one \
    is to go on.";
const ALONE: &str = "The money database and the file instance.json beside it do not belong together, so one of them was \
    copied here from elsewhere. Nothing is paid, and the built-in Lightning node stays off, until you say that no other \
    Kilosat runs with this state.";
const EMPTY: &str = "The money database that was here is gone, and a new one was begun. What was paid and owed is not in it; \
    if you have a backup, restore it. Nothing is paid, and the built-in Lightning node stays off, until you say that you go \
    on without.";
