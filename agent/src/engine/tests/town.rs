//! A world that runs by itself: meter, utility, data seller and Lightning service answer every effect, and the power
//! fails now and then. All of it follows from one seed.

use std::collections::BTreeMap;

use super::super::{ByHand, Comparison, Effect, Event, Order, Rules};
use super::checks::{book, check, settlements};
use super::random::Random;
use super::sellers::Sellers;
use super::service::{Character, Service};
use super::world::{DAY, HOUR, MINUTE, SECOND, World, rules_with_feed};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::payment::State;

const EVENTS_MAX: u64 = 200_000;
const COMPARE_EVERY: u64 = 6 * HOUR;

pub(super) struct Town {
    pub world: World,
    pub service: Service,
    pub character: Character,
    /// Answers of payees that are of no use, in percent.
    pub trouble: u64,
    /// Intervals after which the owner pays something by hand, in percent.
    pub by_hand: u64,
    /// Events after which the power fails, in percent.
    pub power_cuts: u64,
    /// The one event, counted from 1, at which the power fails.
    pub cut: Option<Cut>,
    pub events: u64,
    sellers: Sellers,
    random: Random,
    mail: BTreeMap<(UnixMillis, u64), Mail>,
    posted: u64,
    interval: Option<(UnixMillis, u64)>,
    compare_at: UnixMillis,
}

/// When the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The event is lost.
    Before(u64),
    /// The event is committed, its effects are lost.
    After(u64),
}

/// Something on its way to the engine.
enum Mail {
    /// An answer to an effect: gone when the program is.
    Answer(Event),
    /// A report that the service repeats until it was handled.
    Report(Event),
}

impl Town {
    /// A town whose house closes an interval every `interval` ms.
    pub(super) fn new(rules: Rules, seed: u64, interval: u64) -> Town {
        let mut world = World::new(Rules { feeds: Vec::new(), ..rules.clone() });
        world.rules = rules;
        let start = world.now.wall;
        Town {
            world,
            service: Service::default(),
            character: Character::default(),
            trouble: 0,
            by_hand: 0,
            power_cuts: 0,
            cut: None,
            events: 0,
            sellers: Sellers::default(),
            random: Random::new(seed),
            mail: BTreeMap::new(),
            posted: 0,
            interval: Some((start, interval)),
            compare_at: start,
        }
    }

