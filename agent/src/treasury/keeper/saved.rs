//! What money.db has of the wallet: read at the start, written before anything counts.

use std::collections::BTreeMap;

use bdk_wallet::ChangeSet;
use bdk_wallet::chain::Merge as _;
use bitcoin::{Network, Txid};

use super::Keeper;
use crate::config::TreasuryConfig;
use crate::engine::{Keep, Kept};
use crate::tasks::{EngineGone, EngineHandle};
use crate::treasury::chain::Source;
use crate::treasury::{Keys, Purse, SeenTx, TreasuryFault};

impl Keeper {
    /// Writes down what changed, with what the ledger has to know of it.
    pub(super) async fn keep(&mut self, searched: bool) -> Result<(), EngineGone> {
        let (keep, now) = self.news_for_the_ledger(searched);
        if keep.change.is_none() && keep.seen.is_empty() && !searched {
            return Ok(());
        }
        self.engine.work(move |engine, now| engine.keep(now, &keep)).await?;
        self.reported = now;
        Ok(())
    }

    pub(super) fn news_for_the_ledger(&mut self, searched: bool) -> (Keep, BTreeMap<Txid, SeenTx>) {
        let now: BTreeMap<_, _> = self.purse.seen().into_iter().map(|seen| (seen.txid, seen)).collect();
        let is_known = |seen: &SeenTx| {
            self.reported.get(&seen.txid).is_some_and(|known| {
                (known.net_sat, known.fee_sat, known.height) == (seen.net_sat, seen.fee_sat, seen.height)
            })
        };
        let mut seen: Vec<_> = now.values().filter(|seen| !is_known(seen)).cloned().collect();
        let gone = self.reported.values().filter(|known| known.net_sat != 0 && !now.contains_key(&known.txid));
        seen.extend(gone.map(|known| SeenTx { net_sat: 0, height: None, block_s: None, ..known.clone() }));
        let keep = Keep {
            wallet: self.id.clone(),
            change: self.purse.staged(),
            seen,
            total_sat: self.purse.balance().total().to_sat(),
            opening: !self.searched,
            searched,
        };
        (keep, now)
    }

    /// Back to what is written down: what was not allowed has not happened.
    pub(super) async fn reload(&mut self) -> Result<(), EngineGone> {
        let kept = kept(&self.engine, &self.id).await?;
        let reopened = merged(&kept.changes)
            .and_then(|saved| Purse::open(self.keys.clone(), self.network, saved, self.config.stop_gap));
        match reopened {
            Ok(purse) => {
                self.purse = purse;
                self.reported = booked(&kept);
            }
            // It was opened from the same rows before.
            Err(fault) => tracing::error!(%fault, "the on-chain wallet could not be opened again"),
        }
        Ok(())
    }
}

pub(super) async fn kept(engine: &EngineHandle, id: &str) -> Result<Kept, EngineGone> {
    let id = id.to_owned();
    engine.work(move |engine, _| engine.kept(&id)).await
}

fn merged(changes: &[(i64, String)]) -> Result<Option<ChangeSet>, TreasuryFault> {
    let mut all: Option<ChangeSet> = None;
    for (number, text) in changes {
        let change: ChangeSet =
            serde_json::from_str(text).map_err(|error| TreasuryFault::Saved(format!("change {number}: {error}")))?;
        match &mut all {
            Some(all) => all.merge(change),
            None => all = Some(change),
        }
    }
    Ok(all)
}

pub(super) fn booked(kept: &Kept) -> BTreeMap<Txid, SeenTx> {
    let seen = kept.booked.iter().map(|tx| SeenTx {
        txid: tx.txid,
        net_sat: tx.net_sat,
        fee_sat: tx.fee_sat,
        height: tx.height,
        block_s: None,
    });
    seen.map(|seen| (seen.txid, seen)).collect()
}

/// What the keeper is put together from: its sources, which are not asked yet, and the wallet as it was kept.
pub(super) fn parts(
    keys: &Keys,
    config: &TreasuryConfig,
    network: Network,
    kept: &Kept,
) -> Result<(Vec<Source>, Purse, Option<ChangeSet>), TreasuryFault> {
    let sources =
        config.chains.iter().map(|chain| Source::of(chain, network, CONNECT_WAIT_S)).collect::<Result<_, _>>()?;
    let saved = merged(&kept.changes)?;
    let purse = Purse::open(keys.clone(), network, saved.clone(), config.stop_gap)?;
    Ok((sources, purse, saved))
}

/// Many changes become one, so that a start does not take longer each time.
pub(super) async fn merge_many(
    engine: &EngineHandle,
    id: &str,
    kept: &Kept,
    saved: Option<&ChangeSet>,
) -> Result<(), EngineGone> {
    let (Some((newest, _)), Some(saved)) = (kept.changes.last(), saved) else { return Ok(()) };
    if kept.changes.len() <= CHANGES_MAX {
        return Ok(());
    }
    let (id, newest) = (id.to_owned(), *newest);
    let text = serde_json::to_string(saved).expect("a change set is plain data");
    engine.work(move |engine, _| engine.merge_kept(&id, newest, &text)).await
}

const CHANGES_MAX: usize = 256;
const CONNECT_WAIT_S: u8 = 10;
