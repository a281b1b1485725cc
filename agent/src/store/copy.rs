//! A copy of a database while it is in use: made by a reader of one consistent state, so that nobody who writes waits.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::journal::follow_from;
use super::{Store, StoreError, optional, proof};
use crate::domain::journal::GENESIS;

/// Why there is no copy. The database itself is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CopyFault {
    /// SQLite said no.
    #[error("the database could not be copied ({0})")]
    Sqlite(#[from] rusqlite::Error),
    /// The copy cannot be made there.
    #[error("there is no place for a copy of the database ({0})")]
    Io(#[from] std::io::Error),
    /// The copy is not sound.
    #[error("the copy of the database is damaged ({0})")]
    Damaged(String),
}

/// Copies the money database; got from the engine that is using it.
#[derive(Clone, Debug)]
pub struct Copier {
    path: PathBuf,
}

impl Store {
    /// Copies this database later, also from another thread.
    pub fn copier(&self) -> Copier {
        Copier { path: self.connection.path().map(PathBuf::from).unwrap_or_default() }
    }
}

impl Copier {
    /// Writes the newest committed state to a new file at `to`, for this user only, and checks it. Blocks; what is
    /// committed meanwhile is not in it.
    ///
    /// # Errors
    /// [`CopyFault`]; what is at `to` then is of no use.
    pub fn copy(&self, to: &Path) -> Result<(), CopyFault> {
        copy_database(&self.path, to)
    }

    /// Looks at all of the database while it is in use: pages, references, sums of the ledger, and the journal from its first
    /// entry, whose number of entries it returns. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for the first thing that is wrong.
    pub fn verify(&self) -> Result<u64, StoreError> {
        let reader = Connection::open_with_flags(&self.path, READ_ONLY)?;
        reader.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        // One state, whatever is committed meanwhile.
        let state = reader.unchecked_transaction()?;
        check(&state).map_err(|fault| StoreError::Damaged(fault.to_string()))?;
        proof::verify_sums(&state)?;
        Ok(follow_from(&state, 0)?.0)
    }
}

/// Writes the newest committed state of the database at `from` to a new file at `to`, and checks it.
///
/// # Errors
/// [`CopyFault`].
pub fn copy_database(from: &Path, to: &Path) -> Result<(), CopyFault> {
    let name = to.to_str().ok_or_else(|| std::io::Error::other("its path is no text"))?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    // Whoever writes has their own connection (`reliability-security`, rules 6.1 and 6.5).
    let reader = Connection::open_with_flags(from, READ_ONLY)?;
    reader.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    reader.execute("VACUUM INTO ?1", [name])?;
    check_database(to)
}

/// Looks at every page of a database that nobody uses, and at every reference in it.
///
/// # Errors
/// [`CopyFault`].
pub fn check_database(path: &Path) -> Result<(), CopyFault> {
    check(&Connection::open_with_flags(path, READ_ONLY)?)
}

fn check(reader: &Connection) -> Result<(), CopyFault> {
    let verdict: String = reader.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(CopyFault::Damaged(verdict));
    }
    let broken: i64 = reader.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if broken > 0 {
        return Err(CopyFault::Damaged("a row refers to one that is not there".to_owned()));
    }
    Ok(())
}

/// Whether nothing was paid or received in the money database at `path`, which nobody uses, and no on-chain wallet has a past;
/// of Lightning, with `all` in any wallet, else in the built-in node.
///
/// # Errors
/// [`CopyFault`].
pub fn is_without_past(path: &Path, all: bool) -> Result<bool, CopyFault> {
    let reader = Connection::open_with_flags(path, READ_ONLY)?;
    reader.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let has_past: bool = reader.query_row(if all { HAS_PAST } else { WORDS_HOLD_SOME }, [], |row| row.get(0))?;
    Ok(!has_past)
}

/// The newest entry of the journal in a copy of the money database, as `(seq, hash)`.
///
/// # Errors
/// [`CopyFault`].
pub fn journal_head_in(path: &Path) -> Result<(u64, [u8; 32]), CopyFault> {
    let reader = Connection::open_with_flags(path, READ_ONLY)?;
    let sql = "SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1";
    let head = optional(reader.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))));
    Ok(head.map_err(|fault| CopyFault::Damaged(fault.to_string()))?.unwrap_or((0, GENESIS)))
}

/// Money is or was in an on-chain wallet, or in the built-in node.
pub(super) const WORDS_HOLD_SOME: &str = "SELECT EXISTS (SELECT 1 FROM treasury_txs)
    OR EXISTS (SELECT 1 FROM ledger WHERE account = 'wallet:node')";
/// The same, or something was paid or received by another wallet. What that held before Kilosat came is no past of it.
pub(super) const HAS_PAST: &str = "SELECT EXISTS (SELECT 1 FROM treasury_txs)
    OR EXISTS (SELECT 1 FROM ledger WHERE account = 'wallet:node')
    OR EXISTS (SELECT 1 FROM payments) OR EXISTS (SELECT 1 FROM received)";
const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX).union(OpenFlags::SQLITE_OPEN_NOFOLLOW);
