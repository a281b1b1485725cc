//! One history: polls, faults between them, and the checks after each.

use super::super::*;
use super::Random;
use super::agent::Agent;
use super::house::{Counter, House, KWH, Register};

/// What happened in all histories.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) samples: u64,
    pub(super) faults: u64,
    pub(super) restarts: u64,
    pub(super) rolled_over: u64,
    pub(super) rebased: u64,
    pub(super) quarantined: u64,
    /// Histories in which all energy had to be billed, and was.
    pub(super) complete: u64,
}

/// What the meter sends instead of its register.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mask {
    Clean,
    /// Nothing, or what the driver refuses: no answer, NaN, a sentinel.
    Silent,
    Zero,
    RolledBack(u64),
    Same(u64),
    Noise,
    /// Noise that the fuse would let through.
    NearNoise,
    WrongOrder,
    Stuck(u64),
}

pub(super) struct Clock {
    pub(super) boot: u64,
    pub(super) booted_ms: u64,
    /// When this agent was started after that.
    pub(super) started_ms: u64,
    pub(super) wall_error_ms: i64,
    pub(super) synchronised: bool,
    pub(super) never_set: bool,
}

/// Samples of one kind without one of another between them.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    pub(super) samples: u64,
    began_ms: u64,
}

impl Run {
    pub(super) fn and(self, now_ms: u64) -> Run {
        let began_ms = if self.samples == 0 { now_ms } else { self.began_ms };
        Run { samples: self.samples + 1, began_ms }
    }

    pub(super) fn is_long(self, now_ms: u64, samples: u64, ms: u64) -> bool {
        self.samples >= samples && now_ms - self.began_ms >= ms
    }
}

pub(super) struct Story {
    pub(super) random: Random,
    pub(super) house: House,
    pub(super) counter: Counter,
    pub(super) clock: Clock,
    pub(super) agent: Agent,
    pub(super) power_max_mw: u64,
    pub(super) poll_ms: u64,
    pub(super) serial_every: u64,
    pub(super) mask: Mask,
    pub(super) mask_polls: u64,
    pub(super) polls: u64,
    /// The number on the label is read first.
    pub(super) restarted: bool,
    /// Something happened that hides energy from every observer.
    pub(super) hidden: bool,
    pub(super) used_at_baseline: Option<u64>,
    /// How often the counter had gone over its end when it was last read as it is.
    pub(super) rounds: Option<u64>,
    /// Samples and time since a fault or a gap.
    pub(super) clean: Run,
    pub(super) bad: Run,
    /// The register is shown as it is, and doubted.
    pub(super) doubt: Run,
    /// The largest step this meter ever made.
    pub(super) coarsest: u64,
    /// When the register was last read as it is.
    pub(super) good_ms: u64,
    pub(super) going_over: bool,
    pub(super) total_before: u64,
    pub(super) stored_before: u64,
}

