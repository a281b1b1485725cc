//! Money between savings and the built-in node: an owner's yes, an LSP that is gone, power cuts at every step, and totals
//! that agree to the satoshi each time.

use std::path::Path;
use std::time::Duration;

use kilosat::control::{TreasuryAnswer, TreasuryQuestion, give_order, socket_path};
use kilosat::demo::town::Town;
use kilosat::engine::Order;
use kilosat::status::{MoveView, Status};
use ldk_node::lightning_invoice::{Bolt11InvoiceDescription, Description};
use sim::wait;
use tokio::task::JoinSet;

use super::stories::{COIN_SAT, with_a_coin};
use super::{Chain, Saver};

/// A hub with savings and an LSP that it knows, and everyone around.
struct World {
    chain: Chain,
    town: Town,
    saver: Saver,
    _tasks: JoinSet<()>,
}

impl World {
    async fn start(folder: &Path, refill: &str) -> World {
        let (chain, mut tasks) = (Chain::start().await, JoinSet::new());
        let town = Town::open(folder, &chain.miner, &mut tasks, &|_| {}).await.unwrap();
        let settings = format!(
            "wallet = \"segwit\"\n[lightning.node]\nlsp = {:?}\n[refill]\ninterval_hours = 0\n{refill}",
            town.lsp.peer()
        );
        let saver = with_a_coin(&chain, folder, &settings).await;
        World { chain, town, saver, _tasks: tasks }
    }

