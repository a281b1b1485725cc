//! Each section of the file, key by key, with the range and the default of every value.

use std::net::SocketAddr;
use std::path::PathBuf;

use bitcoin::Network;
use kilosat_drivers::profiles;
use url::Url;

use super::reader::Section;
use super::{Agreement, ChainSource, Config, Feed, Meter, NodeConfig};
use crate::domain::money::{Msat, MsatPerKwh};
use crate::domain::policy::{Budget, FeeRule};
use crate::payees::http::{self, Reach, StrictClient};
use crate::payees::l402::PointRule;
use crate::payees::lnurl::PayTarget;

/// Reads every section even after a mistake, so that all mistakes are found; `None` when a value could not be read.
pub(super) fn read_config(root: &Section<'_>) -> Option<Config> {
    let name = root.text("name", Some("My house"));
    let network = root.parsed("network", Some("bitcoin"), read_network);
    let state_directory = root.text("state_directory", Some("/var/lib/kilosat"));
    let web_listen = web(&root.section("web"));
    let limits = root.section("limits");
    let house = read_budget(&limits, true);
    let fees = FeeRule {
        base: Msat(limits.number("fee_base_max_msat", 0..=1_000_000, Some(5_000))),
        ppm: u32::try_from(limits.number("fee_max_ppm", 0..=1_000_000, Some(20_000))).unwrap_or(u32::MAX),
    };
    limits.finish();
    let lightning = root.section("lightning");
    lightning.parsed("service", Some("node"), |text| match text {
        "node" => Ok(()),
        other => Err(format!("there is no service {other:?}; this version has \"node\", the built-in Lightning node")),
    });
    let node = read_node(&lightning.section("node"));
    lightning.finish();
    let meters = root.list("meter").into_iter().map(read_meter).collect::<Vec<_>>();
    let agreements = root.list("agreement").into_iter().map(read_agreement).collect::<Vec<_>>();
    let feeds = root.list("feed").into_iter().map(read_feed).collect::<Vec<_>>();
    Some(Config {
        name,
        network: network?,
        state_directory: PathBuf::from(state_directory),
        web_listen: web_listen?,
        house,
        fees,
        node: node?,
        meters: meters.into_iter().collect::<Option<_>>()?,
        agreements: agreements.into_iter().collect::<Option<_>>()?,
        feeds: feeds.into_iter().collect::<Option<_>>()?,
    })
}

/// `Some(None)` means switched off.
fn web(section: &Section<'_>) -> Option<Option<SocketAddr>> {
    let listen = section.parsed("listen", Some("127.0.0.1:8380"), |text| match text {
        "" => Ok(None),
        text => match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
            Ok(_) => {
                Err("the page has no login yet, so it is served on this machine only; write 127.0.0.1:8380".to_owned())
            }
            Err(_) => Err(format!("{text:?} is not an address and port such as \"127.0.0.1:8380\"")),
        },
    });
    section.finish();
    listen
}

fn read_network(text: &str) -> Result<Network, String> {
    match text {
        "bitcoin" => Ok(Network::Bitcoin),
        "testnet" => Ok(Network::Testnet),
        "signet" => Ok(Network::Signet),
        "regtest" => Ok(Network::Regtest),
        other => Err(format!("{other:?} is not a network; write \"bitcoin\", \"testnet\", \"signet\" or \"regtest\"")),
    }
}

fn read_budget(section: &Section<'_>, house: bool) -> Budget {
    let defaults: [Option<u64>; 4] =
        if house { [Some(5_000_000), Some(20_000_000), Some(100_000_000), Some(1_000_000_000)] } else { [None; 4] };
    let limit = |key, default| Msat(section.number(key, 1..=AMOUNT_MAX_MSAT, default));
    let [payment, hour, day, month] = defaults;
    let per_month = limit("per_month_msat", month);
    let per_day = limit("per_day_msat", day.or(Some(per_month.0)));
    let per_hour = limit("per_hour_msat", hour.or(Some(per_day.0)));
    Budget { per_payment: limit("per_payment_msat", payment), per_hour, per_day, per_month }
}

