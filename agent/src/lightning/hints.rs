//! Hints over a wallet's own websocket: they wake whoever waits for money, and decide nothing.
//!
//! A websocket has no replay, and it may be gone without a word. So each new connection counts as a hint, because what
//! came before it was missed; a silent one is asked for a sign of life; and whatever happens, it is time to look after
//! a while all the same.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Sleep, sleep, timeout};
use url::Url;

use crate::http::{Heard, Socket, StrictClient};

/// The connection over which a wallet tells that something happened. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Hints(Arc<Mutex<Line>>);

/// Where a wallet tells, and how it is understood.
pub(super) struct Source<'a> {
    /// Reaches the wallet and nobody else.
    pub(super) client: &'a StrictClient,
    /// With http or https.
    pub(super) url: Url,
    /// The credential, unless it is part of the URL.
    pub(super) header: Option<(&'static str, &'a str)>,
    /// Whether a text may mean money.
    pub(super) is_hint: fn(&str) -> bool,
    /// The time between two looks where nothing hints.
    pub(super) poll: Duration,
}

#[derive(Default)]
struct Line {
    socket: Option<Socket>,
    /// Texts without a hint that are still put up with.
    left: usize,
    /// Connections since the last hint.
    attempts: u32,
    /// Runs out when the next connection may be tried.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Hints {
    /// Returns at a hint, or when it is time to look without one.
    pub(super) async fn next(&self, source: &Source<'_>) {
        let mut line = self.0.lock().await;
        loop {
            let patience = if line.socket.is_some() { source.poll.saturating_mul(TRUSTED_POLLS) } else { source.poll };
            match timeout(patience, line.step(source)).await {
                Ok(true) | Err(_) => return,
                Ok(false) => {}
            }
        }
    }
}

impl Line {
    /// True for a hint; false when the connection was lost.
    async fn step(&mut self, source: &Source<'_>) -> bool {
        if self.socket.is_none() {
            self.connect(source).await;
            return true;
        }
        if self.listen(source).await {
            self.attempts = 0;
            return true;
        }
        self.socket = None;
        false
    }

    /// Tries until there is a connection, each time after a longer pause.
    async fn connect(&mut self, source: &Source<'_>) {
        while self.socket.is_none() {
            if let Some(pause) = self.pause.as_mut() {
                pause.await;
            }
            let pause = PAUSE_FIRST.saturating_mul(1 << self.attempts.min(PAUSE_DOUBLINGS_MAX));
            self.pause = Some(Box::pin(sleep(pause)));
            self.attempts = self.attempts.saturating_add(1);
            match source.client.socket(&source.url, source.header).await {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.left = TEXTS_MAX;
                }
                Err(fault) => tracing::debug!(%fault, "the wallet's events cannot be listened to; it is polled"),
            }
        }
    }

    /// True for a hint; false when nothing can be expected any more.
    async fn listen(&mut self, source: &Source<'_>) -> bool {
        let Some(socket) = self.socket.as_mut() else { return false };
        let mut was_asked = false;
        while self.left > 0 {
            match timeout(source.poll, socket.next()).await {
                Ok(Some(Heard::Text(text))) if (source.is_hint)(&text) => {
                    self.left = TEXTS_MAX;
                    return true;
                }
                Ok(Some(_)) => {
                    self.left -= 1;
                    was_asked = false;
                }
                Ok(None) => return false,
                Err(_) if was_asked => return false,
                Err(_) => {
                    was_asked = true;
                    if !matches!(timeout(source.poll, socket.ping()).await, Ok(true)) {
                        return false;
                    }
                }
            }
        }
        false
    }
}

/// A connection that lives is believed to be silent for this many polls.
const TRUSTED_POLLS: u32 = 10;
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Up to 64 s.
const PAUSE_DOUBLINGS_MAX: u32 = 6;
/// An honest wallet tells of other things too, but not of so many.
const TEXTS_MAX: usize = 1_000;
