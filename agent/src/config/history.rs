//! `[history]`: how long values of the past are kept.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::reader::Section;
use crate::history::Settings;

/// `None` after a mistake.
pub(super) fn read_history(section: &Section<'_>, zone: Option<TimeZone>) -> Option<Settings> {
    let write_every_s = section.number("write_every_s", 10..=900, Some(60));
    let readings_hours = section.number("readings_hours", 1..=87_600, Some(48));
    let minutes_days = section.number("minutes_days", 2..=3_650, Some(8));
    let quarters_days = section.number("quarters_days", 2..=36_500, Some(396));
    let hours_days = section.number("hours_days", 2..=36_500, Some(1_100));
    let disk_max_mib = section.number("disk_max_mib", 4..=1_048_576, Some(256));
    section.finish();
    let spans = [("minutes_days", minutes_days), ("quarters_days", quarters_days), ("hours_days", hours_days)];
    for pair in spans.windows(2) {
        if let [(_, Some(finer)), (key, Some(coarser))] = pair
            && finer > coarser
        {
            section.wrong(
                key,
                format!("is shorter than the time that finer values are kept ({finer} days); write at least {finer}"),
            );
        }
    }
    let hours_ms = |hours: u64| i64::try_from(hours).unwrap_or(i64::MAX).saturating_mul(3_600_000);
    let days_ms = |days: u64| hours_ms(days.saturating_mul(24));
    Some(Settings {
        zone: zone?,
        write_every: Duration::from_secs(write_every_s?),
        readings_ms: hours_ms(readings_hours?),
        minutes_ms: days_ms(minutes_days?),
        quarters_ms: days_ms(quarters_days?),
        hours_ms: days_ms(hours_days?),
        disk_max_bytes: disk_max_mib? << 20,
        free_min_bytes: FREE_MIN_BYTES,
    })
}

/// What payments may need: `reliability-security`, rule 6.6.
const FREE_MIN_BYTES: u64 = 200 << 20;
