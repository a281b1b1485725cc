//! The real binary, killed, starved and cut off while money moves: nothing is paid twice, nothing is lost, and a row is
//! on the disk before a byte is on the wire.
//!
//! A few of each in the normal run; `tests/faults/long` runs thousands. What these read from the environment:
//! `KILOSAT_FAULT_KILLS`, `KILOSAT_FAULT_SYSCALLS`, `KILOSAT_FAULT_ERRORS`, `KILOSAT_FAULT_CUTS` (how many),
//! `KILOSAT_FAULT_SEED`, and `KILOSAT_FAULT_ALL` (what this machine cannot do is a failure, not a remark).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests may panic, write files and say how far they came"
)]

mod audit;
mod dice;
mod house;
mod image;
mod kills;
mod power;
mod syscalls;

use dice::Dice;

/// What a campaign is to do: from the environment, else as much as the normal run has time for.
fn count(variable: &str, otherwise: u64) -> u64 {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty());
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

/// The seed of everything that is left to chance.
fn seed() -> u64 {
    count("KILOSAT_FAULT_SEED", 1)
}

/// The line `tests/faults/long` adds up.
fn tally(what: &str, count: u64) {
    println!("faults: {what}: {count}");
}

/// Lets a few streets of houses share the work, each with chance of its own. What they return comes back.
///
/// Most of the time each waits for a disk or for a timer. The street runs on a thread of its own, because it blocks; its
/// peers run on other threads.
///
/// # Panics
/// When one of them does.
fn side_by_side<T: Send>(total: u64, street: impl AsyncFn(u64, Dice) -> T + Sync) -> Vec<T> {
    let walk = |lane: u64| {
        let share = total / LANES + u64::from(lane < total % LANES);
        let dice = Dice::new(seed().wrapping_mul(0x1_0001).wrapping_add(lane));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(PEER_THREADS).enable_all().build();
        runtime.unwrap().block_on(street(share, dice))
    };
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES).map(|lane| scope.spawn(move || walk(lane))).collect();
        lanes.into_iter().map(|lane| lane.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

const LANES: u64 = 2;
const PEER_THREADS: usize = 2;
