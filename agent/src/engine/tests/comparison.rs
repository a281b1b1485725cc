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
    world.handle(Event::Compared(Comparison { mark, listed: Some(listed), balance: balance.map(Msat) }))
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
    assert_eq!(lock(&mut world), "", "a restart is not an hour");
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
    let old = Comparison { mark, listed: Some(Vec::new()), balance: Some(Msat(1)) };
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
    world.handle(Event::Compared(Comparison { mark, listed: None, balance: None }));
    let made = world.send_slice();
    world.paid(&made);
    assert_eq!(world.state(made.hash), State::Settled);
}
