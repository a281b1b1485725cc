//! The JSON shapes of `esplora/API.md`: amounts in satoshi, times in unix seconds, sizes in bytes.

use bitcoin::hex::DisplayHex;
use bitcoin::{Address, Amount, Network, TxOut};
use serde_json::{Map, Value, json};

use crate::demo::chain::{
    Activity, BlockInfo, BlockRef, BlockStatus, MerkleProof, PackageEntry, Spend, TxInfo, Unspent,
};

pub(super) fn tx(info: &TxInfo) -> Value {
    let inputs = info.tx.input.iter().enumerate().map(|(index, input)| {
        json!({
            "txid": input.previous_output.txid.to_string(),
            "vout": input.previous_output.vout,
            "prevout": info.prevouts.get(index).map(output),
            "scriptsig": input.script_sig.to_hex_string(),
            "witness": input.witness.iter().map(|item| item.to_lower_hex_string()).collect::<Value>(),
            "is_coinbase": info.tx.is_coinbase(),
            "sequence": input.sequence.to_consensus_u32(),
        })
    });
    json!({
        "txid": info.txid.to_string(),
        "version": info.tx.version.0,
        "locktime": info.tx.lock_time.to_consensus_u32(),
        "vin": inputs.collect::<Value>(),
        "vout": info.tx.output.iter().map(output).collect::<Value>(),
        "size": info.tx.total_size(),
        "weight": info.tx.weight().to_wu(),
        "fee": info.fee.to_sat(),
        "status": status(info.confirmed),
    })
}

fn output(output: &TxOut) -> Value {
    let script = &output.script_pubkey;
    let mut shape = json!({
        "scriptpubkey": script.to_hex_string(),
        "scriptpubkey_asm": script.to_asm_string(),
        "value": output.value.to_sat(),
    });
    if let Ok(address) = Address::from_script(script, Network::Regtest) {
        shape["scriptpubkey_address"] = json!(address.to_string());
    }
    shape
}

pub(super) fn status(confirmed: Option<BlockRef>) -> Value {
    match confirmed {
        Some(block) => json!({
            "confirmed": true,
            "block_height": block.height,
            "block_hash": block.hash.to_string(),
            "block_time": block.time,
        }),
        None => json!({ "confirmed": false }),
    }
}

pub(super) fn spend(spend: Option<Spend>) -> Value {
    match spend {
        Some(spend) => json!({
            "spent": true,
            "txid": spend.txid.to_string(),
            "vin": spend.vin,
            "status": status(spend.confirmed),
        }),
        None => json!({ "spent": false }),
    }
}

pub(super) fn unspent(unspent: &Unspent) -> Value {
    json!({
        "txid": unspent.coin.txid.to_string(),
        "vout": unspent.coin.vout,
        "value": unspent.output.value.to_sat(),
        "status": status(unspent.confirmed),
    })
}

pub(super) fn merkle_proof(proof: &MerkleProof) -> Value {
    json!({
        "block_height": proof.height,
        "merkle": proof.branch.iter().map(ToString::to_string).collect::<Value>(),
        "pos": proof.position,
    })
}

pub(super) fn block(info: &BlockInfo) -> Value {
    let header = &info.block.header;
    let previous = (info.height > 0).then(|| header.prev_blockhash.to_string());
    json!({
        "id": info.block.block_hash().to_string(),
        "height": info.height,
        "version": header.version.to_consensus(),
        "timestamp": header.time,
        "tx_count": info.block.txdata.len(),
        "size": info.block.total_size(),
        "weight": info.block.weight().to_wu(),
        "merkle_root": header.merkle_root.to_string(),
        "previousblockhash": previous,
        "mediantime": info.median_time,
        "nonce": header.nonce,
        "bits": header.bits.to_consensus(),
        "difficulty": header.difficulty_float(),
    })
}

pub(super) fn block_status(status: BlockStatus) -> Value {
    json!({
        "in_best_chain": status.in_best_chain,
        "height": status.height,
        "next_best": status.next_best.map(|hash| hash.to_string()),
    })
}

pub(super) fn activity(label: &str, key: &str, chain: Activity, mempool: Activity) -> Value {
    let shape = |activity: Activity| {
        json!({
            "funded_txo_count": activity.funded_count,
            "funded_txo_sum": activity.funded_sat,
            "spent_txo_count": activity.spent_count,
            "spent_txo_sum": activity.spent_sat,
            "tx_count": activity.tx_count,
        })
    };
    json!({ label: key, "chain_stats": shape(chain), "mempool_stats": shape(mempool) })
}

/// The rates by target in blocks are fixed, in sat per virtual byte: blocks here are never full.
pub(super) fn fee_estimates() -> Value {
    json!({ "1": 3.0, "2": 2.0, "3": 2.0, "6": 1.5, "12": 1.0, "144": 1.0, "504": 1.0, "1008": 1.0 })
}

/// The histogram has one bar, at the lowest rate of all, rounded down to whole sat per virtual byte.
pub(super) fn mempool(waiting: &[TxInfo]) -> Value {
    let vsize: usize = waiting.iter().map(|info| info.tx.vsize()).sum();
    let fees: Amount = waiting.iter().map(|info| info.fee).sum();
    let rates = waiting.iter().map(|info| {
        let vsize = info.tx.weight().to_vbytes_ceil();
        info.fee.to_sat().checked_div(vsize).unwrap_or(0)
    });
    let histogram: Value = rates.min().map(|rate| json!([rate, vsize])).into_iter().collect();
    json!({
        "count": waiting.len(),
        "vsize": vsize,
        "total_fee": fees.to_sat(),
        "fee_histogram": histogram,
    })
}

pub(super) fn recent(info: &TxInfo) -> Value {
    let value: Amount = info.tx.output.iter().map(|output| output.value).sum();
    json!({
        "txid": info.txid.to_string(),
        "fee": info.fee.to_sat(),
        "vsize": info.tx.vsize(),
        "value": value.to_sat(),
    })
}

/// Bitcoin Core's answer to `submitpackage`, which Esplora passes on: fees are in bitcoin.
pub(super) fn package(entries: &[PackageEntry]) -> Value {
    let all_taken = entries.iter().all(|entry| entry.outcome.is_ok());
    let mut results = Map::new();
    let mut replaced = Vec::new();
    for entry in entries {
        let txid = entry.txid.to_string();
        let result = match &entry.outcome {
            Ok((fee, gone)) => {
                replaced.extend(gone.iter().map(ToString::to_string));
                json!({ "txid": txid, "vsize": entry.vsize, "fees": { "base": fee.to_btc() } })
            }
            Err(reject) => json!({ "txid": txid, "error": reject.to_string() }),
        };
        results.insert(entry.wtxid.to_string(), result);
    }
    json!({
        "package_msg": if all_taken { "success" } else { "transaction failed" },
        "tx-results": results,
        "replaced-transactions": replaced,
    })
}
