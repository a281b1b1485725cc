#![allow(clippy::unwrap_used)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kilosat_drivers::modbus::search::Search;
use kilosat_drivers::modbus::server::{CLIENTS_MAX, serve};
use kilosat_drivers::modbus::{
    Ask, Bus, Device as Asked, Framing, Line, Link, LinkFault, Model, Pauses, Reader, RoundFault,
};
use kilosat_drivers::profiles::{Space, all, find};
use kilosat_drivers::reading::Reading;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;

const NOON: u32 = 12 * 3_600;
const EVENING: u32 = 20 * 3_600;
const HOUR_MS: u64 = 3_600_000;
const METER: &str = "schneider-iem3155";

/// A house with its time in hand, and its device served on a port.
struct Bench {
    house: Arc<Mutex<House>>,
    now: Arc<AtomicU64>,
    port: u16,
    framing: Framing,
    profile: Arc<Profile>,
    servers: JoinSet<()>,
}

impl Bench {
    async fn new(profile: Arc<Profile>, framing: Framing, start: u32, faults: &[&str]) -> Bench {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let house = Arc::new(Mutex::new(House::new(start, MilliwattHours(4_321_000_999))));
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let faults = Faults::new(faults.iter().map(|fault| Fault::parse_every(fault).unwrap()).collect());
        let device = Device::new(Arc::clone(&profile), 1, Arc::clone(&house), move || clock.load(Ordering::SeqCst));
        let mut servers = JoinSet::new();
        servers.spawn(async move { drop(serve(&listener, framing, device.with_faults(faults)).await) });
        Bench { house, now, port, framing, profile, servers }
    }

    fn line(&self) -> Line {
        Line::Network { host: "127.0.0.1".to_owned(), port: self.port, framing: self.framing, tls: None }
    }

    fn asked(&self, unit: u8) -> Asked {
        let (model, second) = (Model::Known(Arc::clone(&self.profile)), Duration::from_secs(1));
        Asked { unit, model, period: second, answer_max: second }
    }

    fn reader(&self, unit: u8) -> Reader {
        Reader::new(self.line(), self.asked(unit))
    }
}

fn energy(readings: &[Reading]) -> u64 {
    readings.iter().find(|reading| reading.quantity == Quantity::ENERGY_IMPORT).unwrap().energy().unwrap().0
}

#[tokio::test]
async fn the_meter_shows_the_integral_rounded_down_to_its_step() {
    let mut bench = Bench::new(find(METER).unwrap(), Framing::Tcp, NOON, &[]).await;
    let mut meter = bench.reader(1);
    for ms in [0, 999, 60_000, 3 * HOUR_MS + 17, 30 * HOUR_MS] {
        bench.now.store(ms, Ordering::SeqCst);
        let readings = meter.read().await.unwrap().readings;
        let house = bench.house.lock().unwrap();
        assert_eq!(energy(&readings), house.metered().0 / 1_000 * 1_000, "after {ms} ms");
        let power = readings.iter().find_map(Reading::power).unwrap();
        assert!((power.0 - house.power().0).abs() <= 1, "32-bit float");
        assert_eq!(readings.len(), bench.profile.points.len());
    }
    assert!(bench.reader(2).read().await.is_err(), "another unit");
    bench.servers.shutdown().await;
    assert!(meter.read().await.is_err(), "nobody there any more");
}

#[tokio::test]
async fn every_profile_has_a_device_that_gives_every_value_by_day_and_by_night() {
    for profile in all() {
        for start in [NOON, EVENING] {
            let bench = Bench::new(Arc::clone(&profile), Framing::Tcp, start, &[]).await;
            bench.now.store(HOUR_MS, Ordering::SeqCst);
            let round = bench.reader(1).read().await.unwrap_or_else(|fault| panic!("{}: {fault}", profile.name));
            assert_eq!(round.missing, [], "{}", profile.name);
            let mut search = Search::new(bench.line());
            let fits = search.recognise(1, &[Arc::clone(&profile)]).await.unwrap();
            assert_eq!(fits.len(), usize::from(!profile.identify.is_empty()), "a scan knows {}", profile.name);
        }
    }
}

#[tokio::test]
async fn each_fault_is_seen_for_what_it_is_in_both_framings() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        for (fault, fits) in [
            ("silent:1", (|fault| matches!(fault, LinkFault::NoAnswer { .. })) as fn(&LinkFault) -> bool),
            ("damaged:1", |fault| matches!(fault, LinkFault::Wrong(_))),
            ("short:1", |fault| matches!(fault, LinkFault::Wrong(_) | LinkFault::NoAnswer { .. })),
            ("other-unit:1", |fault| matches!(fault, LinkFault::Wrong(_))),
            ("busy:1", |fault| matches!(fault, LinkFault::Exception(6))),
        ] {
            let bench = Bench::new(find(METER).unwrap(), framing, NOON, &[fault]).await;
            match bench.reader(1).read().await {
                Err(RoundFault::Link(seen)) if fits(&seen) => {}
                other => panic!("{fault} on {framing:?} gave {other:?}"),
            }
        }
        let bench = Bench::new(find(METER).unwrap(), framing, NOON, &["zeros:1"]).await;
        assert!(matches!(bench.reader(1).read().await, Err(RoundFault::AllZero)));
    }
}

#[tokio::test]
async fn counters_jump_once_and_a_reset_lasts() {
    let bench = Bench::new(find(METER).unwrap(), Framing::Tcp, NOON, &["jump:1"]).await;
    assert!(energy(&bench.reader(1).read().await.unwrap().readings) > 1_000_000_000_000);
    let bench = Bench::new(find(METER).unwrap(), Framing::Tcp, EVENING, &["reset:1"]).await;
    bench.now.store(HOUR_MS, Ordering::SeqCst);
    assert_eq!(energy(&bench.reader(1).read().await.unwrap().readings), 0);
}

#[tokio::test]
async fn one_client_too_many_is_sent_away() {
    let bench = Bench::new(find(METER).unwrap(), Framing::Tcp, NOON, &[]).await;
    let mut meters: Vec<_> = (0..=CLIENTS_MAX).map(|_| bench.reader(1)).collect();
    let mut extra = meters.pop().unwrap();
    for meter in &mut meters {
        meter.read().await.unwrap();
    }
    assert!(extra.read().await.is_err());
}

#[tokio::test]
async fn a_charger_keeps_what_it_was_told_until_it_forgets() {
    let bench = Bench::new(find("alfen-eve").unwrap(), Framing::Tcp, NOON, &[]).await;
    let (bus, mut meters) = Bus::new(bench.line(), vec![bench.asked(1)], || 0);
    let owner = bus.handle();
    let reading = tokio::spawn(bus.run());
    meters.first_mut().unwrap().next().await.unwrap();
    owner.set(1, "current_limit".parse().unwrap(), 10_000).await.unwrap();
    let (mut link, mut words) = (Link::new(bench.line(), Pauses::default()), Vec::new());
    let limit = Ask { unit: 1, space: Space::Holding, address: 1210, quantity: 2 };
    for (now_ms, told) in [(29_999, 10.0_f32), (30_000, 0.0)] {
        bench.now.store(now_ms, Ordering::SeqCst);
        link.read(limit, Duration::from_secs(1), &mut words).await.unwrap();
        let bits = told.to_bits();
        assert_eq!(words, [u16::try_from(bits >> 16).unwrap(), u16::try_from(bits & 0xFFFF).unwrap()], "{now_ms} ms");
    }
    reading.abort();
}
