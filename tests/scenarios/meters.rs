//! A meter that stops, refuses, babbles, jumps back and jumps ahead: said in the status, never billed, and forgotten
//! when it is well again. And a meter that nobody here wrote.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kilosat::agent::Agent;
use kilosat::clock::Clock;
use kilosat::config::Config;
use kilosat::demo::chain::Chain;
use kilosat::demo::esplora;
use kilosat::domain::money::UnixMillis;
use kilosat::settings::Settings;
use kilosat::status::Status;
use kilosat_drivers::modbus::{Bus, Device, Framing, Heard, Line, Model, Reader, RoundFault};
use kilosat_drivers::profiles::{self, Profile};
use kilosat_drivers::reading::{MilliwattHours, Quantity, Reading};
use kilosat_drivers::serial::SerialSettings;
use sim::meter::{Fault, MeterSim};
use sim::peer::Pymodbus;
use sim::serial::SerialPort;
use sim::wait;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const START: MilliwattHours = MilliwattHours(12_345_000_000);

/// An agent with one meter, no LSP, and a house that lives a hundred times as fast.
async fn agent(directory: &Path, meter: &MeterSim, servers: &mut JoinSet<()>) -> Agent {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let esplora_url = format!("http://{}", listener.local_addr().unwrap());
    let router = esplora::router(Arc::new(Chain::new()));
    servers.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let text = format!(
        r#"
network = "regtest"
state_directory = {state:?}
[web]
listen = ""
[lightning.node.chain]
url = "{esplora_url}"
[[meter]]
id = "house"
profile = "schneider-iem3155"
host = "127.0.0.1"
port = {port}
poll_interval_ms = 100
answer_timeout_ms = 200
power_max_w = 17250
interval_wh = 1
[[agreement]]
id = "electricity"
meter = "house"
payee = "electricity@utility.example"
price_msat_per_kwh = 1000000
slice_msat = 1000000000
[agreement.limits]
per_payment_msat = 2000000000
per_month_msat = 2000000000
"#,
        state = directory.join("state"),
        port = meter.addr().port(),
    );
    let config = Config::parse(&text).unwrap();
    Agent::start(Settings::fixed(config), Clock::accelerated(UnixMillis(1_800_000_000_000), 100)).await.unwrap()
}

async fn until(agent: &Agent, what: &str, fits: impl Fn(&Status) -> bool) -> Status {
    let mut last = None;
    let status = wait::answer(async || {
        let status = agent.status().status().await.unwrap();
        let fit = fits(&status).then(|| status.clone());
        last = Some(status);
        fit
    });
    match status.await {
        Some(status) => status,
        None => panic!("waited in vain until {what}: {last:#?}"),
    }
}

fn billed(status: &Status) -> u64 {
    status.totals.energy_billed_mwh
}

