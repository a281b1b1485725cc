//! One task per meter: reads it, judges each value, and closes intervals. Only closed intervals reach the engine.

use std::time::Duration;

use kilosat_drivers::modbus::{Backoff, ModbusMeter, ReadFault, Target, Timeouts};
use kilosat_drivers::reading::{MilliwattHours, Quantity, Reading};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::config::Meter;
use crate::domain::meter::{Change, Gate, Mark, MeterLimits, MeterState, Sample, Stamp, Suspicion, Verdict, Watch};
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
    let mut client = ModbusMeter::new(target, meter.profile, timeouts);
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
    watch: Watch,
    closed: Option<MeterState>,
    samples: u32,
    read_before: bool,
    doubt: Option<Suspicion>,
    too_high: Option<Mark>,
}

impl<'a> Watcher<'a> {
    async fn begin(
        meter: &'a Meter,
        engine: &'a EngineHandle,
        latest: Latest,
        clock: Clock,
    ) -> Result<Watcher<'a>, EngineGone> {
        let closed = engine.meter(&meter.id).await?;
        let silence_ms = meter.poll_interval_ms.saturating_mul(SILENT_POLLS).saturating_mul(u64::from(clock.speed()));
        // No profile says yet where its counter ends or that it forgets; such a counter is billed from its new value on.
        let limits = MeterLimits { power_max_mw: meter.power_max_mw, modulus: None, volatile: false, silence_ms };
        Ok(Watcher {
            meter,
            engine,
            latest,
            clock,
            gate: Gate::new(limits, closed),
            watch: Watch::new(limits),
            closed,
            samples: 0,
            read_before: false,
            doubt: None,
            too_high: closed.and_then(|state| state.evidence.too_high),
        })
    }

    async fn on_readings(&mut self, readings: &[Reading]) -> Result<(), EngineGone> {
        let at_ms = self.clock.elapsed_ms();
        if !self.read_before {
            tracing::info!(meter = self.meter.id, after_ms = at_ms, "first reading");
            self.read_before = true;
        }
        for reading in readings {
            let unit = reading.quantity.unit().to_owned();
            self.latest.put(&self.meter.id, reading.quantity.name(), Value { milli: reading.milli, unit, at_ms });
        }
        let Some(raw) =
            readings.iter().find(|reading| reading.quantity == Quantity::EnergyImport).and_then(Reading::energy)
        else {
            self.latest.failed(&self.meter.id, "the meter sent no energy counter; nothing is billed without it");
            return Ok(());
        };
        let sample = self.sample(raw, readings);
        let verdict = self.gate.observe(sample);
        self.note_doubt(verdict, raw).await?;
        match verdict {
            Verdict::First | Verdict::Quarantined(_) => return Ok(()),
            Verdict::Pending if self.doubt.is_some() => return Ok(()),
            _ => {}
        }
        self.latest.worked(&self.meter.id, at_ms);
        self.samples = self.samples.saturating_add(1);
        self.compare_power(&sample, readings).await?;
        match verdict {
            Verdict::Baseline | Verdict::RolledOver(_) | Verdict::Rebased(_) => self.close().await,
            // A number that was read for the first time must survive a crash, or a swapped meter is not noticed.
            _ if self.is_number_new() => self.close().await,
            _ if self.is_due(sample.read) => self.close_if_grown().await,
            _ => Ok(()),
        }
    }

    fn sample(&self, raw: MilliwattHours, readings: &[Reading]) -> Sample {
        let serial = readings.iter().find(|reading| reading.quantity == Quantity::SerialNumber);
        // A meter that has just started may send zeros; none has that number.
        let serial = serial.and_then(|serial| u64::try_from(serial.milli).ok()).filter(|serial| *serial > 0);
        // A counter that is a float gets coarser as it grows.
        Sample { raw, read: self.clock.house_stamp(), quantum: self.meter.profile.energy_step(raw), serial }
    }

    /// Says when power and energy begin or cease to contradict each other, once each.
    async fn compare_power(&mut self, sample: &Sample, readings: &[Reading]) -> Result<(), EngineGone> {
        let power = readings.iter().find(|reading| reading.quantity == Quantity::Power).and_then(Reading::power);
        let Some(change) = power.and_then(|power| self.watch.observe(sample, power)) else {
            return Ok(());
        };
        let text = match change {
            Change::Raised(alarm) => alarm.sentence(),
            Change::Cleared(alarm) => alarm.over(),
        };
        self.latest.alarmed(&self.meter.id, self.watch.alarm().map(|alarm| alarm.sentence()));
        self.tell(format!("{text} (counter {})", sample.raw)).await
    }

    fn on_fault(&self, fault: &ReadFault) {
        tracing::warn!(meter = self.meter.id, %fault, "not read");
        self.latest.failed(&self.meter.id, &fault.to_string());
    }

    /// Says when values begin or cease to be doubtful, once each.
    async fn note_doubt(&mut self, verdict: Verdict, raw: MilliwattHours) -> Result<(), EngineGone> {
        let doubt = match verdict {
            Verdict::Quarantined(suspicion) => Some(suspicion),
            Verdict::First | Verdict::Pending => self.doubt,
            Verdict::Baseline
            | Verdict::Jitter
            | Verdict::Counted(_)
            | Verdict::RolledOver(_)
            | Verdict::Rebased(_) => None,
        };
        if let Some(suspicion) = doubt {
            self.latest.doubted(&self.meter.id, suspicion.sentence());
        }
        let too_high = self.gate.state().and_then(|state| state.evidence.too_high);
        let changed = doubt != self.doubt || (doubt.is_some() && too_high != self.too_high);
        (self.doubt, self.too_high) = (doubt, too_high);
        let text = match (doubt, verdict) {
            (_, Verdict::Rebased(cause)) => {
                format!("{}; it is billed from {raw} on, the gap is not", cause.sentence())
            }
            (_, Verdict::RolledOver(used)) => {
                format!("the counter went over its end and began again; {used} were counted up to {raw}")
            }
            (Some(suspicion), _) if changed => format!("{} (counter {raw})", suspicion.sentence()),
            (None, _) if changed => format!("the counter is believed again at {raw}"),
            _ => return Ok(()),
        };
        self.tell(text).await
    }

    /// The owner reads it on the page, in the log and for ever in the journal.
    async fn tell(&self, text: String) -> Result<(), EngineGone> {
        tracing::warn!(meter = self.meter.id, "{text}");
        let (meter, too_high) = (self.meter.id.clone(), self.too_high);
        self.engine.submit(Event::MeterDoubt { meter, text, too_high }).await
    }

    fn is_number_new(&self) -> bool {
        let number = |state: Option<MeterState>| state.and_then(|state| state.evidence.serial);
        number(self.gate.state()) != number(self.closed)
    }

    fn is_due(&self, now: Stamp) -> bool {
        let (Some(state), Some(closed)) = (self.gate.state(), self.closed) else {
            return true;
        };
        state.total.0.saturating_sub(closed.total.0) >= self.meter.interval_mwh
            || now.since(closed.evidence.read).at_least_ms >= self.meter.interval_ms
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
        let Some(state) = self.gate.close() else { return Ok(()) };
        let samples = std::mem::take(&mut self.samples);
        self.engine.submit(Event::Interval { meter: self.meter.id.clone(), state, samples }).await?;
        self.closed = Some(state);
        Ok(())
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
/// A meter is unobserved when so many polls brought nothing.
const SILENT_POLLS: u64 = 3;

#[cfg(test)]
mod tests;
