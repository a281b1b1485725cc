//! The configuration in force: read from `kilosat.toml`, changed on the page or by hand, and taken back if need be.

mod compare;
mod new_start;
mod stakes;
mod versions;

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use self::compare::{Line, Mark, lines_that_differ};
pub use self::stakes::{needs_new_start, raises_stakes};
pub use self::versions::Version;
use self::versions::Versions;
use crate::config::{Config, ConfigError, Problem, Profiles, read_bounded};
use crate::disk;
use crate::domain::money::UnixMillis;

/// The configuration in force and the file it came from. Clones share both.
#[derive(Clone)]
pub struct Settings {
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` for a configuration that is in no file and cannot be changed.
    path: Option<PathBuf>,
    live: watch::Sender<Arc<Config>>,
    wanted: watch::Sender<u64>,
    state: Mutex<State>,
    /// Changes are made one after the other.
    turn: tokio::sync::Mutex<()>,
}

struct State {
    /// The text of what is in force, or will be after the new start that was asked for.
    text: String,
    /// The text of what has really been in force.
    proven: String,
    /// What a new start is to take up.
    next: Option<Config>,
    /// What was done, which the journal does not know yet.
    untold: Vec<String>,
    /// The file as it was last seen.
    seen: Option<Stamp>,
    fault: Option<String>,
    /// What the file held at the last look; it is taken up when it still does at the next.
    settling: Option<String>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

/// What a changed text would mean.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The text of what is in force.
    pub before: String,
    /// The text it would replace: another one where somebody changed the file by hand and made a mistake.
    pub replaces: String,
    /// The new text.
    pub text: String,
    /// What it says.
    pub config: Config,
    /// It lets more be spent, or by somebody else, or opens a door: the owner's password is asked for.
    pub raises_stakes: bool,
    /// It is taken up by starting everything anew, which takes some seconds.
    pub needs_new_start: bool,
}

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// There is no file.
    #[error("This Kilosat was started without a configuration file, so nothing can be changed.")]
    NoFile,
    /// The new text holds mistakes.
    #[error("The change does not fit. Nothing was changed: {}", list(.0))]
    Wrong(Vec<Problem>),
    /// The file changed since the change was begun.
    #[error("kilosat.toml was changed by somebody else meanwhile. Nothing was changed; look at it once more.")]
    ChangedMeanwhile,
    /// The file holds mistakes that somebody made by hand.
    #[error("Nothing was changed, because the file has to be mended first, under Settings, the whole file. {0}")]
    ToBeMended(String),
    /// The file or its former versions could not be read or written.
    #[error(
        "kilosat.toml could not be changed ({0}). Nothing was changed; look at the disk and at who may write the file."
    )]
    Disk(String),
    /// A profile of the owner's is wrong.
    #[error("{0}. Nothing was changed; correct the profile.")]
    Profile(String),
    /// There is no such former version.
    #[error("This former version is not kept any more.")]
    NoVersion,
}

impl Settings {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Settings, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { path: path.display().to_string(), source };
        // What a link leads to is replaced, not the link.
        let path = path.canonicalize().map_err(unreadable)?;
        let seen = Stamp::of(&path);
        let text = read_bounded(&path).map_err(unreadable)?;
        let config = Config::parse_with(&text, &Profiles::beside(&path)?)
            .map_err(|problems| ConfigError::Wrong { path: path.display().to_string(), problems })?;
        Ok(Settings::new(Some(path), text, config, seen))
    }

    /// A configuration that is in no file, and stays as it is.
    pub fn fixed(config: Config) -> Settings {
        Settings::new(None, String::new(), config, None)
    }

    fn new(path: Option<PathBuf>, text: String, config: Config, seen: Option<Stamp>) -> Settings {
        let (live, wanted) = (watch::Sender::new(Arc::new(config)), watch::Sender::new(0));
        let state = Mutex::new(State {
            proven: text.clone(),
            text,
            next: None,
            untold: Vec::new(),
            seen,
            fault: None,
            settling: None,
        });
        Settings { shared: Arc::new(Shared { path, live, wanted, state, turn: tokio::sync::Mutex::default() }) }
    }

    /// Waits until no other change is being made; the next one waits until what comes back is dropped.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.shared.turn.lock().await
    }

    /// What is in force.
    pub fn config(&self) -> Arc<Config> {
        self.shared.live.borrow().clone()
    }

    /// The text of what is in force.
    pub fn text(&self) -> String {
        self.lock().text.clone()
    }

    /// The file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }

    /// Why the file is not what is in force, if it is not: for the owner.
    pub fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }

    /// What `text` would mean; nothing is changed.
    ///
    /// # Errors
    /// [`SettingsFault`].
    pub fn propose(&self, text: String) -> Result<Proposal, SettingsFault> {
        self.propose_in_place_of(text, self.text())
    }

    /// The same for a text that replaces what is in the file now, which may hold mistakes.
    ///
    /// # Errors
    /// [`SettingsFault`].
    pub fn propose_in_place_of(&self, text: String, replaces: String) -> Result<Proposal, SettingsFault> {
        let path = self.path().ok_or(SettingsFault::NoFile)?;
        let profiles = Profiles::beside(path).map_err(|fault| SettingsFault::Profile(fault.to_string()))?;
        let config = Config::parse_with(&text, &profiles).map_err(SettingsFault::Wrong)?;
        let now = self.config();
        Ok(Proposal {
            before: self.text(),
            replaces,
            raises_stakes: raises_stakes(&now, &config),
            needs_new_start: needs_new_start(&now, &config),
            text,
            config,
        })
    }

    /// Writes `text` to the file, and keeps what it replaces as a former version. Nothing is in force by that.
    ///
    /// Blocks until it is on disk.
    ///
    /// # Errors
    /// [`SettingsFault`]: the file is as it was.
    pub fn write(&self, proposal: &Proposal, what: &str, at: UnixMillis) -> Result<(), SettingsFault> {
        let path = self.path().ok_or(SettingsFault::NoFile)?;
        let mut state = self.lock();
        let on_disk = read_bounded(path).map_err(disk_fault)?;
        if on_disk != proposal.replaces || state.text != proposal.before {
            return Err(match &state.fault {
                Some(fault) if state.text == proposal.before => SettingsFault::ToBeMended(fault.clone()),
                _ => SettingsFault::ChangedMeanwhile,
            });
        }
        if proposal.replaces != proposal.before {
            self.versions().keep(&proposal.replaces, WITH_MISTAKES, at).map_err(disk_fault)?;
        }
        self.versions().keep(&proposal.before, what, at).map_err(disk_fault)?;
        disk::replace_like(path, proposal.text.as_bytes()).map_err(disk_fault)?;
        state.text.clone_from(&proposal.text);
        state.seen = Stamp::of(path);
        state.fault = None;
        Ok(())
    }

    /// Looks whether somebody changed the file by hand, and whether it has stayed so since the last look.
    ///
    /// A text with mistakes is not taken up; [`Settings::fault`] says why. What it replaces is kept as a former version.
    pub fn look(&self, at: UnixMillis) -> Option<Proposal> {
        let path = self.path()?;
        let mut state = self.lock();
        let stamp = Stamp::of(path);
        if stamp == state.seen && state.settling.is_none() {
            return None;
        }
        state.seen = stamp;
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(error) => {
                state.settling = None;
                state.fault = Some(format!("kilosat.toml cannot be read ({error}). What was in force stays so."));
                return None;
            }
        };
        if text == state.text {
            (state.settling, state.fault) = (None, None);
            return None;
        }
        // An editor may still be writing.
        if state.settling.as_ref() != Some(&text) {
            state.settling = Some(text);
            return None;
        }
        state.settling = None;
        drop(state);
        let proposal = self.propose(text);
        let mut state = self.lock();
        match proposal {
            Err(fault) => {
                // A profile that is mended changes nothing of this file.
                if matches!(fault, SettingsFault::Profile(_)) {
                    state.seen = None;
                }
                let why = match fault {
                    SettingsFault::Wrong(problems) => list(&problems),
                    other => other.to_string(),
                };
                state.fault = Some(format!(
                    "kilosat.toml was changed by hand and holds mistakes. What was in force stays so until they are mended: {why}"
                ));
                None
            }
            Ok(proposal) => {
                if let Err(error) = self.versions().keep(&state.text, BY_HAND, at) {
                    tracing::warn!(%error, "the former version of kilosat.toml could not be kept");
                }
                state.text.clone_from(&proposal.text);
                state.fault = None;
                Some(proposal)
            }
        }
    }

    /// The file's text as it is now, which may hold mistakes; of what is in force where it cannot be read.
    pub fn text_in_file(&self) -> String {
        self.path().and_then(|path| read_bounded(path).ok()).unwrap_or_else(|| self.text())
    }

    /// Makes a configuration the one in force, for what can take it up while it runs.
    pub fn put_in_force(&self, config: Config) {
        {
            let mut state = self.lock();
            state.proven = state.text.clone();
        }
        self.shared.live.send_replace(Arc::new(config));
    }

    /// Former versions, newest first.
    pub fn versions_kept(&self) -> Vec<Version> {
        self.versions().list()
    }

    /// Keeps `text` among the former versions.
    ///
    /// # Errors
    /// What the system says.
    pub fn keep_version(&self, text: &str, what: &str, at: UnixMillis) -> io::Result<()> {
        self.versions().keep(text, what, at)
    }

    /// The text of a former version.
    ///
    /// # Errors
    /// [`SettingsFault::NoVersion`].
    pub fn version(&self, number: u64) -> Result<String, SettingsFault> {
        self.versions().text(number).ok_or(SettingsFault::NoVersion)
    }

    fn versions(&self) -> Versions {
        Versions::in_directory(&self.config().state_directory.join("settings"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let of = |data: Metadata| Stamp {
            inode: data.ino(),
            bytes: data.len(),
            changed_s: data.ctime(),
            changed_ns: data.ctime_nsec(),
        };
        std::fs::metadata(path).ok().map(of)
    }
}

fn disk_fault(error: io::Error) -> SettingsFault {
    SettingsFault::Disk(error.to_string())
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

const WITH_MISTAKES: &str = "changed by hand, with mistakes";
const BY_HAND: &str = "changed by hand";

#[cfg(test)]
mod tests;
