//! The local page: rendered on the server, complete without scripts, embedded in the binary.

mod agreements;
mod answers;
mod api;
mod change;
mod channels;
mod devices;
mod door;
mod entry;
mod flow;
mod frame;
mod gate;
mod history;
mod home;
mod identity;
mod live;
mod moves;
mod orders;
mod payments;
mod reader;
mod savings;
mod settings;
mod setup;
mod statement;
mod wallet;

use std::net::IpAddr;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Extension, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use self::change::Changes;
use self::devices::Searches;
use self::door::{Limits, Peer, Turns};
use self::frame::Frame;
pub use self::identity::PageIdentity;
use self::savings::Drafts;
use self::wallet::Invoices;
use crate::status::StatusSource;
use crate::words::{Words, show};

/// What the page remembers between two looks, also over a new start; nothing of it outlives the program.
#[derive(Clone, Default)]
pub struct PageMemory {
    changes: Changes,
    searches: Searches,
    invoices: Invoices,
    drafts: Drafts,
    answers: api::Answers,
}

/// Serves the page until the future is dropped.
pub async fn serve(listener: TcpListener, source: StatusSource) {
    let identity = source.page.clone();
    door::serve(listener, router(source), identity, Limits::default()).await;
}

fn router(source: StatusSource) -> Router {
    pages()
        .merge(savings_pages())
        .merge(moves_pages())
        .merge(backup_pages())
        .merge(parts())
        .merge(api::router())
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page. The start page is at /") })
        .layer(Extension(source.memory.changes.clone()))
        .layer(Extension(source.memory.searches.clone()))
        .layer(Extension(source.memory.invoices.clone()))
        .layer(Extension(source.memory.drafts.clone()))
        .layer(Extension(source.memory.answers.clone()))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(source.clone(), gate::require_session))
        .layer(from_fn(gate::own_forms_only))
        .layer(from_fn_with_state(Turns::default(), door::in_turn))
        .layer(from_fn(door::no_other_site))
        .layer(from_fn_with_state(source.clone(), known_host))
        .layer(from_fn(api::told_as_problem))
        // Outermost, so that refusals carry them too.
        .layer(map_response(with_headers))
        .with_state(source)
}

/// Pages that show or change one thing each.
fn pages() -> Router<StatusSource> {
    Router::new()
        .route("/", get(home::html))
        .route("/claim", get(gate::claim_page).post(gate::claim))
        .route("/login", get(gate::login_page).post(gate::log_in))
        .route("/logout", post(gate::log_out))
        .route("/stop", post(orders::stop))
        .route("/resume", post(orders::resume))
        .route("/answer", post(orders::answer))
        .route("/take-over", post(orders::take_over))
        .route("/unlock", post(orders::unlock))
        .route("/agreements", get(agreements::html))
        .route("/agreements/new", get(agreements::new_page).post(agreements::save))
        .route("/agreements/{id}", get(agreements::one))
        .route("/agreements/{id}/edit", get(agreements::edit_page).post(agreements::save))
        .route("/agreements/{id}/pause", post(agreements::pause))
        .route("/agreements/{id}/resume", post(agreements::resume))
        .route("/agreements/{id}/remove", post(agreements::remove))
        .route("/feeds/new", get(agreements::feed_new_page).post(agreements::save_feed))
        .route("/feeds/{id}/edit", get(agreements::feed_edit_page).post(agreements::save_feed))
        .route("/change/{token}", get(change::html).post(change::save))
        .route("/devices", get(devices::html))
        .route("/devices/new", get(devices::form))
        .route("/devices/by-hand", get(devices::by_hand_page).post(devices::read_by_hand))
        .route("/devices/search", get(devices::progress).post(devices::begin))
        .route("/devices/search/end", post(devices::end))
        .route("/devices/add", post(devices::add))
        .route("/devices/{id}/edit", get(devices::edit_page).post(devices::edit))
        .route("/devices/{id}/remove", post(devices::remove))
        .route("/payments", get(payments::html))
        .route("/payments/{payment}", get(payments::one))
        .route("/wallet", get(wallet::html))
        .route("/wallet/service", get(wallet::service_page).post(wallet::save_service))
        .route("/wallet/words", get(wallet::words_page).post(wallet::show_words))
        .route("/wallet/words/check", post(wallet::check_words))
        .route("/wallet/words/new", post(wallet::make_new_words))
        .route("/wallet/words/written", post(wallet::take_written_words))
        .route("/wallet/protection", get(wallet::protection_page).post(wallet::protect_words))
        .route("/wallet/protection/open", post(wallet::open_words))
        .route("/wallet/protection/words", post(wallet::recover_words))
        .route("/wallet/pay", get(wallet::pay_page).post(wallet::look_at_bill))
        .route("/wallet/pay/now", post(wallet::pay))
        .route("/wallet/receive", post(wallet::receive))
        .route("/wallet/receive/{hash}", get(wallet::waiting))
        .route("/settings", get(settings::html).post(settings::save_house))
        .route("/settings/password", post(settings::change_password))
        .route("/settings/sessions/{number}/end", post(settings::end_session))
        .route("/settings/diagnostics.json", get(settings::diagnostics))
        .route("/settings/message", post(settings::send_message))
        .route("/settings/licences", get(settings::licences))
        .route("/settings/tokens", get(settings::tokens_page).post(settings::make_token))
        .route("/settings/tokens/{number}/end", post(settings::end_token))
        .route("/settings/versions/{number}", post(settings::restore))
        .route(
            "/settings/file",
            get(settings::edit_page).post(settings::save_file).layer(DefaultBodyLimit::max(FILE_BYTES_MAX)),
        )
}