    /// Lets `ms` pass.
    pub(super) fn run(&mut self, ms: u64) {
        let end = self.world.now.wall.plus(ms);
        if self.events == 0 {
            self.restart();
        }
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.pass(at);
            assert!(self.events < EVENTS_MAX, "the engine turns in circles");
            self.report();
            if self.compare_at <= at {
                self.compare();
            }
            if self.interval.is_some_and(|(due, _)| due <= at) {
                self.use_energy();
            }
            while let Some(key) = self.mail.first_key_value().map(|(key, _)| *key).filter(|key| key.0 <= at) {
                let mail = self.mail.remove(&key);
                self.deliver(mail);
            }
            self.handle(Event::Tick);
        }
        self.pass(end);
    }

    /// Everyone behaves, nothing more is used, and everything must come to an end.
    pub(super) fn finish(&mut self, context: &str) {
        self.character = Character::default();
        (self.trouble, self.by_hand, self.power_cuts, self.cut, self.interval) = (0, 0, 0, None, None);
        self.world.interval();
        self.world.rules.feeds.clear();
        self.restart();
        self.run(6 * DAY);
        check(&mut self.world, context);
        let book = book(&mut self.world);
        let locked = self.world.snapshot().lock;
        for hash in &self.service.settled {
            let known = self.world.attempts(*hash).iter().any(|attempt| attempt.state.is_paid());
            assert!(known, "{context}: the ledger does not know that {hash} was settled");
        }
        for paid in &book {
            assert!(!paid.row.state.is_open(), "{context}: {:?} never ended", paid.row);
            let settled = self.service.settled.contains(&paid.row.hash);
            assert!(settled || !paid.row.state.is_paid(), "{context}: booked, but never settled");
        }
        let late = book.iter().filter(|paid| paid.row.state == State::LateSettled).count();
        let settled = book.len() - late - book.iter().filter(|paid| !paid.row.state.is_paid()).count();
        let purchases = settlements(&book).len();
        assert!(settled <= purchases, "{context}: {settled} payments settled for {purchases} purchases");
        assert_eq!(late > 0, locked.is_some(), "{context}: {locked:?}");
        if locked.is_none() {
            assert!(self.world.owed() < Msat(1_000), "{context}: {} is still owed", self.world.owed());
            let open = self.world.engine().store.begin().unwrap().open_purchases(Some("grid")).unwrap();
            assert!(open.is_empty(), "{context}: {open:?}");
        }
    }

    /// The program starts again after a while without power.
    fn restart(&mut self) {
        self.mail.retain(|_, mail| matches!(mail, Mail::Report(_)));
        let off = if self.events == 0 { 0 } else { self.random.below(20 * MINUTE) };
        self.world.now.wall = self.world.now.wall.plus(off);
        let effects = self.world.restart();
        self.compare_at = self.world.now.wall;
        self.events += 1;
        if self.cut == Some(Cut::After(self.events)) {
            return self.restart();
        }
        self.perform(effects);
    }

    /// Hands `event` to the engine and performs what it wants, unless the power fails. False when it must be told again.
    fn handle(&mut self, event: Event) -> bool {
        if matches!(event, Event::Tick) && self.next_job().is_none_or(|at| at > self.world.now.wall) {
            return true;
        }
        self.events += 1;
        if self.cut == Some(Cut::Before(self.events)) {
            self.restart();
            return false;
        }
        let effects = self.world.handle(event);
        if self.cut == Some(Cut::After(self.events)) || self.random.chance(self.power_cuts) {
            self.restart();
            return false;
        }
        self.perform(effects);
        true
    }

    fn deliver(&mut self, mail: Option<Mail>) {
        match mail {
            Some(Mail::Answer(event)) => drop(self.handle(event)),
            Some(Mail::Report(event)) if !self.handle(event.clone()) => self.post(SECOND, Mail::Report(event)),
            _ => {}
        }
    }

    fn use_energy(&mut self) {
        if let Some((due, every)) = &mut self.interval {
            *due = due.plus(*every);
            let mwh = self.random.below(*every / 6);
            self.world.meter.raw.0 += mwh;
            self.world.meter.total.0 += mwh;
            self.world.meter.at = self.world.now.wall;
            let state = self.world.meter;
            self.handle(Event::Interval { meter: "main".to_owned(), state, samples: 10 });
            self.pay_by_hand();
        }
    }

    /// The owner pays an invoice, and says so once more for want of an answer.
    fn pay_by_hand(&mut self) {
        if self.by_hand == 0 || !self.random.chance(self.by_hand) {
            return;
        }
        let amount = Msat(1_000 + self.random.below(60_000));
        let bill = self.sellers.bill(0, amount, self.world.now.wall, 0, &mut self.random);
        let Some(Event::Bill { bolt11, .. }) = bill else { panic!("a seller without trouble has an invoice") };
        let wanted = ByHand { bolt11, amount_msat: amount.0, payee: None, memo: String::new() };
        for _ in 0..2 {
            self.events += 1;
            if self.cut == Some(Cut::Before(self.events)) {
                self.restart();
                continue;
            }
            let now = self.world.now;
            let (_, effects) = self.world.engine().obey(now, Order::Pay(wanted.clone())).unwrap();
            if self.cut == Some(Cut::After(self.events)) || self.random.chance(self.power_cuts) {
                self.restart();
            } else {
                self.perform(effects);
            }
        }
    }

    /// Answers every effect, sooner or later or never.
    fn perform(&mut self, effects: Vec<Effect>) {
        let now = self.world.now.wall;
        for effect in effects {
            let answer = match effect {
                Effect::RequestBill { purchase, amount, .. } => {
                    self.sellers.bill(purchase, amount, now, self.trouble, &mut self.random)
                }
                Effect::Send { hash, .. } => {
                    self.check_send(hash);
                    let (made, expires) = self.sellers.invoice(&hash);
                    let outcome = self.service.pay(&made, expires, now, self.character, &mut self.random);
                    outcome.map(|outcome| Event::Outcome { hash, outcome })
                }
                Effect::LookUp { hash } => {
                    let found = self.service.look_up(hash, now, self.character, &mut self.random);
                    found.map(|found| Event::Found { hash, found })
                }
                Effect::Fetch { feed, ticket } => {
                    let settled = &self.service.settled;
                    let answer = self.sellers.fetch(ticket.as_ref(), settled, now, self.trouble, &mut self.random);
                    (!self.random.chance(self.trouble / 2)).then_some(Event::Fetched { feed, answer })
                }
            };
            if let Some(event) = answer {
                let takes = self.random.below(5 * SECOND);
                self.post(takes, Mail::Answer(event));
            }
        }
    }

    /// Nothing leaves without a durable row that says so, and nothing beside it may be moving for the same purchase.
    fn check_send(&mut self, hash: crate::domain::invoice::PaymentHash) {
        assert_eq!(self.world.snapshot().lock, None, "sent although payments are locked");
        let newest = self.world.attempts(hash).remove(0);
        assert!(matches!(newest.state, State::Sending | State::Unknown), "sent while {:?}", newest.state);
        let tx = self.world.engine().store.begin().unwrap();
        let of_purchase = tx.newest_payment_of(newest.purchase).unwrap().unwrap();
        assert_eq!(of_purchase.payment, newest.payment, "an older invoice was sent");
    }

    /// The wallet is asked for its history and balance; its answer may be late or missing.
    fn compare(&mut self) {
        let now = self.world.now;
        let mark = self.world.engine().mark(now).unwrap();
        let takes = self.random.below(5 * SECOND);
        if self.random.chance(self.character.loses) {
            self.compare_at = now.wall.plus(2 * MINUTE);
            return self.post(takes, Mail::Answer(Event::NotCompared("no answer".to_owned())));
        }
        self.compare_at = now.wall.plus(COMPARE_EVERY);
        let listed = Some(self.service.history(mark.since, &mut self.random));
        let balance = Some(self.service.balance());
        self.post(takes, Mail::Answer(Event::Compared(Comparison { mark, node_id: None, listed, balance })));
    }

    fn report(&mut self) {
        for (hash, outcome) in self.service.reports(self.world.now.wall) {
            let event = Event::Outcome { hash, outcome };
            if self.random.chance(self.character.repeats) {
                let later = self.random.below(2 * HOUR);
                self.post(later, Mail::Report(event.clone()));
            }
            self.post(0, Mail::Report(event));
        }
    }

    fn post(&mut self, wait: u64, mail: Mail) {
        self.posted += 1;
        self.mail.insert((self.world.now.wall.plus(wait), self.posted), mail);
    }

    /// When something happens next.
    fn next(&mut self) -> Option<UnixMillis> {
        let now = self.world.now.wall;
        let mail = self.mail.first_key_value().map(|(key, _)| key.0);
        let interval = self.interval.map(|(due, _)| due);
        let times = [mail, interval, self.service.next(), self.next_job(), Some(self.compare_at)];
        times.into_iter().flatten().min().map(|at| at.max(now))
    }

    fn next_job(&mut self) -> Option<UnixMillis> {
        let now = self.world.now;
        let job = self.world.engine().jobs.next()?;
        Some(now.wall.plus(job.saturating_sub(now.monotonic)))
    }

    fn pass(&mut self, until: UnixMillis) {
        let ms = until.since(self.world.now.wall);
        self.world.now.wall = self.world.now.wall.plus(ms);
        self.world.now.monotonic += ms;
    }
}

/// Limits that a lively house reaches now and then.
pub(super) fn tight_rules() -> Rules {
    let mut rules = rules_with_feed();
    rules.agreements[0].budget.per_payment = Msat(110_000);
    rules.agreements[0].budget.per_hour = Msat(230_000);
    rules.house.per_hour = Msat(240_000);
    rules.feeds[0].every_ms = 3 * HOUR;
    rules.compare_first = true;
    rules
}
