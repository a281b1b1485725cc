//! The wallet's own history and balance against the ledger.

use super::super::{Comparison, Direction, Event, Found, Listed, Order, Rules, Verdict};
use super::checks::check;
use super::world::{
    HOUR, MINUTE, Made, SECOND, SLICE, SLICE_MWH, START, Terms, World, bill_of, looked_up, paid, rules, sent, unknown,
};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::payment::State;
use crate::store::Posting;

const LNBITS: &str = "wallet:lnbits:0123";

fn another_wallet() -> Rules {
    Rules { service: "lnbits:0123".to_owned(), compare_first: true, ..rules() }
}

fn item(direction: Direction, tag: u8, amount: u64, settled_at: u64) -> Listed {
    Listed {
        direction,
        hash: PaymentHash([tag; 32]),
        amount: Msat(amount),
        fee: (direction == Direction::Out).then_some(Msat(1_000)),
        settled_at: Some(UnixMillis(settled_at)),
        preimage: None,
    }
}

fn settled(made: &Made, with_proof: bool) -> Listed {
    Listed {
        hash: made.hash,
        preimage: with_proof.then_some(made.preimage),
        ..item(Direction::Out, 0, SLICE.0, START.0 + HOUR)
    }
}

/// The wallet tells `listed`, and its balance if that was asked for.
fn compare(world: &mut World, listed: Vec<Listed>, balance: Option<u64>) -> Vec<super::super::Effect> {
    let now = world.now;
    let mark = world.engine().mark(now).unwrap();
    world.handle(Event::Compared(Comparison { mark, node_id: None, listed: Some(listed), balance: balance.map(Msat) }))
}

fn lock(world: &mut World) -> String {
    world.snapshot().lock.unwrap_or_default()
}

#[test]
fn nothing_is_paid_before_the_history_is_compared() {
    let mut world = World::new(another_wallet());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.invoice(Terms::of(SLICE));
    let bill = Event::Bill { purchase, bolt11: made.bolt11.clone() };
    assert!(sent(&world.handle(bill)).is_empty());
    assert!(sent(&world.live(10 * MINUTE)).is_empty());
    assert!(world.snapshot().wallet.waits);
    world.handle(Event::NotCompared("LNbits cannot be reached.".to_owned()));
    assert!(sent(&world.live(MINUTE)).is_empty());
    assert!(world.snapshot().wallet.sentence(0).contains("LNbits cannot be reached"));
    let effects = compare(&mut world, Vec::new(), Some(500_000));
    assert_eq!(sent(&effects), [made.hash]);
    world.paid(&made);
    world.restart();
    assert!(world.snapshot().wallet.waits, "every start compares first");
}

#[test]
fn what_a_wallet_did_before_kilosat_is_its_owners_business() {
    let mut world = World::new(another_wallet());
    let before = vec![item(Direction::Out, 1, 70_000, START.0 - HOUR), item(Direction::In, 2, 90_000, START.0)];
    compare(&mut world, before.clone(), Some(1_000_000));
    assert_eq!((world.account(LNBITS), world.account(Posting::OPENING)), (1_000_000, -1_000_000));
    compare(&mut world, before, Some(1_000_000));
    assert_eq!(lock(&mut world), "");
    // Whatever this machine's clock says: the wallet's own times decide what is old.
    world.now.wall = UnixMillis(SECOND);
    world.restart();
    compare(&mut world, vec![item(Direction::Out, 3, 10_000, START.0 - 2 * HOUR)], Some(1_000_000));
    assert_eq!((lock(&mut world).as_str(), world.account(Posting::SUSPENSE)), ("", 0));
    check(&mut world, "before");
}

#[test]
fn money_that_comes_in_is_booked_once() {
    let mut world = World::new(another_wallet());
    compare(&mut world, Vec::new(), Some(0));
    let arrived = item(Direction::In, 2, 90_000, START.0 + HOUR);
    compare(&mut world, vec![arrived.clone()], None);
    compare(&mut world, vec![arrived], Some(90_000));
    assert_eq!((world.account(LNBITS), world.account(Posting::INCOME)), (90_000, -90_000));
    assert_eq!(lock(&mut world), "");
}

#[test]
fn a_payment_nobody_here_made_goes_to_suspense_and_locks() {
    let mut world = World::new(another_wallet());
    compare(&mut world, Vec::new(), Some(1_000_000));
    let stray = item(Direction::Out, 5, 70_000, START.0 + HOUR);
    for _ in 0..2 {
        compare(&mut world, vec![stray.clone()], Some(929_000));
    }
    assert_eq!((world.account(LNBITS), world.account(Posting::SUSPENSE)), (929_000, 71_000));
    assert!(lock(&mut world).contains("restored from a backup"), "{}", lock(&mut world));
    let now = world.now;
    let (verdict, _) = world.engine().obey(now, Order::Unlock).unwrap();
    assert!(matches!(verdict, Verdict::Done(_)));
    compare(&mut world, vec![stray], Some(929_000));
    assert_eq!(lock(&mut world), "", "the owner has seen it");
    world.strange = 71_000;
    check(&mut world, "stray");
}

