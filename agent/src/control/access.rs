//! What the CLI asks about who may use the page.

use std::path::Path;

use super::{ANSWER_WAIT, Answer, ControlError, Question, answered, ask, done};
use crate::engine::Event;
use crate::status::StatusSource;
use crate::tasks::Unanswered;

/// Asks the running Kilosat for a new setup code; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] when it has an owner.
pub async fn new_setup_code(path: &Path) -> Result<String, ControlError> {
    done(ask(path, &Question::SetupCode, ANSWER_WAIT).await?)
}

/// Sets the password of the running Kilosat's page and ends all sessions; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] when the password is too easy to guess.
pub async fn set_password(path: &Path, password: String) -> Result<String, ControlError> {
    done(ask(path, &Question::Password { password }, ANSWER_WAIT).await?)
}

pub(super) fn reply_with_code(source: &StatusSource) -> Answer {
    answered(
        source.access.new_setup_code().map_err(|denied| denied.to_string()).map(|code| {
            format!("The setup code is {code}. It holds for 30 minutes: open the page and enter it there.")
        }),
    )
}

pub(super) async fn reply_to_password(password: &str, source: &StatusSource) -> Result<Answer, Unanswered> {
    Ok(match source.access.set_password(password).await {
        Ok(()) => {
            source.engine.submit(Event::Access("a new password was set on the machine itself".to_owned())).await?;
            Answer::Done("The page has a new password, and all sessions have ended.".to_owned())
        }
        Err(denied) => Answer::Refused(denied.to_string()),
    })
}
