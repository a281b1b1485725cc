//! Challenges as real sellers write them, and as hostile ones might.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::domain::l402::base64_encode;

fn challenge(scheme: Scheme, token: &str, invoice: &str) -> Challenge {
    Challenge { scheme, token: token.to_owned(), invoice: invoice.to_owned() }
}

#[track_caller]
fn case(values: &[&str], expected: &[(Scheme, &str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(scheme, token, invoice)| challenge(*scheme, token, invoice)).collect();
    assert_eq!(parse_challenges(values), expected);
}

#[test]
fn every_form_in_the_field_is_read() {
    let one = [(Scheme::L402, "AgE+/w==", "lnbc50n1x")];
    case(&[r#"L402 version="0", token="AgE+/w==", invoice="lnbc50n1x""#], &one);
    case(&[r#"L402 macaroon="AgE+/w==", invoice="lnbc50n1x""#], &one);
    case(&["l402 macaroon=AgE+/w==, invoice=lnbc50n1x"], &one);
    case(&["L402\tINVOICE = lnbc50n1x ,, Token = \"AgE+/w==\" ,"], &one);
    case(&[r#"L402 macaroon="AgE+/w==" invoice="lnbc50n1x""#], &one);
    case(&[r#"L402 macaroon="AgE+/w==", invoice="lnbc50n1x", version="0", token="AgE+/w==""#], &one);
    case(&[r#"L402 realm="a, \"b\" L402", token="AgE+/w==", x=1, invoice="lnbc50n1x""#], &one);
    case(&["LSAT macaroon=\"AgE-_w\", invoice=\"lnbc50n1x\""], &[(Scheme::Lsat, "AgE-_w", "lnbc50n1x")]);
}

#[test]
fn several_schemes_are_told_apart_folded_or_not() {
    let both = [(Scheme::Lsat, "X", "lnbc1"), (Scheme::L402, "X", "lnbc1")];
    let lsat = r#"LSAT macaroon="X", invoice="lnbc1""#;
    let l402 = r#"L402 macaroon="X", invoice="lnbc1""#;
    let payment = r#"Payment id="a", method="lightning", intent="charge", request="eyJh", invoice="lnbc2""#;
    case(&[lsat, l402, payment], &both);
    case(&[&format!("Negotiate, Basic abc==, {lsat},{l402} , {payment}")], &both);
    case(&[payment], &[]);
}

#[test]
fn a_challenge_that_could_mean_two_things_is_dropped() {
    case(&[r#"L402 token="A", macaroon="B", invoice="lnbc1""#], &[]);
    case(&[r#"L402 token="A", invoice="lnbc1", invoice="lnbc2""#], &[]);
}

#[test]
fn a_malformed_challenge_is_dropped_and_earlier_ones_stay() {
    for value in [
        "",
        ",,,",
        "L402",
        "L402 token68==",
        r#"token="A", invoice="lnbc1""#,
        r#"L402 token="A""#,
        r#"L402 invoice="lnbc1""#,
        r#"L402 token="", invoice="lnbc1""#,
        r#"L402 token="A B", invoice="lnbc1""#,
        "L402 token=\"A\r\nX: y\", invoice=\"lnbc1\"",
        r#"L402 token="A:B", invoice="lnbc1""#,
        r#"L402 token="A", invoice="lnbc1 x""#,
        r#"L402 token="A", invoice="lnbc1", comment="never closed"#,
        r#"L402 token="A", invoice="lnbc1", =x"#,
    ] {
        case(&[value], &[]);
    }
    case(&[r#"L402 token="A", invoice="lnbc1", LSAT macaroon="B", invoice="open"#], &[(Scheme::L402, "A", "lnbc1")]);
}

#[test]
fn too_much_of_anything_is_cut_off() {
    let one = r#"L402 token="A", invoice="lnbc1""#;
    assert_eq!(parse_challenges(&[one; 100]).len(), CHALLENGES_MAX);
    assert_eq!(parse_challenges(&[&[one; 100].join(", ")]).len(), CHALLENGES_MAX);
    let long = |count| "A".repeat(count);
    let token = format!(r#"L402 token="{}", invoice="lnbc1""#, long(TOKEN_CHARS_MAX + 1));
    let invoice = format!(r#"L402 token="A", invoice="{}""#, long(INVOICE_CHARS_MAX + 1));
    let params = format!(r#"{one}, {}"#, ["x=1"; PARAMS_MAX].join(", "));
    let value = format!(r#"{one}, x="{}""#, long(VALUE_BYTES_MAX));
    case(&[&token, &invoice, &params, &value], &[]);
}

#[test]
fn a_seller_of_another_currency_is_named() {
    let v1 =
        br#"{"x402Version":1,"accepts":[{"scheme":"exact","network":"base","asset":"0xabc","extra":{"name":"USDC"}}]}"#;
    let usdc = PaymentAsked::OtherCurrency("USDC on base".to_owned());
    assert_eq!(payment_asked(&[], None, v1), usdc);
    let header = base64_encode(v1);
    assert_eq!(payment_asked(&[], Some(&header), b"<html>"), usdc);
    let bare = PaymentAsked::OtherCurrency("another currency".to_owned());
    assert_eq!(payment_asked(&[], Some("%%%"), b""), bare);
    assert_eq!(payment_asked(&["Payment id=a"], None, b"{}"), PaymentAsked::Unclear);
    assert_eq!(payment_asked(&[], None, b"not json"), PaymentAsked::Unclear);
}

#[test]
fn lightning_wins_over_another_currency() {
    let value = r#"L402 token="A", invoice="lnbc1""#;
    let expected = PaymentAsked::Lightning(vec![challenge(Scheme::L402, "A", "lnbc1")]);
    assert_eq!(payment_asked(&[value], Some("e30="), br#"{"x402Version":1}"#), expected);
}

#[test]
fn a_readable_ticket_for_another_page_is_refused_before_any_payment() {
    let ticket = |caveats: &[&str]| {
        let caveats: Vec<_> = caveats.iter().map(ToString::to_string).collect();
        let macaroon = Macaroon::mint(&[1; 32], &[0; 66], "shop", &caveats).unwrap();
        challenge(Scheme::L402, &macaroon.to_base64(), "lnbc1")
    };
    let prices = ticket(&["path=/prices", "prices_valid_until=1000"]);
    assert_eq!(prices.covers("/prices/today", 999), Ok(()));
    assert_eq!(prices.covers("/forecast", 999), Err(CaveatRefusal::OtherPath { allowed: "/prices".to_owned() }));
    assert_eq!(prices.covers("/prices", 1000), Err(CaveatRefusal::Expired { at_unix_s: 1000 }));
    assert_eq!(
        ticket(&["path=/a\u{202e}\n"]).covers("/b", 0),
        Err(CaveatRefusal::OtherPath { allowed: "/a".to_owned() })
    );
}

#[test]
fn an_unreadable_token_is_opaque() {
    for token in ["AAAA", "eyJhIjoxfQ==", "not.base64~", &"A".repeat(8000)] {
        let opaque = challenge(Scheme::L402, token, "lnbc1");
        assert_eq!(opaque.covers("/anything", u64::MAX), Ok(()));
        assert_eq!(opaque.identifier(), None);
    }
}

proptest! {
    #[test]
    fn no_header_breaks_the_parser(value in "[ -~é]{0,200}", body in "[ -~]{0,80}") {
        let _ = payment_asked(&[&value, &format!("L402 {value}")], Some(&body), body.as_bytes());
    }
}
