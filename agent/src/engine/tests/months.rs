//! Random months: whatever the world does, the invariants hold and nothing is forgotten.

use super::checks::{book, check, settlements};
use super::service::Character;
use super::town::{Town, tight_rules};
use super::world::{DAY, HOUR};

fn live(seed: u64, days: u64, lies: u64, character: Character, power_cuts: u64) -> Town {
    let mut town = Town::new(tight_rules(), seed, 2 * HOUR);
    town.character = character;
    town.service.lies_left = lies;
    town.trouble = seed % 5 * 10;
    town.power_cuts = power_cuts;
    for day in 0..days {
        town.run(DAY);
        if day % 5 == 0 {
            check(&mut town.world, &format!("seed {seed}, day {day}"));
        }
    }
    town
}

#[test]
fn with_an_honest_service_every_purchase_is_paid_at_most_once_and_nothing_locks() {
    for seed in 1..=5 {
        let character = Character { fails: 25, lies: 0, loses: 15, closed: 10, hangs: 2, repeats: 40 };
        let mut town = live(seed, 8, 0, character, seed % 4 * 2);
        let context = format!("seed {seed}");
        town.finish(&context);
        assert_eq!(town.world.snapshot().lock, None, "{context}");
        assert!(book(&mut town.world).len() > 50, "{context}: hardly anything happened");
    }
}

#[test]
fn one_failure_taken_back_pays_at_most_one_purchase_twice_and_then_everything_is_locked() {
    for seed in 101..=104 {
        let character = Character { fails: 40, lies: 10, loses: 10, closed: 5, hangs: 2, repeats: 20 };
        let mut town = live(seed, 8, 1, character, 1);
        let context = format!("seed {seed}");
        town.finish(&context);
        let purchases = settlements(&book(&mut town.world));
        assert!(purchases.values().all(|count| *count <= 2), "{context}");
        assert!(purchases.values().filter(|count| **count == 2).count() <= 1, "{context}");
    }
}

#[test]
fn failures_taken_back_are_all_booked_and_nothing_is_sent_after_the_first() {
    let mut locked = 0;
    for seed in 201..=207 {
        let character = Character { fails: 40, lies: 60, loses: 10, closed: 5, hangs: 2, repeats: 20 };
        let mut town = live(seed, 8, u64::MAX, character, 1);
        town.finish(&format!("seed {seed}"));
        locked += usize::from(town.world.snapshot().lock.is_some());
    }
    assert!(locked >= 3, "the story is too tame: {locked} of 7 locked");
}
