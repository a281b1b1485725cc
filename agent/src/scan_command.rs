//! `kilosat scan`: arguments, progress and what is printed. Part of the program, as `main.rs` is.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use kilosat::config::{Config, MeterLine, Profiles};
use kilosat::control;
use kilosat::scan::{Place, ScanError, Step, scan};
use kilosat_drivers::modbus::{Framing, Line};
use kilosat_drivers::profiles::ProfileFault;
use kilosat_drivers::serial::SerialSettings;

use crate::cli::ConfigFile;
use crate::say;

#[derive(Subcommand)]
pub enum ScanCommand {
    /// Look on a serial port; without one, list those that are plugged in.
    Serial {
        /// Such as /dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0.
        #[arg(value_name = "PORT")]
        port: Option<PathBuf>,
        /// How the line is set, such as "9600 8N1"; without it the usual settings are tried.
        #[arg(long, value_name = "SETTINGS")]
        settings: Option<SerialSettings>,
        #[command(flatten)]
        options: Options,
    },
    /// Look at a device or a gateway in the network.
    Tcp {
        /// Name or address, such as 192.168.1.50.
        #[arg(value_name = "HOST")]
        host: String,
        /// Its port; without it the usual ones are tried.
        #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
        port: Option<u16>,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Args)]
pub struct Options {
    /// Try every unit number, and on a serial port every speed and parity; it can take a quarter of an hour.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, thiserror::Error)]
pub enum ScanCommandError {
    #[error(transparent)]
    Profiles(#[from] ProfileFault),
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error(
        "the running Kilosat reads {0} itself; stop it first, with systemctl stop kilosat, so that neither disturbs the \
         other"
    )]
    Busy(String),
    #[error("no serial port is plugged in ({SERIAL_BY_ID} is empty); plug the adapter in, or name the port")]
    NoPort,
}

impl ScanCommand {
    /// Looks, and prints what was found as it is found.
    pub async fn perform(self) -> Result<(), ScanCommandError> {
        let (place, options) = match self {
            ScanCommand::Serial { port: None, .. } => return list_ports(Path::new(SERIAL_BY_ID)),
            ScanCommand::Serial { port: Some(path), settings, options } => (Place::Serial { path, settings }, options),
            ScanCommand::Tcp { host, port, options } => (Place::Network { host, port }, options),
        };
        refuse_what_is_read(&place, &options.config.config).await?;
        let profiles = Profiles::beside(&options.config.config)?.all();
        let progress = Progress { live: stderr().is_terminal() };
        let mut number = 0;
        let mut tell = |step: Step<'_>| match step {
            Step::Way(line, count) => {
                let way = match line {
                    Line::Serial { .. } => "",
                    Line::Network { framing: Framing::Tcp, .. } => " as Modbus TCP",
                    Line::Network { framing: Framing::Rtu, .. } => " as RTU over TCP",
                };
                progress.line(&format!("Looking on {line}{way}, {count} unit number(s) ..."));
            }
            Step::Unit(unit, (at, of)) => progress.now(&format!("unit {unit} ({at} of {of})")),
            Step::Answers(unit) => progress.line(&format!("Unit {unit} answers.")),
            Step::Found(found) => {
                number += 1;
                progress.clear();
                say(&found.as_text(number));
            }
        };
        let outcome = tokio::select! {
            outcome = scan(&place, options.all, &profiles, &mut tell) => Some(outcome),
            _ = tokio::signal::ctrl_c() => None,
        };
        progress.clear();
        match outcome {
            Some(outcome) => outcome.map(|_| ()).map_err(Into::into),
            None => {
                say("Stopped. Nothing was changed on any device.");
                Ok(())
            }
        }
    }
}

/// Two who ask on one line take each other's answers; a serial port is locked anyway.
async fn refuse_what_is_read(place: &Place, config: &Path) -> Result<(), ScanCommandError> {
    let Place::Network { host, .. } = place else { return Ok(()) };
    // Without a configuration there is nothing that runs on it.
    let Ok(config) = Config::load(config) else { return Ok(()) };
    let is_here = |line: &MeterLine| matches!(line, MeterLine::Network { host: read, .. } if read == host);
    let is_read = config.meters.iter().any(|meter| is_here(&meter.line));
    if is_read && control::ask_status(&config.control_socket).await.is_ok() {
        return Err(ScanCommandError::Busy(host.clone()));
    }
    Ok(())
}

fn list_ports(folder: &Path) -> Result<(), ScanCommandError> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut ports: Vec<String> = entries.map(|entry| entry.path().display().to_string()).collect();
    ports.sort_unstable();
    if ports.is_empty() {
        return Err(ScanCommandError::NoPort);
    }
    say(&format!(
        "These serial ports are plugged in:\n  {}\nLook on one with: kilosat scan serial PORT",
        ports.join("\n  ")
    ));
    Ok(())
}

/// One line on standard error that is written over; whole lines where nobody watches.
struct Progress {
    live: bool,
}

impl Progress {
    fn line(&self, text: &str) {
        self.clear();
        let _ = writeln!(stderr(), "{text}");
    }

    fn now(&self, text: &str) {
        if self.live {
            let _ = write!(stderr(), "\r\u{1b}[K{text}");
            let _ = stderr().flush();
        }
    }

    fn clear(&self) {
        if self.live {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

/// Where udev names serial ports by their adapter's own number.
const SERIAL_BY_ID: &str = "/dev/serial/by-id";