#[test]
fn a_node_of_our_own_whose_ledger_is_lost_locks_at_its_first_start() {
    let mut world = World::new(Rules { compare_first: true, ..rules() });
    compare(&mut world, vec![item(Direction::Out, 5, 70_000, START.0 - HOUR)], Some(400_000));
    assert!(lock(&mut world).contains("does not know"), "{}", lock(&mut world));
}

#[test]
fn the_list_is_a_hint_and_a_proof_settles() {
    for with_proof in [false, true] {
        let mut world = World::new(rules());
        let made = world.send_slice();
        world.outcome(made.hash, unknown());
        world.live(10 * SECOND);
        let effects = compare(&mut world, vec![settled(&made, with_proof)], None);
        match with_proof {
            true => assert_eq!(world.state(made.hash), State::Settled),
            false => {
                assert_eq!(world.state(made.hash), State::Unknown);
                assert_eq!(looked_up(&effects), [made.hash]);
                world.found(made.hash, Found::Outcome(paid(&made)));
            }
        }
        let again = compare(&mut world, vec![settled(&made, with_proof)], None);
        assert!(again.is_empty() && lock(&mut world).is_empty());
        check(&mut world, "listed");
    }
}

#[test]
fn a_difference_that_lasts_an_hour_is_booked_and_locks() {
    let mut world = World::new(another_wallet());
    compare(&mut world, Vec::new(), Some(1_000_000));
    world.live(HOUR);
    compare(&mut world, Vec::new(), Some(800_000));
    world.live(MINUTE);
    world.restart();
    compare(&mut world, Vec::new(), Some(800_000));
    assert_eq!(lock(&mut world), "", "what was found before a restart, however long ago, is not the round before");
    world.live(HOUR);
    compare(&mut world, Vec::new(), Some(800_000));
    assert!(lock(&mut world).contains("200 sat are missing"), "{}", lock(&mut world));
    assert_eq!((world.account(LNBITS), world.account(Posting::SUSPENSE)), (800_000, 200_000));
    world.strange = 200_000;
    check(&mut world, "differs");
}

#[test]
fn a_difference_that_passes_and_one_while_money_moves_mean_nothing() {
    let mut world = World::new(Rules { compare_first: false, ..another_wallet() });
    compare(&mut world, Vec::new(), Some(1_000_000));
    for balance in [700_000, 1_000_000, 700_000, 1_100_000] {
        world.live(HOUR);
        compare(&mut world, Vec::new(), Some(balance));
    }
    let made = world.send_slice();
    for _ in 0..3 {
        world.live(HOUR / 2);
        compare(&mut world, Vec::new(), Some(1));
    }
    world.paid(&made);
    // A balance that was told before the payment was booked.
    let now = world.now;
    let mark = world.engine().mark(now).unwrap();
    let second = world.send_slice();
    world.paid(&second);
    world.live(2 * HOUR);
    let old = Comparison { mark, node_id: None, listed: Some(Vec::new()), balance: Some(Msat(1)) };
    world.handle(Event::Compared(old.clone()));
    world.live(2 * HOUR);
    world.handle(Event::Compared(old));
    assert_eq!(lock(&mut world), "");
    check(&mut world, "moving");
}

#[test]
fn what_is_set_aside_for_a_waiting_payment_is_still_in_the_wallet() {
    let mut world = World::new(another_wallet());
    let purchase = bill_of(&world.consume(SLICE_MWH));
    let made = world.invoice(Terms::of(SLICE));
    world.handle(Event::Bill { purchase, bolt11: made.bolt11.clone() });
    assert!(world.account(Posting::PENDING) > 0);
    compare(&mut world, Vec::new(), Some(1_000_000));
    let opening = world.account(Posting::OPENING);
    assert_eq!(opening, -1_000_000, "all that the wallet holds, whether set aside or not");
}

#[test]
fn a_wallet_that_cannot_list_does_not_keep_payments_back() {
    let mut world = World::new(another_wallet());
    let now = world.now;
    let mark = world.engine().mark(now).unwrap();
    world.handle(Event::Compared(Comparison { mark, node_id: None, listed: None, balance: None }));
    let made = world.send_slice();
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::Settled);
}

/// The wallet tells whose node it is, and its history.
fn compare_node(world: &mut World, node_id: &str, listed: Vec<Listed>) -> Vec<super::super::Effect> {
    let now = world.now;
    let mark = world.engine().mark(now).unwrap();
    let node_id = Some(node_id.to_owned());
    world.handle(Event::Compared(Comparison { mark, node_id, listed: Some(listed), balance: None }))
}

