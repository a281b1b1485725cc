//! When the windows of a budget begin.
//!
//! A limit per hour, day or month holds for the hour, day or month of the owner's clock, and for any 60 minutes, 24 hours
//! or 30 days as well, so that nothing is gained by waiting for midnight. Both end now, so the one that began earlier
//! holds the other: its beginning is the window's (`reliability-security`, rule 4.4).

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::money::UnixMillis;

/// The clock was behind and was set forward while the program ran: what was stamped in between happened just before that.
///
/// Without it, a house that begins two days late would have used up the limits of that day, and of today once more
/// (`reliability-security`, rule 7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// The first stamp of the wrong clock.
    pub from: UnixMillis,
    /// The last one.
    pub to: UnixMillis,
    /// What the clock showed after it was set.
    pub at: UnixMillis,
}

/// From when on a payment counts against each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starts {
    /// For limits per hour.
    pub hour: UnixMillis,
    /// For limits per day.
    pub day: UnixMillis,
    /// For limits per month.
    pub month: UnixMillis,
    /// Stamps that mean another time.
    pub jump: Option<Jump>,
}

/// A time from `from` on and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first instant in it.
    pub from: UnixMillis,
    /// The first instant after it.
    pub to: UnixMillis,
}

impl Starts {
    /// The windows that end at `now`, for an owner whose clock shows the time of `zone`.
    pub fn at(now: UnixMillis, zone: &TimeZone) -> Starts {
        let clock = zoned(now, zone);
        let earlier = |span_ms: u64, begins: fn(&ZonedDateTime) -> Option<ZonedDateTime>| {
            let rolling = UnixMillis(now.0.saturating_sub(span_ms));
            let calendar = clock.as_ref().and_then(begins).and_then(|begins| unix_millis(&begins));
            calendar.map_or(rolling, |calendar| calendar.min(rolling))
        };
        Starts {
            hour: earlier(HOUR_MS, |clock| clock.with().minute(0).second(0).subsec_nanosecond(0).build().ok()),
            day: earlier(DAY_MS, |clock| clock.start_of_day().ok()),
            month: earlier(MONTH_MS, |clock| clock.first_of_month().ok()?.start_of_day().ok()),
            jump: None,
        }
    }

    /// The same, for stamps of which some are older than what they mark.
    pub fn after(self, jump: Option<Jump>) -> Starts {
        Starts { jump, ..self }
    }

    /// The oldest stamp that may count.
    pub fn oldest(&self) -> UnixMillis {
        self.jump.map_or(self.month, |jump| self.month.min(UnixMillis(jump.from.0.saturating_sub(1))))
    }

    /// When what is stamped `at` really was.
    pub fn meant(&self, at: UnixMillis) -> UnixMillis {
        self.jump.filter(|jump| (jump.from..=jump.to).contains(&at)).map_or(at, |jump| jump.at)
    }
}

impl Period {
    /// The month of `zone` that `text` names as `2026-11`, or the one that holds `now`; `None` when it names none.
    pub fn month(text: Option<&str>, now: UnixMillis, zone: &TimeZone) -> Option<Period> {
        let first = match text {
            Some(text) if text.len() == MONTH_CHARS => format!("{text}-01").parse::<jiff::civil::Date>().ok()?,
            Some(_) => return None,
            None => zoned(now, zone)?.date().first_of_month(),
        };
        let next = first.checked_add(jiff::Span::new().try_months(1).ok()?).ok()?;
        let begins = |date: jiff::civil::Date| unix_millis(&date.to_zoned_datetime(zone.clone()).ok()?);
        Some(Period { from: begins(first)?, to: begins(next)? })
    }
}

/// An instant as the owner's clock and calendar show it, such as `2026-11-25 04:30`; empty outside the calendar.
pub fn on_the_clock(at: UnixMillis, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(String::new, |clock| clock.strftime("%Y-%m-%d %H:%M").to_string())
}

fn zoned(at: UnixMillis, zone: &TimeZone) -> Option<ZonedDateTime> {
    let timestamp = Timestamp::from_millisecond(i64::try_from(at.0).ok()?).ok()?;
    Some(timestamp.to_zoned_datetime(zone.clone()))
}

fn unix_millis(clock: &ZonedDateTime) -> Option<UnixMillis> {
    u64::try_from(clock.timestamp().as_millisecond()).ok().map(UnixMillis)
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const MONTH_MS: u64 = 30 * DAY_MS;
/// `2026-11`
const MONTH_CHARS: usize = 7;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn at(text: &str) -> UnixMillis {
        UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond().try_into().unwrap())
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[track_caller]
    fn case(now: &str, hour: &str, day: &str, month: &str) {
        let starts = Starts::at(at(now), &berlin());
        assert_eq!((starts.hour, starts.day, starts.month), (at(hour), at(day), at(month)));
    }

    #[test]
    fn a_window_begins_with_the_calendar_or_earlier() {
        // 30 days reach further back than the month of the calendar.
        case("2026-11-25T12:30:00Z", "2026-11-25T11:30:00Z", "2026-11-24T12:30:00Z", "2026-10-26T12:30:00Z");
        // On the 31st the month of the calendar reaches further back: it began at midnight in Berlin.
        case("2026-12-31T22:00:00Z", "2026-12-31T21:00:00Z", "2026-12-30T22:00:00Z", "2026-11-30T23:00:00Z");
        // The day on which clocks go back has 25 hours.
        case("2026-10-25T22:59:00Z", "2026-10-25T21:59:00Z", "2026-10-24T22:00:00Z", "2026-09-25T22:59:00Z");
    }

    #[test]
    fn what_was_stamped_by_a_clock_that_was_behind_counts_from_when_it_was_set() {
        let jump = Jump { from: UnixMillis(1_000), to: UnixMillis(2_000), at: UnixMillis(900_000) };
        let starts = Starts::at(UnixMillis(u64::MAX), &berlin()).after(Some(jump));
        for (stamp, meant) in [(999, 999), (1_000, 900_000), (2_000, 900_000), (2_001, 2_001)] {
            assert_eq!(starts.meant(UnixMillis(stamp)), UnixMillis(meant));
        }
        assert_eq!(starts.oldest(), UnixMillis(999));
        assert_eq!(starts.after(None).oldest(), starts.month);
    }

    #[test]
    fn a_clock_that_shows_nonsense_still_has_windows() {
        let starts = Starts::at(UnixMillis(u64::MAX), &berlin());
        assert_eq!(starts.hour, UnixMillis(u64::MAX - HOUR_MS));
        assert_eq!(Starts::at(UnixMillis(5), &TimeZone::UTC).month, UnixMillis(0));
    }

    #[test]
    fn months_are_those_of_the_owner() {
        let november = Period { from: at("2026-10-31T23:00:00Z"), to: at("2026-11-30T23:00:00Z") };
        assert_eq!(Period::month(Some("2026-11"), UnixMillis(0), &berlin()), Some(november));
        assert_eq!(Period::month(None, at("2026-10-31T23:30:00Z"), &berlin()), Some(november));
        for wrong in ["", "2026", "2026-13", "2026-11-01", "11-2026", "abcd-ef"] {
            assert_eq!(Period::month(Some(wrong), UnixMillis(0), &berlin()), None, "{wrong}");
        }
    }

    #[test]
    fn times_read_as_the_owners_clock_shows_them() {
        assert_eq!(on_the_clock(at("2026-11-25T12:30:59Z"), &berlin()), "2026-11-25 13:30");
        assert_eq!(on_the_clock(UnixMillis(u64::MAX), &berlin()), "");
    }
}
