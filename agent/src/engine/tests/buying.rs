//! The story that should happen every day, and what ends without a payment being needed.

use super::super::{Effect, Event, FeedAnswer, PayOutcome};
use super::checks::check;
use super::world::{HOUR, SLICE, SLICE_MWH, Terms, WALLET, World, bill_of, bills, offer, rules, rules_with_feed, sent};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

#[test]
fn a_slice_of_energy_is_billed_reserved_sent_and_settled() {
    let mut world = World::new(rules());
    assert!(world.consume(SLICE_MWH - 10).is_empty(), "one msat below the slice");
    let effects = world.consume(3_010);
    assert_eq!(bills(&effects).iter().map(|bill| bill.1).collect::<Vec<_>>(), [SLICE]);
    let made = world.send_bill(bill_of(&effects), Terms::of(SLICE));
    assert_eq!(world.state(made.hash), State::Sending);
    assert_eq!(world.account(Posting::PENDING), 51_500, "amount and fee limit are reserved before the first byte");
    assert_eq!(world.owed(), Msat(50_300));
    assert!(world.outcome(made.hash, PayOutcome::InFlight).is_empty());
    check(&mut world, "in flight");
    assert!(world.paid(&made).is_empty());
    assert_eq!((world.state(made.hash), world.owed()), (State::Settled, Msat(300)));
    assert_eq!(world.account(WALLET), -50_700);
    assert_eq!(world.snapshot().agreements[0].paid, SLICE);
    assert!(world.notices().is_empty());
    check(&mut world, "settled");
}

#[test]
fn what_is_used_while_a_payment_is_under_way_is_the_next_slice() {
    let mut world = World::new(rules());
    let first = world.send_slice();
    assert!(world.consume(3 * SLICE_MWH).is_empty(), "one purchase at a time");
    let effects = world.paid(&first);
    assert_eq!(bills(&effects)[0].1, Msat(150_000));
    let second = world.send_bill(bill_of(&effects), Terms::of(Msat(150_000)));
    assert!(world.paid(&second).is_empty());
    assert_eq!(world.owed(), Msat::ZERO);
    check(&mut world, "two slices");
}

#[test]
fn fractions_of_a_satoshi_stay_owed_until_they_are_whole() {
    let mut world = World::new(rules());
    let mut paid = 0;
    for step in 0..40 {
        let mut effects = world.consume(123_457 + step);
        while let Some((purchase, amount)) = bills(&effects).first().copied() {
            assert_eq!(amount.0 % 1_000, 0);
            let made = world.send_bill(purchase, Terms::of(amount));
            effects = world.paid(&made);
            paid += amount.0;
        }
    }
    assert!(paid > 400_000);
    check(&mut world, "forty small steps");
}

#[test]
fn the_owner_can_have_everything_paid_at_once() {
    let mut world = World::new(rules());
    assert!(world.consume(12_345).is_empty());
    let effects = world.handle(Event::SettleUp);
    assert_eq!(bills(&effects)[0].1, Msat(1_000));
    assert!(world.handle(Event::SettleUp).is_empty(), "it is being paid already");
}

#[test]
fn little_is_paid_too_when_it_was_owed_for_long() {
    let mut world = World::new(rules());
    assert!(world.consume(20_000).is_empty());
    let effects = world.live(25 * HOUR);
    assert_eq!(bills(&effects)[0].1, Msat(2_000), "although the meter stands still");
}

#[test]
fn data_is_bought_once_and_its_ticket_used_until_it_is_refused() {
    let mut world = World::new(rules_with_feed());
    let made = world.invoice(Terms::of(Msat(15_000)));
    let effects = world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    assert_eq!(sent(&effects), [made.hash]);
    let effects = world.paid(&made);
    let Some(Effect::Fetch { ticket: Some(ticket), .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(ticket.preimage(), Some(made.preimage.0));
    assert!(world.fetched(FeedAnswer::Data).is_empty());
    assert!(world.wait(HOUR - 1).is_empty());
    let effects = world.wait(1);
    assert!(matches!(&effects[..], [Effect::Fetch { ticket: Some(_), .. }]), "{effects:?}");
    let next = world.invoice(Terms::of(Msat(16_000)));
    let effects = world.fetched(FeedAnswer::TicketRefused(Some(offer(&next, "/prices"))));
    assert_eq!(sent(&effects), [next.hash]);
    let effects = world.paid(&next);
    assert!(matches!(&effects[..], [Effect::Fetch { ticket: Some(_), .. }]), "{effects:?}");
    assert_eq!(world.account(Posting::DATA), 31_000);
    check(&mut world, "two tickets");
}

#[test]
fn a_late_demand_for_payment_is_ignored_while_there_is_a_ticket() {
    let mut world = World::new(rules_with_feed());
    let made = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    world.paid(&made);
    let late = world.invoice(Terms::of(Msat(15_000)));
    assert!(world.fetched(FeedAnswer::PaymentRequired(offer(&late, "/prices"))).is_empty());
    assert_eq!(world.payments(), 1);
}

#[test]
fn a_seller_that_refuses_two_paid_tickets_is_not_bought_from_again() {
    let mut world = World::new(rules_with_feed());
    let first = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&first, "/prices")));
    world.paid(&first);
    let second = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::TicketRefused(Some(offer(&second, "/prices"))));
    world.paid(&second);
    let third = world.invoice(Terms::of(Msat(15_000)));
    let effects = world.fetched(FeedAnswer::TicketRefused(Some(offer(&third, "/prices"))));
    assert!(effects.is_empty());
    assert_eq!(world.payments(), 2);
    assert!(world.feed_notices()[0].contains("refused two tickets"));
    assert!(world.live(48 * HOUR).is_empty());
    assert!(world.restart().is_empty(), "nor after a restart");
}

#[test]
fn a_feed_that_answers_again_loses_its_notice() {
    let mut world = World::new(rules_with_feed());
    world.fetched(FeedAnswer::Fault("The seller's server does not answer.".to_owned()));
    assert_eq!(world.feed_notices(), ["The seller's server does not answer."]);
    let made = world.invoice(Terms::of(Msat(20_001)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    assert_eq!(world.feed_notices().len(), 1);
    assert!(world.feed_notices()[0].contains("asks 20.001 sat"));
}

#[test]
fn money_that_comes_in_is_booked_once() {
    let mut world = World::new(rules());
    let made = world.invoice(Terms::of(Msat(9_000)));
    for _ in 0..3 {
        assert!(world.handle(Event::Received { hash: made.hash, amount: Msat(8_500), opening: None }).is_empty());
    }
    assert_eq!((world.account(WALLET), world.account(Posting::INCOME)), (8_500, -8_500));
}
