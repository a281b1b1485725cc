//! From a TOML text to a checked [`Profile`]; the same for what is built in and for what an owner adds.
//!
//! `drivers/profiles/README.md` explains every key with an example. Unknown keys are errors, and so is everything that
//! cannot be read off a device without guessing.

mod check;
mod header;
mod point;
pub(super) mod table;
mod units;

use toml_edit::Document;

use super::Profile;
use check::check;
use header::read_profile;
use table::{Table, shown};

/// Why a profile is not used: which file, which point and key, what is wrong and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}: {text}")]
pub struct ProfileFault {
    /// The file, as the caller named it.
    pub file: String,
    /// The point and the key, or the line.
    pub place: String,
    /// What is wrong and what would be right.
    pub text: String,
}

/// Reads one profile; `file` is named in faults.
///
/// # Errors
/// [`ProfileFault`] with the first mistake.
pub fn load(text: &str, file: &str) -> Result<Profile, ProfileFault> {
    let fault = |place: String, text: String| ProfileFault { file: shown(file), place, text };
    if text.len() > FILE_BYTES_MAX {
        return Err(fault("the file".to_owned(), format!("is larger than {FILE_BYTES_MAX} bytes; shorten it")));
    }
    let document = Document::parse(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
        let what = error.message().split('\n').next().unwrap_or_default();
        fault(format!("line {line}"), format!("cannot be read ({}); write key = value", shown(what)))
    })?;
    let root = Table::root(file, text, document.as_table());
    let profile = read_profile(&root)?;
    check(&profile, &root)?;
    Ok(profile)
}

/// More than the largest meter needs.
pub(super) const FILE_BYTES_MAX: usize = 64 << 10;
