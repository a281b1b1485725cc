//! Reports come once or thrice, early or late, in any order: the end is the same.

use proptest::prelude::*;

use super::super::{Effect, Event, Found, PayOutcome};
use super::checks::{book, check};
use super::world::{
    Made, SECOND, SLICE, SLICE_MWH, Terms, WALLET, World, bill_of, bills, failed, paid, rules, sent, unknown,
};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

fn about(made: &Made, outcome: PayOutcome) -> [Event; 2] {
    let found = Found::Outcome(outcome.clone());
    [Event::Outcome { hash: made.hash, outcome }, Event::Found { hash: made.hash, found }]
}

/// Everything a working service may say of a payment that ends in `end`.
fn said(made: &Made, end: PayOutcome) -> Vec<Event> {
    let unavailable = Found::Unavailable("busy".to_owned());
    let mut events = vec![Event::Found { hash: made.hash, found: unavailable }];
    for outcome in [PayOutcome::InFlight, unknown(), PayOutcome::AlreadyKnown, end] {
        events.extend(about(made, outcome));
    }
    events
}

/// `events` in the order and number that `draws` say, and each of them at least once.
fn shuffled(events: &[Event], draws: &[usize]) -> Vec<Event> {
    let mut deck: Vec<_> = draws.iter().map(|draw| events[draw % events.len()].clone()).collect();
    for (number, event) in events.iter().enumerate() {
        deck.insert(draws.get(number).map_or(0, |draw| draw % (deck.len() + 1)), event.clone());
    }
    deck
}

fn tell(world: &mut World, events: Vec<Event>) -> Vec<Effect> {
    let mut effects = Vec::new();
    for event in events {
        effects.extend(world.handle(event));
        effects.extend(world.wait(SECOND));
    }
    effects
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_settlement_is_booked_once_in_whatever_order_it_is_told(draws in prop::collection::vec(0_usize..100, 9..20)) {
        let mut world = World::new(rules());
        let made = world.send_slice();
        let effects = tell(&mut world, shuffled(&said(&made, paid(&made)), &draws));
        prop_assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
        prop_assert_eq!((world.state(made.hash), world.owed()), (State::Settled, Msat::ZERO));
        prop_assert_eq!(world.account(WALLET), -50_700);
        prop_assert!(world.snapshot().lock.is_none());
        check(&mut world, "told");
    }

    #[test]
    fn a_failure_is_booked_once_in_whatever_order_it_is_told(draws in prop::collection::vec(0_usize..100, 9..20)) {
        let mut world = World::new(rules());
        let made = world.send_slice();
        let effects = tell(&mut world, shuffled(&said(&made, failed()), &draws));
        prop_assert!(sent(&effects).iter().all(|hash| *hash == made.hash), "{effects:?}");
        prop_assert!(bills(&effects).is_empty(), "{effects:?}");
        prop_assert_eq!((world.account(Posting::ENERGY), world.owed()), (0, SLICE));
        let open = world.attempts(made.hash).iter().filter(|attempt| attempt.state.is_open()).count();
        prop_assert!(open <= 1);
        check(&mut world, "told");
    }

    #[test]
    fn a_failure_and_a_settlement_of_one_hash_are_one_payment(draws in prop::collection::vec(0_usize..100, 4..12)) {
        let mut world = World::new(rules());
        let made = world.send_slice();
        let mut events = said(&made, paid(&made));
        events.extend(about(&made, failed()));
        tell(&mut world, shuffled(&events, &draws));
        let settled = book(&mut world).iter().filter(|paid| paid.row.state.is_paid()).count();
        prop_assert_eq!((settled, world.account(Posting::ENERGY)), (1, 50_000));
        let late = book(&mut world).iter().any(|paid| paid.row.state == State::LateSettled);
        prop_assert_eq!(world.snapshot().lock.is_some(), late);
        check(&mut world, "told");
    }

    #[test]
    fn bills_that_come_twice_or_late_bring_one_payment(draws in prop::collection::vec(0_usize..100, 0..12)) {
        let mut world = World::new(rules());
        let purchase = bill_of(&world.consume(SLICE_MWH));
        let mut events: Vec<_> = (0..3)
            .map(|_| Event::Bill { purchase, bolt11: world.invoice(Terms::of(SLICE)).bolt11 })
            .collect();
        events.push(Event::NoBill { purchase, fault: "busy".to_owned(), range: None });
        events.push(Event::Bill { purchase: purchase + 1, bolt11: world.invoice(Terms::of(SLICE)).bolt11 });
        let effects = tell(&mut world, shuffled(&events, &draws));
        prop_assert_eq!((sent(&effects).len(), world.payments()), (1, 1));
        check(&mut world, "told");
    }
}
