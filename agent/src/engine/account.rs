//! Questions about the past and about what counts against limits now; nothing changes.

use super::{Engine, EngineError};
use crate::clock::Now;
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::domain::policy::Committed;
use crate::domain::window::{Period, Starts};
use crate::store::{JournalEntry, PaymentSummary, Statement, Story, Wanted};

/// What counts against the limits of an agreement or feed, and of the house.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleAccount {
    /// Spent plus reserved under it.
    pub rule: Committed,
    /// Spent plus reserved by the whole house.
    pub house: Committed,
    /// Of that, what is set aside for payments under it that are not final.
    pub reserved: Msat,
}

impl Engine {
    /// The account of `period`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn statement(&mut self, period: Period) -> Result<Statement, EngineError> {
        Ok(self.store.begin()?.statement(period)?)
    }

    /// What was recorded after entry `after`, oldest first, at most `most` entries.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn journal_after(&mut self, after: u64, most: u32) -> Result<Vec<JournalEntry>, EngineError> {
        Ok(self.store.begin()?.journal_after(after, most)?)
    }

    /// The payments asked for, newest first.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn payments(&mut self, wanted: &Wanted) -> Result<Vec<PaymentSummary>, EngineError> {
        Ok(self.store.begin()?.payments(wanted)?)
    }

    /// The payments asked for, newest first, each with everything but its story.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn payments_in_detail(&mut self, wanted: &Wanted) -> Result<Vec<Story>, EngineError> {
        let tx = self.store.begin()?;
        let mut all = Vec::new();
        for payment in tx.payments(wanted)? {
            all.extend(tx.payment_details(payment.payment)?);
        }
        Ok(all)
    }

    /// The story of `payment`, if there is such a payment.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn story(&mut self, payment: i64) -> Result<Option<Story>, EngineError> {
        Ok(self.store.begin()?.story(payment)?)
    }

    /// Whether money came in under `hash`.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn was_received(&mut self, hash: &PaymentHash) -> Result<bool, EngineError> {
        Ok(self.store.begin()?.was_received(hash)?)
    }

    /// What counts against the limits of the agreement or feed `rule` now.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn rule_account(&mut self, rule: &str, now: Now) -> Result<RuleAccount, EngineError> {
        let starts = Starts::at(now.wall, &self.rules.zone).after(self.lived.jump);
        let tx = self.store.begin()?;
        let committed = tx.committed(rule, "", None, &starts)?;
        let house = committed.house.and(tx.strayed(&starts)?);
        Ok(RuleAccount { rule: committed.rule, house, reserved: Msat(tx.reserved_for(rule)?) })
    }
}
