//! What the CLI asks about the soundness of the money database.

use std::path::Path;

use super::{Answer, ControlError, DISK_WAIT, LINE_WAIT, Question, answered, ask, done};
use crate::status::StatusSource;
use crate::tasks::Unanswered;

/// Lets the running Kilosat look at all of its money database; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says what is wrong with it.
pub async fn ask_to_verify(path: &Path) -> Result<String, ControlError> {
    done(ask(path, &Question::Verify, DISK_WAIT + LINE_WAIT).await?)
}

pub(super) async fn reply(source: &StatusSource) -> Result<Answer, Unanswered> {
    let verified = source.engine.verify().await?;
    Ok(answered(verified.map(|entries| {
        format!(
            "money.db is sound: every page can be read, every account is the sum of its postings, and each of {entries} \
             entries of the journal follows from the one before."
        )
    })))
}
