//! The only reader of the system clock.

use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::meter::Stamp;
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
    /// Which start of the machine, and how long before this program, in ms.
    boot: (u64, u64),
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
        Clock { started: instant(), house: House::Wall, boot: boot().unwrap_or_else(|| (random(), 0)) }
    }

    /// A clock whose house begins at `origin` and lives `speed` times as fast.
    pub fn accelerated(origin: UnixMillis, speed: u32) -> Clock {
        Clock { started: instant(), house: House::Accelerated { origin, speed }, boot: (random(), 0) }
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

    /// This instant as the house counts it, with what is known of the clocks. An accelerated house is always right.
    pub fn house_stamp(&self) -> Stamp {
        let (boot, before_ms) = self.boot;
        let (monotonic_ms, trusted) = match self.house {
            House::Wall => (before_ms.saturating_add(self.elapsed_ms()), Path::new(SYNCHRONISED).exists()),
            House::Accelerated { speed, .. } => (self.elapsed_ms().saturating_mul(u64::from(speed)), true),
        };
        Stamp { wall: self.house_now(), trusted, boot, monotonic_ms }
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

/// The kernel's id of this start of the machine and the time since then, in ms; `None` where the kernel tells neither.
fn boot() -> Option<(u64, u64)> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    Some((boot_number(&id)?, uptime_ms(&uptime)?))
}

/// The first half of the id, such as `6e1b6a0c-3b1f-4d4e-9a53-1d2f3a4b5c6d`: enough to tell one start from another, and
/// never 0.
fn boot_number(id: &str) -> Option<u64> {
    let digits: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    let number = u64::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 16).then_some(number >> 1 | 1)
}

/// `12345.67 4567.89` is 12,345,670 ms; what is cut off is below 10 ms.
fn uptime_ms(text: &str) -> Option<u64> {
    let (seconds, rest) = text.split_once('.')?;
    let hundredths = rest.get(..2)?.parse::<u64>().ok()?;
    Some(seconds.parse::<u64>().ok()?.saturating_mul(1_000).saturating_add(hundredths * 10))
}

/// For a start that has no name: no other start has this one. Without entropy it is 0, which means unknown.
fn random() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes) >> 1 | 1)
}

/// systemd-timesyncd makes this file when it has set the clock, once per start of the machine. Other time services say
/// nothing; with them the clock counts as not set, which only matters for energy used while the machine was off.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

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

    #[test]
    fn a_start_of_the_machine_has_a_number_and_an_age() {
        let id = "6e1b6a0c-3b1f-4d4e-9a53-1d2f3a4b5c6d\n";
        assert_eq!(boot_number(id), Some(0x6e1b_6a0c_3b1f_4d4e >> 1 | 1));
        assert_eq!(boot_number("6e1b"), None);
        assert_eq!(uptime_ms("12345.67 4567.89\n"), Some(12_345_670));
        assert_eq!(uptime_ms("soon"), None);
        let (first, second) = (Clock::real(), Clock::real());
        assert_eq!(first.boot.0, second.boot.0, "one machine, one start");
        let earlier = first.house_stamp();
        assert!(second.house_stamp().since(earlier).exact);
        let other = Clock::accelerated(UnixMillis(0), 2).house_stamp();
        assert_ne!(
            other.boot,
            Clock::accelerated(UnixMillis(0), 2).house_stamp().boot,
            "each demo is a world of its own"
        );
    }
}
