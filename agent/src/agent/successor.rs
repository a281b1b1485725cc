//! What waits beside the state to take its place at the next start: other words, or with them all that was in a backup.
//!
//! It waits in the folder `next`, whole once the words are in it. What was there before is never deleted: it ends in a folder
//! named after the instant.

use std::fs::{File, create_dir, remove_dir_all, remove_file, rename};
use std::io;
use std::path::{Path, PathBuf};

use crate::backup::{CONFIG_RESTORED, PROFILES_RESTORED};
use crate::disk::{replace, sync_folder_of};
use crate::domain::money::UnixMillis;
use crate::keys::{KeyError, Seed};
use crate::store::is_without_past;
use crate::vault::Vault;

/// Lets `seed` wait to take the place of the words in `directory`, and of the Lightning node that follows from them.
///
/// # Errors
/// What the system says; something of it may be there then.
pub(crate) fn let_words_wait(directory: &Path, vault: &Vault, seed: &Seed, is_written_down: bool) -> io::Result<()> {
    let next = directory.join(NEXT);
    let _ = remove_dir_all(&next);
    create_dir(&next)?;
    if is_written_down {
        replace(&next.join(WORDS_CHECKED), b"")?;
    }
    vault.keep_seed(&next, seed).map_err(|fault| match fault {
        KeyError::Io { source, .. } => source,
        other => io::Error::other(other),
    })?;
    sync_folder_of(&next)
}

/// Removes what waits when it is dropped, unless it was kept.
pub(crate) struct NothingWaits(Option<PathBuf>);

impl NothingWaits {
    pub(crate) fn unless_kept(directory: &Path) -> NothingWaits {
        NothingWaits(Some(directory.join(NEXT)))
    }

    pub(crate) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for NothingWaits {
    fn drop(&mut self) {
        if let Some(next) = self.0.take() {
            forget(&next);
        }
    }
}

/// The words go first: without them nothing of it counts.
fn forget(next: &Path) {
    let _ = remove_file(next.join(SEED));
    let _ = remove_dir_all(next);
}

/// Puts what waits in the place of what is there, if anything waits and still may. A power cut in between is made good by
/// calling it again. Nothing of the state is open meanwhile. Whether the state is another one then.
///
/// # Errors
/// What the system says.
pub(super) fn take_place(directory: &Path, now: UnixMillis) -> io::Result<bool> {
    let next = directory.join(NEXT);
    let (former, moved) = (next.join(FORMER), next.join(MOVED));
    if !moved.exists() {
        if !next.join(SEED).exists() {
            // What a power cut left of something that was to wait.
            if next.exists() {
                remove_dir_all(&next)?;
            }
            return Ok(false);
        }
        let money = directory.join(MONEY);
        // A database that cannot be read says so itself in a moment.
        let may_take = !money.exists() || is_without_past(&money, next.join(MONEY).exists()).unwrap_or(false);
        if !may_take {
            tracing::warn!("something was paid or received after other words were put in; they count for nothing");
            forget(&next);
            return Ok(false);
        }
        if !former.exists() {
            create_dir(&former)?;
        }
        let with_money = next.join(MONEY).exists();
        let leaving = OF_THE_WORDS.iter().chain(OF_THE_MONEY.iter().filter(|_| with_money));
        move_all(directory, &former, leaving)?;
        replace(&moved, b"")?;
    }
    move_all(&next, directory, OF_THE_MONEY.iter().chain(&OF_THE_WORDS))?;
    let kept = directory.join(format!("{FORMER}-{}", now.0));
    rename(&next, &kept)?;
    sync_folder_of(&next)?;
    tracing::info!("the state was replaced; the former one is in {}", kept.display());
    Ok(true)
}

fn move_all<'name>(from: &Path, to: &Path, names: impl Iterator<Item = &'name &'static str>) -> io::Result<()> {
    for name in names {
        let (source, target): (PathBuf, PathBuf) = (from.join(name), to.join(name));
        if source.exists() {
            rename(source, target)?;
        }
    }
    for folder in [from, to] {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The owner has proven that the words are written down.
pub(crate) const WORDS_CHECKED: &str = "words-checked";
pub(crate) const NEXT: &str = "next";
const FORMER: &str = "former";
/// All that was there is in `former`.
const MOVED: &str = "moved";
const SEED: &str = "seed";
const MONEY: &str = "money.db";
/// The words come last.
const OF_THE_WORDS: [&str; 5] = ["node.db-wal", "node.db-shm", "node.db", WORDS_CHECKED, SEED];
const OF_THE_MONEY: [&str; 11] = [
    "money.db-wal",
    "money.db-shm",
    MONEY,
    "history.db-wal",
    "history.db-shm",
    "history.db",
    "history.journal",
    "instance.json",
    "backup.json",
    CONFIG_RESTORED,
    PROFILES_RESTORED,
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::store::{Posting, Store};

    const NOW: UnixMillis = UnixMillis(7);

    fn put(directory: &Path, names: &[&str], text: &str) {
        for name in names {
            replace(&directory.join(name), text.as_bytes()).unwrap();
        }
    }

    fn read(directory: &Path, name: &str) -> Option<String> {
        std::fs::read_to_string(directory.join(name)).ok()
    }

    /// A used state, and the waiting words.
    fn state() -> (tempfile::TempDir, Seed) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &["seed", "node.db", "words-checked", "history.db", "instance.json", "kilosat.pem"], "old");
        Store::open(&folder.path().join(MONEY), "regtest").unwrap();
        let seed = Seed::from_words(&format!("{}about", "abandon ".repeat(11))).unwrap();
        (folder, seed)
    }

