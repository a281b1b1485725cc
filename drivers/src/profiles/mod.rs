//! Devices as data: which register says what, in which type, order and scale, and what the device wants of its readers.
//!
//! One TOML file describes one model. Those of this folder's neighbour `drivers/profiles` are part of the program; an
//! owner's own lie in a folder ([`load_folder`]) and are read by the same [`load`]. The format is explained in
//! `drivers/profiles/README.md`. Addresses are zero-based, as they go on the wire. Every profile names where it comes
//! from; none was checked against the device itself, so the owner compares the first reading with the display.

mod built_in;
mod decimal;
mod float;
mod folder;
mod load;
mod point;
mod registers;

use std::borrow::Cow;

pub use built_in::{all, find, likely, names, text};
pub use decimal::Decimal;
pub use folder::{OwnProfile, load_folder};
pub use load::{ProfileFault, load};
pub use point::{
    Computed, Expected, Identify, Kind, OrderMarks, Part, Point, Poll, SetFault, SetPoint, Space, WordOrder,
};
pub use registers::{ValueFault, decode, encode};

use crate::reading::{MilliwattHours, Quantity, Raw, Reading};
use crate::serial::SerialSettings;

/// One model of device: its registers and what it wants of whoever reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name in configuration, such as `eastron-sdm630`.
    pub name: String,
    /// The name for people, such as `Eastron SDM630 v2`.
    pub title: String,
    /// Who makes it.
    pub vendor: String,
    /// What it does in a house.
    pub role: Role,
    /// How sure the table is.
    pub evidence: Evidence,
    /// The documents and public drivers it comes from.
    pub source: String,
    /// What the owner has to set or check on the device, as plain sentences.
    pub setup: Vec<String>,
    /// How it is reached.
    pub link: Link,
    /// What a request may ask of it.
    pub limits: Limits,
    /// Registers by which a scan recognises it; all of them must fit.
    pub identify: Vec<Identify>,
    /// The smallest step of the energy counters as printed by the vendor; see [`Profile::energy_step`].
    pub printed_step: MilliwattHours,
    /// The counters begin again when the device loses power.
    pub volatile: bool,
    /// At this value the billed counter begins again at zero, where the document says so.
    pub rolls_over: Option<MilliwattHours>,
    /// The counter that is billed; `None` where the device has none that could be.
    pub billed: Option<Quantity>,
    /// What can be read.
    pub points: Vec<Point>,
    /// What is added up from points.
    pub computed: Vec<Computed>,
    /// What may be written.
    pub set_points: Vec<SetPoint>,
}

/// What a device does in a house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Measures.
    Meter,
    /// Turns direct current into alternating current, with a battery or without.
    Inverter,
    /// Stores.
    Battery,
    /// Charges a car.
    Charger,
    /// Switches.
    Relays,
}

/// How sure a profile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Two independent sources agree about the counter that is billed, or about the registers where there is none.
    TwoSources,
    /// They do not, or there is one only.
    SingleSource,
}

/// How a device is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// How its serial line is set when it is delivered; `None` where it has none.
    pub serial: Option<SerialSettings>,
    /// Its port on the network; `None` where it has none of its own.
    pub tcp_port: Option<u16>,
    /// Its unit id when it is delivered.
    pub unit: u8,
    /// Other unit ids that are usual.
    pub units_to_try: Vec<u8>,
    /// It serves one client at a time.
    pub single_client: bool,
    /// The first request after a pause only wakes it up and gets no answer.
    pub wake_up: bool,
    /// How long it wants to be left alone.
    pub pauses: Pauses,
    /// It may take this long to answer, in ms, however fast the line is.
    pub answer_timeout_min_ms: Option<u32>,
}

/// How long a device wants to be left alone, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pauses {
    /// After a connection was made.
    pub after_connect_ms: u32,
    /// Between an answer and the next request.
    pub between_requests_ms: u32,
    /// Before a request to another unit on the same line.
    pub unit_change_ms: u32,
}

/// What a request may ask of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most registers it gives in one answer; never above [`REGISTERS_MAX`].
    pub registers_max: u16,
    /// The most unwanted registers that may be read along between two wanted ones: 0 where the device refuses them,
    /// `None` where nobody knows and the cost in bytes decides.
    pub hole_max: Option<u16>,
    /// Requests begin at even addresses and have even lengths.
    pub even_only: bool,
    /// Each value has a request of its own.
    pub one_value_per_request: bool,
    /// No request holds registers on both sides of one of these addresses, in ascending order; the address itself
    /// belongs to what follows.
    pub barriers: Vec<u16>,
}

