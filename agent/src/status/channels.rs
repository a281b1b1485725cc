//! The built-in node's channels as they are shown, and what their owner does with them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::StatusSource;
use crate::tasks::Unanswered;

/// What the built-in node holds in channels, beside them, and on the way back. Amounts in satoshis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelsView {
    /// Every channel.
    pub channels: Vec<ChannelView>,
    /// Money of channels that closed, which is not back yet.
    pub closing: Vec<ClosingView>,
    /// Beside the channels in all.
    pub beside_sat: u64,
    /// Of that, what can be brought to the savings.
    pub free_sat: u64,
    /// Of that, what is kept aside so that channels can be closed at any time.
    pub reserved_sat: u64,
    /// What all channels have cost in fees of the chain so far.
    pub cost_sat: u64,
}

/// One channel as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    /// Its id.
    pub id: String,
    /// The node at its other end.
    pub peer: String,
    /// That is the configured provider.
    pub is_lsp: bool,
    /// `works`, `away` (the peer does not answer) or `confirming`.
    pub state: String,
    /// Blocks since it was made.
    pub confirmations: u32,
    /// So many are needed.
    pub confirmations_needed: u32,
    /// What can be sent.
    pub spendable_sat: u64,
    /// What can be received.
    pub receivable_sat: u64,
    /// What both sides have in it.
    pub value_sat: u64,
    /// The transaction that made it.
    pub txid: Option<String>,
    /// What it has cost so far: the chain's fees for what went in and out, and what the provider kept for opening it.
    pub cost_sat: u64,
    /// What the peer takes from whoever pays this node, for each payment, in millisatoshis.
    pub base_msat: Option<u32>,
    /// The same, for each million millisatoshis.
    pub ppm: Option<u32>,
}

/// Money of a channel that closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClosingView {
    /// How much.
    pub sat: u64,
    /// So many blocks until it can be spent or collected, where that is known.
    pub blocks: Option<u32>,
    /// Somebody else could still take it.
    pub is_contested: bool,
}

/// Why nothing was done with a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelFault {
    /// The wallet is another one, or does not run.
    #[error("The built-in node does not run. Nothing was done.")]
    NoNode,
    /// There are no savings to bring money to.
    #[error("There are no savings on the chain here to bring it to. Nothing was moved.")]
    NoSavings,
    /// A move goes through it.
    #[error("A move goes through this channel just now. Nothing was closed; wait until it has ended.")]
    InUse,
    /// Nothing is there to be brought.
    #[error("The node holds nothing beside its channels that it need not keep aside. Nothing was moved.")]
    Nothing,
    /// The node or the engine said no.
    #[error("{0}")]
    Refused(String),
    /// The engine does not answer.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

impl ChannelsView {
    /// In a few plain lines.
    pub fn as_text(&self) -> String {
        let mut lines = Vec::new();
        for channel in &self.channels {
            let ChannelView { id, state, spendable_sat, receivable_sat, peer, cost_sat, .. } = channel;
            lines.push(format!(
                "Channel {id}, {state}: {spendable_sat} sat can be sent, {receivable_sat} sat can be received, with {peer}; it has \
                 cost {cost_sat} sat"
            ));
        }
        for closing in &self.closing {
            let when = closing.blocks.map_or_else(
                || "once the chain has confirmed it".to_owned(),
                |blocks| format!("in {blocks} block(s), about {} minutes", blocks.saturating_mul(10)),
            );
            lines.push(format!("Coming back from a channel that closed: {} sat, {when}", closing.sat));
        }
        let ChannelsView { beside_sat, free_sat, reserved_sat, cost_sat, .. } = self;
        lines.push(format!("Beside channels: {beside_sat} sat; {reserved_sat} sat kept aside, {free_sat} sat free"));
        lines.push(format!("Channels have cost {cost_sat} sat so far"));
        lines.join("\n")
    }
}

#[cfg(not(feature = "node"))]
impl StatusSource {
    /// `None` where the wallet is not the built-in node, or does not run yet.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn channels(&self) -> Result<Option<ChannelsView>, Unanswered> {
        Ok(None)
    }

    /// Agrees with the peer to close a channel.
    ///
    /// # Errors
    /// [`ChannelFault::NoNode`].
    pub async fn close_channel(&self, _channel: &str) -> Result<(), ChannelFault> {
        Err(ChannelFault::NoNode)
    }

    /// Brings what the node holds beside its channels to the savings.
    ///
    /// # Errors
    /// [`ChannelFault::NoNode`].
    pub async fn bring_back(&self) -> Result<(), ChannelFault> {
        Err(ChannelFault::NoNode)
    }
}

