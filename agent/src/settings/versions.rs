//! Former versions of `kilosat.toml`, in a folder of the state directory: the last ten.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::disk;
use crate::domain::money::UnixMillis;

/// A text that was in force once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number.
    pub number: u64,
    /// Until when it was in force, ms since 1970.
    pub until_ms: u64,
    /// What was done then.
    pub what: String,
}

/// The folder.
pub(super) struct Versions {
    directory: PathBuf,
}

impl Versions {
    pub(super) fn in_directory(directory: &Path) -> Versions {
        Versions { directory: directory.to_owned() }
    }

    /// Newest first. A list that cannot be read is begun anew.
    pub(super) fn list(&self) -> Vec<Version> {
        let read = std::fs::read(self.index()).ok();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn text(&self, number: u64) -> Option<String> {
        self.list().iter().find(|version| version.number == number)?;
        std::fs::read_to_string(self.file(number)).ok()
    }

    /// Keeps `text`, which was in force until now, and forgets the oldest beyond ten.
    pub(super) fn keep(&self, text: &str, what: &str, at: UnixMillis) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let mut list = self.list();
        let number = list.first().map_or(1, |newest| newest.number + 1);
        disk::replace(&self.file(number), text.as_bytes())?;
        list.insert(0, Version { number, until_ms: at.0, what: what.to_owned() });
        let forgotten = list.split_off(list.len().min(KEPT_MAX));
        disk::replace(&self.index(), &serde_json::to_vec(&list).map_err(io::Error::other)?)?;
        for version in forgotten {
            // One that stays is in nobody's way.
            let _ = std::fs::remove_file(self.file(version.number));
        }
        Ok(())
    }

    fn index(&self) -> PathBuf {
        self.directory.join("versions.json")
    }

    fn file(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{number}.toml"))
    }
}

const KEPT_MAX: usize = 10;