/// The most registers that fit one answer (Modbus Application Protocol V1.1b3, functions 3 and 4).
pub const REGISTERS_MAX: u16 = 125;

impl Profile {
    /// Everything it gives, read and computed, in the order of the file.
    pub fn quantities(&self) -> impl Iterator<Item = Quantity> {
        let points = self.points.iter().map(|point| point.quantity);
        points.chain(self.computed.iter().map(|computed| computed.quantity))
    }

    /// Where this device keeps a quantity, if it has it in registers.
    #[must_use]
    pub fn point(&self, quantity: Quantity) -> Option<&Point> {
        self.points.iter().find(|point| point.quantity == quantity)
    }

    /// Whether the device measures this, or it is computed from what it measures.
    #[must_use]
    pub fn gives(&self, quantity: Quantity) -> bool {
        self.point(quantity).is_some() || self.computed.iter().any(|computed| computed.quantity == quantity)
    }

    /// What a reading of this device says in words: a text, or the meaning of a state.
    #[must_use]
    pub fn text(&self, reading: &Reading) -> Option<String> {
        self.point(reading.quantity)?.text(&reading.raw)
    }

    /// Adds the computed values to the readings of one round; what lacks a part is listed in `missing` instead.
    pub fn complete(&self, readings: &mut Vec<Reading>, missing: &mut Vec<ValueFault>) {
        for computed in &self.computed {
            match computed.of(readings) {
                Ok(reading) => readings.push(reading),
                Err(fault) => missing.push(fault),
            }
        }
    }

    /// The smallest amount by which the billed counter can move when it stands at `counter`.
    ///
    /// An integer counter keeps its printed step for ever. A 32-bit float has 24 significant bits, so its step
    /// grows with the counter: 0.01 kWh holds up to 131,072 kWh, then it becomes 0.016 kWh. A sum moves as its
    /// coarsest part would at the sum's value.
    #[must_use]
    pub fn energy_step(&self, counter: MilliwattHours) -> MilliwattHours {
        let parts = match self.computed.iter().find(|computed| Some(computed.quantity) == self.billed) {
            Some(computed) => Cow::Borrowed(computed.plus.as_slice()),
            None => Cow::Owned(self.billed.into_iter().collect()),
        };
        let floats = parts.iter().filter_map(|part| self.point(*part)).filter(|point| point.kind == Kind::F32);
        floats.map(|point| spacing(point.scale, counter)).fold(self.printed_step, MilliwattHours::max)
    }

    /// Every place with a value in it.
    fn places(&self) -> impl Iterator<Item = &Point> {
        let settings = self.set_points.iter().map(|set_point| &set_point.point);
        let is_new = |setting: &&Point| self.points.iter().all(|point| point.parts != setting.parts);
        self.points.iter().chain(settings.filter(is_new))
    }

    /// The set point that is written at this place, and the value, for simulated devices; `None` where there is none, or
    /// where the profile does not allow the value.
    #[must_use]
    pub fn written(&self, space: Space, address: u16, words: &[u16]) -> Option<(&SetPoint, i64)> {
        let here = |set_point: &&SetPoint| match set_point.point.parts.as_slice() {
            [part] => (part.space, part.address, usize::from(part.count)) == (space, address, words.len()),
            _ => false,
        };
        let set_point = self.set_points.iter().find(here)?;
        let milli = decode(&set_point.point, words).ok()?;
        (set_point.min_milli..=set_point.max_milli).contains(&milli).then_some((set_point, milli))
    }

