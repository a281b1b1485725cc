//! One task per meter: judges each value that its line read, and closes intervals. Only closed intervals reach the engine.

use std::time::Duration;

use kilosat_drivers::modbus::{Bus, Device, Meter as Rounds, Model};
use kilosat_drivers::profiles::Profile;
use kilosat_drivers::reading::{MilliwattHours, Milliwatts, Quantity, Reading};
use tokio::sync::watch;

use super::devices::Devices;
use super::line_use::LineUse;
use super::memory::Memory;
use super::shared_line::SharedLine;
use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::config::{Meter, MeterLine, MeterTlsError};
use crate::domain::meter::{
    Change, Evidence, Gate, Mark, MeterLimits, MeterState, Sample, Stamp, Suspicion, Verdict, Watch,
};
use crate::engine::Event;
use crate::latest::{Latest, Value};

/// Judges what `meter` says until `stop` turns true, then closes its interval so that nothing counted is lost.
///
/// # Errors
/// [`EngineGone`] when the engine stopped first.
pub async fn watch_meter(
    meter: Meter,
    mut rounds: Rounds,
    engine: EngineHandle,
    latest: Latest,
    clock: Clock,
    memory: Memory,
    mut stop: watch::Receiver<bool>,
) -> Result<(), EngineGone> {
    let (mut learned, mut line) = (None, LineUse::default());
    let mut watcher = Watcher::begin(terms(&meter), &engine, latest, clock).await?;
    while !*stop.borrow() {
        let heard = tokio::select! {
            heard = rounds.next() => heard,
            _ = stop.changed() => break,
        };
        let Some(heard) = heard else {
            // At a stop the line's task may end first.
            if *stop.borrow() {
                break;
            }
            watcher.on_fault("Kilosat's own task for this line has ended; restart Kilosat, and report this");
            let _ = stop.wait_for(|stop| *stop).await;
            break;
        };
        watcher.latest.unrenewed(&watcher.meter.id, heard.renewal_fault);
        if let Some(at) = heard.at {
            watcher.latest.line_is(&watcher.meter.id, line.hear(at, heard.counts));
        }
        match (&heard.fault, &heard.profile) {
            (None, Some(profile)) => {
                watcher.on_readings(&heard.round.readings, profile).await?;
                if let Some(new) = heard.learned.filter(|new| learned.as_ref() != Some(new)) {
                    memory.keep(&meter.id, model_name(&meter.model), &new).await;
                    learned = Some(new);
                }
            }
            (fault, _) => watcher.on_fault(fault.as_deref().unwrap_or("nothing was read")),
        }
    }
    watcher.close_if_grown().await
}

/// The lines the meters are on: one task reads a line and all meters on it.
///
/// # Errors
/// [`MeterTlsError`].
pub fn lines(meters: &[Meter], memory: &Memory) -> Result<Lines, MeterTlsError> {
    let mut groups: Vec<(&MeterLine, Vec<&Meter>)> = Vec::new();
    for meter in meters {
        match groups.iter_mut().find(|(line, _)| **line == meter.line) {
            Some((_, group)) => group.push(meter),
            None => groups.push((&meter.line, vec![meter])),
        }
    }
    let mut lines = Lines::default();
    for (line, group) in groups {
        let (mut bus, rounds) = Bus::new(line.line()?, group.iter().map(|meter| device(meter)).collect(), random);
        for (meter, listen) in group.iter().filter_map(|meter| Some((meter.id.clone(), meter.share?))) {
            lines.shared.push(SharedLine { meter, listen, share: bus.share() });
        }
        for meter in &group {
            if let Some(learned) = memory.of(&meter.id, model_name(&meter.model)) {
                bus.teach(meter.unit, learned);
            }
        }
        group.iter().for_each(|meter| lines.devices.add(meter, bus.handle()));
        lines.buses.push(bus);
        lines.watched.extend(group.into_iter().cloned().zip(rounds));
    }
    Ok(lines)
}

/// What there is to run, and the ways in.
#[derive(Default)]
pub struct Lines {
    /// One for each line.
    pub buses: Vec<Bus>,
    /// Each meter with what is read of it.
    pub watched: Vec<(Meter, Rounds)>,
    /// The lines that other programs may read.
    pub shared: Vec<SharedLine>,
    /// For the owner.
    pub devices: Devices,
}

fn model_name(model: &Model) -> &str {
    match model {
        Model::Known(profile) => &profile.name,
        Model::SunSpec => "sunspec",
    }
}

fn terms(meter: &Meter) -> Terms {
    let profile = meter.model.profile();
    Terms {
        id: meter.id.clone(),
        power_max_mw: meter.power_max_mw,
        interval_mwh: meter.interval_mwh,
        interval_ms: meter.interval_ms,
        poll_ms: meter.poll_interval_ms,
        modulus: profile.as_ref().and_then(|profile| profile.rolls_over),
        volatile: profile.is_some_and(|profile| profile.volatile),
    }
}

fn device(meter: &Meter) -> Device {
    Device {
        unit: meter.unit,
        model: meter.model.clone(),
        period: Duration::from_millis(meter.poll_interval_ms),
        answer_max: Duration::from_millis(meter.answer_timeout_ms),
    }
}

/// What is agreed about a meter, however it is read.
pub(super) struct Terms {
    /// Its id.
    pub id: String,
    /// What the fuse lets through.
    pub power_max_mw: u64,
    /// An interval closes after this much energy.
    pub interval_mwh: u64,
    /// Or after this much time.
    pub interval_ms: u64,
    /// From one reading to the next.
    pub poll_ms: u64,
    /// The counter goes from just below this to zero; `None` where that is not known.
    pub modulus: Option<MilliwattHours>,
    /// The counter is lost when the meter has no power.
    pub volatile: bool,
}

