//! The power fails at every commit in turn, before it and after it, and nothing is paid twice or lost.
//!
//! `KILOSAT_CUT_SEEDS=COUNT` tells that many stories in each test instead of 8.

use super::checks::check;
use super::service::Character;
use super::town::{Cut, Town, tight_rules};
use super::world::{HOUR, MINUTE};

/// A few hours in which payments settle, fail, hang and get lost.
fn story(seed: u64, cut: Option<Cut>) -> Town {
    let mut town = Town::new(tight_rules(), seed, 20 * MINUTE);
    town.character = Character { fails: 30, loses: 20, closed: 10, hangs: 5, repeats: 30, lies: 0 };
    (town.trouble, town.by_hand) = (15, 30);
    town.cut = cut;
    town.run(3 * HOUR);
    town
}

/// Cuts the story of every other seed from `first` on at every event in turn, at least 400 times in all.
fn cut_everywhere(first: u64, cut: fn(u64) -> Cut) {
    let stories = std::env::var("KILOSAT_CUT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let cuts: u64 = (0..stories).map(|story| cut_story(first + 2 * story, cut)).sum();
    // `tests/faults/long` adds these lines up.
    println!("faults: engine cuts: {cuts}");
    assert!(cuts >= 400, "{cuts} cuts");
}

fn cut_story(seed: u64, cut: fn(u64) -> Cut) -> u64 {
    let events = story(seed, None).events;
    assert!((20..400).contains(&events), "seed {seed}: {events} events");
    for number in 1..=events {
        let cut = cut(number);
        let context = format!("seed {seed}, {cut:?}");
        let mut town = story(seed, Some(cut));
        check(&mut town.world, &context);
        town.finish(&context);
        assert!(town.world.snapshot().lock.is_none(), "{context}: locked without a reason");
    }
    events
}

#[test]
fn a_power_cut_after_any_commit_pays_nothing_twice_and_loses_nothing() {
    cut_everywhere(1, Cut::After);
}

#[test]
fn a_power_cut_before_any_commit_pays_nothing_twice_and_loses_nothing() {
    cut_everywhere(2, Cut::Before);
}
