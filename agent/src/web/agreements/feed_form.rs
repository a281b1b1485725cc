//! The form of a feed, for a new one and for one that is changed.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Deserialize;
use url::Url;

use super::super::answers::{Answer, Refused};
use super::super::change::{Changes, Pending, proposed, told};
use super::super::entry::{amount, in_sat};
use super::super::{Frame, Words, page};
use super::form::{NEW, follow_hour, free_name, names};
use crate::config::{Config, Draft, DraftFault, Feed, Place, Setting, is_id};
use crate::domain::invoice::{Invoice, Price};
use crate::domain::money::Msat;
use crate::http::{Limits, Reach, StrictClient};
use crate::payees::l402::{Purchase, fetch};
use crate::status::StatusSource;

/// What the owner fills in, as it was written. Amounts are in sat.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    lan: String,
    /// From one request to the next, in seconds.
    #[serde(default)]
    every: String,
    /// One value a line: its name, `=`, and where its number stands.
    #[serde(default)]
    points: String,
    #[serde(default)]
    price_max: String,
    #[serde(default)]
    per_payment: String,
    #[serde(default)]
    per_day: String,
    #[serde(default)]
    per_month: String,
}

/// The same, read.
struct Terms {
    every_s: u64,
    points: BTreeMap<String, String>,
    /// Keys of the section and of its limits, with what they are to be.
    sums: [(&'static str, &'static str, u64); 4],
}

#[derive(Template)]
#[template(path = "feed_form.html")]
struct FormPage {
    frame: Frame,
    t: Words,
    /// The feed that is changed; none for a new one.
    known: Option<String>,
    entries: Entries,
    faults: Vec<String>,
}

impl FormPage {
    /// Where the form is sent, and where it came from.
    fn action(&self) -> String {
        self.known.as_ref().map_or_else(|| "/feeds/new".to_owned(), |id| format!("/feeds/{id}/edit"))
    }

    fn from(&self) -> String {
        self.known.as_ref().map_or_else(|| "/agreements".to_owned(), |id| format!("/agreements/{id}"))
    }
}

/// `GET /feeds/new`
pub(in super::super) async fn new_page(State(source): State<StatusSource>, t: Words) -> Answer {
    let [price_max, per_payment, per_day, per_month] = PROPOSED.map(|msat| in_sat(msat, t));
    let entries = Entries {
        name: free_name(&source.config(), "weather"),
        every: "3600".to_owned(),
        price_max,
        per_payment,
        per_day,
        per_month,
        ..Entries::default()
    };
    shown(&source, t, None, entries, Vec::new()).await
}

/// `GET /feeds/{id}/edit`
pub(in super::super) async fn edit_page(
    State(source): State<StatusSource>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let config = source.config();
    let known = find(&config, &id).ok_or_else(|| Refused::missing(t, "agreement-gone", "/agreements"))?;
    shown(&source, t, Some(id), Entries::of(known, t), Vec::new()).await
}

