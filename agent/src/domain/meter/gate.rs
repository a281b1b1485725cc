//! Judges the samples of one meter in order, and counts only what cannot be anything but energy.

use kilosat_drivers::reading::MilliwattHours;

use super::suspect::Suspect;
use super::time::{Elapsed, Stamp, Steadiness};
use super::verdict::{Rebase, Suspicion, Verdict};
use super::{Evidence, Former, Mark, MeterLimits, MeterState, Sample};

/// Judges the samples of one meter in order.
#[derive(Clone, Debug)]
pub struct Gate {
    limits: MeterLimits,
    state: Option<MeterState>,
    /// A plausible sample that no other has confirmed yet.
    pending: Option<Sample>,
    /// Samples that were not believed since `pending` was read.
    doubted_since_pending: u32,
    /// Something was too high since `pending` was read.
    too_high_since_pending: bool,
    suspect: Option<Suspect>,
    /// The last number that was read is another meter's.
    is_other: bool,
    clock: Steadiness,
    last_read: Option<Stamp>,
    unobserved_ms: u64,
}

/// Why a sample is not simply counted.
enum Objection {
    Jitter,
    Doubt(Suspicion),
}

impl Gate {
    /// Continues from what was stored, or waits for the first samples.
    pub fn new(limits: MeterLimits, stored: Option<MeterState>) -> Gate {
        let last_read = stored.map(|state| state.evidence.read);
        Gate {
            limits,
            state: stored,
            pending: None,
            doubted_since_pending: 0,
            too_high_since_pending: false,
            suspect: None,
            is_other: false,
            clock: Steadiness::new(last_read),
            last_read,
            unobserved_ms: 0,
        }
    }

    /// What may be billed up to now; `None` before the first two samples.
    pub fn state(&self) -> Option<MeterState> {
        self.state
    }

    /// The same, to be stored: the time that went unobserved is told once.
    pub fn close(&mut self) -> Option<MeterState> {
        let unobserved_ms = std::mem::take(&mut self.unobserved_ms);
        let state = self.state?;
        Some(MeterState { evidence: Evidence { unobserved_ms, ..state.evidence }, ..state })
    }

    /// Why the newest samples are not believed, if they are not.
    pub fn suspicion(&self) -> Option<Suspicion> {
        self.suspect.map(|suspect| suspect.suspicion)
    }

    /// Takes one good reading of the counter.
    pub fn observe(&mut self, sample: Sample) -> Verdict {
        let sample = Sample { read: self.clock.check(sample.read), ..sample };
        if let Some(last) = self.last_read.replace(sample.read) {
            let silent_ms = sample.read.since(last).at_least_ms;
            let unobserved_ms = if silent_ms > self.limits.silence_ms { silent_ms } else { 0 };
            self.unobserved_ms = self.unobserved_ms.saturating_add(unobserved_ms);
        }
        let Some(state) = self.state else {
            return self.begin(sample);
        };
        if let Some((known, read)) = state.evidence.serial.zip(sample.serial) {
            self.is_other = known != read;
        }
        match self.object(&state, &sample) {
            None => self.count(state, sample),
            Some(Objection::Jitter) => {
                self.suspect = None;
                // A higher value that nothing has confirmed is contradicted.
                self.pending = self.pending.filter(|pending| self.follows(pending, &sample));
                if sample.raw.0 > 0 {
                    let evidence = Evidence { read: sample.read, ..state.evidence };
                    self.state = Some(MeterState { at: sample.read.wall, evidence, ..state });
                }
                Verdict::Jitter
            }
            Some(Objection::Doubt(suspicion)) => self.quarantine(suspicion, sample, state),
        }
    }

    /// The second of two samples that agree is the starting point; zero is none, because a starting meter sends it too.
    fn begin(&mut self, sample: Sample) -> Verdict {
        let agrees = self.pending.is_some_and(|first| self.follows(&first, &sample) && first.serial == sample.serial);
        if !agrees || sample.raw.0 == 0 {
            self.pending = Some(sample);
            return Verdict::First;
        }
        self.pending = None;
        self.state = Some(MeterState {
            generation: 1,
            raw: sample.raw,
            at: sample.read.wall,
            total: MilliwattHours(0),
            evidence: Evidence { read: sample.read, serial: sample.serial, ..Evidence::default() },
        });
        Verdict::Baseline
    }

    fn object(&self, state: &MeterState, sample: &Sample) -> Option<Objection> {
        if self.is_other {
            return Some(Objection::Doubt(Suspicion::OtherMeter));
        }
        match state.raw.0.checked_sub(sample.raw.0) {
            None | Some(0) => {}
            Some(fallen) if fallen <= jitter(sample) => return Some(Objection::Jitter),
            Some(_) if sample.raw.0 == 0 => return Some(Objection::Doubt(Suspicion::Zero)),
            Some(_) => return Some(Objection::Doubt(Suspicion::Backwards)),
        }
        let since = sample.read.since(state.evidence.read);
        let used = sample.raw.0.saturating_sub(state.raw.0);
        self.possible(used, since, jitter(sample))
            .err()
            .or_else(|| self.beyond_mark(state, sample))
            .map(Objection::Doubt)
    }

