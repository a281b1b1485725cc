//! Where the power of the house comes from now, and where it goes.

use std::collections::BTreeMap;

use kilosat_drivers::reading::{Quantity, Subject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gpio::LOOK_MS;
use super::meters::age_max_ms;
use crate::config::{Config, Measured};
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
    // What a meter of panels counts as used is what they give: nobody knows which way round it was wired.
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

/// What is measured, with its power in mW; `None` where a value is missing or too old.
fn powers(config: &Config, latest: &Table, uptime_ms: u64) -> BTreeMap<Measured, Option<i64>> {
    let young = |id: &str, points: &[Quantity], interval_ms: u64| {
        let value = points.iter().find_map(|point| latest.points.get(&format!("{id}.{}", point.name())))?;
        (uptime_ms.saturating_sub(value.at_ms) <= age_max_ms(interval_ms)).then_some(value.milli)
    };
    let mut powers: BTreeMap<Measured, Option<i64>> = BTreeMap::new();
    let mut add = |measured, power: Option<i64>| {
        let sum = powers.entry(measured).or_insert(Some(0));
        *sum = sum.zip(power).map(|(sum, power)| sum.saturating_add(power));
    };
    let read = config.meters.iter().map(|meter| (&meter.id, meter.measures, meter.poll_interval_ms));
    let counted = config.pulse_meters.iter().map(|meter| (&meter.id, meter.measures, LOOK_MS));
    for (id, measured, interval_ms) in read.chain(counted) {
        if let Some(measured) = measured {
            let of_it = subject(measured).map(|subject| Quantity::POWER.at(subject));
            let points: Vec<_> = of_it.into_iter().chain([Quantity::POWER]).collect();
            add(measured, young(id, &points, interval_ms));
        }
    }
    // A hybrid inverter also says what no meter of its own measures. Of a device without a profile nobody knows the signs.
    let inverters = config.meters.iter().filter_map(|meter| Some((meter, meter.model.profile()?)));
    let mut has_grid = has_meter(config, Measured::Grid);
    for (meter, profile) in inverters {
        for measured in [Measured::Grid, Measured::Solar, Measured::Battery] {
            let point =
                subject(measured).map(|subject| Quantity::POWER.at(subject)).filter(|point| profile.gives(*point));
            // There is one grid, whoever looks at it.
            let is_said = if measured == Measured::Grid { has_grid } else { has_meter(config, measured) };
            if let (Some(point), false) = (point, is_said) {
                add(measured, young(&meter.id, &[point], meter.poll_interval_ms));
                has_grid |= measured == Measured::Grid;
            }
        }
    }
    powers
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

#[cfg(test)]
mod tests;
