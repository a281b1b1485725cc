//! `kilosat demo`: a whole small economy in one process, with real Lightning.
//!
//! A regtest chain, an LSP, a utility and a neighbour (LDK nodes), a simulated house behind Modbus TCP, and the agent
//! itself, configured by an ordinary `kilosat.toml`. It ends with an account that must come out at zero.

mod account;
pub mod chain;
pub mod esplora;
mod fault;
mod hub;
mod meter;
pub mod miner;
pub mod seller_gate;
pub mod shops;
mod time;
pub mod town;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kilosat_drivers::reading::MilliwattHours;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

pub use account::Account;
pub use fault::DemoError;
pub use miner::ChainChoice;

use crate::agent::{Agent, Turn};
use crate::clock::Clock;
use crate::disk;
use crate::domain::money::{Msat, UnixMillis};
use crate::engine::Event;
use crate::lightning::{Balance, InvoiceRequest, LightningService};
use crate::settings::Settings;
use crate::sim::House;
use crate::status::Status;
use crate::tasks::EngineGone;
use miner::Miner;
use time::{HouseTime, Kept, NEW_HOUSE};
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
    let mut stopped = false;
    let begin = Demo::begin(options, &directory, narrator);
    tokio::pin!(begin);
    // Nodes that are starting cannot be dropped half-way; a stop waits for them.
    let mut demo = loop {
        tokio::select! {
            demo = &mut begin => break demo?,
            () = &mut stop, if !stopped => {
                narrator.say("Stopping as soon as everything has started.");
                stopped = true;
            }
        }
    };
    let account = demo.story(options, narrator, stopped, &mut stop).await;
    let ended = demo.end(&directory).await;
    let account = account?;
    ended.map(|()| account)
}

/// Everything that runs.
struct Demo {
    clock: Clock,
    time: HouseTime,
    house: Arc<Mutex<House>>,
    miner: Miner,
    town: Town,
    /// `None` only while it is started anew.
    agent: Option<Agent>,
    servers: JoinSet<()>,
    /// The weather page's door; it opens once the house can pay.
    seller: Option<TcpListener>,
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
        let town = Town::open(directory, &miner, &mut servers, &say).await?;

