//! What the CLI asks about backups and the words that open them.

use std::path::{Path, PathBuf};

use super::{Answer, ControlError, DISK_WAIT, LINE_WAIT, Question, ask};
use crate::backup::{Made, Target};
use crate::status::{StatusSource, WantedWords};

/// Lets the running Kilosat make a backup in this folder, or in the one of its configuration.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why there is none.
pub async fn ask_backup(path: &Path, folder: Option<PathBuf>) -> Result<Made, ControlError> {
    match ask(path, &Question::Backup { folder }, DISK_WAIT + LINE_WAIT).await? {
        Answer::Backup(made) => Ok(*made),
        other => Err(other.unexpected()),
    }
}

/// Lets the running Kilosat use these words in place of those that it made; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it does not.
pub async fn use_words(path: &Path, words: String) -> Result<String, ControlError> {
    match ask(path, &Question::Words { words }, LINE_WAIT * 2).await? {
        Answer::Done(text) => Ok(text),
        other => Err(other.unexpected()),
    }
}

pub(super) async fn reply_about_words(words: String, source: &StatusSource) -> Answer {
    match source.replace_words(WantedWords::These(words), "on the machine itself").await {
        Ok(()) => Answer::Done("Kilosat starts anew with these words. Savings under them: kilosat treasury".to_owned()),
        Err(fault) => Answer::Refused(fault.to_string()),
    }
}

pub(super) async fn reply(folder: Option<PathBuf>, source: &StatusSource) -> Answer {
    match source.back_up(folder.map_or(Target::Configured, Target::Folder)).await {
        Ok(made) => Answer::Backup(Box::new(made)),
        Err(fault) => Answer::Refused(fault.to_string()),
    }
}
