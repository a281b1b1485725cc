//! Keeps the spending money between the owner's marks: looks what there is, proposes a move, and lets the open one go on.
//!
//! Each thing that it does is derived from the row of the move and from what node and savings show, so that it begins again
//! after a power cut where it was.

mod begin;
#[cfg(feature = "node")]
mod node;
mod open;
mod outside;
#[cfg(feature = "node")]
mod plan;
#[cfg(feature = "node")]
mod provider;
#[cfg(feature = "node")]
mod refill;
#[cfg(feature = "node")]
mod splice;
#[cfg(feature = "node")]
mod sweep;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::{EngineHandle, Unanswered};
use crate::clock::Clock;
use crate::domain::refill::{Need, RefillRule};
use crate::lightning::{LightningService, ServiceKind};
use crate::settings::Settings;
use crate::treasury::Treasury;

/// Moves between savings and spending money, as far as they are not in the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefillView {
    /// What can be spent over Lightning, where that is known.
    pub spending_sat: Option<u64>,
    /// What should be moved into spending money, and cannot be by itself: the owner has to bring it.
    pub wanted_sat: Option<u64>,
    /// Why nothing is moved although it should be, in one sentence.
    pub rests: Option<String>,
}

/// The task's state.
pub struct Mover {
    settings: Settings,
    engine: EngineHandle,
    lightning: LightningService,
    treasury: Option<Treasury>,
    clock: Clock,
    view: watch::Sender<RefillView>,
    /// Whether it was recorded last that the owner has to bring money.
    told: Option<bool>,
    tries: open::Tries,
    #[cfg(feature = "node")]
    provider: provider::Provider,
}

impl Mover {
    /// Does nothing yet.
    pub fn new(
        settings: Settings,
        engine: EngineHandle,
        lightning: LightningService,
        treasury: Option<Treasury>,
        clock: Clock,
    ) -> (Mover, watch::Receiver<RefillView>) {
        let (view, seen) = watch::channel(RefillView::default());
        let mover = Mover {
            settings,
            engine,
            lightning,
            treasury,
            clock,
            view,
            told: None,
            tries: open::Tries::default(),
            #[cfg(feature = "node")]
            provider: provider::Provider::default(),
        };
        (mover, seen)
    }

    /// Moves money until the engine is gone.
    pub async fn run(mut self) {
        loop {
            let pause = match self.round().await {
                Ok(pause) => pause,
                // It ends the program; there is nobody left to tell.
                Err(Unanswered::Gone(_)) => return,
                Err(fault) => {
                    tracing::error!(%fault, "what is moved between savings and spending money is not known");
                    LATER
                }
            };
            sleep(pause).await;
        }
    }

    /// How long until the next one.
    async fn round(&mut self) -> Result<Duration, Unanswered> {
        #[cfg(feature = "node")]
        {
            self.mind_closings().await?;
            self.mind_provider().await?;
        }
        if let Some(pause) = self.go_on().await? {
            return Ok(pause);
        }
        let Some(rule) = self.settings.config().refill.clone() else {
            self.show(RefillView::default());
            return Ok(SOON);
        };
        match self.lightning.kind() {
            None => Ok(LATER),
            #[cfg(feature = "node")]
            Some(ServiceKind::Node) => self.consider(&rule).await,
            #[cfg(not(feature = "node"))]
            Some(ServiceKind::Node) => Ok(LATER),
            Some(_) => match self.lightning.outside() {
                Some(outside) => self.consider_outside(&rule, &outside).await,
                None => self.watch_remote(&rule).await,
            },
        }
    }

    /// A wallet outside this process is filled by its owner, who is told.
    async fn watch_remote(&mut self, rule: &RefillRule) -> Result<Duration, Unanswered> {
        let Ok(balance) = self.lightning.balance().await else { return Ok(LATER) };
        let spending_sat = balance.spendable_msat / 1_000;
        self.want(rule, spending_sat, "This wallet cannot be filled from the savings by Kilosat.").await?;
        Ok(LATER)
    }

    /// Shows, and records once, that the owner has to bring money; or that it is enough again.
    async fn want(&mut self, rule: &RefillRule, spending_sat: u64, why: &str) -> Result<(), Unanswered> {
        let wanted_sat = match rule.need(spending_sat) {
            Need::Refill(sat) => Some(sat),
            Need::Nothing | Need::Sweep(_) => None,
        };
        let rests = wanted_sat.map(|_| why.to_owned());
        self.show(RefillView { spending_sat: Some(spending_sat), wanted_sat, rests });
        if self.told != Some(wanted_sat.is_some()) {
            self.told = Some(wanted_sat.is_some());
            self.engine.work(move |engine, now| engine.note_wanted(now, spending_sat, wanted_sat)).await?;
        }
        Ok(())
    }

    fn show(&self, view: RefillView) {
        self.view.send_if_modified(|shown| {
            let is_new = *shown != view;
            *shown = view;
            is_new
        });
    }
}

/// A node in this process costs nobody anything, ...
const SOON: Duration = Duration::from_secs(10);
/// ... a server is asked seldom.
const LATER: Duration = Duration::from_secs(900);