#[cfg(feature = "node")]
impl StatusSource {
    /// `None` where the wallet is not the built-in node, or does not run yet.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn channels(&self) -> Result<Option<ChannelsView>, Unanswered> {
        let Some(node) = self.lightning.node() else { return Ok(None) };
        let Ok(funds) = node.funds().await else { return Ok(None) };
        let cost_sat = self.engine.look(|engine| engine.channels_cost_sat()).await?;
        let lsp = self.config().node.lsp.as_ref().map(|(key, _)| key.clone());
        let ids: Vec<_> = funds.channels.iter().map(|channel| channel.id.clone()).collect();
        let costs = self.engine.look(move |engine| engine.channel_costs_sat(&ids)).await?;
        let shown = |(channel, cost_sat): (crate::lightning::node::Channel, u64)| ChannelView {
            cost_sat,
            base_msat: channel.terms.map(|terms| terms.base_msat),
            ppm: channel.terms.map(|terms| terms.ppm),
            is_lsp: lsp.as_ref() == Some(&channel.peer),
            state: match (channel.is_ready, channel.is_usable) {
                (false, _) => "confirming",
                (true, false) => "away",
                (true, true) => "works",
            }
            .to_owned(),
            id: channel.id,
            peer: channel.peer,
            confirmations: channel.confirmations.0,
            confirmations_needed: channel.confirmations.1,
            spendable_sat: channel.spendable_sat,
            receivable_sat: channel.receivable_sat,
            value_sat: channel.value_sat,
            txid: channel.funding.map(|txid| txid.to_string()),
        };
        let height = funds.height;
        let closing = funds.closing.iter().map(|closing| ClosingView {
            sat: closing.sat,
            blocks: closing.height.map(|at| at.saturating_sub(height)),
            is_contested: closing.is_contested,
        });
        Ok(Some(ChannelsView {
            closing: closing.collect(),
            channels: funds.channels.into_iter().zip(costs).map(shown).collect(),
            beside_sat: funds.beside_sat,
            free_sat: funds.free_sat,
            reserved_sat: funds.reserved_sat,
            cost_sat,
        }))
    }

    /// Agrees with the peer to close a channel; its money comes to the node, beside its channels.
    ///
    /// # Errors
    /// [`ChannelFault`]: nothing was closed.
    pub async fn close_channel(&self, channel: &str) -> Result<(), ChannelFault> {
        let node = self.lightning.node().ok_or(ChannelFault::NoNode)?;
        let open = self.engine.look(|engine| engine.open_move()).await?;
        if open.is_some_and(|open| open.channel.as_deref() == Some(channel)) {
            return Err(ChannelFault::InUse);
        }
        let id = channel.to_owned();
        let noted = self.engine.work(move |engine, now| engine.note_closing_ordered(now, &id)).await;
        noted.map_err(Unanswered::from)?;
        node.close_channel(channel).await.map_err(|fault| ChannelFault::Refused(fault.to_string()))
    }

    /// Brings what the node holds beside its channels, and need not keep aside, to the savings.
    ///
    /// # Errors
    /// [`ChannelFault`]: nothing was moved.
    pub async fn bring_back(&self) -> Result<(), ChannelFault> {
        use crate::domain::refill::{SENDING_VB, node_fee_max_sat};
        let node = self.lightning.node().ok_or(ChannelFault::NoNode)?;
        let savings = self.treasury.as_ref().ok_or(ChannelFault::NoSavings)?.view();
        let funds = node.funds().await.map_err(|fault| ChannelFault::Refused(fault.to_string()))?;
        let sat_per_vb = savings.fees.hour.max(1);
        let cost_max_sat = node_fee_max_sat(SENDING_VB, sat_per_vb);
        if funds.free_sat <= cost_max_sat {
            return Err(ChannelFault::Nothing);
        }
        let new = crate::store::NewMove {
            kind: crate::store::MoveKind::Sweep,
            wallet: savings.id,
            amount_sat: funds.free_sat,
            deposit_sat: 0,
            aside_sat: 0,
            cost_max_sat,
            address: None,
        };
        let begun = self.engine.work(move |engine, now| engine.begin_return(now, &new)).await;
        begun.map_err(Unanswered::from)?.map_err(ChannelFault::Refused)
    }
}
