#![allow(clippy::unwrap_used)]

mod gpio;
mod meter_lines;
mod mistakes;
mod own_profiles;
mod stop_button;

use std::collections::BTreeMap;

use super::*;
use crate::domain::policy::affordable;

/// Example, defaults and reference at once.
const EXAMPLE: &str = include_str!("../../kilosat.toml");

/// What must be written; every other key of the example has the default as its value.
/// The other wallet's settings in the example, which are right only together.
const WALLET_KEYS: [&str; 3] = ["lightning.url", "lightning.secret_file", "lightning.certificate_sha256"];
const REQUIRED: [&str; 18] = [
    "meter.id",
    "meter.profile",
    "meter.host",
    "meter.power_max_w",
    "agreement.id",
    "agreement.meter",
    "agreement.payee",
    "agreement.price_msat_per_kwh",
    "agreement.limits.per_payment_msat",
    "agreement.limits.per_month_msat",
    "feed.id",
    "feed.url",
    "feed.price_max_msat",
    "feed.limits.per_payment_msat",
    "feed.limits.per_month_msat",
    "payee.payee",
    "payee.limits.per_payment_msat",
    "payee.limits.per_month_msat",
];

/// One line of the example that sets something: its number, its section's line and its dotted key.
#[derive(Debug)]
struct Setting {
    line: usize,
    section_line: usize,
    key: String,
}

/// Settings that are switched on, or with `off` those that a `#` in front switches off.
fn settings(off: bool) -> Vec<Setting> {
    let (mut section, mut section_line, mut found) = (String::new(), 1, Vec::new());
    for (index, text) in EXAMPLE.lines().enumerate() {
        let line = index + 1;
        if text.starts_with('[') {
            section = format!("{}.", text.trim_matches(['[', ']']));
            section_line = line;
        }
        let setting = if off { text.strip_prefix('#') } else { Some(text) };
        let key = setting.and_then(|text| text.split_once(" = ")).map(|(key, _)| key);
        if let Some(key) = key.filter(|key| !key.starts_with(['#', ' '])) {
            found.push(Setting { line, section_line, key: format!("{section}{key}") });
        }
    }
    found
}

