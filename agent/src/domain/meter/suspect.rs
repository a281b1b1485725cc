//! The chain of doubtful samples that agree with each other.

use super::Sample;
use super::verdict::Suspicion;

/// Doubtful samples in a row, each of which can follow from the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    pub(super) suspicion: Suspicion,
    pub(super) first: Sample,
    pub(super) last: Sample,
    before_last: Sample,
    samples: u32,
    /// The number of the label that these samples show, and how many of them do.
    serial: Option<u64>,
    serial_reads: u32,
}

impl Suspect {
    pub(super) fn new(suspicion: Suspicion, sample: Sample) -> Suspect {
        let serial_reads = u32::from(sample.serial.is_some());
        Suspect {
            suspicion,
            first: sample,
            last: sample,
            before_last: sample,
            samples: 1,
            serial: sample.serial,
            serial_reads,
        }
    }

    /// Whether `sample` can come from the same counter. Zeros may be those of a meter that starts; what follows them is
    /// judged on its own.
    pub(super) fn can_go_on_with(&self, sample: &Sample) -> bool {
        let is_same_meter = self.serial.is_none() || sample.serial.is_none() || self.serial == sample.serial;
        is_same_meter && (self.last.raw.0 > 0 || sample.raw.0 == 0)
    }

    pub(super) fn and(self, suspicion: Suspicion, sample: Sample) -> Suspect {
        Suspect {
            suspicion,
            last: sample,
            before_last: self.last,
            samples: self.samples.saturating_add(1),
            serial: self.serial.or(sample.serial),
            serial_reads: self.serial_reads.saturating_add(u32::from(sample.serial.is_some())),
            ..self
        }
    }

    /// What two samples agree on: the lower of the last two.
    pub(super) fn believed(&self) -> Sample {
        if self.last.raw < self.before_last.raw { self.last } else { self.before_last }
    }

    pub(super) fn serial(&self) -> Option<u64> {
        self.serial
    }

    pub(super) fn has_waited_for_a_clock(&self) -> bool {
        self.held_ms() >= MILLIS_TO_WAIT_FOR_A_CLOCK
    }

    fn held_ms(&self) -> u64 {
        self.last.read.since(self.first.read).at_least_ms
    }

    /// Enough samples over enough time for what they say to be taken for the truth. A counter that stands at zero uses
    /// nothing, so that it can wait until it counts.
    pub(super) fn is_confirmed(&self) -> bool {
        let agrees =
            self.samples >= SAMPLES_TO_REBASE && self.held_ms() >= MILLIS_TO_REBASE && self.believed().raw.0 > 0;
        agrees
            && match self.suspicion {
                Suspicion::TimeUnknown => self.has_waited_for_a_clock(),
                // One misread number must not end a meter.
                Suspicion::OtherMeter => self.serial_reads >= 2 || self.has_waited_for_a_clock(),
                Suspicion::Backwards | Suspicion::Zero | Suspicion::TooFast => true,
            }
    }
}

const SAMPLES_TO_REBASE: u32 = 5;
const MILLIS_TO_REBASE: u64 = 60_000;
const MILLIS_TO_WAIT_FOR_A_CLOCK: u64 = 3_600_000;
