//! What the points were: charts, tables and CSV of a day, a week, a month or a year.

mod chart;
mod names;
mod past;
mod span;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Json, Response};
use jiff::civil::Date;
use serde::Deserialize;

use self::chart::{Chart, Curve};
pub(super) use self::names::label;
use self::past::{PastBucket, as_csv, past, value_of};
pub(super) use self::past::{PastValues, Trouble};
use self::span::Span;
use super::{Frame, Words, page, show};
use crate::domain::money::UnixMillis;
use crate::domain::window::on_the_clock;
use crate::history::{Extent, Key, Kind, Range};
use crate::status::StatusSource;

/// Which point, which time, and whether the time before it is shown too.
#[derive(Clone, Default, Deserialize)]
pub struct Asked {
    /// Source, dot, point.
    pub(super) point: Option<String>,
    /// `day`, `week`, `month` or `year`.
    pub(super) span: Option<String>,
    /// A day in it, such as `2026-11-29`; today without.
    pub(super) at: Option<String>,
    /// `1` for the time before as well.
    pub(super) compare: Option<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "history.html")]
pub struct HistoryPage<'a> {
    frame: Frame,
    t: Words,
    extent: &'a Extent,
    since: String,
    fault: Option<String>,
    damaged: Option<String>,
    groups: Vec<Group>,
    shown: Option<Shown>,
}

/// The points of one source.
struct Group {
    source: String,
    points: Vec<Choice>,
}

