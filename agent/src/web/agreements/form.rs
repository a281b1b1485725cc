//! The form of an agreement, for a new one and for one that is changed.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::change::{Changes, Pending, proposed, told};
use super::super::entry::{amount, in_sat};
use super::super::{Frame, Words, page};
use crate::config::{Agreement, Config, Draft, DraftFault, Place, Setting};
use crate::domain::money::Msat;
use crate::domain::policy::Budget;
use crate::http::{Limits, Reach, StrictClient};
use crate::payees::lnurl::{PayTarget, PayeeView, look_up};
use crate::status::StatusSource;

/// What the owner fills in, as it was written. Amounts are in sat.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    name: String,
    #[serde(default)]
    meter: String,
    #[serde(default)]
    payee: String,
    #[serde(default)]
    lan: String,
    #[serde(default)]
    price: String,
    #[serde(default)]
    slice: String,
    #[serde(default)]
    per_payment: String,
    #[serde(default)]
    per_day: String,
    #[serde(default)]
    per_month: String,
    #[serde(default)]
    price_max: String,
}

/// The same, read.
struct Terms {
    price: u64,
    slice: u64,
    per_payment: u64,
    per_day: u64,
    per_month: u64,
    price_max: Option<u64>,
}

#[derive(Template)]
#[template(path = "agreement_form.html")]
struct FormPage {
    frame: Frame,
    t: Words,
    /// The agreement that is changed; none for a new one.
    known: Option<String>,
    entries: Entries,
    meters: Vec<String>,
    faults: Vec<String>,
}

impl FormPage {
    /// Where the form is sent, and where it came from.
    fn action(&self) -> String {
        self.known.as_ref().map_or_else(|| "/agreements/new".to_owned(), |id| format!("/agreements/{id}/edit"))
    }

    fn from(&self) -> String {
        self.known.as_ref().map_or_else(|| "/agreements".to_owned(), |id| format!("/agreements/{id}"))
    }

    /// What a household pays in a month at this price.
    fn household_note(&self) -> String {
        let Some(price) = amount(&self.entries.price).filter(|price| *price > 0) else { return String::new() };
        let sum = self.t.whole(&(price.saturating_mul(HOUSEHOLD_KWH) / MSAT));
        self.t.fill("form-per-month-note", &[("price", self.entries.price.clone()), ("amount", sum)])
    }
}

/// `GET /agreements/new`
pub(in super::super) async fn new_page(State(source): State<StatusSource>, t: Words) -> Answer {
    let config = source.config();
    let meter = meters(&config).into_iter().next().unwrap_or_default();
    let price = config.agreements.first().map_or(PRICE, |known| known.price.0);
    let sums = [price * HOUSEHOLD_KWH / 15, price * HOUSEHOLD_KWH * 3 / 2].map(|msat| in_sat(round_up(msat), t));
    let [per_day, per_month] = sums;
    let entries = Entries {
        name: free_name(&config, "electricity"),
        meter,
        price: in_sat(price, t),
        slice: in_sat(SLICE, t),
        per_payment: in_sat(SLICE * 2, t),
        per_day,
        per_month,
        ..Entries::default()
    };
    shown(&source, t, None, entries, Vec::new()).await
}

/// `GET /agreements/{id}/edit`
pub(in super::super) async fn edit_page(
    State(source): State<StatusSource>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let config = source.config();
    let known = config.agreements.iter().find(|known| known.id == id);
    let known = known.ok_or_else(|| Refused::missing(t, "agreement-gone", "/agreements"))?;
    let entries = Entries::of(known, t);
    shown(&source, t, Some(id), entries, Vec::new()).await
}

/// `POST /agreements/new` and `POST /agreements/{id}/edit`: shows what would change, or what does not fit.
pub(in super::super) async fn save(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    id: Option<Path<String>>,
    Form(entries): Form<Entries>,
) -> Answer {
    let id = id.map(|Path(id)| id);
    let config = source.config();
    let known = match &id {
        None => None,
        Some(id) => {
            let known = config.agreements.iter().find(|known| known.id == *id);
            Some(known.ok_or_else(|| Refused::missing(t, "agreement-gone", "/agreements"))?)
        }
    };
    let entries = Entries { name: id.clone().unwrap_or_else(|| entries.name.trim().to_owned()), ..entries };
    let terms = match entries.read(t, &config, known) {
        Ok(terms) => terms,
        Err(faults) => {
            return Ok(
                (StatusCode::UNPROCESSABLE_ENTITY, shown(&source, t, id, entries, faults).await?).into_response()
            );
        }
    };
    let proposal = proposed(&source, |draft| match known {
        Some(known) => entries.change(&terms, known, draft),
        None => entries.add(&terms, draft),
    });
    let proposal = proposal.map_err(told);
    let proposal = match proposal {
        Ok(proposal) => proposal,
        Err(faults) => {
            return Ok(
                (StatusCode::UNPROCESSABLE_ENTITY, shown(&source, t, id, entries, faults).await?).into_response()
            );
        }
    };
    let what = match known {
        Some(_) => format!("the agreement {} was changed", entries.name),
        None => format!("the agreement {} was made", entries.name),
    };
    let then = format!("/agreements/{}", entries.name);
    let from = known.map_or_else(|| "/agreements".to_owned(), |_| then.clone());
    let facts = match known.is_some_and(|known| known.payee.to_string() == entries.payee.trim()) {
        true => Vec::new(),
        false => about_payee(&entries, t).await,
    };
    Ok(changes.ask(&source, Pending::new(proposal, what, from, then).about(facts, Some(Msat(terms.per_month)))))
}

