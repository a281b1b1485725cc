//! What the history costs the SD card and the processor: a day of 50 points at one reading a second, and a chart of a year,
//! each beside rows in SQLite in the same run.
//!
//! `cargo bench --package kilosat --no-default-features --bench history [-- FOLDER]`; the folder decides which disk.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, missing_docs)]

#[path = "history/household.rs"]
mod household;

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use kilosat::clock::Clock;
use kilosat::history::{History, Key, Level, Range, Recorder, Settings};
use rusqlite::{Connection, params};

use household::Household;

const SECONDS: i64 = 86_400;
const DAY_MS: i64 = SECONDS * 1_000;
/// 2026-11-25 00:00 UTC.
const START_MS: i64 = 1_795_564_800_000;
/// Rows are so dear that an hour of them is enough to know.
const ROWS_SECONDS: i64 = 3_600;
const QUARTERS: i64 = 365 * 96;
const ROUNDS: u32 = 21;

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("                                  on disk   written   CPU s per million readings");
    let day = runtime.block_on(a_day(&directory.path().join("day")));
    day.print("history, one minute at risk");
    let rows = rows_of_an_hour(&directory.path().join("rows.db"));
    rows.print("rows, one commit a minute");
    println!(
        "rows / history                   {:>7.1}x  {:>7.1}x  {:>7.1}x",
        rows.on_disk / day.on_disk,
        rows.written / day.written,
        rows.cpu / day.cpu
    );
    println!("targets: 1.3 bytes on disk, 4.5 written, a reading");
    let chart = runtime.block_on(chart_of_a_year(&directory.path().join("year")));
    let from_rows = rows_of_a_year(&directory.path().join("year.db"));
    println!(
        "a year of quarters of an hour: {chart:.2?} from the history (target 1 ms), {from_rows:.2?} from rows, {:.1}x",
        from_rows.as_secs_f64() / chart.as_secs_f64()
    );
}

/// For each reading: bytes, bytes, and seconds for a million.
struct Cost {
    on_disk: f64,
    written: f64,
    cpu: f64,
}

impl Cost {
    fn print(&self, what: &str) {
        println!("{what:<32} {:>6.2} B  {:>6.2} B  {:>8.3}", self.on_disk, self.written, self.cpu);
    }
}

/// Counts what happens between two looks.
struct Meter<'a> {
    folder: &'a Path,
    written: u64,
    cpu: Duration,
}

impl Meter<'_> {
    fn look(folder: &Path) -> Meter<'_> {
        Meter { folder, written: written_to_disk(folder), cpu: cpu() }
    }

    fn cost(&self, readings: f64, on_disk: u64, aside: Duration) -> Cost {
        let now = Meter::look(self.folder);
        Cost {
            on_disk: as_f64(on_disk) / readings,
            written: as_f64(now.written - self.written) / readings,
            cpu: (now.cpu - self.cpu - aside).as_secs_f64() / (readings / 1e6),
        }
    }
}

/// Everything that was written to the disk of `folder` since the machine was started, by whomever: keep it idle. What the
/// kernel counts for a process is too much where it keeps a file in large pieces.
fn written_to_disk(folder: &Path) -> u64 {
    let opened = std::fs::File::open(folder).unwrap();
    rustix::fs::syncfs(&opened).unwrap();
    let device = opened.metadata().unwrap().dev();
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let stat = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).expect("FOLDER is on a disk");
    stat.split_whitespace().nth(6).unwrap().parse::<u64>().unwrap() * 512
}

async fn a_day(directory: &Path) -> Cost {
    std::fs::create_dir(directory).unwrap();
    let recorder = Recorder::default();
    let history = History::start(directory, settings(), Clock::real(), recorder.clone());
    let mut household = Household::new();
    let names: Vec<_> = household.points().collect();
    let before = Meter::look(directory);
    let mut aside = Duration::ZERO;
    // The first second of the next day closes the last hour.
    for second in 0..=SECONDS {
        let begun = cpu();
        let values: Vec<i64> = household.next().to_vec();
        aside += cpu() - begun;
        let at_ms = START_MS + second * 1_000;
        for ((name, unit), milli) in names.iter().zip(values) {
            recorder.put(name, unit, milli, at_ms.try_into().unwrap());
        }
        if second % 60 == 59 || second == SECONDS {
            history.write().await.unwrap();
        }
    }
    let extent = history.extent().await.unwrap();
    assert_eq!(extent.fault, None);
    before.cost(as_f64(names.len() as u64) * SECONDS as f64, extent.bytes, aside)
}

