//! A transaction before it is sent: what it costs, and the owner's word; or the way to where its key is.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;
use tokio::time::timeout;

use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::{audit, confirmed};
use super::super::wallet::QrCode;
use super::super::{Frame, Words, page};
use super::drafts::{Drafts, Kept};
use super::{HOME, treasury_of, txid_of};
use crate::status::{StatusSource, label_of};
use crate::treasury::{Asked, DraftView, Order};

#[derive(Template)]
#[template(path = "savings_draft.html")]
struct DraftPage {
    frame: Frame,
    t: Words,
    draft: DraftView,
    left_sat: Option<u64>,
    /// The transaction to be signed elsewhere.
    code: Option<QrCode>,
    fault: Option<String>,
    /// The form that brings it back.
    signed: String,
    label: String,
}

impl DraftPage {
    /// Only its fee leaves.
    fn is_to_ourselves(&self) -> bool {
        self.left_sat.is_none()
    }

    /// What it is about.
    fn title(&self) -> String {
        let amount = self.t.sats(&self.draft.amount_sat);
        match (self.draft.collects, self.makes_faster()) {
            (true, _) => self.t.with("savings-collect-title", "amount", amount),
            (false, true) => self.t.say("savings-draft-faster"),
            (false, false) => self.t.with("savings-draft-title", "amount", amount),
        }
    }

    /// What the button does.
    fn order(&self) -> String {
        let (amount, fee) = (self.t.sats(&self.draft.amount_sat), self.t.sats(&self.draft.fee_sat));
        match (self.draft.collects, self.makes_faster()) {
            (true, _) => self.t.with("savings-collect-now", "amount", amount),
            (false, true) => self.t.with("savings-now-faster", "fee", fee),
            (false, false) => self.t.with("savings-now", "amount", amount),
        }
    }

    fn makes_faster(&self) -> bool {
        self.draft.replaces.is_some() || self.is_to_ourselves()
    }

    /// Of the amount; what costs something never reads as nothing.
    fn share(&self) -> String {
        let permille = u128::from(self.draft.fee_sat) * 1_000;
        let permille = permille.div_ceil(u128::from(self.draft.amount_sat.max(1)));
        self.t.permille(&u16::try_from(permille).unwrap_or(u16::MAX))
    }

    fn rate(&self) -> String {
        self.t.quantity(&i64::try_from(self.draft.sat_per_kvb).unwrap_or(i64::MAX), "sat/vB")
    }
}

/// The password.
#[derive(Deserialize)]
pub(in super::super) struct Word {
    #[serde(default)]
    password: String,
}

/// `GET /wallet/savings/send/{draft}`
pub(in super::super) async fn html(
    State(source): State<StatusSource>,
    Extension(drafts): Extension<Drafts>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    shown(&source, t, known(&drafts, &id, t)?, None).await
}

/// `GET /wallet/savings/psbt/{draft}`: the transaction to be signed, as a file.
pub(in super::super) async fn psbt(Extension(drafts): Extension<Drafts>, t: Words, Path(id): Path<String>) -> Answer {
    let draft = known(&drafts, &id, t)?.draft;
    let name = format!("attachment; filename=\"kilosat-{}.psbt\"", draft.id.get(..ID_CHARS).unwrap_or("draft"));
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, format!("{}\n", draft.psbt)).into_response())
}

/// `POST /wallet/savings/send/{draft}`: sends it, with the password.
pub(in super::super) async fn send(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    Extension(drafts): Extension<Drafts>,
    t: Words,
    Path(id): Path<String>,
    Form(word): Form<Word>,
) -> Answer {
    let kept = known(&drafts, &id, t)?;
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &word.password).await {
        return Ok((status, shown(&source, t, kept, Some(denied)).await?).into_response());
    }
    let order = Order { draft: txid_of(&id, t)?, signed: None, label: label_of(&kept.label), of_move: None };
    match ordered(&source, &peer, t, order).await? {
        Ok(()) => {
            drafts.forget(&id);
            Ok(Redirect::to(HOME).into_response())
        }
        Err(no) => Ok((StatusCode::CONFLICT, shown(&source, t, kept, Some(no)).await?).into_response()),
    }
}

/// Has it sent; the sentence says why not. Trouble of the chain sources stands in the history afterwards.
pub(super) async fn ordered(
    source: &StatusSource,
    peer: &Peer,
    t: Words,
    order: Order,
) -> Result<Result<(), String>, Refused> {
    let treasury = treasury_of(source, t)?;
    let asked = timeout(SEND_WAIT, treasury.ask(|answer| Asked::Send(order, answer))).await;
    let slow = |_| Refused::because(StatusCode::GATEWAY_TIMEOUT, t, t.say("savings-slow"), HOME);
    match asked.map_err(slow)?.map_err(Refused::gone(t))? {
        Ok(sent) => {
            let from = peer.address.ip();
            audit(source, format!("{} was sent from the savings on the page, from {from}", sent.txid)).await;
            Ok(Ok(()))
        }
        Err(no) => Ok(Err(no.to_string())),
    }
}

pub(super) fn known(drafts: &Drafts, id: &str, t: Words) -> Result<Kept, Refused> {
    drafts.get(id).ok_or_else(|| Refused::missing(t, "savings-draft-gone", HOME))
}

async fn shown(source: &StatusSource, t: Words, kept: Kept, fault: Option<String>) -> Answer {
    let frame = Frame::of(source, t, "wallet").await?;
    let Kept { draft, label, left_sat } = kept;
    let fits = draft.signs_elsewhere && draft.psbt.len() <= CODE_CHARS_MAX;
    let code = fits.then(|| QrCode::of(&draft.psbt)).flatten();
    Ok(page(&DraftPage { frame, t, draft, left_sat, code, fault, signed: String::new(), label }))
}

/// Less than a form may take: sources that do not answer are tried one after the other.
const SEND_WAIT: Duration = Duration::from_secs(25);
/// Of a transaction's id, in the name of its file.
const ID_CHARS: usize = 8;
/// A picture of more is too fine for the camera of a hardware wallet.
const CODE_CHARS_MAX: usize = 1_200;
