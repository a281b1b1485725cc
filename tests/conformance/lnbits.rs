//! LNbits: the real server for what it does, and a few invented answers for what its FakeWallet never says.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::{MethodRouter, get, post};
use kilosat::domain::invoice::{PaymentHash, Preimage};
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Found, PayOutcome};
use kilosat::lightning::answers::Grade;
use kilosat::lightning::{
    Direction, Incoming, InvoiceRequest, LightningService, NewInvoice, Remote, ServiceKind, Waits,
};
use lightning_invoice::Currency;
use serde_json::{Value, json};
use sim::wait;
use sim::wallets::lnbits::LnbitsServer;
use sim::wallets::{Fault, Faults, Ledger};

use crate::bench::{Bench, World, hash_of, remote, unreachable};
use crate::scenarios;

const AMOUNT: Msat = Msat(100_000);
const FEE_MAX: Msat = Msat(10_000);

/// The two sides of one real server, and the invoices of people it does not know.
struct Stage {
    server: Arc<LnbitsServer>,
    buyer: LightningService,
    seller: LightningService,
    world: Ledger,
}

/// One test, because the server takes long to start.
#[tokio::test]
async fn the_real_server_keeps_its_word() {
    let stage = Stage::set();
    stage.says_who_it_is().await;
    stage.keys_do_what_they_may().await;
    stage.refuses_a_second_payment_of_one_hash().await;
    stage.pays_its_own_invoice_once().await;
    stage.an_invoice_of_a_stranger_fails_for_good().await;
    stage.an_empty_wallet_sends_nothing().await;
    stage.a_fee_above_the_limit_is_never_paid().await;
    stage.an_unknown_hash_is_not_found().await;
    stage.a_wrong_key_proves_nothing().await;
    stage.makes_invoices_and_sees_them_paid().await;
    stage.lists_what_was_settled().await;
    stage.a_strangers_row_is_no_payment_of_ours().await;
    crate::hints::the_real_lnbits_hints_at_money(&stage.server).await;
    crate::sentences::lnbits_troubles_are_told_as_written(&stage.server).await;
    let bench = stage.bench();
    scenarios::says_who_it_is(&bench).await;
    scenarios::pays_once_and_proves_it(&bench).await;
    scenarios::refuses_a_second_payment_of_one_hash(&bench).await;
    scenarios::no_route_is_a_final_failure(&bench).await;
    scenarios::an_empty_wallet_sends_nothing(&bench).await;
    scenarios::a_fee_above_the_limit_is_never_paid(&bench).await;
    scenarios::an_unknown_hash_is_not_found(&bench).await;
    scenarios::a_wallet_that_is_not_there_was_sent_nothing(&bench).await;
    scenarios::makes_invoices_and_sees_them_paid(&bench).await;
    scenarios::lists_what_was_settled(&bench).await;
}

impl Stage {
    fn set() -> Stage {
        let server = Arc::new(LnbitsServer::start());
        let buyer = real(&server.url, &server.buyer.admin_key);
        let seller = real(&server.url, &server.seller.invoice_key);
        Stage { server, buyer, seller, world: Ledger::new(Currency::Bitcoin, 0, 0) }
    }

    fn bench(&self) -> Bench {
        Bench {
            service: self.buyer.clone(),
            world: World::Lnbits(Arc::clone(&self.server), self.world.clone()),
            faults: Faults::default(),
            pay_path: "",
            look_up_path: "",
            unreachable: unreachable(ServiceKind::Lnbits, "http", "key"),
            _kept: Box::new(()),
        }
    }

    /// An invoice of the seller, on the same server.
    async fn bill(&self) -> NewInvoice {
        self.seller.create(&request(AMOUNT)).await.unwrap()
    }

    async fn balance(&self) -> u64 {
        self.buyer.balance().await.unwrap().balance_msat
    }

