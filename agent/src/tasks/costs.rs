//! What electricity has cost so far and what it costs now, as points of the history.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::EngineHandle;
use crate::clock::Clock;
use crate::latest::{Latest, Value};
use crate::settings::Settings;

/// Publishes the points `cost` and `price` of every agreement once in a minute of the house, until the engine stops.
pub async fn publish_costs(settings: Settings, engine: EngineHandle, latest: Latest, clock: Clock) {
    let mut beat = interval((EVERY / clock.speed().max(1)).max(EVERY_MIN));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        let Ok(snapshot) = engine.snapshot().await else { return };
        let at_ms = clock.elapsed_ms();
        let config = settings.config();
        for account in &snapshot.agreements {
            let known = config.agreements.iter().find(|agreement| agreement.id == account.agreement);
            let Some(agreement) = known else { continue };
            let value = |msat: u64, unit: &str| Value {
                milli: i64::try_from(msat).unwrap_or(i64::MAX),
                unit: unit.to_owned(),
                at_ms,
            };
            let cost = account.owed.0.saturating_add(account.paid.0);
            latest.put(&agreement.id, "cost", value(cost, "sat"));
            latest.put(&agreement.id, "price", value(agreement.price.0, "sat/kWh"));
        }
    }
}

const EVERY: Duration = Duration::from_secs(60);
const EVERY_MIN: Duration = Duration::from_secs(1);
