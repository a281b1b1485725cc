//! Answers that are no page of their own: what could not be done, and why.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{Words, page};
use crate::tasks::{EngineGone, Unanswered};

/// Something was asked that cannot be answered or done. Shown as a page with a way back.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    t: Words,
    text: String,
    back: String,
}

/// A handler's answer.
pub type Answer = Result<Response, Refused>;

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    t: Words,
    text: &'a str,
    back: &'a str,
}

impl Refused {
    /// There is no such thing.
    pub fn missing(t: Words, sentence: &str, back: &str) -> Refused {
        Refused { status: StatusCode::NOT_FOUND, t, text: t.say(sentence), back: back.to_owned() }
    }

    /// What was asked makes no sense, or does not fit what is there now.
    pub fn because(status: StatusCode, t: Words, text: impl Into<String>, back: &str) -> Refused {
        Refused { status, t, text: text.into(), back: back.to_owned() }
    }

    /// Makes one of a part of Kilosat that does not answer.
    pub fn gone(t: Words) -> impl FnOnce(EngineGone) -> Refused {
        move |gone| Refused::because(StatusCode::SERVICE_UNAVAILABLE, t, gone.to_string(), "/")
    }

    /// Makes one of a question without an answer.
    pub fn unanswered(t: Words) -> impl FnOnce(Unanswered) -> Refused {
        move |unanswered| Refused::because(StatusCode::SERVICE_UNAVAILABLE, t, unanswered.to_string(), "/")
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let notice = Notice { t: self.t, text: &self.text, back: &self.back };
        (self.status, page(&notice)).into_response()
    }
}
