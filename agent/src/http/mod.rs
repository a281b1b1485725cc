//! The one HTTP client. Payees are strangers: they choose the URLs, so each is checked before it is used. A wallet is
//! the owner's: its client reaches exactly one origin, over TLS that the owner may have pinned.
//!
//! A payee's URL must be https, on the standard port and on a public address. It is resolved here, every
//! address found is checked, and the connection goes only to a checked address: a name that turns to an
//! address in the house between check and use changes nothing. No redirects, no proxies, no cookies, no
//! kept connections, no repeats; every answer is limited in time and size.
//!
//! Source: `reliability-security.md`, rules 2.1, 2.2, 2.5 and 11.1 to 11.4.

mod address;
mod fault;
#[cfg(test)]
pub(crate) mod loopback;
mod names;
mod pin;
mod request;
mod socket;

pub use address::{OwnNetworks, is_in_the_house, is_public};
pub use fault::HttpFault;
pub use pin::{Fingerprint, Identity, pinned};
pub use request::{Body, LineBuffer, Lines, Request};
pub use socket::{Heard, Socket};

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{Host, Origin, Url};

use names::{PublicNames, is_allowed};

/// Where a payee's URLs may lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// https on port 443 of a public address.
    Public,
    /// Exactly this scheme, host and port may also be private and without TLS, because the owner paired
    /// it; every other URL is held to [`Reach::Public`]. A public seller on another port is listed so too.
    Lan {
        /// Scheme, host and port the owner allowed.
        origin: Origin,
    },
    /// Exactly this scheme, host and port, and nothing else: the owner's wallet.
    Only {
        /// Scheme, host and port the owner configured.
        origin: Origin,
    },
}

impl Reach {
    /// Reads the origin the owner allowed, such as `http://192.168.1.20:8080`; a path is ignored.
    ///
    /// # Errors
    /// [`HttpFault::RefusedUrl`] if it is not an http or https URL with a host and without a password.
    pub fn lan(origin: &str) -> Result<Self, HttpFault> {
        let refused = |host: &str, reason| HttpFault::RefusedUrl { host: host.to_owned(), reason };
        let url = Url::parse(origin).map_err(|_| refused("the given text", "it is not a URL"))?;
        let host = host_of(&url);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused(&host, "it is neither http nor https"));
        }
        if has_userinfo(&url) {
            return Err(refused(&host, "it contains a user name or password"));
        }
        Ok(Reach::Lan { origin: url.origin() })
    }

    /// Whether the URL lies on the origin the owner paired.
    pub fn is_paired(&self, url: &Url) -> bool {
        matches!(self, Reach::Lan { origin } | Reach::Only { origin } if url.origin() == *origin)
    }
}

/// Limits of one client; the defaults are those for payees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for a connection, name lookup and TLS included.
    pub connect: Duration,
    /// Longest wait for the whole answer.
    pub total: Duration,
    /// Largest body, in bytes.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(10), body_bytes_max: 256 * 1024 }
    }
}

/// What a payee answered. The status is not judged here: LNURL errors come with any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// HTTP status; never 3xx.
    pub status: u16,
    /// Every `WWW-Authenticate` value, at most sixteen.
    pub www_authenticate: Vec<String>,
    /// `Retry-After` in seconds; its date form is not read.
    pub retry_after_s: Option<u64>,
    /// `PAYMENT-REQUIRED`, the sign of an x402 seller.
    pub payment_required: Option<String>,
    /// The body, as sent.
    pub body: Vec<u8>,
}

/// An HTTP client for one payee or one wallet.
///
/// For a payee: one request at a time per client and four at a time in the whole process. Clones share both.
#[derive(Debug, Clone)]
pub struct StrictClient {
    reach: Reach,
    limits: Limits,
    public: reqwest::Client,
    paired: reqwest::Client,
    /// For a wallet's websocket; none means the public authorities.
    tls: Option<Arc<rustls::ClientConfig>>,
    turn: Option<Arc<Semaphore>>,
}

impl StrictClient {
    /// Builds the client; it opens no connection.
    ///
    /// # Errors
    /// [`HttpFault::NotPrepared`] if TLS cannot be set up.
    pub fn new(reach: Reach, limits: Limits) -> Result<Self, HttpFault> {
        let failed = |_| HttpFault::NotPrepared { host: "the payee".to_owned() };
        Ok(Self {
            public: builder(&limits).https_only(true).dns_resolver(Arc::new(PublicNames)).build().map_err(failed)?,
            paired: builder(&limits).build().map_err(failed)?,
            tls: None,
            turn: Some(Arc::new(Semaphore::new(REQUESTS_PER_PAYEE_MAX))),
            reach,
            limits,
        })
    }

