//! What devices taught Kilosat about themselves, kept over restarts: a file that may be lost or damaged without harm, as
//! they teach it again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kilosat_drivers::modbus::{Learned, Splits};
use kilosat_drivers::profiles::Space;
use serde::{Deserialize, Serialize};

use crate::disk::replace;

/// The file in memory; clones are the same one.
#[derive(Clone, Debug)]
pub struct Memory {
    path: PathBuf,
    devices: Arc<Mutex<BTreeMap<String, Entry>>>,
    /// One writer at a time, so that the newest content is written last.
    writing: Arc<tokio::sync::Mutex<()>>,
}

/// What one device taught: it holds while the profile and the number on the label stay the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    profile: String,
    serial_number: i64,
    /// Where requests may not be joined, as the function that reads the table and the address.
    splits: Vec<(u8, u16)>,
}

impl Memory {
    /// Reads the file in the state directory.
    pub fn load(state_directory: &Path) -> Memory {
        let path = state_directory.join("devices.json");
        let text = std::fs::read(&path).ok().filter(|text| text.len() <= FILE_BYTES_MAX);
        let devices = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Memory { path, devices: Arc::new(Mutex::new(devices)), writing: Arc::default() }
    }

    /// What the device with this id and profile taught before.
    pub(super) fn of(&self, id: &str, profile: &str) -> Option<Learned> {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = devices.get(id).filter(|entry| entry.profile == profile)?;
        let splits = entry.splits.iter().filter_map(|(function, address)| Some((space(*function)?, *address)));
        Some(Learned { serial_number: entry.serial_number, splits: splits.collect() })
    }

    /// Keeps what the device taught, if it is anything new.
    pub(super) async fn keep(&self, id: &str, profile: &str, learned: &Learned) {
        let splits = places(&learned.splits);
        let writing = Arc::clone(&self.writing).lock_owned().await;
        let entry = Entry { profile: profile.to_owned(), serial_number: learned.serial_number, splits };
        let devices = {
            let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
            if devices.get(id) == Some(&entry) {
                return;
            }
            devices.insert(id.to_owned(), entry);
            devices.clone()
        };
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || {
            let _writing = writing;
            replace(&path, &serde_json::to_vec(&devices)?)
        })
        .await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!(
                device = id,
                ?written,
                "what it taught is not kept over a restart; it is learned again then"
            );
        }
    }
}

fn places(splits: &Splits) -> Vec<(u8, u16)> {
    splits.places().map(|(space, address)| (function(space), address)).collect()
}

fn function(space: Space) -> u8 {
    match space {
        Space::Coil => 1,
        Space::Discrete => 2,
        Space::Holding => 3,
        Space::Input => 4,
    }
}

fn space(function_of: u8) -> Option<Space> {
    [Space::Coil, Space::Discrete, Space::Holding, Space::Input]
        .into_iter()
        .find(|space| function(*space) == function_of)
}

const FILE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn what_was_learned_outlives_a_restart_and_a_damaged_file_is_an_empty_one() {
        let directory = tempfile::tempdir().unwrap();
        let splits: Splits =
            [(Space::Coil, 1), (Space::Discrete, 2), (Space::Holding, 3), (Space::Input, 4)].into_iter().collect();
        let learned = Learned { serial_number: 7, splits };
        Memory::load(directory.path()).keep("house", "eastron-sdm630", &learned).await;
        let memory = Memory::load(directory.path());
        assert_eq!(memory.of("house", "eastron-sdm630"), Some(learned.clone()));
        assert_eq!(memory.of("house", "eastron-sdm72d-m"), None, "another profile");
        assert_eq!(memory.of("cellar", "eastron-sdm630"), None);
        let path = directory.path().join("devices.json");
        let whole = std::fs::read(&path).unwrap();
        #[allow(clippy::disallowed_methods)] // a damaged file is what this test is about
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        let memory = Memory::load(directory.path());
        assert_eq!(memory.of("house", "eastron-sdm630"), None);
        memory.keep("house", "eastron-sdm630", &learned).await;
        assert_eq!(Memory::load(directory.path()).of("house", "eastron-sdm630"), Some(learned));
    }
}
