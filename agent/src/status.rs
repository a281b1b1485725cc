//! What the page, the CLI and the demo show: one struct, shown as HTML and as JSON.

mod backup;
mod bill;
mod changes;
mod channels;
mod flow;
mod gpio;
mod meters;
mod moves;
mod receive;
mod restore;
mod totals;
mod treasury;
mod vault;
mod wallet;
mod words;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

pub use backup::BackupStatus;
pub use bill::{Bill, BillFault};
pub use changes::Change;
pub use channels::{ChannelFault, ChannelView, ChannelsView, ClosingView};
pub(crate) use flow::is_measured;
pub use flow::{Flow, FlowPart};
pub use gpio::{InputStatus, RelayStatus, StopButtonStatus};
pub use meters::MeterStatus;
pub use moves::{MovePartView, MoveView, RefillStatus};
pub use receive::{DESCRIPTION_CHARS_MAX, INVOICE_EXPIRY_S};
pub use restore::RestorationFault;
pub use totals::TotalsStatus;
pub(crate) use treasury::label_of;
pub use wallet::WalletView;
#[cfg(all(test, not(feature = "node")))]
pub(crate) use wallet::tests::phoenixd_at;
pub use words::{WantedWords, WordsFault};

use crate::access::Access;
use crate::backup::Backups;
use crate::clock::{Clock, Now};
use crate::config::{Agreement, Config};
use crate::domain::money::Msat;
use crate::domain::window::Period;
use crate::engine::{QuestionSnapshot, Snapshot, WalletSnapshot};
use crate::history::History;
use crate::latest::{Latest, Table, Value};
use crate::lightning::{Balance, LightningService};
use crate::settings::Settings;
use crate::store::{BitcoinPrice, PaymentSummary, Statement};
use crate::tasks::{Devices, EngineGone, EngineHandle, GpioHandle, Payees, RateView, RefillView, Unanswered};
use crate::treasury::{Treasury, TreasuryView};
use crate::vault::{KeysStatus, Vault};
use crate::web::{PageIdentity, PageMemory};

/// The whole state at one instant. Amounts in msat, energy in mWh, power in mW, times in ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The house's name.
    pub name: String,
    /// The bitcoin network.
    pub network: String,
    /// This program's version.
    pub version: String,
    /// This instant, ms since 1970.
    pub now_ms: u64,
    /// Since the program started.
    pub uptime_ms: u64,
    /// Why automatic payments are locked, if they are.
    pub lock: Option<String>,
    /// It is not certain that no other Kilosat runs with this state; the owner has to say so.
    #[serde(default)]
    pub doubtful: bool,
    /// The owner stopped automatic payments.
    #[serde(default)]
    pub stopped: bool,
    /// Payments that wait for the owner's word, and those the owner refused and may still approve; oldest first.
    #[serde(default)]
    pub questions: Vec<QuestionSnapshot>,
    /// The wallet in use, as the ledger has it.
    #[serde(default)]
    pub ledger: WalletSnapshot,
    /// The stop button, if there is one.
    #[serde(default)]
    pub stop_button: Option<StopButtonStatus>,
    /// Why the configuration file is not what is in force, if it is not.
    #[serde(default)]
    pub settings_fault: Option<String>,
    /// The last backup; absent where there is none and none is wanted.
    #[serde(default)]
    pub backup: Option<BackupStatus>,
    /// Why the wallet did not answer when it was asked last, if it did not.
    #[serde(default)]
    pub wallet_fault: Option<String>,
    /// How old the wallet's last answer is; absent while it has given none.
    #[serde(default)]
    pub wallet_age_ms: Option<u64>,
    /// The wallet's last answer; all zero while it has given none.
    pub lightning: Balance,
    /// How the words and the credentials are kept.
    #[serde(default)]
    pub keys: KeysStatus,
    /// The on-chain wallet, if there is one.
    #[serde(default)]
    pub treasury: Option<TreasuryView>,
    /// How spending money is kept between its marks, if the owner set some.
    #[serde(default)]
    pub refill: Option<RefillStatus>,
    /// The move between savings and spending money that has not ended.
    #[serde(default)]
    pub open_move: Option<MoveView>,
    /// What a bitcoin costs in the owner's currency, if one is named and that is known.
    #[serde(default)]
    pub rate: Option<BitcoinPrice>,
    /// Where the house's power comes from and where it goes, if meters say what they measure.
    #[serde(default)]
    pub flow: Option<Flow>,
    /// Every meter.
    pub meters: Vec<MeterStatus>,
    /// Every input.
    #[serde(default)]
    pub inputs: Vec<InputStatus>,
    /// Every relay.
    #[serde(default)]
    pub relays: Vec<RelayStatus>,
    /// Every agreement.
    pub agreements: Vec<AgreementStatus>,
    /// Every feed.
    pub feeds: Vec<FeedStatus>,
    /// Sums over the life of the database.
    pub totals: TotalsStatus,
    /// Newest payments first.
    pub payments: Vec<PaymentSummary>,
    /// Payments that are not final.
    pub open_payments: usize,
    /// Entries of the journal.
    pub journal_entries: u64,
}

