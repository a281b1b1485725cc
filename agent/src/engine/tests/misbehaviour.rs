//! Everything a Lightning service may say wrongly, in every state of a payment.
//!
//! Each row says what the service does and what must have become of the payment that was in each of the eight states.
//! The expectation is one letter for each attempt, oldest first: `i` intent, `s` sending, `f` in flight, `u` unknown,
//! `S` settled, `F` failed, `L` late settled, `C` cancelled, `X` cancelled and settled all the same (in suspense). `!`
//! says that automatic payments are locked. What must hold after every single word is in `stage`, and how it must end
//! once everybody tells the truth is in `ending`.

use bitcoin::hashes::{Hash as _, sha256};

use super::super::{Event, Found, PayOutcome};
use super::ending::ends_well;
use super::stage::{Stage, not_sent, paid_with};
use super::world::{HOUR, MINUTE, SECOND, failed, paid, unknown};
use crate::domain::invoice::{PaymentHash, Preimage};
use crate::domain::money::Msat;
use crate::domain::payment::State;
use crate::store::Posting;

/// What the service does, how, and the payment after it, in the order of `State::ALL`.
type Row = (&'static str, fn(&mut Stage), &'static str);

#[rustfmt::skip] // a table: one misbehaviour a row, one state a column
const MISBEHAVIOURS: [Row; 58] = [
    //                                                                                          i  s  f  u  S  F  L  C
    ("says paid with a proof of zeros", |s| s.says(zeros()),                                   "i  u  f  u  S  F  L! C"),
    ("finds it paid with a proof of zeros", |s| s.finds(Found::Outcome(zeros())),              "i  u  f  u  S  F  L! C"),
    ("shows the hash as its own proof", |s| { let hash = s.made.hash; s.says(paid_with(Preimage(hash.0))) },
                                                                                               "i  u  f  u  S  F  L! C"),
    ("shows the proof of another payment", |s| { let other = s.other.preimage; s.says(paid_with(other)) },
                                                                                               "i  u  f  u  S  F  L! C"),
    ("shows the hash of the proof as proof", |s| { let proof = hashed(s.made.preimage); s.says(paid_with(proof)) },
                                                                                               "i  u  f  u  S  F  L! C"),
    ("swaps the answers of two payments", swaps,                                               "i  u  f  u  S  F  L! C"),
    ("proves nothing twenty times", |s| (0..20).for_each(|_| s.says(zeros())),                 "i  u  f  u  S  F  L! C"),
    ("proves it after all", |s| { s.says(zeros()); s.says(good(s)) },                          "X! S  S  S  S  L! L! X!"),
    ("proves nothing and then says failed", |s| { s.says(zeros()); s.says(failed()) },         "i  F  F  F  S  F  L! C"),
    ("names no fee", |s| s.says(with_fee(s, None)),                                            "X! S  S  S  S  L! L! X!"),
    ("takes no fee", |s| s.says(with_fee(s, Some(0))),                                         "X! S  S  S  S  L! L! X!"),
    ("takes one msat more than the limit", |s| s.says(with_fee(s, Some(1_501))),               "X! S  S  S  S  L! L! X!"),
    ("takes a hundred times the amount", |s| s.says(with_fee(s, Some(5_000_000))),             "X! S  S  S  S  L! L! X!"),
    ("takes more than the ledger holds", |s| s.says(with_fee(s, Some(i64::MAX.unsigned_abs()))), "X! S  S  S  S  L! L! X!"),
    ("takes the largest number there is", |s| s.says(with_fee(s, Some(u64::MAX))),             "X! S  S  S  S  L! L! X!"),
    ("finds it paid for the largest number", |s| s.finds(Found::Outcome(with_fee(s, Some(u64::MAX)))), "X! S  S  S  S  L! L! X!"),
    ("settles twice", |s| (0..2).for_each(|_| s.says(good(s))),                                "X! S  S  S  S  L! L! X!"),
    ("settles twice at once", |s| s.says_at_once([good(s), good(s)]),                          "X! S  S  S  S  L! L! X!"),
    ("settles once more for another fee", |s| { s.says(good(s)); s.says(with_fee(s, Some(9))) }, "X! S  S  S  S  L! L! X!"),
    ("settles, by report and by look-up", |s| { s.says(good(s)); s.finds(Found::Outcome(good(s))) }, "X! S  S  S  S  L! L! X!"),
    ("settles, then fails", |s| { s.says(good(s)); s.says(failed()) },                         "X! S  S  S  S  L! L! X!"),
    ("settles, then does not find it", |s| { s.says(good(s)); s.finds(Found::NotFound) },      "X! S  S  S  S  L! L! X!"),
    ("settles, then has it in flight", |s| { s.says(good(s)); s.says(PayOutcome::InFlight) },  "X! S  S  S  S  L! L! X!"),
    ("settles, then says not sent", |s| { s.says(good(s)); s.says(not_sent()) },               "X! S  S  S  S  L! L! X!"),
    ("settles and fails at once", |s| s.says_at_once([good(s), failed()]),                     "X! S  S  S  S  L! L! X!"),
    ("fails, then settles", |s| { s.says(failed()); s.says(good(s)) },                         "X! L! L! L! S  L! L! X!"),
    ("fails and settles at once", |s| s.says_at_once([failed(), good(s)]),                     "X! L! L! L! S  L! L! X!"),
    ("fails by report and is found settled", |s| { s.says(failed()); s.finds(Found::Outcome(good(s))) }, "X! L! L! L! S  L! L! X!"),
    ("fails, is in flight, settles", |s| { s.says(failed()); s.says(PayOutcome::InFlight); s.says(good(s)) }, "X! L! L! L! S  L! L! X!"),
    ("fails with a novel for a reason", |s| s.says(PayOutcome::Failed("no\u{202e}\0\n".repeat(20_000))), "i  F  F  F  S  F  L! C"),
    ("fails without a reason", |s| s.says(PayOutcome::Failed(String::new())),                  "i  F  F  F  S  F  L! C"),
    ("is found failed before it says so", |s| s.finds(Found::Outcome(failed())),               "i  F  F  F  S  F  L! C"),
    ("fails ten times", |s| (0..10).for_each(|_| s.says(failed())),                            "i  F  F  F  S  F  L! C"),
    ("repeats its failure in the next attempt", |s| { s.says(failed()); s.pass(3 * SECOND); s.says(failed()) }, "F  Fu Fu Fu S  Fu L! C"),
    ("finds the old failure in the next attempt", |s| { s.says(failed()); s.pass(3 * SECOND); s.finds(Found::Outcome(failed())) }, "F  Fs Fs Fs S  Fs L! C"),
    ("settles the old attempt in the next one", |s| { s.says(failed()); s.pass(3 * SECOND); s.says(good(s)) }, "S  FS FS FS S  FS L! X!"),
    ("has it in flight, then does not find it", |s| { s.says(PayOutcome::InFlight); s.finds(Found::NotFound) }, "i  f  f  f  S  F  L! C"),
    ("has it in flight and forgets it for good", forgets,                                      "F  f! f! f! S  FF L! C"),
    ("has it in flight for ever", |s| (0..60).for_each(|_| { s.says(PayOutcome::InFlight); s.pass(10 * MINUTE) }), "f  f  f  f  S  Ff L! C"),
    ("knows already what it never had", |s| { s.says(PayOutcome::AlreadyKnown); s.finds(Found::NotFound) }, "i  f  f  f  S  F  L! C"),
    ("knows it by a look-up only", |s| s.finds(Found::Outcome(PayOutcome::AlreadyKnown)),      "i  f  f  f  S  F  L! C"),
    ("does not find it, then settles it", |s| { s.finds(Found::NotFound); s.says(good(s)) },   "X! S  S  S  S  L! L! X!"),
    ("does not find it a hundred times at once", |s| (0..100).for_each(|_| s.finds(Found::NotFound)), "i  s  f  u  S  F  L! C"),
    ("says not sent of what is in flight", |s| { s.says(PayOutcome::InFlight); s.says(not_sent()) }, "i  f  f  f  S  F  L! C"),
    ("says not sent twice", |s| (0..2).for_each(|_| s.says(not_sent())),                       "i  i  f  u  S  F  L! C"),
    ("says not sent, then settles", |s| { s.says(not_sent()); s.says(good(s)) },               "X! X! S  S  S  L! L! X!"),
    ("is found not sent", |s| s.finds(Found::Outcome(not_sent())),                             "i  i  f  u  S  F  L! C"),
    ("is unclear twenty times", |s| (0..20).for_each(|_| s.says(unknown())),                   "i  u  f  u  S  F  L! C"),
    ("never answers anything", |s| s.pass(10 * MINUTE),                                        "u  u  f  u  S  Fu L! C"),
    ("cannot be asked for half a day", |s| (0..36).for_each(|_| { s.pass(20 * MINUTE); s.finds(unavailable()) }), "u  u  f  u  S  Fu L! C"),
    ("changes its mind ten times", |s| (0..10).for_each(|_| { s.says(PayOutcome::InFlight); s.says(unknown()); s.says(not_sent()); s.says(PayOutcome::AlreadyKnown) }), "i  f  f  f  S  F  L! C"),
    ("fails a payment nobody has", |s| s.says_of(STRANGER, failed()),                          "i  s  f  u  S  F  L! C"),
    ("has a payment nobody has in flight", |s| s.says_of(STRANGER, PayOutcome::InFlight),      "i  s  f  u  S  F  L! C"),
    ("settles a payment nobody has", |s| s.says_of(STRANGER, good(s)),                         "i! s! f! u! S! F! L! C!"),
    ("settles this one and fails the other", |s| { s.says(good(s)); let other = s.other.hash; s.says_of(other, failed()) }, "X! S  S  S  S  L! L! X!"),
    ("receives what was to be paid", |s| { let hash = s.made.hash; s.receives(hash, Msat(50_000)) }, "i  s  f  u  S  F  L! C"),
    ("receives more than there is", |s| (0..2).for_each(|_| s.receives(STRANGER, Msat(u64::MAX))), "i  s  f  u  S  F  L! C"),
    ("is another wallet, which denies all", another_denies,                                    "C  u  f  u  S  Fs L! C"),
];

