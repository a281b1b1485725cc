//! A restart in every state: what may be moving is looked up, what did not leave is sent or given up.

use super::super::{Effect, FeedAnswer, Found, PayOutcome};
use super::checks::check;
use super::world::{
    HOUR, MINUTE, Made, SECOND, SLICE, SLICE_MWH, Terms, World, bill_of, bills, failed, looked_up, offer, rules,
    rules_with_feed, sent, unknown,
};
use crate::domain::money::Msat;
use crate::domain::payment::State;

/// A world whose one payment is in `state`, just restarted.
fn restarted(state: State) -> (World, Made, Vec<Effect>) {
    let mut world = World::new(rules());
    let made = world.send_slice();
    match state {
        State::Intent => drop(world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()))),
        State::Sending => {}
        State::InFlight => drop(world.outcome(made.hash, PayOutcome::InFlight)),
        State::Unknown => drop(world.outcome(made.hash, unknown())),
        other => unreachable!("{other:?} is not open"),
    }
    assert_eq!(world.state(made.hash), state);
    let effects = world.restart();
    (world, made, effects)
}

#[test]
fn an_intent_is_sent_after_a_restart() {
    let (mut world, made, effects) = restarted(State::Intent);
    assert_eq!((sent(&effects), effects.len()), (vec![made.hash], 1));
    assert_eq!(world.state(made.hash), State::Sending);
}

#[test]
fn an_intent_that_is_too_old_is_given_up_after_a_restart() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    world.now.wall = world.now.wall.plus(HOUR - 20 * SECOND);
    let effects = world.restart();
    assert!(sent(&effects).is_empty());
    assert_eq!(world.state(made.hash), State::Cancelled);
    assert_eq!(bills(&world.live(MINUTE)).len(), 1);
    check(&mut world, "cancelled");
}

#[test]
fn what_may_be_moving_is_looked_up_and_never_sent_before_it_is_not_found() {
    for state in [State::Sending, State::InFlight, State::Unknown] {
        let (mut world, made, effects) = restarted(state);
        assert_eq!((looked_up(&effects), effects.len()), (vec![made.hash], 1), "{state:?}");
        let expected = if state == State::Sending { State::Unknown } else { state };
        assert_eq!(world.state(made.hash), expected);
        world.found(made.hash, Found::Unavailable("starting".to_owned()));
        for _ in 0..20 {
            let effects = world.live(MINUTE);
            assert_eq!(looked_up(&effects).len(), effects.len(), "{effects:?}");
        }
        assert_eq!(world.attempts(made.hash)[0].state, expected);
        let again = if state == State::InFlight { vec![] } else { vec![made.hash] };
        assert_eq!(sent(&world.found(made.hash, Found::NotFound)), again);
        world.paid(&made);
        check(&mut world, "settled");
    }
}

#[test]
fn a_purchase_without_an_invoice_gets_one_after_a_restart() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    assert_eq!(bills(&world.restart()), [(purchase, SLICE)]);
}

#[test]
fn a_failed_invoice_is_paid_again_after_a_restart_and_no_other_is_asked_for() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, failed());
    let effects = world.restart();
    assert_eq!((sent(&effects), effects.len()), (vec![made.hash], 1));
    assert_eq!(world.attempts(made.hash).len(), 2);
}

#[test]
fn a_settled_purchase_is_left_alone_after_a_restart() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.paid(&made);
    assert!(world.restart().is_empty());
    assert!(world.live(48 * HOUR).is_empty());
}

#[test]
fn a_lost_settlement_report_is_found_by_the_look_up_at_start() {
    let (mut world, made, effects) = restarted(State::Sending);
    assert_eq!(looked_up(&effects), [made.hash]);
    world.found(made.hash, Found::Outcome(super::world::paid(&made)));
    assert_eq!((world.state(made.hash), world.owed()), (State::Settled, Msat::ZERO));
}

#[test]
fn a_paid_ticket_survives_a_restart() {
    let mut world = World::new(rules_with_feed());
    let made = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    world.paid(&made);
    let effects = world.restart();
    assert!(matches!(&effects[..], [Effect::Fetch { ticket: Some(_), .. }]), "{effects:?}");
}

#[test]
fn energy_counted_while_the_program_was_off_is_billed_after_the_restart() {
    let mut world = World::new(rules());
    world.consume(20_000);
    world.now.wall = world.now.wall.plus(5 * HOUR);
    assert!(world.restart().is_empty());
    let effects = world.consume(SLICE_MWH);
    assert_eq!(bills(&effects)[0].1, Msat(52_000));
    check(&mut world, "after the gap");
}