    /// Builds the client of a wallet: it reaches the origin of `url` and nothing else. With `pins`, TLS accepts exactly
    /// those certificates; without, those that the public authorities vouch for. Requests do not wait for each other.
    ///
    /// # Errors
    /// [`HttpFault::RefusedUrl`] for pins without TLS, or a wallet outside the house without it;
    /// [`HttpFault::NotPrepared`] if TLS cannot be set up.
    pub fn for_wallet(url: &Url, pins: &[Fingerprint], limits: Limits) -> Result<Self, HttpFault> {
        let host = host_of(url);
        if url.scheme() != "https" && !pins.is_empty() {
            return Err(HttpFault::RefusedUrl { host, reason: "it is not https, so it has no certificate to compare" });
        }
        if url.scheme() != "https" && !is_in_the_house(url) {
            return Err(HttpFault::RefusedUrl { host, reason: "it is outside the house and not https" });
        }
        let failed = |_| HttpFault::NotPrepared { host: host.clone() };
        let mut builder = builder(&limits);
        let mut tls = None;
        if !pins.is_empty() {
            let pinned = pin::pinned(pins.to_vec(), None).map_err(|_| HttpFault::NotPrepared { host: host.clone() })?;
            builder = builder.use_preconfigured_tls(pinned.clone());
            tls = Some(Arc::new(pinned));
        }
        let client = builder.build().map_err(failed)?;
        let reach = Reach::Only { origin: url.origin() };
        Ok(Self { reach, limits, public: client.clone(), paired: client, tls, turn: None })
    }

    /// Where this payee's URLs may lead.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Checks everything about a URL that needs no name lookup.
    ///
    /// # Errors
    /// [`HttpFault::RefusedUrl`] or [`HttpFault::PrivateAddress`].
    pub fn check(&self, url: &Url) -> Result<(), HttpFault> {
        let refused = |reason| Err(HttpFault::RefusedUrl { host: host_of(url), reason });
        if url.as_str().len() > URL_BYTES_MAX {
            return refused("it is too long");
        }
        if has_userinfo(url) {
            return refused("it contains a user name or password");
        }
        if self.reach.is_paired(url) {
            return Ok(());
        }
        if matches!(self.reach, Reach::Only { .. }) {
            return refused("it is not the wallet's address");
        }
        if is_onion(url) {
            return refused("it is a Tor address, which Kilosat does not reach");
        }
        if url.scheme() != "https" {
            return refused("it is not https");
        }
        if url.port_or_known_default() != Some(PUBLIC_PORT) {
            return refused("its port is not the one of https, and the owner has not allowed it");
        }
        let address = match url.host() {
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(v4)) => IpAddr::V4(v4),
            Some(Host::Ipv6(v6)) => IpAddr::V6(v6),
            None => return refused("it has no host"),
        };
        if is_allowed(address, &OwnNetworks::read()) {
            Ok(())
        } else {
            Err(HttpFault::PrivateAddress { host: host_of(url) })
        }
    }

    /// Sends one GET request and reads the whole answer, whatever its status.
    ///
    /// `headers` are name and value; a value is never logged.
    ///
    /// # Errors
    /// [`HttpFault`]; [`HttpFault::was_not_sent`] tells whether anything left this machine.
    pub async fn get(&self, url: &Url, headers: &[(&'static str, &str)]) -> Result<HttpAnswer, HttpFault> {
        self.send(Request { headers: headers.to_vec(), ..Request::get(url.clone()) }).await
    }

    /// Sends one request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`HttpFault`]; [`HttpFault::was_not_sent`] tells whether anything left this machine.
    pub async fn send(&self, request: Request<'_>) -> Result<HttpAnswer, HttpFault> {
        let host = host_of(&request.url);
        let _slots = self.slots(&host).await?;
        let bytes_max = request.body_bytes_max.unwrap_or(self.limits.body_bytes_max);
        let response = self.begin(&host, request).await?;
        read(&host, response, bytes_max).await
    }

    /// Sends one request and hands out its answer line by line; [`Request::total`] bounds the whole stream.
    ///
    /// # Errors
    /// [`HttpFault`]; [`HttpFault::was_not_sent`] tells whether anything left this machine.
    pub async fn lines(&self, request: Request<'_>) -> Result<Lines, HttpFault> {
        let host = host_of(&request.url);
        let response = self.begin(&host, request).await?;
        Ok(Lines { host, response, buffer: LineBuffer::default(), line_bytes_max: self.limits.body_bytes_max })
    }

    async fn begin(&self, host: &str, request: Request<'_>) -> Result<reqwest::Response, HttpFault> {
        self.check(&request.url)?;
        let headers = header_map(&request.headers).ok_or_else(|| HttpFault::NotPrepared { host: host.to_owned() })?;
        let client = if self.reach.is_paired(&request.url) { &self.paired } else { &self.public };
        let (method, content_type, body) = match request.body {
            Body::Get => (Method::GET, None, String::new()),
            Body::Json(text) => (Method::POST, Some("application/json"), text),
            Body::Text(text) => (Method::POST, Some("text/plain; charset=utf-8"), text),
            Body::Patch(text) => (Method::PATCH, Some("application/json"), text),
            Body::Form(fields) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(&fields);
                (Method::POST, Some("application/x-www-form-urlencoded"), form.finish())
            }
        };
        let mut building = client.request(method, request.url).headers(headers);
        if let Some(content_type) = content_type {
            building = building.header(header::CONTENT_TYPE, content_type).body(body);
        }
        if let Some(total) = request.total {
            building = building.timeout(total);
        }
        let response = building.send().await.map_err(|error| HttpFault::of(host, &error))?;
        if response.status().is_redirection() {
            return Err(HttpFault::Redirected { host: host.to_owned() });
        }
        Ok(response)
    }

    /// A payee's turn; a wallet needs none.
    async fn slots(&self, host: &str) -> Result<Option<(SemaphorePermit<'_>, SemaphorePermit<'static>)>, HttpFault> {
        let Some(turn) = &self.turn else { return Ok(None) };
        let slots = async {
            let turn = turn.acquire().await.expect("never closed");
            let slot = SLOTS.acquire().await.expect("never closed");
            (turn, slot)
        };
        let slots = tokio::time::timeout(self.limits.total, slots).await;
        slots.map(Some).map_err(|_| HttpFault::Busy { host: host.to_owned() })
    }
}

