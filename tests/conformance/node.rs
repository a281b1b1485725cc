//! The built-in node, for real: it, an LSP, a shop and a neighbour on a regtest chain.

use std::sync::{Arc, Mutex};

use bitcoin::Network;
use kilosat::clock::Clock;
use kilosat::config::ChainSource;
use kilosat::demo::town::on_thread;
use kilosat::domain::invoice::PaymentHash;
use kilosat::domain::money::{Msat, UnixMillis};
use kilosat::engine::{Event, Found, PayOutcome};
use kilosat::lightning::answers::Grade;
use kilosat::lightning::{Direction, Incoming, LightningService, ServiceKind};
use ldk_node::payment::{PaymentDetails, PaymentKind, PaymentStatus};
use sim::wait;
use sim::wallets::Faults;
use sim::wallets::tls::{self, Identity};
use tokio::task::JoinSet;

use crate::bench::{Bench, Fate, World, hash_of, unreachable};
use crate::regtest::{EXPIRY_S, FIRST_MONEY, Regtest, request, started};
use crate::scenarios;
use crate::sentences::{self, Cell};

const FEE_MAX: Msat = Msat(10_000);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_lightning_node_keeps_its_word() {
    let bench = bench().await;
    let (reports, mut listening) = listen(&bench.service);
    let first = world(&bench).fund(&bench.service).await;
    the_first_money_is_known(&bench, &first, &reports).await;
    world(&bench).can_pay(&bench.service).await;
    scenarios::says_who_it_is(&bench).await;
    scenarios::pays_once_and_proves_it(&bench).await;
    scenarios::refuses_a_second_payment_of_one_hash(&bench).await;
    scenarios::a_payment_on_its_way_is_in_flight_until_it_ends(&bench).await;
    scenarios::a_payment_that_fails_later_is_failed(&bench).await;
    scenarios::no_route_is_a_final_failure(&bench).await;
    scenarios::an_empty_wallet_sends_nothing(&bench).await;
    scenarios::a_fee_above_the_limit_is_never_paid(&bench).await;
    scenarios::an_unknown_hash_is_not_found(&bench).await;
    scenarios::makes_invoices_and_sees_them_paid(&bench).await;
    scenarios::lists_what_was_settled(&bench).await;
    each_end_is_reported(&reports).await;
    its_own_invoice_is_no_payment(&bench).await;
    an_offer_is_paid_within_its_fee(&bench, &reports).await;
    an_address_fills_the_wallet(&bench).await;
    let [refused, certificate, credential, funds, no_route] = its_troubles_are_told_as_written(&bench).await;
    listening.shutdown().await;
    let (bench, away) = a_stop_in_the_middle_of_a_payment_loses_and_doubles_nothing(bench).await;
    let World::Regtest(regtest) = bench.world else { unreachable!("this bench has the real node") };
    bench.service.stop().await;
    regtest.town.close().await;
    const NOT_STARTED: &[&str] = &["cannot start", "Nothing was paid", "check that the chain source answers"];
    sentences::assert_told(
        ServiceKind::Node,
        [
            Cell::Says(refused, NOT_STARTED),
            Cell::Says(certificate, NOT_STARTED),
            Cell::Says(credential, NOT_STARTED),
            Cell::Never("Its keys are its own."),
            Cell::Never(
                "It is on the network of the configuration; invoices of others are refused before it sees them.",
            ),
            Cell::Says(away, sentences::NOT_READY),
            Cell::Says(funds, sentences::FUNDS),
            Cell::Says(no_route, sentences::NO_ROUTE),
        ],
    );
}

/// The node before anybody paid anything to it.
async fn bench() -> Bench {
    let regtest = Regtest::open().await;
    let service = regtest.service();
    let findings = service.check(true).await;
    assert!(findings.iter().any(|found| found.grade == Grade::Warning && found.text.contains("no channel yet")));
    let poor = service.pay(&regtest.bill(1_000, Fate::Settles).await, FEE_MAX).await;
    assert!(matches!(&poor, PayOutcome::NotSent(why) if why.contains("no channel yet")), "{poor:?}");
    Bench {
        service,
        world: World::Regtest(Box::new(regtest)),
        faults: Faults::default(),
        pay_path: "",
        look_up_path: "",
        unreachable: unreachable(ServiceKind::Phoenixd, "http", ""), // A node inside this process is always there.
        _kept: Box::new(()),
    }
}

