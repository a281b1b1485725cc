//! Charts as SVG that is as wide as the page: places in hundredths of a percent, writing in the page's own size.
//!
//! Lines and bars are drawn in a picture of their own that is stretched to the width; writing stands outside of it, so that
//! it is never stretched. Each part of the time has an area with its values in words, which browsers show under the
//! pointer and the script in a line above.

use std::fmt::Write as _;

use super::PastBucket;
use super::span::Mark;
use crate::history::{Kind, Range};
use crate::web::Words;

/// What is to be drawn.
pub(super) struct Curve<'a> {
    pub kind: Kind,
    pub unit: &'a str,
    pub t: Words,
    pub range: Range,
    pub buckets: &'a [PastBucket],
    /// The time before and its buckets, drawn behind.
    pub before: Option<(Range, &'a [PastBucket])>,
}

/// A chart as the template needs it. Places are in hundredths of a percent from the left and from the top.
#[derive(Debug, Default)]
pub(super) struct Chart {
    /// Lines across, with what they mean.
    pub across: Vec<Line>,
    /// What is written below.
    pub marks: Vec<Line>,
    /// The area between the lowest and the highest values.
    pub band: String,
    /// The curve, or bars as one path.
    pub line: String,
    /// The same of the time before.
    pub before: String,
    /// `line` is to be filled.
    pub is_bars: bool,
    /// An area for each part of the time.
    pub areas: Vec<Area>,
}

/// A line or a mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// In percent, with two decimals.
    pub at: String,
    pub label: String,
}

/// An area that says its values.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub x: i64,
    pub width: i64,
    pub label: String,
}

impl Chart {
    /// `None` where there is nothing to draw.
    pub fn draw(curve: &Curve<'_>, marks: &[Mark], time: impl Fn(&PastBucket) -> String) -> Option<Chart> {
        if curve.buckets.is_empty() {
            return None;
        }
        let scale = Scale::of(curve);
        let x = |at_ms: i64| place(at_ms, curve.range);
        let area = |bucket: &PastBucket| Area {
            x: x(bucket.from_ms),
            width: (x(bucket.to_ms) - x(bucket.from_ms)).max(1),
            label: format!("{}: {}", time(bucket), said(curve, bucket)),
        };
        let mark = |mark: &Mark| Line { at: percent(x(mark.at_ms)), label: mark.label.clone() };
        let mut chart = Chart {
            across: scale.lines(curve.unit, curve.t),
            marks: marks.iter().map(mark).collect(),
            areas: curve.buckets.iter().map(area).collect(),
            is_bars: curve.kind != Kind::Gauge,
            ..Chart::default()
        };
        match curve.before {
            _ if !chart.is_bars => {
                chart.line = means(curve.buckets, curve.range, &scale);
                chart.band = band(curve.buckets, curve.range, &scale);
                chart.before = curve.before.map(|(range, buckets)| means(buckets, range, &scale)).unwrap_or_default();
            }
            None => chart.line = bars(curve.buckets, curve.range, &scale, 1..7),
            Some((range, buckets)) => {
                chart.before = bars(buckets, range, &scale, 1..4);
                chart.line = bars(curve.buckets, curve.range, &scale, 4..7);
            }
        }
        Some(chart)
    }
}

fn said(curve: &Curve<'_>, bucket: &PastBucket) -> String {
    let shown = |milli: i64| curve.t.quantity(&milli, curve.unit);
    if curve.kind != Kind::Gauge {
        return shown(bucket.rise_milli);
    }
    let mean = shown(bucket.mean_milli);
    if bucket.min_milli == bucket.max_milli {
        return mean;
    }
    let ends = [("mean", mean), ("low", shown(bucket.min_milli)), ("high", shown(bucket.max_milli))];
    curve.t.fill("history-mean-between", &ends)
}

/// From values to places.
struct Scale {
    low: i128,
    high: i128,
    step: i128,
}

impl Scale {
    fn of(curve: &Curve<'_>) -> Scale {
        let before = curve.before.map_or(&[][..], |(_, buckets)| buckets);
        let ends = |bucket: &PastBucket| match curve.kind {
            Kind::Gauge => [bucket.min_milli, bucket.max_milli],
            _ => [0, bucket.rise_milli],
        };
        let values = || curve.buckets.iter().chain(before).flat_map(ends).map(i128::from);
        let (low, high) = (values().min().unwrap_or(0), values().max().unwrap_or(0));
        // Whatever is near zero, or is an amount, is seen from zero on.
        let from_zero = matches!(curve.unit, "W" | "VA" | "var" | "A" | "%") || low.abs() * 3 < high;
        let (low, high) = if from_zero { (low.min(0), high.max(0)) } else { (low, high) };
        // Where nothing happens, the lines are still some way apart.
        let high = high.max(low + if curve.unit == "Wh" { HUNDRED_WATT_HOURS } else { ONE });
        let step = round_step(high - low);
        let low = low.div_euclid(step) * step;
        let high = (-((-high).div_euclid(step)) * step).max(low + step);
        Scale { low, high, step }
    }

