//! From a bill to the request on the wire, durable intent included, as a multiple of one fdatasync on the same disk.
//!
//! `cargo bench --package kilosat --no-default-features --bench intent [-- FOLDER]`; the folder decides which disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bitcoin::Network;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use kilosat::clock::Clock;
use kilosat::config::Config;
use kilosat::domain::meter::{Evidence, MeterState};
use kilosat::domain::money::Msat;
use kilosat::domain::policy::{AskRule, Budget, FeeRule};
use kilosat::engine::{Effect, Engine, Event, PayOutcome, Rules};
use kilosat::store::Store;
use kilosat_drivers::reading::MilliwattHours;
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};

const ROUNDS: u64 = 200;
const TOGETHER: usize = 100;
const SLICE: Msat = Msat(50_000);

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = tempfile::tempdir_in(folder).unwrap();
    let mut house = House::new(directory.path().join("money.db"), 1);
    let written = house.bytes_of_one();
    let mut probe = Probe::new(directory.path().join("probe"), written);
    let (mut syncs, mut intents) = (Vec::new(), Vec::new());
    // Alternating, so that a busy disk meets both alike.
    for round in 0..ROUNDS {
        syncs.push(probe.sync());
        intents.push(house.pay_one(round));
    }
    let (sync, intent) = (median(syncs), median(intents));
    println!("one intent writes {} KiB; one fdatasync of as much: {sync:>10.1?}", written / 1024);
    println!("bill to request, one at a time: {intent:>9.1?} = {:.2} fdatasyncs (at most 1.5)", ratio(intent, sync));
    let mut house = House::new(directory.path().join("many.db"), TOGETHER);
    let together = house.pay_together();
    println!(
        "{TOGETHER} bills that arrive together: {together:>7.1?} = {:.2} fdatasyncs and processor time, in one commit",
        ratio(together, sync)
    );
}

/// An engine whose meter owes one slice to each of its agreements.
struct House {
    engine: Engine,
    log: PathBuf,
    clock: Clock,
    meter: MeterState,
    made: u64,
}

impl House {
    fn new(path: PathBuf, agreements: usize) -> House {
        let clock = Clock::real();
        let mut engine = Engine::new(Store::open(&path, "regtest").unwrap(), rules(agreements));
        engine.start(clock.now()).unwrap();
        let nothing = MilliwattHours(0);
        let meter = MeterState {
            generation: 1,
            raw: nothing,
            at: clock.now().wall,
            total: nothing,
            evidence: Evidence::default(),
        };
        let log = path.with_extension("db-wal");
        let mut house = House { engine, log, clock, meter, made: 0 };
        house.close_interval(0);
        house
    }

    /// How much longer one intent makes SQLite's log, before that is written from its beginning again.
    fn bytes_of_one(&mut self) -> usize {
        let length = |house: &House| usize::try_from(std::fs::metadata(&house.log).unwrap().len()).unwrap();
        let purchases = self.close_interval(500_000);
        let (preimage, bolt11) = self.invoice();
        let before = length(self);
        let (effects, _) = self.timed(vec![Event::Bill { purchase: purchases[0], bolt11 }]);
        let written = length(self) - before;
        self.settle(effects, preimage);
        written
    }

    /// From one bill to its request.
    fn pay_one(&mut self, round: u64) -> Duration {
        let purchases = self.close_interval(500_000);
        let (preimage, bolt11) = self.invoice();
        let bill = Event::Bill { purchase: purchases[0], bolt11 };
        let (effects, took) = self.timed(vec![bill]);
        assert!(!effects.is_empty(), "round {round} sent nothing");
        self.settle(effects, preimage);
        took
    }

    fn settle(&mut self, effects: Vec<Effect>, preimage: [u8; 32]) {
        let Some(Effect::Send { hash, .. }) = effects.into_iter().next() else { panic!("nothing was sent") };
        let outcome = PayOutcome::Paid { preimage: kilosat::domain::invoice::Preimage(preimage), fee: Some(Msat(0)) };
        self.engine.handle(self.clock.now(), Event::Outcome { hash, outcome }).unwrap();
    }

