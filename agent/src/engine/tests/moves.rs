//! Moves between savings and spending money: the owner's limits and word, halts, and steps that come at the wrong time.

use bitcoin::Txid;
use bitcoin::hashes::Hash as _;

use super::super::{Event, Keep, MoveStep, Opening, OpeningPrice, Order, Rules, Spend, Terms, Verdict};
use super::world::{DAY, HOUR, World, rules};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::domain::refill::{RefillRule, SweepTo};
use crate::store::{MadeHere, MoveKind, MoveState, NewMove, Posting};
use crate::treasury::SeenTx;

pub(super) fn marks(asks: bool) -> RefillRule {
    RefillRule {
        low_sat: 50_000,
        high_sat: 350_000,
        per_move_sat: 250_000,
        per_month_sat: 400_000,
        fee_share_max_percent: 10,
        interval_ms: 0,
        asks,
        sweep: SweepTo::Savings,
        channel_to: None,
    }
}

fn world(asks: bool) -> World {
    World::new(Rules { refill: Some(marks(asks)), ..rules() })
}

pub(super) fn refill(amount_sat: u64) -> NewMove {
    NewMove {
        kind: MoveKind::Refill,
        wallet: "w".to_owned(),
        amount_sat,
        deposit_sat: amount_sat + 1_000,
        aside_sat: 0,
        cost_max_sat: 1_500,
        address: None,
    }
}

pub(super) fn plan(world: &mut World, new: &NewMove) -> Result<(), String> {
    let now = world.now;
    world.engine().plan_move(now, new).unwrap()
}

pub(super) fn order(world: &mut World, order: Order) -> Verdict {
    let now = world.now;
    world.engine().obey(now, order).unwrap().0
}

pub(super) fn went(world: &mut World, number: i64, step: MoveStep) -> bool {
    let now = world.now;
    world.engine().go_on_with_move(now, number, &step).unwrap()
}

pub(super) fn txid(number: u8) -> Txid {
    Txid::from_byte_array([number; 32])
}

/// The savings pay for move `of_move`, or make what they paid faster.
pub(super) fn spend(
    world: &mut World,
    number: u8,
    fee_sat: u64,
    of_move: Option<i64>,
    replaces: Option<u8>,
) -> Result<(), String> {
    let now = world.now;
    let net_sat = -i64::try_from(101_000 + fee_sat).unwrap();
    let gone = replaces.map(|old| SeenTx { txid: txid(old), net_sat: 0, fee_sat: None, height: None, block_s: None });
    let seen = SeenTx { txid: txid(number), net_sat, fee_sat: Some(fee_sat), height: None, block_s: None };
    let keep = Keep {
        wallet: "w".to_owned(),
        seen: gone.into_iter().chain([seen]).collect(),
        total_sat: u64::try_from(1_000_000 + net_sat).unwrap(),
        ..Keep::default()
    };
    let made = MadeHere { raw: vec![1], address: "bcrt1q".to_owned(), label: None, replaces: replaces.map(txid) };
    let spend = Spend { txid: txid(number), made, amount_sat: 101_000, fee_sat, of_move };
    world.engine().spend(now, &keep, &spend).unwrap()
}

/// Savings of a million satoshis.
pub(super) fn save(world: &mut World) {
    let now = world.now;
    let seen = SeenTx { txid: txid(99), net_sat: 1_000_000, fee_sat: None, height: Some(1), block_s: None };
    let keep = Keep { wallet: "w".to_owned(), seen: vec![seen], total_sat: 1_000_000, ..Keep::default() };
    world.engine().keep(now, &keep).unwrap();
}

pub(super) fn state(world: &mut World) -> Option<MoveState> {
    world.engine().open_move().unwrap().map(|open| open.state)
}

