//! What was added is found again, after power cuts too, for as long as it is to be kept.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::history::bucket::{DAY_MS, MINUTE_MS, Range};

/// 2026-11-25 00:00 in Berlin.
const START_MS: i64 = 1_795_561_200_000;

fn settings() -> Settings {
    Settings {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        write_every: Duration::from_secs(60),
        readings_ms: 48 * HOUR_MS,
        minutes_ms: 8 * DAY_MS,
        quarters_ms: 30 * DAY_MS,
        hours_ms: 60 * DAY_MS,
        disk_max_bytes: 1 << 30,
        free_min_bytes: 0,
    }
}

fn key(point: &str, unit: &str) -> Key {
    Key { source: "main".to_owned(), point: point.to_owned(), unit: unit.to_owned() }
}

fn power() -> Key {
    key("power", "W")
}

fn energy() -> Key {
    key("energy_import", "Wh")
}

fn open(folder: &TempDir) -> Keeper {
    Keeper::open(folder.path(), settings()).unwrap()
}

fn everything() -> Range {
    Range { from_ms: START_MS - 400 * DAY_MS, to_ms: START_MS + 400 * DAY_MS }
}

/// A value every `step_ms` from `from_ms` on.
fn every(step_ms: i64, from_ms: i64, count: i64) -> Vec<Timed> {
    (0..count).map(|i| Timed { at_ms: from_ms + i * step_ms, milli: i * 1_000 }).collect()
}

/// Days of a value a quarter of an hour, written once an hour.
fn add_days(keeper: &mut Keeper, from_day: i64, days: i64) {
    for hour in from_day * 24..(from_day + days) * 24 {
        let values = every(15 * MINUTE_MS, START_MS + hour * HOUR_MS, 4);
        let counter = values.iter().map(|value| Timed { milli: (value.at_ms - START_MS) / 1_000, ..*value });
        keeper.add(vec![(power(), values.clone()), (energy(), counter.collect())]).unwrap();
    }
}

fn count(keeper: &Keeper, level: Level) -> usize {
    keeper.buckets(&power(), level, everything()).unwrap().len()
}

#[test]
fn values_are_there_at_once_and_after_the_power_was_cut() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    let values = every(1_000, START_MS, 7_300);
    for minute in values.chunks(60) {
        keeper.add(vec![(power(), minute.to_vec())]).unwrap();
    }
    assert_eq!(keeper.values(&power(), everything()).unwrap(), values);
    let minutes = keeper.buckets(&power(), Level::Minute, everything()).unwrap();
    drop(keeper);
    let keeper = open(&folder);
    assert_eq!(keeper.values(&power(), everything()).unwrap(), values);
    assert_eq!(keeper.buckets(&power(), Level::Minute, everything()).unwrap(), minutes);
    assert_eq!(minutes.len(), 122);
    assert_eq!(count(&keeper, Level::Day), 1);
    assert!(keeper.values(&energy(), everything()).unwrap().is_empty(), "there is no such point");
}

#[test]
fn a_cut_between_database_and_journal_leaves_nothing_twice() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    let values = every(1_000, START_MS, 600);
    keeper.add(vec![(power(), values.clone())]).unwrap();
    let journal = std::fs::read(folder.path().join(JOURNAL)).unwrap();
    keeper.seal().unwrap();
    drop(keeper);
    crate::disk::replace(&folder.path().join(JOURNAL), &journal).unwrap();
    assert_eq!(open(&folder).values(&power(), everything()).unwrap(), values);
}

#[test]
fn every_level_sums_up_the_same() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    add_days(&mut keeper, 0, 4);
    let of = |key: Key, level| keeper.buckets(&key, level, everything()).unwrap();
    let rise = |level| of(energy(), level).iter().map(|bucket| bucket.rise).sum::<i64>();
    let last = (4 * DAY_MS - 15 * MINUTE_MS) / 1_000;
    for level in Level::ALL {
        assert_eq!(rise(level), last, "{level:?}");
        let counted: i64 = of(power(), level).iter().map(|bucket| bucket.count).sum();
        assert_eq!(counted, 4 * 96, "{level:?}");
    }
    let lengths = Level::ALL.map(|level| count(&keeper, level));
    assert_eq!(lengths, [4 * 96, 4 * 96, 96, 4, 1]);
}

