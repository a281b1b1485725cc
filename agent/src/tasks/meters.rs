//! One task per meter: reads it, judges each value, and closes intervals. Only closed intervals reach the engine.

use std::sync::Arc;
use std::time::Duration;

use kilosat_drivers::modbus::{Backoff, ModbusMeter, ReadFault, Target, Timeouts};
use kilosat_drivers::reading::{MilliwattHours, Reading};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::config::Meter;
use crate::domain::meter::{Gate, MeterLimits, MeterState, Suspicion, Verdict};
use crate::domain::money::UnixMillis;
use crate::engine::Event;
use crate::latest::{Latest, Value};

/// Reads `meter` until `stop` turns true, then closes its interval so that nothing counted is lost.
///
/// # Errors
/// [`EngineGone`] when the engine stopped first.
pub async fn poll_meter(
    meter: Meter,
    engine: EngineHandle,
    latest: Latest,
    clock: Clock,
    mut stop: watch::Receiver<bool>,
) -> Result<(), EngineGone> {
    let mut watcher = Watcher::begin(&meter, &engine, latest, clock).await?;
    let target = Target { host: meter.host.clone(), port: meter.port, unit: meter.unit };
    let timeouts = Timeouts { answer: Duration::from_millis(meter.answer_timeout_ms), ..Timeouts::default() };
    let mut client = ModbusMeter::new(target, Arc::clone(&meter.profile), timeouts);
    let mut backoff = Backoff::default();
    let interval = Duration::from_millis(meter.poll_interval_ms);
    let mut next = Instant::now();
    while !*stop.borrow() {
        tokio::select! {
            () = sleep_until(next) => {}
            _ = stop.changed() => break,
        }
        let started = next.max(Instant::now());
        next = match client.read().await {
            Ok(readings) => {
                backoff.worked();
                watcher.on_readings(&readings).await?;
                // A poll that took too long skips its turn rather than asking twice in a row.
                (started + interval).max(Instant::now())
            }
            Err(fault) => {
                watcher.on_fault(&fault);
                Instant::now() + backoff.failed(random()).max(interval.min(FAULT_WAIT_MIN))
            }
        };
    }
    watcher.close_if_grown().await
}

/// What is remembered of a meter between two polls.
struct Watcher<'a> {
    meter: &'a Meter,
    engine: &'a EngineHandle,
    latest: Latest,
    clock: Clock,
    gate: Gate,
    closed: Option<MeterState>,
    samples: u32,
    read_before: bool,
    doubt: Option<Suspicion>,
}