/// A point that can be chosen.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// The chosen point over the chosen time, in words.
struct Shown {
    heading: String,
    title: String,
    /// Such as `day`.
    span: &'static str,
    date: String,
    spans: Vec<Link>,
    before: Link,
    after: Option<Link>,
    compare: Link,
    csv: String,
    json: String,
    facts: Vec<(String, String)>,
    chart: Option<Chart>,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

struct Link {
    href: String,
    label: String,
    chosen: bool,
}

/// By how much a counter rose since midnight; absent where the history has nothing of it.
pub(super) async fn rise_of_today(source: &StatusSource, key: Option<&Key>) -> Option<u64> {
    let today = span::today(source.clock.house_now(), &source.config().zone)?;
    let values = past::part(source, key?, Span::Day, today).await.ok()?;
    u64::try_from(values.rise_milli?).ok()
}

/// `GET /history`
pub async fn html(State(source): State<StatusSource>, t: Words, Query(asked): Query<Asked>) -> Response {
    let frame = match Frame::of(&source, t, "history").await {
        Ok(frame) => frame,
        Err(refused) => return refused.into_response(),
    };
    let extent = source
        .history
        .extent()
        .await
        .unwrap_or_else(|gone| Extent { fault: Some(gone.to_string()), ..Extent::default() });
    let keys = source.history.keys().await.unwrap_or_default();
    let (chosen, shown, fault) = match past(&source, &keys, &asked).await {
        Ok(values) => {
            let key = Key { source: values.source.clone(), point: values.point.clone(), unit: values.unit.clone() };
            (Some(key), Some(shown(&source, &asked, values, t)), None)
        }
        Err(Trouble::Nothing) => (None, None, None),
        Err(Trouble::Asked(why)) => return (StatusCode::BAD_REQUEST, why).into_response(),
        Err(Trouble::Gone(gone)) => (None, None, Some(gone.to_string())),
    };
    let config = source.config();
    let clock = |at_ms: i64| on_the_clock(UnixMillis(at_ms.max(0).cast_unsigned()), &config.zone);
    page(&HistoryPage {
        frame,
        t,
        since: extent.from_ms.map(clock).unwrap_or_default(),
        fault: extent.fault.clone().or(fault),
        damaged: extent.damaged_ms.map(clock),
        extent: &extent,
        groups: groups(&keys, chosen.as_ref(), t),
        shown,
    })
}

/// `GET /history.json`
pub async fn json(State(source): State<StatusSource>, Query(asked): Query<Asked>) -> Response {
    match answer(&source, &asked).await {
        Ok(values) => Json(values).into_response(),
        Err(trouble) => refused(trouble),
    }
}

/// `GET /history.csv`
pub async fn csv(State(source): State<StatusSource>, Query(asked): Query<Asked>) -> Response {
    let values = match answer(&source, &asked).await {
        Ok(values) => values,
        Err(trouble) => return refused(trouble),
    };
    let name = format!("attachment; filename=\"{}-{}-{}.csv\"", values.source, values.point, values.span);
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    (headers, as_csv(&values, &source.config().zone)).into_response()
}

/// What is asked for, without the page around it.
pub(super) async fn answer(source: &StatusSource, asked: &Asked) -> Result<PastValues, Trouble> {
    let keys = source.history.keys().await?;
    past(source, &keys, asked).await
}

fn refused(trouble: Trouble) -> Response {
    match trouble {
        Trouble::Nothing => (StatusCode::NOT_FOUND, "Nothing has been recorded yet.").into_response(),
        Trouble::Asked(why) => (StatusCode::BAD_REQUEST, why).into_response(),
        Trouble::Gone(gone) => (StatusCode::SERVICE_UNAVAILABLE, gone.to_string()).into_response(),
    }
}

fn groups(keys: &[Key], chosen: Option<&Key>, t: Words) -> Vec<Group> {
    let choice = |key: &Key| Choice {
        value: value_of(key),
        label: heading(&key.source, &key.point, t),
        chosen: chosen == Some(key),
    };
    let of_source = |keys: &[Key]| Group {
        source: keys.first().map(|key| key.source.clone()).unwrap_or_default(),
        points: keys.iter().map(choice).collect(),
    };
    keys.chunk_by(|a, b| a.source == b.source).map(of_source).collect()
}

fn heading(source: &str, point: &str, t: Words) -> String {
    format!("{} · {source}", names::label(point, t))
}

fn shown(source: &StatusSource, asked: &Asked, values: PastValues, t: Words) -> Shown {
    let config = source.config();
    let zone = &config.zone;
    let span = Span::named(values.span).unwrap_or(Span::Day);
    let date = span::date_at(values.from_ms, zone).unwrap_or_default();
    let point = format!("{}.{}", values.source, values.point);
    let is_compared = values.before.is_some();
    let asked_day = asked.at.clone().unwrap_or_else(|| date.to_string());
    let link = |path: &str, span: Span, at: &str, compared: bool| {
        let compare = if compared { "&compare=1" } else { "" };
        format!("{path}?point={}&span={}&at={at}{compare}", names::in_address(&point), span.name())
    };
    let here = |span, at: Option<Date>, compared| {
        link("/history", span, &at.map_or_else(|| asked_day.clone(), |at| at.to_string()), compared)
    };
    let move_to =
        |date: Date| Link { href: here(span, Some(date), is_compared), label: span.title(date, t), chosen: false };
    let now = span::today(source.clock.house_now(), zone);
    let after = span.after(date).filter(|after| now.is_some_and(|now| *after <= now));
    let spans = Span::ALL.map(|each| Link {
        href: here(each, None, is_compared),
        label: t.say(&format!("history-{}", each.name())),
        chosen: each == span,
    });
    Shown {
        heading: heading(&values.source, &values.point, t),
        title: span.title(date, t),
        span: span.name(),
        date: asked_day.clone(),
        spans: spans.into(),
        before: span.before(date).map_or_else(|| move_to(date), move_to),
        after: after.map(move_to),
        compare: Link {
            href: here(span, None, !is_compared),
            label: t.say(&format!("history-compare-{}", span.name())),
            chosen: is_compared,
        },
        csv: link("/history.csv", span, &asked_day, false),
        json: link("/history.json", span, &asked_day, is_compared),
        facts: facts(&values, span, t),
        chart: chart(&values, span, zone, t),
        columns: columns(&values),
        rows: values.buckets.iter().map(|bucket| row(&values, bucket, span, zone, t)).collect(),
    }
}

/// What there is to be known at a glance.
fn facts(values: &PastValues, span: Span, t: Words) -> Vec<(String, String)> {
    let shown = |milli: i64| t.quantity(&milli, &values.unit);
    let of_span = |name: &str| t.say(&format!("history-{name}-{}", span.name()));
    let mut facts = Vec::new();
    if let Some(rise) = values.rise_milli {
        facts.push((of_span("in"), shown(rise)));
        if let Some(before) = values.before.as_ref().and_then(|before| before.rise_milli) {
            facts.push((of_span("before"), shown(before)));
            facts.push((t.say("history-difference"), show::difference(rise, before)));
        }
    } else if let (Some(mean), Some(min), Some(max)) = (values.mean_milli, values.min_milli, values.max_milli) {
        facts.push((t.say("history-mean"), shown(mean)));
        facts.push((t.say("history-lowest"), shown(min)));
        facts.push((t.say("history-highest"), shown(max)));
        if let Some(before) = values.before.as_ref().and_then(|before| before.mean_milli) {
            facts.push((of_span("mean-before"), shown(before)));
        }
    }
    facts
}

fn chart(values: &PastValues, span: Span, zone: &jiff::tz::TimeZone, t: Words) -> Option<Chart> {
    let range = |values: &PastValues| Range { from_ms: values.from_ms, to_ms: values.to_ms };
    let time = |bucket: &PastBucket| span.clock(bucket.from_ms, zone, t);
    let curve = Curve {
        kind: Kind::of(&values.unit),
        unit: &values.unit,
        t,
        range: range(values),
        buckets: &values.buckets,
        before: values.before.as_ref().map(|before| (range(before), before.buckets.as_slice())),
    };
    Chart::draw(&curve, &span.marks(range(values), zone, t), time)
}

fn columns(values: &PastValues) -> Vec<&'static str> {
    if values.rise_milli.is_some() {
        vec!["history-from", "history-to", "history-amount"]
    } else {
        vec!["history-from", "history-to", "history-mean", "history-lowest", "history-highest"]
    }
}

fn row(values: &PastValues, bucket: &PastBucket, span: Span, zone: &jiff::tz::TimeZone, t: Words) -> Vec<String> {
    let shown = |milli: i64| t.quantity(&milli, &values.unit);
    let mut row = vec![span.clock(bucket.from_ms, zone, t), span.clock(bucket.to_ms, zone, t)];
    if values.rise_milli.is_some() {
        row.push(shown(bucket.rise_milli));
    } else {
        row.extend([bucket.mean_milli, bucket.min_milli, bucket.max_milli].map(shown));
    }
    row
}

#[cfg(test)]
mod tests;
