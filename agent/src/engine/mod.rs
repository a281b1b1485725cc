//! One event in, one transaction, effects out: the only place where order matters.
//!
//! The engine performs no I/O but its transaction, and reads no clock. Tasks perform the effects and answer with events;
//! an effect that is lost (a crash, a full queue) is derived again from the rows at start or by [`Event::Tick`].

mod account;
mod balance;
mod bills;
mod by_hand;
mod channels;
mod energy;
mod event;
mod feeds;
mod instance;
mod jobs;
mod judge;
mod lived;
mod moves;
mod outcomes;
mod owner;
mod provider;
mod questions;
mod recovery;
mod restored;
mod snapshot;
mod treasury;
mod wallet;

use std::collections::BTreeMap;

use bitcoin::Network;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::clock::Now;
use crate::config::{Agreement, Feed, PayeeLimits};
use crate::domain::breaker::Breaker;
use crate::domain::meter::MeterState;
use crate::domain::money::UnixMillis;
use crate::domain::policy::{AskRule, Budget, FeeRule};
use crate::domain::rate::Rate;
use crate::domain::refill::RefillRule;
use crate::store::{Copier, Store, StoreError, Tx};
pub use account::RuleAccount;
pub use by_hand::ByHand;
pub use event::{Effect, Event, FeedAnswer, Found, Opening, PayOutcome};
pub use instance::{Belonging, Instance, belongs};
use jobs::Jobs;
use lived::Lived;
pub use moves::{MoveStep, MoveStory};
pub use owner::{Order, Verdict};
pub use provider::{OpeningPrice, Terms};
pub use restored::lock_restored;
pub use snapshot::{AgreementSnapshot, QuestionSnapshot, Snapshot, WalletSnapshot};
pub use treasury::{Keep, Kept, Spend};
use wallet::Standing;
pub use wallet::{Comparison, Direction, Listed, Mark, forget_empty_node};

/// What the owner allowed; taken from the configuration, replaced as a whole.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The network invoices must be for.
    pub network: Network,
    /// The Lightning service that pays, for every payment of this run.
    pub service: String,
    /// The service refuses to pay a hash twice, so that an unpaid invoice may be handed to it again.
    pub service_refuses_duplicates: bool,
    /// Limits of the whole house.
    pub house: Budget,
    /// How much routing may cost.
    pub fees: FeeRule,
    /// When the owner is asked first.
    pub ask: AskRule,
    /// The owner's clock: whose hours, days and months the limits mean.
    pub zone: TimeZone,
    /// Payees with limits of their own.
    pub payees: Vec<PayeeLimits>,
    /// Only payees in `payees` may be paid.
    pub listed_payees_only: bool,
    /// Nothing but payments changes the wallet's balance; of a node whose channels its owner opens and closes that is not so.
    pub balance_moves_only_by_payments: bool,
    /// Payments wait at start until the wallet's history was compared with the ledger.
    pub compare_first: bool,
    /// When money moves between savings and spending money, if it does.
    pub refill: Option<RefillRule>,
    /// Electricity bought.
    pub agreements: Vec<Agreement>,
    /// Data bought.
    pub feeds: Vec<Feed>,
}

/// The engine can not go on; the process stops with relays off.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The money database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The state behind every decision.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    rules: Rules,
    jobs: Jobs,
    notices: BTreeMap<String, String>,
    breaker: Breaker,
    standing: Standing,
    interlock: Option<String>,
    lived: Lived,
    rate: Option<Rate>,
}

/// One event being handled.
struct Step<'a> {
    tx: &'a Tx<'a>,
    rules: &'a Rules,
    jobs: &'a mut Jobs,
    notices: &'a mut BTreeMap<String, String>,
    breaker: &'a mut Breaker,
    standing: &'a mut Standing,
    interlock: &'a mut Option<String>,
    rate: &'a mut Option<Rate>,
    lived: Lived,
    now: Now,
    effects: Vec<Effect>,
}

impl Engine {
    /// Takes over the database under `rules`.
    pub fn new(store: Store, rules: Rules) -> Engine {
        let standing = Standing::new(&rules);
        let (jobs, notices, breaker) = (Jobs::default(), BTreeMap::new(), Breaker::default());
        Engine { store, rules, jobs, notices, breaker, standing, interlock: None, lived: Lived::default(), rate: None }
    }

    /// Recovery: what may be moving is looked up, what certainly did not leave is sent or given up, and only then comes
    /// anything new (`reliability-security`, rule 1.11).
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn start(&mut self, now: Now) -> Result<Vec<Effect>, EngineError> {
        self.transact(now, |step| step.recover())
    }

    /// Before [`Engine::start`]: the stop button cannot be read, so nothing is paid until an event says that it can.
    pub fn hold(&mut self, fault: String) {
        self.interlock = Some(fault);
    }

    /// Goes on under other rules of the same wallet: what was refused or rested is looked at again, at once.
    ///
    /// # Errors
    /// [`EngineError`]: the database failed, the engine must not be used again.
    pub fn adopt(&mut self, now: Now, rules: Rules) -> Result<Vec<Effect>, EngineError> {
        let changed = self.changed(&rules);
        self.rules = rules;
        self.transact(now, |step| step.look_again(Some(&changed)))
    }

    /// The agreements and feeds that are not the same under other rules.
    pub fn changed(&self, rules: &Rules) -> Vec<String> {
        let agreements = |rules: &Rules, known: &Agreement| rules.agreements.contains(known);
        let feeds = |rules: &Rules, known: &Feed| rules.feeds.contains(known);
        let mut changed = Vec::new();
        for (one, other) in [(&self.rules, rules), (rules, &self.rules)] {
            changed
                .extend(one.agreements.iter().filter(|known| !agreements(other, known)).map(|known| known.id.clone()));
            changed.extend(one.feeds.iter().filter(|known| !feeds(other, known)).map(|known| known.id.clone()));
        }
        changed
    }

