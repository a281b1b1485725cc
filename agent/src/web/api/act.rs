//! What programs may do: stop, go on, answer, and ask for money. What raises limits is done on the page, with the password.

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::Words;
use super::super::agreements::paused;
use super::super::gate::audit;
use super::super::wallet::{CameIn, Invoices};
use super::caller::Caller;
use super::once::Answers;
use super::problem::{Answered, Problem};
use crate::domain::invoice::{PaymentHash, hex32};
use crate::domain::money::Msat;
use crate::engine::{Order, Verdict};
use crate::language::Language;
use crate::status::{Change, DESCRIPTION_CHARS_MAX, INVOICE_EXPIRY_S, StatusSource};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Done {
    /// In one sentence.
    done: String,
}

/// Stops all payments at once. What has left already cannot be called back.
#[utoipa::path(post, path = "/stop", tag = "payments", responses((status = OK, body = Done)))]
pub(super) async fn stop(State(source): State<StatusSource>, Extension(caller): Extension<Caller>) -> Answered<Done> {
    obey(&source, &caller, Order::Stop, "payments were stopped").await.map(Json)
}

/// Lets payments go on after a stop.
#[utoipa::path(post, path = "/resume", tag = "payments",
    params(("Idempotency-Key" = String, Header, description = "The same when the same request is sent again", min_length = 1, max_length = 128)),
    responses((status = OK, body = Done)))]
pub(super) async fn resume(
    State(source): State<StatusSource>,
    Extension(caller): Extension<Caller>,
    Extension(answers): Extension<Answers>,
    headers: HeaderMap,
) -> Answered<Done> {
    let by = caller.clone();
    let work = async move { obey(&source, &by, Order::Resume, "payments go on").await };
    answers.once(&caller, &headers, "resume".to_owned(), work).await.map(Json)
}

/// Pauses an agreement or feed: what is used stays owed. It goes on by the page, with the password.
#[utoipa::path(post, path = "/agreements/{id}/pause", tag = "agreements", params(("id" = String, Path, description = "Of an agreement or a feed")),
    responses((status = OK, body = Done)))]
pub(super) async fn pause(
    State(source): State<StatusSource>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Answered<Done> {
    let Path(id) = id?;
    let proposal = paused(&source, &id, true)?.ok_or_else(|| Problem::missing("agreement or feed"))?;
    let changed = source.change(proposal, &format!("{id} was paused {}", caller.name())).await?;
    Ok(Json(Done {
        done: match changed {
            Change::Made => format!("{id} is paused."),
            Change::NewStart => {
                format!("{id} is paused once Kilosat has started anew, which it is doing; look again then.")
            }
        },
    }))
}

/// The answer to a question.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decision {
    /// Whether the payment may be made. It lifts no limit.
    approve: bool,
}

/// Answers a question of `GET /status`: whether a payment that waits for the owner may be made.
#[utoipa::path(post, path = "/questions/{question}", tag = "payments", request_body = Decision,
    params(("question" = i64, Path, description = "Its number"),
        ("Idempotency-Key" = String, Header, description = "The same when the same request is sent again", min_length = 1, max_length = 128)),
    responses((status = OK, body = Done)))]
pub(super) async fn answer(
    State(source): State<StatusSource>,
    Extension(caller): Extension<Caller>,
    Extension(answers): Extension<Answers>,
    headers: HeaderMap,
    question: Result<Path<i64>, PathRejection>,
    decision: Result<Json<Decision>, JsonRejection>,
) -> Answered<Done> {
    let (Path(question), Json(Decision { approve })) = (question?, decision?);
    let asked = format!("question {question}: {approve}");
    let by = caller.clone();
    let work = async move {
        let questions = source.engine.snapshot().await?.questions;
        // What the owner refused, only the owner approves after all: a program may send an old request again.
        if approve && questions.iter().any(|known| known.question == question && known.declined) {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "The owner has refused this payment, on the page or by kilosat decline.",
            ));
        }
        match approve {
            true => obey(&source, &by, Order::Approve(question), &format!("question {question} was approved")).await,
            false => obey(&source, &by, Order::Decline(question), &format!("question {question} was declined")).await,
        }
    };
    answers.once(&caller, &headers, asked, work).await.map(Json)
}

