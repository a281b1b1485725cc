//! The step of the open move that is due: it follows from its row and from what node and savings show.

use std::time::Duration;

use bitcoin::{Network, Txid};

use super::{Mover, RefillView};
use crate::domain::refill::node_fee_max_sat;
use crate::engine::MoveStep;
use crate::lightning::node::{Channel, NodeFunds, NodeService};
use crate::store::{MoveKind, MoveRow, MoveState};
use crate::tasks::Unanswered;
use crate::treasury::{Arrival, Asked, Treasury};

/// What this program has done for the open move since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    /// The move, and where it was.
    of: Option<(i64, MoveState)>,
    count: u32,
    /// In monotonic ms.
    next_at: u64,
    looked_at: u64,
    /// The node was told to change what a channel holds.
    pub(super) told: bool,
    /// It refused that after a restart, and since when the channel has worked.
    pub(super) refused_at: Option<u64>,
    /// The node was told to send back what it holds.
    pub(super) sent_at: Option<u64>,
    /// The transaction of the savings that was counted as part of the move.
    counted: Option<Txid>,
}

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

impl Tries {
    /// The node is told for this move, which is at its next place by now.
    pub(super) fn tell(&mut self, open: &MoveRow, state: MoveState) {
        *self = Tries { of: Some((open.number, state)), told: true, ..*self };
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

    /// How long until the next step of the open move; `None` where there is none.
    pub(super) async fn go_on(&mut self) -> Result<Option<Duration>, Unanswered> {
        let Some(open) = self.engine.look(|engine| engine.open_move()).await? else {
            self.tries = Tries::default();
            return Ok(None);
        };
        let Some(node) = self.lightning.node() else { return Ok(Some(PAUSE)) };
        let Ok(funds) = node.funds().await else { return Ok(Some(PAUSE)) };
        self.show_while_open(&open, funds.spending_sat()).await?;
        if self.tries.of != Some((open.number, open.state)) {
            self.tries = Tries { of: Some((open.number, open.state)), ..Tries::default() };
        }
        let is_wanted = self.settings.config().refill.is_some();
        match (open.state, open.kind) {
            (MoveState::Asked | MoveState::Agreed, _) if !is_wanted => {
                self.note(&open, MoveStep::Undone(UNWANTED.to_owned())).await?;
            }
            (MoveState::Asked, _) => self.wait_for_answer(&open).await?,
            (MoveState::Agreed, MoveKind::Refill) => self.pay(&open, &node, &funds).await?,
            (MoveState::Paying, _) => self.await_deposit(&open, &node, &funds).await?,
            (MoveState::Opening, _) => self.open(&open, &node, &funds).await?,
            (MoveState::Confirming, _) => self.await_channel(&open, &node, &funds).await?,
            (MoveState::Returning, _) => self.send_back(&open, &node, &funds).await?,
            (MoveState::Agreed, MoveKind::Sweep) => self.sweep(&open, &node, &funds).await?,
            (MoveState::Sweeping, _) => self.await_splice(&open, &node, &funds).await?,
            (MoveState::Arriving, _) => self.await_arrival(&open, &funds).await?,
            (MoveState::Done | MoveState::Undone, _) => {}
        }
        self.mind_the_chain(&open).await?;
        Ok(Some(PAUSE))
    }

    /// A move that does not go on may let spending money run dry.
    async fn show_while_open(&mut self, open: &MoveRow, spending_sat: u64) -> Result<(), Unanswered> {
        let rule = self.settings.config().refill.clone();
        match (rule.filter(|rule| spending_sat < rule.low_sat), &open.fault) {
            (Some(rule), Some(why)) => self.want(&rule, spending_sat, why).await,
            _ => {
                self.show(RefillView { spending_sat: Some(spending_sat), ..RefillView::default() });
                Ok(())
            }
        }
    }

    async fn wait_for_answer(&self, open: &MoveRow) -> Result<(), Unanswered> {
        let expires_ms = self.settings.config().ask.expires_ms;
        match self.clock.now().wall.since(open.asked_at) > expires_ms {
            true => self.note(open, MoveStep::Undone(UNANSWERED.to_owned())).await,
            false => Ok(()),
        }
    }

    /// Says that the chain takes long, where it is the chain that is waited for.
    async fn mind_the_chain(&self, open: &MoveRow) -> Result<(), Unanswered> {
        let why = match open.state {
            MoveState::Paying => SLOW_PAYING,
            MoveState::Confirming | MoveState::Arriving | MoveState::Returning => SLOW,
            _ => return Ok(()),
        };
        match open.fault.is_none() && self.clock.now().wall.since(open.changed_at) > SLOW_MS {
            true => self.stuck(open, why).await,
            false => Ok(()),
        }
    }

    /// What came to an address of the savings, if this is the transaction that was waited for; it counts as part of the move
    /// from then on.
    pub(super) async fn arrived(
        &mut self,
        open: &MoveRow,
        savings: &Treasury,
        expected: Expected<'_>,
    ) -> Result<Option<Arrival>, Unanswered> {
        let Some(address) = open.address.clone() else { return Ok(None) };
        let Ok(arrivals) = savings.ask(|answer| Asked::PaidTo(address, answer)).await? else { return Ok(None) };
        for arrival in arrivals {
            if !expected.is(&arrival).await {
                continue;
            }
            let (number, txid) = (open.number, arrival.txid);
            if self.tries.counted != Some(txid) {
                // The savings may have seen it without having told the ledger yet.
                if !self.engine.work(move |engine, now| engine.note_move_tx(now, number, &txid)).await? {
                    return Ok(None);
                }
                self.tries.counted = Some(txid);
            }
            return Ok(Some(arrival));
        }
        Ok(None)
    }

    /// The savings that the move is about, unless they were exchanged.
    pub(super) fn savings(&self, open: &MoveRow) -> Option<Treasury> {
        self.treasury.clone().filter(|savings| savings.view().id == open.wallet)
    }

    /// The fee rate of now, as far as the savings know it; a test chain has none.
    pub(super) fn sat_per_vb(&self) -> Option<u64> {
        let view = self.treasury.as_ref()?.view();
        (!view.fees.is_guess || self.settings.config().network == Network::Regtest).then(|| view.fees.hour.max(1))
    }

    /// Whether what the node would pay to the chain now is more than the owner has agreed to, or not known.
    pub(super) fn is_dearer(&self, open: &MoveRow, virtual_bytes: u64) -> bool {
        let cost = self.sat_per_vb().map(|rate| open.cost_sat.saturating_add(node_fee_max_sat(virtual_bytes, rate)));
        cost.is_none_or(|cost| cost > open.cost_max_sat)
    }

    /// Has the savings ask the chain, not too often.
    pub(super) fn look(&mut self, open: &MoveRow) {
        let now = self.clock.elapsed_ms();
        let Some(savings) = self.savings(open) else { return };
        if now.saturating_sub(self.tries.looked_at) >= LOOK_MS {
            self.tries.looked_at = now;
            // On its own: the chain may not answer for long.
            tokio::spawn(async move { savings.ask(|answer| Asked::Look(false, answer)).await });
        }
    }

    /// Stop, lock and the stop button hold moves back as well, and what begins passes the limits once more.
    pub(super) async fn may_go_on(&self, open: &MoveRow) -> Result<Result<(), String>, Unanswered> {
        let (now, number) = (self.clock.now(), open.number);
        self.engine.look(move |engine| engine.move_may_go_on(now, number)).await
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
    pub(super) fn may_try(&mut self) -> bool {
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

/// What was in the channel before, of both sides.
pub(super) fn before_sat(open: &MoveRow) -> u64 {
    open.before.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The channel of the move, while it is there.
pub(super) fn channel_of<'f>(open: &MoveRow, funds: &'f NodeFunds) -> Option<&'f Channel> {
    funds.channels.iter().find(|channel| Some(&channel.id) == open.channel.as_ref())
}

const WORTH_SAT: u64 = 2_000;
const PAUSE: Duration = Duration::from_secs(2);
const LOOK_MS: u64 = 60_000;
/// The first wait between two tries, doubled so often at most.
const TRY_MS: u64 = 10_000;
const TRIES_DOUBLED: u32 = 8;
/// Most often the chain takes an hour for what is waited for.
const SLOW_MS: u64 = 6 * 3_600_000;
const UNWANTED: &str = "The rule that it came from was removed. Nothing was moved.";
const UNANSWERED: &str = "You did not answer in time. Nothing was moved; you are asked again.";
const SLOW_PAYING: &str = "The chain has not confirmed it for six hours. You can make the transaction faster, on the page of your \
    savings; if it never comes through, nothing is lost.";
const SLOW: &str = "The chain has not confirmed it for six hours. It goes on by itself once it has; nothing is lost.";
pub(super) const OTHER_SAVINGS: &str =
    "The savings that this move is about are not in the settings any more; put them back to let it end.";
pub(super) const PROVIDER_AWAY: &str = "The provider does not answer now; the move waits until it does.";
pub(super) const NO_RATE: &str =
    "What a transaction costs now is not known yet, since no chain source has told; nothing is moved before.";
pub(super) const DEARER: &str = "Network fees are higher now than what you agreed to; the move waits until they fall.";
