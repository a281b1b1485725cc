//! What the owner orders: stop, go on, unlock.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bills::signed;
use super::jobs::Job;
use super::outcomes::expense;
use super::{Effect, Engine, EngineError, LOCK, STOPPED, Step};
use crate::clock::Now;
use crate::domain::payment::State;
use crate::store::{Posting, PurchaseKind, StoreError};

/// An order about automatic payments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Nothing new is paid until [`Order::Resume`]; it survives a restart.
    Stop,
    /// Ends [`Order::Stop`]; a lock stays.
    Resume,
    /// The owner compared the wallet with the ledger: the lock is lifted, and what was settled out of turn counts.
    Unlock,
    /// The payment that this question is about may be made.
    Approve(i64),
    /// It may not.
    Decline(i64),
}

/// What came of an order, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Done.
    Done(String),
    /// Not done, and why.
    Refused(String),
}

impl Engine {
    /// Obeys an order in one transaction.
    ///
    /// # Errors
    /// [`EngineError`]: the database failed, the engine must not be used again.
    pub fn obey(&mut self, now: Now, order: Order) -> Result<(Verdict, Vec<Effect>), EngineError> {
        let mut verdict = Verdict::Refused(String::new());
        let effects = self.transact(now, |step| {
            verdict = match order {
                Order::Stop => step.stop()?,
                Order::Resume => step.resume()?,
                Order::Unlock => step.unlock()?,
                Order::Approve(question) => step.approve(question)?,
                Order::Decline(question) => step.decline(question)?,
            };
            Ok(())
        })?;
        Ok((verdict, effects))
    }
}

impl Step<'_> {
    fn stop(&mut self) -> Result<Verdict, StoreError> {
        if self.tx.meta(STOPPED)?.is_some() {
            return Ok(done("Automatic payments were stopped already."));
        }
        self.tx.set_meta(STOPPED, &self.now.wall.0.to_string())?;
        self.record(json!({"event": "stopped"}))?;
        let moving = self.tx.open_payments()?.iter().filter(|payment| payment.state.may_be_moving()).count();
        Ok(done(&match moving {
            0 => "Automatic payments are stopped. Nothing is on its way.".to_owned(),
            count => format!(
                "Automatic payments are stopped. {count} payment(s) had left already; no one can call them back, Kilosat \
                 finds out what becomes of them."
            ),
        }))
    }

    fn resume(&mut self) -> Result<Verdict, StoreError> {
        if self.tx.meta(STOPPED)?.is_none() {
            return Ok(done("Automatic payments were not stopped."));
        }
        self.tx.clear_meta(STOPPED)?;
        self.record(json!({"event": "resumed"}))?;
        self.go_on()?;
        Ok(match self.tx.meta(LOCK)? {
            None => match self.interlock.as_ref() {
                None => done("Automatic payments go on."),
                Some(fault) => {
                    done(&format!("You no longer stop payments, but the stop button does not work: {fault}"))
                }
            },
            Some(lock) => done(&format!("You no longer stop payments, but they are still locked: {lock}")),
        })
    }

    /// While money may be moving nobody can tell whether wallet and ledger agree, so the lock stays until it is not.
    fn unlock(&mut self) -> Result<Verdict, StoreError> {
        let Some(lock) = self.tx.meta(LOCK)? else {
            return Ok(done("Automatic payments were not locked."));
        };
        let moving = self.tx.open_payments()?.iter().filter(|payment| payment.state.may_be_moving()).count();
        if moving > 0 {
            return Ok(Verdict::Refused(format!(
                "{moving} payment(s) are not final yet, so wallet and ledger cannot be compared. Nothing was changed; try \
                 again when they are."
            )));
        }
        self.accept_frozen()?;
        self.tx.clear_meta(LOCK)?;
        self.record(json!({"event": "unlocked", "reason": lock}))?;
        self.go_on()?;
        Ok(done("The lock is lifted. What was settled out of turn now counts as paid, and automatic payments go on."))
    }

    /// Every frozen purchase has a proven settlement: the payee has the money, so nothing more is owed for it.
    fn accept_frozen(&mut self) -> Result<(), StoreError> {
        for (purchase, settled) in self.tx.frozen_purchases()? {
            if settled.state == State::Cancelled {
                let amount = signed(settled.amount)?;
                let sides = [Posting(Posting::SUSPENSE, -amount), Posting(expense(purchase.kind), amount)];
                self.tx.post(self.now.wall, Some(settled.payment), &sides)?;
            }
            self.tx.set_purchase_state(purchase.purchase, "paid")?;
            self.tx.set_refusal(purchase.purchase, None)?;
            self.record(json!({"event": "accepted", "purchase": purchase.purchase, "payment": settled.payment}))?;
            if purchase.kind == PurchaseKind::Energy {
                self.credit(&purchase.rule, settled.amount)?;
            }
        }
        Ok(())
    }

    /// Nothing is stored: the button is read again at each start.
    pub(super) fn on_interlock(&mut self, fault: Option<String>) -> Result<(), StoreError> {
        let was = std::mem::replace(self.interlock, fault);
        match (&was, &*self.interlock) {
            (Some(_), None) => {
                self.record(json!({"event": "stop_button_works"}))?;
                self.go_on()
            }
            (None, Some(fault)) => self.record(json!({"event": "stop_button_lost", "why": fault})),
            _ => Ok(()),
        }
    }

    /// Whatever waited is tried now.
    fn go_on(&mut self) -> Result<(), StoreError> {
        for purchase in self.tx.open_purchases(None)? {
            self.jobs.at(Job::Bill(purchase.purchase), self.now.monotonic);
        }
        let rules = self.rules;
        for agreement in &rules.agreements {
            self.jobs.at(Job::Owed(agreement.id.clone()), self.now.monotonic);
        }
        self.on_wallet_ready()
    }
}

pub(super) fn done(text: &str) -> Verdict {
    Verdict::Done(text.to_owned())
}
