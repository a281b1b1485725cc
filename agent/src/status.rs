//! What the page, the CLI and the demo show: one struct, shown as HTML and as JSON.

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Now};
use crate::config::Config;
use crate::domain::money::Msat;
use crate::domain::window::Period;
use crate::engine::{QuestionSnapshot, Snapshot, WalletSnapshot};
use crate::latest::{Health, Latest, STOP_BUTTON, Table, Value};
use crate::lightning::{Balance, LightningService};
use crate::store::{PaymentSummary, Statement};
use crate::tasks::{EngineGone, EngineHandle};

/// The whole state at one instant. Amounts in msat, energy in mWh, power in mW, times in ms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Why the wallet's balance is not known, if it is not.
    #[serde(default)]
    pub wallet_fault: Option<String>,
    /// The Lightning wallet.
    pub lightning: Balance,
    /// Every meter.
    pub meters: Vec<MeterStatus>,
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

/// The stop button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopButtonStatus {
    /// `ready`, `pressed` or `missing`; `pressed` also when the wire of a normally closed button is broken.
    pub state: String,
    /// Why it does not work, in one sentence.
    pub fault: Option<String>,
}

/// One meter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterStatus {
    /// Its id.
    pub id: String,
    /// Maker and model.
    pub title: String,
    /// `good`, `doubtful`, `missing`, `stale` or `waiting`. What is stale is older than three poll periods.
    pub state: String,
    /// What is wrong, in one sentence.
    pub fault: Option<String>,
    /// Power now; `None` when no reading is young enough to say.
    pub power_mw: Option<i64>,
    /// The counter at the last reading; `age_ms` says when that was.
    pub energy_mwh: Option<i64>,
    /// Since the last good reading.
    pub age_ms: Option<u64>,
    /// Readings that worked.
    pub reads: u64,
    /// Readings that failed.
    pub faults: u64,
}

/// One agreement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What keeps it from being paid.
    pub notices: Vec<String>,
}

/// One feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Its id.
    pub id: String,
    /// Where the data is bought.
    pub url: String,
    /// Newest values, by point.
    pub points: Vec<(String, Value)>,
    /// What keeps it from being bought.
    pub notices: Vec<String>,
}

/// Sums over the life of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsStatus {
    /// Priced by agreements.
    pub energy_billed_mwh: u64,
    /// Owed and not settled.
    pub owed_msat: u64,
    /// Paid for electricity, without fees.
    pub paid_energy_msat: u64,
    /// Paid for data, without fees.
    pub paid_data_msat: u64,
    /// Paid for routing.
    pub fees_msat: u64,
    /// Reserved for payments that are not final.
    pub reserved_msat: u64,
    /// Came in over Lightning.
    pub received_msat: u64,
    /// Settled payments.
    pub payments_settled: u64,
    /// Payments that failed for good.
    pub payments_failed: u64,
    /// Settled payments for data.
    pub data_purchases: u64,
}

/// Gathers the status from everyone who knows a part of it.
#[derive(Clone)]
pub struct StatusSource {
    /// The configuration in force.
    pub config: std::sync::Arc<Config>,
    /// The engine.
    pub engine: EngineHandle,
    /// Newest values.
    pub latest: Latest,
    /// The wallet.
    pub lightning: LightningService,
    /// Time.
    pub clock: Clock,
}

impl StatusSource {
    /// The state now.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn status(&self) -> Result<Status, EngineGone> {
        let snapshot = self.engine.snapshot().await?;
        let (lightning, wallet_fault) = match self.lightning.balance().await {
            Ok(balance) => (balance, None),
            Err(fault) => (Balance::default(), Some(fault.to_string())),
        };
        let status = assemble(&self.config, snapshot, &self.latest.copy(), lightning, self.clock.now());
        Ok(Status { wallet_fault, ..status })
    }
}

impl StatusSource {
    /// The account of a month of the owner's calendar, such as `2026-11`, or of this one; `None` when it is no month.
    ///
    /// # Errors
    /// [`EngineGone`].
    pub async fn statement(&self, month: Option<&str>) -> Result<Option<Statement>, EngineGone> {
        match Period::month(month, self.clock.now().wall, &self.config.zone) {
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
        match &self.wallet_fault {
            Some(fault) => lines.push(format!("Wallet: {fault}")),
            None => lines.push(format!(
                "Wallet: {} to spend, {} of {} channels ready, block {}",
                Msat(self.lightning.spendable_msat),
                self.lightning.channels_usable,
                self.lightning.channels,
                self.lightning.block_height,
            )),
        }
        lines.push(format!("Ledger: {}", self.ledger.sentence(self.now_ms)));
        for question in &self.questions {
            lines.push(question.sentence());
        }
        for meter in &self.meters {
            let power = meter.power_mw.map_or_else(|| "no value yet".to_owned(), |mw| format!("{} W", mw / 1_000));
            lines.push(format!("Meter {}: {}, {power}", meter.id, meter.state));
            lines.extend(meter.fault.iter().map(|fault| format!("  {fault}")));
        }
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
        let TotalsStatus { payments_settled, payments_failed, .. } = self.totals;
        lines.push(format!(
            "Payments: {payments_settled} settled, {payments_failed} failed, {} open",
            self.open_payments
        ));
        lines.join("\n")
    }
}

impl StopButtonStatus {
    fn new(latest: &Table) -> StopButtonStatus {
        let fault = latest.health.get(STOP_BUTTON).and_then(|health| health.fault.clone());
        let pressed = latest.points.get(&format!("{STOP_BUTTON}.pressed")).is_some_and(|value| value.milli > 0);
        let state = match (&fault, pressed) {
            (Some(_), _) => "missing",
            (None, true) => "pressed",
            (None, false) => "ready",
        };
        StopButtonStatus { state: state.to_owned(), fault }
    }

