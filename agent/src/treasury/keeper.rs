//! The task that keeps the treasury: one wallet, one place where it changes.

mod left;
mod rounds;
mod saved;
mod sending;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::{Amount, Network, Txid};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::sleep;

use self::left::Left;
use self::saved::{booked, kept, merge_many, parts};
use super::chain::{Answer, ChainFault, FeeRates, LeftCoin, News, Source};
use super::draft::{Coin, Draft, DraftView, Wish};
use super::guard::{Guard, Refused};
use super::view::{AddressView, TreasuryView};
use super::{Arrival, Keys, Purse, SeenTx, TreasuryFault};
use crate::clock::Clock;
use crate::config::{TreasuryConfig, TreasuryKind};
use crate::tasks::{EngineGone, EngineHandle};

/// Asks the keeper. Clones ask the same one.
#[derive(Clone)]
pub struct Treasury {
    commands: mpsc::Sender<Asked>,
    view: watch::Receiver<TreasuryView>,
    clock: Clock,
}

/// What the keeper is asked for.
pub enum Asked {
    /// An address to receive at.
    Address(For, oneshot::Sender<Result<AddressView, Refused>>),
    /// What can be spent.
    Coins(oneshot::Sender<Vec<Coin>>),
    /// What a transaction would cost.
    Draft(Wish, oneshot::Sender<Result<DraftView, Refused>>),
    /// What it would cost to make one faster, at this rate in sat/vB: by a replacement where that is possible.
    Faster(Txid, u64, oneshot::Sender<Result<DraftView, Refused>>),
    /// Sends a draft; with its signature where the owner signs elsewhere.
    Send(Order, oneshot::Sender<Result<Sent, Refused>>),
    /// Gives up a transaction of ours that no chain source takes.
    GiveUp(Txid, oneshot::Sender<Result<(), Refused>>),
    /// What was paid to an address.
    PaidTo(String, oneshot::Sender<Result<Vec<Arrival>, Refused>>),
    /// What bringing here what closed channels left would cost, at this rate in sat/vB.
    Collect(u64, oneshot::Sender<Result<DraftView, Refused>>),
    /// Asks the chain now; answered when that is done. With true, for addresses that were never shown as well, and for
    /// what closed channels left.
    Look(bool, oneshot::Sender<()>),
}

/// What an address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The next one that nobody has paid to.
    Next,
    /// Another than those that were shown before.
    Another,
    /// The same; where it is new, it is shown for nothing else while this runs.
    OneBill,
}

/// A draft that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub draft: Txid,
    /// It, signed elsewhere.
    pub signed: Option<String>,
    /// What the owner writes beside it.
    pub label: Option<String>,
    /// The move that it is the first part of.
    pub of_move: Option<i64>,
}

/// A transaction that will not be forgotten any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub txid: Txid,
    /// Why no chain source took it yet; it is sent again until one does.
    pub fault: Option<String>,
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.fault {
            None => write!(f, "{} is on its way.", self.txid),
            Some(fault) => write!(
                f,
                "{} is signed and kept, and no chain source took it yet ({fault}). It is handed out again until one does; do \
                 not send the same once more.",
                self.txid
            ),
        }
    }
}

/// The task's state.
pub struct Keeper {
    purse: Purse,
    keys: Keys,
    id: String,
    config: TreasuryConfig,
    network: Network,
    engine: EngineHandle,
    clock: Clock,
    sources: Arc<Vec<Source>>,
    /// Until when each source is left alone, in monotonic ms.
    rests: Vec<u64>,
    /// What the ledger has.
    reported: BTreeMap<Txid, SeenTx>,
    drafts: BTreeMap<Txid, Draft>,
    searched: bool,
    round: Option<Round>,
    waiting: Vec<(bool, oneshot::Sender<()>)>,
    /// When a source last answered, and the time its newest block bears, in seconds since 1970.
    answered: Option<(u64, u64)>,
    next_round_at: u64,
    looked_at: u64,
    fees: FeeRates,
    source: Option<String>,
    fault: Option<String>,
    progress: Option<(u32, u32)>,
    sent_at: BTreeMap<Txid, u64>,
    /// What closed channels left.
    left: Left,
    view: watch::Sender<TreasuryView>,
}

/// A question that is under way.
struct Round {
    source: usize,
    all: bool,
    /// What was told does not fit to what is known; the rest of the answer counts for nothing then.
    misfit: Option<String>,
}

/// What a round's task tells: news, and how it ended.
enum Told {
    News(News),
    Left(Result<Vec<LeftCoin>, String>),
    End(Result<Answer, ChainFault>),
}

