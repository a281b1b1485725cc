//! What a ticket allows: the identifier, the caveats, and the seller's check in its fixed order.

use bitcoin::hashes::{Hash, sha256};

use super::{Credential, Macaroon, shown};

/// Length of an L402 identifier: version (2), payment hash (32), token id (32).
pub const IDENTIFIER_BYTES: usize = 66;

/// What an L402 macaroon is about: one payment, and a random number that makes its key unique.
///
/// Source: L402 macaroon specification, identifier version 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identifier {
    /// Hash of the preimage that proves the payment.
    pub payment_hash: [u8; 32],
    /// Random bytes.
    pub token_id: [u8; 32],
}

impl Identifier {
    /// The 66 bytes that stand in the macaroon.
    pub fn to_bytes(&self) -> [u8; IDENTIFIER_BYTES] {
        let mut bytes = [0; IDENTIFIER_BYTES];
        let content = self.payment_hash.iter().chain(&self.token_id);
        for (slot, byte) in bytes.iter_mut().skip(2).zip(content) {
            *slot = *byte;
        }
        bytes
    }

    /// Reads the 66 bytes; `None` for another length or version.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first_chunk::<2>()?;
        let (payment_hash, rest) = rest.split_first_chunk::<32>()?;
        let token_id = rest.try_into().ok()?;
        (*version == [0, 0]).then_some(Self { payment_hash: *payment_hash, token_id })
    }
}

/// Why a ticket does not open the page asked for; the buyer sees it before paying.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaveatRefusal {
    /// The `path` caveat names another page.
    #[error("the seller's ticket is for {allowed}, another page than the one asked for; Kilosat did not use it")]
    OtherPath {
        /// The path the ticket allows, stripped to visible characters.
        allowed: String,
    },
    /// A `valid_until` caveat lies in the past.
    #[error("the seller's ticket has already expired; Kilosat did not use it")]
    Expired {
        /// When it ended, Unix seconds.
        at_unix_s: u64,
    },
    /// A caveat we know with a value nobody can know.
    #[error("the seller's ticket has a condition Kilosat cannot read ({caveat}); Kilosat did not use it")]
    Unreadable {
        /// The caveat, stripped to visible characters.
        caveat: String,
    },
    /// A caveat that needs a third party's consent.
    #[error("the seller's ticket needs the consent of a third party; Kilosat did not use it")]
    ThirdParty,
}

