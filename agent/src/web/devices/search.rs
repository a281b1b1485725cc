//! Looking for devices: one search at a time, in the background, with its progress; what is found can be added.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use kilosat_drivers::modbus::{Line, Model};
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::super::answers::{Answer, Refused};
use super::super::change::{Changes, Pending, proposed, told};
use super::super::history::label;
use super::super::{Frame, Words, page};
use super::{Choice, choices};
use crate::config::{Config, Draft, Measured, MeterLine, Place as ConfigPlace, Profiles, Setting, is_id, read_host};
use crate::scan::{Found, Place, Step, read_as, scan};
use crate::status::{StatusSource, is_measured};

/// The search that goes on or was made last. Clones share it.
#[derive(Clone, Default)]
pub(in super::super) struct Searches {
    current: Arc<Mutex<Option<Search>>>,
}

struct Search {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Search {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is known of a search so far.
#[derive(Clone, Default)]
struct Seen {
    place: String,
    /// The unit number that is asked, and how far that is.
    now: Option<(u8, usize, usize)>,
    found: Vec<Arc<Found>>,
    /// What came of it: nothing to say when devices were found.
    ended: Option<Option<String>>,
}

#[derive(Template)]
#[template(path = "device_form.html")]
struct FormPage {
    frame: Frame,
    t: Words,
    entries: Entries,
    ports: Vec<String>,
    fault: Option<String>,
}

#[derive(Template)]
#[template(path = "device_search.html")]
struct ProgressPage {
    frame: Frame,
    t: Words,
    seen: Seen,
    /// A free name for each device that was found.
    names: Vec<String>,
    /// Whether a meter of the grid is known already.
    has_grid: bool,
    faults: Vec<String>,
}

impl ProgressPage {
    fn is_running(&self) -> bool {
        self.seen.ended.is_none()
    }

    fn values(&self, found: &Found) -> Vec<(String, String)> {
        let values = found.values().into_iter();
        values.map(|(quantity, value)| (label(&quantity.to_string(), self.t), value)).collect()
    }

    fn progress(&self) -> Option<String> {
        let (unit, at, of) = self.seen.now?;
        let values = [("unit", unit.to_string()), ("at", at.to_string()), ("of", of.to_string())];
        Some(self.t.fill("search-unit", &values))
    }

    /// What a device may measure; chosen is what is likeliest.
    fn choices(&self, found: &Found) -> Vec<Choice> {
        let measured = match found.kind() {
            "inverter" => Some(Measured::Solar),
            "battery" => Some(Measured::Battery),
            "charger" => Some(Measured::Car),
            "meter" if !self.has_grid => Some(Measured::Grid),
            _ => None,
        };
        choices(self.t, measured.map_or("", Measured::word))
    }

    fn name(&self, index: &usize) -> &str {
        self.names.get(*index).map_or("", String::as_str)
    }
}

/// Where to look, as it was written.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
    #[serde(default)]
    serial: String,
}

/// Which of the devices that were found, and its name.
#[derive(Debug, Deserialize)]
pub(in super::super) struct Chosen {
    number: usize,
    name: String,
    #[serde(default)]
    fuse: String,
    #[serde(default)]
    measures: String,
}

impl Searches {
    fn seen(&self) -> Option<Seen> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|search| lock(&search.seen).clone())
    }

    fn begin(&self, place: Place, name: String, profiles: Profiles) {
        let seen = Arc::new(Mutex::new(Seen { place: name, ..Seen::default() }));
        let task = tokio::spawn(look(place, profiles, Arc::clone(&seen)));
        self.put(Search { seen, task });
    }

    /// Reads one device as the owner says it is.
    pub(super) fn begin_reading(&self, name: String, line: Line, unit: u8, model: Model) {
        let seen = Arc::new(Mutex::new(Seen { place: name, ..Seen::default() }));
        let told = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let found = read_as(line, unit, model).await;
            let mut seen = lock(&told);
            seen.found.push(Arc::new(found));
            seen.ended = Some(None);
        });
        self.put(Search { seen, task });
    }

    /// Shows a device that was not read.
    pub(super) fn keep(&self, name: String, found: Found, why: String) {
        let seen = Seen { place: name, now: None, found: vec![Arc::new(found)], ended: Some(Some(why)) };
        self.put(Search { seen: Arc::new(Mutex::new(seen)), task: tokio::spawn(async {}) });
    }

    fn put(&self, search: Search) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(search);
    }

    /// Stops it; what was found stays.
    fn end(&self, why: String) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(search) = current.as_ref() {
            search.task.abort();
            let mut seen = lock(&search.seen);
            seen.ended.get_or_insert(Some(why));
        }
    }
}

