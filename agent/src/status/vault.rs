//! The words and the credentials on the disk: opened, kept in another way, and recovered from paper.

use super::StatusSource;
use crate::agent::name_of;
use crate::engine::Event;
use crate::vault::{Protection, Vault, VaultFault};

impl StatusSource {
    /// Opens what the passphrase seals; Kilosat starts anew with it. `by` is who did that, for the journal.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn open_words(&self, passphrase: String, by: &str) -> Result<(), VaultFault> {
        let name_of = name_of(&self.config());
        self.with_vault(move |vault| vault.unlock(&passphrase, &name_of)).await?;
        self.note(format!("the words were opened with the passphrase {by}")).await;
        self.settings.ask_for_new_start_as_it_is();
        Ok(())
    }

    /// Keeps the words and the credentials in another way from now on.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn protect(&self, with: Protection, by: &str) -> Result<(), VaultFault> {
        let name_of = name_of(&self.config());
        self.with_vault(move |vault| vault.protect(&with, &name_of)).await?;
        self.note(format!("the words are {} from now on, as was said {by}", self.vault.status().tier.as_text())).await;
        Ok(())
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
            // No new start comes in between.
            let _turn = settings.turn().await;
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
