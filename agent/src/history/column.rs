//! A column of integers in few bytes, and back without loss.
//!
//! The numbers of a meter are multiples of its step, and each is near what the ones before it make expect. So a column
//! is divided by its greatest common step, one of four simple predictors is chosen by trying, and what is left goes
//! through an adaptive Rice code with runs for "as expected": about four bits for a noisy power, almost none for what
//! stands still. Sources: R. F. Rice, "Some practical universal noiseless coding techniques" (1979), for the code;
//! ITU-T T.87 (JPEG-LS), annex A, for the idea of a run mode.

use super::bits::{BitReader, BitWriter};

/// `values` as bytes: step, predictor, first value, then the bits of the rest.
pub(super) fn encode(values: &[i64], bytes: &mut Vec<u8>) {
    let Some((first, rest)) = values.split_first() else { return };
    let step = common_step(*first, rest);
    let steps: Vec<i64> = rest.iter().map(|value| in_steps(value.wrapping_sub(*first), step)).collect();
    let mean = mean(&steps);
    let costs = [cost::<MEAN>(&steps, mean), cost::<LAST>(&steps, 0), cost::<LINE>(&steps, 0), cost::<FOUR>(&steps, 0)];
    let (_, predictor) = costs.into_iter().zip(MEAN..).min().expect("there are four");
    bytes.push(predictor);
    put_varint(bytes, step);
    put_varint(bytes, zigzag(*first));
    let bits = match predictor {
        MEAN => {
            put_varint(bytes, zigzag(mean));
            residuals::<MEAN>(&steps, mean)
        }
        LAST => residuals::<LAST>(&steps, 0),
        LINE => residuals::<LINE>(&steps, 0),
        _ => residuals::<FOUR>(&steps, 0),
    };
    bytes.extend_from_slice(&bits);
}

/// Puts the values of a column into `rows`, the first into the first; `None` if these are not the bytes of so many.
pub(super) fn decode<Row>(mut bytes: &[u8], rows: &mut [Row], mut put: impl FnMut(&mut Row, i64)) -> Option<()> {
    if rows.is_empty() {
        return Some(());
    }
    let (predictor, rest) = bytes.split_first()?;
    bytes = rest;
    let step = take_varint(&mut bytes)?.cast_signed();
    let first = unzigzag(take_varint(&mut bytes)?);
    let put = |row: &mut Row, steps: i64| put(row, first.wrapping_add(steps.wrapping_mul(step)));
    match *predictor {
        MEAN => {
            let mean = unzigzag(take_varint(&mut bytes)?);
            steps::<MEAN, Row>(bytes, rows, mean, put)
        }
        LAST => steps::<LAST, Row>(bytes, rows, 0, put),
        LINE => steps::<LINE, Row>(bytes, rows, 0, put),
        FOUR => steps::<FOUR, Row>(bytes, rows, 0, put),
        _ => None,
    }
}

/// A number in groups of seven bits, the lowest first.
pub(super) fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

/// Takes what [`put_varint`] wrote from the front of `bytes`.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

// What the next value is expected to be. The numbers are written to disk.

/// The mean of all: noise.
const MEAN: u8 = 0;
/// The one before: what changes now and then.
const LAST: u8 = 1;
/// The line through the two before: counters and times.
const LINE: u8 = 2;
/// The mean of the four before: noise on something that moves.
const FOUR: u8 = 3;

/// The values just before, as far as a predictor looks back; before the first one all were zero.
struct Past<const PREDICTOR: u8> {
    mean: i64,
    last: [i64; 4],
}

impl<const PREDICTOR: u8> Past<PREDICTOR> {
    fn new(mean: i64) -> Self {
        Past { mean, last: [0; 4] }
    }

    fn expected(&self) -> i64 {
        let [a, b, c, d] = self.last;
        match PREDICTOR {
            MEAN => self.mean,
            LAST => a,
            LINE => a.wrapping_mul(2).wrapping_sub(b),
            _ => (a.wrapping_add(b).wrapping_add(c).wrapping_add(d).wrapping_add(2)) >> 2,
        }
    }

    fn push(&mut self, value: i64) {
        let [a, b, c, _] = self.last;
        self.last = [value, a, b, c];
    }

    /// How far `value` is from what was expected, as a small number.
    fn residual(&mut self, value: i64) -> u64 {
        let residual = zigzag(value.wrapping_sub(self.expected()));
        self.push(value);
        residual
    }
}

/// About how many bits a predictor leaves.
fn cost<const PREDICTOR: u8>(steps: &[i64], mean: i64) -> u64 {
    let mut past = Past::<PREDICTOR>::new(mean);
    steps.iter().map(|step| u64::from(u64::BITS - past.residual(*step).leading_zeros())).sum()
}

/// Rounded down.
fn mean(steps: &[i64]) -> i64 {
    let sum: i128 = steps.iter().map(|step| i128::from(*step)).sum();
    let count = i128::try_from(steps.len().max(1)).expect("a length fits");
    i64::try_from(sum.div_euclid(count)).expect("a mean lies between its values")
}

fn residuals<const PREDICTOR: u8>(steps: &[i64], mean: i64) -> Vec<u8> {
    let mut bits = BitWriter::default();
    let mut usual = Usual::default();
    let mut past = Past::<PREDICTOR>::new(mean);
    let mut run = 0;
    for step in steps {
        let residual = past.residual(*step);
        if !usual.is_run() {
            put_rice(&mut bits, residual, usual.low_bits());
            usual.learn(residual);
        } else if residual == 0 {
            run += 1;
        } else {
            put_run(&mut bits, std::mem::take(&mut run));
            put_rice(&mut bits, residual - 1, 0);
            usual.learn(residual);
        }
    }
    if run > 0 {
        put_run(&mut bits, run);
    }
    bits.finish()
}

