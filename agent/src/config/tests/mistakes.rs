use proptest::prelude::*;

use super::*;

/// A valid house in few lines, to which mistakes are added.
const METER: &str = "[[meter]]\nid = \"m\"\nprofile = \"eastron-sdm630\"\nhost = \"meter.lan\"\npower_max_w = 17250\n";
const AGREEMENT: &str = "[[agreement]]\nid = \"a\"\nmeter = \"m\"\npayee = \"a@pay.example\"\nprice_msat_per_kwh = 1\n";
const FEED: &str = "[[feed]]\nid = \"f\"\nurl = \"https://data.example/x\"\nprice_max_msat = 1000\npoints.p = \"/p\"\n";
const LIMITS: &str = "limits = { per_payment_msat = 100_000, per_month_msat = 100_000 }\n";

/// `text` has exactly one mistake, at `line` and `key`, and its sentence has these words.
#[track_caller]
fn case(text: &str, line: usize, key: &str, words: &str) {
    let found = Config::parse(text).map(|_| ()).unwrap_err();
    let [problem] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((problem.line, problem.key.as_str()), (line, key), "{problem}");
    assert!(problem.text.contains(words), "{problem}");
}

/// A house with one agreement in which one line is replaced by the setting of its key, or added.
#[track_caller]
fn agreement(setting: &str, words: &str) {
    let key = setting.split(" = ").next().unwrap();
    let kept = AGREEMENT.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let kept = kept.collect::<Vec<_>>().join("\n");
    let text = format!("{METER}{kept}\n{LIMITS}{setting}\n");
    case(&text, text.lines().count(), &format!("agreement.{key}"), words);
}

#[track_caller]
fn feed(setting: &str, words: &str) {
    let key = setting.split(" = ").next().unwrap();
    let kept = FEED.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let text = format!("{}\n{LIMITS}{setting}\n", kept.collect::<Vec<_>>().join("\n"));
    case(&text, text.lines().count(), &format!("feed.{key}"), words);
}

#[track_caller]
fn meter(setting: &str, words: &str) {
    let key = setting.split(" = ").next().unwrap();
    let kept = METER.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let text = format!("{}\n{setting}\n", kept.collect::<Vec<_>>().join("\n"));
    case(&text, text.lines().count(), &format!("meter.{key}"), words);
}

/// Every kind of mistake, each with its line and what the owner is told.
const MANY: &str = r#"nmae = "House"
network = "mainnet"
state_directory = ""

[web]
listen = "everywhere"

[limits]
per_payment_msat = 2500.5
per_hour_msat = "20000"
fee_max_ppm = 2_000_000

[lightning.node]
lsp = "lsp.example:9735"
anchor_channels = "yes"

[lightning.node.chain]
source = "bitcoind"

[[meter]]
id = "Main Meter"
profile = "sdm630"
host = 192.168.1.50
port = 70000
power_max_w = 17_250

[[meter]]
id = "garage"
profile = "eastron-sdm630"
host = "http://192.168.1.51"
power_max_w = -1

[[agreement]]
id = "garage"
meter = "cellar"
payee = "nobody"
price_msat_per_kwh = 2024-01-01

[agreement.limits]
per_payment_msat = 600_000
per_month_msat = 500_000

[[feed]]
id = "weather"
url = "http://weather.example/now"
price_max_msat = 1_000
payee_key = "02AB"
points = {}
limits = { per_payment_msat = 100, per_month_msat = 1_000_000 }
"#;

