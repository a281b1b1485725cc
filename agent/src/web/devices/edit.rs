//! The form of a device that is known: where it is, how often it is read, what it measures.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::change::{Changes, Pending, proposed, told};
use super::super::entry::{amount, in_sat};
use super::super::{Frame, Words, page};
use super::{Choice, choices};
use crate::config::{Config, Draft, DraftFault, Measured, MeterLine, Place, Setting, read_host};
use crate::status::StatusSource;

/// What the owner fills in, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    measures: String,
    /// Empty on a serial port.
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
    #[serde(default)]
    unit: String,
    /// From one reading to the next, in seconds.
    #[serde(default)]
    every: String,
    /// In watts.
    #[serde(default)]
    power_max: String,
}

/// What a device has to be filled in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Network,
    Serial,
    Pulses,
}

#[derive(Template)]
#[template(path = "device_edit.html")]
struct EditPage {
    frame: Frame,
    t: Words,
    id: String,
    kind: Kind,
    entries: Entries,
    choices: Vec<Choice>,
    faults: Vec<String>,
}

impl EditPage {
    fn is_in_network(&self) -> bool {
        self.kind == Kind::Network
    }

    fn is_read(&self) -> bool {
        self.kind != Kind::Pulses
    }
}

/// `GET /devices/{id}/edit`
pub(in super::super) async fn edit_page(
    State(source): State<StatusSource>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let known = Entries::of(&source.config(), &id, t);
    let (kind, entries) = known.ok_or_else(|| Refused::missing(t, "device-gone", "/devices"))?;
    shown(&source, t, id, kind, entries, Vec::new()).await
}

/// `POST /devices/{id}/edit`: shows what would change, or what does not fit.
pub(in super::super) async fn edit(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Path(id): Path<String>,
    Form(entries): Form<Entries>,
) -> Answer {
    let known = Entries::of(&source.config(), &id, t);
    let (kind, before) = known.ok_or_else(|| Refused::missing(t, "device-gone", "/devices"))?;
    let proposal = entries
        .read(&before, kind, t)
        .and_then(|wanted| proposed(&source, |draft| changed(draft, &id, &wanted)).map_err(told));
    match proposal {
        Ok(proposal) => {
            let here = "/devices".to_owned();
            Ok(changes.ask(&source, Pending::new(proposal, format!("the device {id} was changed"), here.clone(), here)))
        }
        Err(faults) => {
            let page = shown(&source, t, id, kind, entries, faults).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// A key of the device's section, what it was in the form, what it is there now, and what that means.
type Wanted = (&'static str, String, String, Setting);

impl Entries {
    fn of(config: &Config, id: &str, t: Words) -> Option<(Kind, Entries)> {
        let watts = |mw: u64| (mw / MILLI).to_string();
        let measures = |measured: Option<Measured>| measured.map_or("", Measured::word).to_owned();
        if let Some(meter) = config.pulse_meters.iter().find(|meter| meter.id == id) {
            let (measures, power_max) = (measures(meter.measures), watts(meter.power_max_mw));
            return Some((Kind::Pulses, Entries { measures, power_max, ..Entries::default() }));
        }
        let meter = config.meter(id)?;
        let (kind, host, port) = match &meter.line {
            MeterLine::Serial { .. } => (Kind::Serial, String::new(), String::new()),
            MeterLine::Network { host, port, .. } => (Kind::Network, host.clone(), port.to_string()),
        };
        let entries = Entries {
            measures: measures(meter.measures),
            host,
            port,
            unit: meter.unit.to_string(),
            every: in_sat(meter.poll_interval_ms, t),
            power_max: watts(meter.power_max_mw),
        };
        Some((kind, entries))
    }

    /// Every fault at once, each with the name of its field.
    fn read(&self, before: &Entries, kind: Kind, t: Words) -> Result<Vec<Wanted>, Vec<String>> {
        let mut faults = Vec::new();
        let mut wanted: Vec<Wanted> = Vec::new();
        let mut take = |key, was: &str, now: &str, setting: Result<Setting, String>| match setting {
            Ok(setting) => wanted.push((key, was.to_owned(), now.trim().to_owned(), setting)),
            Err(fault) => faults.push(fault),
        };
        let number = |read: Option<u64>, field: &str| {
            read.map(Setting::Number).ok_or_else(|| t.with("fault-number", "field", t.say(field)))
        };
        let whole = |text: &str| text.trim().parse().ok();
        take("measures", &before.measures, &self.measures, Ok(Setting::Text(self.measures.clone())));
        if kind == Kind::Network {
            let host = read_host(self.host.trim()).map(Setting::Text).map_err(|_| t.say("search-no-host"));
            take("host", &before.host, &self.host, host);
            take("port", &before.port, &self.port, number(whole(&self.port), "device-port"));
        }
        if kind != Kind::Pulses {
            take("unit", &before.unit, &self.unit, number(whole(&self.unit), "device-unit"));
            // Seconds with at most three decimals are milliseconds, as sat are msat.
            take("poll_interval_ms", &before.every, &self.every, number(amount(&self.every), "device-every"));
        }
        let power_max = number(whole(&self.power_max), "device-power-max");
        take("power_max_w", &before.power_max, &self.power_max, power_max);
        if faults.is_empty() { Ok(wanted) } else { Err(faults) }
    }
}

/// Touches only what differs.
fn changed(draft: &mut Draft, id: &str, wanted: &[Wanted]) -> Result<(), DraftFault> {
    let place = Place::Listed { list: "meter", id, below: "" };
    for (key, _, _, setting) in wanted.iter().filter(|(_, was, now, _)| was != now) {
        draft.set(place, key, setting)?;
    }
    Ok(())
}

async fn shown(
    source: &StatusSource,
    t: Words,
    id: String,
    kind: Kind,
    entries: Entries,
    faults: Vec<String>,
) -> Answer {
    let frame = Frame::of(source, t, "devices").await?;
    Ok(page(&EditPage { frame, t, id, kind, choices: choices(t, &entries.measures), entries, faults }))
}

const MILLI: u64 = 1_000;
