//! The data key on the disk, in the file `data-key`: wrapped by a key of this machine, or by one that Argon2id makes of the
//! owner's passphrase.

use std::fs::read;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::sealed::{decrypt, encrypt};
use super::{Key, Tier, random, remove};
use crate::disk::replace;

#[derive(Serialize, Deserialize)]
pub(super) struct Wrapped {
    version: u8,
    pub tier: Tier,
    /// How the passphrase becomes a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argon2id: Option<Cost>,
    nonce: String,
    key: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Cost {
    salt: String,
    memory_kib: u32,
    passes: u32,
}

impl Wrapped {
    /// `None` where nothing is sealed.
    pub fn load(directory: &Path) -> io::Result<Option<Wrapped>> {
        let text = match read(path(directory)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let wrapped: Wrapped = serde_json::from_slice(&text)?;
        match wrapped.version {
            VERSION => Ok(Some(wrapped)),
            _ => Err(io::Error::other("it is of a newer version of Kilosat")),
        }
    }

    /// `key`, wrapped by a key of the machine.
    pub fn with(tier: Tier, wrapping: &Key, key: &Key) -> io::Result<Wrapped> {
        let (nonce, key) = encrypt(wrapping, &bound(tier), &**key)?;
        Ok(Wrapped { version: VERSION, tier, argon2id: None, nonce, key })
    }

    /// `key`, wrapped by a passphrase.
    pub fn by(passphrase: &str, key: &Key) -> Result<Wrapped, String> {
        let salt = random::<16>().map_err(|error| error.to_string())?.to_lower_hex_string();
        let cost = Cost { salt, memory_kib: MEMORY_KIB, passes: PASSES };
        let wrapping = cost.stretch(passphrase)?;
        let wrapped = Wrapped::with(Tier::Passphrase, &wrapping, key).map_err(|error| error.to_string())?;
        Ok(Wrapped { argon2id: Some(cost), ..wrapped })
    }

    pub fn keep(&self, directory: &Path) -> io::Result<()> {
        replace(&path(directory), &serde_json::to_vec(self)?)
    }

    pub fn remove(directory: &Path) -> io::Result<()> {
        remove(&path(directory))
    }

    /// The data key; `None` where `wrapping` is another key.
    pub fn unwrap_with(&self, wrapping: &Key) -> Option<Key> {
        let key = decrypt(wrapping, &bound(self.tier), &self.nonce, &self.key)?;
        Some(Zeroizing::new(*key.first_chunk()?))
    }

    /// The same by the passphrase.
    pub fn unwrap_by(&self, passphrase: &str) -> Result<Option<Key>, String> {
        let cost = self.argon2id.as_ref().ok_or("the file data-key is damaged")?;
        Ok(self.unwrap_with(&cost.stretch(passphrase)?))
    }
}

impl Cost {
    /// The key that follows from `passphrase`; white space around it and between its words does not count.
    fn stretch(&self, passphrase: &str) -> Result<Key, String> {
        let text = Zeroizing::new(passphrase.split_whitespace().collect::<Vec<_>>().join(" "));
        let salt = <[u8; 16]>::from_hex(&self.salt).map_err(|error| error.to_string())?;
        // Whoever changed the file must not be able to take all memory or time.
        let (memory_kib, passes) = (self.memory_kib.min(MEMORY_KIB_MAX), self.passes.min(PASSES_MAX));
        let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|error| error.to_string())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into(text.as_bytes(), &salt, &mut *key).map_err(|error| error.to_string())?;
        Ok(key)
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("data-key")
}

fn bound(tier: Tier) -> String {
    format!("kilosat data key 1\n{tier:?}")
}

const VERSION: u8 = 1;
/// RFC 9106, section 4, its second choice, on one lane.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
const MEMORY_KIB_MAX: u32 = 262_144;
const PASSES_MAX: u32 = 16;
