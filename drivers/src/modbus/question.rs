//! Requests as a server sees them, without any I/O: recognised, answered with registers, or refused.
//!
//! Modbus Application Protocol V1.1b3 (functions 1 to 6 and 16), Modbus over Serial Line V1.02 and Messaging on TCP/IP V1.0b.

use super::frame::{Ask, Framing, crc, wrap};
use super::server::{Change, Spoiling};
use crate::profiles::{REGISTERS_MAX, Space};

/// What the bytes received so far are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The beginning of a request, perhaps.
    Incomplete,
    /// A request to read.
    Read(Ask, Envelope),
    /// A request to write.
    Write(Change, Envelope),
    /// A whole request that is neither: it is to be refused with this code.
    Refused(u8, Envelope),
    /// No request; nothing that follows can be trusted.
    Broken,
}

/// What an answer repeats of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope {
    framing: Framing,
    transaction: u16,
    unit: u8,
    function: u8,
    /// What an answer to a write says again.
    echo: [u8; 4],
    /// Where the request ends.
    pub(super) end: usize,
}

/// Recognises the request at the beginning of `bytes`.
pub(super) fn parse(framing: Framing, bytes: &[u8]) -> Parsed {
    match framing {
        Framing::Tcp => parse_tcp(bytes),
        Framing::Rtu => parse_rtu(bytes),
    }
}

fn parse_tcp(bytes: &[u8]) -> Parsed {
    let Some((header, rest)) = bytes.split_first_chunk::<MBAP_BYTES>() else { return Parsed::Incomplete };
    let [t1, t2, p1, p2, l1, l2, unit] = *header;
    let length = usize::from(u16::from_be_bytes([l1, l2]));
    if [p1, p2] != [0, 0] || !(2..=LENGTH_MAX).contains(&length) {
        return Parsed::Broken;
    }
    let Some(body) = rest.get(..length - 1) else { return Parsed::Incomplete };
    let Some((function, data)) = body.split_first() else { return Parsed::Broken };
    let transaction = u16::from_be_bytes([t1, t2]);
    let end = MBAP_BYTES + body.len();
    understand(data, Envelope { framing: Framing::Tcp, transaction, unit, function: *function, echo: echo(data), end })
}

fn parse_rtu(bytes: &[u8]) -> Parsed {
    let &[unit, function, ..] = bytes else { return Parsed::Incomplete };
    let end = match function {
        1..=6 => 8,
        15 | 16 => match bytes.get(6) {
            Some(count) => 9 + usize::from(*count),
            None => return Parsed::Incomplete,
        },
        _ => return Parsed::Broken,
    };
    let Some(frame) = bytes.get(..end) else { return Parsed::Incomplete };
    if crc(frame) != 0 {
        return Parsed::Broken;
    }
    let data = frame.get(2..end - 2).unwrap_or_default();
    understand(data, Envelope { framing: Framing::Rtu, transaction: 0, unit, function, echo: echo(data), end })
}

fn echo(data: &[u8]) -> [u8; 4] {
    data.first_chunk().copied().unwrap_or_default()
}

fn understand(data: &[u8], envelope: Envelope) -> Parsed {
    let (space, quantity_max) = match envelope.function {
        1 => (Space::Coil, BITS_MAX),
        2 => (Space::Discrete, BITS_MAX),
        3 => (Space::Holding, REGISTERS_MAX),
        4 => (Space::Input, REGISTERS_MAX),
        5 | 6 | 16 => return understand_write(data, envelope),
        _ => return Parsed::Refused(ILLEGAL_FUNCTION, envelope),
    };
    let &[a1, a2, q1, q2] = data else { return Parsed::Refused(ILLEGAL_VALUE, envelope) };
    let (address, quantity) = (u16::from_be_bytes([a1, a2]), u16::from_be_bytes([q1, q2]));
    if !(1..=quantity_max).contains(&quantity) {
        return Parsed::Refused(ILLEGAL_VALUE, envelope);
    }
    if u32::from(address) + u32::from(quantity) > ADDRESSES {
        return Parsed::Refused(ILLEGAL_ADDRESS, envelope);
    }
    Parsed::Read(Ask { unit: envelope.unit, space, address, quantity }, envelope)
}