impl Entries {
    fn of(known: &Agreement, t: Words) -> Entries {
        let lan = match &known.reach {
            Reach::Lan { origin } => origin.ascii_serialization(),
            _ => String::new(),
        };
        Entries {
            name: known.id.clone(),
            meter: known.meter.clone(),
            payee: known.payee.to_string(),
            lan,
            price: in_sat(known.price.0, t),
            slice: in_sat(known.slice.0, t),
            per_payment: in_sat(known.budget.per_payment.0, t),
            per_day: in_sat(known.budget.per_day.0, t),
            per_month: in_sat(known.budget.per_month.0, t),
            price_max: known.budget.price_max.map_or_else(String::new, |price| in_sat(price.0, t)),
        }
    }

    /// Every fault at once, each with the name of its field.
    fn read(&self, t: Words, config: &Config, known: Option<&Agreement>) -> Result<Terms, Vec<String>> {
        let mut faults = Vec::new();
        let mut number = |text: &str, field: &str| {
            let number = amount(text);
            if number.is_none() {
                faults.push(t.with("fault-amount", "field", t.say(field)));
            }
            number.unwrap_or_default()
        };
        let terms = Terms {
            price: number(&self.price, "form-price"),
            slice: number(&self.slice, "form-slice"),
            per_payment: number(&self.per_payment, "form-per-payment"),
            per_day: number(&self.per_day, "form-per-day"),
            per_month: number(&self.per_month, "form-per-month"),
            price_max: match self.price_max.trim() {
                "" => None,
                text => Some(number(text, "form-price-max")),
            },
        };
        for (narrow, field, wide, wider) in [
            (terms.per_payment, "form-per-payment", terms.per_day, "form-per-day"),
            (terms.per_day, "form-per-day", terms.per_month, "form-per-month"),
        ] {
            if faults.is_empty() && narrow > wide {
                faults.push(t.fill("fault-order", &[("field", t.say(field)), ("wider", t.say(wider))]));
            }
        }
        if PayTarget::parse(self.payee.trim()).is_err() {
            faults.push(t.with("fault-payee", "field", t.say("form-payee")));
        }
        if self.meter.is_empty() {
            faults.push(t.with("fault-empty", "field", t.say("form-meter")));
        }
        if known.is_none() {
            if !crate::config::is_id(&self.name) {
                faults.push(t.with("fault-name", "field", t.say("form-name")));
            } else if names(config).contains(&self.name) || self.name == NEW {
                let values = [("field", t.say("form-name")), ("name", self.name.clone())];
                faults.push(t.fill("fault-name-taken", &values));
            }
        }
        if faults.is_empty() { Ok(terms) } else { Err(faults) }
    }

    fn add(&self, terms: &Terms, draft: &mut Draft) -> Result<(), DraftFault> {
        let text = |text: &str| Setting::Text(text.trim().to_owned());
        let mut keys = vec![("id", text(&self.name)), ("meter", text(&self.meter)), ("payee", text(&self.payee))];
        if !self.lan.trim().is_empty() {
            keys.push(("lan", text(&self.lan)));
        }
        keys.push(("price_msat_per_kwh", Setting::Number(terms.price)));
        keys.push(("slice_msat", Setting::Number(terms.slice)));
        let mut limits = vec![
            ("per_payment_msat", Setting::Number(terms.per_payment)),
            ("per_day_msat", Setting::Number(terms.per_day)),
            ("per_month_msat", Setting::Number(terms.per_month)),
        ];
        limits.extend(terms.price_max.map(|price| ("price_max_msat_per_kwh", Setting::Number(price))));
        draft.add("agreement", &keys, &[("limits", limits)])
    }

