//! What is kept of a point for a minute, a quarter of an hour, an hour, a day, a month.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, ZonedDateTime};

use super::chunk::{Packed, pack};

/// One value of a point and when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Milliseconds since 1970, in steps of 100.
    pub at_ms: i64,
    /// Thousandths of the point's unit.
    pub milli: i64,
}

/// How long the time is that one bucket sums up. The numbers are written to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// A minute.
    Minute = 1,
    /// A quarter of an hour.
    Quarter = 2,
    /// An hour of the owner's clock.
    Hour = 3,
    /// A day of the owner's calendar.
    Day = 4,
    /// A month of the owner's calendar.
    Month = 5,
}

/// The values of a point within one such time, summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// When the time began, in ms since 1970.
    pub start_ms: i64,
    /// How many values there were; at least one.
    pub count: i64,
    /// Their mean, rounded down to thousandths; of a counter the same as `max`.
    pub mean: i64,
    /// The smallest; of a counter the same as `max`.
    pub min: i64,
    /// The largest: where a counter stood.
    pub max: i64,
    /// Of a counter, by how much it rose; what it fell or leapt does not count. 0 of anything else.
    pub rise: i64,
}

/// What the values of a point are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// They go up and down: power, voltage, temperature.
    Gauge,
    /// They only ever grow, and a device may say anything: energy.
    Counter,
    /// They only ever grow, and are Kilosat's own: money.
    Sum,
}

/// A time from `from_ms` on and before `to_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first instant in it.
    pub from_ms: i64,
    /// The first instant after it.
    pub to_ms: i64,
}

impl Kind {
    /// That of a point with such a unit.
    pub fn of(unit: &str) -> Kind {
        match unit {
            "Wh" | "varh" => Kind::Counter,
            "sat" => Kind::Sum,
            _ => Kind::Gauge,
        }
    }
}

impl Level {
    /// From the finest to the coarsest.
    pub const ALL: [Level; 5] = [Level::Minute, Level::Quarter, Level::Hour, Level::Day, Level::Month];

    /// The bucket that holds `at_ms`, for an owner whose clock shows the time of `zone`.
    pub fn around(self, at_ms: i64, zone: &TimeZone) -> Range {
        match self {
            Level::Minute => fixed(at_ms, MINUTE_MS),
            Level::Quarter => fixed(at_ms, 15 * MINUTE_MS),
            Level::Hour => calendar(at_ms, zone, hour).unwrap_or_else(|| fixed(at_ms, HOUR_MS)),
            Level::Day => calendar(at_ms, zone, day).unwrap_or_else(|| fixed(at_ms, DAY_MS)),
            Level::Month => calendar(at_ms, zone, month).unwrap_or_else(|| fixed(at_ms, 30 * DAY_MS)),
        }
    }
}

impl Range {
    /// Whether an instant is in it.
    pub fn holds(self, at_ms: i64) -> bool {
        (self.from_ms..self.to_ms).contains(&at_ms)
    }
}

impl Bucket {
    /// A bucket that holds one value.
    fn of(start_ms: i64, milli: i64, rise: i64) -> Bucket {
        Bucket { start_ms, count: 1, mean: milli, min: milli, max: milli, rise }
    }

    /// The sum of its values, as far as the mean knows it.
    fn sum(&self) -> i128 {
        i128::from(self.mean) * i128::from(self.count)
    }

    /// Adds what a later bucket holds.
    pub fn add(&mut self, other: &Bucket) {
        let sum = self.sum() + other.sum();
        self.widen(other);
        self.set_mean(sum);
    }

    fn set_mean(&mut self, sum: i128) {
        let mean = sum.div_euclid(i128::from(self.count.max(1)));
        self.mean = i64::try_from(mean).unwrap_or(self.max);
    }

    /// Adds all but the mean.
    fn widen(&mut self, other: &Bucket) {
        self.count = self.count.saturating_add(other.count);
        (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        self.rise = self.rise.saturating_add(other.rise);
    }
}

/// Sums up values, or buckets of a finer level, into buckets of one level.
#[derive(Debug)]
pub(super) struct Folder<'a> {
    kind: Kind,
    level: Level,
    zone: &'a TimeZone,
    range: Range,
    /// The sum of the values of the newest bucket; a mean could not be added to without loss.
    sum: i128,
    buckets: Vec<Bucket>,
}