#[rustfmt::skip]
const RESTARTS: [Row; 6] = [
    ("restarts, then settles", |s| { s.restart(); s.says(good(s)) },                           "S  S  S  S  S  FS L! X!"),
    ("restarts, then fails", |s| { s.restart(); s.says(failed()) },                            "F  F  F  F  S  Fu L! C"),
    ("restarts, then does not find it", |s| { s.restart(); s.finds(Found::NotFound) },         "s  u  f  u  S  Fs L! C"),
    ("restarts, then has it in flight", |s| { s.restart(); s.says(PayOutcome::InFlight) },     "f  f  f  f  S  Ff L! C"),
    ("restarts ten times without a word", |s| (0..10).for_each(|_| { s.restart(); }),          "u  u  f  u  S  Fu L! C"),
    ("is another wallet, which proves it", another_proves,                                     "X! S  S  S  S  L! L! X!"),
];

fn rows() -> impl Iterator<Item = Row> {
    MISBEHAVIOURS.into_iter().chain(RESTARTS)
}

/// Every misbehaviour of a payment in `state`; afterwards the truth comes out, whichever it is.
fn every_misbehaviour(state: State) {
    for (name, misbehave, expected) in rows() {
        let column = State::ALL.iter().position(|other| *other == state).unwrap();
        let expected = expected.split_whitespace().nth(column).unwrap();
        for paid in [false, true] {
            let context = format!("{}: {name}, in truth {}", state.name(), if paid { "paid" } else { "not paid" });
            let mut stage = Stage::set(state, true, &context);
            misbehave(&mut stage);
            assert_eq!(stage.shown(), expected, "{context}");
            if paid && !stage.may_be_paid() {
                continue;
            }
            ends_well(&mut stage, paid);
        }
    }
}

