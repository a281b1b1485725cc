//! The database is copied while payments are made, and a restored copy pays nothing before its owner has looked.

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::{Effect, Engine, Event, Order, Verdict, lock_restored};
use super::checks::check;
use super::world::{HOUR, SLICE_MWH, World, bills, looked_up, rules, sent};
use crate::domain::payment::State;
use crate::store::Store;

#[test]
fn whatever_is_being_paid_every_copy_is_whole() {
    let mut world = World::new(rules());
    let copier = world.engine().copier();
    let folder = tempfile::tempdir().unwrap();
    let (copies, place) = (AtomicU32::new(0), folder.path());
    std::thread::scope(|scope| {
        let copied = scope.spawn(|| {
            for number in 0..COPIES {
                copier.copy(&place.join(number.to_string())).unwrap();
                copies.store(number + 1, Ordering::Release);
            }
        });
        let mut slices = 0;
        while copies.load(Ordering::Acquire) < COPIES && !copied.is_finished() {
            let made = world.send_slice();
            world.paid(&made);
            world.wait(HOUR);
            slices += 1;
        }
        assert!(slices > 0);
    });
    check(&mut world, "after the copies");
    let mut newest = 0;
    for number in 0..COPIES {
        // Opening proves every account, every total and the end of the journal.
        let mut store = Store::open(&place.join(number.to_string()), "regtest").unwrap();
        let (seq, _) = store.verify_journal_from(0).unwrap();
        assert!(seq >= newest, "copy {number}");
        newest = seq;
        assert_eq!(store.begin().unwrap().ledger_sum().unwrap(), 0);
    }
    assert!(newest > 3, "payments were made meanwhile");
}

#[test]
fn all_of_a_database_in_use_is_looked_at_and_an_entry_that_was_changed_is_found() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    world.paid(&made);
    let (copier, folder) = (world.engine().copier(), tempfile::tempdir().unwrap());
    let entries = copier.verify().unwrap();
    assert!(entries > 3, "{entries}");
    let path = folder.path().join("money.db");
    copier.copy(&path).unwrap();
    let store = Store::open(&path, "regtest").unwrap();
    assert_eq!(store.copier().verify().unwrap(), entries);
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute("UPDATE journal SET payload = replace(payload, '0', '1') WHERE seq = 2", []).unwrap();
    let fault = store.copier().verify().unwrap_err().to_string();
    assert!(fault.contains("money.db is damaged") && fault.contains('2'), "{fault}");
}

#[test]
fn a_restored_state_looks_up_what_was_open_and_pays_nothing_new_until_it_is_unlocked() {
    let mut world = World::new(rules());
    let made = world.send_slice();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("money.db");
    world.engine().copier().copy(&path).unwrap();
    // Paid after the backup was made.
    world.paid(&made);

    let mut store = Store::open(&path, "regtest").unwrap();
    lock_restored(&mut store, world.now.wall, world.now.wall, "restored; look first").unwrap();
    assert_eq!(store.begin().unwrap().payment_by_hash(&made.hash).unwrap().unwrap().state, State::Sending);
    let mut engine = Engine::new(store, rules());
    let mut effects = engine.start(world.now).unwrap();
    world.meter.total.0 += 3 * SLICE_MWH;
    let interval = Event::Interval { meter: "main".to_owned(), state: world.meter, samples: 1 };
    effects.extend(engine.handle(world.now, interval).unwrap());
    effects.extend(engine.handle(world.now, Event::Tick).unwrap());
    assert_eq!(looked_up(&effects), [made.hash]);
    assert!(sent(&effects).is_empty() && bills(&effects).is_empty(), "{effects:?}");
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })));
    assert_eq!(engine.snapshot().unwrap().lock.as_deref(), Some("restored; look first"));
    let (verdict, _) = engine.obey(world.now, Order::Unlock).unwrap();
    assert!(matches!(verdict, Verdict::Refused(why) if why.contains("no other Kilosat runs")));
    assert!(matches!(engine.obey(world.now, Order::TakeOver).unwrap().0, Verdict::Done(_)));
    let (verdict, _) = engine.obey(world.now, Order::Unlock).unwrap();
    assert!(matches!(verdict, Verdict::Refused(why) if why.contains("not final yet")), "one is still looked up");
}

const COPIES: u32 = 12;
