//! Who sees what: an unclaimed device shows how to become its owner, a claimed one asks for the password first.

use std::net::SocketAddr;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Extension, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use tokio::time::timeout;

use super::api::{self, Caller, has_token, is_api};
use super::door::Peer;
use super::{Words, page};
use crate::access::{Access, Denied, Token};
use crate::engine::Event;
use crate::status::StatusSource;

/// The page of a device that is nobody's yet.
#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimPage {
    t: Words,
    fingerprint: Option<String>,
    code: String,
    fault: Option<String>,
}

/// The page that asks for the password.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    t: Words,
    name: &'a str,
    next: String,
    fault: Option<String>,
}

/// What the owner-to-be fills in.
#[derive(Deserialize)]
pub(super) struct Claim {
    code: String,
    password: String,
    again: String,
}

/// What the owner fills in.
#[derive(Deserialize)]
pub(super) struct Login {
    password: String,
    #[serde(default)]
    next: String,
}

/// Where the owner wanted to go, and whether a button was pressed after the session had ended.
#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    next: String,
    ended: Option<String>,
    changed: Option<String>,
}

/// Lets a request through that carries a session, and those that need none.
pub(super) async fn require_session(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    if has_token(&request) {
        return match api::token_of(&source, request.headers()) {
            Some(token) => {
                request.extensions_mut().insert(Caller::Program(token));
                next.run(request).await
            }
            None => api::unknown(source.access.is_claimed()),
        };
    }
    let path = request.uri().path();
    let is_claimed = source.access.is_claimed();
    if path.starts_with("/static/") || (path == "/claim" && !is_claimed) || (path == "/login" && is_claimed) {
        return next.run(request).await;
    }
    // A page that looks for news by itself keeps no session alive.
    let is_use = request.headers().get("sec-fetch-dest").is_none_or(|dest| dest != "empty");
    if token_of(&peer, request.headers()).and_then(|token| source.access.session(token, is_use)).is_some() {
        request.extensions_mut().insert(Caller::Owner);
        return next.run(request).await;
    }
    if is_api(path) {
        return api::unknown(is_claimed);
    }
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD) && !path.contains('.');
    match (is_page, is_claimed) {
        (true, false) => Redirect::to("/claim").into_response(),
        (true, true) if path == "/" => Redirect::to("/login").into_response(),
        (true, true) => Redirect::to(&format!("/login?next={}", path_of(request.uri()))).into_response(),
        // A button on a page that has been open for long: whoever pressed it must not believe that it worked.
        (false, true) if request.method() == Method::POST && path != "/claim" => {
            Redirect::to("/login?ended=1").into_response()
        }
        (false, false) => (StatusCode::FORBIDDEN, Denied::Unclaimed.to_string()).into_response(),
        (false, true) => (StatusCode::UNAUTHORIZED, "Log in first, on the page /login").into_response(),
    }
}

/// Only forms of Kilosat's own pages change anything.
pub(super) async fn own_forms_only(Extension(peer): Extension<Peer>, request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_safe {
        return next.run(request).await;
    }
    if has_token(&request) || is_from_our_page(&peer, request.headers()) {
        let wait = if request.uri().path() == RESTORE { UPLOAD_WAIT } else { FORM_WAIT };
        let answered = timeout(wait, next.run(request)).await;
        return answered.unwrap_or_else(|_| (StatusCode::REQUEST_TIMEOUT, TOO_SLOW).into_response());
    }
    if is_api(request.uri().path()) {
        return api::unknown(true);
    }
    (StatusCode::FORBIDDEN, "Only Kilosat's own page can press this button. Nothing was changed.").into_response()
}

/// Every browser says where a form was sent from, in one of two ways; what says neither is no browser's form.
pub(super) fn is_from_our_page(peer: &Peer, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin == format!("{}://{host}", peer.scheme()),
        _ => false,
    }
}

/// `GET /claim`
pub(super) async fn claim_page(State(source): State<StatusSource>, t: Words) -> Response {
    if source.access.is_claimed() {
        return Redirect::to("/").into_response();
    }
    page(&ClaimPage { t, fingerprint: source.page.fingerprint(), code: String::new(), fault: None })
}

/// `POST /claim`
pub(super) async fn claim(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
    Form(form): Form<Claim>,
) -> Response {
    let claimed = if form.password == form.again {
        source.access.claim(peer.address.ip(), browser(&headers), &form.code, &form.password).await
    } else {
        Err(Denied::Weak("The two passwords are not the same. Enter the same one twice."))
    };
    match claimed {
        Ok(token) => {
            audit(&source, format!("the device was claimed from {}", peer.address.ip())).await;
            entered(&peer, &token, "/")
        }
        Err(denied) => {
            let (fingerprint, fault) = (source.page.fingerprint(), Some(denied.to_string()));
            (status_of(&denied), page(&ClaimPage { t, fingerprint, code: form.code, fault })).into_response()
        }
    }
}

/// `GET /login`
pub(super) async fn login_page(State(source): State<StatusSource>, t: Words, Query(wanted): Query<Wanted>) -> Response {
    let changed = wanted.changed.map(|_| t.say("password-changed"));
    let fault = wanted.ended.map(|_| t.say("session-ended")).or(changed);
    page(&LoginPage { t, name: &source.config().name, next: wanted.next, fault })
}

