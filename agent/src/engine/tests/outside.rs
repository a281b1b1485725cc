//! Moves to a node outside this process: what became of a deposit is booked once, and sums to zero.

use super::super::{MoveStep, Order, Rules, Verdict};
use super::moves::{marks, order, plan, refill, save, spend, state, txid, went};
use super::world::{DAY, HOUR, World, rules};
use crate::domain::money::Msat;
use crate::store::{MoveState, Posting};

/// A deposit of 101 000 sat is in a block at the node.
fn deposited() -> World {
    let mut world = World::new(Rules { refill: Some(marks(false)), service: "lnd-1".to_owned(), ..rules() });
    save(&mut world);
    plan(&mut world, &refill(100_000)).unwrap();
    let at_outside = MoveStep::AtOutside { coin: "coin 7".to_owned() };
    assert!(!went(&mut world, 1, at_outside.clone()), "nothing was paid yet");
    spend(&mut world, 1, 200, Some(1), None).unwrap();
    assert!(!went(&mut world, 1, MoveStep::Funded { txid: txid(2), fee_sat: 300 }), "it is not there yet");
    assert!(went(&mut world, 1, at_outside.clone()));
    assert_eq!(
        (world.account("wallet:lnd-1"), world.account(Posting::MOVING_AT_NODE)),
        (0, 0),
        "nothing can be spent yet"
    );
    world
}

/// What the wallet, fees of channels and the node's owner have, in satoshis; what is on the way is nothing.
fn ended(world: &mut World) -> (i64, i64, i64) {
    assert_eq!(state(world), None);
    let sat = |world: &mut World, account: &str| world.account(account) / 1_000;
    (sat(world, "wallet:lnd-1"), sat(world, Posting::CHANNELS), sat(world, Posting::MOVED_AWAY))
}

fn on_the_way(world: &mut World) -> i64 {
    world.account(Posting::MOVING_AT_SAVINGS) + world.account(Posting::MOVING_AT_NODE)
}

#[test]
fn what_a_deposit_became_is_booked_once_and_sums_to_zero() {
    let funded = || MoveStep::Funded { txid: txid(2), fee_sat: 300 };
    let works = |brought| MoveStep::Works { brought: Msat(brought) };

    let mut world = deposited();
    assert!(!went(&mut world, 1, works(1)), "no channel yet");
    assert!(went(&mut world, 1, funded()));
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Refused(_)), "the coin is spent");
    assert!(went(&mut world, 1, works(99_000_500)));
    assert!(!went(&mut world, 1, works(99_000_500)), "once");
    assert_eq!((ended(&mut world), on_the_way(&mut world)), ((99_000, 300, 1_699), 0), "rounded here only");
    let row = world.engine().moves(1).unwrap().remove(0).row;
    assert_eq!((row.state, row.cost_sat), (MoveState::Done, 500));

    // A node that tells of more than there was is believed as far as there was something.
    let mut world = deposited();
    assert!(went(&mut world, 1, funded()) && went(&mut world, 1, works(u64::MAX)));
    assert_eq!((ended(&mut world), on_the_way(&mut world)), ((100_700, 300, 0), 0));

    let mut world = deposited();
    assert!(went(&mut world, 1, funded()) && went(&mut world, 1, MoveStep::Astray("Elsewhere.".to_owned())));
    assert_eq!((ended(&mut world), on_the_way(&mut world)), ((0, 300, 100_700), 0));

    // Its owner wants it back; a channel may be quicker, or it comes.
    let mut world = deposited();
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Done(_)));
    assert_eq!(state(&mut world), Some(MoveState::Returning));
    assert!(went(&mut world, 1, MoveStep::SendingBack("bcrt1p".to_owned())));
    assert!(went(&mut world, 1, funded()), "the channel was quicker");
    assert_eq!(state(&mut world), Some(MoveState::Confirming));
    assert!(went(&mut world, 1, MoveStep::NotFunded));
    assert_eq!(state(&mut world), Some(MoveState::Returning), "its owner still wants it back");

    let mut world = deposited();
    order(&mut world, Order::UndoMove(1));
    assert!(went(&mut world, 1, MoveStep::SendingBack("bcrt1p".to_owned())));
    assert!(went(&mut world, 1, MoveStep::CameBack { txid: txid(3), amount_sat: 100_600, fee_sat: 400 }));
    // The savings' side of it is booked by the savings.
    assert_eq!((ended(&mut world), on_the_way(&mut world)), ((0, 400, 0), 100_600_000));

    // The node's owner added something of his own to it.
    let mut world = deposited();
    order(&mut world, Order::UndoMove(1));
    assert!(went(&mut world, 1, MoveStep::SendingBack("bcrt1p".to_owned())));
    assert!(went(&mut world, 1, MoveStep::CameBack { txid: txid(3), amount_sat: 150_000, fee_sat: 0 }));
    assert_eq!((ended(&mut world), on_the_way(&mut world)), ((0, 0, -49_000), 150_000_000));
}

#[test]
fn what_was_to_make_the_channel_may_change_or_vanish_and_what_does_not_come_back_is_let_go() {
    let mut world = deposited();
    assert!(went(&mut world, 1, MoveStep::Funded { txid: txid(2), fee_sat: 300 }));
    assert!(went(&mut world, 1, MoveStep::Funded { txid: txid(4), fee_sat: 700 }), "another one is in its place");
    let open = world.engine().open_move().unwrap().unwrap();
    assert_eq!((open.cost_sat, open.channel.clone()), (900, Some(txid(4).to_string())));
    assert!(open.stirs_the_node());
    assert!(went(&mut world, 1, MoveStep::NotFunded));
    let open = world.engine().open_move().unwrap().unwrap();
    assert_eq!((open.state, open.cost_sat, open.channel.clone()), (MoveState::Opening, 200, None));
    assert!(!open.stirs_the_node(), "a deposit is not in the balance");
    assert!(went(&mut world, 1, MoveStep::AtOutside { coin: "other 7".to_owned() }), "after a reorganisation");
    order(&mut world, Order::UndoMove(1));
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Done(_)));
    assert_eq!(state(&mut world), Some(MoveState::Returning), "a day is not over");
    world.wait(DAY + HOUR);
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Done(_)));
    assert_eq!((ended(&mut world), on_the_way(&mut world)), ((0, 0, 101_000), 0));
}
