//! Registers to numbers and back, exactly: floats are taken apart as bits and never become Rust floats.

use super::decimal::{Decimal, rounded};
use super::float::{BINARY32, BINARY64, Layout};
use super::point::{Kind, Point, WordOrder};
use crate::reading::Quantity;

/// Why registers are not a value. Such a value is missing: never zero, never the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueFault {
    /// The registers do not make one value of the type; the caller cut them wrongly.
    #[error("{quantity}: the meter sent {got} registers where {wanted} make one value; Kilosat ignored them")]
    Length {
        /// What was asked for.
        quantity: Quantity,
        /// Registers of one value.
        wanted: usize,
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
    /// A register that says in which order the words come says something unknown.
    #[error(
        "{quantity}: the device sends its words in an order that the profile does not know; Kilosat ignored the value, \
         set the order back as it was delivered"
    )]
    UnknownOrder {
        /// What was asked for.
        quantity: Quantity,
    },
    /// A value that is added up from others of which one is missing.
    #[error("{quantity}: it is added up from others, and {part} is missing; Kilosat asks again")]
    PartMissing {
        /// What was to be added up.
        quantity: Quantity,
        /// What it is added up from.
        part: Quantity,
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

/// Turns the registers of one point into thousandths of its quantity's unit, or into the plain number where it has none.
///
/// `words` are those of [`Point::parts`], one part after the other. The exact value, an integer or what the bits of a
/// float say, times scale, factors and power of ten, is rounded once: to the nearest thousandth, ties to even. No counter
/// in kWh with up to six decimals loses anything. A text becomes a number that changes when the text does.
///
/// # Errors
/// [`ValueFault`] for a wrong number of registers, NaN, infinity, the marks for "not available", an unknown order of
/// words and values outside [`Quantity::range`].
pub fn decode(point: &Point, words: &[u16]) -> Result<i64, ValueFault> {
    let quantity = point.quantity;
    let milli = value(point, words)?.ok_or(ValueFault::OutOfRange { quantity })?;
    let milli = if point.absolute { milli.abs() } else { milli };
    i64::try_from(milli)
        .ok()
        .filter(|milli| quantity.range().contains(milli))
        .ok_or(ValueFault::OutOfRange { quantity })
}

/// Turns thousandths into the registers a device would send, all parts of the point; simulated devices use it.
///
/// Integers are rounded down to the register's step, as a counter that has not finished its next step; floats to the
/// nearest. What does not fit an integer type becomes the mark for "not available", as on a meter that overflows. A text
/// becomes the digits of the number.
#[must_use]
pub fn encode(point: &Point, milli: i64) -> Vec<u16> {
    let quotient = Quotient::new(point, milli);
    let mut words = match point.kind {
        Kind::Text(registers) => spell(milli, registers, 2),
        Kind::Chars(registers) => spell(milli, registers, 1),
        kind => split(point, bits_of(point, kind, quotient.as_ref())),
    };
    if let Kind::Text(_) = point.kind {
        words.iter_mut().for_each(|word| *word = reordered(*word, point.order));
    }
    words.extend(point.exponent.map(|exponent| i16::from(exponent).cast_unsigned()));
    words.extend(point.factors.iter().map(|factor| neutral(*factor)));
    words.extend(point.order_marks.map(|marks| match point.order {
        WordOrder::Cdab => marks.cdab,
        _ => marks.abcd,
    }));
    words
}

/// The registers of a text, filled up with zeros.
pub(super) fn spell_text(point: &Point, text: &str) -> Vec<u16> {
    let mut bytes = text.bytes().chain(std::iter::repeat(0));
    let mut next = || u16::from(bytes.next().unwrap_or(0));
    let registers = 0..point.kind.words();
    match point.kind {
        Kind::Chars(_) => registers.map(|_| next()).collect(),
        _ => registers.map(|_| reordered(next() << 8 | next(), point.order)).collect(),
    }
}

/// What a point with the scale one says, in thousandths and without regard to ranges.
pub(super) fn thousandths(point: &Point, words: &[u16]) -> Option<i64> {
    value(point, words).ok().flatten().and_then(|milli| i64::try_from(milli).ok())
}

/// The characters of a text up to its end; `None` when there are none.
pub(super) fn text(point: &Point, words: &[u16]) -> Option<String> {
    let registers = words.get(..usize::from(point.kind.words()))?;
    let bytes = registers.iter().flat_map(|word| {
        let [high, low] = reordered(*word, point.order).to_be_bytes();
        if matches!(point.kind, Kind::Chars(_)) { [Some(low), None] } else { [Some(high), Some(low)] }
    });
    let bytes: Vec<u8> = bytes.flatten().take_while(|byte| *byte != 0).collect();
    let printable = |byte: u8| if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' };
    let text: String = bytes.into_iter().map(printable).collect();
    let text = text.trim();
    (!text.is_empty() && !text.bytes().all(|byte| byte == b'?')).then(|| text.to_owned())
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
            | Self::UnknownOrder { quantity }
            | Self::PartMissing { quantity, .. }
            | Self::Refused { quantity, .. } => *quantity,
        }
    }
}

