//! Money between savings and spending money: the marks, the open move with its cost, and what was moved.

mod marks;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;

use self::marks::Entries;
pub(super) use self::marks::save as save_marks;
use super::answers::{Answer, Refused};
use super::door::Peer;
use super::orders::obey_then;
use super::{Frame, Words, page, show};
use crate::engine::Order;
use crate::status::{MovePartView, MoveView, RefillStatus, StatusSource};

/// What the owner says to a move.
#[derive(Deserialize)]
pub(super) struct Said {
    number: i64,
    answer: String,
}

#[derive(Template)]
#[template(path = "moves.html")]
pub(super) struct MovesPage {
    frame: Frame,
    t: Words,
    refill: Option<RefillStatus>,
    open: Option<MoveView>,
    /// Those that have ended, newest first.
    past: Vec<MoveView>,
    zone: TimeZone,
    /// The built-in node is the wallet, so money moves by itself.
    has_node: bool,
    /// It is one that is filled over the chain.
    is_filled: bool,
    has_savings: bool,
    entries: Entries,
    faults: Vec<String>,
}

impl MovesPage {
    fn way(&self, moved: &MoveView) -> String {
        match (moved.kind.as_str(), &moved.away) {
            ("refill", _) => self.t.say("moves-refill"),
            (_, Some(address)) => self.t.with("moves-sweep-away", "address", address),
            (_, None) => self.t.say("moves-sweep"),
        }
    }

    /// How far it is, in a sentence.
    fn standing(&self, moved: &MoveView) -> String {
        self.t.say(&format!("moves-state-{}", moved.state))
    }

    fn part(&self, part: &MovePartView) -> String {
        self.t.say(&format!("moves-part-{}", part.what))
    }

    /// Whether undoing it leaves what was moved where it is.
    fn leaves(&self, moved: &MoveView) -> bool {
        self.is_filled && ["returning", "confirming"].contains(&moved.state.as_str())
    }

    fn is_done(&self, moved: &MoveView) -> bool {
        moved.state == "done"
    }
}

/// `GET /wallet/moves`
pub(super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let entries = Entries::of(source.config().refill.as_ref(), t);
    shown(&source, t, entries, Vec::new()).await
}

async fn shown(source: &StatusSource, t: Words, entries: Entries, faults: Vec<String>) -> Answer {
    let moves = source.moves(SHOWN_MAX).await.map_err(Refused::unanswered(t))?;
    let (past, mut open): (Vec<_>, Vec<_>) = moves.into_iter().partition(MoveView::has_ended);
    let config = source.config();
    let frame = Frame::of(source, t, "wallet").await?;
    Ok(page(&MovesPage {
        frame,
        t,
        refill: source.refill(),
        open: open.pop(),
        past,
        zone: config.zone.clone(),
        has_node: config.wallet.is_none(),
        is_filled: config.wallet.as_ref().is_some_and(|wallet| wallet.kind.is_filled()),
        has_savings: config.treasury.is_some(),
        entries,
        faults,
    }))
}

/// `POST /wallet/moves/answer`
pub(super) async fn answer(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(said): Form<Said>,
) -> Response {
    let number = said.number;
    let (order, done) = match said.answer.as_str() {
        "yes" => (Order::AgreeToMove(number), format!("move {number} was agreed to")),
        "no" => (Order::UndoMove(number), format!("move {number} was called off")),
        _ => {
            let why = "The answer is yes or no.";
            return Refused::because(StatusCode::BAD_REQUEST, t, why, HOME).into_response();
        }
    };
    obey_then(&source, &peer, t, (order, &done), HOME).await
}

const HOME: &str = "/wallet/moves";
const SHOWN_MAX: u32 = 100;
