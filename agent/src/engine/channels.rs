//! Channels that close: what that costs is booked once all of their money is back.

use serde_json::json;

use super::{Engine, EngineError, Step};
use crate::clock::Now;
use crate::domain::money::MSAT_PER_SAT;
use crate::store::{MoveRow, MoveState, Posting, StoreError};

impl Engine {
    /// Whether a channel has closed whose money was not back when that was asked last.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn has_closing_channels(&mut self) -> Result<bool, EngineError> {
        let key = format!("{CLOSING}:{}", self.rules.service);
        Ok(self.store.begin()?.meta(&key)?.as_deref() == Some(OPEN))
    }

    /// The money of every channel that closed is back; the next comparison tells what that cost.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_channels_settled(&mut self, now: Now) -> Result<(), EngineError> {
        self.transact(now, |step| {
            step.record(json!({"event": "channels_settled"}))?;
            step.tx.set_meta(&format!("{CLOSING}:{}", step.rules.service), SETTLED)
        })
        .map(drop)
    }

    /// What the chain has taken for channels so far, in satoshis.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn channels_cost_sat(&mut self) -> Result<u64, EngineError> {
        let msat = self.store.begin()?.account(Posting::CHANNELS)?;
        Ok(u64::try_from(msat).unwrap_or(0).div_ceil(MSAT_PER_SAT))
    }

    /// The owner wants this channel closed; written down before the peer is asked.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn note_closing_ordered(&mut self, now: Now, channel: &str) -> Result<(), EngineError> {
        self.transact(now, |step| step.record(json!({"event": "channel_close_ordered", "channel": channel}))).map(drop)
    }
}

impl Step<'_> {
    pub(super) fn on_channel_closed(&mut self, channel: &str, why: &str, had_money: bool) -> Result<(), StoreError> {
        if had_money {
            self.record(json!({"event": "channel_closed", "channel": channel, "why": why}))?;
            return self.tx.set_meta(&format!("{CLOSING}:{}", self.rules.service), OPEN);
        }
        self.record(json!({"event": "channel_refused", "channel": channel, "why": why}))?;
        let open = self.tx.open_move(&self.rules.service)?;
        if let Some(row) = open.filter(|row| row.state == MoveState::Opening && !row.splices) {
            let fault = Some(format!("The provider did not take the channel; it is tried again. It said: {why}"));
            let changed_at = row.changed_at;
            self.tx.put_move(&MoveRow { fault, ..row }, changed_at)?;
        }
        Ok(())
    }

    /// While money comes back from channels, what the node says it holds is counted twice or not at all.
    pub(super) fn channels_are_closing(&self) -> Result<bool, StoreError> {
        Ok(self.tx.meta(&format!("{CLOSING}:{}", self.rules.service))?.as_deref() == Some(OPEN))
    }

    /// Books what is missing since channels closed as the cost of that, if it can be that.
    pub(super) fn book_closing_costs(&mut self, account: &str, missing: i64) -> Result<(), StoreError> {
        let key = format!("{CLOSING}:{}", self.rules.service);
        if self.tx.meta(&key)?.as_deref() != Some(SETTLED) {
            return Ok(());
        }
        self.tx.clear_meta(&key)?;
        match (1..=COST_MAX_MSAT).contains(&missing) {
            true => self.correct(account, Posting::CHANNELS, -missing),
            false => Ok(()),
        }
    }
}

/// Key in the table `meta`, followed by a colon and a wallet's mark.
const CLOSING: &str = "closing_channels";
const OPEN: &str = "open";
const SETTLED: &str = "settled";
/// More than what closes channels and collects their money when the chain is dear.
const COST_MAX_MSAT: i64 = 100_000_000;
