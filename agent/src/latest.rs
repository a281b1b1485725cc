//! The newest value of every point, for the status and the page. Money never depends on it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::clock::Clock;
use crate::history::Recorder;
use crate::news::News;

/// One point's newest value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Value {
    /// Thousandths of `unit`.
    pub milli: i64,
    /// Such as `Wh` or `W`; empty for bought data.
    pub unit: String,
    /// Milliseconds since the program started.
    pub at_ms: u64,
}

/// Whether a device delivers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// What is wrong, in one sentence; `None` when all is well.
    pub fault: Option<String>,
    /// Values arrive, but cannot be true.
    pub doubtful: bool,
    /// What contradicts itself, in one sentence, although readings work.
    pub alarm: Option<String>,
    /// What is to be known of how it is read, in one sentence.
    pub note: Option<String>,
    /// What it was told and would forget, and could not be told again, in one sentence.
    pub unrenewed: Option<String>,
    /// The line it is read on.
    pub line: Option<LineHealth>,
    /// Readings that worked.
    pub reads: u64,
    /// Readings that failed.
    pub faults: u64,
    /// When a reading last worked, in ms since the program started.
    pub good_ms: Option<u64>,
}

/// What happens on a line, with everything that is on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LineHealth {
    /// Of a thousand moments of the last minute, in how many it was taken; none before the first minute.
    pub load_permille: Option<u16>,
    /// Requests since the program started.
    pub requests: u64,
    /// Those without an answer.
    pub unanswered: u64,
    /// Answers that were damaged on their way.
    pub damaged: u64,
}

/// Shared by the tasks that fill it and the page that shows it.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    table: Arc<Mutex<Table>>,
    news: News,
    /// Where values go that are to be kept, and whose time they get.
    history: Option<(Recorder, Clock)>,
}

/// The table itself: points by `source.point`, health by source.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Newest values, by `source.point`.
    pub points: BTreeMap<String, Value>,
    /// Health, by source.
    pub health: BTreeMap<String, Health>,
}

impl Latest {
    /// A table whose values also go to `recorder`, with the time of the house on `clock`.
    pub fn recorded(recorder: Recorder, clock: Clock) -> Latest {
        Latest { history: Some((recorder, clock)), ..Latest::default() }
    }

    /// Hears of every change from now on.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.listen()
    }

    /// Replaces the newest value of `source.point`. New points beyond [`POINTS_MAX`] are dropped.
    pub fn put(&self, source: &str, point: &str, value: Value) {
        let key = format!("{source}.{point}");
        if let Some((recorder, clock)) = &self.history {
            recorder.put(&key, &value.unit, value.milli, clock.house_now().0);
        }
        let mut table = self.change();
        if table.points.len() < POINTS_MAX || table.points.contains_key(&key) {
            table.points.insert(key, value);
        }
    }

    /// Notes a reading of `source` that worked.
    pub fn worked(&self, source: &str, at_ms: u64) {
        let mut table = self.change();
        let health = table.health.entry(source.to_owned()).or_default();
        health.fault = None;
        health.doubtful = false;
        health.reads = health.reads.saturating_add(1);
        health.good_ms = Some(at_ms);
    }

    /// Notes a reading of `source` that failed.
    pub fn failed(&self, source: &str, fault: &str) {
        self.note_fault(source, fault, false);
    }

    /// Notes a reading of `source` whose value cannot be true.
    pub fn doubted(&self, source: &str, fault: &str) {
        self.note_fault(source, fault, true);
    }

    /// Notes that readings of `source` contradict themselves, or no longer do.
    pub fn alarmed(&self, source: &str, alarm: Option<&str>) {
        self.change().health.entry(source.to_owned()).or_default().alarm = alarm.map(str::to_owned);
    }

    /// Notes what is to be known of how `source` is read.
    pub fn noted(&self, source: &str, note: String) {
        self.change().health.entry(source.to_owned()).or_default().note = Some(note);
    }

    /// Notes what happens on the line that `source` is read on.
    pub fn line_is(&self, source: &str, line: LineHealth) {
        self.lock().health.entry(source.to_owned()).or_default().line = Some(line);
    }

    /// Notes that `source` could not be told again what it forgets, or that it could.
    pub fn unrenewed(&self, source: &str, fault: Option<String>) {
        self.change().health.entry(source.to_owned()).or_default().unrenewed = fault;
    }

    /// Everything, at one instant.
    pub fn copy(&self) -> Table {
        self.lock().clone()
    }

    fn note_fault(&self, source: &str, fault: &str, doubtful: bool) {
        let mut table = self.change();
        let health = table.health.entry(source.to_owned()).or_default();
        health.fault = Some(fault.to_owned());
        health.doubtful = doubtful;
        health.faults = health.faults.saturating_add(1);
    }

    /// For a change.
    fn change(&self) -> MutexGuard<'_, Table> {
        self.news.tell();
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The stop button's source: its point `pressed` is 0 or 1.
pub const STOP_BUTTON: &str = "stop_button";

/// Points kept at most; a home has a few hundred.
pub const POINTS_MAX: usize = 4_096;
