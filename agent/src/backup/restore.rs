//! Makes a state directory from a backup and the owner's words. No Kilosat runs on it meanwhile, and what it pays by
//! itself is locked before the database has the name under which it is opened.

use std::fs::{self, File, read_dir, remove_dir_all, remove_file, rename};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use bitcoin::Network;
use bitcoin::hex::DisplayHex as _;
use serde::Serialize;

use super::archive::{CONFIG, HISTORY, MONEY, Manifest, OpenFault, PROFILES, Part, unpack};
use super::{key, when};
use crate::agent::{AgentError, lock_state};
use crate::disk;
use crate::domain::money::UnixMillis;
use crate::engine::lock_restored;
use crate::keys::{KeyError, Seed};
use crate::store::{CopyFault, Store, StoreError, check_database};
use crate::vault::Vault;

/// What was restored, and from when it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Where it is now.
    pub state_directory: String,
    /// When the backup was made, ms since 1970.
    pub made_ms: u64,
    /// The house's name.
    pub name: String,
    /// The bitcoin network.
    pub network: String,
    /// The newest entry of the journal.
    pub journal_seq: u64,
    /// The configuration, which is in force only once it is put where Kilosat reads it.
    pub config_file: Option<String>,
    /// What was in the backup.
    pub parts: Vec<Part>,
    /// Why nothing is paid by itself until the owner has looked.
    pub lock: String,
    /// What cannot come from a backup.
    pub recovery: &'static str,
}

