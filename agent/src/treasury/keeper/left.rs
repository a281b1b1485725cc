//! What closed channels left on the chain under the node's keys: found where the owner has all addresses searched, and
//! brought to an address of the savings.

use super::{For, Keeper};
use crate::tasks::EngineGone;
use crate::treasury::LeftView;
use crate::treasury::chain::ChainFault;
use crate::treasury::draft::DraftView;
use crate::treasury::guard::Refused;
use crate::treasury::to_remote::LeftCoin;

impl Keeper {
    pub(super) fn note_left(&mut self, found: Result<Vec<LeftCoin>, ChainFault>) {
        if let Err(fault) = &found {
            tracing::warn!(%fault, "what closed channels left could not be looked for");
        }
        self.left = Some(found.map_err(|fault| fault.to_string()));
    }

    pub(super) async fn collect(&mut self, sat_per_vb: u64) -> Result<Result<DraftView, Refused>, EngineGone> {
        if let Err(stale) = self.fresh() {
            return Ok(Err(stale));
        }
        let coins: Vec<_> = self.still_left().cloned().collect();
        if coins.is_empty() {
            return Ok(Err(Refused::NothingLeft));
        }
        let to = self.address(For::Next).await?.address;
        let draft = match super::super::guard::read_address(&to, self.network) {
            Ok(to) => self.purse.draft_left(&coins, to, sat_per_vb, self.guard()),
            Err(refused) => Err(refused),
        };
        self.keep_draft(draft).await
    }

    pub(super) fn left_view(&self) -> Option<LeftView> {
        let coins = self.still_left().count();
        Some(LeftView {
            sat: self.still_left().fold(0, |sum, coin| sum.saturating_add(coin.output.value.to_sat())),
            coins: u32::try_from(coins).unwrap_or(u32::MAX),
            fault: self.left.as_ref()?.as_ref().err().cloned(),
        })
    }

    /// Without what is on its way already.
    fn still_left(&self) -> impl Iterator<Item = &LeftCoin> {
        let found = self.left.as_ref().and_then(|left| left.as_ref().ok());
        found.into_iter().flatten().filter(|coin| !self.purse.spends(coin.outpoint))
    }
}
