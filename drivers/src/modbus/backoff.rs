//! How long to leave a meter alone after it failed.

use std::time::Duration;

/// Waits of 2 s, doubling to 5 min, each shortened by up to a quarter so that many meters do not come back in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Counts one more failure in a row and says how long to wait. `random` is any 64 bits from the caller.
    pub fn failed(&mut self, random: u64) -> Duration {
        let factor = 1_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        let full = FIRST_MS.saturating_mul(factor).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        let less = random % (full / JITTER_PART + 1);
        Duration::from_millis(full - less)
    }

    /// The meter answered: the next failure starts from the shortest wait.
    pub fn worked(&mut self) {
        self.failures = 0;
    }
}

const FIRST_MS: u64 = 2_000;
const LONGEST_MS: u64 = 300_000;
/// The wait varies by one part in this many.
const JITTER_PART: u64 = 4;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn waits_double_to_five_minutes_and_start_again_after_an_answer() {
        let mut backoff = Backoff::default();
        let waits: Vec<u64> = (0..9).map(|_| backoff.failed(0).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        for _ in 0..200 {
            assert_eq!(backoff.failed(0), Duration::from_secs(300));
        }
        backoff.worked();
        assert_eq!(backoff.failed(0), Duration::from_secs(2));
    }

    #[test]
    fn jitter_shortens_a_wait_by_a_quarter_at_most() {
        for random in [0, 1, 499, 500, 501, u64::MAX] {
            let wait = Backoff::default().failed(random);
            assert!(wait >= Duration::from_millis(1_500), "{random}");
            assert!(wait <= Duration::from_millis(2_000), "{random}");
        }
        assert_eq!(Backoff::default().failed(500).as_millis(), 1_500);
    }
}
