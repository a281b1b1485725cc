//! What every wallet outside this process is reached with.

use std::time::Duration;

use bitcoin::Network;
use bitcoin::hashes::{Hash as _, sha256};
use url::Url;

use super::trouble::{ServiceFault, ServiceKind};
use crate::clock::Clock;
use crate::http::{Fingerprint, Limits, StrictClient};
use crate::keys::Secret;

/// Where a wallet is and how to talk to it.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its address; for Nostr Wallet Connect unused.
    pub url: Url,
    /// Password, key, macaroon in hex, rune, or connection text.
    pub secret: Secret,
    /// Certificates TLS accepts; none means those that public authorities vouch for.
    pub pins: Vec<Fingerprint>,
    /// The network invoices must be for.
    pub network: Network,
    /// For expiries.
    pub clock: Clock,
    /// Limits of time and size.
    pub waits: Waits,
}

/// How long a wallet may take. Tests shorten these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// For a connection.
    pub connect: Duration,
    /// For the answer to a pay call; after that the payment is unknown and looked up.
    pub pay: Duration,
    /// For everything else.
    pub call: Duration,
    /// Between two polls for money that came in, where nothing hints at it.
    pub poll: Duration,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits {
            connect: Duration::from_secs(5),
            pay: Duration::from_secs(60),
            call: Duration::from_secs(10),
            poll: Duration::from_secs(30),
        }
    }
}

impl Remote {
    /// The strict client for this wallet.
    ///
    /// # Errors
    /// [`ServiceFault`] when TLS cannot be set up.
    pub fn client(&self, kind: ServiceKind) -> Result<StrictClient, ServiceFault> {
        let limits = Limits { connect: self.waits.connect, total: self.waits.call, body_bytes_max: BODY_BYTES_MAX };
        StrictClient::for_wallet(&self.url, &self.pins, limits).map_err(|fault| ServiceFault::of_http(kind, &fault))
    }

    /// The URL of `path`, which begins with `/`, below the wallet's address.
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// Tells one wallet from another without showing where it is: payments belong to the wallet that was asked.
    ///
    /// One address is one node, whatever credential opens it: a new password must not make its open payments strange.
    /// At LNbits and over Nostr the credential is what names the wallet.
    pub fn identity(&self, kind: ServiceKind) -> String {
        identity(kind, &self.url, &self.secret)
    }
}

/// See [`Remote::identity`].
pub(crate) fn identity(kind: ServiceKind, url: &Url, secret: &Secret) -> String {
    let told = match kind {
        ServiceKind::Lnbits | ServiceKind::Nwc => format!("{url} {}", secret.expose()),
        ServiceKind::Node | ServiceKind::Phoenixd | ServiceKind::Lnd | ServiceKind::Cln => url.to_string(),
    };
    let hash = sha256::Hash::hash(told.as_bytes()).to_string();
    format!("{}-{}", kind.name(), &hash[..8])
}

const BODY_BYTES_MAX: usize = 256 * 1024;
/// Of one page of a history: a payment in many parts shows the way of each.
pub(super) const PAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn identity(kind: ServiceKind, url: &str, secret: &str) -> String {
        let remote = Remote {
            url: url.parse().unwrap(),
            secret: Secret::new(secret),
            pins: Vec::new(),
            network: Network::Bitcoin,
            clock: Clock::real(),
            waits: Waits::default(),
        };
        remote.identity(kind)
    }

    #[test]
    fn a_new_password_opens_the_same_wallet_and_another_key_another_one() {
        let (here, there) = ("https://a.example/", "https://b.example/");
        for kind in [ServiceKind::Phoenixd, ServiceKind::Lnd, ServiceKind::Cln] {
            assert_eq!(identity(kind, here, "old"), identity(kind, here, "new"));
            assert_ne!(identity(kind, here, "old"), identity(kind, there, "old"));
        }
        for kind in [ServiceKind::Lnbits, ServiceKind::Nwc] {
            assert_ne!(identity(kind, here, "one"), identity(kind, here, "two"));
        }
        assert!(identity(ServiceKind::Lnd, here, "").starts_with("lnd-"));
    }
}
