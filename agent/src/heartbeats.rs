//! Whether the loops that must turn still do; the watchdog of the machine is fed by this and by nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::clock::Clock;

/// All loops of one start. Clones know the same ones.
#[derive(Clone, Debug)]
pub struct Heartbeats {
    clock: Clock,
    hearts: Arc<Mutex<Vec<Arc<State>>>>,
}

/// One loop's. It ends with the loop; one that a panic ended counts as standing still.
#[derive(Debug)]
pub struct Heart {
    clock: Clock,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    name: String,
    /// Milliseconds since the program started.
    beat_ms: AtomicU64,
    has_ended: AtomicBool,
}

impl Heartbeats {
    /// Of no loop yet.
    pub fn new(clock: Clock) -> Heartbeats {
        Heartbeats { clock, hearts: Arc::default() }
    }

    /// Whose time is meant.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// For the loop `name`, which has just turned.
    #[must_use]
    pub fn heart(&self, name: impl Into<String>) -> Heart {
        let beat_ms = AtomicU64::new(self.clock.elapsed_ms());
        let state = Arc::new(State { name: name.into(), beat_ms, has_ended: AtomicBool::new(false) });
        self.hearts.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&state));
        Heart { clock: self.clock.clone(), state }
    }

    /// The loops that have not turned for [`STANDSTILL`].
    pub fn standing_still(&self) -> Vec<String> {
        self.still_at(self.clock.elapsed_ms())
    }

    fn still_at(&self, now_ms: u64) -> Vec<String> {
        let mut hearts = self.hearts.lock().unwrap_or_else(PoisonError::into_inner);
        hearts.retain(|heart| !heart.has_ended.load(Ordering::Relaxed));
        let is_still = |heart: &&Arc<State>| {
            let quiet_ms = now_ms.saturating_sub(heart.beat_ms.load(Ordering::Relaxed));
            Duration::from_millis(quiet_ms) > STANDSTILL
        };
        hearts.iter().filter(is_still).map(|heart| heart.name.clone()).collect()
    }
}

impl Heart {
    /// The loop turned.
    pub fn beat(&self) {
        self.state.beat_ms.store(self.clock.elapsed_ms(), Ordering::Relaxed);
    }

    /// Does `work`, whose waits are all bounded, and beats in the same task: no longer once something in `work` blocks it.
    pub async fn of<T>(self, work: impl Future<Output = T>) -> T {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = beats.tick() => self.beat(),
            }
        }
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.state.has_ended.store(!std::thread::panicking(), Ordering::Relaxed);
    }
}

/// A loop that does not turn for so long has a fault (`reliability-security`, section 9).
pub const STANDSTILL: Duration = Duration::from_secs(10);
const BEAT: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_blocks_or_panics_stands_still_and_one_that_ends_does_not() {
        let clock = Clock::real();
        let hearts = Heartbeats::new(clock.clone());
        let [turns, ends, fails, blocks] = ["turns", "ends", "fails", "blocks"].map(|name| hearts.heart(name));
        let long_after = clock.elapsed_ms() + 60_000;
        ends.of(async {}).await;
        assert!(tokio::spawn(fails.of(async { panic!("on purpose") })).await.is_err());
        assert!(hearts.standing_still().is_empty(), "nobody has been still for long enough");
        assert_eq!(hearts.still_at(long_after), ["turns", "fails", "blocks"]);
        turns.state.beat_ms.store(long_after, Ordering::Relaxed);
        assert_eq!(hearts.still_at(long_after), ["fails", "blocks"]);
        blocks.beat();
        assert_eq!(hearts.still_at(blocks.state.beat_ms.load(Ordering::Relaxed) + 10_000), ["fails"], "just in time");
    }

    #[tokio::test]
    async fn work_that_waits_beats_on() {
        let heart = Heartbeats::new(Clock::real()).heart("a line");
        let state = Arc::clone(&heart.state);
        state.beat_ms.store(u64::MAX, Ordering::Relaxed);
        let waiting = tokio::spawn(heart.of(std::future::pending::<()>()));
        while state.beat_ms.load(Ordering::Relaxed) == u64::MAX {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        assert!(waiting.await.is_err() && state.has_ended.load(Ordering::Relaxed));
    }
}
