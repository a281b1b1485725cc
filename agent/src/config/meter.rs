//! A `[[meter]]` that is read over Modbus: which line it is on, and what it is.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use kilosat_drivers::modbus::{Framing, Line, Model};
use kilosat_drivers::profiles::Profile;
use kilosat_drivers::reading::Quantity;
use kilosat_drivers::serial::SerialSettings;
use rustls::ClientConfig;

use super::Config;
use super::lists::{MILLI, read_id};
use super::measured::{Measured, read_measured};
use super::profiles::Profiles;
use super::reader::Absent::{IsWrong, Means};
use super::reader::Section;
use super::sections::{read_host, read_pins, read_port};
use crate::http::{Fingerprint, Identity, pinned};

/// A meter to read.
#[derive(Clone, Debug, PartialEq)]
pub struct Meter {
    /// Its name in agreements and on the page.
    pub id: String,
    /// What it is.
    pub model: Model,
    /// Where it is.
    pub line: MeterLine,
    /// Modbus unit id.
    pub unit: u8,
    /// What its power is in the picture of the house, if it is in it.
    pub measures: Option<Measured>,
    /// What Kilosat may change on it when the owner says so.
    pub settable: Vec<Quantity>,
    /// Where other programs may read what is on its line, on Modbus TCP.
    pub share: Option<SocketAddr>,
    /// Time between two readings, in ms.
    pub poll_interval_ms: u64,
    /// How long an answer may take, in ms.
    pub answer_timeout_ms: u64,
    /// What the fuse lets through, in mW; anything above cannot be true.
    pub power_max_mw: u64,
    /// An interval closes after this much energy, in mWh.
    pub interval_mwh: u64,
    /// Or after this much time, in ms.
    pub interval_ms: u64,
}

/// The line a meter is on; meters on the same one share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MeterLine {
    /// A serial port of this machine.
    Serial {
        /// Such as `/dev/serial/by-id/usb-FTDI_...`.
        path: PathBuf,
        /// Speed and character.
        settings: SerialSettings,
    },
    /// A meter or a gateway in the network.
    Network {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// How frames are wrapped.
        framing: Framing,
        /// Modbus/TCP Security.
        tls: Option<MeterTls>,
    },
}

/// How both ends know each other in TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterTls {
    /// The device's certificate, or several while it changes.
    pub pins: Vec<Fingerprint>,
    /// A PEM file with Kilosat's own certificate and key, where the device wants one.
    pub identity_file: Option<PathBuf>,
}

/// Why TLS to a device cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MeterTlsError {
    /// The file cannot be read.
    #[error(
        "the file {path} with the certificate for a meter cannot be read ({source}). Nothing was started; check its \
             path and who may read it"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error(
        "the file {0} does not hold a certificate and its private key, without a password, in PEM form. Nothing was \
             started; put both into it"
    )]
    NoIdentity(String),
}

impl MeterTls {
    fn client(&self) -> Result<ClientConfig, MeterTlsError> {
        let Some(path) = &self.identity_file else {
            return Ok(pinned(self.pins.clone(), None).expect("TLS without an identity of ours is always possible"));
        };
        let shown = || path.display().to_string();
        let pem = std::fs::read(path).map_err(|source| MeterTlsError::Unreadable { path: shown(), source })?;
        let identity = Identity::parse(&pem).ok_or_else(|| MeterTlsError::NoIdentity(shown()))?;
        pinned(self.pins.clone(), Some(identity)).map_err(|_| MeterTlsError::NoIdentity(shown()))
    }
}

impl MeterLine {
    /// As the driver opens it.
    ///
    /// # Errors
    /// [`MeterTlsError`].
    pub fn line(&self) -> Result<Line, MeterTlsError> {
        Ok(match self.clone() {
            MeterLine::Serial { path, settings } => Line::Serial { path, settings },
            MeterLine::Network { host, port, framing, tls } => {
                let tls = tls.map(|tls| tls.client().map(Arc::new)).transpose()?;
                Line::Network { host, port, framing, tls }
            }
        })
    }

    /// Whether both are the same port or connection, however it is set.
    fn is_the_same_place(&self, other: &MeterLine) -> bool {
        match (self, other) {
            (MeterLine::Serial { path, .. }, MeterLine::Serial { path: other, .. }) => path == other,
            (MeterLine::Network { host, port, .. }, MeterLine::Network { host: other_host, port: other_port, .. }) => {
                (host, port) == (other_host, other_port)
            }
            _ => false,
        }
    }
}

