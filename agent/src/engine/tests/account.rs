//! What the page asks about payments and limits.

use super::super::PayOutcome;
use super::world::{HOUR, MINUTE, SLICE, SLICE_MWH, Terms, World, bill_of, failed, rules, sent};
use crate::domain::money::Msat;
use crate::store::{Standing, Wanted};

fn events(world: &mut World, payment: i64) -> Vec<String> {
    let story = world.engine().story(payment).unwrap().unwrap();
    let entries = story.steps.into_iter().filter_map(|step| Some(step.entry?["event"].as_str()?.to_owned()));
    entries.collect()
}

#[test]
fn each_payment_tells_its_own_story() {
    let mut world = World::new(rules());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.send_bill(purchase, Terms::of(SLICE));
    world.outcome(made.hash, failed());
    assert_eq!(sent(&world.live(10 * MINUTE)), [made.hash], "it is tried again");
    world.paid(&made);
    let preimage = made.preimage;
    let other = world.send_slice();
    world.outcome(other.hash, PayOutcome::InFlight);
    assert_eq!(events(&mut world, 1), ["due", "intent", "failed"]);
    let retried: Vec<i64> = world.engine().payments(&all()).unwrap().iter().map(|payment| payment.payment).collect();
    let settled = world.engine().payments(&Wanted { standing: Some(Standing::Paid), ..all() }).unwrap();
    let [paid] = settled.as_slice() else { panic!("{settled:?}") };
    let paid_events = events(&mut world, paid.payment);
    assert_eq!((paid_events.first().unwrap().as_str(), paid_events.last().unwrap().as_str()), ("due", "settled"));
    let story = world.engine().story(paid.payment).unwrap().unwrap();
    assert_eq!(story.preimage, Some(preimage.to_string()));
    assert!(story.steps.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    assert!(world.engine().story(999).unwrap().is_none());
    assert!(retried.windows(2).all(|pair| pair[0] > pair[1]), "newest first: {retried:?}");
}

fn all() -> Wanted {
    Wanted { most: 100, ..Wanted::default() }
}

#[test]
fn payments_are_found_by_rule_state_time_and_number() {
    let mut world = World::new(rules());
    for _ in 0..3 {
        let made = world.send_slice();
        world.paid(&made);
        world.live(HOUR);
    }
    let open = world.send_slice();
    world.outcome(open.hash, PayOutcome::InFlight);
    let mut found = |wanted: Wanted| {
        let payments = world.engine().payments(&wanted).unwrap();
        payments.iter().map(|payment| payment.payment).collect::<Vec<_>>()
    };
    let everything = found(all());
    assert_eq!(everything.len(), 4);
    assert_eq!(found(Wanted { most: 2, ..all() }), everything[..2]);
    assert_eq!(found(Wanted { before: Some(everything[1]), ..all() }), everything[2..]);
    assert_eq!(found(Wanted { rule: Some("grid".to_owned()), ..all() }), everything);
    assert!(found(Wanted { rule: Some("nobody".to_owned()), ..all() }).is_empty());
    assert_eq!(found(Wanted { standing: Some(Standing::Open), ..all() }), everything[..1]);
    assert_eq!(found(Wanted { standing: Some(Standing::Paid), ..all() }), everything[1..]);
    assert!(found(Wanted { standing: Some(Standing::Failed), ..all() }).is_empty());
    let times: Vec<u64> = world.engine().payments(&all()).unwrap().iter().map(|payment| payment.created_ms).collect();
    let mut found = |wanted: Wanted| world.engine().payments(&wanted).unwrap().len();
    assert_eq!(found(Wanted { from_ms: times[1], ..all() }), 2);
    assert_eq!(found(Wanted { to_ms: Some(times[1]), ..all() }), 2);
    assert_eq!(found(Wanted { to_ms: Some(u64::MAX), from_ms: u64::MAX, ..all() }), 0);
}

#[test]
fn the_account_of_a_rule_is_what_the_policy_counts() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    let now = world.now;
    let account = world.engine().rule_account("grid", now).unwrap();
    assert!(account.reserved > SLICE && account.rule.month == account.reserved, "{account:?}");
    assert_eq!((account.house, account.rule.payments), (account.rule, 1));
    world.paid(&made);
    let now = world.now;
    let account = world.engine().rule_account("grid", now).unwrap();
    assert_eq!(account.reserved, Msat::ZERO);
    assert!(account.rule.month >= SLICE, "{account:?}");
    let nobody = world.engine().rule_account("nobody", now).unwrap();
    assert_eq!((nobody.rule.month, nobody.house), (Msat::ZERO, account.house));
}
