//! Macaroons: a token whose conditions anyone may add to and nobody may remove.
//!
//! Source: libmacaroons format notes (rescrv/libmacaroons), checked against pymacaroons.

use bitcoin::hashes::cmp::fixed_time_eq;
use bitcoin::hashes::{Hash, HashEngine, Hmac, HmacEngine, sha256};

use super::{base64_decode, base64_encode};

/// Largest macaroon that is read or written, in bytes of its binary form.
pub const MACAROON_BYTES_MAX: usize = 4096;
/// Most caveats one macaroon may carry.
pub const CAVEATS_MAX: usize = 32;

/// Why a token is not a macaroon we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MacaroonFault {
    /// Over [`MACAROON_BYTES_MAX`].
    #[error("the ticket is longer than Kilosat accepts")]
    TooLong,
    /// Over [`CAVEATS_MAX`].
    #[error("the ticket has more conditions than Kilosat accepts")]
    TooManyCaveats,
    /// A caveat that only some third party can discharge; L402 has none.
    #[error("the ticket needs the consent of a third party, which Kilosat does not ask for")]
    ThirdParty,
    /// Neither version 1 nor version 2 of the binary format.
    #[error("the ticket is not in a form Kilosat can read")]
    Malformed,
}

/// A macaroon with first-party caveats only: location, identifier, caveats and their signature.
///
/// Written in format version 2, read in versions 1 and 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macaroon {
    location: Option<String>,
    identifier: Vec<u8>,
    caveats: Vec<String>,
    signature: [u8; 32],
}

impl Macaroon {
    /// Makes a macaroon: signs `identifier` and then each caveat (`condition=value`) in turn.
    ///
    /// # Errors
    /// [`MacaroonFault::TooManyCaveats`] or [`MacaroonFault::TooLong`] above the limits.
    pub fn mint(
        root_key: &[u8; 32],
        identifier: &[u8],
        location: &str,
        caveats: &[String],
    ) -> Result<Self, MacaroonFault> {
        let macaroon = Self {
            location: Some(location.to_owned()),
            identifier: identifier.to_vec(),
            caveats: caveats.to_vec(),
            signature: sign(root_key, identifier, caveats),
        };
        macaroon.within_limits()
    }

    /// Adds a caveat without knowing the root key: this is how a token is narrowed before it is lent.
    ///
    /// # Errors
    /// [`MacaroonFault::TooManyCaveats`] or [`MacaroonFault::TooLong`] above the limits.
    pub fn narrowed(mut self, caveat: &str) -> Result<Self, MacaroonFault> {
        self.signature = hmac(&self.signature, caveat.as_bytes());
        self.caveats.push(caveat.to_owned());
        self.within_limits()
    }

    /// Whether the signature is the one `root_key` makes; takes the same time for every wrong one.
    pub fn verify(&self, root_key: &[u8; 32]) -> bool {
        let expected = sign(root_key, &self.identifier, &self.caveats);
        fixed_time_eq(&expected, &self.signature)
    }

    /// The identifier; in L402 it holds the payment hash.
    pub fn identifier(&self) -> &[u8] {
        &self.identifier
    }

    /// The caveats in the order they were added.
    pub fn caveats(&self) -> &[String] {
        &self.caveats
    }

    /// The last signature of the chain.
    pub fn signature(&self) -> &[u8; 32] {
        &self.signature
    }

