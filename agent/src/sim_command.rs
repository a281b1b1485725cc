//! `kilosat sim`: arguments, and a simulated device until Ctrl-C. Part of the program, as `main.rs` is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;
use kilosat::clock::Clock;
use kilosat::config::Profiles;
use kilosat::scan::{Found, Look};
use kilosat::sim::{Device, Fault, Faults, House, SECONDS_PER_DAY};
use kilosat_drivers::modbus::server::{PseudoTerminal, serve, serve_port};
use kilosat_drivers::modbus::{Framing, Line, Model, Round};
use kilosat_drivers::profiles::{Profile, ProfileFault};
use kilosat_drivers::reading::MilliwattHours;
use kilosat_drivers::serial::SerialSettings;
use tokio::net::TcpListener;

use crate::cli::ConfigFile;
use crate::gpio_commands::read_kwh;
use crate::say;

#[derive(Args)]
pub struct SimOptions {
    /// What kind of device; `kilosat profiles` lists them.
    #[arg(long, value_name = "NAME")]
    profile: String,
    /// Its number.
    #[arg(long, value_name = "UNIT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=247))]
    unit: u8,
    /// Modbus TCP on this port of this machine; 0 lets the system choose.
    #[arg(long, value_name = "PORT", default_value_t = 0, conflicts_with = "serial")]
    port: u16,
    /// The bytes of a serial line over TCP, as a gateway passes them on.
    #[arg(long, conflicts_with = "serial")]
    rtu_over_tcp: bool,
    /// A serial port; where nothing is yet, one without a wire is made, for as long as this runs.
    #[arg(long, value_name = "PATH")]
    serial: Option<PathBuf>,
    /// How the serial line is set; the profile says it otherwise.
    #[arg(long, value_name = "SETTINGS", requires = "serial")]
    settings: Option<SerialSettings>,
    /// Seconds of the house in one second.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    speed: u32,
    /// What its counter shows at first, in kWh.
    #[arg(long, value_name = "KWH", default_value = "1234.5", value_parser = read_kwh)]
    counter: MilliwattHours,
    /// What goes wrong and at which request, such as silent:20 for every 20th; may be given several times. There are
    /// silent, late, damaged, short, other-unit, busy, zeros, jump and reset.
    #[arg(long = "fault", value_name = "WHAT:EVERY", value_parser = Fault::parse_every)]
    faults: Vec<(Fault, u64)>,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error(transparent)]
    Profiles(#[from] ProfileFault),
    #[error("{0}")]
    Unknown(String),
    #[error("the simulated device cannot be reached at {place}: {source}")]
    Place { place: String, source: io::Error },
}

impl SimOptions {
    /// Serves the device until Ctrl-C.
    pub async fn perform(self) -> Result<(), SimError> {
        let profile = Profiles::beside(&self.config.config)?.find(&self.profile).map_err(SimError::Unknown)?;
        tokio::select! {
            outcome = self.serve(&profile) => outcome,
            _ = tokio::signal::ctrl_c() => {
                say("The simulated device is gone.");
                Ok(())
            }
        }
    }

    async fn serve(&self, profile: &Arc<Profile>) -> Result<(), SimError> {
        let device = self.device(Arc::clone(profile));
        let Some(path) = &self.serial else { return self.serve_network(profile, device).await };
        let settings = self.settings.or(profile.link.serial).unwrap_or_default();
        let line = Line::Serial { path: std::path::absolute(path).unwrap_or_else(|_| path.clone()), settings };
        let served = serve_serial(path, settings, device.on_a_serial_line(), || self.tell(profile, &line)).await;
        served.map_err(|source| SimError::Place { place: path.display().to_string(), source })
    }

    async fn serve_network(&self, profile: &Arc<Profile>, device: Device) -> Result<(), SimError> {
        let failed = |source| SimError::Place { place: format!("127.0.0.1:{}", self.port), source };
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let (framing, device) = match self.rtu_over_tcp {
            true => (Framing::Rtu, device.on_a_serial_line()),
            false => (Framing::Tcp, device),
        };
        self.tell(profile, &Line::Network { host: "127.0.0.1".to_owned(), port, framing, tls: None });
        serve(&listener, framing, device).await.map_err(failed)
    }

    fn device(&self, profile: Arc<Profile>) -> Device {
        let (clock, speed) = (Clock::real(), u64::from(self.speed));
        let today_s = clock.now().wall.0 / 1_000 % u64::from(SECONDS_PER_DAY);
        let house = House::new(u32::try_from(today_s).unwrap_or(0), self.counter);
        let device = Device::new(profile, self.unit, Arc::new(Mutex::new(house)), move || {
            clock.elapsed_ms().saturating_mul(speed)
        });
        device.with_faults(Faults::new(self.faults.clone()))
    }

    fn tell(&self, profile: &Arc<Profile>, line: &Line) {
        say(&format!("{} answers as unit {} on {line}. Ctrl-C ends it.", profile.title, self.unit));
        let model = Model::Known(Arc::clone(profile));
        let look = Look { model, profile: Some(Arc::clone(profile)), round: Ok(Round::default()) };
        let found = Found { line: line.clone(), unit: self.unit, looks: vec![look] };
        say(&format!("\nFor kilosat.toml:\n\n{}", found.section(&format!("{}-1", found.kind()))));
    }
}

/// On the port at `path`, or on one without a wire that is made there. `tell` is called once it can be opened.
async fn serve_serial(path: &Path, settings: SerialSettings, device: Device, tell: impl Fn()) -> io::Result<()> {
    if path.exists() {
        tell();
        return serve_port(path, settings, device).await;
    }
    let mut terminal = PseudoTerminal::new(path)?;
    tell();
    terminal.serve(device).await
}
