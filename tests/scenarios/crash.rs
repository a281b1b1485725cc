//! The plug is pulled again and again while money moves: nothing is paid twice, nothing is lost.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kilosat::clock::Clock;
use kilosat::demo::miner::Miner;
use kilosat::demo::shops;
use kilosat::demo::town::{Town, burn_address};
use kilosat::domain::money::Msat;
use kilosat::status::{AgreementStatus, Status};
use kilosat::store::PaymentSummary;
use kilosat_drivers::profiles;
use kilosat_drivers::reading::MilliwattHours;
use sim::bitcoind::Bitcoind;
use sim::hub::Hub;
use sim::meter::MeterSim;
use sim::wait;
use tokio::task::JoinSet;
use tokio::time::interval;

const KILLS: u32 = 20;
/// Slices are above the dust limit, so that even a lost channel's payments are settled by the chain.
pub(super) const PRICE_MSAT_PER_KWH: u64 = 20_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lightning_survives_twenty_power_cuts_without_paying_twice_or_losing_anything() {
    let bitcoind = Bitcoind::start().await;
    let directory = tempfile::tempdir().unwrap();
    let mut tasks = JoinSet::new();
    let miner = Miner::start(&bitcoind.choice(), None, Clock::real(), &mut tasks).await.unwrap();
    let town = Town::open(directory.path(), &miner, &mut tasks, &|_| {}).await.unwrap();
    let utility = shops::open_utility(town.utility.clone(), &mut tasks).await.unwrap();
    let meter = Arc::new(MeterSim::start(profiles::find("schneider-iem3155").unwrap()).await.unwrap());
    let (config, state) = write_config(directory.path(), &bitcoind, &town, &meter, &utility);

    let mut hub = Hub::start(&config, &state);
    fund(&mut hub, &town, &miner).await;
    let counter = Arc::clone(&meter);
    let burning = tokio::spawn(async move { burn(&counter).await });

    let mut seen = 0;
    let mut channels_lost = 0;
    for kill in 0..KILLS {
        let newest = |status: &Status| status.payments.first().map_or(0, |newest| newest.payment);
        let status = tend(&mut hub, &town, &miner, &mut channels_lost, |status| newest(status) > seen).await;
        seen = newest(&status);
        // The cut falls at another point of a payment's life each time.
        wait::let_pass(Duration::from_millis(u64::from(kill) * 13 % 260)).await;
        hub.kill();
        hub = Hub::start(&config, &state);
    }
    burning.abort();
    let settled = |status: &Status| {
        let owes_little = |agreement: &AgreementStatus| agreement.owed_msat < agreement.slice_msat;
        let reads = status.meters.first().is_some_and(|meter| meter.state == "good");
        status.open_payments == 0 && status.agreements.iter().all(owes_little) && reads
    };
    let status = tend(&mut hub, &town, &miner, &mut channels_lost, settled).await;
    println!("{channels_lost} channel(s) lost in {KILLS} power cuts");
    let payments = status.totals.payments_settled;
    assert_eq!(status.lock, None);
    assert!(hub.terminate().await.success());

    let paid = status.totals.paid_energy_msat;
    assert_eq!(town.utility.received_msat(), paid, "the utility received exactly what the ledger says was paid");
    let cost = status.totals.energy_billed_mwh * PRICE_MSAT_PER_KWH / 1_000_000;
    assert_eq!(cost, paid + status.totals.owed_msat, "all energy is paid or owed");
    assert!(payments >= u64::from(KILLS) / 2, "{payments} payments settled");
    assert!(
        status.totals.energy_billed_mwh <= COUNTED.load(Ordering::SeqCst),
        "nothing is billed that was not metered"
    );
    town.close().await;
}

/// Puts money into the hub's wallet; the LSP opens a channel for it.
///
/// A cut between two writes of the Lightning node can cost the channel (rust-lightning issue 4286): the node closes it
/// and its money comes back on the chain. Then the owner puts new money in, and what is owed is paid from that.
async fn fund(hub: &mut Hub, town: &Town, miner: &Miner) {
    hub.until("the LSP answers", |status| status.uptime_ms > 1_000).await;
    let invoice = hub.invoice(Msat(200_000_000)).await;
    town.neighbour.pay(&invoice).await.unwrap();
    hub.until("the channel works", |status| status.lightning.spendable_msat > 0).await;
    miner.mine(6, &burn_address()).await.unwrap();
    town.sync().await.unwrap();
}

/// Does what an owner and the passing of time do until the state fits: a lost channel is replaced, and what hangs on it
/// becomes final as blocks are mined.
async fn tend(
    hub: &mut Hub,
    town: &Town,
    miner: &Miner,
    channels_lost: &mut u32,
    fits: impl Fn(&Status) -> bool,
) -> Status {
    let mut beat = interval(Duration::from_millis(200));
    for _ in 0..600 {
        beat.tick().await;
        let status = hub.status().await;
        if fits(&status) {
            return status;
        }
        if status.lightning.channels.unwrap_or(0) == 0 {
            *channels_lost += 1;
            fund(hub, town, miner).await;
        }
        let hangs = |payment: &PaymentSummary| {
            payment.state == "in_flight" && status.now_ms.saturating_sub(payment.created_ms) > 4_000
        };
        if status.payments.iter().any(hangs) {
            miner.mine(10, &burn_address()).await.unwrap();
            town.sync().await.unwrap();
        }
    }
    panic!("waited in vain: {:#?}\n{}", hub.status().await, hub.log());
}

/// The house draws about 200 kW, so that a payment is due every few hundred milliseconds.
async fn burn(meter: &MeterSim) {
    let mut beat = interval(Duration::from_millis(50));
    for step in 0_u64.. {
        beat.tick().await;
        meter.set_energy(MilliwattHours(START.0 + step * 3_000));
        COUNTED.store(step * 3_000, Ordering::SeqCst);
    }
}

pub(super) fn write_config(
    directory: &Path,
    bitcoind: &Bitcoind,
    town: &Town,
    meter: &MeterSim,
    utility: &str,
) -> (PathBuf, PathBuf) {
    let state = directory.join("hub");
    let config = directory.join("kilosat.toml");
    meter.set_energy(START);
    let text = format!(
        r#"
name = "Power cuts"
network = "regtest"
state_directory = {state:?}
[web]
listen = ""
[limits]
per_payment_msat = 100000000
per_hour_msat = 1000000000
per_day_msat = 1000000000
[ask]
first_payment = false
above_msat = 1000000000
[lightning.node]
lsp = "{lsp}"
anchor_channels = false
[lightning.node.chain]
source = "bitcoind"
host = "127.0.0.1"
port = {rpc_port}
cookie_file = {cookie:?}
[[meter]]
id = "house"
profile = "schneider-iem3155"
host = "127.0.0.1"
port = {meter_port}
poll_interval_ms = 100
power_max_w = 1000000
interval_wh = 2
[[agreement]]
id = "electricity"
meter = "house"
payee = "electricity@{utility}"
lan = "http://{utility}"
price_msat_per_kwh = {PRICE_MSAT_PER_KWH}
slice_msat = 1000000
[agreement.limits]
per_payment_msat = 50000000
per_month_msat = 1000000000
"#,
        lsp = town.lsp.peer(),
        rpc_port = bitcoind.address().rsplit_once(':').unwrap().1,
        cookie = bitcoind.cookie_file(),
        meter_port = meter.addr().port(),
    );
    std::fs::write(&config, text).unwrap();
    (config, state)
}

pub(super) const START: MilliwattHours = MilliwattHours(5_000_000_000);
static COUNTED: AtomicU64 = AtomicU64::new(0);
