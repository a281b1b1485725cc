//! Wires of memory with a device of the tests' own at the other end.

#![allow(clippy::unwrap_used)]
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::counts::Pauses;
use super::frame::{Framing, crc};
use super::line::{Line, Wire};
use super::link::{Link, Open, Opening};
use crate::profiles::Space;
use crate::serial::SerialSettings;

/// Gives every connection of the link to the device at the other end.
pub(super) struct Given(pub(super) mpsc::UnboundedSender<DuplexStream>);

impl Open for Given {
    fn open<'a>(&'a mut self, _: &'a Line) -> Opening<'a> {
        let (ours, theirs) = duplex(4_096);
        let gone = self.0.send(theirs).is_err();
        Box::pin(async move {
            let wire: Box<dyn Wire> = Box::new(ours);
            if gone { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(wire) }
        })
    }
}

pub(super) fn serial() -> Line {
    Line::Serial { path: PathBuf::from("/dev/none"), settings: SerialSettings::default() }
}

pub(super) fn network(framing: Framing) -> Line {
    Line::Network { host: "gateway".to_owned(), port: 502, framing, tls: None }
}

/// A link, and a device that answers each request in turn with what `behave` makes of it: frames and the wait before each.
pub(super) fn link(line: Line, behave: impl FnMut(&Request) -> Vec<(Duration, Vec<u8>)> + Send + 'static) -> Link {
    let (connections, given) = mpsc::unbounded_channel();
    tokio::spawn(device(line.framing(), given, behave));
    Link::with(line, Pauses::default(), Box::new(Given(connections)))
}

/// A request as it came in.
pub(super) struct Request {
    pub(super) framing: Framing,
    pub(super) bytes: Vec<u8>,
}

impl Request {
    pub(super) fn pdu(&self) -> &[u8] {
        match self.framing {
            Framing::Rtu => self.bytes.get(..6).unwrap(),
            Framing::Tcp => self.bytes.get(6..).unwrap(),
        }
    }

    pub(super) fn unit(&self) -> u8 {
        self.pdu()[0]
    }

    pub(super) fn address(&self) -> u16 {
        u16::from_be_bytes([self.pdu()[2], self.pdu()[3]])
    }

    pub(super) fn quantity(&self) -> u16 {
        u16::from_be_bytes([self.pdu()[4], self.pdu()[5]])
    }

    /// What a write writes: a register of 0 or 1 for a coil.
    pub(super) fn words(&self) -> Vec<u16> {
        match self.pdu()[1] {
            5 => vec![u16::from(self.quantity() > 0)],
            6 => vec![self.quantity()],
            _ => {
                let pdu = match self.framing {
                    Framing::Rtu => &self.bytes[..self.bytes.len() - 2],
                    Framing::Tcp => self.pdu(),
                };
                pdu[7..].chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
            }
        }
    }

    /// What a device answers to a write: its beginning.
    pub(super) fn confirmation(&self) -> Vec<u8> {
        self.frame(&self.pdu()[..6])
    }

    /// Registers in answer to a read; bits are registers of 0 and 1.
    pub(super) fn registers(&self, words: &[u16]) -> Vec<u8> {
        let data: Vec<u8> = if self.pdu()[1] <= 2 {
            let byte = |bits: &[u16]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit > 0));
            words.chunks(8).map(byte).collect()
        } else {
            words.iter().flat_map(|word| word.to_be_bytes()).collect()
        };
        self.frame(&[&[self.unit(), self.pdu()[1], u8::try_from(data.len()).unwrap()], &data[..]].concat())
    }

    /// The table a request is about.
    pub(super) fn space(&self) -> Space {
        match self.pdu()[1] {
            1 | 5 => Space::Coil,
            2 => Space::Discrete,
            4 => Space::Input,
            _ => Space::Holding,
        }
    }

    /// Unit, function and data, wrapped as the line wants it.
    pub(super) fn frame(&self, pdu: &[u8]) -> Vec<u8> {
        match self.framing {
            Framing::Rtu => [pdu, &crc(pdu).to_le_bytes()].concat(),
            Framing::Tcp => {
                let length = u16::try_from(pdu.len()).unwrap().to_be_bytes();
                [&self.bytes[..2], &[0, 0], &length, pdu].concat()
            }
        }
    }

    pub(super) fn answer(&self) -> Vec<u8> {
        let words: Vec<_> =
            (0..self.quantity()).map(|at| truth(self.unit(), self.address().wrapping_add(at))).collect();
        self.registers(&words)
    }
}

/// What a register holds: different everywhere.
pub(super) fn truth(unit: u8, address: u16) -> u16 {
    address.wrapping_mul(40_503) ^ (u16::from(unit) << 7)
}

/// Requests are taken in order; what is sent goes to the newest connection, as a gateway's does.
pub(super) async fn device(
    framing: Framing,
    mut given: mpsc::UnboundedReceiver<DuplexStream>,
    mut behave: impl FnMut(&Request) -> Vec<(Duration, Vec<u8>)>,
) {
    let Some(mut wire) = given.recv().await else { return };
    loop {
        let mut bytes = vec![0; if framing == Framing::Rtu { 8 } else { 12 }];
        tokio::select! {
            biased;
            newer = given.recv() => match newer {
                Some(newer) => { wire = newer; continue }
                None => return,
            },
            read = wire.read_exact(&mut bytes) => if read.is_err() {
                let Some(newer) = given.recv().await else { return };
                wire = newer;
                continue;
            },
        }
        let mut rest = vec![0; bytes_to_come(framing, &bytes)];
        if wire.read_exact(&mut rest).await.is_err() {
            continue;
        }
        bytes.extend(rest);
        let request = Request { framing, bytes };
        for (wait, frame) in behave(&request) {
            sleep(wait).await;
            while let Ok(newer) = given.try_recv() {
                wire = newer;
            }
            // A link that hung up does not hear it.
            let _ = wire.write_all(&frame).await;
        }
    }
}

/// Only a write of several registers is longer than the shortest request.
fn bytes_to_come(framing: Framing, bytes: &[u8]) -> usize {
    match framing {
        Framing::Rtu if bytes[1] == 16 => 9 + usize::from(bytes[6]) - bytes.len(),
        Framing::Rtu => 0,
        Framing::Tcp => 6 + usize::from(bytes[5]) - bytes.len(),
    }
}

/// Small and seeded; every test prints nothing and repeats exactly.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (bits ^ (bits >> 31)) % end
    }
}
