//! What the status shows of the engine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Engine, EngineError, LOCK, STOPPED, instance};
use crate::domain::money::Msat;
use crate::store::{MoveRow, PaymentSummary, Posting, QuestionRow, QuestionState, StoreError, Totals};

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
    pub feed_notices: BTreeMap<String, Vec<String>>,
    /// Why automatic payments are locked, if they are.
    pub lock: Option<String>,
    /// It is not certain that no other Kilosat runs with this state.
    pub doubtful: bool,
    /// The owner stopped automatic payments.
    pub stopped: bool,
    /// Payments that wait for the owner's word, and those the owner refused and may still approve; oldest first.
    pub questions: Vec<QuestionSnapshot>,
    /// The move between savings and spending money that has not ended.
    pub open_move: Option<MoveRow>,
    /// The wallet in use, as the ledger has it.
    pub wallet: WalletSnapshot,
    /// Payments that are not final.
    pub open_payments: usize,
    /// Journal entries.
    pub journal_entries: u64,
}

/// One agreement's account.
#[derive(Clone, Debug, Default)]
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

/// A question to the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuestionSnapshot {
    /// Its number, for the answer.
    pub question: i64,
    /// The agreement or feed that wants to pay.
    pub rule: String,
    /// Whom.
    pub payee: String,
    /// Without fees, in msat.
    pub amount_msat: u64,
    /// Why it is asked, to be read after "because".
    pub why: String,
    /// The owner said no before.
    pub declined: bool,
    /// When it was asked, ms since 1970.
    pub asked_ms: u64,
    /// Until when it waits, ms since 1970.
    pub expires_ms: u64,
}

/// The wallet in use, as the ledger has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WalletSnapshot {
    /// What it should hold, in msat; what is set aside for payments is not counted.
    pub ledger_msat: i64,
    /// When the wallet's balance was last compared with that, ms since 1970; none since the program started if absent.
    pub compared_ms: Option<u64>,
    /// By how much the wallet held more then, in msat.
    pub difference_msat: i64,
    /// Left or came without a payment of ours, over the life of the database, in msat.
    pub suspense_msat: i64,
    /// Payments wait until the wallet's history was compared.
    pub waits: bool,
    /// Why the last comparison did not come about.
    pub fault: Option<String>,
}

impl QuestionSnapshot {
    /// What the owner is asked, and how to answer.
    pub fn sentence(&self) -> String {
        let QuestionSnapshot { question, payee, amount_msat, why, .. } = self;
        let amount = Msat(*amount_msat);
        match self.declined {
            false => format!(
                "WAITS FOR YOU: may {amount} be paid to {payee}? You are asked because {why}. Answer: kilosat approve \
                 {question}, or kilosat decline {question}"
            ),
            true => format!("Refused by you: {amount} to {payee}. If you change your mind: kilosat approve {question}"),
        }
    }
}

impl WalletSnapshot {
    /// How wallet and ledger stand to each other at `now_ms`.
    pub fn sentence(&self, now_ms: u64) -> String {
        if let Some(fault) = self.fault.as_ref().filter(|_| self.waits) {
            return format!("payments wait until the wallet's history could be compared with the ledger. {fault}");
        }
        let sat = |msat: i64| format!("{}{}", if msat < 0 { "-" } else { "" }, Msat(msat.unsigned_abs()));
        let ledger = sat(self.ledger_msat);
        let mut text = match self.compared_ms {
            None if self.waits => format!("{ledger}; payments wait until the wallet's history is compared with it"),
            None => format!("{ledger}, not compared with the wallet yet"),
            Some(at) => {
                let minutes = now_ms.saturating_sub(at) / 60_000;
                let difference = sat(self.difference_msat);
                format!(
                    "{ledger} in the wallet; compared {minutes} min ago, the wallet's own number differs by {difference}"
                )
            }
        };
        if self.suspense_msat != 0 {
            text += &format!("; {} moved without a payment of ours", sat(self.suspense_msat));
        }
        text
    }
}

impl From<QuestionRow> for QuestionSnapshot {
    fn from(row: QuestionRow) -> QuestionSnapshot {
        QuestionSnapshot {
            question: row.question,
            rule: row.rule,
            payee: row.payee,
            amount_msat: row.amount.0,
            why: row.why,
            declined: row.state == QuestionState::Declined,
            asked_ms: row.asked_at.0,
            expires_ms: row.expires_at.0,
        }
    }
}

impl Engine {
    /// What the status shows.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn snapshot(&mut self) -> Result<Snapshot, EngineError> {
        let Engine { store, rules, notices, standing, .. } = self;
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
            doubtful: instance::is_doubtful(&tx)?,
            stopped: tx.meta(STOPPED)?.is_some(),
            questions: tx.open_questions()?.into_iter().map(QuestionSnapshot::from).collect(),
            open_move: tx.open_move(&rules.service)?,
            wallet: WalletSnapshot {
                ledger_msat: tx.account(&Posting::wallet(&rules.service))?,
                compared_ms: standing.compared.map(|(at, _)| at.0),
                difference_msat: standing.compared.map_or(0, |(_, difference)| difference),
                suspense_msat: tx.account(Posting::SUSPENSE)?,
                waits: !standing.may_pay(),
                fault: standing.fault.clone(),
            },
            open_payments: tx.open_payments()?.len(),
            journal_entries: tx.journal_head()?.0,
        })
    }
}

const PAYMENTS_SHOWN: u32 = 20;
