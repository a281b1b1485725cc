//! Money between savings and a node outside this process, over the chain: LND and Core Lightning as their documents describe
//! them, on a real Bitcoin Core.

use std::path::Path;
use std::time::Duration;

use kilosat::control::TreasuryQuestion;
use kilosat::engine::Order;
use kilosat::status::{MoveView, Status};
use lightning_invoice::Currency;
use sim::wait;
use sim::wallets::cln::{ClnNode, FILL_RUNE};
use sim::wallets::lnd::{FILLER, Lnd};
use sim::wallets::onchain::OnChain;
use sim::wallets::{Fault, Faults, Ledger};

use super::stories::{COIN_SAT, with_a_coin};
use super::{Chain, Saver};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Lnd,
    Cln,
}

/// A hub with savings, and the node that pays for it.
struct House {
    chain: Chain,
    saver: Saver,
    ledger: Ledger,
    node: OnChain,
    faults: Faults,
    paid_sat: u64,
}

impl House {
    async fn start(kind: Kind, folder: &Path, refill: &str) -> House {
        let (chain, ledger) = (Chain::start().await, Ledger::new(Currency::Regtest, 0, 0));
        let node = OnChain::start(&chain.bitcoind, ledger.clone()).await;
        let (faults, name, url, secret) = match kind {
            Kind::Lnd => {
                let faults = Faults::default();
                let url = Lnd::on_chain(ledger.clone(), node.clone()).serve(&faults).await;
                (faults, "lnd", url, FILLER)
            }
            Kind::Cln => {
                let cln = ClnNode::on_chain(ledger.clone(), node.clone()).await;
                (cln.faults.clone(), "cln", cln.url, FILL_RUNE)
            }
        };
        let secret_file = folder.join("secret");
        std::fs::write(&secret_file, secret).unwrap();
        std::fs::set_permissions(&secret_file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let settings = format!(
            "wallet = \"segwit\"\n[lightning]\nservice = {name:?}\n[lightning.{name}]\nurl = {url:?}\n\
             secret_file = {secret_file:?}\n[refill]\ninterval_hours = 0\nlow_sat = 50000\nhigh_sat = 350000\n{refill}"
        );
        let saver = with_a_coin(&chain, folder, &settings).await;
        House { chain, saver, ledger, node, faults, paid_sat: 0 }
    }

    async fn beat(&mut self) {
        self.chain.mine(1).await;
        let _ = self.saver.ask(TreasuryQuestion::Show(true)).await;
        wait::let_pass(Duration::from_millis(300)).await;
    }

    async fn until(&mut self, what: &str, fits: impl Fn(&Status) -> bool) -> Status {
        for _ in 0..TRIES {
            let status = self.saver.hub.status().await;
            if fits(&status) {
                return status;
            }
            self.beat().await;
        }
        panic!("waited in vain until {what}: {:#?}\n{}", self.saver.moves().await, self.saver.hub.log());
    }

    async fn asked(&mut self) -> MoveView {
        let is_asked = |status: &Status| status.open_move.as_ref().is_some_and(MoveView::is_asked);
        self.until("it asks", is_asked).await.open_move.unwrap()
    }

    async fn ended(&mut self, number: i64) -> MoveView {
        let has_ended = |status: &Status| status.open_move.as_ref().is_none_or(|open| open.number != number);
        self.until("it ends", has_ended).await;
        self.saver.moves().await.into_iter().find(|known| known.number == number).unwrap()
    }

    /// What there was is in the savings, in the channels, at the node beside them, was paid or was a fee; to the satoshi.
    async fn adds_up(&mut self) {
        let cost_sat: u64 = self.saver.moves().await.iter().map(|known| known.cost_sat).sum();
        let (savings, _) = self.saver.look().await;
        let channels = self.node.channels().await;
        let (in_channels, local): (u64, u64) =
            channels.iter().fold((0, 0), |sum, channel| (sum.0 + channel.sat, sum.1 + channel.local_sat));
        let beside: u64 = self.node.coins().await.iter().map(|(_, value)| value.to_sat()).sum();
        let moves = self.saver.moves().await;
        assert_eq!(savings.spendable_sat + in_channels + beside + cost_sat, COIN_SAT, "{moves:#?}");
        assert_eq!(self.ledger.balance_msat() / 1_000, local - self.paid_sat);
        // The wallet is asked about every hour; what the ledger has is what it would say.
        let status = self.saver.hub.status().await;
        let booked = i64::try_from(self.ledger.balance_msat()).unwrap();
        assert_eq!((status.ledger.ledger_msat, status.lock), (booked, None), "{moves:#?}\n{}", self.saver.hub.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_outside_is_filled_up_from_the_savings_and_pays() {
    for kind in [Kind::Lnd, Kind::Cln] {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::start(kind, folder.path(), &peer()).await;
        let asked = house.asked().await;
        assert_eq!((asked.kind.as_str(), asked.amount_sat), ("refill", 200_000), "{kind:?}");
        assert!((500..20_000).contains(&asked.cost_max_sat), "{asked:?}");
        // The answer to the first wish for a channel is lost, and the channel is made all the same.
        house.faults.push(if matches!(kind, Kind::Lnd) { "/v1/channels" } else { "fundchannel" }, Fault::CutAfter);
        house.saver.order(Order::AgreeToMove(asked.number)).await;
        let done = house.ended(asked.number).await;
        assert_eq!(done.state, "done", "{done:#?}\n{}", house.saver.hub.log());
        assert!(done.cost_sat > 0 && done.cost_sat <= done.cost_max_sat, "{done:#?}");
        assert_eq!(house.node.channels().await.len(), 1, "{kind:?}");
        house.adds_up().await;

        let invoice = house.ledger.foreign(3_000_000, 3_600);
        let paid = house.saver.kilosat(&["pay", &invoice, "--yes"]).unwrap();
        assert!(paid.contains("3000 sat are on their way"), "{paid}");
        house.until("it is paid", |status| status.totals.payments_settled == 1).await;
        house.paid_sat = 3_000;
        house.adds_up().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_that_becomes_no_channel_goes_back_to_the_savings() {
    for kind in [Kind::Lnd, Kind::Cln] {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::start(kind, folder.path(), &peer()).await;
        house.node.refuse(Some("the peer wants no channel")).await;
        let asked = house.asked().await;
        house.saver.order(Order::AgreeToMove(asked.number)).await;
        let is_stuck = |status: &Status| status.open_move.as_ref().is_some_and(|open| open.fault.is_some());
        let stuck = house.until("it says why it does not go on", is_stuck).await.open_move.unwrap();
        assert_eq!(stuck.state, "opening", "{stuck:#?}");
        let why = stuck.fault.unwrap();
        assert!(why.contains("it is tried again") && why.contains("the peer wants no channel"), "{why}");
        house.adds_up().await;
        let said = house.saver.order(Order::UndoMove(asked.number)).await;
        assert!(said.contains("goes back to the savings"), "{said}");
        let undone = house.ended(asked.number).await;
        assert_eq!(undone.state, "undone", "{undone:#?}");
        house.adds_up().await;
        assert_eq!((house.ledger.balance_msat(), house.node.coins().await.len()), (0, 0), "all of it went back");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_power_cuts_a_node_outside_gets_one_channel() {
    for kind in [Kind::Lnd, Kind::Cln] {
        let folder = tempfile::tempdir().unwrap();
        let mut house = House::start(kind, folder.path(), &format!("ask = false\n{}", peer())).await;
        let mut seen: Vec<(String, usize)> = Vec::new();
        for beat in 0..=TRIES * 4 {
            assert!(beat < TRIES * 4, "it does not end: {:#?}\n{}", house.saver.moves().await, house.saver.hub.log());
            let newest = house.saver.moves().await.into_iter().next();
            if newest.as_ref().is_some_and(MoveView::has_ended) {
                break;
            }
            if let Some(place) = newest.map(|newest| (newest.state, newest.parts.len()))
                && !seen.contains(&place)
            {
                // Somewhere within the step, too.
                wait::let_pass(Duration::from_millis(u64::try_from(seen.len()).unwrap() * 90 % 400)).await;
                seen.push(place);
                house.saver = house.saver.lose_power();
            }
            if beat % 4 == 0 {
                house.beat().await;
            }
            wait::let_pass(Duration::from_millis(100)).await;
        }
        assert!(seen.len() >= 3, "{seen:?}");
        let done = house.saver.moves().await.remove(0);
        assert_eq!(done.state, "done", "{done:#?}\n{}", house.saver.hub.log());
        assert_eq!(house.node.channels().await.len(), 1, "{kind:?}");
        house.adds_up().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_peer_for_its_channels_the_owner_is_told_what_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::start(Kind::Lnd, folder.path(), "").await;
    let wants = |status: &Status| status.refill.as_ref().is_some_and(|refill| refill.view.wanted_sat.is_some());
    let refill = house.until("it wants money", wants).await.refill.unwrap();
    assert_eq!(refill.view.wanted_sat, Some(200_000));
    assert!(
        refill.view.rests.as_ref().is_some_and(|why| why.contains("Nobody is set to open a channel to")),
        "{refill:?}"
    );
    assert_eq!(house.saver.moves().await, []);
}

fn peer() -> String {
    format!(
        "channel_to = \"02{}@peer.example:9735\"\n",
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    )
}

const TRIES: u32 = 120;
