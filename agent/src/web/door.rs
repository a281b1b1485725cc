//! Who gets in: connections with limits of time and number, and no requests that another website makes.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::identity::PageIdentity;

/// Who is at the other end of a connection, and at which of our addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) is_encrypted: bool,
}

impl Peer {
    /// That of the addresses of our pages.
    pub(super) fn scheme(self) -> &'static str {
        if self.is_encrypted { "https" } else { "http" }
    }

    /// What the session's cookie is called: with this prefix, browsers keep it to this very address, encrypted.
    pub(super) fn cookie(self) -> &'static str {
        if self.is_encrypted { "__Host-kilosat" } else { "kilosat" }
    }

    /// What browsers are told about it.
    pub(super) fn cookie_rules(self) -> &'static str {
        if self.is_encrypted {
            "Path=/; Secure; HttpOnly; SameSite=Strict"
        } else {
            "Path=/; HttpOnly; SameSite=Strict"
        }
    }
}

/// What a connection may take, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// For the head of a request. It counts from the end of the answer before, so it also ends connections nobody uses.
    pub(super) header: Duration,
    /// A browser opens six to one address.
    pub(super) connections: usize,
    /// From one address of the house; whoever wants more is turned away.
    pub(super) from_one: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { header: Duration::from_secs(10), connections: 64, from_one: 16 }
    }
}

/// Serves until the future is dropped; open connections end with it.
pub(super) async fn serve(listener: TcpListener, router: Router, identity: PageIdentity, limits: Limits) {
    // An engine that one of them held on to could not stop.
    let mut connections = JoinSet::new();
    let guests = Arc::new(Mutex::new(HashMap::new()));
    loop {
        while connections.try_join_next().is_some() {}
        if connections.len() >= limits.connections {
            connections.join_next().await;
        }
        match listener.accept().await {
            Ok((stream, address)) => {
                let Ok(local) = stream.local_addr() else { continue };
                let peer = Peer { address: canonical(address), local: canonical(local), is_encrypted: false };
                let Some(guest) = Guest::let_in(&guests, peer.address.ip(), limits.from_one) else { continue };
                let (router, identity) = (router.clone(), identity.clone());
                connections.spawn(async move {
                    welcome(stream, router, identity, peer, limits.header).await;
                    drop(guest);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the page cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One of the connections from an address, for as long as it lives.
struct Guest {
    all: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Guest {
    /// `None` when there are so many from this address already. This machine itself is no stranger.
    fn let_in(all: &Arc<Mutex<HashMap<IpAddr, usize>>>, address: IpAddr, most: usize) -> Option<Guest> {
        let mut counts = all.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= most && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Guest { all: Arc::clone(all), address })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.address)),
        }
    }
}

/// Encrypted, or from this machine itself; whoever else comes unencrypted is sent to the encrypted page.
pub(super) async fn welcome(stream: TcpStream, router: Router, identity: PageIdentity, peer: Peer, wait: Duration) {
    let mut first = [0];
    let Ok(Ok(1)) = timeout(wait, stream.peek(&mut first)).await else { return };
    if let (TLS_HANDSHAKE, Some(acceptor)) = (first[0], identity.acceptor()) {
        // A browser that does not trust the certificate yet hangs up.
        if let Ok(Ok(stream)) = timeout(wait, acceptor.accept(stream)).await {
            let router = router.layer(Extension(Peer { is_encrypted: true, ..peer }));
            serve_connection(stream, router, wait).await;
        }
        return;
    }
    let is_at_home = peer.address.ip().is_loopback() && peer.local.ip().is_loopback();
    let router = if is_at_home { router } else { Router::new().fallback(to_the_encrypted_page) };
    serve_connection(stream, router.layer(Extension(peer)), wait).await;
}

/// Not where the request says, whose name may be anybody's, but to the address it came to.
async fn to_the_encrypted_page(Extension(peer): Extension<Peer>) -> Response {
    Redirect::to(&format!("https://{}/", peer.local)).into_response()
}

/// An IPv4 address that came by a socket of both kinds is an IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    header: Duration,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header).max_buf_size(HEAD_BYTES_MAX);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    // A browser that goes away or is slow loses its answer, nothing else.
    if timeout(CONNECTION_LIFE, served.as_mut()).await.is_err() {
        served.as_mut().graceful_shutdown();
        let _ = timeout(ANSWER_WAIT, served).await;
    }
}

/// A website that is open somewhere in the house must not make Kilosat work; following a link to the page is all it may.
/// Source: Fetch Metadata Request Headers, section 2; every browser of today says where a request came from.
pub(super) async fn no_other_site(Extension(peer): Extension<Peer>, request: Request, next: Next) -> Response {
    if asks_for_another_site(&peer, request.method(), request.headers()) {
        return (StatusCode::FORBIDDEN, "Only Kilosat's own page can load this.").into_response();
    }
    next.run(request).await
}

pub(super) fn asks_for_another_site(peer: &Peer, method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => false,
        Some(_) => {
            let is_link = text("sec-fetch-mode") == Some("navigate") && text("sec-fetch-dest") == Some("document");
            !(is_link && method == Method::GET)
        }
        // Older browsers say it of some requests only.
        None => {
            let own = format!("{}://{}", peer.scheme(), text("host").unwrap_or_default());
            text("origin").is_some_and(|origin| origin != own)
        }
    }
}

/// At most a few requests are worked on at once; the button that stops payments is never among those that wait.
pub(super) async fn in_turn(State(turns): State<Turns>, request: Request, next: Next) -> Response {
    if request.method() == Method::POST {
        return next.run(request).await;
    }
    match timeout(TURN_WAIT, turns.0.acquire()).await {
        Ok(Ok(_turn)) => next.run(request).await,
        _ => (StatusCode::SERVICE_UNAVAILABLE, "Too many ask at once. Try again in a moment.").into_response(),
    }
}

/// How many requests are worked on at once.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Turns {
        Turns(Arc::new(Semaphore::new(REQUESTS_MAX)))
    }
}

/// The first byte of a TLS connection: a handshake record (RFC 8446, section 5.1). No HTTP request begins so.
const TLS_HANDSHAKE: u8 = 22;
/// Of a request's head.
const HEAD_BYTES_MAX: usize = 16 * 1_024;
const REQUESTS_MAX: usize = 16;
/// Longer than a page view takes that waits for the wallet.
const TURN_WAIT: Duration = Duration::from_secs(3);
const CONNECTION_LIFE: Duration = Duration::from_secs(300);
const ANSWER_WAIT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_address_does_not_take_every_connection() {
        let all = Arc::default();
        let stranger = IpAddr::from([192, 168, 1, 66]);
        let guests: Vec<_> = (0..10).filter_map(|_| Guest::let_in(&all, stranger, 4)).collect();
        assert_eq!(guests.len(), 4);
        assert!(Guest::let_in(&all, IpAddr::from([192, 168, 1, 1]), 4).is_some(), "another address has its own");
        assert!((0..10).all(|_| Guest::let_in(&all, IpAddr::from([127, 0, 0, 1]), 0).is_some()));
        drop(guests);
        assert!(Guest::let_in(&all, stranger, 4).is_some(), "those that ended make room");
        assert!(all.lock().unwrap().is_empty(), "and nothing is left behind");
    }
}
