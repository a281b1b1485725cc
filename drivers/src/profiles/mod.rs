//! Known meters as constant tables: which register says what, in which type, order and scale.
//!
//! Addresses are zero-based, as they go on the wire. Every table names where it comes from; none was checked
//! against the device itself, so the owner compares the first reading with the meter's display.

mod abb;
mod carlo_gavazzi;
mod eastron;
mod float;
mod janitza;
mod registers;
mod schneider;
mod shelly;

pub use registers::{Kind, ValueFault, WordOrder, decode, encode};

use crate::reading::{MilliwattHours, Quantity};

/// One model of meter: its registers and the limits it sets to whoever reads them.
#[derive(Debug)]
pub struct Profile {
    /// The name in configuration, such as `eastron-sdm630`.
    pub name: &'static str,
    /// The name for people, such as `Eastron SDM630 v2`.
    pub title: &'static str,
    /// Who makes it.
    pub vendor: &'static str,
    /// What can be read; holds [`Quantity::EnergyImport`] exactly once.
    pub points: &'static [Point],
    /// The most registers the meter gives in one answer; never above [`REGISTERS_MAX`].
    pub registers_max: u16,
    /// The most unwanted registers that may be read along between two wanted ones; 0 where the meter may refuse them.
    pub hole_max: u16,
    /// The smallest step of the energy counters as printed by the vendor; see [`Profile::energy_step`].
    pub printed_step: MilliwattHours,
    /// What the owner has to set or check on the meter, as one or more plain sentences.
    pub setup: &'static str,
    /// Vendor documents and public drivers that agree on the table.
    pub source: &'static str,
}

/// Where one quantity is and how its registers become a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// What the registers measure.
    pub quantity: Quantity,
    /// Which of the two register tables.
    pub space: Space,
    /// Zero-based address of the first register.
    pub address: u16,
    /// Type, and with it the number of registers.
    pub kind: Kind,
    /// Order of the registers of one value.
    pub order: WordOrder,
    /// Thousandths of the quantity's unit per raw unit (so 1 kWh = 1,000,000 mWh); negative turns the sign.
    ///
    /// A plain integer is enough: no known meter counts in less than a thousandth of a unit.
    pub scale: i32,
}

/// The two register tables of Modbus that hold measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Read with function 3.
    Holding,
    /// Read with function 4.
    Input,
}

/// The most registers that fit one answer (Modbus Application Protocol V1.1b3, functions 3 and 4).
pub const REGISTERS_MAX: u16 = 125;

/// Every known meter, by vendor.
#[must_use]
pub fn all() -> &'static [&'static Profile] {
    ALL
}

/// The meter with this configuration name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Profile> {
    ALL.iter().copied().find(|profile| profile.name == name)
}

impl Profile {
    /// Where this meter keeps a quantity, if it measures it.
    #[must_use]
    pub fn point(&self, quantity: Quantity) -> Option<&'static Point> {
        self.points.iter().find(|point| point.quantity == quantity)
    }

    /// The smallest amount by which the import counter can move when it stands at `counter`.
    ///
    /// An integer counter keeps its printed step for ever. A 32-bit float has 24 significant bits, so its step
    /// grows with the counter: 0.01 kWh holds up to 131,072 kWh, then it becomes 0.016 kWh.
    #[must_use]
    pub fn energy_step(&self, counter: MilliwattHours) -> MilliwattHours {
        let float = self.point(Quantity::EnergyImport).filter(|point| point.kind == Kind::F32);
        let Some(point) = float else {
            return self.printed_step;
        };
        let scale = u64::from(point.scale.unsigned_abs());
        let exponent = counter.0.checked_div(scale).and_then(u64::checked_ilog2);
        let spacing = match exponent {
            Some(exponent) if exponent >= F32_FRACTION_BITS => {
                scale.saturating_mul(1 << (exponent - F32_FRACTION_BITS))
            }
            Some(exponent) => scale >> (F32_FRACTION_BITS - exponent),
            None => 0,
        };
        self.printed_step.max(MilliwattHours(spacing))
    }

    /// The registers such a meter would answer with, for simulated meters; `None` where it has none and would refuse.
    ///
    /// `milli` gives each quantity in the thousandths of [`crate::reading::Reading::milli`]. A meter that allows
    /// holes answers zeros in them.
    #[must_use]
    pub fn answer(
        &self,
        space: Space,
        address: u16,
        quantity: u16,
        milli: impl Fn(Quantity) -> i64,
    ) -> Option<Vec<u16>> {
        if quantity == 0 || quantity > self.registers_max {
            return None;
        }
        let end = address.checked_add(quantity)?;
        let mut answer: Vec<Option<u16>> = (address..end).map(|_| (self.hole_max > 0).then_some(0)).collect();
        for point in self.points.iter().filter(|point| point.space == space) {
            let words = encode(point, milli(point.quantity));
            for (at, word) in (point.address..).zip(words) {
                let place = at.checked_sub(address).map(usize::from);
                if let Some(slot) = place.and_then(|place| answer.get_mut(place)) {
                    *slot = Some(word);
                }
            }
        }
        answer.into_iter().collect()
    }
}

