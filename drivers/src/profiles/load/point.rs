//! The points of a profile: from a table to a [`Point`], a [`Computed`] value or a [`SetPoint`].

use super::ProfileFault;
use super::table::{Table, shown};
use super::units::exponent_of;
use crate::profiles::decimal::Decimal;
use crate::profiles::point::{Computed, Kind, OrderMarks, Part, Point, Poll, SetPoint, Space, WordOrder};
use crate::reading::{Measure, Quantity};

/// What a point takes from the profile where it says nothing itself.
pub(super) struct Defaults {
    pub(super) order: WordOrder,
    pub(super) order_register: Option<(Part, OrderMarks)>,
}

/// What one table of points says.
pub(super) enum Entry {
    Read(Point),
    Computed(Computed),
    Set(SetPoint),
}

pub(super) fn read_entry(table: Table<'_>, defaults: &Defaults) -> Result<Entry, ProfileFault> {
    let name = table.needed_text("quantity", "energy_import")?;
    let table = table.named(format!("point {}", shown(name)));
    let quantity: Quantity = name.parse().map_err(|fault| table.fault("quantity", format!("{fault}")))?;
    let (plus, minus) = (table.texts("sum")?, table.texts("difference")?);
    let entry = if !plus.is_empty() || !minus.is_empty() {
        Entry::Computed(read_computed(&table, quantity, &plus, &minus)?)
    } else if table.flag("write")? {
        Entry::Set(read_set_point(&table, quantity, defaults)?)
    } else {
        Entry::Read(read_point(&table, quantity, defaults)?)
    };
    table.finish()?;
    Ok(entry)
}

/// A register, its type and its scale, for identification too.
pub(super) fn read_registers(table: &Table<'_>, quantity: Quantity, order: WordOrder) -> Result<Point, ProfileFault> {
    let (space, addresses) = read_addresses(table)?;
    let kind = read_kind(table, space)?;
    let parts = parts_of(table, space, &addresses, kind)?;
    let order = table.word("order", ORDERS)?.unwrap_or(order);
    let point = Point {
        quantity,
        parts,
        kind,
        order,
        scale: Decimal::ONE,
        exponent: None,
        factors: Vec::new(),
        order_marks: None,
        invalid: Vec::new(),
        mask: None,
        shift: 0,
        texts: Vec::new(),
        absolute: false,
        poll: default_poll(quantity),
    };
    Ok(point)
}

fn read_point(table: &Table<'_>, quantity: Quantity, defaults: &Defaults) -> Result<Point, ProfileFault> {
    let mut point = read_registers(table, quantity, defaults.order)?;
    point.scale = read_scale(table, quantity, point.kind)?;
    point.invalid = read_invalid(table, point.kind)?;
    point.mask = table.number::<i64>("mask", 1..=i64::from(u32::MAX))?.map(i64::unsigned_abs);
    point.shift = table.number("shift", 0..=31)?.unwrap_or(0);
    if (point.mask.is_some() || point.shift > 0) && !point.kind.is_unsigned() {
        return Err(table.fault("mask", "picks bits out of u16, u32 and u64 only; write type = \"u16\""));
    }
    point.texts = table.numbered_texts("texts")?;
    if !point.texts.is_empty() && (!quantity.measure.is_plain() || point.kind.is_text()) {
        return Err(table.fault("texts", "explains the numbers of a state or setting only; leave it out"));
    }
    point.absolute = table.flag("absolute")?;
    point.poll = table.word("poll", POLLS)?.unwrap_or(point.poll);
    let space = point.parts.first().map_or(Space::Holding, |part| part.space);
    if let Some(address) = table.number::<u16>("exponent_at", 0..=ADDRESS_MAX)? {
        point.parts.push(Part { space, address, count: 1 });
        point.exponent = Some(simulated_exponent(quantity.measure));
    }
    for (address, factor) in read_factors(table)? {
        point.parts.push(Part { space, address, count: 1 });
        point.factors.push(factor);
    }
    if let Some((part, marks)) = &defaults.order_register
        && point.kind.words() > 1
        && !point.kind.is_text()
        && !table.has("order")
    {
        point.parts.push(*part);
        point.order_marks = Some(*marks);
    }
    Ok(point)
}

