//! Files that a power cut leaves as they were, or as they are to be.

use std::fs::{File, OpenOptions, rename};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Writes a file for this user only, in place of the one that may be there: complete and on disk when this returns.
///
/// # Errors
/// What the system says; the old file is still there then.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    rename(&partial, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
