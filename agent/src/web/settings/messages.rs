//! Whether messages to the owner arrive.

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Redirect};

use super::super::Words;
use super::super::answers::Answer;
use super::super::door::Peer;
use super::{Entries, Filled, shown};
use crate::notify::{Messenger, Notify, NotifyFault};
use crate::status::StatusSource;

/// `POST /settings/message`: sends a test message to the address that is in force.
pub(in super::super) async fn try_out(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
) -> Answer {
    let config = source.config();
    let Some(notify) = config.notify.clone() else { return Ok(Redirect::to("/settings").into_response()) };
    let told = match send(notify, &config.name, &t.say("notify-test")).await {
        Ok(()) => t.say("notify-sent"),
        Err(fault) => fault.to_string(),
    };
    let entries = Entries::of(&config, t);
    shown(&source, &peer, t, &headers, Filled { entries, notify_told: Some(told), ..Filled::default() }).await
}

async fn send(notify: Notify, name: &str, text: &str) -> Result<(), NotifyFault> {
    Messenger::new(notify)?.send(name, text).await
}
