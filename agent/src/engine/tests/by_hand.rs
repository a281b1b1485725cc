//! Payments by hand: the owner's word is the rule, and everything else is as for any payment.

use super::super::by_hand::for_once;
use super::super::{ByHand, Effect, Event, Found, Order, PayOutcome, Verdict};
use super::checks::{book, check, settlements};
use super::world::{
    DAY, HOUR, MINUTE, Made, SECOND, SLICE_MWH, START, Terms, World, agreement, bills, budget, failed, looked_up, make,
    rules, sent, unknown,
};
use crate::config::PayeeLimits;
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::policy::{AskRule, Budget};
use crate::domain::rate::{Currency, Rate};
use crate::engine::Rules;
use crate::lightning::{ServiceFault, ServiceKind, Trouble};
use crate::store::{BY_HAND, Posting, Wanted};

const AMOUNT: Msat = Msat(40_000);

fn by_hand(made: &Made) -> ByHand {
    ByHand {
        bolt11: made.bolt11.clone(),
        amount_msat: made.amount.0,
        payee: None,
        memo: "Bread\u{202e} and butter".to_owned(),
    }
}

fn pay(world: &mut World, wanted: ByHand) -> (Verdict, Vec<Effect>) {
    let now = world.now;
    world.engine().obey(now, Order::Pay(wanted)).unwrap()
}

/// An invoice that is being paid.
#[track_caller]
fn under_way(world: &mut World) -> Made {
    let made = world.invoice(Terms::of(AMOUNT));
    let (verdict, effects) = pay(world, by_hand(&made));
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    assert_eq!(sent(&effects), [made.hash]);
    made
}

#[track_caller]
fn refused(world: &mut World, made: &Made, part: &str) {
    match pay(world, by_hand(made)) {
        (Verdict::Refused(why), effects) => {
            assert!(why.contains(part), "{why}");
            assert!(sent(&effects).is_empty(), "{effects:?}");
        }
        (Verdict::Done(done), _) => panic!("{done}"),
    }
}

#[test]
fn the_owners_word_pays_one_invoice_once() {
    let mut world =
        World::new(Rules { ask: AskRule { first: true, above: Some(Msat(1)), expires_ms: DAY }, ..rules() });
    let made = under_way(&mut world);
    refused(&mut world, &made, "being paid just now");
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::Settled);
    assert_eq!(world.account(Posting::BY_HAND), 40_000);
    refused(&mut world, &made, "paid already");
    assert!(sent(&world.restart()).is_empty() && sent(&world.live(DAY)).is_empty());
    let tx = world.engine().store.begin().unwrap();
    let of_hand = Wanted { rule: Some(BY_HAND.to_owned()), most: 5, ..Wanted::default() };
    let payments = tx.payments(&of_hand).unwrap();
    assert_eq!((payments.len(), payments[0].memo.as_deref()), (1, Some("Bread and butter")));
    drop(tx);
    check(&mut world, "by hand");
}

#[test]
fn another_amount_than_the_owner_agreed_to_is_not_paid() {
    let mut world = World::new(rules());
    let made = world.invoice(Terms::of(AMOUNT));
    let less = ByHand { amount_msat: 39_999, ..by_hand(&made) };
    assert!(matches!(pay(&mut world, less).0, Verdict::Refused(why) if why.contains("was not paid")));
    assert_eq!(world.payments(), 0);
}

#[test]
fn stop_and_the_limits_of_house_and_payee_hold_also_by_hand() {
    let mut world = World::new(rules());
    let made = world.invoice(Terms::of(AMOUNT));
    let now = world.now;
    world.engine().obey(now, Order::Stop).unwrap();
    refused(&mut world, &made, "stopped");
    assert!(sent(&world.live(SECOND)).is_empty());
    let now = world.now;
    let (_, effects) = world.engine().obey(now, Order::Resume).unwrap();
    assert!(sent(&effects).is_empty() && sent(&world.live(HOUR / 4)).is_empty(), "a refusal is no order for later");
    world.rules.house = budget(40_000, 5_000_000);
    world.adopt();
    refused(&mut world, &made, "the whole house");
    let limits =
        |per_payment| PayeeLimits { payee: "shop@example.com".to_owned(), budget: budget(per_payment, 5_000_000) };
    world.rules = Rules { payees: vec![limits(40_000)], ..rules() };
    world.adopt();
    let to_shop = ByHand { payee: Some("shop@example.com".to_owned()), ..by_hand(&made) };
    assert!(matches!(pay(&mut world, to_shop.clone()).0, Verdict::Refused(why) if why.contains("this payee")));
    assert_eq!(world.account(Posting::PENDING), 0);
    world.rules.payees = vec![limits(500_000)];
    world.adopt();
    let (verdict, effects) = pay(&mut world, to_shop);
    assert!(matches!(verdict, Verdict::Done(_)) && sent(&effects) == [made.hash], "{verdict:?}");
    check(&mut world, "limits");
}