impl<'a> Folder<'a> {
    pub fn new(kind: Kind, level: Level, zone: &'a TimeZone) -> Folder<'a> {
        Folder { kind, level, zone, range: Range { from_ms: 0, to_ms: 0 }, sum: 0, buckets: Vec::new() }
    }

    /// Adds values; `before` is the one before the first, and becomes the last of them.
    pub fn add_values(&mut self, values: &[Timed], before: &mut Option<Timed>) {
        for value in values {
            let rise = match (self.kind, &before) {
                (Kind::Counter, Some(before)) => rise(*before, *value),
                (Kind::Sum, Some(before)) => value.milli.saturating_sub(before.milli).max(0),
                _ => 0,
            };
            *before = Some(*value);
            self.add(value.at_ms, &Bucket::of(0, value.milli, rise));
        }
    }

    /// Adds buckets of a finer level, or of the same one.
    pub fn add_buckets(&mut self, buckets: &[Bucket]) {
        buckets.iter().for_each(|bucket| self.add(bucket.start_ms, bucket));
    }

    fn add(&mut self, at_ms: i64, bucket: &Bucket) {
        match self.buckets.last_mut() {
            Some(newest) if self.range.holds(at_ms) => {
                self.sum += bucket.sum();
                newest.widen(bucket);
            }
            newest => {
                if let Some(newest) = newest {
                    newest.set_mean(self.sum);
                }
                self.range = self.level.around(at_ms, self.zone);
                self.sum = bucket.sum();
                self.buckets.push(Bucket { start_ms: self.range.from_ms, ..*bucket });
            }
        }
    }

    /// The buckets in the order of their times, one for each time.
    pub fn finish(mut self) -> Vec<Bucket> {
        if let Some(newest) = self.buckets.last_mut() {
            newest.set_mean(self.sum);
        }
        if self.kind != Kind::Gauge {
            self.buckets.iter_mut().for_each(|bucket| (bucket.mean, bucket.min) = (bucket.max, bucket.max));
        }
        in_order(self.buckets)
    }
}

/// Sorts buckets by time and adds up those of the same time, as there are after the clock was set back.
pub(super) fn in_order(mut buckets: Vec<Bucket>) -> Vec<Bucket> {
    if !buckets.is_sorted_by(|a, b| a.start_ms < b.start_ms) {
        buckets.sort_by_key(|bucket| bucket.start_ms);
        buckets.dedup_by(|later, kept| {
            let same = later.start_ms == kept.start_ms;
            if same {
                kept.add(later);
            }
            same
        });
    }
    buckets
}

/// Values as they are stored.
pub(super) fn pack_values(values: &[Timed]) -> Vec<u8> {
    let times: Vec<i64> = values.iter().map(|value| value.at_ms).collect();
    let milli: Vec<i64> = values.iter().map(|value| value.milli).collect();
    pack([&times, &milli])
}

/// The values of a chunk, `None` where it is damaged.
pub(super) fn unpack_values(bytes: &[u8]) -> Option<Vec<Timed>> {
    let rows = Packed::open(bytes)?.rows()?;
    Some(rows.into_iter().map(|[at_ms, milli]| Timed { at_ms, milli }).collect())
}

/// Buckets as they are stored. Of a counter only where it stood and its rise are worth keeping, of a gauge only mean and
/// extremes.
pub(super) fn pack_buckets(kind: Kind, buckets: &[Bucket]) -> Vec<u8> {
    let column = |of: fn(&Bucket) -> i64| buckets.iter().map(of).collect::<Vec<_>>();
    let starts = column(|bucket| bucket.start_ms / MINUTE_MS);
    let counts = column(|bucket| bucket.count);
    match kind {
        Kind::Counter | Kind::Sum => {
            pack([&starts, &counts, &column(|bucket| bucket.max), &column(|bucket| bucket.rise)])
        }
        Kind::Gauge => {
            // The extremes are written as their distance from the mean, which is small where little happens.
            let below = column(|bucket| bucket.mean.wrapping_sub(bucket.min));
            let above = column(|bucket| bucket.max.wrapping_sub(bucket.mean));
            pack([&starts, &counts, &column(|bucket| bucket.mean), &below, &above])
        }
    }
}

/// The buckets of a chunk, `None` where it is damaged.
pub(super) fn unpack_buckets(kind: Kind, bytes: &[u8]) -> Option<Vec<Bucket>> {
    let empty = Bucket::of(0, 0, 0);
    match kind {
        Kind::Counter | Kind::Sum => Packed::<4>::open(bytes)?.rows_of(empty, |bucket, column, value| match column {
            0 => bucket.start_ms = value.wrapping_mul(MINUTE_MS),
            1 => bucket.count = value,
            2 => (bucket.mean, bucket.min, bucket.max) = (value, value, value),
            _ => bucket.rise = value,
        }),
        Kind::Gauge => Packed::<5>::open(bytes)?.rows_of(empty, |bucket, column, value| match column {
            0 => bucket.start_ms = value.wrapping_mul(MINUTE_MS),
            1 => bucket.count = value,
            2 => bucket.mean = value,
            3 => bucket.min = bucket.mean.wrapping_sub(value),
            _ => bucket.max = bucket.mean.wrapping_add(value),
        }),
    }
}

/// What a counter rose from one value to the next: nothing where it fell, and nothing where no house could use as much in
/// that time, as after a glitch or when the meter was replaced.
fn rise(before: Timed, now: Timed) -> i64 {
    let rise = now.milli.saturating_sub(before.milli);
    let passed_ms = now.at_ms.saturating_sub(before.at_ms).max(0);
    let possible = passed_ms.saturating_mul(POWER_MAX_W) / MS_PER_HOUR_OF_MILLI + RISE_ALWAYS_MWH;
    if (0..=possible).contains(&rise) { rise } else { 0 }
}

fn fixed(at_ms: i64, length_ms: i64) -> Range {
    let from_ms = at_ms.saturating_sub(at_ms.rem_euclid(length_ms));
    Range { from_ms, to_ms: from_ms.saturating_add(length_ms) }
}

/// `bounds` gives the first instant of a time of the calendar, and that of the next one.
fn calendar(
    at_ms: i64,
    zone: &TimeZone,
    bounds: fn(&ZonedDateTime) -> Option<(ZonedDateTime, ZonedDateTime)>,
) -> Option<Range> {
    let clock = Timestamp::from_millisecond(at_ms).ok()?.to_zoned_datetime(zone.clone());
    let (from, to) = bounds(&clock)?;
    let range = Range { from_ms: from.timestamp().as_millisecond(), to_ms: to.timestamp().as_millisecond() };
    range.holds(at_ms).then_some(range)
}

fn hour(clock: &ZonedDateTime) -> Option<(ZonedDateTime, ZonedDateTime)> {
    // Hours are counted on the time that passes, so that the one that clocks repeat is two.
    let into_ms = i64::from(clock.minute()) * MINUTE_MS + i64::from(clock.second()) * 1_000;
    let into_ms = into_ms + i64::from(clock.subsec_nanosecond()) / 1_000_000;
    let from = clock.checked_sub(into_ms.milliseconds()).ok()?;
    let to = from.checked_add(1.hour()).ok()?;
    Some((from, to))
}

fn day(clock: &ZonedDateTime) -> Option<(ZonedDateTime, ZonedDateTime)> {
    Some((clock.start_of_day().ok()?, clock.tomorrow().ok()?.start_of_day().ok()?))
}

fn month(clock: &ZonedDateTime) -> Option<(ZonedDateTime, ZonedDateTime)> {
    let from = clock.first_of_month().ok()?.start_of_day().ok()?;
    let to = from.checked_add(1.month()).ok()?.start_of_day().ok()?;
    Some((from, to))
}

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// 1 MW: more than any house draws.
const POWER_MAX_W: i64 = 1_000_000;
/// Milliseconds in an hour by milliwatt-hours in a watt-hour.
const MS_PER_HOUR_OF_MILLI: i64 = 3_600;
/// 1 kWh: some meters count in such steps.
const RISE_ALWAYS_MWH: i64 = 1_000_000;

#[cfg(test)]
mod tests;
