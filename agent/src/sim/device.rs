//! A simulated device: the registers of a profile, filled from a house.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kilosat_drivers::modbus::Ask;
use kilosat_drivers::modbus::server::{Answers, Change, Reply, Spoiling};
use kilosat_drivers::profiles::{Profile, Role, decode, encode};
use kilosat_drivers::reading::{Measure, MilliwattHours, Phase, Quantity, Subject};

use super::{Fault, Faults, House};

/// A device that answers reads; clones are the same device.
#[derive(Clone)]
pub struct Device {
    profile: Arc<Profile>,
    unit: u8,
    house: Arc<Mutex<House>>,
    /// Simulated milliseconds since the house began.
    clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    faults: Arc<Mutex<Faults>>,
    /// What was written to it, and when in simulated milliseconds.
    settings: Arc<Mutex<BTreeMap<Quantity, (i64, u64)>>>,
    /// Nobody on a serial line says that a unit is missing.
    is_alone: bool,
}

impl Device {
    /// A device of this model as `unit` in `house`, whose time `clock` tells in simulated milliseconds since it began.
    pub fn new(
        profile: Arc<Profile>,
        unit: u8,
        house: Arc<Mutex<House>>,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Device {
        let faults = Arc::new(Mutex::new(Faults::default()));
        let settings = Arc::default();
        Device { profile, unit, house, clock: Arc::new(clock), faults, settings, is_alone: false }
    }

    /// The same, with what goes wrong.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Device {
        Device { faults: Arc::new(Mutex::new(faults)), ..self }
    }

    /// The same on a serial line, where a question to another unit is heard by nobody.
    #[must_use]
    pub fn on_a_serial_line(self) -> Device {
        Device { is_alone: true, ..self }
    }

    /// What was written to it and is not forgotten yet.
    fn settings(&self) -> BTreeMap<Quantity, i64> {
        let now = (self.clock)();
        let lasts_ms = |quantity: &Quantity| {
            let set_point = self.profile.set_points.iter().find(|set_point| set_point.point.quantity == *quantity);
            set_point.and_then(|set_point| set_point.refresh_s).map_or(u64::MAX, |seconds| u64::from(seconds) * 1_000)
        };
        let mut settings = lock(&self.settings);
        settings.retain(|quantity, (_, at_ms)| now.saturating_sub(*at_ms) < lasts_ms(quantity));
        settings.iter().map(|(quantity, (milli, _))| (*quantity, *milli)).collect()
    }

    fn registers(&self, ask: Ask, fault: Option<Fault>) -> Option<Vec<u16>> {
        let mut house = lock(&self.house);
        house.advance_to((self.clock)());
        if fault == Some(Fault::Reset) {
            house.reset_counters();
        }
        let settings = self.settings();
        let milli = |quantity: Quantity| match (settings.get(&quantity), fault) {
            (Some(setting), _) => *setting,
            (None, Some(Fault::Zeros)) => 0,
            (None, Some(Fault::Jump)) if quantity.measure.is_energy() => {
                value(&self.profile, &house, quantity) + JUMP_MWH
            }
            (None, _) => value(&self.profile, &house, quantity),
        };
        self.profile.answer(ask.space, ask.address, ask.quantity, milli)
    }

    /// What is said to a request for another unit.
    fn to_another(&self) -> Reply {
        if self.is_alone { Reply::Silence } else { Reply::Refusal(GATEWAY_TARGET) }
    }
}

impl Answers for Device {
    async fn answer(&self, ask: Ask) -> Reply {
        if ask.unit != self.unit {
            return self.to_another();
        }
        let fault = lock(&self.faults).next();
        let Some(registers) = self.registers(ask, fault) else { return Reply::Refusal(ILLEGAL_ADDRESS) };
        spoilt(registers, fault).await
    }

    async fn write(&self, change: Change) -> Reply {
        if change.unit != self.unit {
            return self.to_another();
        }
        let fault = lock(&self.faults).next();
        let Change { space, address, words, .. } = change;
        let Some((set_point, milli)) = self.profile.written(space, address, &words) else {
            let can_write = !self.profile.set_points.is_empty();
            return Reply::Refusal(if can_write { ILLEGAL_ADDRESS } else { ILLEGAL_FUNCTION });
        };
        if fault != Some(Fault::Busy) {
            lock(&self.settings).insert(set_point.point.quantity, (milli, (self.clock)()));
        }
        spoilt(words, fault).await
    }
}

