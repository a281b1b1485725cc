//! What moves between savings and spending money, as its page shows and orders it.

use askama::Template as _;

use super::super::channels::ChannelsPage;
use super::super::{Frame, Words};
use super::savings::open_savings;
use super::served::{EXAMPLE, PASSWORD, Served, body, house_in};
use super::{shows, text_of};
use crate::engine::{Comparison, Event, MoveStep};
use crate::language::Language;
use crate::lightning::LightningService;
use crate::status::{ChannelView, ChannelsView, ClosingView, StatusSource};
use crate::store::{MoveKind, NewMove};

/// The wallet was compared; a move was made, one was refused, and one is asked about.
pub(super) async fn make_moves(source: &StatusSource) {
    let mark = source.engine.mark().await.unwrap();
    let compared = Comparison { mark, node_id: None, listed: Some(Vec::new()), balance: None };
    source.engine.submit(Event::Compared(compared)).await.unwrap();
    let wallet = source.treasury.as_ref().unwrap().view().id;
    let plan = |kind, amount_sat, deposit_sat| NewMove {
        kind,
        wallet: wallet.clone(),
        amount_sat,
        deposit_sat,
        aside_sat: 25_000,
        cost_max_sat: 3_156,
        address: None,
    };
    let begin = async |new: NewMove| source.engine.work(move |engine, now| engine.plan_move(now, &new)).await.unwrap();
    let order = async |order| source.engine.obey(order).await.unwrap();
    let went = async |number, step: MoveStep| {
        let goes = source.engine.work(move |engine, now| engine.go_on_with_move(now, number, &step)).await.unwrap();
        assert!(goes);
    };
    begin(plan(MoveKind::Refill, 200_000, 0)).await.unwrap();
    order(crate::engine::Order::AgreeToMove(1)).await;
    went(1, MoveStep::AtNode { channels: Vec::new(), came_sat: 0 }).await;
    let txid = "5e1f2a4b6c8d0e1f2a4b6c8d0e1f2a4b6c8d0e1f2a4b6c8d0e1f2a4b6c8d0e1f".parse().unwrap();
    went(1, MoveStep::NotTopped { channels: Vec::new() }).await;
    went(1, MoveStep::Opened { channel: "1".to_owned(), txid, fee_sat: 612 }).await;
    went(1, MoveStep::Ready).await;
    begin(plan(MoveKind::Sweep, 57_000, 0)).await.unwrap();
    order(crate::engine::Order::UndoMove(2)).await;
    begin(plan(MoveKind::Refill, 187_655, 215_811)).await.unwrap();
}

/// The example's house with savings and these marks.
pub(super) async fn marked(low: u64, high: u64) -> (StatusSource, tempfile::TempDir) {
    marked_with(low, high, "service = \"node\"").await
}

/// The same with this under `[lightning]`, and what follows it there.
async fn marked_with(low: u64, high: u64, lightning: &str) -> (StatusSource, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let state = format!("state_directory = {:?}", folder.path());
    let text = EXAMPLE
        .replace("state_directory = \"/var/lib/kilosat\"", &state)
        .replace("\nservice = \"node\"", &format!("\n{lightning}"))
        .replace("\nwallet = \"none\"", "\nwallet = \"segwit\"")
        .replace("\nlow_sat = 0", &format!("\nlow_sat = {low}"))
        .replace("\nhigh_sat = 0", &format!("\nhigh_sat = {high}"));
    crate::disk::replace(&folder.path().join("kilosat.toml"), text.as_bytes()).unwrap();
    let mut house = house_in(folder, LightningService::Absent);
    open_savings(&mut house.0).await;
    house
}

async fn read(served: &Served, path: &str) -> String {
    let (status, page) = served.get(path).await;
    assert_eq!(status, 200, "{page}");
    text_of(body(&page))
}

