//! What the status shows: sums over the whole life of this database, and what is refused.

use kilosat_drivers::reading::MilliwattHours;

use super::purchases::UNPAID;
use super::{Posting, StoreError, Tx};
use crate::domain::money::Msat;

/// Sums over the life of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Priced by agreements.
    pub energy_billed: MilliwattHours,
    /// Owed by agreements and not settled.
    pub owed: Msat,
    /// Paid for electricity, without fees.
    pub paid_energy: Msat,
    /// Paid for data, without fees.
    pub paid_data: Msat,
    /// Paid by hand, without fees.
    pub paid_by_hand: Msat,
    /// Paid for routing.
    pub fees: Msat,
    /// Reserved for payments that are not final.
    pub reserved: Msat,
    /// Came in over Lightning.
    pub received: Msat,
    /// Settled payments.
    pub payments_settled: u64,
    /// Payments that failed for good.
    pub payments_failed: u64,
    /// Settled payments for data.
    pub data_purchases: u64,
}

impl Tx<'_> {
    /// Sums up everything.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn totals(&self) -> Result<Totals, StoreError> {
        let sql = "SELECT ifnull(sum(billed_to_mwh - start_total_mwh), 0), ifnull(sum(owed_msat), 0) FROM agreements";
        let (energy_billed, owed) =
            self.prepared(sql)?.query_row([], |row| Ok((MilliwattHours(row.get(0)?), Msat(row.get(1)?))))?;
        let sql = "SELECT ifnull(sum(settled), 0), ifnull(sum(failed), 0),
                       ifnull(sum(settled) FILTER (WHERE kind = 'data'), 0) FROM rule_totals";
        let (payments_settled, payments_failed, data_purchases) =
            self.prepared(sql)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let balance = |account: &str| -> Result<Msat, StoreError> { Ok(Msat(self.account(account)?.unsigned_abs())) };
        Ok(Totals {
            energy_billed,
            owed,
            paid_energy: balance(Posting::ENERGY)?,
            paid_data: balance(Posting::DATA)?,
            paid_by_hand: balance(Posting::BY_HAND)?,
            fees: balance(Posting::FEES)?,
            reserved: balance(Posting::PENDING)?,
            received: balance(Posting::INCOME)?,
            payments_settled,
            payments_failed,
            data_purchases,
        })
    }

    /// Why each open purchase of `rule` is not paid yet, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn refusals(&self, rule: &str) -> Result<Vec<String>, StoreError> {
        let sql = format!(
            "SELECT refusal FROM purchases WHERE {UNPAID} AND state IN ('open', 'withdrawn', 'frozen') AND rule = ?1
                 AND refusal IS NOT NULL
             ORDER BY purchase DESC LIMIT 3"
        );
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map([rule], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
