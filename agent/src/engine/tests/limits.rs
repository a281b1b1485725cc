//! Limits of the payee, of the calendar, of the rate and of the price, as the ledger feeds them.

use jiff::tz::TimeZone;

use super::super::{FeedAnswer, Rules};
use super::checks::check;
use super::world::{
    DAY, HOUR, MINUTE, SLICE, SLICE_MWH, Terms, World, agreement, bills, budget, offer, rules, rules_with_feed, sent,
};
use crate::config::PayeeLimits;
use crate::domain::money::{Msat, MsatPerKwh, UnixMillis};

const UTILITY: &str = "electricity@utility.example";
/// What one paid slice cost, and the next one may cost with its fee limit.
const TWO: u64 = 50_700 + 51_500;

fn payee(name: &str, per_hour: u64) -> PayeeLimits {
    PayeeLimits { payee: name.to_owned(), budget: budget(500_000, per_hour) }
}

/// A slice is used, billed and paid, if the limits let it.
fn pay(world: &mut World) -> bool {
    let effects = world.consume(SLICE_MWH);
    let Some((purchase, amount)) = bills(&effects).first().copied() else { return false };
    let made = world.send_bill(purchase, Terms::of(amount));
    world.paid(&made);
    true
}

#[test]
fn agreements_with_one_payee_share_its_limit() {
    let agreements = vec![agreement("flat", "main"), agreement("garage", "main")];
    let mut world = World::new(Rules { agreements, payees: vec![payee(UTILITY, TWO - 1)], ..rules() });
    let due = bills(&world.consume(SLICE_MWH));
    assert_eq!(due.len(), 2, "both are asked for: nothing is reserved yet");
    let made = world.send_bill(due[0].0, Terms::of(SLICE));
    world.paid(&made);
    let second = world.invoice(Terms::of(SLICE));
    let event = super::super::Event::Bill { purchase: due[1].0, bolt11: second.bolt11.clone() };
    assert!(sent(&world.handle(event)).is_empty());
    let notices = world.snapshot().agreements[1].notices.clone();
    assert!(notices[0].contains("for this payee"), "{notices:?}");
    assert!(!bills(&world.live(2 * HOUR)).is_empty(), "an hour later it fits");
    check(&mut world, "one payee");
}

#[test]
fn renaming_an_agreement_forgets_nothing_that_its_payee_got() {
    let mut world = World::new(Rules { payees: vec![payee(UTILITY, TWO - 1)], ..rules() });
    assert!(pay(&mut world));
    world.rules.agreements[0].id = "power".to_owned();
    world.restart();
    world.interval();
    assert!(!pay(&mut world), "the new name has spent nothing, the payee has");
}

#[test]
fn a_changed_limit_forgets_nothing_that_was_spent() {
    let mut world = World::new(rules());
    assert!(pay(&mut world));
    for per_hour in [10 * TWO, TWO - 1] {
        world.rules.house = budget(500_000, per_hour);
        world.rules.agreements[0].budget = budget(500_000, per_hour);
        world.restart();
    }
    assert!(!pay(&mut world), "50,700 of 102,199 msat were spent before the limits were touched");
    world.rules.house = budget(500_000, TWO);
    world.rules.agreements[0].budget = budget(500_000, TWO);
    assert!(!bills(&world.restart()).is_empty());
}

#[test]
fn only_payees_on_the_list_are_paid_when_there_is_one() {
    let listed = Rules { listed_payees_only: true, ..rules_with_feed() };
    let mut world = World::new(listed.clone());
    assert!(!pay(&mut world));
    assert!(world.notices()[0].contains("[[payee]]"), "{:?}", world.notices());
    let payees = vec![payee(UTILITY, 2_000_000), payee("https://data.example", 1_000_000)];
    let mut world = World::new(Rules { payees, ..listed });
    assert!(pay(&mut world));
    let made = world.invoice(Terms::of(Msat(5_000)));
    let effects = world.fetched(FeedAnswer::PaymentRequired(offer(&made, "/prices")));
    assert_eq!(sent(&effects), [made.hash], "a feed's payee is the origin of its url");
}

#[test]
fn a_rate_holds_back_what_is_cheap_enough() {
    let mut rules = rules();
    rules.house.payments_per_hour = Some(2);
    let mut world = World::new(rules);
    assert!(pay(&mut world) && pay(&mut world));
    assert!(!pay(&mut world));
    assert!(world.notices()[0].contains("2 payments were made within the last hour"), "{:?}", world.notices());
    assert!(!bills(&world.live(2 * HOUR)).is_empty());
}

#[test]
fn energy_above_the_price_ceiling_is_owed_and_not_paid() {
    let mut rules = rules();
    rules.agreements[0].budget.price_max = Some(MsatPerKwh(99_999));
    let mut world = World::new(rules);
    assert!(!pay(&mut world));
    assert!(world.notices()[0].contains("The kilowatt-hour costs 100 sat"), "{:?}", world.notices());
    assert_eq!(world.owed(), SLICE);
    world.rules.agreements[0].budget.price_max = Some(MsatPerKwh(100_000));
    assert_eq!(bills(&world.restart()).len(), 1);
}

/// 2026-12-01 00:30 in Berlin, which is still November in London.
const DECEMBER: UnixMillis = UnixMillis(1_796_081_400_000);

#[test]
fn a_month_is_the_owners_month_when_that_is_longer_than_thirty_days() {
    let mut rules = rules();
    rules.zone = TimeZone::get("Europe/Berlin").unwrap();
    rules.house.per_month = Msat(TWO - 1);
    let mut world = World::new(rules.clone());
    world.now.wall = DECEMBER;
    assert!(pay(&mut world));
    world.live(30 * DAY + HOUR);
    assert!(!pay(&mut world), "30 days have passed, but it is still December");
    world.live(22 * HOUR);
    assert!(bills(&world.live(MINUTE)).is_empty(), "half an hour before midnight");
    assert!(!bills(&world.live(3 * HOUR)).is_empty(), "January");
    rules.zone = TimeZone::UTC;
    let mut world = World::new(rules);
    world.now.wall = DECEMBER;
    assert!(pay(&mut world));
    world.live(30 * DAY + HOUR);
    assert!(pay(&mut world), "in London it was a payment of November");
}

#[test]
fn a_clock_that_is_set_forward_frees_no_limit_that_was_used_up_before() {
    let mut tight = rules();
    tight.house.per_day = Msat(120_000);
    let mut world = World::new(tight);
    // The hub starts with the time of its last shutdown, two days ago, and learns better after an hour.
    for _ in 0..2 {
        let made = world.send_slice();
        world.paid(&made);
        world.live(30 * MINUTE);
    }
    assert!(bills(&world.consume(SLICE_MWH)).is_empty(), "the day's limit is used up");
    world.now.wall = world.now.wall.plus(2 * DAY);
    assert!(bills(&world.live(2 * HOUR)).is_empty(), "and stays so: {:?}", world.notices());
    assert!(world.notices()[0].contains("per day"), "{:?}", world.notices());
    assert!(!bills(&world.live(23 * HOUR)).is_empty(), "a day later there is room");
}
