//! What the owner reads of a meter, from its readings to the page and the journal.

#![allow(clippy::unwrap_used)]

use kilosat_drivers::reading::Raw;
use tokio::sync::mpsc;

use super::*;
use crate::agent::rules;
use crate::config::Config;
use crate::domain::money::UnixMillis;
use crate::engine::{Effect, Engine};
use crate::store::Store;

const CONFIG: &str = r#"
state_directory = "/nowhere"
[lightning]
service = "phoenixd"
[lightning.phoenixd]
url = "http://127.0.0.1:9740"
secret_file = "/nowhere/password"
[[meter]]
id = "house"
profile = "eastron-sdm630"
host = "127.0.0.1"
poll_interval_ms = 600000
power_max_w = 17250
interval_wh = 100
"#;

/// One second here is a day in the house.
const SPEED: u32 = 86_400;

struct Bench {
    meter: Meter,
    engine: EngineHandle,
    clock: Clock,
    latest: Latest,
    _directory: tempfile::TempDir,
    _effects: mpsc::Receiver<Effect>,
}

impl Bench {
    fn new() -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let config = Config::parse(CONFIG).unwrap();
        let store = Store::open(&directory.path().join("money.db"), "regtest").unwrap();
        let clock = Clock::accelerated(UnixMillis(1_800_000_000_000), SPEED);
        let (sender, effects) = mpsc::channel(100);
        let (engine, _) = EngineHandle::start(Engine::new(store, rules(&config, None)), Clock::real(), sender);
        let meter = config.meters[0].clone();
        Bench { meter, engine, clock, latest: Latest::default(), _directory: directory, _effects: effects }
    }

    async fn watcher(&self) -> Watcher<'_> {
        Watcher::begin(terms(&self.meter), &self.engine, self.latest.clone(), self.clock.clone()).await.unwrap()
    }

    /// What the journal says of the meter.
    async fn told(&self) -> Vec<String> {
        let entries = self.engine.journal_after(0, 1_000).await.unwrap();
        let texts = entries.iter().filter_map(|entry| {
            let entry = entry.entry.as_ref()?;
            (entry["event"] == "meter").then(|| entry["text"].as_str().unwrap().to_owned())
        });
        texts.collect()
    }

    fn health(&self) -> crate::latest::Health {
        self.latest.copy().health.get("house").cloned().unwrap_or_default()
    }
}

/// A reading of the counter, the power and the number of the meter, somewhat later than the one before.
async fn read(watcher: &mut Watcher<'_>, energy: i64, power: i64, serial: i64) {
    let reading = |quantity, milli| Reading { quantity, milli, raw: Raw::new() };
    let readings = [
        reading(Quantity::ENERGY_IMPORT, energy),
        reading(Quantity::POWER, power),
        reading(Quantity::SERIAL_NUMBER, serial),
    ];
    // Ten milliseconds here are almost a quarter of an hour there.
    let next_ms = watcher.clock.elapsed_ms() + 10;
    while watcher.clock.elapsed_ms() < next_ms {
        tokio::task::yield_now().await;
    }
    let profile = kilosat_drivers::profiles::find("eastron-sdm630").unwrap();
    watcher.on_readings(&readings, &profile).await.unwrap();
}

#[tokio::test]
async fn the_owner_reads_of_a_swapped_meter_a_stuck_one_and_their_end() {
    let bench = Bench::new();
    let mut watcher = bench.watcher().await;
    read(&mut watcher, 5_000_000_000, 300_000, 11).await;
    assert_eq!(bench.health().reads, 0, "one reading is no starting point");
    read(&mut watcher, 5_000_000_000, 300_000, 11).await;
    assert_eq!((bench.health().reads, bench.health().fault), (1, None));
    for _ in 0..8 {
        read(&mut watcher, 7_000_000, 300_000, 12).await;
    }
    assert!(!bench.health().doubtful, "{:?}", bench.health());
    let told = bench.told().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("another meter answers, by its serial number"), "{told:?}");
    assert!(
        told[1].contains("replaced by another one") && told[1].contains("7.000 kWh on, the gap is not"),
        "{told:?}"
    );

    let alarm = async |watcher: &mut Watcher<'_>, energy, power| {
        for _ in 0..READINGS_MAX {
            read(watcher, energy, power, 12).await;
            if bench.health().alarm.is_some() {
                break;
            }
        }
        bench.health().alarm
    };
    assert!(alarm(&mut watcher, 7_000_000, 9_000_000).await.unwrap().contains("has not moved for ten minutes"));
    read(&mut watcher, 7_100_000, 9_000_000, 12).await;
    assert_eq!(bench.health().alarm, None);
    let told = bench.told().await;
    assert!(told[told.len() - 1].starts_with("the energy counter moves again"), "{told:?}");
}

#[tokio::test]
async fn a_jump_is_still_a_jump_after_a_crash() {
    let bench = Bench::new();
    let mut watcher = bench.watcher().await;
    read(&mut watcher, 5_000_000_000, 300_000, 11).await;
    read(&mut watcher, 5_000_000_000, 300_000, 11).await;
    read(&mut watcher, 90_000_000_000, 300_000, 11).await;
    assert!(bench.health().doubtful);
    drop(watcher);
    let mark = bench.engine.meter("house").await.unwrap().unwrap().evidence.too_high.unwrap();
    assert_eq!((mark.raw, mark.impossible), (MilliwattHours(90_000_000_000), true));
    let mut watcher = bench.watcher().await;
    read(&mut watcher, 90_000_000_000, 300_000, 11).await;
    assert!(bench.health().doubtful);
    read(&mut watcher, 5_000_100_000, 300_000, 11).await;
    read(&mut watcher, 5_000_100_000, 300_000, 11).await;
    assert_eq!(bench.engine.meter("house").await.unwrap().unwrap().evidence.too_high, None);
    assert_eq!(bench.told().await.len(), 3);
}

const READINGS_MAX: u32 = 100;
