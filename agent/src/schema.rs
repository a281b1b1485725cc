//! Brings a database to the newest schema: numbered migrations, forward only.

use rusqlite::{Connection, TransactionBehavior};

/// Why a database could not be brought to the newest schema.
#[derive(Debug)]
pub(crate) enum SchemaFault {
    /// SQLite said no.
    Sqlite(rusqlite::Error),
    /// A row refers to one that is not there; it was left as it is.
    Broken,
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
    if found == known {
        return Ok(());
    }
    // A table that is written anew is gone for a moment. Nothing is committed that leaves a reference without its row.
    let enforced: bool = connection.query_row("PRAGMA foreign_keys", [], |row| row.get(0))?;
    connection.pragma_update(None, "foreign_keys", false)?;
    for (version, sql) in (1_i64..).zip(migrations).skip_while(|(version, _)| *version <= found) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Exclusive)?;
        tx.execute_batch(sql)?;
        let broken: i64 = tx.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
        if broken > 0 {
            return Err(SchemaFault::Broken);
        }
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
    }
    connection.pragma_update(None, "foreign_keys", enforced)?;
    // Whoever looks at the file alone, such as an older package, finds the new version in it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}
