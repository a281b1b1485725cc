//! A transaction that was signed where the key is, brought back to be sent.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use bitcoin::Psbt;
use serde::Deserialize;

use super::super::answers::Answer;
use super::super::door::Peer;
use super::super::{Frame, Words, page};
use super::draft::ordered;
use super::drafts::Drafts;
use super::{HOME, treasury_of};
use crate::status::{StatusSource, label_of};
use crate::treasury::Order;

#[derive(Template)]
#[template(path = "savings_signed.html")]
struct SignedPage {
    frame: Frame,
    t: Words,
    signed: String,
    label: String,
    fault: Option<String>,
}

/// What the owner brings.
#[derive(Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    signed: String,
    #[serde(default)]
    label: String,
}

/// `GET /wallet/savings/signed`
pub(in super::super) async fn form(State(source): State<StatusSource>, t: Words) -> Answer {
    treasury_of(&source, t)?;
    shown(&source, t, Entries::default(), None).await
}

/// `POST /wallet/savings/signed`: sends it. Its signature is the owner's word.
pub(in super::super) async fn send(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    Extension(drafts): Extension<Drafts>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    treasury_of(&source, t)?;
    // Programs break long lines.
    let text: String = entries.signed.split_whitespace().collect();
    let Ok(psbt) = text.parse::<Psbt>() else {
        let fault = Some(t.say("savings-signed-wrong"));
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown(&source, t, entries, fault).await?).into_response());
    };
    let draft = psbt.unsigned_tx.compute_txid();
    let order = Order { draft, signed: Some(text), label: label_of(&entries.label), of_move: None };
    match ordered(&source, &peer, t, order).await? {
        Ok(()) => {
            drafts.forget(&draft.to_string());
            Ok(Redirect::to(HOME).into_response())
        }
        Err(no) => Ok((StatusCode::CONFLICT, shown(&source, t, entries, Some(no)).await?).into_response()),
    }
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, fault: Option<String>) -> Answer {
    let frame = Frame::of(source, t, "wallet").await?;
    let Entries { signed, label } = entries;
    Ok(page(&SignedPage { frame, t, signed, label, fault }))
}
