//! What the owner orders: stop, go on, answer, and settle what no rule can.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bills::signed;
use super::jobs::Job;
use super::outcomes::{NOT_FOUND_MIN, expense};
use super::{ByHand, Effect, Engine, EngineError, LOCK, STOPPED, Step, instance};
use crate::clock::Now;
use crate::domain::invoice::{PaymentHash, hex32};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::{PaymentRow, Posting, PurchaseKind, StoreError};

/// An order about automatic payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Nothing new is paid until [`Order::Resume`]; it survives a restart.
    Stop,
    /// Ends [`Order::Stop`]; a lock stays.
    Resume,
    /// The owner compared the wallet with the ledger: the lock is lifted, and what was settled out of turn counts.
    Unlock,
    /// No other Kilosat runs with this state: it goes on here from its next start. A lock stays.
    TakeOver,
    /// The payment that this question is about may be made.
    Approve(i64),
    /// It may not.
    Decline(i64),
    /// This move between savings and spending money may begin.
    AgreeToMove(i64),
    /// It may not; or what the node holds for it goes back.
    UndoMove(i64),
    /// Money that left without a payment of ours paid what this agreement owes.
    Credit {
        /// The agreement's id.
        agreement: String,
        /// How much, in msat.
        amount_msat: u64,
    },
    /// This invoice is paid, because the owner says so.
    Pay(ByHand),
    /// The payment with this hash, in hex, will never be told of again: it counts as failed.
    WriteOff(String),
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
                Order::TakeOver => step.take_over()?,
                Order::Approve(question) => step.approve(question)?,
                Order::Decline(question) => step.decline(question)?,
                Order::AgreeToMove(number) => step.agree_to_move(number)?,
                Order::UndoMove(number) => step.undo_move(number)?,
                Order::Credit { agreement, amount_msat } => step.credit_stray(&agreement, Msat(amount_msat))?,
                Order::Pay(wanted) => step.pay_by_hand(&wanted)?,
                Order::WriteOff(hash) => step.write_off(&hash)?,
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

    /// While money may be moving in the wallet in use, nobody can tell whether it and the ledger agree, so the lock stays
    /// until it is not.
    fn unlock(&mut self) -> Result<Verdict, StoreError> {
        let Some(lock) = self.tx.meta(LOCK)? else {
            return Ok(done("Automatic payments were not locked."));
        };
        if instance::is_doubtful(self.tx)? {
            return Ok(Verdict::Refused(DOUBTFUL.to_owned()));
        }
        let open = self.tx.open_payments()?;
        let ours = |payment: &&PaymentRow| payment.state.may_be_moving() && payment.service == self.rules.service;
        if let Some(moving) = open.iter().find(ours) {
            return Ok(Verdict::Refused(format!(
                "{} payment(s) are not final yet, so wallet and ledger cannot be compared. Nothing was changed; try again \
                 when they are. If the wallet has forgotten one for good: kilosat write-off {}",
                open.iter().filter(ours).count(),
                moving.hash
            )));
        }
        self.accept_frozen()?;
        self.trust_the_wallet()?;
        self.tx.clear_meta(LOCK)?;
        self.record(json!({"event": "unlocked", "reason": lock}))?;
        self.go_on()?;
        Ok(done("The lock is lifted. What was settled out of turn now counts as paid, and automatic payments go on."))
    }

    fn take_over(&mut self) -> Result<Verdict, StoreError> {
        if !instance::is_doubtful(self.tx)? {
            return Ok(Verdict::Refused("This state is at home here already. Nothing was changed.".to_owned()));
        }
        instance::begin_anew(self.tx)?;
        self.record(json!({"event": "taken_over"}))?;
        Ok(done(
            "This device goes on with the state and starts anew with it. Payments stay locked until you have compared the \
             wallet: kilosat unlock --compared",
        ))
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
            match purchase.kind {
                PurchaseKind::Energy => self.credit(&purchase.rule, settled.amount)?,
                PurchaseKind::Data => {
                    if let (Some((scheme, token)), Some(preimage)) =
                        (&settled.ticket, self.tx.preimage(settled.payment)?)
                    {
                        self.tx.put_ticket(&purchase.rule, (scheme, token), &preimage, settled.payment)?;
                    }
                }
                PurchaseKind::Hand => {}
            }
        }
        Ok(())
    }

    /// Takes off what an agreement owes what left the wallet without a payment of ours: after a backup was restored, the
    /// energy used since then is owed once more, although it was paid for.
    fn credit_stray(&mut self, agreement: &str, amount: Msat) -> Result<Verdict, StoreError> {
        let Some(row) = self.tx.agreement(agreement)? else {
            return Ok(Verdict::Refused(format!("There is no agreement {agreement:?}. Nothing was changed.")));
        };
        let left = Msat(u64::try_from(self.tx.account(Posting::SUSPENSE)?).unwrap_or(0));
        let owed = row.accrual.owed;
        if amount == Msat::ZERO || amount > left || amount > owed {
            return Ok(Verdict::Refused(format!(
                "{left} left the wallet without a payment of Kilosat's, and {agreement} owes {owed}; {amount} is not within \
                 both. Nothing was changed."
            )));
        }
        if self.tx.open_purchases(Some(agreement))?.iter().any(|purchase| purchase.state == "open") {
            return Ok(Verdict::Refused(format!(
                "A payment for {agreement} is under way, so what it owes may be less in a moment. Nothing was changed; \
                 kilosat stop, wait until it is final, and try again."
            )));
        }
        let side = signed(amount)?;
        self.tx.post(self.now.wall, None, &[Posting(Posting::SUSPENSE, -side), Posting(Posting::ENERGY, side)])?;
        self.record(json!({"event": "credited", "agreement": agreement, "amount_msat": amount.0}))?;
        self.credit(agreement, amount)?;
        Ok(done(&format!("{amount} count as paid for {agreement}; it owes {} now.", Msat(owed.0 - amount.0))))
    }

    /// The owner knows better than a wallet that does not answer any more. Should it have been paid after all, and a wallet
    /// in use says so, it is booked then and payments lock.
    fn write_off(&mut self, hash: &str) -> Result<Verdict, StoreError> {
        let known = hex32(hash).map(|hash| self.tx.payment_by_hash(&PaymentHash(hash))).transpose()?.flatten();
        let Some(payment) = known.filter(|payment| payment.state.may_be_moving()) else {
            return Ok(Verdict::Refused("No open payment has this hash. Nothing was changed.".to_owned()));
        };
        let elsewhere = payment.service != self.rules.service;
        if payment.state == State::Sending || self.now.wall.since(payment.expires_at) < WRITE_OFF_AFTER_MS {
            return Ok(Verdict::Refused(
                "Its invoice expired less than a day ago or is still valid, so it may yet be paid. Nothing was changed."
                    .to_owned(),
            ));
        }
        let long_ago = self.now.wall.since(payment.expires_at) >= FORGOTTEN_AFTER_MS;
        if !elsewhere && !long_ago && payment.not_found_count < NOT_FOUND_MIN {
            return Ok(Verdict::Refused(
                "The wallet in use still knows this payment, or could not be asked. Nothing was changed; Kilosat goes on \
                 asking it."
                    .to_owned(),
            ));
        }
        self.record(json!({"event": "written_off", "payment": payment.payment, "hash": hash}))?;
        self.fail(&payment, "you wrote it off")?;
        self.send_next()?;
        Ok(done(&format!("The payment of {} counts as failed. What it was for stays owed.", payment.amount)))
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

const DOUBTFUL: &str =
    "Say first that no other Kilosat runs with this state: kilosat take-over --only-one. Nothing was changed.";
/// A payment can stick in the network for as long as its invoice lives and somewhat longer.
const WRITE_OFF_AFTER_MS: u64 = 86_400_000;
/// No payment sticks for longer than two weeks, whatever its wallet says or does not say.
const FORGOTTEN_AFTER_MS: u64 = 15 * WRITE_OFF_AFTER_MS;

pub(super) fn done(text: &str) -> Verdict {
    Verdict::Done(text.to_owned())
}
