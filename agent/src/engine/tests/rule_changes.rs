//! The owner edits the configuration while money is under way.

use super::super::{FeedAnswer, PayOutcome};
use super::checks::check;
use super::world::{
    HOUR, MINUTE, SECOND, SLICE, SLICE_MWH, Terms, World, agreement, bill_of, bills, failed, offer, rules,
    rules_with_feed, sent,
};
use crate::domain::money::{Msat, MsatPerKwh};
use crate::domain::payment::State;
use crate::payees::lnurl::PayTarget;
use crate::store::Posting;

fn owed_by_grid(world: &mut World) -> Msat {
    world.engine().store.begin().unwrap().agreement("grid").unwrap().unwrap().accrual.owed
}

#[test]
fn a_payment_of_a_removed_agreement_is_still_credited() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::InFlight);
    let agreements = std::mem::take(&mut world.rules.agreements);
    world.restart();
    assert!(world.paid(&made).is_empty());
    assert_eq!((world.state(made.hash), owed_by_grid(&mut world)), (State::Settled, Msat::ZERO));
    world.rules.agreements = agreements;
    assert!(world.restart().is_empty());
    assert!(world.live(48 * HOUR).is_empty(), "nothing is owed any more");
    check(&mut world, "credited");
}

#[test]
fn a_changed_payee_is_paid_and_the_old_one_no_more() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    world.rules.agreements[0].payee = PayTarget::parse("new@utility.example").unwrap();
    assert!(sent(&world.restart()).is_empty(), "the old payee's invoice stays here");
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Cancelled, 0));
    let purchase = world.attempts(made.hash)[0].purchase;
    assert_eq!(bills(&world.live(MINUTE)), [(purchase, SLICE)], "the new payee is asked");
    let fresh = world.send_bill(purchase, Terms::of(SLICE));
    world.paid(&fresh);
    check(&mut world, "new payee");
}

#[test]
fn a_failed_invoice_of_an_earlier_payee_is_waited_out() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE).for_seconds(600));
    world.outcome(made.hash, failed());
    world.rules.agreements[0].payee = PayTarget::parse("new@utility.example").unwrap();
    let mut effects = world.restart();
    effects.extend(world.live(9 * MINUTE));
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
    assert_eq!(bills(&world.live(5 * MINUTE)).first(), Some(&(purchase, SLICE)));
}

#[test]
fn an_open_purchase_of_a_removed_agreement_rests_and_goes_on_when_it_is_back() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let agreements = std::mem::take(&mut world.rules.agreements);
    assert!(world.restart().is_empty());
    assert!(world.live(48 * HOUR).is_empty(), "nobody is asked");
    world.rules.agreements = agreements;
    assert_eq!(bills(&world.restart()), [(purchase, SLICE)]);
    assert_eq!(world.owed(), SLICE);
}

#[test]
fn an_intent_of_a_removed_agreement_is_given_up_and_its_invoice_may_come_again() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE));
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    let agreements = std::mem::take(&mut world.rules.agreements);
    assert!(sent(&world.restart()).is_empty());
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Cancelled, 0));
    world.rules.agreements = agreements;
    assert_eq!(bills(&world.restart()), [(purchase, SLICE)]);
    let effects = world.handle(super::super::Event::Bill { purchase, bolt11: made.bolt11.clone() });
    assert_eq!(sent(&effects), [made.hash], "a payee may offer its unpaid invoice again");
    check(&mut world, "second intent");
}

#[test]
fn an_intent_that_no_longer_fits_the_limits_is_not_sent() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    world.rules.agreements[0].budget.per_payment = Msat(30_000);
    assert!(sent(&world.restart()).is_empty());
    assert_eq!(world.state(made.hash), State::Cancelled);
    assert!(world.notices()[0].contains("your limit for this agreement is 30 sat at once"));
    assert_eq!(bills(&world.live(MINUTE))[0].1, Msat(28_000), "the same purchase, made to fit");
}

