//! IEEE 754 floats as integers: taken apart into a significand and a power of two, and put together again.
//!
//! Money is computed from these values, so they are never Rust floats and are rounded once, at a known place.

/// The fields of an IEEE 754 float: sign, exponent, fraction, from the highest bit down.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    exponent_bits: u32,
    fraction_bits: u32,
    bias: i32,
}

/// The exact value of a float: `significand` times two to the `power`.
pub(super) struct Number {
    pub(super) significand: i128,
    pub(super) power: i32,
}

impl Layout {
    /// `None` for NaN and infinity.
    pub(super) fn take_apart(self, bits: u64) -> Option<Number> {
        let exponent_max = low_bits(self.exponent_bits);
        let fraction = bits & low_bits(self.fraction_bits);
        let field = (bits >> self.fraction_bits) & exponent_max;
        if field == exponent_max {
            return None;
        }
        // Numbers too small for a leading one have field 0 and the power of field 1.
        let leading = u64::from(field > 0) << self.fraction_bits;
        let exponent = i32::try_from(field.max(1)).expect("an exponent has at most 11 bits");
        let magnitude = i128::from(fraction | leading);
        let negative = (bits >> (self.fraction_bits + self.exponent_bits)) & 1 == 1;
        Some(Number {
            significand: if negative { -magnitude } else { magnitude },
            power: exponent - self.bias - self.fraction_width(),
        })
    }

    /// The float nearest to `dividend / divisor`, ties to even; `None` where no ordinary float is near.
    pub(super) fn put_together(self, negative: bool, dividend: u128, divisor: u128) -> Option<u64> {
        let sign = u64::from(negative) << (self.fraction_bits + self.exponent_bits);
        if dividend == 0 {
            return Some(0);
        }
        if !(1..=DIVISOR_MAX).contains(&divisor) || dividend > DIVIDEND_MAX {
            return None;
        }
        // Shift until the quotient has exactly the bits of a significand; both loops end within 128 shifts
        // because a shift moves the quotient by a factor of two towards its place.
        let (mut dividend, mut divisor) = (dividend, divisor);
        let leading = 1_u128 << self.fraction_bits;
        let mut power = 0;
        while dividend / divisor < leading {
            dividend <<= 1;
            power -= 1;
        }
        while dividend / divisor >= leading << 1 {
            divisor <<= 1;
            power += 1;
        }
        let mut significand = dividend / divisor;
        let rest = (dividend % divisor) << 1;
        if rest > divisor || (rest == divisor && significand % 2 == 1) {
            significand += 1;
        }
        if significand == leading << 1 {
            significand = leading;
            power += 1;
        }
        let field = u64::try_from(power + self.fraction_width() + self.bias).ok()?;
        let fraction = u64::try_from(significand - leading).ok()?;
        let ordinary = (1..low_bits(self.exponent_bits)).contains(&field);
        ordinary.then_some(sign | (field << self.fraction_bits) | fraction)
    }

    /// The quiet NaN.
    pub(super) fn not_a_number(self) -> u64 {
        low_bits(self.exponent_bits + 1) << (self.fraction_bits - 1)
    }

    fn fraction_width(self) -> i32 {
        i32::try_from(self.fraction_bits).expect("at most 52")
    }
}

const fn low_bits(count: u32) -> u64 {
    (1 << count) - 1
}

/// IEEE 754-2008, table 3.5.
pub(super) const BINARY32: Layout = Layout { exponent_bits: 8, fraction_bits: 23, bias: 127 };
pub(super) const BINARY64: Layout = Layout { exponent_bits: 11, fraction_bits: 52, bias: 1023 };
/// A significand has at most 53 bits, so the shifted numbers stay below 128.
const DIVISOR_MAX: u128 = 1 << 70;
const DIVIDEND_MAX: u128 = 1 << 120;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::profiles::decimal::rounded;

    #[test]
    fn taking_apart_undoes_putting_together() {
        for layout in [BINARY32, BINARY64] {
            for milli in [1_i64, 7, -7, 999, 1 << 23, -(1 << 24), 16_777_215] {
                let bits = layout.put_together(milli < 0, milli.unsigned_abs().into(), 1).unwrap();
                let number = layout.take_apart(bits).unwrap();
                assert_eq!(rounded(number.significand, number.power, 0), Some(i128::from(milli)));
            }
        }
    }

    #[test]
    fn the_extremes_of_the_arguments_are_ordinary_floats_or_none() {
        for layout in [BINARY32, BINARY64] {
            for (dividend, divisor) in [(u128::from(u64::MAX), 1), (1, DIVISOR_MAX), (DIVIDEND_MAX, 1)] {
                let bits = layout.put_together(true, dividend, divisor).unwrap();
                assert!(layout.take_apart(bits).is_some(), "{dividend} / {divisor}");
            }
            assert_eq!(layout.put_together(false, 5, 0), None);
            assert_eq!(layout.put_together(false, 5, DIVISOR_MAX + 1), None);
            assert_eq!(layout.put_together(false, u128::MAX, 1), None);
        }
    }

    #[test]
    fn the_processor_builds_the_same_floats() {
        let quotient = |milli: i64| u64::from((milli as f32 / 1_000.0).to_bits());
        for milli in [1_i64, 230_517, 49_980, -1_234_567, 16_777_215, 500] {
            let built = BINARY32.put_together(milli < 0, milli.unsigned_abs().into(), 1_000);
            assert_eq!(built, Some(quotient(milli)));
        }
    }
}
