//! Payments that wait for the owner's word. A question reserves nothing: on a yes the policy decides once more.

use serde_json::json;

use super::Step;
use super::jobs::Job;
use super::judge::payee_name;
use super::owner::{Verdict, done};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::domain::policy::{Question, Refusal};
use crate::domain::window::on_the_clock;
use crate::store::{PurchaseRow, QuestionRow, QuestionState, StoreError};

impl Step<'_> {
    /// Asks the owner about a purchase, unless that was done; the purchase waits for the answer.
    pub(super) fn ask_owner(
        &mut self,
        purchase: &PurchaseRow,
        amount: Msat,
        question: Question,
    ) -> Result<(), StoreError> {
        let now = self.now.wall;
        let asked = self.tx.question_about(purchase.purchase)?;
        let same = asked.as_ref().filter(|asked| asked.payee == payee_name(purchase) && asked.amount >= amount);
        match same.map(|asked| (asked, asked.state, now < asked.expires_at)) {
            Some((asked, QuestionState::Asked | QuestionState::Expired, true)) => self.wait_for_answer(purchase, asked),
            Some((asked, QuestionState::Asked, false)) => self.expire(purchase, asked),
            _ => {
                if let Some(old) = asked.filter(|old| old.state == QuestionState::Asked) {
                    self.tx.set_question(old.question, QuestionState::Expired, now)?;
                }
                self.ask(purchase, amount, question)
            }
        }
    }

    /// The owner says yes: to this purchase, and to its payee from now on.
    pub(super) fn approve(&mut self, number: i64) -> Result<Verdict, StoreError> {
        let question = match self.answerable(number)? {
            Ok(question) => question,
            Err(refused) => return Ok(refused),
        };
        let QuestionRow { purchase, payee, amount, .. } = question;
        if question.state == QuestionState::Approved && self.now.wall < question.expires_at {
            return Ok(done(&format!("You said yes to {amount} for {payee} before; it is paid as soon as it can be.")));
        }
        let row = self.tx.purchase(purchase)?;
        let covered = row.is_some_and(|row| self.rule(&row.rule).is_some_and(|(allowed, _)| allowed == row.payee));
        if !covered {
            return Ok(Verdict::Refused(format!("{} Nothing was changed.", Refusal::NoRule)));
        }
        let until = self.now.wall.plus(self.rules.ask.expires_ms);
        self.tx.set_question(number, QuestionState::Approved, until)?;
        self.tx.know_payee(&payee, self.now.wall)?;
        self.tx.set_refusal(purchase, None)?;
        self.record(json!({"event": "approved", "question": number, "purchase": purchase, "payee": payee}))?;
        self.jobs.at(Job::Bill(purchase), self.now.monotonic);
        self.bill_or_retry(purchase)?;
        Ok(match self.halt()? {
            None => done(&format!("{amount} may be paid to {payee}. Kilosat pays it now, within your limits.")),
            Some(_) => done(&format!(
                "{amount} may be paid to {payee}, but automatic payments are stopped or locked, so it waits until they go on."
            )),
        })
    }

    /// The owner says no; what is owed stays owed, and the owner may still change their mind.
    pub(super) fn decline(&mut self, number: i64) -> Result<Verdict, StoreError> {
        let question = match self.answerable(number)? {
            Ok(question) => question,
            Err(refused) => return Ok(refused),
        };
        let QuestionRow { purchase, payee, amount, .. } = &question;
        let newest = self.tx.newest_payment_of(*purchase)?;
        if newest.as_ref().is_some_and(|payment| payment.state.may_be_moving()) {
            return Ok(Verdict::Refused(format!("{amount} to {payee} has left already; no one can call it back.")));
        }
        if question.state != QuestionState::Declined {
            self.tx.set_question(number, QuestionState::Declined, question.expires_at)?;
            self.record(json!({"event": "declined", "question": number, "purchase": purchase, "payee": payee}))?;
        }
        let refusal = Refusal::Declined { question: number }.to_string();
        if let Some(waiting) = newest.filter(|payment| payment.state == State::Intent) {
            self.cancel(&waiting, &refusal)?;
        }
        self.tx.set_refusal(*purchase, Some(&refusal))?;
        Ok(done(&format!(
            "{amount} are not paid to {payee}. What is owed stays owed; if you change your mind: kilosat approve {number}"
        )))
    }

    /// The question, if an answer to it can still change something.
    fn answerable(&self, number: i64) -> Result<Result<QuestionRow, Verdict>, StoreError> {
        let refused = |text: &str| Ok(Err(Verdict::Refused(text.to_owned())));
        let Some(question) = self.tx.question(number)? else {
            return refused("There is no question with this number. Those that wait for you: kilosat status");
        };
        let newest = self.tx.question_about(question.purchase)?;
        if newest.is_some_and(|newest| newest.question != number) {
            return refused("You were asked anew about this payment, because something changed. See: kilosat status");
        }
        match self.tx.purchase(question.purchase)?.is_some_and(|purchase| purchase.state == "open") {
            true => Ok(Ok(question)),
            false => refused("This payment is settled or no longer wanted. Nothing was changed."),
        }
    }

    fn ask(&mut self, purchase: &PurchaseRow, amount: Msat, question: Question) -> Result<(), StoreError> {
        let (now, payee, why) = (self.now.wall, payee_name(purchase), question.to_string());
        let expires = now.plus(self.rules.ask.expires_ms);
        let number = self.tx.ask(purchase.purchase, &payee, amount, &why, now, expires)?;
        self.record(json!({
            "event": "asked", "question": number, "purchase": purchase.purchase, "payee": payee,
            "amount_msat": amount.0, "why": why,
        }))?;
        match self.tx.question(number)? {
            Some(asked) => self.wait_for_answer(purchase, &asked),
            None => Err(StoreError::Damaged(format!("question {number} was not written"))),
        }
    }

    fn expire(&mut self, purchase: &PurchaseRow, asked: &QuestionRow) -> Result<(), StoreError> {
        let again = self.now.wall.plus(ASK_AGAIN_MS);
        self.tx.set_question(asked.question, QuestionState::Expired, again)?;
        self.record(json!({"event": "not_answered", "question": asked.question, "purchase": purchase.purchase}))?;
        let expired = QuestionRow { state: QuestionState::Expired, expires_at: again, ..asked.clone() };
        self.wait_for_answer(purchase, &expired)
    }

    /// Says on the purchase what it waits for, and looks again when that has lapsed.
    fn wait_for_answer(&mut self, purchase: &PurchaseRow, asked: &QuestionRow) -> Result<(), StoreError> {
        let QuestionRow { question, payee, amount, why, expires_at, .. } = asked;
        let until = on_the_clock(*expires_at, &self.rules.zone);
        let text = match asked.state {
            QuestionState::Expired => format!(
                "You were asked whether {amount} may be paid to {payee} and did not answer in time. Nothing was paid; \
                 you are asked again at {until}."
            ),
            _ => format!(
                "May {amount} be paid to {payee}? You are asked because {why}. Nothing is paid until you answer, by \
                 {until}: kilosat approve {question}, or kilosat decline {question}"
            ),
        };
        let left = expires_at.since(self.now.wall).clamp(LOOK_AGAIN_MS_MIN, LOOK_AGAIN_MS_MAX);
        self.jobs.at(Job::Bill(purchase.purchase), self.now.monotonic.saturating_add(left));
        self.tx.set_refusal(purchase.purchase, Some(&text))?;
        Ok(())
    }
}

/// A question that nobody answered is asked again after this long.
const ASK_AGAIN_MS: u64 = 86_400_000;
/// Limits and payees may change meanwhile; the purchase is looked at again now and then.
const LOOK_AGAIN_MS_MIN: u64 = 1_000;
const LOOK_AGAIN_MS_MAX: u64 = 3_600_000;