        let time = HouseTime::new(clock.clone());
        let house = Arc::new(Mutex::new(House::new(kept.second_of_day, kept.counter)));
        let meter_port = meter::open(Arc::clone(&house), time.clone(), &mut servers).await?;
        let utility = shops::open_utility(town.utility.clone(), &mut servers).await?;
        let seller = TcpListener::bind(("127.0.0.1", 0)).await?;
        let weather = shops::weather_url(&seller)?;
        let text = hub::config(directory, options.port, &miner, &town, meter_port, &utility, &weather);
        let file = directory.join("kilosat.toml");
        disk::replace(&file, text.as_bytes())?;
        let settings = Settings::read(&file)?;
        say("Starting the house's Kilosat with a wallet that has no channel yet.");
        let agent = Agent::start(settings, clock.clone()).await?;
        if let Some(address) = agent.web_address() {
            let password = agent.status().access.set_any_password().await.map_err(DemoError::Access)?;
            say(&format!("Its page is at http://{address}/, the password is {password}"));
        }
        let seller = Some(seller);
        let agent = Some(agent);
        Ok(Demo { clock, time, house, miner, town, agent, servers, seller, first_payment_ms: None })
    }

    async fn story(
        &mut self,
        options: &Options,
        narrator: &dyn Narrator,
        stopped: bool,
        stop: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Account, DemoError> {
        if !stopped {
            self.fund_hub(narrator).await?;
            self.live(options, narrator, stop).await?;
        }
        self.settle(narrator).await
    }

    /// The neighbour pays the house's first invoice; that payment opens its channel, bought just in time from the LSP.
    async fn fund_hub(&mut self, narrator: &dyn Narrator) -> Result<(), DemoError> {
        let wallet = self.agent().status().lightning.clone();
        let node = wallet_node(&wallet).await;
        if wallet.balance().await.unwrap_or_default().channels.unwrap_or(0) == 0 {
            narrator
                .say("The neighbour lends the house 200000 sat; the LSP opens the house's channel for that payment.");
            let bolt11 = wallet.create(&top_up()).await?.bolt11;
            self.town.neighbour.pay(&bolt11).await?;
        }
        let waiting = async {
            for turn in 1_u32.. {
                let funded = wallet.balance().await.unwrap_or_default().spendable_msat > 0;
                if funded && self.town.ways_from_lsp(&node) >= 2 {
                    return;
                }
                // News of a channel can get lost while its funding is still being verified. A new connection asks anew.
                if funded && turn.is_multiple_of(GOSSIP_TURNS) {
                    narrator.progress("The channel is open; asking again for news of the other channels.");
                    // The agent calls the LSP again by itself; one that is away already needs no hanging up.
                    let _ = node.disconnect(self.town.lsp.ldk().node_id());
                }
                sleep(POLL).await;
            }
        };
        match timeout(FUNDING_WAIT, waiting).await {
            Ok(()) => {}
            Err(_) => {
                let Balance { channels, spendable_msat, .. } = wallet.balance().await.unwrap_or_default();
                return Err(DemoError::Town(format!(
                    "the house has {} channel(s) with {} to spend and knows {} of 2 others after {} s",
                    channels.unwrap_or(0),
                    Msat(spendable_msat),
                    self.town.ways_from_lsp(&node),
                    FUNDING_WAIT.as_secs(),
                )));
            }
        }
        if let Some(door) = self.seller.take() {
            let (node, house) = (self.town.neighbour.clone(), Arc::clone(&self.house));
            shops::open_seller(door, node, house, self.clock.clone(), &mut self.servers)?;
        }
        Ok(())
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
                turn = turned(&mut self.agent) => match turn {
                    Turn::Failed(error) => return Err(error.into()),
                    Turn::NewStart => self.start_anew(narrator).await?,
                },
                _ = beat.tick() => {
                    let status = self.agent().status().status().await?;
                    self.note_first_payment(&status, narrator);
                    narrator.progress(&progress_line(&status));
                    if self.miner.waiting().await? > 0 {
                        self.miner.mine(1, &town::burn_address()).await?;
                    }
                }
            }
        }
    }

    fn agent(&self) -> &Agent {
        self.agent.as_ref().expect("it is absent only within `start_anew`")
    }

    /// The owner changed a setting on the page that needs it.
    async fn start_anew(&mut self, narrator: &dyn Narrator) -> Result<(), DemoError> {
        narrator.say("The house's Kilosat starts anew with its new settings.");
        if let Some(agent) = self.agent.take() {
            self.agent = Some(agent.start_anew().await?);
        }
        Ok(())
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
        let metered = {
            let mut house = self.house.lock().unwrap_or_else(PoisonError::into_inner);
            house.advance_to(self.time.simulated_ms());
            house.metered()
        };
        let source = self.agent().status().clone();
        // The meter shows whole watt-hours.
        let register = i64::try_from(metered.0 - metered.0 % 1_000).ok();
        let last_reading = async {
            let mut enough = None;
            loop {
                let meters = source.status().await?.meters;
                let reads = meters.iter().map(|meter| meter.reads).min().unwrap_or_default();
                let shown = meters.iter().all(|meter| meter.energy_mwh >= register);
                // A counter is billed when a second reading agrees with the first.
                if shown && reads > *enough.get_or_insert(reads + 1) {
                    return Ok::<_, EngineGone>(());
                }
                sleep(POLL).await;
            }
        };
        if let Ok(read) = timeout(LAST_READING_WAIT, last_reading).await {
            read?;
        }
        if let Some(agent) = &mut self.agent {
            agent.stop_meters().await;
        }
        let paid_up = async {
            loop {
                let status = source.status().await?;
                match (status.open_payments, status.totals.owed_msat) {
                    (0, 0..1_000) => return Ok::<_, EngineGone>(()),
                    // What was owed on top of a payment that was under way is billed after it.
                    (0, _) => source.engine.submit(Event::SettleUp).await?,
                    _ => {}
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
        // A continued demo accounts for its whole life.
        let used = MilliwattHours(metered.0.saturating_sub(NEW_HOUSE.counter.0));
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
        if let Some(agent) = self.agent {
            agent.stop().await;
        }
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

async fn turned(agent: &mut Option<Agent>) -> Turn {
    match agent {
        Some(agent) => agent.turned().await,
        None => std::future::pending().await,
    }
}

async fn wallet_node(wallet: &LightningService) -> Arc<ldk_node::Node> {
    match wallet {
        LightningService::Starting(starting) => Arc::clone(starting.ready().await.ldk()),
        LightningService::Node(node) => Arc::clone(node.ldk()),
        _ => unreachable!("the demo's house has the built-in node"),
    }
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

fn top_up() -> InvoiceRequest {
    InvoiceRequest {
        amount: TOP_UP,
        description: "First spending money".to_owned(),
        expiry_s: 3_600,
        label: "first-money".to_owned(),
    }
}

const TOP_UP: Msat = Msat(200_000_000);
const POLL: Duration = Duration::from_millis(100);
/// Eight seconds in units of [`POLL`].
const GOSSIP_TURNS: u32 = 80;
const PROGRESS: Duration = Duration::from_secs(1);
const FUNDING_WAIT: Duration = Duration::from_secs(60);
const LAST_READING_WAIT: Duration = Duration::from_secs(5);
const PAY_UP_WAIT: Duration = Duration::from_secs(20);
