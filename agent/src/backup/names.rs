//! What backups are called, and which of them are deleted when there are enough: the newest of each of seven days and,
//! before those, of each of four weeks are kept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::domain::money::UnixMillis;

/// `kilosat-my-house-1a2b3c4d-2026-11-29T03-15-00Z.age`; no letter of it is one that a USB stick's file system cannot have.
pub(super) fn file_name(house: &str, mark: &str, made: UnixMillis) -> String {
    format!("kilosat-{}-{mark}-{}.age", plain(house), instant(made).strftime(INSTANT))
}

/// An instant, in universal time.
pub(super) fn instant(at: UnixMillis) -> Timestamp {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// Those that are no longer needed beside `newest`, which was just made, and what a power cut left of one that was being
/// written. Only what was made with the same words and is named exactly as here is ever one of them.
pub(super) fn surplus(names: impl Iterator<Item = String>, mark: &str, newest: &str) -> Vec<String> {
    let (mut ours, mut surplus) = (Vec::new(), Vec::new());
    for name in names {
        let is_unfinished =
            name.strip_suffix(".new").is_some_and(|stem| made_at(&format!("{stem}.age"), mark).is_some());
        match made_at(&name, mark) {
            Some(made) => ours.push((made, name)),
            None if is_unfinished => surplus.push(name),
            None => {}
        }
    }
    ours.sort();
    let (mut days, mut weeks) = (BTreeSet::new(), BTreeSet::new());
    for (made, name) in ours.into_iter().rev() {
        let week = made.date().iso_week_date();
        let is_kept = if days.contains(&made.date()) {
            false
        } else if days.len() < DAYS_KEPT {
            days.insert(made.date())
        } else {
            weeks.len() < WEEKS_KEPT && weeks.insert((week.year(), week.week()))
        };
        if !is_kept && name != newest {
            surplus.push(name);
        }
    }
    surplus
}

/// When a backup with this mark was made; `None` for every other file.
fn made_at(name: &str, mark: &str) -> Option<DateTime> {
    let (before, written) = name.strip_suffix(".age")?.rsplit_once(&format!("-{mark}-"))?;
    let made = DateTime::strptime(INSTANT, written).ok()?;
    let house = before.strip_prefix("kilosat-")?;
    (plain(house) == house && made.strftime(INSTANT).to_string() == written).then_some(made)
}

/// Small letters, digits and single hyphens.
fn plain(house: &str) -> String {
    let letters =
        house.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { ' ' });
    let words: String = letters.collect();
    let name: String = words.split_whitespace().collect::<Vec<_>>().join("-").chars().take(NAME_CHARS_MAX).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "house".to_owned() } else { name.to_owned() }
}

const INSTANT: &str = "%Y-%m-%dT%H-%M-%SZ";
const DAYS_KEPT: usize = 7;
const WEEKS_KEPT: usize = 4;
const NAME_CHARS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    /// A Sunday.
    const START: UnixMillis = UnixMillis(1_795_924_800_000);

    fn name(day: u64) -> String {
        file_name("Mühle & Barn", "0a1b2c3d", UnixMillis(START.0 + day * DAY_MS))
    }

    #[test]
    fn a_name_says_which_house_and_when() {
        assert_eq!(name(0), "kilosat-m-hle-barn-0a1b2c3d-2026-11-29T04-00-00Z.age");
        assert_eq!(file_name("日本", "0a1b2c3d", START), "kilosat-house-0a1b2c3d-2026-11-29T04-00-00Z.age");
        assert!(made_at(&name(0), "0a1b2c3d").is_some());
    }

    #[test]
    fn seven_days_and_four_weeks_are_kept_and_nothing_of_anybody_else() {
        let foreign = [
            "photo.age".to_owned(),
            file_name("Mühle & Barn", "ffffffff", START),
            name(0).replace("T04", "T4"),
            name(0).replace(".age", ".age.txt"),
            name(0).replace("kilosat", "other"),
            "kilosat-0a1b2c3d-2026-11-29T04-00-00Z.age".to_owned(),
            "kilosat-My-house-0a1b2c3d-2026-11-29T04-00-00Z.age".to_owned(),
        ];
        let mut there: Vec<String> = foreign.to_vec();
        for day in 0..100 {
            // The clock stood still for a moment, and somebody made another one by hand.
            there.extend([name(day), file_name("x", "0a1b2c3d", UnixMillis(START.0 + day * DAY_MS + 60_000))]);
            let gone = surplus(there.clone().into_iter(), "0a1b2c3d", &name(day));
            there.retain(|known| !gone.contains(known));
            assert!(foreign.iter().all(|known| there.contains(known)) && there.contains(&name(day)));
        }
        let ages: Vec<_> = (0..100)
            .rev()
            .filter(|day| {
                there.iter().any(|known| known.starts_with("kilosat-x-") && known.contains(&name(*day)[28..38]))
            })
            .map(|day| 99 - day)
            .collect();
        assert_eq!(ages.len(), DAYS_KEPT + WEEKS_KEPT, "{ages:?}");
        assert_eq!(ages.first_chunk(), Some(&[0, 1, 2, 3, 4, 5, 6]));
        assert!(ages.last().is_some_and(|oldest| (22..=28).contains(oldest)), "{ages:?}");
    }

    #[test]
    fn what_was_just_made_stays_whatever_the_clock_says() {
        let early = file_name("x", "0a1b2c3d", UnixMillis(5_000));
        let there: Vec<String> = (0..60).map(name).chain([early.clone()]).collect();
        assert!(!surplus(there.clone().into_iter(), "0a1b2c3d", &early).contains(&early));
        assert!(surplus(there.into_iter(), "0a1b2c3d", &name(59)).contains(&early));
        let unfinished = early.replace(".age", ".new");
        let there = [unfinished.clone(), "photo.new".to_owned()];
        assert_eq!(surplus(there.into_iter(), "0a1b2c3d", &name(59)), [unfinished]);
    }
}
