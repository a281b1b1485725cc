//! What an answer of the API looks like when something could not be done (RFC 9457).

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::settings::SettingsFault;
use crate::tasks::{EngineGone, Unanswered};

/// Why something was not done, as `application/problem+json`. Where nothing else is said, nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What the status means.
    pub title: String,
    /// What happened and what to do, in one or two sentences.
    pub detail: String,
}

/// An answer of the API.
pub type Answered<T> = Result<Json<T>, Problem>;

impl Problem {
    /// One with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Problem").to_owned();
        Problem { status: status.as_u16(), title, detail: detail.into() }
    }

    /// There is no such thing.
    pub fn missing(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, format!("There is no such {what}."))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(self)).into_response();
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        answer
    }
}

impl From<EngineGone> for Problem {
    fn from(gone: EngineGone) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, gone.to_string())
    }
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, unanswered.to_string())
    }
}

impl From<SettingsFault> for Problem {
    fn from(fault: SettingsFault) -> Problem {
        let status = match fault {
            SettingsFault::Disk(_) | SettingsFault::Profile(_) => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::CONFLICT,
        };
        Problem::new(status, fault.to_string())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Problem {
        Problem::new(rejection.status(), rejection.body_text())
    }
}
