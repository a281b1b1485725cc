//! What the CLI asks about the built-in node's channels.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ANSWER_WAIT, Answer, ControlError, Question, ask};
use crate::status::{ChannelsView, StatusSource};
use crate::tasks::Unanswered;

/// A question about channels.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChannelsQuestion {
    /// What is in them, beside them, and on the way back.
    Show,
    /// Agree with the peer to close this one.
    Close(String),
    /// Bring what is beside them to the savings.
    BringBack,
}

/// Asks the running Kilosat for its channels.
///
/// # Errors
/// [`ControlError`].
pub async fn ask_channels(path: &Path) -> Result<ChannelsView, ControlError> {
    match ask(path, &Question::Channels(ChannelsQuestion::Show), ANSWER_WAIT).await? {
        Answer::Channels(view) => Ok(*view),
        other => Err(other.unexpected()),
    }
}

/// Has the running Kilosat do something with its channels; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it is not done.
pub async fn order_channels(path: &Path, order: ChannelsQuestion) -> Result<String, ControlError> {
    super::done(ask(path, &Question::Channels(order), ANSWER_WAIT).await?)
}

pub(super) async fn reply(question: ChannelsQuestion, source: &StatusSource) -> Result<Answer, Unanswered> {
    let (went, text) = match question {
        ChannelsQuestion::Show => {
            return Ok(match source.channels().await? {
                Some(view) => Answer::Channels(Box::new(view)),
                None => Answer::Refused(NO_NODE.to_owned()),
            });
        }
        ChannelsQuestion::Close(channel) => (source.close_channel(&channel).await, CLOSES),
        ChannelsQuestion::BringBack => (source.bring_back().await, COMES),
    };
    Ok(match went {
        Ok(()) => Answer::Done(text.to_owned()),
        Err(fault) => Answer::Refused(fault.to_string()),
    })
}

const NO_NODE: &str = "the wallet is not the built-in node, or that does not run yet";
const CLOSES: &str = "The channel is being closed with the other side. How far that is: kilosat channels";
const COMES: &str = "It is on its way to the savings. How far that is: kilosat treasury moves";
