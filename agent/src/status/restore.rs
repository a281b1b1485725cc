//! A backup that takes the place of the state of a device that holds nothing yet.

use std::path::PathBuf;

use super::StatusSource;
use crate::agent::NEXT;
use crate::backup::{CONFIG_RESTORED, RestoreFault, Restored, restore};
use crate::tasks::EngineGone;

/// Why nothing was restored. The state is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestorationFault {
    /// This device has a past of its own.
    #[error(
        "this Kilosat has paid or received something already, or has savings, which would be lost. Nothing was restored; \
         restore on a new card, or begin with an empty state directory"
    )]
    InUse,
    /// The backup cannot be used.
    #[error(transparent)]
    Restore(#[from] RestoreFault),
    /// It cannot be put aside for the new start.
    #[error("the restored state could not be put in place ({0}). Nothing was restored; look at the disk")]
    Disk(#[from] std::io::Error),
    /// The engine is gone.
    #[error(transparent)]
    Gone(#[from] EngineGone),
}

impl StatusSource {
    /// Whether nothing has happened here yet that a backup could take the place of.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn has_no_past(&self) -> Result<bool, EngineGone> {
        self.engine.work(|engine, _| engine.has_no_past()).await
    }

    /// Restores `file` with these words; Kilosat starts anew with what was in it, locked. `by` is who wanted that. The
    /// configuration of the backup is kept among the former versions.
    ///
    /// # Errors
    /// [`RestorationFault`]; nothing was changed.
    pub async fn restore(&self, file: PathBuf, words: String, by: &str) -> Result<Restored, RestorationFault> {
        let (source, what) = (self.clone(), format!("a backup was restored {by}"));
        // Goes on when nobody waits for it any more, as other words do.
        let restoring = tokio::spawn(async move {
            let _turn = source.settings.turn().await;
            if !source.has_no_past().await? {
                return Err(RestorationFault::InUse);
            }
            let (network, now) = (source.config().network, source.clock.now().wall);
            let (settings, vault) = (source.settings.clone(), source.vault.clone());
            let prepare = move |directory: &std::path::Path| {
                let next = directory.join(NEXT);
                let _ = std::fs::remove_dir_all(&next);
                let restored = restore(&file, &words, (&next, &vault), Some(network), now)?;
                if let Ok(text) = std::fs::read_to_string(next.join(CONFIG_RESTORED)) {
                    settings.keep_version(&text, FROM_BACKUP, now)?;
                }
                Ok(restored)
            };
            source.let_wait(what, prepare).await
        });
        restoring.await.map_err(std::io::Error::other)?
    }
}

const FROM_BACKUP: &str = "from the backup that was restored";