/// What a node says that cannot start with this chain source. Only where money is at stake does it insist on one.
async fn not_started(chain: ChainSource) -> String {
    let folder = tempfile::tempdir().unwrap();
    started(folder.path().to_owned(), Network::Bitcoin, None, chain).await.err().unwrap().to_string()
}

/// The node's troubles are those of its chain source, of its channels, and of the way to the recipient.
async fn its_troubles_are_told_as_written(bench: &Bench) -> [String; 5] {
    let regtest = world(bench);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = not_started(ChainSource::Esplora(format!("http://{nobody}"))).await;
    let ChainSource::Esplora(esplora) = regtest.miner.source() else { unreachable!("the chain is in memory") };
    let strange = tls::in_front_of(&esplora, Identity::authority()).await;
    let certificate = not_started(ChainSource::Esplora(strange)).await;
    let guard = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = guard.local_addr().unwrap().port();
    let unauthorized = axum::Router::new().fallback(async || axum::http::StatusCode::UNAUTHORIZED);
    let guard = tokio::spawn(async move { axum::serve(guard, unauthorized).await });
    let cookie_file = regtest.folder.path().join("cookie");
    std::fs::write(&cookie_file, "__cookie__:wrong").unwrap();
    let credential = not_started(ChainSource::Bitcoind { host: "127.0.0.1".to_owned(), port, cookie_file }).await;
    guard.abort();
    let unpaid = async |bolt11: String| match bench.service.pay(&bolt11, FEE_MAX).await {
        PayOutcome::NotSent(why) | PayOutcome::Failed(why) => why,
        outcome => panic!("{outcome:?}"),
    };
    let funds = unpaid(regtest.bill(FIRST_MONEY.0, Fate::Settles).await).await;
    let no_route = unpaid(regtest.bill(100_000, Fate::Unreachable).await).await;
    [refused, certificate, credential, funds, no_route]
}

fn world(bench: &Bench) -> &Regtest {
    let World::Regtest(regtest) = &bench.world else { unreachable!("this bench has the real node") };
    regtest
}

type Reports = Arc<Mutex<Vec<Event>>>;

/// Notes the node's reports, as the agent hands them to the engine, and calls the LSP as the agent does.
fn listen(service: &LightningService) -> (Reports, JoinSet<()>) {
    let (reports, mut tasks) = (Reports::default(), JoinSet::new());
    let (listener, kept, caller) = (service.clone(), Arc::clone(&reports), service.clone());
    tasks.spawn(async move {
        while let Some(report) = listener.next_report().await {
            kept.lock().unwrap().push(report);
            listener.report_handled().await;
        }
    });
    tasks.spawn(async move {
        loop {
            caller.next_ready().await;
        }
    });
    (reports, tasks)
}

/// The first report that fits.
async fn reported<T>(reports: &Reports, what: &str, fits: impl Fn(&Event) -> Option<T>) -> T {
    let found = async || reports.lock().unwrap().iter().find_map(&fits);
    wait::answer(found).await.unwrap_or_else(|| panic!("not reported: {what}"))
}

async fn the_first_money_is_known(bench: &Bench, first: &PaymentHash, reports: &Reports) {
    let incoming = bench.service.look_up_incoming(first).await.unwrap();
    let Incoming::Paid(arrived) = incoming else { panic!("{incoming:?}") };
    assert!(arrived < FIRST_MONEY, "the LSP keeps its fee for the channel");
    let counted = async || (bench.world.balance_msat().await == arrived.0).then_some(());
    wait::answer(counted).await.expect("the channel holds what arrived");
    let listed = bench.service.list_since(UnixMillis(0)).await.unwrap();
    let [item] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((item.direction, item.hash, item.amount), (Direction::In, *first, arrived));
    let is_it =
        |event: &Event| matches!(event, Event::Received { hash, amount, .. } if hash == first && *amount == arrived);
    reported(reports, "the first money", |event| is_it(event).then_some(())).await;
    let found = bench.service.look_up(first).await;
    assert_eq!(found, Found::NotFound, "money that came in is no payment");
    let later = UnixMillis(Clock::real().now().wall.0 + 3_600_000);
    assert!(bench.service.list_since(later).await.unwrap().is_empty());
}

