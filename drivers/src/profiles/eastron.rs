//! Eastron SDM meters: 32-bit floats in input registers, serial number in holding registers.
//!
//! Requests start at an even address and ask for an even number of registers (SDM protocol documents).

use super::{Kind, Point, Profile, Space, WordOrder};
use crate::reading::{MilliwattHours, Quantity};

pub(super) const SDM120: Profile = Profile {
    name: "eastron-sdm120",
    title: "Eastron SDM120",
    vendor: "Eastron",
    points: &[
        float(Quantity::Voltage, 0, UNIT),
        float(Quantity::Current, 6, UNIT),
        float(Quantity::Power, 12, UNIT),
        float(Quantity::Frequency, 70, UNIT),
        float(Quantity::EnergyImport, 72, KWH),
        float(Quantity::EnergyExport, 74, KWH),
        SERIAL_NUMBER,
    ],
    // The older vendor document allows 80, but openWB found that some meters give only about 20.
    registers_max: 20,
    hole_max: 20,
    printed_step: TEN_WATT_HOURS,
    setup: "Serial line 2400 8N1 (older documents: 9600), unit 1; reached through a Modbus TCP gateway.",
    source: "Eastron SDM120 protocol documents v2.4 and v2.5, input registers; volkszaehler/mbmd; \
             reaper7/SDM_Energy_Meter; serial number also openWB",
};

pub(super) const SDM230: Profile = Profile {
    name: "eastron-sdm230",
    title: "Eastron SDM230",
    vendor: "Eastron",
    points: SDM120.points,
    registers_max: 60,
    hole_max: 60,
    printed_step: TEN_WATT_HOURS,
    setup: "Serial line 9600 8N1, unit 1; reached through a Modbus TCP gateway.",
    source: "Eastron SDM230 protocol document v1.1 (at most 60 registers); volkszaehler/mbmd; \
             reaper7/SDM_Energy_Meter; timlaing/modbus_local_gateway",
};

pub(super) const SDM630: Profile = Profile {
    name: "eastron-sdm630",
    title: "Eastron SDM630 v2",
    vendor: "Eastron",
    points: THREE_PHASES,
    registers_max: 80,
    hole_max: 80,
    printed_step: TEN_WATT_HOURS,
    setup: "Serial line 9600 8N1, unit 1; reached through a Modbus TCP gateway. The meter can be set to count in MWh \
            and to send the low word first: leave both as delivered, and compare the first reading with the display.",
    source: "Eastron SDM630 protocol documents v1.8 and v2.0 (at most 80 registers); volkszaehler/mbmd; \
             reaper7/SDM_Energy_Meter; timlaing/modbus_local_gateway",
};

pub(super) const SDM72D_M_V2: Profile = Profile {
    name: "eastron-sdm72d-m-v2",
    title: "Eastron SDM72D-M v2",
    vendor: "Eastron",
    points: THREE_PHASES,
    // openWB met meters that cannot give 80, a few only about 10.
    registers_max: 10,
    hole_max: 10,
    printed_step: TEN_WATT_HOURS,
    setup: "Serial line 9600 8N1, unit 1; reached through a Modbus TCP gateway.",
    source: "Eastron SDM72D-M-V2 protocol document v1.1; volkszaehler/mbmd; reaper7/SDM_Energy_Meter; \
             EVerest GenericPowermeter",
};

const THREE_PHASES: &[Point] = &[
    float(Quantity::VoltageL1, 0, UNIT),
    float(Quantity::VoltageL2, 2, UNIT),
    float(Quantity::VoltageL3, 4, UNIT),
    float(Quantity::CurrentL1, 6, UNIT),
    float(Quantity::CurrentL2, 8, UNIT),
    float(Quantity::CurrentL3, 10, UNIT),
    float(Quantity::PowerL1, 12, UNIT),
    float(Quantity::PowerL2, 14, UNIT),
    float(Quantity::PowerL3, 16, UNIT),
    float(Quantity::Power, 52, UNIT),
    float(Quantity::Frequency, 70, UNIT),
    float(Quantity::EnergyImport, 72, KWH),
    float(Quantity::EnergyExport, 74, KWH),
    SERIAL_NUMBER,
];

const SERIAL_NUMBER: Point = Point {
    quantity: Quantity::SerialNumber,
    space: Space::Holding,
    address: 64_512,
    kind: Kind::U32,
    order: WordOrder::Abcd,
    scale: 1,
};

const fn float(quantity: Quantity, address: u16, scale: i32) -> Point {
    Point { quantity, space: Space::Input, address, kind: Kind::F32, order: WordOrder::Abcd, scale }
}

/// V, A, W and Hz to thousandths.
const UNIT: i32 = 1_000;
/// kWh to mWh.
const KWH: i32 = 1_000_000;
const TEN_WATT_HOURS: MilliwattHours = MilliwattHours(10_000);