#[test]
fn a_move_begins_within_the_limits_of_one_and_of_a_month_and_with_a_yes() {
    let mut world = world(true);
    let too_much = plan(&mut world, &refill(249_000)).unwrap_err();
    assert!(
        too_much.contains("This move could cost 250500 sat") && too_much.contains("Nothing was moved"),
        "{too_much}"
    );
    plan(&mut world, &refill(248_500)).unwrap();
    assert_eq!(state(&mut world), Some(MoveState::Asked));
    assert!(plan(&mut world, &refill(20_000)).unwrap_err().contains("has not ended"));
    let unpaid = spend(&mut world, 1, 200, Some(1), None).unwrap_err();
    assert!(unpaid.contains("Nothing was sent"), "{unpaid}");
    assert_eq!(order(&mut world, Order::AgreeToMove(1)), Verdict::Done("It begins.".to_owned()));
    assert!(matches!(order(&mut world, Order::AgreeToMove(1)), Verdict::Refused(_)), "agreed to once");
    assert_eq!(state(&mut world), Some(MoveState::Agreed));
    // The owner changes their mind: nothing of it counts against the month.
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Done(_)));
    assert_eq!(state(&mut world), None);
    plan(&mut world, &refill(248_500)).unwrap();
    order(&mut world, Order::AgreeToMove(2));
    save(&mut world);
    spend(&mut world, 1, 200, Some(2), None).unwrap();
    assert!(went(&mut world, 2, MoveStep::AtNode { channels: Vec::new(), came_sat: 249_500 }));
    assert!(went(&mut world, 2, MoveStep::NotTopped { channels: Vec::new() }));
    assert!(went(&mut world, 2, MoveStep::Opened { channel: "c".to_owned(), txid: txid(2), fee_sat: 300 }));
    assert!(went(&mut world, 2, MoveStep::Ready));
    let month = plan(&mut world, &refill(150_000)).unwrap_err();
    assert!(month.contains("249000 sat of 400000 sat"), "{month}");
    plan(&mut world, &refill(149_500)).unwrap();
    order(&mut world, Order::UndoMove(3));
    world.wait(31 * DAY);
    plan(&mut world, &refill(248_500)).unwrap();
}

#[test]
fn without_a_rule_and_while_payments_are_halted_nothing_begins_or_goes_on() {
    let mut none = World::new(rules());
    assert!(plan(&mut none, &refill(100_000)).is_err());
    let mut world = world(false);
    order(&mut world, Order::Stop);
    assert!(plan(&mut world, &refill(100_000)).unwrap_err().contains("stopped by you"));
    order(&mut world, Order::Resume);
    plan(&mut world, &refill(100_000)).unwrap();
    assert_eq!(state(&mut world), Some(MoveState::Agreed), "its owner wants no question");
    order(&mut world, Order::Stop);
    save(&mut world);
    let now = world.now;
    assert!(world.engine().move_may_go_on(now, 1).unwrap().unwrap_err().contains("stopped by you"));
    assert!(spend(&mut world, 1, 200, Some(1), None).unwrap_err().contains("stopped by you"));
    order(&mut world, Order::Resume);
    // Limits that were lowered meanwhile hold for what has not begun to move.
    world.rules = Rules { refill: Some(RefillRule { per_move_sat: 100_000, ..marks(false) }), ..rules() };
    world.adopt();
    assert!(world.engine().move_may_go_on(now, 1).unwrap().is_err());
    assert!(spend(&mut world, 1, 200, Some(1), None).is_err(), "nor does it leave");
    world.rules = Rules { refill: Some(marks(false)), ..rules() };
    world.adopt();
    assert_eq!(world.engine().move_may_go_on(now, 1).unwrap(), Ok(()));
}

