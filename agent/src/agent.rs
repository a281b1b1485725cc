//! All of it: started in the order of recovery, stopped without losing anything.

mod fault;
mod instance;
mod listening;
mod renewal;
mod servers;
mod successor;
mod wallets;

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use self::fault::AgentError;
use self::listening::Entrances;
use self::renewal::Lasting;
pub use self::renewal::Turn;
use self::servers::start_servers;
pub(crate) use self::successor::{NEXT, NothingWaits, WORDS_CHECKED, let_words_wait};
pub(crate) use self::wallets::name_of;
pub use self::wallets::wallet;
use self::wallets::{start_mover, start_node, start_treasury};
use crate::access::Access;
use crate::backup::Backups;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::rate::Currency;
use crate::engine::{Effect, Engine, EngineError, Rules, forget_empty_node};
use crate::heartbeats::Heartbeats;
use crate::history::{History, Recorder};
use crate::http::HttpFault;
use crate::latest::Latest;
use crate::lightning::{LightningService, ServiceKind};
use crate::market::Sources;
use crate::notify::{self, Messenger};
use crate::settings::Settings;
use crate::status::{StatusSource, WalletView};
use crate::store::Store;
use crate::tasks::{
    Devices, EngineHandle, Gpio, Lines, Memory, Payees, Performer, RateView, StopButton, Surroundings, lines, tell_log,
    watch_meter, watch_rate,
};
use crate::vault::{MachineKeys, Vault};
use crate::web::PageIdentity;

/// The running agent.
pub struct Agent {
    status: StatusSource,
    entrances: Entrances,
    hearts: Heartbeats,
    /// `None` once it was heard.
    engine_end: Option<oneshot::Receiver<Result<(), EngineError>>>,
    stop: watch::Sender<bool>,
    meters: JoinSet<()>,
    gpio: Gpio,
    performer: tokio::task::JoinHandle<()>,
    servers: JoinSet<()>,
    // Held until the process ends; the kernel releases it however that happens.
    _lock: File,
}

impl Agent {
    /// Starts everything in order: lock, relays off, database, keys, wallet, recovery, tasks, page.
    ///
    /// Meters are polled and the page is served also while the built-in node cannot run yet, as without a network.
    ///
    /// # Errors
    /// [`AgentError`]; nothing runs then.
    pub async fn start(settings: Settings, clock: Clock) -> Result<Agent, AgentError> {
        Agent::start_at(settings, clock, None).await
    }

    /// The same; the command line asks at the socket that was handed over, where the configuration says so too.
    ///
    /// # Errors
    /// [`AgentError`]; nothing runs then.
    pub async fn start_at(settings: Settings, clock: Clock, handed: Option<UnixListener>) -> Result<Agent, AgentError> {
        let lasting = Lasting { entrances: Entrances::with(handed), ..Lasting::default() };
        Agent::start_with(settings, clock, lasting).await
    }

    async fn start_with(settings: Settings, clock: Clock, lasting: Lasting) -> Result<Agent, AgentError> {
        let config = settings.config();
        let lock = lock_state(&config.state_directory)?;
        let hearts = Heartbeats::new(clock.clone());
        let mut gpio = Gpio::open(&config, &clock, &hearts);
        let (entrances, web, socket) = lasting.entrances.open(&config).await?;
        let page = web.as_ref().map(|_| PageIdentity::load_or_create(&config.state_directory, &config.web_names));
        let Money { store, recorded, is_another, is_doubtful } = open_money(&config, &clock)?;
        let (effects, queue) = mpsc::channel(EFFECTS_MAX);
        let vault = vault(&config, lasting.vault);
        let (wallet, outside) = (wallet(&config, &vault, &clock)?, Outside::prepare(&config)?);
        let (memory, recorder) = (Memory::load(&config.state_directory), Recorder::default());
        let (lines, rules) = (lines(&config.meters, &memory)?, rules(&config, wallet.as_ref()));
        let latest = Latest::recorded(recorder.clone(), clock.clone());
        let history = History::start(&config.state_directory, config.history.clone(), clock.clone(), recorder);
        let mut engine = Engine::new(store, rules);
        let button = StopButton::open(config.stop_button.as_ref(), &mut engine, &latest, &clock).await?;
        let (engine, engine_end) = EngineHandle::start(engine, clock.clone(), effects);
        let mut servers = JoinSet::new();
        button.map(|button| servers.spawn(button.watch(engine.clone())));
        servers.spawn(history.clone().run());
        let (stop, stopped) = watch::channel(false);
        let (mut meters, devices) = start_meters(lines, &memory, &engine, &latest, &hearts, &stopped);
        let around = Surroundings::of(&engine, &latest, &clock, stopped);
        gpio.start(&config, &around, &mut meters, &mut servers);
        drop(around);
        let treasury = start_treasury(&config, &vault, &engine, &clock, &mut servers).await?;
        let lightning = match wallet {
            Some(wallet) => wallet,
            None if is_doubtful => LightningService::Held,
            None => start_node(&config, &vault, lasting.tries_node_once).await?,
        };
        let refills = start_mover(&settings, &engine, &lightning, treasury.clone(), &clock, &mut servers);
        let parts = StatusSource {
            backups: Backups::going_on(lasting.backups.filter(|_| !is_another), &config.state_directory),
            payees: Payees::new(&config)?,
            settings,
            engine,
            latest,
            history,
            access: lasting.access.unwrap_or_else(|| Access::open(&config.state_directory, clock.clone())),
            page: page.unwrap_or_default(),
            memory: lasting.memory,
            wallet: WalletView::new(lightning.clone(), clock.clone()),
            lightning,
            treasury,
            vault,
            refills,
            clock,
            gpio: gpio.handle(),
            devices,
            rates: RateView::default(),
        };
        let performer = start_performer(&parts, queue);
        servers.spawn(tell_log(parts.engine.clone(), recorded));
        let servers = outside.start(start_servers(servers, &parts, web, socket), &parts);
        let engine_end = Some(engine_end);
        Ok(Agent { status: parts, entrances, hearts, engine_end, stop, meters, gpio, performer, servers, _lock: lock })
    }

