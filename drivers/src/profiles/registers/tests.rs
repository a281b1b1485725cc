#![allow(clippy::unwrap_used)]
use super::*;
use crate::profiles::point::{OrderMarks, Part, Poll};
use crate::profiles::{Space, load};
use crate::reading::Measure;

fn point(quantity: Quantity, kind: Kind, order: WordOrder, scale: i64) -> Point {
    let bits = match kind {
        Kind::Text(_) | Kind::Chars(_) => 64,
        kind => bits_in(kind),
    };
    let invalid = match kind {
        Kind::U16 | Kind::U32 | Kind::U64 => vec![low_bits(bits)],
        Kind::I16 | Kind::I32 | Kind::I64 => vec![low_bits(bits) >> 1, (low_bits(bits) >> 1) + 1],
        _ => Vec::new(),
    };
    Point {
        quantity,
        parts: vec![Part { space: Space::Input, address: 0, count: kind.words() }],
        kind,
        order,
        scale: Decimal::whole(scale),
        exponent: None,
        factors: Vec::new(),
        order_marks: None,
        invalid,
        mask: None,
        shift: 0,
        texts: Vec::new(),
        absolute: false,
        poll: Poll::Fast,
    }
}

/// Power in watts and high word first: the widest range and both signs.
#[track_caller]
fn case(kind: Kind, words: &[u16], wanted: Result<i64, ValueFault>) {
    let point = point(Quantity::POWER, kind, WordOrder::Abcd, 1_000);
    assert_eq!(decode(&point, words), wanted);
    if let Ok(milli) = wanted {
        assert_eq!(encode(&point, milli), words, "encoding goes back");
    }
}

const QUANTITY: Quantity = Quantity::POWER;
const NOT_AVAILABLE: Result<i64, ValueFault> = Err(ValueFault::NotAvailable { quantity: QUANTITY });
const NOT_A_NUMBER: Result<i64, ValueFault> = Err(ValueFault::NotANumber { quantity: QUANTITY });
const OUT_OF_RANGE: Result<i64, ValueFault> = Err(ValueFault::OutOfRange { quantity: QUANTITY });

#[test]
fn integers_are_exact_and_their_marks_are_no_values() {
    case(Kind::U16, &[0x7FFF], Ok(32_767_000));
    case(Kind::U16, &[0xFFFF], NOT_AVAILABLE);
    case(Kind::I16, &[0xFFFF], Ok(-1_000));
    case(Kind::I16, &[0x7FFF], NOT_AVAILABLE);
    case(Kind::I16, &[0x8000], NOT_AVAILABLE);
    case(Kind::U32, &[0, 0], Ok(0));
    case(Kind::U32, &[0xFFFF, 0xFFFF], NOT_AVAILABLE);
    case(Kind::I32, &[0xFFFF, 0xCFC7], Ok(-12_345_000));
    case(Kind::I32, &[0x7FFF, 0xFFFF], NOT_AVAILABLE);
    case(Kind::I32, &[0x8000, 0], NOT_AVAILABLE);
    case(Kind::U64, &[0, 0, 0, 7], Ok(7_000));
    case(Kind::U64, &[0xFFFF; 4], NOT_AVAILABLE);
    case(Kind::U64, &[0x8000, 0, 0, 0], OUT_OF_RANGE);
    case(Kind::I64, &[0xFFFF; 4], Ok(-1_000));
    case(Kind::I64, &[0x7FFF, 0xFFFF, 0xFFFF, 0xFFFF], NOT_AVAILABLE);
    case(Kind::I64, &[0x8000, 0, 0, 0], NOT_AVAILABLE);
    case(Kind::Bcd16, &[0x1234], Ok(1_234_000));
    case(Kind::Bcd16, &[0x123A], NOT_A_NUMBER);
    case(Kind::Bcd32, &[0x0098, 0x7654], Ok(987_654_000));
    case(Kind::Bcd32, &[0xFFFF, 0xFFFF], NOT_A_NUMBER);
    case(Kind::Bool, &[1], Ok(1_000));
    case(Kind::Bool, &[0], Ok(0));
}

#[test]
fn floats_are_exact_and_what_is_no_number_is_no_value() {
    case(Kind::F32, &[0x4366, 0x8000], Ok(230_500));
    case(Kind::F32, &[0xC400, 0x1000], Ok(-512_250));
    case(Kind::F64, &[0x4132, 0xD687, 0, 0], Ok(1_234_567_000));
    case(Kind::F32, &[0x7FC0, 0], NOT_A_NUMBER);
    case(Kind::F32, &[0x7F80, 0], NOT_A_NUMBER);
    case(Kind::F32, &[0xFF80, 0], NOT_A_NUMBER);
    case(Kind::F64, &[0x7FF0, 0, 0, 1], NOT_A_NUMBER);
    case(Kind::F32, &[0x7F7F, 0xFFFF], OUT_OF_RANGE);
    case(Kind::F64, &[0x7FEF, 0xFFFF, 0xFFFF, 0xFFFF], OUT_OF_RANGE);
    let watts = point(Quantity::POWER, Kind::F32, WordOrder::Abcd, 1_000);
    assert_eq!(decode(&watts, &[0x8000, 0]), Ok(0), "minus zero");
    assert_eq!(decode(&watts, &[0, 1]), Ok(0), "the smallest float");
}

