//! The command line: every command and its arguments.

use std::path::PathBuf;
#[cfg(feature = "node")]
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use kilosat::config::{Config, ConfigError};

use crate::access_commands::AccessCommand;
use crate::backup_command::BackupCommand;
use crate::channels_command::ChannelsCommand;
use crate::device_commands::DeviceCommand;
use crate::gpio_commands::GpioCommand;
use crate::keys_command::KeysCommand;
use crate::pay_command::PayCommand;
use crate::scan_command::ScanCommand;
use crate::sim_command::SimOptions;
use crate::treasury_command::TreasuryCommand;

/// Pays for electricity and data over Lightning, within limits you set.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the agent on a configuration file until it is told to stop.
    Run(ConfigFile),
    /// Check a configuration file: lists every mistake and starts nothing.
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Also ask the wallet who it is and what its credential may do; no money moves.
        #[arg(long)]
        wallet: bool,
    },
    /// Show what the running agent does.
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// Print everything as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Stop all automatic payments at once; it lasts until resume, also over a restart.
    Stop(ConfigFile),
    /// Let automatic payments go on after stop.
    Resume(ConfigFile),
    /// Lift a lock, after you compared the wallet's history with what status shows.
    Unlock {
        #[command(flatten)]
        config: ConfigFile,
        /// You have looked, and what the wallet paid is what status shows.
        #[arg(long, required = true)]
        compared: bool,
    },
    /// Let this device go on with a state that was used on another one or is an older copy. Payments stay locked.
    TakeOver {
        #[command(flatten)]
        config: ConfigFile,
        /// No other Kilosat runs with this state, nor will.
        #[arg(long, required = true)]
        only_one: bool,
    },
    /// Let a payment be made that waits for your word; status shows its number.
    Approve(Answered),
    /// Refuse a payment that waits for your word; what is owed stays owed.
    Decline(Answered),
    /// Say that money which left the wallet without a payment of Kilosat's paid for an agreement, such as before a backup of
    /// the state was restored.
    Credit {
        /// The agreement's id.
        #[arg(value_name = "AGREEMENT")]
        agreement: String,
        /// How much, in satoshis.
        #[arg(value_name = "SAT", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        amount: u64,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Give up a payment that its wallet has forgotten for good, so that it no longer counts as being on its way.
    WriteOff {
        /// The payment hash, in hex, as status shows it.
        #[arg(value_name = "HASH")]
        hash: String,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Show what was received, paid and moved in a month.
    Statement {
        /// Such as 2026-11; this month if it is left out.
        #[arg(value_name = "MONTH")]
        month: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print it as JSON, in msat and mWh.
        #[arg(long)]
        json: bool,
    },
    /// Print what happened, one JSON object a line, oldest first.
    Events {
        /// Only what came after this number, the "seq" of the last line you have.
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: u64,
        /// Go on printing as things happen.
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// List the devices Kilosat can read, or show one of them with what to set on it.
    Profiles {
        /// One profile, shown as TOML.
        #[arg(value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        config: ConfigFile,
        /// Print the list as JSON.
        #[arg(long, conflicts_with = "name")]
        json: bool,
    },
    /// Find the devices on a serial port or at an address, show what they say, and print what to write into kilosat.toml;
    /// nothing is changed on any device.
    Scan {
        #[command(subcommand)]
        command: ScanCommand,
    },
    /// Be a device: the registers of a profile with a simulated house behind it, to try an installation without hardware.
    Sim(SimOptions),
    /// Commands about one Modbus device.
    #[command(flatten)]
    Device(DeviceCommand),
    /// Commands about who may use the page.
    #[command(flatten)]
    Access(AccessCommand),
    /// Commands about backups.
    #[command(flatten)]
    Backup(BackupCommand),
    /// Make an invoice that puts money into the running agent's wallet.
    Receive {
        /// How much, in satoshis.
        #[arg(value_name = "SAT", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        amount: u64,
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Pay a Lightning invoice or address by hand; what it costs is shown first.
    Pay(PayCommand),
    /// How the words and the credentials of wallets are kept on this machine. Without a command: how they are kept now.
    Keys(KeysCommand),
    /// Your savings on the chain: what there is, addresses, sending. Without a command: what there is.
    Treasury(TreasuryCommand),
    /// The built-in node's channels: what they can send and receive, closing one. Without a command: what there is.
    Channels(ChannelsCommand),
    /// Commands about what is wired to this machine.
    #[command(flatten)]
    Gpio(GpioCommand),
    /// Show the whole mission in a minute: a simulated house pays real Lightning invoices on a chain in memory.
    #[cfg(feature = "node")]
    Demo(DemoOptions),
}

#[derive(Args)]
pub struct Answered {
    /// The number of the question.
    #[arg(value_name = "NUMBER")]
    pub question: i64,
    #[command(flatten)]
    pub config: ConfigFile,
}

#[derive(Args)]
pub struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", global = true, default_value = "/etc/kilosat/kilosat.toml")]
    pub config: PathBuf,
}

impl ConfigFile {
    /// Where the Kilosat that runs with this configuration is asked.
    pub fn socket(&self) -> Result<PathBuf, ConfigError> {
        Ok(Config::load(&self.config)?.control_socket)
    }
}

#[cfg(feature = "node")]
#[derive(Args)]
pub struct DemoOptions {
    /// How long the house lives once the network is up, such as 90s or 5m.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = read_duration)]
    pub run_for: Duration,
    /// Seconds of the house in one second.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub speed: u32,
    /// Port of the page; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Print the account as JSON; the story goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Keep the state in this folder and continue it next time.
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// Use Bitcoin Core in regtest mode at this address instead of the chain in memory.
    #[arg(long, value_name = "HOST:PORT", requires = "cookie", value_parser = read_host_port)]
    pub bitcoind: Option<(String, u16)>,
    /// Bitcoin Core's cookie file.
    #[arg(long, value_name = "FILE", requires = "bitcoind")]
    pub cookie: Option<PathBuf>,
}

#[cfg(feature = "node")]
fn read_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a time such as 90s, 5m or 1h");
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "" | "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3_600),
        _ => None,
    };
    seconds.filter(|seconds| (1..=86_400).contains(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(feature = "node")]
fn read_host_port(text: &str) -> Result<(String, u16), String> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)));
    parts.ok_or_else(|| format!("{text:?} is not a host and port such as 127.0.0.1:18443"))
}
