//! history.db: what the points were. One read-write connection, owned by the history's thread.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::bucket::{Level, Range, Timed};
use crate::schema::{SchemaFault, migrate};

/// The history database, open for writing.
#[derive(Debug)]
pub(super) struct Database {
    connection: Connection,
}

/// One transaction; dropped without [`Changes::commit`] it leaves nothing behind.
pub(super) struct Changes<'a> {
    sql: Transaction<'a>,
}

/// Why the history could not be used. Money does not need it.
#[derive(Debug, thiserror::Error)]
pub enum HistoryFault {
    /// SQLite said no.
    #[error(
        "the history could not be read or written ({0}). Payments do not need it and go on; check the disk or SD card"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// The system said no.
    #[error(
        "the history could not be read or written ({0}). Payments do not need it and go on; check the disk or SD card"
    )]
    Io(#[from] std::io::Error),
    /// A newer Kilosat wrote this file.
    #[error(
        "history.db has schema version {found}, this Kilosat knows {known}, so nothing is recorded and nothing was \
         changed; install the newer version again"
    )]
    Newer {
        /// Version in the file.
        found: i64,
        /// Newest version this program has.
        known: i64,
    },
    /// The file is not what Kilosat wrote.
    #[error("history.db is damaged ({0})")]
    Damaged(String),
    /// The disk is nearly full, and payments need what is left.
    #[error(
        "the disk has less than {0} MiB free, so no history is written; payments go on. Make room on the disk or SD card"
    )]
    NoRoom(u64),
}

impl HistoryFault {
    /// Whether the file itself is at fault.
    pub fn is_damage(&self) -> bool {
        match self {
            HistoryFault::Damaged(_) => true,
            HistoryFault::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            _ => false,
        }
    }
}

/// A point that is or was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeriesRow {
    pub id: i64,
    pub source: String,
    pub point: String,
    pub unit: String,
    /// The newest value that is in a chunk.
    pub last: Option<Timed>,
}

/// A chunk of a series and the times of its first and last row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub id: i64,
    pub first_ms: i64,
    pub last_ms: i64,
    pub bytes: Vec<u8>,
}

/// What a pass over old rows leaves alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    /// Minutes after this row are not in the coarser levels yet.
    pub folded: i64,
}

/// Which chunks of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub series: i64,
    pub level: Level,
    pub range: Range,
    /// Only those written later than this one; 0 for all.
    pub after: i64,
}

impl From<SchemaFault> for HistoryFault {
    fn from(fault: SchemaFault) -> HistoryFault {
        match fault {
            SchemaFault::Sqlite(error) => HistoryFault::Sqlite(error),
            SchemaFault::Newer { found, known } => HistoryFault::Newer { found, known },
            SchemaFault::Broken => HistoryFault::Damaged("a row refers to one that is not there".to_owned()),
        }
    }
}

