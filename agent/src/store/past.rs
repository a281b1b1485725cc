//! Payments of the past, page by page, and the story of each.

use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::journal::journal_entry;
use super::{BY_HAND, JournalEntry, StoreError, Tx, optional};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::rate::{Rate, cents_at};

/// One payment as the page and the CLI show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentSummary {
    /// Its number.
    pub payment: i64,
    /// `energy`, `data` or `hand`.
    pub kind: String,
    /// The agreement or feed, or `by hand`.
    pub rule: String,
    /// Where it stands.
    pub state: String,
    /// Without fees.
    pub amount_msat: u64,
    /// Paid for routing, once settled.
    pub fee_msat: Option<u64>,
    /// Payment hash in hex.
    pub payment_hash: String,
    /// When it was decided, ms since 1970.
    pub created_ms: u64,
    /// From decision to the newest state, ms.
    pub took_ms: u64,
    /// What went wrong, if anything.
    pub fault: Option<String>,
    /// What it was for, in the payee's words, where it was paid by hand.
    #[serde(default)]
    pub memo: Option<String>,
    /// What a bitcoin cost when it was decided, if that was known.
    #[serde(default)]
    pub rate: Option<BitcoinPrice>,
}

/// What a bitcoin cost at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BitcoinPrice {
    /// The owner's currency, in ISO 4217.
    pub currency: String,
    /// Hundredths of it for one bitcoin.
    pub cents_per_btc: u64,
    /// When, ms since 1970.
    pub at_ms: u64,
    /// Who said what.
    pub sources: String,
}

impl BitcoinPrice {
    /// The same of what the sources said last.
    pub fn of(rate: &Rate) -> BitcoinPrice {
        BitcoinPrice {
            currency: rate.currency.code().to_owned(),
            cents_per_btc: rate.cents,
            at_ms: rate.at.0,
            sources: rate.sources.clone(),
        }
    }

    /// What `msat` were worth, in hundredths of the currency, rounded to the nearest.
    pub fn cents_of(&self, msat: u64) -> u64 {
        cents_at(self.cents_per_btc, Msat(msat))
    }
}

/// Where payments stand, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Not final.
    Open,
    /// Settled.
    Paid,
    /// Failed or given up.
    Failed,
}

/// Which payments are asked for, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of this agreement or feed only.
    pub rule: Option<String>,
    /// That stand so only.
    pub standing: Option<Standing>,
    /// Older than this number only.
    pub before: Option<i64>,
    /// Decided from this instant on only, ms since 1970.
    pub from_ms: u64,
    /// And before this one.
    pub to_ms: Option<u64>,
    /// At most so many.
    pub most: u32,
}

/// Everything that is known of a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Story {
    /// In short.
    pub summary: PaymentSummary,
    /// Whom it went to.
    pub payee: String,
    /// The Lightning node that wrote the invoice.
    pub payee_key: String,
    /// The purchase it settles.
    pub purchase: i64,
    /// When that was opened, ms since 1970.
    pub opened_ms: u64,
    /// What the routing fee could be at most.
    pub fee_max_msat: u64,
    /// The wallet it was handed to.
    pub service: String,
    /// 1 for the first attempt at this invoice.
    pub attempt: u32,
    /// The invoice.
    pub bolt11: String,
    /// When the invoice stopped being good, ms since 1970.
    pub expires_ms: u64,
    /// When its state last changed, ms since 1970.
    pub changed_ms: u64,
    /// The proof of payment in hex: only who paid can know it.
    pub preimage: Option<String>,
    /// What the journal says of it and of its purchase, oldest first.
    pub steps: Vec<JournalEntry>,
}

impl PaymentSummary {
    /// Whether the owner made it by hand.
    pub fn is_by_hand(&self) -> bool {
        self.rule == BY_HAND
    }
}

impl Story {
    /// Whether it is not final.
    pub fn is_open(&self) -> bool {
        State::from_name(&self.summary.state).is_some_and(State::is_open)
    }
}

impl Standing {
    fn states(self) -> &'static str {
        match self {
            Standing::Open => "'intent', 'sending', 'in_flight', 'unknown'",
            Standing::Paid => "'settled', 'late_settled'",
            Standing::Failed => "'failed', 'cancelled'",
        }
    }
}