#[test]
fn an_unknown_payment_of_a_removed_agreement_is_looked_up_and_not_sent_again() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, super::world::unknown());
    world.rules.agreements.clear();
    world.restart();
    assert!(world.found(made.hash, super::super::Found::NotFound).is_empty());
    world.paid(&made);
    assert_eq!(owed_by_grid(&mut world), Msat::ZERO);
}

#[test]
fn a_new_price_applies_to_new_energy_only() {
    let mut world = World::new(rules());
    world.consume(100_000);
    assert_eq!(world.owed(), Msat(10_000));
    world.rules.agreements[0].price = MsatPerKwh(300_000);
    world.restart();
    assert_eq!(world.owed(), Msat(10_000));
    world.consume(100_000);
    assert_eq!(world.owed(), Msat(40_000));
}

#[test]
fn lowered_limits_remember_what_was_spent() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.paid(&made);
    world.rules.agreements[0].budget.per_hour = Msat(100_000);
    world.rules.agreements[0].budget.per_day = Msat(100_001);
    world.restart();
    assert!(bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(world.notices()[0].starts_with("50.700 sat of 100 sat per hour"), "{:?}", world.notices());
    world.rules.agreements[0].budget.per_hour = Msat(500_000);
    world.rules.agreements[0].budget.per_day = Msat(500_000);
    assert_eq!(bills(&world.restart()).len(), 1, "and raised ones are used at once");
}

#[test]
fn a_purchase_above_a_lowered_limit_per_payment_is_made_smaller() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(4 * SLICE_MWH));
    world.rules.agreements[0].budget.per_payment = Msat(60_000);
    assert_eq!(bills(&world.restart()), [(purchase, Msat(58_000))]);
    let mut due = Some((purchase, Msat(58_000)));
    while let Some((purchase, amount)) = due {
        let made = world.send_bill(purchase, Terms::of(amount));
        due = bills(&world.paid(&made)).first().copied();
    }
    assert_eq!(world.owed(), Msat(26_000), "less than a slice is left");
    check(&mut world, "in small steps");
}

#[test]
fn a_slice_no_limit_ever_lets_through_is_paid_in_parts() {
    let mut tight = rules();
    tight.agreements[0].budget.per_hour = Msat(30_000);
    let mut world = World::new(tight);
    let effects = world.consume(SLICE_MWH);
    assert_eq!(bills(&effects)[0].1, Msat(28_000));
}

#[test]
fn a_failed_data_invoice_above_a_lowered_price_is_not_tried_again() {
    let mut world = World::new(rules_with_feed());
    let made = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    world.outcome(made.hash, failed());
    world.rules.feeds[0].price_max = Msat(10_000);
    assert!(sent(&world.restart()).is_empty());
    assert!(sent(&world.live(30 * MINUTE)).is_empty());
    assert!(world.feed_notices()[0].contains("allows at most 10 sat"));
}

#[test]
fn a_failed_data_invoice_whose_ticket_opens_another_page_now_is_not_tried_again() {
    let mut world = World::new(rules_with_feed());
    let made = world.invoice(Terms::of(Msat(15_000)));
    world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    world.outcome(made.hash, failed());
    world.rules.feeds[0].url = "https://data.example/weather".parse().unwrap();
    assert!(sent(&world.restart()).is_empty());
    assert!(sent(&world.live(30 * MINUTE)).is_empty());
}

#[test]
fn energy_counted_while_an_agreement_was_removed_is_not_billed_by_it() {
    let mut world = World::new(rules());
    world.consume(100_000);
    let agreements = std::mem::take(&mut world.rules.agreements);
    world.restart();
    world.consume(40_000_000);
    world.rules.agreements = agreements;
    world.restart();
    world.consume(50_000);
    assert_eq!(world.owed(), Msat(15_000), "100 Wh before and 50 Wh after");
    assert_eq!(world.snapshot().agreements[0].billed_mwh, 150_000);
    check(&mut world, "back in force");
}