    /// Handles one event in one transaction. What it returns may be lost; what it committed may not.
    ///
    /// # Errors
    /// [`EngineError`]: the database failed, the engine must not be used again.
    pub fn handle(&mut self, now: Now, event: Event) -> Result<Vec<Effect>, EngineError> {
        self.handle_all(now, vec![event])
    }

    /// Handles events that arrived together in one transaction, in their order: one flush to disk for all of them.
    ///
    /// # Errors
    /// [`EngineError`]: the database failed, none of them is committed, and the engine must not be used again.
    pub fn handle_all(&mut self, now: Now, events: Vec<Event>) -> Result<Vec<Effect>, EngineError> {
        let ticks = events.contains(&Event::Tick);
        if events.iter().all(|event| *event == Event::Tick) && !self.jobs.is_any_due(now.monotonic) {
            return Ok(Vec::new());
        }
        self.transact(now, |step| {
            for event in events {
                step.on_event(event)?;
            }
            // Last, because what came with the tick may have settled what a job was to see to.
            let due = if ticks { step.jobs.take_due(now.monotonic) } else { Vec::new() };
            due.into_iter().try_for_each(|job| step.on_due(job))
        })
    }

    /// What is known of `meter`, for the gate that judges its samples.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn meter(&mut self, meter: &str) -> Result<Option<MeterState>, EngineError> {
        Ok(self.store.begin()?.meter(meter)?)
    }

    /// Copies the money database, from any thread.
    pub fn copier(&self) -> Copier {
        self.store.copier()
    }

    fn transact(
        &mut self,
        now: Now,
        work: impl FnOnce(&mut Step<'_>) -> Result<(), StoreError>,
    ) -> Result<Vec<Effect>, EngineError> {
        let Engine { store, rules, jobs, notices, breaker, standing, interlock, lived, rate } = self;
        lived.note(now);
        let (tx, lived, effects) = (store.begin()?, *lived, Vec::new());
        let mut step = Step { tx: &tx, rules, jobs, notices, breaker, standing, interlock, rate, lived, now, effects };
        work(&mut step)?;
        let effects = step.effects;
        tx.commit()?;
        Ok(effects)
    }
}

impl Step<'_> {
    fn on_event(&mut self, event: Event) -> Result<(), StoreError> {
        match event {
            Event::Interval { meter, state, samples } => self.on_interval(&meter, state, samples),
            Event::MeterDoubt { meter, text, too_high } => self.on_meter_doubt(&meter, &text, too_high),
            Event::Switched { device, on, why } => self.on_switched(&device, on, &why),
            Event::Access(text) => self.record(json!({"event": "access", "text": text})),
            Event::BackedUp { file, bytes, opened } => {
                self.record(json!({"event": "backed_up", "file": file, "bytes": bytes, "opened": opened}))
            }
            Event::BackupFailed(why) => self.record(json!({"event": "backup_failed", "why": why})),
            Event::Set { device, text } => self.record(json!({"event": "set", "device": device, "text": text})),
            Event::Bill { purchase, bolt11 } => self.on_bill(purchase, &bolt11),
            Event::NoBill { purchase, fault, range } => self.on_no_bill(purchase, &fault, range),
            Event::Outcome { hash, outcome } => self.on_outcome(hash, outcome),
            Event::Found { hash, found } => self.on_found(hash, found),
            Event::Fetched { feed, answer } => self.on_fetched(&feed, answer),
            Event::Received { hash, amount, opening } => {
                self.on_received(&hash, amount)?;
                opening.map_or(Ok(()), |opening| self.on_opening(&hash, &opening))
            }
            Event::Spliced { channel, txid } => self.on_spliced(&channel, txid),
            Event::SpliceFailed { channel } => self.on_splice_failed(&channel),
            Event::ChannelClosed { channel, why, had_money } => self.on_channel_closed(&channel, &why, had_money),
            Event::WalletReady => self.on_wallet_ready(),
            Event::Interlock(fault) => self.on_interlock(fault),
            Event::Compared(comparison) => self.on_compared(&comparison),
            Event::NotCompared(why) => self.on_not_compared(why),
            Event::SettleUp => self.settle_up(),
            Event::Rate(rate) => {
                *self.rate = Some(rate);
                Ok(())
            }
            Event::Tick => Ok(()), // What came due follows, once for all events that came together.
        }
    }

    fn record(&self, payload: serde_json::Value) -> Result<(), StoreError> {
        self.tx.record(self.now.wall, &payload)
    }

    /// Stops automatic payments until the owner has looked. Every reason is kept, each once.
    fn lock(&self, reason: &str) -> Result<(), StoreError> {
        lock(self.tx, self.now.wall, reason)
    }
}

fn lock(tx: &Tx<'_>, at: UnixMillis, reason: &str) -> Result<(), StoreError> {
    let text = match tx.meta(LOCK)? {
        Some(known) if known.contains(reason) || known.len() > LOCK_BYTES_MAX => return Ok(()),
        Some(known) => format!("{known} {reason}"),
        None => reason.to_owned(),
    };
    tx.record(at, &json!({"event": "locked", "reason": reason}))?;
    tx.set_meta(LOCK, &text)
}

const LOCK: &str = "lock";
const STOPPED: &str = "stopped";
/// A lock that says this much already needs no further reasons.
const LOCK_BYTES_MAX: usize = 4_096;

#[cfg(test)]
pub(crate) mod tests;
