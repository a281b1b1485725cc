//! Payments: the attempts to settle a purchase.

use rusqlite::types::Type;
use rusqlite::{Row, params};

use super::purchases::{BY_HAND, PURCHASE, PurchaseRow, UNPAID, purchase_row};
use super::{StoreError, Tx, optional};
use crate::domain::invoice::{Invoice, PaymentHash, Preimage};
use crate::domain::money::{Msat, UnixMillis};
use crate::domain::payment::State;
use crate::domain::rate::Rate;

/// One attempt to pay one invoice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    /// Its number.
    pub payment: i64,
    /// The purchase it settles.
    pub purchase: i64,
    /// What the service knows it by.
    pub hash: PaymentHash,
    /// The Lightning service it was or will be handed to.
    pub service: String,
    /// 1 for the first attempt at this hash.
    pub attempt: u32,
    /// Where it stands.
    pub state: State,
    /// The invoice.
    pub bolt11: String,
    /// Without routing fees.
    pub amount: Msat,
    /// Reserved for routing fees.
    pub fee_max: Msat,
    /// The invoice must not be paid after this.
    pub expires_at: UnixMillis,
    /// How often the service did not know the hash.
    pub not_found_count: u32,
    /// When it last did not.
    pub not_found_at: UnixMillis,
    /// When its state last changed.
    pub changed_at: UnixMillis,
    /// The L402 ticket this payment buys: scheme and token.
    pub ticket: Option<(String, String)>,
    /// Whom it goes to: an address, an LNURL, the key of a node, or the origin of an L402 seller.
    pub payee: String,
    /// The agreement or feed that made it, or [`BY_HAND`].
    pub rule: String,
}

impl PaymentRow {
    /// Whether the owner made it by hand.
    pub fn is_by_hand(&self) -> bool {
        self.rule == BY_HAND
    }
}

/// What [`Tx::insert_intent`] needs.
#[derive(Clone, Copy, Debug)]
pub struct NewPayment<'a> {
    /// The purchase it settles.
    pub purchase: i64,
    /// Whom it goes to.
    pub payee: &'a str,
    /// The checked invoice.
    pub invoice: &'a Invoice,
    /// Reserved for routing fees.
    pub fee_max: Msat,
    /// The Lightning service that will pay; for the payment's whole life.
    pub service: &'a str,
    /// The L402 ticket it buys: scheme and token.
    pub ticket: Option<(&'a str, &'a str)>,
    /// What it is for, in the payee's words, where the owner pays by hand.
    pub memo: Option<&'a str>,
    /// What a bitcoin costs now, if that is known.
    pub rate: Option<&'a Rate>,
}

