//! SunSpec: a device that says itself what it measures and where.
//!
//! Registers begin with "SunS", then models follow one after the other, each with its number and its length, up to number
//! 0xFFFF (SunSpec Device Information Model Specification; offsets from the model definitions of the SunSpec Alliance).
//! A [`Walk`] finds them and makes a [`Profile`] of those that are known; it does no I/O of its own.

use crate::profiles::{
    Decimal, Evidence, Kind, Limits, Link, Part, Pauses, Point, Poll, Profile, Role, Space, WordOrder,
};
use crate::reading::{Measure, MilliwattHours, Phase, Quantity, Subject};

/// Looks for the models of one unit, one request after the other.
#[derive(Debug)]
pub struct Walk {
    step: Step,
    models: Vec<Model>,
    maker: String,
    name: String,
}

/// One model: its number, where its first register is, and how many follow the two of number and length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// The model's number.
    pub id: u16,
    /// Address of the register that holds the number.
    pub address: u16,
    /// Registers after number and length.
    pub length: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Is the mark at this one of [`BASES`]?
    Base(usize),
    /// Which model begins here?
    Header(u16),
    /// Who made it, and what?
    Common(u16),
    Done,
}

/// Why no SunSpec device was recognised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalkFault {
    /// No mark at any of the known places.
    #[error("the device does not speak SunSpec; if it should, enable it on the device, and check port and unit")]
    NoMark,
    /// Models there are, but none that measures anything known.
    #[error("the device speaks SunSpec, but none of its models ({0}) measures what Kilosat knows")]
    NothingKnown(String),
}

impl Default for Walk {
    fn default() -> Self {
        Self { step: Step::Base(0), models: Vec::new(), maker: String::new(), name: String::new() }
    }
}

impl Walk {
    /// The holding registers to read next; `None` when the walk is over.
    #[must_use]
    pub fn next(&self) -> Option<Part> {
        let part = |address, count| Part { space: Space::Holding, address, count };
        match self.step {
            Step::Base(place) => Some(part(*BASES.get(place)?, 2)),
            Step::Header(address) => Some(part(address, 2)),
            Step::Common(address) => Some(part(address, COMMON_NAMES)),
            Step::Done => None,
        }
    }

    /// Takes what was read at [`Walk::next`].
    pub fn answered(&mut self, words: &[u16]) {
        self.step = match (self.step, words) {
            (Step::Base(place), MARK) => Step::Header(BASES.get(place).map_or(u16::MAX, |base| base.saturating_add(2))),
            (Step::Base(place), _) => Step::Base(place + 1),
            (Step::Header(address), [id, length]) => self.model(Model { id: *id, address, length: *length }),
            (Step::Common(address), words) => {
                self.maker = text(words, 0, 16);
                self.name = text(words, 16, 16);
                self.after(Model { id: COMMON, address: address.saturating_sub(2), length: self.common_length() })
            }
            _ => Step::Done,
        };
    }

    /// The device refused to give what is at [`Walk::next`].
    pub fn refused(&mut self) {
        self.step = match self.step {
            Step::Base(place) => Step::Base(place + 1),
            // Some devices end the list without its last mark.
            _ => Step::Done,
        };
    }

    /// The models found.
    #[must_use]
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// What the device is and where its values are.
    ///
    /// # Errors
    /// [`WalkFault`].
    pub fn profile(&self) -> Result<Profile, WalkFault> {
        if self.models.is_empty() {
            return Err(WalkFault::NoMark);
        }
        let is = |kinds: &[u16]| self.models.iter().any(|model| kinds.contains(&model.id));
        let role = if is(INVERTERS) { Role::Inverter } else { Role::Meter };
        let mut points: Vec<Point> = Vec::new();
        for model in &self.models {
            // An inverter shows the meter at the grid beside itself.
            let subject = match (role, model.id) {
                (Role::Inverter, 201..=204 | 211..=214) => Subject::Grid,
                _ => Subject::Own,
            };
            for point in values(*model).map(|value| value.point(*model, subject)) {
                // Of several models of the same kind the first is meant.
                if !points.iter().any(|known| known.quantity == point.quantity) {
                    points.push(point);
                }
            }
        }
        if points.is_empty() {
            let numbers: Vec<String> = self.models.iter().map(|model| model.id.to_string()).collect();
            return Err(WalkFault::NothingKnown(numbers.join(", ")));
        }
        let imported = [Quantity::ENERGY_IMPORT, Quantity::ENERGY_IMPORT.at(Subject::Grid)];
        let billed = imported.into_iter().find(|wanted| points.iter().any(|point| point.quantity == *wanted));
        Ok(self.describe(role, billed, points))
    }

