//! Out of a channel, to the savings or to an address of the owner's.

use super::Mover;
use super::node::{DEARER, Expected, OTHER_SAVINGS, PROVIDER_AWAY, before_sat, channel_of};
use super::plan::widest;
use super::splice::Splice;
use crate::domain::refill::{SPLICE_VB, node_fee_max_sat};
use crate::engine::MoveStep;
use crate::lightning::Trouble;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::{MoveRow, MoveState};
use crate::tasks::Unanswered;
use crate::treasury::Asked;

impl Mover {
    pub(super) async fn sweep(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        let enough = open.amount_sat.saturating_add(open.cost_max_sat);
        let holds = |channel: &&Channel| channel.is_ready && channel.spendable_sat >= enough;
        let Some(channel) = widest(funds).filter(holds) else {
            return match funds.channels.iter().any(|channel| holds(&channel)) {
                true => self.stuck(open, PROVIDER_AWAY).await,
                false => self.note(open, MoveStep::Undone(NOT_ENOUGH.to_owned())).await,
            };
        };
        if let Err(why) = self.may_go_on(open).await? {
            return self.stuck(open, &why).await;
        }
        // The node takes the fee rate of now.
        if self.sat_per_vb().is_none_or(|rate| node_fee_max_sat(SPLICE_VB, rate) > open.cost_max_sat) {
            return self.stuck(open, DEARER).await;
        }
        let address = match (&open.address, self.savings(open)) {
            (Some(address), _) => address.clone(),
            (None, Some(savings)) => match savings.ask(|answer| Asked::Address(true, answer)).await? {
                Ok(fresh) => fresh.address,
                Err(refused) => return self.stuck(open, &refused.to_string()).await,
            },
            (None, None) => return self.stuck(open, OTHER_SAVINGS).await,
        };
        let (id, before_sat) = (channel.id.clone(), channel.value_sat);
        let begun = MoveStep::Sweeping { channel: id.clone(), before_sat, address: address.clone() };
        // Written down before the node is told.
        if !self.noted(open, begun).await? {
            return Ok(());
        }
        self.tries.tell(open, MoveState::Sweeping);
        match node.splice_out(&id, &address, open.amount_sat).await {
            Ok(()) => Ok(()),
            // The program is ending, so nobody knows.
            Err(fault) if fault.trouble == Trouble::NotReady => Ok(()),
            Err(fault) => {
                tracing::warn!(%fault, "money was not taken out of a channel");
                self.note(open, MoveStep::NotSpliced).await
            }
        }
    }

    /// The node reports the transaction; the savings may see it first.
    pub(super) async fn await_splice(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        self.look(open);
        if let Some(savings) = self.savings(open)
            && let Some(arrival) = self.arrived(open, &savings, Expected::Sat(open.amount_sat)).await?
        {
            return self.note(open, MoveStep::Spliced(arrival.txid)).await;
        }
        match self.go_on_splicing(open, node, funds, Splice::Out).await? {
            true => Ok(()),
            false => self.note(open, MoveStep::NotSpliced).await,
        }
    }

    pub(super) async fn await_arrival(&mut self, open: &MoveRow, funds: &NodeFunds) -> Result<(), Unanswered> {
        self.look(open);
        if !open.wallet.is_empty() {
            let Some(savings) = self.savings(open) else { return self.stuck(open, OTHER_SAVINGS).await };
            match self.arrived(open, &savings, Expected::Sat(open.amount_sat)).await? {
                Some(arrival) if arrival.height.is_some() => {}
                _ => return Ok(()),
            }
        }
        let Some(channel) = channel_of(open, funds) else {
            // It closed meanwhile; what the transaction cost is part of what that costs.
            return self.note(open, MoveStep::Taken { fee_sat: 0 }).await;
        };
        match before_sat(open).saturating_sub(channel.value_sat).checked_sub(open.amount_sat) {
            Some(fee_sat) => self.note(open, MoveStep::Taken { fee_sat }).await,
            None => Ok(()),
        }
    }
}

const NOT_ENOUGH: &str = "No channel holds enough any more. Nothing was moved.";