fn read_computed(
    table: &Table<'_>,
    quantity: Quantity,
    plus: &[&str],
    minus: &[&str],
) -> Result<Computed, ProfileFault> {
    let quantities = |key: &str, names: &[&str]| -> Result<Vec<Quantity>, ProfileFault> {
        let wrong = |name: &str| table.fault(key, format!("{:?} is not the name of a quantity", shown(name)));
        names.iter().map(|name| name.parse().map_err(|_| wrong(name))).collect()
    };
    match (plus, minus) {
        ([_, _, ..], []) if plus.len() <= PARTS_MAX => {
            Ok(Computed { quantity, plus: quantities("sum", plus)?, minus: Vec::new() })
        }
        ([], [first, rest @ ..]) if (1..PARTS_MAX).contains(&rest.len()) => {
            let (plus, minus) = (quantities("difference", &[first])?, quantities("difference", rest)?);
            Ok(Computed { quantity, plus, minus })
        }
        _ => Err(table.fault("sum", "needs a list of 2 to 8 points; write either sum or difference")),
    }
}

fn read_set_point(table: &Table<'_>, quantity: Quantity, defaults: &Defaults) -> Result<SetPoint, ProfileFault> {
    let mut point = read_registers(table, quantity, defaults.order)?;
    point.scale = read_scale(table, quantity, point.kind)?;
    let functions = match (point.parts.as_slice(), point.kind) {
        ([Part { space: Space::Coil, .. }], Kind::Bool) => 5..=5,
        ([Part { space: Space::Holding, count: 1, .. }], kind) if !kind.is_text() => 6..=16,
        ([Part { space: Space::Holding, .. }], kind) if !kind.is_text() => 16..=16,
        _ => return Err(table.fault("write", "needs a coil or holding registers that hold one number")),
    };
    let function = table.number("function", 5..=16)?.ok_or_else(|| table.missing("function", "function = 6"))?;
    if !functions.contains(&i64::from(function)) || !matches!(function, 5 | 6 | 16) {
        return Err(table.fault("function", "must be 5 for a coil, 6 or 16 for one register, 16 for several"));
    }
    let places = if quantity.measure.is_plain() { 0 } else { MILLI_PLACES };
    let limit = |key: &'static str| -> Result<i64, ProfileFault> {
        let decimal = table.decimal(key)?.ok_or_else(|| table.missing(key, &format!("{key} = 6")))?;
        let milli = decimal.shifted(places).to_whole().filter(|milli| quantity.range().contains(milli));
        milli.ok_or_else(|| table.fault(key, "is not a value that this quantity can have"))
    };
    let (min_milli, max_milli) = (limit("min")?, limit("max")?);
    if min_milli > max_milli {
        return Err(table.fault("min", "is above max; exchange them"));
    }
    let refresh_s = table.number("refresh_s", 1..=86_400)?;
    let readable = table.flag("readable")?;
    point.poll = Poll::Now;
    Ok(SetPoint { point, function, min_milli, max_milli, refresh_s, readable })
}

fn read_addresses(table: &Table<'_>) -> Result<(Space, Vec<u16>), ProfileFault> {
    let mut found = Vec::new();
    for (key, space) in SPACES {
        let addresses: Vec<u16> = table.numbers(key, 0..=ADDRESS_MAX)?;
        if !addresses.is_empty() {
            found.push((*space, addresses));
        } else if table.has(key) {
            return Err(table.fault(key, "names no address; write for example [78, 80]"));
        }
    }
    match (found.pop(), found.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => Err(table.fault("", "has two addresses; keep one of holding, input, coil and discrete")),
        (None, _) => Err(table.missing("", "holding = 72, input = 72, coil = 0 or discrete = 0")),
    }
}

