//! What the node holds.

use ldk_node::{BalanceDetails, Node, PendingSweepBalance};

use crate::lightning::answers::Balance;

/// What can be spent and received now, and all that there is.
pub(super) fn balance(node: &Node) -> Balance {
    let channels = node.list_channels();
    let usable = channels.iter().filter(|channel| channel.is_usable);
    let sum = |amounts: &mut dyn Iterator<Item = u64>| amounts.fold(0_u64, u64::saturating_add);
    Balance {
        node_id: node.node_id().to_string(),
        balance_msat: all_of_it(&node.list_balances()).saturating_mul(1_000),
        spendable_msat: sum(&mut usable.clone().map(|channel| channel.outbound_capacity_msat)),
        receivable_msat: sum(&mut usable.clone().map(|channel| channel.inbound_capacity_msat)),
        channels: Some(channels.len()),
        channels_usable: Some(usable.count()),
        block_height: node.status().current_best_block.height,
    }
}

/// In satoshis: in channels, on the chain, and on the way between. What is swept already may be in the on-chain balance.
fn all_of_it(balances: &BalanceDetails) -> u64 {
    let swept_later = balances.pending_balances_from_channel_closures.iter().map(|sweep| match sweep {
        PendingSweepBalance::PendingBroadcast { amount_satoshis, .. } => *amount_satoshis,
        _ => 0,
    });
    [balances.total_lightning_balance_sats, balances.total_onchain_balance_sats]
        .into_iter()
        .chain(swept_later)
        .fold(0, u64::saturating_add)
}
