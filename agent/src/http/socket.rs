//! A websocket of the owner's wallet: at its own address only, over the same TLS as its requests, with messages of
//! bounded size.

use std::net::IpAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::header::{HeaderName, HeaderValue};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request as Handshake;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::{Host, Url};

use super::fault::{HttpFault, certificate_is_wrong};
use super::{Reach, StrictClient, host_of};

/// An open websocket.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What came over a websocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A text.
    Text(String),
    /// A sign of life without words.
    Nothing,
}

impl StrictClient {
    /// Opens a websocket of a wallet at `url`, which is the address with http or https, and with one header at most.
    ///
    /// Opening one has no effect at the other end, so all faults mean the same: there is none.
    ///
    /// # Errors
    /// [`HttpFault`].
    pub async fn socket(&self, url: &Url, header: Option<(&'static str, &str)>) -> Result<Socket, HttpFault> {
        let host = host_of(url);
        if !matches!(self.reach, Reach::Only { .. }) {
            return Err(HttpFault::RefusedUrl { host, reason: "only the owner's wallet is listened to" });
        }
        self.check(url)?;
        let handshake = handshake(url, header).ok_or_else(|| HttpFault::NotPrepared { host: host.clone() })?;
        let opening = async {
            let tcp = connect(url).await.map_err(|_| HttpFault::NoConnection { host: host.clone() })?;
            let limits = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            let tls = self.tls.clone().map(Connector::Rustls);
            let opened = client_async_tls_with_config(handshake, tcp, Some(limits), tls).await;
            opened.map(|(stream, _)| Socket(stream)).map_err(|error| fault(&host, &error))
        };
        let opened = tokio::time::timeout(self.limits.connect, opening).await;
        opened.unwrap_or_else(|_| Err(HttpFault::TooSlow { host: host.clone() }))
    }
}

impl Socket {
    /// What comes next; `None` once the connection ended or what came was too large or made no sense.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.next().await?.ok()? {
            Message::Text(text) => Some(Heard::Text(text.as_str().to_owned())),
            Message::Close(_) => None,
            _ => Some(Heard::Nothing),
        }
    }

    /// Asks for a sign of life; false if it could not be asked for.
    pub async fn ping(&mut self) -> bool {
        self.0.send(Message::Ping(Vec::new().into())).await.is_ok()
    }
}

fn handshake(url: &Url, header: Option<(&'static str, &str)>) -> Option<Handshake> {
    let mut url = url.clone();
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).ok()?;
    let mut handshake = url.as_str().into_client_request().ok()?;
    if let Some((name, value)) = header {
        let mut value = HeaderValue::from_str(value).ok()?;
        value.set_sensitive(true);
        handshake.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Some(handshake)
}

async fn connect(url: &Url) -> std::io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or_default();
    match url.host() {
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await,
        Some(Host::Ipv4(v4)) => TcpStream::connect((IpAddr::V4(v4), port)).await,
        Some(Host::Ipv6(v6)) => TcpStream::connect((IpAddr::V6(v6), port)).await,
        None => Err(std::io::ErrorKind::AddrNotAvailable.into()),
    }
}

fn fault(host: &str, error: &Error) -> HttpFault {
    let host = host.to_owned();
    match error {
        Error::Io(error) if certificate_is_wrong(error) => HttpFault::Certificate { host },
        Error::Http(answer) if answer.status().is_redirection() => HttpFault::Redirected { host },
        Error::Capacity(_) => HttpFault::TooLarge { host },
        _ => HttpFault::Broken { host },
    }
}

/// Far above what wallets tell of one payment.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
