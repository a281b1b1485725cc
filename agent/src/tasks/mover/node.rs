//! The steps of the open move: what is to be done follows from its row and from what node and savings show.

use std::time::Duration;

use bitcoin::Txid;

use super::Mover;
use super::plan::widest;
use crate::domain::refill::{OPENING_VB, node_fee_max_sat};
use crate::engine::MoveStep;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::{MoveKind, MoveRow, MoveState};
use crate::tasks::Unanswered;
use crate::treasury::{Arrival, Asked, Order, Sum, Treasury, Wish};

/// What is not tried again at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    count: u32,
    /// In monotonic ms.
    next_at: u64,
    looked_at: u64,
    /// This process told the node to take money out of a channel for this move.
    pub(super) told: Option<i64>,
    /// Since when the channel works, after another process told it so.
    works_since: Option<u64>,
    /// The transaction of the savings that was counted as part of the move.
    counted: Option<Txid>,
}

impl Mover {
    /// How long until the next step of the open move; `None` where there is none.
    pub(super) async fn go_on(&mut self) -> Result<Option<Duration>, Unanswered> {
        let Some(open) = self.engine.look(|engine| engine.open_move()).await? else {
            self.tries = Tries::default();
            return Ok(None);
        };
        let Some(node) = self.lightning.node() else { return Ok(Some(PAUSE)) };
        let Ok(funds) = node.funds().await else { return Ok(Some(PAUSE)) };
        let spending_sat = Some(funds.spending_sat());
        self.show(super::RefillView { spending_sat, ..super::RefillView::default() });
        match (open.state, open.kind) {
            (MoveState::Asked, _) => self.wait_for_answer(&open).await?,
            (MoveState::Agreed, MoveKind::Refill) => self.pay(&open, &node, &funds).await?,
            (MoveState::Paying, _) => self.await_deposit(&open, &node, &funds).await?,
            (MoveState::Opening, _) => self.open(&open, &node, &funds).await?,
            (MoveState::Confirming, _) => self.await_channel(&open, &node, &funds).await?,
            (MoveState::Returning, _) => self.send_back(&open, &node, &funds).await?,
            (MoveState::Agreed, MoveKind::Sweep) => self.sweep(&open, &node, &funds).await?,
            (MoveState::Sweeping, _) => self.await_splice(&open, &funds).await?,
            (MoveState::Arriving, _) => self.await_arrival(&open, &funds).await?,
            (MoveState::Done | MoveState::Undone, _) => {}
        }
        Ok(Some(PAUSE))
    }

    async fn wait_for_answer(&self, open: &MoveRow) -> Result<(), Unanswered> {
        let expires_ms = self.settings.config().ask.expires_ms;
        match self.clock.now().wall.since(open.asked_at) > expires_ms {
            true => self.note(open, MoveStep::Undone(UNANSWERED.to_owned())).await,
            false => Ok(()),
        }
    }

    /// The savings pay to an address of the node's; the row is written with the transaction, before it leaves.
    async fn pay(&mut self, open: &MoveRow, node: &NodeService, funds: &NodeFunds) -> Result<(), Unanswered> {
        if open.deposit_sat == 0 {
            return self.note(open, at_node(funds)).await;
        }
        let Some(savings) = self.savings(open) else { return self.stuck(open, OTHER_SAVINGS).await };
        if !self.may_try() {
            return Ok(());
        }
        let to = match node.deposit_address().await {
            Ok(to) => to,
            Err(fault) => return self.stuck(open, &fault.to_string()).await,
        };
        let sat_per_vb = savings.view().fees.hour.max(1);
        let wish = Wish { to, sum: Sum::Sat(open.deposit_sat), sat_per_vb, coins: Vec::new() };
        let draft = match savings.ask(|answer| Asked::Draft(wish, answer)).await? {
            Ok(draft) => draft,
            Err(refused) => return self.stuck(open, &refused.to_string()).await,
        };
        let cost = draft.fee_sat.saturating_add(node_fee_max_sat(OPENING_VB, sat_per_vb));
        if cost > open.cost_max_sat {
            let why = format!("It would now cost up to {cost} sat, more than you were shown. Nothing was moved.");
            return self.note(open, MoveStep::Undone(why)).await;
        }
        let Ok(draft) = draft.id.parse() else { return Ok(()) };
        let order = Order { draft, signed: None, label: None, of_move: Some(open.number) };
        match savings.ask(|answer| Asked::Send(order, answer)).await? {
            Ok(_) => Ok(()),
            Err(refused) => self.stuck(open, &refused.to_string()).await,
        }
    }

