//! What a meter says: plain integers with a unit, no I/O and no floats.

use std::fmt;
use std::ops::RangeInclusive;

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
    /// The value in thousandths of [`Quantity::unit`]: mWh, mW, mV, mA, mHz. A serial number is the plain number.
    pub milli: i64,
    /// The registers exactly as the meter sent them, kept as evidence.
    pub raw: Vec<u16>,
}

/// What a register of a meter measures; the names are those of the register tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Counter of energy drawn from the grid, never resettable: the one that is billed.
    EnergyImport,
    /// Counter of energy fed into the grid, never resettable.
    EnergyExport,
    /// Power of all phases together; positive is drawn from the grid.
    Power,
    /// Power of the first phase.
    PowerL1,
    /// Power of the second phase.
    PowerL2,
    /// Power of the third phase.
    PowerL3,
    /// Voltage of a single-phase meter.
    Voltage,
    /// Voltage between the first phase and neutral.
    VoltageL1,
    /// Voltage between the second phase and neutral.
    VoltageL2,
    /// Voltage between the third phase and neutral.
    VoltageL3,
    /// Current of a single-phase meter.
    Current,
    /// Current of the first phase.
    CurrentL1,
    /// Current of the second phase.
    CurrentL2,
    /// Current of the third phase.
    CurrentL3,
    /// Frequency of the grid.
    Frequency,
    /// The number on the meter's label; tells a replaced meter from the old one.
    SerialNumber,
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
        match self.quantity {
            Quantity::EnergyImport | Quantity::EnergyExport => u64::try_from(self.milli).ok().map(MilliwattHours),
            _ => None,
        }
    }

    /// The power, if this reading is one.
    #[must_use]
    pub fn power(&self) -> Option<Milliwatts> {
        match self.quantity {
            Quantity::Power | Quantity::PowerL1 | Quantity::PowerL2 | Quantity::PowerL3 => Some(Milliwatts(self.milli)),
            _ => None,
        }
    }
}

impl Quantity {
    /// Every quantity, in the order in which pages and tables show them.
    pub const ALL: [Self; 16] = [
        Self::EnergyImport,
        Self::EnergyExport,
        Self::Power,
        Self::PowerL1,
        Self::PowerL2,
        Self::PowerL3,
        Self::Voltage,
        Self::VoltageL1,
        Self::VoltageL2,
        Self::VoltageL3,
        Self::Current,
        Self::CurrentL1,
        Self::CurrentL2,
        Self::CurrentL3,
        Self::Frequency,
        Self::SerialNumber,
    ];

    /// The name in configuration, MQTT topics and tables, such as `energy_import`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EnergyImport => "energy_import",
            Self::EnergyExport => "energy_export",
            Self::Power => "power",
            Self::PowerL1 => "power_l1",
            Self::PowerL2 => "power_l2",
            Self::PowerL3 => "power_l3",
            Self::Voltage => "voltage",
            Self::VoltageL1 => "voltage_l1",
            Self::VoltageL2 => "voltage_l2",
            Self::VoltageL3 => "voltage_l3",
            Self::Current => "current",
            Self::CurrentL1 => "current_l1",
            Self::CurrentL2 => "current_l2",
            Self::CurrentL3 => "current_l3",
            Self::Frequency => "frequency",
            Self::SerialNumber => "serial_number",
        }
    }

    /// The unit whose thousandths [`Reading::milli`] counts; empty for a serial number.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::EnergyImport | Self::EnergyExport => "Wh",
            Self::Power | Self::PowerL1 | Self::PowerL2 | Self::PowerL3 => "W",
            Self::Voltage | Self::VoltageL1 | Self::VoltageL2 | Self::VoltageL3 => "V",
            Self::Current | Self::CurrentL1 | Self::CurrentL2 | Self::CurrentL3 => "A",
            Self::Frequency => "Hz",
            Self::SerialNumber => "",
        }
    }

    /// What [`Reading::milli`] can be in a building; anything else is a fault of the meter or of its profile.
    ///
    /// Wide on purpose: it catches wrong scales, wrong word orders and overflow marks, not unusual loads.
    #[must_use]
    pub const fn range(self) -> RangeInclusive<i64> {
        match self {
            Self::EnergyImport | Self::EnergyExport => 0..=ENERGY_MAX_MWH,
            Self::Power | Self::PowerL1 | Self::PowerL2 | Self::PowerL3 => -POWER_MAX_MW..=POWER_MAX_MW,
            Self::Voltage | Self::VoltageL1 | Self::VoltageL2 | Self::VoltageL3 => 0..=VOLTAGE_MAX_MV,
            Self::Current | Self::CurrentL1 | Self::CurrentL2 | Self::CurrentL3 => -CURRENT_MAX_MA..=CURRENT_MAX_MA,
            Self::Frequency => 0..=FREQUENCY_MAX_MHZ,
            Self::SerialNumber => 0..=i64::MAX,
        }
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

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const MILLI: u64 = 1_000;
/// 100 GWh: more than any building uses in the life of its meter.
const ENERGY_MAX_MWH: i64 = 100_000_000_000_000;
/// 10 MW.
const POWER_MAX_MW: i64 = 10_000_000_000;
/// 1,000 V: the end of low voltage.
const VOLTAGE_MAX_MV: i64 = 1_000_000;
/// 10 kA; some meters give currents a sign.
const CURRENT_MAX_MA: i64 = 10_000_000;
/// 100 Hz: no grid is above 60 Hz, and some meters send ten times the value.
const FREQUENCY_MAX_MHZ: i64 = 100_000;

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
    fn names_of_quantities_are_unique() {
        let mut names: Vec<_> = Quantity::ALL.iter().map(|quantity| quantity.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Quantity::ALL.len());
    }

    #[test]
    fn a_reading_is_only_what_it_measures() {
        let reading = |quantity, milli| Reading { quantity, milli, raw: Vec::new() };
        assert_eq!(reading(Quantity::EnergyImport, 5).energy(), Some(MilliwattHours(5)));
        assert_eq!(reading(Quantity::EnergyImport, -5).energy(), None);
        assert_eq!(reading(Quantity::Power, -5).power(), Some(Milliwatts(-5)));
        assert_eq!(reading(Quantity::VoltageL1, 5).energy(), None);
        assert_eq!(reading(Quantity::VoltageL1, 5).power(), None);
    }
}
