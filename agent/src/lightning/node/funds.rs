//! What the node holds.

use bitcoin::secp256k1::PublicKey;
use ldk_node::lightning::chain::channelmonitor::BalanceSource;
use ldk_node::lightning::ln::channelmanager::PaymentId;
use ldk_node::lightning::ln::types::ChannelId;
use ldk_node::payment::PaymentKind;
use ldk_node::{BalanceDetails, ChannelDetails, LightningBalance, Node, PendingSweepBalance};

use crate::domain::money::Msat;
use crate::engine::Opening;
use crate::lightning::answers::Balance;

/// What can be spent and received now, and all that there is.
pub(super) fn balance(node: &Node) -> Balance {
    let channels = node.list_channels();
    let usable = channels.iter().filter(|channel| channel.is_usable);
    let sum = |amounts: &mut dyn Iterator<Item = u64>| amounts.fold(0_u64, u64::saturating_add);
    Balance {
        node_id: node.node_id().to_string(),
        balance_msat: all_of_it(&node.list_balances(), &channels),
        spendable_msat: sum(&mut usable.clone().map(|channel| channel.outbound_capacity_msat)),
        receivable_msat: sum(&mut usable.clone().map(|channel| channel.inbound_capacity_msat)),
        channels: Some(channels.len()),
        channels_usable: Some(usable.count()),
        block_height: node.status().current_best_block.height,
    }
}

/// Whether the node watches the chain for a channel, so that there is something to come back.
pub(super) fn has_money(node: &Node, channel: &ChannelId) -> bool {
    let balances = node.list_balances();
    let is_it = |balance: &LightningBalance| channel_of(balance) == channel;
    let is_collected = |sweep: &PendingSweepBalance| match sweep {
        PendingSweepBalance::PendingBroadcast { channel_id, .. }
        | PendingSweepBalance::BroadcastAwaitingConfirmation { channel_id, .. }
        | PendingSweepBalance::AwaitingThresholdConfirmations { channel_id, .. } => {
            channel_id.as_ref() == Some(channel)
        }
    };
    balances.lightning_balances.iter().any(is_it)
        || balances.pending_balances_from_channel_closures.iter().any(is_collected)
}

/// What the LSP kept of a payment for a channel that it opened.
pub(super) fn opening(node: &Node, payment: PaymentId, lsp: Option<PublicKey>) -> Option<Opening> {
    match node.payment(&payment)?.kind {
        PaymentKind::Bolt11Jit { counterparty_skimmed_fee_msat: Some(kept), .. } if kept > 0 => {
            let is_theirs =
                |channel: &ChannelDetails| !channel.is_outbound && Some(channel.counterparty_node_id) == lsp;
            let channels = node.list_channels().into_iter().filter(is_theirs);
            Some(Opening {
                channels: channels.map(|channel| channel.user_channel_id.0.to_string()).collect(),
                fee: Msat(kept),
            })
        }
        _ => None,
    }
}

/// What the LSP asks of a payment for opening a channel.
pub(super) fn price(node: &Node, payment: &PaymentId) -> Option<Msat> {
    match node.payment(payment)?.kind {
        PaymentKind::Bolt11Jit { lsp_fee_limits, .. } => lsp_fee_limits.max_total_opening_fee_msat.map(Msat),
        _ => None,
    }
}

fn channel_of(balance: &LightningBalance) -> &ChannelId {
    match balance {
        LightningBalance::ClaimableOnChannelClose { channel_id, .. }
        | LightningBalance::ClaimableAwaitingConfirmations { channel_id, .. }
        | LightningBalance::ContentiousClaimable { channel_id, .. }
        | LightningBalance::MaybeTimeoutClaimableHTLC { channel_id, .. }
        | LightningBalance::MaybePreimageClaimableHTLC { channel_id, .. }
        | LightningBalance::CounterpartyRevokedOutputClaimable { channel_id, .. } => channel_id,
    }
}

