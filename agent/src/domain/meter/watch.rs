//! Power and energy of one meter must tell the same story (`reliability-security`, rule 5.9).

use kilosat_drivers::reading::{MilliwattHours, Milliwatts};

use super::time::Stamp;
use super::{MeterLimits, Sample};

/// What contradicts each other. Billing goes on by the counter, which is what both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Power flows, and the counter has not moved for ten minutes.
    Stuck,
    /// The counter moves, and power has been zero for ten minutes.
    PowerZero,
}

/// An alarm begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It begins.
    Raised(Alarm),
    /// It is over by itself.
    Cleared(Alarm),
}

/// Compares power and energy of one meter, sample by sample.
#[derive(Clone, Debug)]
pub struct Watch {
    limits: MeterLimits,
    alarm: Option<Alarm>,
    last: Option<Stamp>,
    still: Option<Still>,
    zero: Option<Zero>,
}

/// Power has been flowing and the counter has stood still.
#[derive(Clone, Copy, Debug)]
struct Still {
    since: Stamp,
    raw: MilliwattHours,
    /// Power times time, in mW x ms.
    expected: u128,
}

/// Power has been zero.
#[derive(Clone, Copy, Debug)]
struct Zero {
    since: Stamp,
    raw: MilliwattHours,
    samples: u32,
}

impl Watch {
    /// Nothing is known yet.
    pub fn new(limits: MeterLimits) -> Watch {
        Watch { limits, alarm: None, last: None, still: None, zero: None }
    }

    /// What contradicts each other now.
    pub fn alarm(&self) -> Option<Alarm> {
        self.alarm
    }

    /// Takes a believed sample and the power that was read with it.
    pub fn observe(&mut self, sample: &Sample, power: Milliwatts) -> Option<Change> {
        let now = sample.read;
        let passed_ms = self.last.replace(now).map_or(0, |last| now.since(last).at_least_ms);
        if passed_ms > self.limits.silence_ms {
            // Nobody knows what flowed meanwhile.
            (self.still, self.zero) = (None, None);
        }
        let moved = self.still.is_some_and(|still| still.raw != sample.raw);
        self.follow_still(sample, power, passed_ms);
        self.follow_zero(sample, power);
        match self.alarm {
            Some(Alarm::Stuck) if moved => self.clear(),
            Some(Alarm::PowerZero) if !is_zero(power) => self.clear(),
            Some(_) => None,
            None if self.is_stuck(sample) => self.raise(Alarm::Stuck),
            None if self.moves_without_power(sample) => self.raise(Alarm::PowerZero),
            None => None,
        }
    }

    fn follow_still(&mut self, sample: &Sample, power: Milliwatts, passed_ms: u64) {
        let flows = u64::try_from(power.0).is_ok_and(|mw| mw > self.limits.power_max_mw / LOAD_PART);
        let begun = Still { since: sample.read, raw: sample.raw, expected: 0 };
        self.still = Some(match self.still {
            Some(still) if still.raw == sample.raw && flows => {
                let more = u128::from(power.0.unsigned_abs()) * u128::from(passed_ms);
                Still { expected: still.expected.saturating_add(more), ..still }
            }
            // The counter is still compared with where it was stuck, however little flows now.
            Some(still) if still.raw == sample.raw && self.alarm == Some(Alarm::Stuck) => still,
            _ => begun,
        });
    }

    fn follow_zero(&mut self, sample: &Sample, power: Milliwatts) {
        let begun = Zero { since: sample.read, raw: sample.raw, samples: 0 };
        self.zero = is_zero(power).then(|| match self.zero {
            // A counter that was set back begins anew.
            Some(zero) if zero.raw <= sample.raw => Zero { samples: zero.samples.saturating_add(1), ..zero },
            _ => begun,
        });
    }

    fn is_stuck(&self, sample: &Sample) -> bool {
        self.still.is_some_and(|still| {
            let steps = u128::from(sample.quantum.0.saturating_mul(STEPS_MISSED)) * MILLIS_PER_HOUR;
            sample.read.since(still.since).at_least_ms >= WATCH_MS && still.expected > steps
        })
    }

    fn moves_without_power(&self, sample: &Sample) -> bool {
        self.zero.is_some_and(|zero| {
            let used = sample.raw.0.saturating_sub(zero.raw.0);
            let long = sample.read.since(zero.since).at_least_ms >= WATCH_MS && zero.samples >= SAMPLES_AT_ZERO;
            long && used > sample.quantum.0.saturating_mul(STEPS_MISSED)
        })
    }

    fn raise(&mut self, alarm: Alarm) -> Option<Change> {
        self.alarm = Some(alarm);
        Some(Change::Raised(alarm))
    }

    fn clear(&mut self) -> Option<Change> {
        self.alarm.take().map(Change::Cleared)
    }
}

impl Alarm {
    /// What happened, what Kilosat does, and what to do.
    pub fn sentence(self) -> &'static str {
        match self {
            Alarm::Stuck => {
                "power flows, but the energy counter has not moved for ten minutes; what it does not count is not billed. \
                 Have the meter checked if this lasts"
            }
            Alarm::PowerZero => {
                "the energy counter moves, but the meter says that no power flows; the counter is still billed. Check the \
                 meter's wiring and its profile"
            }
        }
    }

    /// What is over.
    pub fn over(self) -> &'static str {
        match self {
            Alarm::Stuck => "the energy counter moves again",
            Alarm::PowerZero => "power and energy agree again",
        }
    }
}

/// Below one watt nothing flows.
fn is_zero(power: Milliwatts) -> bool {
    power.0.unsigned_abs() < 1_000
}

const WATCH_MS: u64 = 600_000;
/// Power above a twentieth of what the fuse lets through must show on the counter.
const LOAD_PART: u64 = 20;
/// A counter may owe a step or two; more is a contradiction.
const STEPS_MISSED: u64 = 2;
/// Rare polls may meet a load by chance only when it is off.
const SAMPLES_AT_ZERO: u32 = 10;
const MILLIS_PER_HOUR: u128 = 3_600_000;
