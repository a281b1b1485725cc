//! Where the power of the house comes from now, and where it goes.

use std::collections::BTreeMap;

use kilosat_drivers::reading::{Quantity, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gpio::LOOK_MS;
use super::meters::age_max_ms;
use crate::config::{Config, Measured, Meter};
use crate::latest::Table;

/// The power of the house. Both lists have the same sum, unless `unknown` names something or meters contradict each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// Where it comes from: `solar`, `battery`, `grid`.
    pub from: Vec<FlowPart>,
    /// Where it goes: `house`, which is what nothing else measures, `car`, `heating`, `battery`, `grid`.
    pub to: Vec<FlowPart>,
    /// What is measured, but has no value young enough to say; `house` cannot be said then.
    pub unknown: Vec<String>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlowPart {
    /// Which.
    pub what: String,
    /// In mW.
    pub power_mw: u64,
}

/// `None` where no meter says what it measures, or not the grid, without which nothing adds up.
pub(super) fn flow(config: &Config, latest: &Table, uptime_ms: u64) -> Option<Flow> {
    let powers = powers(config, latest, uptime_ms);
    powers.get(&Measured::Grid)?;
    let power = |measured| powers.get(&measured).copied().flatten();
    let (grid, battery) = (power(Measured::Grid), power(Measured::Battery));
    let solar = power(Measured::Solar).map(i64::unsigned_abs);
    let unknown = powers.iter().filter(|(_, power)| power.is_none()).map(|(what, _)| what.word().to_owned());
    let unknown: Vec<_> = unknown.collect();

    let part = |what: &str, power_mw| FlowPart { what: what.to_owned(), power_mw };
    let given = |power: i64| u64::try_from(power.saturating_neg()).unwrap_or(0);
    let taken = |power: i64| u64::try_from(power).unwrap_or(0);
    let flows = |power_mw: &u64| *power_mw > 0;
    let mut from: Vec<_> = solar.map(|power| part("solar", power)).into_iter().collect();
    from.extend(battery.map(given).filter(flows).map(|power| part("battery", power)));
    from.extend(grid.map(taken).map(|power| part("grid", power)));
    let used = [Measured::Car, Measured::Heating];
    let used = used.into_iter().filter_map(|measured| Some(part(measured.word(), taken(power(measured)?))));
    let mut to: Vec<_> = used.collect();
    to.extend(battery.map(taken).filter(flows).map(|power| part("battery", power)));
    to.extend(grid.map(given).filter(flows).map(|power| part("grid", power)));
    if unknown.is_empty() {
        // Meters are not read at the same instant: less than nothing is nothing.
        let sum = |parts: &[FlowPart]| parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.power_mw));
        to.insert(0, part("house", sum(&from).saturating_sub(sum(&to))));
    }
    Some(Flow { from, to, unknown })
}

/// What is measured, with its power in mW; `None` where a value is missing or too old. What panels give has no sign: nobody
/// knows which way round their meter was wired.
fn powers(config: &Config, latest: &Table, uptime_ms: u64) -> BTreeMap<Measured, Option<i64>> {
    let mut powers: BTreeMap<Measured, Option<i64>> = BTreeMap::new();
    let mut add = |measured, power: Option<i64>| {
        let power = power.map(|power| if measured == Measured::Solar { power.saturating_abs() } else { power });
        let sum = powers.entry(measured).or_insert(Some(0));
        *sum = sum.zip(power).map(|(sum, power)| sum.saturating_add(power));
    };
    for meter in &config.meters {
        if let Some(measured) = meter.measures {
            add(measured, power_of(meter, measured, latest, uptime_ms));
        }
    }
    for meter in &config.pulse_meters {
        if let Some(measured) = meter.measures {
            add(measured, young(latest, &meter.id, Quantity::POWER, LOOK_MS, uptime_ms));
        }
    }
    // A hybrid inverter also says what no meter of its own measures.
    let mut has_grid = has_meter(config, Measured::Grid);
    for meter in &config.meters {
        let said: Vec<_> = SAID_BY_HYBRIDS.into_iter().filter(|measured| says(meter, *measured)).collect();
        for measured in &said {
            // There is one grid, whoever looks at it.
            let is_known = if *measured == Measured::Grid { has_grid } else { has_meter(config, *measured) };
            if !is_known {
                add(*measured, power_of(meter, *measured, latest, uptime_ms));
                has_grid |= *measured == Measured::Grid;
            }
        }
        // One with a battery has panels too, and says nothing of them here.
        let hides_panels = said.contains(&Measured::Battery) && !said.contains(&Measured::Solar);
        if hides_panels && !has_meter(config, Measured::Solar) {
            add(Measured::Solar, None);
        }
    }
    powers
}

/// Whether the device's profile has a power of its own for this. Of a device without a profile nobody knows the signs.
fn says(meter: &Meter, measured: Measured) -> bool {
    let gives = |quantity| meter.model.profile().is_some_and(|profile| profile.gives(quantity));
    let panels = measured == Measured::Solar && STRINGS.iter().any(|string| gives(Quantity::POWER.at(*string)));
    panels || subject(measured).is_some_and(|subject| gives(Quantity::POWER.at(subject)))
}

/// The power that a device gives for this: that of the grid, the panels or the battery where it tells them apart, else its own.
fn power_of(meter: &Meter, measured: Measured, latest: &Table, uptime_ms: u64) -> Option<i64> {
    let power = |quantity| young(latest, &meter.id, quantity, meter.poll_interval_ms, uptime_ms);
    let Some(profile) = meter.model.profile() else { return power(Quantity::POWER) };
    let of_it = subject(measured).map(|subject| Quantity::POWER.at(subject)).filter(|of_it| profile.gives(*of_it));
    match of_it {
        Some(of_it) => power(of_it),
        None if says(meter, measured) => {
            let strings = STRINGS.iter().filter_map(|string| power(Quantity::POWER.at(*string)));
            strings.reduce(i64::saturating_add)
        }
        // What such an inverter gives is its panels' and its battery's together.
        None if measured == Measured::Solar && says(meter, Measured::Battery) => None,
        None => power(Quantity::POWER),
    }
}

fn young(latest: &Table, id: &str, quantity: Quantity, interval_ms: u64, uptime_ms: u64) -> Option<i64> {
    let value = latest.points.get(&format!("{id}.{}", quantity.name()))?;
    (uptime_ms.saturating_sub(value.at_ms) <= age_max_ms(interval_ms)).then_some(value.milli)
}

/// Whether something measures this already: a meter that says so, or an inverter that tells it apart.
pub(crate) fn is_measured(config: &Config, measured: Measured) -> bool {
    has_meter(config, measured) || config.meters.iter().any(|meter| says(meter, measured))
}

fn has_meter(config: &Config, measured: Measured) -> bool {
    let read = config.meters.iter().map(|meter| meter.measures);
    read.chain(config.pulse_meters.iter().map(|meter| meter.measures)).any(|known| known == Some(measured))
}

/// Whose power it is where one device knows several.
fn subject(measured: Measured) -> Option<Subject> {
    match measured {
        Measured::Grid => Some(Subject::Grid),
        Measured::Solar => Some(Subject::Pv),
        Measured::Battery => Some(Subject::Battery),
        Measured::Car | Measured::Heating => None,
    }
}

const SAID_BY_HYBRIDS: [Measured; 3] = [Measured::Grid, Measured::Solar, Measured::Battery];
const STRINGS: [Subject; 4] = [Subject::Pv1, Subject::Pv2, Subject::Pv3, Subject::Pv4];

#[cfg(test)]
mod tests;