#[test]
fn floats_are_rounded_once_to_the_nearest_thousandth_and_ties_to_even() {
    let plain = point(Quantity::POWER, Kind::F32, WordOrder::Abcd, 1);
    assert_eq!(decode(&plain, &[0x3F00, 0]), Ok(0), "0.5");
    assert_eq!(decode(&plain, &[0x3FC0, 0]), Ok(2), "1.5");
    assert_eq!(decode(&plain, &[0x4020, 0]), Ok(2), "2.5");
    assert_eq!(decode(&plain, &[0xBFC0, 0]), Ok(-2), "-1.5");
    assert_eq!(decode(&plain, &[0xC020, 0]), Ok(-2), "-2.5");
    let kwh = point(Quantity::ENERGY_IMPORT, Kind::F32, WordOrder::Abcd, 1_000_000);
    assert_eq!(decode(&kwh, &[0x4640, 0xE6AE]), Ok(12_345_669_922));
    assert_eq!(decode(&kwh, &[0x3DCC, 0xCCCD]), Ok(100_000));
}

#[test]
fn every_order_of_bytes_is_undone() {
    let decoded = |kind, order, words: &[u16]| decode(&point(Quantity::POWER, kind, order, 1), words);
    for (order, words) in [
        (WordOrder::Abcd, [0x0102, 0x0304]),
        (WordOrder::Cdab, [0x0304, 0x0102]),
        (WordOrder::Badc, [0x0201, 0x0403]),
        (WordOrder::Dcba, [0x0403, 0x0201]),
    ] {
        assert_eq!(decoded(Kind::U32, order, &words), Ok(0x0102_0304), "{order:?}");
    }
    assert_eq!(decoded(Kind::U64, WordOrder::Cdab, &[0x0708, 0x0506, 0x0001, 0]), Ok(0x0001_0506_0708));
    assert_eq!(decoded(Kind::U64, WordOrder::Dcba, &[0x0807, 0x0605, 0x0100, 0]), Ok(0x0001_0506_0708));
    assert_eq!(decoded(Kind::U16, WordOrder::Badc, &[0x3412]), Ok(0x1234));
}

#[test]
fn a_counter_below_zero_and_a_wrong_length_are_faults() {
    let quantity = Quantity::ENERGY_IMPORT;
    let counter = point(quantity, Kind::I32, WordOrder::Cdab, 100_000);
    assert_eq!(decode(&counter, &[0xFFFF, 0xFFFF]), Err(ValueFault::OutOfRange { quantity }));
    assert_eq!(decode(&counter, &[0; 3]), Err(ValueFault::Length { quantity, wanted: 2, got: 3 }));
    let absolute = Point { absolute: true, ..counter };
    assert_eq!(decode(&absolute, &[0xFFFF, 0xFFFF]), Ok(100_000), "a sign that is noise");
}

#[test]
fn a_power_of_ten_comes_from_its_own_register() {
    let volts = Point {
        exponent: Some(-1),
        parts: vec![
            Part { space: Space::Holding, address: 10, count: 1 },
            Part { space: Space::Holding, address: 13, count: 1 },
        ],
        ..point(Quantity::VOLTAGE, Kind::U16, WordOrder::Abcd, 1_000)
    };
    let quantity = Quantity::VOLTAGE;
    assert_eq!(decode(&volts, &[2_307, 0xFFFF]), Ok(230_700));
    assert_eq!(decode(&volts, &[231, 0]), Ok(231_000));
    assert_eq!(decode(&volts, &[23, 1]), Ok(230_000));
    assert_eq!(decode(&volts, &[23_072, 0xFFFE]), Ok(230_720));
    assert_eq!(decode(&volts, &[23_075, 0xFFFB]), Ok(231), "finer than a thousandth: to the nearest");
    assert_eq!(decode(&volts, &[2_307, 0x8000]), Err(ValueFault::NotAvailable { quantity }));
    assert_eq!(decode(&volts, &[2_307, 11]), Err(ValueFault::NotAvailable { quantity }));
    assert_eq!(decode(&volts, &[2_307, 10]), Err(ValueFault::OutOfRange { quantity }));
    assert_eq!(encode(&volts, 230_799), [2_307, 0xFFFF]);
}

