//! The values themselves: what is shown as a chart is also a struct, JSON and a file.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::span::{self, Plan, Span};
use super::{Asked, show};
use crate::history::{Bucket, HistoryGone, Key, Kind, Range};
use crate::status::StatusSource;

/// A point over a time, as it is also served as JSON. Values are in thousandths of `unit`, times in ms since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PastValues {
    /// The meter, input, feed or agreement.
    pub source: String,
    /// Such as `power`.
    pub point: String,
    /// Such as `W`.
    pub unit: String,
    /// `day`, `week`, `month` or `year`.
    pub span: &'static str,
    /// The first instant.
    pub from_ms: i64,
    /// The first instant after it.
    pub to_ms: i64,
    /// By how much a counter rose in all; absent for anything else, and where there is no value.
    pub rise_milli: Option<i64>,
    /// The mean of the buckets' means; absent for a counter.
    pub mean_milli: Option<i64>,
    /// The smallest.
    pub min_milli: Option<i64>,
    /// The largest.
    pub max_milli: Option<i64>,
    /// Oldest first; times without a value have none.
    pub buckets: Vec<PastBucket>,
    /// The same of the time before, where it was asked for.
    #[schema(no_recursion)]
    pub before: Option<Box<PastValues>>,
}

/// A part of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PastBucket {
    /// When it began.
    pub from_ms: i64,
    /// When it ended.
    pub to_ms: i64,
    /// How many values there are.
    pub count: i64,
    /// Of a counter, by how much it rose.
    pub rise_milli: i64,
    /// The mean of the values; of a counter where it stood.
    pub mean_milli: i64,
    /// The smallest.
    pub min_milli: i64,
    /// The largest.
    pub max_milli: i64,
}

/// Why there is nothing to show.
pub(in super::super) enum Trouble {
    /// Nothing was recorded yet.
    Nothing,
    /// The question makes no sense.
    Asked(&'static str),
    /// The history does not answer.
    Gone(HistoryGone),
}

impl From<HistoryGone> for Trouble {
    fn from(gone: HistoryGone) -> Trouble {
        Trouble::Gone(gone)
    }
}

pub(super) async fn past(source: &StatusSource, keys: &[Key], asked: &Asked) -> Result<PastValues, Trouble> {
    let key = match &asked.point {
        Some(point) => keys.iter().find(|key| value_of(key) == *point).ok_or(Trouble::Asked(NO_POINT))?,
        None => keys.iter().find(|key| key.point == "power").or(keys.first()).ok_or(Trouble::Nothing)?,
    };
    let span = asked.span.as_deref().map_or(Some(Span::Day), Span::named).ok_or(Trouble::Asked(NO_SPAN))?;
    let config = source.config();
    let zone = &config.zone;
    let date = asked.at.as_deref().map_or_else(|| span::today(source.clock.house_now(), zone), |at| at.parse().ok());
    let date = date.ok_or(Trouble::Asked(NO_DATE))?;
    let values = part(source, key, span, date).await?;
    if asked.compare.as_deref() != Some("1") {
        return Ok(values);
    }
    let before = span.before(date).ok_or(Trouble::Asked(NO_DATE))?;
    let before = Some(Box::new(part(source, key, span, before).await?));
    Ok(PastValues { before, ..values })
}

pub(super) async fn part(source: &StatusSource, key: &Key, span: Span, date: Date) -> Result<PastValues, Trouble> {
    let config = source.config();
    let zone = &config.zone;
    let range = span.range(date, zone).ok_or(Trouble::Asked(NO_DATE))?;
    let now_ms = source.clock.house_now().0.cast_signed();
    let kind = Kind::of(&key.unit);
    let plan = Plan::of(kind, span).kept(source.history.settings(), now_ms.saturating_sub(range.from_ms));
    let mut plan = plan;
    let mut buckets = source.history.buckets(key.clone(), plan.level, range).await?;
    // The disk limit may have taken what would have been young enough.
    while let (true, Some(coarser)) = (buckets.is_empty(), plan.coarser()) {
        plan = coarser;
        buckets = source.history.buckets(key.clone(), plan.level, range).await?;
    }
    Ok(summed(key, kind, span, range, plan.together(&buckets, range, zone)))
}

pub(super) fn summed(key: &Key, kind: Kind, span: Span, range: Range, buckets: Vec<(Range, Bucket)>) -> PastValues {
    let all = buckets.iter().map(|(_, bucket)| *bucket).reduce(|mut all, bucket| {
        all.add(&bucket);
        all
    });
    let is_gauge = kind == Kind::Gauge;
    // Each part counts as much as another, however often the device was asked in it; rounded down.
    let means: i128 = buckets.iter().map(|(_, bucket)| i128::from(bucket.mean)).sum();
    let mean = means.div_euclid(i128::try_from(buckets.len().max(1)).unwrap_or(1));
    let mean = i64::try_from(mean).unwrap_or_default();
    let bucket = |(range, bucket): (Range, Bucket)| PastBucket {
        from_ms: range.from_ms,
        to_ms: range.to_ms,
        count: bucket.count,
        rise_milli: bucket.rise,
        mean_milli: bucket.mean,
        min_milli: bucket.min,
        max_milli: bucket.max,
    };
    PastValues {
        source: key.source.clone(),
        point: key.point.clone(),
        unit: key.unit.clone(),
        span: span.name(),
        from_ms: range.from_ms,
        to_ms: range.to_ms,
        rise_milli: all.filter(|_| !is_gauge).map(|all| all.rise),
        mean_milli: all.filter(|_| is_gauge).map(|_| mean),
        min_milli: all.map(|all| all.min),
        max_milli: all.map(|all| all.max),
        buckets: buckets.into_iter().map(bucket).collect(),
        before: None,
    }
}

pub(super) fn value_of(key: &Key) -> String {
    format!("{}.{}", key.source, key.point)
}

/// Times of the house and in UTC, values as decimal numbers of the unit.
pub(super) fn as_csv(values: &PastValues, zone: &TimeZone) -> String {
    let unit = if values.unit.is_empty() { String::new() } else { format!(" ({})", values.unit) };
    let numbers = if values.rise_milli.is_some() {
        format!("amount{unit}")
    } else {
        format!("mean{unit},lowest{unit},highest{unit}")
    };
    let mut text = format!("from,to,from UTC,values,{numbers}\r\n");
    for bucket in &values.buckets {
        let (from, to) = (span::iso(bucket.from_ms, zone), span::iso(bucket.to_ms, zone));
        let utc = span::iso(bucket.from_ms, &TimeZone::UTC);
        let numbers = if values.rise_milli.is_some() {
            show::plain(bucket.rise_milli)
        } else {
            [bucket.mean_milli, bucket.min_milli, bucket.max_milli].map(show::plain).join(",")
        };
        text.push_str(&format!("{from},{to},{utc},{},{numbers}\r\n", bucket.count));
    }
    text
}

const NO_POINT: &str = "There is no such point in the history. Choose one on the page /history";
const NO_SPAN: &str = "The span is day, week, month or year.";
const NO_DATE: &str = "The day is written as 2026-11-29.";