    /// Format version 2, binary.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION_2];
        if let Some(location) = &self.location {
            write_field(&mut bytes, FIELD_LOCATION, location.as_bytes());
        }
        write_field(&mut bytes, FIELD_IDENTIFIER, &self.identifier);
        bytes.push(FIELD_END);
        for caveat in &self.caveats {
            write_field(&mut bytes, FIELD_IDENTIFIER, caveat.as_bytes());
            bytes.push(FIELD_END);
        }
        bytes.push(FIELD_END);
        write_field(&mut bytes, FIELD_SIGNATURE, &self.signature);
        bytes
    }

    /// Format version 2 in standard padded base64, as aperture and its clients expect it.
    pub fn to_base64(&self) -> String {
        base64_encode(&self.to_bytes())
    }

    /// Reads either binary format.
    ///
    /// # Errors
    /// [`MacaroonFault`] as its variants say; bytes after the signature are malformed too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MacaroonFault> {
        if bytes.len() > MACAROON_BYTES_MAX {
            return Err(MacaroonFault::TooLong);
        }
        match bytes.split_first() {
            Some((&VERSION_2, rest)) => read_v2(rest),
            Some((digit, _)) if digit.is_ascii_hexdigit() => read_v1(bytes),
            _ => Err(MacaroonFault::Malformed),
        }
    }

    /// Reads either binary format out of base64 of either alphabet, padded or not.
    ///
    /// # Errors
    /// As [`Macaroon::from_bytes`].
    pub fn from_base64(text: &str) -> Result<Self, MacaroonFault> {
        if text.len() > MACAROON_BYTES_MAX.div_ceil(3) * 4 {
            return Err(MacaroonFault::TooLong);
        }
        Self::from_bytes(&base64_decode(text).ok_or(MacaroonFault::Malformed)?)
    }

    fn within_limits(self) -> Result<Self, MacaroonFault> {
        if self.caveats.len() > CAVEATS_MAX {
            return Err(MacaroonFault::TooManyCaveats);
        }
        if self.to_bytes().len() > MACAROON_BYTES_MAX {
            return Err(MacaroonFault::TooLong);
        }
        Ok(self)
    }
}

fn sign(root_key: &[u8; 32], identifier: &[u8], caveats: &[String]) -> [u8; 32] {
    // Every library derives this key first, although the L402 text leaves the step out.
    let key = hmac(b"macaroons-key-generator", root_key);
    let start = hmac(&key, identifier);
    caveats.iter().fold(start, |signature, caveat| hmac(&signature, caveat.as_bytes()))
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut engine = HmacEngine::<sha256::Hash>::new(key);
    engine.input(message);
    Hmac::from_engine(engine).to_byte_array()
}

fn write_field(bytes: &mut Vec<u8>, field: u8, content: &[u8]) {
    bytes.push(field);
    let mut length = content.len();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).expect("seven bits fit") | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("below 128"));
    bytes.extend_from_slice(content);
}

fn read_v2(bytes: &[u8]) -> Result<Macaroon, MacaroonFault> {
    let mut reader = Reader(bytes);
    let mut next = reader.field()?;
    let mut location = None;
    if next.0 == FIELD_LOCATION {
        location = Some(text(next.1)?);
        next = reader.field()?;
    }
    let identifier = expect_field(next, FIELD_IDENTIFIER)?.to_vec();
    expect_field(reader.field()?, FIELD_END)?;
    let mut caveats = Vec::new();
    loop {
        let caveat = reader.field()?;
        match caveat.0 {
            FIELD_END => break,
            // Only a third-party caveat names a place.
            FIELD_LOCATION => return Err(MacaroonFault::ThirdParty),
            _ => caveats.push(text(expect_field(caveat, FIELD_IDENTIFIER)?)?),
        }
        match reader.field()?.0 {
            FIELD_END => {}
            FIELD_VERIFICATION => return Err(MacaroonFault::ThirdParty),
            _ => return Err(MacaroonFault::Malformed),
        }
        if caveats.len() > CAVEATS_MAX {
            return Err(MacaroonFault::TooManyCaveats);
        }
    }
    let signature = expect_field(reader.field()?, FIELD_SIGNATURE)?;
    finish(location, identifier, caveats, signature, reader)
}