#[test]
fn what_is_on_the_way_is_booked_and_a_faster_transaction_takes_the_place_of_the_first() {
    let mut world = world(false);
    save(&mut world);
    plan(&mut world, &refill(100_000)).unwrap();
    assert!(!went(&mut world, 1, MoveStep::AtNode { channels: Vec::new(), came_sat: 101_000 }), "nothing was paid yet");
    spend(&mut world, 1, 200, Some(1), None).unwrap();
    assert_eq!(world.account(Posting::MOVING_AT_SAVINGS), 101_000_000);
    assert!(spend(&mut world, 5, 200, Some(1), None).is_err(), "a move is paid once");
    world.wait(HOUR);
    spend(&mut world, 2, 900, None, Some(1)).unwrap();
    assert_eq!(world.account(Posting::MOVING_AT_SAVINGS), 101_000_000);
    assert_eq!(world.account(Posting::SAVINGS_FEES), 900_000);
    let open = world.engine().open_move().unwrap().unwrap();
    assert_eq!((open.txid, open.cost_sat, open.state), (Some(txid(2)), 900, MoveState::Paying));
    assert_eq!(open.cost_max_sat, 1_500 + 700, "the owner chose what it costs more");
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Refused(_)), "it is on its way");
    assert!(went(&mut world, 1, MoveStep::AtNode { channels: vec!["a".to_owned()], came_sat: 101_000 }));
    let sum = world.account(Posting::MOVING_AT_SAVINGS) + world.account(Posting::MOVING_AT_NODE);
    assert_eq!((sum, world.account("wallet:node")), (0, 101_000_000));
    // Into the channel that is there; the node's word about another one means nothing.
    assert!(went(&mut world, 1, MoveStep::Topping { channel: "a".to_owned(), before_sat: 500_000 }));
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Refused(_)), "the provider is being asked");
    world.handle(Event::Spliced { channel: "b".to_owned(), txid: txid(3) });
    assert_eq!(state(&mut world), Some(MoveState::Opening));
    world.handle(Event::SpliceFailed { channel: "a".to_owned() });
    let open = world.engine().open_move().unwrap().unwrap();
    assert_eq!((open.splices, open.channel, open.before), (false, None, None), "a new channel is opened");
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Done(_)));
    assert!(went(&mut world, 1, MoveStep::SendingBack("bcrt1p".to_owned())));
    assert!(went(&mut world, 1, MoveStep::SentBack { txid: txid(4), amount_sat: 100_800, fee_sat: 200 }));
    assert_eq!((state(&mut world), world.account("wallet:node")), (None, 0));
    let story = world.engine().moves(1).unwrap().remove(0);
    assert_eq!((story.row.state, story.row.cost_sat), (MoveState::Undone, 1_100));
    assert!(!went(&mut world, 1, MoveStep::Ready), "what has ended does not go on");
}

#[test]
fn what_closing_channels_cost_is_booked_once_their_money_is_back() {
    let mut world = world(false);
    let compare = |world: &mut World, sat: u64| {
        let now = world.now;
        let mark = world.engine().mark(now).unwrap();
        let balance = Some(crate::domain::money::Msat(sat * 1_000));
        world.handle(Event::Compared(super::super::Comparison {
            mark,
            node_id: None,
            listed: Some(Vec::new()),
            balance,
        }));
    };
    compare(&mut world, 200_000);
    world.handle(Event::ChannelClosed { channel: "c".to_owned(), why: "it was closed".to_owned(), had_money: true });
    for _ in 0..3 {
        world.wait(HOUR);
        compare(&mut world, 120_000);
    }
    assert_eq!((world.snapshot().lock, world.account("wallet:node")), (None, 200_000_000), "nothing is said meanwhile");
    let now = world.now;
    assert!(world.engine().has_closing_channels().unwrap());
    world.engine().note_channels_settled(now).unwrap();
    compare(&mut world, 199_300);
    assert_eq!((world.account(Posting::CHANNELS), world.account("wallet:node")), (700_000, 199_300_000));
    // What goes missing later is no closing cost.
    for _ in 0..2 {
        world.wait(HOUR);
        compare(&mut world, 150_000);
    }
    assert!(world.snapshot().lock.is_some());
}

#[test]
fn an_absent_provider_is_recorded_once_and_so_is_its_return() {
    let mut world = world(true);
    let now = world.now;
    for is_away in [false, true, true, false, false, true] {
        world.engine().note_provider(now, is_away).unwrap();
    }
    let events = events_of(&mut world, &["provider"]);
    assert_eq!(events, ["provider_away", "provider_back", "provider_away"]);
}

fn events_of(world: &mut World, kinds: &[&str]) -> Vec<String> {
    let entries = world.engine().journal_after(0, 100).unwrap();
    let events = entries.iter().filter_map(|entry| entry.entry.as_ref()?.get("event")?.as_str().map(str::to_owned));
    events.filter(|event| kinds.iter().any(|kind| event.starts_with(kind))).collect()
}

