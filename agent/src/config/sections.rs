//! The sections that exist once, key by key, with the range and the default of every value.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use url::{Host, Url};

use super::backup::read_backup;
use super::chain::{Of, is_plain, read_chain};
use super::gpio::{is_pulse_meter, read_input, read_pulse_meter, read_relay};
use super::history::read_history;
use super::limits::{AMOUNT_MAX_MSAT, HOUSE_DEFAULTS, read_ask, read_budget, read_fees, read_zone, require_room};
use super::lists::{read_agreement, read_feed, read_payee_limits};
use super::meter::read_meter;
use super::reader::Absent::{IsWrong, Means};
use super::reader::Section;
use super::refill::read_refill;
use super::stop_button::read_stop_button;
use super::treasury::read_treasury;
use super::{Config, NodeConfig, Profiles, WalletConfig};
use crate::control;
use crate::domain::money::Msat;
use crate::domain::policy::{Budget, FeeRule};
use crate::domain::rate::Currency;
use crate::http::{Fingerprint, is_in_the_house};
use crate::language::Language;
use crate::lightning::ServiceKind;
use crate::notify::Notify;

/// Reads every section even after a mistake, so that all mistakes are found; `None` when a value could not be read.
pub(super) fn read_config(root: &Section<'_>, profiles: &Profiles) -> Option<Config> {
    let name = root.text("name", Means("My house"));
    let network = root.parsed("network", Means("bitcoin"), read_network);
    let state_directory = root.text("state_directory", Means("/var/lib/kilosat"));
    let control_socket = root.optional("control_socket", read_socket);
    let zone = root.parsed("time_zone", Means("system"), read_zone);
    let currency = root.parsed("currency", Means(""), read_currency);
    let (ask, notify) = (read_ask(&root.section("ask")), read_notify(&root.section("notify")));
    let history = read_history(&root.section("history"), zone.clone());
    let (backup, web) = (read_backup(&root.section("backup")), read_web(&root.section("web")));
    let (house, fees, listed_payees_only) = read_limits(&root.section("limits"));
    let lightning = root.section("lightning");
    // After a mistake in `network`, the chain sources are still checked for other mistakes.
    let chain = network.unwrap_or(Network::Bitcoin);
    let service = lightning.parsed("service", Means("node"), |text| read_service(text, chain));
    let wallet = read_wallet(&lightning, service);
    let node = read_node(&lightning.section("node"), chain);
    lightning.finish();
    let treasury = read_treasury(&root.section("treasury"), chain, node.as_ref());
    let refill = read_refill(&root.section("refill"), chain);
    let (pulse_meters, meters): (Vec<_>, Vec<_>) = root.list("meter").into_iter().partition(is_pulse_meter);
    let meters: Vec<_> = meters.iter().map(|section| read_meter(section, profiles)).collect();
    let pulse_meters: Vec<_> = pulse_meters.iter().map(read_pulse_meter).collect();
    let (inputs, relays) = (all(root, "input", read_input), all(root, "relay", read_relay));
    let agreements = all(root, "agreement", |section| read_agreement(section, fees));
    let feeds = all(root, "feed", |section| read_feed(section, fees));
    let payees = all(root, "payee", |section| read_payee_limits(section, fees));
    let (stop_button, (web_listen, web_names, language)) = (read_stop_button(root), web?);
    let state_directory = state_directory?;
    Some(Config {
        name: name?,
        network: network?,
        control_socket: control_socket?.unwrap_or_else(|| control::socket_path(Path::new(&state_directory))),
        state_directory: PathBuf::from(state_directory),
        history: history?,
        backup: backup?,
        web_listen,
        web_names,
        language,
        house: house?,
        fees: fees?,
        ask: ask?,
        zone: zone?,
        currency: currency?,
        notify: notify?,
        payees: payees.into_iter().collect::<Option<_>>()?,
        listed_payees_only: listed_payees_only?,
        treasury: treasury?,
        refill: refill?,
        node: node?,
        wallet: wallet?,
        meters: meters.into_iter().collect::<Option<_>>()?,
        pulse_meters: pulse_meters.into_iter().collect::<Option<_>>()?,
        inputs: inputs.into_iter().collect::<Option<_>>()?,
        relays: relays.into_iter().collect::<Option<_>>()?,
        agreements: agreements.into_iter().collect::<Option<_>>()?,
        feeds: feeds.into_iter().collect::<Option<_>>()?,
        stop_button: stop_button?,
    })
}

fn read_socket(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let wrong =
        || format!("{text:?} is not the whole path of a socket; write for example \"/run/kilosat/control.sock\"");
    if path.is_absolute() && path.file_name().is_some() { Ok(path) } else { Err(wrong()) }
}

