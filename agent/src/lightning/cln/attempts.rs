//! Which pay calls of this process may still be trying: `listpays` says `failed` between two attempts of one call.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::invoice::PaymentHash;

/// The pay calls of this process. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<BTreeMap<PaymentHash, Call>>>);

/// How far the last call for a hash got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Not answered by the node; it tries no longer than this, in ms since this process started.
    Open(u64),
    /// The node has answered: it tries no more.
    Returned,
}

/// What is known of a hash's calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::lightning) enum Standing {
    /// The node may still be trying.
    Trying,
    /// Every call of this process is over.
    Over,
    /// This process made none, or forgot it.
    Unknown,
}

impl Attempts {
    /// Notes a call before it is sent, and returns what was there.
    pub fn begin(&self, hash: PaymentHash, until: u64) -> Option<Call> {
        let mut calls = self.lock();
        let known = calls.get(&hash).copied();
        if known.is_none() && calls.len() >= CALLS_MAX {
            let oldest = calls.iter().min_by_key(|(_, call)| call.end()).map(|(hash, _)| *hash);
            oldest.and_then(|hash| calls.remove(&hash));
        }
        let end = known.map_or(until, |known| known.end().max(until));
        calls.insert(hash, Call::Open(end));
        known
    }

    /// The call noted last was answered; what was open `before` it stays open.
    pub fn returned(&self, hash: PaymentHash, before: Option<Call>) {
        let open = before.filter(|call| matches!(call, Call::Open(_)));
        self.lock().insert(hash, open.unwrap_or(Call::Returned));
    }

    /// The call noted last never left this machine.
    pub fn not_sent(&self, hash: PaymentHash, before: Option<Call>) {
        let mut calls = self.lock();
        match before {
            Some(before) => calls.insert(hash, before),
            None => calls.remove(&hash),
        };
    }

    pub fn standing(&self, hash: &PaymentHash, now: u64) -> Standing {
        match self.lock().get(hash) {
            Some(Call::Open(until)) if now < *until => Standing::Trying,
            Some(_) => Standing::Over,
            None => Standing::Unknown,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PaymentHash, Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    fn end(self) -> u64 {
        match self {
            Call::Open(until) => until,
            Call::Returned => 0,
        }
    }
}

/// More than can be under way; a forgotten call falls back on the time the node names.
const CALLS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u16) -> PaymentHash {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        PaymentHash(bytes)
    }

    #[test]
    fn a_call_without_an_answer_is_trying_until_its_end() {
        let attempts = Attempts::default();
        assert_eq!(attempts.standing(&hash(1), 0), Standing::Unknown);
        let before = attempts.begin(hash(1), 100);
        assert_eq!(before, None);
        assert_eq!(attempts.standing(&hash(1), 99), Standing::Trying);
        assert_eq!(attempts.standing(&hash(1), 100), Standing::Over);
        let before = attempts.begin(hash(1), 200);
        attempts.returned(hash(1), before);
        assert_eq!(attempts.standing(&hash(1), 99), Standing::Trying, "the first one still has no answer");
        assert_eq!(attempts.standing(&hash(1), 100), Standing::Over);
    }

    #[test]
    fn an_answered_call_is_over_and_one_not_sent_was_none() {
        let attempts = Attempts::default();
        let before = attempts.begin(hash(1), 100);
        attempts.returned(hash(1), before);
        assert_eq!(attempts.standing(&hash(1), 0), Standing::Over);
        let before = attempts.begin(hash(2), 100);
        attempts.not_sent(hash(2), before);
        assert_eq!(attempts.standing(&hash(2), 0), Standing::Unknown);
    }

    #[test]
    fn the_memory_is_bounded_and_drops_what_is_over_first() {
        let attempts = Attempts::default();
        for number in 0..u16::try_from(CALLS_MAX).unwrap_or(u16::MAX) {
            attempts.begin(hash(number), 1_000);
        }
        attempts.returned(hash(7), None);
        attempts.begin(hash(60_000), 1_000);
        assert_eq!(attempts.standing(&hash(7), 0), Standing::Unknown);
        assert_eq!(attempts.standing(&hash(0), 0), Standing::Trying);
        assert_eq!(attempts.lock().len(), CALLS_MAX);
    }
}