impl Tx<'_> {
    /// The payments asked for, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn payments(&self, wanted: &Wanted) -> Result<Vec<PaymentSummary>, StoreError> {
        let states = wanted.standing.map(|standing| format!("AND state IN ({})", standing.states()));
        let sql = format!(
            "{SUMMARY} WHERE payment < ?1 AND ifnull(rule = ?2, 1) AND created_ms >= ?3 AND created_ms < ?4 {}
             ORDER BY payment DESC LIMIT ?5",
            states.unwrap_or_default()
        );
        let mut statement = self.prepared(&sql)?;
        let time = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let before = wanted.before.unwrap_or(i64::MAX);
        let to_ms = wanted.to_ms.map_or(i64::MAX, time);
        let rows =
            statement.query_map(params![before, wanted.rule, time(wanted.from_ms), to_ms, wanted.most], summary)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The newest `count` payments, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn newest_payments(&self, count: u32) -> Result<Vec<PaymentSummary>, StoreError> {
        self.payments(&Wanted { most: count, ..Wanted::default() })
    }

    /// What is set aside for payments of `rule` that are not final, fees included, in msat.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn reserved_for(&self, rule: &str) -> Result<u64, StoreError> {
        let sql = "SELECT ifnull(sum(amount_msat + fee_max_msat), 0) FROM payments
                   WHERE state IN ('intent', 'sending', 'in_flight', 'unknown') AND rule = ?1";
        Ok(self.prepared(sql)?.query_row([rule], |row| row.get(0))?)
    }

    /// Everything that is known of `payment` but what the journal says of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn payment_details(&self, payment: i64) -> Result<Option<Story>, StoreError> {
        let sql = format!("{SUMMARY} WHERE payment = ?1");
        let Some(summary) = optional(self.prepared(&sql)?.query_row([payment], summary))? else { return Ok(None) };
        let sql = "SELECT p.payee, p.payee_key, p.purchase, u.created_ms, p.fee_max_msat, p.service, p.attempt,
                          p.bolt11, p.expires_ms, p.changed_ms, lower(hex(p.preimage))
                   FROM payments p JOIN purchases u USING (purchase) WHERE p.payment = ?1";
        let story = self.prepared(sql)?.query_row([payment], |row| {
            Ok(Story {
                summary,
                payee: row.get(0)?,
                payee_key: row.get(1)?,
                purchase: row.get(2)?,
                opened_ms: row.get(3)?,
                fee_max_msat: row.get(4)?,
                service: row.get(5)?,
                attempt: row.get(6)?,
                bolt11: row.get(7)?,
                expires_ms: row.get(8)?,
                changed_ms: row.get(9)?,
                preimage: row.get::<_, Option<String>>(10)?.filter(|hex| !hex.is_empty()),
                steps: Vec::new(),
            })
        })?;
        Ok(Some(story))
    }

    /// The story of `payment`, if there is such a payment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn story(&self, payment: i64) -> Result<Option<Story>, StoreError> {
        let Some(mut story) = self.payment_details(payment)? else { return Ok(None) };
        let (first, last) = (story.opened_ms, story.changed_ms);
        let about = |entry: &JournalEntry| {
            let names = |key: &str, number: i64| {
                entry.entry.as_ref().and_then(|entry| entry.get(key)?.as_i64()) == Some(number)
            };
            let has_payment = entry.entry.as_ref().is_some_and(|entry| entry.get("payment").is_some());
            names("payment", payment) || (!has_payment && names("purchase", story.purchase))
        };
        // Most entries are of meters and are not even read.
        let sql = "SELECT seq, at_ms, payload FROM journal
                   WHERE seq > ?1 AND seq <= ?1 + ?2 AND at_ms <= ?3 AND (instr(payload, ?4) OR instr(payload, ?5))
                   ORDER BY seq LIMIT ?6";
        let after = self.journal_before(first)?;
        let last = i64::try_from(last.saturating_add(STORY_MARGIN_MS)).unwrap_or(i64::MAX);
        let (of_payment, of_purchase) = (format!("\"payment\":{payment}"), format!("\"purchase\":{}", story.purchase));
        let mut statement = self.prepared(sql)?;
        let read = params![after, STORY_ENTRIES_MAX, last, of_payment, of_purchase, STORY_STEPS_MAX];
        let entries = statement.query_map(read, journal_entry)?;
        for entry in entries {
            let entry = entry?;
            if about(&entry) {
                story.steps.push(entry);
            }
        }
        Ok(Some(story))
    }

    /// The number of an entry that was written at least a little before `at_ms`, found by halving; where the clock was set
    /// back it may be one of much earlier.
    fn journal_before(&self, at_ms: u64) -> Result<u64, StoreError> {
        let (mut low, mut high) = (0, self.journal_head()?.0);
        let at_ms = at_ms.saturating_sub(STORY_MARGIN_MS);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let sql = "SELECT at_ms FROM journal WHERE seq = ?1";
            let time: Option<u64> = optional(self.prepared(sql)?.query_row([middle], |row| row.get(0)))?;
            match time {
                Some(time) if time < at_ms => low = middle,
                _ => high = middle - 1,
            }
        }
        Ok(low)
    }
}

fn summary(row: &Row<'_>) -> rusqlite::Result<PaymentSummary> {
    Ok(PaymentSummary {
        payment: row.get(0)?,
        kind: row.get(1)?,
        rule: row.get(2)?,
        state: row.get(3)?,
        amount_msat: row.get(4)?,
        fee_msat: row.get(5)?,
        payment_hash: row.get(6)?,
        created_ms: row.get(7)?,
        took_ms: row.get(8)?,
        fault: row.get(9)?,
        memo: row.get(10)?,
        rate: match row.get(11)? {
            None => None,
            Some(currency) => {
                Some(BitcoinPrice { currency, cents_per_btc: row.get(12)?, at_ms: row.get(13)?, sources: row.get(14)? })
            }
        },
    })
}

const SUMMARY: &str =
    "SELECT payment, (SELECT kind FROM purchases u WHERE u.purchase = payments.purchase), rule, state,
    amount_msat, fee_msat, lower(hex(hash)), created_ms, max(changed_ms - created_ms, 0), fault, memo, rate_currency,
    rate_cents, rate_ms, rate_sources FROM payments";
/// Entries written together carry the time of the event, which may be a little before the row's.
const STORY_MARGIN_MS: u64 = 60_000;
/// A payment that was open for months has seen more entries than anybody reads.
const STORY_ENTRIES_MAX: u32 = 100_000;
const STORY_STEPS_MAX: u32 = 1_000;
