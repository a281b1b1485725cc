//! A state that was moved, copied, set back or lost is noticed at its next start, and nothing is paid before its owner has
//! spoken.

use super::super::{Belonging, Engine, Instance, Order, Verdict, belongs};
use super::world::{World, rules};
use crate::machine::Machine;
use crate::store::Store;

/// A state directory as far as this is about it.
struct Place {
    folder: tempfile::TempDir,
    file: Option<Instance>,
    machine: Machine,
}

fn machine(board: &str) -> Machine {
    serde_json::from_value(serde_json::json!({"board": board})).unwrap()
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap(), file: None, machine: machine("this one") }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("money.db")
    }

    fn store(&self) -> Store {
        Store::open(&self.path(), "regtest").unwrap()
    }

    /// One start; `writes` are how often the file can be written before the power fails.
    fn start_with(&mut self, writes: usize) -> Option<String> {
        let (mut store, now) = (self.store(), World::new(rules()).now);
        let mut kept = self.file.clone();
        for left in (0..=writes).rev() {
            let id = || "1".repeat(32);
            match belongs(&mut store, now.wall, kept.clone(), self.machine.clone(), id).unwrap() {
                Belonging::Doubtful(doubt) => return Some(doubt),
                Belonging::First(next) if left > 0 => kept = Some(next),
                Belonging::Same(next) if left > 0 => {
                    self.file = Some(next);
                    return None;
                }
                _ => break,
            }
            self.file.clone_from(&kept);
        }
        None
    }

    fn start(&mut self) -> Option<String> {
        self.start_with(9)
    }

    /// The owner says that it is the only one.
    fn take_over(&self) {
        let mut world = World::new(rules());
        let now = world.now;
        let mut engine = Engine::new(self.store(), rules());
        let (refused, _) = engine.obey(now, Order::Unlock).unwrap();
        assert!(matches!(&refused, Verdict::Refused(why) if why.contains("kilosat take-over")), "{refused:?}");
        let (taken, _) = engine.obey(now, Order::TakeOver).unwrap();
        assert!(matches!(&taken, Verdict::Done(_)), "{taken:?}");
        assert!(engine.snapshot().unwrap().lock.is_some(), "the wallet is still to be compared");
        let (again, _) = world.engine().obey(now, Order::TakeOver).unwrap();
        assert!(matches!(again, Verdict::Refused(_)), "where nothing is doubtful, nothing is taken over");
    }
}

#[test]
fn a_state_that_stays_where_it_is_is_never_doubtful_whatever_the_power_does() {
    let mut place = Place::new();
    for writes in [0, 1, 0, 1, 2, 9, 0, 9, 0, 0, 0, 9] {
        assert_eq!(place.start_with(writes), None, "{writes}");
    }
    assert_eq!(place.file.map(|file| file.starts), Some(5), "power cuts count no start");
}

#[test]
fn what_was_moved_copied_set_back_or_lost_pays_nothing_until_its_owner_takes_over() {
    #[track_caller]
    fn case(says: &str, change: impl FnOnce(&mut Place, Option<Instance>, &std::path::Path)) {
        let mut place = Place::new();
        assert_eq!(place.start(), None);
        let older = place.folder.path().join("older.db");
        place.store().copier().copy(&older).unwrap();
        let before = place.file.clone();
        let mut store = place.store();
        let tx = store.begin().unwrap();
        tx.record(World::new(rules()).now.wall, &serde_json::json!({"event": "something"})).unwrap();
        tx.commit().unwrap();
        drop(store);
        assert_eq!(place.start(), None);
        assert_eq!(place.start(), None);
        change(&mut place, before, &older);
        let doubt = place.start().unwrap_or_default();
        assert!(doubt.contains(says), "{says}: {doubt}");
        assert_eq!(place.start().as_deref(), Some(doubt.as_str()), "another start makes it no better");
        place.take_over();
        assert_eq!(place.start(), None);
        assert_eq!(place.start(), None);
    }
    case("another device", |place, _, _| place.machine = machine("another"));
    case("do not belong together", |place, _, _| place.file = None);
    case("do not belong together", |place, before, _| place.file = before);
    case("do not belong together", |place, _, _| place.file.as_mut().unwrap().id = "2".repeat(32));
    case("older than it was", |place, _, older| {
        std::fs::rename(older, place.path()).unwrap();
    });
    case("older than it was", |place, _, _| {
        // As a copy is that was made before this was noticed at all.
        let mut store = place.store();
        let tx = store.begin().unwrap();
        tx.clear_metas("instance").unwrap();
        tx.commit().unwrap();
    });
    case("is gone", |place, _, _| std::fs::remove_file(place.path()).unwrap());
}