#[test]
fn an_agreement_that_moves_to_another_meter_starts_there_and_forgets_no_debt() {
    let mut world = World::new(rules());
    world.consume(100_000);
    world.rules.agreements = vec![agreement("other", "main"), agreement("grid", "annex")];
    world.restart();
    let annex = |total: u64| {
        let mut state = world.meter;
        state.total.0 = total;
        super::super::Event::Interval { meter: "annex".to_owned(), state, samples: 1 }
    };
    let (first, second) = (annex(90_000_000), annex(90_020_000));
    assert!(world.handle(first).is_empty(), "a meter that has counted for years owes nothing yet");
    assert_eq!(owed_by_grid(&mut world), Msat(10_000));
    world.handle(second);
    assert_eq!(owed_by_grid(&mut world), Msat(12_000));
    assert!(world.live(5 * SECOND).is_empty());
}

#[test]
fn what_is_paused_pays_nothing_until_it_goes_on() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    world.rules.agreements[0].paused = true;
    assert!(world.adopt().is_empty());
    let made = world.invoice(Terms::of(SLICE));
    let late = world.handle(super::super::Event::Bill { purchase, bolt11: made.bolt11 });
    assert!(late.is_empty(), "the invoice that was asked for before comes too late: {late:?}");
    assert!(world.notices()[0].contains("paused"), "{:?}", world.notices());
    assert!(world.live(48 * HOUR).is_empty());
    world.consume(SLICE_MWH);
    assert_eq!(world.owed(), Msat(2 * SLICE.0), "what is used stays owed");
    world.rules.agreements[0].paused = false;
    assert_eq!(bills(&world.adopt()), [(purchase, SLICE)]);
    let made = world.send_bill(purchase, Terms::of(SLICE));
    world.paid(&made);
    check(&mut world, "went on");
}

#[test]
fn a_pause_stops_what_waits_to_be_sent_but_not_what_has_left() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.rules.agreements[0].paused = true;
    world.adopt();
    assert_eq!(world.state(made.hash), State::Sending, "nobody can call it back");
    world.paid(&made);
    assert_eq!(world.owed(), Msat::ZERO);
    world.rules.agreements[0].paused = false;
    world.adopt();
    let made = world.send_slice();
    world.outcome(made.hash, PayOutcome::NotSent("connection refused".to_owned()));
    world.rules.agreements[0].paused = true;
    assert!(sent(&world.adopt()).is_empty() && sent(&world.live(HOUR)).is_empty());
    check(&mut world, "paused");
}

#[test]
fn rules_that_change_while_it_runs_do_what_they_do_at_a_start() {
    let mut world = World::new(rules_with_feed());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    world.rules.agreements[0].budget.per_payment = Msat(1);
    assert!(bills(&world.adopt()).is_empty());
    world.rules.agreements = rules().agreements;
    assert_eq!(bills(&world.adopt()), [(purchase, SLICE)], "looked at again at once");
    let agreements = std::mem::take(&mut world.rules.agreements);
    assert!(bills(&world.adopt()).is_empty() && bills(&world.live(48 * HOUR)).is_empty());
    world.rules.agreements = agreements;
    assert_eq!(bills(&world.adopt()), [(purchase, SLICE)]);
    assert!(bills(&world.adopt()).is_empty(), "the payee was asked already and may still answer");
    world.rules.feeds[0].paused = true;
    world.adopt();
    let fetches = |effects: &[super::super::Effect]| {
        effects.iter().filter(|effect| matches!(effect, super::super::Effect::Fetch { .. })).count()
    };
    assert_eq!(fetches(&world.live(48 * HOUR)), 0);
    world.rules.feeds[0].paused = false;
    assert_eq!(fetches(&world.adopt()), 1);
    world.rules.house.per_day = Msat(world.rules.house.per_day.0 - 1);
    assert_eq!(fetches(&world.adopt()), 0, "what did not change is not bought anew");
}
