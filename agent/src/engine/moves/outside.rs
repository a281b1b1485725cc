//! How a move to a node outside this process goes on. What is deposited there is not in the wallet's balance before the
//! channel works, so it is booked then, and all at once.

use super::super::Step;
use super::MoveStep;
use crate::domain::money::{MSAT_PER_SAT, Msat};
use crate::store::{MoveRow, MoveState, Posting, StoreError};

impl Step<'_> {
    pub(super) fn outside_went(&mut self, row: MoveRow, went: MoveStep) -> Result<bool, StoreError> {
        let deposit_sat = row.deposit_sat;
        match (went, row.state) {
            (MoveStep::AtOutside { coin }, MoveState::Paying) => {
                let row = MoveRow { state: MoveState::Opening, before: Some(coin), splices: false, ..row };
                self.put(row, "at-node", Some(deposit_sat), None)?;
            }
            // After a reorganisation another transaction of the savings may be the one that a block has.
            (MoveStep::AtOutside { coin }, MoveState::Opening | MoveState::Returning) => {
                self.tx.put_move(&MoveRow { before: Some(coin), ..row }, self.now.wall)?;
            }
            (MoveStep::NotFunded, MoveState::Confirming) => {
                let cost_sat = row.cost_sat.saturating_sub(self.opening_fee_sat(&row)?);
                // Its owner may have wanted it back, and the channel was quicker.
                let wanted_back = self.tx.move_parts(row.number)?.iter().any(|part| part.what == RETURNING);
                let state = if wanted_back { MoveState::Returning } else { MoveState::Opening };
                self.tx.put_move(&MoveRow { state, channel: None, cost_sat, ..row }, self.now.wall)?;
            }
            (MoveStep::ComingBack { txid }, MoveState::Returning) => {
                self.tx.put_move(&MoveRow { channel: Some(txid.to_string()), ..row }, self.now.wall)?;
            }
            (MoveStep::Funded { txid, fee_sat }, MoveState::Opening | MoveState::Returning | MoveState::Confirming) => {
                let before_sat = match row.state {
                    MoveState::Confirming => self.opening_fee_sat(&row)?,
                    _ => 0,
                };
                let (state, channel) = (MoveState::Confirming, Some(txid.to_string()));
                let cost_sat = row.cost_sat.saturating_sub(before_sat).saturating_add(fee_sat);
                self.put(MoveRow { state, channel, cost_sat, ..row }, OPENED, Some(fee_sat), Some(txid))?;
            }
            (MoveStep::Works { brought }, MoveState::Confirming) => {
                let fee_sat = self.opening_fee_sat(&row)?;
                self.post_outside(&row, Ended { brought, returned_sat: 0, fee_sat })?;
                self.end_move(row, MoveState::Done, "done")?;
            }
            (MoveStep::Astray(why), MoveState::Confirming) => {
                let fee_sat = self.opening_fee_sat(&row)?;
                self.post_outside(&row, Ended { brought: Msat::ZERO, returned_sat: 0, fee_sat })?;
                self.end_move(MoveRow { fault: Some(why), ..row }, MoveState::Undone, "undone")?;
            }
            (MoveStep::CameBack { txid, amount_sat, fee_sat }, MoveState::Returning) => {
                self.post_outside(&row, Ended { brought: Msat::ZERO, returned_sat: amount_sat, fee_sat })?;
                self.add_part(row.number, "sent-back", Some(amount_sat), Some(txid))?;
                let cost_sat = row.cost_sat.saturating_add(fee_sat);
                self.end_move(MoveRow { cost_sat, ..row }, MoveState::Undone, "undone")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Its owner does not wait any longer for what lies at the node.
    pub(super) fn leave_outside(&mut self, row: MoveRow) -> Result<(), StoreError> {
        let fee_sat = match row.state {
            MoveState::Confirming => self.opening_fee_sat(&row)?,
            _ => 0,
        };
        self.post_outside(&row, Ended { brought: Msat::ZERO, returned_sat: 0, fee_sat })?;
        self.end_move(row, MoveState::Undone, "refused")
    }

    fn opening_fee_sat(&self, row: &MoveRow) -> Result<u64, StoreError> {
        let parts = self.tx.move_parts(row.number)?;
        Ok(parts.into_iter().rev().find(|part| part.what == OPENED).and_then(|part| part.sat).unwrap_or(0))
    }

    /// The deposit became a channel, fees, and what came back. What is left the node keeps beside the channel or for its
    /// closing; it is its owner's, and no longer on the way.
    fn post_outside(&self, row: &MoveRow, ended: Ended) -> Result<(), StoreError> {
        let msat = |sat: u64| i64::try_from(sat.saturating_mul(MSAT_PER_SAT)).unwrap_or(i64::MAX);
        let arrived = msat(row.deposit_sat).saturating_sub(msat(ended.returned_sat));
        let fee = msat(ended.fee_sat);
        let left = arrived.saturating_sub(fee);
        let brought = i64::try_from(ended.brought.0).unwrap_or(i64::MAX).min(left.max(0));
        let wallet = Posting::wallet(&self.rules.service);
        let sides = [
            Posting(&wallet, brought),
            Posting(Posting::CHANNELS, fee),
            // Below zero where its owner added something of his own to what came back.
            Posting(Posting::MOVED_AWAY, left.saturating_sub(brought)),
            Posting(Posting::MOVING_AT_NODE, -arrived),
        ];
        self.tx.post(self.now.wall, None, &sides)
    }
}

/// What became of a deposit.
struct Ended {
    brought: Msat,
    returned_sat: u64,
    fee_sat: u64,
}

/// What the part of a move is called in which its channel was paid for.
const OPENED: &str = "opened";
/// ... and in which its owner wanted the money back.
const RETURNING: &str = "returning";
