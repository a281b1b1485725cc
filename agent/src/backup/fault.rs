//! Why there is no backup, in the owner's words.

use std::io;

use crate::keys::KeyError;
use crate::store::CopyFault;
use crate::tasks::{Unanswered, Uncopied};

/// Why no backup was made. What was there before is still there, and payments go on.
#[derive(Debug, thiserror::Error)]
pub enum BackupFault {
    /// Nobody said where to.
    #[error(
        "no folder for backups is set. Nothing was backed up; name one with --to, or as folder under [backup] in \
         kilosat.toml"
    )]
    NoFolder,
    /// It is not there.
    #[error(
        "the folder {0} is not there. Nothing was backed up, and no folder was made, because it would be on the wrong disk: \
         plug the stick in and see that it is mounted, or make the folder yourself"
    )]
    NoSuchFolder(String),
    /// Nothing can be written there.
    #[error(
        "nothing can be written to {folder} ({source}). Nothing was backed up, and older backups are still there; look at \
         the room on it and at who may write, under systemd also at ReadWritePaths="
    )]
    Write {
        /// The folder.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// It was not read back as it was written.
    #[error(
        "the backup {file} was written, but not read back as it was written ({why}). It was deleted, and older backups are \
         still there; use another stick or disk"
    )]
    NotReadBack {
        /// The file.
        file: String,
        /// What was wrong with it.
        why: String,
    },
    /// The copy would take room that payments need.
    #[error(
        "the disk that Kilosat is on has too little room for {0} MiB. Nothing was written, and payments go on; make room on \
         it"
    )]
    NoRoom(u64),
    /// What is to be in it cannot be read.
    #[error("{what} could not be read ({source}). Nothing was backed up; look at the disk and at who may read it")]
    Read {
        /// Which file.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A database could not be copied.
    #[error("{0}. Nothing was backed up, and payments go on; look at the disk or SD card")]
    Copy(#[from] CopyFault),
    /// The engine does not answer.
    #[error("{0}. Nothing was backed up")]
    Unanswered(#[from] Unanswered),
    /// There is no key.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Kilosat ended meanwhile.
    #[error("the backup was not finished, because Kilosat was ending")]
    Ended,
}

impl From<Uncopied> for BackupFault {
    fn from(fault: Uncopied) -> BackupFault {
        match fault {
            Uncopied::Unanswered(fault) => BackupFault::Unanswered(fault),
            Uncopied::Copy(fault) => BackupFault::Copy(fault),
        }
    }
}
