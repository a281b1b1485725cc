//! Pays with `xpay`, and decides by `listpays` what became of it.

use std::time::Duration;

use serde_json::json;

use super::Cln;
use super::answers::{self, Outgoing};
use super::attempts::{Call, Standing};
use super::calls::{BAD_PARAMETERS, CallFault, RpcError, unclear};
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
            Ok(body) => match answers::paid(&body, &hash) {
                Some((preimage, fee)) => {
                    self.attempts.returned(hash, before);
                    PayOutcome::Paid { preimage, fee }
                }
                None => PayOutcome::Unknown(unclear("xpay without a valid proof").to_string()),
            },
            Err(CallFault::Http(fault)) if fault.was_not_sent() => {
                self.attempts.not_sent(hash, before);
                let why = ServiceFault::of_http(ServiceKind::Cln, &fault).to_string();
                let earlier =
                    self.attempts.standing(&hash, self.calls.remote.clock.now().monotonic) == Standing::Trying;
                if earlier { PayOutcome::Unknown(why) } else { PayOutcome::NotSent(why) }
            }
            Err(CallFault::Rpc(error)) => self.refused(hash, before, &error).await,
            Err(fault) => PayOutcome::Unknown(fault.fault().to_string()),
        }
    }

    /// The node answered with an error; whether nothing moves is another question.
    async fn refused(&self, hash: PaymentHash, before: Option<Call>, error: &RpcError) -> PayOutcome {
        let (trouble, ends) = match error.code {
            _ if error.never_began() => (error.trouble(), Ends::NotSent),
            BAD_PARAMETERS => (Trouble::Invoice, Ends::NotSent),
            ALREADY_PAID | IN_PROGRESS | HASH_IN_USE => {
                self.attempts.returned(hash, before);
                return PayOutcome::AlreadyKnown;
            }
            // The plugin stopped or broke; what it had begun goes on.
            ..0 => return PayOutcome::Unknown(sentence(Trouble::Unclear, &error.message)),
            EXPIRED => (Trouble::Invoice, Ends::NotSentIfUnknown),
            DESTINATION_FAILED => (Trouble::Recipient, Ends::FailedIfListed),
            NO_ROUTE => (Trouble::NoRoute, Ends::FailedIfUnknown),
            TOO_EXPENSIVE => (Trouble::FeeTooHigh, Ends::FailedIfUnknown),
            TOO_LITTLE => (Trouble::Funds, Ends::FailedIfUnknown),
            _ => (Trouble::NoRoute, Ends::FailedIfListed),
        };
        let now = self.calls.remote.clock.now().monotonic;
        self.attempts.returned(hash, before);
        let earlier = self.attempts.standing(&hash, now) == Standing::Trying;
        let why = sentence(trouble, &error.message);
        match ends {
            _ if earlier => PayOutcome::Unknown(why),
            Ends::NotSent => PayOutcome::NotSent(why),
            _ => self.confirmed(&hash, ends, why).await,
        }
    }

    /// What `listpays` says twice, after the call is over.
    async fn confirmed(&self, hash: &PaymentHash, ends: Ends, why: String) -> PayOutcome {
        let unsure =
            PayOutcome::Unknown(sentence(Trouble::Unclear, "it gave up, and the payment is not listed as failed"));
        let first = self.outgoing(hash).await;
        match first {
            Ok(Outgoing::Paid(..)) => return PayOutcome::AlreadyKnown,
            Ok(Outgoing::Failed(_) | Outgoing::Nothing) => {}
            Ok(Outgoing::Pending) | Err(_) => return unsure,
        }
        tokio::time::sleep(BETWEEN_READS).await;
        let second = self.outgoing(hash).await;
        match (first, second, ends) {
            (Ok(Outgoing::Failed(_)), Ok(Outgoing::Failed(_)), _) => PayOutcome::Failed(why),
            (Ok(Outgoing::Nothing), Ok(Outgoing::Nothing), Ends::FailedIfUnknown) => PayOutcome::Failed(why),
            (Ok(Outgoing::Nothing), Ok(Outgoing::Nothing), Ends::NotSentIfUnknown) => PayOutcome::NotSent(why),
            _ => unsure,
        }
    }

    pub(super) async fn look_up_outgoing(&self, hash: &PaymentHash) -> Found {
        let standing = self.attempts.standing(hash, self.calls.remote.clock.now().monotonic);
        let mut read = self.outgoing(hash).await;
        if matches!(read, Ok(Outgoing::Failed(_))) {
            tokio::time::sleep(BETWEEN_READS).await;
            read = self
                .outgoing(hash)
                .await
                .map(|second| if second == Outgoing::Nothing { Outgoing::Pending } else { second });
        }
        let newest = match read {
            Err(why) => return Found::Unavailable(why),
            Ok(Outgoing::Paid(preimage, fee)) => return Found::Outcome(PayOutcome::Paid { preimage, fee }),
            Ok(Outgoing::Pending) => return Found::Outcome(PayOutcome::InFlight),
            // The node may still look for a way, and has nothing to list until it has found one.
            Ok(Outgoing::Nothing) if standing == Standing::Trying => {
                return Found::Unavailable(sentence(Trouble::TooSlow, "the pay call may still be under way"));
            }
            Ok(Outgoing::Nothing) => return Found::NotFound,
            Ok(Outgoing::Failed(newest)) => newest,
        };
        let over = match standing {
            Standing::Trying => false,
            Standing::Over => true,
            Standing::Unknown => newest.is_some_and(|began_s| self.gave_up(began_s)),
        };
        if over {
            Found::Outcome(PayOutcome::Failed(sentence(Trouble::NoRoute, "the payment is listed as failed")))
        } else {
            Found::Outcome(PayOutcome::InFlight)
        }
    }

    /// Whether a call that began at `began_s`, perhaps before this process, tries no more.
    fn gave_up(&self, began_s: u64) -> bool {
        let longest = millis(self.calls.remote.waits.pay.max(self.retry_for())).saturating_add(millis(STRANGER_MARGIN));
        began_s.saturating_mul(1_000).saturating_add(longest) < self.calls.remote.clock.now().wall.0
    }

    async fn outgoing(&self, hash: &PaymentHash) -> Result<Outgoing, String> {
        let answer = self.calls.call("listpays", &json!({ "payment_hash": hash.to_string() })).await;
        let body = answer.map_err(|fault| fault.fault().to_string())?;
        answers::outgoing(&body, hash).map_err(|odd| unclear(odd).to_string())
    }

    /// How long the node may begin new attempts: shorter than we wait for its answer.
    fn retry_for(&self) -> Duration {
        Duration::from_secs((self.calls.remote.waits.pay.as_secs().saturating_mul(3) / 4).max(1))
    }
}

/// What an error of `xpay` says about the payment, where `listpays` knows nothing of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ends {
    /// The call never began; `listpays` need not be asked.
    NotSent,
    /// It never began, unless `listpays` knows better.
    NotSentIfUnknown,
    /// It failed before the first attempt.
    FailedIfUnknown,
    /// Nothing.
    FailedIfListed,
}

fn sentence(trouble: Trouble, said: &str) -> String {
    ServiceFault::with(ServiceKind::Cln, trouble, said).to_string()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const IN_PROGRESS: i64 = 200;
const HASH_IN_USE: i64 = 201;
const DESTINATION_FAILED: i64 = 203;
const NO_ROUTE: i64 = 205;
const TOO_EXPENSIVE: i64 = 206;
const EXPIRED: i64 = 207;
const TOO_LITTLE: i64 = 215;
const ALREADY_PAID: i64 = 219;
/// Between two attempts of one call `listpays` says "failed" only for a moment.
const BETWEEN_READS: Duration = Duration::from_millis(300);
/// Beyond the longest call, for one that this process does not remember; covers clocks that differ.
const STRANGER_MARGIN: Duration = Duration::from_secs(60);