async fn look(place: Place, profiles: Profiles, seen: Arc<Mutex<Seen>>) {
    let mut tell = |step: Step<'_>| {
        let mut seen = lock(&seen);
        match step {
            Step::Way(..) | Step::Answers(_) => {}
            Step::Unit(unit, (at, of)) => seen.now = Some((unit, at, of)),
            Step::Found(found) => seen.found.push(Arc::from(found)),
        }
    };
    let outcome = scan(&place, false, &profiles.all(), &mut tell).await;
    lock(&seen).ended = Some(outcome.err().map(|fault| fault.to_string()));
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every profile that there is, also those beside the configuration.
pub(super) fn profiles_of(source: &StatusSource) -> Result<Profiles, String> {
    match source.settings.path() {
        Some(path) => Profiles::beside(path).map_err(|fault| fault.to_string()),
        None => Ok(Profiles::default()),
    }
}

/// `GET /devices/new`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    asked(&source, t, Entries::default(), None).await
}

async fn asked(source: &StatusSource, t: Words, entries: Entries, fault: Option<String>) -> Answer {
    let frame = Frame::of(source, t, "devices").await?;
    Ok(page(&FormPage { frame, t, entries, ports: serial_ports(), fault }))
}

/// `POST /devices/search`
pub(in super::super) async fn begin(
    State(source): State<StatusSource>,
    Extension(searches): Extension<Searches>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let place = entries.place(t, &source.config());
    match place.and_then(|place| Ok((place, profiles_of(&source)?))) {
        Ok(((place, name), profiles)) => {
            searches.begin(place, name, profiles);
            Ok(Redirect::to("/devices/search").into_response())
        }
        Err(fault) => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, asked(&source, t, entries, Some(fault)).await?).into_response())
        }
    }
}

/// `POST /devices/search/end`
pub(in super::super) async fn end(Extension(searches): Extension<Searches>, t: Words) -> Answer {
    searches.end(t.say("search-ended"));
    Ok(Redirect::to("/devices/search").into_response())
}

/// `GET /devices/search`
pub(in super::super) async fn progress(
    State(source): State<StatusSource>,
    Extension(searches): Extension<Searches>,
    t: Words,
) -> Answer {
    shown(&source, &searches, t, Vec::new()).await
}

async fn shown(source: &StatusSource, searches: &Searches, t: Words, faults: Vec<String>) -> Answer {
    let seen = searches.seen().ok_or_else(|| Refused::missing(t, "search-none", "/devices/new"))?;
    let config = source.config();
    let names = free_names(&config, &seen.found);
    let has_grid = is_measured(&config, Measured::Grid);
    let frame = Frame::of(source, t, "devices").await?;
    Ok(page(&ProgressPage { frame, t, seen, names, has_grid, faults }))
}

