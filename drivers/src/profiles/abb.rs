//! ABB B-series meters: big-endian integers in holding registers.
//!
//! A value the meter does not have is 0x7FFF.. (signed) or 0xFFFF.. (unsigned), as phases 2 and 3 on one phase.

use super::{Kind, Point, Profile, Space, WordOrder};
use crate::reading::{MilliwattHours, Quantity};

pub(super) const B23: Profile = Profile {
    name: "abb-b23",
    title: "ABB B23, B24",
    vendor: "ABB",
    points: &[
        point(Quantity::EnergyImport, 20_480, Kind::U64, HUNDREDTH_KWH),
        point(Quantity::EnergyExport, 20_484, Kind::U64, HUNDREDTH_KWH),
        point(Quantity::VoltageL1, 23_296, Kind::U32, TENTH),
        point(Quantity::VoltageL2, 23_298, Kind::U32, TENTH),
        point(Quantity::VoltageL3, 23_300, Kind::U32, TENTH),
        point(Quantity::CurrentL1, 23_308, Kind::U32, HUNDREDTH),
        point(Quantity::CurrentL2, 23_310, Kind::U32, HUNDREDTH),
        point(Quantity::CurrentL3, 23_312, Kind::U32, HUNDREDTH),
        point(Quantity::Power, 23_316, Kind::I32, HUNDREDTH),
        point(Quantity::PowerL1, 23_318, Kind::I32, HUNDREDTH),
        point(Quantity::PowerL2, 23_320, Kind::I32, HUNDREDTH),
        point(Quantity::PowerL3, 23_322, Kind::I32, HUNDREDTH),
        point(Quantity::Frequency, 23_340, Kind::U16, HUNDREDTH),
        point(Quantity::SerialNumber, 35_072, Kind::U32, 1),
    ],
    registers_max: super::REGISTERS_MAX,
    hole_max: 0,
    printed_step: MilliwattHours(10_000),
    setup: "Serial line 9600 8E1 (some are set to 19200), unit 1 or 2; reached through a Modbus TCP gateway.",
    source: "volkszaehler/mbmd; victronenergy/dbus-modbus-client (abb.py); openWB",
};

const fn point(quantity: Quantity, address: u16, kind: Kind, scale: i32) -> Point {
    Point { quantity, space: Space::Holding, address, kind, order: WordOrder::Abcd, scale }
}

const TENTH: i32 = 100;
const HUNDREDTH: i32 = 10;
/// 0.01 kWh to mWh.
const HUNDREDTH_KWH: i32 = 10_000;
