//! Backups: one encrypted file with the money database and the configuration, read back after it was written.
//!
//! The owner's words open every backup and nothing else does: it is encrypted to a key that follows from them. In no backup
//! are the words themselves, `node.db` (the state of Lightning channels must never come from a backup: an old one loses the
//! money), the page's password, certificate and access tokens, and credentials of wallets outside.

mod archive;
mod digest;
mod fault;
mod key;
mod maker;
mod names;
mod restore;
mod schedule;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

pub use self::archive::{Manifest, OpenFault, Part};
pub use self::fault::BackupFault;
pub(crate) use self::maker::{SCRATCH, require_room};
pub(crate) use self::restore::{CONFIG_RESTORED, PROFILES_RESTORED};
pub use self::restore::{RECOVERY, RestoreFault, Restored, restore};
pub use self::schedule::run;
use crate::clock::Now;
use crate::config::BackupSettings;
use crate::disk;
use crate::engine::Event;
use crate::status::{BackupStatus, StatusSource};

/// Makes backups, one at a time, and remembers what became of them, also over a restart. Clones share both.
#[derive(Clone, Debug)]
pub struct Backups {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    directory: PathBuf,
    memory: Mutex<Memory>,
    turn: tokio::sync::Mutex<()>,
}

/// What stands in `backup.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// To whom backups are encrypted: what is used when the words are not on this machine.
    recipient: Option<String>,
    /// The newest that is good.
    last: Option<Made>,
    /// Why the one after it failed, if it did.
    failed: Option<Failed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Failed {
    at_ms: u64,
    why: String,
}

/// A backup that was written, and read back as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// Where it is.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// When it was made, ms since 1970.
    pub made_ms: u64,
    /// It was also opened with the owner's words, and every part of it compared.
    pub opened: bool,
    /// It is on the disk that Kilosat itself is on.
    pub same_disk: bool,
    /// What it holds.
    pub parts: Vec<Part>,
    /// The newest entry of the journal in it.
    pub journal_seq: u64,
    /// Older backups that were deleted for it, by name.
    pub deleted: Vec<String>,
}

/// Where a backup goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The folder of the configuration; older ones of ours are deleted there when there are enough.
    Configured,
    /// Another folder, in which nothing is deleted.
    Folder(PathBuf),
}

impl Backups {
    /// Reads what became of earlier ones, and removes what a crash left of one.
    pub fn open(directory: &Path) -> Backups {
        maker::clear(directory);
        let text = std::fs::read(directory.join(MEMORY)).ok().filter(|text| text.len() <= MEMORY_BYTES_MAX);
        let memory = text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let shared = Shared { directory: directory.to_owned(), memory: Mutex::new(memory), turn: Default::default() };
        Backups { shared: Arc::new(shared) }
    }

    /// Those of before a new start, where the state directory is still the same.
    pub fn going_on(before: Option<Backups>, directory: &Path) -> Backups {
        let before = before.filter(|before| before.shared.directory == directory);
        before.unwrap_or_else(|| Backups::open(directory))
    }

    /// Whether one is being made.
    pub fn is_busy(&self) -> bool {
        self.shared.turn.try_lock().is_err()
    }

    /// What the page and the CLI show; `None` where there is none and none is wanted.
    pub fn status(&self, settings: &BackupSettings, now: Now) -> Option<BackupStatus> {
        let Memory { last, failed, .. } = self.memory().clone();
        if settings.folder.is_none() && last.is_none() {
            return None;
        }
        let made_ms = last.as_ref().map(|last| last.made_ms);
        let is_old =
            settings.folder.is_some() && made_ms.is_some_and(|made| now.wall.0.saturating_sub(made) > OLD_AFTER_MS);
        Some(BackupStatus {
            folder: settings.folder.as_ref().map(|folder| folder.display().to_string()),
            made_ms,
            file: last.as_ref().map(|last| last.file.clone()),
            bytes: last.as_ref().map_or(0, |last| last.bytes),
            opened: last.as_ref().is_some_and(|last| last.opened),
            same_disk: last.is_some_and(|last| last.same_disk),
            is_old,
            fault: failed.filter(|_| settings.folder.is_some()).map(|failed| failed.why),
        })
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.shared.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is remembered. That it could not be noted costs a wrong word on the page after a restart.
    async fn remember(&self, change: impl FnOnce(&mut Memory)) {
        let memory = {
            let mut memory = self.memory();
            change(&mut memory);
            memory.clone()
        };
        let path = self.shared.directory.join(MEMORY);
        let noted = tokio::task::spawn_blocking(move || disk::replace(&path, &serde_json::to_vec(&memory)?)).await;
        if !matches!(noted, Ok(Ok(()))) {
            tracing::warn!("what became of the backup could not be noted");
        }
    }
}

impl StatusSource {
    /// Makes a backup, also when whoever asked for it goes away, and returns once it was read back.
    ///
    /// # Errors
    /// [`BackupFault`]; older backups are still there then.
    pub async fn back_up(&self, target: Target) -> Result<Made, BackupFault> {
        let source = self.clone();
        let made = tokio::spawn(async move {
            let counts = target == Target::Configured;
            let made = maker::make(&source, &target).await;
            match &made {
                Ok(made) => source.note_backup(made).await,
                Err(fault) => source.note_failed_backup(fault, counts).await,
            }
            made
        });
        made.await.unwrap_or(Err(BackupFault::Ended))
    }