#[test]
fn other_terms_of_the_provider_are_recorded_once() {
    let mut world = world(true);
    let now = world.now;
    let terms = |ppm| Terms { base_msat: 1_000, ppm, blocks: 40 };
    for ppm in [10, 10, 20, 20, 10] {
        world.engine().note_terms(now, "a", terms(ppm)).unwrap();
    }
    world.engine().note_terms(now, "b", terms(99)).unwrap();
    let price = |amount_msat, fee_msat| OpeningPrice { amount_msat, fee_msat };
    // More for more, and less for less, says nothing.
    for price in [price(100, 10), price(200, 20), price(150, 12), price(150, 13), price(160, 12)] {
        world.engine().note_opening_price(now, "a", price).unwrap();
    }
    let told = events_of(&mut world, &["provider", "opening"]);
    assert_eq!(told, ["provider_terms", "provider_terms", "opening_dearer", "opening_cheaper"]);
}

#[test]
fn what_the_lsp_kept_is_the_cost_of_the_channel_that_it_opened() {
    let mut world = world(true);
    let opening = |channels: &[&str], fee| {
        Some(Opening { channels: channels.iter().map(|&channel| channel.to_owned()).collect(), fee: Msat(fee) })
    };
    for (hash, channels, fee) in
        [(1, &["1"][..], 2_500), (1, &["1"], 2_500), (2, &["2", "1"], 7_000), (3, &["3", "4", "1"], 9_000)]
    {
        let opening = opening(channels, fee);
        world.handle(Event::Received { hash: PaymentHash([hash; 32]), amount: Msat(50_000), opening });
    }
    let other = ["1".to_owned(), "2".to_owned(), "3".to_owned()];
    assert_eq!(
        world.engine().channel_costs_sat(&other).unwrap(),
        [3, 7, 0],
        "rounded up, each once, and never guessed"
    );
}

#[test]
fn what_nobody_answers_can_be_called_off_and_what_has_left_cannot() {
    let mut world = world(false);
    save(&mut world);
    let (now, back) = (world.now, NewMove { kind: MoveKind::Sweep, deposit_sat: 0, ..refill(65_000) });
    world.engine().begin_return(now, &back).unwrap().unwrap();
    assert!(world.engine().begin_return(now, &back).unwrap().is_err(), "one at a time");
    assert!(matches!(order(&mut world, Order::UndoMove(1)), Verdict::Done(_)), "nothing was sent yet");
    assert_eq!(state(&mut world), None);
    world.engine().begin_return(now, &back).unwrap().unwrap();
    assert!(went(&mut world, 2, MoveStep::SendingBack("bcrt1p".to_owned())));
    order(&mut world, Order::UndoMove(2));
    assert_eq!(state(&mut world), Some(MoveState::Returning));
    assert!(went(&mut world, 2, MoveStep::SentBack { txid: txid(4), amount_sat: 64_800, fee_sat: 200 }));
    let ended = world.engine().moves(1).unwrap().remove(0).row;
    assert_eq!((ended.state, ended.cost_sat), (MoveState::Done, 200));

    plan(&mut world, &NewMove { deposit_sat: 0, ..refill(100_000) }).unwrap();
    assert!(went(&mut world, 3, MoveStep::AtNode { channels: Vec::new(), came_sat: 0 }));
    assert!(went(&mut world, 3, MoveStep::Topping { channel: "a".to_owned(), before_sat: 500_000 }));
    assert!(matches!(order(&mut world, Order::UndoMove(3)), Verdict::Refused(_)));
    world.wait(DAY + HOUR);
    assert!(matches!(order(&mut world, Order::UndoMove(3)), Verdict::Done(_)), "a day without an answer");
}

#[test]
fn a_channel_that_the_provider_refused_is_none_that_closed() {
    let mut world = world(false);
    plan(&mut world, &NewMove { deposit_sat: 0, ..refill(100_000) }).unwrap();
    assert!(went(&mut world, 1, MoveStep::AtNode { channels: Vec::new(), came_sat: 0 }));
    assert!(went(&mut world, 1, MoveStep::NotTopped { channels: Vec::new() }));
    world.handle(Event::ChannelClosed { channel: "c".to_owned(), why: "too small".to_owned(), had_money: false });
    assert!(!world.engine().has_closing_channels().unwrap());
    let open = world.engine().open_move().unwrap().unwrap();
    assert!(open.fault.is_some_and(|fault| fault.contains("did not take the channel") && fault.contains("too small")));
}
