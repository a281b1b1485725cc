//! `kilosat`: arguments, logging and signals. The only place that prints and that uses anyhow.

mod gpio_commands;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use gpio_commands::GpioCommand;
use kilosat::agent::{Agent, wallet};
use kilosat::clock::Clock;
use kilosat::config::Config;
use kilosat::control;
use kilosat::domain::money::{MSAT_PER_SAT, Msat};
use kilosat::engine::Order;
use kilosat::lightning::Grade;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Pays for electricity and data over Lightning, within limits you set.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
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
    /// Let a payment be made that waits for your word; status shows its number.
    Approve(Answered),
    /// Refuse a payment that waits for your word; what is owed stays owed.
    Decline(Answered),
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
    /// Make an invoice that puts money into the running agent's wallet.
    Receive {
        /// How much, in satoshis.
        #[arg(value_name = "SAT", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
        amount: u64,
        #[command(flatten)]
        config: ConfigFile,
    },
    #[command(flatten)]
    Gpio(GpioCommand),
    /// Show the whole mission in a minute: a simulated house pays real Lightning invoices on a chain in memory.
    #[cfg(feature = "node")]
    Demo(DemoOptions),
}

#[derive(Args)]
struct Answered {
    /// The number of the question.
    #[arg(value_name = "NUMBER")]
    question: i64,
    #[command(flatten)]
    config: ConfigFile,
}

#[derive(Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "/etc/kilosat/kilosat.toml")]
    config: PathBuf,
}