/// The node tells of money that comes in and of every end by itself; that is its kind of hint.
async fn each_end_is_reported(reports: &Reports) {
    let settled = |event: &Event| match event {
        Event::Outcome { hash, outcome: PayOutcome::Paid { preimage, .. } } => preimage.proves(hash).then_some(()),
        _ => None,
    };
    reported(reports, "a payment that settled", settled).await;
    let failed = |event: &Event| match event {
        Event::Outcome { outcome: PayOutcome::Failed(why), .. } => Some(why.clone()),
        _ => None,
    };
    let why = reported(reports, "a payment that failed", failed).await;
    assert!(why.contains("did not take the payment") && why.contains("Nothing was paid"), "{why}");
}

async fn its_own_invoice_is_no_payment(bench: &Bench) {
    let own = bench.service.create(&request(Msat(100_000), "own")).await.unwrap();
    for _ in 0..2 {
        let outcome = bench.service.pay(&own.bolt11, FEE_MAX).await;
        assert!(matches!(&outcome, PayOutcome::NotSent(why) if why.contains("own")), "{outcome:?}");
        assert_eq!(bench.service.look_up(&own.hash).await, Found::NotFound);
    }
    world(bench).pay(&own.bolt11).await;
    assert_eq!(
        bench.service.look_up(&own.hash).await,
        Found::NotFound,
        "the preimage of money received proves nothing"
    );
    assert!(matches!(bench.service.pay("lnbcrt1nonsense", FEE_MAX).await, PayOutcome::NotSent(_)));
}

async fn an_offer_is_paid_within_its_fee(bench: &Bench, reports: &Reports) {
    let (regtest, amount) = (world(bench), Msat(77_000));
    let shop = regtest.shop();
    let offer = on_thread(move || shop.bolt12_payment().receive(amount.0, "by the offer", Some(EXPIRY_S), None));
    let offer = offer.await.unwrap().unwrap().to_string();
    // In a town this small nobody passes messages on.
    let (node, peer) = (regtest.node(), regtest.town.utility.peer());
    let (key, address) = peer.split_once('@').unwrap();
    let (key, address) = (key.parse().unwrap(), address.parse().unwrap());
    on_thread(move || node.connect(key, address, false)).await.unwrap().unwrap();

    assert!(bench.service.pay_offer("lno1nonsense", amount, FEE_MAX).await.is_err());
    let too_little = bench.service.pay_offer(&offer, Msat(76_999), FEE_MAX).await.unwrap();
    assert!(matches!(too_little, PayOutcome::NotSent(_)), "{too_little:?}");
    let too_much = bench.service.pay_offer(&offer, Msat(u64::MAX / 4), FEE_MAX).await.unwrap();
    assert!(matches!(&too_much, PayOutcome::NotSent(why) if why.contains("too small")), "{too_much:?}");

    let (before, got) = (bench.world.balance_msat().await, regtest.town.utility.received_msat());
    assert_eq!(bench.service.pay_offer(&offer, amount, Msat(900)).await.unwrap(), PayOutcome::InFlight);
    let pending = |payment: &&PaymentDetails| {
        payment.status == PaymentStatus::Pending && matches!(payment.kind, PaymentKind::Bolt12Offer { .. })
    };
    let ended = async || regtest.node().list_payments_with_filter(pending).is_empty().then_some(());
    wait::answer(ended).await.expect("no way is cheap enough");
    assert_eq!((bench.world.balance_msat().await, regtest.town.utility.received_msat()), (before, got));

    let known: Vec<_> = bench.service.list_since(UnixMillis(0)).await.unwrap().iter().map(|item| item.hash).collect();
    assert_eq!(bench.service.pay_offer(&offer, amount, FEE_MAX).await.unwrap(), PayOutcome::InFlight);
    let paid = |event: &Event| match event {
        Event::Outcome { hash, outcome: PayOutcome::Paid { preimage, fee } } if !known.contains(hash) => {
            Some((*hash, *preimage, *fee))
        }
        _ => None,
    };
    let (hash, preimage, fee) = reported(reports, "the payment to the offer", paid).await;
    assert!(preimage.proves(&hash) && fee.is_some_and(|fee| fee <= FEE_MAX));
    assert_eq!(bench.world.balance_msat().await, before - amount.0 - fee.unwrap().0);
    let listed = bench.service.list_since(UnixMillis(0)).await.unwrap();
    let item = listed.iter().find(|item| item.hash == hash).unwrap();
    assert_eq!((item.direction, item.amount, item.fee, item.preimage), (Direction::Out, amount, fee, Some(preimage)));
    let got = async || (regtest.town.utility.received_msat() == got + amount.0).then_some(());
    wait::answer(got).await.expect("the shop has it, once");
}

