//! Commands about relays and pulse meters. Part of the program, as `main.rs` is.

use clap::{Subcommand, ValueEnum};
use kilosat::config::{Config, ConfigError};
use kilosat::control::{ControlError, set_meter, switch_relay};
use kilosat::tasks::switch_relays_off;
use kilosat::text::fixed_point;
use kilosat_drivers::reading::MilliwattHours;

use crate::cli::ConfigFile;

#[derive(Subcommand)]
pub enum GpioCommand {
    /// Switch a relay by hand, to test the installation; it goes off again after 60 seconds.
    Relay {
        /// Its id in the configuration.
        #[arg(value_name = "ID")]
        relay: String,
        /// What it shall be.
        state: Switch,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Switch every relay off when no Kilosat runs; systemd does it after every end.
    RelaysOff(ConfigFile),
    /// Tell Kilosat what a meter shows whose pulses it counts.
    Meter {
        #[command(subcommand)]
        command: MeterCommand,
    },
}

#[derive(Subcommand)]
pub enum MeterCommand {
    /// Set the counter to what the meter's display shows; the difference is recorded and not billed.
    Set {
        /// Its id in the configuration.
        #[arg(value_name = "ID")]
        meter: String,
        /// What the display shows, such as 12345.6.
        #[arg(value_name = "KWH", value_parser = read_kwh)]
        counter: MilliwattHours,
        #[command(flatten)]
        config: ConfigFile,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

#[derive(Debug, thiserror::Error)]
pub enum GpioCommandError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("{}", .0.join("\n"))]
    RelaysLeft(Vec<String>),
}

impl GpioCommand {
    /// Does it, and says in one sentence what was done.
    pub async fn perform(self) -> Result<String, GpioCommandError> {
        Ok(match self {
            GpioCommand::Relay { relay, state, config } => {
                switch_relay(&config.socket()?, relay, matches!(state, Switch::On)).await?
            }
            GpioCommand::Meter { command: MeterCommand::Set { meter, counter, config } } => {
                set_meter(&config.socket()?, meter, counter).await?
            }
            GpioCommand::RelaysOff(file) => {
                let relays = Config::load(&file.config)?.relays;
                switch_relays_off(&relays).map_err(GpioCommandError::RelaysLeft)?;
                format!("{} relay(s) are off.", relays.len())
            }
        })
    }
}

/// Kilowatt-hours with at most six decimals, exactly.
pub fn read_kwh(text: &str) -> Result<MilliwattHours, String> {
    let counter = fixed_point(text, DECIMALS).filter(|counter| *counter < COUNTER_END_MWH);
    counter.map(MilliwattHours).ok_or_else(|| format!("{text:?} is not what a meter shows, such as 12345.6"))
}

/// A kilowatt-hour has a million milliwatt-hours.
const DECIMALS: usize = 6;
/// 100 GWh, more than any building uses in the life of its meter.
const COUNTER_END_MWH: u64 = 100_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_is_read_to_the_last_digit() {
        for (text, mwh) in [("0", 0), ("12345.6", 12_345_600_000), ("1.000001", 1_000_001), ("007", 7_000_000)] {
            assert_eq!(read_kwh(text), Ok(MilliwattHours(mwh)), "{text}");
        }
        for text in ["", ".5", "5.", "-1", "1,5", "1.0000001", "123456789", "1e3", "0x10"] {
            assert!(read_kwh(text).is_err(), "{text}");
        }
    }
}
