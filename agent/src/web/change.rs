//! A change of the settings before it is saved: what changes, line by line, and the password where more is at stake.

use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use bitcoin::hex::DisplayHex as _;
use serde::Deserialize;

use super::answers::{Answer, Refused};
use super::door::Peer;
use super::gate::confirmed;
use super::{Frame, Words, page};
use crate::agent::name_of;
use crate::config::{Draft, DraftFault};
use crate::domain::money::Msat;
use crate::keys::Secret;
use crate::settings::{Line, Mark, Proposal, SettingsFault, lines_that_differ};
use crate::status::StatusSource;
use crate::vault::ReadFault;

/// Changes that wait to be saved; kept in memory only.
#[derive(Clone, Default)]
pub(super) struct Changes {
    pending: Arc<Mutex<Vec<Pending>>>,
}

/// One that waits.
#[derive(Clone)]
pub(super) struct Pending {
    /// What it would do to the file.
    pub proposal: Proposal,
    /// What was done, for the journal, in English.
    pub what: String,
    /// What the owner should know before, and what that is about.
    pub facts: Vec<String>,
    about: &'static str,
    /// What it lets be spent in a month.
    pub month: Option<Msat>,
    /// A credential, and the file it is kept in once this is saved.
    secret: Option<(PathBuf, Secret)>,
    /// Where the owner comes from.
    pub from: String,
    /// Where to go when it is saved.
    pub then: String,
    token: String,
    at_ms: u64,
}

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    frame: Frame,
    t: Words,
    pending: Pending,
    lines: Vec<Line>,
    fault: Option<String>,
}

/// The owner's word.
#[derive(Deserialize)]
pub(super) struct Confirmed {
    #[serde(default)]
    password: String,
}

impl Pending {
    pub(super) fn new(proposal: Proposal, what: String, from: String, then: String) -> Pending {
        let (facts, month, secret) = (Vec::new(), None, None);
        let about = "change-payee";
        Pending { proposal, what, facts, about, month, secret, from, then, token: String::new(), at_ms: 0 }
    }

    /// With a credential that is kept in a file of its own once this is saved.
    pub(super) fn with_secret(self, file: PathBuf, secret: Secret) -> Pending {
        Pending { secret: Some((file, secret)), ..self }
    }

    /// The facts are about this, by its name in the catalogue.
    pub(super) fn headed(self, about: &'static str) -> Pending {
        Pending { about, ..self }
    }

    /// With what the owner should know before, and what may be spent in a month.
    pub(super) fn about(self, facts: Vec<String>, month: Option<Msat>) -> Pending {
        Pending { facts, month, ..self }
    }
}

impl Changes {
    /// Keeps a change and leads to its page.
    pub(super) fn ask(&self, source: &StatusSource, mut pending: Pending) -> Response {
        let mut token = [0; 16];
        if getrandom::fill(&mut token).is_err() {
            return (StatusCode::INTERNAL_SERVER_ERROR, "This machine gives no random numbers.").into_response();
        }
        (pending.token, pending.at_ms) = (token.to_lower_hex_string(), source.clock.elapsed_ms());
        let path = format!("/change/{}", pending.token);
        let mut all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| pending.at_ms.saturating_sub(known.at_ms) < KEPT_MS);
        if all.len() >= KEPT_MAX {
            all.remove(0);
        }
        all.push(pending);
        Redirect::to(&path).into_response()
    }

    fn get(&self, source: &StatusSource, token: &str) -> Option<Pending> {
        let now_ms = source.clock.elapsed_ms();
        let all = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|known| known.token == token && now_ms.saturating_sub(known.at_ms) < KEPT_MS).cloned()
    }

    fn forget(&self, token: &str) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known.token != token);
    }
}

/// `GET /change/{token}`
pub(super) async fn html(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    t: Words,
    Path(token): Path<String>,
) -> Answer {
    let pending = changes.get(&source, &token).ok_or_else(|| Refused::missing(t, "change-gone", "/"))?;
    Ok(shown(Frame::of(&source, t, "").await?, t, pending, None))
}

/// `POST /change/{token}`
pub(super) async fn save(
    State(source): State<StatusSource>,
    Extension(changes): Extension<Changes>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Path(token): Path<String>,
    Form(form): Form<Confirmed>,
) -> Answer {
    let pending = changes.get(&source, &token).ok_or_else(|| Refused::missing(t, "change-gone", "/"))?;
    if pending.proposal.raises_stakes
        && let Some((status, denied)) = confirmed(&source.access, peer.address, &form.password).await
    {
        let frame = Frame::of(&source, t, "").await?;
        return Ok((status, shown(frame, t, pending, Some(denied))).into_response());
    }
    // Pressed twice, it is saved once.
    changes.forget(&token);
    if let Some((file, secret)) = &pending.secret
        && let Err(error) = keep(&source, &pending, file, secret)
    {
        let text = format!("{} {error}", t.say("nothing-changed"));
        return Err(Refused::because(StatusCode::INTERNAL_SERVER_ERROR, t, text, &pending.from));
    }
    let what = format!("{} on the page, from {}", pending.what, peer.address.ip());
    let changed = source.change(pending.proposal, &what).await;
    if let (Err(_), Some((file, _))) = (&changed, &pending.secret) {
        // What is not used is not kept.
        let _ = std::fs::remove_file(file);
    }
    match changed {
        Ok(_) => Ok(Redirect::to(&pending.then).into_response()),
        Err(fault) => Err(Refused::because(StatusCode::CONFLICT, t, fault.to_string(), &pending.from)),
    }
}

/// As secrets are kept here, with the name of the wallet that it will open.
fn keep(source: &StatusSource, pending: &Pending, file: &FilePath, secret: &Secret) -> Result<(), ReadFault> {
    let secret = secret.expose().as_bytes();
    source.vault.keep(file, secret, &name_of(&pending.proposal.config)(file, secret))
}

fn shown(frame: Frame, t: Words, pending: Pending, fault: Option<String>) -> Response {
    let lines = lines_that_differ(&pending.proposal.replaces, &pending.proposal.text);
    page(&ChangePage { frame, t, lines, pending, fault })
}

/// What a change of single settings comes to.
///
/// # Errors
/// [`SettingsFault`].
pub(super) fn proposed(
    source: &StatusSource,
    change: impl FnOnce(&mut Draft) -> Result<(), DraftFault>,
) -> Result<Proposal, SettingsFault> {
    let draft = Draft::of(&source.settings.text()).and_then(|mut draft| change(&mut draft).map(|()| draft));
    let draft = draft.map_err(|fault| SettingsFault::ToBeMended(fault.to_string()))?;
    source.settings.propose(draft.into_text())
}

/// Why a text cannot be proposed, one sentence for each mistake.
pub(super) fn told(fault: SettingsFault) -> Vec<String> {
    match fault {
        SettingsFault::Wrong(problems) => problems.iter().map(ToString::to_string).collect(),
        other => vec![other.to_string()],
    }
}

const KEPT_MS: u64 = 30 * 60_000;
const KEPT_MAX: usize = 16;
