//! An engine on a real database in a temporary directory, and everything a test needs to talk to it.

use std::time::Duration;

use bitcoin::Network;
use bitcoin::hashes::{Hash as _, sha256};
use bitcoin::secp256k1::{Secp256k1, SecretKey};
use jiff::tz::TimeZone;
use kilosat_drivers::reading::MilliwattHours;
use lightning_invoice::{Currency, InvoiceBuilder, PaymentSecret};
use tempfile::TempDir;

use super::super::{Effect, Engine, Event, FeedAnswer, Found, PayOutcome, Rules, Snapshot};
use crate::clock::Now;
use crate::config::{Agreement, Feed};
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::l402::{Challenge, Identifier, Macaroon, Scheme};
use crate::domain::meter::{Evidence, MeterState};
use crate::domain::money::{Msat, MsatPerKwh, UnixMillis};
use crate::domain::payment::State;
use crate::domain::policy::{AskRule, Budget, FeeRule};
use crate::http::Reach;
use crate::payees::lnurl::PayTarget;
use crate::store::{PaymentRow, Store};

pub(super) const START: UnixMillis = UnixMillis(1_800_000_000_000);
pub(super) const SECOND: u64 = 1_000;
pub(super) const MINUTE: u64 = 60 * SECOND;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;
/// What a slice of the grid agreement costs, and the energy that costs it.
pub(super) const SLICE: Msat = Msat(50_000);
pub(super) const SLICE_MWH: u64 = 500_000;
/// The account of the wallet in use.
pub(super) const WALLET: &str = "wallet:node";
const TURNS_MAX: u32 = 20_000;

pub(super) struct World {
    pub rules: Rules,
    pub now: Now,
    pub meter: MeterState,
    /// What a story lets leave the wallet without a payment of ours, in msat.
    pub strange: i64,
    engine: Option<Engine>,
    directory: TempDir,
    made: u64,
}

/// An invoice somebody made, and the proof that paying it gives.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub bolt11: String,
    pub hash: PaymentHash,
    pub preimage: Preimage,
    pub amount: Msat,
}

/// What an invoice is to say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub amount: Msat,
    pub expiry_s: u64,
    pub network: Network,
    pub key: u8,
}

impl Terms {
    pub(crate) fn of(amount: Msat) -> Terms {
        Terms { amount, expiry_s: 3_600, network: Network::Regtest, key: 7 }
    }

    pub(super) fn for_seconds(self, expiry_s: u64) -> Terms {
        Terms { expiry_s, ..self }
    }
}

impl World {
    /// A started engine with one agreement on a meter that has shown its first value.
    pub(super) fn new(rules: Rules) -> World {
        let meter = MeterState {
            generation: 1,
            raw: MilliwattHours(5_000_000),
            at: START,
            total: MilliwattHours(0),
            evidence: Evidence::default(),
        };
        let mut world = World {
            rules,
            now: Now { wall: START, monotonic: 0 },
            meter,
            strange: 0,
            engine: None,
            directory: directory(),
            made: 0,
        };
        assert_eq!(world.restart(), fetches(&world.rules));
        assert!(world.interval().is_empty());
        world
    }

    /// The program ends without a word and starts again; whatever was not committed is lost.
    pub(super) fn restart(&mut self) -> Vec<Effect> {
        self.engine = None;
        let store = Store::open(&self.directory.path().join("money.db"), "regtest").unwrap();
        self.now.monotonic = 0;
        let mut engine = Engine::new(store, self.rules.clone());
        let mut effects = engine.start(self.now).unwrap();
        self.engine = Some(engine);
        effects.extend(self.handle(Event::Tick));
        effects
    }

    /// The rules change while the program runs.
    pub(super) fn adopt(&mut self) -> Vec<Effect> {
        let (now, rules) = (self.now, self.rules.clone());
        let mut effects = self.engine().adopt(now, rules).unwrap();
        effects.extend(self.handle(Event::Tick));
        effects
    }

    /// The program ends; the folder that holds its database.
    pub(super) fn leave(&mut self) -> std::path::PathBuf {
        self.engine = None;
        self.directory.path().to_owned()
    }

    pub(super) fn engine(&mut self) -> &mut Engine {
        self.engine.as_mut().unwrap()
    }

    pub(super) fn handle(&mut self, event: Event) -> Vec<Effect> {
        let now = self.now;
        self.engine().handle(now, event).unwrap()
    }

    /// Lets `ms` pass on both clocks at once, then ticks.
    pub(super) fn wait(&mut self, ms: u64) -> Vec<Effect> {
        self.now.wall = self.now.wall.plus(ms);
        self.now.monotonic += ms;
        self.handle(Event::Tick)
    }

