//! One payment in one state, a service that may say anything of it, and what must hold after every word.

use bitcoin::hashes::{Hash as _, sha256};

use super::super::{Effect, Event, FeedAnswer, Found, Order, PayOutcome, Rules, Verdict};
use super::checks::{Paid, book, check, is_stray};
use super::world::{
    Made, SLICE, SLICE_MWH, Terms, World, bill_of, bills, failed, looked_up, offer, paid, rules_with_feed, sent,
    unknown,
};
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::payment::State;

/// The payment that is lied about, and another one of the same wallet that is on its way.
pub(super) struct Stage {
    pub world: World,
    pub made: Made,
    pub other: Made,
    /// Whether the program stops and starts again after every word.
    pub restarts: bool,
    /// Whether the whole ledger and journal are checked after every event, which takes long.
    pub checks_all: bool,
    pub context: String,
    /// The hashes of which the engine was shown a proof that they are paid.
    pub proven: Vec<PaymentHash>,
    /// Money came in under the payment's own hash.
    received: bool,
}

/// A payment as it is compared before and after an event.
#[derive(Clone, Copy, Debug)]
struct Seen {
    payment: i64,
    purchase: i64,
    hash: PaymentHash,
    state: State,
    expires_at: UnixMillis,
}

impl Stage {
    /// Lives an honest story that ends in `state`.
    pub(super) fn set(state: State, refuses_duplicates: bool, context: &str) -> Stage {
        let rules = Rules { service_refuses_duplicates: refuses_duplicates, ..rules_with_feed() };
        let mut world = World::new(rules);
        let other = world.invoice(Terms::of(Msat(15_000)));
        assert_eq!(sent(&world.fetched(FeedAnswer::PaymentRequired(offer(&other, "/prices")))), [other.hash]);
        world.outcome(other.hash, PayOutcome::InFlight);
        let purchase = bill_of(&world.consume(SLICE_MWH));
        let made = world.send_bill(purchase, Terms::of(SLICE));
        for outcome in story(state, &made) {
            world.outcome(made.hash, outcome);
        }
        if state == State::Cancelled {
            // The owner stopped payments while this one waited for a connection, and let them go on afterwards.
            obey(&mut world, Order::Stop);
            world.wait(2_000);
            obey(&mut world, Order::Resume);
        }
        assert_eq!(world.state(made.hash), state, "{context}: the story before");
        let proven = if state.is_paid() { vec![made.hash] } else { Vec::new() };
        Stage {
            world,
            made,
            other,
            restarts: false,
            checks_all: true,
            context: context.to_owned(),
            proven,
            received: false,
        }
    }

    /// The pay call's answer, or a report.
    pub(super) fn says(&mut self, outcome: PayOutcome) {
        let hash = self.made.hash;
        self.says_of(hash, outcome);
    }

    pub(super) fn says_of(&mut self, hash: PaymentHash, outcome: PayOutcome) {
        self.hears(vec![Event::Outcome { hash, outcome }]);
    }

    /// The answer to a look-up.
    pub(super) fn finds(&mut self, found: Found) {
        let hash = self.made.hash;
        self.hears(vec![Event::Found { hash, found }]);
    }

    /// Two words that arrive together are handled in one transaction.
    pub(super) fn says_at_once(&mut self, outcomes: [PayOutcome; 2]) {
        let hash = self.made.hash;
        self.hears(outcomes.map(|outcome| Event::Outcome { hash, outcome }).to_vec());
    }

    pub(super) fn receives(&mut self, hash: PaymentHash, amount: Msat) {
        self.received |= hash == self.made.hash;
        self.hears(vec![Event::Received { hash, amount, opening: None }]);
    }

