//! Modbus frames as bytes, without any I/O: requests are written, answers are recognised or refused.
//!
//! Modbus Application Protocol V1.1b3 (functions, exceptions), Modbus over Serial Line V1.02 (RTU, CRC) and Modbus
//! Messaging on TCP/IP V1.0b (MBAP header). Every answer is compared with its request: unit, function and length;
//! an RTU frame carries no number that would tell one answer from another.

use crate::profiles::Space;

/// One request to read registers or bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Who is asked.
    pub unit: u8,
    /// Which table.
    pub space: Space,
    /// Zero-based address of the first register.
    pub address: u16,
    /// How many registers, 1 to [`crate::profiles::REGISTERS_MAX`].
    pub quantity: u16,
}

/// How frames are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Framing {
    /// With a CRC, on serial lines and through gateways that pass bytes on as they are.
    Rtu,
    /// With the header of Modbus TCP.
    Tcp,
}

/// What the bytes received so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The beginning of an answer, perhaps.
    Incomplete,
    /// The answer. Its registers begin at `data`, and it ends at `end`.
    Answer { data: usize, end: usize },
    /// The device refuses; the refusal ends at `end`.
    Exception { code: u8, end: usize },
    /// The answer to a request that was given up; it ends at `end`.
    Late { end: usize },
    /// Nothing that can become the answer.
    Wrong(Wrong),
}

/// What is wrong with bytes that are not the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Wrong {
    /// The check sum does not match.
    #[error("an answer damaged on the wire")]
    Checksum,
    /// Fewer bytes than an answer has.
    #[error("only the beginning of an answer")]
    Truncated,
    /// More bytes after the answer.
    #[error("two answers to one request")]
    Trailing,
    /// Bytes that came while nothing was asked.
    #[error("an answer that nobody had asked for")]
    Unasked,
    /// A whole frame of another unit.
    #[error("an answer of unit {0}")]
    Unit(u8),
    /// An answer to another kind of request, or of another length.
    #[error("the answer to another request")]
    OtherRequest,
    /// Not Modbus.
    #[error("bytes that are no Modbus answer")]
    NotModbus,
}

impl Ask {
    /// The bytes of a request as `framing` sends it; `transaction` is used by Modbus TCP only.
    pub(super) fn write(&self, framing: Framing, transaction: u16, out: &mut Vec<u8>) {
        let ([a1, a2], [q1, q2]) = (self.address.to_be_bytes(), self.quantity.to_be_bytes());
        wrap(framing, transaction, &[self.unit, self.function(), a1, a2, q1, q2], out);
    }

    /// What its answer looks like.
    pub(super) fn shape(&self) -> Shape {
        Shape { unit: self.unit, function: self.function(), body: Body::Data(self.data_bytes()) }
    }

    fn function(&self) -> u8 {
        match self.space {
            Space::Coil => 1,
            Space::Discrete => 2,
            Space::Holding => 3,
            Space::Input => 4,
        }
    }

    /// Registers come in two bytes each, eight bits in one.
    pub(super) fn data_bytes(&self) -> usize {
        match self.space {
            Space::Coil | Space::Discrete => usize::from(self.quantity).div_ceil(8),
            Space::Holding | Space::Input => usize::from(self.quantity) * 2,
        }
    }

    /// Turns the data at the beginning of `data` into registers; a bit counts as a register that is 0 or 1.
    pub(super) fn unpack(&self, data: &[u8], words: &mut Vec<u16>) {
        let data = data.get(..self.data_bytes()).unwrap_or_default();
        match self.space {
            Space::Coil | Space::Discrete => {
                let bits = data.iter().flat_map(|byte| (0..8).map(move |bit| u16::from(byte >> bit & 1)));
                words.extend(bits.take(usize::from(self.quantity)));
            }
            Space::Holding | Space::Input => {
                words.extend(data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])));
            }
        }
    }
}

/// What the answer to a request looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) unit: u8,
    pub(super) function: u8,
    pub(super) body: Body,
}

/// What follows unit and function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// How many bytes come, and so many: the answer to a read.
    Data(usize),
    /// The address, and the value or the number of registers: the answer to a write.
    Echo([u8; 4]),
}

