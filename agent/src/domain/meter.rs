//! From a raw counter to energy that may be billed, and from energy to an amount owed.
//!
//! A *virtual meter* only ever grows. It advances by the plausible increments of the raw counter; whatever cannot be
//! true is quarantined and never billed (`reliability-security`, section 5).

use kilosat_drivers::reading::MilliwattHours;

use super::money::{Msat, MsatPerKwh, UnixMillis};

/// What a meter is known to have counted. Written by the engine at each interval close, read back at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterState {
    /// Grows by one each time the raw counter was replaced or reset.
    pub generation: u32,
    /// The last raw counter that was believed.
    pub raw: MilliwattHours,
    /// When it was read.
    pub at: UnixMillis,
    /// Energy counted since the meter was first seen; never shrinks.
    pub total: MilliwattHours,
}

/// What is physically possible at this meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterLimits {
    /// The most power the fuse lets through, in mW.
    pub power_max_mw: u64,
    /// The smallest step of the counter.
    pub quantum: MilliwattHours,
}

/// Why a counter value is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// The counter is lower than before.
    Backwards,
    /// The counter rose by more than the fuse lets through in that time.
    TooFast,
}

/// What one sample meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first sample ever: the starting point, no energy.
    Baseline,
    /// The virtual total grew by this much (possibly zero).
    Counted(MilliwattHours),
    /// Lower by at most two steps: measurement jitter, ignored.
    Jitter,
    /// Not believed; the last good value stands.
    Quarantined(Suspicion),
    /// The doubtful counter was confirmed: a new generation begins here, and the energy in between is not billed.
    Rebased,
}

/// Judges the samples of one meter in order.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: MeterLimits,
    state: Option<MeterState>,
    suspect: Option<Suspect>,
}

#[derive(Clone, Copy, Debug)]
struct Suspect {
    suspicion: Suspicion,
    first_at: UnixMillis,
    last: (MilliwattHours, UnixMillis),
    samples: u32,
}

impl Gate {
    /// Continues from what was stored, or waits for a first sample.
    pub fn new(limits: MeterLimits, stored: Option<MeterState>) -> Gate {
        Gate { limits, state: stored, suspect: None }
    }

    /// What may be billed up to now; `None` before the first sample.
    pub fn state(&self) -> Option<MeterState> {
        self.state
    }

    /// Why the newest samples are not believed, if they are not.
    pub fn suspicion(&self) -> Option<Suspicion> {
        self.suspect.map(|suspect| suspect.suspicion)
    }

    /// Takes one raw counter value read at `at`.
    pub fn observe(&mut self, raw: MilliwattHours, at: UnixMillis) -> Verdict {
        let Some(state) = self.state else {
            self.state = Some(MeterState { generation: 1, raw, at, total: MilliwattHours(0) });
            return Verdict::Baseline;
        };
        match self.judge((state.raw, state.at), (raw, at)) {
            Ok(used) => {
                self.suspect = None;
                let Some(total) = state.total.0.checked_add(used.0) else {
                    return self.quarantine(Suspicion::TooFast, raw, at, state);
                };
                self.state = Some(MeterState { raw, at, total: MilliwattHours(total), ..state });
                Verdict::Counted(used)
            }
            Err(Suspicion::Backwards) if state.raw.0 - raw.0 <= self.jitter() => Verdict::Jitter,
            Err(suspicion) => self.quarantine(suspicion, raw, at, state),
        }
    }

    /// Collects doubtful samples until enough of them agree with each other to call the counter replaced.
    fn quarantine(&mut self, suspicion: Suspicion, raw: MilliwattHours, at: UnixMillis, state: MeterState) -> Verdict {
        let suspect = match self.suspect {
            Some(suspect) if self.judge(suspect.last, (raw, at)).is_ok() => {
                Suspect { last: (raw, at), samples: suspect.samples + 1, ..suspect }
            }
            _ => Suspect { suspicion, first_at: at, last: (raw, at), samples: 1 },
        };
        if suspect.samples >= SAMPLES_TO_REBASE && at.since(suspect.first_at) >= MILLIS_TO_REBASE {
            self.suspect = None;
            self.state = Some(MeterState { generation: state.generation.saturating_add(1), raw, at, ..state });
            return Verdict::Rebased;
        }
        self.suspect = Some(suspect);
        Verdict::Quarantined(suspect.suspicion)
    }

