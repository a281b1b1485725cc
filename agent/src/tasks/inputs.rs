//! One task per contact: its state is shown, and its changes go to the journal.

use std::time::Duration;

use kilosat_drivers::gpio::{GpioFault, Input};
use tokio::time::sleep;

use super::{EngineGone, Surroundings};
use crate::config::ContactInput;
use crate::engine::Event;
use crate::latest::Value;

/// Watches `input` for as long as the engine runs. One that cannot be read is tried again and again.
pub(super) async fn watch_input(input: ContactInput, around: Surroundings) {
    let mut watch = Watch { input, around, told: None, failed: 0 };
    // The engine being gone ends the program; `Agent::failed` says why.
    let _ = watch.run().await;
}

struct Watch {
    input: ContactInput,
    around: Surroundings,
    /// What the journal says last.
    told: Option<bool>,
    failed: u32,
}

impl Watch {
    async fn run(&mut self) -> Result<(), EngineGone> {
        loop {
            let fault = match Input::open(&self.input.wiring, self.input.debounce).await {
                Ok(input) => self.follow(&input).await?,
                Err(fault) => fault,
            };
            if self.failed.is_multiple_of(SAY_AGAIN) {
                tracing::warn!(input = self.input.id, %fault, "not read; it is tried again every {} s", RETRY.as_secs());
            }
            self.failed = self.failed.wrapping_add(1);
            self.around.latest.failed(&self.input.id, &fault.to_string());
            sleep(RETRY).await;
        }
    }

    /// Until it cannot be read any more.
    async fn follow(&mut self, input: &Input) -> Result<GpioFault, EngineGone> {
        let mut changed = false;
        loop {
            // Taken first: what changes after this is reported again.
            match input.take_changes().and_then(|()| input.is_active()) {
                Ok(active) => self.note(active, changed).await?,
                Err(fault) => return Ok(fault),
            }
            if let Err(fault) = input.changed().await {
                return Ok(fault);
            }
            // A contact that never rests fills no journal; what it does meanwhile counts as one change.
            sleep(REST).await;
            changed = true;
        }
    }

    async fn note(&mut self, active: bool, changed: bool) -> Result<(), EngineGone> {
        self.failed = 0;
        let Surroundings { engine, latest, clock, .. } = &self.around;
        let (id, at_ms) = (&self.input.id, clock.elapsed_ms());
        latest.put(id, ACTIVE, Value { milli: i64::from(active) * MILLI, unit: String::new(), at_ms });
        latest.worked(id, at_ms);
        let why = match self.told {
            None => "it is watched from now on",
            Some(told) if told != active => "it changed",
            Some(_) if changed => "it changed for a moment",
            Some(_) => return Ok(()),
        };
        self.told = Some(active);
        tracing::info!(input = id, active, "{why}");
        engine.submit(Event::Switched { device: id.clone(), on: active, why: why.to_owned() }).await
    }
}

/// The point that tells an input's state: 0 or 1.
pub const ACTIVE: &str = "active";
const RETRY: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_millis(200);
/// A fault that lasts is logged every so many tries.
const SAY_AGAIN: u32 = 60;
const MILLI: i64 = 1_000;
