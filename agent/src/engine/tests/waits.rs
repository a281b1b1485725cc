//! What is tried again, when, and what happens when an answer or an effect gets lost.

use super::super::{Effect, Event, FeedAnswer, PayOutcome};
use super::checks::check;
use super::world::{
    DAY, HOUR, MINUTE, SECOND, SLICE, SLICE_MWH, Terms, World, agreement, bill_of, bills, budget, failed, looked_up,
    offer, rules, rules_with_feed, sent, unknown,
};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

fn not_sent() -> PayOutcome {
    PayOutcome::NotSent("connection refused".to_owned())
}

#[test]
fn a_lost_request_for_a_bill_is_made_again() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    for _ in 0..3 {
        assert_eq!(bills(&world.live(150 * SECOND)), [(purchase, SLICE)]);
    }
    assert_eq!(world.payments(), 0);
}

#[test]
fn a_send_that_nobody_answers_becomes_unknown_and_is_looked_up() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    assert!(world.live(140 * SECOND).is_empty());
    assert_eq!(world.state(made.hash), State::Sending);
    let effects = world.live(20 * SECOND);
    assert_eq!((looked_up(&effects), effects.len()), (vec![made.hash], 1));
    assert_eq!(world.state(made.hash), State::Unknown);
}

#[test]
fn a_send_that_nobody_answers_does_not_hold_up_the_others_for_ever() {
    let mut world = World::new(rules_with_feed());
    let energy = world.send_slice();
    let cheap = world.invoice(Terms::of(Msat(15_000)));
    let answer = FeedAnswer::PaymentRequired(offer(&cheap, "/prices"));
    assert!(world.fetched(answer).is_empty(), "one at a time");
    assert_eq!(world.state(cheap.hash), State::Intent);
    let effects = world.live(3 * MINUTE);
    assert_eq!((looked_up(&effects), sent(&effects)), (vec![energy.hash], vec![cheap.hash]));
    check(&mut world, "both open");
}

#[test]
fn a_lost_look_up_is_made_again() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    assert_eq!(looked_up(&world.live(2 * SECOND)), [made.hash]);
    for _ in 0..3 {
        assert_eq!(looked_up(&world.live(150 * SECOND)), [made.hash]);
    }
}

#[test]
fn a_tick_behind_another_event_loses_no_job() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    world.now.monotonic += 150 * SECOND;
    let (now, first) = (world.now, Event::Access("somebody came in".to_owned()));
    let effects = world.engine().handle_all(now, vec![first, Event::Tick]).unwrap();
    assert_eq!(bills(&effects), [(purchase, SLICE)]);
}

#[test]
fn a_lost_fetch_is_made_again() {
    let mut world = World::new(rules_with_feed());
    for _ in 0..3 {
        let effects = world.live(150 * SECOND);
        assert!(matches!(&effects[..], [Effect::Fetch { ticket: None, .. }]), "{effects:?}");
    }
}

#[test]
fn what_certainly_did_not_leave_is_sent_again_with_growing_pauses() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        world.outcome(made.hash, not_sent());
        assert_eq!(world.state(made.hash), State::Intent);
        let before = world.now.monotonic;
        while sent(&world.wait(SECOND / 2)).is_empty() {}
        pauses.push(world.now.monotonic - before);
    }
    assert!(pauses[..5].is_sorted() && pauses[0] <= 2 * SECOND, "{pauses:?}");
    assert!((5 * MINUTE..6 * MINUTE).contains(&pauses[4]), "the fifth in a row opens the breaker: {pauses:?}");
    assert!((MINUTE..10 * MINUTE).contains(&pauses[8]), "{pauses:?}");
    assert_eq!(world.attempts(made.hash).len(), 1);
    world.paid(&made);
    check(&mut world, "sent at last");
}

