//! `kilosat.toml` as a checked [`Config`]. Unknown keys are errors; every mistake is listed at once.

mod backup;
mod chain;
mod draft;
mod gpio;
mod history;
mod limits;
mod lists;
mod measured;
mod meter;
mod profiles;
mod reader;
mod refill;
mod sections;
mod stop_button;
mod syntax;
mod treasury;

use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bitcoin::Network;
use jiff::tz::TimeZone;
use kilosat_drivers::gpio::ButtonWiring;
use kilosat_drivers::profiles::ProfileFault;
use url::Url;

pub use backup::BackupSettings;
pub use draft::{Draft, DraftFault, Place, Setting};
use gpio::check_lines;
pub use gpio::{ContactInput, PulseMeter, RelaySettings};
pub use lists::is_id;
use lists::{check_payees, check_references};
pub use measured::Measured;
pub use meter::{Meter, MeterLine, MeterTls, MeterTlsError};
use meter::{check_billed, check_meter_lines};
pub use profiles::{Listed, Profiles};
pub use reader::Problem;
use reader::Problems;
use sections::read_config;
pub(crate) use sections::read_host;
use syntax::read_document;

use crate::domain::money::{Msat, MsatPerKwh};
use crate::domain::policy::{AskRule, Budget, FeeRule};
use crate::domain::rate::Currency;
use crate::domain::refill::RefillRule;
use crate::history::Settings;
use crate::http::{Fingerprint, Reach};
use crate::language::Language;
use crate::lightning::ServiceKind;
use crate::notify::Notify;
use crate::payees::l402::PointRule;
use crate::payees::lnurl::PayTarget;

/// Everything `kilosat.toml` says, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Shown on the page.
    pub name: String,
    /// The bitcoin network.
    pub network: Network,
    /// Where databases and keys live.
    pub state_directory: PathBuf,
    /// Where the command line asks the running Kilosat.
    pub control_socket: PathBuf,
    /// How values of the past are kept.
    pub history: Settings,
    /// Where and when backups are made.
    pub backup: BackupSettings,
    /// Where the page listens; `None` when it is switched off.
    pub web_listen: Option<SocketAddr>,
    /// Names under which browsers may ask for the page, besides that of the machine.
    pub web_names: Vec<String>,
    /// The language of the page; `None` is what each browser asks for.
    pub language: Option<Language>,
    /// Limits of the whole house.
    pub house: Budget,
    /// How much routing may cost.
    pub fees: FeeRule,
    /// When the owner is asked before a payment.
    pub ask: AskRule,
    /// Whose hours, days and months the limits mean.
    pub zone: TimeZone,
    /// Where the owner is told what needs them, if anywhere.
    pub notify: Option<Notify>,
    /// In which currency amounts are shown as well, if in any.
    pub currency: Option<Currency>,
    /// Limits of everything that is paid to one payee.
    pub payees: Vec<PayeeLimits>,
    /// Only payees in `payees` are paid.
    pub listed_payees_only: bool,
    /// The built-in Lightning node.
    pub node: NodeConfig,
    /// The wallet outside this process that pays instead of the node, if one does.
    pub wallet: Option<WalletConfig>,
    /// The on-chain wallet, if the owner wants one.
    pub treasury: Option<TreasuryConfig>,
    /// When money moves between savings and spending money, if it does.
    pub refill: Option<RefillRule>,
    /// Meters to read over Modbus.
    pub meters: Vec<Meter>,
    /// Meters whose pulses are counted.
    pub pulse_meters: Vec<PulseMeter>,
    /// Contacts to watch.
    pub inputs: Vec<ContactInput>,
    /// Relays to switch.
    pub relays: Vec<RelaySettings>,
    /// Electricity to pay for.
    pub agreements: Vec<Agreement>,
    /// Data to buy.
    pub feeds: Vec<Feed>,
    /// The button that stops all payments, if there is one.
    pub stop_button: Option<ButtonWiring>,
}

/// The built-in Lightning node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// The LSP to buy channels from: public key in hex, host and port.
    pub lsp: Option<(String, String)>,
    /// The most the LSP may keep of a received payment for opening a channel.
    pub lsp_fee_max: Msat,
    /// Whether new channels use anchors, which need an on-chain reserve.
    pub anchor_channels: bool,
    /// Where blocks and transactions come from.
    pub chain: ChainSource,
}

/// A wallet outside this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletConfig {
    /// Which kind.
    pub kind: ServiceKind,
    /// Its address; for Nostr Wallet Connect unused.
    pub url: Url,
    /// The file that holds its credential.
    pub secret_file: PathBuf,
    /// The certificates it may show; none means those that public authorities vouch for.
    pub pins: Vec<Fingerprint>,
}

/// The on-chain wallet: the owner's savings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreasuryConfig {
    /// Whose keys, and which kind of addresses.
    pub kind: TreasuryKind,
    /// Never spent by Kilosat, in satoshis.
    pub reserve_sat: u64,
    /// The most a transaction may cost in fees, in percent of what it sends.
    pub fee_share_max_percent: u64,
    /// Blocks before this one hold nothing of this wallet; a source that reads every block begins here.
    pub first_block: u32,
    /// So many unused addresses in a row end a search for earlier ones.
    pub stop_gap: u32,
    /// Where blocks and transactions come from, the preferred one first; never empty.
    pub chains: Vec<ChainSource>,
}

