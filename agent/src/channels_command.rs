//! The built-in node's channels on the command line. Part of the program, as `main.rs` is.

use clap::{Args, Subcommand};
use kilosat::config::ConfigError;
use kilosat::control::{ChannelsQuestion, ControlError, ask_channels, order_channels};

use crate::cli::ConfigFile;
use crate::pay_command::{PayCommandError, agreed};

#[derive(Args)]
pub struct ChannelsCommand {
    #[command(subcommand)]
    what: Option<What>,
    /// Print it as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Subcommand)]
enum What {
    /// Agree with the other side to close a channel; its money comes to the node, beside its channels.
    Close {
        /// Its id, as the list shows it.
        #[arg(value_name = "CHANNEL")]
        channel: String,
        /// Close without asking once more.
        #[arg(long)]
        yes: bool,
    },
    /// Bring what the node holds beside its channels to the savings.
    BringBack,
}

#[derive(Debug, thiserror::Error)]
pub enum ChannelsCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Agreed(#[from] PayCommandError),
}

impl ChannelsCommand {
    /// Does it; the text is what to print.
    pub async fn perform(self) -> Result<String, ChannelsCommandError> {
        let socket = self.config.socket()?;
        match self.what {
            None => {
                let view = ask_channels(&socket).await?;
                Ok(if self.json { serde_json::to_string_pretty(&view).unwrap_or_default() } else { view.as_text() })
            }
            Some(What::Close { channel, yes }) => {
                if !yes {
                    eprintln!("Closing costs a fee of the chain, and nothing can be paid through it any more.");
                    agreed("Close it?")?;
                }
                Ok(order_channels(&socket, ChannelsQuestion::Close(channel)).await?)
            }
            Some(What::BringBack) => Ok(order_channels(&socket, ChannelsQuestion::BringBack).await?),
        }
    }
}
