//! What may follow from an answer, decided by the wallet's own ledger.
//!
//! Nobody is believed to have failed, not sent or not found a payment that may have been made; nothing is paid without
//! the proof; and whatever was said, the look-up afterwards tells the truth.

use std::time::Duration;

use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::money::Msat;
use kilosat::engine::{Found, PayOutcome};
use kilosat::lightning::LightningService;
use sim::wait::let_pass;
use sim::wallets::{Ledger, PayState, Plan};

use crate::bench::hash_of;

/// What follows from a misbehaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// The truth, in odd clothes.
    Truth,
    /// Nothing.
    Nothing,
    /// A proof of the payment with nonsense for a fee.
    NoFee,
    /// The wallet's own words, and false. Nobody can see that; only a proof is beyond it.
    Lie,
}

/// A payment, for the words; in hex.
#[derive(Clone)]
pub struct Facts {
    pub hash: String,
    pub preimage: String,
}

/// What the wallet holds of a payment when the misbehaviour happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    Nothing,
    /// Nothing before; what it is asked to pay stays on its way.
    SoonHeld,
    InFlight,
    Settled,
    Failed,
}

/// What can be tried at once, because the wallet does the same with what it is asked to pay meanwhile.
pub const TOGETHER: [(Plan, &[Holds]); 2] = [
    (Plan::Settle, &[Holds::Nothing, Holds::InFlight, Holds::Settled, Holds::Failed]),
    (Plan::Hold, &[Holds::SoonHeld]),
];

/// What is wrong, if anything.
pub type Judged = Result<(), String>;

pub fn right(fits: bool, otherwise: impl FnOnce() -> String) -> Judged {
    if fits { Ok(()) } else { Err(otherwise()) }
}

pub fn judge_paid(outcome: &PayOutcome, says: Says, ledger: &Ledger, hash: &PaymentHash, context: &str) -> Judged {
    let truth = state(ledger, hash);
    let fits = match outcome {
        PayOutcome::Paid { preimage, fee } => {
            truth == Some(PayState::Settled) && preimage.proves(hash) && (says != Says::NoFee || fee.is_none())
        }
        PayOutcome::Unknown(_) => true,
        PayOutcome::InFlight | PayOutcome::AlreadyKnown => says == Says::Lie || truth.is_some(),
        PayOutcome::Failed(_) | PayOutcome::NotSent(_) => says == Says::Lie,
    };
    right(fits, || format!("{context}: {outcome:?}, in truth {truth:?}"))
}

pub fn judge_found(found: &Found, says: Says, ledger: &Ledger, hash: &PaymentHash, context: &str) -> Judged {
    let truth = state(ledger, hash);
    let fits = match (found, says) {
        (Found::Outcome(PayOutcome::Paid { preimage, fee }), says) => {
            truth == Some(PayState::Settled) && preimage.proves(hash) && (says != Says::NoFee || fee.is_none())
        }
        (Found::Unavailable(_), _) | (_, Says::Lie) => true,
        (Found::NotFound, says) => truth.is_none() && says == Says::Truth,
        (Found::Outcome(PayOutcome::Failed(_)), says) => truth == Some(PayState::Failed) && says == Says::Truth,
        (Found::Outcome(PayOutcome::InFlight), _) => matches!(truth, Some(PayState::InFlight | PayState::Failed)),
        (Found::Outcome(_), _) => false,
    };
    right(fits, || format!("{context}: {found:?}, in truth {truth:?}"))
}

/// What an undisturbed look-up says; asked again where the wallet cannot know yet, or the machine is slow.
pub async fn honest(service: &LightningService, ledger: &Ledger, hash: &PaymentHash) -> Found {
    let mut found = service.look_up(hash).await;
    for _ in 0..ASKED_AGAIN {
        if tells(&found, state(ledger, hash)) {
            break;
        }
        let waits = matches!(found, Found::Unavailable(_) | Found::Outcome(PayOutcome::InFlight));
        if !waits {
            break;
        }
        let_pass(Duration::from_millis(250)).await;
        found = service.look_up(hash).await;
    }
    found
}

pub fn tells(found: &Found, truth: Option<PayState>) -> bool {
    match found {
        Found::NotFound => truth.is_none(),
        Found::Outcome(PayOutcome::InFlight) => truth == Some(PayState::InFlight),
        Found::Outcome(PayOutcome::Failed(_)) => truth == Some(PayState::Failed),
        Found::Outcome(PayOutcome::Paid { .. }) => truth == Some(PayState::Settled),
        _ => false,
    }
}

pub fn state(ledger: &Ledger, hash: &PaymentHash) -> Option<PayState> {
    ledger.payment(&hash.0).map(|payment| payment.state)
}

/// An invoice, its payment as the wallet holds it, and the proof that paying it gives.
pub fn held(ledger: &Ledger, holds: Holds) -> (String, Facts) {
    let bolt11 = ledger.foreign(AMOUNT, 3_600);
    let plan = match holds {
        Holds::Nothing | Holds::SoonHeld => None,
        Holds::InFlight => Some(Plan::Hold),
        Holds::Settled => Some(Plan::Settle),
        Holds::Failed => Some(Plan::NoRoute),
    };
    if let Some(plan) = plan {
        ledger.plan(plan);
        let paid = ledger.pay(&bolt11, None);
        assert_eq!(paid.is_ok(), holds != Holds::Failed, "{paid:?}");
    }
    let (hash, preimage) = (hash_of(&bolt11), ledger.preimage(&bolt11));
    (bolt11, Facts { hash: hash.to_string(), preimage: PaymentHash(preimage).to_string() })
}

const AMOUNT: u64 = 100_000;
pub const FEE_MAX: Msat = Msat(10_000);
/// More would only make a small machine late for its own time limits.
pub const AT_ONCE: usize = 96;
const ASKED_AGAIN: u32 = 60;
