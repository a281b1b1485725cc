//! phoenixd: two passwords, two kinds of 404, and failures with status 200.

use kilosat::domain::invoice::{PaymentHash, Preimage};
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Found, PayOutcome};
use kilosat::lightning::answers::Grade;
use kilosat::lightning::{Direction, Incoming, InvoiceRequest, LightningService, ServiceFault, ServiceKind, Trouble};
use sim::wallets::gate::Gate;
use sim::wallets::phoenixd::{PASSWORD, PASSWORD_LIMITED, Phoenixd};
use sim::wallets::{Fault, PayState, Plan};

use crate::bench::{Bench, World, hash_of, remote, unreachable};
use crate::truth::Facts;
use crate::wire::{Wire, Words};

async fn bench() -> Bench {
    let sim = Phoenixd::start(BALANCE).await;
    Bench {
        service: service(&sim, PASSWORD),
        world: World::Simulated(sim.ledger.clone()),
        faults: sim.faults.clone(),
        pay_path: "/payinvoice",
        look_up_path: "/payments/outgoingbyhash",
        unreachable: unreachable(ServiceKind::Phoenixd, "http", PASSWORD),
        _kept: Box::new(()),
    }
}

crate::simulated!();
crate::on_a_bad_wire!();

async fn wire() -> Wire {
    let sim = Phoenixd::start(BALANCE).await;
    let gate = Gate::start(&sim.url).await;
    Wire {
        service: LightningService::remote(ServiceKind::Phoenixd, remote(&gate.url, PASSWORD)).unwrap(),
        ledger: sim.ledger.clone(),
        gate,
        words: WORDS,
        pay_path: "/payinvoice",
        look_up_path: "/payments/outgoingbyhash",
        named: PaymentHash::to_string,
    }
}

