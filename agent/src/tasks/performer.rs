//! Performs effects: asks payees for invoices, hands invoices to the wallet one at a time, looks payments up, buys data.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::config::{Agreement, Feed};
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
    agreements: BTreeMap<String, (Agreement, StrictClient)>,
    feeds: BTreeMap<String, (Feed, StrictClient)>,
}

impl Performer {
    /// Prepares a client for every payee.
    ///
    /// # Errors
    /// [`HttpFault::NotPrepared`] when TLS cannot be set up.
    pub fn new(
        engine: EngineHandle,
        lightning: LightningService,
        latest: Latest,
        clock: Clock,
        agreements: &[Agreement],
        feeds: &[Feed],
    ) -> Result<Performer, HttpFault> {
        let limits = Limits::default();
        let agreements = agreements.iter().map(|agreement| {
            Ok((agreement.id.clone(), (agreement.clone(), StrictClient::new(agreement.reach.clone(), limits)?)))
        });
        let agreements = agreements.collect::<Result<_, HttpFault>>()?;
        let feeds = feeds
            .iter()
            .map(|feed| Ok((feed.id.clone(), (feed.clone(), StrictClient::new(feed.reach.clone(), limits)?))));
        let feeds = feeds.collect::<Result<_, HttpFault>>()?;
        Ok(Performer { engine, lightning, latest, clock, agreements, feeds })
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
        let event = match effect {
            Effect::RequestBill { purchase, agreement, amount } => {
                self.request_bill(purchase, &agreement, amount).await
            }
            Effect::LookUp { hash } => Some(Event::Found { hash, found: self.lightning.look_up(&hash).await }),
            Effect::Fetch { feed, ticket } => {
                let answer = self.fetch(&feed, ticket).await;
                answer.map(|answer| Event::Fetched { feed, answer })
            }
            Effect::Send { .. } => None,
        };
        match event {
            Some(event) => self.engine.submit(event).await,
            None => Ok(()),
        }
    }

    async fn request_bill(&self, purchase: i64, agreement: &str, amount: Msat) -> Option<Event> {
        let (agreement, client) = self.agreements.get(agreement)?;
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

    async fn fetch(&self, feed: &str, ticket: Option<Credential>) -> Option<FeedAnswer> {
        let (feed, client) = self.feeds.get(feed)?;
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
