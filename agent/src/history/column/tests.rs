//! Nothing is lost, little is written, and no bytes can do harm.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn encoded(values: &[i64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(values, &mut bytes);
    bytes
}

fn decoded(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let mut values = vec![0; count];
    decode(bytes, &mut values, |place, value| *place = value)?;
    Some(values)
}

#[track_caller]
fn case(values: &[i64], bytes_max: usize) {
    let bytes = encoded(values);
    assert_eq!(decoded(&bytes, values.len()).as_deref(), Some(values));
    assert!(bytes.len() <= bytes_max, "{} bytes for {} values", bytes.len(), values.len());
}

/// Numbers that look random and are the same every time.
fn noise(width: u64) -> impl FnMut() -> i64 {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state % width).unwrap()
    }
}

#[test]
fn what_stands_still_takes_almost_nothing() {
    case(&[], 0);
    case(&[230_100; 1], 8);
    case(&[230_100; 3_600], 20);
    let times: Vec<i64> = (0..3_600).map(|second| 1_800_000_000_000 + second * 1_000).collect();
    case(&times, 24);
}

#[test]
fn a_counter_takes_a_bit_for_each_step() {
    let counter: Vec<i64> = (0..3_600).map(|second| 12_345_678_000 + second / 7 * 10_000).collect();
    case(&counter, 600);
}

#[test]
fn noise_takes_as_many_bits_as_it_has() {
    let mut noise = noise(16);
    let voltage: Vec<i64> = (0..3_600).map(|_| 230_000 + noise() * 100).collect();
    // Four bits each, and half a bit because all are equally likely, which values of meters are not.
    case(&voltage, 3_600 * 37 / 64);
}

#[test]
fn a_kettle_makes_only_itself_dear() {
    let mut noise = noise(8);
    let mut power: Vec<i64> = (0..3_600).map(|_| 300_000 + noise() * 1_000).collect();
    let calm = encoded(&power).len();
    power.iter_mut().skip(1_000).take(180).for_each(|value| *value += 2_000_000);
    let with_kettle = encoded(&power).len();
    assert!(with_kettle < calm + calm / 4, "{calm} bytes without, {with_kettle} with it");
}

#[test]
fn the_ends_of_the_numbers_are_numbers_too() {
    case(&[i64::MIN, i64::MAX, 0, -1, i64::MIN], 120);
    case(&[0, i64::MIN, 0, i64::MIN], 60);
    case(&[i64::MAX, i64::MIN], 60);
}

#[test]
fn a_shorter_text_is_no_column() {
    let bytes = encoded(&[1, 500, -3, 70_000, 12, 90_000_000]);
    for length in 0..bytes.len() {
        assert_eq!(decoded(&bytes[..length], 6), None, "{length} of {} bytes", bytes.len());
    }
    assert_eq!(decoded(&[9, 1, 0, 0, 0], 2), None, "there is no such predictor");
}

proptest! {
    #[test]
    fn every_column_reads_back(values in prop::collection::vec(any::<i64>(), 0..200)) {
        prop_assert_eq!(decoded(&encoded(&values), values.len()), Some(values));
    }

    #[test]
    fn every_column_of_a_meter_reads_back(
        start in -1_000_000_i64..1_000_000_000,
        step in prop::sample::select(vec![1_i64, 10, 100, 1_000, 12_345]),
        moves in prop::collection::vec(prop_oneof![8 => -3_i64..4, 1 => -5_000_i64..5_000, 4 => Just(0)], 0..2_000),
    ) {
        let walk = moves.iter().scan(start, |at, by| { *at += by * step; Some(*at) });
        let values: Vec<i64> = walk.collect();
        prop_assert_eq!(decoded(&encoded(&values), values.len()), Some(values));
    }

    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0_usize..2_000) {
        if let Some(values) = decoded(&bytes, count) {
            prop_assert_eq!(values.len(), count);
        }
    }
}