impl Shape {
    /// Recognises the answer at the beginning of `bytes`.
    pub(super) fn parse(&self, framing: Framing, transaction: u16, bytes: &[u8]) -> Parsed {
        match framing {
            Framing::Rtu => self.parse_rtu(bytes),
            Framing::Tcp => self.parse_tcp(transaction, bytes),
        }
    }

    /// Bytes of the whole answer.
    pub(super) fn bytes(&self, framing: Framing) -> usize {
        let wrapping = match framing {
            Framing::Rtu => 4,
            Framing::Tcp => MBAP_BYTES + 1,
        };
        wrapping
            + match self.body {
                Body::Data(bytes) => 1 + bytes,
                Body::Echo(echo) => echo.len(),
            }
    }

    fn parse_rtu(&self, bytes: &[u8]) -> Parsed {
        let [unit, function, ..] = *bytes else { return Parsed::Incomplete };
        if function == self.function | EXCEPTION && unit == self.unit {
            let Some(frame) = bytes.get(..EXCEPTION_BYTES) else { return Parsed::Incomplete };
            return match frame {
                [_, _, code, ..] if crc(frame) == 0 => Parsed::Exception { code: *code, end: EXCEPTION_BYTES },
                _ => Parsed::Wrong(Wrong::Checksum),
            };
        }
        let &[unit, function, count, ..] = bytes else { return Parsed::Incomplete };
        let right = unit == self.unit && function == self.function && self.may_begin_with(count);
        let end = if right { self.bytes(Framing::Rtu) } else { frame_bytes(function, count) };
        let Some(frame) = bytes.get(..end) else {
            // What belongs to another request is not waited for longer than what belongs to this one.
            return if right || end <= FRAME_MAX { Parsed::Incomplete } else { Parsed::Wrong(Wrong::NotModbus) };
        };
        if crc(frame) != 0 {
            return Parsed::Wrong(Wrong::Checksum);
        }
        match frame.get(UNIT_AND_FUNCTION..end - CRC_BYTES).and_then(|body| self.data(body)) {
            _ if unit != self.unit => Parsed::Wrong(Wrong::Unit(unit)),
            Some(data) if right => Parsed::Answer { data: UNIT_AND_FUNCTION + data, end },
            _ => Parsed::Wrong(Wrong::OtherRequest),
        }
    }

    fn parse_tcp(&self, transaction: u16, bytes: &[u8]) -> Parsed {
        let Some((header, rest)) = bytes.split_first_chunk::<MBAP_BYTES>() else { return Parsed::Incomplete };
        let [t1, t2, p1, p2, l1, l2, unit] = *header;
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        if [p1, p2] != [0, 0] || !(3..=LENGTH_MAX).contains(&length) {
            return Parsed::Wrong(Wrong::NotModbus);
        }
        let Some(body) = rest.get(..length - 1) else { return Parsed::Incomplete };
        let end = MBAP_BYTES + length - 1;
        // With the transaction id of another request the answer belongs to that one, however well it fits.
        match transaction.wrapping_sub(u16::from_be_bytes([t1, t2])) {
            0 => {}
            1..=LATE_MAX => return Parsed::Late { end },
            _ => return Parsed::Wrong(Wrong::OtherRequest),
        }
        match body {
            _ if unit != self.unit => Parsed::Wrong(Wrong::Unit(unit)),
            [function, code] if *function == self.function | EXCEPTION => Parsed::Exception { code: *code, end },
            [function, rest @ ..] if *function == self.function => match self.data(rest) {
                Some(data) => Parsed::Answer { data: MBAP_BYTES + 1 + data, end },
                None => Parsed::Wrong(Wrong::OtherRequest),
            },
            _ => Parsed::Wrong(Wrong::OtherRequest),
        }
    }

    /// Whether the byte after the function can be that of the answer.
    fn may_begin_with(&self, byte: u8) -> bool {
        match self.body {
            Body::Data(bytes) => usize::from(byte) == bytes,
            // It is as long whatever it begins with.
            Body::Echo(_) => true,
        }
    }

