//! One secret in a file, sealed with the data key (XChaCha20-Poly1305). Its name is bound to it, so that no credential can
//! take the place of another.

use std::io;

use bitcoin::hex::{DisplayHex as _, FromHex as _};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Key, random};

/// What stands in the file.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    kilosat_sealed: u8,
    /// To what it belongs, in the clear.
    pub of: String,
    nonce: String,
    text: String,
}

/// `secret` as the text of the file `name`.
pub(super) fn seal(key: &Key, name: &str, of: &str, secret: &[u8]) -> io::Result<Vec<u8>> {
    let (nonce, text) = encrypt(key, &bound(name, of), secret)?;
    serde_json::to_vec(&Sealed { kilosat_sealed: VERSION, of: of.to_owned(), nonce, text }).map_err(io::Error::other)
}

impl Sealed {
    /// `None` where the file holds a secret as it is.
    pub fn parse(text: &[u8]) -> Option<Sealed> {
        serde_json::from_slice(text).ok().filter(|sealed: &Sealed| sealed.kilosat_sealed == VERSION)
    }

    /// The secret; `None` with another key, in another file, or after any change.
    pub fn open(&self, key: &Key, name: &str) -> Option<Zeroizing<Vec<u8>>> {
        decrypt(key, &bound(name, &self.of), &self.nonce, &self.text)
    }
}

/// Nonce and ciphertext, in hex.
pub(super) fn encrypt(key: &Key, bound: &str, secret: &[u8]) -> io::Result<(String, String)> {
    let nonce = random::<24>()?;
    let payload = Payload { msg: secret, aad: bound.as_bytes() };
    let text = cipher(key).encrypt(XNonce::from_slice(&*nonce), payload);
    let text = text.map_err(|_| io::Error::other("the secret is too long to be sealed"))?;
    Ok((nonce.to_lower_hex_string(), text.to_lower_hex_string()))
}

/// The secret; `None` where anything is not as it was.
pub(super) fn decrypt(key: &Key, bound: &str, nonce: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = <[u8; 24]>::from_hex(nonce).ok()?;
    let text = Vec::from_hex(text).ok()?;
    let payload = Payload { msg: &text, aad: bound.as_bytes() };
    cipher(key).decrypt(XNonce::from_slice(&nonce), payload).ok().map(Zeroizing::new)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

fn bound(name: &str, of: &str) -> String {
    format!("kilosat secret 1\n{name}\n{of}")
}

const VERSION: u8 = 1;
