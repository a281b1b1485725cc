//! What a link sends: a request to read, or one to write a set point.

use super::frame::{Ask, Body, Framing, Parsed, Shape, wrap};
use crate::profiles::{SetPoint, Space};

/// One request to write a set point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    unit: u8,
    function: u8,
    address: u16,
    /// How many of `words` are written.
    count: u16,
    words: [u16; VALUE_WORDS_MAX],
}

/// Either of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Read(Ask),
    Write(Put),
}

impl Put {
    /// The request that writes `words`, as [`SetPoint::encode`] makes them.
    pub(super) fn new(unit: u8, set_point: &SetPoint, words: &[u16]) -> Put {
        let address = set_point.point.parts.first().map_or(0, |part| part.address);
        let mut value = [0; VALUE_WORDS_MAX];
        value.iter_mut().zip(words).for_each(|(slot, word)| *slot = *word);
        let count = u16::try_from(words.len().min(VALUE_WORDS_MAX)).unwrap_or(0);
        Put { unit, function: set_point.function, address, count, words: value }
    }

    /// Who is told.
    pub(super) fn unit(&self) -> u8 {
        self.unit
    }

    /// The request that reads back what was written.
    pub(super) fn read_back(&self) -> Ask {
        let space = if self.function == WRITE_COIL { Space::Coil } else { Space::Holding };
        Ask { unit: self.unit, space, address: self.address, quantity: self.count }
    }

    fn write(&self, framing: Framing, transaction: u16, out: &mut Vec<u8>) {
        let mut pdu = vec![self.unit, self.function];
        pdu.extend_from_slice(&self.echo());
        if self.function == WRITE_REGISTERS {
            let words = self.words.get(..usize::from(self.count)).unwrap_or_default();
            pdu.push(u8::try_from(words.len() * 2).expect("a value has a few registers"));
            pdu.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        wrap(framing, transaction, &pdu, out);
    }

    /// What the device says again: the address, and the value or the number of registers.
    fn echo(&self) -> [u8; 4] {
        let [value, ..] = self.words;
        let second = match self.function {
            WRITE_REGISTERS => self.count,
            WRITE_COIL if value != 0 => COIL_ON,
            _ => value,
        };
        let ([a1, a2], [b1, b2]) = (self.address.to_be_bytes(), second.to_be_bytes());
        [a1, a2, b1, b2]
    }
}

impl Request {
    pub(super) fn unit(&self) -> u8 {
        self.shape().unit
    }

    pub(super) fn write(&self, framing: Framing, transaction: u16, out: &mut Vec<u8>) {
        match self {
            Request::Read(ask) => ask.write(framing, transaction, out),
            Request::Write(put) => put.write(framing, transaction, out),
        }
    }

    pub(super) fn parse(&self, framing: Framing, transaction: u16, bytes: &[u8]) -> Parsed {
        self.shape().parse(framing, transaction, bytes)
    }

    /// Bytes of the whole answer.
    pub(super) fn answer_bytes(&self, framing: Framing) -> usize {
        self.shape().bytes(framing)
    }

    /// Turns the data of an answer into registers; there are none in the answer to a write.
    pub(super) fn unpack(&self, data: &[u8], words: &mut Vec<u16>) {
        if let Request::Read(ask) = self {
            ask.unpack(data, words);
        }
    }

    /// Whether the answer to this one could pass for the answer to the other; of writes a refusal already could.
    pub(super) fn could_be_answered_like(&self, other: &Request) -> bool {
        let (own, others) = (self.shape(), other.shape());
        match (self, other) {
            (Request::Read(_), Request::Read(_)) => own == others,
            _ => (own.unit, own.function) == (others.unit, others.function),
        }
    }

    /// A read of the same unit whose answer is no answer to a write.
    pub(super) fn probe(&self) -> Ask {
        match self {
            Request::Read(ask) => *ask,
            Request::Write(put) => put.read_back(),
        }
    }

    fn shape(&self) -> Shape {
        match self {
            Request::Read(ask) => ask.shape(),
            Request::Write(put) => Shape { unit: put.unit, function: put.function, body: Body::Echo(put.echo()) },
        }
    }
}

/// The longest number.
const VALUE_WORDS_MAX: usize = 4;
const WRITE_COIL: u8 = 5;
const WRITE_REGISTERS: u8 = 16;
const COIL_ON: u16 = 0xFF00;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::profiles::load;

    /// The examples of the Modbus Application Protocol V1.1b3, sections 6.5, 6.6 and 6.12.
    #[test]
    fn writes_are_those_of_the_specification() {
        let case = |keys: &str, words: &[u16], request: &[u8], answer: &[u8]| {
            let point = format!("{{ quantity = \"mode\", write = true, {keys}, min = 0, max = 9 }}");
            let text = format!(
                "name = \"own\"\ntitle = \"Own\"\nvendor = \"Own\"\nrole = \"charger\"\nevidence = \"single source\"\n\
                 source = \"own\"\ntcp_port = 502\npoint = [ {point} ]\n"
            );
            let profile = load(&text, "own.toml").unwrap();
            let put = Request::Write(Put::new(0x11, &profile.set_points[0], words));
            let mut out = Vec::new();
            put.write(Framing::Tcp, 0x1501, &mut out);
            let length = u8::try_from(request.len() + 1).unwrap();
            assert_eq!(out, [&[0x15, 0x01, 0, 0, 0, length, 0x11], request].concat());
            let length = u8::try_from(answer.len() + 1).unwrap();
            let mut told = [&[0x15, 0x01, 0, 0, 0, length, 0x11], answer].concat();
            assert_eq!(put.parse(Framing::Tcp, 0x1501, &told), Parsed::Answer { data: 8, end: told.len() });
            *told.last_mut().unwrap() ^= 1;
            let wrong = put.parse(Framing::Tcp, 0x1501, &told);
            assert_eq!(
                wrong,
                Parsed::Wrong(super::super::frame::Wrong::OtherRequest),
                "another value is no confirmation"
            );
        };
        let coil = [0x05, 0x00, 0xAC, 0xFF, 0x00];
        case("coil = 172, function = 5", &[1], &coil, &coil);
        let register = [0x06, 0x00, 0x01, 0x00, 0x03];
        case("holding = 1, type = \"u16\", function = 6", &[3], &register, &register);
        let two = [0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02];
        case("holding = 1, type = \"u32\", function = 16", &[0x0A, 0x0102], &two, &[0x10, 0x00, 0x01, 0x00, 0x02]);
    }
}
