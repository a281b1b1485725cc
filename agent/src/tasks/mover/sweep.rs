//! Out of a channel, to the savings or to an address of the owner's.

use super::Mover;
use super::node::{Expected, PROVIDER_AWAY, before_sat, channel_of};
use super::open::{DEARER, OTHER_SAVINGS};
use super::plan::widest;
use super::splice::Splice;
use crate::domain::refill::SPLICE_VB;
use crate::engine::MoveStep;
use crate::lightning::Trouble;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::{MoveRow, MoveState};
use crate::tasks::Unanswered;
use crate::treasury::{Asked, For};

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
        if self.is_dearer(open, SPLICE_VB) {
            return self.stuck(open, DEARER).await;
        }
        let address = match (&open.address, self.savings(open)) {
            (Some(address), _) => address.clone(),
            (None, Some(savings)) => match savings.ask(|answer| Asked::Address(For::Another, answer)).await? {
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
        let is_away = open.wallet.is_empty();
        let has_arrived = match self.savings(open) {
            Some(savings) => {
                let arrival = self.arrived(open, &savings, Expected::Sat(open.amount_sat)).await?;
                arrival.is_some_and(|arrival| arrival.height.is_some())
            }
            None if is_away => false,
            None => return self.stuck(open, OTHER_SAVINGS).await,
        };
        let Some(channel) = channel_of(open, funds) else {
            return match (has_arrived, funds.closing.is_empty()) {
                // It closed afterwards; what the transaction cost is part of what that costs.
                (true, _) => self.note(open, MoveStep::Taken { fee_sat: 0 }).await,
                (false, true) => self.note(open, MoveStep::Undone(CLOSED_FIRST.to_owned())).await,
                (false, false) => Ok(()),
            };
        };
        if !has_arrived && !is_away {
            return Ok(());
        }
        match before_sat(open).saturating_sub(channel.value_sat).checked_sub(open.amount_sat) {
            Some(fee_sat) => self.note(open, MoveStep::Taken { fee_sat }).await,
            None => Ok(()),
        }
    }
}

const CLOSED_FIRST: &str = "The channel was closed before it was certain that the money had left it. What was in it came back \
    beside the channels, unless it is at the address after all.";
const NOT_ENOUGH: &str = "No channel holds enough any more. Nothing was moved.";
