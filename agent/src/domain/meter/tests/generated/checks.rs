//! What one poll shows, and what must be true after it.

use super::super::*;
use super::story::{Mask, Run, Story, Tally};

impl Story {
    pub(super) fn poll(&mut self, tally: &mut Tally) -> Result<(), String> {
        self.set_clock();
        self.polls += 1;
        let used = self.house.used_mwh();
        let raw = self.counter.raw(used);
        self.coarsest = self.coarsest.max(self.counter.quantum(raw));
        let Some(shown) = self.shown(raw) else {
            self.clean = Run::default();
            return Ok(());
        };
        let is_clean = self.mask == Mask::Clean;
        if is_clean {
            self.go_over(raw, used);
        }
        let rounds = self.counter.modulus().map(|modulus| self.counter.counted(used) / modulus);
        self.hidden |= self.mask == Mask::NearNoise && (self.going_over || rounds != self.rounds);
        let first = std::mem::take(&mut self.restarted);
        let read_serial =
            self.serial_every > 0 && (first || self.polls.is_multiple_of(self.serial_every)) && self.mask != Mask::Zero;
        let verdict = self.agent.read(Sample {
            raw: MilliwattHours(shown),
            read: self.stamp(),
            quantum: MilliwattHours(self.counter.quantum(shown)),
            serial: read_serial.then_some(self.counter.serial),
        });
        // What is too high stays so until the counter is seen below it, and the house may pass it first.
        let is_mark = matches!(verdict, Verdict::Quarantined(Suspicion::TooFast | Suspicion::TimeUnknown));
        self.hidden |= is_mark && shown > raw && shown - raw <= self.through_fuse(86_400_000);
        self.note(verdict, is_clean, used, tally);
        let context = |what: String| {
            let state = self.agent.gate.state();
            format!("poll {}, {:?}, raw {raw}, shown {shown}, {verdict:?}: {what}; {state:?}", self.polls, self.mask)
        };
        self.check_energy(used).and_then(|()| self.check_doubt(raw)).map_err(context)?;
        self.total_before = self.agent.total();
        self.stored_before = self.agent.stored.map_or(0, |state| state.total.0);
        Ok(())
    }

    fn set_clock(&mut self) {
        if !self.clock.synchronised && !self.clock.never_set && self.random.chance(10) {
            (self.clock.synchronised, self.clock.wall_error_ms) = (true, 0);
            self.clean = Run::default();
        }
        let waits_long = self.house.now_ms - self.clock.started_ms > 3_000_000;
        self.hidden |= !self.clock.synchronised && waits_long;
    }

    fn stamp(&self) -> Stamp {
        let wall = 1_800_000_000_000 + i64::try_from(self.house.now_ms).unwrap() + self.clock.wall_error_ms;
        Stamp {
            wall: UnixMillis(u64::try_from(wall).unwrap()),
            trusted: self.clock.synchronised,
            boot: self.clock.boot,
            monotonic_ms: self.house.now_ms - self.clock.booted_ms,
        }
    }

    /// What reaches the gate. A wrong value that stays where the fuse would let the counter go is no fault but a lie:
    /// nobody can tell it from energy, so that it is not sent.
    fn shown(&mut self, raw: u64) -> Option<u64> {
        let value = match self.mask {
            Mask::Clean => return Some(raw),
            Mask::Silent => return None,
            Mask::Zero => return Some(0),
            Mask::Stuck(at) => {
                self.hidden = true;
                return self.used_at_baseline.map(|_| at);
            }
            Mask::RolledBack(back) => raw.saturating_sub(back),
            Mask::Same(value) => value,
            Mask::Noise => self.counter.garbage(&mut self.random, false),
            Mask::NearNoise => raw + self.random.below(self.through_fuse(3 * self.poll_ms) + 4 * self.counter.step_mwh),
            Mask::WrongOrder => self.counter.in_wrong_order(raw)?,
        };
        let day = self.through_fuse(86_400_000);
        let Some(state) = self.agent.gate.state() else {
            return (value.abs_diff(raw) > day).then_some(value);
        };
        let since = self.stamp().since(state.evidence.read).at_least_ms.max(self.house.now_ms - self.good_ms);
        let within = self.through_fuse(since) + 3 * self.counter.quantum(value);
        let is_possible = value >= state.raw.0 && value - state.raw.0 <= within;
        let modulus = self.counter.modulus().unwrap_or(u64::MAX);
        let looks_over = state.raw.0 >= modulus - modulus / 100 && value <= modulus / 100;
        // A counter that fell and has counted past where it fell from is a new one, whatever it does later.
        let is_past = |former: Former| value + 2 * self.counter.quantum(value) >= former.raw.0;
        // While a new counter waits to be confirmed, a run of lower values may be confirmed in its place.
        let is_lower = value < raw && self.agent.gate.suspicion().is_some() && self.bad.samples == 0;
        match self.mask {
            Mask::Same(_) | Mask::WrongOrder if is_lower && self.hidden => None,
            Mask::NearNoise => Some(value).filter(|_| self.clean.samples > 0),
            Mask::RolledBack(_) => (!looks_over && !state.evidence.fallen_from.is_some_and(is_past)).then_some(value),
            _ => (!looks_over && !is_possible).then_some(value),
        }
    }

