//! A new start inside the process, for settings that are not taken up while everything runs.

use std::time::Duration;

use super::listening::Entrances;
use super::{Agent, AgentError};
use crate::access::Access;
use crate::backup::Backups;
use crate::engine::Event;
use crate::status::StatusSource;
use crate::vault::Vault;
use crate::web::PageMemory;

/// What the agent came to.
#[derive(Debug)]
pub enum Turn {
    /// It cannot go on.
    Failed(AgentError),
    /// It is to be started anew.
    NewStart,
}

/// What outlives a new start.
#[derive(Clone, Default)]
pub(super) struct Lasting {
    pub access: Option<Access>,
    pub backups: Option<Backups>,
    pub entrances: Entrances,
    /// Opened or not, of the same state directory.
    pub vault: Option<Vault>,
    pub memory: PageMemory,
    /// The built-in node has new settings: where it does not start with them, nothing is waited for.
    pub tries_node_once: bool,
}

impl Agent {
    /// Returns when the engine fails, which ends the program, or when new settings need a new start.
    pub async fn turned(&mut self) -> Turn {
        let settings = self.status.settings.clone();
        tokio::select! {
            error = self.failed() => Turn::Failed(error),
            () = settings.new_start_asked_for() => {
                // Whoever asked for it gets an answer first.
                tokio::time::sleep(NEW_START_PAUSE).await;
                Turn::NewStart
            }
        }
    }

    /// Stops and starts again with the settings that asked for it, or with those before if it does not start with them.
    ///
    /// Sessions last, and so does the page's port: whoever asks for the page meanwhile waits.
    ///
    /// # Errors
    /// [`AgentError`]: it does not start with either.
    pub async fn start_anew(self) -> Result<Agent, AgentError> {
        let StatusSource { settings, clock, access, backups, memory, lightning, vault, .. } = self.status.clone();
        let (was_waiting, backups) = (lightning.is_waiting(), Some(backups));
        drop(lightning);
        let entrances = self.entrances.clone();
        let changes = settings.clone();
        // A change is taken up by the engine before or by the one after, never half by each.
        let _turn = changes.turn().await;
        // Two engines on one database would both send what is due, so the old one has really ended before the new begins.
        if let Some(engine_end) = self.wind_down().await {
            // What ends the engine ends the program: no new start covers it up.
            if let Ok(Err(fault)) = engine_end.await {
                return Err(fault.into());
            }
        }
        let Some(before) = settings.begin_new_start() else {
            return Agent::start_with(
                settings,
                clock,
                Lasting { access: Some(access), backups, entrances, memory, vault: Some(vault), ..Lasting::default() },
            )
            .await;
        };
        let after = settings.config();
        let is_same_place = after.state_directory == before.state_directory;
        let access = Some(access).filter(|_| is_same_place);
        let (vault, vault_before) = (Some(vault.clone()).filter(|_| is_same_place), Some(vault));
        // Where the node did not run before, that it does not run now says nothing about what is new.
        let is_new = after.node != before.node || after.wallet.is_some() != before.wallet.is_some();
        let tries_node_once = is_new && !was_waiting;
        let lasting = Lasting { access, backups, entrances, vault, memory, tries_node_once };
        match Agent::start_with(settings.clone(), clock.clone(), lasting.clone()).await {
            Ok(agent) => {
                settings.new_start_made();
                for what in settings.untold() {
                    // The engine being gone ends the program.
                    let _ = agent.status().engine.submit(Event::Access(what)).await;
                }
                Ok(agent)
            }
            Err(error) => {
                tracing::error!(%error, "the new settings do not start; going on with those before");
                let (kept, at, why) = (settings.clone(), clock.now().wall, error.to_string());
                let taking_back = move || kept.new_start_failed(before, &why, at);
                if tokio::task::spawn_blocking(taking_back).await.is_err() {
                    return Err(error);
                }
                Agent::start_with(settings, clock, Lasting { tries_node_once: false, vault: vault_before, ..lasting })
                    .await
            }
        }
    }
}

/// An answer that is being sent needs less.
const NEW_START_PAUSE: Duration = Duration::from_millis(500);
