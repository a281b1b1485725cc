//! Access tokens: the owner makes one for each program, says what it may do, and revokes it.

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect};
use serde::Deserialize;

use super::super::answers::{Answer, Refused};
use super::super::door::Peer;
use super::super::gate::{audit, status_of};
use super::super::{Frame, Words, page};
use crate::access::{Denied, NAME_CHARS_MAX, Scope, TokenView};
use crate::status::StatusSource;
use crate::text::cleaned;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    t: Words,
    tokens: Vec<TokenView>,
    zone: jiff::tz::TimeZone,
    entries: Entries,
    fault: Option<String>,
    /// What proves the one that was just made.
    made: Option<String>,
}

/// What the owner fills in.
#[derive(Default, Deserialize)]
pub(in super::super) struct Entries {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    read: Option<String>,
    #[serde(default)]
    stop: Option<String>,
    #[serde(default)]
    receive: Option<String>,
    #[serde(default)]
    pay: Option<String>,
}

impl TokensPage {
    /// Each with its name, what it lets a program do, and whether it is chosen.
    fn scopes(&self) -> [(&'static str, String, bool); 4] {
        let what = |scope: Scope| self.t.say(&format!("scope-{}-long", scope.name()));
        Scope::ALL.map(|scope| (scope.name(), what(scope), self.entries.chosen(scope)))
    }

    fn permissions(&self, token: &TokenView) -> String {
        let names = token.scopes.iter().map(|scope| self.t.say(&format!("scope-{}", scope.name())));
        names.collect::<Vec<_>>().join(", ")
    }
}

impl Entries {
    fn chosen(&self, scope: Scope) -> bool {
        match scope {
            Scope::Read => self.read.is_some(),
            Scope::Stop => self.stop.is_some(),
            Scope::Receive => self.receive.is_some(),
            Scope::Pay => self.pay.is_some(),
        }
    }
}

/// `GET /settings/tokens`
pub(in super::super) async fn html(State(source): State<StatusSource>, t: Words) -> Answer {
    let entries = Entries { read: Some("on".to_owned()), ..Entries::default() };
    shown(&source, t, entries, None, None).await
}

/// `POST /settings/tokens`: makes one, with the password, and shows it once.
pub(in super::super) async fn make(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Form(entries): Form<Entries>,
) -> Answer {
    let scopes: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| entries.chosen(*scope)).collect();
    let name = cleaned(&entries.name, NAME_CHARS_MAX);
    let fault = if name.is_empty() {
        Some(t.with("fault-empty", "field", t.say("token-name")))
    } else {
        scopes.is_empty().then(|| t.say("token-no-scope"))
    };
    if fault.is_some() {
        let page = shown(&source, t, entries, fault, None).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let may = scopes.iter().map(|scope| scope.name()).collect::<Vec<_>>().join(", ");
    match source.access.new_token(peer.address.ip(), &entries.password, &name, scopes).await {
        Ok(secret) => {
            let number = source.access.token(&secret).map(|token| token.number).unwrap_or_default();
            let from = peer.address.ip();
            audit(&source, format!("access token {number} ({name}) was made on the page, from {from}: {may}")).await;
            shown(&source, t, Entries::default(), None, Some(secret)).await
        }
        Err(denied) => {
            let says_so = matches!(denied, Denied::Failed(_));
            let fault = if says_so { denied.to_string() } else { format!("{denied} {}", t.say("nothing-changed")) };
            let fault = Some(fault);
            Ok((status_of(&denied), shown(&source, t, entries, fault, None).await?).into_response())
        }
    }
}

/// `POST /settings/tokens/{number}/end`
pub(in super::super) async fn end(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    Path(number): Path<u64>,
) -> Answer {
    match source.access.end_token(number) {
        Ok(true) => audit(&source, format!("access token {number} was revoked, from {}", peer.address.ip())).await,
        Ok(false) => {}
        Err(denied) => return Err(Refused::because(status_of(&denied), t, denied.to_string(), "/settings/tokens")),
    }
    Ok(Redirect::to("/settings/tokens").into_response())
}

async fn shown(
    source: &StatusSource,
    t: Words,
    entries: Entries,
    fault: Option<String>,
    made: Option<String>,
) -> Answer {
    let frame = Frame::of(source, t, "settings").await?;
    let zone = source.config().zone.clone();
    Ok(page(&TokensPage { frame, t, tokens: source.access.tokens(), zone, entries, fault, made }))
}
