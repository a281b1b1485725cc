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
    significand: i128,
    power: i32,
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

    /// The float nearest to `milli / scale`, ties to even. No quotient of an `i64` and an `i32` leaves the
    /// range of a float, so neither infinity nor a number without its leading one can come out.
    pub(super) fn put_together(self, milli: i64, scale: i32) -> u64 {
        let mut dividend = u128::from(milli.unsigned_abs());
        let mut divisor = u128::from(scale.unsigned_abs());
        if dividend == 0 || divisor == 0 {
            return 0;
        }
        // Shift until the quotient has exactly the bits of a significand; both loops end within 128 shifts
        // because a shift moves the quotient by a factor of two towards its place.
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
        let field = u64::try_from(power + self.fraction_width() + self.bias)
            .expect("the quotient is far from the smallest float");
        let fraction = u64::try_from(significand - leading).expect("below the leading one");
        let negative = (milli < 0) != (scale < 0);
        let sign = u64::from(negative) << (self.fraction_bits + self.exponent_bits);
        sign | (field << self.fraction_bits) | fraction
    }

    fn fraction_width(self) -> i32 {
        i32::try_from(self.fraction_bits).expect("at most 52")
    }
}

impl Number {
    /// The value times `scale`, rounded to the nearest integer, ties to even; `None` where it is far out of range.
    pub(super) fn times(&self, scale: i32) -> Option<i128> {
        let product = self.significand.checked_mul(i128::from(scale))?;
        if product == 0 {
            return Some(0);
        }
        let shift = self.power.unsigned_abs();
        if self.power >= 0 {
            let factor = 1_i128.checked_shl(shift).filter(|factor| *factor > 0)?;
            return product.checked_mul(factor);
        }
        // A product has at most 53 + 31 bits, so from here on less than a half is left of it.
        if shift > PRODUCT_BITS_MAX {
            return Some(0);
        }
        let whole = product >> shift;
        let rest = product - (whole << shift);
        let half = 1_i128 << (shift - 1);
        let up = rest > half || (rest == half && whole & 1 == 1);
        Some(whole + i128::from(up))
    }
}

const fn low_bits(count: u32) -> u64 {
    (1 << count) - 1
}

/// IEEE 754-2008, table 3.5.
pub(super) const BINARY32: Layout = Layout { exponent_bits: 8, fraction_bits: 23, bias: 127 };
pub(super) const BINARY64: Layout = Layout { exponent_bits: 11, fraction_bits: 52, bias: 1023 };
/// Bits of the largest significand times the largest scale, plus one for the half.
const PRODUCT_BITS_MAX: u32 = 53 + 31 + 1;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn taking_apart_undoes_putting_together() {
        for layout in [BINARY32, BINARY64] {
            for milli in [1, 7, -7, 999, 1 << 23, -(1 << 24), 16_777_215] {
                let bits = layout.put_together(milli, 1);
                let back = layout.take_apart(bits).unwrap().times(1);
                assert_eq!(back, Some(i128::from(milli)));
            }
        }
    }

    #[test]
    fn the_extremes_of_the_arguments_are_ordinary_floats() {
        for layout in [BINARY32, BINARY64] {
            for (milli, scale) in [(i64::MIN, 1), (i64::MAX, -1), (1, i32::MIN), (-1, i32::MAX)] {
                let bits = layout.put_together(milli, scale);
                assert!(layout.take_apart(bits).is_some(), "{milli} / {scale}");
            }
            assert_eq!(layout.put_together(5, 0), 0);
        }
    }

    #[test]
    fn the_processor_builds_the_same_floats() {
        let quotient = |milli: i64| u64::from((milli as f32 / 1_000.0).to_bits());
        for milli in [1, 230_517, 49_980, -1_234_567, 16_777_215, 500] {
            assert_eq!(BINARY32.put_together(milli, 1_000), quotient(milli));
        }
    }
}
