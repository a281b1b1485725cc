#![allow(clippy::unwrap_used)]

use super::*;
use crate::config::Config;
use crate::domain::money::UnixMillis;
use crate::store::{Posting, Store};

/// The most that an account can hold.
const BALANCE_MAX: i64 = 1 << 62;

#[tokio::test]
async fn questions_without_an_answer_do_not_end_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(include_str!("../../../kilosat.toml")).unwrap();
    let mut store = Store::open(&folder.path().join("money.db"), &config.network.to_string()).unwrap();
    let tx = store.begin().unwrap();
    // What moved on the second day is more than any sum can hold.
    for (at, amount) in [(0, -BALANCE_MAX), (DAY_MS, BALANCE_MAX), (DAY_MS + 1, BALANCE_MAX)] {
        let sides = [Posting(Posting::SUSPENSE, amount), Posting(Posting::INCOME, -amount)];
        tx.post(UnixMillis(at), None, &sides).unwrap();
    }
    tx.commit().unwrap();
    let engine = Engine::new(store, crate::agent::rules(&config, None));
    let (effects, _queue) = mpsc::channel(8);
    let (engine, _end) = EngineHandle::start(engine, Clock::real(), effects);

    let days = |from: u64, to: u64| Period { from: UnixMillis(from * DAY_MS), to: UnixMillis(to * DAY_MS) };
    let unanswered = engine.statement(days(1, 2)).await.unwrap_err();
    assert!(matches!(&unanswered, Unanswered::Question(why) if why.contains("overflow")), "{unanswered}");
    for after in [u64::MAX, u64::MAX / 2 + 1, u64::MAX / 2] {
        assert_eq!(engine.journal_after(after, u32::MAX).await, Ok(Vec::new()), "{after}");
    }
    assert_eq!(engine.submit(Event::Tick).await, Ok(()), "the engine goes on");
    assert!(engine.statement(days(0, 1)).await.is_ok());
}

#[tokio::test]
async fn what_was_asked_under_other_rules_is_not_answered_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::parse(include_str!("../../../kilosat.toml")).unwrap();
    let store = Store::open(&folder.path().join("money.db"), &config.network.to_string()).unwrap();
    let rules = crate::agent::rules(&config, None);
    let (effects, _queue) = mpsc::channel(8);
    let (engine, _end) = EngineHandle::start(Engine::new(store, rules.clone()), Clock::real(), effects);
    let entries = async || engine.journal_after(0, 100).await.unwrap().len();
    let counts = async |rule: &str, era| {
        let before = entries().await;
        let asked = Asked { rule: rule.to_owned(), era };
        engine.submit_answer(asked, Event::Access("answered".to_owned())).await.unwrap();
        entries().await > before
    };
    assert!(counts("electricity", 0).await && counts("weather", 0).await);
    assert!(!counts("electricity", 1).await, "nobody was asked under rules that are to come");
    let mut changed = rules.clone();
    changed.agreements[0].paused = true;
    engine.adopt(changed).await.unwrap();
    assert!(!counts("electricity", 0).await, "this agreement changed");
    assert!(counts("electricity", 1).await);
    assert!(counts("weather", 0).await && counts("weather", 1).await, "this feed did not");
    engine.adopt(rules).await.unwrap();
    assert!(!counts("electricity", 0).await && !counts("electricity", 1).await && counts("electricity", 2).await);
    assert!(counts("weather", 0).await && !counts("weather", 3).await);
}

#[test]
fn what_the_disk_is_to_blame_for_ends_the_engine() {
    use rusqlite::ffi;
    let failure = |code| rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
    let codes = [ffi::SQLITE_IOERR, ffi::SQLITE_CORRUPT, ffi::SQLITE_FULL, ffi::SQLITE_NOTADB, ffi::SQLITE_READONLY];
    for code in codes {
        assert!(!is_about_the_question(&failure(code)), "{code}");
        let (asker, _) = oneshot::channel();
        assert!(tell::<()>(asker, Err(StoreError::from(failure(code)).into())).is_err());
    }
    assert!(is_about_the_question(&failure(ffi::SQLITE_ERROR)));
    assert!(is_about_the_question(&rusqlite::Error::IntegralValueOutOfRange(0, 1)));
}

const DAY_MS: u64 = 86_400_000;
