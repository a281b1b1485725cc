//! How the words are kept: asked of the running Kilosat, and a key of this machine made by root. Part of the program, as
//! `main.rs` is.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, KeysQuestion, ask_keys, ask_status};
use kilosat::vault::{ProvideFault, Tier, VaultFault, hand_over, provide};

use crate::access_commands::{read_hidden, read_twice};
use crate::cli::ConfigFile;

#[derive(Args)]
pub struct KeysCommand {
    #[command(subcommand)]
    command: Option<Action>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print how they are kept as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Open what your passphrase seals; it is read from standard input.
    Open,
    /// Seal the words and the credentials, or with "nothing" keep them as they are.
    Protect {
        /// With what; without it, the strongest key that this machine gave. tpm2, otp and host need root.
        #[arg(long, value_enum)]
        with: Option<With>,
    },
    /// Enter the words from your paper where the machine or the passphrase that sealed them is lost.
    Recover,
    /// Give Kilosat the keys that this machine can open, before it starts; the service kilosat-keys does.
    #[command(hide = true)]
    HandOver,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    /// This machine's TPM 2.0.
    Tpm2,
    /// The key in a Raspberry Pi's chip.
    Otp,
    /// systemd's key, on the same card.
    Host,
    /// A passphrase, entered after every start.
    Passphrase,
    /// Nothing: as they are.
    Nothing,
}

#[derive(Debug, thiserror::Error)]
pub enum KeysCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Provide(#[from] ProvideFault),
    #[error("what was asked for could not be read ({0}); nothing was changed")]
    Input(#[from] io::Error),
    #[error("the key is made, but Kilosat could not be started anew with it. Enter: systemctl restart kilosat")]
    NotRestarted,
    #[error("what there is cannot be printed as JSON ({0})")]
    Json(#[from] serde_json::Error),
}

impl KeysCommand {
    /// Does it, and says what was done.
    pub async fn perform(self) -> Result<String, KeysCommandError> {
        let socket = || self.config.socket();
        match self.command {
            None => {
                let keys = ask_status(&socket()?).await?.keys;
                Ok(if self.json { serde_json::to_string(&keys)? } else { keys.as_text() })
            }
            Some(Action::Open) => {
                let passphrase = read_hidden("Your passphrase: ")?;
                Ok(ask_keys(&socket()?, KeysQuestion::Open { passphrase }).await?)
            }
            Some(Action::Recover) => {
                let words = read_hidden("Your words, on one line: ")?;
                Ok(ask_keys(&socket()?, KeysQuestion::Recover { words }).await?)
            }
            Some(Action::Protect { with }) => protect(&socket()?, with).await,
            Some(Action::HandOver) => {
                let faults = hand_over().await?;
                Ok(if faults.is_empty() { HANDED_OVER.to_owned() } else { faults.join("\n") })
            }
        }
    }
}

async fn protect(socket: &Path, with: Option<With>) -> Result<String, KeysCommandError> {
    let question = match with {
        Some(With::Passphrase) => {
            KeysQuestion::Seal { passphrase: read_twice("A passphrase of five words or more: ")? }
        }
        Some(With::Nothing) => KeysQuestion::Unseal,
        None => KeysQuestion::UseMachine { tier: None },
        Some(With::Tpm2) => return use_machine(socket, Tier::Tpm2).await,
        Some(With::Otp) => return use_machine(socket, Tier::Otp).await,
        Some(With::Host) => return use_machine(socket, Tier::Host).await,
    };
    Ok(ask_keys(socket, question).await?)
}

/// Where Kilosat was not given this key at its start, it is made and Kilosat is started again.
async fn use_machine(socket: &Path, tier: Tier) -> Result<String, KeysCommandError> {
    let keys = ask_status(socket).await?.keys;
    if keys.offered != Some(tier) {
        // Started again, it asks for the passphrase, and is not to wait for somebody who has gone home.
        let passphrase = match keys.tier {
            Some(Tier::Passphrase) => Some(read_hidden("Your passphrase, with which the words are sealed now: ")?),
            _ => None,
        };
        let is_in_use = matches!(keys.tier, Some(Tier::Host | Tier::Tpm2) | None);
        provide(tier, is_in_use)?;
        restart()?;
        if let Some(passphrase) = passphrase {
            ask_keys(socket, KeysQuestion::Open { passphrase }).await?;
        }
    }
    let mut tries = 0;
    loop {
        match ask_keys(socket, KeysQuestion::UseMachine { tier: Some(tier) }).await {
            Err(fault) if is_starting(&fault) && tries < TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            done => return Ok(done?),
        }
    }
}

/// Whether Kilosat is starting, or starting anew; what was asked for can be asked for again.
fn is_starting(fault: &ControlError) -> bool {
    match fault {
        ControlError::Refused(why) => *why == VaultFault::StartsAnew.to_string(),
        ControlError::NotRunning { .. } | ControlError::NoAnswer | ControlError::Ended => true,
        ControlError::PaidOrNot | ControlError::Unreadable => false,
    }
}

/// systemd hands a key over when it starts the service.
fn restart() -> Result<(), KeysCommandError> {
    let restarted = Command::new("systemctl").args(["restart", "kilosat-keys.service", "kilosat.service"]).status();
    if restarted.is_ok_and(|status| status.success()) { Ok(()) } else { Err(KeysCommandError::NotRestarted) }
}

const HANDED_OVER: &str = "What this machine can give waits for Kilosat.";
/// A new start takes some seconds.
const TRIES_MAX: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);
