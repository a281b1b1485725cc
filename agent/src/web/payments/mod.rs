//! Payments: all of them, found again, and the story of each with its proof.

mod story;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use self::story::Step;
pub(super) use self::story::steps;
use super::answers::{Answer, Refused};
use super::{Frame, Words, page};
use crate::domain::money::UnixMillis;
use crate::domain::rate::decimal;
use crate::domain::window::on_the_clock;
use crate::status::StatusSource;
use crate::store::{BY_HAND, PaymentSummary, Standing, Story, Wanted};

/// Which payments; all of them without.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    pub(super) rule: String,
    /// `open`, `paid` or `failed`.
    #[serde(default)]
    pub(super) standing: String,
    /// The first day, such as `2026-11-01`.
    #[serde(default)]
    pub(super) from: String,
    /// The last day.
    #[serde(default)]
    pub(super) to: String,
    pub(super) before: Option<i64>,
}

#[derive(Template)]
#[template(path = "payments.html")]
struct PaymentsPage {
    frame: Frame,
    t: Words,
    now_ms: u64,
    asked: Asked,
    rules: Vec<String>,
    payments: Vec<PaymentSummary>,
    /// Where older ones are.
    older: Option<String>,
    csv: String,
}

#[derive(Template)]
#[template(path = "payment.html")]
pub(super) struct PaymentPage {
    pub(super) frame: Frame,
    pub(super) t: Words,
    pub(super) story: Story,
    pub(super) steps: Vec<Step>,
    pub(super) zone: TimeZone,
}

impl Asked {
    fn is_any(&self) -> bool {
        [&self.rule, &self.standing, &self.from, &self.to].iter().any(|text| !text.is_empty())
    }

    /// `None` where that makes no sense.
    pub(super) fn wanted(&self, zone: &TimeZone, most: u32) -> Option<Wanted> {
        let standing = match self.standing.as_str() {
            "" => None,
            "open" => Some(Standing::Open),
            "paid" => Some(Standing::Paid),
            "failed" => Some(Standing::Failed),
            _ => return None,
        };
        let begins = |date: Date| -> Option<u64> {
            date.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_millisecond().try_into().ok()
        };
        let day = |text: &str, after: bool| -> Option<Option<u64>> {
            if text.is_empty() {
                return Some(None);
            }
            let date: Date = text.parse().ok()?;
            begins(if after { date.tomorrow().ok()? } else { date }).map(Some)
        };
        Some(Wanted {
            rule: Some(self.rule.clone()).filter(|rule| !rule.is_empty()),
            standing,
            before: self.before,
            from_ms: day(&self.from, false)?.unwrap_or(0),
            to_ms: day(&self.to, true)?,
            most,
        })
    }

    fn wanted_on_the_page(&self, t: Words, zone: &TimeZone, most: u32) -> Result<Wanted, Refused> {
        let wrong = || Refused::because(StatusCode::BAD_REQUEST, t, t.say("payments-wrong"), "/payments");
        self.wanted(zone, most).ok_or_else(wrong)
    }