    fn model(&mut self, model: Model) -> Step {
        if model.id == END || model.length > LENGTH_MAX || self.models.len() >= MODELS_MAX {
            return Step::Done;
        }
        self.models.push(model);
        match model.id {
            COMMON if model.length >= COMMON_NAMES => Step::Common(model.address.saturating_add(2)),
            _ => self.after(model),
        }
    }

    fn after(&self, model: Model) -> Step {
        let next = u32::from(model.address) + 2 + u32::from(model.length);
        u16::try_from(next).map_or(Step::Done, Step::Header)
    }

    fn common_length(&self) -> u16 {
        self.models.iter().rev().find(|model| model.id == COMMON).map_or(COMMON_NAMES, |model| model.length)
    }

    fn describe(&self, role: Role, billed: Option<Quantity>, points: Vec<Point>) -> Profile {
        let title = format!("{} {}", self.maker, self.name);
        Profile {
            name: "sunspec".to_owned(),
            title: if title.trim().is_empty() { "SunSpec device".to_owned() } else { title.trim().to_owned() },
            vendor: self.maker.clone(),
            role,
            evidence: Evidence::TwoSources,
            source: "SunSpec Alliance model definitions".to_owned(),
            setup: vec!["Some devices count export as positive power: compare with a load you know.".to_owned()],
            link: Link {
                serial: None,
                tcp_port: Some(502),
                unit: 1,
                units_to_try: vec![2, 3, 71, 126, 200, 201, 202, 203, 204, 240],
                single_client: true,
                wake_up: false,
                pauses: Pauses::default(),
                answer_timeout_min_ms: Some(1_000),
            },
            limits: Limits {
                registers_max: 120,
                hole_max: None,
                even_only: false,
                one_value_per_request: false,
                barriers: self.models.iter().map(|model| model.address).collect(),
            },
            identify: Vec::new(),
            printed_step: MilliwattHours(1_000),
            volatile: false,
            rolls_over: None,
            billed,
            points,
            computed: Vec::new(),
            set_points: Vec::new(),
        }
    }
}

/// One value of a model: how far from the register of the model's number it is, and its scale factor.
#[derive(Clone, Copy)]
struct Value {
    quantity: Quantity,
    offset: u16,
    kind: Kind,
    /// Where the power of ten is; `None` for floats.
    power: Option<u16>,
    /// Thousandths of the quantity's unit in one of the model's.
    scale: i64,
    /// Raw value that means "not implemented".
    invalid: Option<u64>,
}

impl Value {
    fn point(&self, model: Model, subject: Subject) -> Point {
        let at =
            |offset: u16, count| Part { space: Space::Holding, address: model.address.saturating_add(offset), count };
        let mut parts = vec![at(self.offset, self.kind.words())];
        parts.extend(self.power.map(|offset| at(offset, 1)));
        let quantity = match self.quantity.subject {
            Subject::Own => self.quantity.at(subject),
            _ => self.quantity,
        };
        let poll = match quantity.measure {
            Measure::Power | Measure::Current => Poll::Fast,
            _ => Poll::Slow,
        };
        Point {
            quantity,
            parts,
            kind: self.kind,
            order: WordOrder::Abcd,
            scale: Decimal { mantissa: self.scale, exponent: 0 },
            exponent: self.power.map(|_| 0),
            factors: Vec::new(),
            order_marks: None,
            invalid: self.invalid.into_iter().collect(),
            mask: None,
            shift: 0,
            texts: Vec::new(),
            absolute: false,
            poll,
        }
    }
}

/// What is known of a model, as far as it is long enough.
fn values(model: Model) -> impl Iterator<Item = Value> {
    let known = match model.id {
        101..=103 | 111..=113 => of_inverter(model.id >= 111),
        201..=204 | 211..=214 => of_meter(model.id >= 211),
        160 => (0..model.length.saturating_sub(8) / 20)
            .zip([Subject::Pv1, Subject::Pv2, Subject::Pv3, Subject::Pv4])
            .map(|(block, subject)| one(Quantity::POWER.at(subject), 21 + 20 * block, Kind::U16, Some(4)))
            .collect(),
        124 => vec![one(BATTERY_SOC, 8, Kind::U16, Some(22))],
        713 => vec![one(BATTERY_SOC, 4, Kind::U16, Some(8))],
        802 => vec![
            one(BATTERY_SOC, 11, Kind::U16, Some(56)),
            one(Quantity::POWER.at(Subject::Battery), 47, Kind::I16, Some(63)),
        ],
        701 => vec![
            one(Quantity::POWER, 10, Kind::I16, Some(116)),
            one(Quantity::FREQUENCY, 17, Kind::U32, Some(115)),
            one(Quantity::ENERGY_EXPORT, 19, Kind::U64, Some(120)),
            one(Quantity::ENERGY_IMPORT, 23, Kind::U64, Some(120)),
        ],
        _ => Vec::new(),
    };
    known.into_iter().filter(move |value| value.offset + value.kind.words() <= model.length.saturating_add(2))
}
/// Models 101 to 103 count in integers with scale factors, 111 to 113 in floats.
fn of_inverter(floats: bool) -> Vec<Value> {
    let (whole, signed) = if floats { (Kind::F32, Kind::F32) } else { (Kind::U16, Kind::I16) };
    let counter = if floats { Kind::F32 } else { Kind::U32 };
    let at = |integer: u16, float: u16| if floats { float } else { integer };
    let power = |offset: u16| (!floats).then_some(offset);
    let mut values = phases(Measure::Current, Some(2), at(3, 4), whole, power(6));
    values.extend(phases(Measure::Voltage, None, at(10, 16), whole, power(13)));
    values.extend([
        one(Quantity::POWER, at(14, 22), signed, power(15)),
        one(Quantity::FREQUENCY, at(16, 24), whole, power(17)),
        one(Quantity::ENERGY_EXPORT, at(24, 32), counter, power(26)),
        one(Quantity::POWER.at(Subject::Pv), at(31, 38), signed, power(32)),
    ]);
    values
}