/// The scaled and rounded value; `Ok(None)` where it is beyond all numbers.
fn value(point: &Point, words: &[u16]) -> Result<Option<i128>, ValueFault> {
    let quantity = point.quantity;
    if words.len() != point.words() {
        return Err(ValueFault::Length { quantity, wanted: point.words(), got: words.len() });
    }
    let (own, extra) = words.split_at(usize::from(point.kind.words()).min(words.len()));
    if point.kind.is_text() {
        let text = text(point, own).ok_or(ValueFault::NotAvailable { quantity })?;
        return Ok(Some(fingerprint(&text)));
    }
    let mut extra = extra.iter().copied();
    let mut next = || extra.next().ok_or(ValueFault::Length { quantity, wanted: point.words(), got: words.len() });
    let mut scale = point.scale;
    if point.exponent.is_some() {
        let power = next()?.cast_signed();
        if !POWERS_OF_TEN.contains(&power) {
            return Err(ValueFault::NotAvailable { quantity });
        }
        scale = scale.shifted(i32::from(power));
    }
    let mut number = i128::from(scale.mantissa);
    for factor in &point.factors {
        let raw = match next()? {
            0 | u16::MAX => return Err(ValueFault::NotAvailable { quantity }),
            raw => raw,
        };
        number *= i128::from(raw) * i128::from(factor.mantissa);
        scale = scale.shifted(factor.exponent);
    }
    let order = match point.order_marks {
        None => point.order,
        Some(marks) => match next()? {
            mark if mark == marks.cdab => WordOrder::Cdab,
            mark if mark == marks.abcd => WordOrder::Abcd,
            _ => return Err(ValueFault::UnknownOrder { quantity }),
        },
    };
    let (raw, power) = raw(point, join(own, order))?;
    Ok(raw.checked_mul(number).and_then(|number| rounded(number, power, scale.exponent)))
}

/// The raw value as a number times a power of two.
fn raw(point: &Point, bits: u64) -> Result<(i128, i32), ValueFault> {
    let quantity = point.quantity;
    if point.invalid.contains(&bits) {
        return Err(ValueFault::NotAvailable { quantity });
    }
    let whole = match point.kind {
        Kind::F32 | Kind::F64 => {
            let layout = if point.kind == Kind::F32 { BINARY32 } else { BINARY64 };
            let number = layout.take_apart(bits).ok_or(ValueFault::NotANumber { quantity })?;
            return Ok((number.significand, number.power));
        }
        Kind::Bcd16 | Kind::Bcd32 => digits(bits, point.kind.words()).ok_or(ValueFault::NotANumber { quantity })?,
        Kind::Bool => i128::from(bits != 0),
        Kind::I16 | Kind::I32 | Kind::I64 => {
            let sign_bit = 1_i128 << (bits_in(point.kind) - 1);
            (i128::from(bits) ^ sign_bit) - sign_bit
        }
        _ => i128::from((bits & point.mask.unwrap_or(u64::MAX)) >> point.shift),
    };
    Ok((whole, 0))
}

/// A value divided by its scale, before it becomes bits.
struct Quotient {
    negative: bool,
    dividend: u128,
    divisor: u128,
}

impl Quotient {
    /// `None` where the scale is zero or out of proportion. Factors are simulated as one.
    fn new(point: &Point, milli: i64) -> Option<Self> {
        let exponent = point.scale.exponent + i32::from(point.exponent.unwrap_or(0));
        let tens = 10_u128.checked_pow(exponent.unsigned_abs())?;
        let (up, down) = if exponent < 0 { (tens, 1) } else { (1, tens) };
        let dividend = u128::from(milli.unsigned_abs()).checked_mul(up)?;
        let divisor = u128::from(point.scale.mantissa.unsigned_abs()).checked_mul(down)?;
        let negative = (milli < 0) != (point.scale.mantissa < 0);
        (divisor > 0).then_some(Self { negative, dividend, divisor })
    }

    fn floor(&self) -> Option<i128> {
        let dividend = i128::try_from(self.dividend).ok()?;
        let dividend = if self.negative { -dividend } else { dividend };
        Some(dividend.div_euclid(i128::try_from(self.divisor).ok()?))
    }
}