    /// The registers such a device would answer with, for simulated devices; `None` where it has none and would refuse.
    ///
    /// `milli` gives each quantity in the thousandths of [`Reading::milli`]. What is computed from points is turned
    /// back into those: the first part carries everything. Marks by which a scan knows the model are there too. A device
    /// that allows holes answers zeros in them.
    #[must_use]
    pub fn answer(
        &self,
        space: Space,
        address: u16,
        quantity: u16,
        milli: impl Fn(Quantity) -> i64,
    ) -> Option<Vec<u16>> {
        if quantity == 0 || quantity > self.limits.registers_max {
            return None;
        }
        let end = u32::from(address) + u32::from(quantity);
        if end > u32::from(u16::MAX) + 1 {
            return None;
        }
        let fill = self.limits.hole_max.is_some_and(|hole| hole > 0).then_some(0);
        let mut answer = vec![fill; usize::from(quantity)];
        let here = |point: &&Point| point.parts.iter().any(|part| part.space == space);
        let (plain, scaled): (Vec<_>, Vec<_>) = self.places().filter(here).partition(|point| point.is_plain());
        // What scales other values comes last, so that a point in the same register does not change them.
        let values = plain.into_iter().chain(scaled);
        let values = values.map(|point| (point, encode(point, self.simulated(point.quantity, &milli))));
        // A value is within the range of a mark in its place, but is not the maker's code or name.
        let is_range = |mark: &&Identify| matches!(mark.expected, Expected::Range(..));
        let (ranges, codes): (Vec<_>, Vec<_>) = self.identify.iter().partition(is_range);
        let ranges = ranges.into_iter().map(|mark| (&mark.point, mark.example()));
        let codes = codes.into_iter().map(|mark| (&mark.point, mark.example()));
        for (point, words) in ranges.chain(values).chain(codes) {
            let mut words = words.into_iter();
            for part in &point.parts {
                for (offset, word) in (0..part.count).zip(words.by_ref()) {
                    let place = u32::from(part.address) + u32::from(offset);
                    let place = place.checked_sub(u32::from(address)).and_then(|place| usize::try_from(place).ok());
                    let slot = place.filter(|_| part.space == space).and_then(|place| answer.get_mut(place));
                    if let Some(slot) = slot {
                        // Several points may own bits of one register.
                        *slot = Some(slot.filter(|_| point.mask.is_some()).unwrap_or(0) | word);
                    }
                }
            }
        }
        answer.into_iter().collect()
    }

    /// The value of a point such that what is computed from it comes out as `milli` says.
    fn simulated(&self, quantity: Quantity, milli: &impl Fn(Quantity) -> i64) -> i64 {
        let part_of = |computed: &&Computed| computed.plus.contains(&quantity) || computed.minus.contains(&quantity);
        let Some(computed) = self.computed.iter().find(part_of) else { return milli(quantity) };
        let whole = milli(computed.quantity);
        match (computed.plus.first(), computed.minus.first()) {
            (Some(first), None) if *first == quantity => whole,
            (Some(first), Some(_)) if *first == quantity => whole.max(0),
            (_, Some(first)) if *first == quantity => whole.min(0).saturating_neg(),
            _ => 0,
        }
    }
}

impl Computed {
    /// The value, made of the readings of one round; its registers are those of its parts, one after the other.
    fn of(&self, readings: &[Reading]) -> Result<Reading, ValueFault> {
        let quantity = self.quantity;
        let mut sum = 0_i128;
        let mut raw = Raw::new();
        let signed = self.plus.iter().map(|part| (part, 1)).chain(self.minus.iter().map(|part| (part, -1)));
        for (part, sign) in signed {
            let reading = readings.iter().find(|reading| reading.quantity == *part);
            let reading = reading.ok_or(ValueFault::PartMissing { quantity, part: *part })?;
            sum += i128::from(reading.milli) * sign;
            raw.extend_from_slice(&reading.raw);
        }
        let milli = i64::try_from(sum).ok().filter(|milli| quantity.range().contains(milli));
        Ok(Reading { quantity, milli: milli.ok_or(ValueFault::OutOfRange { quantity })?, raw })
    }
}

/// The distance between a 32-bit float at `counter` and the next one, rounded to the nearest thousandth.
fn spacing(scale: Decimal, counter: MilliwattHours) -> MilliwattHours {
    let mantissa = i128::from(scale.mantissa.unsigned_abs());
    let raw = decimal::rounded(i128::from(counter.0), 0, -scale.exponent).map_or(0, |tens| tens / mantissa.max(1));
    let exponent = raw.checked_ilog2().and_then(|exponent| i32::try_from(exponent).ok());
    let spacing =
        exponent.and_then(|exponent| decimal::rounded(mantissa, exponent - F32_FRACTION_BITS, scale.exponent));
    MilliwattHours(spacing.and_then(|spacing| u64::try_from(spacing).ok()).unwrap_or(0))
}

/// Bits of a 32-bit float after the leading one (IEEE 754).
const F32_FRACTION_BITS: i32 = 23;

#[cfg(test)]
mod tests;