#[test]
fn ratios_of_transformers_multiply_and_a_missing_ratio_is_no_value() {
    let tenth = Decimal { mantissa: 1, exponent: -1 };
    let part = |address, count| Part { space: Space::Holding, address, count };
    let power = Point {
        scale: Decimal::whole(100),
        factors: vec![Decimal::ONE, tenth],
        parts: vec![part(8_210, 2), part(6, 1), part(7, 1)],
        ..point(Quantity::POWER, Kind::F32, WordOrder::Abcd, 1)
    };
    assert_eq!(decode(&power, &[0x447A, 0, 40, 10]), Ok(4_000_000), "1000 x 0.1 W x 40 x 1.0");
    assert_eq!(decode(&power, &[0x447A, 0, 40, 0]), NOT_AVAILABLE);
    assert_eq!(decode(&power, &[0x447A, 0, 0xFFFF, 10]), NOT_AVAILABLE);
    assert_eq!(encode(&power, 100_000), [0x447A, 0, 1, 10]);
}

#[test]
fn the_device_may_say_in_which_order_its_words_come() {
    let part = |address, count| Part { space: Space::Holding, address, count };
    let power = Point {
        order_marks: Some(OrderMarks { abcd: 1, cdab: 0 }),
        parts: vec![part(252, 2), part(5, 1)],
        ..point(Quantity::POWER, Kind::F32, WordOrder::Cdab, 1_000)
    };
    assert_eq!(decode(&power, &[0x8000, 0x4366, 0]), Ok(230_500));
    assert_eq!(decode(&power, &[0x4366, 0x8000, 1]), Ok(230_500));
    assert_eq!(decode(&power, &[0x4366, 0x8000, 2]), Err(ValueFault::UnknownOrder { quantity: QUANTITY }));
    assert_eq!(encode(&power, 230_500), [0x8000, 0x4366, 0]);
}

#[test]
fn texts_end_at_zero_and_change_their_number_with_every_letter() {
    let quantity = Quantity::SERIAL_NUMBER;
    let text = |kind, words: &[u16]| point(quantity, kind, WordOrder::Abcd, 1).text(words);
    assert_eq!(text(Kind::Text(3), &[0x4142, 0x4300, 0x5858]).as_deref(), Some("ABC"));
    assert_eq!(text(Kind::Text(2), &[0x2041, 0x2020]).as_deref(), Some("A"));
    assert_eq!(text(Kind::Chars(3), &[0x0041, 0x0042, 0]).as_deref(), Some("AB"));
    assert_eq!(text(Kind::Text(1), &[0x41F6]).as_deref(), Some("A?"));
    let serial = point(quantity, Kind::Text(2), WordOrder::Abcd, 1);
    let number = |words: &[u16]| decode(&serial, words);
    assert!(number(&[0x4142, 0x4344]).unwrap() > 0);
    assert_ne!(number(&[0x4142, 0x4344]), number(&[0x4142, 0x4345]));
    let swapped = point(quantity, Kind::Text(2), WordOrder::Badc, 1);
    assert_eq!(number(&[0x4142, 0x4344]), decode(&swapped, &[0x4241, 0x4443]));
    for nothing in [[0, 0x4141], [0x2020, 0x2020], [0xFFFF, 0xFFFF]] {
        assert_eq!(number(&nothing), Err(ValueFault::NotAvailable { quantity }), "{nothing:04X?}");
    }
    assert_eq!(text(Kind::Text(2), &encode(&serial, 2_025)).as_deref(), Some("2025"));
}

#[test]
fn an_encoded_counter_never_shows_an_unfinished_step() {
    let counter = point(Quantity::ENERGY_IMPORT, Kind::I64, WordOrder::Abcd, 1_000);
    assert_eq!(encode(&counter, 7_999), [0, 0, 0, 7]);
    let power = point(Quantity::POWER, Kind::I16, WordOrder::Abcd, 1_000);
    assert_eq!(encode(&power, -1), [0xFFFF]);
    assert_eq!(encode(&power, i64::MAX), [0x7FFF], "overflow");
}

#[test]
fn marks_can_be_added_and_taken_away() {
    let profile = |invalid: &str| {
        let text = format!(
            "name = \"a\"\ntitle = \"A\"\nvendor = \"A\"\nrole = \"meter\"\nevidence = \"single source\"\nsource = \"A\"\n\
             tcp_port = 502\n[[point]]\nquantity = \"state\"\nholding = 1\ntype = \"u16\"\n{invalid}\n"
        );
        load(&text, "a.toml").unwrap()
    };
    let decoded = |invalid: &str, word: u16| decode(profile(invalid).points.first().unwrap(), &[word]);
    let missing = Err(ValueFault::NotAvailable { quantity: Quantity::of(Measure::State) });
    assert_eq!((decoded("", 0xFFFF), decoded("", 0xFFFE)), (missing, Ok(0xFFFE)));
    assert_eq!((decoded("invalid = [0xFFFE]", 0xFFFF), decoded("invalid = [-2]", 0xFFFE)), (missing, missing));
    assert_eq!(decoded("invalid = \"none\"", 0xFFFF), Ok(0xFFFF));
}
