//! Tells the owner what needs them, where they asked for it: a short text to an address of theirs.
//!
//! It follows the journal: what was recorded while nobody could be told is told later. A message may come twice, and none
//! is lost while the address does not answer; what is older than a day by then is left out.

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
use crate::status::StatusSource;

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
    let path = source.config().state_directory.join("notify.json");
    let Some(mut told) = begin(&source, &path).await else { return };
    let (mut beat, mut watched) = (interval(EVERY), Watched::default());
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut waits, mut rounds) = (0_u32, 0_u32);
    loop {
        beat.tick().await;
        if waits > 0 {
            waits -= 1;
            continue;
        }
        let Ok(entries) = source.engine.journal_after(told, ENTRIES_MAX).await else { return };
        // A look at the status asks the wallet too.
        let changes = match rounds % ROUNDS_PER_LOOK {
            0 => source.status().await.map(|status| watched.look(&status)),
            _ => Ok(Vec::new()),
        };
        let Ok(changes) = changes else { return };
        rounds = rounds.wrapping_add(1);
        let now = source.clock.now().wall;
        let fresh = entries.iter().filter(|entry| now.0.saturating_sub(entry.at_ms) <= TOLD_WITHIN_MS);
        let mut messages: Vec<String> = fresh.filter_map(Message::of).map(|message| message.text()).collect();
        messages.extend(changes.iter().map(|(text, _)| text.clone()));
        let newest = entries.last().map_or(told, |entry| entry.seq);
        if messages.is_empty() {
            // Not written: after a restart these are looked at once more, and still need nobody.
            told = newest;
            continue;
        }
        match messenger.send(&source.config().name, &together(&messages)).await {
            Ok(()) => {
                told = newest;
                keep(&path, told).await;
            }
            Err(fault) => {
                tracing::warn!(%fault, "a message to the owner did not arrive; it is sent again");
                watched.forget(&changes);
                (waits, rounds) = (WAIT_ROUNDS, 0);
            }
        }
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

/// One text; the newest lines where there are too many.
fn together(messages: &[String]) -> String {
    let left_out = messages.len().saturating_sub(LINES_MAX);
    let mut lines: Vec<&str> = messages.iter().skip(left_out).map(String::as_str).collect();
    let more = format!("{left_out} more; the page shows all of it.");
    if left_out > 0 {
        lines.push(&more);
    }
    lines.join("\n")
}

const EVERY: Duration = Duration::from_secs(10);
/// What stands in no entry of the journal is looked at every five minutes.
const ROUNDS_PER_LOOK: u32 = 30;
/// After a message that did not arrive, in rounds.
const WAIT_ROUNDS: u32 = 18;
const ENTRIES_MAX: u32 = 500;
const LINES_MAX: usize = 10;
const TOLD_WITHIN_MS: u64 = 86_400_000;
const FILE_BYTES_MAX: usize = 1_024;

#[cfg(test)]
#[cfg(not(feature = "node"))]
mod tests;
