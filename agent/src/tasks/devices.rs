//! What the owner wants of one Modbus device: all it says, or a set point of it changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use kilosat_drivers::modbus::{BusHandle, OrderFault, Round, Setting};
use kilosat_drivers::profiles::{Profile, SetPoint};
use kilosat_drivers::reading::{Quantity, Reading};

use super::EngineHandle;
use super::gpio::unknown;
use crate::config::Meter;
use crate::engine::Event;
use crate::text::{cleaned, fixed_point};

/// Every Modbus device of the configuration, by its id.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    all: BTreeMap<String, Device>,
}

#[derive(Clone, Debug)]
struct Device {
    bus: BusHandle,
    unit: u8,
    title: String,
    /// What it is, where that is known before it was asked.
    profile: Option<Arc<Profile>>,
    /// What the owner lets Kilosat change.
    settable: Vec<Quantity>,
}

impl Devices {
    pub(super) fn add(&mut self, meter: &Meter, bus: BusHandle) {
        let (profile, settable) = (meter.model.profile(), meter.settable.clone());
        let device = Device { bus, unit: meter.unit, title: meter.title().to_owned(), profile, settable };
        self.all.insert(meter.id.clone(), device);
    }

    /// Reads everything the device has, now, and lists it.
    ///
    /// # Errors
    /// Why it could not be read, in one sentence.
    pub async fn look(&self, id: &str) -> Result<String, String> {
        let device = self.find(id)?;
        let round = device.bus.look(device.unit).await.map_err(|fault| format!("{id} could not be read: {fault}."))?;
        Ok(device.list(id, &round))
    }

    /// Writes a set point of the device; what was written, or may have been, goes to the journal.
    ///
    /// # Errors
    /// Why it was not written, or that this is not known, in one sentence.
    pub async fn set(&self, id: &str, point: &str, value: &str, engine: &EngineHandle) -> Result<String, String> {
        let device = self.find(id)?.clone();
        let quantity = device.settable(id, point)?;
        let milli = read_value(quantity, value)?;
        let (id, engine) = (id.to_owned(), engine.clone());
        // Goes on when nobody waits for it any more: what was written is recorded.
        let done = tokio::spawn(async move { device.write(id, quantity, milli, &engine).await });
        done.await.unwrap_or_else(|_| Err(format!("{}.", OrderFault::Interrupted)))
    }

    /// No longer renews a set point of the device.
    ///
    /// # Errors
    /// Why not, in one sentence.
    pub async fn release(&self, id: &str, point: &str) -> Result<String, String> {
        let device = self.find(id)?;
        let quantity = device.settable(id, point)?;
        device.bus.release(device.unit, quantity).await.map_err(|fault| format!("{id}: {fault}."))?;
        Ok(format!("{id}: Kilosat no longer renews {quantity}; the device goes back to its own setting if it forgets."))
    }

    fn find(&self, id: &str) -> Result<&Device, String> {
        self.all.get(id).ok_or_else(|| unknown("device", id, self.all.keys()))
    }
}

impl Device {
    /// What the owner names, if Kilosat may change it.
    fn settable(&self, id: &str, point: &str) -> Result<Quantity, String> {
        let found = point.parse().ok().filter(|quantity| self.settable.contains(quantity));
        found.ok_or_else(|| match self.settable.as_slice() {
            [] => format!(
                "Kilosat may not change anything on {id}. To allow it, write into its [[meter]] section what it may \
                 change, such as set = \"current_limit\", and restart Kilosat; kilosat profiles NAME shows what a device \
                 has."
            ),
            allowed => {
                let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
                format!("Kilosat may not change {point:?} on {id}; it may change: {}.", allowed.join(", "))
            }
        })
    }

