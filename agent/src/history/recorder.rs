//! Where values wait for the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::bucket::Timed;
use super::keeper::{Batch, Key};

/// Takes values from whoever reads them. Clones share what waits.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    waiting: Arc<Mutex<Waiting>>,
    /// Told when so much waits that it is not to wait any longer.
    pub(super) much: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Waiting {
    points: HashMap<String, Point>,
    count: usize,
    lost: u64,
}

#[derive(Debug)]
struct Point {
    key: Key,
    values: Vec<Timed>,
}

impl Recorder {
    /// Adds a value of `name`, which is source, dot, point; `at_ms` is the owner's time in ms since 1970.
    ///
    /// What is more than memory is for is lost: the history is no reason for the rest to stop.
    pub fn put(&self, name: &str, unit: &str, milli: i64, at_ms: u64) {
        let Ok(at_ms) = i64::try_from(at_ms - at_ms % RESOLUTION_MS) else { return };
        let mut waiting = self.lock();
        if waiting.count >= WAITING_MAX {
            waiting.lost = waiting.lost.saturating_add(1);
            return;
        }
        let value = Timed { at_ms, milli };
        match waiting.points.get_mut(name).filter(|point| point.key.unit == unit) {
            Some(point) => point.values.push(value),
            None => {
                let Some((source, point)) = name.split_once('.') else { return };
                if LABELS.contains(&point) {
                    return;
                }
                let key = Key { source: source.to_owned(), point: point.to_owned(), unit: unit.to_owned() };
                waiting.points.insert(name.to_owned(), Point { key, values: vec![value] });
            }
        }
        waiting.count += 1;
        if waiting.count == WAITING_MUCH {
            self.much.notify_one();
        }
    }

    /// Takes away what waits, and how many values were lost since the last time.
    pub(super) fn take(&self) -> (Batch, u64) {
        let waiting = std::mem::take(&mut *self.lock());
        let mut batch: Batch = waiting.points.into_values().map(|point| (point.key, point.values)).collect();
        batch.sort_by(|(a, _), (b, _)| a.cmp(b));
        (batch, waiting.lost)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Points that say what a device is, not what it measures.
const LABELS: [&str; 3] = ["serial_number", "model", "firmware"];
/// No chart is finer, and times that are equal take no room.
const RESOLUTION_MS: u64 = 100;
/// 320 KiB.
const WAITING_MUCH: usize = 20_000;
const WAITING_MAX: usize = 5 * WAITING_MUCH;
