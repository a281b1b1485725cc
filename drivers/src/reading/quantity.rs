//! What a value is of: a subject, a measure and a phase, with one spelling.

use std::fmt;
use std::ops::{Deref, RangeInclusive};
use std::str::FromStr;

use super::MilliwattHours;
use super::words::{Measure, Phase, Subject};

/// What a value is of, such as `grid_power_l1`: subject, measure and phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    /// What is measured.
    pub measure: Measure,
    /// Whose.
    pub subject: Subject,
    /// On which phase.
    pub phase: Phase,
}

/// The name of a quantity, as text that needs no memory of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    bytes: [u8; NAME_BYTES_MAX],
    length: usize,
}

/// No quantity has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not the name of a quantity, such as energy_import, power_l1 or battery_soc")]
pub struct UnknownQuantity;

impl Quantity {
    /// Counter of energy drawn from the grid, never resettable: the one that most meters are billed by.
    pub const ENERGY_IMPORT: Self = Self::of(Measure::EnergyImport);
    /// Counter of energy fed into the grid, never resettable.
    pub const ENERGY_EXPORT: Self = Self::of(Measure::EnergyExport);
    /// Power of all phases together; positive is drawn from the grid.
    pub const POWER: Self = Self::of(Measure::Power);
    /// Power of the first phase.
    pub const POWER_L1: Self = Self::POWER.on(Phase::L1);
    /// Power of the second phase.
    pub const POWER_L2: Self = Self::POWER.on(Phase::L2);
    /// Power of the third phase.
    pub const POWER_L3: Self = Self::POWER.on(Phase::L3);
    /// Voltage of a single-phase meter.
    pub const VOLTAGE: Self = Self::of(Measure::Voltage);
    /// Voltage between the first phase and neutral.
    pub const VOLTAGE_L1: Self = Self::VOLTAGE.on(Phase::L1);
    /// Voltage between the second phase and neutral.
    pub const VOLTAGE_L2: Self = Self::VOLTAGE.on(Phase::L2);
    /// Voltage between the third phase and neutral.
    pub const VOLTAGE_L3: Self = Self::VOLTAGE.on(Phase::L3);
    /// Current of a single-phase meter.
    pub const CURRENT: Self = Self::of(Measure::Current);
    /// Current of the first phase.
    pub const CURRENT_L1: Self = Self::CURRENT.on(Phase::L1);
    /// Frequency of the grid.
    pub const FREQUENCY: Self = Self::of(Measure::Frequency);
    /// The number on the meter's label; tells a replaced meter from the old one.
    pub const SERIAL_NUMBER: Self = Self::of(Measure::SerialNumber);

    /// The device's own value of this measure, on all phases.
    #[must_use]
    pub const fn of(measure: Measure) -> Self {
        Self { measure, subject: Subject::Own, phase: Phase::All }
    }

    /// The same on one phase.
    #[must_use]
    pub const fn on(self, phase: Phase) -> Self {
        Self { phase, ..self }
    }

    /// The same of something else.
    #[must_use]
    pub const fn at(self, subject: Subject) -> Self {
        Self { subject, ..self }
    }

    /// Every quantity there is: phases only where a value can have one.
    pub fn all() -> impl Iterator<Item = Self> {
        Measure::ALL.iter().flat_map(|measure| {
            let phases = if measure.has_phases() { Phase::ALL } else { &[Phase::All] };
            Subject::ALL.iter().flat_map(move |subject| {
                phases.iter().map(move |phase| Self { measure: *measure, subject: *subject, phase: *phase })
            })
        })
    }