fn read_node(section: &Section<'_>) -> Option<NodeConfig> {
    let lsp = match section.maybe_text("lsp") {
        None => Some(None),
        Some(text) => match read_lsp(&text) {
            Ok(lsp) => Some(Some(lsp)),
            Err(fault) => {
                section.wrong("lsp", fault);
                None
            }
        },
    };
    let lsp_fee_max = Msat(section.number("lsp_fee_max_msat", 0..=AMOUNT_MAX_MSAT, Some(5_000_000)));
    let anchor_channels = section.flag("anchor_channels", true);
    let chain = read_chain(&section.section("chain"));
    section.finish();
    Some(NodeConfig { lsp: lsp?, lsp_fee_max, anchor_channels, chain: chain? })
}

fn read_lsp(text: &str) -> Result<(String, String), String> {
    let wrong =
        || "write the LSP as public key, @, host, colon and port, such as \"02ab...cd@lsp.example:9735\"".to_owned();
    let (key, address) = text.split_once('@').ok_or_else(wrong)?;
    key.parse::<bitcoin::secp256k1::PublicKey>().map_err(|_| wrong())?;
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    port.parse::<u16>().map_err(|_| wrong())?;
    if host.is_empty() { Err(wrong()) } else { Ok((key.to_owned(), address.to_owned())) }
}