async fn read(host: &str, mut response: reqwest::Response, bytes_max: usize) -> Result<HttpAnswer, HttpFault> {
    let mut answer = answer_head(&response);
    let too_large = || HttpFault::TooLarge { host: host.to_owned() };
    let announced = usize::try_from(response.content_length().unwrap_or(0));
    if announced.map_or(true, |bytes| bytes > bytes_max) {
        return Err(too_large());
    }
    while let Some(part) = response.chunk().await.map_err(|e| HttpFault::of(host, &e))? {
        if part.len() > bytes_max.saturating_sub(answer.body.len()) {
            return Err(too_large());
        }
        answer.body.extend_from_slice(&part);
    }
    Ok(answer)
}

/// The host of a URL, for sentences.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("an address without a host");
    crate::text::cleaned(host, HOST_CHARS_SHOWN_MAX)
}

fn builder(limits: &Limits) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .referer(false)
        .http1_only()
        .pool_max_idle_per_host(0)
        .user_agent("kilosat")
        .connect_timeout(limits.connect)
        .timeout(limits.total)
}

fn header_map(headers: &[(&str, &str)]) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).ok()?;
        let mut value = HeaderValue::try_from(*value).ok()?;
        value.set_sensitive(true);
        map.append(name, value);
    }
    Some(map)
}

fn answer_head(response: &reqwest::Response) -> HttpAnswer {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let one = |name: HeaderName| response.headers().get(name).and_then(text);
    let challenges = response.headers().get_all(header::WWW_AUTHENTICATE);
    HttpAnswer {
        status: response.status().as_u16(),
        www_authenticate: challenges.iter().filter_map(text).take(CHALLENGE_VALUES_MAX).collect(),
        retry_after_s: one(header::RETRY_AFTER).and_then(|value| value.trim().parse().ok()),
        payment_required: one(HeaderName::from_static("payment-required")),
        body: Vec::new(),
    }
}

fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn is_onion(url: &Url) -> bool {
    url.domain().is_some_and(|domain| domain.trim_end_matches('.').ends_with(".onion"))
}

const PUBLIC_PORT: u16 = 443;
const URL_BYTES_MAX: usize = 2048;
const CHALLENGE_VALUES_MAX: usize = 16;
const HOST_CHARS_SHOWN_MAX: usize = 100;
const REQUESTS_PER_PAYEE_MAX: usize = 1;
const REQUESTS_MAX: usize = 4;
static SLOTS: Semaphore = Semaphore::const_new(REQUESTS_MAX);

#[cfg(test)]
mod tests;