    /// What the page and the CLI show.
    pub fn status(&self) -> &StatusSource {
        &self.status
    }

    /// Where the page is served, if it is.
    pub fn web_address(&self) -> Option<SocketAddr> {
        self.entrances.web_address()
    }

    /// Whether the loops turn that must turn.
    pub fn hearts(&self) -> &Heartbeats {
        &self.hearts
    }

    async fn failed(&mut self) -> AgentError {
        let Some(engine_end) = &mut self.engine_end else { return AgentError::EngineLost };
        let ended = engine_end.await;
        self.engine_end = None;
        match ended {
            Ok(Err(error)) => error.into(),
            Ok(Ok(())) | Err(_) => AgentError::EngineLost,
        }
    }

    /// Closes the meters' intervals, leaving payments and page running; used before a final account.
    pub async fn stop_meters(&mut self) {
        // Nobody listening means the meters have stopped already.
        let _ = self.stop.send(true);
        let drained = async { while self.meters.join_next().await.is_some() {} };
        if timeout(STOP_METERS_WAIT, drained).await.is_err() {
            tracing::warn!("a meter did not stop in time; its last interval is closed at the next start");
            self.meters.abort_all();
        }
    }

    /// Stops: relays go off, meters close their intervals, the node writes its state. A payment whose answer does not arrive in that time
    /// is looked up at the next start.
    pub async fn stop(self) {
        let ended = async {
            if let Some(engine_end) = self.wind_down().await {
                // Why it ended early was said by who heard it.
                let _ = engine_end.await;
            }
        };
        if timeout(STOP_WAIT, ended).await.is_err() {
            tracing::warn!("not everything stopped in time; the next start recovers what was open");
        }
    }

    /// Stops all but the engine, which ends once it has done what it was told; how it ended comes from the receiver.
    async fn wind_down(mut self) -> Option<oneshot::Receiver<Result<(), EngineError>>> {
        self.gpio.stop();
        self.stop_meters().await;
        self.servers.shutdown().await;
        let Agent { status, engine_end, performer, .. } = self;
        let StatusSource { engine, lightning, history, .. } = status;
        // What it cannot write is lost; that is no reason to wait.
        let _ = timeout(STOP_HISTORY_WAIT, history.write()).await;
        // Closed before another state may take its place.
        let _ = timeout(STOP_HISTORY_WAIT, history.end()).await;
        // However long it takes: where another start follows, two nodes on one state would lose its channels.
        lightning.stop().await;
        performer.abort();
        let _ = performer.await;
        engine.end().await;
        engine_end
    }
}