    pub(super) fn through_fuse(&self, ms: u64) -> u64 {
        u64::try_from(u128::from(self.power_max_mw) * u128::from(ms) * 11 / 10 / 3_600_000).unwrap()
    }

    /// Whether anybody can follow a counter that goes over its end: it must be seen shortly before and shortly after.
    fn go_over(&mut self, raw: u64, used: u64) {
        let Some(modulus) = self.counter.modulus() else { return };
        let rounds = self.counter.counted(used) / modulus;
        let before = self.rounds.replace(rounds).unwrap_or(rounds);
        let seen_before = self.agent.gate.state().is_some_and(|state| {
            // A counter that has not moved yet may be any value.
            state.evidence.has_counted && state.raw.0 >= modulus - modulus / 100
        });
        if rounds > before {
            self.going_over = true;
            self.doubt = Run::default();
            self.hidden |= rounds > before + 1;
        }
        let is_first = rounds > before || (self.going_over && self.doubt.samples == 0);
        self.hidden |= is_first && (raw > modulus / 100 || !seen_before);
    }

    fn note(&mut self, verdict: Verdict, is_clean: bool, used: u64, tally: &mut Tally) {
        let shows_zero = self.counter.raw(used) == 0;
        tally.samples += 1;
        let now_ms = self.house.now_ms;
        if is_clean {
            self.good_ms = now_ms;
            self.clean = self.clean.and(now_ms);
            if self.clean.samples >= 2 {
                self.bad = Run::default();
            }
        } else {
            self.clean = Run::default();
            self.bad = self.bad.and(now_ms);
            // It was there for long enough to be taken for a new counter.
            self.hidden |= self.bad.is_long(now_ms, 5, 55_000);
        }
        let is_rolled_back = matches!(self.mask, Mask::RolledBack(_));
        self.hidden |= is_rolled_back && !matches!(verdict, Verdict::Quarantined(_));
        let doubted = is_clean && !shows_zero && matches!(verdict, Verdict::Quarantined(_));
        self.doubt = if doubted { self.doubt.and(now_ms) } else { Run::default() };
        self.hidden |= verdict == Verdict::Baseline && !is_clean;
        match verdict {
            Verdict::Baseline => self.used_at_baseline = Some(used),
            Verdict::RolledOver(_) => (tally.rolled_over, self.going_over) = (tally.rolled_over + 1, false),
            Verdict::Rebased(_) => (tally.rebased, self.going_over) = (tally.rebased + 1, false),
            Verdict::Quarantined(_) => tally.quarantined += 1,
            _ => {}
        }
    }

    /// A counter's step hides up to one step at its beginning; each new counter has a beginning.
    fn check_energy(&self, used: u64) -> Result<(), String> {
        let total = self.agent.total();
        let stored = self.agent.stored.map_or(0, |state| state.total.0);
        let Some((state, began)) = self.agent.gate.state().zip(self.used_at_baseline) else {
            return Ok(());
        };
        let most = used - began + self.coarsest * (1 + u64::from(state.generation));
        if total > most || stored > most {
            return Err(format!("{total} mWh counted, {stored} stored, {} used", used - began));
        }
        let shrank = total < self.total_before || stored < self.stored_before;
        if shrank { Err("the total shrank".to_owned()) } else { Ok(()) }
    }

    fn check_doubt(&self, raw: u64) -> Result<(), String> {
        let Some(suspicion) = self.agent.gate.suspicion().filter(|_| raw > 0) else {
            return Ok(());
        };
        let other_start = self.agent.gate.state().is_some_and(|state| state.evidence.read.boot != self.clock.boot);
        let waits = suspicion == Suspicion::TimeUnknown || other_start;
        let ms = if waits { 3_600_000 } else { 60_000 } + 3 * self.poll_ms.max(6_000);
        let samples = 8 + if suspicion == Suspicion::OtherMeter { 3 * self.serial_every } else { 0 };
        if self.doubt.is_long(self.house.now_ms, samples, ms) {
            return Err(format!("{suspicion:?} for {} samples", self.doubt.samples));
        }
        Ok(())
    }

    pub(super) fn check_completeness(&self, tally: &mut Tally) -> Result<(), String> {
        let shows_zero = self.counter.raw(self.house.used_mwh()) == 0;
        let Some(began) = self.used_at_baseline else {
            return if shows_zero { Ok(()) } else { Err("there never was a starting point".to_owned()) };
        };
        if shows_zero || self.hidden || !self.clock.synchronised {
            return Ok(());
        }
        let used = self.house.used_mwh();
        let (real, total) = (used - began, self.agent.total());
        if real.abs_diff(total) > 2 * self.counter.quantum(self.counter.raw(used)) {
            return Err(format!("{total} mWh counted of {real}; {:?}", self.agent.gate));
        }
        tally.complete += 1;
        Ok(())
    }
}