impl Meter {
    /// The profile, where it is known before the meter was asked.
    fn profile(&self) -> Option<&Profile> {
        match &self.model {
            Model::Known(profile) => Some(profile),
            Model::SunSpec => None,
        }
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        self.profile().map_or("SunSpec device", |profile| &profile.title)
    }
}

pub(super) fn read_meter(section: &Section<'_>, profiles: &Profiles) -> Option<Meter> {
    let id = read_id(section, "main");
    let model = section.parsed("profile", IsWrong("schneider-iem3155"), |name| match name {
        SUNSPEC => Ok(Model::SunSpec),
        name => profiles.find(name).map(Model::Known),
    });
    // After a mistake in `profile`, the rest is still checked.
    let profile = model.as_ref().and_then(Model::profile);
    let line = match section.has("serial") {
        true => read_serial(section, profile.as_deref()),
        false => read_network(section, profile.as_deref()),
    };
    let unit =
        section.number("unit", 0..=255, Some(u64::from(profile.as_ref().map_or(1, |profile| profile.link.unit))));
    let poll_interval_ms = section.number("poll_interval_ms", 100..=600_000, Some(5_000));
    let answer_timeout_ms = section.number("answer_timeout_ms", 50..=30_000, Some(1_000));
    let share = read_share(section);
    let measures = read_measured(section);
    let settable = read_settable(section, profile.as_deref());
    let power_max_w = section.number("power_max_w", 1..=1_000_000, None);
    let interval_wh = section.number("interval_wh", 1..=1_000_000, Some(100));
    let interval_s = section.number("interval_s", 1..=86_400, Some(900));
    section.finish();
    Some(Meter {
        id: id?,
        model: model?,
        line: line?,
        unit: u8::try_from(unit?).expect("at most 255"),
        poll_interval_ms: poll_interval_ms?,
        answer_timeout_ms: answer_timeout_ms?,
        share: share?,
        measures: measures?,
        settable: settable?,
        power_max_mw: power_max_w?.saturating_mul(MILLI),
        interval_mwh: interval_wh?.saturating_mul(MILLI),
        interval_ms: interval_s?.saturating_mul(MILLI),
    })
}

/// Names of set points, apart by spaces.
fn read_settable(section: &Section<'_>, profile: Option<&Profile>) -> Option<Vec<Quantity>> {
    let set_points = profile.map_or(&[][..], |profile| &profile.set_points);
    let known = || set_points.iter().map(|set_point| set_point.point.quantity);
    section.parsed("set", Means(""), |text| {
        let read = |name: &str| name.parse().ok().filter(|quantity| known().any(|known| known == *quantity));
        let quantities = text.split_whitespace().map(|name| read(name).ok_or(name)).collect::<Result<_, _>>();
        quantities.map_err(|name| match known().map(|quantity| quantity.to_string()).collect::<Vec<_>>().as_slice() {
            [] => "names what may be changed on this device, but Kilosat knows nothing that can be; leave it out"
                .to_owned(),
            names => format!("{name:?} cannot be changed on this device; it has: {}", names.join(", ")),
        })
    })
}

/// `Some(None)` means that its line is not shared.
fn read_share(section: &Section<'_>) -> Option<Option<SocketAddr>> {
    section.parsed("share", Means(""), |text| match text {
        "" => Ok(None),
        text => text.parse().ok().filter(|address: &SocketAddr| address.port() > 0).map(Some).ok_or_else(|| {
            format!(
                "{text:?} is not an address of this machine and a port such as \"127.0.0.1:5020\"; \"\" shares nothing"
            )
        }),
    })
}

fn read_serial(section: &Section<'_>, profile: Option<&Profile>) -> Option<MeterLine> {
    for key in ["host", "port", "transport", "certificate_sha256", "client_certificate"] {
        misplaced(
            section,
            key,
            "belongs to a meter in the network, and this one has a serial port; keep one of the two",
        );
    }
    let path = section.parsed("serial", IsWrong(EXAMPLE_PORT), |text| read_path(text, EXAMPLE_PORT));
    let usual = profile.and_then(|profile| profile.link.serial).unwrap_or_default().to_string();
    let settings = section.parsed("serial_settings", Means(&usual), |text| {
        text.parse().map_err(|wrong| format!("{text:?} does not say how the line is set; {wrong}"))
    });
    Some(MeterLine::Serial { path: path?, settings: settings? })
}

