//! What a sample meant, and how the owner is told.

use kilosat_drivers::reading::MilliwattHours;

/// Why a counter value is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// The counter is lower than before.
    Backwards,
    /// The counter shows 0, which is also what a meter sends that has just started.
    Zero,
    /// The counter rose by more than the fuse lets through in that time.
    TooFast,
    /// The counter rose, and how much time has passed is not known: the machine restarted and its clock is not set.
    TimeUnknown,
    /// Another meter answers.
    OtherMeter,
}

/// Why a counter is billed from a new starting point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebase {
    /// The number on the label changed: another meter.
    Swapped,
    /// The same meter, as its number says, counts from a lower value.
    Reset,
    /// The counter is lower, and no number on a label tells why.
    Fallen,
    /// The meter lost power, and its counter with it, as this kind does.
    PowerLost,
    /// The counter stands higher than it can have come.
    Jumped,
    /// The counter rose while the machine was off, and its clock was not set in time to say whether it can have.
    TimeUnknown,
}

/// What one sample meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The first sample ever, or the first that disagrees with the one before: the next one decides.
    First,
    /// The starting point, no energy.
    Baseline,
    /// Plausible; counted as soon as another sample agrees.
    Pending,
    /// Two samples agree: the virtual total grew by this much (possibly zero), up to the lower of them.
    Counted(MilliwattHours),
    /// Lower by at most two steps: measurement jitter, ignored.
    Jitter,
    /// Not believed; the last good value stands.
    Quarantined(Suspicion),
    /// The counter went over its end and began at zero again, confirmed: the energy over the end is counted.
    RolledOver(MilliwattHours),
    /// The doubtful counter was confirmed: a new generation begins here, and the energy in between is not billed.
    Rebased(Rebase),
}

impl Suspicion {
    /// What happened, what Kilosat does, and what may have to be done.
    pub fn sentence(self) -> &'static str {
        match self {
            Suspicion::Backwards => {
                "the counter went backwards; nothing is billed until it is believable again or a new counter is confirmed"
            }
            Suspicion::Zero => {
                "the counter shows 0; nothing is billed until it is back, or counts on from there for a minute"
            }
            Suspicion::TooFast => {
                "the counter jumped by more than the fuse lets through; nothing is billed until it is believable again"
            }
            Suspicion::TimeUnknown => {
                "the counter rose while this machine was off, and its clock is not set yet; that energy is billed once \
                 the clock is set. Check the network if this lasts"
            }
            Suspicion::OtherMeter => {
                "another meter answers, by its serial number; nothing is billed until the old one is back or the new one \
                 is confirmed"
            }
        }
    }
}

impl Rebase {
    /// What happened and what Kilosat did.
    pub fn sentence(self) -> &'static str {
        match self {
            Rebase::Swapped => "the meter was replaced by another one, as its serial number says",
            Rebase::Reset => "the meter is the same, but its counter was reset",
            Rebase::Fallen => "the counter was reset or the meter was replaced",
            Rebase::PowerLost => "the meter was without power and began at zero, as this model does",
            Rebase::Jumped => "the counter jumped ahead and stays there",
            Rebase::TimeUnknown => {
                "the counter rose while this machine was off, and the clock was not set for an hour, so nobody can tell \
                 whether that energy is real"
            }
        }
    }
}
