//! What somebody who helps needs to know, in one file, without anything that opens or moves money.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use serde::Serialize;

use super::super::Words;
use super::super::answers::{Answer, Refused};
use crate::history::Extent;
use crate::status::{Status, StatusSource};
use crate::store::JournalEntry;
use crate::text::without_paths;

/// The file. Names of payees, amounts and values are in it; keys, recovery words, passwords, tokens and proofs of payment are not.
#[derive(Serialize)]
struct Diagnostics {
    /// Of Kilosat.
    version: &'static str,
    /// Whether the Lightning node is built in.
    has_node: bool,
    /// The processor it was built for.
    processor: &'static str,
    /// What the system's kernel calls itself.
    kernel: String,
    /// All that the first page shows.
    status: Status,
    /// Access tokens and sessions that hold.
    tokens: usize,
    sessions: usize,
    /// What is kept of the past, or why that is not known.
    history: Result<Extent, String>,
    /// kilosat.toml; no key stands in it, and its web addresses are cut behind the host like all others here.
    settings: String,
    /// The end of the journal.
    journal: Vec<JournalEntry>,
}

/// `GET /settings/diagnostics.json`
pub(in super::super) async fn file(State(source): State<StatusSource>, t: Words) -> Answer {
    let status = source.status().await.map_err(Refused::gone(t))?;
    let after = status.journal_entries.saturating_sub(ENTRIES);
    let journal = source.engine.journal_after(after, u32::MAX).await.map_err(Refused::unanswered(t))?;
    let diagnostics = Diagnostics {
        version: env!("CARGO_PKG_VERSION"),
        has_node: cfg!(feature = "node"),
        processor: std::env::consts::ARCH,
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        tokens: source.access.tokens().len(),
        sessions: source.access.sessions().len(),
        history: source.history.extent().await.map_err(|gone| gone.to_string()),
        settings: source.settings.text(),
        journal: journal.into_iter().map(JournalEntry::without_proof).collect(),
        status,
    };
    let text = serde_json::to_string(&diagnostics)
        .map_err(|fault| Refused::because(StatusCode::INTERNAL_SERVER_ERROR, t, fault.to_string(), "/settings"))?;
    let name = "attachment; filename=\"kilosat-diagnostics.json\"";
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, without_paths(&text)).into_response())
}

const ENTRIES: u64 = 500;
