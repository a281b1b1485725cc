//! A device that the owner names: its profile picked from the list, read once before anything is saved.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use kilosat_drivers::modbus::search::serial_settings;
use kilosat_drivers::modbus::{Framing, Line, Model};
use kilosat_drivers::serial::SerialSettings;
use serde::Deserialize;

use super::super::answers::Answer;
use super::super::{Frame, Words, page};
use super::search::{Searches, network_place, profiles_of, serial_ports};
use crate::config::{Config, MeterLine, Profiles};
use crate::scan::Found;
use crate::status::StatusSource;

/// What the owner fills in, as it was written.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    profile: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
    /// A box: absent when it is empty.
    rtu: Option<String>,
    #[serde(default)]
    serial: String,
    #[serde(default)]
    settings: String,
}

#[derive(Template)]
#[template(path = "device_by_hand.html")]
struct ByHandPage {
    frame: Frame,
    t: Words,
    entries: Entries,
    /// By maker: name and title of each profile.
    makers: Vec<(String, Vec<(String, String)>)>,
    ports: Vec<String>,
    settings: Vec<String>,
    faults: Vec<String>,
}

/// `GET /devices/by-hand`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, Entries { unit: "1".to_owned(), ..Entries::default() }, Vec::new()).await
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, faults: Vec<String>) -> Answer {
    let frame = Frame::of(source, t, "devices").await?;
    let profiles = profiles_of(source).unwrap_or_default();
    let mut makers: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut all = profiles.all();
    all.sort_by_key(|profile| (profile.vendor.to_lowercase(), profile.title.to_lowercase()));
    for profile in &all {
        let model = (profile.name.clone(), profile.title.clone());
        match makers.last_mut().filter(|(vendor, _)| *vendor == profile.vendor) {
            Some((_, models)) => models.push(model),
            None => makers.push((profile.vendor.clone(), vec![model])),
        }
    }
    let settings = serial_settings(&all, true).iter().map(SerialSettings::to_string).collect();
    Ok(page(&ByHandPage { frame, t, entries, makers, ports: serial_ports(), settings, faults }))
}

/// `POST /devices/by-hand`: reads it once, and shows what it says.
pub(in super::super) async fn read(
    State(source): State<StatusSource>,
    Extension(searches): Extension<Searches>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let config = source.config();
    match entries.read(t, profiles_of(&source), &config) {
        Ok((line, unit, model)) => {
            let place = line.to_string();
            match known_line(&config, &line) {
                // Two who ask on one line take each other's answers; its values come with the others on it.
                Some(known) => searches.keep(place, Found::unread(known, unit, model), t.say("by-hand-busy")),
                None => searches.begin_reading(place, line, unit, model),
            }
            Ok(Redirect::to("/devices/search").into_response())
        }
        Err(faults) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&source, t, entries, faults).await?).into_response())
        }
    }
}

/// The line as it is read already, if it is: everything on it has its settings.
fn known_line(config: &Config, line: &Line) -> Option<Line> {
    config.meters.iter().find_map(|meter| match (meter.line.clone(), line) {
        (MeterLine::Serial { path, settings }, Line::Serial { path: asked, .. }) if path == *asked => {
            Some(Line::Serial { path, settings })
        }
        (MeterLine::Network { host, port, framing, .. }, Line::Network { host: asked, port: at, .. })
            if (&host, &port) == (asked, at) =>
        {
            Some(Line::Network { host, port, framing, tls: None })
        }
        _ => None,
    })
}

impl Entries {
    /// Every fault at once, each with the name of its field.
    fn read(
        &self,
        t: Words,
        profiles: Result<Profiles, String>,
        config: &Config,
    ) -> Result<(Line, u8, Model), Vec<String>> {
        let model = match self.profile.as_str() {
            "sunspec" => Ok(Model::SunSpec),
            name => {
                profiles.and_then(|known| known.find(name).map_err(|_| t.say("by-hand-no-profile"))).map(Model::Known)
            }
        };
        let unit = self.unit.trim().parse().ok().filter(|unit| *unit <= UNIT_MAX);
        let unit = unit.ok_or_else(|| t.say("by-hand-no-unit"));
        match (model, unit, self.line(t, config)) {
            (Ok(model), Ok(unit), Ok(line)) => Ok((line, unit, model)),
            (model, unit, line) => Err([model.err(), unit.err(), line.err()].into_iter().flatten().collect()),
        }
    }

    fn line(&self, t: Words, config: &Config) -> Result<Line, String> {
        if !self.serial.is_empty() {
            // Only what is plugged in or read already: a form must not open any other file.
            let mut known =
                serial_ports().into_iter().chain(config.meters.iter().filter_map(|meter| match &meter.line {
                    MeterLine::Serial { path, .. } => Some(path.display().to_string()),
                    MeterLine::Network { .. } => None,
                }));
            let path = known.find(|port| *port == self.serial).ok_or_else(|| t.say("search-no-port"))?;
            let settings = self.settings.parse().map_err(|_| t.say("by-hand-no-settings"))?;
            return Ok(Line::Serial { path: path.into(), settings });
        }
        let (host, port) = network_place(t, &self.host, &self.port)?;
        let port = port.unwrap_or(MODBUS_PORT);
        let framing = if self.rtu.is_some() { Framing::Rtu } else { Framing::Tcp };
        Ok(Line::Network { host, port, framing, tls: None })
    }
}

impl ByHandPage {
    fn is_chosen(&self, name: &str) -> bool {
        self.entries.profile == name
    }
}

/// IANA's, for Modbus TCP.
const MODBUS_PORT: u16 = 502;
/// Modbus over Serial Line V1.02, section 2.2; some devices take the reserved ones too.
const UNIT_MAX: u8 = 254;
