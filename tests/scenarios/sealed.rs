//! A hub whose words are sealed with a passphrase loses its power: it measures, pays nothing, and goes on once its owner
//! has come.

use std::time::Duration;

use kilosat::clock::Clock;
use kilosat::demo::miner::Miner;
use kilosat::demo::shops;
use kilosat::demo::town::{Town, burn_address};
use kilosat::domain::money::Msat;
use kilosat::status::Status;
use kilosat::vault::Tier;
use kilosat_drivers::profiles;
use kilosat_drivers::reading::MilliwattHours;
use sim::bitcoind::Bitcoind;
use sim::hub::{Hub, kilosat_told};
use sim::meter::MeterSim;
use sim::wait::let_pass;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::crash::{PRICE_MSAT_PER_KWH, START, write_config};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_power_cut_nothing_is_paid_before_the_passphrase_and_nothing_is_lost_meanwhile() {
    let bitcoind = Bitcoind::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut tasks = JoinSet::new();
    let miner = Miner::start(&bitcoind.choice(), None, Clock::real(), &mut tasks).await.unwrap();
    let town = Town::open(directory.path(), &miner, &mut tasks, &|_| {}).await.unwrap();
    let utility = shops::open_utility(town.utility.clone(), &mut tasks).await.unwrap();
    let meter = MeterSim::start(profiles::find("schneider-iem3155").unwrap()).await.unwrap();
    let (config, state) = write_config(directory.path(), &bitcoind, &town, &meter, &utility);
    let savings = format!(
        "[treasury]\nwallet = \"segwit\"\n[[treasury.chain]]\nsource = \"bitcoind\"\nhost = \"127.0.0.1\"\nport = {}\n\
         cookie_file = {:?}\n",
        bitcoind.address().rsplit_once(':').unwrap().1,
        bitcoind.cookie_file()
    );
    std::fs::write(&config, std::fs::read_to_string(&config).unwrap() + &savings).unwrap();
    let keys = |arguments: &[&str], line: &str| {
        kilosat_told(&[&["keys"], arguments, &["--config", config.to_str().unwrap()]].concat(), line)
    };

    let mut hub = Hub::start(&config, &state);
    let open = hub.until("the savings are open", |status| status.treasury.is_some()).await;
    let (node, savings) = (open.lightning.node_id, open.treasury.unwrap().id);
    let invoice = hub.invoice(Msat(200_000_000)).await;
    town.neighbour.pay(&invoice).await.unwrap();
    hub.until("the channel works", |status| status.lightning.spendable_msat > 0).await;
    miner.mine(6, &burn_address()).await.unwrap();
    town.sync().await.unwrap();
    let words = std::fs::read_to_string(state.join("seed")).unwrap();
    let unwritten = keys(&["protect", "--with", "passphrase"], PASSPHRASE).unwrap_err();
    assert!(unwritten.contains("Write the words down first"), "{unwritten}");
    std::fs::write(state.join("words-checked"), "").unwrap();
    assert!(keys(&["protect", "--with", "passphrase"], PASSPHRASE).unwrap().contains("sealed with your passphrase"));
    assert!(!std::fs::read_to_string(state.join("seed")).unwrap().contains(words.trim()));
    let mut beat = interval(Duration::from_millis(200));
    // As a house does that draws 180 kW.
    let mut use_wh = async |from: u64, to: u64| {
        for wh in (from..=to).step_by(10) {
            beat.tick().await;
            meter.set_energy(MilliwattHours(START.0 + wh * 1_000));
        }
    };
    use_wh(0, 60).await;
    let before = hub.until("it pays as before", |status| status.totals.payments_settled > 0).await;
    // A cut between two writes of the node can cost the channel (rust-lightning issue 4286), which is another story.
    let_pass(Duration::from_secs(1)).await;
    hub.kill();

    let mut hub = Hub::start(&config, &state);
    hub.until("it waits for its owner", |status| status.keys.waits_for_passphrase).await;
    use_wh(60, 200).await;
    let metered = |status: &Status| status.totals.energy_billed_mwh >= 190_000;
    let waits = hub.until("it measures and bills meanwhile", metered).await;
    assert_eq!(waits.totals.payments_settled, before.totals.payments_settled, "nothing was paid");
    assert_eq!(waits.lock, None, "there is nothing to be unlocked by hand");
    let fault = waits.wallet_fault.unwrap();
    assert!(fault.contains("waits for your passphrase") && waits.treasury.is_none(), "{fault}");
    assert!(keys(&["open"], "five quiet horses eat grass").unwrap_err().contains("not the passphrase"));
    assert!(keys(&[], "").unwrap().contains("NOTHING IS PAID"));

    assert!(keys(&["open"], PASSPHRASE).unwrap().contains("The words are open"));
    let settled =
        |status: &Status| status.agreements[0].owed_msat < status.agreements[0].slice_msat && status.open_payments == 0;
    let done = hub.until("what was owed is paid", settled).await;
    assert_eq!((done.lightning.node_id.as_str(), done.treasury.unwrap().id), (node.as_str(), savings));
    assert_eq!((done.keys.tier, done.keys.closed), (Some(Tier::Passphrase), None));
    assert_eq!(town.utility.received_msat(), done.totals.paid_energy_msat, "nothing was paid twice");
    let cost = done.totals.energy_billed_mwh * PRICE_MSAT_PER_KWH / 1_000_000;
    assert_eq!(cost, done.totals.paid_energy_msat + done.totals.owed_msat, "all energy is paid or owed");
    assert!(hub.terminate().await.success());
    town.close().await;
}

const PASSPHRASE: &str = "five quiet horses eat plums";