    async fn says_who_it_is(&self) {
        let info = self.buyer.info().await.unwrap();
        assert_eq!((info.node_id, info.alias.as_str()), (self.server.buyer.id.clone(), "buyer"));
        let balance = self.buyer.balance().await.unwrap();
        assert_eq!((balance.balance_msat, balance.spendable_msat), (100_000_000, 99_009_900));
        let limited = self.seller.info().await.unwrap();
        assert_eq!((limited.node_id.as_str(), limited.alias.as_str()), ("", "seller"), "the invoice key sees no id");
    }

    async fn keys_do_what_they_may(&self) {
        let server = &self.server;
        for (key, spends, grades, part) in [
            (server.buyer.admin_key.as_str(), true, vec![Grade::Good, Grade::Warning], "can pay"),
            (&server.buyer.admin_key, false, vec![Grade::Warning], "Selling needs only the invoice key"),
            (&server.buyer.invoice_key, false, vec![Grade::Good], "pay nothing"),
            (&server.buyer.invoice_key, true, vec![Grade::Error], "paying needs the admin key"),
            (&server.empty.admin_key, true, vec![Grade::Error], "is too small"),
            ("wrong", true, vec![Grade::Error], "does not accept the wallet key"),
            ("", false, vec![Grade::Error], "does not accept the wallet key"),
        ] {
            let findings = real(&server.url, key).check(spends).await;
            assert_eq!(findings.iter().map(|finding| finding.grade).collect::<Vec<_>>(), grades, "{findings:?}");
            assert!(findings[0].text.contains(part), "{part}: {findings:?}");
        }
        let bill = self.bill().await;
        for (key, part) in [
            (server.buyer.invoice_key.as_str(), "it may not do this"),
            ("wrong", "does not accept the wallet key"),
            ("", "does not accept the wallet key"),
        ] {
            let outcome = real(&server.url, key).pay(&bill.bolt11, FEE_MAX).await;
            assert!(matches!(&outcome, PayOutcome::NotSent(why) if why.contains(part)), "{part}: {outcome:?}");
        }
        assert_eq!(self.seller.look_up_incoming(&bill.hash).await.unwrap(), Incoming::Open);
    }

    async fn refuses_a_second_payment_of_one_hash(&self) {
        let bill = self.bill().await;
        self.buyer.pay(&bill.bolt11, FEE_MAX).await;
        let after_one = self.balance().await;
        assert_eq!(self.buyer.pay(&bill.bolt11, FEE_MAX).await, PayOutcome::AlreadyKnown);
        let contested = self.bill().await;
        let (one, two) =
            tokio::join!(self.buyer.pay(&contested.bolt11, FEE_MAX), self.buyer.pay(&contested.bolt11, FEE_MAX));
        let won = |outcome: &PayOutcome| matches!(outcome, PayOutcome::Paid { .. });
        assert!(won(&one) || won(&two), "{one:?} {two:?}");
        for outcome in [&one, &two] {
            let clear = matches!(outcome, PayOutcome::Paid { .. } | PayOutcome::AlreadyKnown | PayOutcome::Unknown(_));
            assert!(clear, "{outcome:?}");
        }
        assert_eq!(self.balance().await, after_one - AMOUNT.0);
    }

    /// Both rows carry one hash; the look-up shows the outgoing one.
    async fn pays_its_own_invoice_once(&self) {
        let own = self.buyer.create(&request(AMOUNT)).await.unwrap();
        let before = self.buyer.look_up(&own.hash).await;
        assert!(matches!(before, Found::Unavailable(_)), "an invoice is no payment: {before:?}");
        let paid = self.buyer.pay(&own.bolt11, FEE_MAX).await;
        assert!(matches!(paid, PayOutcome::Paid { .. }), "{paid:?}");
        assert_eq!(self.buyer.look_up(&own.hash).await, Found::Outcome(paid));
    }