impl Story {
    pub(super) fn new(seed: u64) -> Story {
        let mut random = Random::new(seed);
        let power_max_mw = random.pick(&[3_680_000, 17_250_000, 43_000_000]);
        let register = random.pick(&[16, 23, 24, 31, 32, 0].map(|bits| match bits {
            0 => Register::Float,
            bits => Register::Bits(bits),
        }));
        let step_mwh = match register {
            Register::Float => random.pick(&[1_000, 10_000]),
            Register::Bits(16) => random.pick(&[1_000, 10_000, 100_000]),
            Register::Bits(_) => random.pick(&[100, 1_000, 10_000, 100_000]),
        };
        let mut counter = Counter { register, step_mwh, start_mwh: 0, installed_at_used: 0, serial: 0 };
        let mut poll_ms = random.pick(&[1_000, 5_000, 10_000, 60_000, 600_000]);
        // A counter that may go over its end between two polls cannot be followed by anybody.
        let in_a_poll = |poll_ms: u64| 4 * power_max_mw * poll_ms / 3_600_000;
        while counter.modulus().is_some_and(|modulus| modulus / 100 < in_a_poll(poll_ms)) && poll_ms > 1_000 {
            poll_ms /= 5;
        }
        let modulus = counter.modulus().unwrap_or(500_000 * KWH);
        counter.start_mwh = match random.below(10) {
            0..3 => modulus - random.below(modulus / 150).min(2 * KWH),
            3..5 => random.below(KWH / 10),
            _ => random.below(modulus.min(1_000_000 * KWH)),
        };
        counter.serial = random.between(1, 1_000_000);
        let limits = MeterLimits {
            power_max_mw,
            modulus: counter.modulus().map(MilliwattHours),
            volatile: random.chance(20),
            silence_ms: poll_ms * 3,
        };
        let agent = Agent::new(limits, random.pick(&[1_000, 100_000, 1_000_000]));
        let clock =
            Clock { boot: 1, booted_ms: 0, started_ms: 0, wall_error_ms: 0, synchronised: true, never_set: false };
        let serial_every = random.pick(&[0, 1, 1, 10]);
        let house = House { now_ms: 30_000, ..House::default() };
        Story {
            random,
            house,
            counter,
            clock,
            agent,
            power_max_mw,
            poll_ms,
            serial_every,
            mask: Mask::Clean,
            mask_polls: 0,
            polls: 0,
            restarted: true,
            hidden: false,
            used_at_baseline: None,
            rounds: None,
            clean: Run::default(),
            bad: Run::default(),
            doubt: Run::default(),
            coarsest: 0,
            good_ms: 30_000,
            going_over: false,
            total_before: 0,
            stored_before: 0,
        }
    }

    /// Lives it; what went wrong first, if anything did.
    pub(super) fn tell(mut self, tally: &mut Tally) -> Result<(), String> {
        let polls = self.random.between(30, 140);
        let fault_percent = self.random.between(2, 9);
        for _ in 0..polls {
            if self.mask_polls == 0 {
                self.mask = Mask::Clean;
                if self.random.chance(fault_percent) {
                    tally.faults += 1;
                    self.go_wrong(tally);
                }
            }
            self.mask_polls = self.mask_polls.saturating_sub(1);
            self.use_energy();
            self.poll(tally)?;
        }
        self.mask = Mask::Clean;
        self.house.power_mw = 0;
        self.clock.synchronised |= !self.clock.never_set;
        self.clock.wall_error_ms = 0;
        for _ in 0..20 {
            self.house.live(self.poll_ms.max(6_000));
            self.poll(tally)?;
        }
        self.check_completeness(tally)
    }

    fn use_energy(&mut self) {
        if self.random.chance(20) {
            self.house.power_mw = match self.random.below(4) {
                0 => 0,
                1 => self.power_max_mw,
                2 => self.random.below(self.power_max_mw / 20),
                _ => self.random.below(self.power_max_mw),
            };
        }
        let late = self.random.below(self.poll_ms / 5);
        self.house.live(self.poll_ms * 9 / 10 + late);
    }

    fn go_wrong(&mut self, tally: &mut Tally) {
        let raw = self.counter.raw(self.house.used_mwh());
        self.mask_polls = match self.random.below(3) {
            0 => 1,
            1 => self.random.between(1, 4),
            _ => self.random.between(5, 20),
        };
        self.mask = match self.random.below(14) {
            0 => Mask::Silent,
            1 => Mask::Zero,
            2 if self.clean.samples < 3 || self.agent.gate.suspicion().is_some() => Mask::Silent,
            2 => Mask::RolledBack(self.random.pick(&[3, 10, 100, 1_000, 100_000]) * self.counter.step_mwh),
            3 => Mask::Same(self.counter.garbage(&mut self.random, true)),
            4 => Mask::Noise,
            5 => {
                self.mask_polls = 1;
                Mask::NearNoise
            }
            6 => Mask::WrongOrder,
            7 => Mask::Stuck(raw),
            other => {
                self.mask_polls = 0;
                self.change_for_good(other, tally);
                Mask::Clean
            }
        };
    }