/// `POST /devices/add`: shows what would change.
pub(in super::super) async fn add(
    State(source): State<StatusSource>,
    Extension(searches): Extension<Searches>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Form(chosen): Form<Chosen>,
) -> Answer {
    let found = searches.seen().and_then(|seen| seen.found.get(chosen.number).cloned());
    let found = found.ok_or_else(|| Refused::missing(t, "search-none", "/devices/new"))?;
    let name = chosen.name.trim();
    let fuse_a = chosen.fuse.trim().parse().ok().filter(|fuse_a| (1..=FUSE_A_MAX).contains(fuse_a));
    let proposal = if let (true, Some(fuse_a)) = (is_id(name), fuse_a) {
        let add = |draft: &mut Draft| {
            draft.add_section("meter", &found.section_behind(name, fuse_a))?;
            if chosen.measures.is_empty() {
                return Ok(());
            }
            let place = ConfigPlace::Listed { list: "meter", id: name, below: "" };
            draft.set(place, "measures", &Setting::Text(chosen.measures.clone()))
        };
        proposed(&source, add).map_err(told)
    } else {
        let name = (!is_id(name)).then(|| t.with("fault-name", "field", t.say("form-name")));
        let fuse = fuse_a.is_none().then(|| t.with("fault-fuse", "field", t.say("search-fuse")));
        Err(name.into_iter().chain(fuse).collect())
    };
    match proposal {
        Ok(proposal) => {
            let (from, then) = ("/devices/search".to_owned(), "/devices".to_owned());
            Ok(changes.ask(&source, Pending::new(proposal, format!("the device {name} was added"), from, then)))
        }
        Err(faults) => {
            let page = shown(&source, &searches, t, faults).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

impl Entries {
    fn place(&self, t: Words, config: &Config) -> Result<(Place, String), String> {
        if !self.serial.is_empty() {
            // Only what is plugged in: a form must not open any other file.
            let known = serial_ports().into_iter().find(|port| *port == self.serial);
            let path = known.ok_or_else(|| t.say("search-no-port"))?;
            let is_read = |line: &MeterLine| matches!(line, MeterLine::Serial { path: read, .. } if read.as_os_str() == path.as_str());
            if config.meters.iter().any(|meter| is_read(&meter.line)) {
                return Err(t.with("search-busy", "place", path));
            }
            return Ok((Place::Serial { path: path.clone().into(), settings: None }, path));
        }
        let (host, port) = network_place(t, &self.host, &self.port)?;
        // Two who ask on one line take each other's answers.
        let is_read = |line: &MeterLine| matches!(line, MeterLine::Network { host: read, port: at, .. } if *read == host && port.is_none_or(|port| port == *at));
        if config.meters.iter().any(|meter| is_read(&meter.line)) {
            return Err(t.with("search-busy", "place", host));
        }
        Ok((Place::Network { host: host.clone(), port }, host))
    }
}

/// An address in the network and a port, if one is written.
pub(super) fn network_place(t: Words, host: &str, port: &str) -> Result<(String, Option<u16>), String> {
    let host = read_host(host.trim()).map_err(|_| t.say("search-no-host"))?;
    let port = match port.trim() {
        "" => None,
        port => Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(|| t.say("search-wrong-port"))?),
    };
    Ok((host, port))
}

/// A name that is free for each, also of the others.
fn free_names(config: &Config, found: &[Arc<Found>]) -> Vec<String> {
    let mut taken: Vec<String> = config.meters.iter().map(|meter| meter.id.clone()).collect();
    taken.extend(config.pulse_meters.iter().map(|meter| meter.id.clone()));
    let mut names = Vec::new();
    for device in found {
        let kind = device.kind();
        let numbered = (2..1_000).map(|number| format!("{kind}-{number}"));
        let mut all = std::iter::once(kind.to_owned()).chain(numbered);
        let name = all.find(|name| !taken.contains(name)).unwrap_or_default();
        taken.push(name.clone());
        names.push(name);
    }
    names
}

/// Of a house; industry has meters of its own.
const FUSE_A_MAX: u32 = 1_000;

/// Serial ports by their adapter's own number, as udev names them.
pub(super) fn serial_ports() -> Vec<String> {
    let entries = std::fs::read_dir("/dev/serial/by-id").into_iter().flatten().flatten();
    let mut ports: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    ports.sort_unstable();
    ports
}