    async fn await_deposit(&mut self, open: &MoveRow, node: &NodeService, funds: &NodeFunds) -> Result<(), Unanswered> {
        let Some(txid) = open.txid else { return Ok(()) };
        self.look(open).await?;
        match node.onchain_tx(txid).await {
            Ok(Some(tx)) if tx.is_confirmed => self.note(open, at_node(funds)).await,
            _ => Ok(()),
        }
    }

    /// Into the channel that works, if there is one and its peer agrees; else into a new one.
    async fn open(&mut self, open: &MoveRow, node: &NodeService, funds: &NodeFunds) -> Result<(), Unanswered> {
        match (open.splices, &open.channel, widest(funds)) {
            (false, ..) => self.open_new(open, node, funds).await,
            (true, Some(_), _) => match self.is_over(open, funds) {
                true => self.note(open, not_topped(funds)).await,
                false => Ok(()),
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
        if let Err(why) = self.may_go_on().await? {
            return self.stuck(open, &why).await;
        }
        let (id, before_sat) = (channel.id.clone(), channel.value_sat);
        // Written down before the node is told.
        if !self.noted(open, MoveStep::Topping { channel: id.clone(), before_sat }).await? {
            return Ok(());
        }
        self.tries.told = Some(open.number);
        match node.splice_in(&id, open.amount_sat).await {
            Ok(()) => Ok(()),
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
        if let Err(why) = self.may_go_on().await? {
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

    async fn note_opened(&self, open: &MoveRow, node: &NodeService, channel: &Channel) -> Result<(), Unanswered> {
        let Some(txid) = channel.funding else { return Ok(()) };
        // What it cost is known once the node's wallet knows the transaction.
        let Ok(Some(tx)) = node.onchain_tx(txid).await else { return Ok(()) };
        self.note(open, MoveStep::Opened { channel: channel.id.clone(), txid, fee_sat: tx.fee_sat }).await
    }

    async fn await_channel(&self, open: &MoveRow, node: &NodeService, funds: &NodeFunds) -> Result<(), Unanswered> {
        let channel = funds.channels.iter().find(|channel| Some(&channel.id) == open.channel.as_ref());
        let Some(channel) = channel else { return self.note(open, MoveStep::Undone(CLOSED.to_owned())).await };
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

    /// Everything beside the channels goes back to an address that nothing else is paid to.
    async fn send_back(&mut self, open: &MoveRow, node: &NodeService, funds: &NodeFunds) -> Result<(), Unanswered> {
        // A channel that was asked for just before may have been quicker.
        if let Some(channel) = new_channel(open, funds) {
            return self.note_opened(open, node, channel).await;
        }
        let Some(savings) = self.savings(open) else { return self.stuck(open, OTHER_SAVINGS).await };
        let Some(address) = &open.address else {
            let fresh = savings.ask(|answer| Asked::Address(true, answer)).await?;
            return match fresh {
                Ok(fresh) => self.note(open, MoveStep::SendingBack(fresh.address)).await,
                Err(refused) => self.stuck(open, &refused.to_string()).await,
            };
        };
        self.look(open).await?;
        if let Some(arrival) = self.arrived(open, &savings, address).await? {
            return match node.onchain_tx(arrival.txid).await {
                Ok(Some(tx)) if arrival.height.is_some() => {
                    let (txid, amount_sat, fee_sat) = (arrival.txid, arrival.sat, tx.fee_sat);
                    self.note(open, MoveStep::SentBack { txid, amount_sat, fee_sat }).await
                }
                _ => Ok(()),
            };
        }
        if !self.may_try() {
            return Ok(());
        }
        // All of it at once, so that a second such transaction could only take the place of the first.
        match node.send_back(address).await {
            Ok(_) => Ok(()),
            Err(fault) => self.stuck(open, &fault.to_string()).await,
        }
    }

    /// Whether nothing comes of what the peer was asked. A node that ended meanwhile goes on with it when it meets the peer
    /// again, or has forgotten it.
    pub(super) fn is_over(&mut self, open: &MoveRow, funds: &NodeFunds) -> bool {
        if self.tries.told == Some(open.number) {
            return self.clock.now().wall.since(open.changed_at) > SPLICE_MS;
        }
        let works =
            funds.channels.iter().any(|channel| Some(&channel.id) == open.channel.as_ref() && channel.is_usable);
        let now = self.clock.elapsed_ms();
        self.tries.works_since = works.then(|| self.tries.works_since.unwrap_or(now));
        self.tries.works_since.is_some_and(|since| now.saturating_sub(since) > RESUME_MS)
    }

    /// What came to an address of the savings that nothing else is paid to; it counts as part of the move from then on.
    pub(super) async fn arrived(
        &mut self,
        open: &MoveRow,
        savings: &Treasury,
        address: &str,
    ) -> Result<Option<Arrival>, Unanswered> {
        let address = address.to_owned();
        let Ok(arrivals) = savings.ask(|answer| Asked::PaidTo(address, answer)).await? else { return Ok(None) };
        let Some(arrival) = arrivals.into_iter().max_by_key(|arrival| arrival.height.is_some()) else {
            return Ok(None);
        };
        let (number, txid) = (open.number, arrival.txid);
        if self.tries.counted != Some(txid) {
            self.engine.work(move |engine, now| engine.note_move_tx(now, number, &txid)).await?;
            self.tries.counted = Some(txid);
        }
        Ok(Some(arrival))
    }

    /// The savings that the move is about, unless they were exchanged.
    pub(super) fn savings(&self, open: &MoveRow) -> Option<Treasury> {
        self.treasury.clone().filter(|savings| savings.view().id == open.wallet)
    }

    /// Has the savings ask the chain, not too often.
    pub(super) async fn look(&mut self, open: &MoveRow) -> Result<(), Unanswered> {
        let now = self.clock.elapsed_ms();
        let Some(savings) = self.savings(open) else { return Ok(()) };
        if now.saturating_sub(self.tries.looked_at) >= LOOK_MS {
            self.tries.looked_at = now;
            // On its own: the chain may not answer for long.
            tokio::spawn(async move { savings.ask(|answer| Asked::Look(false, answer)).await });
        }
        Ok(())
    }

    /// Stop, lock and the stop button hold moves back as well.
    pub(super) async fn may_go_on(&self) -> Result<Result<(), String>, Unanswered> {
        let now = self.clock.now();
        self.engine.look(move |engine| engine.move_may_go_on(now)).await
    }

    pub(super) async fn note(&self, open: &MoveRow, step: MoveStep) -> Result<(), Unanswered> {
        self.noted(open, step).await.map(drop)
    }

    /// False where the move is at another place by now.
    pub(super) async fn noted(&self, open: &MoveRow, step: MoveStep) -> Result<bool, Unanswered> {
        let number = open.number;
        Ok(self.engine.work(move |engine, now| engine.go_on_with_move(now, number, &step)).await?)
    }

    pub(super) async fn stuck(&self, open: &MoveRow, why: &str) -> Result<(), Unanswered> {
        match open.fault.as_deref() == Some(why) {
            true => Ok(()),
            false => self.note(open, MoveStep::Stuck(Some(why.to_owned()))).await,
        }
    }

    /// True at first, and then less and less often.
    fn may_try(&mut self) -> bool {
        let now = self.clock.elapsed_ms();
        if now < self.tries.next_at {
            return false;
        }
        let wait = TRY_MS.saturating_mul(1 << self.tries.count.min(TRIES_DOUBLED));
        self.tries =
            Tries { count: self.tries.count.saturating_add(1), next_at: now.saturating_add(wait), ..self.tries };
        true
    }
}

fn at_node(funds: &NodeFunds) -> MoveStep {
    MoveStep::AtNode { channels: ids(funds) }
}

fn not_topped(funds: &NodeFunds) -> MoveStep {
    MoveStep::NotTopped { channels: ids(funds) }
}

fn ids(funds: &NodeFunds) -> Vec<String> {
    funds.channels.iter().map(|channel| channel.id.clone()).collect()
}

/// What was in the channel before, of both sides.
pub(super) fn before_sat(open: &MoveRow) -> u64 {
    open.before.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The channel that this move opened: of its size, by this node, and not there before.
fn new_channel<'f>(open: &MoveRow, funds: &'f NodeFunds) -> Option<&'f Channel> {
    let before: Vec<&str> = open.before.as_deref().unwrap_or_default().split_whitespace().collect();
    let is_new = |channel: &&Channel| {
        channel.is_ours && channel.value_sat == open.amount_sat && !before.contains(&channel.id.as_str())
    };
    funds.channels.iter().find(is_new)
}

const PAUSE: Duration = Duration::from_secs(2);
const LOOK_MS: u64 = 60_000;
/// The first wait between two tries, doubled so often at most.
const TRY_MS: u64 = 10_000;
const TRIES_DOUBLED: u32 = 8;
/// A peer answers within seconds.
const SPLICE_MS: u64 = 900_000;
/// Right after it is met again, it says whether it goes on.
const RESUME_MS: u64 = 30_000;
const UNANSWERED: &str = "You did not answer in time. Nothing was moved; you are asked again.";
pub(super) const PROVIDER_AWAY: &str = "The provider does not answer now; the move waits until it does.";
pub(super) const OTHER_SAVINGS: &str =
    "The savings that this move is about are not in the settings any more; put them back to let it end.";
pub(super) const CLOSED: &str = "The channel was closed. What was in it comes back beside the channels.";
pub(super) const NO_SPLICE: &str = "The provider did not agree to take money out of the channel. Nothing was moved.";