    fn change_for_good(&mut self, what: u64, tally: &mut Tally) {
        match what {
            8 => self.replace(self.counter.serial),
            9 => {
                let serial = self.counter.serial + 1;
                self.replace(serial);
            }
            10 => self.house.live(self.poll_ms * 10),
            11 => {
                let pause = self.random.pick(&[20_000, 300_000, 10_000_000]);
                self.house.live(self.random.between(1, pause));
                self.restart(tally);
            }
            12 => self.reboot(tally),
            _ => {
                let step = self.random.pick(&[90_000, 86_400_000, 31_536_000_000]);
                self.clock.wall_error_ms = self.random.pick(&[0, step, -step]);
                self.hidden |= self.is_clock_wrong_for_good();
            }
        }
        (self.clean, self.doubt) = (Run::default(), Run::default());
    }

    fn restart(&mut self, tally: &mut Tally) {
        tally.restarts += 1;
        let crashed = self.random.chance(50);
        self.agent.restart(crashed);
        self.restarted = true;
        self.total_before = self.agent.total();
        self.hidden |= self.is_clock_wrong_for_good();
    }

    /// It is wrong, and nobody knows when it was right since the machine started.
    fn is_clock_wrong_for_good(&self) -> bool {
        let is_other_start = |state: MeterState| state.evidence.read.boot != self.clock.boot;
        self.clock.synchronised && self.clock.wall_error_ms != 0 && self.agent.gate.state().is_none_or(is_other_start)
    }

    fn reboot(&mut self, tally: &mut Tally) {
        self.restart(tally);
        let right = |state: MeterState| state.evidence.read.trusted && self.clock.wall_error_ms == 0;
        self.hidden |= !self.agent.stored.is_none_or(right);
        let pause = self.random.pick(&[30_000, 300_000, 10_000_000]);
        self.house.live(self.random.between(20_000, pause));
        let year = 31_536_000_000;
        self.clock = Clock {
            boot: self.clock.boot + 1,
            booted_ms: self.house.now_ms - self.random.below(15_000),
            wall_error_ms: self.random.pick(&[0, -year, year, -1_000_000]),
            synchronised: false,
            started_ms: self.house.now_ms,
            never_set: self.random.chance(10),
        };
    }

    /// Another counter hangs on the wall, or the same begins anew. A new counter that stands where the old one could have
    /// come is told apart by its number alone.
    fn replace(&mut self, serial: u64) {
        let used = self.house.used_mwh();
        let raw = self.counter.raw(used);
        let modulus = self.counter.modulus().unwrap_or(u64::MAX);
        let near_end = |state: MeterState| state.raw.0 > modulus / 10 * 9 || state.raw.0 > raw;
        let settled = self.clean.samples >= 3 && self.agent.gate.suspicion().is_none();
        if !settled || raw > modulus / 10 * 9 || self.going_over || self.agent.gate.state().is_none_or(near_end) {
            return;
        }
        let is_told = serial != self.counter.serial && self.serial_every == 1;
        // What the fuse lets through until the next poll, and somewhat more.
        let ahead = 2 * self.through_fuse(4 * self.poll_ms) + 4 * self.counter.quantum(raw);
        let start_mwh = match self.random.below(4) {
            0 => 0,
            2 if raw > 4 * self.counter.quantum(raw) && raw + 2 * ahead < modulus / 10 * 9 => {
                raw + ahead + self.random.below(ahead)
            }
            1 if is_told => self.random.below(modulus.min(2 * raw + KWH)),
            _ => self.random.below(raw.saturating_sub(3 * self.counter.quantum(raw))),
        };
        self.counter = Counter { start_mwh, installed_at_used: used, serial, ..self.counter };
        self.hidden = true;
        self.rounds = None;
    }
}
