//! `kilosat demo`: a whole small economy in one process, with real Lightning.
//!
//! A regtest chain, an LSP, a utility and a neighbour (LDK nodes), a simulated house behind Modbus TCP, and the agent
//! itself, configured by an ordinary `kilosat.toml`. It ends with an account that must come out at zero.

mod account;
pub mod chain;
pub mod esplora;
pub mod house;
mod miner;
pub mod seller_gate;
mod shops;
mod time;
mod town;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kilosat_drivers::reading::MilliwattHours;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

pub use account::Account;
pub use miner::ChainChoice;

use crate::agent::{Agent, AgentError};
use crate::clock::Clock;
use crate::config::{Config, Problem};
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::Event;
use crate::lightning::{LightningService, ServiceFault};
use crate::status::Status;
use crate::tasks::EngineGone;
use house::House;
use miner::Miner;
use time::{HouseTime, Kept};
use town::Town;

/// What the demo is asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the house runs, once the network is up.
    pub run_for: Duration,
    /// Seconds of the house in one second.
    pub speed: u32,
    /// Port of the page; 0 lets the system choose.
    pub port: u16,
    /// Where the state is kept and continued; `None` starts fresh and leaves nothing.
    pub keep: Option<PathBuf>,
    /// The chain underneath.
    pub chain: ChainChoice,
}

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The system refused something.
    #[error("the demo could not use this machine's files or network: {0}")]
    Io(#[from] std::io::Error),
    /// The chain.
    #[error("the demo's chain failed: {0}")]
    Chain(String),
    /// A kept chain.
    #[error(transparent)]
    Saved(#[from] chain::SavedError),
    /// A node of the town.
    #[error("the demo's Lightning network failed: {0}")]
    Town(String),
    /// The demo's own configuration.
    #[error("the demo's configuration is wrong: {0:?}")]
    Config(Vec<Problem>),
    /// The agent.
    #[error(transparent)]
    Agent(#[from] AgentError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineGone),
    /// A node that cannot be set up.
    #[error(transparent)]
    Node(#[from] crate::lightning::node::NodeFault),
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] ServiceFault),
}

/// What the demo says while it runs: whole sentences, and a line that is written again and again.
pub trait Narrator: Sync {
    /// One sentence.
    fn say(&self, sentence: &str);
    /// The present state in one line.
    fn progress(&self, line: &str);
}

/// Runs the demo until its time is over or `stop` is done, and returns the account.
///
/// # Errors
/// [`DemoError`]; everything that was started is stopped.
pub async fn run(
    options: &Options,
    narrator: &dyn Narrator,
    stop: impl Future<Output = ()>,
) -> Result<Account, DemoError> {
    let temporary = if options.keep.is_none() { Some(tempfile::tempdir()?) } else { None };
    let directory = match (&options.keep, &temporary) {
        (Some(keep), _) => keep.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Err(DemoError::Chain("no folder".to_owned())),
    };
    std::fs::create_dir_all(&directory)?;
    let directory = directory.canonicalize()?;
    tokio::pin!(stop);
    let begun = tokio::select! {
        begun = Demo::begin(options, &directory, narrator) => Some(begun?),
        () = &mut stop => None,
    };
    let Some(mut demo) = begun else {
        narrator.say("Stopped before the network was up; nothing was bought.");
        return Ok(Account::default());
    };
    demo.live(options, narrator, &mut stop).await?;
    let account = demo.settle(narrator).await;
    demo.end(&directory).await?;
    account
}

/// Everything that runs.
struct Demo {
    clock: Clock,
    time: HouseTime,
    house: Arc<Mutex<House>>,
    counter_at_start: MilliwattHours,
    miner: Miner,
    town: Town,
    agent: Agent,
    servers: JoinSet<()>,
    first_payment_ms: Option<u64>,
}

impl Demo {
    async fn begin(options: &Options, directory: &Path, narrator: &dyn Narrator) -> Result<Demo, DemoError> {
        let say = |sentence: &str| narrator.say(sentence);
        let kept = Kept::load(directory)?;
        let wall = Clock::real().now().wall;
        let clock = Clock::accelerated(kept.house_ms.map_or(wall, |ms| UnixMillis(ms).max(wall)), options.speed);
        let mut servers = JoinSet::new();
        let chain_file = directory.join("chain");
        let miner = Miner::start(&options.chain, Some(&chain_file), clock.clone(), &mut servers).await?;
        say("Starting an LSP, a utility and a neighbour: three real Lightning nodes.");
        let town = Town::open(directory, &miner, &clock, &mut servers, &say).await?;

        let time = HouseTime::new(clock.clone());
        let house = Arc::new(Mutex::new(House::new(kept.second_of_day, options.speed, kept.counter)));
        let meter = TcpListener::bind(("127.0.0.1", 0)).await?;
        let meter_port = meter.local_addr()?.port();
        let house_time = time.clone();
        let served = house::serve(meter, Arc::clone(&house), move || house_time.simulated_ms(), std::future::pending());
        servers.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the simulated meter stopped");
            }
        });
        let utility = shops::open_utility(town.utility.clone(), &mut servers).await?;
        let weather =
            shops::open_seller(town.neighbour.clone(), Arc::clone(&house), clock.clone(), &mut servers).await?;
        let text = hub_config(directory, options.port, &miner, &town, meter_port, &utility, &weather);
        let config = Config::parse(&text).map_err(DemoError::Config)?;
        let counter_at_start = house.lock().unwrap_or_else(PoisonError::into_inner).metered();
        say("Starting the house's Kilosat with a wallet that has no channel yet.");
        let agent = Agent::start(config, clock.clone()).await?;
        if let Some(address) = agent.web_address() {
            say(&format!("Its page is at http://{address}/"));
        }
        let mut demo =
            Demo { clock, time, house, counter_at_start, miner, town, agent, servers, first_payment_ms: None };
        demo.fund_hub(narrator).await?;
        Ok(demo)
    }

    /// The neighbour pays the house's first invoice; that payment opens its channel, bought just in time from the LSP.
    async fn fund_hub(&mut self, narrator: &dyn Narrator) -> Result<(), DemoError> {
        let wallet = self.agent.status().lightning.clone();
        if wallet.balance().await.channels == 0 {
            narrator
                .say("The neighbour lends the house 200000 sat; the LSP opens the house's channel for that payment.");
            let bolt11 = wallet.create(TOP_UP, "First spending money", 3_600).await?;
            self.town.neighbour.pay(&bolt11).await?;
        }
        let mut told = false;
        let waiting = async {
            while !(wallet.balance().await.spendable_msat > 0 && knows_the_way(&wallet)) {
                if !told && wallet.balance().await.spendable_msat > 0 {
                    narrator.progress("The channel is open; waiting for news of the other channels.");
                    told = true;
                }
                sleep(POLL).await;
            }
        };
        match timeout(FUNDING_WAIT, waiting).await {
            Ok(()) => Ok(()),
            Err(_) => Err(DemoError::Town("the house's channel did not open in time".to_owned())),
        }
    }

    /// The house lives; the agent does the rest.
    async fn live(
        &mut self,
        options: &Options,
        narrator: &dyn Narrator,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<(), DemoError> {
        narrator.say(&format!(
            "The network is up after {} s. The house now lives {} seconds in each second, for {} s; Ctrl-C ends it earlier.",
            self.clock.elapsed_ms() / 1_000,
            options.speed,
            options.run_for.as_secs(),
        ));
        self.time.go();
        let end = sleep(options.run_for);
        tokio::pin!(end);
        let mut beat = interval(PROGRESS);
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                () = &mut *stop => {
                    narrator.say("Stopping: the last interval is closed and paid.");
                    return Ok(());
                }
                error = self.agent.failed() => return Err(error.into()),
                _ = beat.tick() => {
                    let status = self.agent.status().status().await?;
                    self.note_first_payment(&status, narrator);
                    narrator.progress(&progress_line(&status));
                    if self.miner.waiting().await? > 0 {
                        self.miner.mine(1, &town::burn_address()).await?;
                    }
                }
            }
        }
    }

    fn note_first_payment(&mut self, status: &Status, narrator: &dyn Narrator) {
        let settled = status.payments.iter().rev().find(|payment| payment.state == "settled");
        let (None, Some(first)) = (self.first_payment_ms, settled) else { return };
        let settled_ms = first.created_ms.saturating_add(first.took_ms);
        let age = status.now_ms.saturating_sub(settled_ms);
        self.first_payment_ms = Some(self.clock.elapsed_ms().saturating_sub(age));
        narrator.say(&format!(
            "First payment: {} for {}, settled {} s after the start.",
            Msat(first.amount_msat),
            first.rule,
            self.first_payment_ms.unwrap_or_default() / 1_000,
        ));
    }

    /// Freezes the house, reads the meter once more, pays what is owed, and draws the account.
    async fn settle(&mut self, narrator: &dyn Narrator) -> Result<Account, DemoError> {
        self.time.freeze();
        let simulated = self.time.simulated_ms();
        let metered = {
            let mut house = self.house.lock().unwrap_or_else(PoisonError::into_inner);
            house.advance_to(simulated);
            house.metered()
        };
        let source = self.agent.status().clone();
        let last_reading = async {
            while source.status().await?.meters.iter().any(|meter| meter.energy_mwh < register(metered)) {
                sleep(POLL).await;
            }
            Ok::<_, EngineGone>(())
        };
        if let Ok(read) = timeout(LAST_READING_WAIT, last_reading).await {
            read?;
        }
        self.agent.stop_meters().await;
        source.engine.submit(Event::SettleUp).await?;
        let paid_up = async {
            loop {
                let status = source.status().await?;
                if status.open_payments == 0 && status.totals.owed_msat < 1_000 {
                    return Ok::<_, EngineGone>(());
                }
                sleep(POLL).await;
            }
        };
        match timeout(PAY_UP_WAIT, paid_up).await {
            Ok(done) => done?,
            Err(_) => narrator.say("Some of what is owed could not be paid in time; it stays owed."),
        }
        let status = source.status().await?;
        self.note_first_payment(&status, narrator);
        let used = MilliwattHours(metered.0.saturating_sub(self.counter_at_start.0));
        Ok(Account::draw(&status, used, self.town.utility.received_msat(), self.first_payment_ms))
    }

    async fn end(self, directory: &Path) -> Result<(), DemoError> {
        let kept = {
            let house = self.house.lock().unwrap_or_else(PoisonError::into_inner);
            Kept {
                counter: house.metered(),
                second_of_day: house.second_of_day(),
                house_ms: Some(self.clock.house_now().0),
            }
        };
        self.agent.stop().await;
        if self.miner.waiting().await? > 0 {
            self.miner.mine(1, &town::burn_address()).await?;
        }
        self.town.close().await;
        self.miner.save(&directory.join("chain"))?;
        kept.save(directory)?;
        let mut servers = self.servers;
        servers.shutdown().await;
        Ok(())
    }
}

