//! A hub with savings, an LSP, and blocks that come: what stories about moves and channels happen in.

use std::path::Path;
use std::time::Duration;

use kilosat::control::TreasuryQuestion;
use kilosat::demo::town::Town;
use kilosat::engine::Order;
use kilosat::status::{MoveView, Status};
use ldk_node::lightning_invoice::{Bolt11InvoiceDescription, Description};
use sim::wait;
use tokio::task::JoinSet;

use super::stories::{COIN_SAT, with_a_coin};
use super::{Chain, Saver};

/// A hub with savings and an LSP that it knows, and everyone around.
pub struct World {
    pub chain: Chain,
    pub town: Town,
    pub saver: Saver,
    _tasks: JoinSet<()>,
}

impl World {
    pub async fn start(folder: &Path, refill: &str) -> World {
        let (chain, mut tasks) = (Chain::start().await, JoinSet::new());
        let town = Town::open_with(true, folder, &chain.miner, &mut tasks, &|_| {}).await.unwrap();
        let settings = format!(
            "wallet = \"segwit\"\n[lightning.node]\nlsp = {:?}\n[refill]\ninterval_hours = 0\n{refill}",
            town.lsp.peer()
        );
        let saver = with_a_coin(&chain, folder, &settings).await;
        World { chain, town, saver, _tasks: tasks }
    }

    /// Blocks come, and everybody sees them, until the state fits.
    pub async fn until(&mut self, what: &str, fits: impl Fn(&Status) -> bool) -> Status {
        for _ in 0..TRIES {
            let status = self.saver.hub.status().await;
            if fits(&status) {
                return status;
            }
            self.beat().await;
        }
        let moves = self.moves().await;
        panic!("waited in vain until {what}: {moves:#?}\n{}", self.saver.hub.log());
    }

    /// A block comes, and everybody sees it.
    pub async fn beat(&mut self) {
        self.chain.mine(1).await;
        // Who is gone sees nothing.
        let _ = self.town.sync().await;
        let _ = self.saver.ask(TreasuryQuestion::Show(true)).await;
        wait::let_pass(Duration::from_millis(300)).await;
    }

    pub async fn moves(&mut self) -> Vec<MoveView> {
        self.saver.moves().await
    }

    pub async fn order(&mut self, order: Order) -> String {
        self.saver.order(order).await
    }

    /// The move that Kilosat asks about.
    pub async fn asked(&mut self) -> MoveView {
        let is_asked = |status: &Status| status.open_move.as_ref().is_some_and(MoveView::is_asked);
        self.until("it asks", is_asked).await.open_move.unwrap()
    }

    /// The open move ends; it comes back with all its parts.
    pub async fn ended(&mut self, number: i64) -> MoveView {
        let has_ended = |status: &Status| status.open_move.as_ref().is_none_or(|open| open.number != number);
        self.until("it ends", has_ended).await;
        self.moves().await.into_iter().find(|known| known.number == number).unwrap()
    }

    /// The plug is pulled whenever the next move is at a place where it was not before; it comes back with all its parts.
    pub async fn cut_at_every_step(mut self, kind: &str) -> (World, MoveView) {
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
    pub async fn adds_up(&mut self, paid_sat: u64) {
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
    pub fn set_marks(&self, low: u64, high: u64) {
        self.rewrite(&["low_sat", "high_sat"], &format!("low_sat = {low}\nhigh_sat = {high}\n"));
    }

    /// The owner wants no moves any more.
    pub fn remove_marks(&self) {
        self.rewrite(&["[refill]", "interval_hours", "low_sat", "high_sat"], "");
    }

    /// Takes lines of the configuration away, and adds some at its end.
    fn rewrite(&self, without: &[&str], added: &str) {
        let text = std::fs::read_to_string(&self.saver.config).unwrap();
        let kept = text.lines().filter(|line| !without.iter().any(|gone| line.starts_with(gone)));
        let text = kept.fold(String::new(), |text, line| text + line + "\n") + added;
        std::fs::write(&self.saver.config, text).unwrap();
    }

    pub fn invoice(&self, sat: u64) -> String {
        let text = Bolt11InvoiceDescription::Direct(Description::new("a kilowatt-hour".to_owned()).unwrap());
        self.town.utility.ldk().bolt11_payment().receive(sat * 1_000, &text, 3_600).unwrap().to_string()
    }
}

const TRIES: u32 = 200;
