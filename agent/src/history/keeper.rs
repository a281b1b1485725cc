//! Minutes become hours, hours become days, and what is too old is forgotten.

mod look;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::rename;
use std::path::{Path, PathBuf};

use super::bucket::{
    Bucket, Folder, HOUR_MS, Kind, Level, Timed, in_order, pack_buckets, pack_values, unpack_buckets, unpack_values,
};
use super::chunk::ROWS_MAX;
use super::column::{put_varint, take_varint};
use super::database::{Chunk, Database, HistoryFault, Pass, SeriesRow};
use super::journal::Journal;
use super::retention::{End, Retention};
use super::{Extent, Settings};

/// Values of points since they were last taken away, each point's in the order they arrived.
pub(super) type Batch = Vec<(Key, Vec<Timed>)>;

/// Whose values they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The meter, input or feed.
    pub source: String,
    /// Such as `power` or `energy_import`.
    pub point: String,
    /// Such as `W` or `Wh`; empty for a bare number.
    pub unit: String,
}

/// The history as it is on disk, and the hour that is open.
#[derive(Debug)]
pub(super) struct Keeper {
    directory: PathBuf,
    settings: Settings,
    database: Database,
    journal: Journal,
    generation: i64,
    /// Minutes up to this row are in the coarser levels.
    folded: i64,
    series: Vec<SeriesRow>,
    by_key: BTreeMap<Key, usize>,
    /// The hour since 1970 that is open.
    hour: Option<i64>,
    /// A day has ended that is not summed up yet.
    is_day_over: bool,
    /// Chunks of the open hour, as the journal has them: index of the series, values.
    open: Vec<(usize, Vec<u8>)>,
    retention: Retention,
    /// With less than this free on the disk nothing is written.
    floor_bytes: u64,
}

impl Keeper {
    /// Opens or creates the history in `directory`.
    ///
    /// # Errors
    /// [`HistoryFault`]; the files are as they were.
    pub fn open(directory: &Path, settings: Settings) -> Result<Keeper, HistoryFault> {
        let database = Database::open(&directory.join(DATABASE))?;
        let generation = database.meta(GENERATION)?;
        let (journal, records) = Journal::open(&directory.join(JOURNAL), generation.cast_unsigned())?;
        let series = database.series()?;
        let key =
            |row: &SeriesRow| Key { source: row.source.clone(), point: row.point.clone(), unit: row.unit.clone() };
        let by_key = series.iter().map(key).zip(0..).collect();
        let folded = database.meta(FOLDED)?;
        let set_aside_bytes = std::fs::metadata(directory.join(SET_ASIDE)).map_or(0, |file| file.len());
        let retention = Retention::new(&settings, &database, set_aside_bytes)?;
        let (directory, hour, open) = (directory.to_owned(), None, Vec::new());
        let is_day_over = false;
        let disk = rustix::fs::statvfs(directory.as_path()).map_err(std::io::Error::from)?;
        let floor_bytes = settings.free_min_bytes.min(disk.f_blocks.saturating_mul(disk.f_frsize) / 20);
        let mut keeper = Keeper {
            directory,
            settings,
            database,
            journal,
            generation,
            folded,
            series,
            by_key,
            hour,
            is_day_over,
            open,
            retention,
            floor_bytes,
        };
        for record in records {
            keeper.open.extend(keeper.read_record(&record));
        }
        let newest = keeper.open.last().and_then(|(_, chunk)| unpack_values(chunk)?.last().copied());
        keeper.hour = newest.map(|value| value.at_ms.div_euclid(HOUR_MS));
        Ok(keeper)
    }

    /// Adds values; on disk when this returns.
    ///
    /// # Errors
    /// [`HistoryFault`]; some of the values may be lost.
    pub fn add(&mut self, batch: Batch) -> Result<(), HistoryFault> {
        let mut done = Ok(());
        // A clock that was never set says a time before this program was written; nobody would look there.
        for (hour, values) in by_hour(batch).into_iter().filter(|(hour, _)| *hour >= HOUR_EARLIEST) {
            // What fails does not keep the rest from being kept.
            if let Some(open) = self.hour.filter(|open| *open != hour) {
                done = done.and(self.close_hour(open.saturating_mul(HOUR_MS), hour.saturating_mul(HOUR_MS)));
            }
            self.hour = Some(hour);
            done = done.and(self.add_minute(values));
        }
        done
    }

    /// Writes the open hour into the database before its end.
    ///
    /// # Errors
    /// [`HistoryFault`].
    pub fn seal(&mut self) -> Result<(), HistoryFault> {
        if self.open.is_empty() { Ok(()) } else { self.write_hour() }
    }