fn read_kind(table: &Table<'_>, space: Space) -> Result<Kind, ProfileFault> {
    let registers: Option<u16> = table.number("registers", 1..=40)?;
    if space.is_bits() {
        return match table.text("type")? {
            None | Some("bool") if registers.is_none() => Ok(Kind::Bool),
            _ => Err(table.fault("type", "must be left out or \"bool\" for coils and discrete inputs")),
        };
    }
    let example = "type = \"f32\"";
    let kind = match table.text("type")? {
        Some("text") => registers.map(Kind::Text),
        Some("chars") => registers.map(Kind::Chars),
        _ => Some(table.word("type", KINDS)?.ok_or_else(|| table.missing("type", example))?),
    };
    let kind = kind.ok_or_else(|| table.missing("registers", "registers = 7"))?;
    if registers.is_some() && !kind.is_text() {
        return Err(table.fault("registers", "is for texts only; leave it out"));
    }
    Ok(kind)
}

fn parts_of(table: &Table<'_>, space: Space, addresses: &[u16], kind: Kind) -> Result<Vec<Part>, ProfileFault> {
    let key = SPACES.iter().find(|(_, known)| *known == space).map_or("", |(key, _)| key);
    let words = kind.words();
    match addresses {
        [address] if address.checked_add(words - 1).is_some() => {
            Ok(vec![Part { space, address: *address, count: words }])
        }
        [_] => Err(table.fault(key, "ends beyond the last address, 65535; write a lower one")),
        _ if addresses.len() == usize::from(words) && !kind.is_text() => {
            Ok(addresses.iter().map(|address| Part { space, address: *address, count: 1 }).collect())
        }
        _ => Err(table.fault(key, format!("needs one address, or one for each of the {words} registers of the type"))),
    }
}

/// The scale as written, times what the unit means in thousandths of the quantity's own.
fn read_scale(table: &Table<'_>, quantity: Quantity, kind: Kind) -> Result<Decimal, ProfileFault> {
    let measure = quantity.measure;
    let unit = table.text("unit")?;
    if unit.is_none() && measure.is_energy() {
        return Err(table.missing("unit", "unit = \"kWh\""));
    }
    let unit = unit.unwrap_or_else(|| measure.unit());
    let places = exponent_of(measure, unit).map_err(|known| {
        table.fault("unit", format!("{:?} is no unit of this quantity; write one of {known}", shown(unit)))
    })?;
    let scale = table.decimal("scale")?.unwrap_or(Decimal::ONE);
    if kind.is_text() && (scale != Decimal::ONE || !measure.is_plain()) {
        return Err(table.fault("type", "is a text, which only labels and states can be; write a number's type"));
    }
    let fits = scale.mantissa != 0
        && scale.mantissa.unsigned_abs() <= MANTISSA_MAX
        && (-EXPONENT_MAX..=EXPONENT_MAX).contains(&scale.exponent);
    if !fits {
        return Err(table.fault("scale", "must not be 0 and must have at most six digits, such as 0.1, 1000 or -0.01"));
    }
    let scale = scale.shifted(places);
    if measure.is_energy() && scale.exponent < 0 {
        return Err(table.fault("scale", "is finer than a thousandth of a watt-hour; Kilosat counts no less"));
    }
    Ok(scale)
}

fn read_invalid(table: &Table<'_>, kind: Kind) -> Result<Vec<u64>, ProfileFault> {
    let listed = match table.has("invalid") {
        true if !matches!(table.numbers::<i64>("invalid", i64::MIN..=i64::MAX), Ok(numbers) if !numbers.is_empty()) => {
            return match table.text("invalid") {
                Ok(Some("none")) => Ok(Vec::new()),
                _ => Err(table.fault("invalid", "must be \"none\" or a list of raw numbers, such as [0xFFFE]")),
            };
        }
        _ => table.numbers::<i64>("invalid", i64::MIN..=i64::MAX)?,
    };
    if !listed.is_empty() && (kind.is_text() || matches!(kind, Kind::F32 | Kind::F64 | Kind::Bool)) {
        return Err(table.fault("invalid", "is for integers; floats say NaN by themselves, so leave it out"));
    }
    let bits = u32::from(kind.words().min(4)) * u16::BITS;
    let all = u64::MAX >> (u64::BITS - bits);
    let own = match kind {
        Kind::U16 | Kind::U32 | Kind::U64 => vec![all],
        Kind::I16 | Kind::I32 | Kind::I64 => vec![all >> 1, (all >> 1) + 1],
        _ => Vec::new(),
    };
    Ok(own.into_iter().chain(listed.into_iter().map(|number| number.cast_unsigned() & all)).collect())
}

