//! What is refused: each with its own sentence, and with nothing reserved, sent or paid.

use bitcoin::Network;

use super::super::{Event, FeedAnswer, Rules};
use super::checks::check;
use super::world::{
    HOUR, MINUTE, SECOND, SLICE, SLICE_MWH, Terms, WALLET, World, bill_of, bills, budget, failed, offer, rules,
    rules_with_feed,
};
use crate::domain::money::Msat;
use crate::store::Posting;

/// Answers the first bill of a house under `rules` with an invoice under `terms` and returns the refusal.
#[track_caller]
fn energy(rules: Rules, terms: Terms) -> String {
    let mut world = World::new(rules);
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.invoice(terms);
    refused(&mut world, Event::Bill { purchase, bolt11: made.bolt11 }, 0)
}

#[track_caller]
fn data(amount: u64, path: &str, other_hash: bool) -> String {
    let mut world = World::new(rules_with_feed());
    let (made, other) = (world.invoice(Terms::of(Msat(amount))), world.invoice(Terms::of(Msat(amount))));
    let mut offer = offer(&made, path);
    if other_hash {
        offer.invoice = other.bolt11;
    }
    let answer = FeedAnswer::PaymentRequired(offer);
    refused(&mut world, Event::Fetched { feed: "prices".to_owned(), answer }, 0)
}

/// Nothing may come of `event` but a sentence.
#[track_caller]
fn refused(world: &mut World, event: Event, payments: usize) -> String {
    let wallet = (world.account(WALLET), world.account(Posting::PENDING));
    let of_feed = matches!(event, Event::Fetched { .. });
    assert!(world.handle(event).is_empty());
    assert_eq!(world.payments(), payments, "a payment row was written");
    assert_eq!((world.account(WALLET), world.account(Posting::PENDING)), wallet);
    check(world, "refused");
    let mut notices = if of_feed { world.feed_notices() } else { world.notices() };
    assert_eq!(notices.len(), 1, "{notices:?}");
    notices.remove(0)
}

fn seen_before() -> String {
    let mut world = World::new(rules());
    let first = world.send_slice();
    world.paid(&first);
    let purchase = bill_of(&world.consume(SLICE_MWH));
    refused(&mut world, Event::Bill { purchase, bolt11: first.bolt11 }, 1)
}

fn locked() -> String {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let stranger = world.invoice(Terms::of(Msat(77_000)));
    world.paid(&stranger);
    let made = world.invoice(Terms::of(SLICE));
    refused(&mut world, Event::Bill { purchase, bolt11: made.bolt11 }, 0)
}

/// The bill comes when the limit has just been used up by the purchase before.
fn used_up(rules: Rules) -> String {
    let mut world = World::new(rules);
    let first = world.send_slice();
    world.paid(&first);
    assert!(bills(&world.consume(SLICE_MWH)).is_empty(), "what the limits refuse is not even asked for");
    assert_eq!(world.payments(), 1);
    let notices = world.notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    notices[0].clone()
}

fn with_limits(change: impl FnOnce(&mut Rules)) -> Rules {
    let mut rules = rules();
    change(&mut rules);
    rules
}

#[test]
fn every_refusal_has_its_own_sentence_and_costs_nothing() {
    let due = Terms::of(SLICE);
    let pinned = with_limits(|rules| rules.agreements[0].payee_key = Some(format!("02{}", "11".repeat(32))));
    let hour = with_limits(|rules| rules.agreements[0].budget.per_hour = Msat(100_000));
    let day = with_limits(|rules| rules.agreements[0].budget.per_day = Msat(100_000));
    let month = with_limits(|rules| rules.agreements[0].budget.per_month = Msat(100_000));
    let house = with_limits(|rules| rules.house.per_hour = Msat(100_000));
    let cases = [
        ("50.001 sat, but 50 sat is due", energy(rules(), Terms::of(Msat(50_001)))),
        ("49.999 sat, but 50 sat is due", energy(rules(), Terms::of(Msat(49_999)))),
        ("for the bitcoin network", energy(rules(), Terms { network: Network::Bitcoin, ..due })),
        ("has expired", energy(rules(), due.for_seconds(59))),
        ("another Lightning node", energy(pinned, due)),
        ("used before", seen_before()),
        ("for /forecast, another page", data(15_000, "/forecast", false)),
        ("asks 20.001 sat", data(20_001, "/prices", false)),
        ("belongs to another invoice", data(15_000, "/prices", true)),
        ("payments are locked", locked()),
        ("50.700 sat of 100 sat per hour are already spent or reserved for this agreement", used_up(hour)),
        ("per day are already spent or reserved for this agreement", used_up(day)),
        ("per month are already spent or reserved for this agreement", used_up(month)),
        ("per hour are already spent or reserved for the whole house", used_up(house)),
    ];
    for (text, sentence) in &cases {
        assert!(sentence.contains(text), "{sentence}");
        assert_eq!(cases.iter().filter(|case| case.1 == *sentence).count(), 1, "said twice: {sentence}");
    }
}

