//! When a payment fails, and when the service takes that back.

use super::super::{Event, FeedAnswer, Found, PayOutcome};
use super::checks::{book, check, settlements};
use super::world::{
    DAY, HOUR, MINUTE, Made, SECOND, SLICE, SLICE_MWH, Terms, World, bill_of, bills, failed, looked_up, offer, paid,
    rules, rules_with_feed, sent,
};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

/// A failure of any attempt: the pay call says it, and a second attempt is confirmed by a look-up.
fn fail(world: &mut World, made: &Made) {
    world.outcome(made.hash, failed());
    while world.state(made.hash) != State::Failed {
        for hash in looked_up(&world.wait(SECOND)) {
            world.found(hash, Found::Outcome(failed()));
        }
    }
}

#[test]
fn a_failed_payment_is_tried_again_with_the_same_invoice() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    fail(&mut world, &made);
    assert_eq!(world.account(Posting::PENDING), 0, "the reservation is released");
    assert!(world.notices()[0].contains("no route to the payee"));
    let effects = world.live(5 * SECOND);
    assert_eq!((sent(&effects), effects.len()), (vec![made.hash], 1));
    let attempts = world.attempts(made.hash);
    let states: Vec<_> = attempts.iter().map(|attempt| (attempt.attempt, attempt.state)).collect();
    assert_eq!(states, [(2, State::Sending), (1, State::Failed)]);
    world.paid(&made);
    assert_eq!(world.owed(), Msat::ZERO);
    assert!(world.notices().is_empty());
    check(&mut world, "second attempt");
}

#[test]
fn attempts_at_one_invoice_are_bounded_and_a_new_one_is_asked_for_only_after_its_expiry() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(7 * 24 * 3_600));
    let expires = world.attempts(made.hash)[0].expires_at;
    let (mut attempts, mut in_first_hours) = (1, 0);
    fail(&mut world, &made);
    let asked = loop {
        let effects = world.live(MINUTE);
        if let Some((asked, _)) = bills(&effects).first() {
            break *asked;
        }
        for hash in sent(&effects) {
            assert_eq!(hash, made.hash);
            attempts += 1;
            in_first_hours += usize::from(expires.since(world.now.wall) > 6 * DAY + 20 * HOUR);
            fail(&mut world, &made);
        }
    };
    assert!(world.now.wall >= expires);
    assert_eq!(asked, purchase);
    assert!((11..=12).contains(&in_first_hours), "{in_first_hours} attempts in the first four hours");
    assert!((15..=20).contains(&attempts), "{attempts} attempts in a week");
    let next = world.send_bill(purchase, Terms::of(SLICE));
    world.paid(&next);
    assert_eq!(settlements(&book(&mut world))[&purchase], 1);
    check(&mut world, "a week of failures");
}

#[test]
fn a_restart_gives_a_rested_invoice_no_extra_attempts() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(7 * 24 * 3_600));
    while world.attempts(made.hash).len() < 12 {
        fail(&mut world, &made);
        while sent(&world.live(MINUTE)).is_empty() {}
    }
    fail(&mut world, &made);
    for _ in 0..10 {
        assert!(world.restart().is_empty());
        assert!(world.live(MINUTE).is_empty());
    }
    let effects = world.live(DAY);
    assert_eq!(sent(&effects), [made.hash]);
}

#[test]
fn no_second_invoice_in_the_last_minute_of_the_first() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(90));
    world.wait(40 * SECOND);
    fail(&mut world, &made);
    let left = world.attempts(made.hash)[0].expires_at.since(world.now.wall);
    assert!(world.live(left - 1).is_empty(), "neither a late payment nor a second invoice");
    assert_eq!(bills(&world.live(SECOND)), [(purchase, SLICE)]);
}

#[test]
fn a_bill_that_comes_twice_does_not_bring_a_second_attempt_forward() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE));
    fail(&mut world, &made);
    let other = world.invoice(Terms::of(SLICE));
    for bolt11 in [&made.bolt11, &other.bolt11] {
        assert!(world.handle(Event::Bill { purchase, bolt11: bolt11.clone() }).is_empty());
    }
    let fault = "busy".to_owned();
    assert!(world.handle(Event::NoBill { purchase, fault, range: Some((Msat(90_000), Msat(99_000))) }).is_empty());
    assert_eq!(sent(&world.live(5 * SECOND)), [made.hash]);
    assert_eq!(world.payments(), 2);
}

#[test]
fn a_stale_failure_does_not_end_the_attempt_that_followed_it() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::InFlight);
    world.outcome(made.hash, failed());
    assert_eq!(sent(&world.live(5 * SECOND)), [made.hash]);
    world.outcome(made.hash, PayOutcome::InFlight);
    let effects = world.outcome(made.hash, failed());
    assert_eq!(looked_up(&effects), [made.hash], "whose failure this is only a look-up can tell");
    assert_eq!(world.state(made.hash), State::InFlight);
    world.found(made.hash, Found::Outcome(PayOutcome::InFlight));
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::Settled);
    assert!(world.snapshot().lock.is_none());
}