fn meter_is(state: &'static str) -> impl Fn(&Status) -> bool {
    move |status| status.meters.first().is_some_and(|meter| meter.state == state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_sick_meter_is_named_never_billed_and_forgiven() {
    let directory = tempfile::tempdir().unwrap();
    let mut servers = JoinSet::new();
    let mut meter = MeterSim::start(profiles::find("schneider-iem3155").unwrap()).await.unwrap();
    meter.set_energy(START);
    let agent = agent(directory.path(), &meter, &mut servers).await;
    until(&agent, "the first reading", meter_is("good")).await;
    meter.set_energy(MilliwattHours(START.0 + 5_000));
    let mut expected = billed(&until(&agent, "five Wh are billed", |status| billed(status) == 5_000).await);

    for fault in [Fault::Exception(4), Fault::Garbage, Fault::Silent, Fault::ShortAnswer, Fault::CloseAtOnce] {
        meter.set_fault(fault);
        let sick = until(&agent, &format!("{fault:?} is noticed"), meter_is("missing")).await;
        assert!(sick.meters[0].fault.is_some(), "{fault:?} has its sentence");
        assert_eq!(billed(&sick), expected, "{fault:?} bills nothing");
        meter.set_fault(Fault::None);
        expected += 2_000;
        meter.set_energy(MilliwattHours(START.0 + expected));
        until(&agent, &format!("{fault:?} is over"), |status| meter_is("good")(status) && billed(status) == expected)
            .await;
    }

    meter.stop().await;
    let gone = until(&agent, "the meter is gone", meter_is("missing")).await;
    assert_eq!(billed(&gone), expected);
    meter.restart().await.unwrap();
    until(&agent, "the meter is back", meter_is("good")).await;

    for impossible in [0, START.0 - 1_000_000, START.0 + expected + 50_000_000_000] {
        meter.set_energy(MilliwattHours(impossible));
        let doubtful = until(&agent, "an impossible value is noticed", meter_is("doubtful")).await;
        assert_eq!(billed(&doubtful), expected, "{impossible} mWh is not billed");
        expected += 1_000;
        meter.set_energy(MilliwattHours(START.0 + expected));
        until(&agent, "the counter is believed again", |status| billed(status) == expected).await;
    }

    // A new meter: five agreeing samples and a minute later it is billed from where it stands, the gap is not.
    meter.set_energy(MilliwattHours(7_000));
    until(&agent, "the new meter is doubted", meter_is("doubtful")).await;
    until(&agent, "the new meter is accepted", meter_is("good")).await;
    meter.set_energy(MilliwattHours(9_000));
    expected += 2_000;
    let healed = until(&agent, "the new meter is billed", |status| billed(status) == expected).await;
    assert_eq!(healed.totals.owed_msat, expected * 1_000_000 / 1_000_000);
    agent.stop().await;
}

#[tokio::test]
async fn pymodbus_is_read_as_its_values_change() {
    let mut peer = Pymodbus::start();
    let port = peer.port();
    let reader = |profile: &Arc<Profile>| {
        let line = Line::Network { host: "localhost".to_owned(), port, framing: Framing::Tcp, tls: None };
        let (model, second) = (Model::Known(Arc::clone(profile)), Duration::from_secs(1));
        Reader::new(line, Device { unit: 1, model, period: second, answer_max: second })
    };
    let profile = profiles::find("eastron-sdm630").unwrap();
    let mut meter = reader(&profile);
    let energy = |readings: &[Reading]| {
        readings.iter().find(|reading| reading.quantity == Quantity::ENERGY_IMPORT).and_then(Reading::energy)
    };
    let readings = meter.read().await.unwrap().readings;
    assert_eq!(readings.len(), profile.points.len());
    assert_eq!(energy(&readings), Some(MilliwattHours(1_234_500_000)));
    peer.order("energy 1235.25");
    peer.order("power -2000.5");
    let readings = meter.read().await.unwrap().readings;
    assert_eq!(energy(&readings), Some(MilliwattHours(1_235_250_000)));
    assert_eq!(readings.iter().find(|reading| reading.quantity == Quantity::POWER).unwrap().milli, -2_000_500);
    // Another maker's registers are not there: an exception, told as such.
    let mut other = reader(&profiles::find("schneider-iem3155").unwrap());
    assert!(matches!(other.read().await, Err(RoundFault::Value(_))));
    drop(peer);
    assert!(meter.read().await.is_err());
}

#[tokio::test]
async fn pymodbus_on_a_serial_line_is_read_and_found_again_after_the_adapter_was_pulled_out() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("adapter");
    let mut peer = Pymodbus::start_rtu();
    let port = SerialPort::plug(&path, peer.port());
    let line = Line::Serial { path: path.clone(), settings: SerialSettings::default() };
    let model = Model::Known(profiles::find("eastron-sdm630").unwrap());
    let (period, answer_max) = (Duration::from_millis(200), Duration::from_secs(1));
    let (bus, mut meters) = Bus::new(line, vec![Device { unit: 1, model, period, answer_max }], || 0);
    let running = tokio::spawn(bus.run());
    let energy = |heard: &Heard| {
        heard
            .round
            .readings
            .iter()
            .find(|reading| reading.quantity == Quantity::ENERGY_IMPORT)
            .and_then(Reading::energy)
    };
    let heard = meters[0].next().await.unwrap();
    assert_eq!((heard.fault.as_deref(), energy(&heard)), (None, Some(MilliwattHours(1_234_500_000))));
    drop(port);
    let heard = loop {
        let heard = meters[0].next().await.unwrap();
        if heard.fault.is_some() {
            break heard;
        }
    };
    assert_eq!(energy(&heard), None, "nothing old is shown as new");
    peer.order("energy 1235.25");
    let _port = SerialPort::plug(&path, peer.port());
    let heard = loop {
        let heard = meters[0].next().await.unwrap();
        if heard.fault.is_none() {
            break heard;
        }
    };
    assert_eq!(energy(&heard), Some(MilliwattHours(1_235_250_000)));
    running.abort();
}
