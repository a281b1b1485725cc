//! Other words than those that this device made by itself.

use std::path::Path;

use super::StatusSource;
use crate::agent::{NothingWaits, let_words_wait};
use crate::keys::{KeyError, Seed, WordCount};
use crate::tasks::EngineGone;

/// Which words are wanted.
pub enum WantedWords {
    /// Those that somebody wrote down.
    These(String),
    /// So many new ones.
    New(WordCount),
}

/// Why the words stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum WordsFault {
    /// Not twelve to 24 words of the list, or mistyped.
    #[error(
        "these are not twelve to 24 valid words. Nothing was changed; compare them with your paper, word by word and in \
         their order"
    )]
    Invalid,
    /// Money is under the present ones.
    #[error(
        "money is or was under the words of this device, so they stay as they are. Nothing was changed; to use other words, \
         install Kilosat on another card, or send the money away first and begin with an empty state directory"
    )]
    InUse,
    /// There is no randomness.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// They cannot be written.
    #[error("the words could not be written ({0}). Nothing was changed; look at the disk")]
    Disk(#[from] std::io::Error),
    /// The engine is gone.
    #[error(transparent)]
    Gone(#[from] EngineGone),
}

impl StatusSource {
    /// Whether no money is or was under the words of this device.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn words_hold_nothing(&self) -> Result<bool, EngineGone> {
        self.engine.work(|engine, _| engine.words_hold_nothing()).await
    }

    /// Puts the words that somebody wrote down, or new ones, in the place of those of this device; it starts anew with them.
    /// `by` is who wanted that, for the journal.
    ///
    /// # Errors
    /// [`WordsFault`]; nothing was changed.
    pub async fn replace_words(&self, wanted: WantedWords, by: &str) -> Result<(), WordsFault> {
        if let Some(why) = self.vault.closed() {
            return Err(KeyError::Closed(why).into());
        }
        let (seed, is_written_down) = match wanted {
            WantedWords::These(words) => (Seed::from_words(&words).ok_or(WordsFault::Invalid)?, true),
            WantedWords::New(count) => (Seed::fresh(count)?, false),
        };
        let (source, vault, what) = (self.clone(), self.vault.clone(), format!("the words were replaced {by}"));
        // Goes on when nobody waits for it any more: what waits takes its place at the next start.
        let replaced = tokio::spawn(async move {
            let _turn = source.settings.turn().await;
            if !source.words_hold_nothing().await? {
                return Err(WordsFault::InUse);
            }
            source.let_wait(what, move |directory| Ok(let_words_wait(directory, &vault, &seed, is_written_down)?)).await
        });
        replaced.await.map_err(std::io::Error::other)?
    }

    /// Lets something wait, by `prepare`, and asks for the new start with which it takes its place. Whatever fails, nothing
    /// waits.
    pub(super) async fn let_wait<T, F>(
        &self,
        what: String,
        prepare: impl FnOnce(&Path) -> Result<T, F> + Send + 'static,
    ) -> Result<T, F>
    where
        T: Send + 'static,
        F: From<std::io::Error> + From<EngineGone> + Send + 'static,
    {
        let directory = self.config().state_directory.clone();
        let nothing_waits = NothingWaits::unless_kept(&directory);
        let preparing = tokio::task::spawn_blocking(move || prepare(&directory));
        let prepared = preparing.await.map_err(|error| F::from(std::io::Error::other(error)))??;
        self.engine.submit(crate::engine::Event::Access(what)).await?;
        nothing_waits.keep();
        self.settings.ask_for_new_start_as_it_is();
        Ok(prepared)
    }
}
