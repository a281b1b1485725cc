//! Payments that wait for the owner's word.

use super::super::{Event, FeedAnswer, Order, PayOutcome, Rules, Verdict};
use super::checks::check;
use super::world::{
    DAY, HOUR, MINUTE, SLICE, SLICE_MWH, Terms, World, agreement, bill_of, bills, offer, rules, rules_with_feed, sent,
};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::policy::AskRule;
use crate::payees::lnurl::PayTarget;
use crate::store::Posting;

fn asking(rules: Rules) -> Rules {
    Rules { ask: AskRule { first: true, above: Some(Msat(60_000)), expires_ms: 7 * DAY }, ..rules }
}

fn order(world: &mut World, order: Order) -> (Verdict, Vec<super::super::Effect>) {
    let now = world.now;
    world.engine().obey(now, order).unwrap()
}

/// The number of the only question.
#[track_caller]
fn asked(world: &mut World) -> i64 {
    let questions = world.snapshot().questions;
    assert_eq!(questions.len(), 1, "{questions:?}");
    questions[0].question
}

#[test]
fn the_first_payment_waits_for_a_yes_and_reserves_nothing() {
    let mut world = World::new(asking(rules()));
    assert!(world.consume(SLICE_MWH).is_empty(), "the payee is not even asked for an invoice");
    let question = asked(&mut world);
    assert_eq!(world.account(Posting::PENDING), 0);
    assert!(world.notices()[0].contains("kilosat approve 1"), "{:?}", world.notices());
    assert!(bills(&world.live(3 * DAY)).is_empty());
    assert_eq!(asked(&mut world), question, "asked once");
    let (verdict, effects) = order(&mut world, Order::Approve(question));
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    let purchase = bill_of(&effects);
    let made = world.send_bill(purchase, Terms::of(SLICE));
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::Settled);
    // The payee is known from now on.
    let next = world.consume(SLICE_MWH);
    assert_eq!(bills(&next).len(), 1);
    assert!(world.snapshot().questions.is_empty());
    check(&mut world, "approved");
}

#[test]
fn a_question_and_a_yes_survive_a_restart() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    assert!(bills(&world.restart()).is_empty());
    let question = asked(&mut world);
    order(&mut world, Order::Approve(question));
    assert_eq!(bills(&world.restart()).len(), 1, "the yes was committed");
}

#[test]
fn a_no_leaves_it_owed_and_can_be_taken_back() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    let question = asked(&mut world);
    let (verdict, _) = order(&mut world, Order::Decline(question));
    assert!(matches!(&verdict, Verdict::Done(text) if text.contains("stays owed")), "{verdict:?}");
    assert!(bills(&world.live(30 * DAY)).is_empty());
    assert!(world.snapshot().questions[0].declined);
    assert_eq!(world.owed(), SLICE);
    let (_, effects) = order(&mut world, Order::Approve(question));
    assert_eq!(bills(&effects).len(), 1);
}

#[test]
fn a_no_stops_an_invoice_that_still_waits_to_be_sent() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    let question = asked(&mut world);
    let (_, effects) = order(&mut world, Order::Approve(question));
    let made = world.send_bill(bill_of(&effects), Terms::of(SLICE));
    world.outcome(made.hash, PayOutcome::NotSent("no channel is usable".to_owned()));
    assert_eq!(world.state(made.hash), State::Intent);
    order(&mut world, Order::Decline(question));
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Cancelled, 0));
    assert!(sent(&world.live(2 * HOUR)).is_empty());
    assert!(world.notices()[0].contains("You refused this payment"), "{:?}", world.notices());
    check(&mut world, "declined");
}

#[test]
fn a_yes_to_one_purchase_does_not_undo_the_no_to_another() {
    let agreements = vec![agreement("grid", "main"), agreement("garage", "main")];
    let mut world = World::new(asking(Rules { agreements, ..rules() }));
    world.consume(SLICE_MWH);
    let questions: Vec<i64> = world.snapshot().questions.iter().map(|question| question.question).collect();
    assert_eq!(questions.len(), 2);
    order(&mut world, Order::Decline(questions[1]));
    let (_, effects) = order(&mut world, Order::Approve(questions[0]));
    let made = world.send_bill(bill_of(&effects), Terms::of(SLICE));
    world.paid(&made);
    assert!(bills(&world.live(20 * HOUR)).is_empty(), "the payee is known now, and the no still counts");
    let (_, effects) = order(&mut world, Order::Approve(questions[1]));
    assert_eq!(bills(&effects).len(), 1);
}

#[test]
fn a_yes_to_what_no_agreement_covers_any_more_changes_nothing() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    let question = asked(&mut world);
    world.rules.agreements.clear();
    world.restart();
    let (verdict, _) = order(&mut world, Order::Approve(question));
    assert!(matches!(&verdict, Verdict::Refused(text) if text.contains("No agreement")), "{verdict:?}");
    world.rules = asking(rules());
    assert!(bills(&world.restart()).is_empty(), "the payee did not become a known one");
    assert_eq!(asked(&mut world), question);
}