/// In msat: in channels, on the chain, and on the way between. What is swept already may be in the on-chain balance.
fn all_of_it(balances: &BalanceDetails, channels: &[ChannelDetails]) -> u64 {
    let in_channels = channels.iter().map(|channel| ours_msat(channel, of_channel(channel, balances)));
    // A channel that works is counted above, to the msat.
    let closing = balances.lightning_balances.iter().filter_map(|balance| match balance {
        LightningBalance::ClaimableOnChannelClose { channel_id, amount_satoshis, .. } => {
            (!is_among(channel_id, channels)).then_some(*amount_satoshis)
        }
        // The node's own wallet has it already.
        LightningBalance::ClaimableAwaitingConfirmations { source: BalanceSource::CoopClose, .. } => None,
        LightningBalance::ClaimableAwaitingConfirmations { amount_satoshis, .. }
        | LightningBalance::ContentiousClaimable { amount_satoshis, .. }
        | LightningBalance::CounterpartyRevokedOutputClaimable { amount_satoshis, .. } => Some(*amount_satoshis),
        // Of payments that the other side can still take, or never takes.
        LightningBalance::MaybeTimeoutClaimableHTLC { .. } | LightningBalance::MaybePreimageClaimableHTLC { .. } => {
            None
        }
    });
    let swept_later = balances.pending_balances_from_channel_closures.iter().map(|sweep| match sweep {
        PendingSweepBalance::PendingBroadcast { amount_satoshis, .. } => *amount_satoshis,
        _ => 0,
    });
    let sat = closing.chain([balances.total_onchain_balance_sats]).chain(swept_later).fold(0, u64::saturating_add);
    in_channels.fold(sat.saturating_mul(1_000), u64::saturating_add)
}

fn is_among(id: &ChannelId, channels: &[ChannelDetails]) -> bool {
    channels.iter().any(|channel| channel.channel_id == *id)
}

/// What is ours if this channel closes, and what its transaction then takes from us, as its monitor has it.
fn of_channel(channel: &ChannelDetails, balances: &BalanceDetails) -> Option<(u64, u64)> {
    balances.lightning_balances.iter().find_map(|balance| match balance {
        LightningBalance::ClaimableOnChannelClose { channel_id, amount_satoshis, transaction_fee_satoshis, .. }
            if *channel_id == channel.channel_id =>
        {
            Some((*amount_satoshis, *transaction_fee_satoshis))
        }
        _ => None,
    })
}

/// What is ours in a channel, to the msat. Either side may have less than its reserve, of which its capacity then tells
/// nothing; both never do.
///
/// Whoever opened it pays for the two anchors of its transaction, if it has them, and LDK takes them off what that side can
/// spend (`lightning` 0.2, `sign/tx_builder.rs`).
fn ours_msat(channel: &ChannelDetails, monitored: Option<(u64, u64)>) -> u64 {
    let value = channel.channel_value_sats.saturating_mul(1_000);
    let reserve = channel.unspendable_punishment_reserve.unwrap_or(0).saturating_mul(1_000);
    let their_reserve = channel.counterparty_unspendable_punishment_reserve.saturating_mul(1_000);
    let (spendable, receivable) = (channel.outbound_capacity_msat, channel.inbound_capacity_msat);
    match (channel.is_outbound, monitored) {
        (true, _) if receivable > 0 => value.saturating_sub(receivable).saturating_sub(their_reserve),
        (true, monitored) => {
            let fee_sat = monitored.map_or(0, |(_, fee_sat)| fee_sat);
            let anchors = if has_anchors(channel, fee_sat) { ANCHORS_MSAT } else { 0 };
            spendable.saturating_add(reserve).saturating_add(anchors)
        }
        (false, Some((sat, _))) if spendable == 0 => sat.saturating_mul(1_000),
        (false, _) => spendable.saturating_add(reserve),
    }
}

/// Told from what its transaction takes: the fee of one with anchors (BOLT 3, appendix A) and perhaps what is left of a satoshi,
/// or as much more as an anchor that is left out with the other side's dust. Of one without anchors it is less, whatever dust
/// is in it.
fn has_anchors(channel: &ChannelDetails, fee_sat: u64) -> bool {
    let fee_with = u64::from(channel.feerate_sat_per_1000_weight).saturating_mul(ANCHORS_WEIGHT) / 1_000;
    matches!(fee_sat.checked_sub(fee_with), Some(0..=1 | ANCHOR_SAT..))
}

const ANCHOR_SAT: u64 = 330;
const ANCHORS_WEIGHT: u64 = 1_124;
const ANCHORS_MSAT: u64 = 660_000;