/// The same with a restart after every word, and with a service that pays a hash twice when it is told to. The truth is
/// the worse one: that it is paid, if that may be.
fn every_misbehaviour_between_restarts(state: State) {
    for (name, misbehave, _) in rows() {
        let context = format!("{}: {name}, with restarts", state.name());
        let mut stage = Stage::set(state, false, &context);
        stage.restarts = true;
        misbehave(&mut stage);
        let paid = stage.may_be_paid();
        ends_well(&mut stage, paid);
    }
}

/// One test for each state, so that they share the machine.
macro_rules! in_state {
    ($($state:ident: $name:ident, $restarts:ident;)*) => {$(
        #[test]
        fn $name() {
            every_misbehaviour(State::$state);
        }
        #[test]
        fn $restarts() {
            every_misbehaviour_between_restarts(State::$state);
        }
    )*};
}

in_state! {
    Intent: no_lie_about_an_intent_costs_anything, no_lie_about_an_intent_costs_anything_between_restarts;
    Sending: no_lie_while_sending_costs_anything, no_lie_while_sending_costs_anything_between_restarts;
    InFlight: no_lie_while_in_flight_costs_anything, no_lie_while_in_flight_costs_anything_between_restarts;
    Unknown: no_lie_while_unknown_costs_anything, no_lie_while_unknown_costs_anything_between_restarts;
    Settled: no_lie_about_a_settlement_costs_anything, no_lie_about_a_settlement_costs_anything_between_restarts;
    Failed: no_lie_about_a_failure_costs_anything, no_lie_about_a_failure_costs_anything_between_restarts;
    LateSettled: no_lie_after_a_late_settlement_costs_anything, no_lie_after_a_late_settlement_between_restarts;
    Cancelled: no_lie_about_what_was_given_up_costs_anything, no_lie_about_what_was_given_up_between_restarts;
}