    /// Blocks come, and everybody sees them, until the state fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&Status) -> bool) -> Status {
        for _ in 0..TRIES {
            let status = self.saver.hub.status().await;
            if fits(&status) {
                return status;
            }
            self.chain.mine(1).await;
            // Who is gone sees nothing.
            let _ = self.town.sync().await;
            let _ = self.saver.ask(TreasuryQuestion::Show(true)).await;
            wait::let_pass(Duration::from_millis(300)).await;
        }
        let moves = self.moves().await;
        panic!("waited in vain until {what}: {moves:#?}\n{}", self.saver.hub.log());
    }

    async fn moves(&mut self) -> Vec<MoveView> {
        match self.saver.ask(TreasuryQuestion::Moves).await.unwrap() {
            TreasuryAnswer::Moves(_, moves) => moves,
            other => panic!("{other:?}"),
        }
    }

    async fn order(&mut self, order: Order) -> String {
        let socket = socket_path(self.saver.state());
        give_order(&socket, order).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The move that Kilosat asks about.
    async fn asked(&mut self) -> MoveView {
        let is_asked = |status: &Status| status.open_move.as_ref().is_some_and(MoveView::is_asked);
        self.until("it asks", is_asked).await.open_move.unwrap()
    }

    /// The open move ends; it comes back with all its parts.
    async fn ended(&mut self, number: i64) -> MoveView {
        let has_ended = |status: &Status| status.open_move.as_ref().is_none_or(|open| open.number != number);
        self.until("it ends", has_ended).await;
        self.moves().await.into_iter().find(|known| known.number == number).unwrap()
    }

    /// The plug is pulled whenever the next move is at a place where it was not before; it comes back with all its parts.
    async fn cut_at_every_step(mut self, kind: &str) -> (World, MoveView) {
        let before = self.moves().await.len();
        let mut seen = Vec::new();
        for beat in 0..TRIES * 4 {
            let moves = self.moves().await;
            let newest = moves.first().filter(|newest| moves.len() > before && newest.kind == kind);
            let Some(newest) = newest else {
                wait::let_pass(Duration::from_millis(100)).await;
                continue;
            };
            if newest.has_ended() {
                assert!(seen.len() >= 2, "{seen:?}");
                let ended = newest.clone();
                return (self, ended);
            }
            let place = (newest.state.clone(), newest.parts.len());
            if !seen.contains(&place) {
                // Somewhere within the step, too.
                wait::let_pass(Duration::from_millis(u64::try_from(seen.len()).unwrap() * 90 % 400)).await;
                seen.push(place);
                self.saver = self.saver.lose_power();
            }
            if beat % 4 == 0 {
                self.chain.mine(1).await;
                self.town.sync().await.unwrap();
                let _ = self.saver.ask(TreasuryQuestion::Show(true)).await;
            }
            wait::let_pass(Duration::from_millis(100)).await;
        }
        panic!("it does not end: {:#?}\n{}", self.moves().await, self.saver.hub.log());
    }

    /// What there was is in the savings, in the node, or was paid, to the satoshi; and the ledger says the same.
    async fn adds_up(&mut self, paid_sat: u64) {
        let cost_sat: u64 = self.moves().await.iter().map(|known| known.cost_sat).sum();
        let (savings, _) = self.saver.look().await;
        let agrees = |status: &Status| {
            let node_msat = status.lightning.balance_msat;
            i64::try_from(node_msat).is_ok_and(|msat| msat == status.ledger.ledger_msat)
        };
        let status = self.saver.hub.until("node and ledger agree", agrees).await;
        let node_sat = status.lightning.balance_msat / 1_000;
        assert_eq!(savings.spendable_sat + node_sat + cost_sat + paid_sat, COIN_SAT, "{:#?}", self.moves().await);
        assert_eq!(status.lock, None);
        let statement = self.saver.kilosat(&["statement"]).unwrap();
        assert!(statement.contains("From the savings, less what went there"), "{statement}");
    }

    /// The owner changes the marks by hand.
    fn set_marks(&self, low: u64, high: u64) {
        let text = std::fs::read_to_string(&self.saver.config).unwrap();
        let kept = text.lines().filter(|line| !line.starts_with("low_sat") && !line.starts_with("high_sat"));
        let text = kept
            .chain([format!("low_sat = {low}").as_str(), format!("high_sat = {high}").as_str()])
            .fold(String::new(), |text, line| text + line + "\n");
        std::fs::write(&self.saver.config, text).unwrap();
    }

    fn invoice(&self, sat: u64) -> String {
        let text = Bolt11InvoiceDescription::Direct(Description::new("a kilowatt-hour".to_owned()).unwrap());
        self.town.utility.ldk().bolt11_payment().receive(sat * 1_000, &text, 3_600).unwrap().to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_is_filled_up_from_the_savings_pays_at_once_and_is_swept_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path(), "low_sat = 50000\nhigh_sat = 350000").await;
    let asked = world.asked().await;
    assert_eq!((asked.kind.as_str(), asked.amount_sat), ("refill", 200_000));
    assert!((500..20_000).contains(&asked.cost_max_sat), "{asked:?}");
    let shown = world.saver.kilosat(&["treasury", "moves"]).unwrap();
    assert!(shown.contains("200000 sat from the savings into spending money; it costs at most"), "{shown}");
    world.order(Order::AgreeToMove(asked.number)).await;
    let done = world.ended(asked.number).await;
    assert_eq!(done.state, "done", "{done:#?}\n{}", world.saver.hub.log());
    assert!(done.cost_sat > 0 && done.cost_sat <= done.cost_max_sat, "{done:#?}");
    world.adds_up(0).await;

    let invoice = world.invoice(3_000);
    let is_usable = |status: &Status| status.lightning.spendable_msat > 150_000_000;
    world.until("the channel works", is_usable).await;
    let paid = world.saver.kilosat(&["pay", &invoice, "--yes"]).unwrap();
    assert!(paid.contains("3000 sat are on their way"), "{paid}");
    world.until("it is paid", |status| status.totals.payments_settled == 1).await;

    world.set_marks(20_000, 100_000);
    let asked = world.asked().await;
    assert_eq!(asked.kind, "sweep");
    world.order(Order::AgreeToMove(asked.number)).await;
    let done = world.ended(asked.number).await;
    assert_eq!(done.state, "done", "{done:#?}\n{}", world.saver.hub.log());
    let fees = world.saver.hub.status().await.totals.fees_msat;
    assert_eq!(fees % 1_000, 0, "{fees}");
    world.adds_up(3_000 + fees / 1_000).await;

    // There is a channel now, so no second one is opened.
    world.set_marks(150_000, 350_000);
    let asked = world.asked().await;
    assert_eq!(asked.kind, "refill");
    world.order(Order::AgreeToMove(asked.number)).await;
    let done = world.ended(asked.number).await;
    assert_eq!(done.state, "done", "{done:#?}\n{}", world.saver.hub.log());
    assert!(done.cost_sat <= done.cost_max_sat, "{done:#?}");
    world.adds_up(3_000 + fees / 1_000).await;
    let is_met = |status: &Status| status.lightning.spendable_msat > 150_000_000;
    let status = world.until("it can be spent", is_met).await;
    assert_eq!(status.lightning.channels, Some(1));
    world.town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_whatever_the_power_cuts_a_move_ends_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path(), "ask = false\nlow_sat = 50000\nhigh_sat = 350000").await;
    let (mut world, refill) = world.cut_at_every_step("refill").await;
    assert_eq!(refill.state, "done", "{refill:#?}\n{}", world.saver.hub.log());
    world.adds_up(0).await;
    world.until("the channel works", |status| status.lightning.spendable_msat > 150_000_000).await;
    world.set_marks(20_000, 100_000);
    let (mut world, sweep) = world.cut_at_every_step("sweep").await;
    assert!(sweep.state == "done" || sweep.state == "undone", "{sweep:#?}");
    // One that a cut called off is made anew; the marks are met in the end.
    let is_met = |status: &Status| {
        status.open_move.is_none() && (20_000_000..=100_000_000).contains(&status.lightning.spendable_msat)
    };
    world.until("the marks are met", is_met).await;
    world.adds_up(0).await;
    world.set_marks(150_000, 350_000);
    let (mut world, topped) = world.cut_at_every_step("refill").await;
    assert_eq!(topped.state, "done", "{topped:#?}\n{}", world.saver.hub.log());
    world.adds_up(0).await;
    world.town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_when_the_provider_is_gone_the_money_waits_and_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path(), "low_sat = 50000\nhigh_sat = 350000").await;
    let asked = world.asked().await;
    let lsp = std::sync::Arc::clone(world.town.lsp.ldk());
    tokio::task::spawn_blocking(move || lsp.stop()).await.unwrap().unwrap();
    world.order(Order::AgreeToMove(asked.number)).await;
    let is_stuck = |status: &Status| status.open_move.as_ref().is_some_and(|open| open.fault.is_some());
    let stuck = world.until("it says why it does not go on", is_stuck).await.open_move.unwrap();
    assert_eq!(stuck.state, "opening", "{stuck:#?}");
    assert!(stuck.fault.as_ref().unwrap().contains("it is tried again"), "{stuck:#?}");
    world.adds_up(0).await;
    let said = world.order(Order::UndoMove(asked.number)).await;
    assert!(said.contains("goes back to the savings"), "{said}");
    let undone = world.ended(asked.number).await;
    assert_eq!(undone.state, "undone", "{undone:#?}");
    world.adds_up(0).await;
    let status = world.saver.hub.status().await;
    assert_eq!(status.lightning.balance_msat, 0, "all of it went back");
    world.town.close().await;
}

const TRIES: u32 = 200;