/// Money that is to come in.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// How much, in msat.
    #[schema(minimum = 1, maximum = 100_000_000_000_000_u64)]
    amount_msat: u64,
    /// What whoever pays it is shown; the name of the house without.
    #[schema(max_length = 100)]
    description: Option<String>,
    /// Make an address of the savings too, for wallets that pay on the chain only; from 10,000 sat.
    #[serde(default)]
    on_chain: bool,
}

/// An invoice of this house.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Invoice {
    /// What is paid.
    bolt11: String,
    /// Its payment hash, in hex.
    payment_hash: String,
    /// For how long it can be paid, in seconds.
    expires_s: u32,
    /// Where it can be paid on the chain, into the savings.
    address: Option<String>,
    /// What wallets open, as a link or as a QR code (BIP 321).
    uri: String,
}

/// Makes a Lightning invoice.
#[utoipa::path(post, path = "/invoices", tag = "wallet", request_body = Wanted, responses((status = CREATED, body = Invoice)))]
pub(super) async fn invoice(
    State(source): State<StatusSource>,
    Extension(invoices): Extension<Invoices>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(wanted) = wanted?;
    if !(1..=AMOUNT_MAX_MSAT).contains(&wanted.amount_msat) {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "amount_msat is from 1 to 100000000000000 (a thousand bitcoin), in thousandths of a sat.",
        ));
    }
    if wanted.description.as_ref().is_some_and(|text| text.chars().count() > DESCRIPTION_CHARS_MAX) {
        let detail = format!("A description has at most {DESCRIPTION_CHARS_MAX} characters.");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let text = wanted.description.unwrap_or_default();
    let made = invoices.make(&source, Msat(wanted.amount_msat), &text, wanted.on_chain).await.map_err(|no| {
        let (status, detail) = no.told(Words::of(Language::English));
        Problem::new(status, detail)
    })?;
    let invoice = Invoice {
        uri: made.link(true),
        payment_hash: made.hash.to_string(),
        bolt11: made.bolt11,
        expires_s: INVOICE_EXPIRY_S,
        address: made.address,
    };
    Ok((StatusCode::CREATED, Json(invoice)).into_response())
}

/// Whether money came in.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct Received {
    /// It did: by Lightning, or on the chain and in a block. What Kilosat made before its last start counts by Lightning only;
    /// what came to its address is in the savings all the same.
    is_received: bool,
    /// What came in on the chain, in sat, and is in a block.
    on_chain_sat: u64,
    /// What came in on the chain and is in no block yet: whoever sent it can still take it back.
    waiting_sat: u64,
}

/// Whether an invoice of this house was paid.
#[utoipa::path(get, path = "/invoices/{payment_hash}", tag = "wallet",
    params(("payment_hash" = String, Path, description = "In hex", pattern = "^[0-9a-f]{64}$")), responses((status = OK, body = Received)))]
pub(super) async fn received(
    State(source): State<StatusSource>,
    Extension(invoices): Extension<Invoices>,
    hash: Result<Path<String>, PathRejection>,
) -> Answered<Received> {
    let Path(hash) = hash?;
    let hash = hex32(&hash).map(PaymentHash);
    let hash = hash.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "A payment hash is 64 hexadecimal digits."))?;
    let Some(made) = invoices.get(&hash.to_string()) else {
        let is_received = source.was_received(hash).await?;
        return Ok(Json(Received { is_received, on_chain_sat: 0, waiting_sat: 0 }));
    };
    let came = made.came_in(&source).await?;
    let came = came.ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, SAVINGS_BUSY))?;
    let CameIn { on_chain_sat, waiting_sat, .. } = came;
    Ok(Json(Received { is_received: made.is_paid_by(came), on_chain_sat, waiting_sat }))
}

async fn obey(source: &StatusSource, caller: &Caller, order: Order, what: &str) -> Result<Done, Problem> {
    let gone = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, UNCLEAR);
    match source.engine.obey(order).await.map_err(gone)? {
        Verdict::Done(done) => {
            audit(source, format!("{what} {}", caller.name())).await;
            Ok(Done { done })
        }
        Verdict::Refused(why) => Err(Problem::new(StatusCode::CONFLICT, why)),
    }
}

const SAVINGS_BUSY: &str =
    "The savings are busy with the chain and cannot say now what came in. Ask again in a minute.";
const UNCLEAR: &str = "The payment engine has stopped, and whether this was done is not known. Look at GET /status once it runs \
                       again.";
/// A thousand bitcoin: more than any channel takes in.
const AMOUNT_MAX_MSAT: u64 = 100_000_000_000_000;
