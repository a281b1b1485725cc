//! The house: its name and language, its limits, and when the owner is asked.

use axum::Form;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::super::Words;
use super::super::answers::Answer;
use super::super::change::{Changes, Pending};
use super::super::door::Peer;
use super::super::entry::{amount, in_sat};
use super::Filled;
use crate::config::{Config, Draft, DraftFault, Place, Setting};
use crate::domain::rate::Currency;
use crate::language::Language;
use crate::status::StatusSource;

/// What the owner fills in, as it was written. Amounts are in sat.
#[derive(Clone, Debug, Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub language: String,
    #[serde(default)]
    pub zone: String,
    #[serde(default)]
    pub currency: String,
    #[serde(default)]
    pub notify: String,
    /// A box: absent when it is empty.
    pub notify_json: Option<String>,
    #[serde(default)]
    pub per_payment: String,
    #[serde(default)]
    pub per_hour: String,
    #[serde(default)]
    pub per_day: String,
    #[serde(default)]
    pub per_month: String,
    #[serde(default)]
    pub ask_above: String,
    /// A box: absent when it is empty.
    pub ask_first: Option<String>,
}

impl Entries {
    pub fn of(config: &Config, t: Words) -> Entries {
        let house = &config.house;
        Entries {
            name: config.name.clone(),
            language: config.language.map_or_else(String::new, |language| language.tag().to_owned()),
            zone: config.zone.iana_name().unwrap_or("system").to_owned(),
            currency: config.currency.map_or_else(String::new, |currency| currency.code().to_owned()),
            notify: config.notify.as_ref().map_or_else(String::new, |notify| notify.url.to_string()),
            notify_json: config.notify.as_ref().filter(|notify| notify.json).map(|_| "on".to_owned()),
            per_payment: in_sat(house.per_payment.0, t),
            per_hour: in_sat(house.per_hour.0, t),
            per_day: in_sat(house.per_day.0, t),
            per_month: in_sat(house.per_month.0, t),
            ask_above: config.ask.above.map_or_else(String::new, |above| in_sat(above.0, t)),
            ask_first: config.ask.first.then(|| "on".to_owned()),
        }
    }

    /// Touches only what differs from what is in force.
    fn change(&self, t: Words, config: &Config, mut draft: Draft) -> Result<Result<Draft, Vec<String>>, DraftFault> {
        let before = Entries::of(config, t);
        let top = Place::Section("");
        let mut faults = Vec::new();
        if self.name.trim().is_empty() {
            faults.push(t.with("fault-empty", "field", t.say("house-name")));
        }
        for (place, key, now, before) in [
            (top, "name", &self.name, &before.name),
            (Place::Section("web"), "language", &self.language, &before.language),
            (top, "time_zone", &self.zone, &before.zone),
            (top, "currency", &self.currency, &before.currency),
            (Place::Section("notify"), "url", &self.notify, &before.notify),
        ] {
            if now.trim() != before {
                draft.set(place, key, &Setting::Text(now.trim().to_owned()))?;
            }
        }
        let limits = Place::Section("limits");
        for (place, key, now, before, field) in [
            (limits, "per_payment_msat", &self.per_payment, &before.per_payment, "limit-payment"),
            (limits, "per_hour_msat", &self.per_hour, &before.per_hour, "limit-hour"),
            (limits, "per_day_msat", &self.per_day, &before.per_day, "limit-day"),
            (limits, "per_month_msat", &self.per_month, &before.per_month, "limit-month"),
            (Place::Section("ask"), "above_msat", &self.ask_above, &before.ask_above, "house-ask-above"),
        ] {
            match amount(now) {
                None => faults.push(t.with("fault-amount", "field", t.say(field))),
                Some(msat) if amount(before) != Some(msat) => draft.set(place, key, &Setting::Number(msat))?,
                Some(_) => {}
            }
        }
        if self.notify_json.is_some() != before.notify_json.is_some() {
            let format = if self.notify_json.is_some() { "json" } else { "text" };
            draft.set(Place::Section("notify"), "format", &Setting::Text(format.to_owned()))?;
        }
        if self.ask_first.is_some() != config.ask.first {
            draft.set(Place::Section("ask"), "first_payment", &Setting::Flag(self.ask_first.is_some()))?;
        }
        Ok(if faults.is_empty() { Ok(draft) } else { Err(faults) })
    }
}

/// `POST /settings`: shows what would change, or what does not fit.
pub(in super::super) async fn save(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
    Form(entries): Form<Entries>,
) -> Answer {
    let config = source.config();
    let changed = Draft::of(&source.settings.text()).and_then(|draft| entries.change(t, &config, draft));
    let proposal = changed.unwrap_or_else(|fault| Err(vec![fault.to_string()])).and_then(|draft| {
        let text = draft.into_text();
        source.settings.propose(text).map_err(super::super::change::told)
    });
    match proposal {
        Ok(proposal) => {
            let then = "/settings".to_owned();
            Ok(changes.ask(&source, Pending::new(proposal, "settings were changed".to_owned(), then.clone(), then)))
        }
        Err(faults) => {
            let filled = Filled { entries, faults, ..Filled::default() };
            let page = super::shown(&source, &peer, t, &headers, filled).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

impl super::SettingsPage {
    /// The code of every currency.
    pub(super) fn currencies(&self) -> [&'static str; Currency::ALL.len()] {
        Currency::ALL.map(Currency::code)
    }

    /// Whether this language is the one that is chosen.
    pub(super) fn speaks(&self, language: &Language) -> bool {
        self.entries.language == language.tag()
    }
}
