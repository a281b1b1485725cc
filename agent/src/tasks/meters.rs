//! One task per meter: judges each value that its line read, and closes intervals. Only closed intervals reach the engine.

use std::time::Duration;

use kilosat_drivers::modbus::{Bus, Device, Meter as Rounds};
use kilosat_drivers::profiles::Profile;
use kilosat_drivers::reading::{MilliwattHours, Reading};
use tokio::sync::watch;

use super::{EngineGone, EngineHandle};
use crate::clock::Clock;
use crate::config::{Meter, MeterLine};
use crate::domain::meter::{Gate, MeterLimits, MeterState, Suspicion, Verdict};
use crate::domain::money::UnixMillis;
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
    mut stop: watch::Receiver<bool>,
) -> Result<(), EngineGone> {
    let terms = Terms {
        id: meter.id.clone(),
        power_max_mw: meter.power_max_mw,
        interval_mwh: meter.interval_mwh,
        interval_ms: meter.interval_ms,
    };
    let quantum = |raw| meter.model.profile().map_or(MilliwattHours(0), |profile| profile.energy_step(raw));
    let mut watcher = Watcher::begin(terms, quantum, &engine, latest, clock).await?;
    while !*stop.borrow() {
        let heard = tokio::select! {
            heard = rounds.next() => heard,
            _ = stop.changed() => break,
        };
        let Some(heard) = heard else {
            watcher.on_fault("Kilosat's own task for this line has ended; restart Kilosat, and report this");
            let _ = stop.wait_for(|stop| *stop).await;
            break;
        };
        match (&heard.fault, &heard.profile) {
            (None, Some(profile)) => watcher.on_readings(&heard.round.readings, profile).await?,
            (fault, _) => watcher.on_fault(fault.as_deref().unwrap_or("nothing was read")),
        }
    }
    watcher.close_if_grown().await
}

/// The lines the meters are on, each with the meters on it: one task reads a line.
pub fn lines(meters: &[Meter]) -> (Vec<Bus>, Vec<(Meter, Rounds)>) {
    let mut groups: Vec<(&MeterLine, Vec<&Meter>)> = Vec::new();
    for meter in meters {
        match groups.iter_mut().find(|(line, _)| **line == meter.line) {
            Some((_, group)) => group.push(meter),
            None => groups.push((&meter.line, vec![meter])),
        }
    }
    let (mut buses, mut watched) = (Vec::new(), Vec::new());
    for (line, group) in groups {
        let (bus, rounds) = Bus::new(line.line(), group.iter().map(|meter| device(meter)).collect(), random);
        buses.push(bus);
        watched.extend(group.into_iter().cloned().zip(rounds));
    }
    (buses, watched)
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
}

/// What is remembered of a meter between two polls.
pub(super) struct Watcher<'a> {
    meter: Terms,
    limits: MeterLimits,
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
    /// `quantum`: the counter's step where it stands.
    pub(super) async fn begin(
        meter: Terms,
        quantum: impl FnOnce(MilliwattHours) -> MilliwattHours,
        engine: &'a EngineHandle,
        latest: Latest,
        clock: Clock,
    ) -> Result<Watcher<'a>, EngineGone> {
        let closed = engine.meter(&meter.id).await?;
        let raw = closed.map_or(MilliwattHours(0), |state| state.raw);
        let limits = MeterLimits { power_max_mw: meter.power_max_mw, quantum: quantum(raw) };
        Ok(Watcher {
            meter,
            limits,
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
        let Some(raw) = readings.iter().find(|reading| reading.quantity == billed).and_then(Reading::energy) else {
            self.latest.failed(&self.meter.id, "the meter sent no energy counter; nothing is billed without it");
            return Ok(());
        };
        self.on_counter(raw).await
    }

    /// Judges a counter that was read just now, and closes the interval when that is due.
    pub(super) async fn on_counter(&mut self, raw: MilliwattHours) -> Result<(), EngineGone> {
        let (now, at_ms) = (self.clock.house_now(), self.clock.elapsed_ms());
        if !self.read_before {
            tracing::info!(meter = self.meter.id, after_ms = at_ms, "first reading");
            self.read_before = true;
        }
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

    pub(super) fn on_fault(&self, fault: &str) {
        tracing::warn!(meter = self.meter.id, fault, "not read");
        self.latest.failed(&self.meter.id, fault);
    }

    /// The counter stands at `raw` on the owner's word: a new generation begins, and the difference is not billed.
    pub(super) async fn rebase(&mut self, raw: MilliwattHours) -> Result<(), EngineGone> {
        let Some(state) = self.gate.state() else { return self.on_counter(raw).await };
        let at = self.clock.house_now();
        let state = MeterState { generation: state.generation.saturating_add(1), raw, at, ..state };
        (self.gate, self.doubt) = (Gate::new(self.limits, Some(state)), None);
        self.close().await
    }

    /// Goes to the journal.
    pub(super) async fn note(&self, text: String) -> Result<(), EngineGone> {
        tracing::info!(meter = self.meter.id, "{text}");
        self.engine.submit(Event::MeterDoubt { meter: self.meter.id.clone(), text }).await
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