const MANY_FOUND: [&str; 23] = [
    "line 1: nmae: there is no such key; did you mean name?",
    "line 2: network: \"mainnet\" is not a network; write \"bitcoin\", \"testnet\", \"testnet4\", \"signet\" or \"regtest\"",
    "line 3: state_directory: is empty; write for example state_directory = \"/var/lib/kilosat\"",
    "line 6: web.listen: \"everywhere\" is not an address and port such as \"0.0.0.0:8380\"; \"\" switches the page off",
    "line 9: limits.per_payment_msat: expected a whole number from 1 to 2_100_000_000_000_000_000, found 2500.5 (a number with a decimal point). Amounts are whole msat; 1000 msat are 1 sat",
    "line 10: limits.per_hour_msat: expected a whole number from 1 to 2_100_000_000_000_000_000, found \"20000\" (a text). Leave out the quotes",
    "line 11: limits.fee_max_ppm: expected a whole number from 0 to 1_000_000, found 2_000_000 (a whole number)",
    "line 14: lightning.node.lsp: write the LSP as its public key (66 characters), @, host, colon and port, such as \"02ab...cd@lsp.example:9735\"",
    "line 15: lightning.node.anchor_channels: expected true or false, found \"yes\" (a text). Leave out the quotes",
    "line 21: meter.id: \"Main Meter\" is not an id; use 1 to 32 lower-case letters, digits, - and _",
    "line 22: meter.profile: there is no profile \"sdm630\"; did you mean \"eastron-sdm630\"? All of them: kilosat profiles",
    "line 23: host: cannot be read (invalid float). A text stands in quotes, a number does not: name = \"My house\", port = 502",
    "line 24: meter.port: expected a whole number from 1 to 65_535, found 70000 (a whole number)",
    "line 30: meter.host: \"http://192.168.1.51\" is not a host; write only a name or an address such as \"192.168.1.50\", the port has a key of its own",
    "line 31: meter.power_max_w: expected a whole number from 1 to 1_000_000, found -1 (a whole number)",
    "line 34: agreement.id: \"garage\" is used twice; every meter, agreement, feed, input and relay needs a name of its own",
    "line 35: agreement.meter: there is no meter \"cellar\"; known: Main Meter, garage",
    "line 36: agreement.payee: \"nobody\" cannot be paid: it is neither a Lightning address (name@domain) nor an LNURL. Write a Lightning address such as \"rent@pay.example\" or an LNURL",
    "line 37: agreement.price_msat_per_kwh: expected a whole number from 0 to 2_100_000_000_000_000_000, found 2024-01-01 (a date)",
    "line 40: agreement.limits.per_payment_msat: is more than per_hour_msat allows (500_000), so it could never be used up; write at most 500_000",
    "line 45: feed.url: this address is not used: it is not https. Strangers are reached only over https on the public internet; if it is a device of your own, allow it with lan = \"http://weather.example\"",
    "line 47: feed.payee_key: expected the public key of a Lightning node: 66 characters, 0 to 9 and a to f in lower case",
    "line 48: feed.points: names no value, so data would be bought for nothing; add at least one under [feed.points]",
];

#[test]
fn all_mistakes_are_listed_at_once_in_the_order_of_the_file() {
    let found = problems(MANY);
    for (found, expected) in found.iter().zip(MANY_FOUND) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
    assert_eq!(found.len(), MANY_FOUND.len(), "{found:#?}");
}

#[test]
fn what_is_missing_is_reported_unless_an_unreadable_line_may_have_held_it() {
    let broken = format!("{METER}port = 5 O 2\nunit = none\n");
    let found = problems(&broken);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].starts_with("line 6: port: cannot be read"), "{found:#?}");
    case("[[meter]]\nid = \"m\"\nprofile = \"eastron-sdm630\"\nhost = \"h\"\n", 1, "meter.power_max_w", "is missing");
    case("[lightning.node.chain]\nsource = \"bitcoind\"\n", 1, "lightning.node.chain.cookie_file", "is missing");
}

#[test]
fn what_is_not_toml_is_said_in_plain_words() {
    let twice = "name = \"a\"\n\nname = \"b\"\n";
    case(twice, 3, "name", "is there twice");
    case("name = My house\n", 1, "name", "A text stands in quotes");
    case("name \"x\"\n", 1, "this line", "cannot be read");
    case("[web\nlisten = \"\"\n", 1, "this line", "cannot be read");
    case("[web]\nlisten = \"\"\n[web]\n", 3, "this line", "is there twice");
    case("name = \"\"\"\nx\n", 3, "this line", "cannot be read");
    case("\r\nname = x\r\n", 2, "name", "cannot be read");
}

