//! What a meter says: plain integers with a unit, no I/O and no floats.

mod quantity;
mod words;

use std::fmt;

pub use quantity::{Name, Quantity, UnknownQuantity};
use smallvec::SmallVec;
pub use words::{Measure, Phase, Subject};

/// Registers; those of a number, and those of a sum over three phases, take no memory elsewhere.
pub type Raw = SmallVec<[u16; 8]>;

/// An amount of electrical energy in thousandths of a watt-hour; counters of meters use it too.
///
/// Shown in kWh with three decimals, rounded down: a counter never reads more than was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MilliwattHours(pub u64);

/// Electrical power in thousandths of a watt; positive is drawn from the grid, negative is fed into it.
///
/// Shown in whole watts, rounded to the nearest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Milliwatts(pub i64);

/// One value that a meter gave, in thousandths of the quantity's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What was measured.
    pub quantity: Quantity,
    /// The value in thousandths of [`Quantity::unit`]: mWh, mW, mV, mA, mHz. A serial number, a state and whatever else
    /// has no unit ([`Measure::is_plain`]) is the plain number; of a text it is a number that changes when the text
    /// does, see [`crate::profiles::Point::text`].
    pub milli: i64,
    /// The registers exactly as the meter sent them, kept as evidence; of a computed value those of its parts.
    pub raw: Raw,
}

impl MilliwattHours {
    /// Energy in whole watt-hours, rounded down.
    #[must_use]
    pub const fn watt_hours(self) -> u64 {
        self.0 / MILLI
    }
}

impl Reading {
    /// The counter, if this reading is one. Decoding has refused negative counters already.
    #[must_use]
    pub fn energy(&self) -> Option<MilliwattHours> {
        let counter = self.quantity.measure.is_energy().then_some(self.milli)?;
        u64::try_from(counter).ok().map(MilliwattHours)
    }

    /// The power that passes the device itself, if this reading is one.
    #[must_use]
    pub fn power(&self) -> Option<Milliwatts> {
        let Quantity { measure: Measure::Power, subject: Subject::Own, .. } = self.quantity else { return None };
        Some(Milliwatts(self.milli))
    }
}

impl fmt::Display for MilliwattHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watt_hours = self.watt_hours();
        write!(f, "{}.{:03} kWh", watt_hours / MILLI, watt_hours % MILLI)
    }
}

impl fmt::Display for Milliwatts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let watts = (i128::from(self.0) + 500).div_euclid(1_000);
        write!(f, "{watts} W")
    }
}

const MILLI: u64 = 1_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn energy_is_shown_in_kilowatt_hours_and_never_rounded_up() {
        assert_eq!(MilliwattHours(1_234_999).to_string(), "1.234 kWh");
        assert_eq!(MilliwattHours(0).to_string(), "0.000 kWh");
        assert_eq!(MilliwattHours(u64::MAX).to_string(), "18446744073709.551 kWh");
    }

    #[test]
    fn power_is_shown_in_whole_watts() {
        assert_eq!(Milliwatts(450_000).to_string(), "450 W");
        assert_eq!(Milliwatts(-1_200_400).to_string(), "-1200 W");
        assert_eq!(Milliwatts(-400).to_string(), "0 W");
        assert_eq!(Milliwatts(i64::MAX).to_string(), "9223372036854776 W");
    }

    #[test]
    fn names_of_quantities_are_unique_and_read_back() {
        let mut names = std::collections::HashSet::new();
        for quantity in Quantity::all() {
            let name = quantity.name();
            assert_eq!(name.parse(), Ok(quantity), "{name}");
            assert!(name.ends_with(quantity.phase.word()), "{name} is whole");
            assert!(names.insert(name), "{name} twice");
        }
        assert_eq!("grid_power_l1".parse(), Ok(Quantity::POWER_L1.at(Subject::Grid)));
        for wrong in ["", "_", "power_", "_power", "gridpower", "powerl1", "grid", "l1", "soc_l1", "power_l4", "Power"]
        {
            assert_eq!(wrong.parse::<Quantity>(), Err(UnknownQuantity), "{wrong}");
        }
    }

    #[test]
    fn a_reading_is_only_what_it_measures() {
        let reading = |quantity, milli| Reading { quantity, milli, raw: Raw::new() };
        assert_eq!(reading(Quantity::ENERGY_IMPORT, 5).energy(), Some(MilliwattHours(5)));
        assert_eq!(reading(Quantity::ENERGY_IMPORT, -5).energy(), None);
        assert_eq!(reading(Quantity::POWER, -5).power(), Some(Milliwatts(-5)));
        assert_eq!(reading(Quantity::VOLTAGE_L1, 5).energy(), None);
        assert_eq!(reading(Quantity::VOLTAGE_L1, 5).power(), None);
    }
}
