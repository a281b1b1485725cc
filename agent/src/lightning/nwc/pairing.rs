//! The connection text of a wallet: whose it is, by which relays it is reached, and the key it knows us by.

use nostr::{Keys, PublicKey, SecretKey};
use url::Url;

use crate::http::is_in_the_house;

/// What a connection text says.
#[derive(Clone)]
pub(super) struct Pairing {
    /// The wallet service.
    pub service: PublicKey,
    /// Where it listens; at least one, at most [`RELAYS_MAX`].
    pub relays: Vec<Url>,
    /// Ours: name and credential in one.
    pub keys: Keys,
}

impl Pairing {
    /// Reads `nostr+walletconnect://<key of the service>?relay=<address>&secret=<our key>`.
    ///
    /// # Errors
    /// What is wrong, in words without the secret.
    pub(super) fn parse(text: &str) -> Result<Pairing, &'static str> {
        let text = text.trim();
        let rest = text.strip_prefix("nostr+walletconnect:").ok_or("it does not begin with nostr+walletconnect://")?;
        let rest = rest.trim_start_matches('/');
        let (service, query) = rest.split_once('?').ok_or("it names neither a relay nor a secret")?;
        let service = PublicKey::from_hex(service.trim_end_matches('/')).ok();
        let service = service.filter(|key| key.xonly().is_ok()).ok_or("it does not begin with the wallet's key")?;
        let (mut relays, mut secret) = (Vec::new(), None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "relay" => relays.push(relay(&value)?),
                "secret" => secret = SecretKey::from_hex(&value).ok(),
                _ => {}
            }
        }
        relays.truncate(RELAYS_MAX);
        if relays.is_empty() {
            return Err("it names no relay");
        }
        let keys = Keys::new(secret.ok_or("its secret is missing or is not 64 hex characters")?);
        Ok(Pairing { service, relays, keys })
    }
}

/// Checks a relay's address: everybody on the way of an unencrypted connection sees who talks, so that is for the
/// house only.
fn relay(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "a relay's address cannot be read")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a relay's address contains a user name or password");
    }
    match url.scheme() {
        "wss" if url.host().is_some() => Ok(url),
        "ws" if is_in_the_house(&url) => Ok(url),
        "ws" => Err("a relay outside the house must be reached by wss"),
        _ => Err("a relay's address begins neither with wss nor with ws"),
    }
}

const RELAYS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SERVICE: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    const SECRET: &str = "0000000000000000000000000000000000000000000000000000000000000003";

    #[track_caller]
    fn case(text: &str, expected: Result<usize, &str>) {
        let text = text.replace("SERVICE", SERVICE).replace("SECRET", SECRET);
        let read = Pairing::parse(&text).map(|pairing| pairing.relays.len());
        match (read, expected) {
            (Err(why), Err(part)) => assert!(why.contains(part), "{text}: {why}"),
            (read, expected) => assert_eq!(read, expected, "{text}"),
        }
    }

    #[test]
    fn a_connection_text_is_read_or_refused_with_a_reason() {
        case("nostr+walletconnect://SERVICE?relay=wss%3A%2F%2Frelay.example&secret=SECRET&lud16=a%40b.c", Ok(1));
        case("  nostr+walletconnect:SERVICE?secret=SECRET&relay=wss://a.example&relay=wss://b.example\n", Ok(2));
        case(&format!("nostr+walletconnect://SERVICE?secret=SECRET{}", "&relay=wss://a.example".repeat(9)), Ok(4));
        case("nostr+walletconnect://SERVICE?relay=ws://127.0.0.1:8080&secret=SECRET", Ok(1));
        case("nostr+walletconnect://SERVICE?relay=ws://192.168.1.5&secret=SECRET", Ok(1));
        case("nostr+walletconnect://SERVICE?relay=ws://[::1]:1&secret=SECRET", Ok(1));
        case("nostr+walletconnect://SERVICE?relay=ws://umbrel.local:4848&secret=SECRET", Ok(1));
        case("nostr+walletconnect://SERVICE?relay=ws://8.8.8.8&secret=SECRET", Err("by wss"));
        case("nostr+walletconnect://SERVICE?relay=ws://relay.example&secret=SECRET", Err("by wss"));
        case("nostr+walletconnect://SERVICE?relay=https://relay.example&secret=SECRET", Err("neither with wss"));
        case("nostr+walletconnect://SERVICE?relay=wss://me:word@relay.example&secret=SECRET", Err("password"));
        case("nostr+walletconnect://SERVICE?relay=nonsense&secret=SECRET", Err("cannot be read"));
        case("nostr+walletconnect://SERVICE?secret=SECRET", Err("no relay"));
        case("nostr+walletconnect://SERVICE?relay=wss://relay.example", Err("secret is missing"));
        case("nostr+walletconnect://SERVICE?relay=wss://relay.example&secret=12", Err("secret is missing"));
        case("nostr+walletconnect://1234?relay=wss://relay.example&secret=SECRET", Err("wallet's key"));
        case("nostr+walletconnect://SERVICE", Err("neither a relay"));
        case("https://example.com", Err("does not begin with nostr"));
        case("", Err("does not begin with nostr"));
    }
}
