//! SQLite: every query the engine needs and no other. One read-write connection, owned by the engine's thread.

mod copy;
mod journal;
mod ledger;
mod meters;
mod moves;
mod past;
mod payments;
mod proof;
mod purchases;
mod questions;
mod received;
mod statement;
mod tickets;
mod totals;
mod treasury;
mod wallets;

use std::path::Path;

use rusqlite::{CachedStatement, Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::schema::{SchemaFault, migrate};

pub use copy::{Copier, CopyFault, check_database, copy_database, is_without_past, journal_head_in};
pub use journal::JournalEntry;
pub use ledger::{Accounts, Posting};
pub use meters::AgreementRow;
pub use moves::{ASKED_LONG_MS, MoveKind, MovePart, MoveRow, MoveState, NewMove};
pub use past::{BitcoinPrice, PaymentSummary, Standing, Story, Wanted};
pub use payments::{NewPayment, PaymentRow};
pub use purchases::{BY_HAND, PurchaseKind, PurchaseRow};
pub use questions::{QuestionRow, QuestionState};
pub use statement::{Change, Statement, StatementLine};
pub use tickets::TicketRow;
pub use totals::Totals;
pub use treasury::{MadeHere, OnchainDraft, OnchainTx};

/// The money database, open for writing.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// One transaction; dropped without [`Tx::commit`] it leaves nothing behind.
#[derive(Debug)]
pub struct Tx<'store> {
    sql: Transaction<'store>,
}

/// Why the money database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no. After this the connection is not used again.
    #[error(
        "the money database failed: {0}. Kilosat stops here so that nothing is paid twice; check the disk or SD card"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// A newer Kilosat wrote this file.
    #[error(
        "money.db has schema version {found}, this Kilosat knows {known}. Install the newer version again; nothing was changed"
    )]
    Newer {
        /// Version in the file.
        found: i64,
        /// Newest version this program has.
        known: i64,
    },
    /// The file is not what Kilosat wrote.
    #[error("money.db is damaged ({0}). It was left as it is; restore a backup or ask for help before paying on")]
    Damaged(String),
    /// The file belongs to another network.
    #[error(
        "money.db belongs to the {found} network, the configuration says {configured}. Use another state directory"
    )]
    OtherNetwork {
        /// Network in the file.
        found: String,
        /// Network in the configuration.
        configured: String,
    },
}

impl From<SchemaFault> for StoreError {
    fn from(fault: SchemaFault) -> StoreError {
        match fault {
            SchemaFault::Sqlite(error) => StoreError::Sqlite(error),
            SchemaFault::Newer { found, known } => StoreError::Newer { found, known },
            SchemaFault::Broken => StoreError::Damaged("a row refers to one that is not there".to_owned()),
        }
    }
}

impl Store {
    /// Opens or creates the database at `path` for `network`, migrates it and checks it.
    ///
    /// # Errors
    /// [`StoreError`]; a damaged or newer file is never replaced.
    pub fn open(path: &Path, network: &str) -> Result<Store, StoreError> {
        let mut connection = Connection::open_with_flags(path, READ_WRITE)?;
        connection.execute_batch(PRAGMAS)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        if synchronous != SYNCHRONOUS_FULL || mode != "wal" {
            return Err(StoreError::Damaged(format!("it opened with synchronous={synchronous}, journal_mode={mode}")));
        }
        migrate(&mut connection, &MIGRATIONS)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(StoreError::Damaged(verdict));
        }
        let mut store = Store { connection };
        store.claim(network)?;
        proof::verify_sums(&store.connection)?;
        store.verify_journal_tail()?;
        Ok(store)
    }

    /// Begins the one transaction of an event.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn begin(&mut self) -> Result<Tx<'_>, StoreError> {
        Ok(Tx { sql: self.connection.transaction_with_behavior(TransactionBehavior::Immediate)? })
    }

    /// Binds a new file to its network and refuses another.
    fn claim(&mut self, network: &str) -> Result<(), StoreError> {
        let tx = self.begin()?;
        match tx.meta("network")? {
            None => tx.set_meta("network", network)?,
            Some(found) if found == network => {}
            Some(found) => {
                return Err(StoreError::OtherNetwork { found, configured: network.to_owned() });
            }
        }
        tx.commit()
    }
}

impl Tx<'_> {
    /// What came before survives a power cut once this returns.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`]; whether it was committed is then unknown until the next start.
    pub fn commit(self) -> Result<(), StoreError> {
        Ok(self.sql.commit()?)
    }

    /// Every statement of an event, so that a test can see how SQLite would find the rows of each.
    fn prepared(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        #[cfg(test)]
        tests::plans::saw(sql);
        self.sql.prepare_cached(sql)
    }

    /// The value stored under `key`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT value FROM meta WHERE key = ?1";
        optional(self.prepared(sql)?.query_row([key], |row| row.get(0)))
    }

    /// Stores `value` under `key`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn set_meta(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.prepared(sql)?.execute([key, value])?;
        Ok(())
    }

    /// Forgets the value stored under `key`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn clear_meta(&self, key: &str) -> Result<(), StoreError> {
        self.prepared("DELETE FROM meta WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Forgets every value whose key begins with `start`.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn clear_metas(&self, start: &str) -> Result<(), StoreError> {
        self.prepared("DELETE FROM meta WHERE substr(key, 1, length(?1)) = ?1")?.execute([start])?;
        Ok(())
    }
}

fn optional<T>(result: rusqlite::Result<T>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Never edited after release; a change is a new file.
const MIGRATIONS: [&str; 7] = [
    include_str!("../../schema/0001_money.sql"),
    include_str!("../../schema/0002_owner.sql"),
    include_str!("../../schema/0003_totals.sql"),
    include_str!("../../schema/0004_meters.sql"),
    include_str!("../../schema/0005_by_hand.sql"),
    include_str!("../../schema/0006_treasury.sql"),
    include_str!("../../schema/0007_moves.sql"),
];

const READ_WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
    .union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

const SYNCHRONOUS_FULL: i64 = 2;
/// More than there are in this folder, so that none is parsed twice.
const STATEMENTS_KEPT: usize = 128;

/// `reliability-security`, rule 6.4. 0x4B534154 spells "KSAT". Without recursive triggers a REPLACE would delete what the
/// schema's triggers keep.
const PRAGMAS: &str = "
    PRAGMA application_id = 0x4B534154;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA recursive_triggers = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA busy_timeout = 5000;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 8388608;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA secure_delete = FAST;
";

#[cfg(test)]
mod tests;
