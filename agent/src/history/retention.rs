//! What is forgotten, and when: by age, and the oldest first where the disk is to be spared.

use super::Settings;
use super::bucket::{DAY_MS, HOUR_MS, Level};
use super::database::{Database, HistoryFault, Pass};

/// What is kept how long.
#[derive(Debug)]
pub(super) struct Retention {
    readings_ms: i64,
    minutes_ms: i64,
    quarters_ms: i64,
    hours_ms: i64,
    disk_max_bytes: u64,
    /// The newest time that was believed; 0 before the first.
    now_ms: i64,
}

/// The end of an hour.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// When it began.
    pub hour_ms: i64,
    /// The time of the value that came after it.
    pub now_ms: i64,
    /// Whether it was the last of its day; then the coarser levels are looked at too.
    pub is_new_day: bool,
    /// What is left alone.
    pub pass: Pass,
}

impl Retention {
    /// A damaged history that was set aside, of so many bytes, counts too, up to three quarters.
    pub fn new(settings: &Settings, database: &Database, set_aside_bytes: u64) -> Result<Retention, HistoryFault> {
        Ok(Retention {
            readings_ms: settings.readings_ms,
            minutes_ms: settings.minutes_ms,
            quarters_ms: settings.quarters_ms,
            hours_ms: settings.hours_ms,
            disk_max_bytes: settings.disk_max_bytes.saturating_sub(set_aside_bytes).max(settings.disk_max_bytes / 4),
            now_ms: database.meta(NOW)?,
        })
    }

    /// Forgets what is too old now that time has gone on as `end` says.
    ///
    /// # Errors
    /// [`HistoryFault`]; nothing was forgotten then.
    pub fn forget(&mut self, database: &mut Database, end: End) -> Result<(), HistoryFault> {
        let End { pass, is_new_day, .. } = end;
        let now_ms = self.believed(end);
        let changes = database.begin()?;
        changes.forget_readings(now_ms.saturating_sub(self.readings_ms))?;
        changes.forget_buckets(Level::Minute, now_ms.saturating_sub(self.minutes_ms), pass)?;
        if is_new_day {
            changes.forget_buckets(Level::Quarter, now_ms.saturating_sub(self.quarters_ms), pass)?;
            changes.forget_buckets(Level::Hour, now_ms.saturating_sub(self.hours_ms), pass)?;
        }
        let mut thinned = 0;
        while changes.bytes_used()? > self.disk_max_bytes {
            let mut removed = changes.thin_readings()?;
            for level in [Level::Minute, Level::Quarter, Level::Hour] {
                removed = if removed == 0 { changes.thin_buckets(level, pass)? } else { removed };
            }
            if removed == 0 {
                break;
            }
            thinned += removed;
        }
        changes.set_meta(NOW, now_ms)?;
        changes.commit()?;
        self.now_ms = now_ms;
        if thinned > 0 {
            tracing::info!(thinned, "the oldest details of the history were removed to keep within disk_max_mib");
        }
        let (used, file) = database.size()?;
        if file.saturating_sub(used) > FREE_KEPT_BYTES.max(used / 4) {
            database.shrink()?;
        }
        Ok(())
    }

    /// A clock that leaps into the future for an hour costs a day of details, not all of them; when it is set back, what is
    /// too old is judged by the time it then shows.
    fn believed(&self, end: End) -> i64 {
        let gap_ms = end.now_ms.saturating_sub(end.hour_ms).clamp(0, DAY_MS + HOUR_MS);
        match self.now_ms {
            0 => end.now_ms,
            was => end.now_ms.min(was.saturating_add(gap_ms + HOUR_MS)),
        }
    }
}

const NOW: &str = "now";
/// Pages that are used again soon need not be given back.
const FREE_KEPT_BYTES: u64 = 4 << 20;
