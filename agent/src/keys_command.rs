//! How the words are kept: asked of the running Kilosat, and a key of this machine made by root. Part of the program, as
//! `main.rs` is.

use std::io;
use std::process::Command;

use clap::{Args, Subcommand, ValueEnum};
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, KeysQuestion, ask_keys, ask_status};
use kilosat::vault::{ProvideFault, Tier, derive_otp_key, provide};

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
    /// Have the firmware of a Raspberry Pi make the key that its chip holds; the service kilosat-otp does.
    #[command(hide = true)]
    Derive,
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
        if let Some(Action::Derive) = self.command {
            derive_otp_key()?;
            return Ok("The key of this Raspberry Pi waits for Kilosat.".to_owned());
        }
        let socket = self.config.socket()?;
        let question = match self.command {
            None => {
                let keys = ask_status(&socket).await?.keys;
                return Ok(if self.json { serde_json::to_string(&keys)? } else { keys.as_text() });
            }
            Some(Action::Open) => KeysQuestion::Open { passphrase: read_hidden("Your passphrase: ")? },
            Some(Action::Recover) => KeysQuestion::Recover { words: read_hidden("Your words, on one line: ")? },
            Some(Action::Protect { with: Some(With::Passphrase) }) => {
                KeysQuestion::Seal { passphrase: read_twice("A passphrase of five words or more: ")? }
            }
            Some(Action::Protect { with: Some(With::Nothing) }) => KeysQuestion::Unseal,
            Some(Action::Protect { with }) => {
                if let Some(tier) = with.and_then(With::of_machine)
                    && ask_status(&socket).await?.keys.offered != Some(tier)
                {
                    provide(tier)?;
                    restart()?;
                }
                KeysQuestion::UseMachine
            }
            Some(Action::Derive) => return Ok(String::new()),
        };
        Ok(ask_keys(&socket, question).await?)
    }
}

impl With {
    fn of_machine(self) -> Option<Tier> {
        match self {
            With::Tpm2 => Some(Tier::Tpm2),
            With::Otp => Some(Tier::Otp),
            With::Host => Some(Tier::Host),
            With::Passphrase | With::Nothing => None,
        }
    }
}

/// systemd hands a key over when it starts the service.
fn restart() -> Result<(), KeysCommandError> {
    let restarted = Command::new("systemctl").args(["restart", "kilosat.service"]).status();
    if restarted.is_ok_and(|status| status.success()) { Ok(()) } else { Err(KeysCommandError::NotRestarted) }
}