#[test]
fn another_wallet_at_the_same_address_is_asked_nothing_about_what_is_open() {
    let mut world = World::new(Rules { compare_first: false, ..another_wallet() });
    compare_node(&mut world, "02aa", Vec::new());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    let past = vec![item(Direction::Out, 5, 70_000, START.0 - HOUR)];
    compare_node(&mut world, "02bb", past.clone());
    assert!(lock(&mut world).contains("its node was 02aa and is 02bb now"), "{}", lock(&mut world));
    compare_node(&mut world, "02bb", past);
    assert_eq!(world.account(Posting::SUSPENSE), 0, "the new wallet's past is not ours");
    for _ in 0..6 {
        world.live(11 * MINUTE);
        assert!(
            sent(&world.found(made.hash, Found::NotFound)).is_empty(),
            "never handed to a wallet that may be another"
        );
    }
    world.live(25 * HOUR);
    for _ in 0..3 {
        world.found(made.hash, Found::NotFound);
        world.live(11 * MINUTE);
    }
    assert_eq!(world.state(made.hash), State::Unknown, "that it does not know it is no failure");
    let now = world.now;
    let (verdict, _) = world.engine().obey(now, Order::Unlock).unwrap();
    assert!(matches!(&verdict, Verdict::Refused(text) if text.contains("write-off")), "{verdict:?}");
    let (verdict, _) = world.engine().obey(now, Order::WriteOff(made.hash.to_string())).unwrap();
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    assert_eq!((world.state(made.hash), world.account(Posting::PENDING)), (State::Failed, 0));
    let (verdict, _) = world.engine().obey(now, Order::Unlock).unwrap();
    assert!(matches!(verdict, Verdict::Done(_)), "{verdict:?}");
    check(&mut world, "exchanged");
}

#[test]
fn a_payment_is_not_written_off_while_its_wallet_knows_it_or_its_invoice_may_be_paid() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.outcome(made.hash, unknown());
    let write_off = |world: &mut World, hash: String| {
        let now = world.now;
        world.engine().obey(now, Order::WriteOff(hash)).unwrap().0
    };
    let early = write_off(&mut world, made.hash.to_string());
    assert!(matches!(&early, Verdict::Refused(text) if text.contains("may yet be paid")), "{early:?}");
    world.live(26 * HOUR);
    let known = write_off(&mut world, made.hash.to_string());
    assert!(matches!(&known, Verdict::Refused(text) if text.contains("still knows")), "{known:?}");
    // A wallet that never tells clearly keeps nothing open for ever.
    let mut unclear = World::new(rules());
    let made_there = unclear.send_slice();
    unclear.outcome(made_there.hash, unknown());
    unclear.now.wall = unclear.now.wall.plus(16 * 24 * HOUR);
    assert!(matches!(write_off(&mut unclear, made_there.hash.to_string()), Verdict::Done(_)));
    for wrong in ["", "zz", &"00".repeat(32)] {
        assert!(matches!(write_off(&mut world, wrong.to_owned()), Verdict::Refused(_)), "{wrong}");
    }
    assert_eq!(world.state(made.hash), State::Unknown);
    // The wallet was exchanged for another one: this one cannot be asked.
    world.rules = Rules { service: "lnbits:0123".to_owned(), ..rules() };
    world.restart();
    assert!(matches!(write_off(&mut world, made.hash.to_string()), Verdict::Done(_)));
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::LateSettled, "it was paid after all: booked, and locked");
    assert!(lock(&mut world).contains("then settled it"), "{}", lock(&mut world));
    check(&mut world, "written off");
}

#[test]
fn the_built_in_node_must_know_the_newest_payment_that_it_settled() {
    let mut world = World::new(rules());
    compare(&mut world, Vec::new(), None);
    let made = world.send_slice();
    // A list that was asked for before the payment settled does not hold it, and need not.
    let now = world.now;
    let mark = world.engine().mark(now).unwrap();
    world.paid(&made);
    world.handle(Event::Compared(Comparison { mark, node_id: None, listed: Some(Vec::new()), balance: None }));
    assert_eq!(lock(&mut world), "");
    compare(&mut world, vec![settled(&made, true)], None);
    assert_eq!(lock(&mut world), "");
    compare(&mut world, Vec::new(), None);
    assert!(lock(&mut world).contains("Was its database lost"), "{}", lock(&mut world));
}

