//! What each layer may name: the arrows of the design, one rule per arrow.

use crate::production::{self, ProductionFile};
use crate::source;
use crate::tree;

/// Words, with spaces between, that production code may not use except where `allowed` says so.
struct Ban {
    words: &'static str,
    allowed: fn(&str) -> bool,
    rule: &'static str,
}

const PURE_DOMAIN: Ban = Ban {
    words: "f32 f64 SystemTime Instant fs net:: env:: process:: thread:: tokio async await \
            rusqlite reqwest ldk_node axum tracing println! eprintln!",
    allowed: |path| !path.starts_with("agent/src/domain/"),
    rule: "domain/ decides without I/O, clock, async, float or SQL; take the value as an argument",
};

/// Tasks, those of the lines too, plan their next poll on tokio's clock, which tests can pause; clippy bans the one of std
/// there as well.
const ONE_CLOCK: Ban = Ban {
    words: "SystemTime UNIX_EPOCH Instant::now",
    allowed: |path| path == CLOCK || path.starts_with("agent/src/tasks/") || path.starts_with("drivers/src/modbus/"),
    rule: "only agent/src/clock.rs reads the clock; take `now` as an argument",
};

const ANYHOW_AT_THE_TOP: Ban = Ban {
    words: "anyhow",
    allowed: |path| path == "agent/src/main.rs",
    rule: "only agent/src/main.rs uses anyhow; give the module an error enum",
};

const ONE_GPIO_FILE: Ban = Ban {
    words: "rppal",
    allowed: |path| path == "drivers/src/gpio/rppal.rs",
    rule: "only drivers/src/gpio/rppal.rs names rppal, so that it can be replaced",
};

const BANS_STAY: Ban = Ban {
    words: "clippy::disallowed_methods clippy::disallowed_types clippy::unwrap_used clippy::all",
    allowed: |path| path == CLOCK,
    rule: "production code does not lift the bans of .clippy.toml",
};

const CLOCK: &str = "agent/src/clock.rs";

#[test]
fn the_domain_decides_without_io_clock_async_or_float() {
    check(&PURE_DOMAIN);
    let domain = production::files().into_iter().filter(|file| !(PURE_DOMAIN.allowed)(&file.path));
    let findings: Vec<_> = domain.flat_map(|file| float_literals(&file)).collect();
    tree::assert_none(PURE_DOMAIN.rule, &findings);
}

#[test]
fn only_one_file_reads_the_clock() {
    check(&ONE_CLOCK);
}

#[test]
fn only_the_main_file_uses_anyhow() {
    check(&ANYHOW_AT_THE_TOP);
}

#[test]
fn only_one_file_names_rppal() {
    check(&ONE_GPIO_FILE);
}

#[test]
fn no_production_code_lifts_a_ban() {
    check(&BANS_STAY);
}

#[test]
fn each_database_is_opened_for_writing_in_one_place() {
    let opens: Vec<_> = production::files().iter().flat_map(writing_opens).collect();
    let places = ["agent/src/history/database.rs", "agent/src/store/mod.rs"];
    let once = opens.len() == places.len() && opens.iter().zip(places).all(|(open, place)| open.starts_with(place));
    assert!(
        once,
        "exactly one connection per database writes, opened in {places:?}; others pass SQLITE_OPEN_READ_ONLY:\n  {}\n",
        opens.join("\n  ")
    );
}

#[track_caller]
fn check(ban: &Ban) {
    let findings: Vec<_> = production::files().iter().flat_map(|file| banned(ban, file)).collect();
    tree::assert_none(ban.rule, &findings);
}

fn banned(ban: &Ban, ProductionFile { path, code }: &ProductionFile) -> Vec<String> {
    if (ban.allowed)(path) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for word in ban.words.split_whitespace() {
        found.extend(source::lines_with(code, word).into_iter().map(|line| (line, word)));
    }
    found.sort_unstable();
    found.into_iter().map(|(line, word)| format!("{path}:{line}: `{word}`")).collect()
}

