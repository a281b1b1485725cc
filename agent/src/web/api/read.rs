//! What programs may see.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::agreements::{AgreementView, FeedView, all};
use super::super::history::{self, PastValues, Trouble};
use super::super::payments;
use super::problem::{Answered, Problem};
use crate::config::MeterLine;
use crate::control::NO_MONTH;
use crate::latest::Value;
use crate::lightning::Balance;
use crate::status::{InputStatus, MeterStatus, RelayStatus, Status, StatusSource};
use crate::store::{PaymentSummary, Statement, Story};

/// Everything at one instant.
///
/// Amounts are in msat (1000 msat = 1 sat), energy in mWh, power in mW, times in ms since 1970.
#[utoipa::path(get, path = "/status", tag = "house", responses((status = OK, body = Status)))]
pub(super) async fn status(State(source): State<StatusSource>) -> Answered<Status> {
    Ok(Json(source.status().await?))
}

/// Agreements to pay for electricity, each with its limits and what counts against them.
#[utoipa::path(get, path = "/agreements", tag = "agreements", responses((status = OK, body = Vec<AgreementView>)))]
pub(super) async fn agreements(State(source): State<StatusSource>) -> Answered<Vec<AgreementView>> {
    Ok(Json(all(&source).await?.1))
}

/// Feeds of data that is bought, each with its limits and what counts against them.
#[utoipa::path(get, path = "/feeds", tag = "agreements", responses((status = OK, body = Vec<FeedView>)))]
pub(super) async fn feeds(State(source): State<StatusSource>) -> Answered<Vec<FeedView>> {
    Ok(Json(all(&source).await?.2))
}

/// Which payments; all of them without.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedPayments {
    /// Only those of this agreement or feed.
    rule: Option<String>,
    /// Only those that are open, paid or failed.
    #[param(inline)]
    standing: Option<AskedStanding>,
    /// From this day on, in the time zone of the house, such as `2026-11-01`.
    #[param(format = Date)]
    from: Option<String>,
    /// Up to this day.
    #[param(format = Date)]
    to: Option<String>,
    /// Only those before the one with this number: the next page.
    before: Option<i64>,
}

/// What may have become of a payment.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AskedStanding {
    /// It is not final.
    Open,
    /// It is settled.
    Paid,
    /// It will never be settled.
    Failed,
}

/// At most a hundred payments, the newest first.
#[utoipa::path(get, path = "/payments", tag = "payments", params(AskedPayments), responses((status = OK, body = Vec<PaymentSummary>)))]
pub(super) async fn payments(
    State(source): State<StatusSource>,
    asked: Result<Query<AskedPayments>, QueryRejection>,
) -> Answered<Vec<PaymentSummary>> {
    let Query(asked) = asked?;
    let standing = asked.standing.map_or("", |standing| match standing {
        AskedStanding::Open => "open",
        AskedStanding::Paid => "paid",
        AskedStanding::Failed => "failed",
    });
    let no_day = || Problem::new(StatusCode::BAD_REQUEST, "from and to are days, such as 2026-11-01.");
    if [&asked.from, &asked.to].into_iter().flatten().any(String::is_empty) {
        return Err(no_day());
    }
    let asked = payments::Asked {
        rule: asked.rule.unwrap_or_default(),
        standing: standing.to_owned(),
        from: asked.from.unwrap_or_default(),
        to: asked.to.unwrap_or_default(),
        before: asked.before,
    };
    let wanted = asked.wanted(&source.config().zone, PAYMENTS_MOST).ok_or_else(no_day)?;
    Ok(Json(source.engine.look(move |engine| engine.payments(&wanted)).await?))
}

/// A payment with all that the journal says of it, and its proof.
#[utoipa::path(get, path = "/payments/{payment}", tag = "payments", params(("payment" = i64, Path, description = "Its number")),
    responses((status = OK, body = Story)))]
pub(super) async fn payment(
    State(source): State<StatusSource>,
    payment: Result<Path<i64>, PathRejection>,
) -> Answered<Story> {
    let Path(payment) = payment?;
    let story = source.engine.look(move |engine| engine.story(payment)).await?;
    Ok(Json(story.ok_or_else(|| Problem::missing("payment"))?))
}

/// Which month.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedMonth {
    /// Such as `2026-11`; the one that goes on without.
    #[param(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$")]
    month: Option<String>,
}

/// The account of a month.
#[utoipa::path(get, path = "/statement", tag = "payments", params(AskedMonth), responses((status = OK, body = Statement)))]
pub(super) async fn statement(
    State(source): State<StatusSource>,
    asked: Result<Query<AskedMonth>, QueryRejection>,
) -> Answered<Statement> {
    let Query(asked) = asked?;
    let statement = source.statement(asked.month.as_deref()).await?;
    Ok(Json(statement.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, NO_MONTH))?))
}

/// The wallet.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct WalletAnswer {
    /// Which: `node`, `phoenixd`, `lnbits`, `lnd`, `cln` or `nwc`; absent in a build that has none.
    service: Option<String>,
    /// What it said last; all zero while it has said nothing.
    lightning: Balance,
    /// How old that is, in ms; absent while it has said nothing.
    age_ms: Option<u64>,
    /// Why it did not answer when it was asked last, if it did not.
    fault: Option<String>,
    /// What it should hold by the ledger, in msat.
    ledger_msat: i64,
}

