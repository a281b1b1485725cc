//! Core Lightning over clnrest: every scenario, and what is peculiar to `xpay`, `listpays` and runes.

use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Found, PayOutcome};
use kilosat::lightning::{InvoiceRequest, LightningService, Remote, ServiceKind, Waits};
use lightning_invoice::Currency;
use sim::wallets::cln::{ClnNode, MASTER_RUNE, RUNE};
use sim::wallets::gate::Gate;
use sim::wallets::{Fault, Ledger, PayState, Plan};

use crate::bench::{Bench, World, hash_of, remote, unreachable};
use crate::truth::Facts;
use crate::wire::{Wire, Words};

crate::simulated!();
crate::on_a_bad_wire!();

async fn wire() -> Wire {
    let node = ClnNode::start(Ledger::new(Currency::Bitcoin, 1_000_000_000, 1_000)).await;
    // What failed before this process began is over, and not perhaps between two attempts.
    node.set(|knobs| knobs.older_s = 3_600);
    let gate = Gate::start(&node.url).await;
    Wire {
        service: LightningService::remote(ServiceKind::Cln, remote(&gate.url, RUNE)).unwrap(),
        ledger: node.ledger.clone(),
        gate,
        words: WORDS,
        pay_path: "/v1/xpay",
        look_up_path: "/v1/listpays",
        named: PaymentHash::to_string,
    }
}