    /// Time passes and nobody answers anything.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.world.now.monotonic + ms;
        while let Some(next) = self.world.engine().jobs.next().filter(|next| *next <= end) {
            let pause = next.saturating_sub(self.world.now.monotonic);
            self.tick(pause);
        }
        let rest = end - self.world.now.monotonic;
        self.tick(rest);
    }

    /// The program ends and starts again, perhaps with another wallet.
    pub(super) fn restart(&mut self) -> Vec<Effect> {
        let before = self.seen();
        let effects = self.world.restart();
        self.judge(&before, &effects, &[]);
        effects
    }

    pub(super) fn restart_with(&mut self, service: &str) {
        service.clone_into(&mut self.world.rules.service);
        self.restart();
    }

    /// Every attempt at the payment, oldest first, one letter each; `!` when automatic payments are locked.
    pub(super) fn shown(&mut self) -> String {
        let hash = self.made.hash;
        let book = book(&mut self.world);
        let attempts = book.iter().filter(|paid| paid.row.hash == hash);
        let mut shown: String = attempts.map(|paid| letter(paid.row.state, is_stray(paid))).collect();
        if self.world.snapshot().lock.is_some() {
            shown.push('!');
        }
        shown
    }

    /// Whether the payee may have the money without anybody having proven it. What never left this machine is not paid.
    /// A failure is believed where the same invoice cannot be tried again: it expired, or its hash has come in.
    pub(super) fn may_be_paid(&mut self) -> bool {
        let (hash, now, received) = (self.made.hash, self.world.now.wall, self.received);
        self.seen().iter().filter(|seen| seen.hash == hash).any(|seen| {
            seen.state.may_be_moving() || (seen.state == State::Failed && now < seen.expires_at && !received)
        })
    }

    /// Handles events and sees to it that they moved nothing they must not.
    pub(super) fn hears(&mut self, events: Vec<Event>) -> Vec<Effect> {
        for event in &events {
            self.note_proof(event);
        }
        let (before, now) = (self.seen(), self.world.now);
        let effects = self.world.engine().handle_all(now, events.clone()).unwrap_or_else(|error| {
            panic!("{}: {events:?} stopped the engine: {error}", self.context);
        });
        self.judge(&before, &effects, &events);
        if self.restarts && !events.contains(&Event::Tick) {
            self.restart();
        }
        effects
    }

    pub(super) fn tick(&mut self, ms: u64) -> Vec<Effect> {
        self.world.now.wall = self.world.now.wall.plus(ms);
        self.world.now.monotonic += ms;
        self.hears(vec![Event::Tick])
    }

    fn note_proof(&mut self, event: &Event) {
        let (Event::Outcome { hash, outcome } | Event::Found { hash, found: Found::Outcome(outcome) }) = event else {
            return;
        };
        if let PayOutcome::Paid { preimage, .. } = outcome
            && sha256::Hash::hash(&preimage.0).to_byte_array() == hash.0
        {
            self.proven.push(*hash);
        }
    }

    fn seen(&mut self) -> Vec<Seen> {
        let seen = |paid: Paid| {
            let row = paid.row;
            let (payment, purchase, hash, state) = (row.payment, row.purchase, row.hash, row.state);
            Seen { payment, purchase, hash, state, expires_at: row.expires_at }
        };
        book(&mut self.world).into_iter().map(seen).collect()
    }

    #[track_caller]
    fn judge(&mut self, before: &[Seen], effects: &[Effect], events: &[Event]) {
        let (after, context) = (self.seen(), format!("{}, after {events:?}", self.context));
        for now in &after {
            let was = before.iter().find(|was| was.payment == now.payment).map_or(State::Intent, |was| was.state);
            assert!(leads_to(was, now.state), "{context}: from {} to {}", was.name(), now.state.name());
        }
        for purchase in after.iter().map(|seen| seen.purchase) {
            let settled = |seen: &&Seen| seen.purchase == purchase && seen.state.is_paid();
            assert!(after.iter().filter(settled).count() <= 1, "{context}: paid twice");
        }
        for hash in sent(effects) {
            self.judge_send(hash, before, &after, events, &context);
        }
        for (purchase, _) in bills(effects) {
            let now = self.world.now.wall;
            let stands = |seen: &&Seen| match seen.state {
                State::Cancelled => false,
                State::Failed => now < seen.expires_at,
                _ => true,
            };
            let stands = after.iter().filter(|seen| seen.purchase == purchase).find(stands);
            assert!(stands.is_none(), "{context}: a second invoice beside {stands:?}");
        }
        for hash in looked_up(effects) {
            let moving = after.iter().any(|seen| seen.hash == hash && seen.state.may_be_moving());
            assert!(moving, "{context}: a look-up of what is over");
        }
        if self.checks_all {
            check(&mut self.world, &context);
        }
    }

    /// A payment is handed out once: when its intent becomes sending, or again as the same invoice after "not found" by
    /// a service that pays no hash twice.
    fn judge_send(&self, hash: PaymentHash, before: &[Seen], after: &[Seen], events: &[Event], context: &str) {
        let newest = after.iter().rfind(|seen| seen.hash == hash).expect("sent, so it has a row");
        let was = before.iter().find(|was| was.payment == newest.payment).map(|was| was.state);
        let begins = newest.state == State::Sending && matches!(was, None | Some(State::Intent));
        let asked = Event::Found { hash, found: Found::NotFound };
        let again = self.world.rules.service_refuses_duplicates
            && (was, newest.state) == (Some(State::Unknown), State::Unknown)
            && events.contains(&asked);
        assert!(begins || again, "{context}: sent again, {was:?} before, {:?} now", newest.state);
        let rest = after.iter().filter(|seen| seen.payment != newest.payment && seen.purchase == newest.purchase);
        for rest in rest {
            let over = match rest.state {
                State::Failed => rest.hash == hash || rest.expires_at <= self.world.now.wall,
                state => state == State::Cancelled,
            };
            assert!(over, "{context}: sent beside {rest:?}");
        }
    }
}

