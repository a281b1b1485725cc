//! Core Lightning's calls about its wallet on the chain, as its schemas document them.

use bitcoin::OutPoint;
use serde_json::{Value, json};

use super::super::onchain::OnChain;
use super::{Answer, ClnNode, Failure, info};

/// `None` where the chain has no part in the answer.
pub(super) async fn answer(node: &ClnNode, chain: &OnChain, method: &str, params: &Value) -> Option<Answer> {
    Some(match method {
        "getinfo" => {
            let mut said = info(&node.knobs());
            said["blockheight"] = json!(chain.height().await);
            Ok(said)
        }
        "newaddr" => Ok(json!({ "bech32": chain.address().to_string() })),
        "listfunds" => Ok(funds(chain).await),
        "listtransactions" => Ok(transactions(chain).await),
        "listpeerchannels" => Ok(channels(node, chain).await),
        "connect" => Ok(json!({ "id": params["id"].as_str().unwrap().split_once('@').unwrap().0, "direction": "out" })),
        "fundchannel" => {
            assert_eq!(params["amount"], json!("all"), "{params}");
            let opened = chain.open(coin(params), sat_per_vb(params)).await;
            opened.map(|txid| json!({ "txid": txid.to_string(), "outnum": 0 })).map_err(|why| Failure(500, -1, why))
        }
        "withdraw" => {
            assert_eq!(params["satoshi"], json!("all"), "{params}");
            let sent = chain.send(coin(params), params["destination"].as_str().unwrap(), sat_per_vb(params)).await;
            sent.map(|txid| json!({ "txid": txid.to_string() })).map_err(|why| Failure(500, 301, why))
        }
        _ => return None,
    })
}

async fn funds(chain: &OnChain) -> Value {
    let coins = chain.coins().await;
    let outputs = coins.iter().map(|(coin, value)| {
        json!({
            "txid": coin.txid.to_string(), "output": coin.vout, "amount_msat": value.to_sat() * 1_000,
            "status": "confirmed", "reserved": false,
        })
    });
    json!({ "outputs": outputs.collect::<Vec<_>>(), "channels": [] })
}

async fn transactions(chain: &OnChain) -> Value {
    let (height, known) = (chain.height().await, chain.transactions().await);
    let shown = known.iter().map(|(txid, hex, confirmations)| {
        let block = if *confirmations == 0 { 0 } else { height + 1 - confirmations };
        json!({ "hash": txid.to_string(), "rawtx": hex, "blockheight": block })
    });
    json!({ "transactions": shown.collect::<Vec<_>>() })
}

/// All of the money is told of in the newest channel; what matters is the sum.
async fn channels(node: &ClnNode, chain: &OnChain) -> Value {
    let channels = chain.channels().await;
    let newest = channels.iter().rposition(|channel| channel.is_ready);
    let sum_msat = node.ledger.balance_msat();
    let others: u64 = channels.iter().filter(|channel| channel.is_ready).map(|channel| channel.local_sat * 1_000).sum();
    let shown = channels.iter().enumerate().map(|(place, channel)| {
        let local_msat = channel.local_sat * 1_000;
        let sent = if Some(place) == newest { others.saturating_sub(sum_msat) } else { 0 };
        json!({
            "peer_connected": true,
            "opener": "local",
            "state": if channel.is_ready { "CHANNELD_NORMAL" } else { "CHANNELD_AWAITING_LOCKIN" },
            "funding_txid": channel.funding.to_string(),
            "to_us_msat": local_msat - sent, "spendable_msat": local_msat - sent, "receivable_msat": 0,
            "out_fulfilled_msat": sent, "in_fulfilled_msat": 0,
        })
    });
    json!({ "channels": shown.collect::<Vec<_>>() })
}

fn sat_per_vb(params: &Value) -> u64 {
    params["feerate"].as_str().unwrap().strip_suffix("000perkb").unwrap().parse().unwrap()
}

/// The one coin that may be spent; without one, it would spend whichever it likes.
fn coin(params: &Value) -> OutPoint {
    let [coin] = params["utxos"].as_array().unwrap().as_slice() else { panic!("{params}") };
    coin.as_str().unwrap().parse().unwrap()
}