    /// Makes a backup for somebody who takes it along: it is in no folder, and gone once the file is closed.
    ///
    /// # Errors
    /// [`BackupFault`].
    pub async fn back_up_to_take_along(&self) -> Result<(Made, File), BackupFault> {
        let source = self.clone();
        let made = tokio::spawn(async move {
            let folder = maker::scratch(&source.backups.shared.directory)?;
            let made = maker::make(&source, &Target::Folder(folder.path().to_owned())).await?;
            let file = opened(&made, &folder)?;
            Ok((made, file))
        });
        made.await.unwrap_or(Err(BackupFault::Ended))
    }

    async fn note_backup(&self, made: &Made) {
        let Made { file, bytes, opened, .. } = made.clone();
        tracing::info!("a backup was made: {file}");
        // The engine being gone ends the program.
        let _ = self.engine.submit(Event::BackedUp { file, bytes, opened }).await;
        let last = made.clone();
        self.backups.remember(|memory| (memory.last, memory.failed) = (Some(last), None)).await;
    }

    /// `counts`: it is one that the owner relies on. What goes on failing for the same reason is recorded once.
    async fn note_failed_backup(&self, fault: &BackupFault, counts: bool) {
        let (why, at_ms) = (fault.to_string(), self.clock.now().wall.0);
        tracing::warn!("{why}");
        let is_known = self.backups.memory().failed.as_ref().is_some_and(|failed| failed.why == why);
        if !counts || matches!(fault, BackupFault::Unanswered(_)) {
            return;
        }
        if !is_known {
            let _ = self.engine.submit(Event::BackupFailed(why.clone())).await;
        }
        self.backups.remember(|memory| memory.failed = Some(Failed { at_ms, why })).await;
    }
}

/// The file stays readable when its folder is gone.
fn opened(made: &Made, folder: &TempDir) -> Result<File, BackupFault> {
    File::open(&made.file).map_err(|source| BackupFault::Write { folder: folder.path().display().to_string(), source })
}

impl Made {
    /// What `kilosat backup` prints.
    pub fn as_text(&self) -> String {
        let parts = self.parts.iter().map(|part| format!("{} ({} bytes)", part.name, part.bytes));
        let checked = if self.opened {
            "It was read back and opened with your words, and every part of it is right."
        } else {
            "It was read back as it was written. It was not opened, because your words are not on this machine."
        };
        let mut lines = vec![
            format!("The backup is {} ({} bytes), made on {}.", self.file, self.bytes, when(self.made_ms)),
            checked.to_owned(),
            format!("In it: {}.", parts.collect::<Vec<_>>().join(", ")),
            NOT_IN_IT.to_owned(),
            "Your words open it, and nothing else does; the page shows them (Settings, Backup): write them on paper. On a new \
             card: kilosat restore FILE --state-directory DIR"
                .to_owned(),
        ];
        if !self.parts.iter().any(|part| part.name == archive::HISTORY) {
            lines.push("The history of values is not in it either; history = true under [backup] adds it.".to_owned());
        }
        if self.same_disk {
            lines.push(SAME_DISK.to_owned());
        }
        if !self.deleted.is_empty() {
            lines
                .push(format!("Older backups that are not needed any more were deleted: {}.", self.deleted.join(", ")));
        }
        lines.join("\n")
    }
}

/// An instant for people, in universal time.
fn when(at_ms: u64) -> String {
    names::instant(crate::domain::money::UnixMillis(at_ms)).strftime("%Y-%m-%d at %H:%M UTC").to_string()
}

/// What nobody finds in a backup.
pub const NOT_IN_IT: &str = "Not in it: your words, the state of Lightning channels, the page's password, certificate and \
                             access tokens, and the credential of a wallet outside Kilosat.";
const SAME_DISK: &str = "It is on the same disk or SD card as Kilosat itself and would be lost together with it: copy it \
                         to another place.";
const MEMORY: &str = "backup.json";
const MEMORY_BYTES_MAX: usize = 1 << 20;
/// Two backups in a row may fail while somebody is away.
const OLD_AFTER_MS: u64 = 3 * 86_400_000;

#[cfg(test)]
#[cfg(not(feature = "node"))]
mod tests;
