//! Performs effects: asks payees for invoices, hands invoices to the wallet one at a time, looks payments up, buys data.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{Asked, EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::config::{Agreement, Config, Feed};
use crate::domain::invoice::PaymentHash;
use crate::domain::l402::Credential;
use crate::domain::money::Msat;
use crate::engine::{Effect, Event, FeedAnswer, PayOutcome};
use crate::http::{HttpFault, Limits, StrictClient};
use crate::latest::{Latest, Value};
use crate::lightning::LightningService;
use crate::payees::l402::{Purchase, fetch, points};
use crate::payees::lnurl::{LnurlFault, request_invoice};

/// Everything the effects need.
pub struct Performer {
    engine: EngineHandle,
    lightning: LightningService,
    latest: Latest,
    clock: Clock,
    payees: Payees,
}

/// Whom the performer asks, replaced as a whole. Clones share it.
#[derive(Clone)]
pub struct Payees {
    known: watch::Sender<Arc<Known>>,
}

/// Everybody who may be asked under one set of rules, each with the client that reaches only them.
struct Known {
    /// How many sets of rules came before.
    era: u64,
    agreements: BTreeMap<String, (Agreement, StrictClient)>,
    feeds: BTreeMap<String, (Feed, StrictClient)>,
}

impl Payees {
    /// Prepares a client for each.
    ///
    /// # Errors
    /// [`HttpFault::NotPrepared`] when TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Payees, HttpFault> {
        Ok(Payees { known: watch::Sender::new(Arc::new(Known::new(0, config)?)) })
    }

    /// Replaces them, just before the engine adopts the same rules.
    ///
    /// # Errors
    /// [`HttpFault::NotPrepared`]; they are the same as before then.
    pub fn replace(&self, config: &Config) -> Result<(), HttpFault> {
        let next = Known::new(self.known.borrow().era + 1, config)?;
        self.known.send_replace(Arc::new(next));
        Ok(())
    }
}

impl Known {
    fn new(era: u64, config: &Config) -> Result<Known, HttpFault> {
        let limits = Limits::default();
        let agreement = |known: &Agreement| {
            Ok((known.id.clone(), (known.clone(), StrictClient::new(known.reach.clone(), limits)?)))
        };
        let feed =
            |known: &Feed| Ok((known.id.clone(), (known.clone(), StrictClient::new(known.reach.clone(), limits)?)));
        let agreements = config.agreements.iter().map(agreement).collect::<Result<_, HttpFault>>()?;
        let feeds = config.feeds.iter().map(feed).collect::<Result<_, HttpFault>>()?;
        Ok(Known { era, agreements, feeds })
    }
}

impl Performer {
    /// That asks these.
    pub fn new(
        engine: EngineHandle,
        lightning: LightningService,
        latest: Latest,
        clock: Clock,
        payees: Payees,
    ) -> Performer {
        Performer { engine, lightning, latest, clock, payees }
    }

