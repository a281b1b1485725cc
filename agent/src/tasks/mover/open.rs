//! The open move: the step that is due follows from its row and from what node and savings show.

use std::time::Duration;

use bitcoin::{Network, Txid};

use super::{Mover, RefillView};
use crate::engine::MoveStep;
use crate::store::{MoveRow, MoveState};
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
    /// So often in a row a node outside this process knew of no channel.
    pub(super) missed: u32,
    /// The node was told to change what a channel holds.
    #[cfg(feature = "node")]
    pub(super) told: bool,
    /// It refused that after a restart, and since when the channel has worked.
    #[cfg(feature = "node")]
    pub(super) refused_at: Option<u64>,
    /// The node was told to send back what it holds.
    #[cfg(feature = "node")]
    pub(super) sent_at: Option<u64>,
    /// The transaction of the savings that was counted as part of the move.
    counted: Option<Txid>,
}

#[cfg(feature = "node")]
impl Tries {
    /// The node is told for this move, which is at its next place by now.
    pub(super) fn tell(&mut self, open: &MoveRow, state: MoveState) {
        *self = Tries { of: Some((open.number, state)), told: true, ..*self };
    }
}

impl Mover {
    /// How long until the next step of the open move; `None` where there is none.
    pub(super) async fn go_on(&mut self) -> Result<Option<Duration>, Unanswered> {
        let Some(open) = self.engine.look(|engine| engine.open_move()).await? else {
            self.tries = Tries::default();
            return Ok(None);
        };
        if self.tries.of != Some((open.number, open.state)) {
            self.tries = Tries { of: Some((open.number, open.state)), ..Tries::default() };
        }
        match open.state {
            MoveState::Asked | MoveState::Agreed if self.settings.config().refill.is_none() => {
                self.note(&open, MoveStep::Undone(UNWANTED.to_owned())).await?;
                return Ok(Some(PAUSE));
            }
            MoveState::Asked => self.wait_for_answer(&open).await?,
            _ => {}
        }
        let pause = match self.lightning.outside() {
            Some(outside) => self.go_on_outside(&open, &outside).await?,
            None => {
                #[cfg(feature = "node")]
                self.go_on_with_node(&open).await?;
                PAUSE
            }
        };
        self.mind_the_chain(open.number).await?;
        Ok(Some(pause))
    }

    /// A move that does not go on may let spending money run dry.
    pub(super) async fn show_while_open(&mut self, open: &MoveRow, spending_sat: u64) -> Result<(), Unanswered> {
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
    async fn mind_the_chain(&self, number: i64) -> Result<(), Unanswered> {
        let open = self.engine.look(|engine| engine.open_move()).await?;
        let Some(open) = open.filter(|open| open.number == number) else { return Ok(()) };
        let why = match open.state {
            // Confirmed or not, its peer has a say there.
            MoveState::Confirming if open.is_outside() => SLOW_CHANNEL,
            MoveState::Paying => SLOW_PAYING,
            MoveState::Confirming | MoveState::Arriving | MoveState::Returning => SLOW,
            _ => return Ok(()),
        };
        match open.fault.is_none() && self.clock.now().wall.since(open.changed_at) > SLOW_MS {
            true => self.stuck(&open, why).await,
            false => Ok(()),
        }
    }

    /// What came to the move's address of the savings.
    pub(super) async fn arrivals(&self, open: &MoveRow, savings: &Treasury) -> Result<Vec<Arrival>, Unanswered> {
        let Some(address) = open.address.clone() else { return Ok(Vec::new()) };
        Ok(savings.ask(|answer| Asked::PaidTo(address, answer)).await?.unwrap_or_default())
    }

    /// From now on it is part of the move; false where the savings have not told the ledger of it yet.
    pub(super) async fn counts(&mut self, open: &MoveRow, arrival: &Arrival) -> Result<bool, Unanswered> {
        let (number, txid) = (open.number, arrival.txid);
        if self.tries.counted != Some(txid) {
            if !self.engine.work(move |engine, now| engine.note_move_tx(now, number, &txid)).await? {
                return Ok(false);
            }
            self.tries.counted = Some(txid);
        }
        Ok(true)
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

pub(super) const PAUSE: Duration = Duration::from_secs(2);
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
const SLOW_CHANNEL: &str = "The channel was paid for six hours ago and does not work yet. It goes on by itself once it does; if it \
    lasts, look at the node itself.";
const SLOW: &str = "The chain has not confirmed it for six hours. It goes on by itself once it has; nothing is lost.";
pub(super) const OTHER_SAVINGS: &str =
    "The savings that this move is about are not in the settings any more; put them back to let it end.";
pub(super) const NO_RATE: &str =
    "What a transaction costs now is not known yet, since no chain source has told; nothing is moved before.";
pub(super) const DEARER: &str = "Network fees are higher now than what you agreed to; the move waits until they fall.";