    /// Touches only what differs.
    fn change(&self, terms: &Terms, known: &Agreement, draft: &mut Draft) -> Result<(), DraftFault> {
        let own = Place::Listed { list: "agreement", id: &self.name, below: "" };
        let limits = Place::Listed { list: "agreement", id: &self.name, below: "limits" };
        let before = Entries::of(known, Words::of(crate::language::Language::English));
        for (key, now, before) in [("meter", &self.meter, &before.meter), ("payee", &self.payee, &before.payee)] {
            if now.trim() != before {
                draft.set(own, key, &Setting::Text(now.trim().to_owned()))?;
            }
        }
        match self.lan.trim() {
            "" => draft.clear(own, "lan")?,
            lan if lan != before.lan => draft.set(own, "lan", &Setting::Text(lan.to_owned()))?,
            _ => {}
        }
        let budget = &known.budget;
        for (place, key, now, before) in [
            (own, "price_msat_per_kwh", terms.price, known.price.0),
            (own, "slice_msat", terms.slice, known.slice.0),
            (limits, "per_payment_msat", terms.per_payment, budget.per_payment.0),
            (limits, "per_day_msat", terms.per_day, budget.per_day.0),
            (limits, "per_month_msat", terms.per_month, budget.per_month.0),
        ] {
            if now != before {
                draft.set(place, key, &Setting::Number(now))?;
            }
        }
        follow_hour(draft, limits, budget, terms.per_payment, terms.per_day)?;
        match terms.price_max {
            None => draft.clear(limits, "price_max_msat_per_kwh")?,
            Some(price) => draft.set(limits, "price_max_msat_per_kwh", &Setting::Number(price))?,
        }
        Ok(())
    }
}

/// No form has a field for the hour's limit; it follows what is narrower and wider.
pub(super) fn follow_hour(
    draft: &mut Draft,
    limits: Place<'_>,
    budget: &Budget,
    per_payment: u64,
    per_day: u64,
) -> Result<(), DraftFault> {
    let hour = budget.per_hour.0.clamp(per_payment.min(per_day), per_day);
    if hour != budget.per_hour.0 && draft.has(limits, "per_hour_msat") {
        draft.set(limits, "per_hour_msat", &Setting::Number(hour))?;
    }
    Ok(())
}

async fn shown(
    source: &StatusSource,
    t: Words,
    known: Option<String>,
    entries: Entries,
    faults: Vec<String>,
) -> Answer {
    let frame = Frame::of(source, t, "agreements").await?;
    let meters = meters(&source.config());
    Ok(page(&FormPage { frame, t, known, entries, meters, faults }))
}

/// Asks the payee who it is, so that the owner sees it before anything is saved.
async fn about_payee(entries: &Entries, t: Words) -> Vec<String> {
    let payee = entries.payee.trim();
    let view: Result<PayeeView, String> = async {
        let target = PayTarget::parse(payee).map_err(|fault| fault.to_string())?;
        let reach = match entries.lan.trim() {
            "" => Reach::Public,
            lan => Reach::lan(lan).map_err(|fault| fault.to_string())?,
        };
        let client = StrictClient::new(reach, Limits::default()).map_err(|fault| fault.to_string())?;
        look_up(&client, &target).await.map_err(|fault| fault.to_string())
    }
    .await;
    match view {
        Ok(view) => {
            let range = [("least", t.sat(&view.min_msat)), ("most", t.sat(&view.max_msat))];
            vec![
                t.fill("change-payee-answers", &[("payee", payee.to_owned()), ("text", view.text)]),
                t.fill("change-payee-range", &range),
            ]
        }
        Err(fault) => vec![t.fill("change-payee-silent", &[("payee", payee.to_owned()), ("fault", fault)])],
    }
}

fn meters(config: &Config) -> Vec<String> {
    let modbus = config.meters.iter().map(|meter| meter.id.clone());
    modbus.chain(config.pulse_meters.iter().map(|meter| meter.id.clone())).collect()
}

/// Every name that is taken.
pub(super) fn names(config: &Config) -> Vec<String> {
    let mut names = meters(config);
    names.extend(config.agreements.iter().map(|known| known.id.clone()));
    names.extend(config.feeds.iter().map(|known| known.id.clone()));
    names.extend(config.inputs.iter().map(|known| known.id.clone()));
    names.extend(config.relays.iter().map(|known| known.id.clone()));
    names
}

/// This name, or with a number if something is called so already.
pub(super) fn free_name(config: &Config, name: &str) -> String {
    let names = names(config);
    let numbered = (2..100).map(|number| format!("{name}-{number}"));
    let mut all = std::iter::once(name.to_owned()).chain(numbered);
    all.find(|name| !names.contains(name)).unwrap_or_default()
}

/// To a number of satoshis that is easily read.
fn round_up(msat: u64) -> u64 {
    msat.div_ceil(ROUND_MSAT) * ROUND_MSAT
}

/// Stands in addresses.
pub(super) const NEW: &str = "new";
const MSAT: u64 = 1_000;
const ROUND_MSAT: u64 = 1_000_000;
/// What a household uses in a month.
const HOUSEHOLD_KWH: u64 = 300;
/// Of a kilowatt-hour, before the owner says what it is.
const PRICE: u64 = 300_000;
const SLICE: u64 = 500_000;