const ALL: &[&Profile] = &[
    &eastron::SDM120,
    &eastron::SDM230,
    &eastron::SDM630,
    &eastron::SDM72D_M_V2,
    &carlo_gavazzi::EM24_ETHERNET,
    &carlo_gavazzi::EM340,
    &abb::B23,
    &schneider::IEM3155,
    &janitza::UMG_604,
    &janitza::UMG_96RM,
    &shelly::PRO_3EM,
];

/// Bits of a 32-bit float after the leading one (IEEE 754).
const F32_FRACTION_BITS: u32 = 23;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use super::*;
    use crate::reading::Quantity::{Current, CurrentL2, PowerL1, PowerL2, SerialNumber, VoltageL2};
    use crate::reading::Quantity::{EnergyExport, EnergyImport, Frequency, Power, VoltageL1};

    /// Registers as the documents describe them, packed with another language's IEEE 754 and integer
    /// routines; not recorded from devices.
    #[track_caller]
    fn case(name: &str, quantity: Quantity, address: u16, words: &[u16], milli: i64) {
        let point = find(name).unwrap().point(quantity).unwrap();
        assert_eq!(point.address, address, "{name} {quantity}");
        assert_eq!(decode(point, words), Ok(milli), "{name} {quantity}");
    }

    #[test]
    fn the_registers_of_every_profile_decode_to_the_value_on_its_display() {
        let name = "eastron-sdm120";
        case(name, EnergyImport, 72, &[0x4640, 0xE6AE], 12_345_669_922);
        case(name, Power, 12, &[0xC400, 0x1000], -512_250);
        case(name, Current, 6, &[0x4108, 0x0000], 8_500);
        case(name, SerialNumber, 64_512, &[0x0131, 0x2D00], 20_000_000);
        let name = "eastron-sdm230";
        case(name, EnergyExport, 74, &[0x3DCC, 0xCCCD], 100_000);
        let name = "eastron-sdm630";
        case(name, VoltageL1, 0, &[0x4366, 0x8000], 230_500);
        case(name, Frequency, 70, &[0x4247, 0xEB85], 49_980);
        case(name, EnergyImport, 72, &[0x47F1, 0x2064], 123_456_781_250);
        let name = "eastron-sdm72d-m-v2";
        case(name, Power, 52, &[0x4108, 0x0000], 8_500);
        case(name, EnergyImport, 72, &[0x3F9E, 0x0419], 1_234_500);
        let name = "carlo-gavazzi-em24-ethernet";
        case(name, EnergyImport, 52, &[0xE240, 0x0001], 12_345_600_000);
        case(name, Frequency, 51, &[0x01F4], 50_000);
        case(name, CurrentL2, 14, &[0x1388, 0x0000], 5_000);
        let name = "carlo-gavazzi-em340";
        case(name, Power, 40, &[0xCFC7, 0xFFFF], -1_234_500);
        case(name, EnergyExport, 78, &[0x0001, 0x0000], 100_000);
        let name = "abb-b23";
        case(name, EnergyImport, 20_480, &[0, 0, 0x0001, 0xE240], 1_234_560_000);
        case(name, PowerL2, 23_320, &[0xFFFF, 0xCFC7], -123_450);
        case(name, VoltageL2, 23_298, &[0x0000, 0x08FD], 230_100);
        let name = "schneider-iem3155";
        case(name, EnergyImport, 3_203, &[0, 0, 0x0001, 0xE240], 123_456_000);
        case(name, Power, 3_059, &[0x3F9E, 0x0419], 1_234_500);
        let name = "janitza-umg604";
        case(name, EnergyImport, 9_851, &[0x4996, 0xB438], 1_234_567_000);
        case(name, PowerL1, 1_333, &[0xC400, 0x1000], -512_250);
        let name = "janitza-umg96rm";
        case(name, EnergyImport, 19_068, &[0x4B80, 0x0000], 16_777_216_000);
        case(name, Power, 19_026, &[0x4108, 0x0000], 8_500);
        let name = "shelly-pro-3em";
        case(name, EnergyImport, 1_162, &[0xBA00, 0x458E], 4_567_250);
        case(name, VoltageL1, 1_020, &[0xB333, 0x4367], 231_700);
    }

    #[test]
    fn every_table_is_well_formed() {
        let mut names = HashSet::new();
        for profile in all() {
            let name = profile.name;
            assert!(names.insert(name), "{name} twice");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(profile.point(EnergyImport).is_some(), "{name}");
            assert!((1..=REGISTERS_MAX).contains(&profile.registers_max), "{name}");
            assert!(profile.hole_max <= profile.registers_max, "{name}");
            let mut quantities = HashSet::new();
            let mut taken = HashSet::new();
            for point in profile.points {
                assert!(quantities.insert(point.quantity), "{name} {}", point.quantity);
                assert_ne!(point.scale, 0, "{name} {}", point.quantity);
                assert!(point.kind.words() <= profile.registers_max);
                let end = point.address.checked_add(point.kind.words()).unwrap();
                for address in point.address..end {
                    assert!(taken.insert((point.space, address)), "{name} {address}");
                }
                if profile.vendor == "Eastron" {
                    assert_eq!((point.address % 2, point.kind.words() % 2), (0, 0));
                }
            }
        }
    }

    #[test]
    fn a_float_counter_gets_coarser_as_it_grows_and_an_integer_counter_does_not() {
        let step = |name, kwh: u64| find(name).unwrap().energy_step(MilliwattHours(kwh * 1_000_000)).0;
        assert_eq!(step("eastron-sdm630", 0), 10_000);
        assert_eq!(step("eastron-sdm630", 131_071), 10_000);
        assert_eq!(step("eastron-sdm630", 131_072), 15_625);
        assert_eq!(step("janitza-umg604", 16_777), 1_000);
        assert_eq!(step("janitza-umg604", 16_778), 2_000);
        assert_eq!(step("schneider-iem3155", 90_000_000), 1_000);
    }

    #[test]
    fn a_simulated_meter_answers_its_registers_and_refuses_the_others() {
        let iem = find("schneider-iem3155").unwrap();
        let milli = |quantity| if quantity == EnergyImport { 7_999 } else { 0 };
        let answer = |space, address, quantity| iem.answer(space, address, quantity, milli);
        assert_eq!(answer(Space::Holding, 3_203, 4), Some(vec![0, 0, 0, 7]));
        assert_eq!(answer(Space::Holding, 3_205, 2), Some(vec![0, 7]), "half a value");
        assert_eq!(answer(Space::Input, 3_203, 4), None, "the other table");
        assert_eq!(answer(Space::Holding, 3_202, 4), None, "a register it does not have");
        assert_eq!(answer(Space::Holding, 3_203, 0), None);
        assert_eq!(answer(Space::Holding, 3_203, 126), None);
        assert_eq!(answer(Space::Holding, u16::MAX, 2), None);
        let sdm = find("eastron-sdm630").unwrap();
        let answer = sdm.answer(Space::Input, 70, 8, |_| 50_000).unwrap();
        assert_eq!(answer.get(..2), Some(&[0x4248, 0x0000][..]));
        assert_eq!(answer.get(6..), Some(&[0, 0][..]), "zeros in the hole");
    }
}