    /// Hundredths of a percent from the top.
    fn y(&self, milli: i64) -> i64 {
        let from_top = (self.high - i128::from(milli)) * WHOLE / (self.high - self.low);
        i64::try_from(from_top.clamp(0, WHOLE)).unwrap_or(0)
    }

    fn lines(&self, unit: &str, t: Words) -> Vec<Line> {
        let count = (self.high - self.low) / self.step;
        let line = |index: i128| {
            let milli = i64::try_from(self.low + index * self.step).ok()?;
            let largest = self.high.max(-self.low);
            Some(Line { at: percent(self.y(milli)), label: t.on_axis(milli, unit, largest) })
        };
        (0..=count).filter_map(line).collect()
    }
}

/// 1, 2 or 5 and zeros, so that there are at most five of them in `range`.
fn round_step(range: i128) -> i128 {
    let mut power = 1;
    loop {
        for step in [power, 2 * power, 5 * power] {
            if step * LINES_MAX >= range {
                return step;
            }
        }
        power *= 10;
    }
}

/// Each takes `eighths` of the width of its time.
fn bars(buckets: &[PastBucket], range: Range, scale: &Scale, eighths: std::ops::Range<i64>) -> String {
    let mut path = String::new();
    let zero = scale.y(0);
    for bucket in buckets {
        let (from, to) = (place(bucket.from_ms, range), place(bucket.to_ms, range));
        let [left, right] = [eighths.start, eighths.end].map(|eighth| from + (to - from) * eighth / 8);
        let _ = write!(path, "M{left} {zero}V{}H{right}V{zero}Z", scale.y(bucket.rise_milli));
    }
    path
}

fn means(buckets: &[PastBucket], range: Range, scale: &Scale) -> String {
    let mut path = String::new();
    for pieces in connected(buckets) {
        for (index, bucket) in pieces.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", middle(bucket, range), scale.y(bucket.mean_milli));
        }
        // One value alone is a line as long as the time it is of.
        if let [alone] = pieces {
            let _ = write!(
                path,
                "M{} {}H{}",
                place(alone.from_ms, range),
                scale.y(alone.mean_milli),
                place(alone.to_ms, range)
            );
        }
    }
    path
}

fn band(buckets: &[PastBucket], range: Range, scale: &Scale) -> String {
    let mut path = String::new();
    for pieces in connected(buckets) {
        let high = pieces.iter().map(|bucket| (bucket, bucket.max_milli));
        let low = pieces.iter().rev().map(|bucket| (bucket, bucket.min_milli));
        for (index, (bucket, milli)) in high.chain(low).enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{} {}", middle(bucket, range), scale.y(milli));
        }
        path.push('Z');
    }
    path
}

/// Buckets between which no more is missing than usual.
fn connected(buckets: &[PastBucket]) -> impl Iterator<Item = &[PastBucket]> {
    let distance = |a: &PastBucket, b: &PastBucket| b.from_ms.saturating_sub(a.from_ms);
    let mut distances: Vec<i64> =
        buckets.windows(2).filter_map(|pair| Some(distance(pair.first()?, pair.get(1)?))).collect();
    distances.sort_unstable();
    let usual = distances.get(distances.len() / 2).copied().unwrap_or(0);
    buckets.chunk_by(move |a, b| distance(a, b) <= usual.saturating_mul(5) / 2)
}

fn middle(bucket: &PastBucket, range: Range) -> i64 {
    i64::midpoint(place(bucket.from_ms, range), place(bucket.to_ms, range))
}

/// Hundredths of a percent from the left.
fn place(at_ms: i64, range: Range) -> i64 {
    let length = i128::from(range.to_ms) - i128::from(range.from_ms);
    let from_left = (i128::from(at_ms) - i128::from(range.from_ms)) * WHOLE / length.max(1);
    i64::try_from(from_left.clamp(0, WHOLE)).unwrap_or(0)
}

fn percent(hundredths: i64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

const WHOLE: i128 = 10_000;
/// In thousandths.
const ONE: i128 = 1_000;
const HUNDRED_WATT_HOURS: i128 = 100_000;
const LINES_MAX: i128 = 5;
