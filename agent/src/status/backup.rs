//! The last backup, as the page, the CLI and messages to the owner say it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The last backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupStatus {
    /// Where one is made every day, if it is.
    pub folder: Option<String>,
    /// When the newest good one was made, ms since 1970.
    pub made_ms: Option<u64>,
    /// Where it is.
    pub file: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// It was opened with the owner's words after it was written, and every part of it compared.
    pub opened: bool,
    /// It is on the disk that Kilosat itself is on.
    pub same_disk: bool,
    /// There should be a newer one: it is older than three days.
    pub is_old: bool,
    /// Why the one after it failed, if it did.
    pub fault: Option<String>,
}

impl BackupStatus {
    pub(super) fn as_text(&self, now_ms: u64) -> String {
        let made = match (&self.file, self.made_ms) {
            (Some(file), Some(made)) => format!("{file}, {} h ago", now_ms.saturating_sub(made) / 3_600_000),
            _ => "none yet".to_owned(),
        };
        let fault = self.fault.as_ref().map_or_else(String::new, |fault| format!("\n  THE LAST ONE FAILED: {fault}"));
        let old = if self.is_old { "\n  It is older than three days." } else { "" };
        format!("Backup: {made}{old}{fault}")
    }
}
