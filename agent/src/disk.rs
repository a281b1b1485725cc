//! Files that a power cut leaves as they were, or as they are to be.

use std::fs::{File, OpenOptions, Permissions, remove_file, rename};
use std::io::{ErrorKind, Write as _};
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

/// The same by a writer, for what is too long to be held in memory; for whoever may use such files there.
///
/// Where the disk knows no owners (a USB stick), the file is for everybody who may use the stick.
///
/// # Errors
/// What `fill` or the system says; the old file is still there then, and nothing of the new one.
pub fn replace_by<T>(path: &Path, fill: impl FnOnce(&mut File) -> std::io::Result<T>) -> std::io::Result<T> {
    let partial = path.with_extension("new");
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        let made = fill(&mut file)?;
        file.sync_all()?;
        rename(&partial, path)?;
        Ok(made)
    })();
    match written {
        Ok(made) => sync_folder_of(path).map(|()| made),
        Err(error) => {
            // What went wrong first is what the owner is told.
            let _ = remove_file(&partial);
            Err(error)
        }
    }
}

/// Makes what was renamed or removed beside `path` outlast a power cut, where the disk can do that.
///
/// # Errors
/// What the system says.
pub fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    match File::open(folder)?.sync_all() {
        // Some network drives know no such thing.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

fn write(path: &Path, content: &[u8], mode: u32) -> std::io::Result<()> {
    let partial = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()?;
    rename(&partial, path)?;
    sync_folder_of(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_full_disk_leaves_what_was_there_and_nothing_of_what_was_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.age");
        replace(&path, b"the one before").unwrap();
        let full = replace_by(&path, |file| {
            file.write_all(b"the first half")?;
            Err::<(), _>(ErrorKind::StorageFull.into())
        });
        assert_eq!(full.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"the one before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(replace_by(&path, |file| file.write_all(b"the new one").map(|()| 7)).unwrap(), 7);
        assert_eq!(std::fs::read(&path).unwrap(), b"the new one");
    }
}
