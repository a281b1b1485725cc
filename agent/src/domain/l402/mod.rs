//! L402: paying for one web page with one Lightning payment.
//!
//! A seller answers `402 Payment Required` with a [`Challenge`]: a token and an invoice. Whoever pays the
//! invoice learns its preimage, and token plus preimage are the [`Credential`] that opens the page. The
//! token is usually a [`Macaroon`] whose caveats say for which page and until when it is good.
//!
//! The buyer treats a token as opaque characters: it is sent back exactly as it came. It is read only to
//! refuse one that plainly cannot open the page asked for, before any money moves. The seller verifies it
//! in full with [`check_ticket`].
//!
//! Source: lightninglabs/L402 `protocol-specification.md` and `macaroon-spec.md`; RFC 9110 section 11.

mod base64;
mod challenge;
mod macaroon;
mod ticket;

pub use base64::{decode as base64_decode, encode as base64_encode};
pub use challenge::{Challenge, PaymentAsked, Scheme, parse_challenges, payment_asked};
pub use macaroon::{CAVEATS_MAX, MACAROON_BYTES_MAX, Macaroon, MacaroonFault};
pub use ticket::{Asked, CaveatRefusal, IDENTIFIER_BYTES, Identifier, TicketOutcome, check_ticket};

use std::fmt;

/// A token and the preimage that makes it valid: what a buyer sends to open a page it has paid for.
///
/// A bearer secret: whoever holds it can use it, so `Debug` shows neither half. It goes only to the
/// scheme, host and port that issued the challenge.
/// Source: L402 protocol specification, "Authorization" request header.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The scheme name the challenge used; old sellers accept only their own.
    pub scheme: Scheme,
    /// The token, character for character as the challenge carried it.
    pub token: String,
    /// The preimage of the paid invoice: 64 lower-case hexadecimal digits.
    pub preimage_hex: String,
}

impl Credential {
    /// Joins a challenge and the preimage of its paid invoice.
    pub fn new(challenge: &Challenge, preimage: &[u8; 32]) -> Self {
        Self { scheme: challenge.scheme, token: challenge.token.clone(), preimage_hex: hex(preimage) }
    }

    /// The value of the `Authorization` header: `L402 <token>:<preimage>`.
    pub fn authorization(&self) -> String {
        format!("{} {}:{}", self.scheme.as_str(), self.token, self.preimage_hex)
    }

    /// Reads an `Authorization` header value; `None` if it is not one L402 token with a preimage.
    ///
    /// Several comma-joined macaroons are not accepted: the others would be discharges of third-party
    /// caveats, and L402 here has none.
    pub fn from_authorization(value: &str) -> Option<Self> {
        if value.len() > AUTHORIZATION_BYTES_MAX {
            return None;
        }
        let (scheme, rest) = value.trim().split_once(' ')?;
        let (token, preimage) = rest.trim_start().rsplit_once(':')?;
        let preimage_hex = preimage.to_ascii_lowercase();
        let is_hex = |digit: u8| digit.is_ascii_hexdigit();
        if preimage_hex.len() != 64 || !preimage_hex.bytes().all(is_hex) {
            return None;
        }
        challenge::is_token(token).then_some(Self {
            scheme: Scheme::from_name(scheme)?,
            token: token.to_owned(),
            preimage_hex,
        })
    }

    /// The 32 bytes of the preimage, or `None` if the digits are not 64 hexadecimal ones.
    pub fn preimage(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        if self.preimage_hex.len() != 64 {
            return None;
        }
        let pairs = self.preimage_hex.as_bytes().chunks_exact(2);
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let high = char::from(*pair.first()?).to_digit(16)?;
            let low = char::from(*pair.get(1)?).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(bytes)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// Text of a stranger, fit for one sentence: visible ASCII only, at most 64 characters.
fn shown(text: &str) -> String {
    let visible = |character: &char| character.is_ascii_graphic() || *character == ' ';
    text.chars().filter(visible).take(SHOWN_CHARS_MAX).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Room for a token of the largest size, its preimage and the scheme.
const AUTHORIZATION_BYTES_MAX: usize = 10 * 1024;
const SHOWN_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn challenge(scheme: Scheme) -> Challenge {
        Challenge { scheme, token: "AgEE-_==".to_owned(), invoice: "lnbc1".to_owned() }
    }

    #[test]
    fn a_credential_uses_the_scheme_and_the_characters_of_its_challenge() {
        let digits = "0b".repeat(32);
        for (scheme, name) in [(Scheme::L402, "L402"), (Scheme::Lsat, "LSAT")] {
            let credential = Credential::new(&challenge(scheme), &[11; 32]);
            let value = credential.authorization();
            assert_eq!(value, format!("{name} AgEE-_==:{digits}"));
            assert_eq!(Credential::from_authorization(&value), Some(credential));
        }
    }

    #[test]
    fn a_credential_never_shows_its_secret() {
        let credential = Credential::new(&challenge(Scheme::L402), &[11; 32]);
        let shown = format!("{credential:?}");
        assert!(!shown.contains("0b0b") && !shown.contains("AgEE"));
    }

    #[test]
    fn the_preimage_is_read_back() {
        let credential = Credential::new(&challenge(Scheme::L402), &[0xa7; 32]);
        assert_eq!(credential.preimage(), Some([0xa7; 32]));
        let broken = Credential { preimage_hex: "é".repeat(32), ..credential };
        assert_eq!(broken.preimage(), None);
    }

    #[test]
    fn anything_else_in_the_header_is_no_credential() {
        let digits = "0b".repeat(32);
        for value in [
            String::new(),
            "L402".to_owned(),
            format!("Basic AgEE:{digits}"),
            format!("L402 :{digits}"),
            format!("L402 AgEE,AgEE:{digits}"),
            format!("L402 AgEE:{digits}00"),
            format!("L402 AgEE:{}", "zz".repeat(32)),
            format!("L402 Ag EE:{digits}"),
            format!("L402 {}:{digits}", "A".repeat(AUTHORIZATION_BYTES_MAX)),
        ] {
            assert_eq!(Credential::from_authorization(&value), None, "{value}");
        }
    }
}
