//! How long the page takes to answer in a house with a year behind it: the whole exchange over a socket on this machine,
//! beside an answer that costs nothing (the style sheet) in the same run.
//!
//! `cargo bench --package kilosat --no-default-features --bench page [-- FOLDER]`; the folder decides which disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

#[path = "history/household.rs"]
mod household;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kilosat::agent::Agent;
use kilosat::clock::Clock;
use kilosat::config::Config;
use kilosat::history::{History, Recorder};
use kilosat::settings::Settings;

use household::Household;

const QUARTER_MS: u64 = 900_000;
const QUARTERS: u64 = 365 * 96;
const ROUNDS: usize = 101;
const PASSWORD: &str = "three nice words";

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let file = house(directory.path());
    runtime.block_on(a_year(&file));
    let agent = runtime.block_on(Agent::start(Settings::read(&file).unwrap(), Clock::real())).unwrap();
    let access = agent.status().access.clone();
    runtime.block_on(access.set_password(PASSWORD)).unwrap();
    let token = runtime.block_on(access.log_in(Ipv4Addr::LOCALHOST.into(), "", PASSWORD)).unwrap();
    let cookie = format!("kilosat={}", token.reveal());
    let address = agent.web_address().unwrap();
    println!("                                    median      longest   bytes");
    for (what, path) in [
        ("style sheet", "/static/kilosat.css"),
        ("home (target 5 ms)", "/"),
        ("wallet", "/wallet"),
        ("history, a day", "/history?point=main.power"),
        ("history, a year", "/history?point=main.power&span=year"),
        ("status as JSON", "/status.json"),
    ] {
        let mut took: Vec<(Duration, usize)> = (0..ROUNDS).map(|_| exchange(address, &cookie, path)).collect();
        took.sort_unstable();
        println!("{what:<32} {:>9.2?}  {:>11.2?}  {:>6}", took[ROUNDS / 2].0, took[ROUNDS - 1].0, took[0].1);
    }
    runtime.block_on(agent.stop());
}

/// A house whose wallet and meter nobody answers for.
fn house(directory: &Path) -> PathBuf {
    let (file, secret) = (directory.join("kilosat.toml"), directory.join("password"));
    std::fs::write(&secret, "nothing").unwrap();
    let text = format!(
        "state_directory = {directory:?}\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [lightning]\nservice = \"phoenixd\"\n[lightning.phoenixd]\nurl = \"http://127.0.0.1:9\"\nsecret_file = {secret:?}\n\
         [[meter]]\nid = \"main\"\nmeasures = \"grid\"\nprofile = \"eastron-sdm630\"\nhost = \"127.0.0.1\"\nport = 9\n\
         power_max_w = 17250\n[[agreement]]\nid = \"electricity\"\nmeter = \"main\"\n\
         payee = \"electricity@utility.example\"\nprice_msat_per_kwh = 300_000\n[agreement.limits]\n\
         per_payment_msat = 2_000_000\nper_month_msat = 100_000_000\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Quarters of an hour up to now.
async fn a_year(file: &Path) {
    let config = Config::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
    let (clock, recorder) = (Clock::real(), Recorder::default());
    let history = History::start(&config.state_directory, config.history.clone(), clock.clone(), recorder.clone());
    let mut household = Household::new();
    assert!(household.points().nth(household::POWER).is_some_and(|(_, unit)| unit == "W"));
    let begin = (clock.house_now().0 / 3_600_000) * 3_600_000 - QUARTERS * QUARTER_MS;
    let mut energy = 0;
    for quarter in 0..QUARTERS {
        let at_ms = begin + quarter * QUARTER_MS;
        let power = household.next()[household::POWER];
        energy += power.max(0) / 4;
        for (name, unit, milli) in [
            ("main.power", "W", power),
            ("main.energy_import", "Wh", energy),
            ("electricity.cost", "sat", energy / 1_000 * 3 / 10),
        ] {
            recorder.put(name, unit, milli, at_ms);
        }
        if quarter % 4 == 3 {
            history.write().await.unwrap();
        }
    }
    assert_eq!(history.extent().await.unwrap().fault, None);
}

/// One request on a connection of its own: how long it took, and how much came.
fn exchange(address: SocketAddr, cookie: &str, path: &str) -> (Duration, usize) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let took = begun.elapsed();
    assert!(answer.starts_with(b"HTTP/1.1 200 OK"), "{path}: {}", String::from_utf8_lossy(&answer[..80]));
    (took, answer.len())
}