/// What is remembered of a meter between two polls.
pub(super) struct Watcher<'a> {
    meter: Terms,
    limits: MeterLimits,
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
    pub(super) async fn begin(
        meter: Terms,
        engine: &'a EngineHandle,
        latest: Latest,
        clock: Clock,
    ) -> Result<Watcher<'a>, EngineGone> {
        let closed = engine.meter(&meter.id).await?;
        let silence_ms = meter.poll_ms.saturating_mul(SILENT_POLLS).saturating_mul(u64::from(clock.speed()));
        let Terms { power_max_mw, modulus, volatile, .. } = meter;
        let limits = MeterLimits { power_max_mw, modulus, volatile, silence_ms };
        Ok(Watcher {
            meter,
            limits,
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

    /// What was known of the meter before its first reading, and what the engine knows since.
    pub(super) fn closed(&self) -> Option<MeterState> {
        self.closed
    }

    async fn on_readings(&mut self, readings: &[Reading], profile: &Profile) -> Result<(), EngineGone> {
        let at_ms = self.clock.elapsed_ms();
        let point = |reading: &Reading| profile.point(reading.quantity);
        // A text is no value to show as a number.
        for reading in readings.iter().filter(|reading| point(reading).is_none_or(|point| !point.kind.is_text())) {
            let unit = reading.quantity.unit().to_owned();
            self.latest.put(&self.meter.id, &reading.quantity.name(), Value { milli: reading.milli, unit, at_ms });
        }
        // A device without a counter is only watched; no agreement names it.
        let Some(billed) = profile.billed else {
            self.latest.worked(&self.meter.id, at_ms);
            return Ok(());
        };
        let of = |quantity: Quantity| readings.iter().find(|reading| reading.quantity == quantity);
        let Some(raw) = of(billed).and_then(Reading::energy) else {
            self.latest.failed(&self.meter.id, "the meter sent no energy counter; nothing is billed without it");
            return Ok(());
        };
        // A meter that has just started may send zeros; none has that number.
        let serial = of(Quantity::SERIAL_NUMBER).and_then(|serial| u64::try_from(serial.milli).ok());
        let serial = serial.filter(|serial| *serial > 0);
        // A counter that is a float gets coarser as it grows.
        let sample = Sample { raw, read: self.clock.house_stamp(), quantum: profile.energy_step(raw), serial };
        let power = of(Quantity::POWER.at(billed.subject)).and_then(Reading::power);
        self.on_sample(sample, power).await
    }

    /// Judges a counter that was read just now, and closes the interval when that is due.
    pub(super) async fn on_counter(&mut self, raw: MilliwattHours, quantum: MilliwattHours) -> Result<(), EngineGone> {
        self.on_sample(Sample { raw, read: self.clock.house_stamp(), quantum, serial: None }, None).await
    }

    async fn on_sample(&mut self, sample: Sample, power: Option<Milliwatts>) -> Result<(), EngineGone> {
        let at_ms = self.clock.elapsed_ms();
        if !self.read_before {
            tracing::info!(meter = self.meter.id, after_ms = at_ms, "first reading");
            self.read_before = true;
        }
        let verdict = self.gate.observe(sample);
        self.note_doubt(verdict, sample.raw).await?;
        match verdict {
            Verdict::First | Verdict::Quarantined(_) => return Ok(()),
            Verdict::Pending if self.doubt.is_some() => return Ok(()),
            _ => {}
        }
        self.latest.worked(&self.meter.id, at_ms);
        self.samples = self.samples.saturating_add(1);
        self.compare_power(&sample, power).await?;
        match verdict {
            Verdict::Baseline | Verdict::RolledOver(_) | Verdict::Rebased(_) => self.close().await,
            // A number that was read for the first time must survive a crash, or a swapped meter is not noticed.
            _ if self.is_number_new() => self.close().await,
            _ if self.is_due(sample.read) => self.close_if_grown().await,
            _ => Ok(()),
        }
    }

    /// Says when power and energy begin or cease to contradict each other, once each.
    async fn compare_power(&mut self, sample: &Sample, power: Option<Milliwatts>) -> Result<(), EngineGone> {
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

    pub(super) fn on_fault(&self, fault: &str) {
        tracing::warn!(meter = self.meter.id, fault, "not read");
        self.latest.failed(&self.meter.id, fault);
    }

    /// The counter stands at `raw` on the owner's word: a new generation begins, and the difference is not billed.
    pub(super) async fn rebase(&mut self, raw: MilliwattHours) -> Result<(), EngineGone> {
        let read = self.clock.house_stamp();
        let (generation, total) = self.gate.state().map_or((0, MilliwattHours(0)), |was| (was.generation, was.total));
        let evidence = Evidence { read, ..Evidence::default() };
        let state = MeterState { generation: generation.saturating_add(1), raw, at: read.wall, total, evidence };
        (self.gate, self.doubt, self.too_high) = (Gate::new(self.limits, Some(state)), None, None);
        self.close().await
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

    /// Goes to the journal, and is no reason to worry.
    pub(super) async fn note(&self, text: String) -> Result<(), EngineGone> {
        tracing::info!(meter = self.meter.id, "{text}");
        self.record(text).await
    }

    /// The owner reads it on the page, in the log and for ever in the journal.
    async fn tell(&self, text: String) -> Result<(), EngineGone> {
        tracing::warn!(meter = self.meter.id, "{text}");
        self.record(text).await
    }

    async fn record(&self, text: String) -> Result<(), EngineGone> {
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

    pub(super) async fn close_if_grown(&mut self) -> Result<(), EngineGone> {
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

/// A meter is unobserved when so many polls brought nothing.
const SILENT_POLLS: u64 = 3;

#[cfg(test)]
mod tests;
