//! L402: what a seller asks, the tokens it hands out, and the credentials that come back to us as a seller.

use kilosat::domain::l402::{
    Asked, Challenge, Credential, MACAROON_BYTES_MAX, Macaroon, PaymentAsked, TicketOutcome, base64_encode,
    check_ticket, parse_challenges, payment_asked,
};

use super::assert_fit_to_show;

/// Header values, one a line; a line `payment-required: ` is that header, and what follows an empty line is the body.
pub fn challenge(input: &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    let (head, body) = input.split_at(end);
    let Ok(head) = std::str::from_utf8(head) else { return };
    let required = head.lines().find_map(|line| line.strip_prefix("payment-required: "));
    let values: Vec<&str> = head.lines().filter(|line| !line.starts_with("payment-required: ")).collect();
    let challenges = parse_challenges(&values);
    assert!(challenges.len() <= 8);
    match payment_asked(&values, required, body) {
        PaymentAsked::Lightning(asked) => assert_eq!(asked, challenges),
        PaymentAsked::OtherCurrency(text) => {
            assert!(challenges.is_empty());
            assert_fit_to_show(&text);
        }
        PaymentAsked::Unclear => assert!(challenges.is_empty() && required.is_none()),
    }
    challenges.iter().for_each(usable);
}

/// What is taken for a challenge can be written and read again, and its credential is one header value.
fn usable(challenge: &Challenge) {
    let Challenge { scheme, token, invoice } = challenge;
    assert!((1..=4_096).contains(&invoice.len()) && invoice.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert!((1..=8_192).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b','));
    let written = format!("{} token=\"{token}\", invoice=\"{invoice}\"", scheme.as_str());
    assert_eq!(parse_challenges(&[&written]).as_slice(), std::slice::from_ref(challenge));
    let credential = Credential::new(challenge, &[7; 32]);
    assert_eq!(Credential::from_authorization(&credential.authorization()), Some(credential));
    if let Err(refusal) = challenge.covers("/data/today", NOW_UNIX_S) {
        assert_fit_to_show(&refusal.to_string());
    }
    if let Some(identifier) = challenge.identifier() {
        assert_eq!(Macaroon::from_base64(token).unwrap().identifier(), identifier.to_bytes());
    }
}

/// A macaroon in its binary form.
pub fn macaroon(input: &[u8]) {
    let read = Macaroon::from_bytes(input);
    if input.len() <= MACAROON_BYTES_MAX {
        assert_eq!(Macaroon::from_base64(&base64_encode(input)), read);
    }
    let macaroon = match read {
        Ok(macaroon) => macaroon,
        Err(fault) => return assert_fit_to_show(&fault.to_string()),
    };
    assert!(!macaroon.verify(&NOBODYS_KEY), "nobody minted this");
    assert!(Macaroon::from_bytes(&[input, b"\0"].concat()).is_err(), "a macaroon ends with its signature");
    // Version 1 is somewhat longer than version 2, so what was read can be written.
    assert_eq!(Macaroon::from_bytes(&macaroon.to_bytes()).as_ref(), Ok(&macaroon));
    assert_eq!(Macaroon::from_base64(&macaroon.to_base64()).as_ref(), Ok(&macaroon));
    if let Err(refusal) = macaroon.covers("/data/today", NOW_UNIX_S) {
        assert_fit_to_show(&refusal.to_string());
    }
    let covered = macaroon.covers("/data/today", NOW_UNIX_S).is_ok();
    if let Ok(narrowed) = macaroon.clone().narrowed("path=/data") {
        assert_ne!(narrowed.signature(), macaroon.signature());
        assert_eq!(narrowed.covers("/data/today", NOW_UNIX_S).is_ok(), covered);
        assert!(narrowed.covers("/other", NOW_UNIX_S).is_err(), "a caveat more never widens a ticket");
    }
}

/// The `Authorization` value that a buyer sends.
pub fn ticket(input: &[u8]) {
    let Ok(value) = std::str::from_utf8(input) else { return };
    let asked = Asked { service: "weather", request_path: "/data/today", now_unix_s: NOW_UNIX_S };
    let outcome = check_ticket(value, &asked, |_| Some(NOBODYS_KEY));
    assert!(!matches!(outcome, TicketOutcome::Valid(_) | TicketOutcome::WrongPath | TicketOutcome::Expired));
    let Some(credential) = Credential::from_authorization(value) else {
        return assert_eq!(outcome, TicketOutcome::Malformed);
    };
    assert!(credential.preimage().is_some());
    assert_eq!(Credential::from_authorization(&credential.authorization()).as_ref(), Some(&credential));
}

/// No seed was minted with it, so nothing that verifies can be found.
const NOBODYS_KEY: [u8; 32] = [0x5a; 32];
const NOW_UNIX_S: u64 = 1_800_000_000;
