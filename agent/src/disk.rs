//! Files that a power cut leaves as they were, or as they are to be.

use std::fs::{File, OpenOptions, Permissions, rename};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Writes a file for this user only, in place of the one that may be there: complete and on disk when this returns.
///
/// # Errors
/// What the system says; the old file is still there then.
pub fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    write(path, content, 0o600)
}

/// The same, for whoever may use the file that is there now.
///
/// # Errors
/// What the system says; the old file is still there then.
pub fn replace_like(path: &Path, content: &[u8]) -> std::io::Result<()> {
    write(path, content, std::fs::metadata(path)?.permissions().mode() & 0o777)
}

fn write(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let partial = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()?;
    rename(&partial, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
