//! What the built-in node holds in channels and beside them, and how money gets from one into the other.

use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Address, Txid};
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::payment::{ConfirmationStatus, PaymentKind};
use ldk_node::{BalanceDetails, ChannelDetails, LightningBalance, Node, NodeError, PendingSweepBalance, UserChannelId};

use super::answers::fault;
use super::{NodeService, stopped};
use crate::engine::Terms;
use crate::lightning::trouble::{ServiceFault, ServiceKind, Trouble};

/// What the node holds, for whoever moves money into or out of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFunds {
    /// Every channel.
    pub channels: Vec<Channel>,
    /// Beside the channels, confirmed and not kept aside, in satoshis.
    pub free_sat: u64,
    /// Beside the channels in all.
    pub beside_sat: u64,
    /// What it wants to keep aside for each further channel.
    pub aside_sat: u64,
    /// What it keeps aside now, of what is beside the channels.
    pub reserved_sat: u64,
    /// Money of channels that closed, which is not back yet.
    pub closing: Vec<Closing>,
    /// The newest block it knows.
    pub height: u32,
}

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its id, which stays the same from its beginning to its end.
    pub id: String,
    /// What both sides have in it.
    pub value_sat: u64,
    /// What can be sent.
    pub spendable_sat: u64,
    /// What can be received.
    pub receivable_sat: u64,
    /// This node opened it.
    pub is_ours: bool,
    /// It has its blocks.
    pub is_ready: bool,
    /// It works now: the peer is there.
    pub is_usable: bool,
    /// The transaction that made it.
    pub funding: Option<Txid>,
    /// The node at its other end.
    pub peer: String,
    /// Blocks since it was made, and so many are needed.
    pub confirmations: (u32, u32),
    /// What the peer takes for passing payments on to this node, where it has said so.
    pub terms: Option<Terms>,
}

/// Money of a channel that closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// How much.
    pub sat: u64,
    /// The block with which it can be spent or collected, where that is known.
    pub height: Option<u32>,
    /// Somebody else could still take it.
    pub is_contested: bool,
}

/// A transaction of the node's own on-chain wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTx {
    /// What arrives, or leaves without the fee.
    pub amount_sat: u64,
    /// What it cost this node.
    pub fee_sat: u64,
    /// It has a block.
    pub is_confirmed: bool,
}

impl NodeFunds {
    /// What can be spent once every channel works.
    pub fn spending_sat(&self) -> u64 {
        let ready = self.channels.iter().filter(|channel| channel.is_ready);
        ready.fold(0, |sum, channel| sum.saturating_add(channel.spendable_sat))
    }
}

impl NodeService {
    /// What it holds.
    ///
    /// # Errors
    /// [`ServiceFault`]: the program is ending.
    pub async fn funds(&self) -> Result<NodeFunds, ServiceFault> {
        self.on_thread(funds).await.ok_or_else(stopped)
    }

    /// Opens a channel of `sat` satoshis to the LSP with what it holds beside its channels. That it was asked for is not lost
    /// with the program, only once its transaction exists.
    ///
    /// # Errors
    /// [`ServiceFault`]: nothing was opened.
    pub async fn open_channel(&self, sat: u64) -> Result<(), ServiceFault> {
        let Some((key, address)) = self.lsp.clone() else { return Err(no_lsp()) };
        let opened = self.on_thread(move |node| node.open_channel(key, address, sat, None, None)).await;
        opened.ok_or_else(stopped)?.map(drop).map_err(|error| fault(&error))
    }

    /// Takes `sat` satoshis out of a channel, to an address. What becomes of it is reported.
    ///
    /// # Errors
    /// [`ServiceFault`]: nothing was taken out.
    pub async fn splice_out(&self, channel: &str, address: &str, sat: u64) -> Result<(), ServiceFault> {
        let address = read(address)?;
        self.with_channel(channel, move |node, id, peer| node.splice_out(id, peer, &address, sat)).await
    }

    /// Puts `sat` satoshis of what it holds beside its channels into one. What becomes of it is reported.
    ///
    /// # Errors
    /// [`ServiceFault`]: nothing was put in.
    pub async fn splice_in(&self, channel: &str, sat: u64) -> Result<(), ServiceFault> {
        self.with_channel(channel, move |node, id, peer| node.splice_in(id, peer, sat)).await
    }

    /// Agrees with the peer to close a channel. Its money comes to the node beside its channels.
    ///
    /// # Errors
    /// [`ServiceFault`]: nothing was closed.
    pub async fn close_channel(&self, channel: &str) -> Result<(), ServiceFault> {
        self.with_channel(channel, |node, id, peer| node.close_channel(id, peer)).await
    }

    async fn with_channel(
        &self,
        channel: &str,
        call: impl FnOnce(&Node, &UserChannelId, PublicKey) -> Result<(), NodeError> + Send + 'static,
    ) -> Result<(), ServiceFault> {
        let gone = || ServiceFault::with(ServiceKind::Node, Trouble::Unclear, "the channel is not there any more");
        let id = channel.parse().map(UserChannelId).map_err(|_| gone())?;
        let done = self.on_thread(move |node| {
            let known = node.list_channels().into_iter().find(|known| known.user_channel_id == id);
            known.map(|known| call(node, &id, known.counterparty_node_id))
        });
        done.await.ok_or_else(stopped)?.ok_or_else(gone)?.map_err(|error| fault(&error))
    }

