//! When nobody says what became of a payment: look, never pay again, never ask for another invoice.

use super::super::{Event, Found, PayOutcome};
use super::checks::check;
use super::world::{
    HOUR, MINUTE, SECOND, SLICE, SLICE_MWH, Terms, World, bill_of, bills, looked_up, paid, rules, sent, unknown,
};
use crate::domain::invoice::Preimage;
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

#[test]
fn a_timeout_leaves_the_payment_open_and_is_looked_up() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    assert!(world.outcome(made.hash, unknown()).is_empty());
    assert_eq!(world.state(made.hash), State::Unknown);
    assert_eq!(world.account(Posting::PENDING), 51_500);
    let effects = world.wait(2 * SECOND);
    assert_eq!((looked_up(&effects), effects.len()), (vec![made.hash], 1));
    assert!(world.found(made.hash, Found::Outcome(paid(&made))).is_empty());
    assert_eq!((world.state(made.hash), world.owed()), (State::Settled, Msat::ZERO));
}

#[test]
fn no_second_invoice_and_no_second_payment_while_the_first_may_be_moving() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    let purchase = world.attempts(made.hash)[0].purchase;
    world.outcome(made.hash, PayOutcome::InFlight);
    let mut look_ups = 0;
    for _ in 0..200 {
        let effects = world.consume(SLICE_MWH / 10);
        assert!(effects.is_empty(), "{effects:?}");
        for _ in 0..60 {
            let effects = world.live(MINUTE);
            assert_eq!(looked_up(&effects).len(), effects.len(), "only looking is allowed: {effects:?}");
            for hash in looked_up(&effects) {
                look_ups += 1;
                world.found(hash, Found::Outcome(PayOutcome::InFlight));
            }
        }
    }
    assert!((900..1_220).contains(&look_ups), "{look_ups} look-ups in 200 hours");
    let other = world.invoice(Terms::of(SLICE));
    assert!(world.handle(Event::Bill { purchase, bolt11: other.bolt11 }).is_empty());
    assert_eq!(world.payments(), 1);
    assert_eq!(bills(&world.paid(&made))[0].1, Msat(494_000), "as much as one payment may be");
    check(&mut world, "after eight days");
}

#[test]
fn failing_look_ups_change_nothing_and_come_less_and_less_often() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    let mut look_ups = 0;
    for _ in 0..24 * 60 {
        for hash in looked_up(&world.live(MINUTE)) {
            look_ups += 1;
            world.found(hash, Found::Unavailable("the service does not answer".to_owned()));
        }
    }
    assert_eq!(world.state(made.hash), State::Unknown);
    assert!((100..170).contains(&look_ups), "{look_ups} look-ups in a day");
}

#[test]
fn a_payment_the_service_does_not_know_is_sent_again_with_the_same_invoice_only() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    for _ in 0..5 {
        let effects = world.found(made.hash, Found::NotFound);
        assert_eq!((sent(&effects), effects.len()), (vec![made.hash], 1));
        assert_eq!(world.state(made.hash), State::Unknown);
        world.outcome(made.hash, unknown());
        world.wait(5 * MINUTE);
    }
    assert_eq!(world.attempts(made.hash).len(), 1, "it is still the first attempt");
    world.outcome(made.hash, PayOutcome::AlreadyKnown);
    world.outcome(made.hash, PayOutcome::InFlight);
    assert!(world.paid(&made).is_empty());
    check(&mut world, "settled");
}

#[test]
fn a_service_that_might_pay_twice_is_never_handed_an_invoice_again() {
    let mut world = World::new(crate::engine::Rules { service_refuses_duplicates: false, ..rules() });
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    for _ in 0..100 {
        assert!(world.found(made.hash, Found::NotFound).is_empty());
        assert!(sent(&world.wait(30 * SECOND)).is_empty());
    }
    assert_eq!(world.state(made.hash), State::Unknown);
}