#[test]
fn what_waited_for_the_wallet_is_sent_as_soon_as_it_is_ready() {
    let mut world = World::new(rules_with_feed());
    let energy = world.send_slice();
    let cheap = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&cheap, "/prices")));
    for _ in 0..6 {
        world.outcome(energy.hash, not_sent());
        world.outcome(cheap.hash, not_sent());
        world.live(MINUTE);
    }
    world.outcome(energy.hash, not_sent());
    world.outcome(cheap.hash, not_sent());
    let mut effects = world.handle(Event::WalletReady);
    while let Some(hash) = sent(&effects).first().copied() {
        effects = world.outcome(hash, PayOutcome::InFlight);
        effects.extend(world.wait(0));
    }
    assert_eq!(world.state(energy.hash), State::InFlight);
    assert_eq!(world.state(cheap.hash), State::InFlight);
    assert!(world.handle(Event::WalletReady).is_empty());
}

#[test]
fn an_intent_whose_invoice_expires_while_it_waits_is_given_up() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(300));
    while world.state(made.hash) != State::Cancelled {
        world.outcome(made.hash, not_sent());
        let effects = world.wait(SECOND);
        assert!(bills(&effects).is_empty());
    }
    let expires = world.attempts(made.hash)[0].expires_at;
    assert!(world.now.wall < expires);
    assert_eq!(world.account(Posting::PENDING), 0);
    assert_eq!(bills(&world.live(5 * SECOND)), [(purchase, SLICE)]);
    check(&mut world, "given up");
}

#[test]
fn a_cancelled_retry_does_not_bring_a_second_invoice_while_the_first_may_still_be_paid() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(120));
    world.outcome(made.hash, failed());
    assert_eq!(sent(&world.live(5 * SECOND)), [made.hash]);
    world.outcome(made.hash, not_sent());
    world.now.wall = world.now.wall.plus(90 * SECOND); // too late to send, not yet expired
    assert!(world.live(2 * SECOND).is_empty());
    assert_eq!(world.state(made.hash), State::Cancelled);
    let left = world.attempts(made.hash)[0].expires_at.since(world.now.wall);
    assert!(world.live(left - 1).is_empty(), "the first attempt's invoice is still valid");
    assert_eq!(bills(&world.live(5 * SECOND)), [(purchase, SLICE)]);
}

#[test]
fn waits_do_not_depend_on_the_wall_clock() {
    for back in [true, false] {
        let mut world = World::new(rules());
        let made = world.send_slice();
        world.outcome(made.hash, unknown());
        if back {
            world.now.wall.0 -= 20 * 365 * DAY;
        } else {
            world.now.wall.0 += HOUR / 2;
        }
        assert_eq!(looked_up(&world.live(2 * SECOND)), [made.hash]);
        world.outcome(made.hash, PayOutcome::InFlight);
        assert!(!looked_up(&world.live(HOUR)).is_empty());
        world.paid(&made);
        assert_eq!(bills(&world.consume(SLICE_MWH)).len(), 1, "payments of a later time still count, and fit");
        check(&mut world, "after the jump");
    }
}

#[test]
fn a_clock_that_goes_back_never_frees_a_used_up_limit() {
    let mut tight = rules();
    tight.agreements[0].budget.per_hour = Msat(100_000);
    let mut world = World::new(tight);
    let first = world.send_slice();
    world.paid(&first);
    world.now.wall.0 -= 3 * DAY;
    assert!(bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(world.notices()[0].contains("per hour"));
}

#[test]
fn a_tick_with_very_many_jobs_does_them_all_within_seconds() {
    let mut many = rules();
    many.agreements = (0..300).map(|number| agreement(&format!("flat-{number}"), "main")).collect();
    many.house = budget(1_000_000, 100_000_000);
    let mut world = World::new(many);
    let effects = world.consume(SLICE_MWH);
    assert_eq!(bills(&effects).len(), 300);
    let mut asked = 0;
    world.wait(150 * SECOND - 1);
    for _ in 0..10 {
        asked += bills(&world.wait(SECOND / 2)).len();
    }
    assert_eq!(asked, 300, "each once");
    assert!(world.handle(Event::Tick).is_empty());
}
