//! Asks what a bitcoin costs now and then, where the owner names a currency.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::EngineHandle;
use crate::clock::Clock;
use crate::domain::money::UnixMillis;
use crate::domain::rate::{Currency, Rate, Rates};
use crate::engine::Event;
use crate::market::Sources;

/// What a bitcoin cost when it was asked last. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct RateView {
    newest: Arc<watch::Sender<Option<Rate>>>,
}

impl RateView {
    /// The newest rate, unless it is too old to be shown at `now`.
    pub fn at(&self, now: UnixMillis) -> Option<Rate> {
        self.newest.borrow().clone().filter(|rate| rate.is_fresh(now))
    }

    /// From now on it is this one.
    pub fn put(&self, rate: Rate) {
        self.newest.send_replace(Some(rate));
    }
}

/// Asks the sources every ten minutes, until the engine stops.
pub async fn watch_rate(currency: Currency, sources: Sources, view: RateView, engine: EngineHandle, clock: Clock) {
    let mut beat = interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rates = Rates::default();
    loop {
        beat.tick().await;
        let quotes = sources.ask(currency, || clock.now().wall).await;
        match rates.hear(currency, &quotes, clock.now().wall) {
            Ok(rate) => {
                view.put(rate.clone());
                if engine.submit(Event::Rate(rate)).await.is_err() {
                    return;
                }
            }
            Err(fault) => tracing::info!(%fault, "no price of a bitcoin in {}", currency.code()),
        }
    }
}

const EVERY: Duration = Duration::from_secs(600);
