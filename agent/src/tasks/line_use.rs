//! How busy a line is, from what its task counts.

use std::time::Duration;

use kilosat_drivers::modbus::Counts;
use tokio::time::Instant;

use crate::latest::LineHealth;

/// Compares what was counted about a minute ago with what is counted now.
#[derive(Debug, Default)]
pub(super) struct LineUse {
    since: Option<(Instant, Duration)>,
    load_permille: Option<u16>,
}

impl LineUse {
    /// Takes up what was counted at `at`.
    pub(super) fn hear(&mut self, at: Instant, counts: Counts) -> LineHealth {
        let (began, used) = *self.since.get_or_insert((at, counts.used));
        let passed = at.saturating_duration_since(began);
        if passed >= OVER {
            let busy = counts.used.saturating_sub(used).as_micros();
            let permille = busy.saturating_mul(1_000) / passed.as_micros().max(1);
            self.load_permille = Some(u16::try_from(permille.min(1_000)).unwrap_or(1_000));
            self.since = Some((at, counts.used));
        }
        LineHealth {
            load_permille: self.load_permille,
            requests: counts.requests,
            unanswered: counts.unanswered,
            damaged: counts.damaged,
        }
    }
}

const OVER: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_that_of_the_last_minute() {
        let mut line = LineUse::default();
        let begin = Instant::now();
        let mut hear = |seconds: u64, used_ms: u64| {
            let counts = Counts { used: Duration::from_millis(used_ms), requests: seconds, ..Counts::default() };
            line.hear(begin + Duration::from_secs(seconds), counts).load_permille
        };
        assert_eq!(hear(0, 5_000), None);
        assert_eq!(hear(59, 10_000), None);
        assert_eq!(hear(60, 11_000), Some(100));
        assert_eq!(hear(90, 41_000), Some(100));
        assert_eq!(hear(120, 71_000), Some(1_000));
    }
}