/// The words of a service that lead from sending to `state`.
fn story(state: State, made: &Made) -> Vec<PayOutcome> {
    match state {
        State::Sending => Vec::new(),
        State::Intent | State::Cancelled => vec![not_sent()],
        State::InFlight => vec![PayOutcome::InFlight],
        State::Unknown => vec![unknown()],
        State::Settled => vec![paid(made)],
        State::Failed => vec![failed()],
        State::LateSettled => vec![failed(), paid(made)],
    }
}

/// The table of `reliability-security`, section 1, written down a second time; at most two of its moves in one event.
fn leads_to(from: State, to: State) -> bool {
    let moves = |from: State| -> &'static [State] {
        use State::{Cancelled, Failed, InFlight, Intent, LateSettled, Sending, Settled, Unknown};
        match from {
            Intent => &[Sending, Cancelled],
            Sending => &[InFlight, Settled, Failed, Unknown, Intent],
            InFlight => &[Settled, Failed],
            Unknown => &[InFlight, Settled, Failed],
            Failed => &[LateSettled],
            Settled | LateSettled | Cancelled => &[],
        }
    };
    from == to || moves(from).contains(&to) || moves(from).iter().any(|between| moves(*between).contains(&to))
}

fn letter(state: State, stray: bool) -> char {
    match state {
        State::Intent => 'i',
        State::Sending => 's',
        State::InFlight => 'f',
        State::Unknown => 'u',
        State::Settled => 'S',
        State::Failed => 'F',
        State::LateSettled => 'L',
        State::Cancelled if stray => 'X',
        State::Cancelled => 'C',
    }
}

pub(super) fn obey(world: &mut World, order: Order) -> (Verdict, Vec<Effect>) {
    let now = world.now;
    world.engine().obey(now, order).unwrap()
}

pub(super) fn not_sent() -> PayOutcome {
    PayOutcome::NotSent("connection refused".to_owned())
}

/// Says paid, with this proof and a fee of 700 msat.
pub(super) fn paid_with(preimage: Preimage) -> PayOutcome {
    PayOutcome::Paid { preimage, fee: Some(Msat(700)) }
}