    /// Remembers when a damaged history was set aside.
    ///
    /// # Errors
    /// [`HistoryFault`].
    pub fn note_damage(&mut self, at_ms: i64) -> Result<(), HistoryFault> {
        let changes = self.database.begin()?;
        changes.set_meta(DAMAGED, at_ms)?;
        changes.commit()
    }

    fn add_minute(&mut self, values: Batch) -> Result<(), HistoryFault> {
        let added = self.add_series(&values);
        let mut record = Vec::new();
        let mut chunks = Vec::new();
        for (key, values) in values {
            let Some((index, row)) = self.find(&key) else { continue };
            let chunk = pack_values(&values);
            put_varint(&mut record, row.id.cast_unsigned());
            put_varint(&mut record, chunk.len() as u64);
            record.extend_from_slice(&chunk);
            chunks.push((index, chunk));
        }
        let written = self.write_minute(&record);
        self.open.extend(chunks);
        // While the disk takes nothing, memory is not to fill up either.
        let bytes: usize = self.open.iter().map(|(_, chunk)| chunk.len()).sum();
        if bytes > OPEN_BYTES_MAX {
            self.open.drain(..self.open.len() / 4);
        }
        added.and(written)
    }

    fn write_minute(&mut self, record: &[u8]) -> Result<(), HistoryFault> {
        if !self.journal.append(record)? {
            self.seal()?;
            // A record that is larger than the journal is in memory only until the hour ends.
            self.journal.append(record)?;
        }
        Ok(())
    }

    fn add_series(&mut self, values: &Batch) -> Result<(), HistoryFault> {
        let room = SERIES_MAX.saturating_sub(self.series.len());
        let is_new = |key: &&Key| !self.by_key.contains_key(key);
        let new: Vec<Key> = values.iter().map(|(key, _)| key).filter(is_new).take(room).cloned().collect();
        if new.is_empty() {
            return Ok(());
        }
        let changes = self.database.begin()?;
        let mut rows = Vec::new();
        for Key { source, point, unit } in new.iter().cloned() {
            let id = changes.add_series(&source, &point, &unit)?;
            rows.push(SeriesRow { id, source, point, unit, last: None });
        }
        changes.commit()?;
        self.by_key.extend(new.into_iter().zip(self.series.len()..));
        self.series.extend(rows);
        Ok(())
    }

    fn read_record(&self, mut record: &[u8]) -> Vec<(usize, Vec<u8>)> {
        let mut chunks = Vec::new();
        while let Some((id, chunk)) = take_chunk(&mut record) {
            if let Ok(index) = self.series.binary_search_by_key(&id, |row| row.id) {
                chunks.push((index, chunk.to_vec()));
            }
        }
        chunks
    }

    /// Writes the open hour, sums up the day if that has ended, and forgets what is too old.
    fn close_hour(&mut self, hour_ms: i64, now_ms: i64) -> Result<(), HistoryFault> {
        let day = |at_ms| Level::Day.around(at_ms, &self.settings.zone).from_ms;
        let is_new_day = day(hour_ms) != day(now_ms);
        self.is_day_over |= is_new_day;
        let mut done = self.write_hour();
        if self.is_day_over && done.is_ok() {
            done = self.fold();
        }
        let pass = Pass { folded: self.folded };
        done.and(self.retention.forget(&mut self.database, End { hour_ms, now_ms, is_new_day, pass }))
    }

    fn write_hour(&mut self) -> Result<(), HistoryFault> {
        self.require_room()?;
        let indexes: BTreeSet<usize> = self.open.iter().map(|(index, _)| *index).collect();
        let hours: Vec<_> = indexes.into_iter().map(|index| (index, self.open_values(index))).collect();
        let changes = self.database.begin()?;
        for (index, values) in &hours {
            let Some(row) = self.series.get(*index) else { continue };
            let Some(last) = values.last() else { continue };
            // After days of a full disk there may be more than one chunk holds.
            for values in values.chunks(ROWS_MAX) {
                let times = || values.iter().map(|value| value.at_ms);
                if let (Some(first_ms), Some(last_ms)) = (times().min(), times().max()) {
                    changes.add_readings(row.id, first_ms, last_ms, &pack_values(values))?;
                }
            }
            let kind = Kind::of(&row.unit);
            let mut minutes = Folder::new(kind, Level::Minute, &self.settings.zone);
            minutes.add_values(values, &mut row.last.clone());
            if let Some(chunk) = chunk_of(kind, &minutes.finish()) {
                changes.add_buckets(row.id, Level::Minute, &chunk)?;
            }
            changes.set_last(row.id, *last)?;
        }
        let generation = self.generation.wrapping_add(1);
        changes.set_meta(GENERATION, generation)?;
        changes.commit()?;
        for (index, values) in hours {
            if let Some(row) = self.series.get_mut(index) {
                row.last = values.last().copied().or(row.last);
            }
        }
        self.generation = generation;
        self.journal.restart(generation.cast_unsigned());
        self.open.clear();
        Ok(())
    }