    /// Energy between two samples if it is possible: at most what the fuse passes, plus 10 % and two counter steps.
    fn judge(
        &self,
        (from, from_at): (MilliwattHours, UnixMillis),
        (to, to_at): (MilliwattHours, UnixMillis),
    ) -> Result<MilliwattHours, Suspicion> {
        let used = to.0.checked_sub(from.0).ok_or(Suspicion::Backwards)?;
        let through_fuse =
            u128::from(self.limits.power_max_mw) * u128::from(to_at.since(from_at)) * 11 / 10 / MILLIS_PER_HOUR;
        if u128::from(used) > through_fuse + u128::from(self.jitter()) {
            return Err(Suspicion::TooFast);
        }
        Ok(MilliwattHours(used))
    }

    fn jitter(&self) -> u64 {
        self.limits.quantum.0.saturating_mul(2)
    }
}

/// What an agreement owes: the energy already priced, the amount, and the part of a msat that is still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accrual {
    /// The virtual total up to which energy has been priced.
    pub billed_to: MilliwattHours,
    /// Owed and not yet settled.
    pub owed: Msat,
    /// Millionths of a msat, below [`MWH_PER_KWH`], carried to the next step.
    pub remainder: u64,
}

/// Why energy could not be priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MeterFault {
    /// A virtual total never shrinks.
    #[error("the meter total fell from {} to {} mWh; nothing was billed", .from.0, .to.0)]
    Backwards {
        /// Priced up to here.
        from: MilliwattHours,
        /// The total that was offered.
        to: MilliwattHours,
    },
    /// The amount owed would be above [`OWED_MAX_MSAT`].
    #[error("the amount owed is too large to be true; nothing was billed")]
    Overflow,
}

/// Prices the energy from `was.billed_to` to `total`: many small steps cost exactly what one large step costs.
///
/// # Errors
/// [`MeterFault`] when the total fell or the amount overflows; `was` then stands.
pub fn accrue(was: Accrual, total: MilliwattHours, price: MsatPerKwh) -> Result<Accrual, MeterFault> {
    let used_mwh =
        total.0.checked_sub(was.billed_to.0).ok_or(MeterFault::Backwards { from: was.billed_to, to: total })?;
    let micro_msat = u128::from(used_mwh) * u128::from(price.0) + u128::from(was.remainder);
    let cost = u64::try_from(micro_msat / u128::from(MWH_PER_KWH)).map_err(|_| MeterFault::Overflow)?;
    let owed = was.owed.checked_add(Msat(cost)).filter(|owed| owed.0 <= OWED_MAX_MSAT);
    let owed = owed.ok_or(MeterFault::Overflow)?;
    let remainder = u64::try_from(micro_msat % u128::from(MWH_PER_KWH)).expect("a remainder is below MWH_PER_KWH");
    Ok(Accrual { billed_to: total, owed, remainder })
}

