//! Everything on GPIO lines but the stop button: started, handed out, stopped.

use std::collections::BTreeMap;

use kilosat_drivers::reading::MilliwattHours;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::EngineHandle;
use super::inputs::watch_input;
use super::pulse_meters::{Correction, Counter};
use super::relays::{RelayHandle, Relays, Switching};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::Event;
use crate::heartbeats::Heartbeats;
use crate::latest::Latest;

/// What a task works with.
#[derive(Clone)]
pub struct Surroundings {
    /// Where events go.
    pub engine: EngineHandle,
    /// Newest values.
    pub latest: Latest,
    /// Time.
    pub clock: Clock,
    /// Turns true when meters are to close their intervals.
    pub stop: watch::Receiver<bool>,
}

impl Surroundings {
    /// Clones of all but `stop`.
    pub fn of(engine: &EngineHandle, latest: &Latest, clock: &Clock, stop: watch::Receiver<bool>) -> Surroundings {
        Surroundings { engine: engine.clone(), latest: latest.clone(), clock: clock.clone(), stop }
    }
}

/// The lines this process owns.
pub struct Gpio {
    relays: Relays,
    counters: Vec<Counter>,
    changes: Option<mpsc::Receiver<Switching>>,
    hearts: Heartbeats,
    handle: GpioHandle,
}

/// For whoever gives orders and shows what became of them.
#[derive(Clone, Debug, Default)]
pub struct GpioHandle {
    relays: BTreeMap<String, RelayHandle>,
    corrections: BTreeMap<String, mpsc::Sender<Correction>>,
}

impl Gpio {
    /// Takes the lines: relays are off and pulses are counted from now on, before anything else starts.
    pub fn open(config: &Config, clock: &Clock, hearts: &Heartbeats) -> Gpio {
        let (sender, changes) = mpsc::channel(CHANGES_MAX);
        let relays = Relays::start(&config.relays, clock, hearts, &sender);
        let mut handle = GpioHandle { relays: relays.handles(), corrections: BTreeMap::new() };
        let counters = config.pulse_meters.iter().map(|meter| {
            let (counter, corrections) = Counter::open(meter);
            handle.corrections.insert(meter.id.clone(), corrections);
            counter
        });
        let counters = counters.collect();
        Gpio { relays, counters, changes: Some(changes), hearts: hearts.clone(), handle }
    }

    /// Begins to hand counts over (`meters`), to watch inputs and to fill the journal (`servers`).
    pub fn start(
        &mut self,
        config: &Config,
        around: &Surroundings,
        meters: &mut JoinSet<()>,
        servers: &mut JoinSet<()>,
    ) {
        for counter in self.counters.drain(..) {
            let (around, heart) = (around.clone(), self.hearts.heart("a counter of pulses"));
            meters.spawn(async move {
                // The engine being gone ends the program; `Agent::failed` says why.
                let _ = heart.of(counter.run(around)).await;
            });
        }
        for input in &config.inputs {
            servers.spawn(watch_input(input.clone(), around.clone()));
        }
        if let Some(changes) = self.changes.take() {
            servers.spawn(record_changes(changes, around.engine.clone()));
        }
    }

    /// For orders and the status.
    pub fn handle(&self) -> GpioHandle {
        self.handle.clone()
    }

    /// Switches every relay off.
    pub fn stop(&mut self) {
        self.relays.stop();
    }
}

impl GpioHandle {
    /// The relay of this name.
    pub fn relay(&self, id: &str) -> Option<&RelayHandle> {
        self.relays.get(id)
    }

    /// Switches a relay for whoever tests the installation.
    ///
    /// # Errors
    /// Why it was not done, in one sentence.
    pub async fn switch_by_hand(&self, id: &str, on: bool) -> Result<String, String> {
        match self.relay(id) {
            Some(relay) => relay.by_hand(on).await,
            None => Err(unknown("relay", id, self.relays.keys())),
        }
    }

    /// Sets the counter of a meter whose pulses are counted to what its display shows.
    ///
    /// # Errors
    /// Why it was not done, in one sentence.
    pub async fn correct(&self, meter: &str, counter: MilliwattHours) -> Result<String, String> {
        let Some(corrections) = self.corrections.get(meter) else {
            return Err(unknown("meter with a pulse output", meter, self.corrections.keys()));
        };
        let (done, answer) = oneshot::channel();
        let sent = corrections.try_send(Correction { counter, done });
        sent.map_err(|_| BUSY.to_owned())?;
        answer.await.map_err(|_| BUSY.to_owned())
    }
}

pub(super) fn unknown<'a>(what: &str, id: &str, known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("There is no {what} called {id:?}; known: {known}.")
}

async fn record_changes(mut changes: mpsc::Receiver<Switching>, engine: EngineHandle) {
    while let Some((device, change)) = changes.recv().await {
        if engine.submit(Event::Switched { device, on: change.on, why: change.why }).await.is_err() {
            return;
        }
    }
}

const BUSY: &str = "The meter's task does not answer; nothing was changed. Try again.";
const CHANGES_MAX: usize = 64;
