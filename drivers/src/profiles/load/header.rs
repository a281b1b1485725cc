//! The keys of a profile that are not points: what the device is, how it is reached, and its limits.

use super::ProfileFault;
use super::point::{ADDRESS_MAX, Defaults, Entry, ORDERS, SPACES, read_entry, read_registers};
use super::table::Table;
use crate::profiles::decimal::Decimal;
use crate::profiles::point::{Expected, Identify, OrderMarks, Part, WordOrder};
use crate::profiles::{Evidence, Limits, Link, Pauses, Profile, REGISTERS_MAX, Role};
use crate::reading::{Measure, MilliwattHours, Quantity};

pub(super) fn read_profile(root: &Table<'_>) -> Result<Profile, ProfileFault> {
    let name = root.needed_text("name", "my-meter")?;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) || name.starts_with('-') || name.ends_with('-') {
        let text = "must be 1 to 40 lower-case letters, digits and - between them, such as \"my-meter\"";
        return Err(root.fault("name", text));
    }
    let title = root.needed_text("title", "My meter")?.to_owned();
    let vendor = root.needed_text("vendor", "Its maker")?.to_owned();
    let role = root.word("role", ROLES)?.ok_or_else(|| root.missing("role", "role = \"meter\""))?;
    let evidence = root.word("evidence", EVIDENCE)?;
    let evidence = evidence.ok_or_else(|| root.missing("evidence", "evidence = \"single source\""))?;
    let source = root.needed_text("source", "My reading of the maker's document, version 1.2")?.to_owned();
    let setup = root.texts("setup")?.into_iter().map(str::to_owned).collect();
    let link = read_link(root)?;
    let limits = read_limits(root)?;
    let defaults = read_defaults(root)?;
    let mut profile = Profile {
        name: name.to_owned(),
        title,
        vendor,
        role,
        evidence,
        source,
        setup,
        link,
        limits,
        identify: read_identify(root, defaults.order)?,
        printed_step: read_energy(root, "energy_step_mwh")?.unwrap_or_default(),
        volatile: root.flag("volatile")?,
        rolls_over: read_energy(root, "rolls_over_mwh")?,
        billed: None,
        points: Vec::new(),
        computed: Vec::new(),
        set_points: Vec::new(),
    };
    for table in root.tables("point")? {
        match read_entry(table, &defaults)? {
            Entry::Read(point) => profile.points.push(point),
            Entry::Computed(computed) => profile.computed.push(computed),
            Entry::Set(set_point) => profile.set_points.push(set_point),
        }
    }
    profile.billed = read_billed(root, &profile)?;
    root.finish()?;
    Ok(profile)
}

fn read_link(root: &Table<'_>) -> Result<Link, ProfileFault> {
    let serial = root.text("serial")?.map(|text| {
        let wrong =
            |_| root.fault("serial", "must be baud rate, data bits, parity and stop bits, such as \"9600 8N1\"");
        text.parse().map_err(wrong)
    });
    let serial = serial.transpose()?;
    let tcp_port = root.number("tcp_port", 1..=ADDRESS_MAX)?;
    if serial.is_none() && tcp_port.is_none() {
        return Err(root.missing("serial", "serial = \"9600 8N1\" or tcp_port = 502"));
    }
    let unit = root.number("unit", 0..=255)?.unwrap_or(1);
    let pause = |key| root.number(key, 0..=60_000).map(|pause| pause.unwrap_or(0));
    Ok(Link {
        serial,
        tcp_port,
        unit,
        units_to_try: root.numbers("units_to_try", 0..=255)?,
        single_client: root.flag("single_client")?,
        wake_up: root.flag("wake_up")?,
        pauses: Pauses {
            after_connect_ms: pause("pause_after_connect_ms")?,
            between_requests_ms: pause("pause_between_requests_ms")?,
            unit_change_ms: pause("pause_unit_change_ms")?,
        },
        answer_timeout_min_ms: root.number("answer_timeout_min_ms", 50..=30_000)?,
    })
}

fn read_limits(root: &Table<'_>) -> Result<Limits, ProfileFault> {
    let most = i64::from(REGISTERS_MAX);
    let registers_max = root.number("registers_max", 1..=most)?.unwrap_or(REGISTERS_MAX);
    let mut barriers = root.numbers("barriers", 0..=ADDRESS_MAX)?;
    barriers.sort_unstable();
    Ok(Limits {
        registers_max,
        hole_max: root.number("hole_max", 0..=i64::from(registers_max))?,
        even_only: root.flag("even_only")?,
        one_value_per_request: root.flag("one_value_per_request")?,
        barriers,
    })
}

