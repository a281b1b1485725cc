//! LND: every scenario, its own traps, and TLS as LND does it.

use std::time::Duration;

use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::l402::base64_encode;
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Found, PayOutcome};
use kilosat::http::Fingerprint;
use kilosat::lightning::answers::Grade;
use kilosat::lightning::{Direction, InvoiceRequest, LightningService, Remote, ServiceKind, Waits};
use lightning_invoice::Currency;
use serde_json::{Value, json};
use sim::wallets::gate::Gate;
use sim::wallets::lnd::{ADMIN, BOTH, BUYER, Lnd, SELLER, WATCHER};
use sim::wallets::tls::{self, Identity};
use sim::wallets::{Fault, Faults, Ledger, PayState, Plan};

use crate::bench::{Bench, World, hash_of, remote, unreachable};
use crate::truth::Facts;
use crate::wire::{Wire, Words};

crate::simulated!();
crate::on_a_bad_wire!();

async fn wire() -> Wire {
    let ledger = Ledger::new(Currency::Bitcoin, 1_000_000_000, 1_000);
    let gate = Gate::start(&Lnd::new(ledger.clone()).serve(&Faults::default()).await).await;
    Wire {
        service: connect(remote(&gate.url, BOTH)),
        ledger,
        gate,
        words: WORDS,
        pay_path: "/v2/router/send",
        look_up_path: "/v2/router/track",
        named: |hash| base64_encode(&hash.0).replace('+', "-").replace('/', "_"),
    }
}

