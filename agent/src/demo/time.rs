//! The time of the simulated house: it stands still until the network is up, and again for the final account.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kilosat_drivers::reading::MilliwattHours;
use serde_json::{Value, json};

use super::DemoError;
use crate::clock::Clock;

/// Simulated milliseconds since the house began to live.
#[derive(Clone)]
pub struct HouseTime {
    clock: Clock,
    began_ms: Arc<AtomicU64>,
    froze_ms: Arc<AtomicU64>,
}

impl HouseTime {
    /// A house that stands still.
    pub fn new(clock: Clock) -> HouseTime {
        HouseTime { clock, began_ms: Arc::new(AtomicU64::new(u64::MAX)), froze_ms: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// Lets it live.
    pub fn go(&self) {
        self.began_ms.store(self.clock.elapsed_ms(), Ordering::SeqCst);
    }

    /// Stops it for good.
    pub fn freeze(&self) {
        self.froze_ms.store(self.clock.elapsed_ms(), Ordering::SeqCst);
    }

    /// How long it has lived.
    pub fn simulated_ms(&self) -> u64 {
        let until = self.clock.elapsed_ms().min(self.froze_ms.load(Ordering::SeqCst));
        until.saturating_sub(self.began_ms.load(Ordering::SeqCst)).saturating_mul(u64::from(self.clock.speed()))
    }
}

/// What a continued demo takes over from the house of the last run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The meter's counter.
    pub counter: MilliwattHours,
    /// The time of day in the house.
    pub second_of_day: u32,
    /// The house's calendar, ms since 1970; it may run ahead of ours.
    pub house_ms: Option<u64>,
}

impl Kept {
    /// Reads `house.json`, or begins a house at nine in the morning.
    ///
    /// # Errors
    /// [`DemoError::Io`] when the file is there but cannot be read.
    pub fn load(directory: &Path) -> Result<Kept, DemoError> {
        let text = match std::fs::read_to_string(directory.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(NEW_HOUSE),
            Err(error) => return Err(error.into()),
        };
        let kept: Value = serde_json::from_str(&text).map_err(std::io::Error::from)?;
        let number = |key: &str| kept.get(key).and_then(Value::as_u64);
        Ok(Kept {
            counter: number("counter_mwh").map_or(NEW_HOUSE.counter, MilliwattHours),
            second_of_day: number("second_of_day")
                .and_then(|second| u32::try_from(second).ok())
                .unwrap_or(NEW_HOUSE.second_of_day),
            house_ms: number("house_ms"),
        })
    }

    /// Writes `house.json`.
    ///
    /// # Errors
    /// [`DemoError::Io`].
    pub fn save(&self, directory: &Path) -> Result<(), DemoError> {
        let kept =
            json!({"counter_mwh": self.counter.0, "second_of_day": self.second_of_day, "house_ms": self.house_ms});
        Ok(crate::disk::replace(&directory.join(FILE), kept.to_string().as_bytes())?)
    }
}

const FILE: &str = "house.json";
/// Nine in the morning, and a meter that has counted before.
pub const NEW_HOUSE: Kept = Kept { counter: MilliwattHours(12_345_678_000), second_of_day: 9 * 3_600, house_ms: None };

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_house_is_taken_over_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Kept::load(directory.path()).unwrap(), NEW_HOUSE);
        let kept = Kept { counter: MilliwattHours(5), second_of_day: 7, house_ms: Some(9) };
        kept.save(directory.path()).unwrap();
        assert_eq!(Kept::load(directory.path()).unwrap(), kept);
    }
}
