//! What the page and the CLI show of the treasury.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::FeeRates;

/// The on-chain wallet as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreasuryView {
    /// `segwit`, `taproot` or `watch-only`.
    pub kind: String,
    /// Names it in the ledger.
    pub id: String,
    /// Confirmed, or change of a transaction of ours on its way back.
    pub spendable_sat: u64,
    /// Sent by others, and in no block yet.
    pub incoming_sat: u64,
    /// Mined coins that may not be spent yet.
    pub immature_sat: u64,
    /// Never spent.
    pub reserve_sat: u64,
    /// The newest block known here.
    pub height: u32,
    /// How old that block says it is.
    pub tip_age_ms: Option<u64>,
    /// How long ago a chain source last answered.
    pub asked_ms: Option<u64>,
    /// Which source answered last.
    pub source: Option<String>,
    /// Why no source answers.
    pub fault: Option<String>,
    /// Nothing is spent, because what is known of the chain is old; the text says how.
    pub stale: Option<String>,
    /// All addresses were searched once, so what the words own is all here.
    pub searched: bool,
    /// A search or a reading of blocks is going on: so many of so many blocks, or so many addresses.
    pub progress: Option<(u32, u32)>,
    /// What closed channels left under this device's words, where that was looked for since the start.
    pub left: Option<LeftView>,
    /// What the network asks for.
    pub fees: FeeRates,
    /// When this was so, in monotonic ms.
    #[serde(skip)]
    pub shown_ms: u64,
}

/// What closed channels left on the chain, in no wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftView {
    /// All of it.
    pub sat: u64,
    /// In so many coins.
    pub coins: u32,
    /// It is still being looked for.
    pub is_going: bool,
    /// Why that could not be looked for.
    pub fault: Option<String>,
}

/// One transaction as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TxView {
    /// Its id.
    pub txid: String,
    /// What it added to the wallet; negative when it took.
    pub net_sat: i64,
    /// What it cost us, of what it took.
    pub fee_sat: Option<u64>,
    /// The block that confirms it.
    pub height: Option<u32>,
    /// Blocks since then, this one included; 0 while it waits.
    pub confirmations: u32,
    /// When it was first seen here, in ms since 1970 UTC.
    pub first_ms: u64,
    /// `opening`, `received` or `sent`.
    pub purpose: String,
    /// What the owner wrote beside it.
    pub label: Option<String>,
    /// Where it pays to, where we made it.
    pub address: Option<String>,
    /// It was replaced, or fell out of the chain.
    pub is_gone: bool,
    /// It was made here, no chain source has ever taken it, one has refused it, and nothing else hangs on it.
    pub can_be_given_up: bool,
    /// The last trouble with sending it.
    pub fault: Option<String>,
    /// What it was worth, in hundredths of `currency`, where the price was known.
    pub worth_cents: Option<i64>,
    /// Of `worth_cents`.
    pub currency: Option<String>,
}

/// An address to receive at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AddressView {
    /// The address.
    pub address: String,
    /// Its number, counted from 0.
    pub index: u32,
    /// It was shown to nobody before.
    #[serde(default)]
    pub is_new: bool,
}