#[test]
fn after_a_restore_the_owner_says_what_the_stray_payments_were_for() {
    let mut world = World::new(another_wallet());
    compare(&mut world, Vec::new(), Some(1_000_000));
    world.consume(SLICE_MWH / 2);
    compare(&mut world, vec![item(Direction::Out, 5, 20_000, START.0 + HOUR)], None);
    let credit = |world: &mut World, amount_msat: u64| {
        let (now, agreement) = (world.now, "grid".to_owned());
        world.engine().obey(now, Order::Credit { agreement, amount_msat }).unwrap().0
    };
    assert!(matches!(credit(&mut world, 21_001), Verdict::Refused(_)), "more than left the wallet");
    assert!(matches!(credit(&mut world, 0), Verdict::Refused(_)));
    assert_eq!(world.owed(), Msat(25_000));
    let done = credit(&mut world, 21_000);
    assert!(matches!(&done, Verdict::Done(text) if text.contains("owes 4 sat now")), "{done:?}");
    assert_eq!((world.owed(), world.account(Posting::SUSPENSE)), (Msat(4_000), 0));
    assert!(matches!(credit(&mut world, 1_000), Verdict::Refused(_)), "nothing is left to credit");
}

#[test]
fn what_strayed_counts_against_the_limits_of_the_house() {
    let mut world = World::new(Rules { compare_first: false, ..another_wallet() });
    world.rules.house.per_day = Msat(100_000);
    world.restart();
    compare(&mut world, Vec::new(), Some(1_000_000));
    compare(&mut world, vec![item(Direction::Out, 5, 70_000, START.0 + HOUR)], None);
    let now = world.now;
    world.engine().obey(now, Order::Unlock).unwrap();
    assert!(super::world::bills(&world.consume(SLICE_MWH)).is_empty());
    assert!(world.notices()[0].contains("71 sat of 100 sat per day"), "{:?}", world.notices());
    assert!(!super::world::bills(&world.live(25 * HOUR)).is_empty(), "a day later there is room again");
}

#[test]
fn more_than_expected_is_booked_without_a_lock_and_so_is_what_channels_do() {
    for (rules, balance) in
        [(another_wallet(), 1_500_000), (Rules { balance_moves_only_by_payments: false, ..another_wallet() }, 500_000)]
    {
        let mut world = World::new(rules);
        compare(&mut world, Vec::new(), Some(1_000_000));
        for _ in 0..2 {
            world.live(HOUR);
            compare(&mut world, Vec::new(), Some(balance));
        }
        assert_eq!(lock(&mut world), "");
        assert_eq!(world.account(LNBITS), i64::try_from(balance).unwrap());
        assert_ne!(world.account(Posting::SUSPENSE), 0);
    }
}

#[test]
fn a_wallet_that_names_no_fee_does_not_drift_into_a_lock() {
    let mut world = World::new(Rules { compare_first: false, ..another_wallet() });
    compare(&mut world, Vec::new(), Some(10_000_000));
    let mut held = 10_000_000;
    for _ in 0..120 {
        let made = world.send_slice();
        world.outcome(made.hash, super::super::PayOutcome::Paid { preimage: made.preimage, fee: None });
        held -= SLICE.0 + 300;
        world.live(HOUR);
        compare(&mut world, Vec::new(), Some(held));
    }
    assert_eq!((lock(&mut world).as_str(), world.account(Posting::SUSPENSE)), ("", 0));
    assert_eq!(world.account(LNBITS), i64::try_from(held).unwrap());
    assert_eq!(world.account(Posting::FEES), 120 * 300, "the fees are what was really taken");
}

#[test]
fn roundings_are_booked_but_no_more_of_them_in_a_day_than_one_comparison_forgives() {
    let mut world = World::new(another_wallet());
    compare(&mut world, Vec::new(), Some(10_000_000));
    for hour in 1..=24 {
        world.live(HOUR);
        compare(&mut world, Vec::new(), Some(10_000_000 - hour * 60_000));
    }
    assert!(lock(&mut world).contains("are missing"), "60 sat an hour are no rounding");
    assert!(world.account(Posting::ROUNDING) <= 2 * 100_000, "{}", world.account(Posting::ROUNDING));
}

#[test]
fn an_impossible_amount_is_not_booked_and_stops_nothing() {
    for (listed, balance) in [
        (vec![item(Direction::Out, 5, u64::MAX, START.0)], Some(1_000_000)),
        (vec![item(Direction::Out, 5, i64::MAX as u64 - 2_000, START.0)], None),
        (Vec::new(), Some(u64::MAX)),
    ] {
        let mut world = World::new(another_wallet());
        compare(&mut world, listed, balance);
        assert_eq!((world.account(LNBITS), world.account(Posting::SUSPENSE), lock(&mut world)), (0, 0, String::new()));
        assert!(world.snapshot().wallet.fault.is_some_and(|fault| fault.contains("no house has")));
        assert!(world.snapshot().wallet.waits);
    }
}