    /// From all bills at once to their intents.
    fn pay_together(&mut self) -> Duration {
        let purchases = self.close_interval(500_000);
        assert_eq!(purchases.len(), TOGETHER);
        let bills = purchases.into_iter().map(|purchase| Event::Bill { purchase, bolt11: self.invoice().1 }).collect();
        let (_, took) = self.timed(bills);
        assert_eq!(self.engine.snapshot().unwrap().open_payments, TOGETHER);
        took
    }

    fn timed(&mut self, events: Vec<Event>) -> (Vec<Effect>, Duration) {
        let now = self.clock.now();
        let began = Instant::now();
        let effects = self.engine.handle_all(now, events).unwrap();
        (effects, began.elapsed())
    }

    fn close_interval(&mut self, mwh: u64) -> Vec<i64> {
        self.meter.raw.0 += mwh;
        self.meter.total.0 += mwh;
        self.meter.at = self.clock.now().wall;
        let event = Event::Interval { meter: "main".to_owned(), state: self.meter, samples: 1 };
        let effects = self.engine.handle(self.clock.now(), event).unwrap();
        let bill = |effect| match effect {
            Effect::RequestBill { purchase, .. } => Some(purchase),
            _ => None,
        };
        effects.into_iter().filter_map(bill).collect()
    }

    fn invoice(&mut self) -> ([u8; 32], String) {
        self.made += 1;
        let preimage = sha256::Hash::hash(&self.made.to_be_bytes()).to_byte_array();
        let invoice = InvoiceBuilder::new(Currency::Regtest)
            .amount_milli_satoshis(SLICE.0)
            .description("Electricity".to_owned())
            .payment_hash(sha256::Hash::hash(&preimage))
            .payment_secret(PaymentSecret([1; 32]))
            .duration_since_epoch(Duration::from_millis(self.clock.now().wall.0))
            .expiry_time(Duration::from_secs(3_600))
            .min_final_cltv_expiry_delta(40)
            .build_signed(|hash| {
                Secp256k1::new().sign_ecdsa_recoverable(hash, &SecretKey::from_slice(&[1; 32]).unwrap())
            });
        (preimage, invoice.unwrap().to_string())
    }
}

fn rules(agreements: usize) -> Rules {
    let config = Config::parse(include_str!("../kilosat.toml")).unwrap();
    let all = Msat(1_000_000_000_000);
    let budget = Budget::of(all, all, all, all);
    let mut agreement = config.agreements[0].clone();
    (agreement.budget, agreement.slice, agreement.payee_key) = (budget, SLICE, None);
    agreement.price = kilosat::domain::money::MsatPerKwh(100_000);
    let numbered = |number| {
        let mut agreement = agreement.clone();
        agreement.id = format!("a{number}");
        agreement
    };
    Rules {
        refill: None,
        network: Network::Regtest,
        service: "node".to_owned(),
        service_refuses_duplicates: true,
        house: budget,
        fees: FeeRule { base: Msat(1_000), ppm: 10_000 },
        ask: AskRule { first: false, ..config.ask },
        zone: config.zone.clone(),
        payees: Vec::new(),
        listed_payees_only: false,
        balance_moves_only_by_payments: true,
        compare_first: false,
        agreements: (0..agreements).map(numbered).collect(),
        feeds: Vec::new(),
    }
}

/// A file that is written again and again from its beginning and has its size already, as SQLite's log has.
struct Probe {
    file: File,
    bytes: Vec<u8>,
}

impl Probe {
    fn new(path: PathBuf, bytes: usize) -> Probe {
        let mut probe = Probe { file: File::create(path).unwrap(), bytes: vec![7; bytes] };
        probe.sync();
        probe
    }

    fn sync(&mut self) -> Duration {
        self.file.seek(SeekFrom::Start(0)).unwrap();
        let began = Instant::now();
        self.file.write_all(&self.bytes).unwrap();
        self.file.sync_data().unwrap();
        began.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(time: Duration, unit: Duration) -> f64 {
    time.as_secs_f64() / unit.as_secs_f64()
}
