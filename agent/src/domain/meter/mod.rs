//! From a raw counter to energy that may be billed, and from energy to an amount owed.
//!
//! A *virtual meter* only ever grows. It advances by the plausible increments of the raw counter; whatever cannot be
//! true is quarantined and never billed (`reliability-security`, section 5).

mod accrual;
mod gate;
mod suspect;
mod time;
mod verdict;
mod watch;

pub use accrual::{Accrual, MWH_PER_KWH, MeterFault, OWED_MAX_MSAT, accrue};
pub use gate::Gate;
pub use time::{Elapsed, Stamp};
pub use verdict::{Rebase, Suspicion, Verdict};
pub use watch::{Alarm, Change, Watch};

use kilosat_drivers::reading::MilliwattHours;

use super::money::UnixMillis;

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
    /// What later samples are judged by.
    pub evidence: Evidence,
}

/// What is known beside the counter itself, so that a restart forgets no doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When the counter was read, as far as time can be told; its wall time is that of [`MeterState::at`].
    pub read: Stamp,
    /// The number on the meter's label, where it can be read.
    pub serial: Option<u64>,
    /// The counter has moved since this generation began.
    pub has_counted: bool,
    /// The lowest counter since then that was too high to be believed.
    pub too_high: Option<Mark>,
    /// Where the counter stood before it fell for good: a counter that comes back there has not used that energy.
    pub fallen_from: Option<Former>,
    /// Of the time since the state before, how much no sample covers, in ms; at least.
    pub unobserved_ms: u64,
}

/// A raw counter that was too high to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The raw counter.
    pub raw: MilliwattHours,
    /// When it was read.
    pub read: Stamp,
    /// It cannot have come there, whatever the time; otherwise it is judged when the time is known.
    pub impossible: bool,
}

/// Where a counter stood before it was replaced by a lower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// The raw counter.
    pub raw: MilliwattHours,
    /// What had been counted by then.
    pub total: MilliwattHours,
}

/// What is physically possible at this meter, and what is known of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterLimits {
    /// The most power the fuse lets through, in mW.
    pub power_max_mw: u64,
    /// The counter goes from just below this to zero; `None` where that is not known.
    pub modulus: Option<MilliwattHours>,
    /// The counter is lost when the meter has no power.
    pub volatile: bool,
    /// Without a sample for longer than this, energy goes unobserved, in ms of the house: three poll periods.
    pub silence_ms: u64,
}

/// One good reading of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The raw counter.
    pub raw: MilliwattHours,
    /// When it was read.
    pub read: Stamp,
    /// The smallest step of a counter that stands there.
    pub quantum: MilliwattHours,
    /// The number on the meter's label, where it was read along.
    pub serial: Option<u64>,
}

#[cfg(test)]
mod tests;