fn read_chain(section: &Section<'_>) -> Option<ChainSource> {
    let source = section.text("source", Some("esplora"));
    let chain = match source.as_str() {
        "esplora" => section.parsed("url", Some("https://mempool.space/api"), |text| match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => {
                Ok(ChainSource::Esplora(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(format!("{text:?} is not an http or https address")),
        }),
        "electrum" => section.parsed("url", None, |text| {
            if text.starts_with("tcp://") || text.starts_with("ssl://") {
                Ok(ChainSource::Electrum(text.to_owned()))
            } else {
                Err(format!("{text:?} is not an Electrum address such as \"ssl://electrum.example:50002\""))
            }
        }),
        "bitcoind" => Some(ChainSource::Bitcoind {
            host: section.text("host", Some("127.0.0.1")),
            port: port(section, Some(8_332)),
            cookie_file: PathBuf::from(section.text("cookie_file", None)),
        }),
        other => {
            section.wrong(
                "source",
                format!("there is no chain source {other:?}; write \"esplora\", \"electrum\" or \"bitcoind\""),
            );
            return None;
        }
    };
    section.finish();
    chain
}

fn port(section: &Section<'_>, default: Option<u64>) -> u16 {
    u16::try_from(section.number("port", 1..=65_535, default)).unwrap_or(u16::MAX)
}

fn read_meter(section: Section<'_>) -> Option<Meter> {
    let id = read_id(&section);
    let profile = section.parsed("profile", None, |name| {
        profiles::find(name).ok_or_else(|| {
            let known = profiles::all().iter().map(|profile| profile.name).collect::<Vec<_>>().join(", ");
            format!("there is no profile {name:?}; this version knows {known}")
        })
    });
    let meter = Meter {
        id: id.unwrap_or_default(),
        profile: profile.unwrap_or_else(|| profiles::all().first().expect("there are profiles")),
        host: section.text("host", None),
        port: port(&section, Some(502)),
        unit: u8::try_from(section.number("unit", 0..=255, Some(1))).unwrap_or(u8::MAX),
        poll_interval_ms: section.number("poll_interval_ms", 100..=600_000, Some(5_000)),
        answer_timeout_ms: section.number("answer_timeout_ms", 50..=30_000, Some(1_000)),
        power_max_mw: section.number("power_max_w", 1..=1_000_000, None).saturating_mul(1_000),
        interval_mwh: section.number("interval_wh", 1..=1_000_000, Some(100)).saturating_mul(1_000),
        interval_ms: section.number("interval_s", 1..=86_400, Some(900)).saturating_mul(1_000),
    };
    let complete = !meter.id.is_empty() && profile.is_some();
    section.finish();
    complete.then_some(meter)
}

fn read_agreement(section: Section<'_>) -> Option<Agreement> {
    let id = read_id(&section);
    let meter = section.text("meter", None);
    let reach = read_reach(&section);
    let payee = section.parsed("payee", None, |text| {
        let target = PayTarget::parse(text).map_err(|fault| fault.to_string())?;
        match &reach {
            Some(reach) => target.url(reach).map(|_| target).map_err(|fault| fault.to_string()),
            None => Ok(target),
        }
    });
    let payee_key = read_pin(&section);
    let price = MsatPerKwh(section.number("price_msat_per_kwh", 0..=AMOUNT_MAX_MSAT, None));
    let slice = Msat(section.number("slice_msat", 1_000..=AMOUNT_MAX_MSAT, Some(500_000)));
    let pay_every_ms = section.number("pay_every_s", 60..=31_536_000, Some(86_400)).saturating_mul(1_000);
    let budget = read_limits(&section);
    section.finish();
    Some(Agreement { id: id?, meter, payee: payee?, reach: reach?, payee_key, price, slice, pay_every_ms, budget })
}

fn read_feed(section: Section<'_>) -> Option<Feed> {
    let id = read_id(&section);
    let reach = read_reach(&section);
    let url = section.parsed("url", None, |text| {
        let url = Url::parse(text).map_err(|error| format!("{text:?} is not a web address ({error})"))?;
        match &reach {
            Some(reach) => StrictClient::new(reach.clone(), http::Limits::default())
                .and_then(|client| client.check(&url))
                .map(|()| url)
                .map_err(|fault| fault.to_string()),
            None => Ok(url),
        }
    });
    let payee_key = read_pin(&section);
    let every_ms = section.number("every_s", 1..=2_592_000, Some(3_600)).saturating_mul(1_000);
    let price_max = Msat(section.number("price_max_msat", 1..=AMOUNT_MAX_MSAT, None));
    let points_section = section.section("points");
    let points = points_section.pairs().into_iter().map(|(point, pointer)| PointRule { point, pointer });
    let points = points.collect::<Vec<_>>();
    for rule in points.iter().filter(|rule| !rule.pointer.starts_with('/')) {
        points_section.wrong(&rule.point, "expected a JSON pointer that begins with /, such as \"/temperature\"");
    }
    let budget = read_limits(&section);
    section.finish();
    Some(Feed { id: id?, url: url?, reach: reach?, payee_key, every_ms, price_max, points, budget })
}

/// Strangers are reached over public https only; `lan` names the one origin in the owner's own network that is allowed.
fn read_reach(section: &Section<'_>) -> Option<Reach> {
    match section.maybe_text("lan") {
        None => Some(Reach::Public),
        Some(origin) => Reach::lan(&origin).map_err(|fault| section.wrong("lan", fault.to_string())).ok(),
    }
}

fn read_limits(section: &Section<'_>) -> Budget {
    let limits = section.section("limits");
    let budget = read_budget(&limits, false);
    limits.finish();
    budget
}

fn read_id(section: &Section<'_>) -> Option<String> {
    section.parsed("id", None, |text| {
        let fits = (1..=32).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
        if fits { Ok(text.to_owned()) } else { Err("use 1 to 32 lower-case letters, digits, - and _".to_owned()) }
    })
}

fn read_pin(section: &Section<'_>) -> Option<String> {
    let pin = section.maybe_text("payee_key")?;
    if pin.parse::<bitcoin::secp256k1::PublicKey>().is_err() || pin != pin.to_lowercase() {
        section.wrong("payee_key", "expected a Lightning node's public key: 66 lower-case hex characters");
    }
    Some(pin)
}

/// 21 million bitcoin in msat.
const AMOUNT_MAX_MSAT: u64 = 2_100_000_000_000_000_000;
