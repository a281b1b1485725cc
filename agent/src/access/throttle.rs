//! How often a password may be tried.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Five tries from one address, twenty from all together, then ever longer waits up to a minute. Only a right password
/// begins anew.
///
/// No stranger keeps the owner out: from one address only five tries count for all, and all together keep nobody waiting
/// at the machine itself or at an address from which the right password came before.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    all: Lane,
    addresses: HashMap<IpAddr, Lane>,
    known: HashSet<IpAddr>,
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
        Throttle { all, ..Throttle::default() }
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
        let is_known = from.is_loopback() || self.known.contains(&from);
        let until_ms = if is_known { lane.until_ms } else { lane.until_ms.max(self.all.until_ms) };
        if until_ms > now_ms {
            return Err((until_ms - now_ms).div_ceil(1_000));
        }
        if lane.failures < FREE_FOR_ONE {
            self.all.count(FREE_FOR_ALL, now_ms);
        }
        lane.count(FREE_FOR_ONE, now_ms);
        Ok(())
    }

    /// The password was right.
    pub fn forgive(&mut self, from: IpAddr) {
        self.addresses.remove(&from);
        self.all = Lane::default();
        if self.known.len() < ADDRESSES_MAX {
            self.known.insert(from);
        }
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
        let tried = (0..=255_u8).filter(|last| throttle.begin(address(*last), 0).is_ok()).count();
        assert_eq!(tried, 20);
        let mut restarted = Throttle::after(throttle.failures(), 500);
        assert_eq!(restarted.begin(address(1), 500), Err(1));
        assert!(restarted.begin(address(1), 1_500).is_ok());
    }

    #[test]
    fn a_stranger_who_keeps_trying_does_not_keep_the_owner_out() {
        let mut throttle = Throttle::default();
        for second in 0..3_600 {
            let _ = throttle.begin(address(66), second * 1_000);
        }
        assert!(throttle.begin(address(1), 3_600_000).is_ok(), "another address gets in at once");
        throttle.forgive(address(1));
        for last in 2..=255 {
            let _ = throttle.begin(address(last), 3_600_000);
        }
        assert!(throttle.begin(address(0), 3_600_000).is_err(), "a whole network waits");
        assert!(throttle.begin(address(1), 3_600_000).is_ok(), "but not where the password came from");
        assert!(throttle.begin(std::net::Ipv4Addr::LOCALHOST.into(), 3_600_000).is_ok());
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
