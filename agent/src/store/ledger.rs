//! Double entry, append only. Every posting sums to zero; the windows of a budget are sums over it.

use rusqlite::params;

use super::{StoreError, Tx};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::policy::Committed;

/// One side of a posting: an account and the signed amount added to it, in msat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting(pub &'static str, pub i64);

impl Posting {
    /// Spending money at the Lightning service.
    pub const WALLET: &'static str = "wallet";
    /// Reserved for payments that are not final.
    pub const PENDING: &'static str = "pending";
    /// Paid for electricity.
    pub const ENERGY: &'static str = "expense:energy";
    /// Paid for data.
    pub const DATA: &'static str = "expense:data";
    /// Paid for routing.
    pub const FEES: &'static str = "expense:fee";
    /// Money that came in.
    pub const INCOME: &'static str = "income:received";
    /// Gone without a payment of ours that could have moved it; the owner has to look.
    pub const SUSPENSE: &'static str = "suspense";
}

impl Tx<'_> {
    /// Writes one posting about `payment`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the sides do not sum to zero: a fault of the program, nothing is written.
    pub fn post(&self, at: UnixMillis, payment: Option<i64>, sides: &[Posting]) -> Result<(), StoreError> {
        if sides.iter().try_fold(0_i64, |sum, side| sum.checked_add(side.1)) != Some(0) {
            return Err(StoreError::Damaged("a posting does not sum to zero".to_owned()));
        }
        let posting: i64 =
            self.sql.prepare_cached("SELECT ifnull(max(entry), 0) + 1 FROM ledger")?.query_row([], |row| row.get(0))?;
        let mut insert = self.sql.prepare_cached(
            "INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for Posting(account, amount) in sides.iter().filter(|side| side.1 != 0) {
            insert.execute(params![posting, at.0, account, amount, payment])?;
        }
        Ok(())
    }

    /// Spent plus reserved in the windows that end `now`: by `rule`, and by the whole house.
    ///
    /// A payment belongs to the window in which it was reserved, also when it settles later. Payments stamped later than
    /// `now` (the clock went back) still count. `except` names a payment that is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn committed(
        &self,
        rule: &str,
        except: Option<i64>,
        now: UnixMillis,
    ) -> Result<(Committed, Committed), StoreError> {
        let since = |window_ms: u64| now.0.saturating_sub(window_ms);
        let sql = "SELECT ifnull(sum(l.amount_msat) FILTER (WHERE p.created_ms > ?1 AND u.rule = ?4), 0),
                          ifnull(sum(l.amount_msat) FILTER (WHERE p.created_ms > ?2 AND u.rule = ?4), 0),
                          ifnull(sum(l.amount_msat) FILTER (WHERE u.rule = ?4), 0),
                          ifnull(sum(l.amount_msat) FILTER (WHERE p.created_ms > ?1), 0),
                          ifnull(sum(l.amount_msat) FILTER (WHERE p.created_ms > ?2), 0),
                          ifnull(sum(l.amount_msat), 0)
                   FROM payments p JOIN purchases u USING (purchase) JOIN ledger l ON l.payment = p.payment
                   WHERE p.created_ms > ?3 AND l.account <> 'wallet' AND p.payment IS NOT ?5";
        let windows = params![since(HOUR_MS), since(DAY_MS), since(MONTH_MS), rule, except];
        Ok(self.sql.prepare_cached(sql)?.query_row(windows, |row| {
            let side = |first: usize| -> rusqlite::Result<Committed> {
                let amount = |column: usize| row.get(first + column).map(Msat);
                Ok(Committed { hour: amount(0)?, day: amount(1)?, month: amount(2)? })
            };
            Ok((side(0)?, side(3)?))
        })?)
    }

    /// The balance of `account`, in msat.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn account(&self, account: &str) -> Result<i64, StoreError> {
        let sum = "SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account = ?1";
        Ok(self.sql.prepare_cached(sum)?.query_row([account], |row| row.get(0))?)
    }

    /// The sum over every account: zero, or the ledger is damaged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ledger_sum(&self) -> Result<i64, StoreError> {
        Ok(self.sql.query_row("SELECT ifnull(sum(amount_msat), 0) FROM ledger", [], |row| row.get(0))?)
    }
}

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
const MONTH_MS: u64 = 30 * DAY_MS;