#[test]
fn what_is_too_old_is_forgotten_from_the_finest_on() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    add_days(&mut keeper, 0, 100);
    let newest = START_MS + 100 * DAY_MS - HOUR_MS;
    let oldest = |level| newest - keeper.buckets(&power(), level, everything()).unwrap()[0].start_ms;
    let readings = newest - keeper.values(&power(), everything()).unwrap()[0].at_ms;
    // An hour is forgotten as a whole, and a chunk of coarser buckets too.
    assert!((48 * HOUR_MS..50 * HOUR_MS).contains(&readings), "{readings}");
    assert!((8 * DAY_MS..8 * DAY_MS + 2 * HOUR_MS).contains(&oldest(Level::Minute)));
    assert!((30 * DAY_MS..64 * DAY_MS).contains(&oldest(Level::Quarter)));
    assert!((60 * DAY_MS..).contains(&oldest(Level::Hour)));
    assert_eq!(count(&keeper, Level::Day), 100);
    assert_eq!(count(&keeper, Level::Month), 5);
}

#[test]
fn a_clock_that_leaps_costs_no_history() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    add_days(&mut keeper, 0, 3);
    let kept = keeper.values(&power(), everything()).unwrap();
    // Fifty years on for two hours, back to 1970 for two hours, then right again.
    for wrong in [START_MS + 18_000 * DAY_MS, 0] {
        keeper.add(vec![(power(), every(MINUTE_MS, wrong, 120))]).unwrap();
    }
    add_days(&mut keeper, 3, 1);
    let still = keeper.buckets(&power(), Level::Minute, everything()).unwrap();
    assert_eq!(still.len(), 4 * 96);
    let left = keeper.values(&power(), everything()).unwrap().len();
    assert!(left >= kept.len() / 4, "of {} values {left} are left", kept.len());
    add_days(&mut keeper, 4, 20);
    assert!(count(&keeper, Level::Minute) <= 9 * 96, "and time goes on");
}

#[test]
fn a_clock_that_was_wrong_at_the_first_start_keeps_nothing_from_being_kept() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    // Twelve years on, for three hours, with more points than are forgotten in one step.
    for hour in 0..3 {
        let values = every(MINUTE_MS, START_MS + 4_400 * DAY_MS + hour * HOUR_MS, 60);
        let points = (0..300).map(|point| (key(&format!("point{point}"), ""), values.clone()));
        keeper.add(points.collect()).unwrap();
    }
    add_days(&mut keeper, 0, 20);
    let minutes = count(&keeper, Level::Minute);
    assert!((8 * 96..=9 * 96).contains(&minutes), "eight days are kept and no more: {minutes} minutes");
    assert!(!keeper.values(&power(), everything()).unwrap().is_empty());
}

#[test]
fn a_disk_that_is_to_be_spared_loses_the_oldest_details_first() {
    let folder = TempDir::new().unwrap();
    let tight = Settings { disk_max_bytes: 300_000, readings_ms: 900 * DAY_MS, minutes_ms: 900 * DAY_MS, ..settings() };
    let mut keeper = Keeper::open(folder.path(), tight).unwrap();
    let mut noise = 7_u64;
    for hour in 0..30 * 24 {
        let mut values = every(60_000, START_MS + hour * HOUR_MS, 60);
        for value in &mut values {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            value.milli = (noise >> 40).cast_signed();
        }
        keeper.add(vec![(power(), values)]).unwrap();
    }
    let (used, _) = keeper.database.size().unwrap();
    assert!(used <= 320_000, "{used} bytes");
    assert_eq!(count(&keeper, Level::Day), 30, "days stay");
    let values = keeper.values(&power(), everything()).unwrap();
    let newest = START_MS + 30 * DAY_MS - 60_000;
    assert_eq!(values.last().map(|value| value.at_ms), Some(newest), "the newest stay");
}

#[test]
fn a_disk_that_is_full_gets_nothing_and_nothing_new_is_lost_meanwhile() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    keeper.floor_bytes = u64::MAX;
    let mut all = Vec::new();
    for hour in 0..30 {
        let values = every(MINUTE_MS, START_MS + hour * HOUR_MS, 60);
        let done = keeper.add(vec![(power(), values.clone())]);
        assert_eq!(hour > 0, matches!(done, Err(HistoryFault::NoRoom(_))), "hour {hour}: {done:?}");
        all.extend(values);
    }
    assert_eq!(keeper.values(&power(), everything()).unwrap(), all);
    keeper.floor_bytes = 0;
    keeper.add(vec![(power(), every(MINUTE_MS, START_MS + 30 * HOUR_MS, 1))]).unwrap();
    assert_eq!(keeper.database.meta(GENERATION).unwrap(), 1, "everything is in the database");
    assert_eq!(keeper.folded, keeper.database.meta(FOLDED).unwrap());
    assert!(keeper.folded > 0, "the day that ended meanwhile is summed up");
}

