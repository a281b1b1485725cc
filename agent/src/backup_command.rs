//! Backups, made by the running Kilosat, and restored where none runs. Part of the program, as `main.rs` is.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kilosat::backup::{NOT_IN_IT, RECOVERY, RestoreFault, restore};
use kilosat::clock::Clock;
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, ask_backup, ask_to_verify};
use kilosat::vault::Vault;

use crate::access_commands::read_hidden;
use crate::cli::ConfigFile;

#[derive(Subcommand)]
pub enum BackupCommand {
    /// Make a backup now, encrypted so that your words open it and nothing else does, and read it back.
    Backup(BackupOptions),
    /// Look at all of the money database of the running agent: pages, sums, and the chain of the journal.
    Verify(ConfigFile),
    /// Restore a backup into an empty state directory, where no Kilosat runs. Payments stay locked until you have looked.
    Restore(RestoreOptions),
}

#[derive(Args)]
pub struct BackupOptions {
    /// The folder it is put into, such as one on a USB stick; without it, the folder under [backup] in the configuration.
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigFile,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub struct RestoreOptions {
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The state directory to be made: empty, or not there yet.
    #[arg(long, value_name = "DIR")]
    state_directory: PathBuf,
    /// A file with your words; without it they are asked for.
    #[arg(long, value_name = "FILE")]
    words_file: Option<PathBuf>,
    /// Print what was restored as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum BackupCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Restore(#[from] RestoreFault),
    #[error("{0} is no path that can be used ({1}). Nothing was backed up")]
    Folder(String, io::Error),
    #[error("the words could not be read ({0}). Nothing was restored")]
    Words(io::Error),
    #[error(
        "the backup {0} is in a folder for passing files that only the service sees, and it will be gone. Name another folder, \
         such as one on a USB stick"
    )]
    Passing(String),
    #[error("what was done cannot be printed as JSON ({0})")]
    Json(#[from] serde_json::Error),
}

impl BackupCommand {
    /// Does it, and says what was done.
    pub async fn perform(self) -> Result<String, BackupCommandError> {
        match self {
            BackupCommand::Backup(options) => options.perform().await,
            BackupCommand::Verify(config) => Ok(ask_to_verify(&config.socket()?).await?),
            BackupCommand::Restore(options) => options.perform(),
        }
    }
}

impl BackupOptions {
    async fn perform(self) -> Result<String, BackupCommandError> {
        let socket = self.config.socket()?;
        // The running Kilosat has another working directory.
        let whole = |folder: PathBuf| {
            std::path::absolute(&folder)
                .map_err(|error| BackupCommandError::Folder(folder.display().to_string(), error))
        };
        let made = ask_backup(&socket, self.to.map(whole).transpose()?).await?;
        // Under systemd, Kilosat has folders of this name of its own, which go when it ends.
        let is_passing = ["/tmp", "/var/tmp"].iter().any(|folder| Path::new(&made.file).starts_with(folder));
        if is_passing && !Path::new(&made.file).exists() {
            return Err(BackupCommandError::Passing(made.file));
        }
        Ok(if self.json { serde_json::to_string(&made)? } else { made.as_text() })
    }
}

impl RestoreOptions {
    fn perform(self) -> Result<String, BackupCommandError> {
        eprintln!("{RECOVERY}\n{NOT_IN_IT}\n");
        let words = match &self.words_file {
            Some(path) => {
                let mut words = String::new();
                let read = File::open(path).and_then(|file| file.take(WORDS_BYTES_MAX).read_to_string(&mut words));
                read.map_err(BackupCommandError::Words)?;
                words
            }
            None => read_hidden("Your words, on one line: ").map_err(BackupCommandError::Words)?,
        };
        let place = self.state_directory.as_path();
        let restored = restore(&self.file, &words, (place, &Vault::plain(place)), None, Clock::real().now().wall)?;
        Ok(if self.json { serde_json::to_string(&restored)? } else { restored.as_text() })
    }
}

/// Twenty-four words are far shorter.
const WORDS_BYTES_MAX: u64 = 4_096;