impl Tx<'_> {
    /// Writes a payment as intent. The database refuses a second live one for the purchase or the hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn insert_intent(&self, new: &NewPayment<'_>, now: UnixMillis) -> Result<i64, StoreError> {
        self.prepared(
            "INSERT INTO payments (purchase, hash, attempt, service, state, bolt11, amount_msat, fee_max_msat,
                     payee_key, expires_ms, created_ms, changed_ms, ticket_scheme, ticket, payee, memo, rate_currency,
                     rate_cents, rate_ms, rate_sources, rule)
                 VALUES (?1, ?2, (SELECT ifnull(max(attempt), 0) + 1 FROM payments WHERE hash = ?2), ?3, 'intent', ?4,
                     ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     (SELECT rule FROM purchases WHERE purchase = ?1))",
        )?
        .execute(params![
            new.purchase,
            new.invoice.hash.0,
            new.service,
            new.invoice.bolt11,
            new.invoice.amount.0,
            new.fee_max.0,
            new.invoice.payee_key,
            new.invoice.expires_at.0.min(TIME_MAX),
            now.0,
            new.ticket.map(|ticket| ticket.0),
            new.ticket.map(|ticket| ticket.1),
            new.payee,
            new.memo,
            new.rate.map(|rate| rate.currency.code()),
            new.rate.map(|rate| rate.cents),
            new.rate.map(|rate| rate.at.0),
            new.rate.map(|rate| rate.sources.as_str()),
        ])?;
        Ok(self.sql.last_insert_rowid())
    }

    /// The newest attempt at `hash`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn payment_by_hash(&self, hash: &PaymentHash) -> Result<Option<PaymentRow>, StoreError> {
        Ok(self.attempts(hash)?.into_iter().next())
    }

    /// Every attempt at `hash`, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn attempts(&self, hash: &PaymentHash) -> Result<Vec<PaymentRow>, StoreError> {
        let sql = format!("{PAYMENT} WHERE hash = ?1 ORDER BY attempt DESC");
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map([hash.0], payment_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest failed attempt at `purchase` whose invoice is still valid at `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn unexpired_failure(&self, purchase: i64, now: UnixMillis) -> Result<Option<PaymentRow>, StoreError> {
        let sql = format!(
            "{PAYMENT} WHERE purchase = ?1 AND {ENDED} AND state = 'failed' AND expires_ms > ?2
             ORDER BY payment DESC LIMIT 1"
        );
        optional(self.prepared(&sql)?.query_row(params![purchase, now.0], payment_row))
    }

    /// The newest attempt at `purchase`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_payment_of(&self, purchase: i64) -> Result<Option<PaymentRow>, StoreError> {
        let sql = format!("{PAYMENT} WHERE payment IN ({OF_PURCHASE}) ORDER BY payment DESC LIMIT 1");
        optional(self.prepared(&sql)?.query_row([purchase], payment_row))
    }

    /// The proof of `payment`, if it was paid.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn preimage(&self, payment: i64) -> Result<Option<Preimage>, StoreError> {
        let sql = "SELECT preimage FROM payments WHERE payment = ?1";
        let preimage: Option<[u8; 32]> = self.prepared(sql)?.query_row([payment], |row| row.get(0))?;
        Ok(preimage.map(Preimage))
    }

    /// The newest payment that `service` settled.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_settled(&self, service: &str) -> Result<Option<PaymentRow>, StoreError> {
        let sql = format!("{PAYMENT} WHERE service = ?1 AND state = 'settled' ORDER BY payment DESC LIMIT 1");
        optional(self.prepared(&sql)?.query_row([service], payment_row))
    }

    /// Every payment that is not final, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_payments(&self) -> Result<Vec<PaymentRow>, StoreError> {
        let sql = format!("{PAYMENT} WHERE {OPEN} ORDER BY payment");
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map([], payment_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a payment is being handed to its service just now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn is_sending(&self) -> Result<bool, StoreError> {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM payments WHERE {OPEN} AND state = 'sending')");
        Ok(self.prepared(&sql)?.query_row([], |row| row.get(0))?)
    }

    /// Writes a state that [`State::move_to`] allowed, and why if there is something to say.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_payment_state(
        &self,
        payment: i64,
        state: State,
        fault: Option<&str>,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE payments SET state = ?2, fault = ifnull(?3, fault), changed_ms = ?4 WHERE payment = ?1";
        self.prepared(sql)?.execute(params![payment, state.name(), fault, now.0])?;
        Ok(())
    }

    /// Writes the proof and the fee together with the paid state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_payment_paid(
        &self,
        payment: i64,
        state: State,
        preimage: &Preimage,
        fee: Msat,
        now: UnixMillis,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE payments SET state = ?2, preimage = ?3, fee_msat = ?4, changed_ms = ?5, fault = NULL
                   WHERE payment = ?1";
        self.prepared(sql)?.execute(params![payment, state.name(), preimage.0, fee.0, now.0])?;
        Ok(())
    }

    /// Notes a look-up that did not find the payment, as the `count`th that counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_not_found(&self, payment: i64, count: u32, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "UPDATE payments SET not_found_count = ?2, not_found_ms = ?3 WHERE payment = ?1";
        self.prepared(sql)?.execute(params![payment, count, now.0])?;
        Ok(())
    }

    /// Keeps the proof that a cancelled payment was settled all the same; false when it is kept already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn keep_stray_proof(&self, payment: i64, preimage: &Preimage, fee: Msat) -> Result<bool, StoreError> {
        let sql = "UPDATE payments SET preimage = ?2, fee_msat = ?3 WHERE payment = ?1 AND preimage IS NULL";
        Ok(self.prepared(sql)?.execute(params![payment, preimage.0, fee.0])? == 1)
    }

    /// Every purchase that waits for the owner after a settlement nobody expected, with that settlement's amount and state.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn frozen_purchases(&self) -> Result<Vec<(PurchaseRow, PaymentRow)>, StoreError> {
        let sql = format!("{PURCHASE} WHERE {UNPAID} AND state = 'frozen' ORDER BY purchase");
        let mut statement = self.prepared(&sql)?;
        let frozen = statement.query_map([], purchase_row)?.collect::<Result<Vec<_>, _>>()?;
        let sql =
            format!("{PAYMENT} WHERE payment IN ({OF_PURCHASE}) AND preimage IS NOT NULL ORDER BY payment LIMIT 1");
        let mut statement = self.prepared(&sql)?;
        let mut pairs = Vec::new();
        for purchase in frozen {
            if let Some(paid) = optional(statement.query_row([purchase.purchase], payment_row))? {
                pairs.push((purchase, paid));
            }
        }
        Ok(pairs)
    }
}

fn payment_row(row: &Row<'_>) -> rusqlite::Result<PaymentRow> {
    let state: String = row.get(4)?;
    let state = State::from_name(&state)
        .ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(4, Type::Text, "no such payment state".into()))?;
    let scheme: Option<String> = row.get(11)?;
    let token: Option<String> = row.get(12)?;
    Ok(PaymentRow {
        payment: row.get(0)?,
        purchase: row.get(1)?,
        hash: PaymentHash(row.get(2)?),
        attempt: row.get(3)?,
        state,
        bolt11: row.get(5)?,
        amount: Msat(row.get(6)?),
        fee_max: Msat(row.get(7)?),
        expires_at: UnixMillis(row.get(8)?),
        not_found_count: row.get(9)?,
        not_found_at: UnixMillis(row.get(10)?),
        changed_at: UnixMillis(row.get(13)?),
        service: row.get(14)?,
        payee: row.get(15)?,
        rule: row.get(16)?,
        ticket: scheme.zip(token),
    })
}

const PAYMENT: &str = "SELECT payment, purchase, hash, attempt, state, bolt11, amount_msat, fee_max_msat, expires_ms,
    not_found_count, not_found_ms, ticket_scheme, ticket, changed_ms, service, payee, rule FROM payments";
/// In the words of the partial indices of the schema: SQLite uses one only where it finds these again.
const OPEN: &str = "state IN ('intent', 'sending', 'in_flight', 'unknown')";
const ENDED: &str = "state IN ('failed', 'late_settled', 'cancelled')";
/// Every attempt at purchase `?1`: the live or settled one, and those that ended.
const OF_PURCHASE: &str = "SELECT payment FROM payments WHERE purchase = ?1
        AND state NOT IN ('failed', 'late_settled', 'cancelled')
    UNION ALL SELECT payment FROM payments WHERE purchase = ?1 AND state IN ('failed', 'late_settled', 'cancelled')";
/// The largest time SQLite's signed integers hold.
const TIME_MAX: u64 = i64::MAX as u64;
