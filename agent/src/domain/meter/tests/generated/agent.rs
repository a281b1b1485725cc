//! The agent around the gate, as `tasks/meters.rs` and the engine are: it stores closed intervals and doubts.

use super::super::*;

pub(super) struct Agent {
    limits: MeterLimits,
    pub(super) gate: Gate,
    pub(super) stored: Option<MeterState>,
    doubt: Option<Suspicion>,
    too_high: Option<Mark>,
    close_every_mwh: u64,
}

impl Agent {
    pub(super) fn new(limits: MeterLimits, close_every_mwh: u64) -> Agent {
        Agent { limits, gate: Gate::new(limits, None), stored: None, doubt: None, too_high: None, close_every_mwh }
    }

    /// One reading, and what is stored because of it.
    pub(super) fn read(&mut self, sample: Sample) -> Verdict {
        let verdict = self.gate.observe(sample);
        let doubt = match verdict {
            Verdict::Quarantined(suspicion) => Some(suspicion),
            Verdict::First | Verdict::Pending => self.doubt,
            _ => None,
        };
        let too_high = self.gate.state().and_then(|state| state.evidence.too_high);
        let tell = doubt != self.doubt || (doubt.is_some() && too_high != self.too_high);
        (self.doubt, self.too_high) = (doubt, too_high);
        if let Some(stored) = self.stored.as_mut().filter(|_| tell) {
            stored.evidence.too_high = too_high;
        }
        let grown = match (self.gate.state(), self.stored) {
            (Some(state), Some(stored)) => state.total.0 - stored.total.0 >= self.close_every_mwh,
            _ => true,
        };
        let number = |state: Option<MeterState>| state.and_then(|state| state.evidence.serial);
        let must = matches!(verdict, Verdict::Baseline | Verdict::RolledOver(_) | Verdict::Rebased(_))
            || number(self.gate.state()) != number(self.stored);
        if must || (grown && matches!(verdict, Verdict::Counted(_))) {
            self.stored = self.gate.close();
        }
        verdict
    }

    /// Ends, with or without a last word, and starts again.
    pub(super) fn restart(&mut self, crashed: bool) {
        if !crashed {
            self.stored = self.gate.close().or(self.stored);
        }
        self.gate = Gate::new(self.limits, self.stored);
        self.doubt = None;
        self.too_high = self.stored.and_then(|state| state.evidence.too_high);
    }

    pub(super) fn total(&self) -> u64 {
        self.gate.state().map_or(0, |state| state.total.0)
    }
}
