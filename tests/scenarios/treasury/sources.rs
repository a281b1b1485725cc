//! The same blocks from four kinds of sources: whichever is asked, the wallet and its ledger are the same.

use std::path::Path;
use std::sync::Arc;

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Address, Transaction};
use kilosat::clock::Clock;
use kilosat::config::ChainSource;
use kilosat::demo::ChainChoice;
use kilosat::demo::chain::Chain as Memory;
use kilosat::demo::miner::Miner;
use kilosat::demo::town::burn_address;
use kilosat::treasury::{Sum, TxView};
use serde_json::json;
use sim::electrumx::ElectrumX;
use sim::wait;
use tokio::task::JoinSet;

use super::{Chain, Saver, find};

/// Blocks are made in memory, where Esplora serves them, and handed to Bitcoin Core, which checks every one of them.
pub(super) struct Mirror {
    pub(super) memory: Arc<Memory>,
    miner: Miner,
    esplora: String,
    core: Chain,
    electrumx: ElectrumX,
    _tasks: JoinSet<()>,
}

impl Mirror {
    pub(super) async fn start() -> Mirror {
        let mut tasks = JoinSet::new();
        let miner = Miner::start(&ChainChoice::Memory, None, Clock::real(), &mut tasks).await.unwrap();
        let (Miner::Memory { chain, .. }, ChainSource::Esplora(esplora)) = (&miner, miner.source()) else {
            panic!("the chain in memory is served as Esplora")
        };
        let memory = Arc::clone(chain);
        let core = Chain::start().await;
        let electrumx = ElectrumX::start(&core.bitcoind).await;
        Mirror { memory, miner, esplora, core, electrumx, _tasks: tasks }
    }

    pub(super) async fn mine(&self, count: u32, address: &Address) {
        self.miner.mine(count, address).await.unwrap();
        let newest = usize::try_from(count).unwrap();
        self.hand_over(newest).await;
    }

    /// How each kind of them is configured, as [`NAMES`] has them.
    pub(super) fn sources(&self) -> [Vec<String>; 4] {
        let port = self.core.bitcoind.address().rsplit_once(':').unwrap().1.to_owned();
        [
            vec![format!("source = \"esplora\"\nurl = {:?}", self.esplora)],
            vec![format!("source = \"bitcoind\"\nport = {port}\ncookie_file = {:?}", self.core.bitcoind.cookie_file())],
            // The first of these answers nobody, so the next is asked.
            vec![
                "source = \"esplora\"\nurl = \"http://127.0.0.1:9\"".to_owned(),
                format!("source = \"electrum\"\nurl = {:?}", self.electrumx.url()),
            ],
            vec![format!("source = \"filters\"\npeers = {:?}", self.core.bitcoind.peer_address())],
        ]
    }

    /// The newest blocks are replaced by one more than they were.
    async fn reorganise(&self, blocks: u32) {
        self.memory.invalidate_tip(blocks).unwrap();
        self.miner.mine(blocks + 1, &burn_address()).await.unwrap();
        self.hand_over(usize::try_from(blocks + 1).unwrap()).await;
    }

    async fn hand_over(&self, newest: usize) {
        for info in self.memory.blocks_down(None, newest).unwrap().into_iter().rev() {
            let taken = self.core.call("submitblock", json!([serialize_hex(&info.block)])).await;
            // A branch is "inconclusive" until it is the longer one; the tip is compared below.
            assert!(taken.is_null() || taken == "inconclusive", "Bitcoin Core says {taken}");
        }
        let tip = self.memory.tip();
        assert_eq!(self.core.call("getbestblockhash", json!([])).await, tip.hash.to_string());
    }

