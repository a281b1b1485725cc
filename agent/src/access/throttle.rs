//! How often a password may be tried.

use std::collections::HashMap;
use std::net::IpAddr;

/// Five tries from one address, twenty from all of them, then ever longer waits up to a minute. Only a right password
/// begins anew.
///
/// All of them get more, so that a stranger who keeps trying does not keep the owner out.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    all: Lane,
    addresses: HashMap<IpAddr, Lane>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    failures: u32,
    until_ms: u64,
}

impl Throttle {
    /// With so many wrong passwords since the last right one.
    pub fn after(failures: u32, now_ms: u64) -> Throttle {
        let mut all = Lane { failures, until_ms: 0 };
        all.wait(FREE_FOR_ALL, now_ms);
        Throttle { all, addresses: HashMap::new() }
    }

    /// Begins a try, which counts as wrong until [`Throttle::forgive`].
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn begin(&mut self, from: IpAddr, now_ms: u64) -> Result<(), u64> {
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains_key(&from) {
            self.addresses.retain(|_, lane| lane.until_ms > now_ms);
            if self.addresses.len() >= ADDRESSES_MAX {
                self.addresses.clear();
            }
        }
        let lane = self.addresses.entry(from).or_default();
        let until_ms = lane.until_ms.max(self.all.until_ms);
        if until_ms > now_ms {
            return Err((until_ms - now_ms).div_ceil(1_000));
        }
        lane.count(FREE_FOR_ONE, now_ms);
        self.all.count(FREE_FOR_ALL, now_ms);
        Ok(())
    }

    /// The password was right.
    pub fn forgive(&mut self, from: IpAddr) {
        self.addresses.remove(&from);
        self.all = Lane::default();
    }

    pub fn failures(&self) -> u32 {
        self.all.failures
    }
}

impl Lane {
    fn count(&mut self, free: u32, now_ms: u64) {
        self.failures = self.failures.saturating_add(1);
        self.wait(free, now_ms);
    }

    fn wait(&mut self, free: u32, now_ms: u64) {
        if let Some(over) = self.failures.checked_sub(free) {
            let seconds = 1_u64.checked_shl(over).unwrap_or(u64::MAX).min(WAIT_MAX_S);
            self.until_ms = now_ms.saturating_add(seconds * 1_000);
        }
    }
}

const FREE_FOR_ONE: u32 = 5;
const FREE_FOR_ALL: u32 = 20;
const WAIT_MAX_S: u64 = 60;
/// More than there are in a house; a whole network of addresses that no one has is forgotten first.
const ADDRESSES_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 168, 1, last].into()
    }

    #[test]
    fn five_wrong_passwords_are_free_and_then_it_takes_ever_longer() {
        let mut throttle = Throttle::default();
        let (mut now_ms, mut waits) = (0, Vec::new());
        for _ in 0..13 {
            if let Err(wait_s) = throttle.begin(address(1), now_ms) {
                waits.push(wait_s);
                now_ms += wait_s * 1_000;
                throttle.begin(address(1), now_ms).unwrap();
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(throttle.begin(address(2), now_ms).is_ok(), "another address has its own five");
        throttle.forgive(address(1));
        assert!(throttle.begin(address(1), now_ms).is_ok());
    }

    #[test]
    fn many_addresses_together_wait_too_and_a_restart_is_no_new_chance() {
        let mut throttle = Throttle::default();
        let tried = (0..=255).filter(|last| throttle.begin(address(*last), 0).is_ok()).count();
        assert_eq!(tried, 20);
        let mut restarted = Throttle::after(throttle.failures(), 500);
        assert_eq!(restarted.begin(address(1), 500), Err(1));
        assert!(restarted.begin(address(1), 1_500).is_ok());
    }

    #[test]
    fn addresses_that_are_not_there_do_not_fill_memory() {
        let mut throttle = Throttle::default();
        for number in 0..100_000_u32 {
            let _ = throttle.begin(IpAddr::from(number.to_be_bytes()), u64::from(number) * 61_000);
        }
        assert!(throttle.addresses.len() <= ADDRESSES_MAX);
    }
}
