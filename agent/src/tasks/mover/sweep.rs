//! Out of a channel, to the savings or to an address of the owner's.

use super::Mover;
use super::node::{CLOSED, NO_SPLICE, OTHER_SAVINGS, PROVIDER_AWAY, before_sat};
use super::plan::widest;
use crate::engine::MoveStep;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::MoveRow;
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
        if let Err(why) = self.may_go_on().await? {
            return self.stuck(open, &why).await;
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
        self.tries.told = Some(open.number);
        match node.splice_out(&id, &address, open.amount_sat).await {
            Ok(()) => Ok(()),
            Err(fault) => self.note(open, MoveStep::Undone(format!("{NO_SPLICE} {fault}"))).await,
        }
    }

    /// The node reports the transaction; the savings may see it first.
    pub(super) async fn await_splice(&mut self, open: &MoveRow, funds: &NodeFunds) -> Result<(), Unanswered> {
        self.look(open).await?;
        if let (Some(savings), Some(address)) = (self.savings(open), &open.address)
            && let Some(arrival) = self.arrived(open, &savings, address).await?
        {
            return self.note(open, MoveStep::Spliced(arrival.txid)).await;
        }
        match self.is_over(open, funds) {
            true => self.note(open, MoveStep::Undone(NO_SPLICE.to_owned())).await,
            false => Ok(()),
        }
    }

    pub(super) async fn await_arrival(&mut self, open: &MoveRow, funds: &NodeFunds) -> Result<(), Unanswered> {
        self.look(open).await?;
        if !open.wallet.is_empty() {
            let (Some(savings), Some(address)) = (self.savings(open), &open.address) else {
                return self.stuck(open, OTHER_SAVINGS).await;
            };
            match self.arrived(open, &savings, address).await? {
                Some(arrival) if arrival.height.is_some() => {}
                _ => return Ok(()),
            }
        }
        let channel = funds.channels.iter().find(|channel| Some(&channel.id) == open.channel.as_ref());
        let Some(channel) = channel else { return self.stuck(open, CLOSED).await };
        match before_sat(open).saturating_sub(channel.value_sat).checked_sub(open.amount_sat) {
            Some(fee_sat) => self.note(open, MoveStep::Taken { fee_sat }).await,
            None => Ok(()),
        }
    }
}

const NOT_ENOUGH: &str = "No channel holds enough any more. Nothing was moved.";