#[cfg(feature = "node")]
#[derive(Args)]
struct DemoOptions {
    /// How long the house lives once the network is up, such as 90s or 5m.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = read_duration)]
    run_for: Duration,
    /// Seconds of the house in one second.
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    speed: u32,
    /// Port of the page; 0 lets the system choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Print the account as JSON; the story goes to standard error.
    #[arg(long)]
    json: bool,
    /// Keep the state in this folder and continue it next time.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Use Bitcoin Core in regtest mode at this address instead of the chain in memory.
    #[arg(long, value_name = "HOST:PORT", requires = "cookie", value_parser = read_host_port)]
    bitcoind: Option<(String, u16)>,
    /// Bitcoin Core's cookie file.
    #[arg(long, value_name = "FILE", requires = "bitcoind")]
    cookie: Option<PathBuf>,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let result = runtime.context("this machine gives no threads").and_then(|runtime| {
        let result = runtime.block_on(perform(cli.command));
        runtime.shutdown_timeout(SHUTDOWN_WAIT);
        result
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(file) => run(&file.config).await,
        Command::Check { config: file, wallet } => {
            let config = Config::load(&file.config)?;
            say(&format!(
                "{} is right: {} meter(s), {} agreement(s), {} feed(s) on {}.",
                file.config.display(),
                config.meters.len() + config.pulse_meters.len(),
                config.agreements.len(),
                config.feeds.len(),
                config.network,
            ));
            if wallet { check_wallet(&config).await } else { Ok(ExitCode::SUCCESS) }
        }
        Command::Status { config, json } => status(&config.config, json).await,
        Command::Stop(file) => order(&file.config, Order::Stop).await,
        Command::Resume(file) => order(&file.config, Order::Resume).await,
        Command::Unlock { config, compared: _ } => order(&config.config, Order::Unlock).await,
        Command::Approve(Answered { question, config }) => order(&config.config, Order::Approve(question)).await,
        Command::Decline(Answered { question, config }) => order(&config.config, Order::Decline(question)).await,
        Command::Statement { month, config, json } => {
            let statement = control::ask_statement(&socket(&config.config)?, month).await?;
            say(&if json { serde_json::to_string(&statement)? } else { statement.as_text() });
            Ok(ExitCode::SUCCESS)
        }
        Command::Events { after, follow, config } => events(&socket(&config.config)?, after, follow).await,
        Command::Receive { amount, config } => {
            say(&control::ask_invoice(&socket(&config.config)?, Msat(amount * MSAT_PER_SAT)).await?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Gpio(command) => {
            say(&command.perform().await?);
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "node")]
        Command::Demo(options) => demo(options).await,
    }
}

async fn run(path: &Path) -> anyhow::Result<ExitCode> {
    log_to_stderr("info,ldk=warn");
    let config = Config::load(path)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let started = tokio::select! {
        started = Agent::start(config, Clock::real()) => started?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => return Ok(ExitCode::SUCCESS),
    };
    let mut agent = started;
    match agent.web_address() {
        Some(address) => tracing::info!("running; the page is at http://{address}/"),
        None => tracing::info!("running, without a page"),
    }
    let failure = tokio::select! {
        error = agent.failed() => Some(error),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    tracing::info!("stopping");
    agent.stop().await;
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// The built-in node has no credential, and starts only with the agent.
async fn check_wallet(config: &Config) -> anyhow::Result<ExitCode> {
    let Some(wallet) = wallet(config, &Clock::real())? else {
        say("The built-in node pays; its keys never leave this machine. Look at it with: kilosat status");
        return Ok(ExitCode::SUCCESS);
    };
    let spends = !config.agreements.is_empty() || !config.feeds.is_empty();
    let findings = wallet.check(spends).await;
    for finding in &findings {
        let mark = match finding.grade {
            Grade::Good => "good",
            Grade::Warning => "warning",
            Grade::Error => "wrong",
        };
        say(&format!("{mark}: {}", finding.text));
    }
    let wrong = findings.iter().any(|finding| finding.grade == Grade::Error);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn order(path: &Path, order: Order) -> anyhow::Result<ExitCode> {
    say(&control::give_order(&socket(path)?, order).await?);
    Ok(ExitCode::SUCCESS)
}

/// Ends when there is nothing more, or with `follow` when the running agent ends or nobody reads any more.
async fn events(socket: &Path, after: u64, follow: bool) -> anyhow::Result<ExitCode> {
    let mut last = after;
    loop {
        let entries = control::ask_events(socket, last).await?;
        for entry in &entries {
            if writeln!(stdout(), "{}", serde_json::to_string(entry)?).is_err() {
                return Ok(ExitCode::SUCCESS);
            }
            last = entry.seq;
        }
        if entries.is_empty() {
            if !follow {
                return Ok(ExitCode::SUCCESS);
            }
            tokio::time::sleep(FOLLOW_PAUSE).await;
        }
    }
}

async fn status(path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let status = control::ask_status(&socket(path)?).await?;
    say(&if json { serde_json::to_string(&status)? } else { status.as_text() });
    Ok(ExitCode::SUCCESS)
}

/// Where the agent that runs on this configuration listens to its command line.
fn socket(config: &Path) -> anyhow::Result<PathBuf> {
    Ok(control::socket_path(&Config::load(config)?.state_directory))
}

#[cfg(feature = "node")]
async fn demo(options: DemoOptions) -> anyhow::Result<ExitCode> {
    use kilosat::demo::{self, ChainChoice, Options};
    log_to_stderr("warn,ldk=off");
    let chain = match (options.bitcoind, options.cookie) {
        (Some((host, port)), Some(cookie_file)) => ChainChoice::Core { host, port, cookie_file },
        _ => ChainChoice::Memory,
    };
    let json = options.json;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    let options =
        Options { run_for: options.run_for, speed: options.speed, port: options.port, keep: options.keep, chain };
    let narrator = Voice { json, live: stderr().is_terminal() || (!json && stdout().is_terminal()) };
    let account = demo::run(&options, &narrator, stop).await?;
    narrator.end_line();
    if json {
        say(&serde_json::to_string(&account)?);
    } else {
        say("");
        say(account.table().trim_end());
    }
    Ok(if account.difference_msat == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells the demo's story: on standard error when the account is printed as JSON.
#[cfg(feature = "node")]
struct Voice {
    json: bool,
    live: bool,
}

#[cfg(feature = "node")]
impl Voice {
    fn write(&self, text: &str) {
        // A reader that went away does not stop the demo.
        let _ = if self.json { stderr().write_all(text.as_bytes()) } else { stdout().write_all(text.as_bytes()) };
        let _ = if self.json { stderr().flush() } else { stdout().flush() };
    }

    fn end_line(&self) {
        if self.live {
            self.write("\r\u{1b}[K");
        }
    }
}

#[cfg(feature = "node")]
impl kilosat::demo::Narrator for Voice {
    fn say(&self, sentence: &str) {
        self.end_line();
        self.write(&format!("{sentence}\n"));
    }

    fn progress(&self, line: &str) {
        if self.live {
            self.write(&format!("\r\u{1b}[K{line}"));
        }
    }
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

/// `RUST_LOG` overrides the default.
fn log_to_stderr(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_ansi(stderr().is_terminal()).init();
}

fn say(text: &str) {
    // A closed pipe (`kilosat status | head`) is not an error.
    let _ = writeln!(stdout(), "{text}");
}

fn complain(text: &str) {
    let _ = writeln!(stderr(), "kilosat: {text}");
}

/// Two for the work, two for calls of the Lightning node that wait.
const WORKERS: usize = 4;
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);
