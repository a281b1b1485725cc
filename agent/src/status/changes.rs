//! How a change of the settings comes into force.

use super::StatusSource;
use crate::agent::rules;
use crate::engine::{Event, Order, Verdict};
use crate::lightning::LightningService;
use crate::settings::{Proposal, SettingsFault};
use crate::tasks::EngineGone;

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is in force.
    Made,
    /// It comes into force by a new start, which has begun.
    NewStart,
}

impl StatusSource {
    /// Writes a proposal to the file and brings it into force. `what` is what was done and by whom, for the journal.
    ///
    /// # Errors
    /// [`SettingsFault`]: nothing was changed.
    pub async fn change(&self, proposal: Proposal, what: &str) -> Result<Change, SettingsFault> {
        if proposal.replaces == proposal.text {
            return Ok(Change::Made);
        }
        let (source, what) = (self.clone(), what.to_owned());
        // Goes on when nobody waits for it any more: what is in the file is in force.
        let change = tokio::spawn(async move {
            let _turn = source.settings.turn().await;
            let (settings, at) = (source.settings.clone(), source.clock.now().wall);
            let (written, said) = (proposal.clone(), what.clone());
            let writing = tokio::task::spawn_blocking(move || settings.write(&written, &said, at));
            writing.await.map_err(|error| SettingsFault::Disk(error.to_string()))??;
            source.take_up(proposal, &what).await
        });
        change.await.map_err(|error| SettingsFault::Disk(error.to_string()))?
    }

    /// Gives an order; taking over a state begins with a new start.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn obey(&self, order: Order) -> Result<Verdict, EngineGone> {
        let starts_anew = order == Order::TakeOver;
        let verdict = self.engine.obey(order).await?;
        // Nothing is waited for in between: who gave the order may be gone.
        // A node that is still held back was let go on before by somebody who did not wait for it.
        let is_held = matches!(self.lightning, LightningService::Held);
        if starts_anew && (is_held || matches!(verdict, Verdict::Done(_))) {
            self.settings.ask_for_new_start_as_it_is();
        }
        Ok(verdict)
    }

    /// Looks once whether the file was changed by hand, and brings that into force.
    pub async fn look_for_changes_by_hand(&self) {
        let source = self.clone();
        // The same.
        let _ = tokio::spawn(async move { source.take_up_changes_by_hand().await }).await;
    }

    async fn take_up_changes_by_hand(&self) {
        let _turn = self.settings.turn().await;
        let (settings, at) = (self.settings.clone(), self.clock.now().wall);
        let looking = tokio::task::spawn_blocking(move || settings.look(at));
        let Ok(Some(proposal)) = looking.await else { return };
        if let Err(fault) = self.take_up(proposal, "kilosat.toml was changed by hand").await {
            tracing::warn!(%fault, "what was changed by hand is not in force");
        }
    }

    async fn take_up(&self, proposal: Proposal, what: &str) -> Result<Change, SettingsFault> {
        tracing::info!("{what}");
        if self.engine.submit(Event::Access(what.to_owned())).await.is_err() {
            self.settings.tell_later(what);
        }
        // A new start that has been asked for would bring back what it was asked for with.
        if proposal.needs_new_start || self.settings.waits_for_new_start() {
            self.settings.ask_for_new_start(proposal.config);
            return Ok(Change::NewStart);
        }
        let wallet = self.lightning.kind().map(|_| &self.lightning);
        self.payees.replace(&proposal.config).map_err(|fault| SettingsFault::Disk(fault.to_string()))?;
        // The engine that was asked has ended for a new start meanwhile: the one after it does not know of this yet.
        if self.engine.adopt(rules(&proposal.config, wallet)).await.is_err() {
            self.settings.ask_for_new_start(proposal.config);
            return Ok(Change::NewStart);
        }
        self.settings.put_in_force(proposal.config);
        Ok(Change::Made)
    }
}
