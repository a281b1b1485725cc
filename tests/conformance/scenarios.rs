//! The scenarios. Amounts are whole satoshis, so that every wallet can make them.

use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Found, PayOutcome};
use kilosat::lightning::{Direction, FeeLimit, Incoming, InvoiceRequest};
use sim::wait;
use sim::wallets::Fault;

use crate::bench::{Bench, Fate, hash_of};

const AMOUNT: u64 = 100_000;
const FEE_MAX: Msat = Msat(10_000);

pub async fn says_who_it_is(bench: &Bench) {
    let info = bench.service.info().await.unwrap();
    assert!(info.network.is_none_or(|network| network == bench.world.network()), "{info:?}");
    let balance = bench.service.balance().await.unwrap();
    assert_eq!(balance.balance_msat / 1_000, bench.world.balance_msat().await / 1_000);
    assert!(balance.spendable_msat <= bench.world.balance_msat().await, "{balance:?}");
}

pub async fn pays_once_and_proves_it(bench: &Bench) {
    let before = bench.world.balance_msat().await;
    let bolt11 = bench.world.bill(AMOUNT, Fate::Settles).await;
    let hash = hash_of(&bolt11);
    assert_eq!(bench.service.look_up(&hash).await, Found::NotFound, "nothing was sent yet");
    let found = finally(bench, &bolt11).await;
    let Found::Outcome(PayOutcome::Paid { preimage, fee }) = found else { panic!("{found:?}") };
    assert!(preimage.proves(&hash) && bench.world.has_got(hash).await);
    let spent = before - bench.world.balance_msat().await;
    assert!(spent >= AMOUNT);
    assert!(fee.is_none_or(|fee| fee.0 / 1_000 == (spent - AMOUNT) / 1_000), "{fee:?} of {spent}");
}

pub async fn refuses_a_second_payment_of_one_hash(bench: &Bench) {
    let bolt11 = bench.world.bill(AMOUNT, Fate::Settles).await;
    finally(bench, &bolt11).await;
    let after_one = bench.world.balance_msat().await;
    let again = bench.service.pay(&bolt11, FEE_MAX).await;
    let proven = matches!(&again, PayOutcome::Paid { preimage, .. } if preimage.proves(&hash_of(&bolt11)));
    assert!(proven || matches!(again, PayOutcome::AlreadyKnown | PayOutcome::Unknown(_)), "{again:?}");
    assert_eq!(bench.world.balance_msat().await, after_one);
}

pub async fn a_payment_on_its_way_is_in_flight_until_it_ends(bench: &Bench) {
    let (_, hash) = held(bench).await;
    assert_eq!(bench.service.look_up(&hash).await, Found::Outcome(PayOutcome::InFlight));
    bench.world.resolve(hash, true).await;
    let found = ended(bench, &hash).await;
    assert!(matches!(found, Found::Outcome(PayOutcome::Paid { .. })), "{found:?}");
}

pub async fn a_payment_that_fails_later_is_failed(bench: &Bench) {
    let (bolt11, hash) = held(bench).await;
    let again = bench.service.pay(&bolt11, FEE_MAX).await;
    assert!(
        matches!(again, PayOutcome::AlreadyKnown | PayOutcome::InFlight | PayOutcome::Unknown(_)),
        "in flight, asked again: {again:?}"
    );
    bench.world.resolve(hash, false).await;
    let found = ended(bench, &hash).await;
    assert!(matches!(found, Found::Outcome(PayOutcome::Failed(_))), "{found:?}");
    assert!(!bench.world.has_got(hash).await);
}

pub async fn no_route_is_a_final_failure(bench: &Bench) {
    let before = bench.world.balance_msat().await;
    let bolt11 = bench.world.bill(AMOUNT, Fate::Unreachable).await;
    let outcome = bench.service.pay(&bolt11, FEE_MAX).await;
    let found = ended(bench, &hash_of(&bolt11)).await;
    let says_failed = |outcome: &PayOutcome| matches!(outcome, PayOutcome::Failed(_));
    let ended = says_failed(&outcome) || matches!(&found, Found::Outcome(found) if says_failed(found));
    assert!(ended, "{outcome:?}, {found:?}");
    assert_eq!(bench.world.balance_msat().await, before);
}