    async fn an_invoice_of_a_stranger_fails_for_good(&self) {
        let before = self.balance().await;
        let bolt11 = self.world.foreign(AMOUNT.0, 600);
        let outcome = self.buyer.pay(&bolt11, FEE_MAX).await;
        assert!(matches!(&outcome, PayOutcome::Failed(why) if why.contains("did not take")), "{outcome:?}");
        let found = self.buyer.look_up(&hash_of(&bolt11)).await;
        assert!(matches!(found, Found::Outcome(PayOutcome::Failed(_))), "{found:?}");
        assert_eq!(self.balance().await, before, "the reserve came back");
        // The second time the server answers 201 with the old row.
        let again = self.buyer.pay(&bolt11, FEE_MAX).await;
        assert!(matches!(&again, PayOutcome::Unknown(why) if why.contains("earlier attempt")), "{again:?}");
    }

    async fn an_empty_wallet_sends_nothing(&self) {
        let bill = self.bill().await;
        let dear = self.world.foreign(self.balance().await + 1_000_000, 600);
        let whole = self.world.foreign(self.balance().await, 600);
        let empty = real(&self.server.url, &self.server.empty.admin_key);
        for (service, bolt11) in [(&self.buyer, &dear), (&self.buyer, &whole), (&empty, &bill.bolt11)] {
            let outcome = service.pay(bolt11, Msat(100_000_000)).await;
            assert!(matches!(&outcome, PayOutcome::NotSent(why) if why.contains("is too small")), "{outcome:?}");
            assert_eq!(service.look_up(&hash_of(bolt11)).await, Found::NotFound);
        }
    }

    async fn a_fee_above_the_limit_is_never_paid(&self) {
        let bill = self.bill().await;
        let outcome = self.buyer.pay(&bill.bolt11, Msat(1_999)).await;
        assert!(matches!(&outcome, PayOutcome::NotSent(why) if why.contains("larger fee")), "{outcome:?}");
        let paid = self.buyer.pay(&bill.bolt11, Msat(2_000)).await;
        assert!(matches!(paid, PayOutcome::Paid { .. }), "{paid:?}");
    }

    async fn an_unknown_hash_is_not_found(&self) {
        let unknown = PaymentHash([9; 32]);
        assert_eq!(self.buyer.look_up(&unknown).await, Found::NotFound);
        assert_eq!(self.buyer.look_up_incoming(&unknown).await.unwrap(), Incoming::NotFound);
        assert_eq!(self.seller.look_up_incoming(&unknown).await.unwrap(), Incoming::NotFound);
    }

    /// With a wrong key a look-up gets the answer for strangers, or that there is nothing.
    async fn a_wrong_key_proves_nothing(&self) {
        let bill = self.bill().await;
        let wrong = real(&self.server.url, "wrong");
        for is_paid in [false, true] {
            if is_paid {
                self.buyer.pay(&bill.bolt11, FEE_MAX).await;
            }
            let found = wrong.look_up(&bill.hash).await;
            assert!(matches!(&found, Found::Unavailable(why) if why.contains("does not accept")), "{found:?}");
            assert!(wrong.look_up_incoming(&bill.hash).await.is_err());
        }
        let found = wrong.look_up(&PaymentHash([9; 32])).await;
        assert!(matches!(&found, Found::Unavailable(why) if why.contains("does not accept")), "{found:?}");
        assert!(wrong.create(&request(AMOUNT)).await.unwrap_err().to_string().contains("does not accept"));
    }

    async fn makes_invoices_and_sees_them_paid(&self) {
        for (asked, made) in [(AMOUNT.0, AMOUNT.0), (1_500, 2_000), (1, 1_000)] {
            let invoice = self.seller.create(&request(Msat(asked))).await.unwrap();
            assert_eq!(hash_of(&invoice.bolt11), invoice.hash);
            assert_eq!(self.seller.look_up_incoming(&invoice.hash).await.unwrap(), Incoming::Open);
            self.buyer.pay(&invoice.bolt11, FEE_MAX).await;
            assert_eq!(self.seller.look_up_incoming(&invoice.hash).await.unwrap(), Incoming::Paid(Msat(made)));
        }
    }

