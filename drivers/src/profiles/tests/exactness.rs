//! Values and their limits for every type, order and kind of scale; the table cases are in `registers/tests.rs`.

use proptest::prelude::*;

use super::super::*;

const ORDERS: [WordOrder; 4] = [WordOrder::Abcd, WordOrder::Cdab, WordOrder::Badc, WordOrder::Dcba];
const NUMBERS: [Kind; 11] = [
    Kind::U16,
    Kind::I16,
    Kind::U32,
    Kind::I32,
    Kind::U64,
    Kind::I64,
    Kind::F32,
    Kind::F64,
    Kind::Bcd16,
    Kind::Bcd32,
    Kind::Bool,
];

fn point(quantity: Quantity, kind: Kind, order: WordOrder, scale: Decimal) -> Point {
    let part = Part { space: Space::Holding, address: 0, count: kind.words() };
    Point {
        quantity,
        parts: vec![part],
        kind,
        order,
        scale,
        exponent: None,
        factors: Vec::new(),
        order_marks: None,
        invalid: Vec::new(),
        mask: None,
        shift: 0,
        texts: Vec::new(),
        absolute: false,
        poll: Poll::Fast,
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    let texts = (1_u16..40).prop_flat_map(|count| prop_oneof![Just(Kind::Text(count)), Just(Kind::Chars(count))]);
    prop_oneof![4 => prop::sample::select(&NUMBERS[..]), 1 => texts]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_registers_make_decoding_panic(
        kind in any_kind(),
        order in prop::sample::select(&ORDERS[..]),
        mantissa in -999_999_i64..=999_999,
        exponent in -15_i32..=18,
        words in prop::collection::vec(any::<u16>(), 0..44),
        extras in 0_usize..16,
        exact_length in any::<bool>(),
        absolute in any::<bool>(),
    ) {
        let mut point = point(Quantity::POWER, kind, order, Decimal { mantissa, exponent });
        point.absolute = absolute;
        point.exponent = (extras & 1 > 0).then_some(-2);
        point.factors = vec![Decimal { mantissa: 999_999, exponent: 9 }; (extras >> 1) % 3];
        point.order_marks = (extras & 8 > 0).then_some(OrderMarks { abcd: 1, cdab: 0 });
        let count = usize::from(point.exponent.is_some()) + point.factors.len() + usize::from(point.order_marks.is_some());
        for address in 100..100 + u16::try_from(count).unwrap() {
            point.parts.push(Part { space: Space::Holding, address, count: 1 });
        }
        let mut words = words;
        if exact_length {
            words.resize(point.words(), 7);
        }
        let value = decode(&point, &words);
        prop_assert_eq!(value.is_ok_and(|milli| !point.quantity.range().contains(&milli)), false);
        let length_fault = matches!(value, Err(ValueFault::Length { .. }));
        prop_assert_eq!(words.len() == point.words(), !length_fault);
        let _ = point.text(&words);
    }

    #[test]
    fn encoding_is_undone_by_decoding_to_within_a_step(
        kind in prop::sample::select(&NUMBERS[..10]),
        order in prop::sample::select(&ORDERS[..]),
        // From a raw unit of a thousandth to one of ten thousand, with either sign.
        exponent in 0_i32..=7,
        negative in any::<bool>(),
        raw in -9_999_i64..=9_999,
        part in 0_i64..10_000_000,
    ) {
        let signed = matches!(kind, Kind::I16 | Kind::I32 | Kind::I64 | Kind::F32 | Kind::F64);
        let mantissa = if negative { -1 } else { 1 };
        let point = point(Quantity::POWER, kind, order, Decimal { mantissa, exponent });
        let step = 10_i64.pow(exponent.unsigned_abs());
        let raw = if signed { raw } else { raw.abs() };
        let milli = raw * step * mantissa + part % step * mantissa;
        prop_assume!(Quantity::POWER.range().contains(&milli));
        let back = decode(&point, &encode(&point, milli)).unwrap();
        match kind {
            Kind::F32 => prop_assert!((back - milli).abs() <= 1 + (milli.abs() >> 23), "{milli} became {back}"),
            Kind::F64 => prop_assert_eq!(back, milli),
            _ => {
                prop_assert_eq!(back, raw * step * mantissa, "rounded down to a raw unit");
                prop_assert_eq!(decode(&point, &encode(&point, back)), Ok(back));
            }
        }
    }

    #[test]
    fn a_counter_in_kilowatt_hours_loses_nothing(
        kind in prop::sample::select(&[Kind::U32, Kind::I32, Kind::U64, Kind::I64][..]),
        places in 0_i32..=6,
        raw in 0_u32..0x7FFF_FFFE,
        order in prop::sample::select(&ORDERS[..]),
    ) {
        let scale = Decimal { mantissa: 1, exponent: 6 - places };
        let point = point(Quantity::ENERGY_IMPORT, kind, order, scale);
        let wanted = i64::from(raw) * 10_i64.pow(scale.exponent.unsigned_abs());
        prop_assume!(Quantity::ENERGY_IMPORT.range().contains(&wanted));
        let words = encode(&point, wanted);
        prop_assert_eq!(decode(&point, &words), Ok(wanted));
    }
}

proptest! {
    // Each case reads a whole file.
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_point_of_every_profile_reads_back_what_a_simulated_device_sends(
        which in 0_usize..60,
        raw in 0_i64..30_000,
    ) {
        let profiles: Vec<_> = super::super::names().collect();
        let profile = find(profiles[which % profiles.len()]).unwrap();
        for point in profile.points.iter().filter(|point| !point.kind.is_text()) {
            let simulated = Decimal { exponent: point.scale.exponent + i32::from(point.exponent.unwrap_or(0)), ..point.scale };
            let step = simulated.to_whole().unwrap_or(1).abs();
            let milli = raw.saturating_mul(step);
            let states = point.kind == Kind::Bool || point.mask.is_some() || point.invalid.contains(&raw.unsigned_abs());
            let fits = point.quantity.range().contains(&milli) && !(point.absolute && simulated.mantissa < 0);
            if states || !fits {
                continue;
            }
            let back = decode(point, &encode(point, milli));
            let back = back.unwrap_or_else(|fault| panic!("{} {milli}: {fault}", profile.name));
            let loss = if matches!(point.kind, Kind::F32) { 1 + (milli >> 23) } else { step - 1 };
            prop_assert!((back - milli).abs() <= loss, "{} {}: {milli} became {back}", profile.name, point.quantity);
        }
    }
}
