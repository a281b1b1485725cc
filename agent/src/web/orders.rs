//! What the owner decides on the page: stop and go on, yes and no to a payment, and that a lock may be lifted.

use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::Words;
use super::answers::Refused;
use super::door::Peer;
use super::gate::{audit, confirmed};
use crate::engine::{Order, Verdict};
use crate::status::StatusSource;

/// The answer to a question.
#[derive(Deserialize)]
pub(super) struct Answer {
    question: i64,
    answer: String,
}

/// The password, once more.
#[derive(Deserialize)]
pub(super) struct Confirmation {
    password: String,
}

/// `POST /stop`: at once.
pub(super) async fn stop(State(source): State<StatusSource>, Extension(peer): Extension<Peer>, t: Words) -> Response {
    obey(&source, &peer, t, Order::Stop, "payments were stopped").await
}

/// `POST /resume`
pub(super) async fn resume(State(source): State<StatusSource>, Extension(peer): Extension<Peer>, t: Words) -> Response {
    obey(&source, &peer, t, Order::Resume, "payments go on").await
}

/// `POST /answer`
pub(super) async fn answer(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Answer>,
) -> Response {
    let question = form.question;
    match form.answer.as_str() {
        "yes" => obey(&source, &peer, t, Order::Approve(question), &format!("question {question} was approved")).await,
        "no" => obey(&source, &peer, t, Order::Decline(question), &format!("question {question} was declined")).await,
        _ => Refused::because(StatusCode::BAD_REQUEST, t, "The answer is yes or no.", "/").into_response(),
    }
}

/// `POST /unlock`: the owner has compared the wallet with this page.
pub(super) async fn unlock(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Confirmation>,
) -> Response {
    obey_once_confirmed(&source, &peer, t, &form, Order::Unlock, "the lock was lifted").await
}

/// `POST /take-over`: the owner says that no other Kilosat runs with this state.
pub(super) async fn take_over(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Confirmation>,
) -> Response {
    obey_once_confirmed(&source, &peer, t, &form, Order::TakeOver, "this device went on with the state").await
}

async fn obey_once_confirmed(
    source: &StatusSource,
    peer: &Peer,
    t: Words,
    form: &Confirmation,
    order: Order,
    done: &str,
) -> Response {
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &form.password).await {
        return Refused::because(status, t, denied, "/").into_response();
    }
    obey(source, peer, t, order, done).await
}

async fn obey(source: &StatusSource, peer: &Peer, t: Words, order: Order, done: &str) -> Response {
    obey_then(source, peer, t, (order, done), "/").await
}

/// Obeys an order and goes on at `then`.
pub(super) async fn obey_then(
    source: &StatusSource,
    peer: &Peer,
    t: Words,
    (order, done): (Order, &str),
    then: &str,
) -> Response {
    match source.obey(order).await {
        Ok(Verdict::Done(_)) => {
            audit(source, format!("{done} on the page, from {}", peer.address.ip())).await;
            Redirect::to(then).into_response()
        }
        Ok(Verdict::Refused(why)) => Refused::because(StatusCode::CONFLICT, t, why, then).into_response(),
        Err(gone) => Refused::gone(t)(gone).into_response(),
    }
}