    /// The same question to another address, without its page number.
    fn address(&self, path: &str, before: Option<i64>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("rule", &self.rule), ("standing", &self.standing), ("from", &self.from), ("to", &self.to)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        if let Some(before) = before {
            query.append_pair("before", &before.to_string());
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// `GET /payments`
pub(super) async fn html(State(source): State<StatusSource>, t: Words, Query(asked): Query<Asked>) -> Answer {
    let config = source.config();
    let wanted = asked.wanted_on_the_page(t, &config.zone, PER_PAGE + 1)?;
    let look = source.engine.look(move |engine| engine.payments(&wanted)).await;
    let mut payments = look.map_err(Refused::unanswered(t))?;
    let more = payments.len() > PER_PAGE as usize;
    payments.truncate(PER_PAGE as usize);
    let last = payments.last().filter(|_| more).map(|payment| payment.payment);
    let older = last.map(|last| asked.address("/payments", Some(last)));
    let mut rules: Vec<String> = config.agreements.iter().map(|known| known.id.clone()).collect();
    rules.extend(config.feeds.iter().map(|known| known.id.clone()));
    rules.push(BY_HAND.to_owned());
    if !asked.rule.is_empty() && !rules.contains(&asked.rule) {
        rules.push(asked.rule.clone());
    }
    let frame = Frame::of(&source, t, "payments").await?;
    let (now_ms, csv) = (source.clock.now().wall.0, asked.address("/payments.csv", None));
    Ok(page(&PaymentsPage { frame, t, now_ms, asked, rules, payments, older, csv }))
}

/// `GET /payments/{payment}`
pub(super) async fn one(State(source): State<StatusSource>, t: Words, Path(payment): Path<i64>) -> Answer {
    let story = told(&source, t, payment).await?;
    let zone = source.config().zone.clone();
    let steps = steps(&story, t, &zone);
    let frame = Frame::of(&source, t, "payments").await?;
    Ok(page(&PaymentPage { frame, t, story, steps, zone }))
}

async fn told(source: &StatusSource, t: Words, payment: i64) -> Result<Story, Refused> {
    let look = source.engine.look(move |engine| engine.story(payment)).await;
    look.map_err(Refused::unanswered(t))?.ok_or_else(|| Refused::missing(t, "payment-none", "/payments"))
}

/// `GET /payments.csv`: all that are asked for.
pub(super) async fn csv(State(source): State<StatusSource>, t: Words, Query(asked): Query<Asked>) -> Answer {
    let zone = source.config().zone.clone();
    let mut text = format!("{}\r\n", CSV_COLUMNS.join(","));
    let mut before = asked.before;
    loop {
        let wanted = Asked { before, ..asked.clone() }.wanted_on_the_page(t, &zone, CSV_PER_READ)?;
        let look = source.engine.look(move |engine| engine.payments_in_detail(&wanted)).await;
        let stories = look.map_err(Refused::unanswered(t))?;
        stories.iter().for_each(|story| text.push_str(&line(story, &zone)));
        match stories.last() {
            Some(last) if text.len() < CSV_BYTES_MAX => before = Some(last.summary.payment),
            _ => break,
        }
    }
    let name = "attachment; filename=\"kilosat-payments.csv\"";
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8"), (header::CONTENT_DISPOSITION, name)], text).into_response())
}

fn line(story: &Story, zone: &TimeZone) -> String {
    let (summary, rate) = (&story.summary, story.summary.rate.as_ref());
    let clock = |ms: u64, zone: &TimeZone| on_the_clock(UnixMillis(ms), zone);
    let fields = [
        summary.payment.to_string(),
        clock(summary.created_ms, &TimeZone::UTC),
        clock(summary.created_ms, zone),
        summary.kind.clone(),
        summary.rule.clone(),
        story.payee.clone(),
        summary.state.clone(),
        summary.amount_msat.to_string(),
        summary.fee_msat.map_or_else(String::new, |fee| fee.to_string()),
        clock(story.changed_ms, &TimeZone::UTC),
        story.service.clone(),
        summary.payment_hash.clone(),
        story.preimage.clone().unwrap_or_default(),
        story.bolt11.clone(),
        summary.memo.clone().unwrap_or_default(),
        rate.map_or_else(String::new, |rate| rate.currency.clone()),
        rate.map_or_else(String::new, |rate| decimal(rate.cents_of(summary.amount_msat))),
        rate.map_or_else(String::new, |rate| decimal(rate.cents_per_btc)),
        rate.map_or_else(String::new, |rate| clock(rate.at_ms, &TimeZone::UTC)),
        rate.map_or_else(String::new, |rate| rate.sources.clone()),
    ];
    format!("{}\r\n", fields.map(|field| quoted(&field)).join(","))
}

/// A field as RFC 4180 has it; what a spreadsheet would take for a formula is taken for a text.
fn quoted(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if is_formula { format!("'{field}") } else { field.to_owned() };
    if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

const PER_PAGE: u32 = 50;
const CSV_PER_READ: u32 = 500;
/// What a spreadsheet still opens; more than ten years of a payment an hour.
const CSV_BYTES_MAX: usize = 64 << 20;
const CSV_COLUMNS: [&str; 20] = [
    "payment",
    "decided_utc",
    "decided_local",
    "kind",
    "rule",
    "payee",
    "state",
    "amount_msat",
    "fee_msat",
    "changed_utc",
    "wallet",
    "payment_hash",
    "preimage",
    "invoice",
    "memo",
    "currency",
    "amount_in_currency",
    "currency_per_btc",
    "rate_utc",
    "rate_sources",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_spreadsheet_are_only_text() {
        for (field, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(\"//evil\")", "\"'=HYPERLINK(\"\"//evil\"\")\""),
            ("-1", "'-1"),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            assert_eq!(quoted(field), expected);
        }
    }
}
