//! Commands about who may use the page. Part of the program, as `main.rs` is.

use std::io::{self, BufRead as _, ErrorKind, IsTerminal as _, Write as _};

use clap::Subcommand;
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, new_setup_code, set_password, use_words};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::cli::ConfigFile;

#[derive(Subcommand)]
pub enum AccessCommand {
    /// Show a new setup code, with which the page of a Kilosat that is nobody's yet becomes yours.
    SetupCode(ConfigFile),
    /// Set a new password for the page and end all sessions; the password is read from standard input.
    Password(ConfigFile),
    /// Use the words that you wrote down before in place of those of this device, as long as no money is under those; they
    /// are read from standard input.
    UseWords(ConfigFile),
}

#[derive(Debug, thiserror::Error)]
pub enum AccessCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("what was asked for could not be read ({0}); nothing was changed")]
    Input(#[from] io::Error),
}

impl AccessCommand {
    /// Does it, and says what was done.
    pub async fn perform(self) -> Result<String, AccessCommandError> {
        Ok(match self {
            AccessCommand::SetupCode(config) => new_setup_code(&config.socket()?).await?,
            AccessCommand::Password(config) => {
                let socket = config.socket()?;
                set_password(&socket, read_twice("New password for the page: ")?).await?
            }
            AccessCommand::UseWords(config) => {
                let socket = config.socket()?;
                use_words(&socket, read_hidden("Your words, on one line: ")?).await?
            }
        })
    }
}

/// One line; on a terminal, which does not show it, twice the same.
pub fn read_twice(question: &str) -> io::Result<String> {
    if !io::stdin().is_terminal() {
        return line();
    }
    let first = hidden(question)?;
    if hidden("The same again: ")? == first { Ok(first) } else { Err(io::Error::other("the two were not the same")) }
}

/// One line; a terminal does not show it.
pub fn read_hidden(question: &str) -> io::Result<String> {
    if io::stdin().is_terminal() { hidden(question) } else { line() }
}

/// Ctrl-C is read as a letter meanwhile, so that the terminal is never left as it is then.
fn hidden(question: &str) -> io::Result<String> {
    let (input, mut says) = (io::stdin(), io::stderr());
    let before = tcgetattr(&input)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    write!(says, "{question}")?;
    tcsetattr(&input, OptionalActions::Flush, &silent)?;
    let password = line();
    tcsetattr(&input, OptionalActions::Now, &before)?;
    writeln!(says)?;
    password
        .and_then(|password| if password.contains(CTRL_C) { Err(ErrorKind::Interrupted.into()) } else { Ok(password) })
}

fn line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

const CTRL_C: char = '\u{3}';