/// One agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgreementStatus {
    /// Its id.
    pub id: String,
    /// The meter it pays for.
    pub meter: String,
    /// Whom it pays.
    pub payee: String,
    /// Price of a kilowatt-hour.
    pub price_msat_per_kwh: u64,
    /// Energy priced so far.
    pub billed_mwh: u64,
    /// Owed and not settled.
    pub owed_msat: u64,
    /// Settled, without fees.
    pub paid_msat: u64,
    /// Billed as soon as this much is owed.
    pub slice_msat: u64,
    /// The owner lets nothing be paid for now.
    #[serde(default)]
    pub paused: bool,
    /// What keeps it from being paid.
    pub notices: Vec<String>,
}

/// One feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FeedStatus {
    /// Its id.
    pub id: String,
    /// Where the data is bought.
    pub url: String,
    /// Newest values, by point.
    pub points: Vec<(String, Value)>,
    /// The owner lets nothing be asked for or paid for now.
    #[serde(default)]
    pub paused: bool,
    /// What keeps it from being bought.
    pub notices: Vec<String>,
}

/// Gathers the status from everyone who knows a part of it.
#[derive(Clone)]
pub struct StatusSource {
    /// The configuration in force, and how it changes.
    pub settings: Settings,
    /// Whom the engine may have asked.
    pub payees: Payees,
    /// The engine.
    pub engine: EngineHandle,
    /// Newest values.
    pub latest: Latest,
    /// Values of the past.
    pub history: History,
    /// Backups.
    pub backups: Backups,
    /// Who may use the page.
    pub access: Access,
    /// What the page calls itself.
    pub page: PageIdentity,
    /// What the page remembers between two looks.
    pub memory: PageMemory,
    /// The wallet.
    pub lightning: LightningService,
    /// What the wallet last said of itself.
    pub wallet: WalletView,
    /// The on-chain wallet, if the owner wants one.
    pub treasury: Option<Treasury>,
    /// The words and the credentials on the disk.
    pub vault: Vault,
    /// What is known of moves between savings and spending money.
    pub refills: watch::Receiver<RefillView>,
    /// Time.
    pub clock: Clock,
    /// Relays, and meters whose counter the owner may set.
    pub gpio: GpioHandle,
    /// Modbus devices, for whoever looks at one or changes a set point.
    pub devices: Devices,
    /// What a bitcoin costs.
    pub rates: RateView,
}

