//! How a move goes on: each step is written down and booked in one transaction, wherever the power goes.

use bitcoin::Txid;
use serde_json::json;

use super::super::Step;
use super::super::treasury::sides;
use super::MoveStep;
use crate::domain::money::MSAT_PER_SAT;
use crate::store::{MoveKind, MovePart, MoveRow, MoveState, OnchainTx, Posting, StoreError};

impl Step<'_> {
    pub(super) fn go_on_with_move(&mut self, number: i64, went: &MoveStep) -> Result<bool, StoreError> {
        let Some(row) = self.tx.open_move(&self.rules.service)?.filter(|row| row.number == number) else {
            return Ok(false);
        };
        match (went, row.state) {
            (MoveStep::Stuck(why), _) => self.note_stuck(row, why.clone()),
            (
                MoveStep::Undone(why),
                MoveState::Asked
                | MoveState::Agreed
                | MoveState::Sweeping
                | MoveState::Arriving
                | MoveState::Confirming,
            ) => {
                self.end_move(MoveRow { fault: Some(why.clone()), ..row }, MoveState::Undone, "undone")?;
                Ok(true)
            }
            _ => {
                // What the owner reads of an earlier trouble is over.
                let row = MoveRow { fault: None, ..row };
                match row.kind {
                    _ if went.is_outside() => self.outside_went(row, went.clone()),
                    _ if row.state == MoveState::Returning && !matches!(went, MoveStep::Opened { .. }) => {
                        self.return_went(row, went.clone())
                    }
                    MoveKind::Refill => self.refill_went(row, went.clone()),
                    MoveKind::Sweep => self.sweep_went(row, went.clone()),
                }
            }
        }
    }

    fn refill_went(&mut self, row: MoveRow, went: MoveStep) -> Result<bool, StoreError> {
        let (cost_sat, amount) = (row.cost_sat, row.amount_sat);
        let with_cost = |row: MoveRow, fee_sat: u64| MoveRow { cost_sat: cost_sat.saturating_add(fee_sat), ..row };
        match (went, row.state) {
            (MoveStep::PayTo(address), MoveState::Agreed) => {
                self.tx.put_move(&MoveRow { address: Some(address), ..row }, self.now.wall)?;
            }
            (MoveStep::AtNode { channels, came_sat }, MoveState::Paying | MoveState::Agreed)
                if row.state == MoveState::Paying || row.deposit_sat == 0 =>
            {
                self.post_at_node(came_sat, 0)?;
                let before = Some(channels.join(" "));
                self.put(MoveRow { state: MoveState::Opening, before, ..row }, "at-node", Some(came_sat), None)?;
            }
            (MoveStep::Topping { channel, before_sat }, MoveState::Opening) if row.splices => {
                let (channel, before) = (Some(channel), Some(before_sat.to_string()));
                self.put(MoveRow { channel, before, ..row }, "topping", Some(amount), None)?;
            }
            (MoveStep::NotTopped { channels }, MoveState::Opening) => {
                let before = Some(channels.join(" "));
                self.tx.put_move(&MoveRow { splices: false, channel: None, before, ..row }, self.now.wall)?;
            }
            (MoveStep::Grown { fee_sat }, MoveState::Confirming) if row.splices => {
                self.post_at_node(0, fee_sat)?;
                self.end_move(with_cost(row, fee_sat), MoveState::Done, "done")?;
            }
            (MoveStep::Opened { channel, txid, fee_sat }, MoveState::Opening | MoveState::Returning)
                if !row.splices =>
            {
                self.post_at_node(0, fee_sat)?;
                let row = MoveRow { state: MoveState::Confirming, channel: Some(channel), ..row };
                self.put(with_cost(row, fee_sat), "opened", Some(fee_sat), Some(txid))?;
            }
            (MoveStep::Ready, MoveState::Confirming) if !row.splices => {
                self.end_move(row, MoveState::Done, "done")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A refill that goes back ends undone; what its owner wanted brought back is done then.
    fn return_went(&mut self, row: MoveRow, went: MoveStep) -> Result<bool, StoreError> {
        match went {
            MoveStep::SendingBack(address) if row.address.is_none() => {
                self.put(MoveRow { address: Some(address), ..row }, "sending-back", None, None)?;
            }
            MoveStep::SentBack { txid, amount_sat, fee_sat } => {
                self.post_from_node(&row, amount_sat, fee_sat)?;
                self.add_part(row.number, "sent-back", Some(amount_sat), Some(txid))?;
                let (state, what) = match row.kind {
                    MoveKind::Refill => (MoveState::Undone, "undone"),
                    MoveKind::Sweep => (MoveState::Done, "done"),
                };
                let cost_sat = row.cost_sat.saturating_add(fee_sat);
                self.end_move(MoveRow { cost_sat, ..row }, state, what)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn sweep_went(&mut self, row: MoveRow, went: MoveStep) -> Result<bool, StoreError> {
        match (went, row.state) {
            (MoveStep::Sweeping { channel, before_sat, address }, MoveState::Agreed) => {
                let (before, amount) = (Some(before_sat.to_string()), row.amount_sat);
                let state = MoveState::Sweeping;
                let row = MoveRow { state, channel: Some(channel), before, address: Some(address), ..row };
                self.put(row, "sweeping", Some(amount), None)?;
            }
            (MoveStep::NotSpliced, MoveState::Sweeping) => {
                let fault = Some(NO_SPLICE.to_owned());
                self.end_move(MoveRow { fault, ..row }, MoveState::Undone, "undone")?;
            }
            (MoveStep::Spliced(txid), MoveState::Sweeping) => {
                self.put(MoveRow { state: MoveState::Arriving, txid: Some(txid), ..row }, "spliced", None, Some(txid))?;
            }
            (MoveStep::Taken { fee_sat }, MoveState::Arriving) => {
                self.post_from_node(&row, row.amount_sat, fee_sat)?;
                let cost_sat = row.cost_sat.saturating_add(fee_sat);
                self.end_move(MoveRow { cost_sat, ..row }, MoveState::Done, "done")?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Told once for each trouble, not with every try.
    fn note_stuck(&mut self, row: MoveRow, why: Option<String>) -> Result<bool, StoreError> {
        if row.fault != why {
            if let Some(why) = why.as_ref().filter(|_| row.fault.is_none()) {
                self.record(json!({"event": "move_stuck", "move": row.number, "why": why}))?;
            }
            // It did not go on, so it is not younger.
            let changed_at = row.changed_at;
            self.tx.put_move(&MoveRow { fault: why, ..row }, changed_at)?;
        }
        Ok(true)
    }

    /// The node says which transaction changes what a channel holds.
    pub(in super::super) fn on_spliced(&mut self, channel: &str, txid: Txid) -> Result<(), StoreError> {
        let waits = |row: &MoveRow| match row.kind {
            MoveKind::Sweep => row.state == MoveState::Sweeping,
            MoveKind::Refill => row.splices && row.state == MoveState::Opening,
        };
        let open = self.tx.open_move(&self.rules.service)?;
        let ours = open.filter(|row| row.channel.as_deref() == Some(channel) && waits(row));
        let Some(row) = ours else {
            return self.record(json!({"event": "spliced", "channel": channel, "txid": txid.to_string()}));
        };
        let (state, what) = match row.kind {
            MoveKind::Sweep => (MoveState::Arriving, "spliced"),
            MoveKind::Refill => (MoveState::Confirming, "topped"),
        };
        self.put(MoveRow { state, txid: Some(txid), fault: None, ..row }, what, None, Some(txid))
    }

    /// A sweep ends; a refill opens a new channel, once it is known which ones are there.
    pub(in super::super) fn on_splice_failed(&mut self, channel: &str) -> Result<(), StoreError> {
        let open = self.tx.open_move(&self.rules.service)?;
        let Some(row) = open.filter(|row| row.splices && row.channel.as_deref() == Some(channel)) else {
            return Ok(());
        };
        match row.state {
            MoveState::Sweeping => self.sweep_went(row, MoveStep::NotSpliced).map(drop),
            MoveState::Opening => {
                self.tx.put_move(&MoveRow { splices: false, channel: None, before: None, ..row }, self.now.wall)
            }
            _ => Ok(()),
        }
    }

    /// Counts a transaction of the savings as part of a move: its other side is no longer somebody else. False where the ledger
    /// does not know it yet.
    pub(super) fn count_as_moved(&mut self, number: i64, txid: &Txid) -> Result<bool, StoreError> {
        let waits = [MoveState::Sweeping, MoveState::Arriving, MoveState::Returning];
        let Some(row) = self.move_in(number, &waits)? else { return Ok(false) };
        let Some(known) = self.tx.onchain_tx(&row.wallet, txid)? else { return Ok(false) };
        if known.of_move.is_some() {
            return Ok(known.of_move == Some(number));
        }
        let was = sides(&known.purpose, false, known.net_sat, known.fee_sat);
        let is = sides(&known.purpose, true, known.net_sat, known.fee_sat);
        let taken_back = was.map(|(account, sat)| Posting(account, -signed(sat)));
        let postings = [taken_back, is.map(|(account, sat)| Posting(account, signed(sat)))].concat();
        self.tx.post(self.now.wall, None, &postings)?;
        self.tx.put_onchain(&row.wallet, &OnchainTx { of_move: Some(number), ..known }, None)?;
        self.add_part(number, "in-savings", None, Some(*txid))?;
        Ok(true)
    }

    /// So much more is at the node, and so much went to a channel's fee.
    fn post_at_node(&self, came_sat: u64, fee_sat: u64) -> Result<(), StoreError> {
        let (came, fee) = (signed_sat(came_sat), signed_sat(fee_sat));
        let wallet = Posting::wallet(&self.rules.service);
        let sides =
            [Posting(&wallet, came - fee), Posting(Posting::MOVING_AT_NODE, -came), Posting(Posting::CHANNELS, fee)];
        self.tx.post(self.now.wall, None, &sides)
    }

    fn post_from_node(&self, row: &MoveRow, left_sat: u64, fee_sat: u64) -> Result<(), StoreError> {
        let (left, fee) = (signed_sat(left_sat), signed_sat(fee_sat));
        let wallet = Posting::wallet(&self.rules.service);
        let to = if row.wallet.is_empty() { Posting::MOVED_AWAY } else { Posting::MOVING_AT_NODE };
        let sides = [Posting(&wallet, -left - fee), Posting(to, left), Posting(Posting::CHANNELS, fee)];
        self.tx.post(self.now.wall, None, &sides)
    }

    pub(super) fn end_move(&mut self, row: MoveRow, state: MoveState, what: &str) -> Result<(), StoreError> {
        let event = if state == MoveState::Done { "move_done" } else { "move_undone" };
        self.record(json!({
            "event": event, "move": row.number, "kind": row.kind.name(), "amount_sat": row.amount_sat,
            "cost_sat": row.cost_sat, "why": row.fault,
        }))?;
        let cost = row.cost_sat;
        self.put(MoveRow { state, ..row }, what, Some(cost), None)
    }

    pub(super) fn move_in(&self, number: i64, states: &[MoveState]) -> Result<Option<MoveRow>, StoreError> {
        let open = self.tx.open_move(&self.rules.service)?;
        Ok(open.filter(|row| row.number == number && states.contains(&row.state)))
    }

    pub(super) fn put(
        &mut self,
        row: MoveRow,
        what: &str,
        sat: Option<u64>,
        txid: Option<Txid>,
    ) -> Result<(), StoreError> {
        self.tx.put_move(&row, self.now.wall)?;
        self.add_part(row.number, what, sat, txid)
    }

    pub(super) fn add_part(
        &self,
        number: i64,
        what: &str,
        sat: Option<u64>,
        txid: Option<Txid>,
    ) -> Result<(), StoreError> {
        let part = MovePart { at: self.now.wall, what: what.to_owned(), sat, txid };
        self.tx.add_move_part(number, &part)
    }
}

fn signed(sat: i64) -> i64 {
    sat.saturating_mul(MSAT_PER_SAT.cast_signed())
}

fn signed_sat(sat: u64) -> i64 {
    signed(i64::try_from(sat).unwrap_or(i64::MAX))
}

const NO_SPLICE: &str = "The provider did not agree to take money out of the channel. Nothing was moved.";
