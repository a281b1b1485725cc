//! Janitza UMG analysers: big-endian floats in holding registers, two families of addresses.
//!
//! Energy is a 32-bit float in Wh: above 16,777 kWh it no longer moves in single Wh.

use super::{Kind, Point, Profile, Space, WordOrder};
use crate::reading::{MilliwattHours, Quantity};

pub(super) const UMG_604: Profile = Profile {
    name: "janitza-umg604",
    title: "Janitza UMG 604, UMG 104",
    vendor: "Janitza",
    points: &[
        float(Quantity::VoltageL1, 1_317),
        float(Quantity::VoltageL2, 1_319),
        float(Quantity::VoltageL3, 1_321),
        float(Quantity::CurrentL1, 1_325),
        float(Quantity::CurrentL2, 1_327),
        float(Quantity::CurrentL3, 1_329),
        float(Quantity::PowerL1, 1_333),
        float(Quantity::PowerL2, 1_335),
        float(Quantity::PowerL3, 1_337),
        float(Quantity::Power, 1_369),
        float(Quantity::Frequency, 1_439),
        float(Quantity::EnergyImport, 9_851),
        float(Quantity::EnergyExport, 9_863),
    ],
    registers_max: super::REGISTERS_MAX,
    hole_max: 0,
    printed_step: WATT_HOUR,
    setup: "Port 502, unit 1.",
    source: "OpenEMS (two device classes, no second source)",
};

pub(super) const UMG_96RM: Profile = Profile {
    name: "janitza-umg96rm",
    title: "Janitza UMG 96RM-E, UMG 801, B-series",
    vendor: "Janitza",
    points: &[
        float(Quantity::VoltageL1, 19_000),
        float(Quantity::VoltageL2, 19_002),
        float(Quantity::VoltageL3, 19_004),
        float(Quantity::CurrentL1, 19_012),
        float(Quantity::CurrentL2, 19_014),
        float(Quantity::CurrentL3, 19_016),
        float(Quantity::PowerL1, 19_020),
        float(Quantity::PowerL2, 19_022),
        float(Quantity::PowerL3, 19_024),
        float(Quantity::Power, 19_026),
        float(Quantity::Frequency, 19_050),
        float(Quantity::EnergyImport, 19_068),
        float(Quantity::EnergyExport, 19_076),
    ],
    registers_max: super::REGISTERS_MAX,
    hole_max: 0,
    printed_step: WATT_HOUR,
    setup: "Port 502, unit 1. Not for the UMG 806: sources disagree where it keeps its totals.",
    source: "volkszaehler/mbmd; OpenEMS; powers, voltages and currents also openWB",
};

const fn float(quantity: Quantity, address: u16) -> Point {
    Point { quantity, space: Space::Holding, address, kind: Kind::F32, order: WordOrder::Abcd, scale: UNIT }
}

/// V, A, W, Hz and Wh to thousandths.
const UNIT: i32 = 1_000;
const WATT_HOUR: MilliwattHours = MilliwattHours(1_000);