/// `POST /feeds/new` and `POST /feeds/{id}/edit`: shows what would change, or what does not fit.
pub(in super::super) async fn save(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    id: Option<Path<String>>,
    Form(entries): Form<Entries>,
) -> Answer {
    let id = id.map(|Path(id)| id);
    let config = source.config();
    let known =
        id.as_ref().map(|id| find(&config, id).ok_or_else(|| Refused::missing(t, "agreement-gone", "/agreements")));
    let known = known.transpose()?;
    let entries = Entries { name: id.clone().unwrap_or_else(|| entries.name.trim().to_owned()), ..entries };
    let proposal = entries.read(t, &config, known).and_then(|terms| {
        let change = |draft: &mut Draft| match known {
            Some(known) => entries.change(&terms, known, draft),
            None => entries.add(&terms, draft),
        };
        proposed(&source, change).map_err(told)
    });
    let proposal = match proposal {
        Ok(proposal) => proposal,
        Err(faults) => {
            let page = shown(&source, t, id, entries, faults).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let done = if known.is_some() { "changed" } else { "made" };
    let (what, then) = (format!("the feed {} was {done}", entries.name), format!("/agreements/{}", entries.name));
    let from = known.map_or_else(|| "/agreements".to_owned(), |_| then.clone());
    let facts = match known.is_some_and(|known| known.url.as_str() == entries.url.trim()) {
        true => Vec::new(),
        false => about_seller(&source, &entries, t).await,
    };
    let month = amount(&entries.per_month).map(Msat);
    Ok(changes.ask(&source, Pending::new(proposal, what, from, then).headed("change-seller").about(facts, month)))
}

impl Entries {
    fn of(known: &Feed, t: Words) -> Entries {
        let lan = match &known.reach {
            Reach::Lan { origin } => origin.ascii_serialization(),
            _ => String::new(),
        };
        let points = known.points.iter().map(|rule| format!("{} = {}\n", rule.point, rule.pointer));
        Entries {
            name: known.id.clone(),
            url: known.url.to_string(),
            lan,
            every: (known.every_ms / MILLI).to_string(),
            points: points.collect(),
            price_max: in_sat(known.price_max.0, t),
            per_payment: in_sat(known.budget.per_payment.0, t),
            per_day: in_sat(known.budget.per_day.0, t),
            per_month: in_sat(known.budget.per_month.0, t),
        }
    }

    /// Every fault at once, each with the name of its field.
    fn read(&self, t: Words, config: &Config, known: Option<&Feed>) -> Result<Terms, Vec<String>> {
        let mut faults = Vec::new();
        let mut sum = |text: &str, field: &str| {
            let read = amount(text);
            if read.is_none() {
                faults.push(t.with("fault-amount", "field", t.say(field)));
            }
            read.unwrap_or_default()
        };
        let sums = [
            ("", "price_max_msat", sum(&self.price_max, "form-ticket-max")),
            ("limits", "per_payment_msat", sum(&self.per_payment, "form-per-payment")),
            ("limits", "per_day_msat", sum(&self.per_day, "form-per-day")),
            ("limits", "per_month_msat", sum(&self.per_month, "form-per-month")),
        ];
        let every_s = self.every.trim().parse().unwrap_or_else(|_| {
            faults.push(t.with("fault-number", "field", t.say("form-every")));
            0
        });
        if self.url.trim().is_empty() {
            faults.push(t.with("fault-empty", "field", t.say("form-url")));
        }
        let mut points = BTreeMap::new();
        for line in self.points.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once('=').map(|(name, pointer)| (name.trim(), pointer.trim())) {
                Some((name, pointer)) if is_id(name) && pointer.starts_with('/') => {
                    points.insert(name.to_owned(), pointer.to_owned());
                }
                _ => faults.push(t.with("fault-point", "line", line)),
            }
        }
        if points.is_empty() {
            faults.push(t.with("fault-empty", "field", t.say("form-points")));
        }
        if known.is_none() {
            let values = [("field", t.say("form-name")), ("name", self.name.clone())];
            if !is_id(&self.name) {
                faults.push(t.fill("fault-name", &values));
            } else if names(config).contains(&self.name) || self.name == NEW {
                faults.push(t.fill("fault-name-taken", &values));
            }
        }
        if faults.is_empty() { Ok(Terms { every_s, points, sums }) } else { Err(faults) }
    }

    fn add(&self, terms: &Terms, draft: &mut Draft) -> Result<(), DraftFault> {
        let text = |text: &str| Setting::Text(text.trim().to_owned());
        let sums = |wanted: &str| {
            let own = terms.sums.iter().filter(move |(below, ..)| *below == wanted);
            own.map(|(_, key, msat)| (*key, Setting::Number(*msat))).collect::<Vec<_>>()
        };
        let mut keys = vec![("id", text(&self.name)), ("url", text(&self.url))];
        if !self.lan.trim().is_empty() {
            keys.push(("lan", text(&self.lan)));
        }
        keys.push(("every_s", Setting::Number(terms.every_s)));
        keys.extend(sums(""));
        let points = terms.points.iter().map(|(name, pointer)| (name.as_str(), text(pointer))).collect();
        draft.add("feed", &keys, &[("points", points), ("limits", sums("limits"))])
    }

    /// Touches only what differs.
    fn change(&self, terms: &Terms, known: &Feed, draft: &mut Draft) -> Result<(), DraftFault> {
        let place = |below| Place::Listed { list: "feed", id: &self.name, below };
        let before = Entries::of(known, Words::of(crate::language::Language::English));
        if self.url.trim() != before.url {
            draft.set(place(""), "url", &Setting::Text(self.url.trim().to_owned()))?;
        }
        match self.lan.trim() {
            "" => draft.clear(place(""), "lan")?,
            lan if lan != before.lan => draft.set(place(""), "lan", &Setting::Text(lan.to_owned()))?,
            _ => {}
        }
        if terms.every_s.saturating_mul(MILLI) != known.every_ms {
            draft.set(place(""), "every_s", &Setting::Number(terms.every_s))?;
        }
        let budget = &known.budget;
        let sums = [known.price_max, budget.per_payment, budget.per_day, budget.per_month];
        for ((below, key, now), _) in terms.sums.iter().zip(sums).filter(|((.., now), before)| *now != before.0) {
            draft.set(place(below), key, &Setting::Number(*now))?;
        }
        let [_, per_payment, per_day, _] = terms.sums.map(|(.., now)| now);
        follow_hour(draft, place("limits"), budget, per_payment, per_day)?;
        let pointer_of = |name: &str| known.points.iter().find(|rule| rule.point == name).map(|rule| &rule.pointer);
        for (name, pointer) in terms.points.iter().filter(|(name, pointer)| pointer_of(name) != Some(*pointer)) {
            draft.set(place("points"), name, &Setting::Text(pointer.clone()))?;
        }
        for rule in known.points.iter().filter(|rule| !terms.points.contains_key(&rule.point)) {
            draft.clear(place("points"), &rule.point)?;
        }
        Ok(())
    }
}

fn find<'a>(config: &'a Config, id: &str) -> Option<&'a Feed> {
    config.feeds.iter().find(|known| known.id == id)
}

