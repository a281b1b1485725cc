//! Makes one backup: copies, encrypts, writes, reads back, and deletes what is no longer needed.

use std::fs::{self, File, read_dir, remove_dir_all, remove_file};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use bitcoin::hex::DisplayHex as _;
use rustix::fs::{Advice, fadvise, statvfs};
use tempfile::TempDir;

use super::archive::{CONFIG, HISTORY, MONEY, Manifest, PROFILES, Source, is_profile, seal, unpack};
use super::digest::Digest;
use super::{BackupFault, Made, Target, key, names};
use crate::config::Config;
use crate::disk;
use crate::domain::money::UnixMillis;
use crate::keys::KeyError;
use crate::status::StatusSource;
use crate::store::{copy_database, journal_head_in};
use crate::vault::Vault;

/// Everything that is known before the file is written.
struct Plan {
    state: PathBuf,
    folder: PathBuf,
    deletes: bool,
    made: UnixMillis,
    name: String,
    network: String,
    /// The configuration's text, and the folder it is in.
    config: Option<(String, PathBuf)>,
    recipient: Recipient,
    /// What opens it, where the words are on this machine. Nothing of it outlives the backup.
    identity: Option<Identity>,
}

/// Makes a backup; several wait for one another.
pub(super) async fn make(source: &StatusSource, target: &Target) -> Result<Made, BackupFault> {
    let backups = source.backups.clone();
    let _turn = backups.shared.turn.lock().await;
    let config = source.config();
    let folder = match target {
        Target::Configured => config.backup.folder.clone().ok_or(BackupFault::NoFolder)?,
        Target::Folder(folder) => folder.clone(),
    };
    let (known, vault) = (backups.memory().recipient.clone(), source.vault.clone());
    let with_history = config.backup.history;
    let prepared = blocking(move || prepare(&config, folder, known, &vault, with_history));
    let (scratch, folder, recipient, identity) = prepared.await?;
    let name = recipient.to_string();
    if backups.memory().recipient.as_ref() != Some(&name) {
        backups.remember(|memory| memory.recipient = Some(name)).await;
    }
    let made = source.clock.now().wall;
    source.engine.copy_money(scratch.path().join(MONEY)).await?;
    if with_history {
        // What was not written yet is in the next one.
        let _ = source.history.write().await;
    }
    let plan = plan(source, target, folder, made, (recipient, identity));
    blocking(move || {
        let history = plan.state.join(HISTORY);
        if with_history && history.exists() {
            copy_database(&history, &scratch.path().join(HISTORY))?;
        }
        write(&plan, scratch.path())
    })
    .await
}

fn plan(
    source: &StatusSource,
    target: &Target,
    folder: PathBuf,
    made: UnixMillis,
    (recipient, identity): (Recipient, Option<Identity>),
) -> Plan {
    let config = source.config();
    let beside = source.settings.path().and_then(Path::parent).map(Path::to_owned);
    Plan {
        state: config.state_directory.clone(),
        folder,
        deletes: *target == Target::Configured,
        made,
        name: config.name.clone(),
        network: config.network.to_string(),
        config: beside.map(|folder| (source.settings.text(), folder)),
        recipient,
        identity,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupFault> + Send + 'static,
) -> Result<T, BackupFault> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(BackupFault::Ended))
}

type Prepared = (TempDir, PathBuf, Recipient, Option<Identity>);

/// What can go wrong goes wrong here, before anything is copied.
fn prepare(
    config: &Config,
    folder: PathBuf,
    known: Option<String>,
    vault: &Vault,
    with_history: bool,
) -> Result<Prepared, BackupFault> {
    if !folder.is_absolute() || !folder.is_dir() {
        return Err(BackupFault::NoSuchFolder(folder.display().to_string()));
    }
    let state = &config.state_directory;
    let size = |name: &str| fs::metadata(state.join(name)).map_or(0, |file| file.len());
    let history = if with_history { size(HISTORY) } else { 0 };
    require_room(state, size(MONEY) + size("money.db-wal") + history)?;
    let (recipient, identity) = keys(vault, known)?;
    Ok((scratch(state)?, folder, recipient, identity))
}

/// From the words on this machine; where they were taken away or are sealed, to whom the earlier backups were encrypted. A
/// machine that has neither gets words.
fn keys(vault: &Vault, known: Option<String>) -> Result<(Recipient, Option<Identity>), BackupFault> {
    match vault.seed() {
        Ok(Some(seed)) => {
            let identity = key::identity(&seed);
            return Ok((identity.to_public(), Some(identity)));
        }
        Ok(None) | Err(KeyError::Closed(_)) => {}
        Err(fault) => return Err(fault.into()),
    }
    if let Some(recipient) = known.and_then(|known| known.parse().ok()) {
        return Ok((recipient, None));
    }
    let identity = key::identity(&vault.seed_or_fresh()?);
    Ok((identity.to_public(), Some(identity)))
}

/// That twice so many bytes leave room on the disk that `state` is on: payments need what is left.
///
/// # Errors
/// [`BackupFault`].
pub(crate) fn require_room(state: &Path, bytes: u64) -> Result<(), BackupFault> {
    let unread = |error: rustix::io::Errno| read_fault(state, error.into());
    let disk = statvfs(state).map_err(unread)?;
    let floor_bytes = FREE_MIN_BYTES.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 20);
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    // Twice: one that is taken along is encrypted on the same disk.
    let needed_bytes = bytes.saturating_mul(2);
    if free_bytes.saturating_sub(needed_bytes) < floor_bytes {
        return Err(BackupFault::NoRoom(needed_bytes.div_ceil(1 << 20)));
    }
    Ok(())
}