/// `POST /login`
pub(super) async fn log_in(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    t: Words,
    headers: HeaderMap,
    Form(form): Form<Login>,
) -> Response {
    // What the browser had before is not what it has after.
    if let Some(old) = token_of(&peer, &headers) {
        source.access.log_out(old);
    }
    match source.access.log_in(peer.address.ip(), browser(&headers), &form.password).await {
        Ok(token) => {
            audit(&source, format!("logged in from {}", peer.address.ip())).await;
            entered(&peer, &token, local(&form.next))
        }
        Err(denied) => {
            // Ever more seldom: a stranger must not fill the journal.
            if let Denied::WrongPassword(so_far) = denied
                && so_far.is_power_of_two()
            {
                let from = peer.address.ip();
                audit(&source, format!("{so_far} wrong passwords since the last right one, the last from {from}"))
                    .await;
            }
            let fault = Some(denied.to_string());
            (status_of(&denied), page(&LoginPage { t, name: &source.config().name, next: form.next, fault }))
                .into_response()
        }
    }
}

/// `POST /logout`
pub(super) async fn log_out(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
) -> Response {
    if let Some(token) = token_of(&peer, &headers) {
        source.access.log_out(token);
    }
    let ended = format!("{}=; Max-Age=0; {}", peer.cookie(), peer.cookie_rules());
    ([(header::SET_COOKIE, ended)], Redirect::to("/login")).into_response()
}

/// Asks for the password once more; what to answer when it is wrong, `None` when it is right.
pub(super) async fn confirmed(access: &Access, from: SocketAddr, password: &str) -> Option<(StatusCode, String)> {
    let denied = access.confirm(from.ip(), password).await.err()?;
    Some((status_of(&denied), format!("{denied} Nothing was changed.")))
}

/// What was done to the page's doors goes to the journal.
pub(super) async fn audit(source: &StatusSource, text: String) {
    tracing::info!("{text}");
    // The engine being gone ends the program; nothing is more important then.
    let _ = source.engine.submit(Event::Access(text)).await;
}

fn entered(peer: &Peer, token: &Token, next: &str) -> Response {
    let cookie = format!("{}={}; {}", peer.cookie(), token.reveal(), peer.cookie_rules());
    let mut answer = Redirect::to(next).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

pub(super) fn token_of<'a>(peer: &Peer, headers: &'a HeaderMap) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == peer.cookie()).map(|(_, token)| token)
}

fn browser(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
}

pub(super) fn status_of(denied: &Denied) -> StatusCode {
    match denied {
        Denied::Weak(_) => StatusCode::BAD_REQUEST,
        Denied::Wait(_) => StatusCode::TOO_MANY_REQUESTS,
        Denied::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::FORBIDDEN,
    }
}

/// Path and query of a page of ours, as they may stand in another address.
fn path_of(uri: &Uri) -> String {
    let text = uri.path_and_query().map_or("/", |path| path.as_str());
    text.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23")
}

/// A path of this machine, whatever the form said.
fn local(next: &str) -> &str {
    let is_path = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_path && is_plain { next } else { "/" }
}

const TOO_SLOW: &str = "This took too long. Look at the page before you try again.";
/// Longer than a password takes to check behind fifteen others.
const FORM_WAIT: Duration = Duration::from_secs(30);
/// The one form with a file, over a slow wireless network; shorter than a connection lives.
const UPLOAD_WAIT: Duration = Duration::from_secs(280);
const RESTORE: &str = "/settings/backup/restore";

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    fn peer() -> Peer {
        let address = SocketAddr::from(([127, 0, 0, 1], 8_380));
        Peer { address, local: address, is_encrypted: false }
    }

    #[test]
    fn after_the_login_nobody_is_sent_elsewhere() {
        for (next, goes) in [
            ("/history?point=main.power&span=day", "/history?point=main.power&span=day"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ] {
            assert_eq!(local(next), goes);
        }
        let uri: Uri = "/history?a=b%20c&d=e".parse().unwrap_or_default();
        assert_eq!(path_of(&uri), "/history?a=b%2520c%26d=e");
    }

    #[test]
    fn only_our_own_page_presses_the_button() {
        #[track_caller]
        fn case(pairs: &[(&'static str, &'static str)], expected: bool) {
            let headers =
                pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            assert_eq!(is_from_our_page(&peer(), &headers.collect()), expected, "{pairs:?}");
        }
        case(&[("sec-fetch-site", "same-origin"), ("host", "localhost:8380")], true);
        case(
            &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:8380"), ("host", "localhost:8380")],
            false,
        );
        case(&[("sec-fetch-site", "cross-site"), ("host", "localhost:8380")], false);
        case(&[("sec-fetch-site", "none"), ("host", "localhost:8380")], false);
        case(&[("origin", "http://localhost:8380"), ("host", "localhost:8380")], true);
        case(&[("origin", "http://localhost:9999"), ("host", "localhost:8380")], false);
        case(&[("origin", "null"), ("host", "localhost:8380")], false);
        case(&[("host", "localhost:8380")], false);
    }
}
