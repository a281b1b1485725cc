//! The data seller's gate: issues L402 tickets and checks them.

use crate::domain::l402::{Asked, Identifier, Macaroon, MacaroonFault, TicketOutcome, check_ticket};
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256};

/// Why no ticket can be issued.
#[derive(Debug, thiserror::Error)]
pub enum TicketFault {
    /// The kernel gave no random bytes.
    #[error("this machine gives no random numbers, so no ticket can be issued: {0}")]
    NoEntropy(getrandom::Error),
    /// The path or the service name is far too long for a ticket.
    #[error("no ticket can be issued for this page: {0}")]
    Unfit(#[from] MacaroonFault),
}

/// Issues and checks tickets for one service.
///
/// A ticket's root key is derived from one secret and the ticket's identifier, so the office needs no
/// memory per ticket: a flood of unpaid challenges can neither fill it nor push a paid ticket out. The
/// secret lives as long as the office; after a restart old tickets are forged ones.
pub struct TicketOffice {
    service: String,
    secret: [u8; 32],
}

impl TicketOffice {
    /// Opens an office under the name that stands in the `services` caveat (letters, digits, `-`).
    ///
    /// # Errors
    /// [`TicketFault::NoEntropy`].
    pub fn new(service: &str) -> Result<Self, TicketFault> {
        Ok(Self { service: service.to_owned(), secret: random()? })
    }

    /// Issues a ticket, in base64, that opens `path` and what lies below it until `valid_until_unix_s`.
    ///
    /// `payment_hash` is that of the invoice which stands beside the ticket in the challenge.
    ///
    /// # Errors
    /// [`TicketFault`].
    pub fn challenge(
        &self,
        payment_hash: &[u8; 32],
        path: &str,
        valid_until_unix_s: u64,
    ) -> Result<String, TicketFault> {
        let identifier = Identifier { payment_hash: *payment_hash, token_id: random()? };
        let service = &self.service;
        let caveats = [
            format!("services={service}:0"),
            format!("path={path}"),
            format!("{service}_valid_until={valid_until_unix_s}"),
        ];
        let key = self.root_key(&identifier);
        Ok(Macaroon::mint(&key, &identifier.to_bytes(), service, &caveats)?.to_base64())
    }

    /// Checks an `Authorization` value for a path at a time in Unix seconds.
    pub fn check(&self, authorization: &str, request_path: &str, now_unix_s: u64) -> TicketOutcome {
        let asked = Asked { service: &self.service, request_path, now_unix_s };
        check_ticket(authorization, &asked, |identifier| Some(self.root_key(identifier)))
    }

    /// The two `WWW-Authenticate` values that every known client understands, in this order.
    pub fn challenge_headers(token: &str, invoice: &str) -> [String; 2] {
        [
            format!(r#"LSAT macaroon="{token}", invoice="{invoice}""#),
            format!(r#"L402 macaroon="{token}", invoice="{invoice}", version="0", token="{token}""#),
        ]
    }

    fn root_key(&self, identifier: &Identifier) -> [u8; 32] {
        let mut engine = HmacEngine::<sha256::Hash>::new(&self.secret);
        engine.input(&identifier.to_bytes());
        Hmac::from_engine(engine).to_byte_array()
    }
}

fn random() -> Result<[u8; 32], TicketFault> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(TicketFault::NoEntropy)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::l402::{Credential, Scheme, parse_challenges};

    const PREIMAGE: [u8; 32] = [3; 32];

    fn ticket(office: &TicketOffice) -> Credential {
        let hash = sha256::Hash::hash(&PREIMAGE).to_byte_array();
        let token = office.challenge(&hash, "/prices", 1_000).unwrap();
        let headers = TicketOffice::challenge_headers(&token, "lnbcrt1x");
        let values: Vec<_> = headers.iter().map(String::as_str).collect();
        let challenges = parse_challenges(&values);
        let schemes: Vec<_> = challenges.iter().map(|challenge| challenge.scheme).collect();
        assert_eq!(schemes, [Scheme::Lsat, Scheme::L402]);
        assert!(challenges.iter().all(|challenge| challenge.token == token));
        Credential::new(challenges.last().unwrap(), &PREIMAGE)
    }

    #[test]
    fn a_paid_ticket_opens_its_page_until_it_runs_out() {
        let office = TicketOffice::new("prices").unwrap();
        let sent = ticket(&office).authorization();
        assert!(matches!(office.check(&sent, "/prices/today", 999), TicketOutcome::Valid(_)));
        assert_eq!(office.check(&sent, "/forecast", 999), TicketOutcome::WrongPath);
        assert_eq!(office.check(&sent, "/prices", 1_000), TicketOutcome::Expired);
        assert_eq!(office.check("L402 x", "/prices", 0), TicketOutcome::Malformed);
    }

    #[test]
    fn a_ticket_of_another_office_is_forged_and_an_unpaid_one_worthless() {
        let office = TicketOffice::new("prices").unwrap();
        let elsewhere = TicketOffice::new("prices").unwrap();
        let credential = ticket(&elsewhere);
        let outcome = office.check(&credential.authorization(), "/prices", 0);
        assert_eq!(outcome, TicketOutcome::Forged);
        let unpaid = Credential { preimage_hex: "00".repeat(32), ..ticket(&office) };
        let outcome = office.check(&unpaid.authorization(), "/prices", 0);
        assert_eq!(outcome, TicketOutcome::WrongPreimage);
    }

    #[test]
    fn no_two_tickets_are_alike() {
        let office = TicketOffice::new("prices").unwrap();
        assert_ne!(ticket(&office).token, ticket(&office).token);
    }

    #[test]
    fn a_path_too_long_for_a_ticket_is_told() {
        let office = TicketOffice::new("prices").unwrap();
        let fault = office.challenge(&[0; 32], &"/x".repeat(4_000), 0).unwrap_err();
        assert!(matches!(fault, TicketFault::Unfit(MacaroonFault::TooLong)));
    }
}
