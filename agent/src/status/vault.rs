//! The words and the credentials on the disk: opened, kept in another way, and recovered from paper.

use super::StatusSource;
use crate::agent::{WORDS_CHECKED, name_of};
use crate::engine::Event;
use crate::vault::{Protection, Vault, VaultFault};

impl StatusSource {
    /// Opens what the passphrase seals; Kilosat starts anew with it. `by` is who did that, for the journal.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn open_words(&self, passphrase: String, by: &str) -> Result<(), VaultFault> {
        let name_of = name_of(&self.config());
        let opened = self.with_vault(move |vault| vault.unlock(&passphrase, &name_of)).await;
        if opened == Err(VaultFault::WrongPassphrase) {
            self.note(format!("a wrong passphrase was entered {by}")).await;
        }
        opened?;
        self.note(format!("the words were opened with the passphrase {by}")).await;
        self.settings.ask_for_new_start_as_it_is();
        Ok(())
    }

    /// Keeps the words and the credentials in another way from now on.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn protect(&self, with: Protection, by: &str) -> Result<(), VaultFault> {
        let config = self.config();
        let is_sealing = !matches!(with, Protection::Nothing);
        if is_sealing && !config.state_directory.join(WORDS_CHECKED).exists() {
            return Err(VaultFault::NotOnPaper);
        }
        let name_of = name_of(&config);
        let done = self.with_vault(move |vault| vault.protect(&with, &name_of)).await;
        if matches!(done, Ok(()) | Err(VaultFault::Half(_))) {
            let how = self.vault.status().tier_as_text();
            self.note(format!("the words are {how} from now on, as was said {by}")).await;
        }
        done
    }

    /// Puts the words from paper in the place of those that cannot be opened; Kilosat starts anew with them.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn recover_words(&self, words: String, by: &str) -> Result<(), VaultFault> {
        self.with_vault(move |vault| vault.recover(&words)).await?;
        self.note(format!("the words were entered from paper {by}")).await;
        self.settings.ask_for_new_start_as_it_is();
        Ok(())
    }

    /// A passphrase takes most of a second, and what was begun is not left half done.
    async fn with_vault(
        &self,
        work: impl FnOnce(&Vault) -> Result<(), VaultFault> + Send + 'static,
    ) -> Result<(), VaultFault> {
        let (vault, settings) = (self.vault.clone(), self.settings.clone());
        let done = tokio::spawn(async move {
            // No new start comes in between, and what waits for one is not touched.
            let _turn = settings.turn().await;
            if settings.waits_for_new_start() {
                return Ok(Err(VaultFault::StartsAnew));
            }
            tokio::task::spawn_blocking(move || work(&vault)).await
        });
        done.await.and_then(|done| done).map_err(|error| VaultFault::NoKey(error.to_string()))?
    }

    /// The engine being gone ends the program; nothing is more important then.
    async fn note(&self, what: String) {
        tracing::info!("{what}");
        let _ = self.engine.submit(Event::Access(what)).await;
    }
}
