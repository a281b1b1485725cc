//! Savings on the chain, against a real Bitcoin Core: whatever happens, what the wallet holds and what the ledger says agree
//! to the satoshi.

mod channels;
mod left;
mod outside;
mod refill;
mod restored;
mod sources;
mod stories;
mod world;

use std::path::{Path, PathBuf};

use bitcoin::{Address, Txid};
use kilosat::clock::Clock;
use kilosat::control::{ControlError, TreasuryAnswer, TreasuryQuestion, ask_treasury, give_order, socket_path};
use kilosat::demo::miner::Miner;
use kilosat::demo::town::burn_address;
use kilosat::engine::Order;
use kilosat::status::MoveView;
use kilosat::treasury::{DraftView, Sum, TreasuryView, TxView, Wish};
use serde_json::{Value, json};
use sim::bitcoind::Bitcoind;
use sim::hub::Hub;
use tokio::task::JoinSet;

/// A Bitcoin Core with blocks old enough that what is mined can be spent.
pub struct Chain {
    pub bitcoind: Bitcoind,
    pub miner: Miner,
    _tasks: JoinSet<()>,
}

/// One hub with savings.
pub struct Saver {
    pub hub: Hub,
    pub config: PathBuf,
    state: PathBuf,
}

impl Chain {
    pub async fn start() -> Chain {
        let bitcoind = Bitcoind::start().await;
        let mut tasks = JoinSet::new();
        let miner = Miner::start(&bitcoind.choice(), None, Clock::real(), &mut tasks).await.unwrap();
        Chain { bitcoind, miner, _tasks: tasks }
    }

    pub async fn mine(&self, count: u32) {
        self.miner.mine(count, &burn_address()).await.unwrap();
    }

    pub async fn mine_to(&self, count: u32, address: &str) {
        let address: Address<_> = address.parse().unwrap();
        self.miner.mine(count, &address.assume_checked()).await.unwrap();
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.miner.call(method, params).await.unwrap()
    }

    /// The newest blocks are replaced by one more than they were, all of them empty.
    pub async fn reorganise(&self, blocks: u32) {
        let height = self.call("getblockcount", json!([])).await.as_u64().unwrap();
        let first = self.call("getblockhash", json!([height + 1 - u64::from(blocks)])).await;
        self.call("invalidateblock", json!([first])).await;
        for _ in 0..=blocks {
            self.call("generateblock", json!(["raw(51)", []])).await;
        }
    }

    pub async fn waiting(&self) -> Vec<String> {
        let waiting = self.call("getrawmempool", json!([])).await;
        waiting.as_array().unwrap().iter().map(|txid| txid.as_str().unwrap().to_owned()).collect()
    }
}

impl Saver {
    /// A hub in a folder of its own; `treasury` is the section of its wallet.
    pub fn start(chain: &Chain, folder: &Path, treasury: &str) -> Saver {
        let (config, state) = (folder.join("kilosat.toml"), folder.join("state"));
        std::fs::create_dir_all(&state).unwrap();
        let text = format!(
            "name = \"Savings\"\nnetwork = \"regtest\"\nstate_directory = {state:?}\n[web]\nlisten = \"\"\n\
             [lightning.node.chain]\nsource = \"bitcoind\"\nhost = \"127.0.0.1\"\nport = {}\ncookie_file = {:?}\n\
             [treasury]\n{treasury}\n",
            chain.bitcoind.address().rsplit_once(':').unwrap().1,
            chain.bitcoind.cookie_file(),
        );
        std::fs::write(&config, text).unwrap();
        Saver { hub: Hub::start(&config, &state), config, state }
    }

    /// The plug is pulled, and it starts again.
    pub fn lose_power(self) -> Saver {
        self.lose_power_while(|_| {})
    }

    pub async fn ask(&mut self, question: TreasuryQuestion) -> Result<TreasuryAnswer, ControlError> {
        self.hub.status().await;
        ask_treasury(&socket_path(&self.state), question).await
    }

