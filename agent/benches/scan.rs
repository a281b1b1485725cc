//! The savings' first search over 1,000 used addresses, and one look at a wallet in which nothing changed: time and requests,
//! beside a plain loop of `bdk_esplora` on the same chain in the same run.
//!
//! `cargo bench --package kilosat --bench scan`
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use bdk_esplora::EsploraAsyncExt as _;
use bdk_esplora::esplora_client::{AsyncClient, Builder};
use bdk_wallet::{KeychainKind, Wallet};
use bitcoin::Network;
use kilosat::clock::Clock;
use kilosat::config::{ChainSource, Config, TreasuryConfig, TreasuryKind};
use kilosat::demo::chain::Chain;
use kilosat::demo::esplora;
use kilosat::engine::{Engine, Rules};
use kilosat::keys::Seed;
use kilosat::store::Store;
use kilosat::tasks::EngineHandle;
use kilosat::treasury::{Asked, Keeper, Keys, Treasury};
use tokio::sync::mpsc;

const ADDRESSES: u32 = 1_000;
const ROUNDS: u32 = 3;
const STOP_GAP: u32 = 20;
/// As many requests at once as the savings' client makes.
const AT_ONCE: usize = 4;

/// A chain that counts what it is asked.
struct Counted {
    url: String,
    requests: Arc<AtomicU64>,
}

impl Counted {
    async fn serve(chain: Arc<Chain>) -> Counted {
        let requests = Arc::new(AtomicU64::new(0));
        let count = async |State(requests): State<Arc<AtomicU64>>, request: Request, next: Next| {
            requests.fetch_add(1, Ordering::Relaxed);
            next.run(request).await
        };
        let router = esplora::router(chain).layer(from_fn_with_state(Arc::clone(&requests), count));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Counted { url, requests }
    }

    /// How long it takes, and how many requests that makes.
    async fn measure(&self, work: impl Future<Output = ()>) -> (Duration, u64) {
        let (began, before) = (Instant::now(), self.requests.load(Ordering::Relaxed));
        work.await;
        (began.elapsed(), self.requests.load(Ordering::Relaxed) - before)
    }
}

fn keys() -> Keys {
    let words = "abandon ".repeat(11) + "about";
    Keys::of(&TreasuryKind::Taproot, Network::Regtest, || Ok(Seed::from_words(&words).unwrap())).unwrap()
}

fn plain_wallet() -> Wallet {
    let [external, internal] = keys().public();
    Wallet::create(external, internal).network(Network::Regtest).create_wallet_no_persist().unwrap()
}

/// Every address from the first on is paid to by a block of its own.
fn used_chain() -> Arc<Chain> {
    let (chain, wallet) = (Chain::new(), plain_wallet());
    for (index, second) in (0..ADDRESSES).zip(1_800_000_000..) {
        let script = wallet.peek_address(KeychainKind::External, index).script_pubkey();
        chain.mine(1, &script, second).unwrap();
    }
    Arc::new(chain)
}

async fn plain_search(client: &AsyncClient, wallet: &mut Wallet) {
    let request = wallet.start_full_scan().build();
    let update = client.full_scan(request, usize::try_from(STOP_GAP).unwrap(), AT_ONCE).await.unwrap();
    wallet.apply_update(update).unwrap();
}

async fn plain_look(client: &AsyncClient, wallet: &mut Wallet) {
    let update = client.sync(wallet.start_sync_with_revealed_spks().build(), AT_ONCE).await.unwrap();
    wallet.apply_update(update).unwrap();
}

async fn savings(counted: &Counted, folder: &std::path::Path) -> Treasury {
    let config = TreasuryConfig {
        kind: TreasuryKind::Taproot,
        reserve_sat: 0,
        fee_share_max_percent: 10,
        first_block: 0,
        stop_gap: STOP_GAP,
        chains: vec![ChainSource::Esplora(counted.url.clone())],
    };
    let clock = Clock::real();
    let store = Store::open(&folder.join("money.db"), "regtest").unwrap();
    let (effects, _) = mpsc::channel(8);
    let (engine, _) = EngineHandle::start(Engine::new(store, rules()), clock.clone(), effects);
    let opened = Keeper::open(keys(), config, Network::Regtest, engine, clock).await;
    let (keeper, treasury, asked) = opened.unwrap().unwrap();
    tokio::spawn(keeper.run(asked));
    treasury
}

/// Nothing is paid here.
fn rules() -> Rules {
    let text = "network = \"regtest\"\n[lightning.node.chain]\nurl = \"http://127.0.0.1:9\"\n";
    let config = Config::parse(text).unwrap();
    Rules {
        refill: None,
        network: Network::Regtest,
        service: "node".to_owned(),
        service_refuses_duplicates: true,
        house: config.house,
        fees: config.fees,
        ask: config.ask,
        zone: config.zone,
        payees: Vec::new(),
        listed_payees_only: false,
        balance_moves_only_by_payments: true,
        compare_first: true,
        agreements: Vec::new(),
        feeds: Vec::new(),
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let chain = used_chain();
    for round in 0..ROUNDS {
        let counted = Counted::serve(Arc::clone(&chain)).await;
        let client = Builder::new(&counted.url).build_async().unwrap();
        let mut wallet = plain_wallet();
        let plain_first = counted.measure(plain_search(&client, &mut wallet)).await;
        let plain_again = counted.measure(plain_look(&client, &mut wallet)).await;

        let folder = tempfile::tempdir().unwrap();
        let mut treasury = None;
        let first = counted.measure(async {
            let opened = savings(&counted, folder.path()).await;
            opened.ask(|done| Asked::Look(true, done)).await.unwrap();
            treasury = Some(opened);
        });
        let first = first.await;
        let treasury = treasury.unwrap();
        let again = counted.measure(async { treasury.ask(|done| Asked::Look(false, done)).await.unwrap() }).await;
        let view = treasury.view();
        let holds = view.spendable_sat + view.immature_sat;
        assert_eq!(holds, wallet.balance().total().to_sat(), "both found the same");
        println!("round {round}: {ADDRESSES} used addresses, {holds} sat");
        show("search", first, plain_first);
        show("nothing new", again, plain_again);
    }
}

fn show(what: &str, (ours, asked): (Duration, u64), (plain, plain_asked): (Duration, u64)) {
    let ratio = ours.as_secs_f64() / plain.as_secs_f64();
    println!(
        "  {what:<12} {ours:>8.2?}, {asked} requests; a plain loop {plain:>8.2?}, {plain_asked} requests; {ratio:.2} times"
    );
}