    async fn lists_what_was_settled(&self) {
        let (own, open, out) =
            (self.buyer.create(&request(AMOUNT)).await.unwrap(), self.bill().await, self.bill().await);
        let begun = kilosat::clock::Clock::real().now().wall;
        let (status, _) = self.pay_as(&self.server.seller.admin_key, &own.bolt11).await;
        assert_eq!(status, 201);
        self.buyer.pay(&out.bolt11, FEE_MAX).await;
        let listed = self.buyer.list_since(UnixMillis(begun.0 - 2_000)).await.unwrap();
        let has = |direction, hash: PaymentHash| {
            let is_it = |item: &&kilosat::lightning::Listed| item.direction == direction && item.hash == hash;
            listed.iter().find(is_it).is_some_and(|item| {
                item.amount == AMOUNT
                    && item.preimage.is_some()
                    && item.settled_at.is_some_and(|at| at.0 + 2_000 > begun.0)
            })
        };
        assert!(has(Direction::In, own.hash) && has(Direction::Out, out.hash), "{listed:?}");
        assert!(!listed.iter().any(|item| item.hash == open.hash), "an open invoice is not settled");
        let seller = self.seller.list_since(UnixMillis(0)).await.unwrap();
        assert!(!seller.iter().any(|item| item.hash == open.hash) && seller.len() > 5, "{seller:?}");
    }

    /// Looked up after its expiry, an invoice counts as failed; whoever pays it then is shown the seller's row, with a
    /// valid preimage and without having paid anything.
    async fn a_strangers_row_is_no_payment_of_ours(&self) {
        let body = json!({ "out": false, "amount": 4, "expiry": 1 });
        let (status, made) = self.server.post("/api/v1/payments", &self.server.seller.invoice_key, &body).await;
        assert_eq!(status, 201, "{made}");
        let bolt11 = made["bolt11"].as_str().unwrap();
        let hash = hash_of(bolt11);
        let expired = async || {
            let state = self.seller.look_up_incoming(&hash).await.unwrap();
            (state == Incoming::Expired).then_some(())
        };
        wait::answer(expired).await.expect("it expires after a second");
        let before = self.balance().await;
        let outcome = self.buyer.pay(bolt11, FEE_MAX).await;
        assert!(matches!(&outcome, PayOutcome::Unknown(why) if why.contains("somebody else")), "{outcome:?}");
        assert_eq!(self.balance().await, before);
        assert_eq!(self.buyer.look_up(&hash).await, Found::NotFound);
        let (status, shown) = self.pay_as(&self.server.buyer.admin_key, bolt11).await;
        let trap = (status, shown["amount"].as_i64(), shown["wallet_id"].as_str());
        assert_eq!(trap, (201, Some(4_000), Some(self.server.seller.id.as_str())), "the trap is what it was: {shown}");
    }

    async fn pay_as(&self, key: &str, bolt11: &str) -> (u16, Value) {
        self.server.post("/api/v1/payments", key, &json!({ "out": true, "bolt11": bolt11 })).await
    }
}