/// What the wallet holds and can do.
#[utoipa::path(get, path = "/wallet", tag = "wallet", responses((status = OK, body = WalletAnswer)))]
pub(super) async fn wallet(State(source): State<StatusSource>) -> Answered<WalletAnswer> {
    let status = source.status().await?;
    Ok(Json(WalletAnswer {
        service: source.lightning.kind().map(|kind| kind.name().to_owned()),
        lightning: status.lightning,
        age_ms: status.wallet_age_ms,
        fault: status.wallet_fault,
        ledger_msat: status.ledger.ledger_msat,
    }))
}

/// Everything that is read or switched.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct DevicesAnswer {
    /// Meters, inverters and all else that is read over Modbus, and meters with a pulse output.
    meters: Vec<MeterAnswer>,
    /// Contacts that are watched.
    inputs: Vec<InputStatus>,
    /// Relays.
    relays: Vec<RelayStatus>,
}

/// A meter with all that it says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct MeterAnswer {
    /// How it stands.
    #[serde(flatten)]
    status: MeterStatus,
    /// Where it is: a serial port, or host and port; absent for a meter with a pulse output.
    place: Option<String>,
    /// Its Modbus unit number.
    unit: Option<u8>,
    /// The profile it is read by.
    profile: Option<String>,
    /// Its newest values.
    points: Vec<PointAnswer>,
}

/// The newest value of a point.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct PointAnswer {
    /// Such as `power_l1`.
    point: String,
    /// Its value.
    #[serde(flatten)]
    value: Value,
}

/// Devices with their newest values.
#[utoipa::path(get, path = "/devices", tag = "devices", responses((status = OK, body = DevicesAnswer)))]
pub(super) async fn devices(State(source): State<StatusSource>) -> Answered<DevicesAnswer> {
    let (status, config) = (source.status().await?, source.config());
    let meters = status.meters.into_iter().map(|status| {
        let meter = config.meter(&status.id);
        let place = meter.map(|meter| match &meter.line {
            MeterLine::Serial { path, .. } => path.display().to_string(),
            MeterLine::Network { host, port, .. } => format!("{host}:{port}"),
        });
        let points = source.points_of(&status.id).into_iter().map(|(point, value)| PointAnswer { point, value });
        MeterAnswer {
            place,
            unit: meter.map(|meter| meter.unit),
            profile: meter.and_then(|meter| meter.model.profile()).map(|profile| profile.name.clone()),
            points: points.collect(),
            status,
        }
    });
    Ok(Json(DevicesAnswer { meters: meters.collect(), inputs: status.inputs, relays: status.relays }))
}

/// Which point, and which time.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AskedHistory {
    /// Source, dot, point, such as `main.power`; `GET /history/points` has all of them. Some power without.
    point: Option<String>,
    /// How much time; a day without.
    #[param(inline)]
    span: Option<AskedSpan>,
    /// A day in it, such as `2026-11-29`; today without.
    #[param(format = Date)]
    at: Option<String>,
    /// Whether the time before is wanted too.
    compare: Option<bool>,
}

/// How much time.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AskedSpan {
    /// From midnight to midnight.
    Day,
    /// From Monday to Sunday.
    Week,
    /// Of the calendar.
    Month,
    /// Of the calendar.
    Year,
}

/// What a point was, in as many buckets as a chart has.
#[utoipa::path(get, path = "/history", tag = "history", params(AskedHistory), responses((status = OK, body = PastValues)))]
pub(super) async fn history(
    State(source): State<StatusSource>,
    asked: Result<Query<AskedHistory>, QueryRejection>,
) -> Answered<PastValues> {
    let Query(asked) = asked?;
    let span = asked.span.map(|span| match span {
        AskedSpan::Day => "day",
        AskedSpan::Week => "week",
        AskedSpan::Month => "month",
        AskedSpan::Year => "year",
    });
    let compare = asked.compare.filter(|compare| *compare).map(|_| "1".to_owned());
    let asked = history::Asked { point: asked.point, span: span.map(str::to_owned), at: asked.at, compare };
    history::answer(&source, &asked).await.map(Json).map_err(|trouble| match trouble {
        Trouble::Nothing => Problem::new(StatusCode::NOT_FOUND, "Nothing has been recorded yet."),
        Trouble::Asked(why) => Problem::new(StatusCode::BAD_REQUEST, why),
        Trouble::Gone(gone) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, gone.to_string()),
    })
}

/// A point of the history.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct KnownPoint {
    /// Source, dot, point, as `GET /history` takes it.
    point: String,
    /// What its values are thousandths of, such as `W`; empty for a bare number.
    unit: String,
}

/// Every point that the history has something of.
#[utoipa::path(get, path = "/history/points", tag = "history", responses((status = OK, body = Vec<KnownPoint>)))]
pub(super) async fn points(State(source): State<StatusSource>) -> Answered<Vec<KnownPoint>> {
    let keys = source.history.keys().await;
    let keys = keys.map_err(|gone| Problem::new(StatusCode::SERVICE_UNAVAILABLE, gone.to_string()))?;
    let known =
        |key: crate::history::Key| KnownPoint { point: format!("{}.{}", key.source, key.point), unit: key.unit };
    Ok(Json(keys.into_iter().map(known).collect()))
}

const PAYMENTS_MOST: u32 = 100;
