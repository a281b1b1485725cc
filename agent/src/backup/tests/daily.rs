//! Backups that are made by themselves, and what the owner is told of them.

use std::time::Duration;

use super::super::schedule::run_every;
use super::*;
use crate::clock::Now;

#[tokio::test]
async fn one_is_made_by_itself_and_old_ones_go_but_nothing_of_anybody_else() {
    let house = House::with_daily_backups();
    house.source.vault.seed_or_fresh().unwrap();
    let mark = key::mark(&key::identity(&house.seed()).to_public().to_string());
    let old = |day: u64| names::file_name("My house", &mark, UnixMillis(NOW.0 - 400 * 86_400_000 - day * 86_400_000));
    let others = names::file_name("My house", "00000000", UnixMillis(5));
    for name in (0..60).map(old).chain([others.clone(), "photo.jpg".to_owned()]) {
        replace(&house.stick.path().join(name), b"old").unwrap();
    }
    std::fs::create_dir(house.stick.path().join(old(90))).unwrap();
    let running = tokio::spawn(run_every(Duration::from_millis(20), house.source.clone()));
    while house.source.backups.memory().last.is_none() {
        tokio::task::yield_now().await;
    }
    running.abort();
    let made = house.source.backups.memory().last.clone().unwrap();
    assert!(made.file.starts_with(&house.stick.path().display().to_string()), "{made:?}");
    let there = house.there();
    // Seven days, four weeks, a folder that is called like one, and what is not ours.
    assert_eq!(there.len(), 7 + 4 + 1 + 2, "{there:?}");
    assert!(there.contains(&others) && there.contains("photo.jpg") && there.contains(&old(0)));
    assert!(!there.contains(&old(59)) && made.deleted.contains(&old(59)));
    assert_eq!(house.recorded().await, ["backed_up"]);
}

#[tokio::test]
async fn in_a_folder_that_was_named_for_once_nothing_is_deleted() {
    let house = House::new();
    house.source.vault.seed_or_fresh().unwrap();
    let mark = key::mark(&key::identity(&house.seed()).to_public().to_string());
    for day in 0..30 {
        let name = names::file_name("My house", &mark, UnixMillis(NOW.0 - day * 86_400_000));
        replace(&house.stick.path().join(name), b"old").unwrap();
    }
    house.back_up().await;
    assert_eq!(house.there().len(), 31);
}

#[tokio::test]
async fn a_fault_is_said_and_recorded_once_until_there_is_a_backup_again() {
    let house = House::with_daily_backups();
    let status = async || house.source.status().await.unwrap().backup.unwrap();
    assert!(status().await.fault.is_none() && status().await.made_ms.is_none());
    std::fs::remove_dir(house.stick.path()).unwrap();
    for _ in 0..3 {
        house.source.back_up(Target::Configured).await.unwrap_err();
    }
    let fault = status().await.fault.unwrap();
    assert!(fault.contains("is not there") && fault.contains("plug the stick in"), "{fault}");
    assert_eq!(house.recorded().await, ["backup_failed"]);
    // A fault elsewhere was said to whoever asked, and is no news.
    house.source.back_up(Target::Folder("/proc".into())).await.unwrap_err();
    assert_eq!(status().await.fault.unwrap(), fault);
    let again = Backups::open(house.folder.path());
    let settings = house.source.config().backup.clone();
    assert_eq!(again.status(&settings, house.source.clock.now()).unwrap().fault.unwrap(), fault, "over a restart");

    std::fs::create_dir(house.stick.path()).unwrap();
    let made = house.source.back_up(Target::Configured).await.unwrap();
    let now = status().await;
    assert_eq!((now.fault, now.file.as_deref(), now.opened), (None, Some(made.file.as_str()), true));
    assert_eq!(house.recorded().await, ["backup_failed", "backed_up"]);
    let days = |days: u64| Now { wall: UnixMillis(made.made_ms + days * 86_400_000 + 1), monotonic: 0 };
    let is_old = |after| house.source.backups.status(&settings, after).unwrap().is_old;
    assert!(!is_old(days(2)) && is_old(days(3)));
}

#[tokio::test]
async fn a_backup_by_the_command_line_says_where_it_is_or_why_there_is_none() {
    let house = House::new();
    let path = house.folder.path().join("control.sock");
    let listener = crate::control::listen(&path).unwrap();
    let serving = tokio::spawn(crate::control::serve(listener, house.source.clone()));
    let made = crate::control::ask_backup(&path, Some(house.stick.path().to_owned())).await.unwrap();
    assert!(Path::new(&made.file).exists() && made.opened);
    let fault = crate::control::ask_backup(&path, None).await.unwrap_err().to_string();
    assert!(fault.contains("no folder for backups is set"), "{fault}");
    serving.abort();
}

#[tokio::test]
async fn what_a_crash_left_of_one_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".backup-x7");
    std::fs::create_dir(&left).unwrap();
    replace(&left.join("money.db"), b"a copy").unwrap();
    replace(&folder.path().join("backup.json"), b"nonsense").unwrap();
    let backups = Backups::open(folder.path());
    assert!(!left.exists() && backups.memory().last.is_none() && !backups.is_busy());
}
