//! The step that is due of a move to or from the built-in node.

use super::Mover;
use crate::domain::refill::node_fee_max_sat;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::{MoveKind, MoveRow, MoveState};
use crate::tasks::Unanswered;
use crate::treasury::{Arrival, Treasury};

/// What is known of a transaction that is waited for.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// So much arrives.
    Sat(u64),
    /// It comes from this node.
    From(&'a NodeService),
}

impl Expected<'_> {
    async fn is(self, arrival: &Arrival) -> bool {
        match self {
            Expected::Sat(sat) => arrival.sat == sat,
            Expected::From(node) => matches!(node.onchain_tx(arrival.txid).await, Ok(Some(_))),
        }
    }
}

impl Mover {
    /// Says once that the money of channels that closed is back.
    pub(super) async fn mind_closings(&self) -> Result<(), Unanswered> {
        let Some(node) = self.lightning.node() else { return Ok(()) };
        match self.engine.look(|engine| engine.has_closing_channels()).await? {
            // What is worth less than its fee stays where it is.
            true if node
                .funds()
                .await
                .is_ok_and(|funds| funds.closing.iter().all(|closing| closing.sat < WORTH_SAT)) =>
            {
                Ok(self.engine.work(|engine, now| engine.note_channels_settled(now)).await?)
            }
            _ => Ok(()),
        }
    }

    /// Takes the step that is due.
    pub(super) async fn go_on_with_node(&mut self, open: &MoveRow) -> Result<(), Unanswered> {
        let Some(node) = self.lightning.node() else { return Ok(()) };
        let Ok(funds) = node.funds().await else { return Ok(()) };
        self.show_while_open(open, funds.spending_sat()).await?;
        match (open.state, open.kind) {
            (MoveState::Agreed, MoveKind::Refill) => self.pay(open, &node, &funds).await,
            (MoveState::Paying, _) => self.await_deposit(open, &node, &funds).await,
            (MoveState::Opening, _) => self.open(open, &node, &funds).await,
            (MoveState::Confirming, _) => self.await_channel(open, &node, &funds).await,
            (MoveState::Returning, _) => self.send_back(open, &node, &funds).await,
            (MoveState::Agreed, MoveKind::Sweep) => self.sweep(open, &node, &funds).await,
            (MoveState::Sweeping, _) => self.await_splice(open, &node, &funds).await,
            (MoveState::Arriving, _) => self.await_arrival(open, &funds).await,
            (MoveState::Asked | MoveState::Done | MoveState::Undone, _) => Ok(()),
        }
    }

    /// Whether what the node would pay to the chain now is more than the owner has agreed to, or not known.
    pub(super) fn is_dearer(&self, open: &MoveRow, virtual_bytes: u64) -> bool {
        let cost = self.sat_per_vb().map(|rate| open.cost_sat.saturating_add(node_fee_max_sat(virtual_bytes, rate)));
        cost.is_none_or(|cost| cost > open.cost_max_sat)
    }

    /// What came to an address of the savings, if this is the transaction that was waited for; it counts as part of the move
    /// from then on.
    pub(super) async fn arrived(
        &mut self,
        open: &MoveRow,
        savings: &Treasury,
        expected: Expected<'_>,
    ) -> Result<Option<Arrival>, Unanswered> {
        for arrival in self.arrivals(open, savings).await? {
            if expected.is(&arrival).await {
                return Ok(self.counts(open, &arrival).await?.then_some(arrival));
            }
        }
        Ok(None)
    }
}

/// What was in the channel before, of both sides.
pub(super) fn before_sat(open: &MoveRow) -> u64 {
    open.before.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The channel of the move, while it is there.
pub(super) fn channel_of<'f>(open: &MoveRow, funds: &'f NodeFunds) -> Option<&'f Channel> {
    funds.channels.iter().find(|channel| Some(&channel.id) == open.channel.as_ref())
}

const WORTH_SAT: u64 = 2_000;
pub(super) const PROVIDER_AWAY: &str = "The provider does not answer now; the move waits until it does.";