    /// What was too high stays so, however long one waits: a jump must not become plausible with time.
    fn beyond_mark(&self, state: &MeterState, sample: &Sample) -> Option<Suspicion> {
        let mark = state.evidence.too_high?;
        if sample.raw.0.saturating_add(jitter(sample)) < mark.raw.0 {
            return None;
        }
        if mark.impossible {
            // It was judged by a state that a crash may have lost.
            return Some(Suspicion::TooFast);
        }
        let since = mark.read.corrected(sample.read).since(state.evidence.read);
        self.possible(mark.raw.0.saturating_sub(state.raw.0), since, jitter(sample)).err()
    }

    /// At most what the fuse passes, plus 10 % and two counter steps.
    fn possible(&self, used: u64, since: Elapsed, jitter: u64) -> Result<(), Suspicion> {
        let most = self.through_fuse(since.at_least_ms) + u128::from(jitter);
        match since.exact {
            _ if u128::from(used) <= most => Ok(()),
            true => Err(Suspicion::TooFast),
            false => Err(Suspicion::TimeUnknown),
        }
    }

    fn through_fuse(&self, ms: u64) -> u128 {
        u128::from(self.limits.power_max_mw) * u128::from(ms) * 11 / 10 / MILLIS_PER_HOUR
    }

    /// Whether `later` can be the same counter a little later.
    fn follows(&self, earlier: &Sample, later: &Sample) -> bool {
        let used = later.raw.0.saturating_sub(earlier.raw.0);
        let fallen = earlier.raw.0.saturating_sub(later.raw.0);
        fallen <= jitter(later) && self.possible(used, later.read.since(earlier.read), jitter(later)).is_ok()
    }

    /// Counts up to the lower of two samples that agree: one alone may be a wrong value that happens to be possible.
    fn count(&mut self, state: MeterState, sample: Sample) -> Verdict {
        let pending = self.pending.replace(sample);
        self.doubted_since_pending = 0;
        let Some(earlier) = pending.filter(|earlier| self.follows(earlier, &sample)) else {
            self.too_high_since_pending = false;
            return Verdict::Pending;
        };
        let believed = if sample.raw < earlier.raw { sample } else { earlier };
        let step = believed.raw.0.saturating_sub(state.raw.0);
        let is_back = |former: Former| believed.raw.0.saturating_add(jitter(&sample)) >= former.raw.0;
        let (used, fallen_from) = match state.evidence.fallen_from {
            Some(former) if is_back(former) => {
                (step.min(since_fall(&state, former, believed.raw.0.saturating_sub(former.raw.0))), None)
            }
            former => (step, former),
        };
        let serial = match (earlier.serial, sample.serial) {
            (Some(earlier), Some(later)) if earlier != later => None,
            (earlier, later) => later.or(earlier),
        };
        let has_counted = state.evidence.has_counted || step > 0;
        let too_high = state.evidence.too_high.filter(|_| self.too_high_since_pending);
        let serial = state.evidence.serial.or(serial);
        self.too_high_since_pending = false;
        self.suspect = None;
        self.state = Some(MeterState {
            raw: believed.raw.max(state.raw),
            at: believed.read.wall,
            total: MilliwattHours(state.total.0.saturating_add(used)),
            evidence: Evidence { read: believed.read, serial, has_counted, too_high, fallen_from, unobserved_ms: 0 },
            ..state
        });
        Verdict::Counted(MilliwattHours(used))
    }

    /// Collects doubtful samples until enough of them agree with each other to be taken for the truth.
    fn quarantine(&mut self, suspicion: Suspicion, sample: Sample, state: MeterState) -> Verdict {
        let suspect = match self.suspect {
            Some(suspect) if suspect.can_go_on_with(&sample) && self.follows(&suspect.last, &sample) => {
                suspect.and(suspicion, sample)
            }
            _ => Suspect::new(suspicion, sample),
        };
        self.suspect = Some(suspect);
        self.doubted_since_pending = self.doubted_since_pending.saturating_add(1);
        if self.doubted_since_pending >= DOUBTS_AGAINST_ONE {
            self.pending = None;
        }
        if matches!(suspicion, Suspicion::TooFast | Suspicion::TimeUnknown) {
            self.mark(state, &sample, suspicion == Suspicion::TooFast);
        }
        if !suspect.is_confirmed() {
            return Verdict::Quarantined(suspicion);
        }
        match self.rolled_over(&state, &suspect) {
            Some(Ok(used)) => self.start_again(state, state.generation, used, &suspect, Verdict::RolledOver(used)),
            Some(Err(Suspicion::TimeUnknown)) if !suspect.has_waited_for_a_clock() => Verdict::Quarantined(suspicion),
            Some(Err(_)) | None => {
                let cause = self.cause(&state, &suspect);
                // What was used while waiting for the clock is known; only the gap before is not.
                let used = match cause {
                    Rebase::TimeUnknown => suspect.believed().raw.0.saturating_sub(suspect.first.raw.0),
                    _ => 0,
                };
                let generation = state.generation.saturating_add(1);
                self.start_again(state, generation, MilliwattHours(used), &suspect, Verdict::Rebased(cause))
            }
        }
    }

