//! Stop, resume, unlock; a service that does not answer; a wallet that was exchanged.

use super::super::{Event, Order, PayOutcome, Verdict};
use super::checks::{book, check, settlements};
use super::world::{
    DAY, HOUR, MINUTE, SECOND, SLICE, SLICE_MWH, Terms, World, bill_of, bills, failed, looked_up, paid, rules, sent,
    unknown,
};
use crate::domain::breaker::{FAULTS_MAX, UNKNOWN_MAX};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

#[track_caller]
fn obeyed(world: &mut World, order: Order, part: &str) -> Vec<super::super::Effect> {
    let now = world.now;
    match world.engine().obey(now, order).unwrap() {
        (Verdict::Done(text), effects) => {
            assert!(text.contains(part), "{text}");
            effects
        }
        (Verdict::Refused(why), _) => panic!("{why}"),
    }
}

#[test]
fn after_stop_nothing_new_is_paid_and_what_left_is_still_settled() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    obeyed(&mut world, Order::Stop, "1 payment(s) had left already");
    obeyed(&mut world, Order::Stop, "stopped already");
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::Settled);
    assert!(bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(world.notices()[0].contains("kilosat resume"), "{:?}", world.notices());
    world.restart();
    let effects = world.live(DAY);
    assert!(bills(&effects).is_empty() && sent(&effects).is_empty(), "it survives a restart: {effects:?}");
    assert!(world.snapshot().stopped);
    obeyed(&mut world, Order::Resume, "go on");
    assert_eq!(bills(&world.live(SECOND)).len(), 1);
    check(&mut world, "stopped and resumed");
}

#[test]
fn stop_cancels_an_intent_that_waits() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    assert_eq!(world.state(made.hash), State::Intent);
    obeyed(&mut world, Order::Stop, "Nothing is on its way");
    assert!(sent(&world.live(MINUTE)).is_empty());
    assert_eq!(world.state(made.hash), State::Cancelled);
    assert_eq!(world.account(Posting::PENDING), 0);
    check(&mut world, "stopped before it left");
}

#[test]
fn unlocking_waits_for_what_moves_and_counts_what_was_settled_late() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, failed());
    world.paid(&made);
    assert!(world.snapshot().lock.is_some());
    assert_eq!(world.owed(), SLICE, "frozen: the owner has to look first");
    obeyed(&mut world, Order::Unlock, "lock is lifted");
    assert_eq!((world.owed(), world.snapshot().lock), (Msat::ZERO, None));
    let effects = world.live(HOUR);
    assert!(sent(&effects).is_empty(), "it is paid, nothing more is sent: {effects:?}");
    obeyed(&mut world, Order::Unlock, "not locked");
    assert_eq!(bills(&world.consume(SLICE_MWH)).len(), 1, "payments go on");
    check(&mut world, "unlocked");
}

#[test]
fn a_lock_stays_while_money_may_be_moving() {
    let mut world = World::new(rules());
    let first = world.send_slice();
    world.outcome(first.hash, failed());
    while sent(&world.live(SECOND)).is_empty() {}
    world.paid(&first);
    let again = world.invoice(Terms::of(SLICE));
    world.handle(Event::Outcome { hash: again.hash, outcome: paid(&again) });
    assert!(world.snapshot().lock.is_some());
    world.restart();
    let now = world.now;
    let (verdict, _) = world.engine().obey(now, Order::Unlock).unwrap();
    assert!(matches!(verdict, Verdict::Done(_)), "nothing moves here: {verdict:?}");
    let moving = world.send_slice();
    world.handle(Event::Outcome { hash: world_stray(), outcome: paid(&stray()) });
    assert!(world.snapshot().lock.is_some());
    let now = world.now;
    let (verdict, _) = world.engine().obey(now, Order::Unlock).unwrap();
    assert!(matches!(&verdict, Verdict::Refused(why) if why.contains("1 payment(s) are not final")), "{verdict:?}");
    world.paid(&moving);
    obeyed(&mut world, Order::Unlock, "lock is lifted");
}

#[test]
fn a_fee_above_the_limit_is_booked_and_told() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    let fee_max = world.attempts(made.hash)[0].fee_max;
    let fee = Some(Msat(fee_max.0 + 7_000));
    world.outcome(made.hash, PayOutcome::Paid { preimage: made.preimage, fee });
    assert_eq!(world.account(Posting::FEES), i64::try_from(fee_max.0 + 7_000).unwrap());
    assert!(world.notices()[0].contains("larger fee than your limit"), "{:?}", world.notices());
    check(&mut world, "a fee above the limit");
}