    /// Where the registers begin in what follows unit and function, if that is the answer.
    fn data(&self, body: &[u8]) -> Option<usize> {
        match (self.body, body) {
            (Body::Data(bytes), [count, data @ ..]) if usize::from(*count) == bytes && data.len() == bytes => Some(1),
            (Body::Echo(echo), body) if *body == echo => Some(0),
            _ => None,
        }
    }
}

/// Puts a request or an answer, from unit to data, into a frame.
pub(super) fn wrap(framing: Framing, transaction: u16, pdu: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if framing == Framing::Tcp {
        let length = u16::try_from(pdu.len()).expect("a frame has at most 253 bytes of data");
        out.extend_from_slice(&transaction.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&length.to_be_bytes());
    }
    out.extend_from_slice(pdu);
    if framing == Framing::Rtu {
        out.extend_from_slice(&crc(pdu).to_le_bytes());
    }
}

/// How long a whole RTU answer is that begins with this function and byte; more than [`FRAME_MAX`] where that is unknown.
fn frame_bytes(function: u8, count: u8) -> usize {
    match function {
        1..=4 | 0x17 => 5 + usize::from(count),
        5 | 6 | 0x0F | 0x10 => 8,
        _ if function & EXCEPTION != 0 => EXCEPTION_BYTES,
        _ => usize::MAX,
    }
}

/// The check sum of RTU (polynomial 0xA001 reflected, first value 0xFFFF); 0 over a frame that ends with its own.
pub(super) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        let place = usize::from((crc ^ u16::from(*byte)) & 0xFF);
        (crc >> 8) ^ CRC_TABLE.get(place).copied().unwrap_or_default()
    })
}

const CRC_TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut place = 0;
    while place < 256 {
        let (mut value, mut bit) = (place as u16, 0);
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xA001 } else { value >> 1 };
            bit += 1;
        }
        table[place] = value;
        place += 1;
    }
    table
};

