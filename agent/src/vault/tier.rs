//! The ways of keeping the words, and how they are told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// What keeps the data key from whoever has the card, the weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nothing: the words are on the card as they are, for Kilosat's user only.
    #[default]
    Nothing,
    /// systemd's key of this machine, on the same card: keeps other users and copies of the state out.
    Host,
    /// A key in the Raspberry Pi's chip, used by its firmware: the card alone opens nothing.
    Otp,
    /// This machine's TPM: the card alone opens nothing.
    Tpm2,
    /// The owner's passphrase, entered after every start of the machine: not even the whole device opens anything.
    Passphrase,
}

impl Tier {
    /// Behind "the words are".
    pub fn as_text(self) -> &'static str {
        match self {
            Tier::Nothing => "on the card as they are, readable for whoever has it",
            Tier::Host => "sealed with systemd's key of this machine, which lies on the same card",
            Tier::Otp => "sealed with the key in this Raspberry Pi's chip",
            Tier::Tpm2 => "sealed with this machine's TPM",
            Tier::Passphrase => "sealed with your passphrase",
        }
    }
}

/// How the owner wants the words to be kept.
pub enum Protection {
    /// As they are.
    Nothing,
    /// Sealed with this key of the machine, or with the strongest that it gave.
    Machine(Option<Tier>),
    /// Sealed with this passphrase.
    Passphrase(Zeroizing<String>),
}

/// How the words are kept, as the owner sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeysStatus {
    /// By what; absent where that cannot be read.
    pub tier: Option<Tier>,
    /// Why they cannot be opened now, if they cannot.
    pub closed: Option<String>,
    /// Whether entering the passphrase opens them.
    pub waits_for_passphrase: bool,
    /// Whether the wallet that pays waits for that.
    #[serde(default)]
    pub stops_payments: bool,
    /// The strongest key that this machine gave, if it gave one.
    pub offered: Option<Tier>,
}

impl KeysStatus {
    /// Behind "the words are".
    pub fn tier_as_text(&self) -> &'static str {
        self.tier.map_or("kept in a way that cannot be read", Tier::as_text)
    }

    /// What `kilosat keys` prints.
    pub fn as_text(&self) -> String {
        let mut lines: Vec<_> =
            self.tier.map(|tier| format!("The words are {}.", tier.as_text())).into_iter().collect();
        let mark = if self.stops_payments { "NOTHING IS PAID" } else { "CLOSED" };
        lines.extend(self.closed.as_ref().map(|why| format!("{mark}: {why}")));
        if let Some(offered) = self.offered.filter(|offered| self.tier.is_some_and(|tier| *offered > tier)) {
            lines.push(format!("They could be {}: kilosat keys protect", offered.as_text()));
        }
        lines.join("\n")
    }
}