    /// The name in configuration, MQTT topics and tables, such as `energy_import`.
    #[must_use]
    pub fn name(self) -> Name {
        let parts = [self.subject.word(), self.measure.word(), self.phase.word()];
        let mut name = Name { bytes: [0; NAME_BYTES_MAX], length: 0 };
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            if name.length > 0 {
                name.push("_");
            }
            name.push(part);
        }
        name
    }

    /// The unit whose thousandths [`super::Reading::milli`] counts; empty for a bare number.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        self.measure.unit()
    }

    /// A value of it as a display has it, such as `16 A` or `1.234 kWh`; energy is rounded down to thousandths.
    #[must_use]
    pub fn shown(self, milli: i64) -> String {
        let unit = self.unit();
        match u64::try_from(milli) {
            Ok(counter) if unit == "Wh" => MilliwattHours(counter).to_string(),
            _ if self.measure.is_energy() => format!("{} k{unit}", decimal(milli, 1_000_000)),
            _ if self.measure.is_plain() => milli.to_string(),
            _ => format!("{} {unit}", decimal(milli, 1_000)).trim_end().to_owned(),
        }
    }

    /// What [`super::Reading::milli`] can be in a building; anything else is a fault of the device or of its profile.
    ///
    /// Wide on purpose: it catches wrong scales, wrong word orders and overflow marks, not unusual loads.
    #[must_use]
    pub fn range(self) -> RangeInclusive<i64> {
        match self.measure.unit() {
            "Wh" | "varh" => 0..=ENERGY_MAX_MWH,
            "W" | "VA" | "var" => -POWER_MAX_MW..=POWER_MAX_MW,
            "V" => 0..=VOLTAGE_MAX_MV,
            "A" => -CURRENT_MAX_MA..=CURRENT_MAX_MA,
            "Hz" => 0..=FREQUENCY_MAX_MHZ,
            "%" => 0..=HUNDRED_PERCENT,
            "°C" => -TEMPERATURE_MAX_MDEG..=TEMPERATURE_MAX_MDEG,
            _ if matches!(self.measure, Measure::PowerFactor) => -POWER_FACTOR_MAX..=POWER_FACTOR_MAX,
            _ => 0..=i64::MAX,
        }
    }
}

impl Name {
    fn push(&mut self, text: &str) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.length).zip(text.bytes()) {
            *slot = byte;
            self.length += 1;
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        let text = self.bytes.get(..self.length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        text.expect("a name is made of whole ASCII words")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl FromStr for Quantity {
    type Err = UnknownQuantity;

    fn from_str(text: &str) -> Result<Self, UnknownQuantity> {
        let split =
            |subject: Subject| text.strip_prefix(subject.word()).map(|rest| rest.strip_prefix('_').unwrap_or(rest));
        let named = Subject::ALL.iter().filter(|subject| **subject != Subject::Own);
        let candidates = named.filter_map(|subject| Some((*subject, split(*subject)?))).chain([(Subject::Own, text)]);
        let found = candidates.flat_map(|(subject, rest)| {
            Phase::ALL.iter().filter_map(move |phase| {
                let word = rest.strip_suffix(phase.word())?;
                let word = word.strip_suffix('_').unwrap_or(word);
                let measure = *Measure::ALL.iter().find(|measure| measure.word() == word)?;
                let fits = *phase == Phase::All || measure.has_phases();
                fits.then_some(Self { measure, subject, phase: *phase })
            })
        });
        // Spelling it again refuses what only looks like a name, such as `gridpower`.
        found.into_iter().find(|quantity| *quantity.name() == *text).ok_or(UnknownQuantity)
    }
}

/// A number with as many decimals as it needs; `one` is what counts as one.
fn decimal(value: i64, one: u64) -> String {
    let digits = one.ilog10() as usize;
    let (whole, part) = (value.unsigned_abs() / one, value.unsigned_abs() % one);
    let sign = if value < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}.{part:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The longest subject, measure and phase, and what joins them.
const NAME_BYTES_MAX: usize = 32;
/// 100 GWh: more than any building uses in the life of its meter.
const ENERGY_MAX_MWH: i64 = 100_000_000_000_000;
/// 10 MW.
const POWER_MAX_MW: i64 = 10_000_000_000;
/// 1,000 V: the end of low voltage; direct voltages of panels stay below it in homes.
const VOLTAGE_MAX_MV: i64 = 1_000_000;
/// 10 kA; some meters give currents a sign.
const CURRENT_MAX_MA: i64 = 10_000_000;
/// 100 Hz: no grid is above 60 Hz, and some meters send ten times the value.
const FREQUENCY_MAX_MHZ: i64 = 100_000;
const HUNDRED_PERCENT: i64 = 100_000;
/// 300 degrees either way.
const TEMPERATURE_MAX_MDEG: i64 = 300_000;
/// A tenth above one, for what meters round.
const POWER_FACTOR_MAX: i64 = 1_100;
