//! Why secrets cannot be opened, or stay as they are.

use std::io;

/// Why what is sealed cannot be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The owner has not entered the passphrase since this program started.
    #[error(
        "the words are sealed with your passphrase, which nobody has entered since Kilosat started. Nothing is paid \
         meanwhile; enter it on the page, or with: kilosat keys open"
    )]
    Passphrase,
    /// The key of this machine is not there, or is another one.
    #[error(
        "the words are sealed with a key of the machine, and this machine does not have it. Nothing is paid meanwhile; \
         enter the words from your paper on the page, or with: kilosat keys recover"
    )]
    Machine,
    /// The file with the wrapped key cannot be read.
    #[error(
        "the file data-key, with which the words are opened, is damaged. Nothing is paid meanwhile; enter the words from \
         your paper on the page, or with: kilosat keys recover"
    )]
    Damaged,
}

/// Why a file that may be sealed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The system does not let it be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is sealed, and what opens it is not there. What it belongs to can be said all the same.
    #[error("{why}")]
    Closed {
        /// What was noted beside it.
        of: String,
        /// Why.
        why: Closed,
    },
}

/// Why the way of keeping the words stays as it is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultFault {
    /// The passphrase is easy to guess.
    #[error(
        "The passphrase is too short: take 15 characters or more, such as five words. Whoever has the card can try as often \
         as he likes. Nothing was changed."
    )]
    Weak,
    /// It is not the passphrase.
    #[error("This is not the passphrase. The words stay sealed; try again, or enter the words from your paper.")]
    WrongPassphrase,
    /// There is nothing to open.
    #[error("The words are open already.")]
    IsOpen,
    /// The words cannot be opened now.
    #[error("This cannot be done now: {0}")]
    Closed(Closed),
    /// No key of the machine was handed over.
    #[error(
        "This machine has given Kilosat no such key, so nothing was changed. Enter on the machine itself: sudo kilosat keys \
         protect --with tpm2 (or host, or otp)"
    )]
    NoMachineKey,
    /// What was entered are no words.
    #[error("These are not twelve to 24 valid words. Nothing was changed; compare them with your paper, word by word.")]
    NoWords,
    /// What was entered are other words.
    #[error(
        "These are valid words, but not those of this device. Nothing was changed; look for the paper that belongs to it."
    )]
    OtherWords,
    /// There is no randomness, or the hash cannot be computed.
    #[error("This machine could not make a key ({0}). Nothing was changed.")]
    NoKey(String),
    /// The disk does not take it.
    #[error("This could not be written ({0}). What was there before is still there; look at the disk.")]
    Disk(String),
}

#[allow(clippy::needless_pass_by_value)] // for map_err
pub(super) fn disk(error: io::Error) -> VaultFault {
    VaultFault::Disk(error.to_string())
}
