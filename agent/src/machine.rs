//! What tells this device and its disk from others, without saying which they are.

use std::collections::BTreeMap;
use std::fs::{metadata, read_to_string};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bitcoin::hashes::{Hash as _, sha256};
use rustix::fs::{major, minor};
use serde::{Deserialize, Serialize};

/// A device and the disk that a folder of it is on: what the kernel says of them, each a hash by its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine(BTreeMap<String, String>);

impl Machine {
    /// The one that this program runs on, and the disk that `folder` is on.
    pub fn here(folder: &Path) -> Machine {
        let mut known = BTreeMap::new();
        let mut note = |name: &str, told: Option<String>| known.extend(told.map(|told| (name.to_owned(), told)));
        match told(Path::new("/proc/device-tree/serial-number")) {
            Some(serial) => note("board", Some(serial)),
            None => note("installation", installation()),
        }
        if let Some(disk) = disk(folder) {
            for name in ["cid", "serial", "wwid"] {
                note(&format!("disk.{name}"), told(&disk.join("device").join(name)));
            }
            note("disk.id", told(&disk.join("wwid")));
        }
        Machine(known)
    }

    /// Whether something that both know differs. What only one knows says nothing: another kernel tells other things.
    pub fn is_another_than(&self, other: &Machine) -> bool {
        self.0.iter().any(|(name, told)| other.0.get(name).is_some_and(|known| known != told))
    }

    /// This one, with what was known of it before and is not told now.
    pub fn with_what_is_known_of(mut self, before: &Machine) -> Machine {
        for (name, told) in &before.0 {
            self.0.entry(name.clone()).or_insert_with(|| told.clone());
        }
        self
    }
}

fn installation() -> Option<String> {
    // systemd makes a new id at every start where the one in /etc cannot be written, and keeps it there.
    let is_lasting = !Path::new("/run/machine-id").exists();
    told(Path::new("/etc/machine-id")).filter(|_| is_lasting)
}

/// A part of a disk has its disk one folder above it.
fn disk(folder: &Path) -> Option<PathBuf> {
    let device = metadata(folder).ok()?.dev();
    let block = PathBuf::from(format!("/sys/dev/block/{}:{}", major(device), minor(device))).canonicalize().ok()?;
    if block.join("partition").exists() { block.parent().map(Path::to_owned) } else { Some(block) }
}

/// The first line of a short file, hashed.
fn told(path: &Path) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
    (!text.is_empty()).then(|| sha256::Hash::hash(text.as_bytes()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(known: &[(&str, &str)]) -> Machine {
        Machine(known.iter().map(|(name, told)| ((*name).to_owned(), (*told).to_owned())).collect())
    }

    #[test]
    fn another_card_or_another_board_is_another_machine_and_silence_is_none() {
        let before = machine(&[("board", "this"), ("disk.wwid", "card")]);
        assert!(!before.is_another_than(&before));
        assert!(machine(&[("board", "this"), ("disk.wwid", "another")]).is_another_than(&before));
        assert!(machine(&[("board", "another")]).is_another_than(&before));
        // A kernel that tells less, more, or other things.
        let newer = machine(&[("board", "this"), ("disk.serial", "card's")]);
        assert!(!newer.is_another_than(&before));
        assert!(!machine(&[]).is_another_than(&before));
        let kept = newer.with_what_is_known_of(&before);
        assert!(machine(&[("disk.wwid", "another")]).is_another_than(&kept), "what is not told now is not forgotten");
    }

    #[test]
    fn this_machine_is_the_same_twice() {
        let folder = std::env::temp_dir();
        assert_eq!(Machine::here(&folder), Machine::here(&folder));
    }
}
