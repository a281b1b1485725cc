//! Devices: what each says now, how well it is read, and how a new one is found.

mod by_hand;
mod edit;
mod search;

use askama::Template;
use axum::extract::{Extension, Path, State};

pub(super) use self::by_hand::{form as by_hand_page, read as read_by_hand};
pub(super) use self::edit::{edit, edit_page};
pub(super) use self::search::{Searches, add, begin, end, form, progress};
use super::answers::{Answer, Refused};
use super::change::{Changes, Pending, proposed};
use super::history::label;
use super::{Frame, Words, page};
use crate::config::{Measured, MeterLine};
use crate::latest::Value;
use crate::status::{MeterStatus, Status, StatusSource};

#[derive(Template)]
#[template(path = "devices.html")]
pub(super) struct DevicesPage {
    pub(super) frame: Frame,
    pub(super) t: Words,
    pub(super) status: Status,
    /// By meter: where it is, and the profile it is read by.
    pub(super) places: Vec<(String, String, String)>,
    pub(super) points: Vec<(String, Vec<(String, Value)>)>,
}

impl DevicesPage {
    fn line_of(&self, id: &str) -> Option<&str> {
        self.places.iter().find(|(known, ..)| known == id).map(|(_, line, _)| line.as_str())
    }

    fn profile_of(&self, id: &str) -> Option<&str> {
        self.places.iter().find(|(known, ..)| known == id).map(|(.., profile)| profile.as_str())
    }

    fn measures(&self, meter: &MeterStatus) -> Option<String> {
        meter.measures.as_ref().map(|word| self.t.say(&format!("measures-{word}")))
    }

    fn points_of(&self, id: &str) -> &[(String, Value)] {
        self.points.iter().find(|(known, _)| known == id).map_or(&[], |(_, points)| points)
    }

    fn label(&self, point: &str) -> String {
        label(point, self.t)
    }
}

/// Something a meter can measure, and whether it does.
struct Choice {
    word: &'static str,
    label: String,
    is_chosen: bool,
}

fn choices(t: Words, chosen: &str) -> Vec<Choice> {
    let choice = |measured: Measured| {
        let word = measured.word();
        Choice { word, label: t.say(&format!("measures-{word}")), is_chosen: word == chosen }
    };
    Measured::ALL.into_iter().map(choice).collect()
}

/// `GET /devices`
pub(super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let status = source.status().await.map_err(Refused::gone(t))?;
    let frame = Frame::of(&source, t, "devices").await?;
    let config = source.config();
    let places = config.meters.iter().map(|meter| {
        let line = match &meter.line {
            MeterLine::Serial { path, .. } => format!("{}, {}", path.display(), meter.unit),
            MeterLine::Network { host, port, .. } => format!("{host}:{port}, {}", meter.unit),
        };
        let profile = meter.model.profile().map_or_else(|| "sunspec".to_owned(), |profile| profile.name.clone());
        (meter.id.clone(), line, profile)
    });
    let points = status.meters.iter().map(|meter| (meter.id.clone(), source.points_of(&meter.id)));
    let (places, points) = (places.collect(), points.collect());
    Ok(page(&DevicesPage { frame, t, status, places, points }))
}

/// `POST /devices/{id}/remove`: once the owner has confirmed it.
pub(super) async fn remove(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let refused = |text: String| Refused::because(axum::http::StatusCode::CONFLICT, t, text, "/devices");
    let config = source.config();
    let is_paid_for = config.agreements.iter().find(|agreement| agreement.meter == id);
    if let Some(agreement) = is_paid_for {
        let values = [("meter", id.clone()), ("agreement", agreement.id.clone())];
        return Err(refused(t.fill("device-in-use", &values)));
    }
    let is_known = config.meter(&id).is_some() || config.pulse_meters.iter().any(|meter| meter.id == id);
    if !is_known {
        return Err(Refused::missing(t, "device-gone", "/devices"));
    }
    let proposal = proposed(&source, |draft| draft.remove("meter", &id)).map_err(|fault| refused(fault.to_string()))?;
    let here = "/devices".to_owned();
    Ok(changes.ask(&source, Pending::new(proposal, format!("the device {id} was removed"), here.clone(), here)))
}
