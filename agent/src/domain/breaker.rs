//! Stops handing payments to a service that does not answer, before many of them are unclear at once.
//!
//! `reliability-security`, rule 2.7. Look-ups go on; only new payments wait.

/// Counts what went wrong since the service last answered clearly. Times are monotonic milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    faults: u32,
    opened: u32,
    until: u64,
}

impl Breaker {
    /// A pay call got no clear answer, or no connection.
    pub fn fault(&mut self, now: u64) {
        self.faults = self.faults.saturating_add(1);
        if self.faults >= FAULTS_MAX {
            let pause = PAUSE_FIRST_MS.saturating_mul(1 << self.opened.min(10)).min(PAUSE_LONGEST_MS);
            self.until = now.saturating_add(pause);
            self.opened = self.opened.saturating_add(1);
            self.faults = 0;
        }
    }

    /// The service answered clearly, or says that it can pay again.
    pub fn worked(&mut self) {
        *self = Breaker::default();
    }

    /// The instant until which no new payment is handed over, if that is later than `now`.
    pub fn open_until(&self, now: u64) -> Option<u64> {
        (self.until > now).then_some(self.until)
    }
}

/// Faults in a row that open the breaker.
pub const FAULTS_MAX: u32 = 5;
/// Unknown payments at once that hold back every new one until one of them is clear.
pub const UNKNOWN_MAX: usize = 3;
const PAUSE_FIRST_MS: u64 = 300_000;
const PAUSE_LONGEST_MS: u64 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(breaker: &mut Breaker, count: u32, now: u64) {
        for _ in 0..count {
            breaker.fault(now);
        }
    }

    #[test]
    fn five_faults_in_a_row_pause_payments_and_each_pause_is_longer() {
        let mut breaker = Breaker::default();
        faults(&mut breaker, 4, 0);
        assert_eq!(breaker.open_until(0), None);
        faults(&mut breaker, 1, 0);
        assert_eq!(breaker.open_until(0), Some(300_000));
        assert_eq!(breaker.open_until(300_000), None);
        faults(&mut breaker, 5, 300_000);
        assert_eq!(breaker.open_until(300_000), Some(900_000));
        faults(&mut breaker, 50, 900_000);
        assert_eq!(breaker.open_until(900_000), Some(900_000 + PAUSE_LONGEST_MS));
        breaker.worked();
        assert_eq!(breaker.open_until(0), None);
    }

    #[test]
    fn one_clear_answer_starts_the_count_again() {
        let mut breaker = Breaker::default();
        faults(&mut breaker, 4, 0);
        breaker.worked();
        faults(&mut breaker, 4, 0);
        assert_eq!(breaker.open_until(0), None);
    }
}