fn understand_write(data: &[u8], envelope: Envelope) -> Parsed {
    let [a1, a2, rest @ ..] = data else { return Parsed::Refused(ILLEGAL_VALUE, envelope) };
    let register = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    let (space, words) = match (envelope.function, rest) {
        (5, [0xFF, 0]) => (Space::Coil, vec![1]),
        (5, [0, 0]) => (Space::Coil, vec![0]),
        (6, [_, _]) => (Space::Holding, vec![register(rest)]),
        (16, [q1, q2, count, values @ ..])
            if usize::from(*count) == values.len()
                && !values.is_empty()
                && usize::from(u16::from_be_bytes([*q1, *q2])) * 2 == values.len() =>
        {
            (Space::Holding, values.chunks_exact(2).map(register).collect())
        }
        _ => return Parsed::Refused(ILLEGAL_VALUE, envelope),
    };
    let change = Change { unit: envelope.unit, space, address: u16::from_be_bytes([*a1, *a2]), words };
    Parsed::Write(change, envelope)
}

impl Envelope {
    /// Writes the answer with these registers; bits are registers of 0 and 1. A write is answered with its beginning.
    pub(super) fn answer(&self, words: &[u16], out: &mut Vec<u8>) {
        if self.function > READ_LAST {
            let [a1, a2, b1, b2] = self.echo;
            return wrap(self.framing, self.transaction, &[self.unit, self.function, a1, a2, b1, b2], out);
        }
        let data: Vec<u8> = if self.function <= READ_BITS_LAST {
            let pack = |bits: &[u16]| bits.iter().rev().fold(0, |byte, bit| (byte << 1) | u8::from(*bit != 0));
            words.chunks(8).map(pack).collect()
        } else {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        let count = u8::try_from(data.len()).expect("a read is bounded to what one byte counts");
        wrap(self.framing, self.transaction, &[&[self.unit, self.function, count], data.as_slice()].concat(), out);
    }

    /// Writes the answer as it arrives over a bad line or from a bad device.
    pub(super) fn spoil(&self, words: &[u16], spoiling: Spoiling, out: &mut Vec<u8>) {
        match spoiling {
            Spoiling::OtherUnit => Self { unit: self.unit.wrapping_add(1), ..*self }.answer(words, out),
            Spoiling::Short => {
                self.answer(words, out);
                out.truncate(out.len() / 2);
            }
            Spoiling::Damaged => {
                self.answer(words, out);
                // On TCP nothing but the header tells; there this is the number of the protocol.
                out.iter_mut().skip(2).take(1).for_each(|byte| *byte ^= 1);
            }
        }
    }

    /// Writes the answer that refuses.
    pub(super) fn refuse(&self, code: u8, out: &mut Vec<u8>) {
        wrap(self.framing, self.transaction, &[self.unit, self.function | EXCEPTION, code], out);
    }
}

/// Transaction, protocol, length and unit.
const MBAP_BYTES: usize = 7;
/// The largest value of the length field: unit and 253 bytes.
const LENGTH_MAX: usize = 254;
/// Functions up to this read bits, those above registers.
const READ_BITS_LAST: u8 = 2;
/// Functions up to this read, those above write.
const READ_LAST: u8 = 4;
/// The most bits one request may read.
const BITS_MAX: u16 = 2_000;
const ADDRESSES: u32 = 1 << 16;
const EXCEPTION: u8 = 0x80;
pub(super) const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const ILLEGAL_VALUE: u8 = 3;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::super::frame;
    use super::*;

    const READ: Ask = Ask { unit: 7, space: Space::Input, address: 52, quantity: 2 };

