//! What is told of a move.

use bitcoin::Txid;

use crate::domain::money::Msat;

/// How a move went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveStep {
    /// The node holds all that it needs to open a channel; these are the channels that it has already.
    AtNode {
        /// Their ids.
        channels: Vec<String>,
        /// What came there now.
        came_sat: u64,
    },
    /// The savings will pay to this address of the node's.
    PayTo(String),
    /// The transaction that makes the channel exists.
    Opened {
        /// The channel.
        channel: String,
        /// The transaction.
        txid: Txid,
        /// What it cost.
        fee_sat: u64,
    },
    /// The channel works.
    Ready,
    /// The node is about to be told to put the money into a channel that is there.
    Topping {
        /// The channel.
        channel: String,
        /// What is in it before, of both sides.
        before_sat: u64,
    },
    /// Nothing comes of that: a new channel is opened. These are the channels that are there.
    NotTopped {
        /// Their ids.
        channels: Vec<String>,
    },
    /// The channel holds so much more.
    Grown {
        /// What it cost.
        fee_sat: u64,
    },
    /// The node is about to be told to take money out of a channel.
    Sweeping {
        /// The channel.
        channel: String,
        /// What is in it before, of both sides.
        before_sat: u64,
        /// Where the money goes.
        address: String,
    },
    /// Nothing comes of that.
    NotSpliced,
    /// The transaction that takes it out is known.
    Spliced(Txid),
    /// It has its blocks, and the channel has so much less in it than what was moved.
    Taken {
        /// What it cost.
        fee_sat: u64,
    },
    /// What the node holds is about to be sent to this address of the savings.
    SendingBack(String),
    /// It has left the node and is in a block.
    SentBack {
        /// The transaction.
        txid: Txid,
        /// What arrives.
        amount_sat: u64,
        /// What it cost.
        fee_sat: u64,
    },
    /// The deposit is in a block, and a node outside this process can spend it.
    AtOutside {
        /// The coin that it is, and the height after which something spends it, as [`MoveRow::before`](crate::store::MoveRow::before) keeps them.
        coin: String,
    },
    /// A transaction spends exactly that coin, for a channel as it seems.
    Funded {
        /// The transaction.
        txid: Txid,
        /// What it cost.
        fee_sat: u64,
    },
    /// Nothing spends that coin any more.
    NotFunded,
    /// A transaction spends that coin and brings it back to the savings.
    ComingBack {
        /// The transaction.
        txid: Txid,
    },
    /// The channel made of it works.
    Works {
        /// What it brought to this side, in millisatoshis.
        brought: Msat,
    },
    /// The coin went elsewhere; what it was worth is the node's owner's.
    Astray(String),
    /// What is left of the coin is in the savings again, in a block.
    CameBack {
        /// The transaction.
        txid: Txid,
        /// What arrived.
        amount_sat: u64,
        /// What it cost.
        fee_sat: u64,
    },
    /// It ends without having moved anything.
    Undone(String),
    /// It does not go on for now, or does again.
    Stuck(Option<String>),
}

impl MoveStep {
    /// Whether only moves to a node outside this process go on like that.
    pub(super) fn is_outside(&self) -> bool {
        matches!(
            self,
            MoveStep::AtOutside { .. }
                | MoveStep::Funded { .. }
                | MoveStep::NotFunded
                | MoveStep::ComingBack { .. }
                | MoveStep::Works { .. }
                | MoveStep::Astray(_)
                | MoveStep::CameBack { .. }
        )
    }
}
