//! Coins that are not where they should be: what closed channels left, and what a transaction holds that nobody takes.

use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};

use super::super::Words;
use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::audit;
use super::drafts::{Drafts, Kept};
use super::{HOME, treasury_of, txid_of};
use crate::status::StatusSource;
use crate::treasury::Asked;

/// `POST /wallet/savings/collect`: shows what bringing it here costs.
pub(in super::super) async fn collect(
    State(source): State<StatusSource>,
    Extension(drafts): Extension<Drafts>,
    t: Words,
) -> Answer {
    let treasury = treasury_of(&source, t)?;
    let view = treasury.view();
    let rate = view.fees.hour;
    match treasury.ask(|answer| Asked::Collect(rate, answer)).await.map_err(Refused::gone(t))? {
        Ok(draft) => {
            let path = format!("{HOME}/send/{}", draft.id);
            drafts.keep(Kept::collecting(draft, t.say("savings-left-label"), &view));
            Ok(Redirect::to(&path).into_response())
        }
        Err(no) => Err(Refused::because(StatusCode::CONFLICT, t, t.told(&no.to_string()), HOME)),
    }
}

/// `POST /wallet/savings/give-up/{txid}`
pub(in super::super) async fn give_up(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Path(txid): Path<String>,
) -> Answer {
    let (treasury, txid) = (treasury_of(&source, t)?, txid_of(&txid, t)?);
    match treasury.ask(|answer| Asked::GiveUp(txid, answer)).await.map_err(Refused::gone(t))? {
        Ok(()) => {
            audit(&source, format!("{txid} was given up on the page, from {}", peer.address.ip())).await;
            Ok(Redirect::to(HOME).into_response())
        }
        Err(no) => Err(Refused::because(StatusCode::CONFLICT, t, t.told(&no.to_string()), HOME)),
    }
}