/// One number of steps for each row, of which the first is zero.
fn steps<const PREDICTOR: u8, Row>(
    bytes: &[u8],
    rows: &mut [Row],
    mean: i64,
    mut put: impl FnMut(&mut Row, i64),
) -> Option<()> {
    let mut bits = BitReader::new(bytes);
    let mut usual = Usual::default();
    let mut past = Past::<PREDICTOR>::new(mean);
    let mut rows = rows.iter_mut();
    put(rows.next()?, 0);
    while rows.len() > 0 {
        let residual = if usual.is_run() {
            let run = take_run(&mut bits)?.min(rows.len());
            for row in rows.by_ref().take(run) {
                let step = past.expected();
                past.push(step);
                put(row, step);
            }
            if rows.len() == 0 {
                break;
            }
            take_rice(&mut bits, 0)?.checked_add(1)?
        } else {
            take_rice(&mut bits, usual.low_bits())?
        };
        usual.learn(residual);
        let step = past.expected().wrapping_add(unzigzag(residual));
        past.push(step);
        put(rows.next()?, step);
    }
    Some(())
}

/// The greatest number all differences to `first` are multiples of; 1 where a difference is too large to be divided.
fn common_step(first: i64, rest: &[i64]) -> u64 {
    let mut step = 0;
    for value in rest {
        let Some(difference) = value.checked_sub(first) else { return 1 };
        let difference = difference.unsigned_abs();
        if step == 0 || difference % step != 0 {
            step = greatest_common_divisor(difference, step);
        }
        if step == 1 {
            break;
        }
    }
    i64::try_from(step).map_or(1, |_| step.max(1))
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while a != 0 {
        (a, b) = (b % a, a);
    }
    b
}

fn in_steps(difference: i64, step: u64) -> i64 {
    difference / i64::try_from(step).expect("a common step is no larger than the largest number")
}

/// Small numbers of either sign as small numbers: 0, -1, 1, -2 become 0, 1, 2, 3.
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// What both ends know of the numbers so far.
#[derive(Clone, Copy, Debug)]
struct Usual {
    /// A mean that forgets, in 256ths.
    mean_256: u64,
}

impl Default for Usual {
    fn default() -> Usual {
        Usual { mean_256: 4 * ONE }
    }
}

impl Usual {
    /// How many bits are written as they are: about as many as two thirds of the mean have.
    fn low_bits(self) -> u32 {
        let typical = self.mean_256 * 11 / 16 / ONE;
        (u64::BITS - typical.leading_zeros()).min(LOW_BITS_MAX)
    }

    /// Then zeros are counted, up to the next number that is none, or the end.
    fn is_run(self) -> bool {
        self.mean_256 == 0
    }

    /// One outlier, such as a kettle, does not make the numbers after it dear.
    fn learn(&mut self, value: u64) {
        let most = self.mean_256 / 32 + 4 * ONE / SLOWNESS;
        let mean_256 = self.mean_256 - self.mean_256 / SLOWNESS + value.saturating_mul(ONE / SLOWNESS).min(most);
        self.mean_256 = if mean_256 < RUN_MEAN_256 { 0 } else { mean_256 };
    }
}

fn put_rice(bits: &mut BitWriter, value: u64, low_bits: u32) {
    match u32::try_from(value >> low_bits) {
        Ok(high) if high < ONES_MAX => {
            bits.put_unary(high);
            bits.put(value, low_bits);
        }
        _ => {
            bits.put_unary(ONES_MAX);
            put_length_and_bits(bits, value);
        }
    }
}

#[inline]
fn take_rice(bits: &mut BitReader<'_>, low_bits: u32) -> Option<u64> {
    if let Some((high, low)) = bits.get_both(ONES_MAX, low_bits) {
        return Some(u64::from(high) << low_bits | low);
    }
    match bits.get_unary(ONES_MAX)? {
        ONES_MAX => take_length_and_bits(bits),
        high => Some(u64::from(high) << low_bits | bits.get(low_bits)?),
    }
}

/// Runs are short or very long.
fn put_run(bits: &mut BitWriter, length: u64) {
    let size = (length + 1).ilog2();
    bits.put_unary(size.min(RUN_SIZE_MAX));
    bits.put(length + 1 - (1 << size), size.min(RUN_SIZE_MAX));
}

fn take_run(bits: &mut BitReader<'_>) -> Option<usize> {
    let size = bits.get_unary(RUN_SIZE_MAX)?;
    usize::try_from((1 << size) + bits.get(size)? - 1).ok()
}

fn put_length_and_bits(bits: &mut BitWriter, value: u64) {
    let length = u64::BITS - value.leading_zeros();
    bits.put(u64::from(length), LENGTH_BITS);
    bits.put(value, length.min(32));
    bits.put(value >> 32, length.saturating_sub(32));
}

fn take_length_and_bits(bits: &mut BitReader<'_>) -> Option<u64> {
    let length = u32::try_from(bits.get(LENGTH_BITS)?).ok().filter(|length| *length <= u64::BITS)?;
    let low = bits.get(length.min(32))?;
    Some(low | bits.get(length.saturating_sub(32))? << 32)
}

const ONE: u64 = 256;
/// So many numbers back it remembers.
const SLOWNESS: u64 = 16;
/// Below a mean of a quarter, most numbers are zero.
const RUN_MEAN_256: u64 = ONE / 4;
const LOW_BITS_MAX: u32 = 32;
/// Numbers far above the usual are written with their length instead.
const ONES_MAX: u32 = 12;
/// Bits of a length from 0 to 64.
const LENGTH_BITS: u32 = 7;
/// A column has fewer values than a run of this size.
const RUN_SIZE_MAX: u32 = 30;

#[cfg(test)]
mod tests;
