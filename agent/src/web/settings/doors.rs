//! Who may use the page: sessions that can be ended, and the password.

use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use super::super::Words;
use super::super::answers::Answer;
use super::super::door::Peer;
use super::super::gate::{audit, status_of};
use super::{Entries, Filled};
use crate::access::Denied;
use crate::status::StatusSource;

/// The old password and the new one, twice.
#[derive(Deserialize)]
pub(in super::super) struct Passwords {
    old: String,
    new: String,
    again: String,
}

/// `POST /settings/sessions/{number}/end`
pub(in super::super) async fn end_session(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    Path(number): Path<u64>,
) -> Answer {
    if source.access.end_session(number) {
        audit(&source, format!("session {number} was ended on the page, from {}", peer.address.ip())).await;
    }
    Ok(Redirect::to("/settings#doors").into_response())
}

/// `POST /settings/password`: ends every session.
pub(in super::super) async fn change_password(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
    Form(form): Form<Passwords>,
) -> Answer {
    let changed = match form.new == form.again {
        true => source.access.change_password(peer.address.ip(), &form.old, &form.new).await,
        false => Err(Denied::Weak("The two new passwords are not the same. Enter the same one twice.")),
    };
    match changed {
        Ok(()) => {
            let from = peer.address.ip();
            audit(&source, format!("the password was changed on the page, from {from}; all sessions ended")).await;
            Ok(Redirect::to("/login?changed=1").into_response())
        }
        Err(denied) => {
            let entries = Entries::of(&source.config(), t);
            let door_fault = Some(format!("{denied} {}", t.say("nothing-changed")));
            let page =
                super::shown(&source, &peer, t, &headers, Filled { entries, door_fault, ..Filled::default() }).await?;
            Ok((status_of(&denied), page).into_response())
        }
    }
}