    fn as_text(&self) -> String {
        match (&self.fault, self.state.as_str()) {
            (Some(fault), _) => format!("THE STOP BUTTON DOES NOT WORK, so nothing is paid until it does: {fault}"),
            (None, "pressed") => {
                "Stop button: pressed, or its wire is broken. Payments stay stopped until it is released and you go on"
                    .to_owned()
            }
            (None, state) => format!("Stop button: {state}"),
        }
    }
}

fn assemble(config: &Config, snapshot: Snapshot, latest: &Table, lightning: Balance, now: Now) -> Status {
    let totals = snapshot.totals;
    let agreements = config.agreements.iter().zip(&snapshot.agreements).map(|(agreement, account)| AgreementStatus {
        id: agreement.id.clone(),
        meter: agreement.meter.clone(),
        payee: agreement.payee.to_string(),
        price_msat_per_kwh: agreement.price.0,
        billed_mwh: account.billed_mwh,
        owed_msat: account.owed.0,
        paid_msat: account.paid.0,
        slice_msat: agreement.slice.0,
        notices: account.notices.clone(),
    });
    let feeds = config.feeds.iter().zip(&snapshot.feed_notices).map(|(feed, (_, notices))| FeedStatus {
        id: feed.id.clone(),
        url: feed.url.to_string(),
        points: points_of(latest, &feed.id),
        notices: notices.clone(),
    });
    Status {
        name: config.name.clone(),
        network: config.network.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now_ms: now.wall.0,
        uptime_ms: now.monotonic,
        lock: snapshot.lock,
        stopped: snapshot.stopped,
        questions: snapshot.questions,
        ledger: snapshot.wallet,
        stop_button: config.stop_button.as_ref().map(|_| StopButtonStatus::new(latest)),
        wallet_fault: None,
        lightning,
        meters: config.meters.iter().map(|meter| meter_status(meter, latest, now.monotonic)).collect(),
        agreements: agreements.collect(),
        feeds: feeds.collect(),
        totals: TotalsStatus {
            energy_billed_mwh: totals.energy_billed.0,
            owed_msat: totals.owed.0,
            paid_energy_msat: totals.paid_energy.0,
            paid_data_msat: totals.paid_data.0,
            fees_msat: totals.fees.0,
            reserved_msat: totals.reserved.0,
            received_msat: totals.received.0,
            payments_settled: totals.payments_settled,
            payments_failed: totals.payments_failed,
            data_purchases: totals.data_purchases,
        },
        payments: snapshot.payments,
        open_payments: snapshot.open_payments,
        journal_entries: snapshot.journal_entries,
    }
}

fn meter_status(meter: &crate::config::Meter, latest: &Table, uptime_ms: u64) -> MeterStatus {
    let health = latest.health.get(&meter.id).cloned().unwrap_or_default();
    let value = |point: &str| latest.points.get(&format!("{}.{point}", meter.id));
    let Health { fault, doubtful, alarm, reads, faults, good_ms } = health;
    let age_ms = good_ms.map(|good| uptime_ms.saturating_sub(good));
    // Three missed polls make a value too old to rely on.
    let age_max_ms = meter.poll_interval_ms.saturating_mul(3).saturating_add(STALE_GRACE_MS);
    let is_stale = age_ms.is_none_or(|age| age > age_max_ms);
    let state = match (&fault, is_stale) {
        (None, true) if reads == 0 => "waiting",
        (Some(_), _) if doubtful => "doubtful",
        (Some(_), _) => "missing",
        (None, true) => "stale",
        (None, false) if alarm.is_some() => "doubtful",
        (None, false) => "good",
    };
    let power = value("power").filter(|value| uptime_ms.saturating_sub(value.at_ms) <= age_max_ms);
    MeterStatus {
        id: meter.id.clone(),
        title: meter.profile.title.to_owned(),
        state: state.to_owned(),
        fault: fault.or(alarm),
        power_mw: power.map(|value| value.milli),
        energy_mwh: value("energy_import").map(|value| value.milli),
        age_ms,
        reads,
        faults,
    }
}

fn points_of(latest: &Table, source: &str) -> Vec<(String, Value)> {
    let prefix = format!("{source}.");
    let own = latest.points.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    own.filter_map(|(key, value)| Some((key.strip_prefix(&prefix)?.to_owned(), value.clone()))).collect()
}

const STALE_GRACE_MS: u64 = 2_000;

#[cfg(test)]
mod tests;