/// `[6, 7]`, or a list of `{ at = 7, scale = 0.1 }`.
fn read_factors(table: &Table<'_>) -> Result<Vec<(u16, Decimal)>, ProfileFault> {
    let factors = if let Ok(addresses) = table.numbers::<u16>("factor_at", 0..=ADDRESS_MAX) {
        addresses.into_iter().map(|address| (address, Decimal::ONE)).collect()
    } else {
        let mut factors = Vec::new();
        for factor in table.tables("factor_at")? {
            let at = factor.number("at", 0..=ADDRESS_MAX)?.ok_or_else(|| factor.missing("at", "at = 6"))?;
            let scale = factor.decimal("scale")?.unwrap_or(Decimal::ONE);
            let fits = (1..=MANTISSA_MAX).contains(&scale.mantissa.unsigned_abs()) && scale.mantissa > 0;
            if !fits || !(-EXPONENT_MAX..=EXPONENT_MAX).contains(&scale.exponent) {
                return Err(factor.fault("scale", "must be above 0 and have at most six digits, such as 0.1"));
            }
            factor.finish()?;
            factors.push((at, scale));
        }
        factors
    };
    if factors.len() > FACTORS_MAX {
        return Err(table.fault("factor_at", format!("names more than {FACTORS_MAX} registers; keep those")));
    }
    Ok(factors)
}

fn default_poll(quantity: Quantity) -> Poll {
    match quantity.measure {
        measure if measure.has_phases() && !measure.is_energy() && measure != Measure::Voltage => Poll::Fast,
        Measure::State | Measure::CableState | Measure::Error | Measure::Enabled => Poll::Fast,
        Measure::SerialNumber
        | Measure::Model
        | Measure::Firmware
        | Measure::Mode
        | Measure::Wiring
        | Measure::CurrentRatio
        | Measure::VoltageRatio
        | Measure::CurrentMax => Poll::Static,
        _ => Poll::Slow,
    }
}

/// What a believable device would give: tenths of a volt, hundredths of an ampere, whole watts and watt-hours.
fn simulated_exponent(measure: Measure) -> i8 {
    match measure.unit() {
        "V" => -1,
        "A" | "Hz" => -2,
        "" if measure == Measure::PowerFactor => -2,
        _ => 0,
    }
}

pub(super) const SPACES: &[(&str, Space)] =
    &[("holding", Space::Holding), ("input", Space::Input), ("coil", Space::Coil), ("discrete", Space::Discrete)];

const KINDS: &[(&str, Kind)] = &[
    ("u16", Kind::U16),
    ("i16", Kind::I16),
    ("u32", Kind::U32),
    ("i32", Kind::I32),
    ("u64", Kind::U64),
    ("i64", Kind::I64),
    ("f32", Kind::F32),
    ("f64", Kind::F64),
    ("bcd16", Kind::Bcd16),
    ("bcd32", Kind::Bcd32),
    ("bool", Kind::Bool),
    // Read before with their number of registers; here for the list in the sentence.
    ("text", Kind::Text(1)),
    ("chars", Kind::Chars(1)),
];

pub(super) const ORDERS: &[(&str, WordOrder)] = &[
    ("abcd", WordOrder::Abcd),
    ("cdab", WordOrder::Cdab),
    ("badc", WordOrder::Badc),
    ("dcba", WordOrder::Dcba),
    ("ab", WordOrder::Abcd),
    ("ba", WordOrder::Badc),
    ("abcdefgh", WordOrder::Abcd),
    ("ghefcdab", WordOrder::Cdab),
    ("badcfehg", WordOrder::Badc),
    ("hgfedcba", WordOrder::Dcba),
];

const POLLS: &[(&str, Poll)] =
    &[("fast", Poll::Fast), ("slow", Poll::Slow), ("static", Poll::Static), ("now", Poll::Now)];

pub(super) const ADDRESS_MAX: i64 = 65_535;
const MANTISSA_MAX: u64 = 999_999;
const EXPONENT_MAX: i32 = 9;
const FACTORS_MAX: usize = 2;
const PARTS_MAX: usize = 8;
/// Thousandths.
const MILLI_PLACES: i32 = 3;