/// A Lightning node's public key, as it stands in invoices.
pub(super) fn read_node_key(text: &str) -> Result<String, String> {
    let is_key = text.len() == NODE_KEY_CHARS && text == text.to_lowercase() && text.parse::<PublicKey>().is_ok();
    if is_key {
        Ok(text.to_owned())
    } else {
        Err("expected the public key of a Lightning node: 66 characters, 0 to 9 and a to f in lower case".to_owned())
    }
}

/// A host name or address in the owner's own network, without anything around it.
pub(crate) fn read_host(text: &str) -> Result<String, String> {
    if text.parse::<IpAddr>().is_ok() || (!text.contains(['[', '%']) && Host::parse(text).is_ok()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is not a host; write only a name or an address such as \"192.168.1.50\", the port has a key of \
             its own"
        ))
    }
}

/// Where messages go, `None` where nowhere.
fn read_notify(section: &Section<'_>) -> Option<Option<Notify>> {
    let url = section.parsed("url", Means(""), read_notify_url);
    let json = section.parsed("format", Means("text"), |text| match text {
        "text" => Ok(false),
        "json" => Ok(true),
        _ => Err(format!("{text:?} is not a form of messages; write \"text\" or \"json\"")),
    });
    section.finish();
    let json = json?;
    Some(url?.map(|url| Notify { url, json }))
}

fn read_notify_url(text: &str) -> Result<Option<Url>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && is_plain(url));
    // Whoever knows the address reads the messages, so no sentence repeats it.
    let url = url.ok_or("is not an address such as \"https://ntfy.sh/a-name-that-nobody-guesses\"")?;
    if url.scheme() == "http" && !is_in_the_house(&url) {
        return Err("is outside the house, and over http everybody on the way could read it; write https://".to_owned());
    }
    Ok(Some(url))
}

fn read_currency(text: &str) -> Result<Option<Currency>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Currency::from_code(text).map(Some).ok_or_else(|| {
        let codes: Vec<_> = Currency::ALL.into_iter().map(Currency::code).collect();
        format!("{text:?} is not a currency that is known here; write one of {}, or \"\" for none", codes.join(", "))
    })
}

/// Limits of the whole house, what routing may cost, and whether only payees of the list are paid.
fn read_limits(limits: &Section<'_>) -> (Option<Budget>, Option<FeeRule>, Option<bool>) {
    let (house, fees) = (read_budget(limits, HOUSE_DEFAULTS), read_fees(limits));
    let listed_payees_only = limits.flag("listed_payees_only", false);
    limits.finish();
    require_room(limits, house, fees);
    (house, fees, listed_payees_only)
}

