//! The chain behind the HTTP interface of Esplora, so that wallets and Lightning nodes can follow it.
//!
//! Paths, shapes and answers are those of Blockstream's `esplora/API.md` and of its server `electrs`
//! where that page is silent: an unknown transaction has the status "unconfirmed", an unknown block
//! is not in the best chain, and what cannot be found is 404 with a line of text. Serve it on
//! loopback only: it has no login, and no limit on how many ask at once.

mod json;

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bitcoin::consensus::encode::{deserialize_hex, serialize, serialize_hex};
use bitcoin::hashes::{Hash, sha256};
use bitcoin::{Address, BlockHash, Network, OutPoint, Transaction, Txid};
use serde_json::Value;

use super::chain::{Chain, PACKAGE_TXS_MAX, PAGE_CHAIN, ScriptHash, TxInfo};

/// Why a request got no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("{0} is malformed; nothing was done")]
    Malformed(&'static str),
    #[error("The address is not of regtest, the demo's network")]
    Network,
    /// A transaction that the chain does not take, with its reason.
    #[error("{0}")]
    Rejected(#[from] super::chain::Reject),
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Malformed(_) | Self::Network | Self::Rejected(_) => StatusCode::BAD_REQUEST,
        };
        (status, self.to_string()).into_response()
    }
}

type Answer<T> = Result<T, Fault>;
type Shared = State<Arc<Chain>>;

/// Serves `chain`; give the result to `axum::serve` with a listener on loopback.
///
/// Request bodies are bounded by [`BODY_BYTES_MAX`]. `POST /txs/package` ignores the options
/// `maxfeerate` and `maxburnamount`.
pub fn router(chain: Arc<Chain>) -> Router {
    Router::new()
        .nest("/tx/{txid}", tx_routes())
        .nest("/block/{hash}", block_routes())
        .nest("/blocks", blocks_routes())
        .nest("/address/{key}", script_routes("address", address))
        .nest("/scripthash/{key}", script_routes("scripthash", script_hash))
        .route("/block-height/{height}", get(block_height))
        .route("/fee-estimates", get(|| async { Json(json::fee_estimates()) }))
        .route("/mempool", get(|State(chain): Shared| async move { Json(json::mempool(&chain.mempool())) }))
        .route("/mempool/recent", get(mempool_recent))
        .route("/mempool/txids", get(mempool_txids))
        .route("/tx", post(submit))
        .route("/txs/package", post(submit_package))
        .fallback(|| async { Fault::NotFound("Endpoint") })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(chain)
}

fn tx_routes() -> Router<Arc<Chain>> {
    Router::new()
        .route("/", get(tx))
        .route("/raw", get(tx_raw))
        .route("/hex", get(tx_hex))
        .route("/status", get(tx_status))
        .route("/merkle-proof", get(merkle_proof))
        .route("/merkleblock-proof", get(merkle_block))
        .route("/outspend/{vout}", get(outspend))
        .route("/outspends", get(outspends))
}

fn block_routes() -> Router<Arc<Chain>> {
    Router::new()
        .route("/", get(block))
        .route("/header", get(block_header))
        .route("/status", get(block_status))
        .route("/raw", get(block_raw))
        .route("/txid/{position}", get(block_txid))
        .route("/txids", get(block_txids))
        .route("/txs", get(|chain: Shared, Path(hash): Path<String>| block_txs(chain, hash, 0)))
        .route("/txs/{from}", get(block_txs_from))
}

fn blocks_routes() -> Router<Arc<Chain>> {
    Router::new()
        .route("/", get(|State(chain): Shared| async move { blocks(&chain, None) }))
        .route("/{height}", get(blocks_from))
        .route("/tip/height", get(|State(chain): Shared| async move { chain.tip().height.to_string() }))
        .route("/tip/hash", get(|State(chain): Shared| async move { chain.tip().hash.to_string() }))
}