/// Pages of the savings on the chain.
fn savings_pages() -> Router<StatusSource> {
    Router::new()
        .route("/wallet/savings", get(savings::html))
        .route("/wallet/savings/open", post(savings::open))
        .route("/wallet/savings/look", post(savings::look))
        .route("/wallet/savings/search", post(savings::search))
        .route("/wallet/savings/receive", get(savings::receive_page))
        .route("/wallet/savings/address", post(savings::another_address))
        .route("/wallet/savings/send", get(savings::send_page).post(savings::make_draft))
        .route("/wallet/savings/send/{draft}", get(savings::draft_page).post(savings::send))
        .route("/wallet/savings/psbt/{draft}", get(savings::psbt))
        .route("/wallet/savings/faster/{txid}", post(savings::faster))
        .route("/wallet/savings/give-up/{txid}", post(savings::give_up))
        .route("/wallet/savings/collect", post(savings::collect))
        .route("/wallet/savings/label/{txid}", post(savings::label))
        .route(
            "/wallet/savings/signed",
            get(savings::signed_page).post(savings::send_signed).layer(DefaultBodyLimit::max(SIGNED_BYTES_MAX)),
        )
}

/// Pages of what moves between savings and spending money, and of the channels.
fn moves_pages() -> Router<StatusSource> {
    Router::new()
        .route("/wallet/moves", get(moves::html))
        .route("/wallet/moves/marks", post(moves::save_marks))
        .route("/wallet/moves/answer", post(moves::answer))
        .route("/wallet/channels", get(channels::html))
        .route("/wallet/channels/close", post(channels::close))
        .route("/wallet/channels/back", post(channels::bring_back))
}

/// Pages about what a broken device leaves.
fn backup_pages() -> Router<StatusSource> {
    Router::new()
        .route("/settings/backup", get(settings::backup_page).post(settings::back_up))
        .route("/settings/backup/download", post(settings::download_backup))
        .route(
            "/settings/backup/restore",
            post(settings::restore_backup).layer(DefaultBodyLimit::max(BACKUP_BYTES_MAX)),
        )
}

/// Pages of the past, what programs read, and what pages are made of.
fn parts() -> Router<StatusSource> {
    Router::new()
        .route("/status.json", get(home::json))
        .route("/payments.csv", get(payments::csv))
        .route("/events", get(live::events))
        .route("/history", get(history::html))
        .route("/history.json", get(history::json))
        .route("/history.csv", get(history::csv))
        .route("/statement", get(statement::html))
        .route("/statement.json", get(statement::json))
        .route("/static/kilosat.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/static/live.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/static/history.js", get(|| asset("text/javascript; charset=utf-8", HISTORY_SCRIPT)))
        .route("/static/icon.svg", get(|| asset("image/svg+xml", ICON)))
}

fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page could not be shown. The log says why.").into_response()
        }
    }
}

async fn asset(kind: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], content).into_response()
}

/// Refuses names that are not ours before anything else: the defence against DNS rebinding.
async fn known_host(
    State(source): State<StatusSource>,
    Extension(peer): Extension<Peer>,
    request: Request,
    next: Next,
) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    let host = match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) => host,
        _ => "",
    };
    if is_ours(host, &peer, &source.page) {
        next.run(request).await
    } else {
        let text = format!("Open this page as {}://{}/", peer.scheme(), peer.local);
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    }
}

/// One of our names, or the very address that was connected to; browsers leave the port out when it is the usual one.
fn is_ours(host: &str, peer: &Peer, page: &PageIdentity) -> bool {
    let usual_port = if peer.is_encrypted { HTTPS_PORT } else { HTTP_PORT };
    let name = match host.strip_suffix(&format!(":{}", peer.local.port())) {
        Some(name) => name,
        None if peer.local.port() == usual_port => host,
        None => return false,
    };
    let own = match peer.local.ip() {
        IpAddr::V4(own) => own.to_string(),
        IpAddr::V6(own) => format!("[{own}]"),
    };
    let is_loopback = peer.local.ip().is_loopback() && LOOPBACK.contains(&name);
    name == own || is_loopback || page.is_name(name)
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // With none at all, browsers say no origin with a form either, and some of them say nothing else.
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];
const STYLE: &str = include_str!("../../web/static/kilosat.css");
const SCRIPT: &str = include_str!("../../web/static/live.js");
const HISTORY_SCRIPT: &str = include_str!("../../web/static/history.js");
const ICON: &str = include_str!("../../web/static/icon.svg");
const LOOPBACK: [&str; 2] = ["127.0.0.1", "[::1]"];
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// Of a form that holds the whole configuration, as browsers write it.
const FILE_BYTES_MAX: usize = 3 << 20;
/// Of a form that holds a signed transaction, which may bring along those that it spends.
const SIGNED_BYTES_MAX: usize = 2 << 20;
/// Of a backup; a larger one is restored by the command line.
const BACKUP_BYTES_MAX: usize = 64 << 20;
/// Of any other form.
const BODY_BYTES_MAX: usize = 64 * 1_024;

#[cfg(test)]
pub(crate) mod tests;