#[tokio::test]
async fn a_move_is_shown_with_its_cost_agreed_to_or_called_off() {
    let house = marked(50_000, 350_000).await;
    make_moves(&house.0).await;
    let served = Served::house(house).await;
    shows(&read(&served, "/").await, &["May 187 655 sat be moved between savings and spending money?"]);
    let page = read(&served, "/wallet/moves").await;
    let said = [
        "187 655 sat",
        "from the savings into spending money",
        "You are asked before it begins.",
        "Costs at most 3 156 sat",
        "Kept aside in the node 25 000 sat",
        "Yes, move 187 655 sat",
        "from spending money into the savings",
        "Called off",
        "Channel made; fee 612 sat",
        "Done; cost in all 612 sat",
    ];
    shows(&page, &said);
    for (form, status) in [("number=3&answer=perhaps", 400), ("number=99&answer=yes", 409), ("number=1&answer=no", 409)]
    {
        let (answered, page) = served.send("/wallet/moves/answer", form).await;
        assert_eq!(answered, status, "{form}: {page}");
    }
    let (status, _) = served.send("/wallet/moves/answer", "number=3&answer=yes").await;
    assert_eq!(status, 303);
    shows(&read(&served, "/wallet/moves").await, &["It begins.", "Take it back"]);
    let (status, _) = served.send("/wallet/moves/answer", "number=3&answer=no").await;
    assert_eq!(status, 303);
    let page = read(&served, "/wallet/moves").await;
    assert!(!page.contains("Take it back") && page.contains("You said no"), "{page}");
}

#[tokio::test]
async fn marks_are_set_with_the_password_and_must_be_apart() {
    let house = marked(0, 0).await;
    let source = house.0.clone();
    let served = Served::house(house).await;
    let page = read(&served, "/wallet/moves").await;
    shows(&page, &["Nothing was moved yet.", "Spending money is brought to the middle"]);
    for (form, says) in [
        ("low=100000&high=120000&ask=on&sweep=savings", "too near to low_sat"),
        ("low=lots&high=120000&ask=on&sweep=savings", "Low mark, in sat"),
        ("low=1.5&high=120000&ask=on&sweep=savings", "Low mark, in sat"),
        ("low=0&high=120000&ask=on&sweep=address&address=somewhere", "write \"savings\""),
        (
            "low=0&high=120000&ask=on&sweep=address&address=tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
            "address of another network",
        ),
    ] {
        let (status, page) = served.send("/wallet/moves/marks", form).await;
        assert!(status == 422 && text_of(body(&page)).contains(says), "{form}: {page}");
    }
    let (status, answer) = served.send("/wallet/moves/marks", "low=50+000&high=350000&sweep=nowhere").await;
    let change = super::changes::location(&answer);
    assert!(status == 303 && change.starts_with("/change/"), "{answer}");
    let said =
        ["+ low_sat = 50_000", "+ high_sat = 350_000", "+ ask = false", "+ sweep_to = \"nowhere\"", "your password"];
    shows(&read(&served, &change).await, &said);
    let (status, _) = served.send(&change, &format!("password={PASSWORD}")).await;
    assert_eq!(status, 303);
    let rule = source.config().refill.clone().unwrap();
    assert_eq!((rule.low_sat, rule.high_sat, rule.asks), (50_000, 350_000, false));
}

/// The example's house with savings, whose wallet is LND.
pub(super) async fn filled_over_the_chain() -> (StatusSource, tempfile::TempDir) {
    let lnd =
        "service = \"lnd\"\n[lightning.lnd]\nurl = \"https://192.168.1.10:8080\"\nsecret_file = \"/etc/kilosat/lnd\"";
    marked_with(50_000, 350_000, lnd).await
}

