//! Double entry, append only. Every posting sums to zero; the windows of a budget are sums over it.

use rusqlite::params;

use super::{StoreError, Tx, optional};
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
    /// Paid by hand.
    pub const BY_HAND: &'static str = "expense:by_hand";
    /// Paid for routing.
    pub const FEES: &'static str = "expense:fee";
    /// Money that came in.
    pub const INCOME: &'static str = "income:received";
    /// Gone without a payment of ours that could have moved it, or come without one; the owner has to look.
    pub const SUSPENSE: &'static str = "suspense";
    /// What a wallet rounded differently than we.
    pub const ROUNDING: &'static str = "expense:rounding";
    /// What a wallet held when Kilosat first used it.
    pub const OPENING: &'static str = "opening";

    /// What an on-chain wallet held when Kilosat first looked.
    pub const SAVINGS_OPENING: &'static str = "savings:opening";
    /// What came into it.
    pub const SAVINGS_RECEIVED: &'static str = "savings:received";
    /// What was sent from it, without fees.
    pub const SAVINGS_SENT: &'static str = "savings:sent";
    /// What its transactions cost.
    pub const SAVINGS_FEES: &'static str = "savings:fees";

    /// Between savings and the built-in node: what left or reached the savings, ...
    pub const MOVING_AT_SAVINGS: &'static str = "savings:moving";
    /// ... and what left or reached the node.
    pub const MOVING_AT_NODE: &'static str = "moving:node";
    /// Swept to an address of the owner's.
    pub const MOVED_AWAY: &'static str = "moved:away";
    /// What the node paid to the chain for its channels.
    pub const CHANNELS: &'static str = "expense:channels";

    /// The account of the on-chain wallet with this id.
    pub fn treasury(id: &str) -> String {
        format!("treasury:{id}")
    }

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
            self.prepared("SELECT ifnull(max(entry), 0) + 1 FROM ledger")?.query_row([], |row| row.get(0))?;
        let mut insert = self.prepared(
            "INSERT INTO ledger (posting, at_ms, account, amount_msat, payment) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for Posting(account, amount) in sides.iter().filter(|side| side.1 != 0) {
            insert.execute(params![posting, at.0, account, amount, payment])?;
        }
        Ok(())
    }

    /// Spent plus reserved since each of `starts`: by `rule`, for `payee`, and by the whole house.
    ///
    /// It is summed over the payments themselves, which say the same as their ledger entries: a test compares both. A
    /// payment belongs to the window in which it was reserved, also when it settles later. Payments stamped later than now
    /// (the clock went back) still count. `except` names a payment that is left out.
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
        // A fee is known of what was paid, whatever its state; what is open may still cost its limit.
        let sql = "SELECT created_ms, rule = ?2, payee = ?3, state <> 'cancelled',
                          CASE WHEN fee_msat IS NOT NULL THEN amount_msat + fee_msat
                               WHEN state IN ('intent', 'sending', 'in_flight', 'unknown') THEN amount_msat + fee_max_msat
                               ELSE 0 END
                   FROM payments WHERE created_ms > ?1 AND payment IS NOT ?4";
        let mut statement = self.prepared(sql)?;
        let mut rows = statement.query(params![starts.oldest().0, rule, payee, except])?;
        let mut accounts = Accounts::default();
        while let Some(row) = rows.next()? {
            let (at, of_rule, of_payee, made) = (UnixMillis(row.get(0)?), row.get(1)?, row.get(2)?, row.get(3)?);
            let cost = Msat(row.get(4)?);
            let sides = [(of_rule, &mut accounts.rule), (of_payee, &mut accounts.payee), (true, &mut accounts.house)];
            for (_, committed) in sides.into_iter().filter(|(counts, _)| *counts) {
                count(committed, starts, at, made, cost);
            }
        }
        Ok(accounts)
    }

    /// What left the wallet since each of `starts` without a payment of ours: it was spent by the house all the same.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn strayed(&self, starts: &Starts) -> Result<Committed, StoreError> {
        // In the words of its partial index.
        let sql = "SELECT at_ms, amount_msat FROM ledger
                   WHERE account = 'suspense' AND payment IS NULL AND amount_msat > 0 AND at_ms > ?1";
        let mut statement = self.prepared(sql)?;
        let mut rows = statement.query([starts.oldest().0])?;
        let mut strayed = Committed::default();
        while let Some(row) = rows.next()? {
            count(&mut strayed, starts, UnixMillis(row.get(0)?), false, Msat(row.get(1)?));
        }
        Ok(strayed)
    }

    /// The balance of `account`, in msat.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn account(&self, account: &str) -> Result<i64, StoreError> {
        let sql = "SELECT balance_msat FROM balances WHERE account = ?1";
        Ok(optional(self.prepared(sql)?.query_row([account], |row| row.get(0)))?.unwrap_or(0))
    }

    /// What the entries about `payment` say it cost or may cost, in msat.
    #[cfg(test)]
    pub(crate) fn booked(&self, payment: i64) -> Result<i64, StoreError> {
        let sql = "SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE payment = ?1 AND account NOT GLOB 'wallet:*'";
        Ok(self.prepared(sql)?.query_row([payment], |row| row.get(0))?)
    }

    /// The number of the newest entry; what was read before it moved may be out of date.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_entry(&self) -> Result<i64, StoreError> {
        let sql = "SELECT ifnull(max(entry), 0) FROM ledger";
        Ok(self.prepared(sql)?.query_row([], |row| row.get(0))?)
    }

    /// The sum over every account: zero, or the ledger is damaged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ledger_sum(&self) -> Result<i64, StoreError> {
        Ok(self.sql.query_row("SELECT ifnull(sum(amount_msat), 0) FROM ledger", [], |row| row.get(0))?)
    }
}

/// Saturates: what does not fit is above every limit.
fn count(committed: &mut Committed, starts: &Starts, at: UnixMillis, made: bool, cost: Msat) {
    let at = starts.meant(at);
    let add = |sum: &mut Msat| *sum = Msat(sum.0.saturating_add(cost.0));
    if at > starts.month {
        add(&mut committed.month);
    }
    if at > starts.day {
        add(&mut committed.day);
    }
    if at > starts.hour {
        add(&mut committed.hour);
        committed.payments = committed.payments.saturating_add(u32::from(made));
    }
}
