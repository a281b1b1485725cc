//! How a move begins, and how the savings pay for one.

use std::time::Duration;

use super::Mover;
use super::open::{NO_RATE, OTHER_SAVINGS};
use crate::domain::refill::{OPENING_VB, RefillRule, node_fee_max_sat};
use crate::engine::MoveStep;
use crate::store::{MoveRow, NewMove};
use crate::tasks::Unanswered;
use crate::treasury::{Asked, For, Order, Sum, Treasury, Wish};

impl Mover {
    /// The savings, if this device can spend them.
    pub(super) fn savings_to_spend(&self) -> Result<Treasury, &'static str> {
        let savings = self.treasury.clone().ok_or(NO_SAVINGS)?;
        if savings.view().kind == "watch-only" {
            return Err(WATCHED);
        }
        Ok(savings)
    }

    /// What sending so much from the savings costs at most, in satoshis: half as much again as now.
    pub(super) async fn own_fee_max_sat(
        &self,
        savings: &Treasury,
        sat: u64,
        sat_per_vb: u64,
    ) -> Result<Result<u64, String>, Unanswered> {
        // To ourselves: as large as to the node.
        let to = savings.ask(|answer| Asked::Address(For::Next, answer)).await?;
        let Ok(to) = to else { return Ok(Err(NO_SAVINGS.to_owned())) };
        let wish = Wish { to: to.address, sum: Sum::Sat(sat), sat_per_vb, coins: Vec::new() };
        Ok(match savings.ask(|answer| Asked::Draft(wish, answer)).await? {
            Ok(draft) => Ok(draft.fee_sat.saturating_mul(3).div_ceil(2)),
            Err(refused) => Err(refused.to_string()),
        })
    }

    pub(super) async fn begin(&self, rule: &RefillRule, new: NewMove) -> Result<Result<(), String>, Unanswered> {
        let last_at = self.engine.look(|engine| engine.last_move_at()).await?;
        if let Err(rest) = rule.may_begin(last_at, self.clock.now().wall, new.amount_sat, new.cost_max_sat) {
            return Ok(Err(format!("Nothing is moved now: {rest}.")));
        }
        Ok(self.engine.work(move |engine, now| engine.plan_move(now, &new)).await?)
    }

    /// The savings pay for the move; its row is written with the transaction, before that leaves.
    pub(super) async fn pay_to(&mut self, open: &MoveRow, to: String) -> Result<(), Unanswered> {
        let Some(savings) = self.savings(open) else { return self.stuck(open, OTHER_SAVINGS).await };
        if !self.may_try() {
            return Ok(());
        }
        if let Err(why) = self.may_go_on(open).await? {
            return self.stuck(open, &why).await;
        }
        let Some(sat_per_vb) = self.sat_per_vb() else { return self.stuck(open, NO_RATE).await };
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
}

pub(super) const PENDING: &str = "A channel is being made; nothing is moved until it works.";
pub(super) const NO_SAVINGS: &str = "There are no savings on the chain here.";
const WATCHED: &str = "The key of your savings is not on this device, so it cannot fill the spending money up.";
pub(super) const BEGUN: Duration = Duration::from_secs(1);
pub(super) const RESTS: Duration = Duration::from_secs(30);
