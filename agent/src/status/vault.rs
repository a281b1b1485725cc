//! The words and the credentials on the disk: opened, kept in another way, and recovered from paper.

use super::StatusSource;
use crate::agent::{WORDS_CHECKED, name_of};
use crate::engine::Event;
use crate::lightning::LightningService;
use crate::vault::{Protection, Vault, VaultFault};

impl StatusSource {
    /// Opens what the passphrase seals; Kilosat starts anew with it. `by` is who did that, for the journal.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn open_words(&self, passphrase: String, by: &str) -> Result<(), VaultFault> {
        let (name_of, by) = (name_of(&self.config()), by.to_owned());
        let told = move |done: &Result<(), VaultFault>| match done {
            Ok(()) => Some(format!("the words were opened with the passphrase {by}")),
            Err(VaultFault::WrongPassphrase) => Some(format!("a wrong passphrase was entered {by}")),
            Err(_) => None,
        };
        self.with_vault(move |vault| vault.unlock(&passphrase, &name_of), told, true).await
    }

    /// Keeps the words and the credentials in another way from now on.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn protect(&self, with: Protection, by: &str) -> Result<(), VaultFault> {
        let (config, by, vault) = (self.config(), by.to_owned(), self.vault.clone());
        let is_sealing = !matches!(with, Protection::Nothing);
        if is_sealing && !config.state_directory.join(WORDS_CHECKED).exists() {
            return Err(VaultFault::NotOnPaper);
        }
        let name_of = name_of(&config);
        let told = move |done: &Result<(), VaultFault>| {
            let how = vault.status().tier_as_text();
            matches!(done, Ok(()) | Err(VaultFault::Half(_)))
                .then(|| format!("the words are {how} from now on, as was said {by}"))
        };
        self.with_vault(move |vault| vault.protect(&with, &name_of), told, false).await
    }

    /// Puts the words from paper in the place of those that cannot be opened; Kilosat starts anew with them.
    ///
    /// # Errors
    /// [`VaultFault`].
    pub async fn recover_words(&self, words: String, by: &str) -> Result<(), VaultFault> {
        let told = format!("the words were entered from paper {by}");
        let told = move |done: &Result<(), VaultFault>| done.is_ok().then_some(told);
        self.with_vault(move |vault| vault.recover(&words), told, true).await
    }

    /// A passphrase takes most of a second, and what was begun is done to its end, whoever has gone away meanwhile.
    async fn with_vault(
        &self,
        work: impl FnOnce(&Vault) -> Result<(), VaultFault> + Send + 'static,
        told: impl FnOnce(&Result<(), VaultFault>) -> Option<String> + Send + 'static,
        starts_anew: bool,
    ) -> Result<(), VaultFault> {
        let source = self.clone();
        let done = tokio::spawn(async move {
            // No new start comes in between, and what waits for one is not touched.
            let _turn = source.settings.turn().await;
            if source.settings.waits_for_new_start() {
                return Err(VaultFault::StartsAnew);
            }
            let vault = source.vault.clone();
            let done = tokio::task::spawn_blocking(move || work(&vault)).await;
            let done = done.unwrap_or_else(|error| Err(VaultFault::NoKey(error.to_string())));
            if let Some(what) = told(&done) {
                tracing::info!("{what}");
                // The engine being gone ends the program; nothing is more important then.
                let _ = source.engine.submit(Event::Access(what)).await;
            }
            // Opened before, without the new start that was to follow.
            let is_left_over =
                done == Err(VaultFault::IsOpen) && matches!(source.lightning, LightningService::Sealed(_));
            if starts_anew && (done.is_ok() || is_left_over) {
                source.settings.ask_for_new_start_as_it_is();
            }
            done
        });
        done.await.unwrap_or_else(|error| Err(VaultFault::NoKey(error.to_string())))
    }
}
