//! What the status shows of the engine.

use super::{Engine, EngineError, LOCK, STOPPED};
use crate::domain::money::Msat;
use crate::store::{PaymentSummary, StoreError, Totals};

/// What the status shows of the engine.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Sums over the life of the database.
    pub totals: Totals,
    /// Newest payments first.
    pub payments: Vec<PaymentSummary>,
    /// Each agreement's account.
    pub agreements: Vec<AgreementSnapshot>,
    /// By feed: what keeps it from being bought, if anything.
    pub feed_notices: Vec<(String, Vec<String>)>,
    /// Why automatic payments are locked, if they are.
    pub lock: Option<String>,
    /// The owner stopped automatic payments.
    pub stopped: bool,
    /// Payments that are not final.
    pub open_payments: usize,
    /// Journal entries.
    pub journal_entries: u64,
}

/// One agreement's account.
#[derive(Clone, Debug)]
pub struct AgreementSnapshot {
    /// Its id.
    pub agreement: String,
    /// Energy priced since it began, in mWh.
    pub billed_mwh: u64,
    /// Owed and not settled.
    pub owed: Msat,
    /// Settled so far, without fees.
    pub paid: Msat,
    /// What keeps it from being paid, if anything.
    pub notices: Vec<String>,
}

impl Engine {
    /// What the status shows.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn snapshot(&mut self) -> Result<Snapshot, EngineError> {
        let Engine { store, rules, notices, .. } = self;
        let tx = store.begin()?;
        let notices_of = |rule: &str| -> Result<Vec<String>, StoreError> {
            let mut texts = tx.refusals(rule)?;
            texts.extend(notices.get(rule).cloned());
            Ok(texts)
        };
        let agreements = rules.agreements.iter().map(|agreement| {
            let row = tx.agreement(&agreement.id)?;
            let accrual = row.as_ref().map(|row| row.accrual).unwrap_or_default();
            Ok(AgreementSnapshot {
                agreement: agreement.id.clone(),
                billed_mwh: row.map_or(0, |row| accrual.billed_to.0.saturating_sub(row.start_total.0)),
                owed: accrual.owed,
                paid: tx.paid_purchases(&agreement.id)?.1,
                notices: notices_of(&agreement.id)?,
            })
        });
        Ok(Snapshot {
            totals: tx.totals()?,
            payments: tx.newest_payments(PAYMENTS_SHOWN)?,
            agreements: agreements.collect::<Result<_, StoreError>>()?,
            feed_notices: rules
                .feeds
                .iter()
                .map(|feed| Ok((feed.id.clone(), notices_of(&feed.id)?)))
                .collect::<Result<_, StoreError>>()?,
            lock: tx.meta(LOCK)?,
            stopped: tx.meta(STOPPED)?.is_some(),
            open_payments: tx.open_payments()?.len(),
            journal_entries: tx.journal_head()?.0,
        })
    }
}

const PAYMENTS_SHOWN: u32 = 20;