#[test]
fn a_section_in_the_wrong_brackets_is_explained() {
    case("[meter]\nid = \"m\"\n", 1, "meter", "begins with [[meter]]");
    case("meter = [{ id = \"m\" }]\n", 1, "meter", "begins with [[meter]]");
    case("[[web]]\nlisten = \"\"\n", 1, "web", "one section, which begins with [web]");
    case("web = 5\n", 1, "web", "one section, which begins with [web], found 5 (a whole number)");
    case("[[meters]]\n", 1, "meters", "did you mean meter?");
}

#[test]
fn meters_are_checked() {
    meter("host = \"192.168.1.50:502\"", "the port has a key of its own");
    meter("host = \"\"", "is not a host");
    meter("host = \"fe80::1%eth0\"", "is not a host");
    meter("unit = 256", "from 0 to 255");
    meter("poll_interval = 1000", "did you mean poll_interval_ms?");
    meter("poll_interval_ms = 1e3", "found 1e3 (a number with a decimal point)");
    assert!(Config::parse(&METER.replace("meter.lan", "fd00::5")).is_ok());
}

#[test]
fn agreements_are_checked() {
    agreement("id = \"new\"", "the page needs this word for itself");
    agreement("payee = \"a@192.168.1.5\"", "private network");
    agreement("payee = \"a@pay.example:8443\"", "it names a port");
    agreement("payee = \"lnurlw://pay.example/x\"", "not for paying");
    agreement("payee = 5", "expected a text in quotes, found 5");
    agreement("lan = \"192.168.1.20:8080\"", "such as \"http://192.168.1.20:8080\"");
    agreement("lan = \"http://192.168.1.20/path\"", "is not the beginning of a web address");
    agreement("price = 1", "did you mean price_msat_per_kwh?");
    agreement("slice_msat = 999", "from 1_000 to");
    agreement("payee_key = \"04\"", "66 characters");
    let lone = format!("{AGREEMENT}{LIMITS}");
    case(&lone, 3, "agreement.meter", "add a [[meter]] section with this id");
    let lan = AGREEMENT.replace("a@pay.example", "a@192.168.1.5:8080") + "lan = \"http://192.168.1.5:8080\"\n";
    assert!(Config::parse(&format!("{METER}{lan}{LIMITS}")).is_ok());
}

#[test]
fn feeds_are_checked() {
    feed("url = \"http://192.168.1.5:8081/x\"", "allow it with lan = \"http://192.168.1.5:8081\"");
    feed("url = \"https://10.0.0.1/\"", "private network");
    feed("url = \"https://user:pw@data.example/\"", "password");
    feed("url = \"ftp://data.example/\"", "it is not https");
    feed("url = \"data\"", "is not a web address");
    feed("points.Q = \"/q\"", "");
    feed("points.q = \"q\"", "steps that begin with /");
    feed("points.q = 5", "expected a text in quotes");
}

#[test]
fn limits_that_forbid_everything_are_refused() {
    let least = |per_payment: u64| {
        let limits = format!("limits = {{ per_payment_msat = {per_payment}, per_month_msat = 100_000 }}\n");
        format!("{METER}{AGREEMENT}{limits}")
    };
    case(&least(6_019), 11, "agreement.limits.per_payment_msat", "write at least 6_020");
    let config = Config::parse(&least(6_020)).unwrap();
    assert_eq!(affordable(Msat(1_000), &config.agreements[0].budget, config.fees), Msat(1_000));
    case("[limits]\nper_hour_msat = 1_000\n", 1, "limits.per_payment_msat", "write at least 6_020");
    case("[limits]\nper_day_msat = 2_000_000_000\n", 2, "limits.per_day_msat", "is more than per_month_msat allows");
}

