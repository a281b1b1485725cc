//! An address to receive at, as text and as a QR code.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::super::answers::{Answer, Refused};
use super::super::wallet::{QrCode, for_scanning};
use super::super::{Frame, Words, page};
use super::{HOME, treasury_of, words_are_missing};
use crate::status::StatusSource;
use crate::treasury::{Asked, For};

#[derive(Template)]
#[template(path = "savings_receive.html")]
struct AddressPage {
    frame: Frame,
    t: Words,
    address: String,
    code: Option<QrCode>,
    words_missing: bool,
}

/// `GET /wallet/savings/receive`
pub(in super::super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, For::Next).await
}

/// `POST /wallet/savings/address`: another one. It is shown at once, since the next look shows the first that nobody has
/// paid to.
pub(in super::super) async fn another(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, For::Another).await
}

async fn shown(source: &StatusSource, t: Words, what_for: For) -> Answer {
    let asked = treasury_of(source, t)?.ask(|answer| Asked::Address(what_for, answer)).await;
    let refused = |no: crate::treasury::Refused| Refused::because(StatusCode::CONFLICT, t, no.to_string(), HOME);
    let address = asked.map_err(Refused::gone(t))?.map_err(refused)?.address;
    let frame = Frame::of(source, t, "wallet").await?;
    let (code, words_missing) = (QrCode::of(&format!("bitcoin:{}", for_scanning(&address))), words_are_missing(source));
    Ok(page(&AddressPage { frame, t, address, code, words_missing }))
}
