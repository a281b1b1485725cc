//! What comes after the lies: everybody tells the truth, and everything must end well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::{Effect, Event, FeedAnswer, Found, Order, PayOutcome, Verdict};
use super::checks::{book, check};
use super::stage::{Stage, obey};
use super::world::{MINUTE, Made, Terms, offer, paid};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::domain::payment::State;

/// A service, a payee and a seller that do not lie. They know what was really paid.
struct Honest {
    invoices: BTreeMap<PaymentHash, Made>,
    paid: BTreeSet<PaymentHash>,
}

/// Lets the truth come out: `paid` says whether the payment that was lied about had reached its payee.
pub(super) fn ends_well(stage: &mut Stage, paid: bool) {
    let mut honest = Honest::of(stage, paid);
    stage.checks_all = false;
    honest.live(stage, LONG_ENOUGH);
    let hidden = honest.nothing_is_lost_or_doubled(stage);
    if stage.world.snapshot().lock.is_some() {
        if hidden {
            return; // The owner finds it when comparing the wallet with the ledger, and does not unlock.
        }
        let (verdict, effects) = obey(&mut stage.world, Order::Unlock);
        let open = book(&mut stage.world).iter().any(|paid| paid.row.state.may_be_moving());
        assert_eq!(matches!(verdict, Verdict::Refused(_)), open, "{}: {verdict:?}", stage.context);
        if open {
            // It said that it has the payment and never showed it: nothing more can be known, nothing more is paid.
            return assert!(effects.is_empty(), "{}: {effects:?}", stage.context);
        }
        honest.live(stage, LONG_ENOUGH);
        assert!(!honest.nothing_is_lost_or_doubled(stage), "{}", stage.context);
    }
    let context = &stage.context;
    assert_eq!(stage.world.snapshot().lock, None, "{context}");
    assert_eq!(stage.world.owed(), Msat::ZERO, "{context}: the need is met");
    let book = book(&mut stage.world);
    assert!(!book.iter().any(|paid| paid.row.state.is_open()), "{context}: everything is over");
    stage.restart();
}

impl Honest {
    fn of(stage: &mut Stage, paid: bool) -> Honest {
        let invoices = [&stage.made, &stage.other].map(|made| (made.hash, made.clone()));
        let mut honest = Honest { invoices: invoices.into(), paid: BTreeSet::new() };
        let proven = stage.proven.iter().filter(|hash| honest.invoices.contains_key(hash)).copied();
        honest.paid = proven.chain(paid.then_some(stage.made.hash)).chain([stage.other.hash]).collect();
        honest
    }

    /// The program starts anew, as its answers on the way are lost, and then `ms` pass.
    fn live(&mut self, stage: &mut Stage, ms: u64) {
        stage.restarts = false;
        let effects = stage.restart();
        self.answer(stage, effects);
        let end = stage.world.now.monotonic + ms;
        while stage.world.now.monotonic < end {
            let next = stage.world.engine().jobs.next().unwrap_or(end).min(end);
            let pause = next.saturating_sub(stage.world.now.monotonic);
            let effects = stage.tick(pause);
            self.answer(stage, effects);
        }
    }

    fn answer(&mut self, stage: &mut Stage, effects: Vec<Effect>) {
        let mut waiting = VecDeque::from(effects);
        while let Some(effect) = waiting.pop_front() {
            let event = self.event(stage, effect);
            waiting.extend(stage.hears(vec![event]));
        }
    }

    fn event(&mut self, stage: &mut Stage, effect: Effect) -> Event {
        match effect {
            Effect::Send { hash, .. } => Event::Outcome { hash, outcome: self.pay(stage, hash) },
            Effect::LookUp { hash } if self.paid.contains(&hash) => {
                Event::Found { hash, found: Found::Outcome(paid(&self.invoices[&hash])) }
            }
            Effect::LookUp { hash } => Event::Found { hash, found: Found::NotFound },
            Effect::RequestBill { purchase, amount, .. } => {
                Event::Bill { purchase, bolt11: self.make(stage, amount).bolt11 }
            }
            Effect::Fetch { feed, ticket: Some(_) } => Event::Fetched { feed, answer: FeedAnswer::Data },
            Effect::Fetch { feed, ticket: None } => {
                let made = self.make(stage, Msat(15_000));
                Event::Fetched { feed, answer: FeedAnswer::PaymentRequired(offer(&made, "/prices")) }
            }
        }
    }

    /// The payee takes one payment of a hash; a service that does not refuse a second one sees it fail there.
    fn pay(&mut self, stage: &Stage, hash: PaymentHash) -> PayOutcome {
        match (self.paid.insert(hash), stage.world.rules.service_refuses_duplicates) {
            (true, _) => paid(&self.invoices[&hash]),
            (false, true) => PayOutcome::AlreadyKnown,
            (false, false) => PayOutcome::Failed("the payee has it already".to_owned()),
        }
    }

    fn make(&mut self, stage: &mut Stage, amount: Msat) -> Made {
        let made = stage.world.invoice(Terms::of(amount));
        self.invoices.insert(made.hash, made.clone());
        made
    }

    /// One need, one payment; and what was paid is booked. Only a failure that is a lie hides behind a lock: as long as
    /// that lasts nothing is tried again, so that nobody learns better. Returns whether there is one.
    fn nothing_is_lost_or_doubled(&self, stage: &mut Stage) -> bool {
        let (context, locked) = (stage.context.clone(), stage.world.snapshot().lock.is_some());
        check(&mut stage.world, &context);
        let book = book(&mut stage.world);
        let (mut purchases, mut hidden_one) = (BTreeMap::new(), false);
        for hash in &self.paid {
            let rows: Vec<_> = book.iter().filter(|paid| paid.row.hash == *hash).collect();
            let booked = rows.iter().filter(|paid| paid.summary.fee_msat.is_some()).count();
            let hidden = locked && rows.iter().any(|paid| paid.row.state == State::Failed);
            assert!(booked == 1 || (booked == 0 && hidden), "{context}: {hash} is booked {booked} times");
            hidden_one |= booked == 0;
            let earlier = purchases.insert(rows[0].row.purchase, *hash);
            assert_eq!(earlier, None, "{context}: a purchase paid twice");
        }
        hidden_one
    }
}

/// An invoice lives an hour, and three times ten minutes later nobody waits for it any more.
const LONG_ENOUGH: u64 = 150 * MINUTE;