/// The example with the lines changed that `change` returns a text for.
fn changed(change: impl Fn(usize, &str) -> Option<String>) -> String {
    let lines = EXAMPLE.lines().enumerate();
    lines.map(|(index, line)| change(index + 1, line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

fn without(line: usize) -> String {
    changed(|number, _| (number == line).then(String::new))
}

/// The problems as lines, for comparison.
fn problems(text: &str) -> Vec<String> {
    Config::parse(text).unwrap_err().iter().map(Problem::to_string).collect()
}

#[test]
fn the_example_is_right() {
    let config = Config::parse(EXAMPLE).unwrap();
    assert_eq!(config.network, Network::Bitcoin);
    assert_eq!(config.web_listen, Some("0.0.0.0:8380".parse().unwrap()));
    assert_eq!(config.meter("main").unwrap().power_max_mw, 17_250_000);
    assert_eq!(config.agreements.first().unwrap().payee.to_string(), "electricity@utility.example");
    assert_eq!(config.feeds.first().unwrap().points.len(), 2);
    assert!(config.node.lsp.is_none());
}

#[test]
fn a_line_that_shows_a_default_can_be_deleted() {
    let config = Config::parse(EXAMPLE).unwrap();
    let mut deleted = 0;
    for setting in settings(false) {
        let chosen_by_the_owner = setting.key.starts_with("feed.points.");
        if chosen_by_the_owner || is_required(&setting.key) {
            continue;
        }
        deleted += 1;
        assert_eq!(Config::parse(&without(setting.line)), Ok(config.clone()), "{}", setting.key);
    }
    assert_eq!(deleted, 64, "a new key stands in the example and is counted here");
}

#[test]
fn a_required_line_is_missed_where_it_belongs() {
    let required: Vec<_> = settings(false).into_iter().filter(|setting| is_required(&setting.key)).collect();
    assert_eq!(required.len(), REQUIRED.len());
    for Setting { line, section_line, key } in required {
        let found = Config::parse(&without(line)).unwrap_err();
        let [problem] = found.as_slice() else { panic!("{key}: {found:?}") };
        assert_eq!((problem.line, &problem.key), (section_line, &key));
        assert!(problem.text.starts_with("is missing; write "), "{problem}");
    }
}

#[test]
fn every_key_stands_in_the_example() {
    let mut shown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for setting in settings(false).into_iter().chain(settings(true)) {
        let (section, key) = setting.key.rsplit_once('.').unwrap_or(("", &setting.key));
        shown.entry(section.to_owned()).or_default().push(key.to_owned());
    }
    for section in shown.keys().filter(|section| *section != "feed.points") {
        for source in ["esplora", "electrum", "bitcoind"] {
            for known in known_keys(section, source) {
                let full = format!("{section}.{known}");
                let is_section = EXAMPLE.contains(&format!("[{}]", full.trim_start_matches('.')));
                assert!(is_section || shown[section].contains(&known), "{full} is not in the example");
            }
        }
    }
}

#[test]
fn the_example_of_a_watched_wallet_is_right() {
    let text =
        EXAMPLE.replace("wallet = \"none\"\n", "wallet = \"watch-only\"\n").replace("#descriptor = ", "descriptor = ");
    let text = text
        .replace("#[[treasury.chain]]\n#source = \"esplora\"\n#url", "[[treasury.chain]]\nsource = \"esplora\"\nurl");
    let treasury = Config::parse(&text).unwrap().treasury.unwrap();
    assert!(matches!(&treasury.kind, TreasuryKind::WatchOnly(descriptor) if descriptor.ends_with("/<0;1>/*)")));
    assert_eq!(treasury.chains, [ChainSource::Esplora("https://mempool.space/api".to_owned())]);
    let missing = problems(&text.replace("\ndescriptor = ", "\n#descriptor = "));
    assert!(missing.len() == 1 && missing[0].contains("treasury.descriptor: is missing"), "{missing:?}");
    for (wrong, says) in [
        (
            "wpkh(xprv9s21ZrQH143K2LBWUUQRFXhucrQqBpKdRRxNVq2zBqsx8HVqFk2uYo8kmbaLLHRdqtQpUm98uKfu3vca1LqdGhUtyoFnCNkfmXRyPXLjbKb/<0;1>/*)",
            "private key",
        ),
        (
            "wpkh(xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V/0/*)",
            "one path for receiving",
        ),
        ("hello", "cannot be read"),
    ] {
        let line = text.lines().find(|line| line.starts_with("descriptor = ")).unwrap();
        let found = problems(&text.replace(line, &format!("descriptor = {wrong:?}")));
        assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
    }
}

#[test]
fn the_example_of_another_wallet_is_right() {
    let text =
        EXAMPLE.replace("service = \"node\"\n", "service = \"lnd\"\n").replace("#[lightning.lnd]", "[lightning.lnd]");
    let on = |text: String, key: &&str| {
        text.replace(
            &format!("#{} = ", key.trim_start_matches("lightning.")),
            &format!("{} = ", key.trim_start_matches("lightning.")),
        )
    };
    let (before, rest) = text.split_at(text.find("[lightning.lnd]").unwrap());
    let (section, after) = rest.split_at(rest.find("[lightning.node]").unwrap());
    let section = WALLET_KEYS.iter().fold(section.to_owned(), on);
    let wallet = Config::parse(&format!("{before}{section}{after}")).unwrap().wallet.unwrap();
    assert_eq!(wallet.kind, ServiceKind::Lnd);
    assert_eq!(wallet.secret_file.to_str(), Some("/etc/kilosat/lnd.macaroon"));
    assert_eq!(wallet.pins.len(), 1);
}

#[test]
fn what_is_switched_off_can_be_switched_on() {
    let example = Config::parse(EXAMPLE).unwrap();
    // The settings of a section that is switched off itself are right only together.
    let section_is_off = |setting: &Setting| {
        let above = EXAMPLE.lines().take(setting.line).filter(|text| text.starts_with('[') || text.starts_with("#["));
        above.last().is_some_and(|heading| heading.starts_with('#'))
    };
    // A descriptor counts only for a wallet that is watched, and whom channels are opened to only between marks.
    let alone = |setting: &Setting| {
        let follows =
            setting.key.contains("chain") || ["treasury.descriptor", "refill.channel_to"].contains(&&*setting.key);
        !follows && !section_is_off(setting)
    };
    let off: Vec<_> = settings(true).into_iter().filter(alone).collect();
    assert_eq!(off.len(), 15, "{off:?}");
    for setting in off {
        let text = changed(|number, line| (number == setting.line).then(|| line.replacen('#', "", 1)));
        assert_ne!(Config::parse(&text).unwrap(), example, "{}", setting.key);
    }
    assert_eq!(
        Config::parse(&with_chain("electrum")).unwrap().node.chain,
        ChainSource::Electrum("ssl://electrum.example:50002".to_owned())
    );
    assert_eq!(
        Config::parse(&with_chain("bitcoind")).unwrap().node.chain,
        ChainSource::Bitcoind {
            host: "127.0.0.1".to_owned(),
            port: 8_332,
            cookie_file: "/var/lib/bitcoind/.cookie".into(),
        }
    );
}

#[test]
fn the_examples_own_words_are_true() {
    let config = Config::parse(EXAMPLE).unwrap();
    let (agreement, feed) = (config.agreements.first().unwrap(), config.feeds.first().unwrap());
    assert_eq!(affordable(agreement.slice, &agreement.budget, config.fees), agreement.slice);
    assert_eq!(affordable(feed.price_max, &feed.budget, config.fees), feed.price_max);
}

#[test]
fn an_empty_file_is_a_house_without_meters() {
    let config = Config::parse("").unwrap();
    assert_eq!((config.name.as_str(), config.meters.len()), ("My house", 0));
    assert_eq!(config.house, Config::parse(EXAMPLE).unwrap().house);
}

#[test]
fn the_chain_source_follows_the_network() {
    #[track_caller]
    fn case(network: &str, chain: &str, expected: ChainSource) {
        let text = format!("network = {network:?}\n[lightning.node.chain]\n{chain}\n");
        assert_eq!(Config::parse(&text).unwrap().node.chain, expected);
    }
    let esplora = |url: &str| ChainSource::Esplora(url.to_owned());
    let bitcoind = |port| ChainSource::Bitcoind { host: "127.0.0.1".to_owned(), port, cookie_file: "c".into() };
    case("testnet", "", esplora("https://mempool.space/testnet/api"));
    case("signet", "", esplora("https://mempool.space/signet/api"));
    case("regtest", "url = \"http://127.0.0.1:3002/\"", esplora("http://127.0.0.1:3002"));
    case("signet", "source = \"bitcoind\"\ncookie_file = \"c\"", bitcoind(38_332));
    case("regtest", "source = \"bitcoind\"\ncookie_file = \"c\"", bitcoind(18_443));
    let savings = |chain: &str| {
        let chain = format!("[treasury]\nwallet = \"segwit\"\n[[treasury.chain]]\nsource = \"filters\"\n{chain}\n");
        Config::parse(&chain).map(|config| config.treasury.unwrap().chains)
    };
    let peers = |peers: &[&str]| vec![ChainSource::Filters(peers.iter().map(|peer| (*peer).to_owned()).collect())];
    let none = savings("").unwrap_err()[0].to_string();
    assert!(none.contains("peers: is missing"), "{none}");
    assert_eq!(
        savings("peers = \"box.lan:8333  [fd00::1]:8333\"").unwrap(),
        peers(&["box.lan:8333", "[fd00::1]:8333"])
    );
    let wrong = savings("peers = \"box.lan\"").unwrap_err()[0].to_string();
    assert!(wrong.contains("write host:port such as"), "{wrong}");
    let refused = problems("[lightning.node.chain]\nsource = \"filters\"\n");
    assert!(refused[0].contains("filters are for [[treasury.chain]] only"), "{refused:?}");
    let node = problems("network = \"testnet4\"\n");
    assert!(node.len() == 1 && node[0].contains("the built-in node does not know testnet4"), "{node:?}");
    let missing = problems("network = \"regtest\"\n");
    assert_eq!(missing, ["line 1: lightning.node.chain.url: is missing; write url = \"http://127.0.0.1:3002\""]);
}

#[test]
fn a_lower_limit_lowers_the_defaults_below_it() {
    let house = Config::parse("[limits]\nper_day_msat = 7_000_000\n").unwrap().house;
    assert_eq!((house.per_payment, house.per_hour), (Msat(5_000_000), Msat(7_000_000)));
    let house = Config::parse("[limits]\nper_month_msat = 2_000_000\n").unwrap().house;
    assert_eq!((house.per_payment, house.per_hour, house.per_day), (Msat(2_000_000), Msat(2_000_000), Msat(2_000_000)));
}

#[test]
fn the_page_can_be_switched_off() {
    assert_eq!(Config::parse("[web]\nlisten = \"\"\n").unwrap().web_listen, None);
    assert!(Config::parse("[web]\nlisten = \"[::1]:8380\"\n").unwrap().web_listen.is_some());
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kilosat.toml");
    let missing = Config::load(&path).unwrap_err().to_string();
    assert!(missing.contains("kilosat.toml could not be read"), "{missing}");
    let write = |bytes: &[u8]| std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), bytes).unwrap();
    write(b"colour = 1\n");
    let wrong = Config::load(&path).unwrap_err().to_string();
    assert!(wrong.contains("1 mistake(s)") && wrong.contains("line 1: colour:"), "{wrong}");
    write(&vec![b'#'; 1 << 20]);
    assert!(matches!(Config::load(&path), Err(ConfigError::Unreadable { .. })));
    write(EXAMPLE.as_bytes());
    assert!(Config::load(&path).is_ok());
}

fn is_required(key: &str) -> bool {
    REQUIRED.contains(&key)
}

/// The keys the reader knows in a section, read off its own answer to a key it does not know.
fn known_keys(section: &str, source: &str) -> Vec<String> {
    const STRANGER: &str = "zzzzzzzzzzzzzzzz = 1\n";
    let example = with_chain(source);
    let heading = [format!("[[{section}]]\n"), format!("[{section}]\n")].into_iter().find(|h| example.contains(h));
    let text = match heading {
        Some(heading) => example.replacen(&heading, &format!("{heading}{STRANGER}"), 1),
        None => format!("{STRANGER}{example}"),
    };
    let found = problems(&text);
    let [problem] = found.as_slice() else { panic!("{section}: {found:?}") };
    let (_, known) = problem.split_once("known: ").unwrap();
    known.split(", ").map(str::to_owned).collect()
}

/// The example with another chain source switched on.
fn with_chain(source: &str) -> String {
    let (before, rest) = EXAMPLE.split_once("source = \"esplora\"\n").unwrap();
    let (chain, after) = rest.split_once("# ---- Savings").unwrap();
    if source == "esplora" {
        return EXAMPLE.to_owned();
    }
    let (_, block) = chain.split_once(&format!("#source = \"{source}\"\n")).unwrap();
    let block = block.split("#source").next().unwrap();
    let block = block.lines().filter(|line| line.starts_with('#') && !line.starts_with("# "));
    let block: Vec<_> = block.map(|line| line.trim_start_matches('#')).collect();
    format!("{before}source = \"{source}\"\n{}\n# ---- Savings{after}", block.join("\n"))
}