    /// Sends what it holds beside its channels and need not keep aside to an address.
    ///
    /// # Errors
    /// [`ServiceFault`]: nothing was sent.
    pub async fn send_back(&self, address: &str) -> Result<Txid, ServiceFault> {
        let address = read(address)?;
        let sent = self.on_thread(move |node| node.onchain_payment().send_all_to_address(&address, true, None)).await;
        sent.ok_or_else(stopped)?.map_err(|error| fault(&error))
    }

    /// A transaction of its on-chain wallet, once that knows it.
    ///
    /// # Errors
    /// [`ServiceFault`]: the program is ending.
    pub async fn onchain_tx(&self, txid: Txid) -> Result<Option<NodeTx>, ServiceFault> {
        // The node names transactions by their ids.
        let id = PaymentId(txid.to_byte_array());
        let known = self.on_thread(move |node| node.payment(&id)).await.ok_or_else(stopped)?;
        Ok(known.and_then(|known| match known.kind {
            PaymentKind::Onchain { status, .. } => Some(NodeTx {
                amount_sat: known.amount_msat.unwrap_or(0) / 1_000,
                fee_sat: known.fee_paid_msat.unwrap_or(0) / 1_000,
                is_confirmed: matches!(status, ConfirmationStatus::Confirmed { .. }),
            }),
            _ => None,
        }))
    }
}

fn funds(node: &Node) -> NodeFunds {
    let balances = node.list_balances();
    let aside = node.config().anchor_channels_config.map_or(0, |anchors| anchors.per_channel_reserve_sats);
    let channels = node.list_channels().into_iter().map(|channel| Channel {
        id: channel.user_channel_id.0.to_string(),
        value_sat: channel.channel_value_sats,
        spendable_sat: channel.outbound_capacity_msat / 1_000,
        receivable_sat: channel.inbound_capacity_msat / 1_000,
        is_ours: channel.is_outbound,
        is_ready: channel.is_channel_ready,
        is_usable: channel.is_usable,
        funding: channel.funding_txo.map(|coin| coin.txid),
        peer: channel.counterparty_node_id.to_string(),
        confirmations: (channel.confirmations.unwrap_or(0), channel.confirmations_required.unwrap_or(0)),
        terms: terms(&channel),
    });
    let channels: Vec<_> = channels.collect();
    NodeFunds {
        channels,
        free_sat: balances.spendable_onchain_balance_sats,
        beside_sat: balances.total_onchain_balance_sats,
        aside_sat: aside,
        reserved_sat: balances.total_anchor_channels_reserve_sats,
        closing: closing(&balances, node),
        height: node.status().current_best_block.height,
    }
}

/// What comes back from channels that are not listed any more, and what is being collected from them.
fn closing(balances: &BalanceDetails, node: &Node) -> Vec<Closing> {
    let listed: Vec<_> = node.list_channels().into_iter().map(|channel| channel.channel_id).collect();
    let closed = balances.lightning_balances.iter().filter_map(|balance| match balance {
        LightningBalance::ClaimableOnChannelClose { channel_id, amount_satoshis, .. } => {
            let is_closed = !listed.contains(channel_id);
            is_closed.then_some(Closing { sat: *amount_satoshis, height: None, is_contested: false })
        }
        LightningBalance::ClaimableAwaitingConfirmations { amount_satoshis, confirmation_height, .. } => {
            Some(Closing { sat: *amount_satoshis, height: Some(*confirmation_height), is_contested: false })
        }
        LightningBalance::ContentiousClaimable { amount_satoshis, timeout_height, .. } => {
            Some(Closing { sat: *amount_satoshis, height: Some(*timeout_height), is_contested: true })
        }
        LightningBalance::MaybeTimeoutClaimableHTLC { amount_satoshis, claimable_height, .. } => {
            Some(Closing { sat: *amount_satoshis, height: Some(*claimable_height), is_contested: true })
        }
        LightningBalance::CounterpartyRevokedOutputClaimable { amount_satoshis, .. } => {
            Some(Closing { sat: *amount_satoshis, height: None, is_contested: true })
        }
        LightningBalance::MaybePreimageClaimableHTLC { .. } => None,
    });
    let collected = balances.pending_balances_from_channel_closures.iter().filter_map(|sweep| match sweep {
        PendingSweepBalance::PendingBroadcast { amount_satoshis, .. }
        | PendingSweepBalance::BroadcastAwaitingConfirmation { amount_satoshis, .. } => {
            Some(Closing { sat: *amount_satoshis, height: None, is_contested: false })
        }
        // It is beside the channels.
        PendingSweepBalance::AwaitingThresholdConfirmations { .. } => None,
    });
    closed.chain(collected).collect()
}

fn terms(channel: &ChannelDetails) -> Option<Terms> {
    Some(Terms {
        base_msat: channel.counterparty_forwarding_info_fee_base_msat?,
        ppm: channel.counterparty_forwarding_info_fee_proportional_millionths?,
        blocks: channel.counterparty_forwarding_info_cltv_expiry_delta?,
    })
}

fn read(address: &str) -> Result<Address, ServiceFault> {
    let address: Result<Address<_>, _> = address.parse();
    Ok(address.map_err(|error| fault(&error))?.assume_checked())
}

fn no_lsp() -> ServiceFault {
    ServiceFault::new(ServiceKind::Node, Trouble::Unsupported("a channel without an LSP"))
}
