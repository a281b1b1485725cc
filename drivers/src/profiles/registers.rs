//! Registers to numbers and back, exactly: floats are taken apart as bits and never become Rust floats.

use super::Point;
use super::float::{BINARY32, BINARY64, Layout};
use crate::reading::Quantity;

/// The type of a value in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One register, unsigned.
    U16,
    /// One register, two's complement.
    I16,
    /// Two registers, unsigned.
    U32,
    /// Two registers, two's complement.
    I32,
    /// Four registers, unsigned.
    U64,
    /// Four registers, two's complement.
    I64,
    /// Two registers, IEEE 754 binary32.
    F32,
    /// Four registers, IEEE 754 binary64.
    F64,
}

/// The order of the registers of one value; the two bytes inside a register are always high byte first.
///
/// Meters with bytes exchanged inside registers are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordOrder {
    /// The highest register first.
    Abcd,
    /// The lowest register first.
    Cdab,
}

/// Why registers are not a value. Such a value is missing: never zero, never the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// The registers do not make one value of the type; the caller cut them wrongly.
    #[error("{quantity}: the meter sent {got} registers where {wanted} make one value; Kilosat ignored them")]
    Length {
        /// What was asked for.
        quantity: Quantity,
        /// Registers of one value.
        wanted: u16,
        /// Registers at hand.
        got: usize,
    },
    /// A float that is not a number or infinite.
    #[error("{quantity}: the meter sent no number; Kilosat ignored it and asks again")]
    NotANumber {
        /// What was asked for.
        quantity: Quantity,
    },
    /// The mark with which meters say "not available" or "overflow".
    #[error("{quantity}: the meter says that it does not have this value; Kilosat ignored it")]
    NotAvailable {
        /// What was asked for.
        quantity: Quantity,
    },
    /// A number that cannot be true, see [`Quantity::range`].
    #[error(
        "{quantity}: the meter sent an impossible value; Kilosat ignored it, check that the chosen profile is right"
    )]
    OutOfRange {
        /// What was asked for.
        quantity: Quantity,
    },
    /// The meter answered the request for this value with an exception.
    #[error("{quantity}: the meter refused to give this value (exception {code}); Kilosat goes on without it")]
    Refused {
        /// What was asked for.
        quantity: Quantity,
        /// Modbus exception code.
        code: u8,
    },
}

/// Turns the registers of one point into thousandths of its quantity's unit.
///
/// Integers are exact. Floats are converted from their exact binary value and rounded once, to the nearest
/// thousandth, ties to even.
///
/// # Errors
/// [`ValueFault`] for a wrong number of registers, NaN, infinity, the marks for "not available" (the largest value of
/// an integer type, and for signed types the smallest too) and values outside [`Quantity::range`].
pub fn decode(point: &Point, words: &[u16]) -> Result<i64, ValueFault> {
    let quantity = point.quantity;
    let bits =
        join(point, words).ok_or(ValueFault::Length { quantity, wanted: point.kind.words(), got: words.len() })?;
    let milli = match point.kind.shape() {
        Shape::Float(layout) => {
            let number = layout.take_apart(bits).ok_or(ValueFault::NotANumber { quantity })?;
            number.times(point.scale)
        }
        Shape::Integer { min, max } => {
            let sign_bit = i128::from(min < 0) << (point.kind.bits() - 1);
            let raw = (i128::from(bits) ^ sign_bit) - sign_bit;
            if raw == max || (raw == min && min < 0) {
                return Err(ValueFault::NotAvailable { quantity });
            }
            raw.checked_mul(i128::from(point.scale))
        }
    };
    milli
        .and_then(|milli| i64::try_from(milli).ok())
        .filter(|milli| quantity.range().contains(milli))
        .ok_or(ValueFault::OutOfRange { quantity })
}

/// Turns thousandths into the registers a meter would send; simulated meters use it.
///
/// Integers are rounded down to the register's step, as a counter that has not finished its next step; floats to the
/// nearest. What does not fit an integer type becomes the mark for "not available", as on a meter that overflows.
#[must_use]
pub fn encode(point: &Point, milli: i64) -> Vec<u16> {
    let bits = match point.kind.shape() {
        Shape::Float(layout) => layout.put_together(milli, point.scale),
        Shape::Integer { min, max } => {
            let mask = max - min;
            let raw = i128::from(milli)
                .checked_div_euclid(i128::from(point.scale))
                .filter(|raw| (min..=max).contains(raw))
                .unwrap_or(max);
            u64::try_from(raw & mask).expect("the mask has at most 64 bits")
        }
    };
    split(point, bits)
}

impl ValueFault {
    /// Which value is missing.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        match self {
            Self::Length { quantity, .. }
            | Self::NotANumber { quantity }
            | Self::NotAvailable { quantity }
            | Self::OutOfRange { quantity }
            | Self::Refused { quantity, .. } => *quantity,
        }
    }
}

impl Kind {
    /// Registers of one value.
    #[must_use]
    pub const fn words(self) -> u16 {
        match self {
            Self::U16 | Self::I16 => 1,
            Self::U32 | Self::I32 | Self::F32 => 2,
            Self::U64 | Self::I64 | Self::F64 => 4,
        }
    }

    fn bits(self) -> u32 {
        u32::from(self.words()) * u16::BITS
    }