/// Every section of a list.
fn all<T>(root: &Section<'_>, list: &'static str, read: impl Fn(&Section<'_>) -> T) -> Vec<T> {
    root.list(list).iter().map(read).collect()
}

fn read_network(text: &str) -> Result<Network, String> {
    match text {
        "bitcoin" => Ok(Network::Bitcoin),
        "testnet" => Ok(Network::Testnet),
        "testnet4" => Ok(Network::Testnet4),
        "signet" => Ok(Network::Signet),
        "regtest" => Ok(Network::Regtest),
        other => Err(format!(
            "{other:?} is not a network; write \"bitcoin\", \"testnet\", \"testnet4\", \"signet\" or \"regtest\""
        )),
    }
}

/// A name as browsers spell it.
fn read_name(text: &str) -> Result<String, String> {
    let host =
        Host::parse(text).map_err(|_| format!("{text:?} is not a name; write for example \"kilosat.example\""))?;
    Ok(host.to_string())
}

/// Where the page is served, `None` when it is switched off, the names it has besides that of the machine, and its
/// language.
fn read_web(section: &Section<'_>) -> Option<(Option<SocketAddr>, Vec<String>, Option<Language>)> {
    let listen = section.parsed("listen", Means("0.0.0.0:8380"), |text| match text {
        "" => Ok(None),
        text => text.parse::<SocketAddr>().map(Some).map_err(|_| {
            format!("{text:?} is not an address and port such as \"0.0.0.0:8380\"; \"\" switches the page off")
        }),
    });
    let names = section.parsed("names", Means(""), |text| text.split_whitespace().map(read_name).collect());
    let language = section.parsed("language", Means(""), read_language);
    section.finish();
    Some((listen?, names?, language?))
}

fn read_language(text: &str) -> Result<Option<Language>, String> {
    match (text, Language::named(text)) {
        ("", _) => Ok(None),
        (_, Some(language)) => Ok(Some(language)),
        _ => Err(format!(
            "{text:?} is not a language of the page; write \"en\" or \"de\", or \"\" for what each browser asks for"
        )),
    }
}

fn read_service(text: &str, network: Network) -> Result<ServiceKind, String> {
    if text == ServiceKind::Node.name() && network == Network::Testnet4 {
        return Err("the built-in node does not know testnet4; use a wallet outside, or another network".to_owned());
    }
    let known = ServiceKind::ALL.into_iter().find(|kind| kind.name() == text);
    known.ok_or_else(|| {
        let names = ServiceKind::ALL.map(|kind| format!("{:?}", kind.name())).join(", ");
        format!("there is no service {text:?}; this version has {names}")
    })
}

/// Every wallet's section is read, so that a mistake in one that is switched off is found too; the one in use must be there.
fn read_wallet(lightning: &Section<'_>, service: Option<ServiceKind>) -> Option<Option<WalletConfig>> {
    let mut wallet = Some(None);
    for (kind, address) in [
        (ServiceKind::Phoenixd, "http://127.0.0.1:9740"),
        (ServiceKind::Lnbits, "https://lnbits.example"),
        (ServiceKind::Lnd, "https://127.0.0.1:8080"),
        (ServiceKind::Cln, "https://127.0.0.1:3010"),
        (ServiceKind::Nwc, "nostr+walletconnect://in-the-secret-file"),
    ] {
        if service != Some(kind) && !lightning.has(kind.name()) {
            continue;
        }
        let section = lightning.section(kind.name());
        let secret_file = section.text("secret_file", IsWrong("/etc/kilosat/wallet.secret"));
        let url = match kind {
            ServiceKind::Nwc => Url::parse(address).ok(),
            _ => section.parsed("url", IsWrong(address), read_wallet_url),
        };
        let pins = section.optional("certificate_sha256", read_pins);
        if let (Some(url), Some(Some(_))) = (&url, &pins)
            && url.scheme() == "http"
        {
            section.wrong("certificate_sha256", PIN_WITHOUT_TLS);
        }
        section.finish();
        if service == Some(kind) {
            wallet = match (url, secret_file, pins) {
                (Some(url), Some(secret_file), Some(pins)) => Some(Some(WalletConfig {
                    kind,
                    url,
                    secret_file: PathBuf::from(secret_file),
                    pins: pins.unwrap_or_default(),
                })),
                _ => None,
            };
        }
    }
    service?;
    wallet
}

fn read_wallet_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && is_plain(url));
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none()).ok_or_else(|| {
        format!("{text:?} is not the address of a wallet, such as \"http://127.0.0.1:9740\"; passwords belong in the secret file")
    })?;
    if url.scheme() == "http" && !is_in_the_house(&url) {
        return Err(format!(
            "{text:?} is outside the house, and over http everybody on the way could read the credential and spend; write \
             https://, or reach the wallet by an address in your own network"
        ));
    }
    Ok(url)
}

pub(super) fn read_pins(text: &str) -> Result<Vec<Fingerprint>, String> {
    let pins: Option<Vec<_>> = text.split_whitespace().map(Fingerprint::parse).collect();
    pins.filter(|pins| (1..=2).contains(&pins.len())).ok_or_else(|| {
        "write one or two SHA-256 fingerprints of 64 hex digits, as this prints: openssl x509 -in tls.cert -noout \
         -fingerprint -sha256"
            .to_owned()
    })
}

fn read_node(section: &Section<'_>, network: Network) -> Option<NodeConfig> {
    let lsp = section.optional("lsp", |text| read_peer(text, "the LSP"));
    let lsp_fee_max = section.number("lsp_fee_max_msat", 0..=AMOUNT_MAX_MSAT, Some(5_000_000));
    let anchor_channels = section.flag("anchor_channels", true);
    let chain_section = section.section("chain");
    let chain = read_chain(&chain_section, network, Of::TheNode);
    section.finish();
    Some(NodeConfig { lsp: lsp?, lsp_fee_max: Msat(lsp_fee_max?), anchor_channels: anchor_channels?, chain: chain? })
}

/// A Lightning node and where it is; `whose` is it called in what is said about it.
pub(super) fn read_peer(text: &str, whose: &str) -> Result<(String, String), String> {
    let parts = text.split_once('@').and_then(|(key, address)| {
        let key = read_node_key(key).ok()?;
        let (host, port) = address.rsplit_once(':')?;
        let is_address = Host::parse(host).is_ok() && port.parse::<u16>().is_ok_and(|port| port > 0);
        is_address.then(|| (key, address.to_owned()))
    });
    parts.ok_or_else(|| {
        format!(
            "write {whose} as its public key (66 characters), @, host, colon and port, such as \"02ab...cd@lsp.example:9735\""
        )
    })
}

pub(super) fn read_port(section: &Section<'_>, default: u64) -> Option<u16> {
    let port = section.number("port", 1..=65_535, Some(default))?;
    Some(u16::try_from(port).expect("a port within its range"))
}

const NODE_KEY_CHARS: usize = 66;
const PIN_WITHOUT_TLS: &str =
    "there is no certificate over http, so nothing would be compared; write https:// in url, or leave this key out";
