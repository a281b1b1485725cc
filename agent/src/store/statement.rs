//! What happened to the money in a period: sums over the ledger, by account and by rule.

use rusqlite::params;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Posting, StoreError, Tx};
use crate::domain::money::Msat;
use crate::domain::window::Period;

/// The account of a period. Amounts in msat, energy in mWh, times in ms since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Statement {
    /// The first instant in it.
    pub from_ms: u64,
    /// The first instant after it.
    pub to_ms: u64,
    /// In all wallets when it began, as the ledger has it.
    pub opening_msat: i64,
    /// Found in a wallet when Kilosat first used it.
    pub brought_msat: i64,
    /// Came in.
    pub received_msat: i64,
    /// Paid to payees, without fees: the sum of its lines.
    pub paid_msat: i64,
    /// Paid for routing: the sum of its lines.
    pub fees_msat: i64,
    /// Of fees that were booked as high as they may have been, what was not paid after all.
    #[serde(default)]
    pub fees_returned_msat: i64,
    /// Came from the savings (positive), or went to them or to an address of the owner's.
    #[serde(default)]
    pub moved_msat: i64,
    /// Paid to the chain for channels.
    #[serde(default)]
    pub channels_msat: i64,
    /// What wallets rounded to their own advantage (positive) or to ours.
    #[serde(default)]
    pub rounding_msat: i64,
    /// What the owner counted as paid for agreements, of what had left without a payment of ours.
    #[serde(default)]
    pub credited_msat: i64,
    /// Left (positive) or came without a payment of ours, less what was credited or found to be a payment.
    pub suspense_msat: i64,
    /// Set aside during it for payments that were not final when it ended.
    pub reserved_msat: i64,
    /// In all wallets when it ended: opening and the sum of [`Statement::changes`].
    pub closing_msat: i64,
    /// By agreement and feed and by hand, in the order of their names.
    pub lines: Vec<StatementLine>,
    /// Energy by meter, in the order of their names: intervals that ended within the period.
    pub metered_mwh: Vec<(String, u64)>,
}

/// What one agreement or feed, or the owner by hand, paid in a period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementLine {
    /// The agreement or feed, or `by hand`.
    pub rule: String,
    /// `energy`, `data` or `hand`.
    pub kind: String,
    /// Whom it paid.
    pub payee: String,
    /// Payments that settled.
    pub payments: u64,
    /// Without fees.
    pub paid_msat: i64,
    /// For routing.
    pub fees_msat: i64,
}

/// One change of what the wallets hold, as the owner reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its name in catalogues.
    pub name: &'static str,
    /// In words.
    pub what: &'static str,
    /// What it added to the wallets, in msat.
    pub msat: i64,
    /// Shown also when it is nothing.
    pub always: bool,
}

impl Statement {
    /// Everything between what the wallets held when it began and when it ended, in the order to be read.
    pub fn changes(&self) -> [Change; 11] {
        let change = |name, what, msat, always| Change { name, what, msat, always };
        [
            change("brought", "Found in a new wallet", self.brought_msat, false),
            change("received", "Received", self.received_msat, true),
            change("paid", "Paid", -self.paid_msat, true),
            change("fees-paid", "Fees", -self.fees_msat, true),
            change("fees-returned", "Fees that were lower than booked", self.fees_returned_msat, false),
            change("moved", "From the savings, less what went there", self.moved_msat, false),
            change("channels", "Fees of the chain for channels", -self.channels_msat, false),
            change("rounding", "Roundings of the wallet", -self.rounding_msat, false),
            change("suspense", "Moved without a payment of ours", -self.suspense_msat, false),
            change("credited", "Credited to agreements", -self.credited_msat, false),
            change("reserved", "Set aside, less what was set aside before", -self.reserved_msat, false),
        ]
    }

    /// The account in a few plain lines.
    pub fn as_text(&self) -> String {
        let line = |what: &str, msat: i64| format!("{what:<42}{:>20}", signed_sat(msat));
        let mut lines = vec![line("In the wallets when it began", self.opening_msat)];
        let changes = self.changes().into_iter().filter(|change| change.always || change.msat != 0);
        lines.extend(changes.map(|change| line(change.what, change.msat)));
        lines.push(line("In the wallets when it ended", self.closing_msat));
        for line in &self.lines {
            let StatementLine { rule, payee, payments, paid_msat, fees_msat, .. } = line;
            let (paid, fees) = (signed_sat(*paid_msat), signed_sat(*fees_msat));
            lines.push(format!("{rule}: {payments} payment(s) to {payee}: {paid}, fees {fees}"));
        }
        for (meter, mwh) in &self.metered_mwh {
            lines.push(format!("Meter {meter}: {}.{:03} kWh", mwh / 1_000_000, mwh % 1_000_000 / 1_000));
        }
        lines.join("\n")
    }
}

