//! Tells the owner what needs them, where they asked for it: a short text to an address of theirs.
//!
//! It follows the journal: what was recorded while nobody could be told is told later, unless it is older than a day by then.
//! A message may come twice. Of many at once, what can wait is left out. What is no entry of the journal (a silent meter) is
//! remembered in memory only, so after a restart it is told once more.

mod message;
mod watched;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use url::Url;

use self::message::Message;
use self::watched::Watched;
use crate::disk;
use crate::http::{HttpFault, Limits, Request, StrictClient};
use crate::language::Language;
use crate::status::StatusSource;
use crate::tasks::Unanswered;
use crate::words::Words;

/// Where messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The address they are posted to.
    pub url: Url,
    /// As JSON, and not as plain text.
    pub json: bool,
}

/// Why a message did not arrive. It is sent again.
#[derive(Debug, thiserror::Error)]
pub enum NotifyFault {
    /// The address could not be reached.
    #[error(transparent)]
    Http(#[from] HttpFault),
    /// It did not want the message.
    #[error("{host} answered with status {status} and did not take the message; check the address in the settings")]
    Refused {
        /// Who answered.
        host: String,
        /// HTTP status.
        status: u16,
    },
}

/// Sends messages to one address.
#[derive(Clone, Debug)]
pub struct Messenger {
    notify: Notify,
    client: StrictClient,
}

/// Up to which entry of the journal the owner was told.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    seq: u64,
}

impl Messenger {
    /// Opens no connection.
    ///
    /// # Errors
    /// [`HttpFault`] for an address without TLS outside the house, or where TLS cannot be set up.
    pub fn new(notify: Notify) -> Result<Messenger, HttpFault> {
        let client = StrictClient::for_wallet(&notify.url, &[], Limits::default())?;
        Ok(Messenger { notify, client })
    }

    /// Sends one message of the house `name`.
    ///
    /// # Errors
    /// [`NotifyFault`]: it may have arrived all the same.
    pub async fn send(&self, name: &str, text: &str) -> Result<(), NotifyFault> {
        let url = self.notify.url.clone();
        // Headers hold no other letters; the text says it in full.
        let title: String = name.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { ' ' }).collect();
        let title = format!("Kilosat {}", title.trim());
        let request = match self.notify.json {
            true => Request::json(url, &json!({"house": name, "text": text})),
            false => Request::text(url, text.to_owned()).header("title", title.trim_end()),
        };
        let answer = self.client.send(request).await?;
        match answer.status {
            200..=299 => Ok(()),
            status => {
                let host = crate::http::host_of(&self.notify.url);
                Err(NotifyFault::Refused { host, status })
            }
        }
    }
}

/// Tells the owner what is new, until the engine stops.
pub async fn run(source: StatusSource, messenger: Messenger) {
    run_every(EVERY, source, messenger).await;
}

async fn run_every(pause: Duration, source: StatusSource, messenger: Messenger) {
    let path = source.config().state_directory.join("notify.json");
    let Some(mut told) = begin(&source, &path).await else { return };
    let mut kept = told;
    let (mut beat, mut watched) = (interval(pause), Watched::default());
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut waits, mut rounds) = (0_u32, 0_u32);
    loop {
        beat.tick().await;
        if waits > 0 {
            waits -= 1;
            continue;
        }
        let t = Words::of(source.config().language.unwrap_or(Language::English));
        let Some((newest, mut messages)) = news(&source, told, t).await else { return };
        // A look at the status asks the wallet too.
        if rounds.is_multiple_of(ROUNDS_PER_LOOK) {
            let Ok(status) = source.status().await else { return };
            watched.look(&status, t);
        }
        rounds = rounds.wrapping_add(1);
        messages.extend(watched.to_tell(t));
        if messages.is_empty() {
            told = newest;
            // Noted now and then, so that little is read once more after a restart.
            if told.saturating_sub(kept) >= ENTRIES_AGAIN_MAX {
                kept = told;
                keep(&path, kept).await;
            }
            continue;
        }
        match messenger.send(&source.config().name, &together(messages, t)).await {
            Ok(()) => {
                (told, kept) = (newest, newest);
                watched.was_told();
                keep(&path, kept).await;
            }
            Err(fault) => {
                tracing::warn!(%fault, "a message to the owner did not arrive; it is sent again");
                waits = WAIT_ROUNDS;
            }
        }
    }
}

/// The number of the newest entry of the journal, and what the owner is to be told of those after `told`; `None` once the
/// engine has stopped.
async fn news(source: &StatusSource, told: u64, t: Words) -> Option<(u64, Vec<Message>)> {
    let (mut newest, mut messages) = (told, Vec::new());
    let now = source.clock.now().wall;
    loop {
        let entries = match source.engine.journal_after(newest, ENTRIES_MAX).await {
            Ok(entries) => entries,
            Err(Unanswered::Gone(_)) => return None,
            Err(fault) => {
                tracing::warn!(%fault, "the journal could not be read for messages; it is tried again");
                return Some((newest, messages));
            }
        };
        let Some(last) = entries.last() else { return Some((newest, messages)) };
        newest = last.seq;
        let fresh = entries.iter().filter(|entry| now.0.saturating_sub(entry.at_ms) <= TOLD_WITHIN_MS);
        messages.extend(fresh.filter_map(|entry| Message::of(entry, t)));
    }
}

/// Up to where the owner was told before; what happened before there was an address is not told.
async fn begin(source: &StatusSource, path: &std::path::Path) -> Option<u64> {
    let head = source.engine.snapshot().await.ok()?.journal_entries;
    let text = std::fs::read(path).ok().filter(|text| text.len() <= FILE_BYTES_MAX);
    let known = text.and_then(|text| serde_json::from_slice::<Told>(&text).ok()).map(|told| told.seq);
    match known.filter(|seq| *seq <= head) {
        Some(seq) => Some(seq),
        None => {
            keep(path, head).await;
            Some(head)
        }
    }
}

async fn keep(path: &std::path::Path, seq: u64) {
    let path: PathBuf = path.to_owned();
    let written = tokio::task::spawn_blocking(move || {
        let text = serde_json::to_vec(&Told { seq })?;
        disk::replace(&path, &text)
    });
    if !matches!(written.await, Ok(Ok(()))) {
        tracing::warn!("what the owner was told could not be noted; it may be told once more");
    }
}

/// One text; where there is too much, what can wait is left out, oldest first.
fn together(mut messages: Vec<Message>, t: Words) -> String {
    let left_out = messages.len().saturating_sub(LINES_MAX);
    messages.sort_by_key(|message| !message.is_urgent);
    let urgent = messages.iter().filter(|message| message.is_urgent).count().min(LINES_MAX);
    messages.drain(urgent..urgent + left_out);
    let mut lines: Vec<String> = messages.into_iter().map(|message| message.text).collect();
    if left_out > 0 {
        lines.push(t.with("message-more", "number", left_out));
    }
    lines.join("\n")
}

const EVERY: Duration = Duration::from_secs(10);
/// What stands in no entry of the journal is looked at every five minutes.
const ROUNDS_PER_LOOK: u32 = 30;
/// After a message that did not arrive, in rounds.
const WAIT_ROUNDS: u32 = 18;
const ENTRIES_MAX: u32 = 500;
/// Read once more after a restart at most.
const ENTRIES_AGAIN_MAX: u64 = 5_000;
const LINES_MAX: usize = 10;
const TOLD_WITHIN_MS: u64 = 86_400_000;
const FILE_BYTES_MAX: usize = 1_024;

#[cfg(test)]
#[cfg(not(feature = "node"))]
mod tests;
