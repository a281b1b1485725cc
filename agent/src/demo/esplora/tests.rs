#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bitcoin::consensus::encode::deserialize;
use bitcoin::{Amount, Block, MerkleBlock};
use serde_json::json;
use tokio::net::TcpListener;

use super::super::chain::fixtures::{Key, NOW_S, funded};
use super::*;

/// A served chain, one waiting spend of its first coin, and a client.
struct Served {
    chain: Arc<Chain>,
    key: Key,
    base: String,
    client: reqwest::Client,
}

impl Served {
    async fn start() -> Self {
        let (chain, key) = funded();
        let chain = Arc::new(chain);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = router(Arc::clone(&chain));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
        Self { chain, key, base, client }
    }

    async fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let answer = self.client.get(format!("{}{path}", self.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    async fn text(&self, path: &str) -> String {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}");
        String::from_utf8(body).unwrap()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).await).unwrap()
    }

    async fn post(&self, path: &str, body: String) -> (u16, String) {
        let request = self.client.post(format!("{}{path}", self.base)).body(body);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// A spend of the key's coin number `index` that pays 7000 sat to its taproot script.
    fn spend(&self, index: usize) -> Transaction {
        let coins = self.chain.coins(&self.key);
        let pay = [(Amount::from_sat(7_000), self.key.p2tr())];
        self.key.pay(&coins[index..=index], &pay, 300)
    }
}

#[tokio::test]
async fn a_transaction_is_sent_seen_and_confirmed() {
    let served = Served::start().await;
    let tx = served.spend(0);
    let txid = tx.compute_txid();
    let answer = served.post("/tx", format!("{}\n", serialize_hex(&tx))).await;
    assert_eq!(answer, (200, txid.to_string()));

    let page = served.json(&format!("/tx/{txid}")).await;
    assert_eq!(page["status"], json!({ "confirmed": false }));
    assert_eq!(page["fee"], 300);
    assert_eq!(page["vin"][0]["prevout"]["value"], 5_000_000_000_u64);
    assert_eq!(page["vin"][0]["witness"].as_array().unwrap().len(), 2);
    assert_eq!(page["vout"][0]["value"], 7_000);
    assert_eq!(page["vout"][0]["scriptpubkey"], served.key.p2tr().to_hex_string());
    assert_eq!(served.text(&format!("/tx/{txid}/hex")).await, serialize_hex(&tx));
    assert_eq!(served.get(&format!("/tx/{txid}/raw")).await.1, serialize(&tx));
    assert_eq!(served.get(&format!("/tx/{txid}/merkle-proof")).await.0, 404);
    assert_eq!(served.json("/mempool/txids").await, json!([txid.to_string()]));
    assert_eq!(served.json("/mempool").await["total_fee"], 300);
    assert_eq!(served.json("/mempool/recent").await[0]["vsize"], tx.vsize());

    let hash = served.chain.mine(1, &Key::new(5).p2tr(), NOW_S).unwrap()[0];
    let time = served.chain.tip().time;
    let status = json!({
        "confirmed": true, "block_height": 105, "block_hash": hash.to_string(), "block_time": time,
    });
    assert_eq!(served.json(&format!("/tx/{txid}/status")).await, status);
    let coin = tx.input[0].previous_output;
    let spend = served.json(&format!("/tx/{}/outspend/{}", coin.txid, coin.vout)).await;
    let expected = json!({ "spent": true, "txid": txid.to_string(), "vin": 0, "status": status });
    assert_eq!(spend, expected);
    let spends = served.json(&format!("/tx/{}/outspends", coin.txid)).await;
    assert_eq!(spends, json!([expected, { "spent": false }]));
    let proof = served.json(&format!("/tx/{txid}/merkle-proof")).await;
    assert_eq!((&proof["block_height"], &proof["pos"]), (&json!(105), &json!(1)));
    let proof = served.text(&format!("/tx/{txid}/merkleblock-proof")).await;
    let proof: MerkleBlock = deserialize_hex(&proof).unwrap();
    let (mut matches, mut indexes) = (Vec::new(), Vec::new());
    proof.extract_matches(&mut matches, &mut indexes).unwrap();
    assert_eq!(matches, [txid]);
}

#[tokio::test]
async fn blocks_are_served_in_every_form() {
    let served = Served::start().await;
    let tip = served.chain.tip();
    assert_eq!(served.text("/blocks/tip/height").await, "104");
    assert_eq!(served.text("/blocks/tip/hash").await, tip.hash.to_string());
    assert_eq!(served.text("/block-height/104").await, tip.hash.to_string());
    let block: Block = deserialize(&served.get(&format!("/block/{}/raw", tip.hash)).await.1).unwrap();
    assert_eq!(block.block_hash(), tip.hash);
    let header = served.text(&format!("/block/{}/header", tip.hash)).await;
    assert_eq!(header, serialize_hex(&block.header));
    let page = served.json(&format!("/block/{}", tip.hash)).await;
    assert_eq!(page["previousblockhash"], block.header.prev_blockhash.to_string());
    let txid = block.txdata[0].compute_txid().to_string();
    assert_eq!(served.json(&format!("/block/{}/txids", tip.hash)).await, json!([txid]));
    assert_eq!(served.text(&format!("/block/{}/txid/0", tip.hash)).await, txid);
    let coinbase = &served.json(&format!("/block/{}/txs", tip.hash)).await[0]["vin"][0];
    assert_eq!(coinbase["is_coinbase"], true);
    assert_eq!(coinbase["prevout"], Value::Null);
    let status = served.json(&format!("/block/{}/status", tip.hash)).await;
    assert_eq!(status, json!({ "in_best_chain": true, "height": 104, "next_best": null }));
    let blocks = served.json("/blocks").await;
    assert_eq!((blocks.as_array().unwrap().len(), &blocks[9]["height"]), (10, &json!(95)));
    let blocks = served.json("/blocks/1").await;
    assert_eq!(blocks.as_array().unwrap().len(), 2);
    assert_eq!(blocks[1]["previousblockhash"], Value::Null);

    served.chain.invalidate_tip(1).unwrap();
    let status = served.json(&format!("/block/{}/status", tip.hash)).await;
    assert_eq!(status, json!({ "in_best_chain": false, "height": null, "next_best": null }));
}

