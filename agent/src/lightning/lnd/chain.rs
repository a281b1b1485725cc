//! LND's wallet on the chain, as far as a channel is made of one deposit to it.
//!
//! Source: LND's `lightning.proto`: `ListUnspent`, `GetTransactions`, `ListChannels`, `PendingChannels`, `ConnectPeer`,
//! `OpenChannelSync` and `SendCoins`; the latter takes `outpoints` since 0.18.3, the others did before.

use bitcoin::hex::FromHex as _;
use bitcoin::{OutPoint, Txid};
use serde_json::{Value, json};

use super::Lnd;
use super::answers::{fault, number, text};
use crate::domain::l402::base64_encode;
use crate::http::Request;
use crate::lightning::outside::{OutsideChannel, OutsideTx, Peer, brought, declined};
use crate::lightning::remote::PAGE_BYTES_MAX;
use crate::lightning::trouble::{ServiceFault, Trouble};

impl Lnd {
    pub(in crate::lightning) async fn selects_coins(&self) -> Result<(), ServiceFault> {
        let info = self.info().await?;
        match version(&info.version).is_some_and(|version| version >= SELECTS_COINS) {
            true => Ok(()),
            false => Err(fault(Trouble::Unsupported("filling it up before version 0.18.3"), &info.version)),
        }
    }

    pub(in crate::lightning) async fn coins(&self) -> Result<Vec<OutPoint>, ServiceFault> {
        let answer = self.page_of("/v1/utxos?min_confs=1&max_confs=9999999").await?;
        read_list(&answer, "utxos", |coin| {
            let outpoint = coin.get("outpoint")?;
            let number = number(outpoint, "output_index").unwrap_or(0);
            Some(OutPoint::new(text(outpoint, "txid_str")?.parse().ok()?, number.try_into().ok()?))
        })
    }

    pub(in crate::lightning) async fn transactions_since(&self, height: u32) -> Result<Vec<OutsideTx>, ServiceFault> {
        let answer = self.page_of(&format!("/v1/transactions?start_height={height}&end_height=-1")).await?;
        read_list(&answer, "transactions", |known| {
            let confirmations = number(known, "num_confirmations").unwrap_or(0);
            Some(OutsideTx::read(text(known, "raw_tx_hex")?, confirmations.try_into().ok()?))
        })
        .map(|known| known.into_iter().flatten().collect())
    }

    pub(in crate::lightning) async fn channels(&self) -> Result<Vec<OutsideChannel>, ServiceFault> {
        // First those that are being made, so that none is missed in between.
        let answer = self.page_of("/v1/channels/pending").await?;
        let mut channels = read_list(&answer, "pending_open_channels", |pending| {
            let channel = pending.get("channel")?;
            let is_coming = text(channel, "initiator") == Some("INITIATOR_LOCAL");
            Some(OutsideChannel { funding: funding(channel)?, brought: None, is_coming })
        })?;
        let answer = self.page_of("/v1/channels").await?;
        channels.extend(read_list(&answer, "channels", |channel| {
            let msat = |name| number(channel, name).unwrap_or(0).checked_mul(1_000);
            let now = number(channel, "local_balance")?.checked_mul(1_000)?;
            let brought = brought(now, msat("total_satoshis_sent")?, msat("total_satoshis_received")?);
            let is_at_rest = number(channel, "unsettled_balance").unwrap_or(0) == 0;
            Some(OutsideChannel {
                funding: funding(channel)?,
                brought: is_at_rest.then_some(brought),
                is_coming: false,
            })
        })?);
        Ok(channels)
    }

    pub(in crate::lightning) async fn open_channel(
        &self,
        peer: &Peer,
        coin: OutPoint,
        sat_per_vb: u64,
    ) -> Result<(), ServiceFault> {
        let asked = json!({ "addr": { "pubkey": peer.key, "host": peer.address }, "perm": false, "timeout": "20" });
        // Answered once it is connected, as it is not meant for good.
        match self.slow(Request::json(self.remote.at("/v1/peers"), &asked)).await {
            Err(refused) if !refused.to_string().contains("already connected") => return Err(refused),
            _ => {}
        }
        let asked = json!({
            "node_pubkey": key(peer)?,
            "fund_max": true,
            "outpoints": [outpoint(coin)],
            "sat_per_vbyte": sat_per_vb.to_string(),
            "min_confs": 1,
            "private": true,
            "memo": "Kilosat",
        });
        self.slow(Request::json(self.remote.at("/v1/channels"), &asked)).await.map(drop)
    }

    pub(in crate::lightning) async fn send_coin(
        &self,
        coin: OutPoint,
        address: &str,
        sat_per_vb: u64,
    ) -> Result<(), ServiceFault> {
        let asked = json!({
            "addr": address,
            "send_all": true,
            "outpoints": [outpoint(coin)],
            "sat_per_vbyte": sat_per_vb.to_string(),
            "min_confs": 1,
            "label": "Kilosat",
        });
        self.slow(Request::json(self.remote.at("/v1/transactions"), &asked)).await.map(drop)
    }

    async fn page_of(&self, path: &str) -> Result<Value, ServiceFault> {
        self.ask(Request::get(self.remote.at(path)).up_to(PAGE_BYTES_MAX)).await
    }

    /// A peer at the other end of the world has a say in the answer.
    async fn slow(&self, request: Request<'_>) -> Result<Value, ServiceFault> {
        self.send(request.within(self.remote.waits.pay)).await?.map_err(|refusal| match refusal.is_from_lnd() {
            true => declined(refusal.fault()),
            false => refusal.fault(),
        })
    }
}

fn read_list<T>(answer: &Value, name: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, ServiceFault> {
    let items = answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let read: Option<Vec<T>> = items.iter().map(read).collect();
    read.ok_or_else(|| fault(Trouble::Unclear, &format!("its list of {name} cannot be read")))
}

fn funding(channel: &Value) -> Option<Txid> {
    text(channel, "channel_point")?.split_once(':')?.0.parse().ok()
}

fn key(peer: &Peer) -> Result<String, ServiceFault> {
    let bytes = Vec::from_hex(&peer.key).map_err(|_| fault(Trouble::Unclear, "the key of the peer is none"))?;
    Ok(base64_encode(&bytes))
}

fn outpoint(coin: OutPoint) -> Value {
    json!({ "txid_str": coin.txid.to_string(), "output_index": coin.vout })
}

/// The first three numbers of a text such as `0.19.2-beta commit=v0.19.2-beta`.
fn version(text: &str) -> Option<[u64; 3]> {
    let numbers = text.split(['-', ' ']).next()?.trim_start_matches('v');
    let mut parts = numbers.split('.').map(|part| part.parse().ok());
    Some([parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)])
}

const SELECTS_COINS: [u64; 3] = [0, 18, 3];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_cannot_be_told_which_coins_to_spend_is_known() {
        for (text, is_able) in [
            ("0.19.2-beta commit=v0.19.2-beta", true),
            ("0.18.3-beta", true),
            ("0.18.2-beta.rc1", false),
            ("v1.0", true),
            ("0.18", false),
            ("", false),
            ("beta", false),
        ] {
            assert_eq!(version(text).is_some_and(|version| version >= SELECTS_COINS), is_able, "{text}");
        }
    }
}
