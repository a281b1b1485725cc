//! Agreements: what Kilosat may pay for by itself, how it stands, and how the owner changes it.

mod feed_form;
mod form;
mod view;

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};

pub(super) use self::feed_form::{edit_page as feed_edit_page, new_page as feed_new_page, save as save_feed};
pub(super) use self::form::{edit_page, new_page, save};
use self::view::Limit;
pub(super) use self::view::{AgreementView, FeedView, all};
use super::answers::{Answer, Refused};
use super::change::{Changes, Pending, proposed};
use super::door::Peer;
use super::{Frame, Words, page};
use crate::config::{Config, Place, Setting};
use crate::settings::{Proposal, SettingsFault};
use crate::status::StatusSource;
use crate::store::{PaymentSummary, Wanted};

#[derive(Template)]
#[template(path = "agreements.html")]
struct AgreementsPage {
    frame: Frame,
    t: Words,
    agreements: Vec<AgreementView>,
    feeds: Vec<FeedView>,
}

#[derive(Template)]
#[template(path = "agreement.html")]
struct AgreementPage {
    frame: Frame,
    t: Words,
    now_ms: u64,
    /// Which list of the configuration it is in.
    list: &'static str,
    agreement: Option<AgreementView>,
    feed: Option<FeedView>,
    id: String,
    payments: Vec<PaymentSummary>,
}

impl AgreementPage {
    fn limits(&self) -> view::Limits {
        let of_feed = self.feed.as_ref().map(|feed| feed.limits);
        self.agreement.as_ref().map(|agreement| agreement.limits).or(of_feed).unwrap_or_default()
    }

    fn windows(&self) -> [(&'static str, Limit); 3] {
        let limits = self.limits();
        [("limit-hour", limits.hour), ("limit-day", limits.day), ("limit-month", limits.month)]
    }

    fn notices(&self) -> &[String] {
        let of_feed = self.feed.as_ref().map(|feed| &feed.status.notices);
        self.agreement.as_ref().map(|agreement| &agreement.status.notices).or(of_feed).map_or(&[], Vec::as_slice)
    }

    fn is_paused(&self) -> bool {
        let of_feed = self.feed.as_ref().is_some_and(|feed| feed.status.paused);
        of_feed || self.agreement.as_ref().is_some_and(|agreement| agreement.status.paused)
    }
}

/// `GET /agreements`
pub(super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let (_, agreements, feeds) = view::all(&source).await.map_err(Refused::unanswered(t))?;
    let frame = Frame::of(&source, t, "agreements").await?;
    Ok(page(&AgreementsPage { frame, t, agreements, feeds }))
}

/// `GET /agreements/{id}`
pub(super) async fn one(State(source): State<StatusSource>, t: Words, Path(id): Path<String>) -> Answer {
    let (status, agreements, feeds) = view::all(&source).await.map_err(Refused::unanswered(t))?;
    let agreement = agreements.into_iter().find(|known| known.status.id == id);
    let feed = feeds.into_iter().find(|known| known.status.id == id);
    let list = match (&agreement, &feed) {
        (Some(_), _) => "agreement",
        (None, Some(_)) => "feed",
        (None, None) => return Err(Refused::missing(t, "agreement-gone", "/agreements")),
    };
    let wanted = Wanted { rule: Some(id.clone()), most: PAYMENTS_SHOWN, ..Wanted::default() };
    let payments = source.engine.look(move |engine| engine.payments(&wanted)).await.map_err(Refused::unanswered(t))?;
    let frame = Frame::of(&source, t, "agreements").await?;
    Ok(page(&AgreementPage { frame, t, now_ms: status.now_ms, list, agreement, feed, id, payments }))
}

/// `POST /agreements/{id}/pause`: at once; nothing can be lost by it.
pub(super) async fn pause(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let proposal = known(paused(&source, &id, true), t, &id)?;
    let what = format!("{id} was paused on the page, from {}", peer.address.ip());
    let here = format!("/agreements/{id}");
    match source.change(proposal, &what).await {
        Ok(_) => Ok(Redirect::to(&here).into_response()),
        Err(fault) => Err(Refused::because(StatusCode::CONFLICT, t, fault.to_string(), &here)),
    }
}

/// `POST /agreements/{id}/resume`: once the owner has confirmed it.
pub(super) async fn resume(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let proposal = known(paused(&source, &id, false), t, &id)?;
    let here = format!("/agreements/{id}");
    Ok(changes.ask(&source, Pending::new(proposal, format!("{id} goes on"), here.clone(), here)))
}

/// `POST /agreements/{id}/remove`: once the owner has confirmed it.
pub(super) async fn remove(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Path(id): Path<String>,
) -> Answer {
    let here = format!("/agreements/{id}");
    let list = list_of(&source.config(), &id);
    let orphan = lonely_payee(&source.config(), &id);
    let removed = list.map(|list| {
        proposed(&source, |draft| {
            orphan.iter().try_for_each(|payee| draft.remove("payee", payee))?;
            draft.remove(list, &id)
        })
    });
    let proposal = known(removed.transpose(), t, &id)?;
    let then = "/agreements".to_owned();
    Ok(changes.ask(&source, Pending::new(proposal, format!("{id} was removed"), here, then)))
}

/// The payee of this agreement or feed that has limits of its own and is paid by nothing else.
fn lonely_payee(config: &Config, id: &str) -> Option<String> {
    let (own, others): (Vec<_>, Vec<_>) = config.paid_by().partition(|(known, _)| *known == id);
    let (_, payee) = own.into_iter().next()?;
    let has_limits = config.payees.iter().any(|limits| limits.payee == payee);
    (has_limits && !others.iter().any(|(_, other)| *other == payee)).then_some(payee)
}

/// The proposal, or what the owner is told where there is none.
fn known(proposal: Result<Option<Proposal>, SettingsFault>, t: Words, id: &str) -> Result<Proposal, Refused> {
    let here = format!("/agreements/{id}");
    let proposal = proposal.map_err(|fault| Refused::because(StatusCode::CONFLICT, t, fault.to_string(), &here))?;
    proposal.ok_or_else(|| Refused::missing(t, "agreement-gone", "/agreements"))
}

/// What pauses an agreement or feed or lets it go on; `None` where there is none of this name.
///
/// # Errors
/// [`SettingsFault`].
pub(super) fn paused(source: &StatusSource, id: &str, paused: bool) -> Result<Option<Proposal>, SettingsFault> {
    let Some(list) = list_of(&source.config(), id) else { return Ok(None) };
    let place = Place::Listed { list, id, below: "" };
    proposed(source, |draft| draft.set(place, "paused", &Setting::Flag(paused))).map(Some)
}

fn list_of(config: &Config, id: &str) -> Option<&'static str> {
    let is_agreement = config.agreements.iter().any(|known| known.id == id);
    let is_feed = config.feeds.iter().any(|known| known.id == id);
    if is_agreement { Some("agreement") } else { is_feed.then_some("feed") }
}

const PAYMENTS_SHOWN: u32 = 10;
