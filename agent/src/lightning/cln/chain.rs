//! Core Lightning's wallet on the chain, as far as a channel is made of one deposit to it.
//!
//! Source: `lightning-newaddr`, `-listfunds`, `-listtransactions`, `-listpeerchannels`, `-connect`, `-fundchannel` and
//! `-withdraw` (7).

use std::str::FromStr as _;

use bitcoin::{Address, OutPoint};
use serde_json::{Value, json};

use super::Cln;
use super::answers::{NORMAL, Row};
use super::calls::{CallFault, unclear};
use crate::lightning::outside::{OutsideChannel, OutsideTx, Peer, brought, declined};
use crate::lightning::trouble::ServiceFault;

impl Cln {
    pub(in crate::lightning) async fn deposit_address(&self) -> Result<String, ServiceFault> {
        let body = self.chain("newaddr", &json!({ "addresstype": "bech32" })).await?;
        let address = Row::whole(&body).and_then(|row| Address::from_str(row.text("bech32")?).ok());
        let address = address.and_then(|address| address.require_network(self.calls.remote.network).ok());
        address.map(|address| address.to_string()).ok_or_else(|| unclear("newaddr without an address of this network"))
    }

    pub(in crate::lightning) async fn coins(&self) -> Result<Vec<OutPoint>, ServiceFault> {
        let body = self.chain("listfunds", &json!({})).await?;
        let coins = Row::whole(&body).and_then(|row| row.list("outputs")).and_then(|rows| {
            let free = rows.iter().filter(|row| row.text("status") == Some("confirmed") && !row.flag("reserved"));
            free.map(|row| Some(OutPoint::new(row.text("txid")?.parse().ok()?, row.number("output")?.try_into().ok()?)))
                .collect()
        });
        coins.ok_or_else(|| unclear("listfunds"))
    }

    /// It has no way to ask for the newest ones only.
    pub(in crate::lightning) async fn transactions_since(&self, height: u32) -> Result<Vec<OutsideTx>, ServiceFault> {
        let tip = self.info().await?.block_height.unwrap_or(0);
        let asked = self.calls.list_up_to("listtransactions", &json!({}), HISTORY_BYTES_MAX).await;
        let body = asked.map_err(|fault| fault.fault())?;
        let known = Row::whole(&body).and_then(|row| row.list("transactions")).and_then(|rows| {
            let known = rows.iter().map(|row| {
                let block = u32::try_from(row.number("blockheight").unwrap_or(0)).ok()?;
                let confirmations = if block == 0 { 0 } else { tip.saturating_sub(block).saturating_add(1) };
                Some((block, OutsideTx::read(row.text("rawtx")?, confirmations)))
            });
            known.collect::<Option<Vec<_>>>()
        });
        let known = known.ok_or_else(|| unclear("listtransactions"))?;
        Ok(known.into_iter().filter(|(block, _)| *block == 0 || *block >= height).filter_map(|(_, tx)| tx).collect())
    }

    pub(in crate::lightning) async fn channels(&self) -> Result<Vec<OutsideChannel>, ServiceFault> {
        let body = self.chain("listpeerchannels", &json!({})).await?;
        let channels = Row::whole(&body).and_then(|row| row.list("channels")).and_then(|rows| {
            let open = rows.iter().filter(|row| row.text("state").is_some_and(|state| OPEN.contains(&state)));
            let channels = open.filter(|row| row.text("funding_txid").is_some()).map(|row| {
                let msat = |name| row.msat(name).unwrap_or(0);
                let is_working = row.text("state") == Some(NORMAL);
                let now_msat = if is_working { row.msat("to_us_msat")? } else { 0 };
                let brought = brought(now_msat, msat("out_fulfilled_msat"), msat("in_fulfilled_msat"));
                let brought = is_working.then_some(brought);
                let is_coming = !is_working && row.text("opener") == Some("local");
                Some(OutsideChannel { funding: row.text("funding_txid")?.parse().ok()?, brought, is_coming })
            });
            channels.collect()
        });
        channels.ok_or_else(|| unclear("listpeerchannels"))
    }

    pub(in crate::lightning) async fn open_channel(
        &self,
        peer: &Peer,
        coin: OutPoint,
        sat_per_vb: u64,
    ) -> Result<(), ServiceFault> {
        self.slow("connect", &json!({ "id": format!("{}@{}", peer.key, peer.address) })).await?;
        let asked = json!({
            "id": peer.key,
            "amount": "all",
            "feerate": per_kb(sat_per_vb),
            "announce": false,
            "minconf": 1,
            "utxos": [coin.to_string()],
        });
        self.slow("fundchannel", &asked).await
    }

    pub(in crate::lightning) async fn send_coin(
        &self,
        coin: OutPoint,
        address: &str,
        sat_per_vb: u64,
    ) -> Result<(), ServiceFault> {
        let asked = json!({
            "destination": address,
            "satoshi": "all",
            "feerate": per_kb(sat_per_vb),
            "minconf": 1,
            "utxos": [coin.to_string()],
        });
        self.slow("withdraw", &asked).await
    }

    async fn chain(&self, method: &str, params: &Value) -> Result<Vec<u8>, ServiceFault> {
        self.calls.list(method, params).await.map_err(|fault| fault.fault())
    }

    /// A peer at the other end of the world has a say in the answer.
    async fn slow(&self, method: &str, params: &Value) -> Result<(), ServiceFault> {
        let wait = self.calls.remote.waits.pay;
        self.calls.call_within(method, params, wait).await.map(drop).map_err(|fault| match fault {
            CallFault::Rpc(_) => declined(fault.fault()),
            _ => fault.fault(),
        })
    }
}

/// The states of a channel that works, or is on its way there (`lightning-listpeerchannels`, `state`).
const OPEN: [&str; 6] = [
    NORMAL,
    "CHANNELD_AWAITING_LOCKIN",
    "CHANNELD_AWAITING_SPLICE",
    "DUALOPEND_OPEN_COMMITTED",
    "DUALOPEND_OPEN_COMMIT_READY",
    "DUALOPEND_AWAITING_LOCKIN",
];
/// All that its wallet ever did: some kilobytes for each transaction.
const HISTORY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Satoshis for a thousand virtual bytes, as `lightning-feerates` (7) writes them.
fn per_kb(sat_per_vb: u64) -> String {
    format!("{}perkb", sat_per_vb.saturating_mul(1_000))
}