    pub async fn moves(&mut self) -> Vec<MoveView> {
        match self.ask(TreasuryQuestion::Moves).await.unwrap() {
            TreasuryAnswer::Moves(_, moves) => moves,
            other => panic!("{other:?}"),
        }
    }

    pub async fn order(&self, order: Order) -> String {
        give_order(&socket_path(&self.state), order).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// What it holds and what happened, after it asked the chain. Its account in the ledger agrees, or payments are locked.
    pub async fn look(&mut self) -> (TreasuryView, Vec<TxView>) {
        let shown = self.look_while_locked().await;
        let status = self.hub.status().await;
        assert_eq!(status.lock, None, "{}", self.hub.log());
        shown
    }

    /// The same where payments are locked.
    pub async fn look_while_locked(&mut self) -> (TreasuryView, Vec<TxView>) {
        let answer =
            self.ask(TreasuryQuestion::Show(true)).await.unwrap_or_else(|error| panic!("{error}\n{}", self.hub.log()));
        let TreasuryAnswer::Shown(view, history) = answer else { panic!("{answer:?}") };
        let booked: i64 = history.iter().map(|tx| tx.net_sat).sum();
        let holds = view.spendable_sat + view.incoming_sat + view.immature_sat;
        assert_eq!(booked, i64::try_from(holds).unwrap(), "{view:?} {history:#?}");
        (*view, history)
    }

    pub async fn address(&mut self) -> String {
        match self.ask(TreasuryQuestion::Address(false)).await.unwrap() {
            TreasuryAnswer::Address(address) => address.address,
            other => panic!("{other:?}"),
        }
    }

    pub async fn draft(&mut self, to: &str, sum: Sum, sat_per_vb: u64) -> Result<DraftView, ControlError> {
        let wish = Wish { to: to.to_owned(), sum, sat_per_vb, coins: Vec::new() };
        self.drafted(TreasuryQuestion::Draft(wish)).await
    }

    pub async fn faster(&mut self, txid: &str, sat_per_vb: u64) -> Result<DraftView, ControlError> {
        self.drafted(TreasuryQuestion::Faster(txid.parse().unwrap(), sat_per_vb)).await
    }

    async fn drafted(&mut self, question: TreasuryQuestion) -> Result<DraftView, ControlError> {
        match self.ask(question).await? {
            TreasuryAnswer::Draft(draft) => Ok(*draft),
            other => panic!("{other:?}"),
        }
    }

    /// Sends a draft; for a wallet whose key is elsewhere, with its signature.
    pub async fn send(&mut self, draft: &DraftView, signed: Option<String>) -> Result<Txid, ControlError> {
        let draft = draft.id.parse().unwrap();
        let question = TreasuryQuestion::Send { draft, signed, label: "a story".to_owned() };
        match self.ask(question).await? {
            TreasuryAnswer::Done(text) => {
                assert!(text.ends_with("is on its way."), "{text}");
                Ok(text.split(' ').next().unwrap().parse().unwrap())
            }
            other => panic!("{other:?}"),
        }
    }

    /// Its words' keys, as another wallet would have them.
    pub fn master(&self) -> bitcoin::bip32::Xpriv {
        kilosat::vault::Vault::plain(&self.state).seed_or_fresh().unwrap().master(bitcoin::Network::Regtest)
    }

    pub fn state(&self) -> &Path {
        &self.state
    }

    /// What `kilosat` says when it is called with these arguments on this hub's configuration.
    pub fn kilosat(&self, arguments: &[&str]) -> Result<String, String> {
        let config = self.config.to_str().unwrap();
        let done = sim::hub::kilosat(&[arguments, &["--config", config]].concat());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
    }

    /// The power goes, and somebody does something to its disk.
    pub fn lose_power_while(self, done: impl FnOnce(&Path)) -> Saver {
        let Saver { hub, config, state } = self;
        hub.kill();
        done(&state);
        Saver { hub: Hub::start(&config, &state), config, state }
    }
}

/// The transaction with this id.
pub fn find<'a>(history: &'a [TxView], txid: &str) -> &'a TxView {
    history.iter().find(|tx| tx.txid == txid).unwrap_or_else(|| panic!("{txid} is not in {history:#?}"))
}