#[tokio::test]
async fn a_node_outside_is_filled_once_it_is_said_whom_it_opens_a_channel_to() {
    let house = filled_over_the_chain().await;
    let source = house.0.clone();
    let served = Served::house(house).await;
    let page = read(&served, "/wallet/moves").await;
    shows(&page, &["Whom a new channel is opened to", "Nothing is taken out again."]);
    assert!(!page.contains("Where what is too much goes"), "{page}");
    let form = |peer: &str| format!("low=50000&high=350000&ask=on&sweep=savings&address=&channel_to={peer}");
    let (status, page) = served.send("/wallet/moves/marks", &form("somebody")).await;
    assert!(status == 422 && text_of(body(&page)).contains("write the node as its public key"), "{page}");
    let known =
        EXAMPLE.lines().find_map(|line| line.strip_prefix("#channel_to = ")).unwrap().trim_matches('"').to_owned();
    for (peer, says) in [(known, "+ channel_to = "), (String::new(), "+ #channel_to = ")] {
        let (status, answer) = served.send("/wallet/moves/marks", &form(&peer)).await;
        let change = super::changes::location(&answer);
        assert!(status == 303 && change.starts_with("/change/"), "{answer}");
        shows(&read(&served, &change).await, &[says]);
        let (status, _) = served.send(&change, &format!("password={PASSWORD}")).await;
        assert_eq!(status, 303);
        let channel_to = source.config().refill.clone().unwrap().channel_to;
        assert_eq!(channel_to.map(|(key, address)| format!("{key}@{address}")).unwrap_or_default(), peer);
    }
    // A form without the field leaves it as it is.
    let (status, answer) = served.send("/wallet/moves/marks", "low=60000&high=350000&ask=on&sweep=savings").await;
    let change = super::changes::location(&answer);
    assert!(status == 303 && !read(&served, &change).await.contains("channel_to"), "{answer}");
}

#[tokio::test]
async fn channels_are_told_in_words_and_without_a_node_there_are_none() {
    let house = marked(0, 0).await;
    let frame =
        Frame::of(&house.0, Words::of(Language::English), "wallet").await.unwrap_or_else(|_| panic!("no frame"));
    let channel = |id: &str, state: &str, is_lsp| ChannelView {
        id: id.to_owned(),
        peer: "02".repeat(33),
        is_lsp,
        state: state.to_owned(),
        confirmations: 2,
        confirmations_needed: 6,
        spendable_sat: 123_456,
        receivable_sat: 54_321,
        value_sat: 200_000,
        txid: Some("5e".repeat(32)),
        cost_sat: 1_217,
        base_msat: is_lsp.then_some(1_000),
        ppm: is_lsp.then_some(2_500),
    };
    let view = ChannelsView {
        channels: vec![channel("1", "works", true), channel("2", "confirming", true), channel("3", "away", false)],
        closing: vec![
            ClosingView { sat: 70_001, blocks: Some(144), is_contested: true },
            ClosingView { sat: 70_002, blocks: None, is_contested: false },
        ],
        beside_sat: 90_003,
        free_sat: 65_003,
        reserved_sat: 25_000,
        cost_sat: 1_234,
    };
    let page = ChannelsPage { frame, t: Words::of(Language::English), view: Some(view.clone()), has_savings: true };
    let said = [
        "With your provider",
        "It works.",
        "The chain confirms it: 2 of 6 blocks.",
        "With another node",
        "closes nothing by itself",
        "Can be sent 123 456 sat",
        "in 144 blocks, about 24 h. Until then",
        "the other side can still take part of it",
        "once the chain has confirmed it",
        "Channels have cost so far 1 234 sat",
        "Has cost so far 1 217 sat",
        "passing payments on to you 1 sat and 0.25 % of each payment",
        "Bring 65 003 sat to your savings",
    ];
    shows(&text_of(&page.render().unwrap()), &said);
    assert!(view.as_text().contains("70001 sat, in 144 block(s)"), "{}", view.as_text());
    let served = Served::house(house).await;
    assert!(read(&served, "/wallet/channels").await.contains("Another wallet keeps its channels itself."));
    let (status, page) = served.send("/wallet/channels/close", "channel=1&password=wrong").await;
    assert!(status == 403 && text_of(body(&page)).contains("Nothing was changed"), "{page}");
    let (status, page) = served.send("/wallet/channels/close", &format!("channel=1&password={PASSWORD}")).await;
    assert!(status == 409 && text_of(body(&page)).contains("does not run"), "{page}");
    let (status, _) = served.send("/wallet/channels/back", "").await;
    assert_eq!(status, 409);
}
