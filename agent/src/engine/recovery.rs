//! What the rows and the jobs ask for: at start, and whenever an answer or a moment has passed.

use super::Step;
use super::jobs::Job;
use crate::domain::invoice::PaymentHash;
use crate::domain::payment::State;
use crate::store::{PaymentRow, StoreError};

impl Step<'_> {
    /// At start: every open row gets its effect or its job back.
    pub(super) fn recover(&mut self) -> Result<(), StoreError> {
        for payment in self.tx.open_payments()? {
            if payment.state == State::Sending {
                self.advance(&payment, State::Unknown, Some(STOPPED))?;
            }
            if payment.state.may_be_moving() {
                self.look_up_own(&payment)?;
            }
        }
        self.look_again(None)
    }

    /// At start and under new rules: purchases, feeds and agreements are looked at at once. Where it is known which rules
    /// `changed`, whoever was asked under the others may still answer, and is not asked twice.
    pub(super) fn look_again(&mut self, changed: Option<&[String]>) -> Result<(), StoreError> {
        let is_new = |rule: &String| changed.is_none_or(|changed| changed.contains(rule));
        for purchase in self.tx.open_purchases(None)? {
            let job = Job::Bill(purchase.purchase);
            if is_new(&purchase.rule) || !self.jobs.is_asked(&job) {
                self.jobs.at(job, self.now.monotonic);
            }
        }
        let rules = self.rules;
        for feed in rules.feeds.iter().filter(|feed| is_new(&feed.id)) {
            self.jobs.at(Job::Fetch(feed.id.clone()), self.now.monotonic);
        }
        for agreement in &rules.agreements {
            self.jobs.at(Job::Owed(agreement.id.clone()), self.now.monotonic);
        }
        self.send_next()
    }

    /// What a job that came due asks for.
    pub(super) fn on_due(&mut self, job: Job) -> Result<(), StoreError> {
        match job {
            Job::Bill(purchase) => self.bill_or_retry(purchase),
            Job::Send(payment) => self.send_waiting(payment),
            Job::LookUp(hash) => self.look_up_waiting(hash),
            Job::Fetch(feed) => self.fetch(&feed),
            Job::Owed(agreement) => {
                let rules = self.rules;
                match rules.agreements.iter().find(|known| known.id == agreement) {
                    Some(known) => {
                        self.jobs.again(Job::Owed(agreement), self.now.monotonic);
                        self.bill_if_due(known)
                    }
                    None => Ok(()),
                }
            }
        }
    }

    /// An intent's wait is over. If another payment is being sent, its end brings this one on without a job.
    fn send_waiting(&mut self, payment: i64) -> Result<(), StoreError> {
        let open = self.tx.open_payments()?;
        let waits = |open: &PaymentRow| open.payment == payment && open.state == State::Intent;
        if open.iter().any(waits) && !open.iter().any(|open| open.state == State::Sending) {
            self.jobs.ready(Job::Send(payment), self.now.monotonic);
        } else {
            self.jobs.done(&Job::Send(payment));
        }
        self.send_next()
    }

    fn look_up_waiting(&mut self, hash: PaymentHash) -> Result<(), StoreError> {
        let Some(payment) = self.tx.payment_by_hash(&hash)?.filter(|payment| payment.state.may_be_moving()) else {
            self.jobs.done(&Job::LookUp(hash));
            return Ok(());
        };
        if payment.state == State::Sending {
            self.advance(&payment, State::Unknown, Some(NO_ANSWER))?;
        }
        self.look_up_own(&payment)?;
        self.send_next()
    }
}

const STOPPED: &str = "the program stopped while this payment was being sent";
const NO_ANSWER: &str = "the Lightning service did not say in time what became of it";
