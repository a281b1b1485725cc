//! Whatever becomes of the files, values are taken, and whoever asks is told.

#![allow(clippy::unwrap_used)]

use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;
use crate::disk;

const START_MS: u64 = 1_795_564_800_000;

fn start(folder: &TempDir) -> (History, Recorder) {
    let settings = Settings {
        zone: TimeZone::UTC,
        write_every: Duration::from_secs(60),
        readings_ms: i64::MAX,
        minutes_ms: i64::MAX,
        quarters_ms: i64::MAX,
        hours_ms: i64::MAX,
        disk_max_bytes: 1 << 30,
        free_min_bytes: 0,
    };
    let recorder = Recorder::default();
    (History::start(folder.path(), settings, Clock::real(), recorder.clone()), recorder)
}

fn power() -> Key {
    Key { source: "main".to_owned(), point: "power".to_owned(), unit: "W".to_owned() }
}

fn everything() -> Range {
    Range { from_ms: 0, to_ms: i64::MAX }
}

/// A value in each of so many hours from `hour` on.
async fn record(history: &History, recorder: &Recorder, hour: u64, hours: u64) {
    for hour in hour..hour + hours {
        recorder.put("main.power", "W", 230_000, START_MS + hour * 3_600_000);
        history.write().await.unwrap();
    }
}

async fn count(history: &History) -> usize {
    history.values(power(), everything()).await.unwrap().len()
}

#[tokio::test]
async fn values_that_were_taken_can_be_asked_for() {
    let folder = TempDir::new().unwrap();
    let (history, recorder) = start(&folder);
    record(&history, &recorder, 0, 30).await;
    assert_eq!(history.keys().await.unwrap(), [power()]);
    assert_eq!(count(&history).await, 30);
    let days = history.buckets(power(), Level::Day, everything()).await.unwrap();
    assert_eq!(days.iter().map(|day| (day.count, day.mean)).collect::<Vec<_>>(), [(24, 230_000), (6, 230_000)]);
    let extent = history.extent().await.unwrap();
    assert_eq!((extent.from_ms, extent.fault, extent.damaged_ms), (Some(START_MS.cast_signed()), None, None));
}

#[tokio::test]
async fn a_damaged_history_is_set_aside_and_a_new_one_begins() {
    let folder = TempDir::new().unwrap();
    let (history, recorder) = start(&folder);
    record(&history, &recorder, 0, 3).await;
    drop(history);
    // As the thread may still be closing it, another folder gets the damaged file.
    let other = TempDir::new().unwrap();
    disk::replace(&other.path().join("history.db"), &[7; 20_000]).unwrap();
    let (history, recorder) = start(&other);
    record(&history, &recorder, 3, 2).await;
    assert_eq!(count(&history).await, 2);
    let extent = history.extent().await.unwrap();
    assert_eq!(extent.fault, None);
    assert!(extent.damaged_ms.is_some());
    assert_eq!(std::fs::read(other.path().join("history.db.damaged")).unwrap(), [7; 20_000]);
}

#[tokio::test]
async fn a_history_that_is_deleted_or_overwritten_while_it_runs_begins_anew() {
    let folder = TempDir::new().unwrap();
    let (history, recorder) = start(&folder);
    record(&history, &recorder, 0, 3).await;
    std::fs::remove_file(folder.path().join("history.db")).unwrap();
    record(&history, &recorder, 3, 3).await;
    assert!(folder.path().join("history.db").exists());
    assert!(count(&history).await >= 3);
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("history.db")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[7; 40_000], 0).unwrap();
    record(&history, &recorder, 6, 6).await;
    assert_eq!(history.extent().await.unwrap().fault, None);
    assert!(count(&history).await >= 3, "what came after is there");
}

#[tokio::test]
async fn a_history_of_a_newer_kilosat_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("history.db");
    let newer = rusqlite::Connection::open(&path).unwrap();
    newer.execute_batch("PRAGMA user_version = 99; CREATE TABLE future (x)").unwrap();
    drop(newer);
    let (history, recorder) = start(&folder);
    record(&history, &recorder, 0, 2).await;
    let fault = history.extent().await.unwrap().fault.unwrap();
    assert!(fault.contains("schema version 99") && fault.contains("install the newer version again"), "{fault}");
    assert_eq!(history.keys().await, Err(HistoryGone::Unreadable(fault)));
    assert!(!folder.path().join("history.db.damaged").exists());
}

#[tokio::test]
async fn what_says_who_a_device_is_is_no_history() {
    let recorder = Recorder::default();
    recorder.put("main.serial_number", "", 12_345, START_MS);
    recorder.put("nothing", "", 1, START_MS);
    recorder.put("main.power", "W", 5, START_MS + 149);
    recorder.put("main.power", "kW", 6, START_MS);
    let (batch, lost) = recorder.take();
    assert_eq!(lost, 0);
    assert_eq!(batch.len(), 1, "a point has one unit at a time");
    assert!(recorder.take().0.is_empty());
    recorder.put("main.power", "W", 5, START_MS + 149);
    assert_eq!(
        recorder.take().0[0].1[0].at_ms,
        START_MS.cast_signed() + 100,
        "times are kept to the tenth of a second"
    );
}

#[tokio::test]
async fn what_the_disk_does_not_take_does_not_fill_memory() {
    let recorder = Recorder::default();
    for value in 0..150_000 {
        recorder.put("main.power", "W", value, START_MS);
    }
    let (batch, lost) = recorder.take();
    assert_eq!((batch[0].1.len(), lost), (100_000, 50_000));
}
