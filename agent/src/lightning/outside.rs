//! A node outside this process that is filled on the chain: by a deposit to its wallet, and a channel made of that deposit.
//!
//! What makes the channel, or brings the money back, spends exactly the coin that was deposited. However often it is asked
//! for and whatever answer is lost, the chain lets it happen once, and no other money of the node's owner is touched.

use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::{OutPoint, Transaction, Txid};

use super::answers::Finding;
use super::cln::Cln;
use super::lnd::Lnd;
use super::trouble::{ServiceFault, Trouble};
use crate::domain::money::Msat;

/// A node that can be filled. Clones are the same node.
#[derive(Clone)]
pub enum OutsideNode {
    /// LND.
    Lnd(Box<Lnd>),
    /// Core Lightning.
    Cln(Box<Cln>),
}

/// A transaction of its wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideTx {
    /// The transaction.
    pub tx: Transaction,
    /// The blocks since, its own among them; 0 while it waits.
    pub confirmations: u32,
}

/// A channel that is being made, or that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutsideChannel {
    /// The transaction that made it.
    pub funding: Txid,
    /// What it brought to this side at first: what is there now, without what was paid and received since. `None` before it
    /// works, and while payments are under way in it.
    pub brought: Option<Msat>,
    /// This node opens it, and it does not work yet.
    pub is_coming: bool,
}

/// Whom a channel is opened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Public key, 66 hex digits.
    pub key: String,
    /// Host and port.
    pub address: String,
}

/// Calls the same method of whichever node it is.
macro_rules! each {
    ($self:expr, $node:ident => $call:expr) => {
        match $self {
            OutsideNode::Lnd($node) => $call,
            OutsideNode::Cln($node) => $call,
        }
    };
}

impl OutsideNode {
    /// Whether this version spends the coins it is told to, and no other ones.
    ///
    /// # Errors
    /// [`ServiceFault`], also with [`Trouble::Unsupported`] where it does not.
    async fn is_able(&self) -> Result<(), ServiceFault> {
        match self {
            OutsideNode::Lnd(lnd) => lnd.selects_coins().await,
            // `utxos` is older than clnrest.
            OutsideNode::Cln(_) => Ok(()),
        }
    }

    /// Tries what filling it up needs, as far as nothing moves by that; the channels that it has.
    ///
    /// # Errors
    /// [`ServiceFault`]: a deposit would lie there without becoming a channel.
    pub async fn try_out(&self) -> Result<Vec<OutsideChannel>, ServiceFault> {
        self.is_able().await?;
        let height = self.height().await?;
        self.transactions_since(height).await?;
        self.coins().await?;
        self.channels().await
    }

    /// The same, as its owner reads it.
    pub async fn check(&self) -> Finding {
        match self.try_out().await {
            Ok(_) => Finding::good("The wallet can be filled up from the savings, as far as that can be tried."),
            Err(fault) => Finding::error(&fault),
        }
    }

    /// What it keeps beside its channels at most for closing them, in satoshis, once it has so many: LND 10,000 for each, up
    /// to 100,000; Core Lightning its `min-emergency-msat`.
    pub fn kept_sat(&self, channels: usize) -> u64 {
        match self {
            OutsideNode::Lnd(_) => u64::try_from(channels).unwrap_or(u64::MAX).saturating_mul(10_000).min(100_000),
            OutsideNode::Cln(_) => 25_000,
        }
    }

    /// The newest block that it knows.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn height(&self) -> Result<u32, ServiceFault> {
        Ok(each!(self, node => node.info().await)?.block_height.unwrap_or(0))
    }

    /// A fresh address of its wallet.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn deposit_address(&self) -> Result<String, ServiceFault> {
        each!(self, node => node.deposit_address().await)
    }

    /// What its wallet can spend, in blocks.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn coins(&self) -> Result<Vec<OutPoint>, ServiceFault> {
        each!(self, node => node.coins().await)
    }

    /// The transactions of its wallet that wait for a block, or that this block or a later one has.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn transactions_since(&self, height: u32) -> Result<Vec<OutsideTx>, ServiceFault> {
        each!(self, node => node.transactions_since(height).await)
    }

    /// What spends `coin`, if its wallet knows of that; no block before `height` has it.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn spender(&self, coin: OutPoint, height: u32) -> Result<Option<OutsideTx>, ServiceFault> {
        let known = self.transactions_since(height).await?;
        // A node may remember transactions that others have replaced.
        let spends = |known: &OutsideTx| known.tx.input.iter().any(|input| input.previous_output == coin);
        Ok(known.into_iter().filter(spends).max_by_key(|known| known.confirmations))
    }

    /// The channels that work, or are being made.
    ///
    /// # Errors
    /// [`ServiceFault`].
    pub async fn channels(&self) -> Result<Vec<OutsideChannel>, ServiceFault> {
        each!(self, node => node.channels().await)
    }

    /// Makes a channel of all that `coin` is worth, which nobody is told of but the peer.
    ///
    /// # Errors
    /// [`ServiceFault`]: it may come about all the same; [`OutsideNode::spender`] tells.
    pub async fn open_channel(&self, peer: &Peer, coin: OutPoint, sat_per_vb: u64) -> Result<(), ServiceFault> {
        each!(self, node => node.open_channel(peer, coin, sat_per_vb).await)
    }

    /// Sends all that `coin` is worth to an address.
    ///
    /// # Errors
    /// As for [`OutsideNode::open_channel`].
    pub async fn send_coin(&self, coin: OutPoint, address: &str, sat_per_vb: u64) -> Result<(), ServiceFault> {
        each!(self, node => node.send_coin(coin, address, sat_per_vb).await)
    }
}

impl OutsideTx {
    /// Of a transaction in hex.
    pub(super) fn read(hex: &str, confirmations: u32) -> Option<OutsideTx> {
        deserialize_hex(hex).ok().map(|tx| OutsideTx { tx, confirmations })
    }

    /// What it costs where it spends nothing but a coin of `sat`.
    pub fn fee_sat(&self, sat: u64) -> Option<u64> {
        let spent = self.tx.output.iter().try_fold(0_u64, |sum, output| sum.checked_add(output.value.to_sat()))?;
        (self.tx.input.len() == 1).then(|| sat.checked_sub(spent)).flatten()
    }
}

/// What the node itself answered. It has no numbers for why it does not open a channel; its words say it.
pub(super) fn declined(fault: ServiceFault) -> ServiceFault {
    match fault.trouble {
        Trouble::Unclear => ServiceFault { trouble: Trouble::Declined, ..fault },
        _ => fault,
    }
}

/// What a channel that works brought at first.
pub(super) fn brought(now_msat: u64, sent_msat: u64, received_msat: u64) -> Msat {
    Msat(now_msat.saturating_add(sent_msat).saturating_sub(received_msat))
}
