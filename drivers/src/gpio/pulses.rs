//! Pulses of a meter's output, counted from the edges of its line. No I/O and no clock: edges carry the kernel's time.
//!
//! Whatever is doubtful is told and not counted: the count never exceeds what the meter sent.
//! Source of the defaults: DIN 43864 and IEC 62053-31 (S0): a contact is closed and open for at least 30 ms each.

use std::time::Duration;

use crate::reading::{MilliwattHours, Milliwatts};

/// What a pulse of this meter looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PulseRules {
    /// Pulses the meter sends for one kilowatt-hour; at least 1.
    pub per_kwh: u32,
    /// A level that holds for less is the contact's bouncing, or noise.
    pub debounce: Duration,
    /// A pulse that is shorter is noise.
    pub width_min: Duration,
    /// A pulse that begins sooner after the beginning of the last one is noise.
    pub distance_min: Duration,
}

/// A change of the line's level, as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// On a clock that nobody sets, in nanoseconds.
    pub at_ns: u64,
    /// To the level of a pulse, or else to the level of the pause.
    pub active: bool,
    /// Counts the edges of this line since it was opened, from 1, also those that were lost.
    pub line_seqno: u32,
}

/// What was not counted, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Levels that did not hold for the debounce period.
    pub bounces: u64,
    /// Pulses below the least width.
    pub too_short: u64,
    /// Pulses too close to the one before.
    pub too_close: u64,
    /// Edges the kernel could not keep until they were read. Up to half as many pulses, and one, may be missing.
    pub lost_edges: u64,
    /// Edges whose time lay before that of the edge before.
    pub backwards: u64,
}

/// Counts the pulses of one line.
#[derive(Clone, Debug)]
pub struct PulseCounter {
    rules: PulseRules,
    pulses: u64,
    tally: Tally,
    /// The line's level, and since when.
    level: bool,
    level_since_ns: u64,
    /// The same once bounces are taken out.
    phase: Phase,
    /// Time has certainly come this far.
    now_ns: u64,
    /// No edge since the line was opened; times before and after are not to be compared.
    fresh: bool,
    line_seqno: u32,
    /// When the last pulse that counted began.
    last_ns: Option<u64>,
    /// From the last but one to the last, if no edge was lost between them.
    distance_ns: Option<u64>,
    unbroken: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Pause,
    /// `judged`: counted or refused already.
    Pulse {
        since_ns: u64,
        judged: bool,
    },
}

impl PulseRules {
    /// The rules of a standard S0 output with so many pulses for a kilowatt-hour.
    #[must_use]
    pub const fn s0(per_kwh: u32) -> PulseRules {
        PulseRules {
            per_kwh,
            debounce: Duration::from_millis(10),
            width_min: Duration::from_millis(20),
            distance_min: Duration::from_millis(50),
        }
    }

    /// The energy of so many pulses, rounded down to a mWh. What a single pulse leaves over is carried: 600 pulses of
    /// 600 for a kilowatt-hour are a kilowatt-hour.
    #[must_use]
    pub fn energy(&self, pulses: u64) -> MilliwattHours {
        let mwh = u128::from(pulses) * MWH_PER_KWH / u128::from(self.per_kwh.max(1));
        MilliwattHours(u64::try_from(mwh).unwrap_or(u64::MAX))
    }

    /// The power at which pulses come at this distance; rounded down.
    #[must_use]
    pub fn power(&self, distance_ns: u64) -> Milliwatts {
        let milliwatts = NANOMILLIWATTS / (u128::from(self.per_kwh.max(1)) * u128::from(distance_ns.max(1)));
        Milliwatts(i64::try_from(milliwatts).unwrap_or(i64::MAX))
    }

    /// Without a pulse for so long, less than ten watts are used, which counts as none; an hour at most.
    fn idle_ns(&self) -> u64 {
        let ns = NANOMILLIWATTS / (u128::from(self.per_kwh.max(1)) * IDLE_MILLIWATTS);
        u64::try_from(ns).unwrap_or(u64::MAX).min(IDLE_NS_MAX)
    }
}

impl PulseCounter {
    /// Counts from zero.
    #[must_use]
    pub fn new(rules: PulseRules) -> PulseCounter {
        PulseCounter {
            rules,
            pulses: 0,
            tally: Tally::default(),
            level: false,
            level_since_ns: 0,
            phase: Phase::Pause,
            now_ns: 0,
            fresh: true,
            line_seqno: 0,
            last_ns: None,
            distance_ns: None,
            unbroken: false,
        }
    }

    /// The line was opened, or opened again, at this level. A pulse that has begun before is not counted.
    pub fn opened(&mut self, active: bool) {
        (self.fresh, self.line_seqno) = (true, 0);
        self.break_off();
        (self.level, self.level_since_ns) = (active, self.now_ns);
        self.phase = if active { Phase::Pulse { since_ns: self.now_ns, judged: true } } else { Phase::Pause };
    }