/// Private to this user, and used by one process.
pub(crate) fn lock_state(directory: &Path) -> Result<File, AgentError> {
    let path = directory.display().to_string();
    let unusable = |source| AgentError::StateDirectory { path: path.clone(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(unusable)?;
    let lock =
        OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("lock")).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(AgentError::AlreadyRunning(path)),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// The secrets of this start: those that were opened before, or as far as a key that systemd handed over opens them.
fn vault(config: &Config, lasting: Option<Vault>) -> Vault {
    let name_of = name_of(config);
    match lasting {
        Some(vault) => {
            // Other words may have taken the place of those before.
            vault.settle(&name_of);
            vault
        }
        None => Vault::open(&config.state_directory, MachineKeys::handed(), &name_of),
    }
}

/// The money database of this start.
struct Money {
    store: Store,
    /// The newest entry of its journal before this start.
    recorded: u64,
    /// What waited has taken the place of the state just now.
    is_another: bool,
    /// It is not certain that it is the only and the newest one.
    is_doubtful: bool,
}

/// Lets what waits take the place of the state, and opens the database that is there then.
fn open_money(config: &Config, clock: &Clock) -> Result<Money, AgentError> {
    let directory = &config.state_directory;
    let unusable = |source| AgentError::StateDirectory { path: directory.display().to_string(), source };
    let is_another = successor::take_place(directory, clock.now().wall).map_err(unusable)?;
    let mut store = Store::open(&directory.join("money.db"), &config.network.to_string())?;
    if is_another {
        forget_empty_node(&mut store)?;
    }
    let (recorded, _) = store.begin()?.journal_head()?;
    let is_doubtful = instance::note_start(directory, &mut store, clock)?.is_some();
    Ok(Money { store, recorded, is_another, is_doubtful })
}

/// What the configuration allows, as the engine needs it. Without `wallet`, the built-in node pays.
pub(crate) fn rules(config: &Config, wallet: Option<&LightningService>) -> Rules {
    Rules {
        network: config.network,
        service: wallet.map_or_else(|| "node".to_owned(), LightningService::identity),
        service_refuses_duplicates: wallet.is_none_or(|wallet| wallet.capabilities().refuses_duplicates),
        house: config.house,
        fees: config.fees,
        ask: config.ask,
        zone: config.zone.clone(),
        payees: config.payees.clone(),
        listed_payees_only: config.listed_payees_only,
        balance_moves_only_by_payments: wallet
            .and_then(LightningService::kind)
            .is_none_or(|kind| !matches!(kind, ServiceKind::Lnd | ServiceKind::Cln)),
        compare_first: true,
        refill: config.refill.clone(),
        agreements: config.agreements.clone(),
        feeds: config.feeds.clone(),
    }
}

fn start_meters(
    lines: Lines,
    memory: &Memory,
    engine: &EngineHandle,
    latest: &Latest,
    hearts: &Heartbeats,
    stopped: &watch::Receiver<bool>,
) -> (JoinSet<()>, Devices) {
    let (mut meters, clock) = (JoinSet::new(), hearts.clock());
    let Lines { buses, watched, shared, devices } = lines;
    for bus in buses {
        let line = hearts.heart("a line with meters");
        meters.spawn(until(stopped.clone(), line.of(bus.run())));
    }
    for line in shared {
        meters.spawn(until(stopped.clone(), line.serve(latest.clone())));
    }
    for (meter, rounds) in watched {
        let (memory, stopped) = (memory.clone(), stopped.clone());
        let watch = watch_meter(meter, rounds, engine.clone(), latest.clone(), clock.clone(), memory, stopped);
        meters.spawn(async move {
            // The engine being gone ends the program; `Agent::failed` says why.
            let _ = watch.await;
        });
    }
    (meters, devices)
}

/// Lets `work` go on until `stopped` turns true.
async fn until(mut stopped: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
}

fn start_performer(parts: &StatusSource, queue: mpsc::Receiver<Effect>) -> tokio::task::JoinHandle<()> {
    let StatusSource { payees, engine, latest, lightning, clock, .. } = parts.clone();
    tokio::spawn(Performer::new(engine, lightning, latest, clock, payees).run(queue))
}

/// Who is asked and told outside, where the owner wants that.
struct Outside {
    messenger: Option<Messenger>,
    sources: Option<(Currency, Sources)>,
}

impl Outside {
    /// Opens no connection.
    fn prepare(config: &Config) -> Result<Outside, HttpFault> {
        let messenger = config.notify.clone().map(Messenger::new).transpose()?;
        let sources = match config.currency {
            Some(currency) => Some((currency, Sources::of(currency)?)),
            None => None,
        };
        Ok(Outside { messenger, sources })
    }

    fn start(self, mut servers: JoinSet<()>, parts: &StatusSource) -> JoinSet<()> {
        if let Some(messenger) = self.messenger {
            servers.spawn(notify::run(parts.clone(), messenger));
        }
        if let Some((currency, sources)) = self.sources {
            let (view, engine, clock) = (parts.rates.clone(), parts.engine.clone(), parts.clock.clone());
            servers.spawn(watch_rate(currency, sources, view, engine, clock));
        }
        servers
    }
}

const EFFECTS_MAX: usize = 256;
const STOP_HISTORY_WAIT: Duration = Duration::from_secs(2);
const STOP_METERS_WAIT: Duration = Duration::from_secs(8);
/// systemd grants 30 seconds.
const STOP_WAIT: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
