//! The treasury: the owner's savings on the chain, in a `bdk_wallet`.
//!
//! [`Purse`] is the wallet without I/O. [`Keeper`] is its task: it asks the chain sources, has everything written to
//! money.db before it counts (an address that is shown, a transaction that is broadcast), and obeys the owner.

mod chain;
mod draft;
mod guard;
mod keeper;
mod keys;
mod purse;
mod standing;
mod to_remote;
mod view;

pub use chain::{ChainFault, FeeRates, NOT_TAKEN};
pub use draft::{Coin, DraftView, Sum, Wish};
pub use guard::{Refused, check_address};
pub use keeper::{Asked, For, Keeper, Order, Sent, Treasury};
pub use keys::{Keys, check_descriptor};
pub use purse::{Arrival, Purse, SeenTx};
pub use to_remote::ToRemote;
pub use view::{AddressView, LeftView, TreasuryView, TxView};

use crate::keys::KeyError;

/// Why the on-chain wallet cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum TreasuryFault {
    /// The words cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// A chain source cannot be asked at all.
    #[error(transparent)]
    Chain(#[from] ChainFault),
    /// A descriptor does not fit.
    #[error("the on-chain wallet's descriptor {0}. Nothing was spent")]
    Descriptor(String),
    /// What money.db holds of it is not what this program wrote.
    #[error(
        "what money.db holds of the on-chain wallet cannot be read ({0}). It was left as it is and nothing was spent; the \
         coins are safe, since your words find all of them again"
    )]
    Saved(String),
}

#[cfg(test)]
mod tests;