/// Milliwatt-hours in one kilowatt-hour.
pub const MWH_PER_KWH: u64 = 1_000_000;
/// More than all bitcoin there will ever be, and as much as the database's signed integers hold.
pub const OWED_MAX_MSAT: u64 = i64::MAX as u64;
const MILLIS_PER_HOUR: u128 = 3_600_000;
const SAMPLES_TO_REBASE: u32 = 5;
const MILLIS_TO_REBASE: u64 = 60_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// 25 A at three phases, counting in steps of 1 Wh.
    const LIMITS: MeterLimits = MeterLimits { power_max_mw: 17_250_000, quantum: MilliwattHours(1_000) };

    fn gate_at(raw: u64) -> Gate {
        let mut gate = Gate::new(LIMITS, None);
        assert_eq!(gate.observe(MilliwattHours(raw), UnixMillis(0)), Verdict::Baseline);
        gate
    }

    #[track_caller]
    fn case(gate: &mut Gate, raw: u64, at_s: u64, expected: Verdict) {
        assert_eq!(gate.observe(MilliwattHours(raw), UnixMillis(at_s * 1_000)), expected, "raw {raw} at {at_s} s");
    }

    #[test]
    fn plausible_steps_are_counted() {
        let mut gate = gate_at(5_000_000);
        case(&mut gate, 5_000_000, 10, Verdict::Counted(MilliwattHours(0)));
        case(&mut gate, 5_040_000, 20, Verdict::Counted(MilliwattHours(40_000)));
        assert_eq!(gate.state().unwrap().total, MilliwattHours(40_000));
    }

    #[test]
    fn a_jump_of_50_mwh_is_quarantined_and_forgotten_when_it_goes_away() {
        let mut gate = gate_at(5_000_000);
        case(&mut gate, 50_005_000_000, 10, Verdict::Quarantined(Suspicion::TooFast));
        assert_eq!(gate.suspicion(), Some(Suspicion::TooFast));
        case(&mut gate, 5_001_000, 20, Verdict::Counted(MilliwattHours(1_000)));
        assert_eq!(gate.suspicion(), None);
        assert_eq!(gate.state().unwrap().total, MilliwattHours(1_000));
    }

    #[test]
    fn one_zero_reading_never_becomes_a_baseline() {
        let mut gate = gate_at(5_000_000);
        case(&mut gate, 0, 10, Verdict::Quarantined(Suspicion::Backwards));
        case(&mut gate, 5_002_000, 20, Verdict::Counted(MilliwattHours(2_000)));
        assert_eq!(gate.state().unwrap().generation, 1);
    }

    #[test]
    fn two_steps_back_are_jitter() {
        let mut gate = gate_at(5_000_000);
        case(&mut gate, 4_998_000, 10, Verdict::Jitter);
        case(&mut gate, 4_997_000, 20, Verdict::Quarantined(Suspicion::Backwards));
    }

    #[test]
    fn a_replaced_meter_starts_a_generation_after_five_samples_and_a_minute() {
        let mut gate = gate_at(5_000_000);
        for sample in 0..5_u64 {
            case(&mut gate, 100 + sample, 10 + sample * 10, Verdict::Quarantined(Suspicion::Backwards));
        }
        case(&mut gate, 1_000, 70, Verdict::Rebased);
        let state = gate.state().unwrap();
        assert_eq!((state.generation, state.raw, state.total), (2, MilliwattHours(1_000), MilliwattHours(0)));
        case(&mut gate, 3_000, 80, Verdict::Counted(MilliwattHours(2_000)));
    }

    #[test]
    fn samples_that_disagree_never_rebase() {
        let mut gate = gate_at(5_000_000);
        for sample in 0..50_u64 {
            let raw = if sample % 2 == 0 { 0 } else { 9_000_000_000 };
            assert!(matches!(
                gate.observe(MilliwattHours(raw), UnixMillis(10_000 + sample * 10_000)),
                Verdict::Quarantined(_)
            ));
        }
        assert_eq!(gate.state().unwrap().raw, MilliwattHours(5_000_000));
    }

    #[test]
    fn a_gap_of_three_hours_with_a_possible_rise_is_counted() {
        let stored = MeterState {
            generation: 1,
            raw: MilliwattHours(1_000_000),
            at: UnixMillis(0),
            total: MilliwattHours(500_000),
        };
        let mut gate = Gate::new(LIMITS, Some(stored));
        case(&mut gate, 4_000_000, 3 * 3_600, Verdict::Counted(MilliwattHours(3_000_000)));
        assert_eq!(gate.state().unwrap().total, MilliwattHours(3_500_000));
    }

    #[test]
    fn a_thousand_readings_of_7_wh_cost_what_the_fact_sheet_says() {
        let mut accrual = Accrual::default();
        for step in 1..=1_000 {
            accrual = accrue(accrual, MilliwattHours(step * 7_000), MsatPerKwh(283_457)).unwrap();
        }
        assert_eq!((accrual.owed, accrual.remainder), (Msat(1_984_199), 0));
    }

    #[test]
    fn a_total_that_falls_is_refused() {
        let was = Accrual { billed_to: MilliwattHours(10), ..Accrual::default() };
        let fault = accrue(was, MilliwattHours(9), MsatPerKwh(1)).unwrap_err();
        assert_eq!(fault, MeterFault::Backwards { from: MilliwattHours(10), to: MilliwattHours(9) });
    }

    proptest! {
        #[test]
        fn splitting_never_changes_the_price(steps in prop::collection::vec(0_u64..5_000_000, 1..40), price in 0_u64..10_000_000) {
            let mut split = Accrual::default();
            let mut total = 0;
            for step in steps {
                total += step;
                split = accrue(split, MilliwattHours(total), MsatPerKwh(price)).unwrap();
            }
            prop_assert_eq!(split, accrue(Accrual::default(), MilliwattHours(total), MsatPerKwh(price)).unwrap());
        }

        #[test]
        fn no_sequence_of_samples_counts_more_than_the_fuse_passes(raws in prop::collection::vec(any::<u64>(), 1..60)) {
            let mut gate = Gate::new(LIMITS, None);
            let mut before = 0;
            for (sample, raw) in raws.into_iter().enumerate() {
                gate.observe(MilliwattHours(raw), UnixMillis(u64::try_from(sample).unwrap() * 1_000));
                let total = gate.state().unwrap().total.0;
                prop_assert!(total >= before);
                before = total;
            }
            prop_assert!(before <= 60 * (17_250_000 * 11 / 10 / 3_600 + 2_000));
        }
    }
}
