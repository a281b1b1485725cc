//! The time an engine has seen, by which it notices that the clock was set.

use crate::clock::Now;
use crate::domain::money::UnixMillis;
use crate::domain::window::Jump;

/// The time this engine has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lived {
    /// The earliest wall time, and the last instant.
    seen: Option<(UnixMillis, Now)>,
    /// A clock that was set forward.
    pub(super) jump: Option<Jump>,
}

impl Lived {
    /// Notes an instant. A wall clock that gained much more than the monotonic one was behind until now.
    pub(super) fn note(&mut self, now: Now) {
        let Some((earliest, last)) = self.seen else {
            self.seen = Some((now.wall, now));
            return;
        };
        let expected = last.wall.plus(now.monotonic.saturating_sub(last.monotonic));
        if now.wall.since(expected) > JUMP_MS {
            self.jump = Some(Jump { from: earliest, to: expected, at: now.wall });
        }
        self.seen = Some((earliest.min(now.wall), now));
    }
}

/// A clock that is set by more than this was wrong before.
const JUMP_MS: u64 = 60_000;