/// `1.5` is a float even where no type says so; `pair.0.1` and `0..5` are not.
fn float_literals(ProductionFile { path, code }: &ProductionFile) -> Vec<String> {
    let digit = |c: char| c.is_ascii_digit();
    let is_float = |at: usize| {
        let whole = code[..at].trim_end_matches(|c: char| digit(c) || c == '_');
        let has_whole = code[..at].ends_with(digit) && !whole.ends_with(|c: char| source::is_name(c) || c == '.');
        has_whole && code[at + 1..].starts_with(digit)
    };
    let dots = code.match_indices('.').filter(|(at, _)| is_float(*at));
    dots.map(|(at, _)| format!("{path}:{}: a float", source::line_of(code, at))).collect()
}

/// `Connection::open...` without read-only flags; a database in memory has no second connection.
fn writing_opens(ProductionFile { path, code }: &ProductionFile) -> Vec<String> {
    let mut found = Vec::new();
    for (at, name) in code.match_indices("Connection::open") {
        let call = code[at + name.len()..].split(';').next().unwrap_or_default();
        let reads_only = call.contains("READ_ONLY") && !call.contains("READ_WRITE");
        if !call.starts_with("_in_memory") && !reads_only {
            found.push(format!("{path}:{}: opens for writing", source::line_of(code, at)));
        }
    }
    found
}

fn sample(path: &str, text: &str) -> ProductionFile {
    ProductionFile { path: path.to_owned(), code: source::production(text) }
}

#[test]
fn banned_words_are_found() {
    #[track_caller]
    fn case(ban: &Ban, path: &str, text: &str, want: &[&str]) {
        assert_eq!(banned(ban, &sample(path, text)), want);
    }
    let in_domain = "agent/src/domain/a.rs";
    case(&PURE_DOMAIN, in_domain, "fn f() {}\nfn g(x: f64) {}", &["agent/src/domain/a.rs:2: `f64`"]);
    case(&PURE_DOMAIN, in_domain, "use std::{fs, fmt};", &["agent/src/domain/a.rs:1: `fs`"]);
    case(&PURE_DOMAIN, in_domain, "pub async fn f() {}", &["agent/src/domain/a.rs:1: `async`"]);
    case(&PURE_DOMAIN, in_domain, "// no f64, no tokio\nconst A: &str = \"Instant\";", &[]);
    case(&PURE_DOMAIN, in_domain, "#[cfg(test)]\nmod tests { use std::fs; }", &[]);
    case(&PURE_DOMAIN, "agent/src/engine.rs", "use tokio::time;", &[]);
    case(&ONE_CLOCK, "agent/src/a.rs", "let t = Instant::now();", &["agent/src/a.rs:1: `Instant::now`"]);
    case(&ONE_CLOCK, "drivers/src/a.rs", "use std::time::SystemTime;", &["drivers/src/a.rs:1: `SystemTime`"]);
    case(&ONE_CLOCK, CLOCK, "let t = Instant::now();", &[]);
    case(&ANYHOW_AT_THE_TOP, "agent/src/a.rs", "use anyhow::Result;", &["agent/src/a.rs:1: `anyhow`"]);
    case(&ONE_GPIO_FILE, "drivers/src/gpio.rs", "use rppal::gpio;", &["drivers/src/gpio.rs:1: `rppal`"]);
    let lifted = "#[allow(clippy::unwrap_used, reason = \"hurry\")]";
    case(&BANS_STAY, "agent/src/a.rs", lifted, &["agent/src/a.rs:1: `clippy::unwrap_used`"]);
}

#[test]
fn floats_are_found_and_field_numbers_are_not() {
    assert_eq!(float_literals(&sample("a.rs", "let x = 1.5;")), ["a.rs:1: a float"]);
    assert_eq!(float_literals(&sample("a.rs", "\nf(1_000.0)")), ["a.rs:2: a float"]);
    assert!(float_literals(&sample("a.rs", "x.0.1 + y1.2 + f(0..5) + (1).max(2)")).is_empty());
}

#[test]
fn writing_connections_are_found() {
    #[track_caller]
    fn case(code: &str, want: usize) {
        assert_eq!(writing_opens(&sample("a.rs", code)).len(), want, "{code}");
    }
    case("Connection::open(path)?;", 1);
    case("rusqlite::Connection::open_with_flags(p, OpenFlags::SQLITE_OPEN_READ_WRITE)?;", 1);
    case("Connection::open_with_flags(\n  p,\n  OpenFlags::SQLITE_OPEN_READ_ONLY,\n)?;", 0);
    case("Connection::open_in_memory()?; Connection::opened(x)", 1);
}