/// The same pages for an address and for the hash of a script.
fn script_routes(label: &'static str, parse: fn(&str) -> Answer<ScriptHash>) -> Router<Arc<Chain>> {
    let summary = move |State(chain): Shared, Path(key): Path<String>| async move {
        let (confirmed, waiting) = chain.activity(&parse(&key)?);
        Answer::Ok(Json(json::activity(label, &key, confirmed, waiting)))
    };
    let history = move |State(chain): Shared, Path(key): Path<String>| async move {
        let history = chain.history(&parse(&key)?);
        Answer::Ok(txs(history.mempool.iter().chain(&history.chain)))
    };
    let confirmed = move |State(chain): Shared, Path(key): Path<String>| async move {
        Answer::Ok(txs(&chain.history(&parse(&key)?).chain))
    };
    let after = move |State(chain): Shared, Path((key, last)): Path<(String, String)>| async move {
        let last = read(&last, "Transaction id")?;
        Answer::Ok(txs(&chain.history_after(&parse(&key)?, &last)))
    };
    let waiting = move |State(chain): Shared, Path(key): Path<String>| async move {
        Answer::Ok(txs(&chain.history(&parse(&key)?).mempool))
    };
    let unspent = move |State(chain): Shared, Path(key): Path<String>| async move {
        Answer::Ok(Json(chain.unspent(&parse(&key)?).iter().map(json::unspent).collect::<Value>()))
    };
    Router::new()
        .route("/", get(summary))
        .route("/txs", get(history))
        .route("/txs/chain", get(confirmed))
        .route("/txs/chain/{last}", get(after))
        .route("/txs/mempool", get(waiting))
        .route("/utxo", get(unspent))
}

async fn tx(chain: Shared, Path(txid): Path<String>) -> Answer<Json<Value>> {
    Ok(Json(json::tx(&known(&chain, &txid)?)))
}

async fn tx_raw(chain: Shared, Path(txid): Path<String>) -> Answer<Vec<u8>> {
    Ok(serialize(&*known(&chain, &txid)?.tx))
}

async fn tx_hex(chain: Shared, Path(txid): Path<String>) -> Answer<String> {
    Ok(serialize_hex(&*known(&chain, &txid)?.tx))
}

async fn tx_status(State(chain): Shared, Path(txid): Path<String>) -> Answer<Json<Value>> {
    let info = chain.tx(&read(&txid, "Transaction id")?);
    Ok(Json(json::status(info.and_then(|info| info.confirmed))))
}

async fn merkle_proof(State(chain): Shared, Path(txid): Path<String>) -> Answer<Json<Value>> {
    let proof = chain.merkle_proof(&read(&txid, "Transaction id")?);
    Ok(Json(json::merkle_proof(&proof.ok_or(UNCONFIRMED)?)))
}

async fn merkle_block(State(chain): Shared, Path(txid): Path<String>) -> Answer<String> {
    let proof = chain.merkle_block(&read(&txid, "Transaction id")?);
    Ok(serialize_hex(&proof.ok_or(UNCONFIRMED)?))
}

async fn outspend(State(chain): Shared, Path((txid, vout)): Path<(String, String)>) -> Answer<Json<Value>> {
    let coin = OutPoint::new(read(&txid, "Transaction id")?, read(&vout, "Output index")?);
    Ok(Json(json::spend(chain.spend(&coin))))
}

async fn outspends(State(chain): Shared, Path(txid): Path<String>) -> Answer<Json<Value>> {
    let spends = chain.spends(&read(&txid, "Transaction id")?).ok_or(NO_TX)?;
    Ok(Json(spends.into_iter().map(json::spend).collect()))
}

async fn block(State(chain): Shared, Path(hash): Path<String>) -> Answer<Json<Value>> {
    Ok(Json(json::block(&chain.block(&read(&hash, "Block hash")?).ok_or(NO_BLOCK)?)))
}

async fn block_header(State(chain): Shared, Path(hash): Path<String>) -> Answer<String> {
    let info = chain.block(&read(&hash, "Block hash")?).ok_or(NO_BLOCK)?;
    Ok(serialize_hex(&info.block.header))
}

async fn block_status(State(chain): Shared, Path(hash): Path<String>) -> Answer<Json<Value>> {
    Ok(Json(json::block_status(chain.block_status(&read(&hash, "Block hash")?))))
}

async fn block_raw(State(chain): Shared, Path(hash): Path<String>) -> Answer<Vec<u8>> {
    Ok(serialize(&chain.block(&read(&hash, "Block hash")?).ok_or(NO_BLOCK)?.block))
}

async fn block_txid(State(chain): Shared, Path((hash, position)): Path<(String, String)>) -> Answer<String> {
    let position = read(&position, "Position")?;
    let txs = chain.block_txs(&read(&hash, "Block hash")?, position, 1).ok_or(NO_BLOCK)?;
    Ok(txs.first().ok_or(NO_TX)?.txid.to_string())
}

