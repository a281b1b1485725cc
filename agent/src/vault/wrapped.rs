//! The data key on the disk, in the file `data-key`: wrapped by a key of this machine, or by one that Argon2id makes of the
//! owner's passphrase.

use std::fs::{read, rename};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use bitcoin::hex::{DisplayHex as _, FromHex as _};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::sealed::{decrypt, encrypt};
use super::{Closed, Key, Tier, VaultFault, random};
use crate::disk::{replace, sync_folder_of};

#[derive(Serialize, Deserialize)]
pub(super) struct Wrapped {
    version: u8,
    pub tier: Tier,
    /// How the passphrase becomes a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    argon2id: Option<Cost>,
    #[serde(default)]
    nonce: String,
    #[serde(default)]
    key: String,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Versioned {
    version: u8,
}

#[derive(Clone, Serialize, Deserialize)]
struct Cost {
    salt: String,
    memory_kib: u32,
    passes: u32,
}

impl Wrapped {
    /// `None` where nobody has ever sealed anything.
    ///
    /// # Errors
    /// [`Closed::Damaged`] or [`Closed::Unreadable`].
    pub fn load(directory: &Path) -> Result<Option<Wrapped>, Closed> {
        let text = match read(path(directory)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                tracing::error!(%error, "data-key cannot be read");
                return Err(Closed::Unreadable);
            }
        };
        let version = serde_json::from_slice(&text).map_err(|_| Closed::Damaged)?;
        match version {
            Versioned { version: VERSION } => serde_json::from_slice(&text).map(Some).map_err(|_| Closed::Damaged),
            Versioned { .. } => Err(Closed::Unreadable),
        }
    }

    /// Names the key of the machine that wraps `key` anew, where that has another name since.
    pub fn relabel(directory: &Path, tier: Tier, wrapping: &Key, key: &Key) -> io::Result<()> {
        match Wrapped::load(directory) {
            Ok(Some(kept)) if kept.tier != tier && kept.tier != Tier::Passphrase => {
                Wrapped::with(tier, wrapping, key)?.keep(directory)
            }
            _ => Ok(()),
        }
    }

    /// The owner wants nothing to be sealed.
    pub fn nothing() -> Wrapped {
        Wrapped { version: VERSION, tier: Tier::Nothing, argon2id: None, nonce: String::new(), key: String::new() }
    }

    /// `key`, wrapped by a key of the machine.
    pub fn with(tier: Tier, wrapping: &Key, key: &Key) -> io::Result<Wrapped> {
        let (nonce, key) = encrypt(wrapping, &bound(tier), &**key)?;
        Ok(Wrapped { version: VERSION, tier, argon2id: None, nonce, key })
    }

    /// `key`, wrapped by a passphrase that was stretched.
    pub fn by(stretched: &Stretched, key: &Key) -> io::Result<Wrapped> {
        let wrapped = Wrapped::with(Tier::Passphrase, &stretched.key, key)?;
        Ok(Wrapped { argon2id: Some(stretched.cost.clone()), ..wrapped })
    }

    pub fn keep(&self, directory: &Path) -> io::Result<()> {
        replace(&path(directory), &serde_json::to_vec(self)?)
    }

    /// Puts it aside under a name of its own, for whoever finds what opens it again.
    pub fn put_aside(directory: &Path) -> io::Result<()> {
        let (from, mark) = (path(directory), random::<4>()?.to_lower_hex_string());
        match rename(&from, directory.join(format!("{NAME}.former-{mark}"))) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => sync_folder_of(&from),
        }
    }

    /// The data key; `None` where `wrapping` is another key.
    pub fn unwrap_with(&self, wrapping: &Key) -> Option<Key> {
        let key = decrypt(wrapping, &bound(self.tier), &self.nonce, &self.key)?;
        Some(Zeroizing::new(*key.first_chunk()?))
    }

    /// The key that follows from `passphrase` as it did when it was set. Takes most of a second and 64 MiB.
    pub fn stretch(&self, passphrase: &Passphrase) -> Result<Key, VaultFault> {
        let cost = self.argon2id.as_ref().ok_or(VaultFault::Closed(Closed::Damaged))?;
        cost.stretch(passphrase)
    }
}

/// As it counts: without white space around it, with one space between its words, and with letters in their composed form
/// (Unicode NFC), however a keyboard sends them.
pub(super) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub fn new(text: &str) -> Passphrase {
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = Zeroizing::new(words.join(" "));
        Passphrase(Zeroizing::new(text.nfc().collect()))
    }

    pub fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= PASSPHRASE_CHARS_MIN
    }
}

/// A passphrase that became a key, and how it did.
pub(super) struct Stretched {
    cost: Cost,
    key: Key,
}

impl Stretched {
    /// Takes most of a second and 64 MiB.
    pub fn of(passphrase: &Passphrase) -> Result<Stretched, VaultFault> {
        let salt = random::<16>().map_err(|error| VaultFault::NoKey(error.to_string()))?.to_lower_hex_string();
        let cost = Cost { salt, memory_kib: MEMORY_KIB, passes: PASSES };
        Ok(Stretched { key: cost.stretch(passphrase)?, cost })
    }
}

impl Cost {
    fn stretch(&self, passphrase: &Passphrase) -> Result<Key, VaultFault> {
        let salt = <[u8; 16]>::from_hex(&self.salt).map_err(|_| VaultFault::Closed(Closed::Damaged))?;
        let no_key = |error: argon2::Error| VaultFault::NoKey(error.to_string());
        // Whoever changed the file must not be able to take all memory or time.
        let (memory_kib, passes) = (self.memory_kib.min(MEMORY_KIB_MAX), self.passes.min(PASSES_MAX));
        let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(no_key)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Zeroizing::new([0; 32]);
        argon2.hash_password_into(passphrase.0.as_bytes(), &salt, &mut *key).map_err(no_key)?;
        Ok(key)
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

fn bound(tier: Tier) -> String {
    format!("kilosat data key 1\n{tier:?}")
}

const NAME: &str = "data-key";
const VERSION: u8 = 1;
/// Five words of the usual lists are longer.
const PASSPHRASE_CHARS_MIN: usize = 15;
/// RFC 9106, section 4, its second choice, on one lane.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;
const MEMORY_KIB_MAX: u32 = 262_144;
const PASSES_MAX: u32 = 16;
