//! Settings that come into force by a new start: asked for, made, or taken back.

use std::io;
use std::sync::Arc;

use super::{Settings, Stamp};
use crate::config::Config;
use crate::disk;
use crate::domain::money::UnixMillis;

impl Settings {
    /// Asks for a new start with this configuration.
    pub fn ask_for_new_start(&self, config: Config) {
        self.lock().next = Some(config);
        self.shared.wanted.send_modify(|count| *count += 1);
    }

    /// Asks for a new start that changes no setting, or with the one that was asked for already.
    pub fn ask_for_new_start_as_it_is(&self) {
        let config = (*self.config()).clone();
        self.lock().next.get_or_insert(config);
        self.shared.wanted.send_modify(|count| *count += 1);
    }

    /// Keeps what was done until the engine that is to record it runs.
    pub(crate) fn tell_later(&self, what: &str) {
        self.lock().untold.push(what.to_owned());
    }

    /// What was kept so.
    pub(crate) fn untold(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().untold)
    }

    /// Whether a new start was asked for and has not been made.
    pub fn waits_for_new_start(&self) -> bool {
        self.lock().next.is_some()
    }

    /// Returns when a new start is asked for.
    pub async fn new_start_asked_for(&self) {
        let mut wanted = self.shared.wanted.subscribe();
        while !self.waits_for_new_start() {
            // The sender lives as long as this.
            let _ = wanted.changed().await;
        }
    }

    /// Puts what a new start was asked for in force; what was in force before comes back, for when it does not start.
    pub fn begin_new_start(&self) -> Option<Arc<Config>> {
        let next = self.lock().next.take()?;
        let before = self.config();
        self.shared.live.send_replace(Arc::new(next));
        Some(before)
    }

    /// The new start succeeded.
    pub fn new_start_made(&self) {
        let mut state = self.lock();
        state.proven = state.text.clone();
    }

    /// The new start failed: `before` is in force again and in the file, so that the next start is no failure too; what did
    /// not start is kept as a former version.
    pub fn new_start_failed(&self, before: Arc<Config>, why: &str, at: UnixMillis) {
        self.shared.live.send_replace(before);
        let mut state = self.lock();
        if state.text == state.proven {
            state.fault =
                Some(format!("Kilosat could not start anew at first: {why}. It runs with the same settings."));
            return;
        }
        let taken_back = self.path().map_or(Ok(()), |path| {
            self.versions().keep(&state.text, DID_NOT_START, at)?;
            disk::replace_like(path, state.proven.as_bytes())?;
            state.seen = Stamp::of(path);
            Ok::<_, io::Error>(())
        });
        state.text = state.proven.clone();
        let file = match taken_back {
            Ok(()) => "What did not start is kept among the former versions.".to_owned(),
            Err(error) => format!("The file could not be set back ({error}); mend it before the next start."),
        };
        state.fault =
            Some(format!("Kilosat could not start with the new settings: {why}. It runs with those before. {file}"));
    }
}

const DID_NOT_START: &str = "could not be started with";
