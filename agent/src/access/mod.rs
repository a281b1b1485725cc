//! Who may use the page: a setup code for a device that is nobody's yet, then its owner's password and sessions.
//!
//! Sources: `reliability-security`, rules 8.7, 10.1, 10.5 and 10.6.

mod code;
mod password;
mod session;
mod throttle;
mod tokens;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use self::code::SetupCode;
use self::session::Sessions;
use self::throttle::Throttle;
use crate::clock::Clock;
use crate::disk;

pub use session::SessionView;
pub use tokens::{NAME_CHARS_MAX, Scope, TokenView};

/// Asks whether somebody may. Clones share what is known.
#[derive(Clone)]
pub struct Access {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    clock: Clock,
    state: Mutex<State>,
    /// A password takes 19 MiB and some time to check: one at a time.
    hashing: Semaphore,
}

struct State {
    kept: Kept,
    /// What is on disk is not known.
    is_unreadable: bool,
    setup: Option<SetupCode>,
    sessions: Sessions,
    throttle: Throttle,
}

/// What is on disk, in `access.json` of the state directory; written and read by this file alone.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// Argon2id with its parameters and salt; absent while the device is nobody's.
    password: Option<String>,
    /// Wrong passwords since the last right one, so that a restart is no new chance.
    #[serde(default)]
    failures: u32,
    /// Of programs.
    #[serde(default)]
    tokens: Vec<tokens::Token>,
    /// How many tokens were ever made.
    #[serde(default)]
    tokens_made: u64,
}

/// What proves a session: a secret that is shown to nobody but the browser it belongs to.
pub struct Token(String);

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// The device is nobody's yet.
    #[error("This Kilosat has no owner yet. Set it up first.")]
    Unclaimed,
    /// The device is somebody's already.
    #[error(
        "This Kilosat has an owner already. Log in with the password; if it is forgotten, enter on the machine itself: kilosat password"
    )]
    Claimed,
    /// The setup code is wrong.
    #[error(
        "This is not the setup code. {0} more can be wrong, then a new code is needed: enter on the machine itself: kilosat setup-code"
    )]
    WrongCode(u32),
    /// There is no setup code that still holds.
    #[error("The setup code no longer holds. Enter on the machine itself: kilosat setup-code")]
    NoCode,
    /// The password is wrong, and so many were since the last right one.
    #[error("This is not the password.")]
    WrongPassword(u32),
    /// Too many wrong passwords.
    #[error("Too many wrong passwords. Try again in {0} seconds.")]
    Wait(u64),
    /// The password is too easy to guess.
    #[error("{0}")]
    Weak(&'static str),
    /// There are so many tokens already.
    #[error("There are {0} access tokens already, and more cannot be kept. Revoke one that is not used first.")]
    TooMany(usize),
    /// A password or token could not be written or checked.
    #[error("This could not be kept ({0}). Nothing was changed; check the disk or SD card.")]
    Failed(String),
}