#[tokio::test]
async fn an_address_and_its_script_hash_have_the_same_history() {
    let served = Served::start().await;
    let script = served.key.p2tr();
    let address = Address::from_script(&script, Network::Regtest).unwrap();
    let hash = sha256::Hash::hash(script.as_bytes());
    served.chain.mine(30, &script, NOW_S).unwrap();
    let txid = served.chain.submit(served.spend(0)).unwrap().to_string();
    for owner in [format!("/address/{address}"), format!("/scripthash/{hash}")] {
        let stats = served.json(&owner).await;
        assert_eq!(stats["chain_stats"]["tx_count"], 32);
        assert_eq!(stats["mempool_stats"]["funded_txo_sum"], 7_000);
        let first = served.json(&format!("{owner}/txs")).await;
        let first = first.as_array().unwrap();
        assert_eq!((first.len(), first[0]["txid"].as_str()), (26, Some(txid.as_str())));
        let last = first[25]["txid"].as_str().unwrap();
        let second = served.json(&format!("{owner}/txs/chain/{last}")).await;
        assert_eq!(second.as_array().unwrap().len(), 7);
        let page = served.json(&format!("{owner}/txs/chain")).await;
        assert_eq!(page.as_array().unwrap().len(), 25);
        assert_eq!(served.json(&format!("{owner}/txs/mempool")).await[0]["txid"], txid);
        let coins = served.json(&format!("{owner}/utxo")).await;
        assert_eq!(coins.as_array().unwrap().len(), 33);
    }
}

#[tokio::test]
async fn what_is_unknown_or_malformed_is_answered_as_esplora_does() {
    let served = Served::start().await;
    let none = "00".repeat(32);
    assert_eq!(served.json(&format!("/tx/{none}/status")).await, json!({ "confirmed": false }));
    assert_eq!(served.json(&format!("/tx/{none}/outspend/0")).await, json!({ "spent": false }));
    for (path, status, text) in [
        (format!("/tx/{none}"), 404, "Transaction not found"),
        (format!("/tx/{none}/raw"), 404, "Transaction not found"),
        (format!("/tx/{none}/outspends"), 404, "Transaction not found"),
        (format!("/block/{none}"), 404, "Block not found"),
        (format!("/block/{none}/header"), 404, "Block not found"),
        (format!("/block/{}/txid/1", served.chain.tip().hash), 404, "Transaction not found"),
        (format!("/block/{}/txs/25", served.chain.tip().hash), 400, "Start index"),
        (format!("/block/{}/txs/1", served.chain.tip().hash), 400, "Start index"),
        ("/block-height/105".to_owned(), 404, "Block not found"),
        ("/block-height/-1".to_owned(), 400, "Height"),
        ("/blocks/105".to_owned(), 404, "Block not found"),
        ("/tx/zz".to_owned(), 400, "Transaction id"),
        ("/scripthash/00/txs".to_owned(), 400, "Script hash"),
        ("/address/1BoatSLRHtKNngkdXEeobR76b53LETtpyT/txs".to_owned(), 400, "The address is not of regtest"),
        ("/nothing".to_owned(), 404, "Endpoint not found"),
    ] {
        let (found, body) = served.get(&path).await;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(found, status, "{path}");
        assert!(body.starts_with(text), "{path}: {body}");
    }
}

#[tokio::test]
async fn bad_transactions_are_refused_with_a_reason() {
    let served = Served::start().await;
    assert_eq!(served.post("/tx", "xyz".to_owned()).await.0, 400);
    let mut tx = served.spend(0);
    tx.output[0].value += Amount::from_sat(1);
    let (status, text) = served.post("/tx", serialize_hex(&tx)).await;
    assert_eq!((status, text.as_str()), (400, "input 0: a signature is not valid"));
    let (status, _) = served.post("/tx", "0".repeat(BODY_BYTES_MAX + 1)).await;
    assert_eq!(status, 413);
    assert_eq!(served.post("/txs/package", "[]".to_owned()).await.0, 400);
    assert_eq!(served.post("/txs/package", "[\"00\"]".to_owned()).await.0, 400);
    let many = json!(vec!["00"; PACKAGE_TXS_MAX + 1]).to_string();
    assert_eq!(served.post("/txs/package", many).await.0, 400);
}

#[tokio::test]
async fn a_package_answer_names_every_transaction() {
    let served = Served::start().await;
    let (good, mut bad) = (served.spend(0), served.spend(1));
    bad.input[0].witness.clear();
    let body = json!([serialize_hex(&good), serialize_hex(&bad)]).to_string();
    let (status, text) = served.post("/txs/package?maxfeerate=1", body).await;
    assert_eq!(status, 200);
    let page: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(page["package_msg"], "transaction failed");
    let result = &page["tx-results"][good.compute_wtxid().to_string()];
    assert_eq!(result["fees"]["base"], json!(0.000003));
    assert!(page["tx-results"][bad.compute_wtxid().to_string()]["error"].is_string());
}

#[tokio::test]
async fn fee_estimates_reach_from_the_next_block_to_a_week() {
    let served = Served::start().await;
    let page = served.json("/fee-estimates").await;
    for target in ["1", "144", "1008"] {
        assert!(page[target].is_number());
    }
}