    /// Lets `ms` pass and ticks whenever something comes due, as the real ticks would.
    pub(super) fn live(&mut self, ms: u64) -> Vec<Effect> {
        let end = self.now.monotonic + ms;
        let (mut effects, mut turns) = (Vec::new(), 0);
        while let Some(next) = self.engine().jobs.next().filter(|next| *next <= end) {
            let pause = next.saturating_sub(self.now.monotonic);
            effects.extend(self.wait(pause));
            turns += 1;
            assert!(turns < TURNS_MAX, "a job comes due again and again: {effects:?}");
        }
        let rest = end - self.now.monotonic;
        effects.extend(self.wait(rest));
        effects
    }

    /// The meter closes an interval that used `mwh`.
    pub(super) fn consume(&mut self, mwh: u64) -> Vec<Effect> {
        self.meter.raw.0 += mwh;
        self.meter.total.0 += mwh;
        self.interval()
    }

    pub(super) fn interval(&mut self) -> Vec<Effect> {
        self.meter.at = self.now.wall;
        self.handle(Event::Interval { meter: "main".to_owned(), state: self.meter, samples: 10 })
    }

    pub(super) fn invoice(&mut self, terms: Terms) -> Made {
        self.made += 1;
        make(terms, self.made, self.now.wall)
    }

    /// A whole house's worth of first steps: a slice is used, its bill comes, and the payment is being sent.
    pub(super) fn send_slice(&mut self) -> Made {
        let purchase = bill_of(&self.consume(SLICE_MWH));
        self.send_bill(purchase, Terms::of(SLICE))
    }

    pub(super) fn send_bill(&mut self, purchase: i64, terms: Terms) -> Made {
        let made = self.invoice(terms);
        let effects = self.handle(Event::Bill { purchase, bolt11: made.bolt11.clone() });
        assert_eq!(sent(&effects), [made.hash]);
        made
    }

    pub(super) fn outcome(&mut self, hash: PaymentHash, outcome: PayOutcome) -> Vec<Effect> {
        self.handle(Event::Outcome { hash, outcome })
    }

    pub(super) fn found(&mut self, hash: PaymentHash, found: Found) -> Vec<Effect> {
        self.handle(Event::Found { hash, found })
    }

    pub(super) fn paid(&mut self, made: &Made) -> Vec<Effect> {
        self.outcome(made.hash, paid(made))
    }

    pub(super) fn fetched(&mut self, answer: FeedAnswer) -> Vec<Effect> {
        self.handle(Event::Fetched { feed: "prices".to_owned(), answer })
    }

    pub(super) fn snapshot(&mut self) -> Snapshot {
        self.engine().snapshot().unwrap()
    }

    pub(super) fn owed(&mut self) -> Msat {
        self.snapshot().agreements[0].owed
    }

    /// What the grid agreement's line on the page says.
    pub(super) fn notices(&mut self) -> Vec<String> {
        self.snapshot().agreements[0].notices.clone()
    }

    pub(super) fn feed_notices(&mut self) -> Vec<String> {
        self.snapshot().feed_notices.into_values().next().unwrap()
    }

    /// Every attempt at `hash`, newest first.
    pub(super) fn attempts(&mut self, hash: PaymentHash) -> Vec<PaymentRow> {
        self.engine().store.begin().unwrap().attempts(&hash).unwrap()
    }

    pub(super) fn state(&mut self, hash: PaymentHash) -> State {
        self.attempts(hash)[0].state
    }

    pub(super) fn account(&mut self, account: &str) -> i64 {
        self.engine().store.begin().unwrap().account(account).unwrap()
    }

    pub(super) fn payments(&mut self) -> usize {
        self.engine().store.begin().unwrap().newest_payments(u32::MAX).unwrap().len()
    }
}

/// Signs a real invoice; the preimage follows from `number`.
pub(crate) fn make(terms: Terms, number: u64, now: UnixMillis) -> Made {
    let preimage = Preimage(sha256::Hash::hash(&number.to_be_bytes()).to_byte_array());
    let hash = sha256::Hash::hash(&preimage.0);
    let key = SecretKey::from_slice(&[terms.key; 32]).unwrap();
    let currency = if terms.network == Network::Bitcoin { Currency::Bitcoin } else { Currency::Regtest };
    let bolt11 = InvoiceBuilder::new(currency)
        .description("Electricity".to_owned())
        .payment_hash(hash)
        .payment_secret(PaymentSecret([2; 32]))
        .duration_since_epoch(Duration::from_millis(now.0))
        .expiry_time(Duration::from_secs(terms.expiry_s))
        .min_final_cltv_expiry_delta(40)
        .amount_milli_satoshis(terms.amount.0)
        .build_signed(|hash| Secp256k1::new().sign_ecdsa_recoverable(hash, &key))
        .unwrap()
        .to_string();
    Made { bolt11, hash: PaymentHash(hash.to_byte_array()), preimage, amount: terms.amount }
}

