//! Which bucket holds what, and that nothing is lost in it.

#![allow(clippy::unwrap_used)]

use super::*;

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

#[track_caller]
fn around(level: Level, at: &str, from: &str, to: &str) {
    let range = Range { from_ms: ms(from), to_ms: ms(to) };
    assert_eq!(level.around(ms(at), &berlin()), range, "{level:?} around {at}");
}

#[test]
fn days_and_months_are_those_of_the_owner() {
    around(Level::Minute, "2026-11-25T12:30:59.9Z", "2026-11-25T12:30:00Z", "2026-11-25T12:31:00Z");
    around(Level::Quarter, "2026-11-25T12:44:00Z", "2026-11-25T12:30:00Z", "2026-11-25T12:45:00Z");
    around(Level::Hour, "2026-11-25T12:59:00Z", "2026-11-25T12:00:00Z", "2026-11-25T13:00:00Z");
    around(Level::Day, "2026-11-25T23:10:00Z", "2026-11-25T23:00:00Z", "2026-11-26T23:00:00Z");
    around(Level::Month, "2026-11-30T22:59:00Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z");
    // Before 1970 and beyond the calendar there are buckets too.
    assert!(Level::Minute.around(-1, &berlin()).holds(-1));
    assert!(Level::Month.around(i64::MAX - 1, &berlin()).from_ms < i64::MAX);
}

#[test]
fn the_hour_that_clocks_repeat_is_two_and_its_day_has_25() {
    around(Level::Hour, "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z");
    around(Level::Hour, "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z");
    around(Level::Day, "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    around(Level::Day, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
}

#[test]
fn hours_of_a_zone_that_is_half_an_hour_off_begin_there_on_the_hour() {
    let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
    let range = Level::Hour.around(ms("2026-11-25T12:45:00Z"), &kolkata);
    assert_eq!(range, Range { from_ms: ms("2026-11-25T12:30:00Z"), to_ms: ms("2026-11-25T13:30:00Z") });
}

#[test]
fn a_bucket_says_mean_extremes_and_last() {
    let utc = TimeZone::UTC;
    let mut folder = Folder::new(Kind::Gauge, Level::Minute, &utc);
    let values = [(0, 10), (1_000, -4), (59_900, 3), (60_000, 7)].map(|(at_ms, milli)| Timed { at_ms, milli });
    folder.add_values(&values, &mut None);
    let first = Bucket { start_ms: 0, count: 3, mean: 3, min: -4, max: 10, rise: 0 };
    let second = Bucket { start_ms: 60_000, count: 1, mean: 7, min: 7, max: 7, rise: 0 };
    assert_eq!(folder.finish(), [first, second]);
    let mut folder = Folder::new(Kind::Gauge, Level::Hour, &utc);
    folder.add_buckets(&[first, second]);
    let both = Bucket { start_ms: 0, count: 4, mean: 4, min: -4, max: 10, rise: 0 };
    assert_eq!(folder.finish(), [both]);
}

#[test]
fn a_mean_does_not_drift_however_many_values_there_are() {
    let utc = TimeZone::UTC;
    let mut folder = Folder::new(Kind::Gauge, Level::Hour, &utc);
    let values: Vec<_> = (0..36_000).map(|i| Timed { at_ms: i * 100, milli: 1_000 + i % 2 }).collect();
    folder.add_values(&values, &mut None);
    assert_eq!(folder.finish()[0].mean, 1_000, "1000.5, rounded down once");
}

#[test]
fn a_counter_rises_by_what_a_house_can_use_and_no_glitch_counts() {
    let utc = TimeZone::UTC;
    let mut folder = Folder::new(Kind::Counter, Level::Hour, &utc);
    let counter = [5_000_000, 5_010_000, 0, 5_020_000, 99_000_000_000, 5_030_000, 5_040_000];
    let values: Vec<_> = (0_i64..).zip(counter).map(|(i, milli)| Timed { at_ms: i * 1_000, milli }).collect();
    let mut before = Some(Timed { at_ms: -1_000, milli: 4_990_000 });
    folder.add_values(&values, &mut before);
    let bucket = folder.finish()[0];
    // From 4.99 to 5.01 kWh and from 5.03 to 5.04; the steps into and out of a glitch are not believed.
    assert_eq!(bucket.rise, 30_000);
    assert_eq!(before, values.last().copied());
}

#[test]
fn buckets_read_back_as_they_were_written() {
    let bucket = |start_ms, low| Bucket { start_ms, count: 60, mean: low + 40, min: low, max: low + 2_000, rise: 0 };
    let gauges: Vec<_> = (0..1_440).map(|i| bucket(i * MINUTE_MS, (i % 17) * 1_000 - 5_000)).collect();
    assert_eq!(unpack_buckets(Kind::Gauge, &pack_buckets(Kind::Gauge, &gauges)), Some(gauges.clone()));
    let counter = |i: i64| Bucket { count: 60, rise: i % 3 * 1_000, ..Bucket::of(i * MINUTE_MS, i * 1_000, 0) };
    let counters: Vec<_> = (0..1_440).map(counter).collect();
    assert_eq!(unpack_buckets(Kind::Counter, &pack_buckets(Kind::Counter, &counters)), Some(counters.clone()));
    assert!(unpack_buckets(Kind::Counter, &pack_buckets(Kind::Gauge, &gauges)).is_none(), "a column count is a kind");
    let values: Vec<_> = (0..100).map(|i| Timed { at_ms: i * 1_000, milli: -i }).collect();
    assert_eq!(unpack_values(&pack_values(&values)), Some(values));
}

#[test]
fn buckets_of_one_time_are_one_bucket() {
    let at = |start_ms, milli| Bucket::of(start_ms, milli, 5);
    let ordered = in_order(vec![at(60_000, 4), at(0, 1), at(60_000, 8)]);
    assert_eq!(ordered.iter().map(|bucket| (bucket.start_ms, bucket.count)).collect::<Vec<_>>(), [(0, 1), (60_000, 2)]);
    assert_eq!((ordered[1].mean, ordered[1].min, ordered[1].max, ordered[1].rise), (6, 4, 8, 10));
}
