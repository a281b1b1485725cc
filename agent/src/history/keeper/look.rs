//! What the history answers.

use super::super::bucket::{Bucket, Folder, Kind, Level, Range, Timed, in_order, unpack_buckets, unpack_values};
use super::super::database::{Chunk, HistoryFault, SeriesRow, Wanted};
use super::{DAMAGED, Extent, Keeper, Key};

impl Keeper {
    /// Every point there is or was.
    pub fn keys(&self) -> Vec<Key> {
        self.by_key.keys().cloned().collect()
    }

    /// The buckets of a point that touch `range`, oldest first; times without a value have none.
    ///
    /// # Errors
    /// [`HistoryFault`].
    pub fn buckets(&self, key: &Key, level: Level, range: Range) -> Result<Vec<Bucket>, HistoryFault> {
        let Some((index, row)) = self.find(key) else { return Ok(Vec::new()) };
        let kind = Kind::of(&key.unit);
        let range = self.whole(level, range);
        let mut buckets = Vec::new();
        let wanted = Wanted { series: row.id, level, range, after: 0 };
        for chunk in self.database.buckets(wanted)? {
            buckets.extend(unpack_buckets(kind, &chunk.bytes).unwrap_or_else(|| damaged(key, level, &chunk)));
        }
        let mut fresh = Folder::new(kind, level, &self.settings.zone);
        if level > Level::Minute {
            let wanted = Wanted { level: Level::Minute, after: self.folded, ..wanted };
            for chunk in self.database.buckets(wanted)? {
                fresh.add_buckets(&unpack_buckets(kind, &chunk.bytes).unwrap_or_default());
            }
        }
        fresh.add_values(&self.open_values(index), &mut row.last.clone());
        buckets.extend(fresh.finish());
        let mut buckets = in_order(buckets);
        if kind != Kind::Gauge {
            buckets.iter_mut().for_each(|bucket| (bucket.mean, bucket.min) = (bucket.max, bucket.max));
        }
        buckets.retain(|bucket| range.holds(bucket.start_ms));
        Ok(buckets)
    }

    /// The values of a point within `range`, oldest first.
    ///
    /// # Errors
    /// [`HistoryFault`].
    pub fn values(&self, key: &Key, range: Range) -> Result<Vec<Timed>, HistoryFault> {
        let Some((index, row)) = self.find(key) else { return Ok(Vec::new()) };
        let mut values = Vec::new();
        for chunk in self.database.readings(row.id, range)? {
            values.extend(unpack_values(&chunk.bytes).unwrap_or_default());
        }
        values.extend(self.open_values(index));
        values.retain(|value| range.holds(value.at_ms));
        values.sort_by_key(|value| value.at_ms);
        Ok(values)
    }

    /// What there is.
    ///
    /// # Errors
    /// [`HistoryFault`].
    pub fn extent(&self) -> Result<Extent, HistoryFault> {
        let mut from_ms = self.open.first().and_then(|(_, chunk)| Some(unpack_values(chunk)?.first()?.at_ms));
        // A month begins before its first value.
        for level in Level::ALL.into_iter().filter(|level| *level < Level::Month) {
            from_ms = from_ms.into_iter().chain(self.database.oldest_bucket(level)?).min();
        }
        let damaged_ms = Some(self.database.meta(DAMAGED)?).filter(|at| *at > 0);
        Ok(Extent { from_ms, bytes: self.database.size()?.1, fault: None, damaged_ms })
    }

    pub(super) fn find(&self, key: &Key) -> Option<(usize, &SeriesRow)> {
        let index = *self.by_key.get(key)?;
        Some((index, self.series.get(index)?))
    }

    /// `range`, widened to whole buckets.
    fn whole(&self, level: Level, range: Range) -> Range {
        let zone = &self.settings.zone;
        let from_ms = level.around(range.from_ms, zone).from_ms;
        Range { from_ms, to_ms: level.around(range.to_ms.saturating_sub(1), zone).to_ms }
    }

    pub(super) fn open_values(&self, index: usize) -> Vec<Timed> {
        let chunks = self.open.iter().filter(|(series, _)| *series == index);
        chunks.flat_map(|(_, chunk)| unpack_values(chunk).unwrap_or_default()).collect()
    }
}

fn damaged(key: &Key, level: Level, chunk: &Chunk) -> Vec<Bucket> {
    tracing::warn!(?key, ?level, chunk.id, "a chunk of the history is damaged and is left out");
    Vec::new()
}
