//! Power and energy that contradict each other.

use super::*;
use kilosat_drivers::reading::Milliwatts;

/// Feeds one sample every ten seconds: its number gives counter and power. Returns what changed, and when.
fn changes(samples: u64, story: impl Fn(u64) -> (u64, i64)) -> Vec<(u64, Change)> {
    let mut watch = Watch::new(LIMITS);
    let mut changes = Vec::new();
    for number in 0..samples {
        let (raw, mw) = story(number);
        let change = watch.observe(&sample(raw, at(number * 10_000)), Milliwatts(mw));
        changes.extend(change.map(|change| (number, change)));
    }
    changes
}

const KILOWATT: i64 = 1_000_000;

#[test]
fn a_counter_that_stands_still_under_load_raises_an_alarm_and_clears_it_by_moving() {
    let stuck = changes(100, |number| (if number < 80 { 5_000_000 } else { 5_001_000 }, KILOWATT));
    assert_eq!(stuck, [(60, Change::Raised(Alarm::Stuck)), (80, Change::Cleared(Alarm::Stuck))]);
    let load_ends = changes(200, |number| {
        (if number < 150 { 5_000_000 } else { 5_003_000 }, if (70..150).contains(&number) { 0 } else { KILOWATT })
    });
    assert_eq!(load_ends, [(60, Change::Raised(Alarm::Stuck)), (150, Change::Cleared(Alarm::Stuck))]);
}

#[test]
fn little_power_power_fed_in_and_a_moving_counter_raise_none() {
    assert_eq!(changes(500, |_| (5_000_000, 862_000)), []);
    assert_eq!(changes(500, |_| (5_000_000, -9 * KILOWATT)), []);
    assert_eq!(changes(500, |number| (5_000_000 + number / 50 * 1_000, KILOWATT)), []);
    assert_eq!(changes(500, |number| (5_000_000, if number % 50 == 0 { 0 } else { KILOWATT })), []);
}

#[test]
fn a_coarse_counter_has_time_to_take_its_step() {
    let mut watch = Watch::new(LIMITS);
    let coarse = |second: u64| Sample { quantum: MilliwattHours(100_000), ..sample(5_000_000, at(second * 1_000)) };
    let first = (0..1_000).find(|tens| watch.observe(&coarse(tens * 10), Milliwatts(KILOWATT)).is_some());
    assert_eq!(first, Some(73), "1 kW for twelve minutes are two steps of 0.1 kWh");
}

#[test]
fn silence_proves_nothing() {
    let mut watch = Watch::new(LIMITS);
    for second in [0, 10, 20, 3_600, 3_610] {
        assert_eq!(watch.observe(&sample(5_000_000, at(second * 1_000)), Milliwatts(KILOWATT)), None);
    }
}

#[test]
fn a_counter_that_moves_without_power_raises_an_alarm_until_power_shows() {
    let story = |number: u64| (5_000_000 + number * 100, if number < 90 { 0 } else { KILOWATT });
    assert_eq!(changes(100, story), [(60, Change::Raised(Alarm::PowerZero)), (90, Change::Cleared(Alarm::PowerZero))]);
    assert_eq!(changes(500, |number| (5_000_000 + number / 300 * 1_000, 0)), [], "one step is no proof");
    assert_eq!(changes(500, |number| (5_000_000 + number * 100, i64::try_from(number % 9).unwrap() * KILOWATT)), []);
}
