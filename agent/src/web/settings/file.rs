//! `kilosat.toml` itself: as a text that can be changed, and as the versions it had.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::change::{Changes, Pending, told};
use super::super::{Frame, Words, page};
use crate::status::StatusSource;

#[derive(Template)]
#[template(path = "settings_file.html")]
struct FilePage {
    frame: Frame,
    t: Words,
    text: String,
    faults: Vec<String>,
}

/// The whole text.
#[derive(Deserialize)]
pub(in super::super) struct Text {
    text: String,
}

/// `GET /settings/file`
pub(in super::super) async fn edit_page(State(source): State<StatusSource>, t: Words) -> Answer {
    let frame = Frame::of(&source, t, "settings").await?;
    Ok(page(&FilePage {
        frame,
        t,
        text: source.settings.text_in_file(),
        faults: source.settings.fault().into_iter().collect(),
    }))
}

/// `POST /settings/file`: shows what would change, or every mistake.
pub(in super::super) async fn save_file(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Form(form): Form<Text>,
) -> Answer {
    // Browsers send lines with the ends of another age.
    let mut text = form.text.replace("\r\n", "\n");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let replaces = source.settings.text_in_file();
    match source.settings.propose_in_place_of(text.clone(), replaces) {
        Ok(proposal) => {
            let what = "kilosat.toml was changed".to_owned();
            let (from, then) = ("/settings/file".to_owned(), "/settings".to_owned());
            Ok(changes.ask(&source, Pending::new(proposal, what, from, then)))
        }
        Err(fault) => {
            let frame = Frame::of(&source, t, "settings").await?;
            let page = page(&FilePage { frame, t, text, faults: told(fault) });
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// `POST /settings/versions/{number}`: shows what would change if this former version came back.
pub(in super::super) async fn restore(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Path(number): Path<u64>,
) -> Answer {
    let refused = |fault: crate::settings::SettingsFault| {
        Refused::because(StatusCode::CONFLICT, t, fault.to_string(), "/settings")
    };
    let text = source.settings.version(number).map_err(refused)?;
    let proposal = source.settings.propose(text).map_err(refused)?;
    let what = format!("the version of kilosat.toml before change {number} came back");
    let here = "/settings".to_owned();
    Ok(changes.ask(&source, Pending::new(proposal, what, here.clone(), here)))
}