    /// What Bitcoin Core was handed by a wallet is mined in memory.
    async fn pass_on(&self, txid: &str) {
        let raw = wait::answer(async || {
            let waiting = self.core.waiting().await;
            if !waiting.iter().any(|waits| waits == txid) {
                return None;
            }
            Some(self.core.call("getrawtransaction", json!([txid])).await)
        });
        let raw = raw.await.expect("it reaches Bitcoin Core");
        let tx: Transaction = deserialize_hex(raw.as_str().unwrap()).unwrap();
        self.memory.submit(tx).unwrap();
    }
}

/// A hub with the same words as all others.
pub(super) fn saver(mirror: &Mirror, folder: &Path, sources: &[String], first_block: u32) -> Saver {
    std::fs::create_dir_all(folder.join("state")).unwrap();
    std::fs::write(folder.join("state/seed"), format!("{}about\n", "abandon ".repeat(11))).unwrap();
    let sources: String = sources.iter().map(|source| format!("\n[[treasury.chain]]\n{source}")).collect();
    Saver::start(&mirror.core, folder, &format!("wallet = \"taproot\"\nfirst_block = {first_block}{sources}"))
}

pub(super) const NAMES: [&str; 4] = ["esplora", "bitcoind", "electrum", "filters"];

/// A transaction's id, what it adds in satoshis, and its confirmations: what a source has no say in.
type Told = (String, i64, u32);

fn story(history: &[TxView]) -> Vec<Told> {
    let mut story: Vec<_> =
        history.iter().map(|tx| (tx.txid.clone(), tx.net_sat, tx.confirmations)).filter(|tx| tx.1 != 0).collect();
    story.sort();
    story
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_source_tells_the_same_balance_and_the_same_history() {
    let (mirror, folders) = (Mirror::start().await, [(); 4].map(|()| tempfile::tempdir().unwrap()));
    let sources = mirror.sources();
    // Nothing of theirs is before.
    mirror.mine(3, &burn_address()).await;
    let first_block = mirror.memory.tip().height + 1;
    let mut savers: Vec<_> = sources
        .iter()
        .zip(&folders)
        .map(|(sources, folder)| saver(&mirror, folder.path(), sources, first_block))
        .collect();
    let shown = savers[0].address().await;
    for saver in &mut savers {
        assert_eq!(saver.address().await, shown, "the same words");
    }
    let address: Address<_> = shown.parse().unwrap();
    let address = address.assume_checked();
    mirror.mine(2, &address).await;
    // So many that its coins are old enough on every branch to come.
    mirror.mine(120, &burn_address()).await;

    let burn = burn_address().to_string();
    for round in 0..8 {
        let mut told: Option<(u64, Vec<Told>)> = None;
        for (saver, name) in savers.iter_mut().zip(NAMES) {
            // ElectrumX asks Bitcoin Core for news every few seconds.
            let tip = mirror.memory.tip().height;
            let look = async || Some(saver.look().await).filter(|(view, _)| view.height == tip);
            let (view, history) = wait::answer(look).await.unwrap_or_else(|| panic!("{name} stays behind block {tip}"));
            assert!(view.source.as_deref().is_some_and(|source| source != "http://127.0.0.1:9"), "{view:?}");
            let tells = (view.spendable_sat, story(&history));
            let expected = told.get_or_insert_with(|| tells.clone());
            assert_eq!(&*expected, &tells, "{name} in round {round}");
        }
        match round {
            // Each source hands out a transaction, too.
            0..4 => {
                let draft = savers[round].draft(&burn, Sum::Sat(100_000), 2).await.unwrap();
                let txid = savers[round].send(&draft, None).await.unwrap().to_string();
                if round > 0 {
                    mirror.pass_on(&txid).await;
                }
                mirror.mine(1, &burn_address()).await;
            }
            // Twice, and what they then tell is compared in the last round.
            4..6 => mirror.reorganise(6).await,
            6 => mirror.reorganise(3).await,
            _ => {}
        }
    }
    let (_, history) = savers[2].look().await;
    assert!(history.len() >= 5 && find(&history, &history[0].txid).confirmations > 0, "{history:#?}");
}