impl Treasury {
    /// What is known now.
    pub fn view(&self) -> TreasuryView {
        let view = self.view.borrow().clone();
        let since = self.clock.elapsed_ms().saturating_sub(view.shown_ms);
        let older = |age: Option<u64>| age.map(|age| age.saturating_add(since));
        TreasuryView { tip_age_ms: older(view.tip_age_ms), asked_ms: older(view.asked_ms), ..view }
    }

    /// The keeper's answer.
    ///
    /// # Errors
    /// [`EngineGone`]: the program is ending.
    pub async fn ask<T>(&self, asked: impl FnOnce(oneshot::Sender<T>) -> Asked) -> Result<T, EngineGone> {
        let (sender, answer) = oneshot::channel();
        self.commands.send(asked(sender)).await.map_err(|_| EngineGone)?;
        answer.await.map_err(|_| EngineGone)
    }
}

impl Keeper {
    /// Opens the wallet as it was kept. Asks no chain source yet.
    ///
    /// # Errors
    /// What cannot be used of it; `Ok(Err(_))` when the engine is gone.
    pub async fn open(
        keys: Keys,
        config: TreasuryConfig,
        network: Network,
        engine: EngineHandle,
        clock: Clock,
    ) -> Result<Result<(Keeper, Treasury, mpsc::Receiver<Asked>), TreasuryFault>, EngineGone> {
        let id = keys.id();
        let kept = kept(&engine, &id).await?;
        let (sources, purse, saved) = match parts(&keys, &config, network, &kept) {
            Ok(parts) => parts,
            Err(fault) => return Ok(Err(fault)),
        };
        merge_many(&engine, &id, &kept, saved.as_ref()).await?;
        let (commands, asked) = mpsc::channel(ASKED_MAX);
        let (sender, view) = watch::channel(TreasuryView::default());
        let treasury = Treasury { commands, view, clock: clock.clone() };
        let mut keeper = Keeper {
            purse,
            keys,
            id,
            rests: vec![0; sources.len()],
            sources: Arc::new(sources),
            config,
            network,
            engine,
            clock,
            reported: booked(&kept),
            drafts: BTreeMap::new(),
            searched: kept.searched,
            round: None,
            waiting: Vec::new(),
            answered: None,
            next_round_at: 0,
            looked_at: 0,
            fees: FeeRates::default(),
            source: None,
            fault: None,
            progress: None,
            sent_at: BTreeMap::new(),
            left: Left::default(),
            view: sender,
        };
        // A new wallet's descriptors are kept before any address of it is shown.
        keeper.keep(false).await?;
        keeper.show();
        Ok(Ok((keeper, treasury, asked)))
    }

