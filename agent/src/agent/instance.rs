//! The file beside money.db that says which state this is, how often it was started, and where.

use std::fs::read;
use std::path::Path;

use bitcoin::hex::DisplayHex as _;

use super::AgentError;
use crate::clock::Clock;
use crate::disk::replace;
use crate::engine::{Belonging, Instance, belongs};
use crate::keys::KeyError;
use crate::machine::Machine;
use crate::store::Store;

/// Notes another start of the state in `directory`. What comes back says why it is doubtful that this state is the only one
/// and the newest, if it is: payments are locked then, and the built-in node must not run.
///
/// # Errors
/// [`AgentError`].
pub(super) fn note_start(directory: &Path, store: &mut Store, clock: &Clock) -> Result<Option<String>, AgentError> {
    let path = directory.join(FILE);
    let write = |instance: &Instance| {
        let text = serde_json::to_vec(instance).unwrap_or_default();
        let unwritten = |source| AgentError::StateDirectory { path: path.display().to_string(), source };
        replace(&path, &text).map_err(unwritten)
    };
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(KeyError::Entropy)?;
    // An unreadable file is one that is not there: what money.db says alone is doubtful.
    let mut kept = read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
    loop {
        let now = clock.now().wall;
        match belongs(store, now, kept, Machine::here(directory), || id.to_lower_hex_string())? {
            Belonging::First(instance) => {
                write(&instance)?;
                kept = Some(instance);
            }
            Belonging::Same(instance) => return write(&instance).map(|()| None),
            Belonging::Doubtful(doubt) => return Ok(Some(doubt)),
        }
    }
}

const FILE: &str = "instance.json";
