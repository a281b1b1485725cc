//! The times that a chart shows, and how finely.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, ZonedDateTime};

use crate::domain::money::UnixMillis;
use crate::history::{Bucket, Kind, Level, Range, Settings};
use crate::web::Words;

/// How long the time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Day,
    /// From Monday on.
    Week,
    Month,
    Year,
}

/// How finely it is shown: so many buckets of a level together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub level: Level,
    pub together: i64,
}

/// A place on the axis of time: its instant and what is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub at_ms: i64,
    pub label: String,
}

impl Span {
    pub const ALL: [Span; 4] = [Span::Day, Span::Week, Span::Month, Span::Year];

    pub fn named(name: &str) -> Option<Span> {
        Span::ALL.into_iter().find(|span| span.name() == name)
    }

    /// In addresses and within sentences.
    pub fn name(self) -> &'static str {
        match self {
            Span::Day => "day",
            Span::Week => "week",
            Span::Month => "month",
            Span::Year => "year",
        }
    }

    /// The one that holds `date`, as it is called.
    pub fn title(self, date: Date, t: Words) -> String {
        let first = self.first(date).unwrap_or(date);
        t.dated(&format!("form-{}", self.name()), first.at(0, 0, 0, 0))
    }

    /// A day of the one before that which holds `date`.
    pub fn before(self, date: Date) -> Option<Date> {
        self.first(self.first(date)?.yesterday().ok()?)
    }

    /// The first day of the one after that which holds `date`.
    pub fn after(self, date: Date) -> Option<Date> {
        let first = self.first(date)?;
        let after = match self {
            Span::Day => first.checked_add(1.day()),
            Span::Week => first.checked_add(1.week()),
            Span::Month => first.checked_add(1.month()),
            Span::Year => first.checked_add(1.year()),
        };
        after.ok()
    }

    /// The one that holds `date`; `None` at the ends of the calendar.
    pub fn range(self, date: Date, zone: &TimeZone) -> Option<Range> {
        let instant = |date: Date| Some(date.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_millisecond());
        Some(Range { from_ms: instant(self.first(date)?)?, to_ms: instant(self.after(date)?)? })
    }

    /// An instant, as finely as this span is shown.
    pub fn clock(self, at_ms: i64, zone: &TimeZone, t: Words) -> String {
        let form = format!("form-clock-{}", self.name());
        zoned(at_ms, zone).map_or_else(String::new, |clock| t.dated(&form, clock.datetime()))
    }

    /// What is written below the chart.
    pub fn marks(self, range: Range, zone: &TimeZone, t: Words) -> Vec<Mark> {
        let mut marks = Vec::new();
        let Some(first) = zoned(range.from_ms, zone) else { return marks };
        let form = format!("form-mark-{}", self.name());
        for index in 0..MARKS_MAX {
            let step = match self {
                Span::Day => (index * 6).hours(),
                Span::Week => index.days(),
                Span::Month => (index * 7).days(),
                Span::Year => (index * 3).months(),
            };
            let Ok(at) = first.checked_add(step) else { break };
            let at_ms = at.timestamp().as_millisecond();
            if at_ms >= range.to_ms {
                break;
            }
            marks.push(Mark { at_ms, label: t.dated(&form, at.datetime()) });
        }
        marks
    }

    fn first(self, date: Date) -> Option<Date> {
        match self {
            Span::Day => Some(date),
            Span::Week if date.weekday() == Weekday::Monday => Some(date),
            Span::Week => date.nth_weekday(-1, Weekday::Monday).ok(),
            Span::Month => Some(date.first_of_month()),
            Span::Year => Some(date.first_of_year()),
        }
    }
}

impl Plan {
    pub fn of(kind: Kind, span: Span) -> Plan {
        let (level, together) = match (kind, span) {
            (Kind::Gauge, Span::Day) => (Level::Minute, 5),
            (Kind::Gauge, Span::Week) => (Level::Quarter, 2),
            (Kind::Gauge, Span::Month) => (Level::Hour, 3),
            (Kind::Gauge, Span::Year) | (_, Span::Week | Span::Month) => (Level::Day, 1),
            (_, Span::Day) => (Level::Hour, 1),
            (_, Span::Year) => (Level::Month, 1),
        };
        Plan { level, together }
    }

    /// A coarser one where what is so old was forgotten.
    pub fn kept(self, settings: &Settings, age_ms: i64) -> Plan {
        let kept_ms = |level| match level {
            Level::Minute => settings.minutes_ms,
            Level::Quarter => settings.quarters_ms,
            Level::Hour => settings.hours_ms,
            Level::Day | Level::Month => i64::MAX,
        };
        let mut plan = self;
        while let (true, Some(coarser)) = (age_ms > kept_ms(plan.level), plan.coarser()) {
            plan = coarser;
        }
        plan
    }

    /// The next coarser one, up to days.
    pub fn coarser(self) -> Option<Plan> {
        let level = match self.level {
            Level::Minute => Level::Quarter,
            Level::Quarter => Level::Hour,
            Level::Hour => Level::Day,
            Level::Day | Level::Month => return None,
        };
        Some(Plan { level, together: 1 })
    }

    /// Buckets with the time each is of, as many together as planned.
    pub fn together(self, buckets: &[Bucket], range: Range, zone: &TimeZone) -> Vec<(Range, Bucket)> {
        let mut parts: Vec<(Range, Bucket)> = Vec::new();
        for bucket in buckets {
            let own = self.level.around(bucket.start_ms, zone);
            let length = own.to_ms.saturating_sub(own.from_ms).saturating_mul(self.together).max(1);
            match parts.last_mut() {
                Some((part, sum)) if part.holds(bucket.start_ms) => sum.add(bucket),
                _ if self.together == 1 => parts.push((own, *bucket)),
                _ => {
                    let from_ms = range.from_ms + (bucket.start_ms - range.from_ms).div_euclid(length) * length;
                    parts.push((Range { from_ms, to_ms: from_ms.saturating_add(length) }, *bucket));
                }
            }
        }
        parts
    }
}

/// The day that a house's clock shows.
pub(super) fn today(now: UnixMillis, zone: &TimeZone) -> Option<Date> {
    date_at(now.0.cast_signed(), zone)
}

/// The day of an instant.
pub(super) fn date_at(at_ms: i64, zone: &TimeZone) -> Option<Date> {
    Some(zoned(at_ms, zone)?.date())
}

/// An instant as programs write it, with the distance to UTC.
pub(super) fn iso(at_ms: i64, zone: &TimeZone) -> String {
    zoned(at_ms, zone).map_or_else(String::new, |clock| clock.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn zoned(at_ms: i64, zone: &TimeZone) -> Option<ZonedDateTime> {
    Some(Timestamp::from_millisecond(at_ms).ok()?.to_zoned_datetime(zone.clone()))
}

/// A week has seven.
const MARKS_MAX: i64 = 7;
