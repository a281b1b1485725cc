//! A node's wallet on a real regtest chain: one key, coins that Bitcoin Core knows, and channels that take three blocks.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::key::{CompressedPublicKey, PrivateKey};
use bitcoin::secp256k1::{All, Message, Secp256k1};
use bitcoin::sighash::{EcdsaSighashType, SighashCache};
use bitcoin::transaction::Version;
use bitcoin::{
    Address, Amount, NetworkKind, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, WScriptHash, Witness,
};
use kilosat::clock::Clock;
use kilosat::demo::miner::Miner;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::Ledger;
use crate::bitcoind::Bitcoind;

/// The wallet. Clones are the same one.
#[derive(Clone)]
pub struct OnChain(Arc<Inner>);

struct Inner {
    miner: Miner,
    secp: Secp256k1<All>,
    key: PrivateKey,
    ledger: Ledger,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Its transactions, as they became known.
    known: Vec<Txid>,
    channels: Vec<Channel>,
    refuses: Option<&'static str>,
}

/// A channel that was made of a coin.
#[derive(Clone, Copy, Debug)]
pub struct Channel {
    /// The transaction that made it.
    pub funding: Txid,
    /// What is in it.
    pub sat: u64,
    /// Of that, on this side.
    pub local_sat: u64,
    /// It has its blocks, and counts in the ledger.
    pub is_ready: bool,
}

impl OnChain {
    /// An empty one; what its channels bring goes into `ledger`.
    pub async fn start(bitcoind: &Bitcoind, ledger: Ledger) -> OnChain {
        let miner = Miner::start(&bitcoind.choice(), None, Clock::real(), &mut JoinSet::new()).await.unwrap();
        let key = PrivateKey::from_slice(&[7; 32], NetworkKind::Test).unwrap();
        let (secp, state) = (Secp256k1::new(), Mutex::default());
        OnChain(Arc::new(Inner { miner, secp, key, ledger, state }))
    }

    /// From now on channels are refused with these words; or no longer.
    pub async fn refuse(&self, why: Option<&'static str>) {
        self.0.state.lock().await.refuses = why;
    }

    /// The channels, ready or not.
    pub async fn channels(&self) -> Vec<Channel> {
        let mut state = self.0.state.lock().await;
        for channel in &mut state.channels {
            if !channel.is_ready && self.confirmations(channel.funding).await >= READY_BLOCKS {
                channel.is_ready = true;
                self.0.ledger.add(channel.local_sat * 1_000);
            }
        }
        state.channels.clone()
    }

    /// What pays it.
    pub fn address(&self) -> Address {
        Address::p2wpkh(&self.public(), bitcoin::Network::Regtest)
    }

    /// What it can spend, and in which block each coin is.
    pub async fn coins(&self) -> Vec<(OutPoint, Amount)> {
        let wanted = json!(["start", [format!("addr({})", self.address())]]);
        let found = self.call("scantxoutset", wanted).await;
        let mut state = self.0.state.lock().await;
        let mut coins = Vec::new();
        for coin in found["unspents"].as_array().unwrap() {
            let txid: Txid = coin["txid"].as_str().unwrap().parse().unwrap();
            if !state.known.contains(&txid) {
                state.known.push(txid);
            }
            let number = u32::try_from(coin["vout"].as_u64().unwrap()).unwrap();
            coins.push((OutPoint::new(txid, number), Amount::from_btc(coin["amount"].as_f64().unwrap()).unwrap()));
        }
        let mut spent = BTreeSet::new();
        for txid in &state.known {
            spent.extend(self.transaction(*txid).await.input.iter().map(|input| input.previous_output));
        }
        coins.retain(|(outpoint, _)| !spent.contains(outpoint));
        coins
    }

    /// Its transactions in hex, with their confirmations and ids.
    pub async fn transactions(&self) -> Vec<(Txid, String, u64)> {
        self.coins().await;
        let known = self.0.state.lock().await.known.clone();
        let mut shown = Vec::new();
        for txid in known {
            shown.push((txid, serialize_hex(&self.transaction(txid).await), self.confirmations(txid).await));
        }
        shown
    }