impl StatusSource {
    /// The state now; of the wallet, what it said last when it does not answer within two seconds.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn status(&self) -> Result<Status, EngineGone> {
        let snapshot = self.engine.snapshot().await?;
        let wallet = self.wallet.look(snapshot.wallet.ledger_msat).await;
        let config = self.config();
        let now = self.clock.now();
        let status = assemble(&config, snapshot, &self.latest.copy(), wallet.balance, now);
        let backup = self.backups.status(&config.backup, now);
        let relays = RelayStatus::all(config.relays.iter().map(|relay| relay.id.clone()), &self.gpio);
        let (settings_fault, rate) = (self.settings.fault(), self.rate());
        let treasury = self.treasury.as_ref().map(Treasury::view);
        let stops_payments = matches!(self.lightning, LightningService::Sealed(_));
        let (keys, refill) = (KeysStatus { stops_payments, ..self.vault.status() }, self.refill());
        let status = Status { keys, treasury, backup, relays, refill, ..status };
        Ok(Status { settings_fault, rate, wallet_fault: wallet.fault, wallet_age_ms: wallet.age_ms, ..status })
    }

    /// The newest values of a meter, input or feed, by point.
    pub fn points_of(&self, id: &str) -> Vec<(String, Value)> {
        points_of(&self.latest.copy(), id)
    }

    /// What a bitcoin costs now, if a currency is named and that is known.
    pub fn rate(&self) -> Option<BitcoinPrice> {
        self.rates.at(self.clock.now().wall).as_ref().map(BitcoinPrice::of)
    }

    /// The configuration in force.
    pub fn config(&self) -> std::sync::Arc<Config> {
        self.settings.config()
    }

    /// The account of a month of the owner's calendar, such as `2026-11`, or of this one; `None` when it is no month.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub async fn statement(&self, month: Option<&str>) -> Result<Option<Statement>, Unanswered> {
        match Period::month(month, self.clock.now().wall, &self.config().zone) {
            Some(period) => self.engine.statement(period).await.map(Some),
            None => Ok(None),
        }
    }
}

impl Status {
    /// The status in a few plain lines.
    pub fn as_text(&self) -> String {
        let mut lines = vec![format!("{} on {}, Kilosat {}", self.name, self.network, self.version)];
        lines
            .extend(self.stopped.then(|| "AUTOMATIC PAYMENTS ARE STOPPED BY YOU. To go on: kilosat resume".to_owned()));
        lines.extend(self.stop_button.as_ref().map(StopButtonStatus::as_text));
        lines.extend(self.lock.iter().map(|lock| format!("AUTOMATIC PAYMENTS ARE LOCKED: {lock}")));
        lines.extend(self.doubtful.then(|| "If no other one runs: kilosat take-over --only-one".to_owned()));
        lines.extend(self.settings_fault.clone());
        lines.extend(self.wallet_fault.iter().map(|fault| format!("Wallet: {fault}")));
        lines.extend(self.wallet_as_text());
        lines.push(format!("Ledger: {}", self.ledger.sentence(self.now_ms)));
        lines.extend(self.questions.iter().map(QuestionSnapshot::sentence));
        lines.extend(self.refill.iter().map(RefillStatus::as_text));
        lines.extend(self.open_move.iter().map(MoveView::as_text));
        for meter in &self.meters {
            let power = meter.power_mw.map_or_else(|| ", no value yet".to_owned(), |mw| format!(", {} W", mw / 1_000));
            let power = if meter.has_power { power } else { String::new() };
            lines.push(format!("Meter {}: {}{power}", meter.id, meter.state));
            lines.extend(meter.fault.iter().chain(&meter.note).map(|text| format!("  {text}")));
        }
        lines.extend(self.inputs.iter().map(InputStatus::as_text));
        lines.extend(self.relays.iter().map(RelayStatus::as_text));
        for agreement in &self.agreements {
            let (paid, owed) = (Msat(agreement.paid_msat), Msat(agreement.owed_msat));
            let billed_wh = agreement.billed_mwh / 1_000;
            lines.push(format!("Agreement {}: {billed_wh} Wh billed, {paid} paid, {owed} owed", agreement.id));
            lines.extend(agreement.notices.iter().map(|notice| format!("  {notice}")));
        }
        for feed in &self.feeds {
            lines.push(format!("Feed {}: {} points", feed.id, feed.points.len()));
            lines.extend(feed.notices.iter().map(|notice| format!("  {notice}")));
        }
        lines.extend(self.backup.as_ref().map(|backup| backup.as_text(self.now_ms)));
        let TotalsStatus { payments_settled, payments_failed, .. } = self.totals;
        lines.push(format!(
            "Payments: {payments_settled} settled, {payments_failed} failed, {} open",
            self.open_payments
        ));
        lines.join("\n")
    }