impl Access {
    /// What is known in `directory`. A file that cannot be read lets nobody in, rather than everybody.
    pub fn open(directory: &Path, clock: Clock) -> Access {
        let path = directory.join("access.json");
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(error.to_string()),
        };
        let is_unreadable = read.is_err();
        let kept = read.unwrap_or_else(|error| {
            tracing::error!(error, "access.json cannot be read: nobody can log in until you enter: kilosat password");
            // No password hashes to this.
            Kept { password: Some(String::new()), ..Kept::default() }
        });
        let throttle = Throttle::after(kept.failures, clock.elapsed_ms());
        let setup = kept.password.is_none().then(|| SetupCode::at_start(clock.elapsed_ms()));
        let state = Mutex::new(State { kept, is_unreadable, setup, sessions: Sessions::default(), throttle });
        Access { shared: Arc::new(Shared { path, clock, state, hashing: Semaphore::new(1) }) }
    }

    /// Whether the device has an owner.
    pub fn is_claimed(&self) -> bool {
        self.lock().kept.password.is_some()
    }

    /// The setup code that holds, for whoever is at the machine itself.
    pub fn setup_code(&self) -> Option<String> {
        let now_ms = self.now_ms();
        self.lock().setup.as_ref().filter(|code| code.holds(now_ms)).map(SetupCode::text)
    }

    /// A new setup code in place of the old one, for whoever is at the machine itself.
    ///
    /// # Errors
    /// [`Denied::Claimed`].
    pub fn new_setup_code(&self) -> Result<String, Denied> {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        if state.kept.password.is_some() {
            return Err(Denied::Claimed);
        }
        let code = SetupCode::new(now_ms);
        let text = code.text();
        state.setup = Some(code);
        Ok(text)
    }

    /// Makes whoever knows the setup code the owner.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn claim(&self, from: IpAddr, browser: &str, code: &str, password: &str) -> Result<Token, Denied> {
        password::require_strong(password)?;
        let now_ms = self.now_ms();
        {
            let mut state = self.lock();
            if state.kept.password.is_some() {
                return Err(Denied::Claimed);
            }
            state.setup.as_mut().ok_or(Denied::NoCode)?.check(code, now_ms)?;
        }
        let hash = self.hash(password).await?;
        let mut state = self.lock();
        if state.kept.password.is_some() {
            return Err(Denied::Claimed);
        }
        self.keep(&mut state, Kept { password: Some(hash), ..Kept::default() })?;
        state.setup = None;
        Ok(Token(state.sessions.begin(from, browser, now_ms)))
    }

    /// Begins a session for whoever knows the password.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn log_in(&self, from: IpAddr, browser: &str, password: &str) -> Result<Token, Denied> {
        let now_ms = self.now_ms();
        self.with_password(from, password, |state| Token(state.sessions.begin(from, browser, now_ms))).await
    }

    /// Checks the password, as before what cannot be undone.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn confirm(&self, from: IpAddr, password: &str) -> Result<(), Denied> {
        self.with_password(from, password, |_| ()).await
    }

    /// Does `then` for whoever knows the password that is in force at that moment.
    async fn with_password<T>(
        &self,
        from: IpAddr,
        password: &str,
        then: impl FnOnce(&mut State) -> T,
    ) -> Result<T, Denied> {
        let now_ms = self.now_ms();
        let hash = {
            let mut state = self.lock();
            let hash = state.kept.password.clone().ok_or(Denied::Unclaimed)?;
            // It counts as wrong until it was right: a hundred tries at once are a hundred tries.
            state.throttle.begin(from, now_ms).map_err(Denied::Wait)?;
            hash
        };
        let is_right = self.is_password(hash.clone(), password).await?;
        let mut state = self.lock();
        // Meanwhile the owner may have set another one.
        if !is_right || state.kept.password.as_ref() != Some(&hash) {
            let so_far = state.throttle.failures();
            self.count(&mut state, so_far);
            return Err(Denied::WrongPassword(so_far));
        }
        state.throttle.forgive(from);
        self.count(&mut state, 0);
        Ok(then(&mut state))
    }

    /// Remembers wrong passwords over a restart, ever more seldom so that nobody wears out the card with them. What the disk
    /// does not take is counted in memory; over a file that could not be read nothing is written.
    fn count(&self, state: &mut State, failures: u32) {
        let is_worth_it = failures <= WRITTEN_EACH || failures.is_power_of_two();
        if !state.is_unreadable && state.kept.failures != failures && is_worth_it {
            let kept = Kept { failures, ..state.kept.clone() };
            let _ = self.keep(state, kept);
        }
    }

    /// Sets a new password and ends every session, for whoever is at the machine itself or has confirmed the old one.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn set_password(&self, password: &str) -> Result<(), Denied> {
        password::require_strong(password)?;
        let hash = self.hash(password).await?;
        let mut state = self.lock();
        let kept = Kept { password: Some(hash), failures: 0, ..state.kept.clone() };
        self.keep(&mut state, kept)?;
        state.is_unreadable = false;
        state.setup = None;
        state.sessions = Sessions::default();
        state.throttle = Throttle::after(0, self.now_ms());
        Ok(())
    }

    /// Sets a password that nobody knows yet and returns it, for a house that lives as long as the demo.
    ///
    /// # Errors
    /// [`Denied::Failed`].
    pub async fn set_any_password(&self) -> Result<String, Denied> {
        let mut codes = std::iter::repeat_with(|| SetupCode::new(0).text());
        let password = codes.find(|code| password::require_strong(code).is_ok()).unwrap_or_default();
        self.set_password(&password).await.map(|()| password)
    }

    /// The session that `token` proves; it lives on where its owner did something.
    pub fn session(&self, token: &str, is_use: bool) -> Option<SessionView> {
        let now_ms = self.now_ms();
        self.lock().sessions.find(token, now_ms, is_use)
    }

    /// Ends the session that `token` proves.
    pub fn log_out(&self, token: &str) {
        self.lock().sessions.end(token);
    }

    /// Every session that holds, the newest last.
    pub fn sessions(&self) -> Vec<SessionView> {
        let now_ms = self.now_ms();
        self.lock().sessions.list(now_ms)
    }

    /// Ends the session with this number; whether there was one.
    pub fn end_session(&self, number: u64) -> bool {
        self.lock().sessions.end_numbered(number)
    }

    /// Sets a new password in place of `old`, and ends every session.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn change_password(&self, from: IpAddr, old: &str, new: &str) -> Result<(), Denied> {
        password::require_strong(new)?;
        self.confirm(from, old).await?;
        self.set_password(new).await
    }

    fn keep(&self, state: &mut State, kept: Kept) -> Result<(), Denied> {
        let failed = |why: String| Denied::Failed(why);
        let json = serde_json::to_vec(&kept).map_err(|error| failed(error.to_string()))?;
        disk::replace(&self.shared.path, &json).map_err(|error| failed(error.to_string()))?;
        state.kept = kept;
        Ok(())
    }

    async fn hash(&self, password: &str) -> Result<String, Denied> {
        let password = password.to_owned();
        self.one_at_a_time(move || password::hash(&password)).await?
    }

    async fn is_password(&self, hash: String, password: &str) -> Result<bool, Denied> {
        let password = password.to_owned();
        self.one_at_a_time(move || password::matches(&hash, &password)).await
    }

    async fn one_at_a_time<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Denied> {
        let gone = || Denied::Failed("Kilosat is being stopped".to_owned());
        let _turn = self.shared.hashing.acquire().await.map_err(|_| gone())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| gone())
    }

    fn now_ms(&self) -> u64 {
        self.shared.clock.elapsed_ms()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Token {
    /// For the browser alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Secrets are compared by what they hash to, which tells nobody how much of a guess was right.
fn digest(secret: &str) -> [u8; 32] {
    use bitcoin::hashes::{Hash as _, sha256};
    sha256::Hash::hash(secret.as_bytes()).to_byte_array()
}

/// # Panics
/// When the kernel gives no entropy: without it nothing here is secret.
fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the kernel gives random numbers");
    bytes
}

/// The first wrong passwords are written one by one.
const WRITTEN_EACH: u32 = 20;

#[cfg(test)]
mod tests;
