//! `[backup]`: where backups go, and when.

use std::path::PathBuf;

use jiff::civil::Time;

use super::reader::Absent::Means;
use super::reader::Section;

/// Where and when backups are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where they are put every day; `None` for nowhere.
    pub folder: Option<PathBuf>,
    /// The time of the owner's clock.
    pub at: Time,
    /// With the values of the past.
    pub history: bool,
}

/// `None` after a mistake.
pub(super) fn read_backup(section: &Section<'_>) -> Option<BackupSettings> {
    let folder = section.parsed("folder", Means(""), read_folder);
    let at = section.parsed("at", Means("03:30"), read_time);
    let history = section.flag("history", false);
    section.finish();
    Some(BackupSettings { folder: folder?, at: at?, history: history? })
}

fn read_folder(text: &str) -> Result<Option<PathBuf>, String> {
    let path = PathBuf::from(text);
    match text {
        "" => Ok(None),
        _ if path.is_absolute() => Ok(Some(path)),
        _ => Err(format!("{text:?} is not the whole path of a folder; write for example \"/media/usb/kilosat\"")),
    }
}

fn read_time(text: &str) -> Result<Time, String> {
    let wrong = || format!("{text:?} is not a time of day such as \"03:30\"");
    let (hour, minute) = text.split_once(':').filter(|_| text.len() == TIME_CHARS).ok_or_else(wrong)?;
    let number = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?;
    let (hour, minute) = number(hour).zip(number(minute)).ok_or_else(wrong)?;
    Time::new(hour, minute, 0, 0).map_err(|_| wrong())
}

const TIME_CHARS: usize = 5;