async fn block_txids(State(chain): Shared, Path(hash): Path<String>) -> Answer<Json<Value>> {
    let all = chain.block_txs(&read(&hash, "Block hash")?, 0, usize::MAX).ok_or(NO_BLOCK)?;
    Ok(Json(all.iter().map(|info| info.txid.to_string()).collect()))
}

async fn block_txs_from(chain: Shared, Path((hash, from)): Path<(String, String)>) -> Answer<Json<Value>> {
    let from: usize = read(&from, "Start index")?;
    if !from.is_multiple_of(PAGE_CHAIN) {
        return Err(Fault::Malformed("Start index"));
    }
    block_txs(chain, hash, from).await
}

async fn block_txs(State(chain): Shared, hash: String, from: usize) -> Answer<Json<Value>> {
    let page = chain.block_txs(&read(&hash, "Block hash")?, from, PAGE_CHAIN).ok_or(NO_BLOCK)?;
    if page.is_empty() {
        return Err(Fault::Malformed("Start index"));
    }
    Ok(txs(&page))
}

async fn block_height(State(chain): Shared, Path(height): Path<String>) -> Answer<String> {
    let hash: Option<BlockHash> = chain.block_hash(read(&height, "Height")?);
    Ok(hash.ok_or(NO_BLOCK)?.to_string())
}

async fn blocks_from(State(chain): Shared, Path(height): Path<String>) -> Answer<Json<Value>> {
    blocks(&chain, Some(read(&height, "Height")?))
}

fn blocks(chain: &Chain, from: Option<u32>) -> Answer<Json<Value>> {
    let blocks = chain.blocks_down(from, BLOCKS_PAGE).ok_or(NO_BLOCK)?;
    Ok(Json(blocks.iter().map(json::block).collect()))
}

async fn mempool_recent(State(chain): Shared) -> Json<Value> {
    Json(chain.mempool().iter().rev().take(RECENT_PAGE).map(json::recent).collect())
}

async fn mempool_txids(State(chain): Shared) -> Json<Value> {
    Json(chain.mempool().iter().map(|info| info.txid.to_string()).collect())
}

async fn submit(State(chain): Shared, body: String) -> Answer<String> {
    let tx = deserialize_hex(body.trim()).map_err(|_| Fault::Malformed("The transaction"))?;
    Ok(chain.submit(tx)?.to_string())
}

async fn submit_package(State(chain): Shared, body: String) -> Answer<Json<Value>> {
    let fault = || Fault::Malformed("The package");
    let texts: Vec<String> = serde_json::from_str(&body).map_err(|_| fault())?;
    if texts.is_empty() || texts.len() > PACKAGE_TXS_MAX {
        return Err(fault());
    }
    let txs: Result<Vec<Transaction>, _> = texts.iter().map(|text| deserialize_hex(text)).collect();
    Ok(Json(json::package(&chain.submit_package(txs.map_err(|_| fault())?))))
}

fn known(chain: &Chain, txid: &str) -> Answer<TxInfo> {
    chain.tx(&read::<Txid>(txid, "Transaction id")?).ok_or(NO_TX)
}

fn address(key: &str) -> Answer<ScriptHash> {
    let address = read::<Address<_>>(key, "Address")?.require_network(Network::Regtest).map_err(|_| Fault::Network)?;
    Ok(sha256::Hash::hash(address.script_pubkey().as_bytes()))
}

fn script_hash(key: &str) -> Answer<ScriptHash> {
    read(key, "Script hash")
}

fn txs<'a>(infos: impl IntoIterator<Item = &'a TxInfo>) -> Json<Value> {
    Json(infos.into_iter().map(json::tx).collect())
}

fn read<T: FromStr>(text: &str, what: &'static str) -> Answer<T> {
    text.parse().map_err(|_| Fault::Malformed(what))
}

/// The longest request body: a transaction of the greatest weight in hexadecimal, and some more.
pub const BODY_BYTES_MAX: usize = 1_000_000;

/// Esplora lists ten blocks and ten recent transactions.
const BLOCKS_PAGE: usize = 10;
const RECENT_PAGE: usize = 10;

const NO_TX: Fault = Fault::NotFound("Transaction");
const NO_BLOCK: Fault = Fault::NotFound("Block");
const UNCONFIRMED: Fault = Fault::NotFound("Confirmed transaction");

#[cfg(test)]
mod tests;