impl Database {
    /// Opens or creates the file at `path`, migrates it and checks it.
    ///
    /// # Errors
    /// [`HistoryFault`]; the file is as it was then.
    pub fn open(path: &Path) -> Result<Database, HistoryFault> {
        let mut connection = Connection::open_with_flags(path, READ_WRITE)?;
        connection.execute_batch(PRAGMAS)?;
        migrate(&mut connection, &MIGRATIONS)?;
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(HistoryFault::Damaged(verdict));
        }
        Ok(Database { connection })
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// [`HistoryFault::Sqlite`].
    pub fn begin(&mut self) -> Result<Changes<'_>, HistoryFault> {
        Ok(Changes { sql: self.connection.transaction_with_behavior(TransactionBehavior::Immediate)? })
    }

    pub fn series(&self) -> Result<Vec<SeriesRow>, HistoryFault> {
        let sql = "SELECT id, source, point, unit, last_ms, last_milli FROM series ORDER BY id";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| {
            let (at_ms, milli): (Option<i64>, Option<i64>) = (row.get(4)?, row.get(5)?);
            let last = at_ms.zip(milli).map(|(at_ms, milli)| Timed { at_ms, milli });
            Ok(SeriesRow { id: row.get(0)?, source: row.get(1)?, point: row.get(2)?, unit: row.get(3)?, last })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub fn meta(&self, key: &str) -> Result<i64, HistoryFault> {
        let mut statement = self.connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        Ok(statement.query_row([key], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// The readings of a series whose chunks touch `range`, in the order they arrived.
    pub fn readings(&self, series: i64, range: Range) -> Result<Vec<Chunk>, HistoryFault> {
        let sql = "SELECT id, first_ms, last_ms, chunk FROM readings
                   WHERE series = ?1 AND last_ms >= ?2 AND first_ms < ?3 ORDER BY id";
        self.chunks(sql, params![series, range.from_ms, range.to_ms])
    }

    /// The buckets of a series and level whose chunks touch a range, in the order they were written.
    pub fn buckets(&self, wanted: Wanted) -> Result<Vec<Chunk>, HistoryFault> {
        let sql = "SELECT id, first_ms, last_ms, chunk FROM buckets
                   WHERE series = ?1 AND level = ?2 AND last_ms >= ?3 AND first_ms < ?4 AND id > ?5 ORDER BY id";
        let Wanted { series, level, range, after } = wanted;
        self.chunks(sql, params![series, level as i64, range.from_ms, range.to_ms, after])
    }

    /// When the oldest bucket of a level begins.
    pub fn oldest_bucket(&self, level: Level) -> Result<Option<i64>, HistoryFault> {
        let mut statement = self.connection.prepare_cached("SELECT min(first_ms) FROM buckets WHERE level = ?1")?;
        Ok(statement.query_row([level as i64], |row| row.get(0))?)
    }

    /// Bytes in use, and bytes of the file.
    pub fn size(&self) -> Result<(u64, u64), HistoryFault> {
        let pragma = |name: &str| self.connection.query_row(name, [], |row| row.get::<_, u64>(0));
        let page = pragma("PRAGMA page_size")?;
        let (pages, free) = (pragma("PRAGMA page_count")?, pragma("PRAGMA freelist_count")?);
        Ok((pages.saturating_sub(free) * page, pages * page))
    }

    /// Gives pages that are not used back to the file system.
    pub fn shrink(&self) -> Result<(), HistoryFault> {
        Ok(self.connection.execute_batch("PRAGMA incremental_vacuum")?)
    }

    fn chunks(&self, sql: &str, values: impl rusqlite::Params) -> Result<Vec<Chunk>, HistoryFault> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(values, |row| {
            Ok(Chunk { id: row.get(0)?, first_ms: row.get(1)?, last_ms: row.get(2)?, bytes: row.get(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Changes<'_> {
    /// On disk when this returns.
    ///
    /// # Errors
    /// [`HistoryFault::Sqlite`].
    pub fn commit(self) -> Result<(), HistoryFault> {
        Ok(self.sql.commit()?)
    }

    pub fn set_meta(&self, key: &str, value: i64) -> Result<(), HistoryFault> {
        let sql =
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.sql.prepare_cached(sql)?.execute(params![key, value])?;
        Ok(())
    }

    /// The id of a new series.
    pub fn add_series(&self, source: &str, point: &str, unit: &str) -> Result<i64, HistoryFault> {
        let sql = "INSERT INTO series (source, point, unit) VALUES (?1, ?2, ?3)";
        Ok(self.sql.prepare_cached(sql)?.insert(params![source, point, unit])?)
    }

    pub fn set_last(&self, series: i64, last: Timed) -> Result<(), HistoryFault> {
        let sql = "UPDATE series SET last_ms = ?2, last_milli = ?3 WHERE id = ?1";
        self.sql.prepare_cached(sql)?.execute(params![series, last.at_ms, last.milli])?;
        Ok(())
    }

    pub fn add_readings(&self, series: i64, first_ms: i64, last_ms: i64, chunk: &[u8]) -> Result<(), HistoryFault> {
        let sql = "INSERT INTO readings (series, first_ms, last_ms, chunk) VALUES (?1, ?2, ?3, ?4)";
        self.sql.prepare_cached(sql)?.execute(params![series, first_ms, last_ms, chunk])?;
        Ok(())
    }

    /// The id of a new chunk of buckets; `chunk.id` is not looked at.
    pub fn add_buckets(&self, series: i64, level: Level, chunk: &Chunk) -> Result<i64, HistoryFault> {
        let sql = "INSERT INTO buckets (series, level, first_ms, last_ms, chunk) VALUES (?1, ?2, ?3, ?4, ?5)";
        let Chunk { first_ms, last_ms, bytes, .. } = chunk;
        Ok(self.sql.prepare_cached(sql)?.insert(params![series, level as i64, first_ms, last_ms, bytes])?)
    }

    pub fn replace_buckets(&self, chunk: &Chunk) -> Result<(), HistoryFault> {
        let sql = "UPDATE buckets SET first_ms = ?2, last_ms = ?3, chunk = ?4 WHERE id = ?1";
        let Chunk { id, first_ms, last_ms, bytes } = chunk;
        self.sql.prepare_cached(sql)?.execute(params![id, first_ms, last_ms, bytes])?;
        Ok(())
    }

    /// The chunk of buckets that was begun last.
    pub fn newest_buckets(&self, series: i64, level: Level) -> Result<Option<Chunk>, HistoryFault> {
        let sql = "SELECT id, first_ms, last_ms, chunk FROM buckets
                   WHERE series = ?1 AND level = ?2 ORDER BY id DESC LIMIT 1";
        let mut statement = self.sql.prepare_cached(sql)?;
        let row = statement.query_row(params![series, level as i64], |row| {
            Ok(Chunk { id: row.get(0)?, first_ms: row.get(1)?, last_ms: row.get(2)?, bytes: row.get(3)? })
        });
        Ok(row.optional()?)
    }

    /// The minutes of a series written after `after`, oldest first.
    pub fn minutes_after(&self, series: i64, after: i64) -> Result<Vec<Vec<u8>>, HistoryFault> {
        let sql = "SELECT chunk FROM buckets WHERE series = ?1 AND level = 1 AND id > ?2 ORDER BY id";
        let mut statement = self.sql.prepare_cached(sql)?;
        let rows = statement.query_map(params![series, after], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest id that was ever given to a chunk of buckets.
    pub fn last_bucket_id(&self) -> Result<i64, HistoryFault> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'buckets'";
        Ok(self.sql.query_row(sql, [], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Forgets the readings that ended before `before_ms`.
    pub fn forget_readings(&self, before_ms: i64) -> Result<usize, HistoryFault> {
        let sql = "DELETE FROM readings WHERE id IN (SELECT id FROM readings WHERE last_ms < ?2 LIMIT ?1)";
        self.in_steps(sql, params![ROWS_A_STEP, before_ms])
    }

    /// Forgets the buckets of a level that ended before `before_ms`.
    pub fn forget_buckets(&self, level: Level, before_ms: i64, pass: Pass) -> Result<usize, HistoryFault> {
        let sql = "DELETE FROM buckets WHERE id IN (SELECT id FROM buckets
                   WHERE level = ?2 AND last_ms < ?3 AND (level > 1 OR id <= ?4) LIMIT ?1)";
        self.in_steps(sql, params![ROWS_A_STEP, level as i64, before_ms, pass.folded])
    }

    /// Forgets some of the oldest readings; how many rows there were.
    pub fn thin_readings(&self) -> Result<usize, HistoryFault> {
        let sql = "DELETE FROM readings WHERE id IN (SELECT id FROM readings ORDER BY id LIMIT ?1)";
        Ok(self.sql.prepare_cached(sql)?.execute([ROWS_A_STEP])?)
    }

    /// Forgets some of the oldest buckets of a level; how many rows there were.
    pub fn thin_buckets(&self, level: Level, pass: Pass) -> Result<usize, HistoryFault> {
        let sql = "DELETE FROM buckets WHERE id IN (SELECT id FROM buckets
                   WHERE level = ?2 AND (level > 1 OR id <= ?3) ORDER BY id LIMIT ?1)";
        Ok(self.sql.prepare_cached(sql)?.execute(params![ROWS_A_STEP, level as i64, pass.folded])?)
    }

    /// Bytes of the file that hold something.
    pub fn bytes_used(&self) -> Result<u64, HistoryFault> {
        let pragma = |name: &str| self.sql.query_row(name, [], |row| row.get::<_, u64>(0));
        let pages = pragma("PRAGMA page_count")?.saturating_sub(pragma("PRAGMA freelist_count")?);
        Ok(pages.saturating_mul(pragma("PRAGMA page_size")?))
    }

    /// Repeats a statement that works on a bounded number of rows until it finds fewer.
    fn in_steps(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, HistoryFault> {
        let mut statement = self.sql.prepare_cached(sql)?;
        let mut all = 0;
        loop {
            let step = statement.execute(values)?;
            all += step;
            if i64::try_from(step).is_ok_and(|step| step < ROWS_A_STEP) {
                return Ok(all);
            }
        }
    }
}

/// Never edited after release; a change is a new file.
const MIGRATIONS: [&str; 1] = [include_str!("../../schema/history/0001_history.sql")];

const READ_WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE
    .union(OpenFlags::SQLITE_OPEN_CREATE)
    .union(OpenFlags::SQLITE_OPEN_NO_MUTEX)
    .union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

/// 0x4B534849 spells "KSHI". A commit an hour may as well be durable when it returns: the journal is written over after
/// it. `auto_vacuum` has to be set before the first table.
const PRAGMAS: &str = "
    PRAGMA application_id = 0x4B534849;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA wal_autocheckpoint = 1000;
    PRAGMA journal_size_limit = 4194304;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -1024;
";

const ROWS_A_STEP: i64 = 512;
