//! Makes a backup every day, at the time of the owner's clock, or as soon as it can be made after that.

use std::path::Path;
use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, ZonedDateTime};
use tokio::time::{MissedTickBehavior, interval};

use super::{Backups, Target, names};
use crate::config::Config;
use crate::domain::money::UnixMillis;
use crate::status::StatusSource;

/// Makes backups while there is a folder for them, until the future is dropped.
pub async fn run(source: StatusSource) {
    run_every(LOOKS, source).await;
}

pub(super) async fn run_every(pause: Duration, source: StatusSource) {
    let mut beat = interval(pause);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A start has better things to do at first.
    beat.tick().await;
    loop {
        beat.tick().await;
        if source.backups.is_one_due(&source.config(), source.clock.now().wall) {
            // What became of it is remembered and recorded.
            let _ = source.back_up(Target::Configured).await;
        }
    }
}

impl Backups {
    fn is_one_due(&self, config: &Config, now: UnixMillis) -> bool {
        let Some(folder) = &config.backup.folder else { return false };
        let memory = self.memory();
        let last = memory.last.as_ref().filter(|last| Path::new(&last.file).parent() == Some(folder));
        let made = last.map(|last| UnixMillis(last.made_ms));
        let failed = memory.failed.as_ref().map(|failed| UnixMillis(failed.at_ms));
        is_due(made, failed, now, config.backup.at, &config.zone)
    }
}

/// Whether the last time of day `at` has passed without a backup. After one that failed, an hour is waited.
fn is_due(made: Option<UnixMillis>, failed: Option<UnixMillis>, now: UnixMillis, at: Time, zone: &TimeZone) -> bool {
    let now = names::instant(now).to_zoned_datetime(zone.clone());
    let on = |day: &ZonedDateTime| day.date().to_datetime(at).to_zoned_datetime(zone.clone()).ok();
    let today = on(&now).filter(|today| *today <= now);
    let yesterday = || now.checked_sub(1.day()).ok().and_then(|day| on(&day));
    let Some(wanted) = today.or_else(yesterday) else { return false };
    // A clock that was ahead and set back makes nobody wait for the day it showed.
    let made = made.map(names::instant).filter(|made| *made <= now.timestamp());
    let is_made = made.is_some_and(|made| made >= wanted.timestamp());
    let rests = failed.is_some_and(|failed| {
        let since = now.timestamp().duration_since(names::instant(failed));
        !since.is_negative() && since < RETRY
    });
    !is_made && !rests
}

const LOOKS: Duration = Duration::from_secs(60);
const RETRY: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ms(text: &str) -> UnixMillis {
        let at = text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        UnixMillis(u64::try_from(at).unwrap())
    }

    #[test]
    fn once_a_day_and_again_an_hour_after_a_fault() {
        #[track_caller]
        fn case(made: &str, failed: &str, now: &str, expected: bool) {
            let instant = |text: &str| (!text.is_empty()).then(|| ms(text));
            let zone = TimeZone::get("Europe/Berlin").unwrap();
            let at = Time::constant(3, 30, 0, 0);
            assert_eq!(is_due(instant(made), instant(failed), ms(now), at, &zone), expected, "{made} {failed} {now}");
        }
        case("", "", "2026-11-29T12:00:00Z", true);
        case("2026-11-29T02:31:00Z", "", "2026-11-29T23:00:00Z", false);
        case("2026-11-29T02:31:00Z", "", "2026-11-30T02:29:00Z", false);
        case("2026-11-29T02:31:00Z", "", "2026-11-30T02:30:00Z", true);
        // By hand in the evening: the next night's is made all the same.
        case("2026-11-29T19:00:00Z", "", "2026-11-30T02:30:00Z", true);
        // The machine was off at night.
        case("2026-11-28T02:31:00Z", "", "2026-11-29T08:00:00Z", true);
        case("2026-11-28T02:31:00Z", "2026-11-29T02:30:00Z", "2026-11-29T03:29:00Z", false);
        case("2026-11-28T02:31:00Z", "2026-11-29T02:30:00Z", "2026-11-29T03:30:00Z", true);
        // A clock that was ahead.
        case("2099-01-01T00:00:00Z", "", "2026-11-29T12:00:00Z", true);
        case("2026-11-28T02:31:00Z", "2027-01-01T00:00:00Z", "2026-11-29T03:00:00Z", true);
        // The hour that clocks leave out.
        case("2026-03-28T02:31:00Z", "", "2026-03-29T01:31:00Z", true);
        case("2026-03-29T01:31:00Z", "", "2026-03-29T23:00:00Z", false);
    }
}
