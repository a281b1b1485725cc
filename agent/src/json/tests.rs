#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;

#[track_caller]
fn milli(text: &str, expected: Option<i64>) {
    assert_eq!(thousandths(text), expected, "{text}");
}

#[test]
fn decimals_become_thousandths_exactly() {
    milli("0", Some(0));
    milli("-0.0", Some(0));
    milli("12", Some(12_000));
    milli("0.1", Some(100));
    milli("-5.25", Some(-5_250));
    milli("1.001", Some(1_001));
    milli("1.5e3", Some(1_500_000));
    milli("1500E-3", Some(1_500));
    milli("1e+2", Some(100_000));
    milli("9007199254740.993", Some(9_007_199_254_740_993));
    milli("9223372036854775.807", Some(i64::MAX));
    milli("0e999999999", Some(0));
}

#[test]
fn beyond_thousandths_it_rounds_half_away_from_zero() {
    milli("0.0004", Some(0));
    milli("0.0005", Some(1));
    milli("-0.0005", Some(-1));
    milli("1.2345", Some(1_235));
    milli("1.23449999", Some(1_234));
    milli("-1.9999", Some(-2_000));
    milli("5e-4", Some(1));
    milli("9e-5", Some(0));
    milli("1e-999999", Some(0));
}

#[test]
fn what_does_not_fit_or_is_no_number_is_none() {
    for text in [
        "",
        "-",
        "x",
        "1.2.3",
        "1e",
        "+1",
        ".5",
        "true",
        "\"1\"",
        "1e999",
        "9223372036854775.808",
        "NaN",
        "1e99999999999999999999",
    ] {
        milli(text, None);
    }
    milli(&"1".repeat(65), None);
}

#[test]
fn only_whole_amounts_are_amounts() {
    for (text, expected) in [
        ("1000", Some(1_000)),
        ("1000.0", Some(1_000)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("1000.5", None),
        ("1000.", None),
        ("1e3", None),
        ("-1", None),
        ("\"1000\"", None),
        ("null", None),
        ("", None),
    ] {
        assert_eq!(whole_number(text), expected, "{text}");
    }
}

#[test]
fn the_elements_of_a_list_are_found_in_one_walk() {
    let document = Document::parse(br#"{"a":[ 1 , [2,3],{"b":"],"} ,""],"c":[],"d":{}}"#).unwrap();
    assert_eq!(document.items_at("/a"), Some(vec!["1", "[2,3]", r#"{"b":"],"}"#, r#""""#]));
    assert_eq!(document.items_at("/c"), Some(Vec::new()));
    for pointer in ["", "/d", "/a/0", "/e"] {
        assert_eq!(document.items_at(pointer), None, "{pointer}");
    }
}

#[test]
fn a_pointer_finds_the_text_the_sender_wrote() {
    let body = br#" {"a" : [ 1.50 , {"b/c":"x\"],}","d~":-0.10e1}, [], {} ] ,
        "\u0065":true, "n":1, "n":2, "":7} "#;
    let document = Document::parse(body).unwrap();
    for (pointer, expected) in [
        ("/a/0", Some("1.50")),
        ("/a/1/b~1c", Some(r#""x\"],}""#)),
        ("/a/1/d~0", Some("-0.10e1")),
        ("/a/2", Some("[]")),
        ("/a/2/0", None),
        ("/a/3", Some("{}")),
        ("/a/3/x", None),
        ("/a/4", None),
        ("/a/00", None),
        ("/a/+1", None),
        ("/a/-", None),
        ("/e", Some("true")),
        ("/n", Some("2")),
        ("/", Some("7")),
        ("/missing", None),
        ("a", None),
        ("/n/deeper", None),
    ] {
        assert_eq!(document.text_at(pointer), expected, "{pointer}");
    }
    assert_eq!(Document::parse(b"3").unwrap().text_at(""), Some("3"));
}

#[test]
fn what_is_said_twice_is_ambiguous() {
    for text in ["{}", "7", r#"{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}"#, r#"{"a:b\\":":,\":{}","c":"::"}"#] {
        assert!(Document::unambiguous(text.as_bytes()).is_ok(), "{text}");
    }
    for text in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"[{"a":1,"a":2}]"#, r#"{"a":1,"\u0061":2}"#] {
        assert_eq!(Document::unambiguous(text.as_bytes()).unwrap_err(), JsonFault::Ambiguous, "{text}");
    }
}

#[test]
fn deep_nesting_and_noise_are_refused() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Document::parse(nested(DEPTH_MAX).as_bytes()).is_ok());
    let refused = |body: &[u8]| Document::parse(body).unwrap_err();
    assert_eq!(refused(nested(DEPTH_MAX + 1).as_bytes()), JsonFault::TooDeep);
    assert_eq!(refused(&b"[".repeat(200_000)), JsonFault::TooDeep);
    assert_eq!(refused(b"<html>"), JsonFault::NotJson);
    assert_eq!(refused(b"\xff"), JsonFault::NotJson);
    assert_eq!(refused(b""), JsonFault::NotJson);
}

proptest! {
    #[test]
    fn thousandths_agree_with_integers(whole in -9_000_000_000_000_i64..9_000_000_000_000, milli in 0_i64..1_000) {
        let text = format!("{whole}.{milli:03}");
        let expected = if whole < 0 { whole * 1_000 - milli } else { whole * 1_000 + milli };
        prop_assert_eq!(thousandths(&text), Some(expected));
    }

    #[test]
    fn no_text_breaks_the_reader(body in "[\\[\\]{}\",:0-9a\\\\ é-]{0,60}", pointer in "(/[a0-9]{0,2}){0,4}") {
        if let Ok(document) = Document::parse(body.as_bytes()) {
            let expected = document.value.pointer(&pointer).is_some();
            prop_assert_eq!(document.text_at(&pointer).is_some(), expected);
        }
        let _ = thousandths(&body);
        let _ = whole_number(&body);
    }
}
