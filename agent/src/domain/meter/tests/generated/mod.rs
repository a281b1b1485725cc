//! Two hundred thousand meter histories, each from one seed: a house, its meter, and what goes wrong with both.
//!
//! Whatever happens, no more is billed than was used, the total never shrinks and every doubt ends. Where nothing
//! happened that hides energy from every meter, all of it is billed. `KILOSAT_HISTORIES=COUNT` makes it that many in each
//! of the four parts. A seed that ever failed is kept below, under the name of what was wrong.

mod agent;
mod checks;
mod house;
mod story;

use house::Random;
use story::{Story, Tally};

/// The first seed of all; part and number follow it.
const SEED: u64 = 0x4B57_68A1;
const HISTORIES: u64 = 50_000;

/// Histories that went wrong once; they are told again in every run.
const KEPT: [(&str, u64); 8] = [
    ("a wrong value that confirmed a rollover was billed", 1_264_089_196),
    ("a counter that had fallen near its end was billed the fall when it went over", 1_264_020_154),
    ("zeros just before the end hid that the counter went over it", 1_264_116_544),
    ("a value found too high before two starts of the machine held back an hour of energy", 1_264_033_348),
    ("a swap that was seen before its number was read was seen twice", 1_264_024_835),
    ("a clock that was moved after it had been right held energy back for an hour", 1_264_877_652),
    ("a wrong value was confirmed by another one long after", 1_264_489_991),
    ("a wrong value was confirmed by another one across a replaced meter", 1_264_630_615),
];

fn part(number: u64) {
    let count = std::env::var("KILOSAT_HISTORIES").ok().and_then(|text| text.parse().ok()).unwrap_or(HISTORIES);
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for index in 0..count {
        let seed = SEED + index * 4 + number;
        if let Err(why) = Story::new(seed).tell(&mut tally) {
            failures.push(format!("seed {seed}: {why}"));
        }
    }
    println!("meter histories from seed {SEED}, part {number}: {count} histories, {tally:?}");
    let first: Vec<_> = failures.iter().take(20).collect();
    assert!(failures.is_empty(), "{} of {count} histories went wrong; keep their seeds: {first:#?}", failures.len());
    assert!(tally.complete >= count / 5, "too few histories in which all energy must be billed: {tally:?}");
    assert!(tally.rolled_over >= count / 50 && tally.rebased >= count / 20, "the faults are too rare: {tally:?}");
}

#[test]
fn no_history_of_a_meter_bills_what_was_not_used_first_part() {
    for (name, seed) in KEPT {
        let told = Story::new(seed).tell(&mut Tally::default());
        assert_eq!(told, Ok(()), "{name}, seed {seed}");
    }
    part(0);
}

#[test]
fn no_history_of_a_meter_bills_what_was_not_used_second_part() {
    part(1);
}

#[test]
fn no_history_of_a_meter_bills_what_was_not_used_third_part() {
    part(2);
}

#[test]
fn no_history_of_a_meter_bills_what_was_not_used_fourth_part() {
    part(3);
}