    async fn write(&self, id: String, quantity: Quantity, milli: i64, engine: &EngineHandle) -> Result<String, String> {
        let outcome = self.bus.set(self.unit, quantity, milli).await;
        let text = match &outcome {
            Ok(setting) => format!("{id}: {}", told(setting)),
            Err(fault) => format!("{id}, {quantity} {}: {fault}.", quantity.shown(milli)),
        };
        let was_sent = !matches!(
            outcome,
            Err(OrderFault::NoSetPoint { .. }
                | OrderFault::Value(_)
                | OrderFault::NotReady(_)
                | OrderFault::Refused(_)
                | OrderFault::Ended)
        );
        if was_sent {
            // Whoever asked is told in any case; without an engine Kilosat ends.
            let _ = engine.submit(Event::Set { device: id, text: text.clone() }).await;
        }
        if outcome.is_ok() { Ok(text) } else { Err(text) }
    }

    fn list(&self, id: &str, round: &Round) -> String {
        let mut text = format!("{id}, {}:\n", self.title);
        for reading in &round.readings {
            let _ = writeln!(text, "  {:<24} {}", reading.quantity, self.shown(reading));
        }
        for fault in &round.missing {
            let _ = writeln!(text, "  {fault}");
        }
        let set_points = self.profile.as_ref().map_or(&[][..], |profile| &profile.set_points);
        if !set_points.is_empty() {
            text.push_str("It can be told:\n");
        }
        for set_point in set_points {
            let _ = writeln!(text, "  {}", self.settable_line(set_point, &round.settings));
        }
        text.trim_end().to_owned()
    }

    fn settable_line(&self, SetPoint { point, min_milli, max_milli, .. }: &SetPoint, settings: &[Reading]) -> String {
        let quantity = point.quantity;
        let now = settings.iter().find(|reading| reading.quantity == quantity);
        let now = now.map_or(String::new(), |reading| format!(", now {}", self.shown(reading)));
        let allowed = if self.settable.contains(&quantity) { "" } else { "; not allowed in the configuration" };
        let (min, max) = (quantity.shown(*min_milli), quantity.shown(*max_milli));
        format!("{quantity:<24} {min} to {max}{now}{allowed}")
    }

    /// The device's own words may be anything.
    fn shown(&self, reading: &Reading) -> String {
        let point = self.profile.as_ref().and_then(|profile| profile.point(reading.quantity));
        let text = point.and_then(|point| point.text(&reading.raw)).map(|text| cleaned(&text, TEXT_CHARS_MAX));
        match (text, point) {
            (Some(text), _) => text,
            (None, Some(point)) if point.kind.is_text() => "(empty)".to_owned(),
            (None, _) => reading.quantity.shown(reading.milli),
        }
    }
}

fn told(setting: &Setting) -> String {
    let Setting { quantity, milli, read_back, renewed_every } = setting;
    let sure = if *read_back { "read back" } else { "the device confirmed it" };
    let renewed = renewed_every.map_or(String::new(), |every| {
        format!(
            " Kilosat renews it every {} s while it runs; to end that, enter this with --release instead of a value.",
            every.as_secs()
        )
    });
    format!("{quantity} is {} ({sure}).{renewed}", quantity.shown(*milli))
}

/// A value as people write it, in the quantity's unit.
fn read_value(quantity: Quantity, text: &str) -> Result<i64, String> {
    let is_plain = quantity.measure.is_plain();
    let value = match text {
        "on" if is_plain => Some(1),
        "off" if is_plain => Some(0),
        _ => {
            let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
            let amount = fixed_point(digits, if is_plain { 0 } else { MILLI_DIGITS });
            amount.and_then(|amount| i64::try_from(amount).ok()).map(|amount| sign * amount)
        }
    };
    value.ok_or_else(|| {
        let example = if is_plain {
            "a whole number, or on or off".to_owned()
        } else {
            format!("a number of {}, such as 16 or 10.5", quantity.unit())
        };
        format!("{text:?} is no value for {quantity}; write {example}. Nothing was written.")
    })
}

const MILLI_DIGITS: usize = 3;
const TEXT_CHARS_MAX: usize = 40;

#[cfg(test)]
mod tests;