/// Models 201 to 204 count in integers with scale factors, 211 to 214 in floats.
fn of_meter(floats: bool) -> Vec<Value> {
    let signed = if floats { Kind::F32 } else { Kind::I16 };
    let counter = if floats { Kind::F32 } else { Kind::U32 };
    let at = |integer: u16, float: u16| if floats { float } else { integer };
    let power = |offset: u16| (!floats).then_some(offset);
    let mut values = phases(Measure::Current, Some(2), at(3, 4), signed, power(6));
    values.extend(phases(Measure::Voltage, Some(at(7, 10)), at(8, 12), signed, power(15)));
    values.push(one(Quantity::FREQUENCY, at(16, 26), signed, power(17)));
    values.extend(phases(Measure::Power, Some(at(18, 28)), at(19, 30), signed, power(22)));
    if !floats {
        values.extend(phases(Measure::PowerFactor, Some(33), 34, signed, power(37)));
    }
    values.extend(phases(Measure::EnergyExport, Some(at(38, 60)), at(40, 62), counter, power(54)));
    values.extend(phases(Measure::EnergyImport, Some(at(46, 68)), at(48, 70), counter, power(54)));
    values
}

/// One value for all phases, where there is one, and one for each, one after the other.
fn phases(measure: Measure, all: Option<u16>, first: u16, kind: Kind, power: Option<u16>) -> Vec<Value> {
    let quantity = Quantity::of(measure);
    let each = [Phase::L1, Phase::L2, Phase::L3].into_iter().zip((first..).step_by(usize::from(kind.words())));
    let all = all.into_iter().map(|offset| (quantity, offset));
    let places = all.chain(each.map(|(phase, offset)| (quantity.on(phase), offset)));
    places.map(|(quantity, offset)| one(quantity, offset, kind, power)).collect()
}

fn one(quantity: Quantity, offset: u16, kind: Kind, power: Option<u16>) -> Value {
    // Power factors are in percent, and here in thousandths of one.
    let scale = if quantity.measure == Measure::PowerFactor { 10 } else { 1_000 };
    Value { quantity, offset, kind, power, scale, invalid: invalid(kind, quantity.measure) }
}

/// What a device sends that has no such value. Lifetime counters of 0 may mean either; they count from the first step on.
fn invalid(kind: Kind, measure: Measure) -> Option<u64> {
    match (kind, measure) {
        (Kind::I16, _) => Some(0x8000),
        (Kind::U16, _) => Some(0xFFFF),
        (Kind::U32, Measure::EnergyImport | Measure::EnergyExport) => Some(0),
        (Kind::U32, _) => Some(0xFFFF_FFFF),
        (Kind::U64, _) => Some(u64::MAX),
        _ => None,
    }
}

fn text(words: &[u16], from: usize, registers: usize) -> String {
    let words = words.iter().skip(from).take(registers);
    let bytes: Vec<u8> = words.flat_map(|word| word.to_be_bytes()).take_while(|byte| *byte != 0).collect();
    bytes
        .iter()
        .filter(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .map(|byte| char::from(*byte))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What a battery holds.
const BATTERY_SOC: Quantity = Quantity::of(Measure::Soc).at(Subject::Battery);
/// Where devices begin their list.
const BASES: [u16; 3] = [40_000, 50_000, 0];
/// "SunS".
const MARK: &[u16] = &[0x5375, 0x6E53];
const COMMON: u16 = 1;
/// Registers of maker and model at the beginning of the common model.
const COMMON_NAMES: u16 = 32;
const END: u16 = 0xFFFF;
const LENGTH_MAX: u16 = 2_000;
const MODELS_MAX: usize = 64;
const INVERTERS: &[u16] = &[101, 102, 103, 111, 112, 113, 701];

#[cfg(test)]
mod tests;
