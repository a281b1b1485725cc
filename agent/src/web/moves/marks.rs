//! The marks between which spending money is kept, as the owner fills them in.

use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::super::Words;
use super::super::answers::Answer;
use super::super::change::{Changes, Pending, proposed, told};
use super::super::entry::{amount, in_sat};
use super::{HOME, shown};
use crate::config::{Draft, DraftFault, Place, Setting};
use crate::domain::money::MSAT_PER_SAT;
use crate::domain::refill::{RefillRule, SweepTo};
use crate::status::StatusSource;

/// As it was written; amounts are in sat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    pub(super) low: String,
    #[serde(default)]
    pub(super) high: String,
    /// A box: absent when it is empty.
    pub(super) ask: Option<String>,
    /// `savings`, `nowhere`, or `address` for what is written below.
    #[serde(default)]
    pub(super) sweep: String,
    #[serde(default)]
    pub(super) address: String,
    /// Whom channels are opened to; absent where the wallet is none that wants it.
    pub(super) channel_to: Option<String>,
}

impl Entries {
    pub(super) fn of(rule: Option<&RefillRule>, t: Words) -> Entries {
        let marked = |sat: u64| in_sat(sat.saturating_mul(MSAT_PER_SAT), t);
        Entries {
            low: rule.map_or_else(String::new, |rule| marked(rule.low_sat)),
            high: rule.map_or_else(String::new, |rule| marked(rule.high_sat)),
            ask: rule.is_none_or(|rule| rule.asks).then(|| "on".to_owned()),
            sweep: match rule.map(|rule| &rule.sweep) {
                None | Some(SweepTo::Savings) => "savings",
                Some(SweepTo::Nowhere) => "nowhere",
                Some(SweepTo::Address(_)) => ADDRESS,
            }
            .to_owned(),
            address: match rule.map(|rule| &rule.sweep) {
                Some(SweepTo::Address(address)) => address.clone(),
                _ => String::new(),
            },
            channel_to: rule.and_then(|rule| rule.channel_to.as_ref()).map(|(key, address)| format!("{key}@{address}")),
        }
    }

    /// As the configuration has it.
    fn sweep_to(&self) -> &str {
        if self.sweep == ADDRESS { self.address.trim() } else { &self.sweep }
    }

    pub(super) fn peer(&self) -> &str {
        self.channel_to.as_deref().unwrap_or_default().trim()
    }

    /// Whether this is chosen.
    pub(super) fn sweeps(&self, to: &str) -> bool {
        self.sweep == to
    }

    /// Both marks in satoshis; nothing written means none.
    fn marks(&self, t: Words) -> Result<(u64, u64), Vec<String>> {
        let read = |text: &str, field: &str| match text.trim() {
            "" => Ok(0),
            text => amount(text)
                .filter(|msat| msat.is_multiple_of(MSAT_PER_SAT))
                .map(|msat| msat / MSAT_PER_SAT)
                .ok_or_else(|| t.with("fault-amount", "field", t.say(field))),
        };
        match (read(&self.low, "moves-low"), read(&self.high, "moves-high")) {
            (Ok(low), Ok(high)) => Ok((low, high)),
            (low, high) => Err([low.err(), high.err()].into_iter().flatten().collect()),
        }
    }

    /// Touches only what differs from what is in force.
    fn change(
        &self,
        (low, high): (u64, u64),
        rule: Option<&RefillRule>,
        t: Words,
        draft: &mut Draft,
    ) -> Result<(), DraftFault> {
        let (before, place) = (Entries::of(rule, t), Place::Section("refill"));
        for (key, now, known) in [
            ("low_sat", low, rule.map_or(0, |rule| rule.low_sat)),
            ("high_sat", high, rule.map_or(0, |rule| rule.high_sat)),
        ] {
            if now != known {
                draft.set(place, key, &Setting::Number(now))?;
            }
        }
        if self.ask.is_some() != before.ask.is_some() {
            draft.set(place, "ask", &Setting::Flag(self.ask.is_some()))?;
        }
        if self.sweep_to() != before.sweep_to() {
            draft.set(place, "sweep_to", &Setting::Text(self.sweep_to().to_owned()))?;
        }
        match self.peer() {
            _ if self.channel_to.is_none() || self.peer() == before.peer() => {}
            "" => draft.clear(place, "channel_to")?,
            peer => draft.set(place, "channel_to", &peer.into())?,
        }
        Ok(())
    }
}

/// `POST /wallet/moves/marks`: shows what would change, or what does not fit.
pub(in super::super) async fn save(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let config = source.config();
    let proposal = entries.marks(t).and_then(|marks| {
        proposed(&source, |draft| entries.change(marks, config.refill.as_ref(), t, draft)).map_err(told)
    });
    match proposal {
        Ok(proposal) => {
            let what = "the marks of spending money were changed".to_owned();
            Ok(changes.ask(&source, Pending::new(proposal, what, HOME.to_owned(), HOME.to_owned())))
        }
        Err(faults) => {
            let page = shown(&source, t, entries, faults).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

const ADDRESS: &str = "address";
