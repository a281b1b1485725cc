//! How the words are kept on the card: said, changed, opened with the passphrase, and recovered from paper.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::confirmed;
use super::super::{Frame, Words, page};
use crate::status::StatusSource;
use crate::vault::{KeysStatus, Protection, Tier, VaultFault};

#[derive(Template)]
#[template(path = "wallet_protection.html")]
struct ProtectionPage {
    frame: Frame,
    t: Words,
    keys: KeysStatus,
    /// Which of the three forms the fault is about.
    about: &'static str,
    fault: Option<String>,
}

impl ProtectionPage {
    /// By what, by its name in the catalogue.
    fn tier(&self, what: &str) -> String {
        let tier = match self.keys.tier {
            None => "unknown",
            Some(Tier::Nothing) => "nothing",
            Some(Tier::Host) => "host",
            Some(Tier::Otp) => "otp",
            Some(Tier::Tpm2) => "tpm2",
            Some(Tier::Passphrase) => "passphrase",
        };
        self.t.say(&format!("{what}-{tier}"))
    }

    fn is_sealed(&self) -> bool {
        self.keys.tier != Some(Tier::Nothing)
    }

    /// Whether this machine has given a key, which is not in use.
    fn has_machine_key(&self) -> bool {
        self.keys.offered.is_some() && self.keys.offered != self.keys.tier
    }

    /// Whether this machine may have a better key than it gave.
    fn may_have_better(&self) -> bool {
        self.keys.offered.is_none_or(|offered| offered == Tier::Host)
    }
}

/// The passphrase.
#[derive(Deserialize)]
pub(in super::super) struct Passphrase {
    passphrase: String,
}

/// How the words are to be kept, and the password.
#[derive(Deserialize)]
pub(in super::super) struct Wanted {
    with: String,
    #[serde(default)]
    passphrase: String,
    #[serde(default)]
    again: String,
    password: String,
}

/// The words from paper, and the password.
#[derive(Deserialize)]
pub(in super::super) struct FromPaper {
    words: String,
    password: String,
}

/// `GET /wallet/protection`
pub(in super::super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    shown(&source, t, "", None).await
}

async fn shown(source: &StatusSource, t: Words, about: &'static str, fault: Option<String>) -> Answer {
    let frame = Frame::of(source, t, "wallet").await?;
    Ok(page(&ProtectionPage { frame, t, keys: source.vault.status(), about, fault }))
}

/// `POST /wallet/protection/open`
pub(in super::super) async fn open(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Passphrase>,
) -> Answer {
    let opened = source.open_words(form.passphrase, &by(&peer)).await;
    answered(&source, t, "open", opened.map(|()| "/")).await
}

/// `POST /wallet/protection`
pub(in super::super) async fn protect(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<Wanted>,
) -> Answer {
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &form.password).await {
        return Ok((status, shown(&source, t, "change", Some(denied)).await?).into_response());
    }
    let with = match form.with.as_str() {
        "passphrase" if form.passphrase != form.again => {
            let page = shown(&source, t, "change", Some(t.say("protection-not-same"))).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        "passphrase" => Protection::Passphrase(Zeroizing::new(form.passphrase)),
        "machine" => Protection::Machine(None),
        "nothing" => Protection::Nothing,
        _ => return Err(Refused::missing(t, "protection-unknown", "/wallet/protection")),
    };
    let protected = source.protect(with, &by(&peer)).await;
    answered(&source, t, "change", protected.map(|()| "/wallet/protection")).await
}

/// `POST /wallet/protection/words`
pub(in super::super) async fn recover(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(form): Form<FromPaper>,
) -> Answer {
    if let Some((status, denied)) = confirmed(&source.access, peer.address, &form.password).await {
        return Ok((status, shown(&source, t, "recover", Some(denied)).await?).into_response());
    }
    let recovered = source.recover_words(form.words, &by(&peer)).await;
    answered(&source, t, "recover", recovered.map(|()| "/")).await
}

async fn answered(
    source: &StatusSource,
    t: Words,
    about: &'static str,
    done: Result<&'static str, VaultFault>,
) -> Result<Response, Refused> {
    match done {
        Ok(then) => Ok(Redirect::to(then).into_response()),
        Err(fault) => {
            let page = shown(source, t, about, Some(fault.to_string())).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

fn by(peer: &Peer) -> String {
    format!("on the page, from {}", peer.address.ip())
}
