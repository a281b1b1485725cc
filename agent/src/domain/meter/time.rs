//! How much time lies between two samples, when clocks jump and machines restart.

use crate::domain::money::UnixMillis;

/// One instant, with what is known of the clocks that told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Wall time; may jump.
    pub wall: UnixMillis,
    /// The wall clock was set by a time service.
    pub trusted: bool,
    /// Which start of the machine; 0 where that is not known.
    pub boot: u64,
    /// Milliseconds since that start; never jumps.
    pub monotonic_ms: u64,
}

/// Time between two instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    /// At least so many milliseconds.
    pub at_least_ms: u64,
    /// And not more either.
    pub exact: bool,
}

impl Stamp {
    /// Time since `earlier`: by the monotonic clock within one start of the machine. Over a restart by the wall clock if
    /// it was right at both ends; otherwise only the time since the machine started is certain.
    pub fn since(self, earlier: Stamp) -> Elapsed {
        let known = self.boot != 0 && earlier.boot != 0;
        if known && self.boot == earlier.boot && self.monotonic_ms >= earlier.monotonic_ms {
            return Elapsed { at_least_ms: self.monotonic_ms - earlier.monotonic_ms, exact: true };
        }
        let since_start = if known { self.monotonic_ms } else { 0 };
        if self.trusted && earlier.trusted {
            return Elapsed { at_least_ms: self.wall.since(earlier.wall).max(since_start), exact: true };
        }
        Elapsed { at_least_ms: since_start, exact: false }
    }

    /// The same instant, with the wall time it had according to a clock that is right `now`. What was read before the
    /// machine started is at the latest from then.
    pub(super) fn corrected(self, now: Stamp) -> Stamp {
        if self.trusted || !now.trusted || self.boot == 0 || now.boot == 0 {
            return self;
        }
        let is_same = self.boot == now.boot && self.monotonic_ms <= now.monotonic_ms;
        let ago = if is_same { now.monotonic_ms - self.monotonic_ms } else { now.monotonic_ms };
        Stamp { wall: UnixMillis(now.wall.0.saturating_sub(ago)), trusted: true, ..self }
    }
}

/// The time by a clock that was right once since the machine started; a wall clock that jumps later changes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steadiness {
    /// The last instant at which the clock was right.
    right: Option<Stamp>,
    /// Before a restart of this program the clock was not trusted; it must have been set since.
    doubtful: Option<Stamp>,
}

impl Steadiness {
    pub(super) fn new(last: Option<Stamp>) -> Steadiness {
        Steadiness { right: last.filter(|stamp| stamp.trusted), doubtful: last.filter(|stamp| !stamp.trusted) }
    }

    /// `stamp` with the wall time it should have, as far as that is known.
    pub(super) fn check(&mut self, stamp: Stamp) -> Stamp {
        let trusted = stamp.trusted && !self.doubtful.is_some_and(|doubtful| goes_on(doubtful, stamp));
        let checked = match self.right {
            Some(right) if right.boot == stamp.boot && !(trusted && goes_on(right, stamp)) => {
                let passed_ms = stamp.monotonic_ms.saturating_sub(right.monotonic_ms);
                Stamp { wall: right.wall.plus(passed_ms), trusted: true, ..stamp }
            }
            _ => Stamp { trusted, ..stamp },
        };
        if checked.trusted {
            *self = Steadiness { right: Some(checked), doubtful: None };
        }
        checked
    }
}

/// Whether the wall clock moved as the monotonic clock did, within one start of the machine.
fn goes_on(earlier: Stamp, later: Stamp) -> bool {
    let monotonic = i128::from(later.monotonic_ms) - i128::from(earlier.monotonic_ms);
    let wall = i128::from(later.wall.0) - i128::from(earlier.wall.0);
    later.boot == earlier.boot && (wall - monotonic).unsigned_abs() <= JUMP_MIN_MS
}

/// A wall clock that moves by more than this against the monotonic clock has jumped.
const JUMP_MIN_MS: u128 = 60_000;
