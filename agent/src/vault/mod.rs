//! How the words and the credentials of wallets are kept on the disk: as they are, or sealed with a data key that is itself
//! wrapped by a key of this machine or by the owner's passphrase. The data key stays the same whoever wraps it, and so do
//! the words.
//!
//! Source: `reliability-security`, rules 8.2 and 8.4.

mod fault;
mod files;
mod machine;
mod provide;
mod sealed;
mod tier;
mod wrapped;

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use self::fault::disk;
pub use self::fault::{Closed, ReadFault, VaultFault};
pub(crate) use self::files::credential_file;
use self::files::name;
pub use self::machine::MachineKeys;
pub use self::provide::{ProvideFault, hand_over, provide};
use self::sealed::Sealed;
pub use self::tier::{KeysStatus, Protection, Tier};
use self::wrapped::{Passphrase, Stretched, Wrapped};
use crate::agent::WORDS_CHECKED;
use crate::disk::replace;
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
    /// Nothing is sealed; the owner wanted that, or was never asked.
    Plain {
        is_chosen: bool,
    },
    Open {
        key: Key,
        tier: Tier,
    },
    Closed {
        tier: Option<Tier>,
        why: Closed,
    },
}

impl Vault {
    /// The secrets in `directory`, opened where a key of the machine opens them, and settled; `name_of` names what is sealed
    /// then.
    ///
    /// A file that cannot be read or written leaves everything as it is: that is said in the log, and nothing is lost.
    pub fn open(directory: &Path, machine: MachineKeys, name_of: &NameOf) -> Vault {
        let state = match Wrapped::load(directory) {
            Ok(wrapped) => opened(wrapped, &machine, files::is_sealed(&directory.join(SEED))),
            Err(why) => State::Closed { tier: None, why },
        };
        let vault =
            Vault { shared: Arc::new(Shared { directory: directory.to_owned(), machine, state: Mutex::new(state) }) };
        vault.settle(name_of);
        vault
    }

    /// One that seals nothing: for tests, for tools, and for a state directory that is being made.
    pub fn plain(directory: &Path) -> Vault {
        let (machine, state) = (MachineKeys::default(), Mutex::new(State::Plain { is_chosen: true }));
        Vault { shared: Arc::new(Shared { directory: directory.to_owned(), machine, state }) }
    }

    /// Seals what is not sealed and should be: where the machine has a key and the owner never chose a way, once the words
    /// are on paper or before there are any; and what a power cut or tools that know no key left as it is.
    pub fn settle(&self, name_of: &NameOf) {
        let directory = &self.shared.directory;
        let may_seal = || directory.join(WORDS_CHECKED).exists() || !directory.join(SEED).exists();
        let is_first = match &*self.lock() {
            State::Plain { is_chosen } => !is_chosen && self.shared.machine.strongest().is_some() && may_seal(),
            State::Open { .. } => false,
            State::Closed { .. } => return,
        };
        let settled = match is_first {
            true => self.protect(&Protection::Machine(None), name_of),
            false => match &*self.lock() {
                State::Open { key, tier } => {
                    let relabelled = match self.shared.machine.of(*tier) {
                        Some(wrapping) => Wrapped::relabel(directory, *tier, wrapping, key),
                        None => Ok(()),
                    };
                    relabelled.and_then(|()| files::seal_all(directory, key, name_of)).map_err(disk)
                }
                _ => Ok(()),
            },
        };
        if let Err(fault) = settled {
            tracing::error!(%fault, "not everything could be sealed");
        }
    }

    /// How the words are kept.
    pub fn status(&self) -> KeysStatus {
        let (tier, closed) = match &*self.lock() {
            State::Plain { .. } => (Some(Tier::Nothing), None),
            State::Open { tier, .. } => (Some(*tier), None),
            State::Closed { tier, why } => (*tier, Some(*why)),
        };
        KeysStatus {
            tier,
            closed: closed.map(|why| why.to_string()),
            waits_for_passphrase: closed == Some(Closed::Passphrase),
            stops_payments: false,
            offered: self.shared.machine.strongest(),
        }
    }

    /// Why the words cannot be opened now, if they cannot.
    pub fn closed(&self) -> Option<Closed> {
        match &*self.lock() {
            State::Closed { why, .. } => Some(*why),
            State::Plain { .. } | State::Open { .. } => None,
        }
    }