fn read_v1(bytes: &[u8]) -> Result<Macaroon, MacaroonFault> {
    let mut reader = Reader(bytes);
    let mut next = reader.packet()?;
    let mut location = None;
    if next.0 == b"location" {
        location = Some(text(next.1)?);
        next = reader.packet()?;
    }
    if next.0 != b"identifier" {
        return Err(MacaroonFault::Malformed);
    }
    let identifier = next.1.to_vec();
    let mut caveats = Vec::new();
    loop {
        let (name, content) = reader.packet()?;
        match name {
            b"cid" => caveats.push(text(content)?),
            b"vid" | b"cl" => return Err(MacaroonFault::ThirdParty),
            b"signature" => return finish(location, identifier, caveats, content, reader),
            _ => return Err(MacaroonFault::Malformed),
        }
        if caveats.len() > CAVEATS_MAX {
            return Err(MacaroonFault::TooManyCaveats);
        }
    }
}

fn finish(
    location: Option<String>,
    identifier: Vec<u8>,
    caveats: Vec<String>,
    signature: &[u8],
    reader: Reader<'_>,
) -> Result<Macaroon, MacaroonFault> {
    if !reader.0.is_empty() {
        return Err(MacaroonFault::Malformed);
    }
    Ok(Macaroon {
        location,
        identifier,
        caveats,
        signature: signature.try_into().map_err(|_| MacaroonFault::Malformed)?,
    })
}

fn expect_field((field, content): (u8, &[u8]), wanted: u8) -> Result<&[u8], MacaroonFault> {
    if field == wanted { Ok(content) } else { Err(MacaroonFault::Malformed) }
}

fn text(bytes: &[u8]) -> Result<String, MacaroonFault> {
    String::from_utf8(bytes.to_vec()).map_err(|_| MacaroonFault::Malformed)
}

/// The bytes not read yet; every step checks the length first.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], MacaroonFault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(MacaroonFault::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, MacaroonFault> {
        let (byte, rest) = self.0.split_first().ok_or(MacaroonFault::Malformed)?;
        self.0 = rest;
        Ok(*byte)
    }

    /// One field of version 2: its tag and content; the end mark has none.
    fn field(&mut self) -> Result<(u8, &'a [u8]), MacaroonFault> {
        let field = self.byte()?;
        if field == FIELD_END {
            return Ok((field, &[]));
        }
        let low = self.byte()?;
        let mut length = usize::from(low & 0x7f);
        if low & 0x80 != 0 {
            // Two bytes count to 16,383, four times what a whole macaroon may weigh.
            let high = self.byte()?;
            if high & 0x80 != 0 {
                return Err(MacaroonFault::Malformed);
            }
            length += usize::from(high) << 7;
        }
        Ok((field, self.take(length)?))
    }

    /// One packet of version 1: four hexadecimal digits of length, name, space, content, newline.
    fn packet(&mut self) -> Result<(&'a [u8], &'a [u8]), MacaroonFault> {
        let mut length: usize = 0;
        for digit in self.take(4)? {
            let value = char::from(*digit).to_digit(16).ok_or(MacaroonFault::Malformed)?;
            length = length * 16 + usize::try_from(value).expect("below 16");
        }
        let body = self.take(length.checked_sub(4).ok_or(MacaroonFault::Malformed)?)?;
        let body = body.strip_suffix(b"\n").ok_or(MacaroonFault::Malformed)?;
        let space = body.iter().position(|byte| *byte == b' ').ok_or(MacaroonFault::Malformed)?;
        let (name, content) = body.split_at_checked(space).ok_or(MacaroonFault::Malformed)?;
        let content = content.get(1..).ok_or(MacaroonFault::Malformed)?;
        Ok((name, content))
    }
}

const VERSION_2: u8 = 2;
const FIELD_END: u8 = 0;
const FIELD_LOCATION: u8 = 1;
const FIELD_IDENTIFIER: u8 = 2;
const FIELD_VERIFICATION: u8 = 4;
const FIELD_SIGNATURE: u8 = 6;

#[cfg(test)]
#[path = "macaroon_tests.rs"]
mod tests;
