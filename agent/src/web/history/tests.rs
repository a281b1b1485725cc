//! The page of a house with a year of history.

#![allow(clippy::unwrap_used)]

use super::past::summed;
use super::span::{Mark, Plan};
use super::*;
use crate::history::{Bucket, Level};
use crate::language::Language;
use jiff::tz::TimeZone;

const T: Words = Words::of(Language::English);

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[track_caller]
fn spans(span: Span, day: &str, title: &str, first: &str, before: &str, after: &str) {
    let range = span.range(date(day), &berlin()).unwrap();
    assert_eq!(span.title(date(day), T), title);
    assert_eq!(span::iso(range.from_ms, &berlin()), first);
    assert_eq!((span.before(date(day)), span.after(date(day))), (Some(date(before)), Some(date(after))));
    assert_eq!(span::date_at(range.to_ms, &berlin()), Some(date(after)));
}

#[test]
fn a_span_is_a_part_of_the_owners_calendar() {
    spans(Span::Day, "2026-11-29", "Sunday, 29 November 2026", "2026-11-29T00:00:00+01:00", "2026-11-28", "2026-11-30");
    spans(
        Span::Week,
        "2026-11-29",
        "Week from 23 November 2026",
        "2026-11-23T00:00:00+01:00",
        "2026-11-16",
        "2026-11-30",
    );
    spans(
        Span::Week,
        "2026-11-30",
        "Week from 30 November 2026",
        "2026-11-30T00:00:00+01:00",
        "2026-11-23",
        "2026-12-07",
    );
    spans(Span::Month, "2026-03-31", "March 2026", "2026-03-01T00:00:00+01:00", "2026-02-01", "2026-04-01");
    spans(Span::Year, "2026-07-04", "2026", "2026-01-01T00:00:00+01:00", "2025-01-01", "2027-01-01");
    assert_eq!(Span::Day.range(date("9999-12-31"), &berlin()), None, "there is no day after it");
    assert_eq!(Span::named("hour"), None);
}

#[test]
fn marks_stand_at_the_hours_of_the_owners_clock() {
    let range = Span::Day.range(date("2026-11-29"), &berlin()).unwrap();
    let labels = |marks: Vec<Mark>| marks.into_iter().map(|mark| mark.label).collect::<Vec<_>>();
    assert_eq!(labels(Span::Day.marks(range, &berlin(), T)), ["00:00", "06:00", "12:00", "18:00"]);
    let week = Span::Week.range(date("2026-11-29"), &berlin()).unwrap();
    assert_eq!(labels(Span::Week.marks(week, &berlin(), T)), ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]);
    let year = Span::Year.range(date("2026-11-29"), &berlin()).unwrap();
    assert_eq!(labels(Span::Year.marks(year, &berlin(), T)), ["Jan", "Apr", "Jul", "Oct"]);
}

fn bucket(start_ms: i64, mean: i64) -> Bucket {
    Bucket { start_ms, count: 1, mean, min: mean - 10, max: mean.saturating_add(10), rise: mean }
}

#[test]
fn minutes_are_shown_five_at_a_time() {
    let range = Span::Day.range(date("2026-11-29"), &berlin()).unwrap();
    let minutes: Vec<_> = (0..12).map(|minute| bucket(range.from_ms + minute * 60_000, minute * 100)).collect();
    let plan = Plan::of(Kind::Gauge, Span::Day);
    assert_eq!(plan, Plan { level: Level::Minute, together: 5 });
    let parts = plan.together(&minutes, range, &berlin());
    let shape: Vec<_> =
        parts.iter().map(|(part, sum)| ((part.from_ms - range.from_ms) / 60_000, sum.count, sum.mean)).collect();
    assert_eq!(shape, [(0, 5, 200), (5, 5, 700), (10, 2, 1_050)]);
    assert_eq!(parts[0].0.to_ms - parts[0].0.from_ms, 300_000);
}