#[test]
fn wallet_settings_are_checked() {
    let node = |setting: &str| format!("[lightning.node]\n{setting}\n");
    let chain = |setting: &str| format!("[lightning.node.chain]\n{setting}\n");
    case("[lightning]\nservice = \"lnds\"\n", 2, "lightning.service", "\"node\"");
    let lnd = |settings: &str| format!("[lightning]\nservice = \"lnd\"\n[lightning.lnd]\n{settings}\n");
    let secret = "secret_file = \"f\"\n";
    case(&lnd("url = \"https://127.0.0.1:8080\""), 3, "lightning.lnd.secret_file", "secret_file =");
    case(&lnd(secret), 3, "lightning.lnd.url", "https://127.0.0.1:8080");
    case(&lnd(&format!("{secret}url = \"https://a:b@c.example\"")), 5, "lightning.lnd.url", "secret file");
    let pins = format!("{secret}url = \"https://c.example\"\ncertificate_sha256 = \"AB:CD\"");
    case(&lnd(&pins), 6, "lightning.lnd.certificate_sha256", "openssl x509");
    for (host, is_in_the_house) in [
        ("127.0.0.1:9740", true),
        ("[::1]:9740", true),
        ("192.168.1.7", true),
        ("[fd00::7]", true),
        ("169.254.3.4", true),
        ("localhost", true),
        ("umbrel", true),
        ("wallet.local.", true),
        ("8.8.8.8", false),
        ("[2606:4700::1]", false),
        ("c.example", false),
        ("local.example", false),
        ("abcdefghijklmnop.onion", false),
    ] {
        let settings = lnd(&format!("{secret}url = \"http://{host}\""));
        if is_in_the_house {
            Config::parse(&settings).unwrap_or_else(|problems| panic!("{host}: {problems:?}"));
        } else {
            case(&settings, 5, "lightning.lnd.url", "is outside the house");
        }
        let pinned = format!("{settings}certificate_sha256 = \"{}\"\n", "ab".repeat(32));
        let refused = Config::parse(&pinned).unwrap_err();
        let says =
            |problem: &Problem| problem.to_string().contains(if is_in_the_house { "over http" } else { "outside" });
        assert!(refused.iter().any(says), "{host}: {refused:?}");
    }
    case("[lightning.cln]\nurl = \"https://c.example\"\n", 1, "lightning.cln.secret_file", "secret_file =");
    case(&node("lsp = \"02ab@lsp.example:9735\""), 2, "lightning.node.lsp", "66 characters");
    case(&chain("source = \"core\""), 2, "lightning.node.chain.source", "\"bitcoind\"");
    case(&chain("url = \"mempool.space\""), 2, "lightning.node.chain.url", "Esplora");
    case(&chain("url = \"https://a:b@c.example/\""), 2, "lightning.node.chain.url", "Esplora");
    case(&chain("source = \"electrum\"\nurl = \"ssl://e.example\""), 3, "lightning.node.chain.url", "50002");
    case(&chain("cookie_file = \"c\""), 2, "lightning.node.chain.cookie_file", "known: source, url");
}

#[test]
fn a_value_that_cannot_be_read_and_is_extended_is_said_to_be_wrong() {
    for text in ["==\n.=", "web =\nweb.listen = \"\"\n", "[lightning]\nnode = ,\n[lightning.node.chain]\n"] {
        let problems = Config::parse(text).unwrap_err();
        assert!(problems.iter().any(|problem| problem.text.contains("cannot be read")), "{text}: {problems:?}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
        let _ = Config::parse(&text);
    }

    #[test]
    fn no_broken_example_breaks_the_reader(start in 0_usize..10_000, length in 0_usize..40, with in "[\\[\\]\"'=#.,{}0-9a-z\n\r ]{0,12}") {
        let start = start % EXAMPLE.len();
        let end = (start + length).min(EXAMPLE.len());
        prop_assume!(EXAMPLE.is_char_boundary(start) && EXAMPLE.is_char_boundary(end));
        let text = format!("{}{with}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        if let Err(problems) = Config::parse(&text) {
            prop_assert!(!problems.is_empty());
            let lines = 1 + text.matches('\n').count();
            prop_assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
            prop_assert!(problems.windows(2).all(|pair| pair[0].line <= pair[1].line));
        }
    }
}