/// What must follow from an invented answer.
#[derive(Clone, Copy, Debug)]
enum Want {
    Paid,
    InFlight,
    Known,
    Failed,
    NotSent(&'static str),
    Unknown,
    NotFound,
    Unavailable,
}

/// An LNbits that has one answer for pay calls and one for look-ups, and what breaks on the way to each of its places.
struct Invented {
    service: LightningService,
    bolt11: String,
    pay: Faults,
    look_up: Faults,
    reserve: Faults,
    wallet: Faults,
}

const OURS: &str = "ba1ecfb84427462a8a78575aa038e959";

/// The invoice that [`Invented`] pays, and its proof.
fn purchase() -> (String, Preimage) {
    let world = Ledger::new(Currency::Bitcoin, AMOUNT.0, 0);
    let bolt11 = world.foreign(AMOUNT.0, 600);
    let preimage = Preimage(world.pay(&bolt11, None).unwrap().preimage);
    (bolt11, preimage)
}

/// The payment as LNbits shows it, with a few members changed.
fn row(changed: Value) -> Value {
    let (bolt11, preimage) = purchase();
    let mut row = json!({
        "wallet_id": OURS, "payment_hash": hash_of(&bolt11).to_string(), "amount": -100_000, "fee": -1_500,
        "status": "success", "preimage": preimage.to_string(), "updated_at": "2026-11-24T06:44:53.833322+00:00",
        "bolt11": bolt11,
    });
    for (key, value) in changed.as_object().unwrap() {
        row[key] = value.clone();
    }
    row
}

impl Invented {
    async fn start(pay: (u16, String), look_up: (u16, String)) -> Invented {
        let answer = |(status, body): (u16, String)| (StatusCode::from_u16(status).unwrap(), body).into_response();
        let place = |path: &str, method: MethodRouter| {
            let faults = Faults::default();
            (faults.wrap(Router::new().route(path, method)), faults)
        };
        let wallet = json!({ "id": OURS, "name": "ours", "balance": 1_000_000 }).to_string();
        let list = json!([row(json!({}))]).to_string();
        let payments = post(async move || answer(pay)).get(async move || list);
        let (payments, pay) = place("/api/v1/payments", payments);
        let (payment, look_up) = place("/api/v1/payments/{hash}", get(async move || answer(look_up)));
        let fee = async || json!({ "fee_reserve": 2_000 }).to_string();
        let (fee, reserve) = place("/api/v1/payments/fee-reserve", get(fee));
        let (key, wallet) = place("/api/v1/wallet", get(async move || wallet));
        let router = payments.merge(payment).merge(fee).merge(key);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Invented { service: at(&url, "key"), bolt11: purchase().0, pay, look_up, reserve, wallet }
    }
}

#[tokio::test]
async fn an_answer_to_a_pay_call_means_no_more_than_it_says() {
    let nothing = (404, json!({ "detail": "Payment does not exist." }).to_string());
    let failed = row(json!({ "status": "failed" }));
    let failed = (200, json!({ "paid": false, "status": "failed", "details": failed }).to_string());
    let error = |detail: &str, status: &str| json!({ "detail": detail, "status": status }).to_string();
    let detail = |detail: &str| json!({ "detail": detail }).to_string();
    let changed = |value: Value| row(value).to_string();
    for (status, body, look_up, want) in [
        (201, changed(json!({})), &nothing, Want::Paid),
        (200, changed(json!({})), &nothing, Want::Paid),
        (201, changed(json!({ "status": "pending", "preimage": null })), &nothing, Want::InFlight),
        (201, changed(json!({ "status": "pending" })), &nothing, Want::InFlight),
        (201, changed(json!({ "status": "failed" })), &nothing, Want::Unknown),
        (201, changed(json!({ "status": "failed", "amount": 100_000 })), &nothing, Want::Unknown),
        (201, changed(json!({ "status": "new word" })), &nothing, Want::Unknown),
        (201, changed(json!({ "amount": 100_000 })), &nothing, Want::Unknown),
        (201, changed(json!({ "amount": "-100000" })), &nothing, Want::Unknown),
        (201, changed(json!({ "wallet_id": "another" })), &nothing, Want::Unknown),
        (201, changed(json!({ "payment_hash": "00".repeat(32) })), &nothing, Want::Unknown),
        (201, changed(json!({ "preimage": "00".repeat(32) })), &nothing, Want::Unknown),
        (201, changed(json!({ "preimage": null })), &nothing, Want::Unknown),
        (202, changed(json!({})), &nothing, Want::Unknown),
        (201, "{}".to_owned(), &nothing, Want::Unknown),
        (201, "[]".to_owned(), &nothing, Want::Unknown),
        (201, "<html>".to_owned(), &nothing, Want::Unknown),
        (500, detail("Unexpected error! ID: 1"), &nothing, Want::Unknown),
        (500, String::new(), &nothing, Want::Unknown),
        (520, error("new words", "failed"), &nothing, Want::Unknown),
        (520, error("new words", "failed"), &failed, Want::Unknown),
        (520, "origin error".to_owned(), &nothing, Want::Unknown),
        (520, error("Payment already paid.", "success"), &nothing, Want::Known),
        (520, error("Payment is still pending.", "pending"), &nothing, Want::Known),
        (520, error("Internal invoice already paid.", "failed"), &nothing, Want::Known),
        (520, error("Payment failed: no_route", "failed"), &failed, Want::Failed),
        (520, error("Payment failed: no_route", "failed"), &nothing, Want::Unknown),
        (520, error("Payment is failed node, retrying is not possible.", "failed"), &failed, Want::Failed),
        (520, error("Insufficient balance.", "failed"), &nothing, Want::NotSent("is too small")),
        (520, error("Insufficient balance.", "failed"), &failed, Want::Known),
        (520, error("You must reserve at least (2  sat) to", "failed"), &nothing, Want::NotSent("is too small")),
        (520, error("Invoice amount 100 sats is too high.", "failed"), &nothing, Want::NotSent("limit of its own")),
        (520, error("The time limit of 5 seconds", "failed"), &nothing, Want::NotSent("limit of its own")),
        (400, detail("Daily withdrawal limit of 9 sats reached."), &nothing, Want::NotSent("limit of its own")),
        (400, detail("new words"), &nothing, Want::Unknown),
        (403, detail("Invoice (or Admin) key required."), &nothing, Want::NotSent("may not do this")),
        (403, "<html>".to_owned(), &nothing, Want::Unknown),
        (404, detail("Wallet not found."), &nothing, Want::NotSent("does not accept")),
        (404, detail("Not Found"), &nothing, Want::Unknown),
    ] {
        let wallet = Invented::start((status, body.clone()), look_up.clone()).await;
        let outcome = wallet.service.pay(&wallet.bolt11, FEE_MAX).await;
        check(&Found::Outcome(outcome), want, &format!("{status} {body}"));
    }
}

#[tokio::test]
async fn an_answer_to_a_look_up_means_no_more_than_it_says() {
    let shown = |paid: bool, value: Value| json!({ "paid": paid, "details": row(value) }).to_string();
    let world = Ledger::new(Currency::Bitcoin, 0, 0);
    let (expired, another) = (world.foreign(AMOUNT.0, 1), world.foreign(AMOUNT.0, 600));
    for (status, body, want) in [
        (200, shown(true, json!({})), Want::Paid),
        (200, shown(false, json!({ "status": "pending", "preimage": null })), Want::InFlight),
        (200, shown(false, json!({ "status": "failed" })), Want::Failed),
        (200, shown(false, json!({ "status": "failed", "updated_at": null })), Want::Failed),
        (200, shown(false, json!({ "status": "failed", "updated_at": "2099-11-24T06:44:53Z" })), Want::Unavailable),
        (200, shown(false, json!({ "status": "failed", "updated_at": null, "bolt11": expired })), Want::Unavailable),
        (200, shown(false, json!({ "status": "failed", "bolt11": expired })), Want::Failed),
        (200, shown(false, json!({ "status": "failed", "bolt11": another })), Want::Unavailable),
        (200, shown(false, json!({ "status": "failed", "bolt11": null })), Want::Unavailable),
        (200, shown(false, json!({})), Want::Unavailable),
        (200, shown(true, json!({ "status": "failed" })), Want::Unavailable),
        (200, shown(true, json!({ "amount": 100_000 })), Want::Unavailable),
        (200, shown(false, json!({ "amount": 100_000, "status": "failed" })), Want::Unavailable),
        (200, shown(true, json!({ "preimage": "00".repeat(32) })), Want::Unavailable),
        (200, shown(true, json!({ "payment_hash": "00".repeat(32) })), Want::Unavailable),
        (200, json!({ "paid": true, "preimage": purchase().1.to_string() }).to_string(), Want::Unavailable),
        (200, json!({ "paid": false, "status": "failed" }).to_string(), Want::Unavailable),
        (200, json!({ "paid": false, "details": null }).to_string(), Want::Unavailable),
        (200, "{}".to_owned(), Want::Unavailable),
        (200, "null".to_owned(), Want::Unavailable),
        (404, json!({ "detail": "Payment does not exist." }).to_string(), Want::NotFound),
        (404, json!({ "detail": "Not Found" }).to_string(), Want::Unavailable),
        (404, "<html>no such page</html>".to_owned(), Want::Unavailable),
        (500, json!({ "detail": "Payment does not exist." }).to_string(), Want::Unavailable),
        (520, json!({ "detail": "x", "status": "failed" }).to_string(), Want::Unavailable),
    ] {
        let wallet = Invented::start((500, String::new()), (status, body.clone())).await;
        let found = wallet.service.look_up(&hash_of(&wallet.bolt11)).await;
        check(&found, want, &format!("{status} {body}"));
    }
}

#[tokio::test]
async fn what_breaks_on_the_way_is_unknown_and_changes_nothing() {
    let (paid, nothing) = (row(json!({})).to_string(), json!({ "detail": "Payment does not exist." }).to_string());
    let wallet = Invented::start((201, paid), (404, nothing)).await;
    // The first pay call also learns the wallet's id; the faults are for the calls after it.
    check(&Found::Outcome(wallet.service.pay(&wallet.bolt11, FEE_MAX).await), Want::Paid, "nothing breaks");
    for fault in [
        Fault::After(502, "bad gateway"),
        Fault::After(504, ""),
        Fault::After(200, ""),
        Fault::Instead(408, "slow"),
        Fault::Instead(429, "too many"),
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::HangAfter,
        Fault::Redirect,
        Fault::Endless,
    ] {
        wallet.reserve.push("", fault);
        let outcome = wallet.service.pay(&wallet.bolt11, FEE_MAX).await;
        assert!(matches!(outcome, PayOutcome::NotSent(_)), "before the pay call, {fault:?}: {outcome:?}");
        wallet.pay.push("", fault);
        check(&Found::Outcome(wallet.service.pay(&wallet.bolt11, FEE_MAX).await), Want::Unknown, &format!("{fault:?}"));
        wallet.look_up.push("", fault);
        let found = wallet.service.look_up(&hash_of(&wallet.bolt11)).await;
        check(&found, Want::Unavailable, &format!("{fault:?}"));
        wallet.wallet.push("", fault);
        let found = wallet.service.look_up(&hash_of(&wallet.bolt11)).await;
        check(&found, Want::Unavailable, &format!("the key is not known to be good, {fault:?}"));
    }
}

#[track_caller]
fn check(found: &Found, want: Want, case: &str) {
    let as_wanted = match (found, want) {
        (Found::Outcome(PayOutcome::Paid { fee, .. }), Want::Paid) => *fee == Some(Msat(1_500)),
        (Found::Outcome(PayOutcome::NotSent(why)), Want::NotSent(part)) => why.contains(part),
        (Found::Outcome(PayOutcome::InFlight), Want::InFlight)
        | (Found::Outcome(PayOutcome::AlreadyKnown), Want::Known)
        | (Found::Outcome(PayOutcome::Failed(_)), Want::Failed)
        | (Found::Outcome(PayOutcome::Unknown(_)), Want::Unknown)
        | (Found::NotFound, Want::NotFound)
        | (Found::Unavailable(_), Want::Unavailable) => true,
        _ => false,
    };
    assert!(as_wanted, "{case}: {found:?}, wanted {want:?}");
}

/// A busy machine may let a real server wait; only invented ones are given up early.
fn real(url: &str, key: &str) -> LightningService {
    let remote = Remote { waits: Waits::default(), ..remote(url, key) };
    LightningService::remote(ServiceKind::Lnbits, remote).unwrap()
}

fn at(url: &str, key: &str) -> LightningService {
    LightningService::remote(ServiceKind::Lnbits, remote(url, key)).unwrap()
}

fn request(amount: Msat) -> InvoiceRequest {
    let description = "Charging at the garage".to_owned();
    InvoiceRequest { amount, description, expiry_s: 600, label: "purchase 1".to_owned() }
}
