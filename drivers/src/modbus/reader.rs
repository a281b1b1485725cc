//! One device read on demand, for whoever wants its values once: a scan, a look from the command line.

use std::sync::Arc;

use super::counts::{Counts, Pauses};
use super::fault::{LinkFault, RoundFault};
use super::line::Line;
use super::link::Link;
use super::station::{Device, Round, Station};
use crate::profiles::Profile;

/// A device alone on its line.
pub struct Reader {
    link: Link,
    station: Station,
    words: Vec<u16>,
}

impl Reader {
    /// A device that has not been contacted yet.
    #[must_use]
    pub fn new(line: Line, device: Device) -> Self {
        let station = Station::new(device, line.framing());
        Self { link: Link::new(line, Pauses::default()), station, words: Vec::new() }
    }

    /// Reads everything once. Values that the device does not have are listed as missing; what it refuses to give together
    /// is asked for in pieces. There is no other retry than that of a kept connection which turned out to be closed.
    ///
    /// # Errors
    /// [`RoundFault`].
    pub async fn read(&mut self) -> Result<Round, RoundFault> {
        let mut round = Round::default();
        self.station.begin_all();
        while let Some(ask) = self.station.ask() {
            match self.link.read(ask, self.station.patience.wait(), &mut self.words).await {
                Ok(latency) => {
                    self.station.patience.answered(latency);
                    self.station.answered(&self.words);
                }
                Err(LinkFault::Exception(code @ 1..=3)) => self.station.refused(code),
                Err(fault) => {
                    self.station.patience.missed();
                    return Err(fault.into());
                }
            }
        }
        self.station.finish(&mut round)?;
        Ok(round)
    }

    /// What the device is, once that is known.
    #[must_use]
    pub fn profile(&self) -> Option<Arc<Profile>> {
        self.station.profile().cloned()
    }

    /// What happened on the line so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.link.counts()
    }
}
