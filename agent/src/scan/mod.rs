//! Finds the devices on a line, reads each once, and writes the configuration for it. Nothing is ever written to a device.

mod found;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kilosat_drivers::modbus::search::{Presence, Search, network_ways, serial_settings, units};
use kilosat_drivers::modbus::{Device, Framing, Line, LinkFault, Model, Reader, opening};
use kilosat_drivers::profiles::Profile;
use kilosat_drivers::serial::SerialSettings;

pub use found::{Found, Look};

/// Where devices are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A serial port.
    Serial {
        /// Best by id, such as `/dev/serial/by-id/usb-FTDI_...`.
        path: PathBuf,
        /// How the line is set, where that is known.
        settings: Option<SerialSettings>,
    },
    /// An address in the network.
    Network {
        /// Name or address.
        host: String,
        /// The port, where it is known.
        port: Option<u16>,
    },
}

/// What a scan tells while it goes on.
#[derive(Debug)]
pub enum Step<'a> {
    /// One way to ask begins: so many unit numbers will be tried.
    Way(&'a Line, usize),
    /// A unit number is tried, as the given one of that many.
    Unit(u8, (usize, usize)),
    /// Somebody answered and is asked what it is.
    Answers(u8),
    /// A device was found and read.
    Found(Box<Found>),
}

/// What a scan that found nothing knows.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The port or the connection cannot be opened.
    #[error("{line} cannot be opened: {advice}")]
    NotOpened {
        /// Which.
        line: String,
        /// What may be wrong.
        advice: &'static str,
    },
    /// The port or the connection cannot be used.
    #[error(transparent)]
    Line(LinkFault),
    /// Something came, and never a whole answer.
    #[error(
        "something sends on {0}, but nothing that is a Modbus answer; check that the two wires are not swapped, that no \
         two devices have the same number, and that nothing else uses the line; or try every setting with --all"
    )]
    Garbled(String),
    /// Nobody answered.
    #[error("no device answered on {place}; check its power, the wires and that Modbus is enabled on it{hint}")]
    Silent {
        /// Where.
        place: String,
        /// What else can be tried.
        hint: &'static str,
    },
}

