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
            (MoveStep::Funded { txid, fee_sat }, MoveState::Opening | MoveState::Returning) => {
                let (state, channel) = (MoveState::Confirming, Some(txid.to_string()));
                let cost_sat = row.cost_sat.saturating_add(fee_sat);
                self.put(MoveRow { state, channel, cost_sat, ..row }, OPENED, Some(fee_sat), Some(txid))?;
            }
            (MoveStep::Works { brought }, MoveState::Confirming) => {
                let fee_sat = self.opening_fee_sat(&row)?;
                self.post_outside(&row, Ended { brought, returned_sat: 0, fee_sat })?;
                self.end_move(row, MoveState::Done, "done")?;
            }
            (MoveStep::Astray(why), MoveState::Opening | MoveState::Confirming | MoveState::Returning) => {
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

    fn opening_fee_sat(&self, row: &MoveRow) -> Result<u64, StoreError> {
        let parts = self.tx.move_parts(row.number)?;
        Ok(parts.into_iter().rev().find(|part| part.what == OPENED).and_then(|part| part.sat).unwrap_or(0))
    }

    /// The deposit became a channel, fees, and what came back. What is left the node keeps beside the channel or for its
    /// closing; it is its owner's, and no longer on the way.
    fn post_outside(&self, row: &MoveRow, ended: Ended) -> Result<(), StoreError> {
        let signed = |msat: u64| i64::try_from(msat).unwrap_or(i64::MAX);
        let msat = |sat: u64| sat.saturating_mul(MSAT_PER_SAT);
        let arrived = msat(row.deposit_sat.saturating_sub(ended.returned_sat));
        let fee = msat(ended.fee_sat).min(arrived);
        let brought = ended.brought.0.min(arrived.saturating_sub(fee));
        let kept = arrived.saturating_sub(fee).saturating_sub(brought);
        let wallet = Posting::wallet(&self.rules.service);
        let sides = [
            Posting(&wallet, signed(brought)),
            Posting(Posting::CHANNELS, signed(fee)),
            Posting(Posting::MOVED_AWAY, signed(kept)),
            Posting(Posting::MOVING_AT_NODE, -signed(arrived)),
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