async fn an_address_fills_the_wallet(bench: &Bench) {
    let regtest = world(bench);
    let address = bench.service.deposit_address().await.unwrap();
    let address: bitcoin::Address<bitcoin::address::NetworkUnchecked> = address.parse().unwrap();
    let address = address.require_network(Network::Regtest).unwrap();
    let on_chain = || regtest.node().list_balances().total_onchain_balance_sats;
    assert_eq!(on_chain(), 0);
    regtest.miner.mine(1, &address).await.unwrap();
    regtest.sync().await;
    assert_eq!(on_chain(), 5_000_000_000, "one block's reward");
    let listed = bench.service.list_since(UnixMillis(0)).await.unwrap();
    assert!(listed.iter().all(|item| item.amount < Msat(5_000_000_000_000)), "money on the chain is no payment");
}

/// One payment is held, one is refused and one settles while the node is away.
async fn a_stop_in_the_middle_of_a_payment_loses_and_doubles_nothing(bench: Bench) -> (Bench, String) {
    let regtest = world(&bench);
    let before = bench.world.balance_msat().await;
    let held = regtest.bill(5_000_000, Fate::Held).await;
    let refused = regtest.bill(6_000_000, Fate::Held).await;
    let quick = regtest.bill(7_000_000, Fate::Settles).await;
    for bolt11 in [&held, &refused] {
        assert_eq!(bench.service.pay(bolt11, FEE_MAX).await, PayOutcome::InFlight);
        let waits = async || regtest.waits_at_shop(hash_of(bolt11)).then_some(());
        wait::answer(waits).await.expect("it arrives at the shop");
    }
    assert_eq!(bench.service.pay(&quick, FEE_MAX).await, PayOutcome::InFlight);
    bench.service.stop().await;
    for bolt11 in [&held, &refused] {
        assert_eq!(bench.service.look_up(&hash_of(bolt11)).await, Found::Outcome(PayOutcome::InFlight));
        assert_eq!(bench.service.pay(bolt11, FEE_MAX).await, PayOutcome::AlreadyKnown);
    }
    let late = regtest.bill(400_000, Fate::Settles).await;
    let PayOutcome::NotSent(away) = bench.service.pay(&late, FEE_MAX).await else { panic!("no channel works") };
    assert_eq!(bench.service.look_up(&hash_of(&late)).await, Found::NotFound);
    regtest.resolve(hash_of(&refused), false).await;

    regtest.restart().await;
    let bench = Bench { service: regtest.service(), ..bench };
    let (_reports, _listening) = listen(&bench.service);
    let regtest = world(&bench);
    let found = bench.service.look_up(&hash_of(&held)).await;
    assert_eq!(found, Found::Outcome(PayOutcome::InFlight), "still on its way after the restart");
    regtest.can_pay(&bench.service).await;
    for bolt11 in [&held, &quick] {
        let again = bench.service.pay(bolt11, FEE_MAX).await;
        assert_eq!(again, PayOutcome::AlreadyKnown, "nothing is paid twice");
    }
    regtest.resolve(hash_of(&held), true).await;
    for (bolt11, settles) in [(&held, true), (&refused, false), (&quick, true)] {
        let found = scenarios::ended(&bench, &hash_of(bolt11)).await;
        match found {
            Found::Outcome(PayOutcome::Paid { preimage, .. }) => assert!(settles && preimage.proves(&hash_of(bolt11))),
            Found::Outcome(PayOutcome::Failed(_)) => assert!(!settles, "{bolt11}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.world.has_got(hash_of(bolt11)).await, settles);
    }
    let fees = 2 * 1_000;
    let settled = async || (bench.world.balance_msat().await == before - 12_000_000 - fees).then_some(());
    wait::answer(settled).await.expect("the refused one came back, the others were paid once");
    (bench, away)
}
