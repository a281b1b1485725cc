//! Whether a move of the built-in node's money should begin, and what it would cost at most.

use std::time::Duration;

use super::node::NO_RATE;
use super::{Mover, RefillView, SOON};
use crate::domain::refill::{Need, OPENING_VB, RefillRule, SPLICE_VB, SweepTo, node_fee_max_sat};
use crate::lightning::node::{Channel, NodeFunds};
use crate::store::{MoveKind, NewMove};
use crate::tasks::Unanswered;
use crate::treasury::{Asked, For, Sum, Treasury, Wish};

impl Mover {
    pub(super) async fn consider(&mut self, rule: &RefillRule) -> Result<Duration, Unanswered> {
        let Some(node) = self.lightning.node() else { return Ok(SOON) };
        let Ok(funds) = node.funds().await else { return Ok(SOON) };
        let spending_sat = funds.spending_sat();
        let planned = match rule.need(spending_sat) {
            Need::Nothing => {
                self.want(rule, spending_sat, "").await?;
                return Ok(SOON);
            }
            _ if funds.channels.iter().any(|channel| !channel.is_ready) => Err(PENDING.to_owned()),
            Need::Refill(sat) => match self.savings_to_spend() {
                Ok(savings) => self.plan_refill(&savings, &funds, sat).await?,
                Err(why) => {
                    self.want(rule, spending_sat, why).await?;
                    return Ok(SOON);
                }
            },
            Need::Sweep(sat) => self.plan_sweep(rule, &funds, sat),
        };
        let begun = match planned {
            Ok(new) => self.begin(rule, new).await?,
            Err(why) => Err(why),
        };
        let pause = if begun.is_ok() { BEGUN } else { RESTS };
        match begun {
            // Somebody has to bring money, or it runs dry.
            Err(why) if spending_sat < rule.low_sat && why != PENDING => self.want(rule, spending_sat, &why).await?,
            begun => self.show(RefillView { spending_sat: Some(spending_sat), wanted_sat: None, rests: begun.err() }),
        }
        Ok(pause)
    }

    /// The savings, if this device can spend them and there is somebody to open a channel to.
    fn savings_to_spend(&self) -> Result<Treasury, &'static str> {
        let savings = self.treasury.clone().ok_or(NO_SAVINGS)?;
        if savings.view().kind == "watch-only" {
            return Err(WATCHED);
        }
        if self.settings.config().node.lsp.is_none() {
            return Err(NO_LSP);
        }
        Ok(savings)
    }

    async fn plan_refill(
        &self,
        savings: &Treasury,
        funds: &NodeFunds,
        amount_sat: u64,
    ) -> Result<Result<NewMove, String>, Unanswered> {
        let view = savings.view();
        let Some(sat_per_vb) = self.sat_per_vb() else { return Ok(Err(NO_RATE.to_owned())) };
        let node_fee_sat = node_fee_max_sat(OPENING_VB, sat_per_vb);
        let needed = amount_sat.saturating_add(node_fee_sat).saturating_add(funds.aside_sat);
        let deposit_sat = match needed.saturating_sub(funds.free_sat) {
            0 => 0,
            deposit => deposit.max(DEPOSIT_LEAST_SAT),
        };
        let own_fee_sat = match deposit_sat {
            0 => 0,
            // To ourselves: as large as to the node.
            sat => {
                let to = savings.ask(|answer| Asked::Address(For::Next, answer)).await?;
                let Ok(to) = to else { return Ok(Err(NO_SAVINGS.to_owned())) };
                let wish = Wish { to: to.address, sum: Sum::Sat(sat), sat_per_vb, coins: Vec::new() };
                match savings.ask(|answer| Asked::Draft(wish, answer)).await? {
                    Ok(draft) => draft.fee_sat.saturating_mul(3).div_ceil(2),
                    Err(refused) => return Ok(Err(refused.to_string())),
                }
            }
        };
        Ok(Ok(NewMove {
            kind: MoveKind::Refill,
            wallet: view.id,
            amount_sat,
            deposit_sat,
            aside_sat: deposit_sat.saturating_sub(amount_sat).saturating_sub(node_fee_sat),
            cost_max_sat: own_fee_sat.saturating_add(node_fee_sat),
            address: None,
        }))
    }

    fn plan_sweep(&self, rule: &RefillRule, funds: &NodeFunds, wanted_sat: u64) -> Result<NewMove, String> {
        let savings = self.treasury.as_ref().map(Treasury::view);
        let (wallet, address) = match (&rule.sweep, &savings) {
            (SweepTo::Address(address), _) => (String::new(), Some(address.clone())),
            (_, Some(savings)) => (savings.id.clone(), None),
            (_, None) => return Err(NO_SAVINGS.to_owned()),
        };
        let sat_per_vb = self.sat_per_vb().ok_or_else(|| NO_RATE.to_owned())?;
        let cost_max_sat = node_fee_max_sat(SPLICE_VB, sat_per_vb);
        let widest = widest(funds).ok_or_else(|| NO_CHANNEL.to_owned())?;
        let amount_sat = wanted_sat.min(widest.spendable_sat.saturating_sub(cost_max_sat));
        if amount_sat < crate::domain::refill::LEAST_SAT {
            return Err(NO_CHANNEL.to_owned());
        }
        Ok(NewMove { kind: MoveKind::Sweep, wallet, amount_sat, deposit_sat: 0, aside_sat: 0, cost_max_sat, address })
    }

    async fn begin(&self, rule: &RefillRule, new: NewMove) -> Result<Result<(), String>, Unanswered> {
        let last_at = self.engine.look(|engine| engine.last_move_at()).await?;
        if let Err(rest) = rule.may_begin(last_at, self.clock.now().wall, new.amount_sat, new.cost_max_sat) {
            return Ok(Err(format!("Nothing is moved now: {rest}.")));
        }
        Ok(self.engine.work(move |engine, now| engine.plan_move(now, &new)).await?)
    }
}

/// The channel that works and holds most.
pub(super) fn widest(funds: &NodeFunds) -> Option<&Channel> {
    funds.channels.iter().filter(|channel| channel.is_usable).max_by_key(|channel| channel.spendable_sat)
}

const PENDING: &str = "A channel is being made; nothing is moved until it works.";
const NO_SAVINGS: &str = "There are no savings on the chain here.";
const WATCHED: &str = "The key of your savings is not on this device, so it cannot fill the spending money up.";
const NO_LSP: &str = "The node has no LSP to open a channel to.";
const NO_CHANNEL: &str = "No channel that works now holds enough to take something out of it.";
/// Nobody can spend less.
const DEPOSIT_LEAST_SAT: u64 = 1_000;
const BEGUN: Duration = Duration::from_secs(1);
const RESTS: Duration = Duration::from_secs(30);