fn read_network(section: &Section<'_>, profile: Option<&Profile>) -> Option<MeterLine> {
    let hint = "belongs to a serial port; say which with serial = \"/dev/serial/by-id/...\"";
    misplaced(section, "serial_settings", hint);
    let host = section.parsed("host", IsWrong("192.168.1.50"), read_host);
    let transport = section.parsed("transport", Means("tcp"), |text| match text {
        "tcp" => Ok((Framing::Tcp, false)),
        "rtu-over-tcp" => Ok((Framing::Rtu, false)),
        "tls" => Ok((Framing::Tcp, true)),
        _ => Err(format!(
            "{text:?} is not a way to a meter; write \"tcp\", \"rtu-over-tcp\" for a gateway that passes bytes on as they \
             are, or \"tls\""
        )),
    });
    let is_tls = transport.is_some_and(|(_, is_tls)| is_tls);
    let tls = match (transport, is_tls) {
        (_, true) => read_tls(section).map(Some),
        (Some(_), false) => no_tls(section),
        // After a mistake in `transport` they may be right.
        (None, false) => {
            for key in TLS_KEYS {
                section.peek(key);
            }
            Some(None)
        }
    };
    let usual = if is_tls { TLS_PORT } else { profile.and_then(|profile| profile.link.tcp_port).unwrap_or(502) };
    let port = read_port(section, u64::from(usual));
    Some(MeterLine::Network { host: host?, port: port?, framing: transport?.0, tls: tls? })
}

fn read_tls(section: &Section<'_>) -> Option<MeterTls> {
    let pins = section.parsed("certificate_sha256", IsWrong("AB:CD:..."), read_pins);
    let identity_file = section.optional("client_certificate", |text| read_path(text, "/etc/kilosat/meter.pem"));
    Some(MeterTls { pins: pins?, identity_file: identity_file? })
}

fn no_tls(section: &Section<'_>) -> Option<Option<MeterTls>> {
    for key in TLS_KEYS {
        misplaced(section, key, "belongs to a meter with transport = \"tls\"");
    }
    Some(None)
}

fn read_path(text: &str, example: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let wrong = || format!("{text:?} is no whole path, such as {example:?}");
    if path.is_absolute() { Ok(path) } else { Err(wrong()) }
}

/// A key that is known, but not beside the others.
fn misplaced(section: &Section<'_>, key: &'static str, hint: &str) {
    if section.has(key) {
        section.peek(key);
        section.wrong(key, hint);
    }
}

/// Meters on the same line agree on how it is set, and each has a number of its own.
pub(super) fn check_meter_lines(root: &Section<'_>, config: &Config) {
    let modbus: Vec<_> =
        root.list("meter").into_iter().filter(|section| !super::gpio::is_pulse_meter(section)).collect();
    for (place, (section, meter)) in modbus.iter().zip(&config.meters).enumerate() {
        let before = || config.meters.iter().take(place).filter(|other| other.line.is_the_same_place(&meter.line));
        if let Some(other) = before().find(|other| other.line != meter.line) {
            let key = match (&meter.line, &other.line) {
                (MeterLine::Serial { .. }, _) => "serial_settings",
                (MeterLine::Network { tls: Some(_), .. }, MeterLine::Network { tls: Some(_), .. }) => {
                    "certificate_sha256"
                }
                _ => "transport",
            };
            section.wrong(
                key,
                format!("differs from that of {:?} on the same line; all meters on it are set alike", other.id),
            );
        }
        let shares = |other: &&Meter| other.share.is_some() && other.share == meter.share;
        if let Some(other) = config.meters.iter().take(place).find(shares) {
            let text = format!("is also where {:?} is shared; name it once for each line", other.id);
            section.wrong("share", text);
        }
        if let Some(other) = before().find(|other| other.unit == meter.unit) {
            let text = format!("is also that of {:?} on the same line; give each meter a number of its own", other.id);
            section.wrong("unit", text);
        }
    }
}

/// What is paid for is counted: the meter of an agreement has a counter.
pub(super) fn check_billed(root: &Section<'_>, config: &Config) {
    for (section, agreement) in root.list("agreement").iter().zip(&config.agreements) {
        let profile = config.meter(&agreement.meter).and_then(Meter::profile);
        if let Some(profile) = profile.filter(|profile| profile.billed.is_none()) {
            let (meter, name) = (&agreement.meter, &profile.name);
            let text = format!("{meter:?} is a {name}, which has no counter to bill by; name a meter that has one");
            section.wrong("meter", text);
        }
    }
}

/// The name of devices that say themselves what they measure.
pub(super) const SUNSPEC: &str = "sunspec";
const EXAMPLE_PORT: &str = "/dev/serial/by-id/usb-adapter";
const TLS_KEYS: [&str; 2] = ["certificate_sha256", "client_certificate"];
/// Modbus/TCP Security, MB-TCP-Security-v36.
const TLS_PORT: u16 = 802;
