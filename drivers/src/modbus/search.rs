//! Looking for devices: which ways to ask, who answers, and which profiles fit. Only reads are sent, never a write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::counts::Pauses;
use super::fault::LinkFault;
use super::frame::{Ask, Framing};
use super::line::Line;
use super::link::Link;
use super::station::Model;
use super::sunspec::Walk;
use crate::profiles::{Expected, Identify, Part, Profile, Space};
use crate::serial::{BAUDS, Parity, SerialSettings};

/// One line on which devices are looked for.
pub struct Search {
    link: Link,
    words: Vec<u16>,
}

/// What asking one unit number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Nobody has this number.
    Silent,
    /// Something came, and it was no answer: another speed, another program, or two devices with one number.
    Garbled,
    /// A device has it.
    Answers,
}

impl Search {
    /// A line that has not been opened yet.
    #[must_use]
    pub fn new(line: Line) -> Self {
        Self::on(Link::new(line, Pauses::default()))
    }

    fn on(link: Link) -> Self {
        Self { link, words: Vec::new() }
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> &Line {
        self.link.line()
    }

    /// Asks whether a device has this number. Any answer will do, a refusal too, but not that nobody is
    /// there, for which some gateways use the code of a failure.
    ///
    /// # Errors
    /// [`LinkFault::NotOpened`] and [`LinkFault::Busy`]: there is nothing to be looked for here.
    pub async fn probe(&mut self, unit: u8) -> Result<Presence, LinkFault> {
        let mut presence = Presence::Silent;
        // On a serial line some are silent about a table that they do not have, or only wake up at the first question.
        let questions: &[Space] = match self.link.line() {
            Line::Serial { .. } => &[Space::Holding, Space::Input],
            Line::Network { .. } => &[Space::Holding],
        };
        for space in questions.iter().copied() {
            let ask = Ask { unit, space, address: 0, quantity: 2 };
            match self.link.read(ask, self.wait(), &mut self.words).await {
                Err(LinkFault::Exception(DEVICE_FAILURE | GATEWAY_PATH | GATEWAY_TARGET)) => {
                    return Ok(Presence::Silent);
                }
                Ok(_) | Err(LinkFault::Exception(_)) => return Ok(Presence::Answers),
                Err(LinkFault::Wrong(_)) => presence = Presence::Garbled,
                Err(LinkFault::NoAnswer { .. } | LinkFault::Closed) => {}
                Err(fault @ (LinkFault::NotOpened { .. } | LinkFault::Busy)) => return Err(fault),
            }
        }
        Ok(presence)
    }

    /// Whether the device answers whatever number it is called by, as many do that are alone on a network connection.
    ///
    /// # Errors
    /// As [`Search::probe`].
    pub async fn answers_to_all(&mut self) -> Result<bool, LinkFault> {
        for unit in UNLIKELY_UNITS {
            if self.probe(unit).await? != Presence::Answers {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the device with this number can be, the surest first; empty where nothing fits.
    ///
    /// # Errors
    /// As [`Search::probe`].
    pub async fn recognise(&mut self, unit: u8, profiles: &[Arc<Profile>]) -> Result<Vec<Model>, LinkFault> {
        let mut known = BTreeMap::new();
        let mut fits = Vec::new();
        for profile in profiles.iter().filter(|profile| !profile.identify.is_empty()) {
            if self.fits(unit, profile, &mut known).await? {
                fits.push((certainty(profile), Model::Known(Arc::clone(profile))));
            }
        }
        if self.speaks_sunspec(unit, &mut known).await? {
            fits.push((SUNSPEC_CERTAINTY, Model::SunSpec));
        }
        fits.sort_by_key(|(certainty, _)| std::cmp::Reverse(*certainty));
        Ok(fits.into_iter().map(|(_, model)| model).collect())
    }

    async fn fits(&mut self, unit: u8, profile: &Profile, known: &mut Known) -> Result<bool, LinkFault> {
        for mark in &profile.identify {
            let mut words = Vec::new();
            for part in &mark.point.parts {
                let Some(read) = self.read(unit, *part, known).await? else { return Ok(false) };
                words.extend_from_slice(&read);
            }
            if !mark.matches(&words) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn speaks_sunspec(&mut self, unit: u8, known: &mut Known) -> Result<bool, LinkFault> {
        let mut walk = Walk::default();
        while let Some(part) = walk.next() {
            match self.read(unit, part, known).await? {
                Some(words) => walk.answered(&words),
                None => walk.refused(),
            }
        }
        Ok(walk.profile().is_ok())
    }

    /// The registers, or `None` where the device does not give them. Each is asked for once, and again after silence.
    async fn read(&mut self, unit: u8, part: Part, known: &mut Known) -> Result<Option<Vec<u16>>, LinkFault> {
        if let Some(words) = known.get(&part) {
            return Ok(words.clone());
        }
        let ask = Ask { unit, space: part.space, address: part.address, quantity: part.count };
        let mut read = None;
        for _ in 0..ATTEMPTS {
            match self.link.read(ask, self.wait(), &mut self.words).await {
                Ok(_) => read = Some(self.words.clone()),
                Err(LinkFault::Exception(_)) => {}
                Err(fault @ (LinkFault::NotOpened { .. } | LinkFault::Busy)) => return Err(fault),
                Err(_) => continue,
            }
            break;
        }
        known.insert(part, read.clone());
        Ok(read)
    }

    fn wait(&self) -> Duration {
        match self.link.line() {
            Line::Serial { .. } => WAIT_SERIAL,
            Line::Network { .. } => WAIT_NETWORK,
        }
    }
}

/// What was read of one device, so that profiles with the same mark ask once.
type Known = BTreeMap<Part, Option<Vec<u16>>>;

/// How a serial line may be set: first as the devices of `profiles` are delivered, the most usual first, and with
/// `all` every other usual speed and parity.
#[must_use]
pub fn serial_settings(profiles: &[Arc<Profile>], all: bool) -> Vec<SerialSettings> {
    let mut counts: Vec<(SerialSettings, usize)> = Vec::new();
    for settings in profiles.iter().filter_map(|profile| profile.link.serial) {
        match counts.iter_mut().find(|(counted, _)| *counted == settings) {
            Some((_, count)) => *count += 1,
            None => counts.push((settings, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut found: Vec<_> = counts.into_iter().map(|(settings, _)| settings).collect();
    if all {
        let parities = [Parity::None, Parity::Even, Parity::Odd];
        let every = BAUDS
            .iter()
            .rev()
            .flat_map(|baud| parities.map(|parity| SerialSettings { baud: *baud, parity, stop_bits: 1 }));
        let others: Vec<_> = every.filter(|settings| !found.contains(settings)).collect();
        found.extend(others);
    }
    found
}

/// Ports and framings at an address, the most usual first.
#[must_use]
pub fn network_ways(profiles: &[Arc<Profile>]) -> Vec<(u16, Framing)> {
    let mut ports = vec![MODBUS_PORT];
    for port in profiles.iter().filter_map(|profile| profile.link.tcp_port) {
        if !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports.into_iter().flat_map(|port| [(port, Framing::Tcp), (port, Framing::Rtu)]).collect()
}

/// Unit numbers to try: the usual ones and those that the devices of `profiles` are delivered with, or every one.
#[must_use]
pub fn units(profiles: &[Arc<Profile>], line: &Line, all: bool) -> Vec<u8> {
    let is_serial = matches!(line, Line::Serial { .. });
    let mut found: Vec<u8> = if is_serial { (1..=10).collect() } else { USUAL_IN_NETWORKS.to_vec() };
    let fitting = profiles.iter().map(|profile| &profile.link).filter(|link| match is_serial {
        true => link.serial.is_some(),
        false => link.tcp_port.is_some(),
    });
    let delivered = fitting.flat_map(|link| link.units_to_try.iter().copied().chain([link.unit]));
    // On a serial line 0 is everybody, and nobody answers.
    let is_somebody = |unit: &u8| !is_serial || *unit > 0;
    for unit in delivered.chain((1..=UNIT_MAX).filter(|_| all)).filter(is_somebody) {
        if !found.contains(&unit) {
            found.push(unit);
        }
    }
    found
}

/// How sure one can be when the marks of a profile fit: a code of the maker's is worth more than a possible voltage.
fn certainty(profile: &Profile) -> usize {
    let is_code = |mark: &&Identify| match mark.expected {
        Expected::Range(first, last) => last < first.saturating_add(first / 4),
        Expected::OneOf(_) | Expected::Text(_) => true,
    };
    profile.identify.iter().filter(is_code).count() * CODE + profile.identify.len()
}

const CODE: usize = 100;
/// Below a profile made for the device, above one that only knows a plausible voltage.
const SUNSPEC_CERTAINTY: usize = CODE - 1;
const ATTEMPTS: usize = 2;
/// A meter answers within a tenth of a second, and a slow one within three.
const WAIT_SERIAL: Duration = Duration::from_millis(300);
/// A gateway waits for its line before it says that nobody is there.
const WAIT_NETWORK: Duration = Duration::from_millis(1_000);
const DEVICE_FAILURE: u8 = 4;
const GATEWAY_PATH: u8 = 0x0A;
const GATEWAY_TARGET: u8 = 0x0B;
const MODBUS_PORT: u16 = 502;
/// The last number a device may have (Modbus over Serial Line V1.02, section 2.2).
const UNIT_MAX: u8 = 247;
/// Inverters and their meters, batteries, and what the makers of gateways chose.
const USUAL_IN_NETWORKS: [u8; 13] = [1, 2, 3, 4, 71, 100, 126, 200, 201, 202, 203, 204, 240];
/// Nobody gives these to a device.
const UNLIKELY_UNITS: [u8; 2] = [173, 219];

#[cfg(test)]
mod tests;
