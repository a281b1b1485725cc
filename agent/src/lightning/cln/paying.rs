//! Pays with `xpay`, and decides by `listpays` what became of it.

use std::time::Duration;

use lightning_invoice::Bolt11Invoice;
use serde_json::json;

use super::Cln;
use super::attempts::{Call, Standing};
use super::calls::{CallFault, RpcError};
use super::verdict::{self, Ends, Read, sentence};
use crate::domain::invoice::PaymentHash;
use crate::domain::money::Msat;
use crate::engine::{Found, PayOutcome};
use crate::lightning::{ServiceFault, ServiceKind, Trouble};

impl Cln {
    pub(super) async fn pay_invoice(&self, bolt11: &str, fee_max: Msat) -> PayOutcome {
        let Some(hash) = PaymentHash::of(bolt11) else {
            return PayOutcome::NotSent(sentence(Trouble::Invoice, "the invoice cannot be read"));
        };
        let waits = &self.calls.remote.waits;
        let retry_for = self.retry_for();
        let longest = waits.pay.max(retry_for).saturating_add(waits.call);
        let params = json!({ "invstring": bolt11, "maxfee": fee_max.0, "retry_for": retry_for.as_secs() });
        let end = self.calls.remote.clock.now().monotonic.saturating_add(millis(longest));
        let before = self.attempts.begin(hash, end);
        match self.calls.call_within("xpay", &params, waits.pay).await {
            Ok(body) => {
                let outcome = verdict::paid(&body, &hash);
                if matches!(outcome, PayOutcome::Paid { .. }) {
                    self.attempts.returned(hash, before);
                }
                outcome
            }
            Err(CallFault::Http(fault)) if fault.was_not_sent() => {
                self.attempts.not_sent(hash, before);
                let why = ServiceFault::of_http(ServiceKind::Cln, &fault).to_string();
                if self.standing(&hash) == Standing::Trying {
                    PayOutcome::Unknown(why)
                } else {
                    PayOutcome::NotSent(why)
                }
            }
            Err(CallFault::Rpc(error)) => self.refused(bolt11, hash, before, &error).await,
            Err(fault) => PayOutcome::Unknown(fault.fault().to_string()),
        }
    }

    /// The node answered with an error; whether nothing moves is another question.
    async fn refused(&self, bolt11: &str, hash: PaymentHash, before: Option<Call>, error: &RpcError) -> PayOutcome {
        let (trouble, ends) = verdict::sorted(error);
        if ends != Ends::Broken {
            self.attempts.returned(hash, before);
        }
        let earlier = self.standing(&hash) == Standing::Trying;
        // `xpay` finds no way with too little money either.
        let is_poor = trouble == Trouble::NoRoute && !earlier && self.has_less_than(bolt11).await;
        let trouble = if is_poor { Trouble::Funds } else { trouble };
        verdict::refused(error, trouble, earlier, self.outgoing(&hash), self.outgoing_later(&hash)).await
    }

    async fn has_less_than(&self, bolt11: &str) -> bool {
        let amount = bolt11.parse().ok().and_then(|invoice: Bolt11Invoice| invoice.amount_milli_satoshis());
        match (self.balance().await, amount) {
            (Ok(balance), Some(amount)) => balance.spendable_msat < amount,
            _ => false,
        }
    }

    pub(super) async fn look_up_outgoing(&self, hash: &PaymentHash) -> Found {
        let gave_up = |began_s| self.gave_up(began_s);
        verdict::found(self.standing(hash), gave_up, self.outgoing(hash), self.outgoing_later(hash)).await
    }

    fn standing(&self, hash: &PaymentHash) -> Standing {
        self.attempts.standing(hash, self.calls.remote.clock.now().monotonic)
    }

    /// Whether a call that began at `began_s`, perhaps before this process, tries no more.
    fn gave_up(&self, began_s: u64) -> bool {
        let longest = millis(self.calls.remote.waits.pay.max(self.retry_for())).saturating_add(millis(STRANGER_MARGIN));
        began_s.saturating_mul(1_000).saturating_add(longest) < self.calls.remote.clock.now().wall.0
    }

    async fn outgoing(&self, hash: &PaymentHash) -> Read {
        verdict::listed(self.calls.call("listpays", &json!({ "payment_hash": hash.to_string() })).await, hash)
    }

    async fn outgoing_later(&self, hash: &PaymentHash) -> Read {
        tokio::time::sleep(BETWEEN_READS).await;
        self.outgoing(hash).await
    }

    /// How long the node may begin new attempts: shorter than we wait for its answer.
    fn retry_for(&self) -> Duration {
        Duration::from_secs((self.calls.remote.waits.pay.as_secs().saturating_mul(3) / 4).max(1))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Between two attempts of one call `listpays` says "failed" only for a moment.
const BETWEEN_READS: Duration = Duration::from_millis(300);
/// Beyond the longest call, for one that this process does not remember; covers clocks that differ.
const STRANGER_MARGIN: Duration = Duration::from_secs(60);