    #[test]
    fn what_the_client_writes_the_server_reads_and_the_other_way_round() {
        let bits = Ask { space: Space::Coil, quantity: 10, ..READ };
        for (ask, words) in [(READ, vec![0x43AC, 0xE000]), (bits, vec![1, 0, 0, 0, 0, 0, 0, 1, 0, 1])] {
            for framing in [Framing::Tcp, Framing::Rtu] {
                let (mut request, mut answer) = (Vec::new(), Vec::new());
                ask.write(framing, 0x0102, &mut request);
                let Parsed::Read(read, envelope) = parse(framing, &request) else { panic!("{request:02X?}") };
                assert_eq!((read, envelope.end), (ask, request.len()));
                for cut in 0..request.len() {
                    assert_eq!(parse(framing, &request[..cut]), Parsed::Incomplete, "{cut} of {request:02X?}");
                }
                envelope.answer(&words, &mut answer);
                let frame::Parsed::Answer { data, end } = ask.shape().parse(framing, 0x0102, &answer) else {
                    panic!("{answer:02X?}")
                };
                let mut read = Vec::new();
                ask.unpack(&answer[data..data + ask.data_bytes()], &mut read);
                assert_eq!((read, end), (words.clone(), answer.len()));
                envelope.refuse(2, &mut answer);
                let refused = ask.shape().parse(framing, 0x0102, &answer);
                assert_eq!(refused, frame::Parsed::Exception { code: 2, end: answer.len() });
            }
        }
    }

    #[test]
    fn a_spoilt_answer_is_noticed_by_the_client() {
        for framing in [Framing::Tcp, Framing::Rtu] {
            let (mut request, mut answer) = (Vec::new(), Vec::new());
            READ.write(framing, 7, &mut request);
            let Parsed::Read(_, envelope) = parse(framing, &request) else { panic!("{request:02X?}") };
            let mut seen = |spoiling| {
                envelope.spoil(&[0x43AC, 0xE000], spoiling, &mut answer);
                READ.shape().parse(framing, 7, &answer)
            };
            assert!(matches!(seen(Spoiling::Damaged), frame::Parsed::Wrong(_) | frame::Parsed::Incomplete));
            assert_eq!(seen(Spoiling::Short), frame::Parsed::Incomplete);
            assert_eq!(seen(Spoiling::OtherUnit), frame::Parsed::Wrong(frame::Wrong::Unit(8)));
        }
    }

    #[test]
    fn what_is_neither_a_read_nor_a_whole_write_is_refused() {
        let code = |body: &[u8]| {
            let length = u8::try_from(body.len() + 1).unwrap();
            match parse(Framing::Tcp, &[&[0, 1, 0, 0, 0, length, 7], body].concat()) {
                Parsed::Refused(code, _) => Some(code),
                _ => None,
            }
        };
        assert_eq!(code(&[15, 0, 0, 0, 1, 1, 1]), Some(ILLEGAL_FUNCTION), "write several coils");
        assert_eq!(code(&[5, 0, 0, 0xFF, 1]), Some(ILLEGAL_VALUE), "neither on nor off");
        assert_eq!(code(&[16, 0, 0, 0, 2, 2, 0, 1]), Some(ILLEGAL_VALUE), "two registers, one value");
        assert_eq!(code(&[16, 0, 0, 0, 0, 0]), Some(ILLEGAL_VALUE), "none");
        assert_eq!(code(&[0x2B, 0x0E, 1, 0]), Some(ILLEGAL_FUNCTION));
        assert_eq!(code(&[3, 0, 0, 0, 126]), Some(ILLEGAL_VALUE));
        assert_eq!(code(&[3, 0, 0, 0, 0]), Some(ILLEGAL_VALUE));
        assert_eq!(code(&[3, 0, 0]), Some(ILLEGAL_VALUE));
        assert_eq!(code(&[1, 0, 0, 0x07, 0xD1]), Some(ILLEGAL_VALUE));
        assert_eq!(code(&[3, 0xFF, 0xFF, 0, 2]), Some(ILLEGAL_ADDRESS));
        assert_eq!(parse(Framing::Tcp, b"GET / HTTP/1.1\r\n"), Parsed::Broken);
        assert_eq!(parse(Framing::Rtu, &[7, 3, 0, 0, 0, 1, 0, 0]), Parsed::Broken, "check sum");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_server_panic_or_read_beyond_them(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for framing in [Framing::Rtu, Framing::Tcp] {
                if let Parsed::Read(_, envelope) | Parsed::Refused(_, envelope) = parse(framing, &bytes) {
                    prop_assert!(envelope.end <= bytes.len());
                }
            }
        }
    }
}
