//! Bits one after another, the lowest first.

/// Writes bits into bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    buffer: u64,
    used: u32,
}

/// Reads what [`BitWriter`] wrote; what was never written reads as `None`.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    buffer: u64,
    available: u32,
}

impl BitWriter {
    /// The lowest `bits` of `value`, at most 32.
    pub fn put(&mut self, value: u64, bits: u32) {
        self.buffer |= (value & low_mask(bits)) << self.used;
        self.used += bits;
        if self.used >= WORD_BITS {
            let (word, rest) = (self.buffer & low_mask(WORD_BITS), self.buffer >> WORD_BITS);
            self.bytes.extend_from_slice(&u32::try_from(word).expect("32 bits were kept").to_le_bytes());
            (self.buffer, self.used) = (rest, self.used - WORD_BITS);
        }
    }

    /// So many ones, at most 31, and a zero.
    pub fn put_unary(&mut self, ones: u32) {
        self.put(low_mask(ones), ones + 1);
    }

    /// What was written, filled up with zeros to whole bytes.
    pub fn finish(mut self) -> Vec<u8> {
        let whole = self.used.div_ceil(8) as usize;
        self.bytes.extend_from_slice(self.buffer.to_le_bytes().get(..whole).unwrap_or_default());
        self.bytes
    }
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, buffer: 0, available: 0 }
    }

    /// So many bits, at most 32.
    pub fn get(&mut self, bits: u32) -> Option<u64> {
        self.refill();
        let value = self.buffer & low_mask(bits);
        self.skip(bits)?;
        Some(value)
    }

    /// How many ones come before the next zero; a zero need not follow `ones_max` of them.
    pub fn get_unary(&mut self, ones_max: u32) -> Option<u32> {
        self.refill();
        let ones = self.buffer.trailing_ones().min(ones_max);
        self.skip(ones + 1)?;
        Some(ones)
    }

    /// What [`BitReader::get_unary`] and then [`BitReader::get`] give where both fit into the buffer, in one step; otherwise
    /// `None`, and nothing was read.
    #[inline]
    pub fn get_both(&mut self, ones_max: u32, bits: u32) -> Option<(u32, u64)> {
        self.refill();
        let ones = self.buffer.trailing_ones();
        let used = ones + 1 + bits;
        if ones >= ones_max || used > self.available {
            return None;
        }
        let value = (self.buffer >> (ones + 1)) & low_mask(bits);
        // Fewer than 64, because so many were available.
        self.buffer >>= used;
        self.available -= used;
        Some((ones, value))
    }

    #[inline]
    fn refill(&mut self) {
        if self.available >= WORD_BITS {
            return;
        }
        if let Some((word, rest)) = self.bytes.split_first_chunk::<4>() {
            self.buffer |= u64::from(u32::from_le_bytes(*word)) << self.available;
            (self.bytes, self.available) = (rest, self.available + WORD_BITS);
            return;
        }
        while let Some((byte, rest)) = self.bytes.split_first() {
            self.buffer |= u64::from(*byte) << self.available;
            (self.bytes, self.available) = (rest, self.available + 8);
        }
    }

    fn skip(&mut self, bits: u32) -> Option<()> {
        self.available = self.available.checked_sub(bits)?;
        self.buffer = self.buffer.checked_shr(bits).unwrap_or(0);
        Some(())
    }
}

const fn low_mask(bits: u32) -> u64 {
    (1 << bits) - 1
}

/// So many bits fit twice into the buffer.
const WORD_BITS: u32 = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bits_read_back_as_they_were_written() {
        let mut writer = BitWriter::default();
        for bits in 0..=32 {
            writer.put(0xA5A5_5A5A_A5A5_5A5A, bits);
            writer.put_unary(bits.min(31));
        }
        let bytes = writer.finish();
        let mut reader = BitReader::new(&bytes);
        for bits in 0..=32 {
            assert_eq!(reader.get(bits), Some(0xA5A5_5A5A & low_mask(bits)));
            assert_eq!(reader.get_unary(31), Some(bits.min(31)));
        }
        assert_eq!(reader.get(8), None, "nothing follows");
    }

    #[test]
    fn both_at_once_are_what_one_after_the_other_gives() {
        let mut writer = BitWriter::default();
        for bits in 0..=32 {
            writer.put_unary(bits % 13);
            writer.put(0xA5A5_5A5A_A5A5_5A5A, bits);
        }
        let bytes = writer.finish();
        let mut reader = BitReader::new(&bytes);
        let mut at_once = 0;
        for bits in 0..=32 {
            let value = 0xA5A5_5A5A & low_mask(bits);
            match reader.get_both(12, bits) {
                Some(both) => {
                    assert_eq!(both, (bits % 13, value));
                    at_once += 1;
                }
                None => assert_eq!((reader.get_unary(12), reader.get(bits)), (Some(bits % 13), Some(value))),
            }
        }
        assert!(at_once > 20, "{at_once}");
        assert_eq!(reader.get_both(12, 8), None, "nothing follows");
    }

    #[test]
    fn an_empty_text_has_no_bits() {
        assert_eq!(BitReader::new(&[]).get(1), None);
        assert_eq!(BitReader::new(&[]).get(0), Some(0));
        assert_eq!(BitReader::new(&[0xFF]).get_unary(31), None, "the zero is missing");
        assert!(BitWriter::default().finish().is_empty());
    }
}