    /// The words; `None` where there are none yet.
    ///
    /// # Errors
    /// [`KeyError`]; an unreadable file is never replaced.
    pub fn seed(&self) -> Result<Option<Seed>, KeyError> {
        if let Some(why) = self.closed() {
            return Err(KeyError::Closed(why));
        }
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
            State::Plain { .. } => Err(closed(Closed::Damaged)),
        }
    }

    /// Writes a secret to `file` as secrets are kept here. `of` says in the clear to what it belongs.
    ///
    /// # Errors
    /// [`ReadFault`]; nothing was written.
    pub fn keep(&self, file: &Path, secret: &[u8], of: &str) -> Result<(), ReadFault> {
        match &*self.lock() {
            State::Plain { .. } => Ok(replace(file, secret)?),
            State::Open { key, .. } => Ok(replace(file, &sealed::seal(key, &name(file), of, secret)?)?),
            State::Closed { why, .. } => Err(ReadFault::Closed { of: of.to_owned(), why: *why }),
        }
    }

    /// Opens what the owner's passphrase seals. Takes most of a second and 64 MiB.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub fn unlock(&self, passphrase: &str, name_of: &NameOf) -> Result<(), VaultFault> {
        let waits = |closed| match closed {
            Some(Closed::Passphrase) => Ok(()),
            Some(why) => Err(VaultFault::Closed(why)),
            None => Err(VaultFault::IsOpen),
        };
        waits(self.closed())?;
        let wrapped = Wrapped::load(&self.shared.directory).map_err(VaultFault::Closed)?;
        let wrapped = wrapped.ok_or(VaultFault::Closed(Closed::Damaged))?;
        let wrapping = wrapped.stretch(&Passphrase::new(passphrase))?;
        let key = wrapped.unwrap_with(&wrapping).ok_or(VaultFault::WrongPassphrase)?;
        waits(self.closed())?;
        *self.lock() = State::Open { key, tier: Tier::Passphrase };
        self.settle(name_of);
        Ok(())
    }

    /// Keeps the secrets in another way from now on. What stands on the disk at any moment can be opened by what was before
    /// or by what comes after.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub fn protect(&self, with: &Protection, name_of: &NameOf) -> Result<(), VaultFault> {
        let (directory, machine) = (&self.shared.directory, &self.shared.machine);
        let stretched = match with {
            Protection::Passphrase(passphrase) => {
                let passphrase = Passphrase::new(passphrase);
                if !passphrase.is_long_enough() {
                    return Err(VaultFault::Weak);
                }
                // Before the lock is taken: it takes long.
                Some(Stretched::of(&passphrase)?)
            }
            Protection::Nothing | Protection::Machine(_) => None,
        };
        let mut state = self.lock();
        let key = match &*state {
            State::Closed { why, .. } => return Err(VaultFault::Closed(*why)),
            State::Open { key, .. } => Some(key.clone()),
            State::Plain { .. } => None,
        };
        if matches!(with, Protection::Nothing) {
            if let Some(key) = key {
                files::unseal_all(directory, &key).map_err(disk)?;
            }
            Wrapped::nothing().keep(directory).map_err(disk)?;
            *state = State::Plain { is_chosen: true };
            return Ok(());
        }
        let key = match key {
            Some(key) => key,
            None => random().map_err(|error| VaultFault::NoKey(error.to_string()))?,
        };
        let (wrapped, tier) = match (with, &stretched) {
            (_, Some(stretched)) => (Wrapped::by(stretched, &key), Tier::Passphrase),
            (Protection::Machine(Some(tier)), _) => {
                (Wrapped::with(*tier, machine.of(*tier).ok_or(VaultFault::NoMachineKey)?, &key), *tier)
            }
            _ => {
                let tier = machine.strongest().ok_or(VaultFault::NoMachineKey)?;
                (Wrapped::with(tier, machine.of(tier).ok_or(VaultFault::NoMachineKey)?, &key), tier)
            }
        };
        wrapped.and_then(|wrapped| wrapped.keep(directory)).map_err(disk)?;
        let sealed = files::seal_all(directory, &key, name_of);
        *state = State::Open { key, tier };
        sealed.map_err(|error| VaultFault::Half(error.to_string()))
    }

    /// Puts the words that somebody wrote down in the place of those that cannot be opened any more, if they are the same.
    /// They are on the disk as they are then, and wallets outside Kilosat need their credential again. What opened them before
    /// is put aside.
    ///
    /// # Errors
    /// [`VaultFault`]; nothing was changed.
    pub fn recover(&self, words: &str) -> Result<(), VaultFault> {
        let mut state = self.lock();
        match &*state {
            State::Closed { why: Closed::Unreadable, .. } => return Err(VaultFault::Closed(Closed::Unreadable)),
            State::Closed { .. } => {}
            State::Plain { .. } | State::Open { .. } => return Err(VaultFault::IsOpen),
        }
        let seed = Seed::from_words(words).ok_or(VaultFault::NoWords)?;
        let path = self.shared.directory.join(SEED);
        match files::mark_in(&path).map_err(disk)? {
            None => return Err(VaultFault::Unknown),
            Some(mark) if mark != seed.mark() => return Err(VaultFault::OtherWords),
            Some(_) => {}
        }
        replace(&path, seed.text().as_bytes()).map_err(disk)?;
        Wrapped::put_aside(&self.shared.directory).map_err(disk)?;
        Wrapped::nothing().keep(&self.shared.directory).map_err(disk)?;
        *state = State::Plain { is_chosen: true };
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the file `data-key` and the keys of the machine come to.
fn opened(wrapped: Option<Wrapped>, machine: &MachineKeys, is_sealed: bool) -> State {
    let tier = wrapped.as_ref().map(|wrapped| wrapped.tier);
    match wrapped {
        None | Some(Wrapped { tier: Tier::Nothing, .. }) if is_sealed => {
            State::Closed { tier: None, why: Closed::Damaged }
        }
        None => State::Plain { is_chosen: false },
        Some(Wrapped { tier: Tier::Nothing, .. }) => State::Plain { is_chosen: true },
        Some(Wrapped { tier: Tier::Passphrase, .. }) => State::Closed { tier, why: Closed::Passphrase },
        // A credential of systemd's can have been encrypted in another way since, and is the same key.
        Some(wrapped) => {
            let mut fits = machine.all().filter_map(|(tier, key)| Some((tier, wrapped.unwrap_with(key)?)));
            match fits.next() {
                Some((tier, key)) => State::Open { key, tier },
                None => State::Closed { tier, why: Closed::Machine },
            }
        }
    }
}

fn random<const N: usize>() -> io::Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    getrandom::fill(&mut *bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

const SEED: &str = "seed";
/// Words, keys and macaroons are far shorter.
const SECRET_BYTES_MAX: u64 = 1 << 16;

#[cfg(test)]
mod tests;
