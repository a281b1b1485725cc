//! Schneider Electric iEM3000 meters: floats for powers, 64-bit integers in Wh for energy, holding registers only.
//!
//! The vendor's list numbers are one above the address on the wire (register 3028 = address 3027).

use super::{Kind, Point, Profile, Space, WordOrder};
use crate::reading::{MilliwattHours, Quantity};

pub(super) const IEM3155: Profile = Profile {
    name: "schneider-iem3155",
    title: "Schneider Electric iEM3155, iEM3255",
    vendor: "Schneider Electric",
    points: &[
        point(Quantity::CurrentL1, 2_999, Kind::F32, UNIT),
        point(Quantity::CurrentL2, 3_001, Kind::F32, UNIT),
        point(Quantity::CurrentL3, 3_003, Kind::F32, UNIT),
        point(Quantity::VoltageL1, 3_027, Kind::F32, UNIT),
        point(Quantity::VoltageL2, 3_029, Kind::F32, UNIT),
        point(Quantity::VoltageL3, 3_031, Kind::F32, UNIT),
        point(Quantity::PowerL1, 3_053, Kind::F32, KILO),
        point(Quantity::PowerL2, 3_055, Kind::F32, KILO),
        point(Quantity::PowerL3, 3_057, Kind::F32, KILO),
        point(Quantity::Power, 3_059, Kind::F32, KILO),
        point(Quantity::Frequency, 3_109, Kind::F32, UNIT),
        point(Quantity::EnergyImport, 3_203, Kind::I64, UNIT),
        point(Quantity::EnergyExport, 3_207, Kind::I64, UNIT),
    ],
    registers_max: super::REGISTERS_MAX,
    hole_max: 0,
    printed_step: MilliwattHours(1_000),
    setup: "Serial line 19200 8E1, unit 1; reached through a Modbus TCP gateway.",
    source: "Schneider Electric DOCA0005EN, register list less one; volkszaehler/mbmd (only source for most rows)",
};

const fn point(quantity: Quantity, address: u16, kind: Kind, scale: i32) -> Point {
    Point { quantity, space: Space::Holding, address, kind, order: WordOrder::Abcd, scale }
}

/// V, A, Hz and Wh to thousandths.
const UNIT: i32 = 1_000;
/// kW to mW.
const KILO: i32 = 1_000_000;
