//! The only reader of the system clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::money::UnixMillis;

/// One instant, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// For expiry and records; may jump.
    pub wall: UnixMillis,
    /// Milliseconds since this program started; for waits and retries.
    pub monotonic: u64,
}

/// Reads time for everyone. The metered house may run faster than the world around it, which is how the demo works.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    house: House,
}

#[derive(Clone, Copy, Debug)]
enum House {
    /// The house lives in our time.
    Wall,
    /// The house began at `origin` and lives `speed` times as fast.
    Accelerated { origin: UnixMillis, speed: u32 },
}

impl Clock {
    /// The clock of every real installation.
    pub fn real() -> Clock {
        Clock { started: instant(), house: House::Wall }
    }

    /// A clock whose house begins at `origin` and lives `speed` times as fast.
    pub fn accelerated(origin: UnixMillis, speed: u32) -> Clock {
        Clock { started: instant(), house: House::Accelerated { origin, speed } }
    }

    /// This instant.
    pub fn now(&self) -> Now {
        Now { wall: wall(), monotonic: self.elapsed_ms() }
    }

    /// This instant as the house counts it; meter samples carry this time.
    pub fn house_now(&self) -> UnixMillis {
        match self.house {
            House::Wall => wall(),
            House::Accelerated { origin, speed } => origin.plus(self.elapsed_ms().saturating_mul(u64::from(speed))),
        }
    }

    /// How many seconds of the house pass in one second.
    pub fn speed(&self) -> u32 {
        match self.house {
            House::Wall => 1,
            House::Accelerated { speed, .. } => speed,
        }
    }

    /// Milliseconds since this program started.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(instant().saturating_duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}

#[allow(clippy::disallowed_methods)] // this file is the one place
fn instant() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // this file is the one place
fn wall() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_runs_ahead_and_the_world_does_not() {
        let clock = Clock::accelerated(UnixMillis(5_000), 1_000_000);
        while clock.elapsed_ms() < 2 {
            std::hint::spin_loop();
        }
        assert!(clock.house_now() >= UnixMillis(5_000 + 2_000_000));
        assert!(clock.now().monotonic < 60_000);
        assert!(clock.now().wall > UnixMillis(1_700_000_000_000), "this machine's clock is set");
    }
}
