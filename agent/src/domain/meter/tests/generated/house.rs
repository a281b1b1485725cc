//! The truth: what the house uses, and what the register of its meter shows of it.

/// splitmix64; the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// What the house really uses.
#[derive(Default)]
pub(super) struct House {
    pub(super) now_ms: u64,
    pub(super) power_mw: u64,
    /// mW x ms.
    pub(super) used: u128,
}

impl House {
    pub(super) fn live(&mut self, ms: u64) {
        self.now_ms += ms;
        self.used += u128::from(self.power_mw) * u128::from(ms);
    }

    pub(super) fn used_mwh(&self) -> u64 {
        u64::try_from(self.used / 3_600_000).unwrap()
    }
}

/// How a register keeps its count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Register {
    /// So many bits of whole steps; it begins again at zero.
    Bits(u32),
    /// 32-bit float of kWh.
    Float,
}

/// A register on the wall, counting from where it started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counter {
    pub(super) register: Register,
    pub(super) step_mwh: u64,
    pub(super) start_mwh: u64,
    pub(super) installed_at_used: u64,
    pub(super) serial: u64,
}

impl Counter {
    pub(super) fn modulus(&self) -> Option<u64> {
        match self.register {
            Register::Bits(bits) => Some(self.step_mwh << bits),
            Register::Float => None,
        }
    }

    /// What it has counted in its life, and what it shows.
    pub(super) fn counted(&self, used_mwh: u64) -> u64 {
        self.start_mwh + (used_mwh - self.installed_at_used)
    }

    pub(super) fn raw(&self, used_mwh: u64) -> u64 {
        let counted = self.counted(used_mwh);
        match self.modulus() {
            Some(modulus) => (counted - counted % self.step_mwh) % modulus,
            None => counted - counted % self.quantum(counted),
        }
    }

    /// The smallest step of a counter that stands at `raw`.
    pub(super) fn quantum(&self, raw: u64) -> u64 {
        match self.register {
            Register::Bits(_) => self.step_mwh,
            Register::Float => {
                let exponent = (raw / KWH).checked_ilog2().unwrap_or(0);
                self.step_mwh.max(if exponent < 23 { KWH >> (23 - exponent) } else { KWH << (exponent - 23) })
            }
        }
    }

    /// The same registers in the wrong order; `None` where no driver would take the value for a number.
    pub(super) fn in_wrong_order(&self, raw: u64) -> Option<u64> {
        match self.register {
            Register::Bits(16) => None,
            Register::Bits(_) => {
                let words = u32::try_from(raw / self.step_mwh).ok()?;
                Some(u64::from(words.rotate_left(16)) * self.step_mwh)
            }
            Register::Float => {
                let kwh = f32::from_bits(((raw as f64 / KWH as f64) as f32).to_bits().rotate_left(16));
                let is_number = kwh.is_finite() && (0.0..1e8).contains(&kwh);
                is_number.then_some((f64::from(kwh) * KWH as f64) as u64)
            }
        }
    }

    /// Whatever fits the register; `marked` also what devices send for "not available".
    pub(super) fn garbage(&self, random: &mut Random, marked: bool) -> u64 {
        match self.register {
            Register::Bits(bits) => {
                let marks = [(1_u64 << bits) - 1, (1 << (bits - 1)) - 1, 1 << (bits - 1)];
                let steps =
                    if marked && random.chance(30) { random.pick(&marks) } else { random.next() >> (64 - bits) };
                steps * self.step_mwh
            }
            Register::Float => random.below(100_000_000) * KWH / 1_000 * random.pick(&[1, 1_000]),
        }
    }
}

pub(super) const KWH: u64 = 1_000_000;
