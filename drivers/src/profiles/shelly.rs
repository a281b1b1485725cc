//! Shelly Pro 3EM: floats with the low word first, input registers, energy summed over the phases and not netted.

use super::{Kind, Point, Profile, Space, WordOrder};
use crate::reading::{MilliwattHours, Quantity};

pub(super) const PRO_3EM: Profile = Profile {
    name: "shelly-pro-3em",
    title: "Shelly Pro 3EM (triphase)",
    vendor: "Shelly",
    points: &[
        float(Quantity::Power, 1_013),
        float(Quantity::VoltageL1, 1_020),
        float(Quantity::CurrentL1, 1_022),
        float(Quantity::PowerL1, 1_024),
        float(Quantity::VoltageL2, 1_040),
        float(Quantity::CurrentL2, 1_042),
        float(Quantity::PowerL2, 1_044),
        float(Quantity::VoltageL3, 1_060),
        float(Quantity::CurrentL3, 1_062),
        float(Quantity::PowerL3, 1_064),
        float(Quantity::EnergyImport, 1_162),
        float(Quantity::EnergyExport, 1_164),
    ],
    registers_max: super::REGISTERS_MAX,
    hole_max: 0,
    printed_step: MilliwattHours(1_000),
    setup: "Port 502, unit 1. Switch Modbus on in the web page of the meter (it is off when delivered) and keep the \
            triphase profile. It adds up imports per phase, so it can differ from a utility meter that nets them.",
    source: "Shelly scripts for victronenergy/dbus-modbus-client; nobrega8/mbmap-library",
};

const fn float(quantity: Quantity, address: u16) -> Point {
    Point { quantity, space: Space::Input, address, kind: Kind::F32, order: WordOrder::Cdab, scale: UNIT }
}

/// V, A, W and Wh to thousandths.
const UNIT: i32 = 1_000;