#[test]
fn more_values_than_a_chunk_holds_are_several_chunks() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    let batch: Vec<_> = (0..100_000).map(|i| Timed { at_ms: START_MS + i, milli: 7 }).collect();
    for _ in 0..11 {
        keeper.add(vec![(power(), batch.clone())]).unwrap();
    }
    keeper.seal().unwrap();
    assert_eq!(keeper.values(&power(), everything()).unwrap().len(), 1_100_000);
    assert_eq!(keeper.database.readings(1, everything()).unwrap().len(), 2);
}

#[test]
fn points_that_are_no_longer_read_stay_and_new_ones_are_added() {
    let folder = TempDir::new().unwrap();
    let mut keeper = open(&folder);
    keeper.add(vec![(power(), every(1_000, START_MS, 10))]).unwrap();
    drop(keeper);
    let mut keeper = open(&folder);
    keeper.add(vec![(energy(), every(1_000, START_MS + DAY_MS, 10))]).unwrap();
    drop(keeper);
    let keeper = open(&folder);
    assert_eq!(keeper.keys(), [energy(), power()]);
    assert_eq!(keeper.values(&power(), everything()).unwrap().len(), 10);
    assert_eq!(keeper.extent().unwrap().from_ms, Some(START_MS));
}

/// What happens to a history.
#[derive(Clone, Debug)]
enum Step {
    /// So many values, so many ms apart, after so many ms; a negative wait is a clock set back.
    Add {
        wait_ms: i64,
        step_ms: i64,
        count: i64,
    },
    Seal,
    PowerCut,
}

fn step() -> impl Strategy<Value = Step> {
    let add = (
        prop_oneof![8 => 0..600_000_i64, 2 => 0..3 * HOUR_MS, 1 => 0..2 * DAY_MS, 1 => -3 * HOUR_MS..0],
        100..120_000_i64,
        1..80_i64,
    );
    prop_oneof![
        8 => add.prop_map(|(wait_ms, step_ms, count)| Step::Add { wait_ms, step_ms: step_ms / 100 * 100, count }),
        1 => Just(Step::Seal),
        1 => Just(Step::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Against a list of all values, whatever the clock did.
    #[test]
    fn whatever_happens_what_was_added_is_found(steps in prop::collection::vec(step(), 1..40)) {
        let folder = TempDir::new().unwrap();
        let long = Settings { readings_ms: 9_000 * DAY_MS, minutes_ms: 9_000 * DAY_MS, quarters_ms: 9_000 * DAY_MS, ..settings() };
        let mut keeper = Keeper::open(folder.path(), long.clone()).unwrap();
        let (mut at_ms, mut all) = (START_MS, Vec::new());
        for step in steps {
            match step {
                Step::Add { wait_ms, step_ms, count } => {
                    at_ms += wait_ms / 100 * 100;
                    let values: Vec<_> = (0..count).map(|i| Timed { at_ms: at_ms + i * step_ms, milli: i * i }).collect();
                    at_ms += count * step_ms;
                    keeper.add(vec![(energy(), values.clone()), (power(), values.clone())]).unwrap();
                    all.extend(values);
                }
                Step::Seal => keeper.seal().unwrap(),
                Step::PowerCut => {
                    drop(keeper);
                    keeper = Keeper::open(folder.path(), long.clone()).unwrap();
                }
            }
        }
        all.sort_by_key(|value| value.at_ms);
        let mut found = keeper.values(&power(), everything()).unwrap();
        found.sort_by_key(|value| (value.at_ms, value.milli));
        let mut want = all.clone();
        want.sort_by_key(|value| (value.at_ms, value.milli));
        prop_assert_eq!(found, want);
        for level in Level::ALL {
            let mut folder = Folder::new(Kind::Gauge, level, &long.zone);
            folder.add_values(&all, &mut None);
            let shape = |buckets: Vec<Bucket>| -> Vec<_> {
                buckets.into_iter().map(|bucket| (bucket.start_ms, bucket.count, bucket.min, bucket.max)).collect()
            };
            let found = keeper.buckets(&power(), level, everything()).unwrap();
            prop_assert_eq!(shape(found), shape(folder.finish()), "{:?}", level);
            for bucket in keeper.buckets(&energy(), level, everything()).unwrap() {
                prop_assert_eq!((bucket.mean, bucket.min), (bucket.max, bucket.max), "a counter stands somewhere");
            }
        }
    }
}
