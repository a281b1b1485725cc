//! `kilosat run`: the agent from start to stop, and what systemd is told meanwhile.

use std::os::unix::net::UnixListener;
use std::path::Path;

use kilosat::agent::{Agent, AgentError, Turn};
use kilosat::clock::Clock;
use kilosat::config::ConfigError;
use kilosat::settings::Settings;
use kilosat::systemd;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::log_to_stderr;

/// Why Kilosat did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It did not start, or something failed that nothing goes on without.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// It could not be told to stop.
    #[error("the system does not let Kilosat hear when it is to stop ({0}); nothing was started")]
    Signals(#[from] std::io::Error),
}

/// Runs on the configuration at `path` until a signal says stop. `handed` is where the command line asks, if systemd opened
/// that.
///
/// # Errors
/// [`RunError`].
pub async fn run(path: &Path, handed: Option<UnixListener>) -> Result<(), RunError> {
    log_to_stderr("info,ldk=warn");
    let settings = Settings::read(path)?;
    let mut stop = Stop::listen()?;
    let mut agent = tokio::select! {
        started = systemd::bear_with(Agent::start_at(settings, Clock::real(), handed)) => started?,
        () = stop.wanted() => return Ok(()),
    };
    say_where(&agent);
    systemd::ready();
    let failure = loop {
        let attended = attend(&agent);
        let turn = tokio::select! {
            turn = agent.turned() => Some(turn),
            () = stop.wanted() => None,
        };
        attended.abort();
        match turn {
            None => break None,
            Some(Turn::Failed(error)) => break Some(error),
            Some(Turn::NewStart) => {
                tracing::info!("starting anew with the new settings");
                agent = tokio::select! {
                    started = systemd::bear_with(agent.start_anew()) => started?,
                    () = stop.wanted() => return Ok(()),
                };
            }
        }
    };
    tracing::info!("stopping");
    systemd::stopping();
    agent.stop().await;
    failure.map_or(Ok(()), |error| Err(error.into()))
}

fn say_where(agent: &Agent) {
    let Some(address) = agent.web_address() else { return tracing::info!("running, without a page") };
    let page = &agent.status().page;
    let fingerprint = page.fingerprint().unwrap_or_else(|| "none".to_owned());
    tracing::info!("running; the page is at {} (certificate SHA-256: {fingerprint})", page.addresses(address));
    if let Some(code) = agent.status().access.setup_code() {
        tracing::info!("nobody owns this Kilosat yet: enter the setup code {code} on the page within 30 minutes");
    }
}

fn attend(agent: &Agent) -> JoinHandle<()> {
    tokio::spawn(systemd::attend(agent.status().engine.clone(), agent.hearts().clone()))
}

/// The two signals that say stop.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn listen() -> std::io::Result<Stop> {
        Ok(Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn wanted(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
