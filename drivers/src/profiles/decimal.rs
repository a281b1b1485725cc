//! Scales as the decimals that are written in documents, and the one place where values are rounded.

/// An exact decimal: `mantissa` times ten to the `exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits that count, with the sign.
    pub mantissa: i64,
    /// Where the decimal point is.
    pub exponent: i32,
}

impl Decimal {
    /// One.
    pub const ONE: Self = Self { mantissa: 1, exponent: 0 };

    /// A whole number.
    pub(super) const fn whole(mantissa: i64) -> Self {
        Self { mantissa, exponent: 0 }
    }

    /// Reads `-12.50`, `1e-3` and `1_000`; `None` for whatever could mean something else or has more digits than a scale.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.replace('_', "");
        let (number, power) = match text.split_once(['e', 'E']) {
            Some((number, power)) => (number, power.parse::<i16>().ok()?),
            None => (text.as_str(), 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
        let plain = !whole.is_empty() && !number.ends_with('.') && !unsigned.is_empty();
        if !plain || unsigned.len() > DIGITS_MAX || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut mantissa: i64 = digits.parse().ok()?;
        let mut exponent = i32::from(power) - i32::try_from(fraction.len()).ok()?;
        while mantissa != 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        Some(Self { mantissa, exponent: if mantissa == 0 { 0 } else { exponent } })
    }

    /// The same times ten to the `places`.
    pub(super) const fn shifted(self, places: i32) -> Self {
        Self { exponent: self.exponent + places, ..self }
    }

    /// As a whole number, if it is one.
    pub(super) fn to_whole(self) -> Option<i64> {
        match u32::try_from(self.exponent) {
            Ok(places) => self.mantissa.checked_mul(10_i64.checked_pow(places)?),
            Err(_) => {
                let divisor = 10_i64.checked_pow(self.exponent.unsigned_abs())?;
                (self.mantissa % divisor == 0).then_some(self.mantissa / divisor)
            }
        }
    }
}

/// `number` times two to the `binary` and ten to the `decimal`, rounded once to the nearest whole number, ties to even;
/// `None` where it is far beyond any value.
pub(super) fn rounded(number: i128, binary: i32, decimal: i32) -> Option<i128> {
    if number == 0 {
        return Some(0);
    }
    let tens = 10_i128.checked_pow(decimal.unsigned_abs())?;
    let twos = 1_i128.checked_shl(binary.unsigned_abs()).filter(|twos| *twos > 0);
    let number = if decimal >= 0 { number.checked_mul(tens)? } else { number };
    let number = if binary >= 0 { number.checked_mul(twos?)? } else { number };
    if number.unsigned_abs() >= NUMBER_MAX {
        return None;
    }
    let divisor = if decimal < 0 { tens } else { 1 };
    let divisor = if binary < 0 { twos.and_then(|twos| divisor.checked_mul(twos)) } else { Some(divisor) };
    // A divisor that does not fit is more than twice the number, so nothing is left of it.
    let Some(divisor) = divisor.filter(|divisor| *divisor <= i128::MAX / 2) else { return Some(0) };
    let whole = number.div_euclid(divisor);
    let rest = number.rem_euclid(divisor) * 2;
    let up = rest > divisor || (rest == divisor && whole % 2 != 0);
    Some(whole + i128::from(up))
}

/// More digits than a 64-bit counter has in front of the point.
const DIGITS_MAX: usize = 18;
/// Half of the largest divisor.
const NUMBER_MAX: u128 = 1 << 125;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn decimals_are_read_as_written() {
        let read = |text: &str| Decimal::read(text).map(|decimal| (decimal.mantissa, decimal.exponent));
        assert_eq!(read("0.1"), Some((1, -1)));
        assert_eq!(read("0.0001"), Some((1, -4)));
        assert_eq!(read("-0.01"), Some((-1, -2)));
        assert_eq!(read("1_000"), Some((1, 3)));
        assert_eq!(read("12.50"), Some((125, -1)));
        assert_eq!(read("2.5e-3"), Some((25, -4)));
        assert_eq!(read("0.000"), Some((0, 0)));
        for wrong in ["", "-", ".5", "1.", "inf", "nan", "0x10", "1e", "1e99999", "1.2.3", "1234567890123456789", "--1"]
        {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_come_back_and_fractions_do_not() {
        let whole = |text: &str| Decimal::read(text).unwrap().to_whole();
        assert_eq!(whole("1500"), Some(1_500));
        assert_eq!(whole("-2.0"), Some(-2));
        assert_eq!(whole("0.5"), None);
        assert_eq!(whole("1e30"), None);
    }

    #[test]
    fn rounding_is_to_the_nearest_and_ties_to_even() {
        assert_eq!(rounded(25, 0, -1), Some(2));
        assert_eq!(rounded(35, 0, -1), Some(4));
        assert_eq!(rounded(-25, 0, -1), Some(-2));
        assert_eq!(rounded(-35, 0, -1), Some(-4));
        assert_eq!(rounded(-26, 0, -1), Some(-3));
        assert_eq!(rounded(3, -1, 0), Some(2), "1.5");
        assert_eq!(rounded(5, -1, 0), Some(2), "2.5");
        assert_eq!(rounded(7, 3, 2), Some(5_600));
        assert_eq!(rounded(1, -1_100, -10), Some(0));
        assert_eq!(rounded(1, 1_000, 0), None);
        assert_eq!(rounded(i128::MAX, 0, 0), None);
        assert_eq!(rounded(1, 0, 40), None);
    }
}
