//! One task per meter with a pulse output. Counting itself goes on in a thread of the driver; this hands the count over.

use std::time::Duration;

use kilosat_drivers::gpio::{PulseMeter, PulseReading};
use kilosat_drivers::reading::{MilliwattHours, Quantity};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::meters::{Terms, Watcher};
use super::{EngineGone, Surroundings};
use crate::clock::Clock;
use crate::config;
use crate::latest::{Latest, Value};

/// A meter that counts from the moment it is made, though nobody hands the count over yet.
pub(super) struct Counter {
    meter: config::PulseMeter,
    driver: PulseMeter,
    fault: Option<String>,
    corrections: mpsc::Receiver<Correction>,
}

/// The owner read the meter's display.
#[derive(Debug)]
pub struct Correction {
    /// What it shows.
    pub counter: MilliwattHours,
    /// What became of it, in one sentence.
    pub done: oneshot::Sender<String>,
}

impl Counter {
    pub(super) fn open(meter: &config::PulseMeter) -> (Counter, mpsc::Sender<Correction>) {
        let mut driver = PulseMeter::new(meter.wiring.clone(), meter.rules);
        let fault = driver.open().err().map(|fault| fault.to_string());
        let (sender, corrections) = mpsc::channel(CORRECTIONS_MAX);
        (Counter { meter: meter.clone(), driver, fault, corrections }, sender)
    }

    /// Hands the count over until `stop` turns true, then closes the interval so that nothing counted is lost.
    pub(super) async fn run(self, around: Surroundings) -> Result<(), EngineGone> {
        let Counter { meter, driver, fault, mut corrections } = self;
        let Surroundings { engine, latest, clock, mut stop } = around;
        let terms = Terms {
            id: meter.id.clone(),
            power_max_mw: meter.power_max_mw,
            interval_mwh: meter.interval_mwh,
            interval_ms: meter.interval_ms,
            poll_ms: u64::try_from(LOOK.as_millis()).unwrap_or(u64::MAX),
            modulus: None,
            volatile: false,
        };
        // A pulse's energy is not always whole; the step is never less than it.
        let quantum = MilliwattHours(meter.rules.energy(1).0.saturating_add(1));
        let mut watcher = Watcher::begin(terms, &engine, latest.clone(), clock.clone()).await?;
        let base = watcher.closed().map_or(meter.counter, |closed| closed.raw);
        let missed = watcher.closed().map(|closed| clock.house_now().since(closed.at) / MILLI);
        let from = MilliwattHours(0);
        if watcher.closed().is_none() {
            // Where counting begins is known; a meter over a wire would have to say it twice.
            watcher.rebase(base).await?;
        }
        let mut hand_over = HandOver {
            id: &meter.id,
            driver,
            watcher,
            latest,
            clock,
            quantum,
            base,
            from,
            down_since: None,
            retry_at: None,
        };
        let text = match missed {
            Some(missed_s) => format!(
                "counting goes on at {base}; pulses while Kilosat did not run are missing, at most those of the {missed_s} s \
                 since the last interval"
            ),
            None => format!("counting begins at {base}"),
        };
        hand_over.watcher.note(text).await?;
        if let Some(fault) = fault {
            hand_over.lost(&fault);
        }
        let mut next = Instant::now();
        while !*stop.borrow() {
            tokio::select! {
                () = sleep_until(next) => hand_over.look().await?,
                Some(correction) = corrections.recv() => hand_over.correct(correction).await?,
                _ = stop.changed() => break,
            }
            next = (next + LOOK).max(Instant::now());
        }
        hand_over.read().await?;
        hand_over.watcher.close_if_grown().await
    }
}

/// The count on its way from the driver to the engine.
struct HandOver<'a> {
    id: &'a str,
    driver: PulseMeter,
    watcher: Watcher<'a>,
    latest: Latest,
    clock: Clock,
    quantum: MilliwattHours,
    /// The counter when the driver had counted `from`.
    base: MilliwattHours,
    from: MilliwattHours,
    /// Nothing is counted since then.
    down_since: Option<Instant>,
    retry_at: Option<Instant>,
}

impl HandOver<'_> {
    async fn look(&mut self) -> Result<(), EngineGone> {
        match self.driver.check() {
            Ok(true) => self.read().await,
            Err(fault) => {
                // What was counted before is good.
                self.read().await?;
                self.lost(&fault.to_string());
                Ok(())
            }
            Ok(false) if self.retry_at.is_some_and(|at| Instant::now() < at) => Ok(()),
            Ok(false) => match self.driver.open() {
                Err(fault) => {
                    self.lost(&fault.to_string());
                    Ok(())
                }
                Ok(()) => {
                    let down_s = self.down_since.take().map_or(0, |since| since.elapsed().as_secs());
                    self.retry_at = None;
                    self.watcher
                        .note(format!("pulses are counted again; those of the last {down_s} s are missing"))
                        .await?;
                    self.read().await
                }
            },
        }
    }

    async fn read(&mut self) -> Result<(), EngineGone> {
        let reading = self.driver.read();
        self.show(&reading);
        if self.down_since.is_some() {
            return Ok(());
        }
        let raw = self.counter(&reading);
        self.watcher.on_counter(raw, self.quantum).await
    }

    async fn correct(&mut self, correction: Correction) -> Result<(), EngineGone> {
        // Everything counted so far is billed first.
        self.read().await?;
        let reading = self.driver.read();
        let was = self.counter(&reading);
        (self.base, self.from) = (correction.counter, reading.energy);
        let difference = MilliwattHours(was.0.abs_diff(self.base.0));
        let way = if self.base < was { "less" } else { "more" };
        let text = format!("the counter was set from {was} to {}; the {difference} {way} are not billed", self.base);
        self.watcher.note(text.clone()).await?;
        self.watcher.rebase(self.base).await?;
        self.show(&reading);
        // Whoever asked may have gone; it is done all the same.
        let _ = correction.done.send(format!("Meter {}: {text}.", self.id));
        Ok(())
    }

    fn counter(&self, reading: &PulseReading) -> MilliwattHours {
        MilliwattHours(self.base.0.saturating_add(reading.energy.0.saturating_sub(self.from.0)))
    }

    fn lost(&mut self, fault: &str) {
        let now = Instant::now();
        (self.down_since, self.retry_at) = (self.down_since.or(Some(now)), Some(now + RETRY));
        self.watcher.on_fault(fault);
    }

    fn show(&self, reading: &PulseReading) {
        let at_ms = self.clock.elapsed_ms();
        let put = |point: &str, milli: i64, unit: &str| {
            self.latest.put(self.id, point, Value { milli, unit: unit.to_owned(), at_ms });
        };
        let count = |count: u64| i64::try_from(count.saturating_mul(MILLI)).unwrap_or(i64::MAX);
        put(&Quantity::ENERGY_IMPORT.name(), i64::try_from(self.counter(reading).0).unwrap_or(i64::MAX), "Wh");
        if let Some(power) = reading.power {
            put(&Quantity::POWER.name(), power.0, "W");
        }
        put("pulses", count(reading.pulses), "");
        put(LOST_EDGES, count(reading.tally.lost_edges), "");
        put("bounces", count(reading.tally.bounces), "");
        put("too_short", count(reading.tally.too_short), "");
        put("too_close", count(reading.tally.too_close), "");
        put("backwards", count(reading.tally.backwards), "");
    }
}

/// The point that tells how many edges the kernel could not keep.
pub const LOST_EDGES: &str = "lost_edges";
/// How often the count is handed over.
const LOOK: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_secs(10);
const CORRECTIONS_MAX: usize = 4;
const MILLI: u64 = 1_000;
