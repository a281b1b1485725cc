//! Whether a move to or from the built-in node should begin, and what it would cost at most.

use std::time::Duration;

use super::begin::{BEGUN, NO_SAVINGS, PENDING, RESTS};
use super::open::NO_RATE;
use super::{Mover, RefillView, SOON};
use crate::domain::refill::{Need, OPENING_VB, RefillRule, SPLICE_VB, SweepTo, node_fee_max_sat};
use crate::lightning::node::{Channel, NodeFunds};
use crate::store::{MoveKind, NewMove};
use crate::tasks::Unanswered;
use crate::treasury::Treasury;

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
            Need::Refill(sat) => match self.savings_to_spend().and_then(|savings| self.has_lsp().map(|()| savings)) {
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

    fn has_lsp(&self) -> Result<(), &'static str> {
        self.settings.config().node.lsp.is_some().then_some(()).ok_or(NO_LSP)
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
            sat => match self.own_fee_max_sat(savings, sat, sat_per_vb).await? {
                Ok(fee_sat) => fee_sat,
                Err(why) => return Ok(Err(why)),
            },
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
}

/// The channel that works and holds most.
pub(super) fn widest(funds: &NodeFunds) -> Option<&Channel> {
    funds.channels.iter().filter(|channel| channel.is_usable).max_by_key(|channel| channel.spendable_sat)
}

const NO_LSP: &str = "The node has no LSP to open a channel to.";
const NO_CHANNEL: &str = "No channel that works now holds enough to take something out of it.";
/// Nobody can spend less.
const DEPOSIT_LEAST_SAT: u64 = 1_000;