const WORDS: Words = Words {
    ok: 201,
    paid: |facts, fee| {
        let preimage = &facts.preimage;
        format!(r#"{{"payment_preimage":"{preimage}","amount_msat":100,"amount_sent_msat":{fee}}}"#)
    },
    found: |facts, fee| {
        let Facts { hash, preimage } = facts;
        let row = format!(r#""payment_hash":"{hash}","status":"complete","preimage":"{preimage}""#);
        format!(r#"{{"pays":[{{{row},"amount_msat":100,"amount_sent_msat":{fee}}}]}}"#)
    },
    failed: |_| (500, r#"{"code":205,"message":"no way"}"#.to_owned()),
    found_failed: |facts| {
        let hash = &facts.hash;
        (201, format!(r#"{{"pays":[{{"payment_hash":"{hash}","status":"failed","created_at":1}}]}}"#))
    },
    nothing: (201, r#"{"pays":[]}"#),
    state: ("complete", "perhaps"),
};

async fn bench() -> Bench {
    bench_of(&node().await)
}

async fn node() -> ClnNode {
    ClnNode::start(Ledger::new(Currency::Bitcoin, 10_000_000, 1_000)).await
}

fn bench_of(node: &ClnNode) -> Bench {
    Bench {
        service: service(node, RUNE),
        world: World::Simulated(node.ledger.clone()),
        faults: node.faults.clone(),
        pay_path: "/v1/xpay",
        look_up_path: "/v1/listpays",
        unreachable: unreachable(ServiceKind::Cln, "http", RUNE),
        _kept: Box::new(()),
    }
}

fn service(node: &ClnNode, rune: &str) -> LightningService {
    LightningService::remote(ServiceKind::Cln, remote(&node.url, rune)).unwrap()
}

async fn pay(service: &LightningService, bolt11: &str) -> PayOutcome {
    service.pay(bolt11, Msat(10_000)).await
}

fn failed(found: &Found) -> bool {
    matches!(found, Found::Outcome(PayOutcome::Failed(_)))
}

#[tokio::test]
async fn each_error_of_xpay_means_what_is_documented() {
    let node = node().await;
    let service = service(&node, RUNE);
    for (code, kind, part) in [
        (200, "known", ""),
        (201, "known", ""),
        (203, "unknown", ""),
        (205, "failed", "no way to the recipient"),
        (206, "failed", "larger fee"),
        (207, "not sent", "does not accept the payee's invoice"),
        (209, "unknown", ""),
        (210, "unknown", ""),
        (215, "failed", "balance"),
        (218, "unknown", ""),
        (219, "known", ""),
        (-1, "unknown", ""),
        (-3, "unknown", ""),
        (-4, "unknown", ""),
        (-32602, "not sent", "does not accept the payee's invoice"),
        (424_242, "unknown", ""),
    ] {
        node.set(|knobs| knobs.xpay_code = Some(code));
        let outcome = pay(&service, &node.ledger.foreign(100_000, 600)).await;
        let (found, said) = told(&outcome);
        assert_eq!(found, kind, "{code}: {outcome:?}");
        assert!(said.contains(part), "{code}: {said}");
    }
}

#[tokio::test]
async fn an_error_of_xpay_that_listpays_confirms_is_a_failure() {
    for (code, part) in [
        (203, "did not take the payment"),
        (205, "no way to the recipient"),
        (206, "larger fee"),
        (207, "does not accept the payee's invoice"),
        (210, "no way to the recipient"),
        (215, "balance"),
    ] {
        let node = node().await;
        let bolt11 = node.ledger.foreign(100_000, 600);
        node.ledger.plan(Plan::NoRoute);
        node.ledger.pay(&bolt11, None).unwrap_err();
        node.set(|knobs| knobs.xpay_code = Some(code));
        let outcome = pay(&service(&node, RUNE), &bolt11).await;
        let (found, said) = told(&outcome);
        assert!(found == "failed" && said.contains(part), "{code}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_error_of_xpay_is_never_believed_against_listpays() {
    for code in [203, 205, 206, 207, 209, 210, 215, 218, -3] {
        let node = node().await;
        let service = service(&node, RUNE);
        let bolt11 = node.ledger.foreign(100_000, 600);
        node.ledger.plan(Plan::Hold);
        node.ledger.pay(&bolt11, None).unwrap();
        node.set(|knobs| knobs.xpay_code = Some(code));
        let outcome = pay(&service, &bolt11).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{code} while parts are in flight: {outcome:?}");
        node.set(|knobs| knobs.flips = 1);
        let outcome = pay(&service, &bolt11).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{code}, listed as failed once: {outcome:?}");
        assert_eq!(service.look_up(&hash_of(&bolt11)).await, Found::Outcome(PayOutcome::InFlight));
        node.ledger.resolve(hash_of(&bolt11).0, true);
        let outcome = pay(&service, &bolt11).await;
        assert!(matches!(outcome, PayOutcome::AlreadyKnown | PayOutcome::Unknown(_)), "{code}, paid: {outcome:?}");
    }
}

#[tokio::test]
async fn listed_as_failed_between_two_attempts_is_in_flight() {
    let node = node().await;
    let service = service(&node, RUNE);
    node.ledger.plan(Plan::Hold);
    let bolt11 = node.ledger.foreign(100_000, 600);
    let hash = hash_of(&bolt11);
    let paying = tokio::spawn({
        let (service, bolt11) = (service.clone(), bolt11.clone());
        async move { pay(&service, &bolt11).await }
    });
    while node.ledger.payment(&hash.0).is_none() {
        tokio::task::yield_now().await;
    }
    for flips in [1, 2] {
        node.set(|knobs| knobs.flips = flips);
        let found = service.look_up(&hash).await;
        assert_eq!(found, Found::Outcome(PayOutcome::InFlight), "{flips} reads say failed, our call is open");
    }
    assert!(matches!(paying.await.unwrap(), PayOutcome::Unknown(_)));
}

#[tokio::test]
async fn after_a_restart_failed_counts_only_once_no_call_can_still_be_trying() {
    let node = node().await;
    let bolt11 = node.ledger.foreign(100_000, 600);
    let hash = hash_of(&bolt11);
    node.ledger.plan(Plan::NoRoute);
    node.ledger.pay(&bolt11, None).unwrap_err();
    let restarted = service(&node, RUNE);
    assert_eq!(restarted.look_up(&hash).await, Found::Outcome(PayOutcome::InFlight), "it began just now");
    node.set(|knobs| knobs.older_s = 600);
    let found = restarted.look_up(&hash).await;
    assert!(failed(&found), "{found:?}");
}

#[tokio::test]
async fn an_empty_list_proves_nothing_while_a_call_without_an_answer_may_still_begin() {
    let node = node().await;
    let service = service(&node, RUNE);
    let bolt11 = node.ledger.foreign(100_000, 600);
    node.faults.push("/v1/xpay", Fault::Instead(504, ""));
    assert!(matches!(pay(&service, &bolt11).await, PayOutcome::Unknown(_)));
    let found = service.look_up(&hash_of(&bolt11)).await;
    let Found::Unavailable(why) = &found else { panic!("{found:?}") };
    assert!(why.contains("may still be under way"), "{why}");
    assert_eq!(service.look_up(&PaymentHash([7; 32])).await, Found::NotFound);
    node.set(|knobs| knobs.xpay_code = Some(-32602));
    let again = pay(&service, &bolt11).await;
    assert!(matches!(again, PayOutcome::Unknown(_)), "the first call is still open: {again:?}");
}

#[tokio::test]
async fn a_look_up_that_makes_no_sense_says_nothing() {
    let node = node().await;
    let service = service(&node, RUNE);
    let bolt11 = node.ledger.foreign(100_000, 600);
    assert!(matches!(pay(&service, &bolt11).await, PayOutcome::Paid { .. }));
    let hash = hash_of(&bolt11);
    for body in [
        r#"{"pays":null}"#,
        r#"{"pays":{}}"#,
        r#"{"pays":[null]}"#,
        r#"{"pays":[{}]}"#,
        r#"{"pays":[{"payment_hash":"0000000000000000000000000000000000000000000000000000000000000000","status":"failed"}]}"#,
        r#"[]"#,
        r#"{"code":-32601,"message":"Unknown command"}"#,
    ] {
        node.faults.push("/v1/listpays", Fault::Instead(201, body));
        let found = service.look_up(&hash).await;
        assert!(matches!(found, Found::Unavailable(_)), "{body}: {found:?}");
    }
    let row = |rest: &str| format!(r#"{{"pays":[{{"payment_hash":"{hash}",{rest}}}]}}"#);
    let zeros = "0".repeat(64);
    for rest in [
        r#""status":"complete""#.to_owned(),
        format!(r#""status":"complete","preimage":"{zeros}""#),
        r#""status":"lost""#.to_owned(),
    ] {
        node.faults.push("/v1/listpays", Fault::Instead(201, row(&rest).leak()));
        let found = service.look_up(&hash).await;
        assert!(matches!(found, Found::Unavailable(_)), "{rest}: {found:?}");
    }
}

#[tokio::test]
async fn amounts_of_old_versions_are_read_too() {
    let node = node().await;
    node.set(|knobs| {
        knobs.old_amounts = true;
        knobs.no_pages = true;
    });
    let service = service(&node, RUNE);
    assert_eq!(service.balance().await.unwrap().spendable_msat, 10_000_000);
    let outcome = pay(&service, &node.ledger.foreign(100_001, 600)).await;
    assert!(matches!(outcome, PayOutcome::Paid { fee: Some(Msat(1_000)), .. }), "{outcome:?}");
    let own = service.create(&request("old", 5_001)).await.unwrap();
    node.ledger.receive(own.hash.0);
    let amounts: Vec<_> = service.list_since(UnixMillis(0)).await.unwrap().iter().map(|item| item.amount).collect();
    assert_eq!(amounts, [Msat(100_001), Msat(5_001)]);
}

#[tokio::test]
async fn asking_twice_with_one_label_gives_one_invoice() {
    let node = node().await;
    let service = service(&node, RUNE);
    let first = service.create(&request("same", 100_000)).await.unwrap();
    assert_eq!(service.create(&request("same", 100_000)).await.unwrap(), first);
    let other = service.create(&request("same", 90_000)).await.unwrap_err();
    assert!(other.to_string().contains("cannot rely on"), "{other}");
}

#[tokio::test]
async fn long_histories_are_read_page_by_page_and_old_pages_once() {
    let node = node().await;
    let service = service(&node, RUNE);
    for count in 0..250 {
        let own = node.ledger.create(1_000, "many", 600, &count.to_string());
        node.ledger.receive(own.hash);
    }
    assert_eq!(service.list_since(UnixMillis(0)).await.unwrap().len(), 250);
    let later = UnixMillis(u64::MAX / 2);
    assert!(service.list_since(later).await.unwrap().is_empty());
    assert!(service.list_since(later).await.unwrap().is_empty());
    assert_eq!(service.list_since(UnixMillis(0)).await.unwrap().len(), 250);
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let node = node().await;
    let waits = Waits::default();
    let patient = LightningService::remote(ServiceKind::Cln, Remote { waits, ..remote(&node.url, RUNE) }).unwrap();
    for count in 0..3 {
        let own = node.ledger.create(1_000, "large", 600, &format!("{count}{}", "x".repeat(900_000)));
        node.ledger.receive(own.hash);
    }
    assert_eq!(patient.list_since(UnixMillis(0)).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_list_that_is_not_whole_is_a_fault() {
    let node = node().await;
    let service = service(&node, RUNE);
    let listed = async |row: &str| {
        let body = format!(r#"{{"pays":[{row}]}}"#);
        node.faults.push("/v1/listpays", Fault::Instead(201, body.leak()));
        service.list_since(UnixMillis(0)).await.map(|listed| listed.len())
    };
    let hash = "22".repeat(32);
    let sent = format!(r#"{{"status":"complete","payment_hash":"{hash}","amount_sent_msat":1000,"created_index":1}}"#);
    assert_eq!(listed(&sent).await.ok(), Some(1), "what a payment without an invoice cost");
    assert!(listed(&sent.replace("amount_sent_msat", "amount_of_fun")).await.is_err());
    assert!(listed(&sent.replace("payment_hash", "hash")).await.is_err());
    assert!(listed(&sent.replace("status", "state")).await.is_err());
    assert!(listed(&sent.replace("created_index", "index")).await.is_err(), "nobody knows what follows");
    node.faults.push("/v1/listpays", Fault::Instead(201, format!(r#"{{"pays":[{sent}]}}"#).leak()));
    assert!(listed(&sent).await.is_err(), "the same page again");
    for index in 1..=500 {
        let row = format!(r#"{{"pays":[{{"status":"failed","created_index":{index}}}]}}"#);
        node.faults.push("/v1/listpays", Fault::Instead(201, row.leak()));
    }
    let fault = service.list_since(UnixMillis(0)).await.unwrap_err().to_string();
    assert!(fault.contains("longer than Kilosat reads"), "{fault}");
    assert!(service.list_since(UnixMillis(0)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_hint_comes_when_an_invoice_is_paid() {
    let node = node().await;
    let service = service(&node, RUNE);
    let old = service.create(&request("before", 100_000)).await.unwrap();
    node.ledger.receive(old.hash.0);
    service.list_since(UnixMillis(0)).await.unwrap();
    let own = service.create(&request("hint", 100_000)).await.unwrap();
    let mut hint = Box::pin(service.next_hint());
    let early = tokio::time::timeout(std::time::Duration::from_millis(200), &mut hint).await;
    assert!(early.is_err(), "what was listed before is no news");
    node.ledger.receive(own.hash.0);
    tokio::time::timeout(std::time::Duration::from_secs(5), hint).await.unwrap();
}

#[tokio::test]
async fn every_trouble_is_told_in_its_own_sentence() {
    let node = node().await;
    let good = service(&node, RUNE);
    let bolt11 = node.ledger.foreign(100_000, 600);
    let stranger = service(&node, "c29tZWJvZHkgZWxzZQ");
    not_sent(&pay(&stranger, &bolt11).await, "does not accept the rune");
    let fault = stranger.balance().await.unwrap_err().to_string();
    assert!(fault.contains("does not accept the rune") && !fault.contains("c29tZWJv"), "{fault}");
    not_sent(&pay(&good, &node.ledger.foreign(30_000_000, 600)).await, "limit of its own");
    not_sent(&pay(&unreachable(ServiceKind::Cln, "http", RUNE), &bolt11).await, "cannot be reached");
    not_sent(&pay(&good, "lnbc1nonsense").await, "does not accept the payee's invoice");
    let poor = ClnNode::start(Ledger::new(Currency::Bitcoin, 1_000, 0)).await;
    let outcome = pay(&service(&poor, RUNE), &poor.ledger.foreign(100_000, 600)).await;
    assert_eq!(told(&outcome).0, "failed");
    assert!(told(&outcome).1.contains("is too small"), "{outcome:?}");
    node.set(|knobs| knobs.forbidden = vec!["xpay", "listpeerchannels", "listfunds"]);
    not_sent(&pay(&good, &bolt11).await, "may not do this");
    assert!(good.balance().await.unwrap_err().to_string().contains("may not do this"));
    node.set(|knobs| knobs.syncing = true);
    assert!(good.info().await.unwrap_err().to_string().contains("catching up"));
    node.set(|knobs| knobs.network = "signet");
    assert!(good.info().await.unwrap_err().to_string().contains("network signet, this house is on bitcoin"));
    node.set(|knobs| knobs.network = "liquid");
    assert!(good.info().await.unwrap_err().to_string().contains("network liquid"));
    assert!(node.ledger.payments().iter().all(|payment| payment.state == PayState::Failed), "nothing was paid");
}

#[tokio::test]
async fn the_rune_is_tried_without_moving_money() {
    let node = node().await;
    let texts = |service: LightningService, spends| async move {
        let found = service.check(spends).await;
        let line = |finding: &kilosat::lightning::Finding| format!("{:?}: {}", finding.grade, finding.text);
        found.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let good = texts(service(&node, RUNE), true).await;
    assert!(good.contains("limits each payment") && good.contains("restricted to certain methods"), "{good}");
    assert!(!good.contains("Warning") && !good.contains("Error"), "{good}");
    let master = texts(service(&node, MASTER_RUNE), true).await;
    assert!(master.contains("may pay any amount") && master.contains("does not need"), "{master}");
    let seller = texts(service(&node, RUNE), false).await;
    assert!(seller.contains("Warning: The rune may pay, which"), "{seller}");
    let wrong = texts(service(&node, "wrong"), true).await;
    assert!(wrong.starts_with("Error: Core Lightning does not accept the rune"), "{wrong}");
    node.set(|knobs| knobs.forbidden = vec!["xpay", "listpays"]);
    let cannot = texts(service(&node, RUNE), true).await;
    assert_eq!(cannot.matches("may not do this").count(), 2, "{cannot}");
    assert!(!texts(service(&node, RUNE), false).await.contains("Warning"));
    assert!(node.ledger.payments().is_empty());
}

#[tokio::test]
async fn without_listpeerchannels_the_balance_comes_from_listfunds() {
    let node = node().await;
    node.set(|knobs| knobs.forbidden = vec!["listpeerchannels"]);
    let balance = service(&node, MASTER_RUNE).balance().await.unwrap();
    node.faults.push("/v1/listpeerchannels", Fault::Instead(401, r#"{"code":1502,"message":"Not permitted: method"}"#));
    let fallback = service(&node, MASTER_RUNE).balance().await.unwrap();
    assert_eq!((balance.spendable_msat, fallback.spendable_msat), (10_000_000, 10_000_000));
    assert_eq!((balance.receivable_msat, fallback.receivable_msat), (5_000_000, 10_000_000));
    assert_eq!((fallback.channels, fallback.channels_usable), (Some(1), Some(1)));
}

#[track_caller]
fn not_sent(outcome: &PayOutcome, part: &str) {
    let (kind, said) = told(outcome);
    assert_eq!(kind, "not sent", "{outcome:?}");
    assert!(said.contains(part), "{said}");
}

fn told(outcome: &PayOutcome) -> (&'static str, &str) {
    match outcome {
        PayOutcome::Paid { .. } => ("paid", ""),
        PayOutcome::Failed(why) => ("failed", why),
        PayOutcome::NotSent(why) => ("not sent", why),
        PayOutcome::InFlight => ("in flight", ""),
        PayOutcome::AlreadyKnown => ("known", ""),
        PayOutcome::Unknown(why) => ("unknown", why),
    }
}

fn request(label: &str, msat: u64) -> InvoiceRequest {
    let description = "Charging".to_owned();
    InvoiceRequest { amount: Msat(msat), description, expiry_s: 600, label: label.to_owned() }
}
