//! Data bought per request: ask, pay for a ticket when the seller wants one, use the ticket until it is refused.

use serde_json::json;

use super::jobs::Job;
use super::{Effect, FeedAnswer, Step};
use crate::config::Feed;
use crate::domain::invoice::Price;
use crate::domain::l402::{Challenge, Credential, Scheme};
use crate::store::{PurchaseKind, StoreError};

impl Step<'_> {
    /// Asks the seller, unless a payment to it is under way.
    pub(super) fn fetch(&mut self, feed: &str) -> Result<(), StoreError> {
        let rules = self.rules;
        let job = Job::Fetch(feed.to_owned());
        let Some(feed) = rules.feeds.iter().find(|known| known.id == feed && !known.paused) else {
            self.jobs.done(&job);
            return Ok(());
        };
        for purchase in self.tx.open_purchases(Some(&feed.id))? {
            let newest = self.tx.newest_payment_of(purchase.purchase)?;
            if newest.is_some_and(|newest| newest.state.is_open()) {
                self.jobs.at(job, self.now.monotonic.saturating_add(feed.every_ms));
                return Ok(());
            }
        }
        let ticket = self.tx.ticket(&feed.id)?;
        if let Some(ticket) = &ticket
            && ticket.refused_unused >= REFUSED_TICKETS_MAX
        {
            self.notices.insert(feed.id.clone(), SELLER_CHEATS.to_owned());
            self.jobs.done(&job);
            return Ok(());
        }
        let ticket = ticket.filter(|ticket| ticket.usable).and_then(|ticket| {
            let scheme = Scheme::from_name(&ticket.scheme)?;
            Some(Credential { scheme, token: ticket.token, preimage_hex: ticket.preimage.to_string() })
        });
        self.jobs.asked(job, self.now.monotonic);
        self.effects.push(Effect::Fetch { feed: feed.id.clone(), ticket });
        Ok(())
    }

    /// The seller's answer.
    pub(super) fn on_fetched(&mut self, feed: &str, answer: FeedAnswer) -> Result<(), StoreError> {
        let rules = self.rules;
        let Some(feed) = rules.feeds.iter().find(|known| known.id == feed) else {
            return Ok(());
        };
        let job = Job::Fetch(feed.id.clone());
        match answer {
            FeedAnswer::Data => {
                self.tx.note_ticket(&feed.id, true)?;
                self.notices.remove(&feed.id);
                self.jobs.at(job, self.now.monotonic.saturating_add(feed.every_ms));
                Ok(())
            }
            FeedAnswer::PaymentRequired(offer) => {
                self.notices.remove(&feed.id);
                self.buy(feed, &offer)
            }
            FeedAnswer::TicketRefused(offer) => {
                self.notices.remove(&feed.id);
                self.tx.note_ticket(&feed.id, false)?;
                self.record(json!({"event": "ticket_refused", "feed": feed.id}))?;
                match offer {
                    Some(offer) => self.buy(feed, &offer),
                    None => {
                        self.jobs.again(job, self.now.monotonic);
                        Ok(())
                    }
                }
            }
            FeedAnswer::Fault(fault) => {
                self.notices.insert(feed.id.clone(), fault);
                self.jobs.again(job, self.now.monotonic);
                Ok(())
            }
        }
    }

    fn buy(&mut self, feed: &Feed, offer: &Challenge) -> Result<(), StoreError> {
        self.jobs.at(Job::Fetch(feed.id.clone()), self.now.monotonic.saturating_add(feed.every_ms));
        let ticket = self.tx.ticket(&feed.id)?;
        if ticket.as_ref().is_some_and(|ticket| ticket.refused_unused >= REFUSED_TICKETS_MAX) {
            self.notices.insert(feed.id.clone(), SELLER_CHEATS.to_owned());
            return Ok(());
        }
        if ticket.is_some_and(|ticket| ticket.usable) {
            return Ok(()); // The question was asked before this ticket was paid for.
        }
        let (number, _) = self.tx.paid_purchases(&feed.id)?;
        let need = format!("data:{}:{number}", feed.id);
        let kind = PurchaseKind::Data;
        let payee = feed.url.as_str();
        let purchase = self.tx.open_purchase(&need, kind, &feed.id, payee, feed.price_max, self.now.wall)?;
        let busy = self.tx.newest_payment_of(purchase.purchase)?.is_some_and(|newest| newest.state.is_open());
        if purchase.state != "open" || busy || self.tx.unexpired_failure(purchase.purchase, self.now.wall)?.is_some() {
            return Ok(());
        }
        let Some(purchase) = self.follow_payee(purchase)? else { return Ok(()) };
        if let Err(refusal) = offer.covers(feed.url.path(), self.now.wall.0 / 1_000) {
            return self.refuse(&purchase, &refusal.to_string());
        }
        self.consider(&purchase, &offer.invoice, Price::AtMost(feed.price_max), Some(offer))?;
        // A refused offer is not retried as it stands: the next fetch brings a new one.
        self.jobs.done(&Job::Bill(purchase.purchase));
        Ok(())
    }
}

/// Paid tickets in a row that a seller may refuse before it is no longer bought from.
const REFUSED_TICKETS_MAX: u32 = 2;
const SELLER_CHEATS: &str = "The seller refused two tickets that were paid for. Nothing more is bought from it; the \
    proofs of payment are kept. Ask the seller, or remove this feed.";