#[test]
fn a_list_of_payees_holds_agreements_back_and_not_the_owner() {
    let mut world = World::new(Rules { listed_payees_only: true, ..rules() });
    assert!(bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(world.notices()[0].contains("[[payee]]"), "{:?}", world.notices());
    under_way(&mut world);
}

#[test]
fn what_failed_is_not_tried_again_by_itself() {
    let mut world = World::new(rules());
    let made = under_way(&mut world);
    world.outcome(made.hash, failed());
    assert!(sent(&world.live(HOUR / 2)).is_empty() && sent(&world.restart()).is_empty());
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Failed, 0));
    let (verdict, effects) = pay(&mut world, by_hand(&made));
    assert!(matches!(verdict, Verdict::Done(_)) && sent(&effects) == [made.hash], "the owner may: {verdict:?}");
    world.outcome(made.hash, unknown());
    world.found(made.hash, Found::Outcome(failed()));
    assert_eq!(world.attempts(made.hash).len(), 2);
    check(&mut world, "failed");
}

/// Also where a later try at the first wallet never left.
#[test]
fn what_failed_at_one_wallet_is_never_sent_through_another() {
    for tries in [1, 2] {
        let mut world = World::new(rules());
        let made = under_way(&mut world);
        world.outcome(made.hash, failed());
        if tries == 2 {
            pay(&mut world, by_hand(&made));
            world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
            assert_eq!(world.state(made.hash), State::Cancelled);
        }
        world.rules.service = "lnd:1".to_owned();
        world.restart();
        refused(&mut world, &made, "another wallet");
        check(&mut world, "two wallets");
    }
}

#[test]
fn what_is_unclear_is_looked_up_and_never_handed_over_again() {
    for service_refuses_duplicates in [false, true] {
        let mut world = World::new(Rules { service_refuses_duplicates, ..rules() });
        let made = under_way(&mut world);
        let effects = world.restart();
        assert!(sent(&effects).is_empty() && looked_up(&effects) == [made.hash], "{effects:?}");
        refused(&mut world, &made, "not known yet");
        assert!(sent(&world.found(made.hash, Found::NotFound)).is_empty());
        assert!(sent(&world.live(DAY)).is_empty());
        world.found(made.hash, Found::Outcome(super::world::paid(&made)));
        assert_eq!(settlements(&book(&mut world)).into_values().collect::<Vec<_>>(), [1]);
        check(&mut world, "unclear");
    }
}

/// Whoever has no answer yet asks the address for another invoice.
#[test]
fn a_second_invoice_of_the_same_payee_waits_for_the_end_of_the_first() {
    let mut world = World::new(rules());
    let first = under_way(&mut world);
    let second = world.invoice(Terms::of(AMOUNT));
    refused(&mut world, &second, "still under way");
    world.outcome(first.hash, unknown());
    refused(&mut world, &second, "still under way");
    let elsewhere = ByHand { payee: Some("shop@example.com".to_owned()), ..by_hand(&second) };
    assert!(matches!(pay(&mut world, elsewhere).0, Verdict::Done(_)), "another payee does not wait");
    world.paid(&second);
    world.paid(&first);
    under_way(&mut world);
    check(&mut world, "two invoices");
}

#[test]
fn a_payee_with_a_pinned_node_is_paid_there_and_nowhere_else() {
    let mut pinned = agreement("grid", "main");
    pinned.payee_key = Some("02".repeat(33));
    let mut world = World::new(Rules { agreements: vec![pinned.clone()], ..rules() });
    let made = world.invoice(Terms::of(AMOUNT));
    let wanted = ByHand { payee: Some(pinned.payee.to_string()), ..by_hand(&made) };
    assert!(matches!(pay(&mut world, wanted).0, Verdict::Refused(why) if why.contains("another Lightning node")));
    assert_eq!(world.payments(), 0);
}

#[test]
fn what_a_wallet_paid_without_being_told_to_is_not_paid_once_more() {
    let mut world = World::new(rules());
    let made = world.invoice(Terms::of(AMOUNT));
    let now = world.now.wall;
    let tx = world.engine().store.begin().unwrap();
    tx.note_stranger("lnd:1", &made.hash, true).unwrap();
    tx.commit().unwrap();
    refused(&mut world, &made, "paid already");
    assert_eq!(now, world.now.wall);
}