/// Looks for devices at `place` and tells each step to `tell`; with `all` every setting and every number is tried, which
/// takes many minutes. What answered in one way is not asked in another. Ends with how many were found.
///
/// Safe to drop at any point: only reads are sent.
///
/// # Errors
/// [`ScanError`] when none was found.
pub async fn scan(
    place: &Place,
    all: bool,
    profiles: &[Arc<Profile>],
    tell: &mut (dyn FnMut(Step<'_>) + Send),
) -> Result<usize, ScanError> {
    let mut opened = Vec::new();
    let mut not_opened = None;
    let mut is_garbled = false;
    for line in place.lines(all, profiles) {
        let usual = units(profiles, &line, false);
        let mut others = if all { units(profiles, &line, true) } else { Vec::new() };
        others.retain(|unit| !usual.contains(unit));
        match on_line(&line, &usual, &others, profiles, tell).await {
            Ok(Outcome { found: 0, garbled }) => {
                is_garbled |= garbled;
                opened.push((line, others));
            }
            Ok(Outcome { found, .. }) => return Ok(found),
            Err(fault) if matches!(place, Place::Serial { .. }) => return Err(fault.into()),
            Err(fault) => {
                not_opened.get_or_insert(fault);
            }
        }
    }
    for (line, others) in opened.into_iter().take(WAYS_IN_FULL).filter(|(_, others)| !others.is_empty()) {
        let here = on_line(&line, &others, &[], profiles, tell).await?;
        is_garbled |= here.garbled;
        if here.found > 0 {
            return Ok(here.found);
        }
    }
    match not_opened {
        _ if is_garbled => Err(ScanError::Garbled(place.name())),
        Some(fault) => Err(fault.into()),
        None => Err(ScanError::Silent { place: place.name(), hint: if all { "" } else { TRY_ALL } }),
    }
}

impl From<LinkFault> for ScanError {
    fn from(fault: LinkFault) -> ScanError {
        match fault {
            // A scan does not try again by itself.
            LinkFault::NotOpened { line, cause } => ScanError::NotOpened { line, advice: opening(&cause) },
            fault => ScanError::Line(fault),
        }
    }
}

struct Outcome {
    found: usize,
    garbled: bool,
}

/// Tries `numbers`, and `others` too once one of them answered.
async fn on_line(
    line: &Line,
    numbers: &[u8],
    others: &[u8],
    profiles: &[Arc<Profile>],
    tell: &mut (dyn FnMut(Step<'_>) + Send),
) -> Result<Outcome, LinkFault> {
    let mut search = Search::new(line.clone());
    let mut numbers = numbers.to_vec();
    let mut others = others;
    if matches!(line, Line::Network { .. }) && search.answers_to_all().await? {
        numbers.truncate(1);
        others = &[];
    }
    tell(Step::Way(line, numbers.len()));
    let (mut answering, mut garbled) = (Vec::new(), false);
    let mut at = 0;
    while let Some(unit) = numbers.get(at).copied() {
        at += 1;
        tell(Step::Unit(unit, (at, numbers.len())));
        match search.probe(unit).await? {
            Presence::Silent => {}
            Presence::Garbled => garbled = true,
            Presence::Answers => {
                tell(Step::Answers(unit));
                numbers.extend(std::mem::take(&mut others));
                answering.push((unit, search.recognise(unit, profiles).await?));
            }
        }
    }
    // The port is free again, and a device that serves one client too.
    drop(search);
    let found = answering.len();
    for (unit, models) in answering {
        let found = look(line, unit, models).await;
        tell(Step::Found(Box::new(found)));
    }
    Ok(Outcome { found, garbled })
}

/// Reads the device with this number once, as the owner says it is.
pub async fn read_as(line: Line, unit: u8, model: Model) -> Found {
    look(&line, unit, vec![model]).await
}

/// Reads a device as each of the models that fit, and keeps the one that gives most.
async fn look(line: &Line, unit: u8, models: Vec<Model>) -> Found {
    let mut looks = Vec::new();
    for model in models.into_iter().take(MODELS_READ) {
        let device = Device { unit, model: model.clone(), period: Duration::from_secs(5), answer_max: ANSWER_MAX };
        let mut reader = Reader::new(line.clone(), device);
        let round = reader.read().await;
        let profile = reader.profile().or_else(|| model.profile());
        looks.push(Look { model, profile, round });
    }
    looks.sort_by_key(|look| look.round.as_ref().map_or(usize::MAX, |round| round.missing.len()));
    Found { line: line.clone(), unit, looks }
}

impl Place {
    /// As the owner wrote it.
    fn name(&self) -> String {
        match self {
            Place::Serial { path, .. } => path.display().to_string(),
            Place::Network { host, port: Some(port) } => format!("{host}:{port}"),
            Place::Network { host, port: None } => host.clone(),
        }
    }

    fn lines(&self, all: bool, profiles: &[Arc<Profile>]) -> Vec<Line> {
        match self {
            Place::Serial { path, settings } => {
                let ways = settings.map_or_else(|| serial_settings(profiles, all), |settings| vec![settings]);
                ways.into_iter().map(|settings| Line::Serial { path: path.clone(), settings }).collect()
            }
            Place::Network { host, port } => {
                let ways = network_ways(profiles).into_iter();
                let ways: Vec<_> = match *port {
                    Some(port) => vec![(port, Framing::Tcp), (port, Framing::Rtu)],
                    None => ways.collect(),
                };
                let line = |(port, framing)| Line::Network { host: host.clone(), port, framing, tls: None };
                ways.into_iter().map(line).collect()
            }
        }
    }
}

const TRY_ALL: &str = "; only the usual settings and numbers were tried, --all tries every one";
/// More models than these never have the same marks but by chance.
const MODELS_READ: usize = 4;
/// Every number on the line takes minutes: only the most usual settings are worth that.
const WAYS_IN_FULL: usize = 4;
const ANSWER_MAX: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
