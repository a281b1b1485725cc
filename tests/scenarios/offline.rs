//! A hub that comes up before the network does: page, meters and settings are there, and the node follows.

use kilosat::clock::Clock;
use kilosat::config::ChainSource;
use kilosat::demo::ChainChoice;
use kilosat::demo::miner::Miner;
use sim::hub::Hub;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lightning_comes_up_after_the_network_and_the_page_does_not_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut servers = JoinSet::new();
    let miner = Miner::start(&ChainChoice::Memory, None, Clock::real(), &mut servers).await.unwrap();
    let ChainSource::Esplora(esplora) = miner.source() else { panic!("the chain in memory is served as Esplora") };
    let there = esplora.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    // Nobody listens there until the network is back.
    let cut = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = cut.local_addr().unwrap();
    drop(cut);
    let state = folder.path().join("state");
    let config = folder.path().join("kilosat.toml");
    let text = format!(
        "network = \"regtest\"\nstate_directory = {state:?}\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [lightning.node.chain]\nurl = \"http://{address}\"\n"
    );
    std::fs::write(&config, text).unwrap();
    let start = || Hub::start_in(&config, &state, [("RUST_LOG".into(), "info".into())]);

    let mut hub = start();
    let waits = |status: &kilosat::status::Status| {
        status.wallet_fault.as_deref().is_some_and(|fault| fault.contains("cannot start")) && status.ledger.waits
    };
    hub.until("it says why the node does not run", waits).await;
    let page = page_of(&hub.log()).await;
    assert!(page.starts_with("HTTP/1.1 303") && page.contains("/claim"), "a new device can be claimed: {page}");
    assert!(hub.terminate().await.success(), "it ends although the node never ran");

    let mut hub = start();
    hub.until("it waits again", waits).await;
    let back = TcpListener::bind(address).await.unwrap();
    servers.spawn(async move {
        let mut lines = JoinSet::new();
        while let Ok((mut here, _)) = back.accept().await {
            let mut source = TcpStream::connect(&there).await.unwrap();
            lines.spawn(async move { copy_bidirectional(&mut here, &mut source).await });
        }
    });
    hub.until("the node runs", |status| !status.lightning.node_id.is_empty() && !status.ledger.waits).await;
    assert!(hub.terminate().await.success());
}

/// What the page's first address answers to a stranger.
async fn page_of(log: &str) -> String {
    let address = log.split("the page is at http://").nth(1).and_then(|rest| rest.split('/').next());
    let mut stream = TcpStream::connect(address.unwrap_or_else(|| panic!("{log}"))).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", stream.peer_addr().unwrap());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
