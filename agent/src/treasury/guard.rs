//! Why something is not sent, in words; and what no transaction may be.

use bitcoin::address::NetworkUnchecked;
use bitcoin::{Address, Amount, FeeRate, Network};

/// What may be spent, and on what fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guard {
    pub(super) reserve: Amount,
    pub(super) fee_share_max_percent: u64,
}

/// Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an address.
    #[error("{0:?} is not a bitcoin address. Nothing was sent; copy it once more, whole")]
    Address(String),
    /// An address of another network.
    #[error("this address is not for {0}. Nothing was sent; ask the recipient for one that is")]
    Network(Network),
    /// So little that nobody could ever spend it.
    #[error(
        "{sat} sat are too little for the chain: spending them again would cost more. Nothing was sent; send at least {least} sat"
    )]
    Dust {
        /// What was wanted.
        sat: u64,
        /// What this kind of address takes.
        least: u64,
    },
    /// Not enough.
    #[error("this needs {needed} sat with its fee, and {available} sat can be spent now. Nothing was sent")]
    Funds {
        /// Amount and fee.
        needed: u64,
        /// In confirmed coins, and in change on its way back.
        available: u64,
    },
    /// The reserve would be touched.
    #[error(
        "{left} sat would be left, and your reserve is {reserve} sat. Nothing was sent; send less, or lower the reserve in the settings"
    )]
    Reserve {
        /// What would be left.
        left: u64,
        /// What must be.
        reserve: u64,
    },
    /// Too dear.
    #[error(
        "the fee of {fee} sat is more than {percent} % of the {sat} sat to be sent. Nothing was sent; send more at once, wait for lower fees, or choose a slower one"
    )]
    FeeShare {
        /// The fee.
        fee: u64,
        /// The amount.
        sat: u64,
        /// The limit.
        percent: u64,
    },
    /// A fee rate that cannot be meant.
    #[error("a fee rate of {0} sat/vB cannot be meant; write one from 1 to 1000. Nothing was sent")]
    Rate(u64),
    /// The transaction is confirmed, gone or not ours.
    #[error(
        "transaction {0} cannot be made faster: it is confirmed, was replaced, or is not known here. Nothing was sent"
    )]
    NotBumpable(String),
    /// The new fee is not above the old one.
    #[error(
        "the new fee must be at least {least} sat, and would be {fee} sat. Nothing was sent; choose a higher fee rate"
    )]
    BumpTooSmall {
        /// What the network asks for (BIP 125, rules 3 and 4).
        least: u64,
        /// What it would be.
        fee: u64,
    },
    /// A coin that is not there.
    #[error("coin {0} is not in this wallet, or is spent. Nothing was sent; look at the list of coins again")]
    Coin(String),
    /// A coin that others may still take back.
    #[error(
        "coin {0} was sent by others and is in no block yet, so it may still be taken back. Nothing was sent; wait for its block"
    )]
    NotYet(String),
    /// There is nothing to collect.
    #[error(
        "no closed channel is known to have left anything here. Nothing was sent; have all addresses searched first"
    )]
    NothingLeft,
    /// What cannot be given up, since it is not waiting.
    #[error("transaction {0} is in a block, was replaced, or was not made here. Nothing was changed")]
    NotWaiting(String),
    /// What follows from it would go with it.
    #[error("another transaction spends what {0} brings. Nothing was changed; give that one up first")]
    SpentFrom(String),
    /// It is on its way.
    #[error(
        "a chain source takes transaction {0} now: it was handed out, is on its way, and cannot be given up any more"
    )]
    Taken(String),
    /// Nobody says no to it.
    #[error("no chain source says now that it does not take the transaction ({0}). Nothing was changed; try it later")]
    NotAsked(String),
    /// The node collects by itself.
    #[error(
        "a channel is closing, and the node collects what it leaves by itself. Nothing was sent; look again once that is done"
    )]
    StillClosing,
    /// Nobody can sign here.
    #[error(
        "this device holds no key for this wallet. Nothing was sent; sign the transaction (PSBT) where the key is, and bring it back"
    )]
    WatchOnly,
    /// The draft is not known any more.
    #[error("this draft is not known any more. Nothing was sent; begin again")]
    Draft,
    /// What came back is not what was drafted.
    #[error(
        "the signed transaction is not the one that was drafted here ({0}). Nothing was sent; sign the file that you downloaded"
    )]
    OtherPsbt(String),
    /// A signature is missing or wrong.
    #[error("the transaction is not signed completely ({0}). Nothing was sent")]
    Unsigned(String),
    /// The chain source is behind.
    #[error(
        "the newest block known here is old ({0}), so what looks unspent may be spent. Nothing was sent; wait until the chain source has caught up"
    )]
    Stale(String),
    /// The policy said no, or money.db did.
    #[error("{0}")]
    Policy(String),
    /// bdk said no for a reason that has no sentence of ours.
    #[error("the transaction cannot be built ({0}). Nothing was sent")]
    Build(String),
}

impl Guard {
    /// Whether a transaction that sends `sent` with `fee` and leaves `left` may be made.
    pub(super) fn allow(self, sent: Amount, fee: Amount, left: Amount) -> Result<(), Refused> {
        if self.reserve > Amount::ZERO && left < self.reserve {
            return Err(Refused::Reserve { left: left.to_sat(), reserve: self.reserve.to_sat() });
        }
        self.allow_fee(sent, fee)
    }

    /// Rounded in favour of the owner: exactly the limit is allowed.
    pub(super) fn allow_fee(self, sent: Amount, fee: Amount) -> Result<(), Refused> {
        let (sat, percent) = (sent.to_sat(), self.fee_share_max_percent);
        match u128::from(fee.to_sat()) * 100 > u128::from(sat) * u128::from(percent) {
            true => Err(Refused::FeeShare { fee: fee.to_sat(), sat, percent }),
            false => Ok(()),
        }
    }
}

/// The address, if it is one of `network`.
pub(super) fn read_address(text: &str, network: Network) -> Result<Address, Refused> {
    let text = text.trim();
    let address: Address<NetworkUnchecked> =
        text.parse().map_err(|_| Refused::Address(crate::text::cleaned(text, TEXT_CHARS_MAX)))?;
    address.require_network(network).map_err(|_| Refused::Network(network))
}

/// Whether a text is an address of `network`; as it is written, if it is.
///
/// # Errors
/// What is wrong with it, in a few words.
pub fn check_address(text: &str, network: Network) -> Result<String, String> {
    read_address(text, network).map(|address| address.to_string()).map_err(|refused| match refused {
        Refused::Network(network) => format!("{text:?} is an address of another network than {network}"),
        _ => format!("{text:?} is not a bitcoin address"),
    })
}

/// A rate somebody can mean, in whole satoshis for a virtual byte.
pub(super) fn read_rate(sat_per_vb: u64) -> Result<FeeRate, Refused> {
    match sat_per_vb {
        1..=RATE_MAX => FeeRate::from_sat_per_vb(sat_per_vb).ok_or(Refused::Rate(sat_per_vb)),
        _ => Err(Refused::Rate(sat_per_vb)),
    }
}

const RATE_MAX: u64 = 1_000;
const TEXT_CHARS_MAX: usize = 100;