fn rows_of_an_hour(path: &Path) -> Cost {
    let mut connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             CREATE TABLE readings (point INTEGER, at_ms INTEGER, milli INTEGER, PRIMARY KEY (point, at_ms)) WITHOUT ROWID",
        )
        .unwrap();
    let mut household = Household::new();
    let points = household.points().count();
    let before = Meter::look(path.parent().unwrap());
    let mut aside = Duration::ZERO;
    for minute in 0..ROWS_SECONDS / 60 {
        let tx = connection.transaction().unwrap();
        let mut insert = tx.prepare_cached("INSERT INTO readings VALUES (?1, ?2, ?3)").unwrap();
        for second in minute * 60..minute * 60 + 60 {
            let begun = cpu();
            let values: Vec<i64> = household.next().to_vec();
            aside += cpu() - begun;
            for (point, milli) in values.into_iter().enumerate() {
                insert.execute(params![point as i64, START_MS + second * 1_000, milli]).unwrap();
            }
        }
        drop(insert);
        tx.commit().unwrap();
    }
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let on_disk = std::fs::metadata(path).unwrap().len();
    before.cost(as_f64(points as u64) * ROWS_SECONDS as f64, on_disk, aside)
}

async fn chart_of_a_year(directory: &Path) -> Duration {
    std::fs::create_dir(directory).unwrap();
    let recorder = Recorder::default();
    let history = History::start(directory, settings(), Clock::real(), recorder.clone());
    let mut household = Household::new();
    for quarter in 0..QUARTERS {
        let milli = household.next()[household::POWER];
        recorder.put("main.power", "W", milli, (START_MS + quarter * 900_000).try_into().unwrap());
        if quarter % 4 == 3 {
            history.write().await.unwrap();
        }
    }
    let key = Key { source: "main".to_owned(), point: "power".to_owned(), unit: "W".to_owned() };
    let range = Range { from_ms: START_MS, to_ms: START_MS + 365 * DAY_MS };
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let buckets = history.buckets(key.clone(), Level::Quarter, range).await.unwrap();
        best = best.min(begun.elapsed());
        assert_eq!(buckets.len(), QUARTERS as usize);
    }
    best
}

fn rows_of_a_year(path: &Path) -> Duration {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE quarters (point INTEGER, at_ms INTEGER, mean, low, high, PRIMARY KEY (point, at_ms)) WITHOUT ROWID",
        )
        .unwrap();
    let mut household = Household::new();
    connection.execute_batch("BEGIN").unwrap();
    for quarter in 0..QUARTERS {
        let milli = household.next()[household::POWER];
        let values = params![START_MS + quarter * 900_000, milli];
        connection.execute("INSERT INTO quarters VALUES (1, ?1, ?2, ?2, ?2)", values).unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let sql = "SELECT at_ms, mean, low, high FROM quarters WHERE point = 1 ORDER BY at_ms";
        let mut statement = connection.prepare_cached(sql).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok([row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?]);
        let rows: Vec<_> = statement.query_map([], row).unwrap().map(Result::unwrap).collect();
        best = best.min(begun.elapsed());
        assert_eq!(rows.len(), QUARTERS as usize);
    }
    best
}

fn settings() -> Settings {
    Settings {
        zone: TimeZone::UTC,
        write_every: Duration::from_secs(3_600),
        readings_ms: 2 * DAY_MS,
        minutes_ms: 8 * DAY_MS,
        quarters_ms: 396 * DAY_MS,
        hours_ms: 1_100 * DAY_MS,
        disk_max_bytes: 256 << 20,
        free_min_bytes: 0,
    }
}

/// The processor's time of all threads; the kernel's file counts in clock ticks of 10 ms.
fn cpu() -> Duration {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(usage.tv_sec.try_into().unwrap(), usage.tv_nsec.try_into().unwrap())
}

fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}
