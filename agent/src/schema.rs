//! Brings a database to the newest schema: numbered migrations, forward only.

use rusqlite::{Connection, TransactionBehavior};

/// Why a database could not be brought to the newest schema.
#[derive(Debug)]
pub(crate) enum SchemaFault {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// A newer Kilosat wrote this file; it was left as it is.
    Newer {
        /// Version in the file.
        found: i64,
        /// Newest version this program has.
        known: i64,
    },
}

impl From<rusqlite::Error> for SchemaFault {
    fn from(error: rusqlite::Error) -> SchemaFault {
        SchemaFault::Sqlite(error)
    }
}

/// Applies those of `migrations` that the file has not seen, each in a transaction of its own.
///
/// # Errors
/// [`SchemaFault`].
pub(crate) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), SchemaFault> {
    let known = i64::try_from(migrations.len()).expect("a handful of migrations");
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(SchemaFault::Newer { found, known });
    }
    for (version, sql) in (1_i64..).zip(migrations).skip_while(|(version, _)| *version <= found) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    Ok(())
}
