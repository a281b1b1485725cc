//! From the savings to the node and into a channel; or back, where its owner wants that.

use super::Mover;
use super::node::{Expected, PROVIDER_AWAY, before_sat, channel_of};
use super::open::{DEARER, OTHER_SAVINGS};
use super::plan::widest;
use super::splice::Splice;
use crate::domain::refill::{OPENING_VB, SENDING_VB};
use crate::engine::MoveStep;
use crate::lightning::Trouble;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::{MoveKind, MoveRow};
use crate::tasks::Unanswered;
use crate::treasury::{Asked, For};

impl Mover {
    /// The savings pay to an address of the node's, where it needs that.
    pub(super) async fn pay(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        if open.deposit_sat == 0 {
            return self.note(open, at_node(funds, 0)).await;
        }
        match &open.address {
            Some(to) => self.pay_to(open, to.clone()).await,
            None => match node.deposit_address().await {
                Ok(address) => self.note(open, MoveStep::PayTo(address)).await,
                Err(fault) => self.stuck(open, &fault.to_string()).await,
            },
        }
    }

    /// Any of its transactions may be the one that a block has: the owner can have made it faster.
    pub(super) async fn await_deposit(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        self.look(open);
        let number = open.number;
        for txid in self.engine.look(move |engine| engine.move_txids(number)).await? {
            if let Ok(Some(tx)) = node.onchain_tx(txid).await
                && tx.is_confirmed
            {
                return self.note(open, at_node(funds, tx.amount_sat)).await;
            }
        }
        Ok(())
    }

    /// Into the channel that works, if there is one and its peer agrees; else into a new one.
    pub(super) async fn open(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        match (open.splices, &open.channel, widest(funds)) {
            (false, ..) => self.open_new(open, node, funds).await,
            (true, Some(_), _) => match self.go_on_splicing(open, node, funds, Splice::In).await? {
                true => Ok(()),
                false => self.note(open, not_topped(funds)).await,
            },
            (true, None, Some(channel)) => self.top(open, node, channel, funds).await,
            // The provider is away: the channel works again once it is back.
            (true, None, None) if funds.channels.iter().any(|channel| channel.is_ready) => {
                self.stuck(open, PROVIDER_AWAY).await
            }
            (true, None, None) => self.note(open, not_topped(funds)).await,
        }
    }

    async fn top(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        channel: &Channel,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        if let Some(why) = self.held_back(open).await? {
            return self.stuck(open, &why).await;
        }
        let (id, before_sat) = (channel.id.clone(), channel.value_sat);
        // Written down before the node is told.
        if !self.noted(open, MoveStep::Topping { channel: id.clone(), before_sat }).await? {
            return Ok(());
        }
        self.tries.told = true;
        match node.splice_in(&id, open.amount_sat).await {
            Ok(()) => Ok(()),
            // The program is ending, so nobody knows.
            Err(fault) if fault.trouble == Trouble::NotReady => Ok(()),
            Err(fault) => {
                tracing::warn!(%fault, "money was not put into a channel; a new one is opened");
                self.note(open, not_topped(funds)).await
            }
        }
    }

    /// One channel at a time: one that was asked for is there at once, and gone again if nothing comes of it.
    async fn open_new(&mut self, open: &MoveRow, node: &NodeService, funds: &NodeFunds) -> Result<(), Unanswered> {
        if open.before.is_none() {
            return self.note(open, not_topped(funds)).await;
        }
        if let Some(channel) = new_channel(open, funds) {
            return self.note_opened(open, node, channel).await;
        }
        if !self.may_try() {
            return Ok(());
        }
        if let Some(why) = self.held_back(open).await? {
            return self.stuck(open, &why).await;
        }
        match node.open_channel(open.amount_sat).await {
            Ok(()) => Ok(()),
            Err(fault) => {
                let why = format!("The channel was not opened; it is tried again. {fault}");
                self.stuck(open, &why).await
            }
        }
    }

    /// Why the node does not spend its money on this now, if it does not.
    async fn held_back(&self, open: &MoveRow) -> Result<Option<String>, Unanswered> {
        if let Err(why) = self.may_go_on(open).await? {
            return Ok(Some(why));
        }
        Ok(self.is_dearer(open, OPENING_VB).then(|| DEARER.to_owned()))
    }

    async fn note_opened(&self, open: &MoveRow, node: &NodeService, channel: &Channel) -> Result<(), Unanswered> {
        let Some(txid) = channel.funding else { return Ok(()) };
        // What it cost is known once the node's wallet knows the transaction.
        let Ok(Some(tx)) = node.onchain_tx(txid).await else { return Ok(()) };
        self.note(open, MoveStep::Opened { channel: channel.id.clone(), txid, fee_sat: tx.fee_sat }).await
    }

