//! Purchases: the things owed.

use rusqlite::types::Type;
use rusqlite::{Row, params, params_from_iter};

use super::{StoreError, Tx, optional};
use crate::domain::money::{Msat, UnixMillis};

/// What is bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurchaseKind {
    /// Electricity, by an agreement.
    Energy,
    /// Data, by a feed.
    Data,
    /// Whatever the owner paid for by hand.
    Hand,
}

/// The thing owed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseRow {
    /// Its number.
    pub purchase: i64,
    /// Electricity, data, or what the owner paid by hand.
    pub kind: PurchaseKind,
    /// The agreement or feed, or [`BY_HAND`].
    pub rule: String,
    /// Whom it is paid to, as configured or as the owner wrote it.
    pub payee: String,
    /// Due for energy, the highest price for data, exact by hand.
    pub amount: Msat,
    /// `open`, `withdrawn`, `paid` or `frozen`.
    pub state: String,
}

impl Tx<'_> {
    /// Opens the purchase named `idem_key`, or finds the one that exists; a withdrawn one is opened again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_purchase(
        &self,
        idem_key: &str,
        kind: PurchaseKind,
        rule: &str,
        payee: &str,
        amount: Msat,
        now: UnixMillis,
    ) -> Result<PurchaseRow, StoreError> {
        self.prepared(
            "INSERT INTO purchases (idem_key, kind, rule, payee, amount_msat, state, created_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6)
                 ON CONFLICT (idem_key) DO UPDATE SET state = 'open', amount_msat = excluded.amount_msat,
                     payee = excluded.payee WHERE state = 'withdrawn'",
        )?
        .execute(params![idem_key, kind.name(), rule, payee, amount.0, now.0])?;
        self.purchase_for(idem_key)?.ok_or_else(|| StoreError::Damaged(format!("purchase {idem_key} was not written")))
    }

    /// The purchase with this number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purchase(&self, purchase: i64) -> Result<Option<PurchaseRow>, StoreError> {
        optional(self.prepared(&format!("{PURCHASE} WHERE purchase = ?1"))?.query_row([purchase], purchase_row))
    }

    /// The purchase for the need `idem_key`, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn purchase_for(&self, idem_key: &str) -> Result<Option<PurchaseRow>, StoreError> {
        let sql = format!("{PURCHASE} WHERE idem_key = ?1");
        optional(self.prepared(&sql)?.query_row([idem_key], purchase_row))
    }

    /// Purchases that are not settled yet, oldest first; of one rule when given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_purchases(&self, rule: Option<&str>) -> Result<Vec<PurchaseRow>, StoreError> {
        let (of_rule, params) = rule.map_or(("", vec![]), |rule| ("AND rule = ?1", vec![rule]));
        let sql = format!("{PURCHASE} WHERE {UNPAID} AND state IN ('open', 'frozen') {of_rule} ORDER BY purchase");
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map(params_from_iter(params), purchase_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Number and sum of the paid purchases of `rule`; together they name the next need.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn paid_purchases(&self, rule: &str) -> Result<(u64, Msat), StoreError> {
        let sql = "SELECT ifnull(sum(paid), 0), ifnull(sum(paid_msat), 0) FROM rule_totals WHERE rule = ?1";
        Ok(self.prepared(sql)?.query_row([rule], |row| Ok((row.get(0)?, Msat(row.get(1)?))))?)
    }

    /// Changes a purchase's state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_purchase_state(&self, purchase: i64, state: &str) -> Result<(), StoreError> {
        let sql = "UPDATE purchases SET state = ?2 WHERE purchase = ?1";
        self.prepared(sql)?.execute(params![purchase, state])?;
        Ok(())
    }

    /// Changes what a purchase costs, before anything was paid for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_purchase_amount(&self, purchase: i64, amount: Msat) -> Result<(), StoreError> {
        let sql = "UPDATE purchases SET amount_msat = ?2 WHERE purchase = ?1";
        self.prepared(sql)?.execute(params![purchase, amount.0])?;
        Ok(())
    }

    /// Changes whom a purchase is paid to, before anything was paid for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_purchase_payee(&self, purchase: i64, payee: &str) -> Result<(), StoreError> {
        let sql = "UPDATE purchases SET payee = ?2 WHERE purchase = ?1";
        self.prepared(sql)?.execute(params![purchase, payee])?;
        Ok(())
    }

    /// Remembers why a purchase is not paid yet; `None` clears it. False when that is known already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_refusal(&self, purchase: i64, refusal: Option<&str>) -> Result<bool, StoreError> {
        let sql = "UPDATE purchases SET refusal = ?2 WHERE purchase = ?1 AND refusal IS NOT ?2";
        Ok(self.prepared(sql)?.execute(params![purchase, refusal])? == 1)
    }
}

impl PurchaseKind {
    /// The word in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            PurchaseKind::Energy => "energy",
            PurchaseKind::Data => "data",
            PurchaseKind::Hand => "hand",
        }
    }

    fn from_name(name: &str) -> Option<PurchaseKind> {
        [PurchaseKind::Energy, PurchaseKind::Data, PurchaseKind::Hand].into_iter().find(|kind| kind.name() == name)
    }
}

pub(super) fn purchase_row(row: &Row<'_>) -> rusqlite::Result<PurchaseRow> {
    let kind: String = row.get(1)?;
    Ok(PurchaseRow {
        purchase: row.get(0)?,
        kind: PurchaseKind::from_name(&kind).ok_or_else(|| rusqlite::Error::InvalidColumnType(1, kind, Type::Text))?,
        rule: row.get(2)?,
        payee: row.get(3)?,
        amount: Msat(row.get(4)?),
        state: row.get(5)?,
    })
}

/// In the place of an agreement or feed where the owner paid by hand; none of those can have this name.
pub const BY_HAND: &str = "by hand";
/// In the words of the partial index `purchases_unpaid`: SQLite uses it only where it finds these again.
pub(super) const UNPAID: &str = "state <> 'paid'";
pub(super) const PURCHASE: &str = "SELECT purchase, kind, rule, payee, amount_msat, state FROM purchases";