impl Macaroon {
    /// Checks the caveats this crate knows, for the page and the time given; all others are skipped.
    ///
    /// Known are `path=<prefix>` and `<service>_valid_until=<Unix seconds>`. Every one of them must
    /// hold, so a caveat added later can narrow a ticket and never widen it. A prefix ends at a slash:
    /// `/data` covers `/data/today` and not `/database`.
    ///
    /// # Errors
    /// The first [`CaveatRefusal`], in the order of the caveats.
    pub fn covers(&self, request_path: &str, now_unix_s: u64) -> Result<(), CaveatRefusal> {
        for caveat in self.caveats() {
            match caveat.split_once('=') {
                Some(("path", prefix)) if !path_covers(prefix, request_path) => {
                    return Err(CaveatRefusal::OtherPath { allowed: shown(prefix) });
                }
                Some((condition, value)) if condition.ends_with("_valid_until") => {
                    let at_unix_s =
                        seconds(value).ok_or_else(|| CaveatRefusal::Unreadable { caveat: shown(caveat) })?;
                    if at_unix_s <= now_unix_s {
                        return Err(CaveatRefusal::Expired { at_unix_s });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the `services` caveats, of which there must be one, all name this service.
    pub fn names_service(&self, service: &str) -> bool {
        let mut lists = self.caveats().iter().filter_map(|caveat| caveat.strip_prefix("services=")).peekable();
        lists.peek().is_some()
            && lists.all(|list| list.split(',').any(|entry| entry.split(':').next() == Some(service)))
    }
}

/// One request to the seller.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The name this seller uses in the `services` caveat.
    pub service: &'a str,
    /// Path of the request, without its query.
    pub request_path: &'a str,
    /// Time, Unix seconds.
    pub now_unix_s: u64,
}

/// What the seller decides about a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketOutcome {
    /// Paid for, ours, and good for this page now.
    Valid(Identifier),
    /// Not a readable credential: answer 401.
    Malformed,
    /// The signature is not ours: answer 401.
    Forged,
    /// The preimage does not belong to the token, so nothing was paid: answer 401.
    WrongPreimage,
    /// A good ticket for another page or another service: answer 402 with a fresh challenge.
    WrongPath,
    /// A good ticket that has run out: answer 402 with a fresh challenge.
    Expired,
}

/// The seller's check of an `Authorization` value, cheapest and most telling first.
///
/// Order: it can be read, the preimage belongs to it, the root key is known and made the signature, the
/// caveats allow this service, page and time. `root_key_of` finds the key for an identifier.
/// The preimage is taken as proof of payment; a seller that can reveal one by other means must also ask
/// its Lightning service whether the invoice is settled.
/// Source: L402 macaroon specification, verification; aperture `mint` and `auth`.
pub fn check_ticket(
    authorization: &str,
    asked: &Asked<'_>,
    root_key_of: impl FnOnce(&Identifier) -> Option<[u8; 32]>,
) -> TicketOutcome {
    let Some((macaroon, identifier, preimage)) = read(authorization) else {
        return TicketOutcome::Malformed;
    };
    if sha256::Hash::hash(&preimage).to_byte_array() != identifier.payment_hash {
        return TicketOutcome::WrongPreimage;
    }
    if !root_key_of(&identifier).is_some_and(|key| macaroon.verify(&key)) {
        return TicketOutcome::Forged;
    }
    if !macaroon.names_service(asked.service) {
        return TicketOutcome::WrongPath;
    }
    match macaroon.covers(asked.request_path, asked.now_unix_s) {
        Ok(()) => TicketOutcome::Valid(identifier),
        Err(CaveatRefusal::Expired { .. }) => TicketOutcome::Expired,
        Err(CaveatRefusal::OtherPath { .. }) => TicketOutcome::WrongPath,
        Err(CaveatRefusal::Unreadable { .. } | CaveatRefusal::ThirdParty) => TicketOutcome::Malformed,
    }
}

fn read(authorization: &str) -> Option<(Macaroon, Identifier, [u8; 32])> {
    let credential = Credential::from_authorization(authorization)?;
    let macaroon = Macaroon::from_base64(&credential.token).ok()?;
    let identifier = Identifier::from_bytes(macaroon.identifier())?;
    Some((macaroon, identifier, credential.preimage()?))
}

fn path_covers(prefix: &str, request_path: &str) -> bool {
    // A server may resolve dots after this check, so a path that has them is never covered.
    let is_dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if !prefix.starts_with('/') || request_path.split(['/', '\\']).any(is_dots) {
        return false;
    }
    let path = request_path.split('?').next().unwrap_or_default();
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// Decimal digits only; `u64::from_str` would also take a plus sign.
fn seconds(value: &str) -> Option<u64> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::l402::{Challenge, Scheme};

    const PREIMAGE: [u8; 32] = [0x11; 32];
    const KEY: [u8; 32] = [5; 32];

    fn macaroon(caveats: &[&str]) -> Macaroon {
        let identifier =
            Identifier { payment_hash: sha256::Hash::hash(&PREIMAGE).to_byte_array(), token_id: [0x22; 32] };
        let caveats: Vec<_> = caveats.iter().map(ToString::to_string).collect();
        Macaroon::mint(&KEY, &identifier.to_bytes(), "shop", &caveats).unwrap()
    }

    fn sent(macaroon: &Macaroon, preimage: &[u8; 32]) -> String {
        let challenge = Challenge { scheme: Scheme::L402, token: macaroon.to_base64(), invoice: String::new() };
        Credential::new(&challenge, preimage).authorization()
    }

    fn check(authorization: &str) -> TicketOutcome {
        let asked = Asked { service: "prices", request_path: "/prices/today", now_unix_s: 1_000 };
        check_ticket(authorization, &asked, |_| Some(KEY))
    }

    #[track_caller]
    fn case(caveats: &[&str], expected: TicketOutcome) {
        assert_eq!(check(&sent(&macaroon(caveats), &PREIMAGE)), expected);
    }

    #[test]
    fn a_paid_ticket_for_this_page_is_valid() {
        let identifier = Identifier::from_bytes(macaroon(&[]).identifier()).unwrap();
        let valid = TicketOutcome::Valid(identifier);
        case(&["services=prices:0"], valid);
        case(&["services=a:1,prices:0", "path=/prices", "prices_valid_until=1001", "colour=red", "odd"], valid);
    }

    #[test]
    fn another_page_another_service_and_the_past_are_refused() {
        let service = "services=prices:0";
        case(&[], TicketOutcome::WrongPath);
        case(&["services=price:0"], TicketOutcome::WrongPath);
        case(&[service, "services=other:0"], TicketOutcome::WrongPath);
        case(&[service, "path=/forecast"], TicketOutcome::WrongPath);
        case(&[service, "path=/prices", "path=/prices/old"], TicketOutcome::WrongPath);
        case(&[service, "prices_valid_until=1000"], TicketOutcome::Expired);
        case(&[service, "prices_valid_until=1000", "prices_valid_until=9000"], TicketOutcome::Expired);
        case(&[service, "prices_valid_until=soon"], TicketOutcome::Malformed);
        case(&[service, "prices_valid_until=+9000"], TicketOutcome::Malformed);
    }

    #[test]
    fn a_ticket_with_another_preimage_was_not_paid_for() {
        let ticket = macaroon(&["services=prices:0"]);
        assert_eq!(check(&sent(&ticket, &[0; 32])), TicketOutcome::WrongPreimage);
    }

    #[test]
    fn a_ticket_signed_by_another_key_or_by_a_forgotten_one_is_forged() {
        let ticket = macaroon(&["services=prices:0"]);
        let authorization = sent(&ticket, &PREIMAGE);
        let asked = Asked { service: "prices", request_path: "/", now_unix_s: 0 };
        for key in [None, Some([6; 32])] {
            let outcome = check_ticket(&authorization, &asked, |_| key);
            assert_eq!(outcome, TicketOutcome::Forged);
        }
    }

    #[test]
    fn noise_is_malformed() {
        let digits = "11".repeat(32);
        let bare = Macaroon::mint(&KEY, &[1; 32], "", &[]).unwrap();
        for value in ["", "Basic x", &format!("L402 AAAA:{digits}"), &sent(&bare, &PREIMAGE)] {
            assert_eq!(check(value), TicketOutcome::Malformed, "{value}");
        }
    }

    #[test]
    fn a_path_prefix_ends_at_a_slash_and_never_climbs() {
        for (prefix, path, covered) in [
            ("/", "/anything", true),
            ("/data", "/data", true),
            ("/data", "/data/today", true),
            ("/data", "/data?day=1", true),
            ("/data/", "/data/today", true),
            ("/data", "/database", false),
            ("/data/", "/data", false),
            ("/data", "/", false),
            ("/data", "/data/../secret", false),
            ("/data", "/data/%2E%2e/secret", false),
            ("/data", "/data\\..\\secret", false),
            ("", "/data", false),
            ("data", "data", false),
        ] {
            assert_eq!(path_covers(prefix, path), covered, "{prefix} {path}");
        }
    }

    #[test]
    fn only_version_0_of_the_identifier_is_read() {
        let identifier = Identifier { payment_hash: [1; 32], token_id: [2; 32] };
        let mut bytes = identifier.to_bytes();
        assert_eq!(Identifier::from_bytes(&bytes), Some(identifier));
        bytes[1] = 1;
        assert_eq!(Identifier::from_bytes(&bytes), None);
        assert_eq!(Identifier::from_bytes(&[0; 65]), None);
        assert_eq!(Identifier::from_bytes(&[0; 67]), None);
    }
}
