//! Bitcoin Core's RPC: every block is read, and nobody learns which addresses are ours.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bdk_bitcoind_rpc::Emitter;
use bdk_bitcoind_rpc::bitcoincore_rpc::json::{ScanTxOutRequest, Utxo};
use bdk_bitcoind_rpc::bitcoincore_rpc::jsonrpc;
use bdk_bitcoind_rpc::bitcoincore_rpc::jsonrpc::simple_http::SimpleHttpTransport;
use bdk_bitcoind_rpc::bitcoincore_rpc::{Client, Error, RpcApi as _};
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use tokio::sync::mpsc;

use super::unspent::LeftCoin;
use super::{Answer, FeeRates, Manner, News, No, blocking};
use crate::treasury::purse::Question;

pub(super) struct BitcoindClient {
    url: String,
    cookie_file: PathBuf,
}

impl BitcoindClient {
    pub(super) fn of(host: &str, port: u16, cookie_file: &Path) -> BitcoindClient {
        BitcoindClient { url: format!("http://{host}:{port}"), cookie_file: cookie_file.to_owned() }
    }

    pub(super) async fn ask(
        &self,
        question: Question,
        manner: Manner,
        news: &mpsc::Sender<News>,
    ) -> Result<Answer, String> {
        let (open, news) = (self.opener(CALL_WAIT), news.clone());
        blocking(move || read(&open()?, &question, manner, &news).map_err(|error| error.to_string())).await
    }

    /// It reads all coins that there are, which takes minutes.
    pub(super) async fn unspent(&self, scripts: &[ScriptBuf]) -> Result<Vec<LeftCoin>, String> {
        let open = self.opener(SCAN_WAIT);
        let wanted: Vec<_> = scripts.iter().map(|script| format!("raw({script:x})")).collect();
        blocking(move || {
            let wanted: Vec<_> = wanted.into_iter().map(ScanTxOutRequest::Single).collect();
            let found = open()?.scan_tx_out_set_blocking(&wanted).map_err(|error| error.to_string())?;
            let coin = |coin: Utxo| LeftCoin {
                outpoint: OutPoint::new(coin.txid, coin.vout),
                output: TxOut { value: coin.amount, script_pubkey: coin.script_pub_key },
            };
            Ok(found.unspents.into_iter().map(coin).collect())
        })
        .await
    }

    pub(super) async fn broadcast(&self, tx: &Transaction) -> Result<(), No> {
        let (open, tx) = (self.opener(CALL_WAIT), tx.clone());
        let sent = blocking(move || match open()?.send_raw_transaction(&tx) {
            Ok(_) => Ok(Ok(())),
            Err(Error::JsonRpc(jsonrpc::Error::Rpc(no))) => Ok(Err(no.message)),
            Err(other) => Err(other.to_string()),
        });
        sent.await.map_err(No::Silent)?.map_err(No::Refused)
    }

    /// Bitcoin Core writes a new cookie at each start, so it is read for each question.
    fn opener(&self, wait: Duration) -> impl FnOnce() -> Result<Client, String> + Send + 'static {
        let (url, cookie_file) = (self.url.clone(), self.cookie_file.clone());
        move || {
            let cookie = std::fs::read_to_string(&cookie_file).map_err(|error| {
                format!(
                    "its cookie file {} cannot be read: {error}. Is bitcoind running, and may this user read it?",
                    cookie_file.display()
                )
            })?;
            let (user, password) = cookie
                .trim()
                .split_once(':')
                .ok_or_else(|| format!("{} does not hold user:password", cookie_file.display()))?;
            let transport = SimpleHttpTransport::builder().timeout(wait).auth(user, Some(password)).url(&url);
            let transport = transport.map_err(|error| error.to_string())?.build();
            Ok(Client::from_jsonrpc(jsonrpc::Client::with_transport(transport)))
        }
    }
}

fn read(client: &Client, question: &Question, manner: Manner, news: &mpsc::Sender<News>) -> Result<Answer, Error> {
    let info = client.get_blockchain_info()?;
    let tip = client.get_block_header(&info.best_block_hash)?;
    let target = u32::try_from(info.blocks).unwrap_or(u32::MAX);
    let mut emitter =
        Emitter::new(client, question.checkpoint.clone(), manner.first_block, question.unconfirmed.iter().cloned());
    while let Some(event) = emitter.next_block()? {
        let (height, after) = (event.block_height(), event.connected_to());
        let block = News::Block { block: Box::new(event.block), height, after };
        // Nobody listening means that this is not wanted any more.
        if news.blocking_send(block).is_err() || news.blocking_send(News::Progress(height, target)).is_err() {
            break;
        }
    }
    let waiting = match client.get_mempool_info()?.size {
        0..=SMALL_MEMPOOL => {
            let mempool = emitter.mempool_at(manner.now_s)?;
            News::Waiting { waiting: mempool.update, gone: mempool.evicted }
        }
        // All of a large one would fill this machine's memory: only what is known already is looked up there.
        _ => {
            let is_gone = |txid: &Txid| client.get_mempool_entry(txid).is_err_and(|error| is_unknown(&error));
            let ids = question.unconfirmed.iter().map(|tx: &Arc<Transaction>| tx.compute_txid());
            let gone = ids.filter(is_gone).map(|txid| (txid, manner.now_s)).collect();
            News::Waiting { waiting: Vec::new(), gone }
        }
    };
    let _ = news.blocking_send(waiting);
    let estimate = |blocks: u16| {
        let rate = client.estimate_smart_fee(blocks, None).ok()?.fee_rate?;
        // Exact below 90 million bitcoin for a thousand virtual bytes.
        u32::try_from(rate.to_sat()).ok().map(|sat_per_kvb| f64::from(sat_per_kvb) / 1_000.0)
    };
    Ok(Answer { tip_s: u64::from(tip.time), fees: FeeRates::of(estimate) })
}

/// Bitcoin Core says so in so many words: "Transaction not in mempool".
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::JsonRpc(jsonrpc::Error::Rpc(no)) if no.code == RPC_INVALID_ADDRESS_OR_KEY)
}

const CALL_WAIT: Duration = Duration::from_secs(15);
/// Of a card in a Raspberry Pi, all coins are some ten gigabytes.
const SCAN_WAIT: Duration = Duration::from_secs(3_600);
/// RPC_INVALID_ADDRESS_OR_KEY of Bitcoin Core's `protocol.h`.
const RPC_INVALID_ADDRESS_OR_KEY: i32 = -5;
/// So many waiting transactions are read whole.
const SMALL_MEMPOOL: usize = 500;