    /// Performs effects until the engine is gone. Payments go through one queue; the rest runs side by side, bounded.
    ///
    /// Dropping the future stops everything it started; the engine finds out what was open at its next start.
    pub async fn run(self, mut effects: mpsc::Receiver<Effect>) {
        let performer = Arc::new(self);
        let (payments, queue) = mpsc::channel(PAYMENTS_QUEUED_MAX);
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&performer).pay_in_turn(queue));
        while let Some(effect) = effects.recv().await {
            if let Effect::Send { hash, bolt11, fee_max } = effect {
                // A full queue cannot happen while the engine sends one at a time; if it does, a look-up finds out.
                let _ = payments.try_send(Turn { hash, bolt11, fee_max, since_ms: performer.clock.elapsed_ms() });
                continue;
            }
            if tasks.len() > SIDE_BY_SIDE_MAX {
                let _ = tasks.join_next().await;
            }
            while tasks.try_join_next().is_some() {}
            let performer = Arc::clone(&performer);
            tasks.spawn(async move {
                // The engine being gone ends the program; there is nobody left to tell.
                let _ = performer.perform(effect).await;
            });
        }
    }

    async fn pay_in_turn(self: Arc<Self>, mut queue: mpsc::Receiver<Turn>) {
        while let Some(Turn { hash, bolt11, fee_max, since_ms }) = queue.recv().await {
            // Whoever waits for longer may be given up meanwhile, and must not be paid after that.
            let outcome = match self.clock.elapsed_ms().saturating_sub(since_ms) {
                0..=TURN_WAIT_MS_MAX => self.lightning.pay(&bolt11, fee_max).await,
                _ => PayOutcome::NotSent("the wallet was busy with another payment for too long".to_owned()),
            };
            if self.engine.submit(Event::Outcome { hash, outcome }).await.is_err() {
                return;
            }
        }
    }

    async fn perform(&self, effect: Effect) -> Result<(), EngineGone> {
        let known = self.payees.known.borrow().clone();
        let (rule, answer) = match effect {
            Effect::LookUp { hash } => {
                let found = self.lightning.look_up(&hash).await;
                return self.engine.submit(Event::Found { hash, found }).await;
            }
            Effect::RequestBill { purchase, agreement, amount } => {
                let answer = request_bill(&known, purchase, &agreement, amount).await;
                (agreement, answer)
            }
            Effect::Fetch { feed, ticket } => {
                let answer = self.fetch(&known, &feed, ticket).await;
                let answer = answer.map(|answer| Event::Fetched { feed: feed.clone(), answer });
                (feed, answer)
            }
            Effect::Send { .. } => return Ok(()),
        };
        match answer {
            Some(answer) => self.engine.submit_answer(Asked { rule, era: known.era }, answer).await,
            None => Ok(()),
        }
    }

    async fn fetch(&self, known: &Known, feed: &str, ticket: Option<Credential>) -> Option<FeedAnswer> {
        let (feed, client) = known.feeds.get(feed)?;
        let body = match fetch(client, &feed.url, ticket.as_ref()).await {
            Ok(Purchase::PaymentRequired(challenge)) => return Some(FeedAnswer::PaymentRequired(challenge)),
            Ok(Purchase::CredentialRefused(challenge)) => return Some(FeedAnswer::TicketRefused(challenge)),
            Ok(Purchase::Data(body)) => body,
            Err(fault) => return Some(self.feed_fault(feed, &fault.to_string())),
        };
        let data = match points(&body, &feed.points) {
            Ok(data) => data,
            Err(fault) => return Some(self.feed_fault(feed, &fault.to_string())),
        };
        let at_ms = self.clock.elapsed_ms();
        for point in data {
            self.latest.put(&feed.id, &point.point, Value { milli: point.milli, unit: String::new(), at_ms });
        }
        self.latest.worked(&feed.id, at_ms);
        Some(FeedAnswer::Data)
    }

    fn feed_fault(&self, feed: &Feed, fault: &str) -> FeedAnswer {
        tracing::warn!(feed = feed.id, fault, "no data");
        self.latest.failed(&feed.id, fault);
        FeedAnswer::Fault(fault.to_owned())
    }
}

async fn request_bill(known: &Known, purchase: i64, agreement: &str, amount: Msat) -> Option<Event> {
    let (agreement, client) = known.agreements.get(agreement)?;
    Some(match request_invoice(client, &agreement.payee, amount.0, None).await {
        Ok(offer) => Event::Bill { purchase, bolt11: offer.bolt11 },
        Err(fault) => {
            let range = match &fault {
                LnurlFault::AmountOutOfRange { min_msat, max_msat } => Some((Msat(*min_msat), Msat(*max_msat))),
                _ => None,
            };
            tracing::warn!(agreement = agreement.id, %fault, "no invoice");
            Event::NoBill { purchase, fault: fault.to_string(), range }
        }
    })
}

/// An invoice that waits to be handed to the wallet.
struct Turn {
    hash: PaymentHash,
    bolt11: String,
    fee_max: Msat,
    /// Since when, in ms of the program's own time.
    since_ms: u64,
}

const TURN_WAIT_MS_MAX: u64 = 20_000;
const PAYMENTS_QUEUED_MAX: usize = 64;
const SIDE_BY_SIDE_MAX: usize = 16;
