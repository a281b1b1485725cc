//! What is said of each meter.

use kilosat_drivers::reading::Quantity;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gpio::pulse_meter_status;
use crate::config::Config;
use crate::latest::{Health, LineHealth, Table};

/// One meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeterStatus {
    /// Its id.
    pub id: String,
    /// Maker and model.
    pub title: String,
    /// `good`, `doubtful`, `missing`, `stale` or `waiting`. What is stale is older than three poll periods.
    pub state: String,
    /// What is wrong, in one sentence.
    pub fault: Option<String>,
    /// What is to be known of how it is read, in one sentence.
    #[serde(default)]
    pub note: Option<String>,
    /// What it measures in the picture of the house, if it is in it.
    #[serde(default)]
    pub measures: Option<String>,
    /// Whether it can say what power flows; a relay board cannot.
    pub has_power: bool,
    /// Power now; `None` when no reading is young enough to say.
    pub power_mw: Option<i64>,
    /// The counter at the last reading; `age_ms` says when that was.
    pub energy_mwh: Option<i64>,
    /// Since the last good reading.
    pub age_ms: Option<u64>,
    /// Readings that worked.
    pub reads: u64,
    /// Readings that failed.
    pub faults: u64,
    /// The line it is read on, if it is read on one.
    #[serde(default)]
    pub line: Option<LineHealth>,
}

pub(super) fn all(config: &Config, latest: &Table, uptime_ms: u64) -> Vec<MeterStatus> {
    let read = config.meters.iter().map(|meter| {
        let billed = meter.model.profile().and_then(|profile| profile.billed);
        let counter = billed.unwrap_or(Quantity::ENERGY_IMPORT);
        let power = Quantity::POWER.at(counter.subject);
        let has_power = meter.model.profile().is_none_or(|profile| profile.gives(power));
        let status = meter_status(&meter.id, meter.title(), counter, meter.poll_interval_ms, latest, uptime_ms);
        let measures = meter.measures.map(|measured| measured.word().to_owned());
        MeterStatus { measures, has_power, ..status }
    });
    let counted = config.pulse_meters.iter().map(|meter| pulse_meter_status(meter, latest, uptime_ms));
    read.chain(counted).collect()
}

/// An inverter is billed by what passes the grid, so its power is the grid's too.
pub(super) fn meter_status(
    id: &str,
    title: &str,
    counter: Quantity,
    poll_interval_ms: u64,
    latest: &Table,
    uptime_ms: u64,
) -> MeterStatus {
    let health = latest.health.get(id).cloned().unwrap_or_default();
    let value = |point: &str| latest.points.get(&format!("{id}.{point}"));
    let Health { fault, doubtful, alarm, note, unrenewed, line, reads, faults, good_ms } = health;
    let age_ms = good_ms.map(|good| uptime_ms.saturating_sub(good));
    let age_max_ms = age_max_ms(poll_interval_ms);
    let is_stale = age_ms.is_none_or(|age| age > age_max_ms);
    let state = match (&fault, is_stale) {
        (None, true) if reads == 0 => "waiting",
        (Some(_), _) if doubtful => "doubtful",
        (Some(_), _) => "missing",
        (None, true) => "stale",
        (None, false) if alarm.is_some() => "doubtful",
        (None, false) => "good",
    };
    let power = value(&Quantity::POWER.at(counter.subject).name())
        .filter(|value| uptime_ms.saturating_sub(value.at_ms) <= age_max_ms);
    let energy_mwh = value(&counter.name()).map(|value| value.milli);
    let starting = (state == "waiting" && energy_mwh == Some(0)).then(|| AT_ZERO.to_owned());
    MeterStatus {
        id: id.to_owned(),
        title: title.to_owned(),
        state: state.to_owned(),
        fault: fault.or(alarm),
        note: unrenewed.or(starting).or(note),
        measures: None,
        has_power: true,
        power_mw: power.map(|value| value.milli),
        energy_mwh,
        age_ms,
        reads,
        faults,
        line,
    }
}

/// Three missed polls make a value too old to rely on.
pub(super) fn age_max_ms(poll_interval_ms: u64) -> u64 {
    poll_interval_ms.saturating_mul(3).saturating_add(STALE_GRACE_MS)
}

const AT_ZERO: &str =
    "Its counter stands at zero, as on one that has just started; it is believed from its first step on.";
const STALE_GRACE_MS: u64 = 2_000;

#[cfg(test)]
pub(super) mod tests;
