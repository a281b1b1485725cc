//! How long a device is waited for.

use std::time::Duration;

/// How long one device is waited for: four times what it was seen to need, between a floor and a cap.
///
/// The time of the bytes on the wire comes on top; it is known and does not vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    floor: Duration,
    cap: Duration,
    seen: Option<Duration>,
}

impl Patience {
    /// Waits `cap` until the device has answered for the first time.
    #[must_use]
    pub fn new(floor: Duration, cap: Duration) -> Self {
        Self { floor: floor.min(cap), cap, seen: None }
    }

    /// The wait for the next answer.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.seen.map_or(self.cap, |seen| (seen * 4).clamp(self.floor, self.cap))
    }

    /// The device answered after this time. The slowest answers count at once and are forgotten slowly.
    pub fn answered(&mut self, after: Duration) {
        self.seen = Some(match self.seen {
            Some(seen) if after < seen => seen - (seen - after) / FORGETS_ONE_IN,
            _ => after,
        });
    }

    /// The device did not answer in time: it may have become slower, and is given the whole time again.
    pub fn missed(&mut self) {
        self.seen = None;
    }
}

const FORGETS_ONE_IN: u32 = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_gets_four_times_what_it_needs_within_limits() {
        let ms = Duration::from_millis;
        let mut patience = Patience::new(ms(300), ms(1_000));
        assert_eq!(patience.wait(), ms(1_000), "unknown yet");
        patience.answered(ms(20));
        assert_eq!(patience.wait(), ms(300), "the floor");
        patience.answered(ms(150));
        assert_eq!(patience.wait(), ms(600), "a slow answer counts at once");
        for _ in 0..8 {
            patience.answered(ms(20));
        }
        assert!(patience.wait() < ms(450) && patience.wait() > ms(300), "{:?}", patience.wait());
        patience.answered(ms(900));
        assert_eq!(patience.wait(), ms(1_000), "the cap");
        patience.answered(ms(20));
        patience.missed();
        assert_eq!(patience.wait(), ms(1_000));
    }
}