#[test]
fn a_stale_look_up_does_not_end_the_attempt_that_is_being_sent() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, failed());
    assert_eq!(sent(&world.live(5 * SECOND)), [made.hash]);
    for found in [Found::Outcome(failed()), Found::NotFound] {
        assert!(world.found(made.hash, found).is_empty());
        assert_eq!(world.state(made.hash), State::Sending);
    }
    assert!(world.live(80 * SECOND).is_empty(), "the pay call still has its time");
}

#[test]
fn a_failure_after_the_settlement_is_ignored() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.paid(&made);
    assert!(world.outcome(made.hash, failed()).is_empty());
    assert!(world.found(made.hash, Found::Outcome(failed())).is_empty());
    assert!(world.found(made.hash, Found::NotFound).is_empty());
    assert_eq!(world.state(made.hash), State::Settled);
    check(&mut world, "settled");
}

#[test]
fn a_failure_taken_back_is_booked_over_the_budget_and_locks() {
    let mut tight = rules();
    tight.agreements[0].budget.per_hour = Msat(60_000);
    let mut world = World::new(tight);
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(120));
    let mut effects = Vec::new();
    while bills(&effects).is_empty() {
        if world.state(made.hash) != State::Failed {
            fail(&mut world, &made);
        }
        effects = world.live(10 * SECOND);
    }
    let second = world.send_bill(purchase, Terms::of(SLICE));
    world.paid(&second);
    for _ in 0..3 {
        assert!(world.paid(&made).is_empty());
    }
    assert_eq!(world.state(made.hash), State::LateSettled);
    assert_eq!((world.account(Posting::ENERGY), world.account(Posting::FEES)), (100_000, 1_400));
    assert_eq!(world.owed(), Msat::ZERO, "the duplicate pays for nothing");
    assert!(world.snapshot().lock.unwrap().contains("first reported payment"));
    assert!(bills(&world.consume(10 * SLICE_MWH)).is_empty());
    assert!(bills(&world.live(2 * DAY)).is_empty());
    check(&mut world, "locked");
}

#[test]
fn a_failure_taken_back_freezes_its_purchase() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    fail(&mut world, &made);
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::LateSettled);
    let effects = world.live(2 * DAY);
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
    assert_eq!(settlements(&book(&mut world)).values().sum::<usize>(), 1);
    let purchase = world.attempts(made.hash)[0].purchase;
    let purchase = world.engine().store.begin().unwrap().purchase(purchase).unwrap().unwrap();
    assert_eq!(purchase.state, "frozen", "also for the day when the owner unlocks");
    check(&mut world, "frozen");
}

#[test]
fn a_failure_taken_back_while_the_next_attempt_waits_to_be_sent_is_still_booked() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    fail(&mut world, &made);
    assert_eq!(sent(&world.live(5 * SECOND)), [made.hash]);
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    assert_eq!(world.state(made.hash), State::Intent);
    for _ in 0..3 {
        assert!(world.paid(&made).is_empty());
    }
    let states: Vec<_> = world.attempts(made.hash).iter().map(|attempt| attempt.state).collect();
    assert_eq!(states, [State::Cancelled, State::LateSettled]);
    assert_eq!((world.account(Posting::ENERGY), world.account(Posting::PENDING)), (50_000, 0));
    assert!(world.snapshot().lock.is_some());
    check(&mut world, "late while waiting");
}

#[test]
fn a_settlement_of_what_was_never_sent_goes_to_suspense_and_locks() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    for _ in 0..3 {
        assert!(world.paid(&made).is_empty());
    }
    assert_eq!(world.state(made.hash), State::Cancelled);
    assert_eq!((world.account(Posting::SUSPENSE), world.account(Posting::PENDING)), (50_000, 0));
    assert!(world.snapshot().lock.unwrap().contains("never sent"));
    let effects = world.live(2 * DAY);
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
    check(&mut world, "suspense");
}

#[test]
fn a_failed_data_purchase_is_tried_again_and_then_bought_anew() {
    let mut world = World::new(rules_with_feed());
    let made = world.invoice(Terms::of(Msat(15_000)).for_seconds(300));
    world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    let mut fetches = 0;
    while fetches == 0 {
        fail(&mut world, &made);
        let effects = world.live(MINUTE);
        fetches = effects.len() - sent(&effects).len();
        if sent(&effects).is_empty() && fetches == 0 {
            fetches = world.live(5 * MINUTE).len();
        }
    }
    assert!(world.attempts(made.hash).len() >= 3);
    let next = world.invoice(Terms::of(Msat(15_000)));
    assert_eq!(sent(&world.fetched(FeedAnswer::PaymentRequired(offer(&next, "/prices")))), [next.hash]);
    world.found(next.hash, Found::Outcome(paid(&next)));
    assert_eq!(settlements(&book(&mut world)).len(), 1);
    check(&mut world, "bought anew");
}