    fn mark(&mut self, state: MeterState, sample: &Sample, impossible: bool) {
        self.too_high_since_pending = true;
        if state.evidence.too_high.is_none_or(|mark| sample.raw < mark.raw) {
            let too_high = Some(Mark { raw: sample.raw, read: sample.read, impossible });
            self.state = Some(MeterState { evidence: Evidence { too_high, ..state.evidence }, ..state });
        }
    }

    /// The energy over the end of the counter, where it was near its end and is now near its beginning.
    fn rolled_over(&self, state: &MeterState, suspect: &Suspect) -> Option<Result<MilliwattHours, Suspicion>> {
        let modulus = self.limits.modulus?.0;
        let near = modulus / ROLLOVER_PART;
        let to_end = modulus.checked_sub(state.raw.0)?;
        let (first, last) = (suspect.first, suspect.believed());
        // A wrong value that was believed stands near the end by chance, and has never counted.
        let fell = suspect.suspicion == Suspicion::Backwards && last.raw < state.raw && state.evidence.has_counted;
        if !fell || to_end > near || first.raw.0 > near {
            return None;
        }
        let since = first.read.corrected(last.read).since(state.evidence.read);
        let possible = self.possible(to_end.saturating_add(first.raw.0), since, jitter(&last));
        let over_end = |from: u64| modulus.saturating_sub(from).saturating_add(last.raw.0);
        let used = over_end(state.raw.0);
        let used = state
            .evidence
            .fallen_from
            .map_or(used, |former| used.min(since_fall(state, former, over_end(former.raw.0))));
        Some(possible.map(|()| MilliwattHours(used)))
    }

    fn cause(&self, state: &MeterState, suspect: &Suspect) -> Rebase {
        let last = suspect.believed();
        let from_zero = self.through_fuse(last.read.since(state.evidence.read).at_least_ms) + u128::from(jitter(&last));
        match suspect.suspicion {
            Suspicion::OtherMeter => Rebase::Swapped,
            Suspicion::TooFast => Rebase::Jumped,
            Suspicion::TimeUnknown => Rebase::TimeUnknown,
            Suspicion::Backwards | Suspicion::Zero => match (state.evidence.serial, suspect.serial()) {
                _ if self.limits.volatile && u128::from(last.raw.0) <= from_zero => Rebase::PowerLost,
                (Some(_), Some(_)) => Rebase::Reset,
                _ => Rebase::Fallen,
            },
        }
    }

    /// The virtual meter goes on from what the newest two doubtful samples agree on.
    fn start_again(
        &mut self,
        state: MeterState,
        generation: u32,
        used: MilliwattHours,
        suspect: &Suspect,
        verdict: Verdict,
    ) -> Verdict {
        let sample = suspect.believed();
        let former = Former { raw: state.raw, total: state.total };
        let fallen_from = match verdict {
            Verdict::Rebased(Rebase::Swapped) | Verdict::RolledOver(_) => None,
            _ if sample.raw < state.raw => Some(former),
            _ => state.evidence.fallen_from.filter(|former| sample.raw < former.raw),
        };
        // A new counter without a number may be another meter; the next number that is read is its own.
        let known = state.evidence.serial.filter(|_| matches!(verdict, Verdict::RolledOver(_)));
        let serial = suspect.serial().or(known);
        let has_counted = generation == state.generation;
        self.pending = None;
        self.too_high_since_pending = false;
        self.is_other = false;
        self.suspect = None;
        self.state = Some(MeterState {
            generation,
            raw: sample.raw,
            at: sample.read.wall,
            total: MilliwattHours(state.total.0.saturating_add(used.0)),
            evidence: Evidence {
                read: sample.read,
                serial,
                has_counted,
                too_high: None,
                fallen_from,
                unobserved_ms: 0,
            },
        });
        verdict
    }
}

/// What a counter that is back where it fell from has used and not counted yet, when it stands so far beyond that.
fn since_fall(state: &MeterState, former: Former, beyond: u64) -> u64 {
    beyond.saturating_sub(state.total.0.saturating_sub(former.total.0))
}

fn jitter(sample: &Sample) -> u64 {
    sample.quantum.0.saturating_mul(2)
}

/// One plausible sample among so many doubtful ones is not confirmed by a later one.
const DOUBTS_AGAINST_ONE: u32 = 2;
const MILLIS_PER_HOUR: u128 = 3_600_000;
/// A counter that rolls over was within 1 % of its end before and is within 1 % of its beginning after.
const ROLLOVER_PART: u64 = 100;