impl<'a> Watcher<'a> {
    async fn begin(
        meter: &'a Meter,
        engine: &'a EngineHandle,
        latest: Latest,
        clock: Clock,
    ) -> Result<Watcher<'a>, EngineGone> {
        let closed = engine.meter(&meter.id).await?;
        let raw = closed.map_or(MilliwattHours(0), |state| state.raw);
        let limits = MeterLimits { power_max_mw: meter.power_max_mw, quantum: meter.profile.energy_step(raw) };
        Ok(Watcher {
            meter,
            engine,
            latest,
            clock,
            gate: Gate::new(limits, closed),
            closed,
            samples: 0,
            read_before: false,
            doubt: None,
        })
    }

    async fn on_readings(&mut self, readings: &[Reading]) -> Result<(), EngineGone> {
        let at_ms = self.clock.elapsed_ms();
        if !self.read_before {
            tracing::info!(meter = self.meter.id, after_ms = at_ms, "first reading");
            self.read_before = true;
        }
        let point = |reading: &Reading| self.meter.profile.point(reading.quantity);
        // A text is no value to show as a number.
        for reading in readings.iter().filter(|reading| point(reading).is_none_or(|point| !point.kind.is_text())) {
            let unit = reading.quantity.unit().to_owned();
            self.latest.put(&self.meter.id, &reading.quantity.name(), Value { milli: reading.milli, unit, at_ms });
        }
        // A device without a counter is only watched; no agreement names it.
        let Some(billed) = self.meter.profile.billed else {
            self.latest.worked(&self.meter.id, at_ms);
            return Ok(());
        };
        let Some(raw) = readings.iter().find(|reading| reading.quantity == billed).and_then(Reading::energy) else {
            self.latest.failed(&self.meter.id, "the meter sent no energy counter; nothing is billed without it");
            return Ok(());
        };
        let now = self.clock.house_now();
        let verdict = self.gate.observe(raw, now);
        self.note_doubt(verdict, raw).await?;
        match verdict {
            Verdict::Counted(_) | Verdict::Jitter => {
                self.latest.worked(&self.meter.id, at_ms);
                self.samples = self.samples.saturating_add(1);
                if self.is_due(now) { self.close_if_grown().await } else { Ok(()) }
            }
            Verdict::Baseline | Verdict::Rebased => {
                self.latest.worked(&self.meter.id, at_ms);
                self.samples = self.samples.saturating_add(1);
                self.close().await
            }
            Verdict::Quarantined(_) => Ok(()),
        }
    }

    fn on_fault(&self, fault: &ReadFault) {
        tracing::warn!(meter = self.meter.id, %fault, "not read");
        self.latest.failed(&self.meter.id, &fault.to_string());
    }

    /// Says when values begin or cease to be doubtful, once each.
    async fn note_doubt(&mut self, verdict: Verdict, raw: MilliwattHours) -> Result<(), EngineGone> {
        let doubt = match verdict {
            Verdict::Quarantined(suspicion) => Some(suspicion),
            Verdict::Jitter => self.doubt,
            Verdict::Baseline | Verdict::Counted(_) | Verdict::Rebased => None,
        };
        if let Some(suspicion) = doubt {
            self.latest.doubted(&self.meter.id, doubt_text(suspicion));
        }
        if doubt == self.doubt && verdict != Verdict::Rebased {
            return Ok(());
        }
        self.doubt = doubt;
        let text = match (doubt, verdict) {
            (Some(suspicion), _) => format!("{} (counter {raw})", doubt_text(suspicion)),
            (None, Verdict::Rebased) => format!("the counter was replaced; it is billed from {raw} on, the gap is not"),
            (None, _) => format!("the counter is believed again at {raw}"),
        };
        tracing::warn!(meter = self.meter.id, "{text}");
        self.engine.submit(Event::MeterDoubt { meter: self.meter.id.clone(), text }).await
    }

    fn is_due(&self, now: UnixMillis) -> bool {
        let (Some(state), Some(closed)) = (self.gate.state(), self.closed) else {
            return true;
        };
        state.total.0.saturating_sub(closed.total.0) >= self.meter.interval_mwh
            || now.since(closed.at) >= self.meter.interval_ms
    }

    async fn close_if_grown(&mut self) -> Result<(), EngineGone> {
        match (self.gate.state(), self.closed) {
            (Some(state), Some(closed)) if state.total == closed.total && state.generation == closed.generation => {
                Ok(())
            }
            (Some(_), _) => self.close().await,
            (None, _) => Ok(()),
        }
    }

    async fn close(&mut self) -> Result<(), EngineGone> {
        let Some(state) = self.gate.state() else { return Ok(()) };
        let samples = std::mem::take(&mut self.samples);
        self.engine.submit(Event::Interval { meter: self.meter.id.clone(), state, samples }).await?;
        self.closed = Some(state);
        Ok(())
    }
}

fn doubt_text(suspicion: Suspicion) -> &'static str {
    match suspicion {
        Suspicion::Backwards => {
            "the counter went backwards; nothing is billed until it is believable again or a new counter is confirmed"
        }
        Suspicion::TooFast => {
            "the counter jumped by more than the fuse lets through; nothing is billed until it is believable again"
        }
    }
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without entropy every wait is the longest, which is safe.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// A meter that is polled very often is still left alone this long after a fault.
const FAULT_WAIT_MIN: Duration = Duration::from_secs(1);
