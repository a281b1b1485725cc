//! Why secrets cannot be opened, or stay as they are.

use std::io;

/// Why what is sealed cannot be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The owner has not entered the passphrase since this program started.
    #[error(
        "the words are sealed with your passphrase, which nobody has entered since Kilosat started. What is under them waits; \
         enter it on the page, or with: kilosat keys open"
    )]
    Passphrase,
    /// The key of this machine is not there, or is another one.
    #[error(
        "the words are sealed with a key of the machine, and this machine has not given it. What is under them waits; start \
         the machine again, and put the card back into its own one. If that does not help, enter the words from your paper on \
         the page, or with: kilosat keys recover"
    )]
    Machine,
    /// What is on the disk is not what was written there.
    #[error(
        "a file that opens the words is damaged or missing. What is under them waits; enter the words from your paper on the \
         page, or with: kilosat keys recover"
    )]
    Damaged,
    /// The file with the wrapped key cannot be read, or a newer Kilosat wrote it.
    #[error(
        "the file data-key, which opens the words, cannot be read by this version of Kilosat. What is under them waits; look at \
         the disk, and whether a newer version was installed before"
    )]
    Unreadable,
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
    /// Whoever loses what seals them has nothing left.
    #[error(
        "Write the words down first: without them on paper, a lost key or passphrase takes the money along. Nothing was \
         changed; the page shows them under Wallet, and checks three of them."
    )]
    NotOnPaper,
    /// What was asked for comes in between.
    #[error("Kilosat is starting anew. Nothing was changed; ask again in a moment.")]
    StartsAnew,
    /// The key counts, and not everything is sealed yet.
    #[error(
        "The words are kept in the new way from now on, but not everything could be sealed yet ({0}). It is tried again at the \
         next start; look at the disk."
    )]
    Half(String),
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
    /// There is nothing to compare them with.
    #[error(
        "The file seed is missing or damaged, so Kilosat cannot tell whether these are the words of this device. Nothing was \
         changed; begin with an empty state directory, and restore a backup."
    )]
    Unknown,
    /// There is no randomness, or the hash cannot be computed.
    #[error("This machine could not make a key ({0}). Nothing was changed.")]
    NoKey(String),
    /// The disk does not take it.
    #[error("This could not be written ({0}). What was there before is still there; look at the disk.")]
    Disk(String),
}

pub(super) fn disk(error: io::Error) -> VaultFault {
    VaultFault::Disk(error.to_string())
}