    /// Takes the next edge.
    pub fn edge(&mut self, edge: Edge) {
        let lost = edge.line_seqno.wrapping_sub(self.line_seqno.wrapping_add(1));
        let is_backwards = lost > SEQNO_AHEAD_MAX || (!self.fresh && edge.at_ns < self.level_since_ns);
        self.line_seqno = edge.line_seqno;
        if is_backwards {
            self.tally.backwards = self.tally.backwards.saturating_add(1);
            self.begin_anew(edge, true);
            // The distance of the next pulse is only known from here.
            self.last_ns = self.last_ns.map(|_| edge.at_ns);
        } else if lost > 0 {
            self.tally.lost_edges = self.tally.lost_edges.saturating_add(u64::from(lost));
            self.begin_anew(edge, false);
        } else if edge.active == self.level {
            // It changed and changed back. Right after opening, the level that was read may be that of this edge.
            self.tally.lost_edges = self.tally.lost_edges.saturating_add(u64::from(!self.fresh));
            self.begin_anew(edge, false);
        } else {
            if !self.fresh {
                self.now_ns = edge.at_ns;
                let held = edge.at_ns - self.level_since_ns;
                self.tally.bounces = self.tally.bounces.saturating_add(u64::from(held < nanos(self.rules.debounce)));
                self.settle();
            }
            (self.level, self.level_since_ns) = (edge.active, edge.at_ns);
        }
        (self.fresh, self.now_ns) = (false, edge.at_ns);
    }

    /// No further edge came for at least this long after the last one, or after the last such call.
    pub fn quiet(&mut self, time: Duration) {
        self.now_ns = self.now_ns.saturating_add(nanos(time));
        self.settle();
    }

    /// After how long without an edge there is something to decide, if there is.
    #[must_use]
    pub fn pending(&self) -> Option<Duration> {
        let debounced = self.level_since_ns.saturating_add(nanos(self.rules.debounce));
        let due = match (self.level, self.phase) {
            (true, Phase::Pulse { since_ns, judged: false }) => since_ns.saturating_add(nanos(self.rules.width_min)),
            (true, Phase::Pause) | (false, Phase::Pulse { .. }) => debounced,
            (true, Phase::Pulse { .. }) | (false, Phase::Pause) => return None,
        };
        Some(Duration::from_nanos(due.saturating_sub(self.now_ns)))
    }

    /// Pulses that counted.
    #[must_use]
    pub fn pulses(&self) -> u64 {
        self.pulses
    }

    /// What did not count.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The energy counted so far.
    #[must_use]
    pub fn energy(&self) -> MilliwattHours {
        self.rules.energy(self.pulses)
    }

    /// The power by the distance of the last two pulses. While none comes, the most it can be, which falls, and in the
    /// end zero. `None` while there were not two pulses without a loss between them.
    #[must_use]
    pub fn power(&self) -> Option<Milliwatts> {
        let elapsed = self.now_ns.saturating_sub(self.last_ns.unwrap_or(0));
        match self.distance_ns {
            _ if elapsed >= self.rules.idle_ns() && (self.last_ns.is_some() || self.fresh) => Some(Milliwatts(0)),
            Some(distance) => Some(self.rules.power(distance.max(elapsed))),
            None => None,
        }
    }

    /// What the line did before this edge is not known, so nothing of it counts.
    fn begin_anew(&mut self, edge: Edge, judged: bool) {
        self.break_off();
        (self.level, self.level_since_ns) = (edge.active, edge.at_ns);
        self.phase = match (edge.active, judged) {
            (true, false) => Phase::Pause,
            (true, true) | (false, _) => Phase::Pulse { since_ns: edge.at_ns, judged: true },
        };
    }

    fn break_off(&mut self) {
        (self.distance_ns, self.unbroken) = (None, false);
    }

    /// Takes over a level that has held long enough by now, and counts a pulse that is long enough by now.
    fn settle(&mut self) {
        let has_held = self.now_ns.saturating_sub(self.level_since_ns) >= nanos(self.rules.debounce);
        if let (true, Phase::Pause, true) = (self.level, self.phase, has_held) {
            self.phase = Phase::Pulse { since_ns: self.level_since_ns, judged: false };
        }
        let Phase::Pulse { since_ns, judged } = self.phase else { return };
        let until_ns = if self.level { self.now_ns } else { self.level_since_ns };
        let is_wide = until_ns.saturating_sub(since_ns) >= nanos(self.rules.width_min);
        if is_wide && !judged {
            self.count(since_ns);
        }
        self.phase = Phase::Pulse { since_ns, judged: judged || is_wide };
        if !self.level && has_held {
            self.tally.too_short = self.tally.too_short.saturating_add(u64::from(!judged && !is_wide));
            self.phase = Phase::Pause;
        }
    }

    fn count(&mut self, since_ns: u64) {
        let distance = self.last_ns.map(|last| since_ns.saturating_sub(last));
        if distance.is_some_and(|distance| distance < nanos(self.rules.distance_min)) {
            self.tally.too_close = self.tally.too_close.saturating_add(1);
            return;
        }
        self.pulses = self.pulses.saturating_add(1);
        self.distance_ns = distance.filter(|_| self.unbroken);
        (self.last_ns, self.unbroken) = (Some(since_ns), true);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

const MWH_PER_KWH: u128 = 1_000_000;
/// A kilowatt-hour is 3,600,000 watt-seconds; in milliwatts and nanoseconds.
const NANOMILLIWATTS: u128 = 3_600_000_000_000_000_000;
const IDLE_MILLIWATTS: u128 = 10_000;
const IDLE_NS_MAX: u64 = 3_600_000_000_000;
/// A number further ahead lies behind.
const SEQNO_AHEAD_MAX: u32 = u32::MAX / 2;

#[cfg(test)]
mod tests;