/// Satoshis with a sign where the amount is below zero.
fn signed_sat(msat: i64) -> String {
    format!("{}{}", if msat < 0 { "-" } else { "" }, Msat(msat.unsigned_abs()))
}

impl Tx<'_> {
    /// The account of `period`, by the times at which things were booked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn statement(&self, period: Period) -> Result<Statement, StoreError> {
        // What was there at an instant is what is there now, less what came since: nobody reads further back than asked.
        let before = |until: u64| -> Result<i64, StoreError> {
            let sql = "SELECT (SELECT ifnull(sum(balance_msat), 0) FROM balances WHERE account GLOB 'wallet:*')
                            - (SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account GLOB 'wallet:*' AND at_ms >= ?1)";
            Ok(self.prepared(sql)?.query_row([until], |row| row.get(0))?)
        };
        let within = |glob: &str| -> Result<i64, StoreError> {
            let sql =
                "SELECT ifnull(sum(amount_msat), 0) FROM ledger WHERE account GLOB ?1 AND at_ms >= ?2 AND at_ms < ?3";
            let asked = params![glob, period.from.0, period.to.0];
            Ok(self.prepared(sql)?.query_row(asked, |row| row.get(0))?)
        };
        // What was booked without a payment is in no line of an agreement or feed.
        let alone = |account: &str| -> Result<i64, StoreError> {
            let sql = "SELECT ifnull(sum(amount_msat), 0) FROM ledger
                       WHERE account = ?1 AND at_ms >= ?2 AND at_ms < ?3 AND payment IS NULL";
            let params = params![account, period.from.0, period.to.0];
            Ok(self.prepared(sql)?.query_row(params, |row| row.get(0))?)
        };
        let (credited, fees_alone) =
            (alone(Posting::ENERGY)?.saturating_add(alone(Posting::DATA)?), alone(Posting::FEES)?);
        let mut paid = [Posting::ENERGY, Posting::DATA, Posting::BY_HAND].into_iter().map(within);
        let paid = paid.try_fold(0_i64, |sum, part| Ok::<_, StoreError>(sum.saturating_add(part?)))?;
        Ok(Statement {
            from_ms: period.from.0,
            to_ms: period.to.0,
            opening_msat: before(period.from.0)?,
            brought_msat: within(Posting::OPENING)?.saturating_neg(),
            received_msat: within("income:*")?.saturating_neg(),
            paid_msat: paid.saturating_sub(credited),
            fees_msat: within(Posting::FEES)?.saturating_sub(fees_alone),
            fees_returned_msat: fees_alone.saturating_neg(),
            moved_msat: within(Posting::MOVING_AT_NODE)?.saturating_add(within(Posting::MOVED_AWAY)?).saturating_neg(),
            channels_msat: within(Posting::CHANNELS)?,
            rounding_msat: within(Posting::ROUNDING)?,
            credited_msat: credited,
            suspense_msat: within(Posting::SUSPENSE)?,
            reserved_msat: within(Posting::PENDING)?,
            closing_msat: before(period.to.0)?,
            lines: self.statement_lines(period)?,
            metered_mwh: self.metered(period)?,
        })
    }

    fn statement_lines(&self, period: Period) -> Result<Vec<StatementLine>, StoreError> {
        let mut statement = self.prepared(
            "SELECT u.rule, u.kind, p.payee, count(DISTINCT l.payment) FILTER (WHERE l.account <> 'expense:fee'),
                    ifnull(sum(l.amount_msat) FILTER (WHERE l.account <> 'expense:fee'), 0) AS paid,
                    ifnull(sum(l.amount_msat) FILTER (WHERE l.account = 'expense:fee'), 0) AS fees
             FROM ledger l JOIN payments p USING (payment) JOIN purchases u USING (purchase)
             WHERE l.at_ms >= ?1 AND l.at_ms < ?2 AND l.account GLOB 'expense:*'
             GROUP BY u.rule, u.kind, p.payee ORDER BY u.rule, p.payee",
        )?;
        let rows = statement.query_map(params![period.from.0, period.to.0], |row| {
            Ok(StatementLine {
                rule: row.get(0)?,
                kind: row.get(1)?,
                payee: row.get(2)?,
                payments: row.get(3)?,
                paid_msat: row.get(4)?,
                fees_msat: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn metered(&self, period: Period) -> Result<Vec<(String, u64)>, StoreError> {
        let mut statement = self.prepared(
            "SELECT meter, sum(end_total_mwh - start_total_mwh) FROM intervals WHERE end_ms >= ?1 AND end_ms < ?2
             GROUP BY meter ORDER BY meter",
        )?;
        let rows = statement.query_map(params![period.from.0, period.to.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
