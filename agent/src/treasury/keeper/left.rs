//! What closed channels left on the chain under the node's keys: looked for where the owner has all addresses searched, beside
//! everything else, and brought to an address of the savings.

use std::sync::Arc;

use bitcoin::Amount;
use tokio::sync::mpsc;

use super::{Keeper, Told};
use crate::tasks::EngineGone;
use crate::treasury::chain::{LeftCoin, Manner, Source};
use crate::treasury::draft::DraftView;
use crate::treasury::guard::Refused;
use crate::treasury::{LeftView, ToRemote};

/// How far a search for it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Left {
    /// Nobody has asked.
    #[default]
    Unknown,
    /// Somebody has, and all addresses come first.
    Wanted,
    /// It goes on.
    Going,
    /// What was found, or why that is not known.
    Found(Result<Vec<LeftCoin>, String>),
}

impl Keeper {
    /// Lets a search begin that somebody wants; the first source that answers counts.
    pub(super) fn look_for_left(&mut self, manner: Manner, news: &mpsc::Sender<Told>) {
        if self.left != Left::Wanted {
            return;
        }
        let Some(to_remote) = self.keys.to_remote.clone() else {
            self.left = Left::Unknown;
            return;
        };
        self.left = Left::Going;
        let (sources, news) = (Arc::clone(&self.sources), news.clone());
        tokio::spawn(async move {
            // A client that panics is one that does not answer.
            let asking = tokio::spawn(async move { first_answer(&sources, &to_remote, manner).await });
            let found = asking.await.unwrap_or_else(|_| Err("its client stopped".to_owned()));
            // Nobody listening means that the program is ending.
            let _ = news.send(Told::Left(found)).await;
        });
    }

    /// A server can make up what it likes; what nobody can have is not taken.
    pub(super) fn note_left(&mut self, found: Result<Vec<LeftCoin>, String>) {
        let can_be = |coins: Vec<LeftCoin>| {
            let sum = coins.iter().try_fold(Amount::ZERO, |sum, coin| sum.checked_add(coin.output.value));
            match sum.is_some_and(|sum| sum <= Amount::MAX_MONEY) && coins.len() <= LEFT_MAX {
                true => Ok(coins),
                false => Err("a chain source tells of more than there can be".to_owned()),
            }
        };
        self.left = Left::Found(found.and_then(can_be));
    }

    pub(super) async fn collect(&mut self, sat_per_vb: u64) -> Result<Result<DraftView, Refused>, EngineGone> {
        if let Err(stale) = self.fresh() {
            return Ok(Err(stale));
        }
        if let Err(refused) = self.may_collect().await? {
            return Ok(Err(refused));
        }
        let coins = self.still_left();
        if coins.is_empty() {
            return Ok(Err(Refused::NothingLeft));
        }
        let guard = self.guard();
        let draft = self.purse.draft_left(&coins, sat_per_vb, guard);
        self.keep_draft(draft).await
    }

    /// A node that still has the channel collects from it, too.
    pub(super) async fn may_collect(&self) -> Result<Result<(), Refused>, EngineGone> {
        let is_closing = self.engine.work(|engine, _| engine.has_closing_channels()).await?;
        Ok(if is_closing { Err(Refused::StillClosing) } else { Ok(()) })
    }

    pub(super) fn left_view(&self) -> Option<LeftView> {
        let (is_going, fault) = match &self.left {
            Left::Unknown => return None,
            Left::Wanted | Left::Going => (true, None),
            Left::Found(found) => (false, found.as_ref().err().cloned()),
        };
        let coins = self.still_left();
        Some(LeftView {
            sat: coins.iter().fold(0, |sum, coin| sum.saturating_add(coin.output.value.to_sat())),
            coins: u32::try_from(coins.len()).unwrap_or(u32::MAX),
            is_going,
            fault,
        })
    }

    /// Without what is on its way already.
    fn still_left(&self) -> Vec<LeftCoin> {
        match &self.left {
            Left::Found(Ok(coins)) if !coins.is_empty() => {
                let spent = self.purse.spent();
                coins.iter().filter(|coin| !spent.contains(&coin.outpoint)).cloned().collect()
            }
            _ => Vec::new(),
        }
    }
}

async fn first_answer(sources: &[Source], to_remote: &ToRemote, manner: Manner) -> Result<Vec<LeftCoin>, String> {
    let mut why = "there is no chain source".to_owned();
    for source in sources {
        match source.left(to_remote.clone(), manner).await {
            Ok(left) => return Ok(left),
            Err(fault) => {
                tracing::warn!(%fault, "what closed channels left could not be looked for");
                why = fault.to_string();
            }
        }
    }
    Err(why)
}

/// No household has so many channels.
const LEFT_MAX: usize = 10_000;
