//! What the CLI asks about how the words are kept.

use std::path::Path;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ANSWER_WAIT, Answer, ControlError, Question, ask, done};
use crate::status::StatusSource;
use crate::vault::{Protection, Tier, VaultFault};

/// What is to be done. It may hold a passphrase or words, so it is never shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeysQuestion {
    /// Open them.
    Open {
        /// The owner's.
        passphrase: String,
    },
    /// Seal them with a passphrase.
    Seal {
        /// The owner's.
        passphrase: String,
    },
    /// Seal them with this key of the machine, or with the strongest that it gave.
    UseMachine {
        /// Which.
        tier: Option<Tier>,
    },
    /// Keep them as they are.
    Unseal,
    /// Put these in the place of those that cannot be opened.
    Recover {
        /// From paper.
        words: String,
    },
}

/// Has the running Kilosat do it; the answer is one sentence.
///
/// # Errors
/// [`ControlError`]; [`ControlError::Refused`] says why it was not done.
pub async fn ask_keys(path: &Path, question: KeysQuestion) -> Result<String, ControlError> {
    done(ask(path, &Question::Keys(question), ANSWER_WAIT).await?)
}

pub(super) async fn reply(question: KeysQuestion, source: &StatusSource) -> Answer {
    let protect = async |with| {
        source.protect(with, BY).await?;
        Ok(format!("The words are {} from now on.", source.vault.status().tier_as_text()))
    };
    let done: Result<String, VaultFault> = match question {
        KeysQuestion::Open { passphrase } => source.open_words(passphrase, BY).await.map(|()| OPENED.to_owned()),
        KeysQuestion::Recover { words } => source.recover_words(words, BY).await.map(|()| RECOVERED.to_owned()),
        KeysQuestion::Seal { passphrase } => protect(Protection::Passphrase(Zeroizing::new(passphrase))).await,
        KeysQuestion::UseMachine { tier } => protect(Protection::Machine(tier)).await,
        KeysQuestion::Unseal => protect(Protection::Nothing).await,
    };
    done.map_or_else(|fault| Answer::Refused(fault.to_string()), Answer::Done)
}

const BY: &str = "on the machine itself";
const OPENED: &str = "The words are open until Kilosat is started again. It begins to pay in a moment: kilosat status";
const RECOVERED: &str = "These are the words of this device, and they are on the card as they are now. Kilosat begins to pay \
                         in a moment; a wallet outside it needs its credential again. To seal them: kilosat keys protect";