    /// The database of money is on the same disk.
    fn require_room(&self) -> Result<(), HistoryFault> {
        let disk = rustix::fs::statvfs(&self.directory).map_err(std::io::Error::from)?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free_bytes < self.floor_bytes { Err(HistoryFault::NoRoom(self.floor_bytes >> 20)) } else { Ok(()) }
    }

    /// Sums up the minutes that are in no coarser level yet.
    fn fold(&mut self) -> Result<(), HistoryFault> {
        let changes = self.database.begin()?;
        for row in &self.series {
            let kind = Kind::of(&row.unit);
            let chunks = changes.minutes_after(row.id, self.folded)?;
            let minutes: Vec<Bucket> =
                chunks.iter().flat_map(|chunk| unpack_buckets(kind, chunk).unwrap_or_default()).collect();
            for level in Level::ALL.into_iter().filter(|level| *level > Level::Minute) {
                let mut folder = Folder::new(kind, level, &self.settings.zone);
                folder.add_buckets(&minutes);
                let Some(new) = Some(folder.finish()).filter(|new| !new.is_empty()) else { continue };
                let newest = changes.newest_buckets(row.id, level)?;
                let kept = newest.as_ref().and_then(|chunk| unpack_buckets(kind, &chunk.bytes)).unwrap_or_default();
                match newest.filter(|_| !kept.is_empty() && kept.len() + new.len() <= BUCKETS_OF_A_CHUNK) {
                    Some(newest) => {
                        let all = in_order([kept, new].concat());
                        if let Some(chunk) = chunk_of(kind, &all) {
                            changes.replace_buckets(&Chunk { id: newest.id, ..chunk })?;
                        }
                    }
                    None => {
                        if let Some(chunk) = chunk_of(kind, &new) {
                            changes.add_buckets(row.id, level, &chunk)?;
                        }
                    }
                }
            }
        }
        let folded = changes.last_bucket_id()?;
        changes.set_meta(FOLDED, folded)?;
        changes.commit()?;
        (self.folded, self.is_day_over) = (folded, false);
        Ok(())
    }
}

/// Keeps a damaged history under other names, in place of one that may be there already.
///
/// # Errors
/// What the system says.
pub(super) fn set_aside(directory: &Path) -> std::io::Result<()> {
    let names =
        [(DATABASE, SET_ASIDE), ("history.db-wal", "history.db.damaged-wal"), (JOURNAL, "history.journal.damaged")];
    for (name, aside) in names {
        match rename(directory.join(name), directory.join(aside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // It says who has the database open, which nobody has any more.
    match std::fs::remove_file(directory.join("history.db-shm")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn chunk_of(kind: Kind, buckets: &[Bucket]) -> Option<Chunk> {
    let (first, last) = (buckets.first()?, buckets.last()?);
    let bytes = pack_buckets(kind, buckets);
    Some(Chunk { id: 0, first_ms: first.start_ms, last_ms: last.start_ms, bytes })
}

/// The values of a batch by the hour since 1970 they are of.
fn by_hour(batch: Batch) -> BTreeMap<i64, Batch> {
    let mut hours: BTreeMap<i64, Batch> = BTreeMap::new();
    for (key, values) in batch {
        for values in values.chunk_by(|a, b| a.at_ms.div_euclid(HOUR_MS) == b.at_ms.div_euclid(HOUR_MS)) {
            let hour = values.first().map_or(0, |value| value.at_ms.div_euclid(HOUR_MS));
            hours.entry(hour).or_default().push((key.clone(), values.to_vec()));
        }
    }
    hours
}

fn take_chunk<'a>(record: &mut &'a [u8]) -> Option<(i64, &'a [u8])> {
    let id = take_varint(record)?.cast_signed();
    let length = usize::try_from(take_varint(record)?).ok()?;
    let (chunk, rest) = record.split_at_checked(length)?;
    *record = rest;
    Some((id, chunk))
}

pub(super) const DATABASE: &str = "history.db";
const SET_ASIDE: &str = "history.db.damaged";
const JOURNAL: &str = "history.journal";
const GENERATION: &str = "generation";
const FOLDED: &str = "folded";
const DAMAGED: &str = "damaged";
/// As many as [`crate::latest::POINTS_MAX`], and those that are no longer read.
const SERIES_MAX: usize = 16_384;
/// A month of quarters of an hour; at most so much is written again each day.
const BUCKETS_OF_A_CHUNK: usize = 3_072;
/// More than the journal holds.
const OPEN_BYTES_MAX: usize = 2 << 20;
/// 2026-01-01.
const HOUR_EARLIEST: i64 = 1_767_225_600_000 / HOUR_MS;

#[cfg(test)]
mod tests;