    /// Keeps the wallet until nobody can ask any more, or the engine is gone.
    pub async fn run(mut self, mut asked: mpsc::Receiver<Asked>) {
        let (news, mut told) = mpsc::channel(NEWS_MAX);
        loop {
            let pause = self.next_round_at.saturating_sub(self.clock.elapsed_ms());
            let went = tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => self.on_asked(ask, &news).await,
                    None => return,
                },
                Some(told) = told.recv() => self.on_told(told, &news).await,
                () = sleep(Duration::from_millis(pause)), if self.round.is_none() => {
                    self.begin_round(!self.searched, &news);
                    Ok(())
                }
            };
            if went.is_err() {
                return;
            }
            self.show();
        }
    }

    async fn on_asked(&mut self, asked: Asked, news: &mpsc::Sender<Told>) -> Result<(), EngineGone> {
        // Somebody who went away is told nothing; what was to be done is done.
        match asked {
            Asked::Address(what_for, answer) => {
                let _ = answer.send(Ok(self.address(what_for).await?));
            }
            Asked::Coins(answer) => {
                let _ = answer.send(self.purse.coins());
            }
            Asked::Draft(wish, answer) => {
                let guard = self.guard();
                let draft = self.fresh().and_then(|()| self.purse.draft(&wish, guard));
                let _ = answer.send(self.keep_draft(draft).await?);
            }
            Asked::Faster(txid, sat_per_vb, answer) => {
                let guard = self.guard();
                let draft = self.fresh().and_then(|()| match self.purse.draft_bump(txid, sat_per_vb, guard) {
                    Err(Refused::NotBumpable(_)) => self.purse.draft_child(txid, sat_per_vb, guard),
                    other => other,
                });
                let _ = answer.send(self.keep_draft(draft).await?);
            }
            Asked::Collect(sat_per_vb, answer) => {
                let _ = answer.send(self.collect(sat_per_vb).await?);
            }
            Asked::Send(order, answer) => {
                let _ = answer.send(self.send(order).await?);
            }
            Asked::GiveUp(txid, answer) => {
                let _ = answer.send(self.give_up(txid).await?);
            }
            Asked::PaidTo(address, answer) => {
                let _ = answer.send(self.purse.paid_to(&address));
            }
            Asked::Look(all, answer) => {
                self.waiting.push((all, answer));
                self.looked_at = self.clock.elapsed_ms();
                if all && self.left != Left::Going {
                    self.left = Left::Wanted;
                }
                // Somebody waits: a source that was silent a moment ago is asked all the same, if there is no other.
                if self.rests.iter().all(|rests_until| *rests_until > self.looked_at) {
                    self.rests.fill(0);
                }
                if self.round.is_none() {
                    self.begin_round(all || !self.searched, news);
                }
            }
        }
        Ok(())
    }

    async fn address(&mut self, what_for: For) -> Result<AddressView, EngineGone> {
        let newest = self.purse.newest_shown();
        let address = match what_for {
            For::Next => self.purse.address(self.config.stop_gap),
            For::Another | For::OneBill => self.purse.another_address(self.config.stop_gap),
        };
        // Kept before it is shown, so that no later one is the same.
        self.keep(false).await?;
        self.looked_at = self.clock.elapsed_ms();
        let is_new = newest.is_none_or(|newest| address.index > newest);
        if what_for == For::OneBill && is_new {
            self.purse.billed.insert(address.index);
        }
        Ok(AddressView { address: address.address.to_string(), index: address.index, is_new })
    }

    /// Nothing is built on what may be long over.
    fn fresh(&self) -> Result<(), Refused> {
        match self.stale() {
            Some(stale) => Err(Refused::Stale(stale)),
            None => Ok(()),
        }
    }

    fn stale(&self) -> Option<String> {
        let Some((answered_ms, tip_s)) = self.answered else {
            return Some("the chain was not asked since the start".to_owned());
        };
        let silent_min = self.clock.elapsed_ms().saturating_sub(answered_ms) / 60_000;
        let tip_h = self.now_s().saturating_sub(tip_s) / 3_600;
        if !self.searched {
            Some("the addresses of this wallet are still being searched".to_owned())
        } else if silent_min >= SILENT_MAX_MIN {
            Some(format!("no chain source answered for {silent_min} minutes"))
        } else if tip_s > self.now_s().saturating_add(CLOCK_BEHIND_MAX_S) {
            Some("this device's clock is behind".to_owned())
        // Blocks of a test chain come when somebody wants them.
        } else if tip_h >= TIP_MAX_H && self.network == Network::Bitcoin {
            Some(format!("it is {tip_h} hours old, or this device's clock is wrong"))
        } else {
            None
        }
    }

    fn guard(&self) -> Guard {
        Guard {
            reserve: Amount::from_sat(self.config.reserve_sat),
            fee_share_max_percent: self.config.fee_share_max_percent,
        }
    }

    fn now_s(&self) -> u64 {
        self.clock.now().wall.0 / 1_000
    }

    fn show(&self) {
        let (now, balance) = (self.clock.elapsed_ms(), self.purse.balance());
        let kind = match self.config.kind {
            TreasuryKind::Segwit => "segwit",
            TreasuryKind::Taproot => "taproot",
            TreasuryKind::WatchOnly(_) => "watch-only",
        };
        self.view.send_replace(TreasuryView {
            kind: kind.to_owned(),
            id: self.id.clone(),
            spendable_sat: balance.trusted_spendable().to_sat(),
            incoming_sat: balance.untrusted_pending.to_sat(),
            immature_sat: balance.immature.to_sat(),
            reserve_sat: self.config.reserve_sat,
            height: self.purse.height(),
            tip_age_ms: self.answered.map(|(_, tip_s)| self.now_s().saturating_sub(tip_s).saturating_mul(1_000)),
            asked_ms: self.answered.map(|(answered, _)| now.saturating_sub(answered)),
            source: self.source.clone(),
            fault: self.fault.clone(),
            stale: self.stale(),
            searched: self.searched,
            progress: self.progress,
            left: self.left_view(),
            fees: self.fees,
            shown_ms: now,
        });
    }
}

const ASKED_MAX: usize = 32;
const NEWS_MAX: usize = 8;
const SILENT_MAX_MIN: u64 = 30;
/// A block may bear a time two hours ahead.
const CLOCK_BEHIND_MAX_S: u64 = 7_200;
/// Six hours without a block happen once in many thousand years.
const TIP_MAX_H: u64 = 6;