#[test]
fn nobody_answers_so_it_lapses_and_is_asked_again_a_day_later() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    let first = asked(&mut world);
    assert!(bills(&world.live(7 * DAY + HOUR)).is_empty());
    assert!(world.snapshot().questions.is_empty());
    assert!(world.notices()[0].contains("did not answer in time"), "{:?}", world.notices());
    world.live(DAY + HOUR);
    let second = asked(&mut world);
    assert!(second > first);
    let (verdict, effects) = order(&mut world, Order::Approve(first));
    assert!(matches!(verdict, Verdict::Refused(_)) && effects.is_empty(), "the old question is no longer the question");
    let (_, effects) = order(&mut world, Order::Approve(second));
    assert_eq!(bills(&effects).len(), 1);
}

#[test]
fn a_yes_is_not_good_for_ever() {
    let mut world = World::new(asking(rules()));
    world.consume(2 * SLICE_MWH);
    let question = asked(&mut world);
    order(&mut world, Order::Stop);
    let (verdict, effects) = order(&mut world, Order::Approve(question));
    assert!(matches!(&verdict, Verdict::Done(text) if text.contains("waits until they go on")), "{verdict:?}");
    assert!(bills(&effects).is_empty());
    world.live(8 * DAY);
    order(&mut world, Order::Resume);
    assert!(bills(&world.live(MINUTE)).is_empty(), "it is above the threshold, and the yes has lapsed");
    assert!(asked(&mut world) > question);
}

#[test]
fn a_large_payment_to_a_known_payee_is_asked_for_each_time() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.paid(&made);
    world.rules = asking(rules());
    world.restart();
    assert_eq!(bills(&world.consume(SLICE_MWH)).len(), 1, "a slice is below the threshold");
    let mut world = World::new(Rules { ask: AskRule { first: false, ..asking(rules()).ask }, ..rules() });
    for _ in 0..2 {
        world.consume(2 * SLICE_MWH);
        let question = asked(&mut world);
        let (_, effects) = order(&mut world, Order::Approve(question));
        let purchase = bill_of(&effects);
        let made = world.send_bill(purchase, Terms::of(Msat(2 * SLICE.0)));
        world.paid(&made);
    }
    check(&mut world, "asked twice");
}

#[test]
fn a_yes_to_one_payee_is_none_to_another() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    let question = asked(&mut world);
    order(&mut world, Order::Stop);
    order(&mut world, Order::Approve(question));
    world.rules.agreements[0].payee = PayTarget::parse("thief@utility.example").unwrap();
    world.restart();
    let (_, effects) = order(&mut world, Order::Resume);
    assert!(bills(&effects).is_empty() && bills(&world.live(MINUTE)).is_empty());
    assert_eq!(world.snapshot().questions[0].payee, "thief@utility.example");
}

#[test]
fn a_yes_lifts_no_limit_and_no_second_answer_pays_twice() {
    let mut world = World::new(asking(rules()));
    world.consume(SLICE_MWH);
    let question = asked(&mut world);
    world.rules.house.per_hour = Msat(SLICE.0 / 2);
    world.rules.house.per_payment = Msat(SLICE.0 / 2);
    world.rules.agreements[0].payee_key = None;
    world.restart();
    let (_, effects) = order(&mut world, Order::Approve(question));
    assert!(bills(&effects).iter().all(|(_, amount)| amount.0 <= SLICE.0 / 2), "{effects:?}");
    world.rules = asking(rules());
    let purchase = bill_of(&world.restart());
    let made = world.send_bill(purchase, Terms::of(bills(&effects)[0].1));
    let (verdict, effects) = order(&mut world, Order::Approve(question));
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{verdict:?} {effects:?}");
    let (verdict, _) = order(&mut world, Order::Decline(question));
    assert!(matches!(verdict, Verdict::Refused(_)), "it has left: {verdict:?}");
    world.paid(&made);
    let (verdict, effects) = order(&mut world, Order::Approve(question));
    assert!(matches!(verdict, Verdict::Refused(_)) && effects.is_empty());
    let (verdict, _) = order(&mut world, Order::Approve(4_711));
    assert!(matches!(verdict, Verdict::Refused(_)));
    check(&mut world, "answered again and again");
}

#[test]
fn a_seller_of_data_is_asked_about_too() {
    let mut world = World::new(asking(rules_with_feed()));
    let made = world.invoice(Terms::of(Msat(5_000)));
    assert!(sent(&world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")))).is_empty());
    let question = asked(&mut world);
    assert_eq!(world.snapshot().questions[0].payee, "https://data.example");
    let dearer = world.invoice(Terms::of(Msat(9_000)));
    assert!(sent(&world.fetched(FeedAnswer::PaymentRequired(offer(&dearer, "/prices")))).is_empty());
    let replaced = asked(&mut world);
    assert!(replaced > question, "a higher price is another question");
    let (_, effects) = order(&mut world, Order::Approve(replaced));
    assert!(effects.iter().any(|effect| matches!(effect, super::super::Effect::Fetch { .. })), "{effects:?}");
    let again = world.invoice(Terms::of(Msat(9_000)));
    let effects = world.handle(Event::Fetched {
        feed: "prices".to_owned(),
        answer: FeedAnswer::PaymentRequired(offer(&again, "/prices")),
    });
    assert_eq!(sent(&effects), [again.hash]);
    check(&mut world, "data");
}
