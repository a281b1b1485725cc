#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

/// On for at least 3 s, off for at least 5 s; the contact follows within 200 ms.
const RULES: RelayRules = RelayRules {
    on_min: Duration::from_secs(3),
    off_min: Duration::from_secs(5),
    contact_max: Duration::from_millis(200),
};
const LEASE: Duration = Duration::from_secs(60);

/// A relay that has been off for long enough at 10 s.
fn rested() -> Relay {
    let mut relay = Relay::new(RULES, 0);
    assert_eq!(relay.step(10_000, None), None);
    relay
}

fn on_since(at_ms: u64) -> Relay {
    let mut relay = rested();
    relay.set(at_ms, true, "it is paid for", LEASE);
    assert_eq!(relay.step(at_ms, None), Some(Change { on: true, why: "it is paid for".to_owned() }));
    relay
}

#[test]
fn a_relay_is_off_at_the_start_and_stays_off_for_its_least_time() {
    let mut relay = Relay::new(RULES, 1_000);
    assert_eq!(relay.state(), &Change { on: false, why: "Kilosat started".to_owned() });
    relay.set(1_000, true, "it is paid for", LEASE);
    assert_eq!(relay.waits(1_000), Duration::from_secs(5));
    assert_eq!(relay.step(5_999, None), None);
    assert!(!relay.state().on);
    assert!(relay.step(6_000, None).unwrap().on);
}

#[test]
fn on_and_off_keep_their_least_times_and_the_last_word_counts() {
    let mut relay = on_since(10_000);
    relay.set(11_000, false, "the credit is used up", LEASE);
    assert_eq!((relay.step(12_999, None), relay.waits(12_999)), (None, Duration::from_millis(1)));
    relay.set(12_999, true, "it is paid for again", LEASE);
    assert_eq!((relay.step(13_000, None), relay.waits(13_000)), (None, Duration::ZERO));
    assert_eq!(relay.state().why, "it is paid for", "nothing was switched");
    relay.set(14_000, false, "the credit is used up", LEASE);
    assert_eq!(relay.step(14_000, None), Some(Change { on: false, why: "the credit is used up".to_owned() }));
    relay.set(14_001, true, "it is paid for", LEASE);
    assert_eq!(relay.step(18_999, None), None);
    assert!(relay.step(19_000, None).unwrap().on);
}

#[test]
fn what_nobody_renews_goes_off_however_short_it_was_on() {
    let mut relay = rested();
    relay.set(10_000, true, "it is paid for", Duration::from_secs(1));
    assert!(relay.step(10_000, None).unwrap().on);
    relay.renew(10_500, Duration::from_secs(1));
    assert_eq!(relay.step(11_499, None), None);
    let off = relay.step(11_500, None).unwrap();
    assert_eq!(off, Change { on: false, why: "nobody said in time that it is still wanted".to_owned() });
    relay.renew(11_600, LEASE);
    assert_eq!(relay.step(30_000, None), None, "what has lapsed is not renewed");
}

#[test]
fn what_lapses_while_it_waits_is_never_switched_on() {
    let mut relay = Relay::new(RULES, 0);
    relay.set(0, true, "it is paid for", Duration::from_secs(2));
    for at_ms in (0..60_000).step_by(100) {
        assert_eq!(relay.step(at_ms, None), None);
    }
}

#[test]
fn a_renewal_never_shortens_a_lease() {
    let mut relay = on_since(10_000);
    relay.renew(10_001, Duration::from_millis(1));
    assert_eq!(relay.step(69_999, None), None);
    assert!(!relay.step(70_000, None).unwrap().on);
}

#[test]
fn switching_off_for_safety_waits_for_nothing() {
    let mut relay = on_since(10_000);
    let off = relay.switch_off(10_001, "Kilosat stops").unwrap();
    assert_eq!(off, Change { on: false, why: "Kilosat stops".to_owned() });
    assert_eq!(relay.switch_off(10_002, "Kilosat stops"), None);
}

#[test]
fn a_contact_that_does_not_follow_is_told() {
    let mut relay = rested();
    assert_eq!(relay.contact(10_000), Contact::NotWatched);
    relay.step(10_000, Some(false));
    assert_eq!(relay.contact(10_000), Contact::Follows);
    relay.set(10_100, true, "it is paid for", LEASE);
    assert!(relay.step(10_100, Some(false)).unwrap().on);
    relay.step(10_200, Some(false));
    relay.step(10_300, Some(false));
    assert_eq!(relay.contact(10_399), Contact::Follows, "it has time to move");
    assert_eq!(relay.contact(10_400), Contact::StaysOpen);
    relay.step(10_500, Some(true));
    assert_eq!(relay.contact(10_500), Contact::Follows);
    // Welded.
    relay.switch_off(11_000, "Kilosat stops");
    relay.step(11_000, Some(true));
    relay.step(11_200, Some(true));
    assert_eq!(relay.contact(11_200), Contact::StaysClosed);
    relay.step(11_300, None);
    assert_eq!(relay.contact(11_300), Contact::NotWatched);
}

/// What an owner task may do, and how much time passes after it.
#[derive(Clone, Debug)]
enum Act {
    Set(bool),
    Renew,
    Nothing,
}

fn act() -> impl Strategy<Value = (Act, u64)> {
    let act = prop_oneof![any::<bool>().prop_map(Act::Set), Just(Act::Renew), Just(Act::Nothing)];
    (act, 0_u64..4_000)
}

proptest! {
    #[test]
    fn no_sequence_switches_too_soon_or_leaves_it_on_unwanted(acts in prop::collection::vec(act(), 1..200)) {
        let lease = Duration::from_secs(7);
        let mut relay = Relay::new(RULES, 0);
        let (mut now, mut changed, mut said) = (0, 0, None);
        for (act, wait) in acts {
            match act {
                Act::Set(on) => {
                    relay.set(now, on, "it is paid for", lease);
                    said = on.then_some(now);
                }
                Act::Renew => {
                    relay.renew(now, lease);
                    said = said.filter(|last| now < last + 7_000).map(|_| now);
                }
                Act::Nothing => {}
            }
            if let Some(change) = relay.step(now, None) {
                let lapsed = change.why.starts_with("nobody");
                let least = if change.on { 5_000 } else { 3_000 };
                prop_assert!(lapsed || now - changed >= least, "{change:?} after {} ms", now - changed);
                changed = now;
            }
            if relay.state().on {
                let wanted = said.is_some_and(|last| now < last + 7_000);
                prop_assert!(wanted || now - changed < 3_000, "on at {now}, last wanted at {said:?}");
            }
            now += wait;
        }
    }
}