/// A seller's offer of `made`, with a ticket whose caveat opens `path`.
pub(super) fn offer(made: &Made, path: &str) -> Challenge {
    let identifier = Identifier { payment_hash: made.hash.0, token_id: made.preimage.0 };
    let caveats = ["services=prices:0".to_owned(), format!("path={path}")];
    let macaroon = Macaroon::mint(&[5; 32], &identifier.to_bytes(), "lsat", &caveats).unwrap();
    Challenge { scheme: Scheme::L402, token: macaroon.to_base64(), invoice: made.bolt11.clone() }
}

pub(super) fn paid(made: &Made) -> PayOutcome {
    PayOutcome::Paid { preimage: made.preimage, fee: Some(Msat(700)) }
}

pub(super) fn failed() -> PayOutcome {
    PayOutcome::Failed("no route to the payee".to_owned())
}

pub(super) fn unknown() -> PayOutcome {
    PayOutcome::Unknown("the connection broke".to_owned())
}

/// The hashes that are handed to the service.
pub(super) fn sent(effects: &[Effect]) -> Vec<PaymentHash> {
    let hash = |effect: &Effect| match effect {
        Effect::Send { hash, .. } => Some(*hash),
        _ => None,
    };
    effects.iter().filter_map(hash).collect()
}

pub(super) fn looked_up(effects: &[Effect]) -> Vec<PaymentHash> {
    let hash = |effect: &Effect| match effect {
        Effect::LookUp { hash } => Some(*hash),
        _ => None,
    };
    effects.iter().filter_map(hash).collect()
}

/// The purchases whose payee is asked for an invoice, with the amount.
pub(super) fn bills(effects: &[Effect]) -> Vec<(i64, Msat)> {
    let bill = |effect: &Effect| match effect {
        Effect::RequestBill { purchase, amount, .. } => Some((*purchase, *amount)),
        _ => None,
    };
    effects.iter().filter_map(bill).collect()
}

#[track_caller]
pub(super) fn bill_of(effects: &[Effect]) -> i64 {
    let bills = bills(effects);
    assert_eq!(bills.len(), 1, "{effects:?}");
    bills[0].0
}

pub(super) fn rules() -> Rules {
    Rules {
        refill: None,
        network: Network::Regtest,
        service: "node".to_owned(),
        service_refuses_duplicates: true,
        house: budget(1_000_000, 5_000_000),
        fees: FeeRule { base: Msat(1_000), ppm: 10_000 },
        ask: AskRule { first: false, above: None, expires_ms: 7 * DAY },
        zone: TimeZone::UTC,
        payees: Vec::new(),
        listed_payees_only: false,
        balance_moves_only_by_payments: true,
        compare_first: false,
        agreements: vec![agreement("grid", "main")],
        feeds: Vec::new(),
    }
}

pub(super) fn rules_with_feed() -> Rules {
    Rules { feeds: vec![feed("prices")], ..rules() }
}

pub(super) fn agreement(id: &str, meter: &str) -> Agreement {
    Agreement {
        id: id.to_owned(),
        meter: meter.to_owned(),
        payee: PayTarget::parse("electricity@utility.example").unwrap(),
        reach: Reach::Public,
        payee_key: None,
        price: MsatPerKwh(100_000),
        slice: SLICE,
        pay_every_ms: DAY,
        paused: false,
        budget: budget(500_000, 2_000_000),
    }
}

pub(super) fn feed(id: &str) -> Feed {
    Feed {
        paused: false,
        id: id.to_owned(),
        url: "https://data.example/prices/today".parse().unwrap(),
        reach: Reach::Public,
        payee_key: None,
        every_ms: HOUR,
        price_max: Msat(20_000),
        points: Vec::new(),
        budget: budget(50_000, 200_000),
    }
}

pub(super) fn budget(per_payment: u64, per_hour: u64) -> Budget {
    Budget::of(Msat(per_payment), Msat(per_hour), Msat(per_hour * 10), Msat(per_hour * 100))
}

fn fetches(rules: &Rules) -> Vec<Effect> {
    rules.feeds.iter().map(|feed| Effect::Fetch { feed: feed.id.clone(), ticket: None }).collect()
}

/// In memory where the system offers that: thousands of commits need no disk to prove their order.
fn directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}