const WORDS: Words = Words {
    ok: 200,
    paid: settled,
    found: settled,
    failed: |facts| (200, failed(facts)),
    found_failed: |facts| (200, failed(facts)),
    nothing: (404, r#"{"error":{"code":5,"message":"payment isn't initiated","details":[]}}"#),
    state: ("SUCCEEDED", "PERHAPS"),
};

fn settled(Facts { hash, preimage }: &Facts, fee: &str) -> String {
    let (names, status) = (format!(r#""payment_hash":"{hash}","payment_preimage":"{preimage}""#), "SUCCEEDED");
    format!(r#"{{"result":{{{names},"status":"{status}","fee_msat":{fee},"htlcs":[]}}}}"#) + "\n"
}

fn failed(Facts { hash, .. }: &Facts) -> String {
    let why = r#""status":"FAILED","failure_reason":"FAILURE_REASON_NO_ROUTE","htlcs":[]"#;
    format!(r#"{{"result":{{"payment_hash":"{hash}",{why}}}}}"#) + "\n"
}

async fn bench() -> Bench {
    start(BOTH).await.0
}

async fn start(macaroon: &str) -> (Bench, Lnd) {
    let (ledger, faults) = (Ledger::new(Currency::Bitcoin, 50_000_000, 1_000), Faults::default());
    let lnd = Lnd::new(ledger.clone());
    let url = lnd.serve(&faults).await;
    let bench = Bench {
        service: connect(remote(&url, macaroon)),
        world: World::Simulated(ledger),
        faults,
        pay_path: "/v2/router/send",
        look_up_path: "/v2/router/track",
        unreachable: unreachable(ServiceKind::Lnd, "https", macaroon),
        _kept: Box::new(()),
    };
    (bench, lnd)
}

fn connect(remote: Remote) -> LightningService {
    LightningService::remote(ServiceKind::Lnd, remote).unwrap()
}

/// What paying 1000 sat, with at most 10 sat for routing, led to.
async fn paid(bench: &Bench) -> (PayOutcome, PaymentHash) {
    let bolt11 = bench.world.ledger().foreign(1_000_000, 600);
    (bench.service.pay(&bolt11, Msat(10_000)).await, hash_of(&bolt11))
}

#[track_caller]
fn says_unsent(outcome: &PayOutcome, part: &str) {
    assert!(matches!(outcome, PayOutcome::NotSent(why) if why.contains(part)), "{outcome:?} without {part:?}");
}

fn grades(findings: &[kilosat::lightning::Finding]) -> Vec<Grade> {
    findings.iter().map(|finding| finding.grade).collect()
}

#[tokio::test]
async fn a_foreign_or_narrow_macaroon_is_named_and_sends_nothing() {
    for (macaroon, part) in [("00ff", "does not accept the macaroon"), (SELLER, "may not do this")] {
        let (bench, _lnd) = start(macaroon).await;
        let (outcome, hash) = paid(&bench).await;
        says_unsent(&outcome, part);
        let found = bench.service.look_up(&hash).await;
        assert!(matches!(&found, Found::Unavailable(why) if why.contains(part)), "{found:?}");
        assert!(bench.world.ledger().payments().is_empty());
    }
    let not_hex = LightningService::remote(ServiceKind::Lnd, remote("http://127.0.0.1:9", "AgEDbG5k"));
    assert!(not_hex.err().unwrap().to_string().contains("in hex"));
}

#[tokio::test]
async fn a_locked_wallet_is_waited_for() {
    let (bench, lnd) = start(BOTH).await;
    lnd.says.lock().unwrap().locked = true;
    says_unsent(&paid(&bench).await.0, "is locked");
    assert!(bench.service.info().await.unwrap_err().to_string().contains("is locked"));
    let found = bench.service.look_up(&PaymentHash([1; 32])).await;
    assert!(matches!(found, Found::Unavailable(_)), "{found:?}");
    assert_eq!(grades(&bench.service.check(true).await), [Grade::Error]);
}

#[tokio::test]
async fn another_network_and_missing_blocks_are_named() {
    let (bench, lnd) = start(BOTH).await;
    lnd.says.lock().unwrap().synced = false;
    assert!(bench.service.info().await.unwrap_err().to_string().contains("catching up"));
    for network in ["regtest", "simnet"] {
        lnd.says.lock().unwrap().network = network;
        let why = bench.service.balance().await.unwrap_err().to_string();
        assert!(why.contains(&format!("on the bitcoin network {network}, this house is on bitcoin")), "{why}");
    }
}

#[tokio::test]
async fn what_a_macaroon_may_do_is_found_without_moving_money() {
    use Grade::{Error, Good, Warning};
    for (macaroon, spends, expected) in [
        (BUYER, true, vec![Good, Good]),
        (SELLER, false, vec![Good, Good]),
        (BOTH, false, vec![Good, Good, Warning]),
        (ADMIN, true, vec![Good, Good, Warning]),
        (WATCHER, true, vec![Good, Error]),
        (WATCHER, false, vec![Good, Error]),
        ("00ff", true, vec![Error]),
    ] {
        let (bench, _lnd) = start(macaroon).await;
        let findings = bench.service.check(spends).await;
        assert_eq!(grades(&findings), expected, "{macaroon} {findings:?}");
        assert!(bench.world.ledger().payments().is_empty() && bench.world.ledger().invoices().is_empty());
    }
}

#[tokio::test]
async fn refusals_of_a_pay_call_are_told_apart() {
    let known = PayOutcome::AlreadyKnown;
    let (bench, _lnd) = start(BOTH).await;
    for (status, body, expected) in [
        (409, r#"{"error":{"code":6,"message":"payment already exists"}}"#, Some(&known)),
        (500, r#"{"error":{"code":2,"message":"invoice expired. Valid until 2026"}}"#, None),
        (500, r#"{"error":{"code":2,"message":"self-payments not allowed"}}"#, None),
        (400, r#"{"error":{"code":3,"message":"invalid argument"}}"#, None),
        (401, r#"{"error":{"code":16,"message":"no"}}"#, None),
        (500, r#"{"error":{"code":2,"message":"cannot get macaroon: root key with id 7 doesn't exist"}}"#, None),
        (500, r#"{"error":{"code":2,"message":"the RPC server is in the process of starting up, but"}}"#, None),
    ] {
        bench.faults.push(bench.pay_path, Fault::Instead(status, body));
        let (outcome, _) = paid(&bench).await;
        match expected {
            Some(expected) => assert_eq!(outcome, *expected, "{body}"),
            None => assert!(matches!(outcome, PayOutcome::NotSent(_)), "{body}: {outcome:?}"),
        }
    }
    for (status, body) in [
        (500, r#"{"error":{"code":2,"message":"unable to reach the database"}}"#),
        (500, r#"{"error":{"code":2,"message":"rpc error: permission denied"}}"#),
        (502, r#"{"error":{"code":3,"message":"invalid argument"}}"#),
        (401, "permission denied"),
        (404, r#"{"error":{"code":5,"message":"payment isn't initiated"}}"#),
        (409, r#"{"error":{"message":"conflict"}}"#),
        (200, r#"{"error":{"code":3,"message":"invalid argument"}}"#),
    ] {
        bench.faults.push(bench.pay_path, Fault::After(status, body));
        let (outcome, hash) = paid(&bench).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{body}: {outcome:?}");
        assert!(matches!(bench.service.look_up(&hash).await, Found::Outcome(PayOutcome::Paid { .. })));
    }
}

#[tokio::test]
async fn a_state_counts_only_with_its_hash_and_its_proof() {
    for said in [
        json!({ "payment_preimage": "0".repeat(64) }),
        json!({ "payment_preimage": "11".repeat(32) }),
        json!({ "payment_preimage": "" }),
        json!({ "payment_hash": "11".repeat(32) }),
        json!({ "payment_hash": "11".repeat(32), "status": "FAILED" }),
        json!({ "status": "GONE" }),
        json!({ "status": Value::Null }),
    ] {
        let (bench, lnd) = start(BOTH).await;
        lnd.says.lock().unwrap().of_payments = said.clone();
        let (outcome, hash) = paid(&bench).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{said}: {outcome:?}");
        let found = bench.service.look_up(&hash).await;
        assert!(matches!(found, Found::Unavailable(_)), "{said}: {found:?}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_before_the_payment_does_says_nothing() {
    for status in ["IN_FLIGHT", "INITIATED"] {
        let (bench, lnd) = start(BOTH).await;
        lnd.says.lock().unwrap().of_payments = json!({ "status": status });
        let (outcome, hash) = paid(&bench).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{status}: {outcome:?}");
        assert_eq!(bench.service.look_up(&hash).await, Found::Outcome(PayOutcome::InFlight));
    }
}

#[tokio::test]
async fn a_failure_with_a_part_under_way_is_in_flight() {
    let (bench, lnd) = start(BOTH).await;
    bench.world.ledger().plan(Plan::NoRoute);
    let (_, hash) = paid(&bench).await;
    for (part, expected) in [("IN_FLIGHT", true), ("FAILED", false)] {
        lnd.says.lock().unwrap().of_payments = json!({ "htlcs": [{ "status": part }] });
        let found = bench.service.look_up(&hash).await;
        assert_eq!(found == Found::Outcome(PayOutcome::InFlight), expected, "{part}: {found:?}");
        assert_eq!(matches!(found, Found::Outcome(PayOutcome::Failed(_))), !expected, "{part}: {found:?}");
    }
}

#[tokio::test]
async fn failures_say_what_to_do() {
    for (reason, part) in [
        ("FAILURE_REASON_NO_ROUTE", "no way to the recipient"),
        ("FAILURE_REASON_TIMEOUT", "no way to the recipient"),
        ("FAILURE_REASON_INSUFFICIENT_BALANCE", "too small"),
        ("FAILURE_REASON_INCORRECT_PAYMENT_DETAILS", "did not take"),
        ("FAILURE_REASON_ERROR", "did not take"),
    ] {
        let (bench, lnd) = start(BOTH).await;
        lnd.says.lock().unwrap().of_payments = json!({ "status": "FAILED", "failure_reason": reason });
        let (outcome, _) = paid(&bench).await;
        assert!(matches!(&outcome, PayOutcome::Failed(why) if why.contains(part)), "{reason}: {outcome:?}");
    }
}

#[tokio::test]
async fn only_the_documented_words_mean_never_sent() {
    let (bench, _lnd) = start(BOTH).await;
    for (status, body) in [
        (404, "Not Found"),
        (404, r#"{"code":5,"message":"Not Found","details":[]}"#),
        (404, r#"{"error":{"code":5,"message":"no such thing"}}"#),
        (404, r#"{"error":{"message":"payment isn't initiated"}}"#),
        (200, r#"{"error":{"code":5,"message":"payment isn't initiated"}}"#),
    ] {
        bench.faults.push(bench.look_up_path, Fault::Instead(status, body));
        let found = bench.service.look_up(&PaymentHash([7; 32])).await;
        assert!(matches!(found, Found::Unavailable(_)), "{body}: {found:?}");
    }
    // This hash needs both characters in which the two alphabets differ.
    assert_eq!(bench.service.look_up(&PaymentHash([0xfb; 32])).await, Found::NotFound);
    assert_eq!(bench.service.look_up(&PaymentHash([0xff; 32])).await, Found::NotFound);
}

#[tokio::test]
async fn long_lists_are_read_page_by_page() {
    let (bench, _lnd) = start(BOTH).await;
    for _ in 0..45 {
        assert!(matches!(paid_small(&bench).await, PayOutcome::Paid { .. }));
    }
    let listed = bench.service.list_since(UnixMillis(0)).await.unwrap();
    let out = listed.iter().filter(|item| item.direction == Direction::Out);
    let proven = out.filter(|item| item.preimage.is_some_and(|preimage| preimage.proves(&item.hash)));
    assert_eq!(proven.count(), 45);
    assert!(listed.iter().all(|item| item.fee == Some(Msat(1_000)) && item.settled_at.is_some()));
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let (bench, lnd) = start(BOTH).await;
    let url = lnd.serve(&bench.faults).await;
    let patient = connect(Remote { waits: Waits::default(), ..remote(&url, BOTH) });
    for _ in 0..3 {
        assert!(matches!(paid_small(&bench).await, PayOutcome::Paid { .. }));
    }
    let say = |bytes: usize| lnd.says.lock().unwrap().of_payments = json!({ "htlcs": ["x".repeat(bytes)] });
    say(900_000);
    assert_eq!(patient.list_since(UnixMillis(0)).await.unwrap().len(), 3);
    say(2_100_000);
    let fault = patient.list_since(UnixMillis(0)).await.unwrap_err().to_string();
    assert!(fault.contains("one item of its history is larger"), "{fault}");
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_a_fault() {
    let (bench, lnd) = start(BOTH).await;
    assert!(matches!(paid_small(&bench).await, PayOutcome::Paid { .. }));
    for said in [json!({ "value_msat": null }), json!({ "payment_hash": "" }), json!({ "status": null })] {
        lnd.says.lock().unwrap().of_payments = said.clone();
        assert!(bench.service.list_since(UnixMillis(0)).await.is_err(), "{said}");
    }
    lnd.says.lock().unwrap().of_payments = json!({});
    let page = r#"{"payments":[{"status":"FAILED","creation_date":"9999999999"}],"first_index_offset":"5"}"#;
    bench.faults.push("/v1/payments", Fault::Instead(200, page));
    bench.faults.push("/v1/payments", Fault::Instead(200, page));
    let fault = bench.service.list_since(UnixMillis(0)).await.unwrap_err().to_string();
    assert!(fault.contains("the same part"), "{fault}");
    let placeless = r#"{"payments":[{"status":"FAILED","creation_date":"9999999999"}]}"#;
    bench.faults.push("/v1/payments", Fault::Instead(200, placeless));
    assert!(bench.service.list_since(UnixMillis(0)).await.is_err());
    assert_eq!(bench.service.list_since(UnixMillis(0)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_invoice_that_is_paid_days_after_it_was_made_is_listed() {
    let (bench, _lnd) = start(BOTH).await;
    let now_s = kilosat::clock::Clock::real().now().wall.0 / 1_000;
    let page = |days: u64, state: &str, offset: u64| {
        let invoice = json!({
            "state": state, "r_hash": kilosat::domain::l402::base64_encode(&[7; 32]), "amt_paid_msat": "5000",
            "creation_date": (now_s - days * 86_400).to_string(), "settle_date": now_s.to_string(),
        });
        let body = json!({ "invoices": [invoice], "first_index_offset": offset.to_string() }).to_string();
        Fault::Instead(200, body.leak())
    };
    bench.faults.push("/v1/invoices", page(3, "OPEN", 9));
    bench.faults.push("/v1/invoices", page(10, "SETTLED", 1));
    let listed = bench.service.list_since(UnixMillis(now_s * 1_000)).await.unwrap();
    assert_eq!(listed.iter().map(|item| item.amount).collect::<Vec<_>>(), [Msat(5_000)]);
}

async fn paid_small(bench: &Bench) -> PayOutcome {
    let bolt11 = bench.world.ledger().foreign(1_001, 600);
    bench.service.pay(&bolt11, Msat(1_000)).await
}

#[tokio::test]
async fn invoices_keep_their_thousandths() {
    let (bench, _lnd) = start(BOTH).await;
    let request =
        InvoiceRequest { amount: Msat(12_345), description: "0.1 kWh".to_owned(), expiry_s: 600, label: String::new() };
    let made = bench.service.create(&request).await.unwrap();
    assert_eq!(bench.world.ledger().invoice(&made.hash.0).unwrap().amount_msat, 12_345);
}

#[tokio::test]
async fn money_that_comes_in_is_hinted_at_before_the_next_poll() {
    let (bench, _lnd) = start(SELLER).await;
    bench.faults.push("/v1/invoices/subscribe", Fault::Instead(200, "{\"result\":{\"state\":\"SETTLED\"}}\n"));
    let lnd = Lnd::new(bench.world.ledger().clone());
    let mut patient = remote(&lnd.serve(&bench.faults).await, SELLER);
    patient.waits.poll = Duration::from_secs(3_600);
    tokio::time::timeout(Duration::from_secs(5), connect(patient).next_hint()).await.unwrap();
    // Without the stream it is a poll.
    bench.service.next_hint().await;
}

#[tokio::test]
async fn an_address_is_given_to_a_macaroon_that_may_ask_for_it() {
    let (bench, _lnd) = start(ADMIN).await;
    assert!(bench.service.deposit_address().await.unwrap().starts_with("bc1q"));
    let (bench, _lnd) = start(BOTH).await;
    assert!(bench.service.deposit_address().await.unwrap_err().to_string().contains("may not do this"));
    let offer = bench.service.pay_offer("lno1", Msat(1), Msat(1)).await;
    assert!(offer.unwrap_err().to_string().contains("BOLT12"));
}

#[tokio::test]
async fn over_tls_only_the_pinned_certificate_and_its_own_key_pass() {
    let (bench, lnd) = start(BOTH).await;
    let identity = Identity::authority();
    let pin = identity.fingerprint();
    let thief = tls::serve(lnd.router(&bench.faults), identity.stolen()).await;
    let url = tls::serve(lnd.router(&bench.faults), identity).await;
    let pinned = |url: &str, pins: &[Fingerprint]| connect(Remote { pins: pins.to_vec(), ..remote(url, BOTH) });

    let bolt11 = bench.world.ledger().foreign(1_000_000, 600);
    let wrong = Fingerprint([3; 32]);
    for service in [pinned(&url, &[wrong]), pinned(&url, &[]), pinned(&thief, &[pin])] {
        says_unsent(&service.pay(&bolt11, Msat(10_000)).await, "shows another certificate");
        let found = service.look_up(&hash_of(&bolt11)).await;
        assert!(matches!(&found, Found::Unavailable(why) if why.contains("certificate")), "{found:?}");
    }
    assert!(bench.world.ledger().payments().is_empty());

    let service = pinned(&url, &[wrong, pin]);
    assert_eq!(service.info().await.unwrap().network, Some(bitcoin::Network::Bitcoin));
    assert!(matches!(service.pay(&bolt11, Msat(10_000)).await, PayOutcome::Paid { .. }));
    let found = service.look_up(&hash_of(&bolt11)).await;
    assert!(matches!(found, Found::Outcome(PayOutcome::Paid { .. })), "{found:?}");
    assert_eq!(bench.world.ledger().payment(&hash_of(&bolt11).0).unwrap().state, PayState::Settled);
}
