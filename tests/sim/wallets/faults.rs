//! What goes wrong on the way between Kilosat and a simulated wallet, put in front of its real handlers.
#![allow(clippy::unwrap_used)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

/// One misbehaviour; each is used up by one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers so without doing anything.
    Instead(u16, &'static str),
    /// Does what was asked and answers so.
    After(u16, &'static str),
    /// Does nothing and cuts the connection.
    CutBefore,
    /// Does what was asked and cuts the connection in the middle of the answer.
    CutAfter,
    /// Does what was asked and never answers.
    HangAfter,
    /// Answers with another place to go to.
    Redirect,
    /// An answer without an end.
    Endless,
}

/// Misbehaviours that wait for a request to a matching path. Clones share them.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<VecDeque<(&'static str, Fault)>>>);

impl Faults {
    /// The next request whose path holds `part` meets `fault`.
    pub fn push(&self, part: &'static str, fault: Fault) {
        self.0.lock().unwrap().push_back((part, fault));
    }

    /// Forgets the misbehaviours that still wait.
    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Puts the misbehaviours in front of `router`.
    pub fn wrap(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), misbehave))
    }

    fn take(&self, path: &str) -> Option<Fault> {
        let mut waiting = self.0.lock().unwrap();
        let place = waiting.iter().position(|(part, _)| path.contains(part))?;
        waiting.remove(place).map(|(_, fault)| fault)
    }
}

async fn misbehave(State(faults): State<Faults>, request: Request, next: Next) -> Response {
    let answer = |status: u16, body: &'static str| (StatusCode::from_u16(status).unwrap(), body).into_response();
    match faults.take(request.uri().path()) {
        None => next.run(request).await,
        Some(Fault::Instead(status, body)) => answer(status, body),
        Some(Fault::After(status, body)) => {
            next.run(request).await;
            answer(status, body)
        }
        Some(Fault::CutBefore) => cut(),
        Some(Fault::CutAfter) => {
            next.run(request).await;
            cut()
        }
        Some(Fault::HangAfter) => {
            next.run(request).await;
            std::future::pending().await
        }
        Some(Fault::Redirect) => {
            (StatusCode::TEMPORARY_REDIRECT, [("location", "http://127.0.0.1:9/elsewhere")]).into_response()
        }
        Some(Fault::Endless) => Body::from_stream(endless()).into_response(),
    }
}

/// A body that begins and breaks.
fn cut() -> Response {
    let parts = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("cut"))];
    Body::from_stream(futures_util::stream::iter(parts)).into_response()
}

fn endless() -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> {
    futures_util::stream::repeat_with(|| Ok(Bytes::from_static(&[b' '; 4096])))
}
