//! The account of a month.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Json, Response};
use serde::Deserialize;

use super::{Frame, Words, page};
use crate::control::NO_MONTH;
use crate::domain::money::UnixMillis;
use crate::domain::window::on_the_clock;
use crate::status::StatusSource;
use crate::store::{Change, Statement};

/// Which month, such as `2026-11`; this one without.
#[derive(Deserialize)]
pub struct Asked {
    month: Option<String>,
}

/// The page of a month.
#[derive(Template)]
#[template(path = "statement.html")]
pub struct StatementPage<'a> {
    /// What is around it.
    pub frame: Frame,
    /// The reader's language.
    pub t: Words,
    /// This month, as `2026-11`.
    pub month: String,
    /// The one before.
    pub before: String,
    /// The one after, unless that has not begun yet.
    pub after: Option<String>,
    /// Its account.
    pub statement: &'a Statement,
}

impl StatementPage<'_> {
    fn what(&self, change: &Change) -> String {
        self.t.say(&format!("account-{}", change.name))
    }
}

/// `GET /statement`
pub async fn html(State(source): State<StatusSource>, t: Words, Query(asked): Query<Asked>) -> Response {
    let statement = match answer(&source, &asked).await {
        Ok(statement) => statement,
        Err(refused) => return refused,
    };
    let config = source.config();
    let month_at = |at_ms: u64| on_the_clock(UnixMillis(at_ms), &config.zone).chars().take(MONTH_CHARS).collect();
    let after = (statement.to_ms <= source.clock.now().wall.0).then(|| month_at(statement.to_ms));
    let frame = match Frame::of(&source, t, "statement").await {
        Ok(frame) => frame,
        Err(refused) => return refused.into_response(),
    };
    page(&StatementPage {
        frame,
        t,
        month: month_at(statement.from_ms),
        before: month_at(statement.from_ms.saturating_sub(1)),
        after,
        statement: &statement,
    })
}

/// `GET /statement.json`
pub async fn json(State(source): State<StatusSource>, Query(asked): Query<Asked>) -> Response {
    match answer(&source, &asked).await {
        Ok(statement) => Json(statement).into_response(),
        Err(refused) => refused,
    }
}

async fn answer(source: &StatusSource, asked: &Asked) -> Result<Statement, Response> {
    match source.statement(asked.month.as_deref()).await {
        Ok(Some(statement)) => Ok(statement),
        Ok(None) => Err((StatusCode::BAD_REQUEST, NO_MONTH).into_response()),
        Err(gone) => Err((StatusCode::SERVICE_UNAVAILABLE, gone.to_string()).into_response()),
    }
}

/// `2026-11`
const MONTH_CHARS: usize = 7;
