//! The home page: what needs the owner, what happens now, and what today has cost.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Json};

use super::answers::{Answer, Refused};
use super::flow::Picture;
use super::history::rise_of_today;
use super::setup::{Step, steps};
use super::{Frame, Words, page, show};
use crate::config::Config;
use crate::status::{AgreementStatus, Status, StatusSource};

/// The home page.
#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct Home<'a> {
    pub frame: Frame,
    pub t: Words,
    pub status: &'a Status,
    /// Where power comes from and goes.
    pub picture: Option<Picture>,
    /// Of every agreement, what its meter counted and what that costs, since midnight.
    pub today: Vec<Today>,
    /// What is still to be set up.
    pub setup: Vec<Step>,
}

/// What an agreement's day was like so far.
pub(super) struct Today {
    pub agreement: String,
    /// In thousandths of Wh; absent where the history has none.
    pub energy_mwh: Option<u64>,
    /// In msat.
    pub cost_msat: Option<u64>,
}

impl Home<'_> {
    /// What is still missing until the agreement pays.
    fn missing(&self, agreement: &AgreementStatus) -> Option<String> {
        let missing = agreement.slice_msat.checked_sub(agreement.owed_msat).filter(|missing| *missing > 0)?;
        let is_quiet = agreement.notices.is_empty() && !agreement.paused;
        is_quiet.then(|| self.t.with("home-next", "missing", self.t.sat(&missing)))
    }

    fn channels(&self) -> Option<String> {
        let (usable, all) = (self.status.lightning.channels_usable?, self.status.lightning.channels?);
        Some(match all {
            0 => self.t.say("channels-none"),
            _ => self.t.fill(
                "channels-ready",
                &[("usable", self.t.whole(&(usable as u64))), ("all", self.t.whole(&(all as u64)))],
            ),
        })
    }
}

/// `GET /`
pub(super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let status = source.status().await.map_err(Refused::gone(t))?;
    let today = today(&source).await;
    let frame = Frame::around(&status, t, source.settings.waits_for_new_start());
    let setup = steps(&source, &status);
    let picture = Picture::of(&status, t);
    Ok(page(&Home { frame, t, picture, status: &status, today, setup }))
}

/// `GET /status.json`
pub(super) async fn json(State(source): State<StatusSource>, t: Words) -> Answer {
    Ok(Json(source.status().await.map_err(Refused::gone(t))?).into_response())
}

async fn today(source: &StatusSource) -> Vec<Today> {
    let config = source.config();
    let keys = source.history.keys().await.unwrap_or_default();
    let mut all = Vec::new();
    for agreement in &config.agreements {
        let counter = counter_of(&config, &agreement.meter);
        let energy = keys.iter().find(|key| key.source == agreement.meter && key.point == counter);
        let cost = keys.iter().find(|key| key.source == agreement.id && key.point == "cost");
        all.push(Today {
            agreement: agreement.id.clone(),
            energy_mwh: rise_of_today(source, energy).await,
            cost_msat: rise_of_today(source, cost).await,
        });
    }
    all
}

/// The point of the history that a meter is billed by.
fn counter_of(config: &Config, meter: &str) -> String {
    use kilosat_drivers::reading::Quantity;
    let profile = config.meter(meter).and_then(|meter| meter.model.profile());
    profile.and_then(|profile| profile.billed).unwrap_or(Quantity::ENERGY_IMPORT).to_string()
}
