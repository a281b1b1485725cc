//! What an error of `xpay` and the rows of `listpays` come to. Nothing here asks the node.

use super::answers::{self, Outgoing};
use super::attempts::Standing;
use super::calls::{self, BAD_PARAMETERS, CallFault, RpcError, unclear};
use crate::domain::invoice::PaymentHash;
use crate::engine::{Found, PayOutcome};
use crate::http::HttpAnswer;
use crate::lightning::{ServiceFault, ServiceKind, Trouble};

/// What one `listpays` showed, or why it showed nothing.
pub(in crate::lightning) type Read = Result<Outgoing, String>;

/// What an error of `xpay` says about the payment, where `listpays` knows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lightning) enum Ends {
    /// The node has this hash already.
    Known,
    /// The plugin stopped or broke; what it had begun goes on.
    Broken,
    /// The call never began; `listpays` need not be asked.
    NotSent,
    /// It never began, unless `listpays` knows better.
    NotSentIfUnknown,
    /// It failed before the first attempt.
    FailedIfUnknown,
    /// Nothing.
    FailedIfListed,
}

/// Sorts an error of `xpay`.
pub(in crate::lightning) fn sorted(error: &RpcError) -> (Trouble, Ends) {
    match error.code {
        _ if error.never_began() => (error.trouble(), Ends::NotSent),
        BAD_PARAMETERS => (Trouble::Invoice, Ends::NotSent),
        ALREADY_PAID | IN_PROGRESS | HASH_IN_USE => (Trouble::Unclear, Ends::Known),
        ..0 => (Trouble::Unclear, Ends::Broken),
        EXPIRED => (Trouble::Invoice, Ends::NotSentIfUnknown),
        DESTINATION_FAILED => (Trouble::Recipient, Ends::FailedIfListed),
        NO_ROUTE => (Trouble::NoRoute, Ends::FailedIfUnknown),
        TOO_EXPENSIVE => (Trouble::FeeTooHigh, Ends::FailedIfUnknown),
        TOO_LITTLE => (Trouble::Funds, Ends::FailedIfUnknown),
        _ => (Trouble::NoRoute, Ends::FailedIfListed),
    }
}

/// What an answer to `xpay` proves; an error is for [`sorted`].
pub(in crate::lightning) fn paid(body: &[u8], hash: &PaymentHash) -> PayOutcome {
    match answers::paid(body, hash) {
        Some((preimage, fee)) => PayOutcome::Paid { preimage, fee },
        None => PayOutcome::Unknown(unclear("xpay without a valid proof").to_string()),
    }
}

/// What an answered call without success comes to, when `listpays` is read twice after it is over. `earlier` says that
/// another call for the same hash may still be trying; `trouble` is what the owner is told.
pub(in crate::lightning) async fn refused(
    error: &RpcError,
    trouble: Trouble,
    earlier: bool,
    first: impl Future<Output = Read>,
    second: impl Future<Output = Read>,
) -> PayOutcome {
    let ends = sorted(error).1;
    let why = sentence(trouble, &error.message);
    match ends {
        Ends::Known => return PayOutcome::AlreadyKnown,
        Ends::Broken => return PayOutcome::Unknown(why),
        _ if earlier => return PayOutcome::Unknown(why),
        Ends::NotSent => return PayOutcome::NotSent(why),
        Ends::NotSentIfUnknown | Ends::FailedIfUnknown | Ends::FailedIfListed => {}
    }
    let unsure = PayOutcome::Unknown(sentence(Trouble::Unclear, "it gave up, and the payment is not listed as failed"));
    let first = first.await;
    match first {
        Ok(Outgoing::Paid(..)) => return PayOutcome::AlreadyKnown,
        Ok(Outgoing::Failed(_) | Outgoing::Nothing) => {}
        Ok(Outgoing::Pending) | Err(_) => return unsure,
    }
    match (first, second.await, ends) {
        (Ok(Outgoing::Failed(_)), Ok(Outgoing::Failed(_)), _) => PayOutcome::Failed(why),
        (Ok(Outgoing::Nothing), Ok(Outgoing::Nothing), Ends::FailedIfUnknown) => PayOutcome::Failed(why),
        (Ok(Outgoing::Nothing), Ok(Outgoing::Nothing), Ends::NotSentIfUnknown) => PayOutcome::NotSent(why),
        _ => unsure,
    }
}

/// What a look-up found. `gave_up` tells of a call that began at an instant, perhaps before this process, whether it
/// tries no more.
pub(in crate::lightning) async fn found(
    standing: Standing,
    gave_up: impl FnOnce(u64) -> bool,
    first: impl Future<Output = Read>,
    second: impl Future<Output = Read>,
) -> Found {
    let mut read = first.await;
    if matches!(read, Ok(Outgoing::Failed(_))) {
        read = second.await.map(|second| if second == Outgoing::Nothing { Outgoing::Pending } else { second });
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
        Standing::Unknown => newest.is_some_and(gave_up),
    };
    if over {
        Found::Outcome(PayOutcome::Failed(sentence(Trouble::NoRoute, "the payment is listed as failed")))
    } else {
        Found::Outcome(PayOutcome::InFlight)
    }
}

/// What an answer to `listpays` for one hash shows.
pub(in crate::lightning) fn listed(answer: Result<Vec<u8>, CallFault>, hash: &PaymentHash) -> Read {
    let body = answer.map_err(|fault| fault.fault().to_string())?;
    answers::outgoing(&body, hash).map_err(|odd| unclear(odd).to_string())
}

/// What an answer to `xpay` comes to.
pub(in crate::lightning) async fn pay_outcome(
    answer: HttpAnswer,
    hash: &PaymentHash,
    first: impl Future<Output = Read>,
    second: impl Future<Output = Read>,
) -> PayOutcome {
    match calls::body(answer, "") {
        Ok(body) => paid(&body, hash),
        Err(CallFault::Rpc(error)) => refused(&error, sorted(&error).0, false, first, second).await,
        Err(fault) => PayOutcome::Unknown(fault.fault().to_string()),
    }
}

pub(in crate::lightning) fn sentence(trouble: Trouble, said: &str) -> String {
    ServiceFault::with(ServiceKind::Cln, trouble, said).to_string()
}

const IN_PROGRESS: i64 = 200;
const HASH_IN_USE: i64 = 201;
const DESTINATION_FAILED: i64 = 203;
const NO_ROUTE: i64 = 205;
const TOO_EXPENSIVE: i64 = 206;
const EXPIRED: i64 = 207;
const TOO_LITTLE: i64 = 215;
const ALREADY_PAID: i64 = 219;