/// Whose keys the on-chain wallet has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreasuryKind {
    /// The device's own words, addresses that begin with bc1q (BIP 84).
    Segwit,
    /// The device's own words, addresses that begin with bc1p (BIP 86).
    Taproot,
    /// No keys: this descriptor with two paths (BIP 389), whose owner signs elsewhere.
    WatchOnly(String),
}

/// Where the node gets blocks and transactions from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainSource {
    /// An Esplora server's API URL.
    Esplora(String),
    /// An Electrum server, `tcp://host:port` or `ssl://host:port`.
    Electrum(String),
    /// Bitcoin Core's RPC.
    Bitcoind {
        /// Host name or address.
        host: String,
        /// RPC port.
        port: u16,
        /// A file that holds `user:password`, such as Bitcoin Core's `.cookie`.
        cookie_file: PathBuf,
    },
    /// The owner's own nodes, as `host:port`, which serve compact block filters (BIP 157). For savings only.
    Filters(Vec<String>),
}

/// Pay `payee` for `meter` at `price` in slices of `slice`, within `budget`.
#[derive(Clone, Debug, PartialEq)]
pub struct Agreement {
    /// Its name.
    pub id: String,
    /// The meter's id.
    pub meter: String,
    /// A Lightning address or LNURL.
    pub payee: PayTarget,
    /// Where its server may be.
    pub reach: Reach,
    /// The Lightning node invoices must come from, if pinned.
    pub payee_key: Option<String>,
    /// The price of energy.
    pub price: MsatPerKwh,
    /// The owner lets nothing be paid for now; what is used stays owed.
    pub paused: bool,
    /// Billed as soon as this much is owed.
    pub slice: Msat,
    /// Or as soon as anything has been owed for this long, in ms.
    pub pay_every_ms: u64,
    /// Its limits.
    pub budget: Budget,
}

/// Buy data from `url` every `every_ms` for at most `price_max`, within `budget`.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Its name.
    pub id: String,
    /// The L402 resource.
    pub url: Url,
    /// Where its server may be.
    pub reach: Reach,
    /// The Lightning node invoices must come from, if pinned.
    pub payee_key: Option<String>,
    /// The owner lets nothing be asked for or paid for now.
    pub paused: bool,
    /// Time between two requests, in ms.
    pub every_ms: u64,
    /// The most one ticket may cost.
    pub price_max: Msat,
    /// Which JSON values become points.
    pub points: Vec<PointRule>,
    /// Its limits.
    pub budget: Budget,
}

/// Limits of everything that is paid to one payee, whichever agreements and feeds it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayeeLimits {
    /// An address or LNURL as an agreement has it, or the origin of a feed's URL.
    pub payee: String,
    /// Its limits.
    pub budget: Budget,
}

/// Why a configuration is not used. Nothing starts.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{path} could not be read ({source}). Nothing was started; check the path and its permissions")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It holds mistakes.
    #[error("{path} has {} mistake(s). Nothing was started; correct them and try again:\n{}", .problems.len(), list(.problems))]
    Wrong {
        /// The file.
        path: String,
        /// All of them, in the order of the file.
        problems: Vec<Problem>,
    },
    /// A profile of the owner's is wrong.
    #[error("{0}. Nothing was started; correct the profile and try again")]
    Profile(#[from] ProfileFault),
}

impl Config {
    /// Reads and checks the file at `path`, and the owner's profiles in the folder `profiles` beside it.
    ///
    /// # Errors
    /// [`ConfigError`], with every mistake at once.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let name = path.display().to_string();
        match read_bounded(path) {
            Ok(text) => Config::parse_with(&text, &Profiles::beside(path)?)
                .map_err(|problems| ConfigError::Wrong { path: name, problems }),
            Err(source) => Err(ConfigError::Unreadable { path: name, source }),
        }
    }

    /// Checks the text of a configuration file that names built-in profiles only.
    ///
    /// # Errors
    /// Every mistake, in the order of the file.
    pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
        Config::parse_with(text, &Profiles::default())
    }

    /// Checks the text of a configuration file that may name these profiles.
    ///
    /// # Errors
    /// Every mistake, in the order of the file.
    pub fn parse_with(text: &str, profiles: &Profiles) -> Result<Config, Vec<Problem>> {
        let problems = Problems::new(text);
        let config = read_document(text, &problems).and_then(|document| {
            let root = problems.root(&document);
            let config = read_config(&root, profiles);
            check_references(&root);
            if let Some(config) = &config {
                check_payees(&root, config);
                check_meter_lines(&root, config);
                check_billed(&root, config);
                check_lines(&root, config);
            }
            root.finish();
            config
        });
        match (config, problems.into_sorted()) {
            (Some(config), problems) if problems.is_empty() => Ok(config),
            (_, problems) => Err(problems),
        }
    }

    /// Every agreement and feed with whom it pays, as a `[[payee]]` section names them.
    pub fn paid_by(&self) -> impl Iterator<Item = (&str, String)> {
        let agreements = self.agreements.iter().map(|known| (known.id.as_str(), known.payee.to_string()));
        let feeds = self.feeds.iter().map(|known| (known.id.as_str(), known.url.origin().ascii_serialization()));
        agreements.chain(feeds)
    }

    /// The meter with this id.
    pub fn meter(&self, id: &str) -> Option<&Meter> {
        self.meters.iter().find(|meter| meter.id == id)
    }
}

pub(crate) fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes < FILE_BYTES_MAX) {
        Ok(text)
    } else {
        Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than any configuration"))
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// More than a thousand meters need.
const FILE_BYTES_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;
