//! `kilosat`: arguments, logging and signals. The only place that prints and that uses anyhow.
use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use kilosat::agent::wallet;
use kilosat::clock::Clock;
use kilosat::config::{Config, Profiles};
use kilosat::control;
use kilosat::domain::money::{MSAT_PER_SAT, Msat};
use kilosat::engine::Order;
use kilosat::lightning::{Grade, LightningService};
use kilosat::systemd;
use kilosat::vault::Vault;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

mod access_commands;
mod backup_command;
mod channels_command;
mod cli;
mod device_commands;
mod gpio_commands;
mod keys_command;
mod pay_command;
mod run_command;
mod scan_command;
mod sim_command;
mod treasury_command;

#[cfg(feature = "node")]
use cli::DemoOptions;
use cli::{Answered, Cli, Command, ConfigFile};

fn main() -> ExitCode {
    let cli = Cli::parse();
    keep_to_itself();
    let handed = systemd::handed_socket();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let result = runtime.context("this machine gives no threads").and_then(|runtime| {
        let result = runtime.block_on(perform(cli.command, handed));
        runtime.shutdown_timeout(SHUTDOWN_WAIT);
        result
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            complain(&with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// What the process holds is for this user only, also where no service manager says so: its files, and its memory, which
/// nobody else may look at and which is never written down when it ends badly (`reliability-security`, rule 8.5).
fn keep_to_itself() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    // A kernel that knows neither keeps less back, and that is no reason not to run.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    // What a panic says may be made of anything.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        complain(&format!("a part of Kilosat failed at {place}; please report this place"));
    }));
}

async fn perform(command: Command, handed: Option<UnixListener>) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(file) => Ok(run_command::run(&file.config, handed).await.map(|()| ExitCode::SUCCESS)?),
        Command::Check { config: file, wallet } => check(&file.config, wallet).await,
        Command::Status { config, json } => status(&config, json).await,
        Command::Stop(file) => order(&file, Order::Stop).await,
        Command::Resume(file) => order(&file, Order::Resume).await,
        Command::Unlock { config, compared: _ } => order(&config, Order::Unlock).await,
        Command::TakeOver { config, only_one: _ } => order(&config, Order::TakeOver).await,
        Command::Approve(Answered { question, config }) => order(&config, Order::Approve(question)).await,
        Command::Decline(Answered { question, config }) => order(&config, Order::Decline(question)).await,
        Command::Credit { agreement, amount, config } => {
            let amount_msat = amount * MSAT_PER_SAT;
            order(&config, Order::Credit { agreement, amount_msat }).await
        }
        Command::WriteOff { hash, config } => order(&config, Order::WriteOff(hash)).await,
        Command::Statement { month, config, json } => {
            let statement = control::ask_statement(&config.socket()?, month).await?;
            say(&if json { serde_json::to_string(&statement)? } else { statement.as_text() });
            Ok(ExitCode::SUCCESS)
        }
        Command::Events { after, follow, config } => events(&config.socket()?, after, follow).await,
        Command::Profiles { name, config, json } => {
            let profiles = Profiles::beside(&config.config)?;
            say(&profiles.shown(name.as_deref(), json).map_err(anyhow::Error::msg)?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Receive { amount, config } => {
            said(&control::ask_invoice(&config.socket()?, Msat(amount * MSAT_PER_SAT)).await?)
        }
        Command::Pay(command) => said(&command.perform().await?),
        Command::Keys(command) => said(&command.perform().await?),
        Command::Treasury(command) => said(&command.perform().await?),
        Command::Channels(command) => said(&command.perform().await?),
        Command::Gpio(command) => said(&command.perform().await?),
        Command::Backup(command) => said(&command.perform().await?),
        Command::Access(command) => said(&command.perform().await?),
        Command::Device(command) => said(&command.perform().await?),
        Command::Sim(options) => {
            options.perform().await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Scan { command } => {
            command.perform().await?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "node")]
        Command::Demo(options) => demo(options).await,
    }
}

/// The end of a command that only says something.
fn said(text: &str) -> anyhow::Result<ExitCode> {
    say(text);
    Ok(ExitCode::SUCCESS)
}

async fn check(path: &Path, with_wallet: bool) -> anyhow::Result<ExitCode> {
    let config = Config::load(path)?;
    say(&format!(
        "{} is right: {} meter(s), {} agreement(s), {} feed(s) on {}.",
        path.display(),
        config.meters.len() + config.pulse_meters.len(),
        config.agreements.len(),
        config.feeds.len(),
        config.network,
    ));
    if with_wallet { check_wallet(&config).await } else { Ok(ExitCode::SUCCESS) }
}

/// The built-in node has no credential, and starts only with the agent.
async fn check_wallet(config: &Config) -> anyhow::Result<ExitCode> {
    let Some(wallet) = wallet(config, &Vault::plain(&config.state_directory), &Clock::real())? else {
        say("The built-in node pays; its keys never leave this machine. Look at it with: kilosat status");
        return Ok(ExitCode::SUCCESS);
    };
    if let LightningService::Sealed(_) = wallet {
        say("The credential is sealed, and only the running Kilosat opens it. Look at the wallet with: kilosat status");
        return Ok(ExitCode::SUCCESS);
    }
    let spends = !config.agreements.is_empty() || !config.feeds.is_empty();
    let findings = wallet.try_out(config, spends).await;
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

async fn order(config: &ConfigFile, order: Order) -> anyhow::Result<ExitCode> {
    said(&control::give_order(&config.socket()?, order).await?)
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

async fn status(config: &ConfigFile, json: bool) -> anyhow::Result<ExitCode> {
    let status = control::ask_status(&config.socket()?).await?;
    say(&if json { serde_json::to_string(&status)? } else { status.as_text() });
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "node")]
async fn demo(options: DemoOptions) -> anyhow::Result<ExitCode> {
    use kilosat::demo::{self, ChainChoice, Options};
    use tokio::signal::unix::{SignalKind, signal};
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

/// `RUST_LOG` overrides the default. Where standard error is systemd's journal, that gets the fields as well.
fn log_to_stderr(default: &str) {
    let wanted = std::env::var("RUST_LOG").ok().and_then(|wanted| wanted.parse::<Targets>().ok());
    let filter = wanted.or_else(|| default.parse().ok()).unwrap_or_default();
    let journal = if systemd::logs_to_journal() { tracing_journald::layer().ok() } else { None };
    match journal {
        Some(journal) => {
            let journal = journal.with_field_prefix(None).with_syslog_identifier("kilosat".to_owned());
            tracing_subscriber::registry().with(filter).with(journal).init();
        }
        None => {
            let lines = tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal());
            tracing_subscriber::registry().with(filter).with(lines).init();
        }
    }
}

fn say(text: &str) {
    // A closed pipe (`kilosat status | head`) is not an error.
    let _ = writeln!(stdout(), "{text}");
}

/// An error and its causes, without those that it tells itself.
fn with_causes(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.contains(&cause) {
        _ if text.is_empty() => cause,
        true => text,
        false => format!("{text}: {cause}"),
    })
}

fn complain(text: &str) {
    let _ = writeln!(stderr(), "kilosat: {text}");
}

/// Two for the work, two for calls of the Lightning node that wait.
const WORKERS: usize = 4;
const SHUTDOWN_WAIT: Duration = Duration::from_secs(3);
const FOLLOW_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod manual;