/// The answer as it arrives with this fault.
async fn spoilt(registers: Vec<u16>, fault: Option<Fault>) -> Reply {
    match fault {
        Some(Fault::Silent) => Reply::Silence,
        Some(Fault::Busy) => Reply::Refusal(BUSY),
        Some(Fault::Damaged) => Reply::Spoilt(registers, Spoiling::Damaged),
        Some(Fault::Short) => Reply::Spoilt(registers, Spoiling::Short),
        Some(Fault::OtherUnit) => Reply::Spoilt(registers, Spoiling::OtherUnit),
        Some(Fault::Late) => {
            tokio::time::sleep(LATE).await;
            Reply::Registers(registers)
        }
        Some(Fault::Zeros | Fault::Jump | Fault::Reset) | None => Reply::Registers(registers),
    }
}

/// What the device says of a quantity, in the thousandths of a reading. A register without a sign gets the amount.
fn value(profile: &Profile, house: &House, quantity: Quantity) -> i64 {
    let value = believable(profile.role, house, quantity);
    let fits = |value| profile.point(quantity).is_none_or(|point| decode(point, &encode(point, value)).is_ok());
    if value < 0 && !fits(value) { value.abs() } else { value }
}

/// One phase carries everything.
fn believable(role: Role, house: &House, quantity: Quantity) -> i64 {
    let Quantity { measure, subject, phase } = quantity;
    if matches!(phase, Phase::L2 | Phase::L3) && measure != Measure::Voltage {
        return 0;
    }
    let counter = |energy: MilliwattHours| i64::try_from(energy.0).unwrap_or(i64::MAX / 2);
    let power = match (subject, role) {
        (Subject::Grid, _) | (Subject::Own, Role::Meter) => house.power().0,
        (Subject::Pv | Subject::Pv1, _) | (Subject::Own, Role::Inverter) => house.solar().0,
        (Subject::Load, _) => house.load().0,
        _ => 0,
    };
    let at_the_grid = matches!((subject, role), (Subject::Grid, _) | (Subject::Own, Role::Meter));
    match measure {
        Measure::EnergyImport | Measure::EnergyImportT1 if at_the_grid => counter(house.metered()),
        Measure::EnergyExport | Measure::EnergyExportT1 if at_the_grid => counter(house.exported()),
        Measure::EnergyTotal if at_the_grid => counter(house.metered()).saturating_add(counter(house.exported())),
        Measure::EnergyExport | Measure::EnergyTotal
            if matches!(subject, Subject::Own | Subject::Pv | Subject::Pv1) =>
        {
            counter(house.made())
        }
        Measure::Power => power,
        Measure::PowerImport => power.max(0),
        Measure::PowerExport => (-power).max(0),
        Measure::ApparentPower => power.abs(),
        Measure::Current | Measure::CurrentSum => power.abs() / VOLTS,
        Measure::PowerFactor => MILLI,
        Measure::Voltage => VOLTS * MILLI,
        Measure::Frequency => HERTZ * MILLI,
        Measure::Soc => HALF_FULL * MILLI,
        Measure::Temperature => DEGREES * MILLI,
        Measure::SerialNumber => SERIAL_NUMBER,
        Measure::CurrentRatio | Measure::Phases => 1,
        // Where it is told, it is in tenths.
        Measure::VoltageRatio => 10,
        _ => 0,
    }
}

/// Plain numbers, complete after every statement, so one left by a panic is still usable.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The serial number on the simulated label.
const SERIAL_NUMBER: i64 = 20_260_001;
const VOLTS: i64 = 230;
const HERTZ: i64 = 50;
const HALF_FULL: i64 = 50;
const DEGREES: i64 = 25;
const MILLI: i64 = 1_000;
/// A gigawatt-hour: more than any house uses.
const JUMP_MWH: i64 = 1_000_000_000_000;
/// Longer than a meter is waited for.
const LATE: Duration = Duration::from_millis(2_500);
const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const BUSY: u8 = 6;
const GATEWAY_TARGET: u8 = 0x0B;

#[cfg(test)]
mod tests;