#[test]
fn a_failure_that_is_taken_back_locks_and_counts_once_the_owner_accepts_it() {
    let mut world = World::new(rules());
    let made = under_way(&mut world);
    world.outcome(made.hash, failed());
    world.paid(&made);
    assert!(world.snapshot().lock.is_some());
    refused(&mut world, &made, "paid already");
    let now = world.now;
    world.engine().obey(now, Order::Unlock).unwrap();
    assert!(world.snapshot().lock.is_none() && world.snapshot().totals.paid_by_hand == AMOUNT);
    assert!(sent(&world.live(DAY)).is_empty());
    check(&mut world, "late");
}

#[test]
fn what_cannot_leave_at_once_is_given_up_and_does_not_leave_later() {
    let mut world = World::new(rules());
    let made = under_way(&mut world);
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Cancelled, 0));
    assert!(sent(&world.live(DAY)).is_empty());
    // A wallet that is not compared yet holds everything back.
    world.rules.compare_first = true;
    world.restart();
    let made = world.invoice(Terms::of(AMOUNT));
    let (verdict, effects) = pay(&mut world, by_hand(&made));
    assert!(matches!(verdict, Verdict::Done(_)) && sent(&effects).is_empty(), "{verdict:?}");
    world.live(2 * MINUTE);
    assert_eq!(world.state(made.hash), State::Intent, "it waits for a moment");
    assert!(sent(&world.live(3 * MINUTE)).is_empty());
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Cancelled, 0));
    // And a power cut does not make it leave hours later.
    let made = world.invoice(Terms::of(AMOUNT));
    pay(&mut world, by_hand(&made));
    world.now.wall = world.now.wall.plus(HOUR / 2);
    world.rules.compare_first = false;
    assert!(sent(&world.restart()).is_empty());
    assert_eq!(world.state(made.hash), State::Cancelled);
    check(&mut world, "given up");
}

#[test]
fn what_is_said_of_bills_that_come_again_is_not_said_of_one_that_does_not() {
    let mut world =
        World::new(Rules { house: Budget { payments_per_hour: Some(1), ..budget(1_000_000, 5_000_000) }, ..rules() });
    let first = under_way(&mut world);
    world.paid(&first);
    let second = world.invoice(Terms::of(AMOUNT));
    refused(&mut world, &second, "Nothing was paid.");
    let expired = make(Terms::of(AMOUNT).for_seconds(30), 99, START);
    refused(&mut world, &expired, "ask the payee for a new one");
    world.wait(2 * HOUR);
    let third = under_way(&mut world);
    let trouble = |trouble| ServiceFault::new(ServiceKind::Lnd, trouble).to_string();
    for said in
        [Trouble::NoRoute, Trouble::Recipient, Trouble::Unreachable, Trouble::NotReady, Trouble::Invoice].map(trouble)
    {
        let once = for_once(&said);
        assert!(
            !once.contains("tries again") && !once.contains("is tried again") && !once.contains("be asked for"),
            "{once}"
        );
    }
    world.outcome(third.hash, PayOutcome::Failed(trouble(Trouble::NoRoute)));
    let story = world.engine().payments(&Wanted { most: 1, ..Wanted::default() }).unwrap().remove(0);
    assert!(story.fault.as_ref().is_some_and(|why| why.ends_with("it is not tried again.")), "{story:?}");
}

#[test]
fn an_invoice_of_an_agreement_and_a_received_one_are_not_paid_by_hand() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, failed());
    refused(&mut world, &made, "agreements or feeds");
    let own = world.invoice(Terms::of(AMOUNT));
    world.handle(Event::Received { hash: own.hash, amount: AMOUNT, opening: None });
    refused(&mut world, &own, "one of your own");
    check(&mut world, "not by hand");
}

#[test]
fn a_payment_keeps_what_a_bitcoin_cost_while_that_was_fresh() {
    let mut world = World::new(rules());
    let rate = |world: &World| Rate {
        currency: Currency::Eur,
        cents: 6_000_000,
        at: world.now.wall,
        sources: "kraken 60000.00, bitstamp 60000.00".to_owned(),
    };
    let rate = rate(&world);
    world.handle(Event::Rate(rate));
    let fresh = under_way(&mut world);
    world.paid(&fresh);
    world.wait(2 * DAY);
    let stale = under_way(&mut world);
    world.paid(&stale);
    let tx = world.engine().store.begin().unwrap();
    let payments = tx.newest_payments(2).unwrap();
    let kept = payments[1].rate.as_ref().unwrap();
    assert_eq!((kept.currency.as_str(), kept.cents_of(AMOUNT.0)), ("EUR", 2));
    assert_eq!(payments[0].rate, None, "two days later nobody knows");
}