const WORDS: Words = Words {
    ok: 200,
    paid: |facts, fee| {
        let Facts { hash, preimage } = facts;
        format!(r#"{{"paymentHash":"{hash}","paymentPreimage":"{preimage}","routingFeeSat":{fee}}}"#)
    },
    found: |facts, fee| {
        let Facts { hash, preimage } = facts;
        format!(
            r#"{{"type":"outgoing_payment","paymentHash":"{hash}","preimage":"{preimage}","isPaid":true,"fees":{fee}}}"#
        )
    },
    failed: |facts| {
        let hash = &facts.hash;
        (200, format!(r#"{{"paymentHash":"{hash}","reason":"recipient node rejected the payment"}}"#))
    },
    found_failed: |facts| {
        let hash = &facts.hash;
        (200, format!(r#"{{"type":"outgoing_payment","paymentHash":"{hash}","isPaid":false,"completedAt":1}}"#))
    },
    nothing: (404, "Not found"),
    state: (r#""isPaid":true"#, r#""isPaid":"perhaps""#),
};

fn service(sim: &Phoenixd, password: &str) -> LightningService {
    LightningService::remote(ServiceKind::Phoenixd, remote(&sim.url, password)).unwrap()
}

async fn started() -> (Phoenixd, LightningService) {
    let sim = Phoenixd::start(BALANCE).await;
    let service = service(&sim, PASSWORD);
    (sim, service)
}

/// A body that a fault can hold.
fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[tokio::test]
async fn every_reason_means_what_the_documentation_says() {
    let (sim, service) = started().await;
    let cases = [
        ("this invoice has already been paid", "known", ""),
        ("another payment is in progress for that invoice", "known", ""),
        ("not enough funds in wallet to afford payment", "not sent", "too small"),
        ("channel is not connected yet, please retry when connected", "not sent", "still starting"),
        ("payment request features not supported", "failed", "does not accept the payee's invoice"),
        ("recipient node rejected the payment", "failed", "The recipient did not take"),
        ("payment attempts exhausted without success", "failed", "found no way"),
        ("wallet restarted while a payment was ongoing", "unknown", "wallet restarted"),
        ("This invoice has already been paid!", "unknown", "cannot rely on"),
        ("", "unknown", "cannot rely on"),
    ];
    for (reason, expected, part) in cases {
        let bolt11 = sim.ledger.foreign(100_000, 600);
        let body = format!(r#"{{"paymentHash":"{}","reason":"{reason}"}}"#, hash_of(&bolt11));
        sim.faults.push("/payinvoice", Fault::Instead(200, kept(body)));
        let (found, text) = match service.pay(&bolt11, FEE_MAX).await {
            PayOutcome::AlreadyKnown => ("known", String::new()),
            PayOutcome::NotSent(text) => ("not sent", text),
            PayOutcome::Failed(text) => ("failed", text),
            PayOutcome::Unknown(text) => ("unknown", text),
            other => panic!("{reason}: {other:?}"),
        };
        assert_eq!(found, expected, "{reason}: {text}");
        assert!(text.contains(part), "{reason}: {text}");
    }
}

#[tokio::test]
async fn a_verdict_about_another_payment_or_without_proof_is_unknown() {
    let (sim, service) = started().await;
    let bolt11 = sim.ledger.foreign(100_000, 600);
    let (hash, other) = (hash_of(&bolt11), PaymentHash([7; 32]));
    let zeros = Preimage([0; 32]);
    for body in [
        format!(r#"{{"paymentHash":"{other}","reason":"recipient node rejected the payment"}}"#),
        r#"{"reason":"recipient node rejected the payment"}"#.to_owned(),
        format!(r#"{{"paymentHash":"{hash}","reason":7}}"#),
        format!(r#"{{"paymentHash":"{hash}","routingFeeSat":4}}"#),
        format!(r#"{{"paymentHash":"{hash}","paymentPreimage":"{zeros}","routingFeeSat":4}}"#),
        format!(r#"{{"paymentHash":"{hash}","paymentPreimage":null}}"#),
        format!(
            r#"{{"paymentHash":"{hash}","paymentPreimage":"{zeros}","reason":"recipient node rejected the payment"}}"#
        ),
        format!(r#"[{{"paymentHash":"{hash}","reason":"recipient node rejected the payment"}}]"#),
    ] {
        sim.faults.push("/payinvoice", Fault::Instead(200, kept(body.clone())));
        let outcome = service.pay(&bolt11, FEE_MAX).await;
        assert!(matches!(outcome, PayOutcome::Unknown(_)), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn only_one_of_the_404s_is_evidence() {
    let (sim, service) = started().await;
    let hash = PaymentHash([9; 32]);
    for (body, part) in [
        ("Unknown endpoint (check api doc)", "0.5.0"),
        ("not found", "cannot rely on"),
        ("Not found\n<hr>proxy", "cannot rely on"),
        ("", "cannot rely on"),
    ] {
        sim.faults.push("/payments/outgoingbyhash", Fault::Instead(404, body));
        let found = service.look_up(&hash).await;
        let Found::Unavailable(text) = &found else { panic!("{body}: {found:?}") };
        assert!(text.contains(part), "{text}");
        sim.faults.push("/payments/incoming", Fault::Instead(404, body));
        assert!(service.look_up_incoming(&hash).await.is_err(), "{body}");
    }
    assert_eq!(service.look_up(&hash).await, Found::NotFound);
}

#[tokio::test]
async fn a_record_must_be_ours_and_whole() {
    let (sim, service) = started().await;
    let bolt11 = sim.ledger.foreign(100_000, 600);
    service.pay(&bolt11, FEE_MAX).await;
    let hash = hash_of(&bolt11);
    let (other, zeros) = (PaymentHash([7; 32]), Preimage([0; 32]));
    for body in [
        format!(r#"{{"paymentHash":"{other}","isPaid":false,"completedAt":1}}"#),
        format!(r#"{{"paymentHash":"{hash}","isPaid":true,"fees":1}}"#),
        format!(r#"{{"paymentHash":"{hash}","isPaid":true,"preimage":"{zeros}","fees":1}}"#),
        format!(r#"{{"paymentHash":"{hash}","isPaid":"false","completedAt":1}}"#),
        format!(r#"{{"paymentHash":"{hash}","isPaid":false,"completedAt":"soon"}}"#),
        format!(r#"{{"paymentHash":"{hash}","isPaid":false,"preimage":"{zeros}","completedAt":1}}"#),
        format!(r#"{{"type":"incoming_payment","paymentHash":"{hash}","isPaid":false,"completedAt":1}}"#),
    ] {
        sim.faults.push("/payments/outgoingbyhash", Fault::Instead(200, kept(body.clone())));
        let found = service.look_up(&hash).await;
        assert!(matches!(found, Found::Unavailable(_)), "{body}: {found:?}");
    }
}

#[tokio::test]
async fn the_fee_is_known_before_and_booked_to_the_msat() {
    let (sim, service) = started().await;
    for (amount, fee) in [(1_000, 4_004), (100_000, 4_400), (12_345_678, 53_382)] {
        let bolt11 = sim.ledger.foreign(amount, 600);
        let outcome = service.pay(&bolt11, Msat(fee - 1)).await;
        let PayOutcome::NotSent(text) = &outcome else { panic!("{amount}: {outcome:?}") };
        assert!(text.contains("larger fee"), "{text}");
        assert!(sim.ledger.payment(&hash_of(&bolt11).0).is_none());
        let outcome = service.pay(&bolt11, Msat(fee)).await;
        assert!(matches!(outcome, PayOutcome::Paid { fee: Some(paid), .. } if paid == Msat(fee)), "{outcome:?}");
        let found = service.look_up(&hash_of(&bolt11)).await;
        assert_eq!(found, Found::Outcome(outcome));
    }
}

#[tokio::test]
async fn a_refusal_says_which_password_it_is_about() {
    let (sim, _) = started().await;
    for (password, part) in [("wrong", "does not accept the password"), (PASSWORD_LIMITED, "it may not do this")] {
        let service = service(&sim, password);
        let outcome = service.pay(&sim.ledger.foreign(100_000, 600), FEE_MAX).await;
        let PayOutcome::NotSent(text) = &outcome else { panic!("{outcome:?}") };
        assert!(text.contains(part) && !text.contains(password), "{text}");
    }
    let wrong = service(&sim, "wrong");
    assert_eq!(wrong.balance().await.unwrap_err().trouble, Trouble::Credential);
    let found = wrong.look_up(&PaymentHash([9; 32])).await;
    assert!(matches!(&found, Found::Unavailable(text) if text.contains("does not accept")), "{found:?}");
    assert!(sim.ledger.payments().is_empty());
}

#[tokio::test]
async fn a_proxy_that_repeats_the_password_does_not_make_it_shown() {
    let (sim, service) = started().await;
    let bolt11 = sim.ledger.foreign(100_000, 600);
    let credentials = kilosat::domain::l402::base64_encode(format!(":{PASSWORD}").as_bytes());
    let page = kept(format!("bad gateway; Authorization: Basic {credentials}; password {PASSWORD}"));
    sim.faults.push("/payinvoice", Fault::Instead(502, page));
    let outcome = service.pay(&bolt11, FEE_MAX).await;
    let PayOutcome::Unknown(text) = &outcome else { panic!("{outcome:?}") };
    assert!(text.contains("bad gateway") && !text.contains(PASSWORD) && !text.contains(&credentials), "{text}");
}

#[tokio::test]
async fn a_check_tells_the_passwords_apart_without_paying() {
    let (sim, _) = started().await;
    for (password, spends, grade, part) in [
        (PASSWORD, true, Grade::Good, "may pay"),
        (PASSWORD, false, Grade::Warning, "http-password-limited-access"),
        (PASSWORD_LIMITED, true, Grade::Error, "paying needs the one"),
        (PASSWORD_LIMITED, false, Grade::Good, "not pay"),
        ("wrong", true, Grade::Error, "does not accept"),
        ("wrong", false, Grade::Error, "does not accept"),
    ] {
        let findings = service(&sim, password).check(spends).await;
        let last = findings.last().unwrap();
        assert!(last.grade == grade && last.text.contains(part), "{password}, {spends}: {findings:?}");
    }
    sim.faults.push("/payinvoice", Fault::Instead(400, "<html>Bad Request</html>"));
    let findings = service(&sim, PASSWORD).check(true).await;
    assert_eq!(findings.last().unwrap().grade, Grade::Error, "a proxy's refusal tells nothing");
    sim.faults.push("/payments/outgoingbyhash", Fault::Instead(404, "Unknown endpoint (check api doc)"));
    let findings = service(&sim, PASSWORD).check(true).await;
    let last = findings.last().unwrap();
    assert!(last.grade == Grade::Error && last.text.contains("0.5.0"), "too old to look a payment up: {findings:?}");
    assert!(sim.ledger.payments().is_empty());
}

#[tokio::test]
async fn a_wallet_that_is_elsewhere_or_not_ready_says_so() {
    let (sim, service) = started().await;
    for states in [["Offline"], ["Syncing"]] {
        sim.set_channels(&states);
        let fault = service.balance().await.unwrap_err();
        assert!(fault.trouble == Trouble::NotReady && fault.to_string().contains("still starting"), "{fault}");
        assert!(service.check(true).await.iter().any(|finding| finding.grade == Grade::Error));
    }
    sim.set_channels(&["Closed", "Normal", "Offline"]);
    let balance = service.balance().await.unwrap();
    let seen = (balance.channels, balance.channels_usable, balance.receivable_msat);
    assert_eq!(seen, (Some(2), Some(1), 2_000_000_000));
    sim.set_channels(&[]);
    assert_eq!(service.balance().await.unwrap().channels, Some(0));
    assert!(service.check(true).await.iter().any(|finding| finding.text.contains("no channel yet")));
    for chain in ["testnet3", "testnet", "moonnet"] {
        sim.set_chain(chain);
        let fault = service.info().await.unwrap_err().to_string();
        assert!(fault.contains(&format!("bitcoin network {chain},")), "{fault}");
    }
}

#[tokio::test]
async fn an_unreachable_wallet_is_named_as_such() {
    let nobody = unreachable(ServiceKind::Phoenixd, "http", PASSWORD);
    let fault: ServiceFault = nobody.info().await.unwrap_err();
    assert!(fault.trouble == Trouble::Unreachable && fault.to_string().contains("cannot be reached"), "{fault}");
    assert_eq!(nobody.check(true).await.first().unwrap().grade, Grade::Error);
}

#[tokio::test]
async fn invoices_are_for_whole_satoshis_and_short_descriptions() {
    let (sim, service) = started().await;
    let request =
        InvoiceRequest { amount: Msat(1_001), description: "🔌".repeat(100), expiry_s: 600, label: "one".to_owned() };
    let made = service.create(&request).await.unwrap();
    let own = sim.ledger.invoice(&made.hash.0).unwrap();
    assert_eq!((own.amount_msat, own.description), (2_000, "🔌".repeat(64)));
    let again = sim.ledger.create(5_000, "another", 600, "");
    let body = format!(r#"{{"paymentHash":"{}","serialized":"{}"}}"#, PaymentHash(again.hash), again.bolt11);
    sim.faults.push("/createinvoice", Fault::Instead(200, kept(body)));
    assert!(service.create(&request).await.is_err(), "an invoice over another amount");
    let body = format!(r#"{{"paymentHash":"{}","serialized":"{}"}}"#, PaymentHash([7; 32]), own.bolt11);
    sim.faults.push("/createinvoice", Fault::Instead(200, kept(body)));
    assert!(service.create(&request).await.is_err(), "another hash than the invoice's");
}

#[tokio::test]
async fn an_invoice_can_expire() {
    let (sim, service) = started().await;
    let own = sim.ledger.create(5_000, "short", 0, "");
    let mut state = Incoming::Open;
    for _ in 0..100 {
        state = service.look_up_incoming(&PaymentHash(own.hash)).await.unwrap();
        if state != Incoming::Open {
            break;
        }
    }
    assert_eq!(state, Incoming::Expired);
    sim.ledger.receive(own.hash);
    assert_eq!(service.look_up_incoming(&PaymentHash(own.hash)).await.unwrap(), Incoming::Paid(Msat(5_000)));
}

#[tokio::test]
async fn every_page_of_the_history_is_read() {
    let (sim, service) = started().await;
    for _ in 0..90 {
        let own = sim.ledger.create(1_000, "", 600, "");
        sim.ledger.receive(own.hash);
    }
    sim.ledger.set_fee(4_018);
    let bolt11 = sim.ledger.foreign(4_567, 600);
    sim.ledger.pay(&bolt11, None).unwrap();
    sim.ledger.plan(Plan::NoRoute);
    assert!(sim.ledger.pay(&sim.ledger.foreign(4_567, 600), None).is_err());
    let listed = service.list_since(UnixMillis(0)).await.unwrap();
    let of = |direction| listed.iter().filter(move |item| item.direction == direction);
    assert_eq!(of(Direction::In).count(), 90);
    let out: Vec<_> = of(Direction::Out).collect();
    let [out] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!((out.amount, out.fee), (Msat(4_567), Some(Msat(4_018))), "sent is cut to satoshis, the invoice is not");
    assert!(out.preimage.is_some_and(|preimage| preimage.proves(&hash_of(&bolt11))));
    let from = UnixMillis(out.settled_at.unwrap().0 + 60_000);
    assert!(service.list_since(from).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_offer_is_paid_and_its_fee_limited() {
    let (sim, service) = started().await;
    let bolt11 = sim.ledger.foreign(100_000, 600);
    let offer = format!("lno-{bolt11}");
    let dear = service.pay_offer(&offer, Msat(100_000), Msat(4_399)).await.unwrap();
    assert!(matches!(dear, PayOutcome::NotSent(_)), "{dear:?}");
    assert!(service.pay_offer(&offer, Msat(100_001), FEE_MAX).await.is_err());
    let outcome = service.pay_offer(&offer, Msat(100_000), FEE_MAX).await.unwrap();
    let PayOutcome::Paid { preimage, fee } = outcome else { panic!("{outcome:?}") };
    assert!(preimage.proves(&hash_of(&bolt11)) && fee == Some(Msat(4_400)));
    assert_eq!(sim.ledger.payment(&hash_of(&bolt11).0).unwrap().state, PayState::Settled);
    let again = service.pay_offer(&offer, Msat(100_000), FEE_MAX).await.unwrap();
    assert!(matches!(again, PayOutcome::Unknown(_)), "{again:?}");
}

const BALANCE: u64 = 1_000_000_000;
const FEE_MAX: Msat = Msat(100_000);
