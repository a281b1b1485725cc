//! How the words and the credentials of wallets are kept on the disk: as they are, or sealed with a data key that is itself
//! wrapped by a key of this machine or by the owner's passphrase. The data key stays the same whoever wraps it, and so do
//! the words.
//!
//! Source: `reliability-security`, rules 8.2 and 8.4.

mod fault;
mod machine;
mod provide;
mod sealed;
mod tier;
mod wrapped;

use std::fs::{self, File, read_dir, remove_file};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use self::fault::disk;
pub use self::fault::{Closed, ReadFault, VaultFault};
pub use self::machine::MachineKeys;
pub use self::provide::{ProvideFault, derive_otp_key, provide};
use self::sealed::Sealed;
pub use self::tier::{KeysStatus, Protection, Tier};
use self::wrapped::Wrapped;
use crate::disk::{replace, sync_folder_of};
use crate::keys::{KeyError, Seed, WordCount};

/// 32 bytes that are gone from memory when they are dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// Says to which wallet a credential belongs, by its file and what is in it; empty for one that is not in use.
pub type NameOf = Arc<dyn Fn(&Path, &[u8]) -> String + Send + Sync>;

/// The secrets of one state directory. Clones are the same.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
}

struct Shared {
    directory: PathBuf,
    machine: MachineKeys,
    state: Mutex<State>,
}

enum State {
    Plain,
    Open { key: Key, tier: Tier },
    Closed { tier: Tier, why: Closed },
}

impl Vault {
    /// The secrets in `directory`, opened where a key of the machine opens them. Where the machine has a key and nothing is
    /// sealed, or has a better one than before, that is used from now on; `name_of` names what is sealed then.
    ///
    /// A file that cannot be read or written leaves everything as it is: that is said in the log, and nothing is lost.
    pub fn open(directory: &Path, machine: MachineKeys, name_of: &NameOf) -> Vault {
        let state = match Wrapped::load(directory) {
            Ok(None) => State::Plain,
            Ok(Some(wrapped)) => match (wrapped.tier, machine.of(wrapped.tier)) {
                (Tier::Passphrase, _) => State::Closed { tier: wrapped.tier, why: Closed::Passphrase },
                (tier, key) => match key.and_then(|key| wrapped.unwrap_with(key)) {
                    Some(key) => State::Open { key, tier },
                    None => State::Closed { tier, why: Closed::Machine },
                },
            },
            Err(error) => {
                tracing::error!(%error, "data-key cannot be read");
                State::Closed { tier: Tier::Nothing, why: Closed::Damaged }
            }
        };
        let vault =
            Vault { shared: Arc::new(Shared { directory: directory.to_owned(), machine, state: Mutex::new(state) }) };
        if let Err(fault) = vault.adopt(name_of) {
            tracing::error!(%fault, "the words could not be sealed with this machine's key");
        }
        vault
    }

    /// One that seals nothing: for tests, for tools, and for a state directory that is being made.
    pub fn plain(directory: &Path) -> Vault {
        let shared = Shared {
            directory: directory.to_owned(),
            machine: MachineKeys::default(),
            state: Mutex::new(State::Plain),
        };
        Vault { shared: Arc::new(shared) }
    }

    fn adopt(&self, name_of: &NameOf) -> Result<(), VaultFault> {
        let offered = self.shared.machine.strongest();
        let is_better = match &*self.lock() {
            State::Plain => offered.is_some(),
            State::Open { tier, .. } => offered.is_some_and(|offered| offered > *tier),
            State::Closed { .. } => return Ok(()),
        };
        if is_better {
            return self.protect(&Protection::Machine, name_of);
        }
        match &*self.lock() {
            // A power cut may have come before all was sealed; and tools that know no key leave what they write as it is.
            State::Open { key, .. } => self.seal_all(key, name_of).map_err(disk),
            _ => Ok(()),
        }
    }

    /// How the words are kept.
    pub fn status(&self) -> KeysStatus {
        let (tier, closed) = match &*self.lock() {
            State::Plain => (Tier::Nothing, None),
            State::Open { tier, .. } => (*tier, None),
            State::Closed { tier, why } => (*tier, Some(*why)),
        };
        KeysStatus {
            tier,
            closed: closed.map(|why| why.to_string()),
            waits_for_passphrase: closed == Some(Closed::Passphrase),
            offered: self.shared.machine.strongest(),
        }
    }