fn values(unit: &str, means: &[i64]) -> PastValues {
    let key = Key { source: "main".to_owned(), point: "power".to_owned(), unit: unit.to_owned() };
    let range = Range { from_ms: 0, to_ms: 86_400_000 };
    let hour = |(index, mean): (i64, &i64)| {
        let from_ms = index * 3_600_000;
        (Range { from_ms, to_ms: from_ms + 3_600_000 }, bucket(from_ms, *mean))
    };
    let buckets = (0..).zip(means).map(hour).collect();
    summed(&key, Kind::of(unit), Span::Day, range, buckets)
}

#[test]
fn a_table_and_a_file_say_what_the_chart_says() {
    let power = values("W", &[1_000_000, 2_500_000]);
    assert_eq!((power.mean_milli, power.min_milli, power.max_milli), (Some(1_750_000), Some(999_990), Some(2_500_010)));
    assert_eq!(columns(&power), ["history-from", "history-to", "history-mean", "history-lowest", "history-highest"]);
    assert_eq!(
        row(&power, &power.buckets[1], Span::Day, &TimeZone::UTC, T),
        ["01:00", "02:00", "2.50 kW", "2.49 kW", "2.50 kW"]
    );
    let energy = values("Wh", &[250_000, 1_500_000]);
    assert_eq!(energy.rise_milli, Some(1_750_000));
    assert_eq!(row(&energy, &energy.buckets[1], Span::Day, &TimeZone::UTC, T), ["01:00", "02:00", "1.5 kWh"]);
    let csv = as_csv(&energy, &berlin());
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("from,to,from UTC,values,amount (Wh)"));
    assert_eq!(
        lines.next(),
        Some("1970-01-01T01:00:00+01:00,1970-01-01T02:00:00+01:00,1970-01-01T00:00:00+00:00,1,250.000")
    );
    assert_eq!(facts(&energy, Span::Day, T), [("In this day".to_owned(), "1.75 kWh".to_owned())]);
}

#[track_caller]
fn lines(unit: &str, means: &[i64], expected: &[&str]) {
    let chart = chart(&values(unit, means), Span::Day, &TimeZone::UTC, T).unwrap();
    let labels: Vec<_> = chart.across.iter().map(|line| line.label.as_str()).collect();
    assert_eq!(labels, expected, "{unit} {means:?}");
}

#[test]
fn lines_across_are_round_numbers_around_all_values() {
    lines("W", &[150_000, 2_300_000], &["0 kW", "0.5 kW", "1 kW", "1.5 kW", "2 kW", "2.5 kW"]);
    lines("W", &[-700_000, 400_000], &["−1 kW", "−0.5 kW", "0 kW", "0.5 kW"]);
    lines("V", &[229_000, 233_000], &["228 V", "229 V", "230 V", "231 V", "232 V", "233 V", "234 V"]);
    lines("Wh", &[0, 0], &["0 kWh", "0.02 kWh", "0.04 kWh", "0.06 kWh", "0.08 kWh", "0.1 kWh"]);
    lines("", &[0], &["−0.2", "0", "0.2", "0.4", "0.6", "0.8", "1"]);
    lines("sat", &[7_000], &["0 sat", "2 sat", "4 sat", "6 sat", "8 sat"]);
    let extreme = values("Wh", &[i64::MAX, i64::MAX]);
    assert!(chart(&extreme, Span::Day, &TimeZone::UTC, T).is_some(), "the largest numbers can be drawn");
    assert!(chart(&values("W", &[]), Span::Day, &TimeZone::UTC, T).is_none());
}

#[test]
fn a_curve_is_broken_where_values_are_missing() {
    let mut power = values("W", &[1_000_000; 8]);
    power.buckets.retain(|bucket| !(3..6).contains(&(bucket.from_ms / 3_600_000)));
    let drawn = chart(&power, Span::Day, &TimeZone::UTC, T).unwrap();
    assert_eq!(drawn.line.matches('M').count(), 2, "{}", drawn.line);
    assert_eq!(drawn.areas.len(), 5);
    assert_eq!(drawn.areas[1].label, "01:00: 1.00 kW (from 999 W to 1.00 kW)");
}
