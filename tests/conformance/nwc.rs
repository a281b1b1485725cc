//! Nostr Wallet Connect, with a real relay between Kilosat and the wallet.

use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Found, PayOutcome};
use kilosat::lightning::answers::Grade;
use kilosat::lightning::{Incoming, InvoiceRequest, LightningService, Remote, ServiceKind};
use lightning_invoice::Currency;
use sim::wallets::nwc::{Manner, Misbehaviour, NwcWallet};
use sim::wallets::{Faults, Ledger, Plan};

use crate::bench::{Bench, World, hash_of, remote};

const FEE_MAX: Msat = Msat(10_000);

async fn bench() -> Bench {
    let (service, ledger, wallet) = house(Manner::default()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = wallet.connection_text.replace(&escaped(&wallet.relay_url), &escaped(&format!("ws://{free}")));
    Bench {
        service,
        world: World::Simulated(ledger),
        faults: Faults::default(),
        pay_path: "",
        look_up_path: "",
        unreachable: client(&nowhere),
        _kept: Box::new(wallet),
    }
}

crate::conformance!(
    says_who_it_is,
    pays_once_and_proves_it,
    refuses_a_second_payment_of_one_hash,
    a_payment_on_its_way_is_in_flight_until_it_ends,
    a_payment_that_fails_later_is_failed,
    no_route_is_a_final_failure,
    an_empty_wallet_sends_nothing,
    a_fee_above_the_limit_is_never_paid,
    an_unknown_hash_is_not_found,
    a_wallet_that_is_not_there_was_sent_nothing,
    makes_invoices_and_sees_them_paid,
    lists_what_was_settled,
);

/// Answers to a pay call from which nothing follows.
const UNCLEAR: [Misbehaviour; 15] = [
    Misbehaviour::Silent,
    Misbehaviour::Deaf,
    Misbehaviour::Code("INTERNAL"),
    Misbehaviour::CodeAfter("INTERNAL"),
    Misbehaviour::CodeAfter("PAYMENT_FAILED"),
    Misbehaviour::CodeAfter("OTHER"),
    Misbehaviour::CodeAfter("SOMETHING_NEW"),
    Misbehaviour::InternalThen("QUOTA_EXCEEDED"),
    Misbehaviour::WrongAuthor,
    Misbehaviour::WrongRequest,
    Misbehaviour::Garbage,
    Misbehaviour::Text("not json"),
    Misbehaviour::Text(r#"{"result_type":"pay_invoice","error":null,"result":{"preimage":""}}"#),
    Misbehaviour::Text(r#"{"result_type":"pay_invoice","error":null,"result":null}"#),
    Misbehaviour::Text(r#"{"result_type":"get_balance","error":{"code":"RESTRICTED","message":""},"result":null}"#),
];

#[tokio::test]
async fn every_unclear_answer_to_a_pay_call_is_unknown() {
    let (service, ledger, wallet) = house(Manner::default()).await;
    for misbehaviour in UNCLEAR {
        wallet.push("pay_invoice", misbehaviour);
        let bolt11 = ledger.foreign(100_000, 600);
        let outcome = service.pay(&bolt11, FEE_MAX).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{misbehaviour:?}: {outcome:?}");
        let found = service.look_up(&hash_of(&bolt11)).await;
        let sent = ledger.payment(&hash_of(&bolt11).0).is_some();
        assert_eq!(matches!(found, Found::Outcome(PayOutcome::Paid { .. })), sent, "{misbehaviour:?}: {found:?}");
        assert!(sent || found == Found::NotFound, "{misbehaviour:?}: {found:?}");
    }
}

#[tokio::test]
async fn every_unclear_answer_to_a_look_up_changes_nothing() {
    let (service, ledger, wallet) = house(Manner::default()).await;
    ledger.plan(Plan::Hold);
    let bolt11 = ledger.foreign(100_000, 600);
    let hash = hash_of(&bolt11);
    service.pay(&bolt11, FEE_MAX).await;
    for settles in [false, true] {
        if settles {
            ledger.resolve(hash.0, true);
        }
        let look_up = |text: &'static str| Misbehaviour::Text(text);
        for misbehaviour in UNCLEAR.into_iter().chain([
            look_up(r#"{"result_type":"lookup_invoice","error":null,"result":{}}"#),
            look_up(r#"{"result_type":"lookup_invoice","error":null,"result":{"type":"outgoing","state":"failed"}}"#),
            look_up(r#"{"result_type":"pay_invoice","error":{"code":"NOT_FOUND","message":""},"result":null}"#),
        ]) {
            wallet.push("lookup_invoice", misbehaviour);
            let found = service.look_up(&hash).await;
            assert!(matches!(found, Found::Unavailable(_)), "{misbehaviour:?}: {found:?}");
        }
    }
    assert!(matches!(service.look_up(&hash).await, Found::Outcome(PayOutcome::Paid { .. })));
}

#[tokio::test]
async fn a_success_after_unclear_answers_and_one_that_comes_twice_count() {
    let (service, ledger, wallet) = house(Manner::default()).await;
    for misbehaviour in [Misbehaviour::InternalFirst, Misbehaviour::Twice] {
        wallet.push("pay_invoice", misbehaviour);
        let bolt11 = ledger.foreign(100_000, 600);
        let outcome = service.pay(&bolt11, FEE_MAX).await;
        assert!(matches!(outcome, PayOutcome::Paid { .. }), "{misbehaviour:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_refusals_of_the_specification_were_not_sent() {
    let (service, ledger, wallet) = house(Manner::default()).await;
    for (code, part) in [
        ("RATE_LIMITED", "wants fewer requests"),
        ("NOT_IMPLEMENTED", "does not offer"),
        ("INSUFFICIENT_BALANCE", "too small"),
        ("QUOTA_EXCEEDED", "limit of its own"),
        ("RESTRICTED", "may not do this"),
        ("UNAUTHORIZED", "does not accept the connection's secret"),
        ("UNSUPPORTED_ENCRYPTION", "nip44_v2"),
    ] {
        wallet.push("pay_invoice", Misbehaviour::Code(code));
        let bolt11 = ledger.foreign(100_000, 600);
        let outcome = service.pay(&bolt11, FEE_MAX).await;
        let PayOutcome::NotSent(why) = &outcome else { panic!("{code}: {outcome:?}") };
        assert!(why.contains(part), "{code}: {why}");
    }
}

#[tokio::test]
async fn a_connection_with_which_paying_is_not_safe_sends_nothing() {
    for (methods, encryption, part) in [
        ("get_info pay_invoice", "nip44_v2", "does not offer lookup_invoice"),
        ("get_info lookup_invoice", "nip44_v2", "does not offer pay_invoice"),
        ("pay_invoice lookup_invoice", "nip04", "does not offer the encryption nip44_v2"),
    ] {
        let (service, ledger, wallet) = house(Manner { methods, encryption, ..Manner::default() }).await;
        let outcome = service.pay(&ledger.foreign(100_000, 600), FEE_MAX).await;
        let PayOutcome::NotSent(why) = &outcome else { panic!("{outcome:?}") };
        assert!(why.contains(part), "{why}");
        assert!(wallet.expirations().is_empty(), "a request was sent");
        let findings = service.check(true).await;
        assert!(findings.iter().any(|found| found.grade == Grade::Error && found.text.contains(part)), "{findings:?}");
    }
}

#[tokio::test]
async fn an_outgoing_payment_is_never_failed_because_its_invoice_expired() {
    let manner = |state_of| Manner { state_of, ..Manner::default() };
    let (service, ledger, _wallet) = house(manner(|_| Some("expired"))).await;
    ledger.plan(Plan::NoRoute);
    let bolt11 = ledger.foreign(100_000, 600);
    service.pay(&bolt11, FEE_MAX).await;
    let found = service.look_up(&hash_of(&bolt11)).await;
    assert!(matches!(&found, Found::Unavailable(why) if why.contains("expired")), "{found:?}");

    let (service, ledger, _wallet) = house(Manner::default()).await;
    ledger.plan(Plan::NoRoute);
    for (expiry_s, is_over) in [(600, true), (20, false)] {
        let bolt11 = ledger.foreign(100_000, expiry_s);
        service.pay(&bolt11, FEE_MAX).await;
        let found = service.look_up(&hash_of(&bolt11)).await;
        assert_eq!(matches!(found, Found::Outcome(PayOutcome::Failed(_))), is_over, "failed, {expiry_s} s: {found:?}");
    }

    let (service, ledger, _wallet) = house(manner(|_| None)).await;
    let bolt11 = ledger.foreign(100_000, 600);
    service.pay(&bolt11, FEE_MAX).await;
    let found = service.look_up(&hash_of(&bolt11)).await;
    assert!(matches!(found, Found::Outcome(PayOutcome::Paid { .. })), "settled_at alone: {found:?}");
    ledger.plan(Plan::NoRoute);
    let bolt11 = ledger.foreign(100_000, 600);
    service.pay(&bolt11, FEE_MAX).await;
    assert_eq!(service.look_up(&hash_of(&bolt11)).await, Found::Outcome(PayOutcome::InFlight), "no state at all");
}

#[tokio::test]
async fn a_wrong_secret_is_named_and_sends_nothing() {
    let (_, ledger, wallet) = house(Manner::default()).await;
    let (before, _) = wallet.connection_text.split_once("secret=").unwrap();
    let stranger = client(&format!("{before}secret={}", "5".repeat(64)));
    let outcome = stranger.pay(&ledger.foreign(100_000, 600), FEE_MAX).await;
    let PayOutcome::NotSent(why) = &outcome else { panic!("{outcome:?}") };
    assert!(why.contains("does not accept the connection's secret") && !why.contains("5555"), "{why}");
    let findings = stranger.check(true).await;
    assert!(findings.iter().any(|found| found.grade == Grade::Error), "{findings:?}");
    assert!(ledger.payments().is_empty());
}

#[tokio::test]
async fn a_wallet_on_another_network_is_named() {
    for (network, part) in [("testnet", "testnet"), ("signet", "signet"), ("mutinynet", "mutinynet")] {
        let (service, _, _wallet) = house(Manner { network, ..Manner::default() }).await;
        let why = service.info().await.unwrap_err().to_string();
        assert!(why.contains("is on the bitcoin network") && why.contains(part), "{why}");
    }
    let (service, _, _wallet) = house(Manner { network: "", ..Manner::default() }).await;
    assert_eq!(service.info().await.unwrap().network, None);
}

#[tokio::test]
async fn a_relay_that_does_not_work_is_passed_over() {
    let (_, ledger, wallet) = house(Manner::default()).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_, _, other) = house(Manner::default()).await;
    let (before, after) = wallet.connection_text.split_once("relay=").unwrap();
    // Nobody listens; no TLS there; a relay that does not know this wallet; the right one.
    let tls = wallet.relay_url.replace("ws://", "wss://");
    let text = format!(
        "{before}relay={}&relay={}&relay={}&relay={after}",
        escaped(&format!("ws://{free}")),
        escaped(&tls),
        escaped(&other.relay_url)
    );
    let outcome = client(&text).pay(&ledger.foreign(100_000, 600), FEE_MAX).await;
    assert!(matches!(outcome, PayOutcome::Paid { .. }), "{outcome:?}");

    let alone = wallet.connection_text.replace(&escaped(&wallet.relay_url), &escaped(&other.relay_url));
    let outcome = client(&alone).pay(&ledger.foreign(100_000, 600), FEE_MAX).await;
    assert!(matches!(&outcome, PayOutcome::NotSent(why) if why.contains("announced")), "{outcome:?}");
}

#[tokio::test]
async fn check_tells_what_the_connection_can_do_beyond_the_need() {
    let all = "get_info get_balance make_invoice pay_invoice lookup_invoice list_transactions";
    let budgeted = async |methods, budget, spends| {
        let (service, _, _wallet) = house(Manner { methods, budget, ..Manner::default() }).await;
        let findings = service.check(spends).await;
        let text: String = findings.iter().map(|found| format!("{} ", found.text)).collect();
        (findings.iter().map(|found| found.grade).max().unwrap(), text)
    };
    let grades = async |methods, spends| budgeted(methods, None, spends).await;
    let tells = "get_info get_budget make_invoice pay_invoice lookup_invoice list_transactions";
    let (grade, text) = budgeted(tells, None, true).await;
    assert!(grade == Grade::Warning && text.contains("has no budget") && text.contains("whole wallet"), "{text}");
    let (grade, text) = budgeted(tells, Some(400_000_000), true).await;
    assert!(grade == Grade::Good && text.contains("a budget of 400000 sat"), "{text}");
    let (grade, text) = grades(all, true).await;
    assert!(grade == Grade::Warning && text.contains("no limit for routing fees"), "{text}");
    assert!(!text.contains("more than Kilosat needs"), "{text}");
    let (grade, text) = grades(all, false).await;
    assert!(grade == Grade::Warning && text.contains("only sells"), "{text}");
    let (grade, text) = grades("get_info pay_invoice lookup_invoice pay_keysend sign_message", true).await;
    assert!(grade == Grade::Warning && text.contains("pay_keysend, sign_message"), "{text}");
}

#[tokio::test]
async fn requests_expire_and_long_lists_come_in_pages() {
    let (service, ledger, wallet) = house(Manner::default()).await;
    for _ in 0..45 {
        ledger.pay(&ledger.foreign(1_000, 600), None).unwrap();
    }
    let listed = service.list_since(UnixMillis(0)).await.unwrap();
    assert_eq!(listed.len(), 45);
    let now_s = kilosat::clock::Clock::real().now().wall.0 / 1_000;
    assert_eq!(wallet.expirations().len(), 4, "three pages and an empty one");
    assert!(wallet.expirations().iter().all(|at| (now_s..now_s + 120).contains(at)));
}

/// Pages of settled payments, each of `length`, of which the first has the number `first`.
fn page(first: usize, length: usize) -> Misbehaviour {
    let entry = |number: usize| {
        format!(r#"{{"type":"outgoing","state":"settled","payment_hash":"{number:064x}","amount":1000}}"#)
    };
    let entries: Vec<_> = (first..first + length).map(entry).collect();
    let text = format!(r#"{{"result_type":"list_transactions","result":{{"transactions":[{}]}}}}"#, entries.join(","));
    Misbehaviour::Text(text.leak())
}

#[tokio::test]
async fn a_list_ends_where_nothing_follows_and_nowhere_else() {
    let (service, _ledger, wallet) = house(Manner::default()).await;
    let listed = async |pages: &[(usize, usize)]| {
        pages.iter().for_each(|(first, length)| wallet.push("list_transactions", page(*first, *length)));
        service.list_since(UnixMillis(0)).await.map(|listed| listed.len())
    };
    assert_eq!(listed(&[(0, 5), (5, 5), (10, 3)]).await.ok(), Some(13), "short pages are no end");
    assert_eq!(listed(&[(0, 5), (0, 5)]).await.ok(), Some(5), "a service without pages has shown all of it");
    assert!(listed(&[(0, 20), (0, 20)]).await.is_err(), "it may have more than it shows");
    assert!(listed(&[(0, 5), (5, 5), (0, 5)]).await.is_err(), "it begins anew");
    let many: Vec<_> = (0..27).map(|page| (page * 20, 20)).collect();
    assert_eq!(listed(&many).await.ok(), Some(540));
}

#[tokio::test]
async fn a_fraction_of_a_satoshi_is_rounded_up_and_self_payments_are_not_mixed_up() {
    let (service, ledger, _wallet) = house(Manner::default()).await;
    let request =
        InvoiceRequest { amount: Msat(1_001), description: String::new(), expiry_s: 600, label: String::new() };
    let own = service.create(&request).await.unwrap();
    ledger.receive(own.hash.0);
    assert_eq!(service.look_up_incoming(&own.hash).await.unwrap(), Incoming::Paid(Msat(2_000)));
    assert!(matches!(service.look_up(&own.hash).await, Found::Unavailable(_)), "an incoming payment proves nothing");
    assert_eq!(service.look_up(&PaymentHash([8; 32])).await, Found::NotFound);
}

#[tokio::test]
async fn a_notification_is_a_hint() {
    let (_, ledger, wallet) = house(Manner::default()).await;
    let mut patient: Remote = remote("nwc://unused", &wallet.connection_text);
    patient.waits.poll = std::time::Duration::from_secs(600);
    let service = LightningService::remote(ServiceKind::Nwc, patient).unwrap();
    let hint = async || tokio::time::timeout(std::time::Duration::from_secs(10), service.next_hint()).await;
    hint().await.expect("a fresh subscription is a hint");
    wallet.notify();
    hint().await.expect("the notification");
    assert!(tokio::time::timeout(std::time::Duration::from_millis(300), service.next_hint()).await.is_err());
    assert_eq!(ledger.payments().len(), 0);
}

#[tokio::test]
async fn a_connection_text_that_cannot_be_used_is_refused_at_once() {
    let (_, _, wallet) = house(Manner::default()).await;
    let secret = wallet.connection_text.split_once("secret=").unwrap().1;
    let refused = |text: &str, pinned: bool| {
        let mut remote = remote("nwc://unused", text);
        remote.pins.extend(pinned.then(|| kilosat::http::Fingerprint::parse(&"11".repeat(32)).unwrap()));
        LightningService::remote(ServiceKind::Nwc, remote).err().unwrap().to_string()
    };
    let outside = wallet.connection_text.replace(&escaped(&wallet.relay_url), "ws://relay.example");
    for (why, part) in [
        (refused("lnbits", false), "does not begin with nostr+walletconnect"),
        (refused(&outside, false), "must be reached by wss"),
        (refused(&wallet.connection_text, true), "certificate_sha256"),
    ] {
        assert!(why.contains(part) && !why.contains(secret), "{why}");
    }
}

async fn house(manner: Manner) -> (LightningService, Ledger, NwcWallet) {
    let ledger = Ledger::new(Currency::Bitcoin, 50_000_000, 1_000);
    let wallet = NwcWallet::start(ledger.clone(), manner).await;
    (client(&wallet.connection_text), ledger, wallet)
}

fn client(connection_text: &str) -> LightningService {
    LightningService::remote(ServiceKind::Nwc, remote("nwc://unused", connection_text)).unwrap()
}

fn escaped(url: &str) -> String {
    url::form_urlencoded::byte_serialize(url.as_bytes()).collect()
}