    /// The words; `None` where there are none yet.
    ///
    /// # Errors
    /// [`KeyError`]; an unreadable file is never replaced.
    pub fn seed(&self) -> Result<Option<Seed>, KeyError> {
        let path = self.shared.directory.join(SEED);
        let name = path.display().to_string();
        let text = match self.read(&path) {
            Ok(text) => text,
            Err(ReadFault::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(ReadFault::Io(source)) => return Err(KeyError::Io { path: name, source }),
            Err(ReadFault::Closed { why, .. }) => return Err(KeyError::Closed(why)),
        };
        let words = std::str::from_utf8(&text).ok().and_then(Seed::from_words);
        words.map(Some).ok_or(KeyError::Invalid { path: name })
    }

    /// The words, or new ones where there are none yet, on disk before this returns.
    ///
    /// # Errors
    /// [`KeyError`]; an unreadable file is never replaced.
    pub fn seed_or_fresh(&self) -> Result<Seed, KeyError> {
        if let Some(seed) = self.seed()? {
            return Ok(seed);
        }
        let seed = Seed::fresh(WordCount::Twelve)?;
        self.keep_seed(&self.shared.directory, &seed)?;
        Ok(seed)
    }

    /// Writes `seed` into `folder`, as the words of this state are kept (mode 0600, on disk before this returns).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn keep_seed(&self, folder: &Path, seed: &Seed) -> Result<(), KeyError> {
        let path = folder.join(SEED);
        self.keep(&path, seed.text().as_bytes(), &seed.mark()).map_err(|fault| match fault {
            ReadFault::Io(source) => KeyError::Io { path: path.display().to_string(), source },
            ReadFault::Closed { why, .. } => KeyError::Closed(why),
        })
    }

    /// What is in `file`, whether it is sealed or not.
    ///
    /// # Errors
    /// [`ReadFault`].
    pub fn read(&self, file: &Path) -> Result<Zeroizing<Vec<u8>>, ReadFault> {
        let mut text = Zeroizing::new(Vec::new());
        File::open(file)?.take(SECRET_BYTES_MAX).read_to_end(&mut text)?;
        let Some(sealed) = Sealed::parse(&text) else { return Ok(text) };
        let closed = |why| ReadFault::Closed { of: sealed.of.clone(), why };
        match &*self.lock() {
            State::Open { key, .. } => sealed.open(key, &name(file)).ok_or_else(|| closed(Closed::Damaged)),
            State::Closed { why, .. } => Err(closed(*why)),
            State::Plain => Err(closed(Closed::Machine)),
        }
    }

    /// Writes a secret to `file` as secrets are kept here. `of` says in the clear to what it belongs.
    ///
    /// # Errors
    /// [`ReadFault`]; nothing was written.
    pub fn keep(&self, file: &Path, secret: &[u8], of: &str) -> Result<(), ReadFault> {
        match &*self.lock() {
            State::Plain => Ok(replace(file, secret)?),
            State::Open { key, .. } => Ok(replace(file, &sealed::seal(key, &name(file), of, secret)?)?),
            State::Closed { why, .. } => Err(ReadFault::Closed { of: of.to_owned(), why: *why }),
        }
    }