fn read_defaults(root: &Table<'_>) -> Result<Defaults, ProfileFault> {
    let order = root.word("word_order", ORDERS)?.unwrap_or(WordOrder::Abcd);
    let Some(table) = root.table("word_order_register")? else {
        return Ok(Defaults { order, order_register: None });
    };
    let mut parts = Vec::new();
    for (key, space) in SPACES.iter().filter(|(_, space)| !space.is_bits()) {
        parts.extend(table.number(key, 0..=ADDRESS_MAX)?.map(|address| Part { space: *space, address, count: 1 }));
    }
    let [part] = parts.as_slice() else {
        return Err(table.missing("holding", "{ holding = 5, cdab = 0, abcd = 1 }"));
    };
    let mark = |key| table.number(key, 0..=ADDRESS_MAX)?.ok_or_else(|| table.missing(key, &format!("{key} = 0")));
    let marks = OrderMarks { abcd: mark("abcd")?, cdab: mark("cdab")? };
    table.finish()?;
    if marks.abcd == marks.cdab {
        return Err(root.fault("word_order_register", "gives both orders the same number; correct one"));
    }
    if !matches!(order, WordOrder::Abcd | WordOrder::Cdab) {
        return Err(
            root.fault("word_order", "must be \"abcd\" or \"cdab\" where a register says which of the two it is")
        );
    }
    Ok(Defaults { order, order_register: Some((*part, marks)) })
}

fn read_identify(root: &Table<'_>, order: WordOrder) -> Result<Vec<Identify>, ProfileFault> {
    let mut identify = Vec::new();
    for table in root.tables("identify")? {
        let mut point = read_registers(&table, Quantity::of(Measure::Model), order)?;
        point.scale = Decimal::ONE.shifted(MILLI_PLACES);
        let thousandths = |key| -> Result<Option<i64>, ProfileFault> {
            let Some(decimal) = table.decimal(key)? else { return Ok(None) };
            let milli = decimal.shifted(MILLI_PLACES).to_whole();
            milli.map(Some).ok_or_else(|| table.fault(key, "has more than three decimals or too many digits"))
        };
        let values: Vec<i64> = table.numbers("value", -VALUE_MAX..=VALUE_MAX)?;
        let values: Vec<i64> = values.into_iter().map(|value| value * 1_000).collect();
        let (min, max) = (thousandths("min")?, thousandths("max")?);
        let expected = match (table.text("text")?, values.is_empty(), min, max) {
            (Some(text), true, None, None) if point.kind.is_text() => Expected::Text(text.to_owned()),
            (None, false, None, None) if !point.kind.is_text() => Expected::OneOf(values),
            (None, true, Some(min), Some(max)) if !point.kind.is_text() && min < max => Expected::Range(min, max),
            _ => {
                return Err(
                    table.missing("value", "value = 32, or min = 80 and max = 300, or for a text text = \"B23\"")
                );
            }
        };
        table.finish()?;
        identify.push(Identify { point, expected });
    }
    Ok(identify)
}

/// The counter that is billed: what the profile names, or `energy_import` where it has that.
fn read_billed(root: &Table<'_>, profile: &Profile) -> Result<Option<Quantity>, ProfileFault> {
    let has = |quantity| profile.quantities().any(|known| known == quantity);
    let Some(name) = root.text("billed")? else {
        return Ok(Some(Quantity::ENERGY_IMPORT).filter(|import| has(*import)));
    };
    if name == "none" {
        return Ok(None);
    }
    let quantity = name.parse().ok().filter(|quantity: &Quantity| quantity.measure.is_energy() && has(*quantity));
    let wrong = || root.fault("billed", "must be a counter of energy among the points of this profile, or \"none\"");
    quantity.map(Some).ok_or_else(wrong)
}

fn read_energy(root: &Table<'_>, key: &'static str) -> Result<Option<MilliwattHours>, ProfileFault> {
    Ok(root.number::<u64>(key, 1..=i64::MAX)?.map(MilliwattHours))
}

const ROLES: &[(&str, Role)] = &[
    ("meter", Role::Meter),
    ("inverter", Role::Inverter),
    ("battery", Role::Battery),
    ("charger", Role::Charger),
    ("relays", Role::Relays),
];

const EVIDENCE: &[(&str, Evidence)] =
    &[("two sources", Evidence::TwoSources), ("single source", Evidence::SingleSource)];

const NAME_BYTES_MAX: usize = 40;
const MILLI_PLACES: i32 = 3;
/// What fits two registers.
const VALUE_MAX: i64 = u32::MAX as i64;