pub async fn an_empty_wallet_sends_nothing(bench: &Bench) {
    let balance = bench.world.balance_msat().await;
    let bolt11 = bench.world.bill(balance + 1_000_000, Fate::Settles).await;
    let outcome = bench.service.pay(&bolt11, Msat(balance)).await;
    let (PayOutcome::NotSent(why) | PayOutcome::Failed(why)) = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("too small") || why.contains("no way"), "{why}");
    assert!(!bench.world.has_got(hash_of(&bolt11)).await);
}

pub async fn a_fee_above_the_limit_is_never_paid(bench: &Bench) {
    let before = bench.world.balance_msat().await;
    match bench.service.capabilities().fee_limit {
        FeeLimit::None => return,
        FeeLimit::InCall => bench.world.make_ways_dear(),
        FeeLimit::Predicted => {}
    }
    let bolt11 = bench.world.bill(AMOUNT, Fate::Settles).await;
    let outcome = bench.service.pay(&bolt11, Msat(900)).await;
    assert!(!matches!(outcome, PayOutcome::Paid { .. } | PayOutcome::InFlight), "{outcome:?}");
    assert!(!bench.world.has_got(hash_of(&bolt11)).await);
    assert_eq!(bench.world.balance_msat().await, before);
}

pub async fn an_unknown_hash_is_not_found(bench: &Bench) {
    assert_eq!(bench.service.look_up(&PaymentHash([9; 32])).await, Found::NotFound);
    assert_eq!(bench.service.look_up_incoming(&PaymentHash([9; 32])).await.unwrap(), Incoming::NotFound);
}

pub async fn every_unclear_answer_to_a_pay_call_is_unknown(bench: &Bench) {
    for fault in UNCLEAR {
        bench.faults.push(bench.pay_path, fault);
        let bolt11 = bench.world.bill(AMOUNT, Fate::Settles).await;
        let outcome = bench.service.pay(&bolt11, FEE_MAX).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{fault:?}: {outcome:?}");
        let found = bench.service.look_up(&hash_of(&bolt11)).await;
        let sent = bench.world.ledger().payment(&hash_of(&bolt11).0).is_some();
        let paid = matches!(found, Found::Outcome(PayOutcome::Paid { .. }));
        assert_eq!(paid, sent, "{fault:?}: {found:?}");
        // A wallet that may still begin the payment says nothing yet.
        let nothing = matches!(found, Found::NotFound | Found::Unavailable(_));
        assert!(sent || nothing, "{fault:?}: {found:?}");
    }
}

pub async fn every_unclear_answer_to_a_look_up_changes_nothing(bench: &Bench) {
    let (_, hash) = held(bench).await;
    for fault in UNCLEAR {
        bench.faults.push(bench.look_up_path, fault);
        let found = bench.service.look_up(&hash).await;
        let nothing = matches!(found, Found::Unavailable(_) | Found::Outcome(PayOutcome::InFlight));
        assert!(nothing, "{fault:?}: {found:?}");
    }
    bench.world.resolve(hash, true).await;
    for fault in UNCLEAR {
        bench.faults.push(bench.look_up_path, fault);
        let found = bench.service.look_up(&hash).await;
        let wrong = matches!(found, Found::NotFound | Found::Outcome(PayOutcome::Failed(_)));
        assert!(!wrong, "{fault:?}: {found:?}");
    }
}