    /// The newest block.
    pub async fn height(&self) -> u64 {
        self.call("getblockcount", json!([])).await.as_u64().unwrap()
    }

    /// Makes a channel of exactly this coin, but for what is kept for its closing.
    ///
    /// # Errors
    /// In the words of a node.
    pub async fn open(&self, coin: OutPoint, sat_per_vb: u64) -> Result<Txid, String> {
        if let Some(why) = self.0.state.lock().await.refuses {
            return Err(why.to_owned());
        }
        let script = ScriptBuf::new_p2wsh(&WScriptHash::from_raw_hash(bitcoin::hashes::Hash::hash(&coin.txid[..])));
        let (funding, sat) = self.spend(coin, script, sat_per_vb, KEPT_SAT).await?;
        let channel = Channel { funding, sat, local_sat: sat - COMMITMENT_SAT, is_ready: false };
        self.0.state.lock().await.channels.push(channel);
        Ok(funding)
    }

    /// Sends all of this coin to an address.
    ///
    /// # Errors
    /// In the words of a node.
    pub async fn send(&self, coin: OutPoint, address: &str, sat_per_vb: u64) -> Result<Txid, String> {
        let address: Address<_> = address.parse().unwrap();
        let sent = self.spend(coin, address.assume_checked().script_pubkey(), sat_per_vb, 0).await?;
        Ok(sent.0)
    }

    async fn spend(&self, coin: OutPoint, to: ScriptBuf, sat_per_vb: u64, kept: u64) -> Result<(Txid, u64), String> {
        let coins = self.coins().await;
        let known = coins.into_iter().find(|(known, _)| *known == coin);
        let (_, value) = known.ok_or("the selected output is not available")?;
        let mut output = vec![TxOut { value: Amount::ZERO, script_pubkey: to }];
        if kept > 0 {
            output.push(TxOut { value: Amount::from_sat(kept), script_pubkey: self.address().script_pubkey() });
        }
        let input = vec![TxIn { previous_output: coin, sequence: Sequence::MAX, ..TxIn::default() }];
        let mut tx = Transaction { version: Version::TWO, lock_time: LockTime::ZERO, input, output };
        let fee = (u64::try_from(tx.vsize()).unwrap() + WITNESS_VB) * sat_per_vb;
        let sat = value.to_sat().checked_sub(fee + kept).ok_or("not enough for the fee")?;
        tx.output[0].value = Amount::from_sat(sat);
        let script = self.address().script_pubkey();
        let sighash = SighashCache::new(&tx).p2wpkh_signature_hash(0, &script, value, EcdsaSighashType::All).unwrap();
        let message = Message::from_digest(bitcoin::hashes::Hash::to_byte_array(sighash));
        let signature = bitcoin::ecdsa::Signature::sighash_all(self.0.secp.sign_ecdsa(&message, &self.0.key.inner));
        tx.input[0].witness = Witness::p2wpkh(&signature, &self.public().0);
        self.call("sendrawtransaction", json!([serialize_hex(&tx)])).await;
        let txid = tx.compute_txid();
        self.0.state.lock().await.known.push(txid);
        Ok((txid, sat))
    }

    fn public(&self) -> CompressedPublicKey {
        CompressedPublicKey::from_private_key(&self.0.secp, &self.0.key).unwrap()
    }

    async fn transaction(&self, txid: Txid) -> Transaction {
        let raw = self.call("getrawtransaction", json!([txid])).await;
        deserialize_hex(raw.as_str().unwrap()).unwrap()
    }

    async fn confirmations(&self, txid: Txid) -> u64 {
        self.call("getrawtransaction", json!([txid, true])).await["confirmations"].as_u64().unwrap_or(0)
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        self.0.miner.call(method, params).await.unwrap()
    }
}

/// What a node keeps beside a channel for the day that it closes.
const KEPT_SAT: u64 = 10_000;
/// What the transaction that would close the channel costs, with both anchors.
const COMMITMENT_SAT: u64 = 1_342;
const READY_BLOCKS: u64 = 3;
/// A signature and a key, in virtual bytes.
const WITNESS_VB: u64 = 28;