    pub(super) async fn await_channel(
        &self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        let Some(channel) = channel_of(open, funds) else {
            return self.note(open, MoveStep::Undone(CLOSED.to_owned())).await;
        };
        match (open.splices, open.txid) {
            (false, _) if channel.is_ready => self.note(open, MoveStep::Ready).await,
            (true, Some(txid)) if channel.value_sat >= before_sat(open).saturating_add(open.amount_sat) => {
                let Ok(Some(tx)) = node.onchain_tx(txid).await else { return Ok(()) };
                // The node's wallet does not know what the channel before was worth, so to it the fee is part of the amount.
                let fee_sat = tx.amount_sat.saturating_add(tx.fee_sat).saturating_sub(open.amount_sat);
                self.note(open, MoveStep::Grown { fee_sat }).await
            }
            _ => Ok(()),
        }
    }

    /// Everything beside the channels goes back to the savings.
    pub(super) async fn send_back(
        &mut self,
        open: &MoveRow,
        node: &NodeService,
        funds: &NodeFunds,
    ) -> Result<(), Unanswered> {
        // A channel that was asked for just before may have been quicker.
        if let Some(channel) = new_channel(open, funds) {
            return self.note_opened(open, node, channel).await;
        }
        let Some(savings) = self.savings(open) else { return self.stuck(open, OTHER_SAVINGS).await };
        let Some(address) = &open.address else {
            // Until then its owner can still call it off.
            if open.kind == MoveKind::Sweep && self.is_dearer(open, SENDING_VB) {
                return self.stuck(open, DEARER).await;
            }
            let fresh = savings.ask(|answer| Asked::Address(For::Another, answer)).await?;
            return match fresh {
                Ok(fresh) => self.note(open, MoveStep::SendingBack(fresh.address)).await,
                Err(refused) => self.stuck(open, &refused.to_string()).await,
            };
        };
        self.look(open);
        if let Some(arrival) = self.arrived(open, &savings, Expected::From(node)).await? {
            return match node.onchain_tx(arrival.txid).await {
                Ok(Some(tx)) if arrival.height.is_some() => {
                    let (txid, amount_sat, fee_sat) = (arrival.txid, arrival.sat, tx.fee_sat);
                    self.note(open, MoveStep::SentBack { txid, amount_sat, fee_sat }).await
                }
                _ => Ok(()),
            };
        }
        self.send_once(open, node, address).await
    }

    /// The node and the savings need a while to see what was sent, also by this program before it started anew.
    async fn send_once(&mut self, open: &MoveRow, node: &NodeService, address: &str) -> Result<(), Unanswered> {
        let now = self.clock.elapsed_ms();
        let began_here = self.clock.now().wall.since(open.changed_at) < now;
        let rested = match self.tries.sent_at {
            Some(sent_at) => now.saturating_sub(sent_at) >= SENT_REST_MS,
            None => began_here || now >= STARTED_REST_MS,
        };
        if !rested {
            return Ok(());
        }
        if let Err(why) = self.may_go_on(open).await? {
            return self.stuck(open, &why).await;
        }
        self.tries.sent_at = Some(now);
        match node.send_back(address).await {
            Ok(_) => Ok(()),
            Err(fault) => self.stuck(open, &fault.to_string()).await,
        }
    }
}

fn at_node(funds: &NodeFunds, came_sat: u64) -> MoveStep {
    MoveStep::AtNode { channels: ids(funds), came_sat }
}

fn not_topped(funds: &NodeFunds) -> MoveStep {
    MoveStep::NotTopped { channels: ids(funds) }
}

fn ids(funds: &NodeFunds) -> Vec<String> {
    funds.channels.iter().map(|channel| channel.id.clone()).collect()
}

/// The channel that this move opened: of its size, by this node, and not there before.
fn new_channel<'f>(open: &MoveRow, funds: &'f NodeFunds) -> Option<&'f Channel> {
    if open.splices {
        return None;
    }
    let before: Vec<&str> = open.before.as_deref()?.split_whitespace().collect();
    let is_new = |channel: &&Channel| {
        channel.is_ours && channel.value_sat == open.amount_sat && !before.contains(&channel.id.as_str())
    };
    funds.channels.iter().find(is_new)
}

/// The node looks at its own transactions less often than that.
const SENT_REST_MS: u64 = 900_000;
const STARTED_REST_MS: u64 = 180_000;
const CLOSED: &str = "The channel was closed. What was in it comes back beside the channels.";
