//! An address to receive at, as text and as a QR code.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;

use super::super::answers::{Answer, Refused};
use super::super::wallet::QrCode;
use super::super::{Frame, Words, page};
use super::{HOME, treasury_of, words_are_missing};
use crate::status::StatusSource;
use crate::treasury::Asked;

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
    shown(&source, t, false).await
}

/// `POST /wallet/savings/address`: another one. It is shown at once, since the next look shows the first that nobody has
/// paid to.
pub(in super::super) async fn another(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, true).await
}

async fn shown(source: &StatusSource, t: Words, another: bool) -> Answer {
    let asked = treasury_of(source, t)?.ask(|answer| Asked::Address(another, answer)).await;
    let refused = |no: crate::treasury::Refused| Refused::because(StatusCode::CONFLICT, t, no.to_string(), HOME);
    let address = asked.map_err(Refused::gone(t))?.map_err(refused)?.address;
    let frame = Frame::of(source, t, "wallet").await?;
    let (code, words_missing) = (QrCode::of(&link(&address)), words_are_missing(source));
    Ok(page(&AddressPage { frame, t, address, code, words_missing }))
}

/// The address as BIP 321 has it. In capitals it takes a smaller picture, which only addresses of segwit bear (BIP 173).
fn link(address: &str) -> String {
    let is_segwit = ["bc1", "tb1", "bcrt1"].iter().any(|beginning| address.starts_with(beginning));
    match is_segwit {
        true => format!("BITCOIN:{}", address.to_uppercase()),
        false => format!("bitcoin:{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_bear_it_are_written_in_capitals() {
        let segwit = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq";
        assert_eq!(link(segwit), "BITCOIN:BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ");
        let older = "3P14159f73E4gFr7JterCCQh9QjiTjiZrG";
        assert_eq!(link(older), format!("bitcoin:{older}"));
    }
}