    fn wallet_as_text(&self) -> Option<String> {
        match (self.wallet_age_ms, &self.wallet_fault) {
            (Some(age_ms), _) => Some(wallet_line(&self.lightning, age_ms)),
            (None, Some(_)) => None,
            (None, None) => Some("Wallet: it has not answered yet".to_owned()),
        }
    }
}

/// Leaves out what the wallet does not say.
fn wallet_line(wallet: &Balance, age_ms: u64) -> String {
    let block = (wallet.block_height > 0).then(|| format!("block {}", wallet.block_height));
    let spendable = format!("Wallet, {} s ago: {} to spend", age_ms / 1_000, Msat(wallet.spendable_msat));
    [Some(spendable), wallet.channels_told(), block].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn assemble(config: &Config, snapshot: Snapshot, latest: &Table, lightning: Balance, now: Now) -> Status {
    let accounts = |agreement: &'_ Agreement| {
        let account = snapshot.agreements.iter().find(|account| account.agreement == agreement.id);
        account.cloned().unwrap_or_default()
    };
    let agreements = config.agreements.iter().map(|agreement| (agreement, accounts(agreement)));
    let agreements = agreements.map(|(agreement, account)| AgreementStatus {
        id: agreement.id.clone(),
        meter: agreement.meter.clone(),
        payee: agreement.payee.to_string(),
        price_msat_per_kwh: agreement.price.0,
        billed_mwh: account.billed_mwh,
        owed_msat: account.owed.0,
        paid_msat: account.paid.0,
        slice_msat: agreement.slice.0,
        notices: account.notices,
        paused: agreement.paused,
    });
    let feeds = config.feeds.iter().map(|feed| FeedStatus {
        id: feed.id.clone(),
        url: feed.url.to_string(),
        points: points_of(latest, &feed.id),
        notices: snapshot.feed_notices.get(&feed.id).cloned().unwrap_or_default(),
        paused: feed.paused,
    });
    Status {
        name: config.name.clone(),
        network: config.network.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now_ms: now.wall.0,
        uptime_ms: now.monotonic,
        lock: snapshot.lock,
        doubtful: snapshot.doubtful,
        stopped: snapshot.stopped,
        questions: snapshot.questions,
        ledger: snapshot.wallet,
        stop_button: config.stop_button.as_ref().map(|_| StopButtonStatus::new(latest)),
        settings_fault: None,
        backup: None,
        wallet_fault: None,
        wallet_age_ms: None,
        keys: KeysStatus::default(),
        treasury: None,
        refill: None,
        open_move: snapshot.open_move.map(|row| MoveView::at(now.wall, row)),
        lightning,
        rate: None,
        flow: flow::flow(config, latest, now.monotonic),
        meters: meters::all(config, latest, now.monotonic),
        inputs: config.inputs.iter().map(|input| InputStatus::new(input, latest)).collect(),
        relays: Vec::new(),
        agreements: agreements.collect(),
        feeds: feeds.collect(),
        totals: snapshot.totals.into(),
        payments: snapshot.payments,
        open_payments: snapshot.open_payments,
        journal_entries: snapshot.journal_entries,
    }
}

fn points_of(latest: &Table, source: &str) -> Vec<(String, Value)> {
    let prefix = format!("{source}.");
    let own = latest.points.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    own.filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone()))).collect()
}
