//! LND's calls about its wallet on the chain, as its `lightning.proto` documents them.

use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bitcoin::OutPoint;
use serde_json::{Value, json};

use super::super::onchain::OnChain;
use super::{Lnd, error, whole};

pub(super) fn routes(router: Router<Lnd>) -> Router<Lnd> {
    router
        .route("/v1/utxos", get(utxos))
        .route("/v1/transactions", get(transactions).post(send_coins))
        .route("/v1/channels", get(channels).post(open_channel))
        .route("/v1/peers", post(connect))
}

/// One that is to be connected for good is not connected yet when this is answered.
async fn connect(Json(asked): Json<Value>) -> Response {
    assert_eq!(asked["perm"], json!(false), "{asked}");
    error(false, 500, 2, "already connected to peer: 02aa@127.0.0.1:9735")
}

pub(super) async fn pending(chain: &OnChain) -> Json<Value> {
    let coming = chain.channels().await.into_iter().filter(|channel| !channel.is_ready);
    let shown = coming.map(|channel| json!({ "channel": { "channel_point": format!("{}:0", channel.funding), "initiator": "INITIATOR_LOCAL" } }));
    Json(json!({ "pending_open_channels": shown.collect::<Vec<_>>() }))
}

fn chain(lnd: &Lnd) -> &OnChain {
    lnd.chain.as_ref().expect("one that is on a chain")
}

async fn utxos(State(lnd): State<Lnd>, Query(asked): Query<Vec<(String, String)>>) -> Json<Value> {
    assert!(asked.contains(&("min_confs".to_owned(), "1".to_owned())), "{asked:?}");
    let coins = chain(&lnd).coins().await;
    let shown = coins.iter().map(|(coin, value)| {
        json!({
            "amount_sat": value.to_sat().to_string(),
            "outpoint": { "txid_str": coin.txid.to_string(), "output_index": coin.vout },
            "confirmations": "1",
        })
    });
    Json(json!({ "utxos": shown.collect::<Vec<_>>() }))
}

async fn transactions(State(lnd): State<Lnd>, Query(asked): Query<Vec<(String, String)>>) -> Json<Value> {
    let value = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("end_height"), Some("-1"), "what waits as well");
    let start: u64 = value("start_height").unwrap().parse().unwrap();
    let (height, known) = (chain(&lnd).height().await, chain(&lnd).transactions().await);
    let shown = known.iter().filter(|(_, _, confirmations)| *confirmations == 0 || height + 1 - confirmations >= start);
    let shown = shown.map(|(txid, hex, confirmations)| {
        json!({ "tx_hash": txid.to_string(), "num_confirmations": confirmations, "raw_tx_hex": hex })
    });
    Json(json!({ "transactions": shown.collect::<Vec<_>>() }))
}

async fn channels(State(lnd): State<Lnd>) -> Json<Value> {
    let ready = chain(&lnd).channels().await.into_iter().filter(|channel| channel.is_ready);
    let shown = ready.map(|channel| {
        json!({
            "active": true,
            "channel_point": format!("{}:0", channel.funding),
            "capacity": channel.sat.to_string(),
            "local_balance": channel.local_sat.to_string(),
            "total_satoshis_sent": "0",
            "total_satoshis_received": "0",
            "unsettled_balance": "0",
            "initiator": true,
        })
    });
    Json(json!({ "channels": shown.collect::<Vec<_>>() }))
}

async fn open_channel(State(lnd): State<Lnd>, Json(asked): Json<Value>) -> Response {
    assert_eq!((&asked["fund_max"], asked.get("local_funding_amount")), (&json!(true), None), "{asked}");
    match chain(&lnd).open(coin(&asked), whole(&asked["sat_per_vbyte"]).unwrap()).await {
        Ok(txid) => Json(json!({ "funding_txid_str": txid.to_string(), "output_index": 0 })).into_response(),
        Err(why) => error(false, 500, 2, &why),
    }
}

async fn send_coins(State(lnd): State<Lnd>, Json(asked): Json<Value>) -> Response {
    assert_eq!(asked["send_all"], json!(true), "{asked}");
    let address = asked["addr"].as_str().unwrap();
    match chain(&lnd).send(coin(&asked), address, whole(&asked["sat_per_vbyte"]).unwrap()).await {
        Ok(txid) => Json(json!({ "txid": txid.to_string() })).into_response(),
        Err(why) => error(false, 500, 2, &why),
    }
}

/// The one coin that may be spent; without one, LND would spend all that there are.
fn coin(asked: &Value) -> OutPoint {
    let [coin] = asked["outpoints"].as_array().unwrap().as_slice() else { panic!("{asked}") };
    let number = u32::try_from(coin["output_index"].as_u64().unwrap()).unwrap();
    OutPoint::new(coin["txid_str"].as_str().unwrap().parse().unwrap(), number)
}