    /// Opens what the owner's passphrase seals. Takes most of a second and 64 MiB.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub fn unlock(&self, passphrase: &str, name_of: &NameOf) -> Result<(), VaultFault> {
        let mut state = self.lock();
        match &*state {
            State::Closed { why: Closed::Passphrase, .. } => {}
            State::Closed { why, .. } => return Err(VaultFault::Closed(*why)),
            State::Plain | State::Open { .. } => return Err(VaultFault::IsOpen),
        }
        let wrapped = Wrapped::load(&self.shared.directory).map_err(disk)?;
        let wrapped = wrapped.ok_or(VaultFault::Closed(Closed::Damaged))?;
        let key = wrapped.unwrap_by(passphrase).map_err(VaultFault::NoKey)?.ok_or(VaultFault::WrongPassphrase)?;
        if let Err(error) = self.seal_all(&key, name_of) {
            tracing::error!(%error, "not all secrets could be sealed");
        }
        *state = State::Open { key, tier: Tier::Passphrase };
        Ok(())
    }

    /// Keeps the secrets in another way from now on. What stands on the disk at any moment can be opened by what was before
    /// or by what comes after.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub fn protect(&self, with: &Protection, name_of: &NameOf) -> Result<(), VaultFault> {
        let mut state = self.lock();
        let key = match &*state {
            State::Closed { why, .. } => return Err(VaultFault::Closed(*why)),
            State::Open { key, .. } => Some(key.clone()),
            State::Plain => None,
        };
        let directory = &self.shared.directory;
        let fresh = || random().map_err(|error| VaultFault::NoKey(error.to_string()));
        let (wrapped, key) = match with {
            Protection::Nothing => {
                if let Some(key) = key {
                    self.unseal_all(&key).map_err(disk)?;
                    Wrapped::remove(directory).map_err(disk)?;
                }
                *state = State::Plain;
                return Ok(());
            }
            Protection::Machine => {
                let tier = self.shared.machine.strongest().ok_or(VaultFault::NoMachineKey)?;
                let wrapping = self.shared.machine.of(tier).ok_or(VaultFault::NoMachineKey)?;
                let key = key.map_or_else(fresh, Ok)?;
                (Wrapped::with(tier, wrapping, &key).map_err(disk)?, key)
            }
            Protection::Passphrase(passphrase) => {
                if passphrase.chars().count() < PASSPHRASE_CHARS_MIN {
                    return Err(VaultFault::Weak);
                }
                let key = key.map_or_else(fresh, Ok)?;
                (Wrapped::by(passphrase, &key).map_err(VaultFault::NoKey)?, key)
            }
        };
        let tier = wrapped.tier;
        wrapped.keep(directory).map_err(disk)?;
        let sealed = self.seal_all(&key, name_of);
        *state = State::Open { key, tier };
        sealed.map_err(disk)
    }

    /// Puts the words that somebody wrote down in the place of those that cannot be opened any more, if they are the same.
    /// They are on the disk as they are then, and wallets outside Kilosat need their credential again.
    ///
    /// # Errors
    /// [`VaultFault`]; nothing was changed.
    pub fn recover(&self, words: &str) -> Result<(), VaultFault> {
        let mut state = self.lock();
        if !matches!(&*state, State::Closed { .. }) {
            return Err(VaultFault::IsOpen);
        }
        let seed = Seed::from_words(words).ok_or(VaultFault::NoWords)?;
        let path = self.shared.directory.join(SEED);
        let there = Zeroizing::new(fs::read(&path).or_else(absent).map_err(disk)?);
        let mark = match Sealed::parse(&there) {
            Some(sealed) => Some(sealed.of),
            // A power cut came before they were sealed.
            None => std::str::from_utf8(&there).ok().and_then(Seed::from_words).map(|seed| seed.mark()),
        };
        if mark.is_some_and(|mark| mark != seed.mark()) {
            return Err(VaultFault::OtherWords);
        }
        replace(&path, seed.text().as_bytes()).map_err(disk)?;
        Wrapped::remove(&self.shared.directory).map_err(disk)?;
        *state = State::Plain;
        Ok(())
    }

    /// Seals what is not.
    fn seal_all(&self, key: &Key, name_of: &NameOf) -> io::Result<()> {
        for file in self.secrets()? {
            let text = Zeroizing::new(fs::read(&file)?);
            if Sealed::parse(&text).is_none() {
                let of =
                    match std::str::from_utf8(&text).ok().filter(|_| name(&file) == SEED).and_then(Seed::from_words) {
                        Some(seed) => seed.mark(),
                        None => name_of(&file, &text),
                    };
                replace(&file, &sealed::seal(key, &name(&file), &of, &text)?)?;
            }
        }
        Ok(())
    }

    /// What this key does not open stays as it is.
    fn unseal_all(&self, key: &Key) -> io::Result<()> {
        for file in self.secrets()? {
            let text = fs::read(&file)?;
            if let Some(plain) = Sealed::parse(&text).and_then(|sealed| sealed.open(key, &name(&file))) {
                replace(&file, &plain)?;
            }
        }
        Ok(())
    }

    /// The words, those of former states, and credentials that the page wrote.
    fn secrets(&self) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in read_dir(&self.shared.directory)? {
            let path = entry?.path();
            let name = name(&path);
            let file = match name.starts_with("former-") {
                true => path.join("former").join(SEED),
                false => path,
            };
            let is_secret = name == SEED || is_credential(&name) || name.starts_with("former-");
            if is_secret && file.is_file() {
                found.push(file);
            }
        }
        Ok(found)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The file of a credential that the page was told, in the state directory.
pub(crate) fn credential_file(directory: &Path, kind: &str, number: u64) -> PathBuf {
    directory.join(format!("wallet-{kind}-{number}.secret"))
}

fn is_credential(name: &str) -> bool {
    name.starts_with("wallet-") && name.ends_with(".secret")
}

fn name(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn absent(error: io::Error) -> io::Result<Vec<u8>> {
    if error.kind() == ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
}

fn random<const N: usize>() -> io::Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

fn remove(path: &Path) -> io::Result<()> {
    match remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => sync_folder_of(path),
    }
}

const SEED: &str = "seed";
/// Words, keys and macaroons are far shorter.
const SECRET_BYTES_MAX: u64 = 1 << 16;
/// Five words of the usual lists are longer.
const PASSPHRASE_CHARS_MIN: usize = 15;

#[cfg(test)]
mod tests;