#[test]
fn what_the_fee_rule_takes_over_the_limit_is_refused() {
    let mut tight = rules();
    tight.agreements[0].budget = budget(51_499, 1_000_000);
    let mut world = World::new(tight);
    let effects = world.consume(SLICE_MWH);
    assert_eq!(bills(&effects)[0].1, Msat(49_000), "the largest amount that fits with its fee");
}

#[test]
fn limits_that_leave_no_room_are_said() {
    let mut tight = rules();
    tight.agreements[0].budget = budget(2_000, 1_000_000);
    let mut world = World::new(tight);
    assert!(world.consume(SLICE_MWH).is_empty());
    assert!(world.notices()[0].contains("leave no room"));
}

#[test]
fn a_refused_bill_is_asked_for_again_later_and_later() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let mut pauses = Vec::new();
    for _ in 0..16 {
        let made = world.invoice(Terms::of(Msat(1)));
        assert!(world.handle(Event::Bill { purchase, bolt11: made.bolt11 }).is_empty());
        let before = world.now.monotonic;
        while bills(&world.wait(SECOND)).is_empty() {}
        pauses.push(world.now.monotonic - before);
    }
    assert!(pauses[0] <= 4 * SECOND && pauses[4] >= 30 * SECOND, "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= HOUR + HOUR / 4 + SECOND), "{pauses:?}");
    assert!(pauses.iter().filter(|pause| **pause >= HOUR).count() >= 3, "{pauses:?}");
}

#[test]
fn a_good_bill_after_a_refused_one_clears_its_sentence() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let bad = world.invoice(Terms::of(Msat(50_001)));
    world.handle(Event::Bill { purchase, bolt11: bad.bolt11 });
    assert_eq!(world.notices().len(), 1);
    let good = world.send_bill(purchase, Terms::of(SLICE));
    assert!(world.notices().is_empty());
    world.paid(&good);
    assert!(world.notices().is_empty());
}

#[test]
fn a_used_up_limit_is_free_again_when_its_window_has_passed() {
    let mut tight = rules();
    tight.agreements[0].budget.per_hour = Msat(100_000);
    let mut world = World::new(tight);
    let first = world.send_slice();
    world.paid(&first);
    assert!(bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(bills(&world.live(59 * MINUTE)).is_empty());
    let effects = world.live(2 * HOUR);
    let second = world.send_bill(bills(&effects)[0].0, Terms::of(SLICE));
    world.paid(&second);
    assert_eq!(world.owed(), Msat::ZERO);
    check(&mut world, "two hours");
}

#[test]
fn an_invoice_that_failed_for_one_purchase_is_not_paid_for_another() {
    let mut world = World::new(rules_with_feed());
    let made = world.send_slice();
    world.outcome(made.hash, failed());
    world.rules.feeds[0].price_max = SLICE;
    world.rules.feeds[0].budget.per_payment = Msat(100_000);
    world.rules.agreements.clear();
    world.restart();
    let answer = FeedAnswer::PaymentRequired(offer(&made, "/prices"));
    let sentence = refused(&mut world, Event::Fetched { feed: "prices".to_owned(), answer }, 1);
    assert!(sentence.contains("used before"), "{sentence}");
}

#[test]
fn our_own_invoice_is_never_paid() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let ours = world.invoice(Terms::of(SLICE));
    world.handle(Event::Received { hash: ours.hash, amount: SLICE, opening: None });
    let sentence = refused(&mut world, Event::Bill { purchase, bolt11: ours.bolt11 }, 0);
    assert!(sentence.contains("used before"), "{sentence}");
}