#[test]
fn resuming_does_not_lift_a_lock() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, failed());
    world.paid(&made);
    obeyed(&mut world, Order::Stop, "stopped");
    obeyed(&mut world, Order::Resume, "still locked");
    assert!(bills(&world.consume(2 * SLICE_MWH)).is_empty());
}

#[test]
fn a_service_that_cannot_be_reached_is_left_alone_for_a_while() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    for _ in 0..FAULTS_MAX {
        world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
        if world.state(made.hash) == State::Intent {
            world.live(20 * SECOND);
        }
    }
    assert_eq!(world.state(made.hash), State::Intent);
    assert!(sent(&world.live(2 * MINUTE)).is_empty(), "the breaker is open");
    assert_eq!(sent(&world.live(10 * MINUTE)), [made.hash]);
    world.paid(&made);
    check(&mut world, "breaker");
}

#[test]
fn three_unknown_payments_hold_back_a_fourth_until_one_is_clear() {
    let mut rules = rules();
    let ids = ["a", "b", "c", "d"];
    rules.agreements = ids.iter().map(|id| super::world::agreement(id, "main")).collect();
    let mut world = World::new(rules);
    let purchases: Vec<_> = bills(&world.consume(SLICE_MWH)).iter().map(|(purchase, _)| *purchase).collect();
    assert_eq!(purchases.len(), 4);
    let mut unclear = Vec::new();
    for purchase in &purchases[..UNKNOWN_MAX] {
        let made = world.send_bill(*purchase, Terms::of(SLICE));
        world.outcome(made.hash, unknown());
        unclear.push(made);
    }
    let fourth = world.invoice(Terms::of(SLICE));
    let bill = Event::Bill { purchase: purchases[3], bolt11: fourth.bolt11.clone() };
    assert!(sent(&world.handle(bill)).is_empty());
    assert_eq!(world.state(fourth.hash), State::Intent);
    world.paid(&unclear[0]);
    assert!(sent(&world.live(2 * MINUTE)).contains(&fourth.hash));
    check(&mut world, "three unknown");
}

#[test]
fn a_payment_at_the_wallet_used_before_waits_for_that_wallet() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    world.rules.service = "lnd-12345678".to_owned();
    let effects = world.restart();
    assert!(looked_up(&effects).is_empty(), "another wallet cannot know it");
    world.found(made.hash, super::super::Found::NotFound);
    world.outcome(made.hash, failed());
    let effects = world.live(3 * DAY);
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
    assert_eq!(world.state(made.hash), State::Unknown);
    assert!(world.notices()[0].contains("wallet that was used before"), "{:?}", world.notices());
    world.rules.service = "node".to_owned();
    assert_eq!(looked_up(&world.restart()), [made.hash]);
    world.paid(&made);
    assert_eq!(settlements(&book(&mut world)).len(), 1);
    check(&mut world, "wallet exchanged and put back");
}

#[test]
fn an_invoice_that_failed_at_one_wallet_is_never_tried_at_another() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE));
    world.outcome(made.hash, failed());
    world.rules.service = "lnd-12345678".to_owned();
    let effects = world.restart();
    assert!(sent(&effects).is_empty());
    let effects = world.live(30 * MINUTE);
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
    let asked = bills(&world.live(2 * HOUR));
    assert!(!asked.is_empty(), "once it has expired, a new one is asked for");
    check(&mut world, "failed elsewhere");
}

fn stray() -> super::world::Made {
    super::world::make(Terms::of(SLICE), 999_999, super::world::START)
}

fn world_stray() -> crate::domain::invoice::PaymentHash {
    stray().hash
}

#[test]
fn nothing_is_paid_while_the_stop_button_cannot_be_read() {
    let mut world = World::new(rules());
    world.handle(Event::Interlock(Some("there is no GPIO chip".to_owned())));
    assert!(bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(world.notices()[0].contains("The stop button does not work"), "{:?}", world.notices());
    let now = world.now;
    let (verdict, effects) = world.engine().obey(now, Order::Resume).unwrap();
    assert!(effects.is_empty() && matches!(verdict, Verdict::Done(_)));
    assert!(bills(&world.live(MINUTE)).is_empty());
    world.handle(Event::Interlock(None));
    assert!(!bills(&world.live(MINUTE)).is_empty(), "it is read again");
    check(&mut world, "interlock");
}
