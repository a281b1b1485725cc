//! Commands about one Modbus device of the running Kilosat. Part of the program, as `main.rs` is.

use clap::Subcommand;
use kilosat::config::ConfigError;
use kilosat::control::{ControlError, read_device, set_device};

use crate::cli::ConfigFile;

#[derive(Subcommand)]
pub enum DeviceCommand {
    /// Read everything a Modbus device has, now, and show it.
    Read {
        /// Its id in the configuration.
        #[arg(value_name = "ID")]
        device: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Change a setting of a Modbus device, such as the current limit of a charger; only what the configuration allows.
    Set {
        /// Its id in the configuration.
        #[arg(value_name = "ID")]
        device: String,
        /// Which setting, such as current_limit.
        #[arg(value_name = "WHAT")]
        point: String,
        /// What it shall be, in its unit, such as 16; on and off are 1 and 0.
        #[arg(
            value_name = "VALUE",
            required_unless_present = "release",
            conflicts_with = "release",
            allow_hyphen_values = true
        )]
        value: Option<String>,
        /// Let Kilosat no longer renew it.
        #[arg(long)]
        release: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum DeviceCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl DeviceCommand {
    /// Does it, and says what was read or done.
    pub async fn perform(self) -> Result<String, DeviceCommandError> {
        Ok(match self {
            DeviceCommand::Read { device, config } => read_device(&config.socket()?, device).await?,
            DeviceCommand::Set { device, point, value, release: _, config } => {
                set_device(&config.socket()?, device, point, value).await?
            }
        })
    }
}
