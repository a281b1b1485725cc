//! A copy of a database while it is in use: made by a reader of one consistent state, so that nobody who writes waits.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Store, optional};
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
    let reader = Connection::open_with_flags(path, READ_ONLY)?;
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

const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX).union(OpenFlags::SQLITE_OPEN_NOFOLLOW);