    fn shape(self) -> Shape {
        let unsigned = |bits: u32| Shape::Integer { min: 0, max: (1 << bits) - 1 };
        let signed = |bits: u32| Shape::Integer { min: -(1 << (bits - 1)), max: (1 << (bits - 1)) - 1 };
        match self {
            Self::U16 | Self::U32 | Self::U64 => unsigned(self.bits()),
            Self::I16 | Self::I32 | Self::I64 => signed(self.bits()),
            Self::F32 => Shape::Float(BINARY32),
            Self::F64 => Shape::Float(BINARY64),
        }
    }
}

enum Shape {
    Integer { min: i128, max: i128 },
    Float(Layout),
}

fn join(point: &Point, words: &[u16]) -> Option<u64> {
    if words.len() != usize::from(point.kind.words()) {
        return None;
    }
    let append = |bits: u64, word: &u16| (bits << u16::BITS) | u64::from(*word);
    Some(match point.order {
        WordOrder::Abcd => words.iter().fold(0, append),
        WordOrder::Cdab => words.iter().rev().fold(0, append),
    })
}

fn split(point: &Point, bits: u64) -> Vec<u16> {
    let low_first = (0..point.kind.words()).map(|place| {
        let word = (bits >> (u32::from(place) * u16::BITS)) & u64::from(u16::MAX);
        u16::try_from(word).expect("masked to 16 bits")
    });
    match point.order {
        WordOrder::Abcd => low_first.rev().collect(),
        WordOrder::Cdab => low_first.collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::profiles::{Space, all};

    fn point(quantity: Quantity, kind: Kind, order: WordOrder, scale: i32) -> Point {
        Point { quantity, space: Space::Input, address: 0, kind, order, scale }
    }

    /// Power in watts and high word first: the widest range and both signs.
    #[track_caller]
    fn case(kind: Kind, words: &[u16], wanted: Result<i64, ValueFault>) {
        let point = point(Quantity::Power, kind, WordOrder::Abcd, 1_000);
        assert_eq!(decode(&point, words), wanted);
        if let Ok(milli) = wanted {
            assert_eq!(encode(&point, milli), words, "encoding goes back");
        }
    }

    const QUANTITY: Quantity = Quantity::Power;
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
        let watts = point(Quantity::Power, Kind::F32, WordOrder::Abcd, 1_000);
        assert_eq!(decode(&watts, &[0x8000, 0]), Ok(0), "minus zero");
        assert_eq!(decode(&watts, &[0, 1]), Ok(0), "the smallest float");
    }

    #[test]
    fn floats_are_rounded_once_to_the_nearest_thousandth_and_ties_to_even() {
        let plain = point(Quantity::Power, Kind::F32, WordOrder::Abcd, 1);
        assert_eq!(decode(&plain, &[0x3F00, 0]), Ok(0), "0.5");
        assert_eq!(decode(&plain, &[0x3FC0, 0]), Ok(2), "1.5");
        assert_eq!(decode(&plain, &[0x4020, 0]), Ok(2), "2.5");
        assert_eq!(decode(&plain, &[0xBFC0, 0]), Ok(-2), "-1.5");
        assert_eq!(decode(&plain, &[0xC020, 0]), Ok(-2), "-2.5");
        let kwh = point(Quantity::EnergyImport, Kind::F32, WordOrder::Abcd, 1_000_000);
        assert_eq!(decode(&kwh, &[0x4640, 0xE6AE]), Ok(12_345_669_922));
        assert_eq!(decode(&kwh, &[0x3DCC, 0xCCCD]), Ok(100_000));
    }

    #[test]
    fn a_counter_below_zero_and_a_wrong_length_are_faults() {
        let quantity = Quantity::EnergyImport;
        let counter = point(quantity, Kind::I32, WordOrder::Cdab, 100_000);
        assert_eq!(decode(&counter, &[0xFFFF, 0xFFFF]), Err(ValueFault::OutOfRange { quantity }));
        let got = 3;
        assert_eq!(decode(&counter, &[0; 3]), Err(ValueFault::Length { quantity, wanted: 2, got }));
    }

    #[test]
    fn an_encoded_counter_never_shows_an_unfinished_step() {
        let counter = point(Quantity::EnergyImport, Kind::I64, WordOrder::Abcd, 1_000);
        assert_eq!(encode(&counter, 7_999), [0, 0, 0, 7]);
        let power = point(Quantity::Power, Kind::I16, WordOrder::Abcd, 1_000);
        assert_eq!(encode(&power, -1), [0xFFFF]);
        assert_eq!(encode(&power, i64::MAX), [0x7FFF], "overflow");
    }

    #[test]
    fn every_point_reads_back_what_was_encoded_to_within_its_step() {
        for point in all().iter().flat_map(|profile| profile.points) {
            for milli in [0, 1, 999, 50_000, 49_980, 230_517, 1_234_567, 65_534_000] {
                if !point.quantity.range().contains(&milli) {
                    continue;
                }
                let Ok(back) = decode(point, &encode(point, milli)) else {
                    assert!(milli >= 65_534_000 || point.kind == Kind::U16, "{point:?}");
                    continue;
                };
                let step = match point.kind {
                    Kind::F32 => milli >> 23,
                    _ => i64::from(point.scale) - 1,
                };
                assert!((back - milli).abs() <= step, "{point:?}: {milli} became {back}");
            }
        }
    }
}