fn bits_of(point: &Point, kind: Kind, quotient: Option<&Quotient>) -> u64 {
    let float = |layout: Layout| {
        let bits = quotient.and_then(|q| layout.put_together(q.negative, q.dividend, q.divisor));
        bits.unwrap_or_else(|| layout.not_a_number())
    };
    let whole = quotient.and_then(Quotient::floor);
    let width = bits_in(kind);
    match kind {
        Kind::F32 => float(BINARY32),
        Kind::F64 => float(BINARY64),
        Kind::Bool => u64::from(whole != Some(0)),
        Kind::Bcd16 | Kind::Bcd32 => {
            let whole = whole.and_then(|whole| u64::try_from(whole).ok());
            whole.and_then(|whole| to_digits(whole, kind.words())).unwrap_or(low_bits(width))
        }
        _ => {
            let signed = matches!(kind, Kind::I16 | Kind::I32 | Kind::I64);
            let (min, max) = if signed {
                (-(1_i128 << (width - 1)), (1_i128 << (width - 1)) - 1)
            } else {
                (0, i128::from(low_bits(width)))
            };
            let whole = whole.map(|whole| whole << point.shift);
            let fits = whole.filter(|whole| (min..=max).contains(whole)).unwrap_or(max);
            u64::try_from(fits & i128::from(low_bits(width))).expect("the mask has at most 64 bits")
        }
    }
}

fn join(words: &[u16], order: WordOrder) -> u64 {
    let append = |bits: u64, word: &u16| (bits << u16::BITS) | u64::from(reordered(*word, order));
    match order {
        WordOrder::Abcd | WordOrder::Badc => words.iter().fold(0, append),
        WordOrder::Cdab | WordOrder::Dcba => words.iter().rev().fold(0, append),
    }
}

fn split(point: &Point, bits: u64) -> Vec<u16> {
    let low_first = (0..point.kind.words()).map(|place| {
        let word = (bits >> (u32::from(place) * u16::BITS)) & u64::from(u16::MAX);
        reordered(u16::try_from(word).expect("masked to 16 bits"), point.order)
    });
    match point.order {
        WordOrder::Abcd | WordOrder::Badc => low_first.rev().collect(),
        WordOrder::Cdab | WordOrder::Dcba => low_first.collect(),
    }
}

fn reordered(word: u16, order: WordOrder) -> u16 {
    match order {
        WordOrder::Abcd | WordOrder::Cdab => word,
        WordOrder::Badc | WordOrder::Dcba => word.swap_bytes(),
    }
}

/// Decimal digits of four bits each; `None` when one is above nine.
fn digits(bits: u64, words: u16) -> Option<i128> {
    (0..u32::from(words) * 4).rev().try_fold(0, |number: i128, place| {
        let digit = (bits >> (place * 4)) & 0xF;
        (digit <= 9).then(|| number * 10 + i128::from(digit))
    })
}

fn to_digits(number: u64, words: u16) -> Option<u64> {
    let places = u32::from(words) * 4;
    let fits = number < 10_u64.pow(places);
    fits.then(|| (0..places).fold(0, |bits, place| bits | (number / 10_u64.pow(place) % 10) << (place * 4)))
}

/// FNV-1a, without its highest bit: only good for telling that a text has changed.
fn fingerprint(text: &str) -> i128 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    i128::from(text.bytes().fold(0xcbf2_9ce4_8422_2325, mix) >> 1)
}

fn spell(number: i64, registers: u16, per_register: usize) -> Vec<u16> {
    let digits = number.to_string().into_bytes();
    let mut characters = digits.into_iter().chain(std::iter::repeat(0));
    let mut next = || u16::from(characters.next().unwrap_or(0));
    (0..registers).map(|_| if per_register == 2 { (next() << 8) | next() } else { next() }).collect()
}

/// The raw value with which a factor multiplies by one, or by its smallest step where it cannot.
fn neutral(factor: Decimal) -> u16 {
    let inverse = 10_u16.checked_pow(factor.exponent.unsigned_abs());
    inverse.filter(|_| factor.exponent < 0 && factor.mantissa == 1).unwrap_or(1)
}

fn bits_in(kind: Kind) -> u32 {
    u32::from(kind.words()) * u16::BITS
}

const fn low_bits(count: u32) -> u64 {
    u64::MAX >> (u64::BITS - count)
}

/// SunSpec scale factors; anything else, and with it the mark for none, is no power of ten.
const POWERS_OF_TEN: std::ops::RangeInclusive<i16> = -10..=10;

#[cfg(test)]
mod tests;