pub async fn a_wallet_that_is_not_there_was_sent_nothing(bench: &Bench) {
    let bolt11 = bench.world.bill(AMOUNT, Fate::Settles).await;
    let outcome = bench.unreachable.pay(&bolt11, FEE_MAX).await;
    let PayOutcome::NotSent(why) = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("cannot be reached"), "{why}");
    let found = bench.unreachable.look_up(&hash_of(&bolt11)).await;
    assert!(matches!(found, Found::Unavailable(_)), "{found:?}");
    assert!(bench.unreachable.balance().await.is_err());
}

pub async fn makes_invoices_and_sees_them_paid(bench: &Bench) {
    let invoice = bench.service.create(&request("one")).await.unwrap();
    let invoice_hash = hash_of(&invoice.bolt11);
    assert_eq!(invoice_hash, invoice.hash);
    assert_eq!(bench.service.look_up_incoming(&invoice.hash).await.unwrap(), Incoming::Open);
    bench.world.pay(&invoice).await;
    assert_eq!(bench.service.look_up_incoming(&invoice.hash).await.unwrap(), Incoming::Paid(Msat(AMOUNT)));
}

pub async fn lists_what_was_settled(bench: &Bench) {
    let own = bench.service.create(&request("two")).await.unwrap();
    let open = bench.service.create(&request("three")).await.unwrap();
    bench.world.pay(&own).await;
    let bolt11 = bench.world.bill(AMOUNT, Fate::Settles).await;
    finally(bench, &bolt11).await;
    let listed = bench.service.list_since(UnixMillis(0)).await.unwrap();
    let has = |direction, hash: PaymentHash| {
        listed.iter().any(|item| item.direction == direction && item.hash == hash && item.amount == Msat(AMOUNT))
    };
    assert!(has(Direction::In, own.hash) && has(Direction::Out, hash_of(&bolt11)), "{listed:?}");
    assert!(!listed.iter().any(|item| item.hash == open.hash), "an open invoice is not settled");
}

fn request(label: &str) -> InvoiceRequest {
    let description = "Charging at the garage".to_owned();
    InvoiceRequest { amount: Msat(AMOUNT), description, expiry_s: 600, label: label.to_owned() }
}

/// Pays and returns the last word about it.
async fn finally(bench: &Bench, bolt11: &str) -> Found {
    let outcome = bench.service.pay(bolt11, FEE_MAX).await;
    let found = ended(bench, &hash_of(bolt11)).await;
    if matches!(outcome, PayOutcome::Paid { .. }) {
        assert!(matches!(found, Found::Outcome(PayOutcome::Paid { .. })), "{found:?}");
        return Found::Outcome(outcome);
    }
    assert_eq!(outcome, PayOutcome::InFlight);
    found
}

/// What a look-up finds once nothing moves any more.
pub async fn ended(bench: &Bench, hash: &PaymentHash) -> Found {
    let still = async || match bench.service.look_up(hash).await {
        Found::Outcome(PayOutcome::InFlight) => None,
        found => Some(found),
    };
    wait::answer(still).await.expect("it ends within a minute")
}

/// A payment that the network holds.
async fn held(bench: &Bench) -> (String, PaymentHash) {
    let bolt11 = bench.world.bill(AMOUNT, Fate::Held).await;
    let outcome = bench.service.pay(&bolt11, FEE_MAX).await;
    assert!(matches!(outcome, PayOutcome::InFlight | PayOutcome::Unknown(_)), "{outcome:?}");
    (bolt11.clone(), hash_of(&bolt11))
}

/// Answers from which nothing follows, whether the wallet acted or not.
const UNCLEAR: [Fault; 15] = [
    Fault::After(500, "internal error"),
    Fault::After(502, "bad gateway"),
    Fault::After(504, ""),
    Fault::After(200, "not json"),
    Fault::After(200, ""),
    Fault::After(200, "{}"),
    Fault::After(200, "null"),
    Fault::After(200, "[]"),
    Fault::After(404, "<html>no such page</html>"),
    Fault::Instead(408, "slow"),
    Fault::Instead(429, "too many"),
    Fault::CutBefore,
    Fault::CutAfter,
    Fault::HangAfter,
    Fault::Redirect,
];