#[test]
fn a_fee_is_booked_as_far_as_it_can_be_true() {
    for (told, booked) in [
        (None, 1_500),
        (Some(0), 0),
        (Some(1_501), 1_501),
        (Some(5_000_000), 5_000_000),
        (Some(i64::MAX.unsigned_abs()), 1_500),
        (Some(u64::MAX), 1_500),
    ] {
        for state in [State::Intent, State::Sending, State::InFlight, State::Unknown, State::Failed, State::Cancelled] {
            let mut stage = Stage::set(state, true, "fees");
            let outcome = with_fee(&stage, told);
            stage.says(outcome);
            assert_eq!(stage.world.account(Posting::FEES), booked, "{told:?} in {}", state.name());
        }
    }
}

#[test]
fn a_fee_above_the_limit_uses_up_the_budget() {
    let mut stage = Stage::set(State::InFlight, true, "a large fee");
    let outcome = with_fee(&stage, Some(1_950_000));
    stage.says(outcome);
    let effects = stage.world.consume(super::world::SLICE_MWH);
    assert!(effects.is_empty(), "the hour's limit is used up: {effects:?}");
    assert!(stage.world.notices()[0].contains("already spent or reserved"), "{:?}", stage.world.notices());
}

const STRANGER: PaymentHash = PaymentHash([0xAB; 32]);

fn good(stage: &Stage) -> PayOutcome {
    paid(&stage.made)
}

fn zeros() -> PayOutcome {
    paid_with(Preimage([0; 32]))
}

fn hashed(preimage: Preimage) -> Preimage {
    Preimage(sha256::Hash::hash(&sha256::Hash::hash(&preimage.0).to_byte_array()).to_byte_array())
}

fn with_fee(stage: &Stage, fee: Option<u64>) -> PayOutcome {
    PayOutcome::Paid { preimage: stage.made.preimage, fee: fee.map(Msat) }
}

fn unavailable() -> Found {
    Found::Unavailable("the service is busy".to_owned())
}

fn swaps(stage: &mut Stage) {
    let (made, other) = (stage.made.clone(), stage.other.clone());
    stage.says_of(made.hash, paid(&other));
    stage.says_of(other.hash, paid(&made));
    stage.finds(Found::Outcome(paid(&other)));
    stage.hears(vec![Event::Found { hash: other.hash, found: Found::Outcome(paid(&made)) }]);
}

fn forgets(stage: &mut Stage) {
    stage.says(PayOutcome::InFlight);
    stage.pass(2 * HOUR);
    for _ in 0..4 {
        stage.finds(Found::NotFound);
        stage.pass(11 * MINUTE);
    }
}

fn another_denies(stage: &mut Stage) {
    stage.restart_with("another");
    stage.says(failed());
    stage.finds(Found::Outcome(failed()));
    stage.finds(Found::NotFound);
    stage.says(PayOutcome::InFlight);
    stage.says(not_sent());
    stage.restart_with("node");
}

fn another_proves(stage: &mut Stage) {
    stage.restart_with("another");
    stage.says(good(stage));
    stage.restart_with("node");
}
