//! Double entry, append only. Every posting sums to zero; the windows of a budget are sums over it.

use rusqlite::params;

use super::{StoreError, Tx};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::policy::Committed;
use crate::domain::window::Starts;

/// One side of a posting: an account and the signed amount added to it, in msat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting<'a>(pub &'a str, pub i64);

/// What counts against the limits of a payment's rule, of its payee, and of the house.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Of the agreement or feed.
    pub rule: Committed,
    /// Of everything paid to the payee.
    pub payee: Committed,
    /// Of the whole house.
    pub house: Committed,
}

impl Posting<'_> {
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
    /// Gone without a payment of ours that could have moved it, or come without one; the owner has to look.
    pub const SUSPENSE: &'static str = "suspense";
    /// What a wallet held when Kilosat first used it.
    pub const OPENING: &'static str = "opening";

    /// The account of the spending money in the wallet that payments mark as `service`.
    pub fn wallet(service: &str) -> String {
        format!("wallet:{service}")
    }
}

impl Tx<'_> {
    /// Writes one posting about `payment`.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the sides do not sum to zero: a fault of the program, nothing is written.
    pub fn post(&self, at: UnixMillis, payment: Option<i64>, sides: &[Posting<'_>]) -> Result<(), StoreError> {
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

    /// Spent plus reserved since each of `starts`: by `rule`, for `payee`, and by the whole house.
    ///
    /// A payment belongs to the window in which it was reserved, also when it settles later. Payments stamped later than
    /// now (the clock went back) still count. `except` names a payment that is left out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn committed(
        &self,
        rule: &str,
        payee: &str,
        except: Option<i64>,
        starts: &Starts,
    ) -> Result<Accounts, StoreError> {
        let sql = "WITH spent AS (
                       SELECT p.created_ms AS at, u.rule = ?4 AS ours, p.payee = ?5 AS theirs, p.state <> 'cancelled' AS made,
                              (SELECT ifnull(sum(l.amount_msat), 0) FROM ledger l
                               WHERE l.payment = p.payment AND l.account NOT GLOB 'wallet:*') AS msat
                       FROM payments p JOIN purchases u USING (purchase)
                       WHERE p.created_ms > ?3 AND p.payment IS NOT ?6)
                   SELECT ifnull(sum(msat) FILTER (WHERE ours AND at > ?1), 0), ifnull(sum(msat) FILTER (WHERE ours AND at > ?2), 0),
                          ifnull(sum(msat) FILTER (WHERE ours), 0), count(*) FILTER (WHERE ours AND made AND at > ?1),
                          ifnull(sum(msat) FILTER (WHERE theirs AND at > ?1), 0), ifnull(sum(msat) FILTER (WHERE theirs AND at > ?2), 0),
                          ifnull(sum(msat) FILTER (WHERE theirs), 0), count(*) FILTER (WHERE theirs AND made AND at > ?1),
                          ifnull(sum(msat) FILTER (WHERE at > ?1), 0), ifnull(sum(msat) FILTER (WHERE at > ?2), 0),
                          ifnull(sum(msat), 0), count(*) FILTER (WHERE made AND at > ?1)
                   FROM spent";
        let windows = params![starts.hour.0, starts.day.0, starts.month.0, rule, payee, except];
        Ok(self.sql.prepare_cached(sql)?.query_row(windows, |row| {
            let side = |first: usize| -> rusqlite::Result<Committed> {
                let amount = |column: usize| row.get(first + column).map(Msat);
                Ok(Committed { hour: amount(0)?, day: amount(1)?, month: amount(2)?, payments: row.get(first + 3)? })
            };
            Ok(Accounts { rule: side(0)?, payee: side(4)?, house: side(8)? })
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

    /// The number of the newest entry; what was read before it moved may be out of date.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_entry(&self) -> Result<i64, StoreError> {
        let sql = "SELECT ifnull(max(entry), 0) FROM ledger";
        Ok(self.sql.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }

    /// The sum over every account: zero, or the ledger is damaged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ledger_sum(&self) -> Result<i64, StoreError> {
        Ok(self.sql.query_row("SELECT ifnull(sum(amount_msat), 0) FROM ledger", [], |row| row.get(0))?)
    }
}
