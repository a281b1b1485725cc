//! What the points were: compressed, rolled up, forgotten in time. Money never depends on it.
//!
//! Values are collected in memory, written to a journal once a minute and to `history.db` once an hour, where they are
//! summed up into minutes at once and into quarters of an hour, hours, days and months when a day ends. A power cut costs
//! what came since the last minute was written.

mod bits;
mod bucket;
mod chunk;
mod column;
mod database;
mod journal;
mod keeper;
mod recorder;
mod retention;
mod task;

use std::time::Duration;

use jiff::tz::TimeZone;

pub use bucket::{Bucket, Kind, Level, Range, Timed};
pub use database::HistoryFault;
pub use keeper::Key;
pub use recorder::Recorder;
pub use task::{Extent, History, HistoryGone};

/// How the history is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The owner's days and months.
    pub zone: TimeZone,
    /// How often values go to the disk; what is newer is lost in a power cut.
    pub write_every: Duration,
    /// How long single readings are kept.
    pub readings_ms: i64,
    /// How long minutes are kept.
    pub minutes_ms: i64,
    /// How long quarters of an hour are kept.
    pub quarters_ms: i64,
    /// How long hours are kept; days and months are kept for ever.
    pub hours_ms: i64,
    /// What `history.db` may take; then the oldest details go first.
    pub disk_max_bytes: u64,
    /// Nothing is written while less than this and less than a twentieth of the disk is free.
    pub free_min_bytes: u64,
}