/// The house's node has heard of both directions of both channels between LSP, utility and neighbour.
fn knows_the_way(wallet: &LightningService) -> bool {
    let LightningService::Node(node) = wallet;
    let graph = node.ldk().network_graph();
    let channels = graph.list_channels();
    let known = channels.iter().filter_map(|scid| graph.channel(*scid));
    known.filter(|channel| channel.one_to_two.is_some() && channel.two_to_one.is_some()).count() >= 2
}

/// The meter shows whole watt-hours.
fn register(energy: MilliwattHours) -> Option<i64> {
    i64::try_from(energy.0 - energy.0 % 1_000).ok()
}

fn progress_line(status: &Status) -> String {
    let power = status.meters.first().and_then(|meter| meter.power_mw).unwrap_or_default() / 1_000;
    format!(
        "{power:>5} W now, {} Wh billed, {} paid in {} payments, {} owed, {} tickets bought",
        status.totals.energy_billed_mwh / 1_000,
        Msat(status.totals.paid_energy_msat),
        status.totals.payments_settled,
        Msat(status.totals.owed_msat),
        status.totals.data_purchases,
    )
}

/// The house's `kilosat.toml`, as its owner would write it.
fn hub_config(
    directory: &Path,
    port: u16,
    miner: &Miner,
    town: &Town,
    meter_port: u16,
    utility: &str,
    weather: &str,
) -> String {
    use crate::config::ChainSource;
    let chain = match miner.source() {
        ChainSource::Esplora(url) => format!("source = \"esplora\"\nurl = {url:?}"),
        ChainSource::Electrum(url) => format!("source = \"electrum\"\nurl = {url:?}"),
        ChainSource::Bitcoind { host, port, cookie_file } => {
            format!("source = \"bitcoind\"\nhost = {host:?}\nport = {port}\ncookie_file = {cookie_file:?}")
        }
    };
    let weather_origin = weather.rsplit_once('/').map_or(weather, |(origin, _)| origin);
    format!(
        include_str!("hub.toml"),
        state_directory = directory.join("hub"),
        port = port,
        lsp = town.lsp.peer(),
        chain = chain,
        meter_profile = house::PROFILE,
        meter_port = meter_port,
        meter_unit = house::UNIT,
        utility = utility,
        weather = weather,
        weather_origin = weather_origin,
    )
}

const TOP_UP: Msat = Msat(200_000_000);
const POLL: Duration = Duration::from_millis(100);
const PROGRESS: Duration = Duration::from_secs(1);
const FUNDING_WAIT: Duration = Duration::from_secs(60);
const LAST_READING_WAIT: Duration = Duration::from_secs(5);
const PAY_UP_WAIT: Duration = Duration::from_secs(20);