/// Set in the function of an answer that refuses.
const EXCEPTION: u8 = 0x80;
const EXCEPTION_BYTES: usize = 5;
const UNIT_AND_FUNCTION: usize = 2;
const CRC_BYTES: usize = 2;
/// Transaction, protocol, length and unit.
const MBAP_BYTES: usize = 7;
/// The largest value of the length field: unit and 253 bytes.
const LENGTH_MAX: usize = 254;
/// Requests after which an answer is not late any more but nonsense.
const LATE_MAX: u16 = 256;
/// The longest frame of either kind (RTU 256, TCP 260).
pub(super) const FRAME_MAX: usize = 260;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    const VOLTAGE: Ask = Ask { unit: 1, space: Space::Input, address: 0, quantity: 2 };

    #[test]
    fn frames_are_those_of_the_specification() {
        let mut out = Vec::new();
        VOLTAGE.write(Framing::Rtu, 7, &mut out);
        assert_eq!(out, [0x01, 0x04, 0x00, 0x00, 0x00, 0x02, 0x71, 0xCB]);
        VOLTAGE.write(Framing::Tcp, 0x0102, &mut out);
        assert_eq!(out, [0x01, 0x02, 0, 0, 0, 6, 0x01, 0x04, 0, 0, 0, 2]);
        Ask { space: Space::Holding, address: 11, quantity: 1, ..VOLTAGE }.write(Framing::Rtu, 0, &mut out);
        assert_eq!(out, [0x01, 0x03, 0x00, 0x0B, 0x00, 0x01, 0xF5, 0xC8]);
    }

    #[track_caller]
    fn rtu(bytes: &[u8], wanted: Parsed) {
        assert_eq!(VOLTAGE.shape().parse(Framing::Rtu, 0, bytes), wanted);
    }

    #[test]
    fn an_rtu_answer_is_recognised_and_everything_else_is_named() {
        let good = [0x01, 0x04, 0x04, 0x43, 0x66, 0x80, 0x00, 0x6F, 0xDF];
        rtu(&good, Parsed::Answer { data: 3, end: 9 });
        for cut in 0..good.len() {
            rtu(&good[..cut], Parsed::Incomplete);
        }
        rtu(&[0x01, 0x84, 0x02, 0xC2, 0xC1], Parsed::Exception { code: 2, end: 5 });
        rtu(&[0x01, 0x84, 0x02, 0xC2, 0xC0], Parsed::Wrong(Wrong::Checksum));
        let mut damaged = good;
        damaged[4] ^= 1;
        rtu(&damaged, Parsed::Wrong(Wrong::Checksum));
        let with_checksum = |frame: &[u8]| [frame, &crc(frame).to_le_bytes()].concat();
        rtu(&with_checksum(&[3, 4, 4, 1, 2, 3, 4]), Parsed::Wrong(Wrong::Unit(3)));
        rtu(&with_checksum(&[1, 3, 4, 1, 2, 3, 4]), Parsed::Wrong(Wrong::OtherRequest));
        rtu(&with_checksum(&[1, 4, 2, 1, 2]), Parsed::Wrong(Wrong::OtherRequest));
        rtu(&with_checksum(&[1, 6, 0, 0, 0, 1]), Parsed::Wrong(Wrong::OtherRequest));
        rtu(&[0xFF, 0x7F, 0xFF], Parsed::Wrong(Wrong::NotModbus));
    }

    #[test]
    fn a_tcp_answer_is_recognised_and_everything_else_is_named() {
        let tcp = |bytes: &[u8], wanted| assert_eq!(VOLTAGE.shape().parse(Framing::Tcp, 0x0102, bytes), wanted);
        let good = [1, 2, 0, 0, 0, 7, 1, 4, 4, 0x43, 0x66, 0x80, 0];
        tcp(&good, Parsed::Answer { data: 9, end: 13 });
        for cut in 0..good.len() {
            tcp(&good[..cut], Parsed::Incomplete);
        }
        tcp(&[1, 2, 0, 0, 0, 3, 1, 0x84, 0x0B], Parsed::Exception { code: 11, end: 9 });
        tcp(&[1, 3, 0, 0, 0, 7, 1, 4, 4, 0, 0, 0, 0], Parsed::Wrong(Wrong::OtherRequest));
        tcp(&[1, 1, 0, 0, 0, 7, 1, 4, 4, 0, 0, 0, 0], Parsed::Late { end: 13 });
        tcp(&[1, 2, 0, 1, 0, 7, 1, 4], Parsed::Wrong(Wrong::NotModbus));
        tcp(&[1, 2, 0, 0, 1, 0, 1, 4], Parsed::Wrong(Wrong::NotModbus));
        tcp(&[1, 2, 0, 0, 0, 2, 1, 4], Parsed::Wrong(Wrong::NotModbus));
        tcp(&[1, 2, 0, 0, 0, 7, 9, 4, 4, 0, 0, 0, 0], Parsed::Wrong(Wrong::Unit(9)));
        tcp(&[1, 2, 0, 0, 0, 5, 1, 4, 2, 0, 0], Parsed::Wrong(Wrong::OtherRequest));
        tcp(&[1, 2, 0, 0, 0, 5, 1, 4, 4, 0, 0], Parsed::Wrong(Wrong::OtherRequest));
    }

    #[test]
    fn bits_are_registers_of_nought_and_one() {
        let coils = Ask { space: Space::Coil, quantity: 10, ..VOLTAGE };
        let answer = [1, 1, 2, 0b1000_0001, 0b0000_0010];
        let frame = [&answer[..], &crc(&answer).to_le_bytes()].concat();
        assert_eq!(coils.shape().parse(Framing::Rtu, 0, &frame), Parsed::Answer { data: 3, end: 7 });
        let mut words = Vec::new();
        coils.unpack(&frame[3..5], &mut words);
        assert_eq!(words, [1, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_or_read_beyond_them(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            unit in any::<u8>(), quantity in 1..=125_u16, transaction in any::<u16>(),
        ) {
            let space = if transaction % 2 == 0 { Space::Holding } else { Space::Coil };
            let ask = Ask { unit, space, address: 0, quantity };
            for framing in [Framing::Rtu, Framing::Tcp] {
                if let Parsed::Answer { data, end } = ask.shape().parse(framing, transaction, &bytes) {
                    prop_assert!(data + ask.data_bytes() <= end && end <= bytes.len());
                }
            }
        }
    }
}