async fn shown(
    source: &StatusSource,
    t: Words,
    known: Option<String>,
    entries: Entries,
    faults: Vec<String>,
) -> Answer {
    let frame = Frame::of(source, t, "agreements").await?;
    Ok(page(&FormPage { frame, t, known, entries, faults }))
}

/// Asks the seller for its price, so that the owner sees it before anything is saved. Nothing is paid.
async fn about_seller(source: &StatusSource, entries: &Entries, t: Words) -> Vec<String> {
    let asked: Result<Purchase, String> = async {
        let url = Url::parse(entries.url.trim()).map_err(|fault| fault.to_string())?;
        let reach = match entries.lan.trim() {
            "" => Reach::Public,
            lan => Reach::lan(lan).map_err(|fault| fault.to_string())?,
        };
        let client = StrictClient::new(reach, Limits::default()).map_err(|fault| fault.to_string())?;
        fetch(&client, &url, None).await.map_err(|fault| fault.to_string())
    }
    .await;
    vec![match asked {
        Ok(Purchase::PaymentRequired(challenge)) => {
            let any = Price::AtMost(Msat(u64::MAX));
            match Invoice::check(&challenge.invoice, source.config().network, any, source.clock.now().wall) {
                Ok(invoice) => t.with("change-seller-asks", "price", t.sat(&invoice.amount.0)),
                Err(fault) => t.with("change-seller-silent", "fault", fault),
            }
        }
        Ok(Purchase::Data(_)) => t.say("change-seller-free"),
        Ok(Purchase::CredentialRefused(_)) => t.say("change-seller-unclear"),
        Err(fault) => t.with("change-seller-silent", "fault", fault),
    }]
}

/// For a ticket, and in one payment, a day and a month, in msat.
const PROPOSED: [u64; 4] = [20_000, 30_000, 1_000_000, 20_000_000];
const MILLI: u64 = 1_000;
