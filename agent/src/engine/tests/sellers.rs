//! Those who are paid: a utility that sends invoices, and a seller of data that wants tickets.

use std::collections::BTreeMap;

use super::super::{Event, FeedAnswer};
use super::random::Random;
use super::world::{Made, Terms, make, offer};
use crate::domain::invoice::PaymentHash;
use crate::domain::l402::Credential;
use crate::domain::money::{Msat, UnixMillis};

#[derive(Default)]
pub(super) struct Sellers {
    made: BTreeMap<PaymentHash, (Made, UnixMillis)>,
    uses: BTreeMap<String, u64>,
}

impl Sellers {
    /// What was invoiced under `hash`, and until when it is valid.
    pub(super) fn invoice(&self, hash: &PaymentHash) -> (Made, UnixMillis) {
        self.made.get(hash).cloned().unwrap()
    }

    /// The utility's answer; `None` when it gets lost. `trouble` is the percentage of answers that are of no use.
    pub(super) fn bill(
        &mut self,
        purchase: i64,
        amount: Msat,
        now: UnixMillis,
        trouble: u64,
        random: &mut Random,
    ) -> Option<Event> {
        let no_bill = |range| Event::NoBill { purchase, fault: "The payee sent no invoice.".to_owned(), range };
        if random.chance(trouble) {
            return match random.below(5) {
                0 => None,
                1 => Some(no_bill(None)),
                2 => Some(no_bill(Some((Msat(amount.0 + 10_000), Msat(9_000_000))))),
                3 => Some(no_bill(Some((Msat(1_000), Msat(amount.0 / 2))))),
                _ => Some(Event::Bill { purchase, bolt11: self.make(Msat(amount.0 + 1), now, random).bolt11 }),
            };
        }
        Some(Event::Bill { purchase, bolt11: self.make(amount, now, random).bolt11 })
    }

    /// The seller's answer; a ticket opens a few times once its invoice is settled.
    pub(super) fn fetch(
        &mut self,
        ticket: Option<&Credential>,
        settled: &[PaymentHash],
        now: UnixMillis,
        trouble: u64,
        random: &mut Random,
    ) -> FeedAnswer {
        if random.chance(trouble) {
            return FeedAnswer::Fault("The seller's server does not answer.".to_owned());
        }
        let price = if random.chance(trouble) { 25_000 } else { 5_000 + 1_000 * random.below(10) };
        let Some(ticket) = ticket else {
            let made = self.make(Msat(price), now, random);
            return FeedAnswer::PaymentRequired(offer(&made, "/prices"));
        };
        let is_settled = settled.iter().any(|hash| self.made[hash].0.preimage.to_string() == ticket.preimage_hex);
        assert!(is_settled, "a ticket is shown that nobody paid for");
        let uses = self.uses.entry(ticket.token.clone()).or_default();
        *uses += 1;
        if *uses <= 3 {
            return FeedAnswer::Data;
        }
        let made = self.make(Msat(price), now, random);
        FeedAnswer::TicketRefused(Some(offer(&made, "/prices")))
    }

    fn make(&mut self, amount: Msat, now: UnixMillis, random: &mut Random) -> Made {
        let expiry_s = [120, 600, 3_600, 86_400][usize::try_from(random.below(4)).unwrap()];
        let number = u64::try_from(self.made.len()).unwrap();
        let made = make(Terms::of(amount).for_seconds(expiry_s), number, now);
        self.made.insert(made.hash, (made.clone(), now.plus(expiry_s * 1_000)));
        made
    }
}