#[test]
fn not_found_becomes_failed_only_after_expiry_and_three_look_ups_ten_minutes_apart() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    world.wait(HOUR - 30 * SECOND);
    for pause in [1, 8, 1, 1, 8, 1] {
        assert!(world.found(made.hash, Found::NotFound).is_empty(), "too late to send, too early to give up");
        assert_eq!(world.state(made.hash), State::Unknown);
        world.wait(pause * MINUTE);
    }
    assert!(world.found(made.hash, Found::NotFound).is_empty());
    assert_eq!(world.state(made.hash), State::Failed);
    assert_eq!(world.account(Posting::PENDING), 0);
    let effects = world.live(MINUTE);
    let next = world.send_bill(bill_of(&effects), Terms::of(SLICE));
    world.paid(&next);
    assert_eq!(world.owed(), Msat::ZERO);
    check(&mut world, "a new invoice was paid");
}

#[test]
fn a_flood_of_not_found_counts_once_in_ten_minutes() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    world.wait(2 * HOUR);
    for _ in 0..50 {
        world.found(made.hash, Found::NotFound);
    }
    assert_eq!(world.state(made.hash), State::Unknown);
}

#[test]
fn a_clock_that_went_back_does_not_stop_the_counting() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    let ten_years = 10 * 365 * 24 * HOUR;
    world.now.wall = world.now.wall.plus(ten_years);
    world.found(made.hash, Found::NotFound);
    world.now.wall.0 -= ten_years;
    world.wait(2 * HOUR);
    for _ in 0..4 {
        world.found(made.hash, Found::NotFound);
        world.wait(11 * MINUTE);
    }
    assert_eq!(world.state(made.hash), State::Failed);
}

#[test]
fn a_service_that_forgets_a_payment_on_its_way_locks_and_the_payment_stays_open() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::InFlight);
    assert!(world.found(made.hash, Found::NotFound).is_empty(), "never sent again");
    world.wait(2 * HOUR);
    for _ in 0..10 {
        assert!(world.found(made.hash, Found::NotFound).is_empty());
        assert!(bills(&world.live(11 * MINUTE)).is_empty());
    }
    assert_eq!(world.state(made.hash), State::InFlight);
    assert!(world.snapshot().lock.unwrap().contains("does not know it"));
    assert!(world.paid(&made).is_empty());
    assert_eq!(world.state(made.hash), State::Settled);
}

#[test]
fn a_settlement_without_a_valid_proof_stays_open_until_the_proof_comes() {
    for first in [None, Some(PayOutcome::InFlight), Some(unknown())] {
        let mut world = World::new(rules());
        let made = world.send_slice();
        if let Some(first) = first {
            world.outcome(made.hash, first);
        }
        for _ in 0..3 {
            world.outcome(made.hash, PayOutcome::Paid { preimage: Preimage([0; 32]), fee: None });
            assert!(world.attempts(made.hash)[0].state.may_be_moving());
        }
        assert_eq!((world.account(Posting::PENDING), world.owed()), (51_500, SLICE));
        assert!(world.notices()[0].contains("no valid proof"));
        assert_eq!(looked_up(&world.live(20 * SECOND)).len(), 1);
        world.found(made.hash, Found::Outcome(paid(&made)));
        assert_eq!((world.state(made.hash), world.owed()), (State::Settled, Msat::ZERO));
        assert!(world.notices().is_empty());
    }
}

#[test]
fn a_settlement_that_this_ledger_does_not_know_locks() {
    let mut world = World::new(rules());
    let stranger = world.invoice(Terms::of(Msat(77_000)));
    let entries = world.snapshot().journal_entries;
    for _ in 0..3 {
        assert!(world.paid(&stranger).is_empty());
    }
    let snapshot = world.snapshot();
    assert!(snapshot.lock.unwrap().contains("does not know"));
    assert_eq!(snapshot.journal_entries, entries + 1, "said once");
    assert!(world.restart().is_empty());
    assert!(bills(&world.consume(SLICE_MWH)).is_empty(), "a lock survives a restart");
    let fails = world.invoice(Terms::of(SLICE));
    assert!(world.outcome(fails.hash, PayOutcome::InFlight).is_empty());
}

#[test]
fn what_the_service_says_it_has_is_on_its_way_and_never_fails_by_not_being_found() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    world.outcome(made.hash, PayOutcome::AlreadyKnown);
    assert_eq!(world.state(made.hash), State::InFlight);
    for _ in 0..40 {
        world.live(15 * MINUTE);
        world.found(made.hash, Found::NotFound);
    }
    assert_eq!(world.state(made.hash), State::InFlight);
    assert!(world.snapshot().lock.is_some(), "the owner is told");
}
