//! What the owner is asked before a payment, the answers, and the payees that are known.

use rusqlite::{Row, params};

use super::{StoreError, Tx, optional};
use crate::domain::money::{Msat, UnixMillis};

/// One question to the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionRow {
    /// Its number.
    pub question: i64,
    /// The purchase it is about.
    pub purchase: i64,
    /// The agreement or feed that wants to pay.
    pub rule: String,
    /// Whom it would go to.
    pub payee: String,
    /// Without the fee.
    pub amount: Msat,
    /// Why it is asked.
    pub why: String,
    /// Where it stands.
    pub state: QuestionState,
    /// When it was asked.
    pub asked_at: UnixMillis,
    /// Until when it, or the yes to it, counts.
    pub expires_at: UnixMillis,
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionState {
    /// Waits for the owner.
    Asked,
    /// The owner said yes.
    Approved,
    /// The owner said no.
    Declined,
    /// Nobody answered in time.
    Expired,
}

impl Tx<'_> {
    /// Asks about `purchase`; returns the question's number. The schema refuses a second open one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn ask(
        &self,
        purchase: i64,
        payee: &str,
        amount: Msat,
        why: &str,
        now: UnixMillis,
        expires: UnixMillis,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO questions (purchase, payee, amount_msat, why, state, asked_ms, expires_ms)
                   VALUES (?1, ?2, ?3, ?4, 'asked', ?5, ?6)";
        self.prepared(sql)?.execute(params![purchase, payee, amount.0, why, now.0, expires.0])?;
        Ok(self.sql.last_insert_rowid())
    }

    /// Writes where a question stands, and until when that counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_question(&self, question: i64, state: QuestionState, until: UnixMillis) -> Result<(), StoreError> {
        let sql = "UPDATE questions SET state = ?2, expires_ms = ?3 WHERE question = ?1";
        self.prepared(sql)?.execute(params![question, state.name(), until.0])?;
        Ok(())
    }

    /// The question with this number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn question(&self, question: i64) -> Result<Option<QuestionRow>, StoreError> {
        let sql = format!("{QUESTION} WHERE q.question = ?1");
        optional(self.prepared(&sql)?.query_row([question], question_row))
    }

    /// The newest question about `purchase`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn question_about(&self, purchase: i64) -> Result<Option<QuestionRow>, StoreError> {
        let sql = format!("{QUESTION} WHERE q.purchase = ?1 ORDER BY q.question DESC LIMIT 1");
        optional(self.prepared(&sql)?.query_row([purchase], question_row))
    }

    /// The questions that wait for the owner and those the owner may still think better of, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open_questions(&self) -> Result<Vec<QuestionRow>, StoreError> {
        let sql = format!(
            "{QUESTION} WHERE q.state IN ('asked', 'declined') AND u.state = 'open'
                 AND q.question = (SELECT max(question) FROM questions n WHERE n.purchase = q.purchase)
             ORDER BY q.question LIMIT {QUESTIONS_SHOWN_MAX}"
        );
        let mut statement = self.prepared(&sql)?;
        let rows = statement.query_map([], question_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether `payee` was paid or approved before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn knows_payee(&self, payee: &str) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM payees WHERE payee = ?1)";
        Ok(self.prepared(sql)?.query_row([payee], |row| row.get(0))?)
    }

    /// From now on `payee` is known.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn know_payee(&self, payee: &str, now: UnixMillis) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO payees (payee, since_ms) VALUES (?1, ?2)";
        self.prepared(sql)?.execute(params![payee, now.0])?;
        Ok(())
    }
}

impl QuestionState {
    /// The word in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            QuestionState::Asked => "asked",
            QuestionState::Approved => "approved",
            QuestionState::Declined => "declined",
            QuestionState::Expired => "expired",
        }
    }
}

fn question_row(row: &Row<'_>) -> rusqlite::Result<QuestionRow> {
    let state: String = row.get(6)?;
    Ok(QuestionRow {
        question: row.get(0)?,
        purchase: row.get(1)?,
        rule: row.get(2)?,
        payee: row.get(3)?,
        amount: Msat(row.get(4)?),
        why: row.get(5)?,
        state: match state.as_str() {
            "asked" => QuestionState::Asked,
            "approved" => QuestionState::Approved,
            "declined" => QuestionState::Declined,
            _ => QuestionState::Expired,
        },
        asked_at: UnixMillis(row.get(7)?),
        expires_at: UnixMillis(row.get(8)?),
    })
}

const QUESTION: &str = "SELECT q.question, q.purchase, u.rule, q.payee, q.amount_msat, q.why, q.state, q.asked_ms,
    q.expires_ms FROM questions q JOIN purchases u USING (purchase)";
const QUESTIONS_SHOWN_MAX: u32 = 100;
