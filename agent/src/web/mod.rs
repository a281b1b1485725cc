//! The local page: rendered on the server, complete without scripts, embedded in the binary.

mod show;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{Html, IntoResponse as _, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::status::{Status, StatusSource};

/// Serves the page until the future is dropped.
pub async fn serve(listener: TcpListener, source: StatusSource) {
    let port = listener.local_addr().map_or(0, |address| address.port());
    let router = router(port).with_state(source);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the page stopped");
    }
}

/// The home page.
#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    status: &'a Status,
}

fn router(port: u16) -> Router<StatusSource> {
    Router::new()
        .route("/", get(home))
        .route("/status.json", get(status_json))
        .route("/static/kilosat.css", get(|| asset("text/css; charset=utf-8", STYLE)))
        .route("/static/live.js", get(|| asset("text/javascript; charset=utf-8", SCRIPT)))
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is no such page. The start page is at /") })
        .layer(map_response(with_headers))
        .layer(from_fn(move |request, next| known_host(port, request, next)))
}

async fn home(State(source): State<StatusSource>) -> Response {
    match source.status().await {
        Ok(status) => page(&Home { status: &status }),
        Err(gone) => (StatusCode::SERVICE_UNAVAILABLE, gone.to_string()).into_response(),
    }
}

async fn status_json(State(source): State<StatusSource>) -> Response {
    match source.status().await {
        Ok(status) => Json(status).into_response(),
        Err(gone) => (StatusCode::SERVICE_UNAVAILABLE, gone.to_string()).into_response(),
    }
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
async fn known_host(port: u16, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let ours = ["localhost", "127.0.0.1", "[::1]"].iter().any(|name| host == format!("{name}:{port}"));
    if ours {
        next.run(request).await
    } else {
        let text = format!("Open this page as http://localhost:{port}/");
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    }
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];
const STYLE: &str = include_str!("../../web/static/kilosat.css");
const SCRIPT: &str = include_str!("../../web/static/live.js");
