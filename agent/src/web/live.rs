//! Tells an open page when there is something new to see (server-sent events, HTML Living Standard, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::door::Peer;
use super::gate::token_of;
use crate::status::StatusSource;

/// `GET /events`: `look` when something is new, at most once a second, and at least every ten. It ends with the session.
pub(super) async fn events(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    let token = token_of(&peer, &headers).unwrap_or_default().to_owned();
    let (values, money) = (source.latest.news(), source.engine.news());
    let ends_ms = source.clock.elapsed_ms().saturating_add(LIFE_MS);
    let listener = Listener { source, token, values, money, ends_ms, is_first: true };
    let told = unfold(listener, |mut listener| async {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Sse::new(told).into_response()
}

struct Listener {
    source: StatusSource,
    token: String,
    values: watch::Receiver<()>,
    money: watch::Receiver<()>,
    ends_ms: u64,
    is_first: bool,
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        if !std::mem::take(&mut self.is_first) {
            sleep(PAUSE).await;
            let something = async {
                tokio::select! {
                    heard = self.values.changed() => heard,
                    heard = self.money.changed() => heard,
                }
            };
            // Times of day and ages go on in any case; who tells news no more has ended.
            if let Ok(Err(_)) = timeout(WAIT, something).await {
                return None;
            }
            self.values.mark_unchanged();
            self.money.mark_unchanged();
        }
        let is_late = self.source.clock.elapsed_ms() >= self.ends_ms;
        let is_welcome = !is_late && self.source.access.session(&self.token, false).is_some();
        // Browsers pass no event on that carries nothing.
        is_welcome.then(|| Event::default().event("look").retry(RETRY).data("new"))
    }
}

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Without news.
const WAIT: Duration = Duration::from_secs(9);
/// The browser asks again after this.
const RETRY: Duration = Duration::from_secs(2);
/// Ends before the connection must, which lives for five minutes.
const LIFE_MS: u64 = 240_000;
