//! SIGKILL at the Nth system call of a kind, and disks that answer with an error.
//!
//! strace counts the calls of each thread by itself and strikes at the first that comes to N.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use sim::hub::Hub;

use crate::audit::Acknowledged;
use crate::dice::Dice;
use crate::house::{House, Kind};
use crate::{count, seed, side_by_side, tally};

/// Calls at which Kilosat is killed, with the highest N that is tried. What writes and flushes the books counts most.
const KILL_AT: [(&str, u64); 14] = [
    ("pwrite64", 300),
    ("pwrite64", 40),
    (FLUSH, 60),
    (FLUSH, 12),
    ("pread64", 60),
    ("openat", 12),
    ("fcntl", 120),
    ("ftruncate", 2),
    ("unlink", 2),
    ("connect", 20),
    ("writev", 30),
    ("recvfrom", 40),
    ("close", 30),
    ("epoll_wait", 150),
];

/// What the disk may answer, to which calls, with the highest N that is tried.
const FAIL_AT: [(&str, &str, u64); 8] = [
    ("pwrite64", "EIO", 120),
    ("pwrite64", "EIO", 12),
    ("pwrite64", "ENOSPC", 120),
    (FLUSH, "EIO", 30),
    (FLUSH, "EIO", 6),
    (FLUSH, "ENOSPC", 30),
    ("pread64", "EIO", 30),
    ("ftruncate", "ENOSPC", 2),
];

/// SQLite is built to use one of them.
const FLUSH: &str = "fsync,fdatasync";

#[test]
fn a_kill_at_any_system_call_loses_nothing_and_pays_nothing_twice() {
    need_strace();
    let points = count("KILOSAT_FAULT_SYSCALLS", 60);
    let settled: u64 = side_by_side(points, killed_street).into_iter().sum();
    println!("faults: {settled} payments settled between {points} kills at a system call");
    tally("system calls", points);
    assert!(settled >= points / 2, "money hardly moved: {settled} payments");
}

#[test]
fn a_disk_that_fails_or_is_full_stops_kilosat_with_a_clear_sentence() {
    need_strace();
    let errors = count("KILOSAT_FAULT_ERRORS", 16);
    let all = side_by_side(errors, failing_street);
    let (stopped, survived) = all.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!("faults: {stopped} disk errors stopped Kilosat, {survived} met no commit");
    tally("disk errors", errors);
    assert!(stopped >= errors / 2, "{stopped} of {errors} errors stopped Kilosat");
}

/// Returns how many payments were settled. Each house begins with a kill while the books are being made.
async fn killed_street(points: u64, mut dice: Dice) -> u64 {
    let (mut done, mut settled) = (0, 0);
    while done < points {
        let kind = if dice.below(2) == 0 { Kind::Lnd } else { Kind::Phoenixd };
        let mut house = House::build(kind, None).await;
        for life in 0..LIVES_PER_HOUSE.min(points - done) {
            let (call, most) = *dice.pick(&KILL_AT);
            let most = if life == 0 { most.min(BIRTH_CALLS) } else { most };
            let nth = 1 + dice.below(most);
            let context = format!("seed {}, {kind:?}, life {life}, killed at {call} number {nth}", seed());
            house.change_weather(&mut dice);
            let mut hub = strike(&house, call, "signal=SIGKILL", &nth.to_string());
            // One that never comes to that call is killed at some other one.
            let reached = hub.ended(LIFE_AT_MOST).await.is_some();
            hub.kill();
            house.audit(&context, Acknowledged::default());
            done += u64::from(reached);
        }
        let context = format!("seed {}, {kind:?}, the end", seed());
        settled += u64::try_from(house.close_accounts(&context).await).unwrap();
    }
    settled
}

/// Returns how many errors stopped Kilosat, and how many did not because no commit depended on that call.
async fn failing_street(errors: u64, mut dice: Dice) -> (u64, u64) {
    let (mut stopped, mut survived) = (0, 0);
    while stopped + survived < errors {
        let kind = if dice.below(2) == 0 { Kind::Lnd } else { Kind::Phoenixd };
        let mut house = House::build(kind, None).await;
        for life in 0..LIVES_PER_HOUSE.min(errors - stopped - survived) {
            let (call, error, most) = *dice.pick(&FAIL_AT);
            // A disk that recovers, or one that is dead from then on.
            let when = format!("{}{}", 1 + dice.below(most), dice.pick(&["", "+"]));
            let context = format!("seed {}, {kind:?}, life {life}, {error} from {call} at {when}", seed());
            house.change_weather(&mut dice);
            let (before, asked) = (house.log_length(), house.ledger.asked_count());
            let mut hub = strike(&house, call, &format!("error={error}"), &when);
            let mut findings = Vec::new();
            match stopped_or_moved(&mut hub, &house, asked).await {
                Some(Some(ended)) => {
                    stopped += 1;
                    let said = house.log_since(before);
                    let clear = CLEAR.iter().any(|words| said.contains(words)) && !said.contains("panicked");
                    findings.extend((ended.code() != Some(1) || !clear).then(|| format!("{ended}: {said}")));
                }
                // The error met a checkpoint, which is repeated, or the call never came.
                Some(None) => survived += 1,
                None => findings.push("it neither stopped nor went on".to_owned()),
            }
            house.expect_none(&context, &findings);
            hub.kill();
            house.audit(&context, Acknowledged::default());
        }
        let context = format!("seed {}, {kind:?}, the end", seed());
        house.close_accounts(&context).await;
    }
    (stopped, survived)
}

/// How it ended, or `None` when it has paid something and still runs after a while. A busy machine gets more time.
async fn stopped_or_moved(hub: &mut Hub, house: &House, asked: usize) -> Option<Option<ExitStatus>> {
    if let Some(ended) = hub.ended(LIFE_AT_MOST).await {
        return Some(Some(ended));
    }
    tokio::select! {
        moved = house.moved_since(asked, PATIENCE) => moved.then_some(None),
        ended = hub.ended(PATIENCE) => ended.map(Some),
    }
}

/// Starts the house's Kilosat so that `what` happens to the calls that `when` names; errors meet the books only.
fn strike(house: &House, call: &str, what: &str, when: &str) -> Hub {
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:{what}:when={when}"));
    let record = house.path("strace.txt");
    let mut watcher = vec!["strace", "-f", "-qq", "-o", record.to_str().unwrap(), "-e", &trace, "-e", &inject];
    let books = ["", "money.db", "money.db-wal", "money.db-shm"].map(|name| house.state.join(name));
    if what.starts_with("error") {
        // Stops at the calls in question only. strace 6.1 forgets a signal that is due after the first call then.
        watcher.push("--seccomp-bpf");
        watcher.extend(books.iter().flat_map(|path| ["-P", path.to_str().unwrap().trim_end_matches('/')]));
    }
    house.start_under(&watcher)
}

/// # Panics
/// Without strace; `tests/faults/tools` installs it.
fn need_strace() {
    let found = Command::new("strace").arg("--version").output();
    assert!(found.is_ok_and(|output| output.status.success()), "there is no strace; run tests/faults/tools");
}

/// One of these stands in what Kilosat says last, in a sentence of its own.
const CLEAR: [&str; 3] = ["the money database failed", "money.db is damaged", "the state directory"];
const LIVES_PER_HOUSE: u64 = 12;
/// A new database is made with so many calls of each kind.
const BIRTH_CALLS: u64 = 30;
const PATIENCE: Duration = Duration::from_secs(20);
const LIFE_AT_MOST: Duration = Duration::from_millis(1_500);