    #[test]
    fn other_words_take_the_place_of_those_before_and_of_their_node_and_nothing_else() {
        let (folder, seed) = state();
        let path = folder.path();
        take_place(path, NOW).unwrap();
        assert_eq!(read(path, "seed").as_deref(), Some("old"), "nothing waits");
        let_words_wait(path, &Vault::plain(path), &seed, false).unwrap();
        take_place(path, NOW).unwrap();
        take_place(path, NOW).unwrap();
        assert!(read(path, "seed").unwrap().starts_with("abandon"));
        assert_eq!((read(path, "node.db"), read(path, "words-checked")), (None, None));
        assert!(path.join(MONEY).exists());
        assert_eq!(read(path, "history.db").as_deref(), Some("old"));
        let former = path.join("former-7/former");
        for name in ["seed", "node.db", "words-checked"] {
            assert_eq!(read(&former, name).as_deref(), Some("old"), "{name}");
        }
        assert!(!path.join(NEXT).exists());
    }

    #[test]
    fn whatever_the_power_does_the_state_is_the_one_before_or_the_one_after() {
        // The steps of taking the place, cut after each of them.
        for cut in 0..9 {
            let (folder, seed) = state();
            let path = folder.path();
            let_words_wait(path, &Vault::plain(path), &seed, true).unwrap();
            let next = path.join(NEXT);
            put(&next, &["money.db"], "new");
            let steps: [&dyn Fn(); 8] = [
                &|| create_dir(next.join(FORMER)).unwrap(),
                &|| rename(path.join("node.db"), next.join("former/node.db")).unwrap(),
                &|| rename(path.join("seed"), next.join("former/seed")).unwrap(),
                &|| {
                    for name in ["words-checked", "money.db", "history.db", "instance.json"] {
                        rename(path.join(name), next.join(FORMER).join(name)).unwrap();
                    }
                },
                &|| put(&next, &[MOVED], ""),
                &|| rename(next.join("money.db"), path.join("money.db")).unwrap(),
                &|| rename(next.join("words-checked"), path.join("words-checked")).unwrap(),
                &|| rename(next.join("seed"), path.join("seed")).unwrap(),
            ];
            for step in steps.iter().take(cut) {
                step();
            }
            take_place(path, NOW).unwrap();
            assert!(read(path, "seed").unwrap().starts_with("abandon"), "cut {cut}");
            assert_eq!(read(path, "money.db").as_deref(), Some("new"), "cut {cut}");
            assert_eq!(
                (read(path, "words-checked").as_deref(), read(path, "instance.json")),
                (Some(""), None),
                "{cut}"
            );
            let former = path.join("former-7/former");
            assert!(former.join(MONEY).exists(), "cut {cut}");
            for name in ["seed", "node.db", "words-checked", "history.db", "instance.json"] {
                assert_eq!(read(&former, name).as_deref(), Some("old"), "cut {cut}: {name}");
            }
            assert_eq!(read(path, "kilosat.pem").as_deref(), Some("old"));
        }
    }

    #[test]
    fn what_was_to_wait_and_is_not_whole_takes_no_place() {
        let (folder, _) = state();
        create_dir(folder.path().join(NEXT)).unwrap();
        put(&folder.path().join(NEXT), &["money.db"], "half");
        assert!(!take_place(folder.path(), NOW).unwrap());
        assert_ne!(read(folder.path(), "money.db").as_deref(), Some("half"));
        assert!(!folder.path().join(NEXT).exists());
        assert_eq!(read(folder.path(), "seed").as_deref(), Some("old"));
    }

    #[test]
    fn what_waits_counts_for_nothing_once_money_is_under_the_words_that_it_would_replace() {
        let (folder, seed) = state();
        let path = folder.path();
        let pay = |account: &str| {
            let mut store = Store::open(&path.join(MONEY), "regtest").unwrap();
            let tx = store.begin().unwrap();
            tx.post(NOW, None, &[Posting(account, 1), Posting(Posting::SUSPENSE, -1)]).unwrap();
            tx.commit().unwrap();
        };
        pay(&Posting::wallet("phoenixd"));
        let_words_wait(path, &Vault::plain(path), &seed, false).unwrap();
        assert!(take_place(path, NOW).unwrap(), "what a wallet outside holds is not under these words");
        put(path, &["seed"], "old");
        pay(&Posting::wallet("node"));
        let_words_wait(path, &Vault::plain(path), &seed, false).unwrap();
        assert!(!take_place(path, NOW).unwrap());
        assert_eq!(read(path, "seed").as_deref(), Some("old"));
        assert!(!path.join(NEXT).exists());
    }

    #[test]
    fn what_fails_before_it_is_whole_leaves_nothing_that_waits() {
        let (folder, seed) = state();
        let nothing_waits = NothingWaits::unless_kept(folder.path());
        let_words_wait(folder.path(), &Vault::plain(folder.path()), &seed, false).unwrap();
        drop(nothing_waits);
        assert!(!folder.path().join(NEXT).exists());
        let nothing_waits = NothingWaits::unless_kept(folder.path());
        let_words_wait(folder.path(), &Vault::plain(folder.path()), &seed, false).unwrap();
        nothing_waits.keep();
        assert!(folder.path().join(NEXT).exists());
    }
}