/// Why nothing was restored. The state directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreFault {
    /// They are none.
    #[error("these are not twelve or 24 valid words. Nothing was restored; compare them with your paper")]
    Words,
    /// Something is there already.
    #[error(
        "{0} is not empty, and what is in it would be lost. Nothing was restored; name another folder, or move what is there \
         to a safe place first"
    )]
    NotEmpty(String),
    /// A Kilosat runs there, or the folder cannot be used.
    #[error("{0}. Nothing was restored")]
    StateDirectory(String),
    /// The backup cannot be read.
    #[error("{file} could not be read ({source}). Nothing was restored")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The backup cannot be used.
    #[error("{file} cannot be restored: {fault}. Nothing was restored; try another backup")]
    Open {
        /// The file.
        file: String,
        /// Why.
        fault: OpenFault,
    },
    /// Something could not be written.
    #[error("the state could not be written to {path} ({source}). Nothing was restored; look at the disk")]
    Write {
        /// Where.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// For another network.
    #[error("the backup is for the {found} network, and this Kilosat is set to {wanted}. Nothing was restored")]
    OtherNetwork {
        /// The backup's.
        found: String,
        /// The one that is wanted.
        wanted: String,
    },
    /// The money database in it is not sound.
    #[error("the money database in the backup is damaged ({0}). Nothing was restored; try another backup")]
    Damaged(String),
    /// The money database in it cannot be opened.
    #[error("the money database in the backup cannot be used: {0}. Nothing was restored")]
    Store(#[from] StoreError),
    /// The words could not be written.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// Restores `file` with these words into `directory`, which is empty or does not exist; the words are kept there as `vault`
/// keeps them. With `network`, only a backup of that one.
///
/// # Errors
/// [`RestoreFault`]; what was written is removed again.
pub fn restore(
    file: &Path,
    words: &str,
    (directory, vault): (&Path, &Vault),
    network: Option<Network>,
    now: UnixMillis,
) -> Result<Restored, RestoreFault> {
    let seed = Seed::from_words(words).ok_or(RestoreFault::Words)?;
    require_empty(directory)?;
    let input = File::open(file).map_err(|source| RestoreFault::Unreadable { file: shown(file), source })?;
    let is_new = !directory.exists();
    let lock = lock_state(directory).map_err(in_use)?;
    let place = directory.join(PLACE);
    let restored = restore_into((BufReader::new(input), file), &seed, (directory, vault), network, now);
    let _ = remove_dir_all(&place);
    if restored.is_err() {
        clear(directory);
        drop(lock);
        if is_new {
            let _ = fs::remove_dir_all(directory);
        }
    }
    restored
}

/// Each is sound before the first of them is where Kilosat looks for it; the locked database comes first and the words
/// last, so that what a power cut leaves of this pays nothing and is refused next time.
fn restore_into(
    (input, file): (BufReader<File>, &Path),
    seed: &Seed,
    (directory, vault): (&Path, &Vault),
    network: Option<Network>,
    now: UnixMillis,
) -> Result<Restored, RestoreFault> {
    let place = directory.join(PLACE);
    fs::create_dir(&place).map_err(unwritten(&place))?;
    let manifest = unpack(input, &key::identity(seed), Some(&place))
        .map_err(|fault| RestoreFault::Open { file: shown(file), fault })?;
    let wanted = network.map_or_else(|| manifest.network.clone(), |network| network.to_string());
    if manifest.network != wanted {
        return Err(RestoreFault::OtherNetwork { found: manifest.network, wanted });
    }
    let lock = lock_sentence(&manifest);
    let money = place.join(MONEY);
    check(&money)?;
    lock_money(&money, &manifest, &lock, now)?;
    let mut config_file = None;
    for (from, to) in [(MONEY, MONEY), (HISTORY, HISTORY), (CONFIG, CONFIG_RESTORED), (PROFILES, PROFILES_RESTORED)] {
        let (from_path, to_path) = (place.join(from), directory.join(to));
        if !from_path.exists() {
            continue;
        }
        if from == HISTORY {
            check(&from_path)?;
        }
        rename(&from_path, &to_path).map_err(unwritten(&to_path))?;
        disk::sync_folder_of(&to_path).map_err(unwritten(&to_path))?;
        if from == CONFIG {
            config_file = Some(shown(&to_path));
        }
    }
    vault.keep_seed(directory, seed)?;
    let Manifest { network, made_ms, name, journal_seq, parts, .. } = manifest;
    let (state_directory, recovery) = (shown(directory), RECOVERY);
    Ok(Restored { state_directory, made_ms, name, network, journal_seq, config_file, parts, lock, recovery })
}

fn check(database: &Path) -> Result<(), RestoreFault> {
    check_database(database).map_err(|fault| match fault {
        CopyFault::Damaged(why) => RestoreFault::Damaged(why),
        fault => RestoreFault::Damaged(fault.to_string()),
    })
}

/// The whole journal is followed up to the entry that the manifest names, and what is paid by itself is locked.
fn lock_money(money: &Path, manifest: &Manifest, reason: &str, now: UnixMillis) -> Result<(), RestoreFault> {
    let mut store = Store::open(money, &manifest.network)?;
    let (seq, hash) = store.verify_journal_from(0)?;
    if (seq, hash.to_lower_hex_string()) != (manifest.journal_seq, manifest.journal_hash.clone()) {
        return Err(RestoreFault::Damaged("its journal ends elsewhere than it should".to_owned()));
    }
    lock_restored(&mut store, now, UnixMillis(manifest.made_ms), reason)?;
    // With the last connection, everything goes from the write-ahead log into the file itself.
    drop(store);
    if money.with_extension("db-wal").exists() {
        return Err(RestoreFault::Damaged("it could not be closed".to_owned()));
    }
    Ok(())
}

fn lock_sentence(manifest: &Manifest) -> String {
    format!(
        "This state comes from a backup of {}. What was paid after that is not in it, and the device that it was made on may \
         still run. Nothing is paid, and the built-in Lightning node stays off, until you say that no other one runs and \
         have compared the wallet's history with what is shown here.",
        when(manifest.made_ms)
    )
}

/// What stands in a new file system, and the file that says that nobody uses the folder, count as nothing.
fn require_empty(directory: &Path) -> Result<(), RestoreFault> {
    let entries = match read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(RestoreFault::Write { path: shown(directory), source }),
    };
    let is_nothing = |name: &std::ffi::OsStr| name == "lost+found" || name == "lock";
    let something = entries.map(|entry| entry.map(|entry| !is_nothing(&entry.file_name())).unwrap_or(true));
    if something.into_iter().any(|something| something) {
        return Err(RestoreFault::NotEmpty(shown(directory)));
    }
    Ok(())
}

/// The folder was empty, so all of it is ours; the words go first.
fn clear(directory: &Path) {
    for name in ["seed", MONEY, HISTORY, CONFIG_RESTORED] {
        let _ = remove_file(directory.join(name));
    }
    let _ = remove_dir_all(directory.join(PROFILES_RESTORED));
}

fn in_use(error: AgentError) -> RestoreFault {
    RestoreFault::StateDirectory(match error {
        AgentError::AlreadyRunning(path) => format!("a Kilosat runs on {path}; stop it first"),
        error => error.to_string(),
    })
}

fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> RestoreFault + use<> {
    let path: PathBuf = path.to_owned();
    move |source| RestoreFault::Write { path: shown(&path), source }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

impl Restored {
    /// What `kilosat restore` prints when it is done.
    pub fn as_text(&self) -> String {
        let directory = &self.state_directory;
        let mut lines = vec![
            format!(
                "\"{}\" was restored into {directory} as it was on {}, up to entry {} of its journal.",
                self.name,
                when(self.made_ms),
                self.journal_seq
            ),
            "The words, the money database and what else was in the backup are in place, and each was checked."
                .to_owned(),
            format!("PAYMENTS ARE LOCKED: {}", self.lock),
            self.recovery.to_owned(),
        ];
        if let Some(config) = &self.config_file {
            lines.push(format!(
                "The configuration is {config}. Look at it, set state_directory to {directory}, put it where Kilosat reads it \
                 (such as /etc/kilosat/kilosat.toml; profiles from profiles.restored into the folder profiles beside it), \
                 and look at it with: kilosat check --config FILE"
            ));
        }
        lines.push(
            "All of it must belong to the user that runs Kilosat. Set a new password on the page with the setup code from the \
             log; a wallet outside Kilosat needs its credential again."
                .to_owned(),
        );
        lines.push(
            "When Kilosat runs here and nowhere else: kilosat take-over --only-one. When the wallet was compared then: \
             kilosat unlock --compared. What is owed for a payment that is not \
             in the backup: kilosat credit"
                .to_owned(),
        );
        lines.join("\n")
    }
}

/// Said before and after: what a backup and the words bring back, and what they do not.
pub const RECOVERY: &str = "\
What comes back: savings on the chain, all of them, from the words; what was owed, paid and recorded, up to the moment of \
the backup; the settings.
What does not come back: what was paid after that moment, and what is in Lightning channels. Channels are never restored, \
because an old state of one can lose all of its money. The provider at the other end closes them, and the money then stands \
on the chain, under keys that follow from the words; this version does not collect it by itself, so keep the words. The \
balance of a wallet outside Kilosat is that wallet's business.";
const PLACE: &str = ".restoring";
pub(crate) const CONFIG_RESTORED: &str = "kilosat.toml.restored";
pub(crate) const PROFILES_RESTORED: &str = "profiles.restored";