/// A folder in the state directory that is gone when what comes back is dropped.
pub(super) fn scratch(state: &Path) -> Result<TempDir, BackupFault> {
    let made = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(state);
    made.map_err(|source| BackupFault::Write { folder: state.display().to_string(), source })
}

/// Removes what a crash left.
pub(super) fn clear(state: &Path) {
    let entries = read_dir(state).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(SCRATCH)) {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_folder { remove_dir_all(entry.path()) } else { remove_file(entry.path()) };
        if let Err(error) = removed {
            tracing::warn!(%error, "what was left of a backup could not be removed");
        }
    }
}

fn write(plan: &Plan, scratch: &Path) -> Result<Made, BackupFault> {
    let sources = sources(plan, scratch)?;
    let (journal_seq, journal_hash) = journal_head_in(&scratch.join(MONEY))?;
    let parts: io::Result<Vec<_>> = sources.iter().map(Source::describe).collect();
    let manifest = Manifest {
        kilosat: env!("CARGO_PKG_VERSION").to_owned(),
        network: plan.network.clone(),
        made_ms: plan.made.0,
        name: plan.name.clone(),
        journal_seq,
        journal_hash: journal_hash.to_lower_hex_string(),
        parts: parts.map_err(|source| read_fault(scratch, source))?,
    };
    let mark = key::mark(&plan.recipient.to_string());
    let name = names::file_name(&plan.name, &mark, plan.made);
    let path = plan.folder.join(&name);
    let unwritten = |source| BackupFault::Write { folder: plan.folder.display().to_string(), source };
    let written = disk::replace_by(&path, |file| {
        let mut digest = Digest::of(BufWriter::new(file));
        seal(&mut digest, &plan.recipient, &manifest, &sources)?;
        digest.flush()?;
        Ok(digest.finish())
    });
    let (bytes, sha256) = written.map_err(unwritten)?;
    if let Err(why) = read_back(&path, &sha256, plan.identity.as_ref(), &manifest) {
        let _ = remove_file(&path);
        return Err(BackupFault::NotReadBack { file: path.display().to_string(), why });
    }
    let device = |path: &Path| fs::metadata(path).map(|folder| folder.dev()).ok();
    Ok(Made {
        file: path.display().to_string(),
        bytes,
        made_ms: plan.made.0,
        opened: plan.identity.is_some(),
        same_disk: device(&plan.folder) == device(&plan.state),
        parts: manifest.parts,
        journal_seq,
        deleted: if plan.deletes { delete_surplus(&plan.folder, &mark, &name) } else { Vec::new() },
    })
}

/// The databases were copied and checked; the configuration is what is in force, with the owner's profiles beside it.
fn sources(plan: &Plan, scratch: &Path) -> Result<Vec<Source>, BackupFault> {
    let mut sources = vec![Source::File(MONEY, scratch.join(MONEY))];
    let Some((text, beside)) = &plan.config else { return Ok(sources) };
    sources.push(Source::Text(CONFIG.to_owned(), text.clone().into_bytes()));
    let folder = beside.join(PROFILES);
    let mut profiles = Vec::new();
    for entry in read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_profile(&name) {
            let text = read_profile(&entry.path()).map_err(|source| read_fault(&entry.path(), source))?;
            profiles.push(Source::Text(format!("{PROFILES}{name}"), text));
        }
    }
    sources.extend(profiles);
    let history = scratch.join(HISTORY);
    sources.extend(history.exists().then_some(Source::File(HISTORY, history)));
    Ok(sources)
}

fn read_profile(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(PROFILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}

/// Reads the file from the disk again. The databases in it were checked before they were encrypted, so a part with the
/// same hash is sound.
pub(super) fn read_back(
    path: &Path,
    sha256: &str,
    identity: Option<&Identity>,
    manifest: &Manifest,
) -> Result<(), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    // What the system still has in memory proves nothing; a disk that cannot forget is read from memory.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    let mut digest = Digest::of(file);
    if let Some(identity) = identity {
        let read = unpack(BufReader::new(&mut digest), identity, None).map_err(|fault| fault.to_string())?;
        if read != *manifest {
            return Err("it does not say what was written".to_owned());
        }
    }
    io::copy(&mut digest, &mut io::sink()).map_err(|error| error.to_string())?;
    if digest.finish().1 == sha256 { Ok(()) } else { Err("its bytes are others".to_owned()) }
}

/// What cannot be deleted is tried again next time.
fn delete_surplus(folder: &Path, mark: &str, newest: &str) -> Vec<String> {
    let entries = read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let there = files.filter_map(|entry| entry.file_name().into_string().ok());
    let surplus = names::surplus(there, mark, newest);
    let deleted = surplus.into_iter().filter(|name| match remove_file(folder.join(name)) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, name, "an old backup could not be deleted");
            false
        }
    });
    let deleted = deleted.collect();
    let _ = disk::sync_folder_of(&folder.join(newest));
    deleted
}

fn read_fault(path: &Path, source: io::Error) -> BackupFault {
    BackupFault::Read { what: path.display().to_string(), source }
}

/// What the names of files begin with that are gone after a crash.
pub(crate) const SCRATCH: &str = ".backup-";
/// What payments may need: `reliability-security`, rule 6.6.
const FREE_MIN_BYTES: u64 = 200 << 20;
const PROFILE_BYTES_MAX: u64 = 1 << 20;
