//! Payees that take only certain amounts, and amounts that cannot be true.

use kilosat_drivers::reading::MilliwattHours;

use super::super::{Event, PayOutcome};
use super::checks::check;
use super::world::{DAY, HOUR, MINUTE, SECOND, SLICE, SLICE_MWH, Terms, World, bill_of, bills, rules};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, MsatPerKwh};
use crate::domain::payment::State;
use crate::store::Posting;

fn out_of_range(purchase: i64, least: u64, most: u64) -> Event {
    let fault = "The payee takes other amounts.".to_owned();
    Event::NoBill { purchase, fault, range: Some((Msat(least), Msat(most))) }
}

#[test]
fn a_payee_that_takes_less_than_is_due_is_paid_in_smaller_parts() {
    let mut world = World::new(rules());
    let mut due = bills(&world.consume(SLICE_MWH)).first().copied();
    while let Some((purchase, _)) = due {
        assert!(world.handle(out_of_range(purchase, 1_000, 20_500)).is_empty());
        let smaller = bills(&world.live(5 * SECOND));
        assert_eq!(smaller, [(purchase, Msat(20_000))]);
        let made = world.send_bill(purchase, Terms::of(Msat(20_000)));
        due = bills(&world.paid(&made)).first().copied();
    }
    assert_eq!(world.owed(), Msat(30_000), "less than a slice is left");
    check(&mut world, "in parts");
}

#[test]
fn a_payee_that_takes_no_amount_this_small_is_asked_again_when_more_is_owed() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    assert!(world.handle(out_of_range(purchase, 80_000, 900_000)).is_empty());
    assert_eq!(world.notices(), ["The payee takes other amounts."]);
    let effects = world.live(3 * HOUR);
    assert!(effects.is_empty(), "nothing more is owed: {effects:?}");
    assert!(world.consume(5).is_empty(), "not even a satoshi more");
    assert_eq!(bills(&world.consume(100_000)), [(purchase, Msat(60_000))]);
    world.handle(out_of_range(purchase, 80_000, 900_000));
    assert_eq!(bills(&world.consume(300_000)), [(purchase, Msat(90_000))]);
    let made = world.send_bill(purchase, Terms::of(Msat(90_000)));
    world.paid(&made);
    assert_eq!(world.owed(), Msat(0));
    assert!(world.notices().is_empty());
    check(&mut world, "withdrawn twice");
}

#[test]
fn a_payee_that_took_no_amount_this_small_is_asked_once_a_day_and_when_the_owner_insists() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    for _ in 0..3 {
        world.handle(out_of_range(purchase, 80_000, 900_000));
        assert!(world.live(DAY - HOUR).is_empty());
        assert_eq!(bills(&world.live(2 * HOUR)).first(), Some(&(purchase, SLICE)), "its range may have changed");
    }
    world.handle(out_of_range(purchase, 80_000, 900_000));
    assert_eq!(bills(&world.restart()), [(purchase, SLICE)], "a restart forgets nothing");
    world.handle(out_of_range(purchase, 80_000, 900_000));
    assert_eq!(bills(&world.handle(Event::SettleUp)), [(purchase, SLICE)]);
}

#[test]
fn a_range_without_a_whole_satoshi_is_only_a_fault() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    assert!(world.handle(out_of_range(purchase, 1, 999)).is_empty());
    assert_eq!(bills(&world.live(MINUTE)), [(purchase, SLICE)]);
}

#[test]
fn a_price_beyond_all_bitcoin_is_said_and_not_billed() {
    let mut absurd = rules();
    absurd.agreements[0].price = MsatPerKwh(2_100_000_000_000_000_000);
    let mut world = World::new(absurd);
    // The first amount does not fit the database, the second not even 64 bits.
    for mwh in [5_000_000, 900_000_000] {
        assert!(world.consume(mwh).is_empty());
        assert!(world.notices()[0].contains("too large to be true"));
    }
    world.rules = rules();
    world.restart();
    world.consume(10_000);
    assert!(world.notices().is_empty());
    assert_eq!(world.owed(), Msat(1_000));
}

#[test]
fn a_counter_that_no_database_holds_is_refused_and_the_engine_lives_on() {
    let mut world = World::new(rules());
    let mut state = world.meter;
    state.raw = MilliwattHours(u64::MAX);
    let interval = |state| Event::Interval { meter: "main".to_owned(), state, samples: 1 };
    assert!(world.handle(interval(state)).is_empty());
    assert!(world.handle(Event::Interval { meter: "new".to_owned(), state, samples: 1 }).is_empty());
    assert_eq!(bills(&world.consume(SLICE_MWH)).len(), 1);
}

#[test]
fn an_interval_from_the_past_changes_nothing() {
    let mut world = World::new(rules());
    let old = world.meter;
    world.consume(100_000);
    for _ in 0..2 {
        let event = Event::Interval { meter: "main".to_owned(), state: old, samples: 1 };
        assert!(world.handle(event).is_empty());
        world.interval();
    }
    assert_eq!(world.owed(), Msat(10_000));
    check(&mut world, "told twice");
}

#[test]
fn a_fee_or_an_income_that_cannot_be_is_not_booked_and_stops_nothing() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::Paid { preimage: made.preimage, fee: Some(Msat(u64::MAX)) });
    assert_eq!((world.state(made.hash), world.account(Posting::FEES)), (State::Settled, 1_500));
    let entries = world.snapshot().journal_entries;
    for amount in [u64::MAX, i64::MAX.unsigned_abs(), 20_000_000_000_000] {
        world.handle(Event::Received { hash: PaymentHash([7; 32]), amount: Msat(amount), opening: None });
    }
    assert_eq!((world.account(Posting::INCOME), world.snapshot().journal_entries), (0, entries + 1), "noted once");
    check(&mut world, "not believed");
}
