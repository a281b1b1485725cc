//! What is to be tried again, and when. Kept in memory: every job is derived from the rows again at start.

use std::collections::BTreeMap;

use crate::domain::invoice::PaymentHash;

/// Something to be tried when its time comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Job {
    /// Get an invoice for a purchase, or pay its failed one again.
    Bill(i64),
    /// Send an intent.
    Send(i64),
    /// Look a payment up.
    LookUp(PaymentHash),
    /// Ask a data seller.
    Fetch(String),
    /// See whether an agreement owes enough, or for long enough, although its meter stands still.
    Owed(String),
}

#[derive(Clone, Copy, Debug)]
struct Due {
    at: u64,
    attempts: u32,
    /// Its question was asked, and `at` is when the answer counts as lost.
    asked: bool,
}

/// Jobs and their times, in monotonic milliseconds.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    due: BTreeMap<Job, Due>,
}

impl Jobs {
    /// Puts `job` at an instant and forgets earlier attempts.
    pub(super) fn at(&mut self, job: Job, at: u64) {
        self.due.insert(job, Due { at, attempts: 0, asked: false });
    }

    /// Puts `job` later than last time: doubling from its first wait up to its longest, plus up to a quarter of jitter.
    pub(super) fn again(&mut self, job: Job, now: u64) {
        let attempts = self.due.get(&job).map_or(0, |due| due.attempts).saturating_add(1);
        self.after(job, attempts, now);
    }

    /// Puts `job` where it belongs after `attempts` attempts, for whoever counts them elsewhere.
    pub(super) fn after(&mut self, job: Job, attempts: u32, now: u64) {
        let (first, longest) = job.waits();
        let doublings = attempts.saturating_sub(1).min(20);
        let wait = first.saturating_mul(1 << doublings).min(longest);
        let at = now.saturating_add(wait).saturating_add(jitter(wait / 4));
        self.due.insert(job, Due { at, attempts, asked: false });
    }

    /// Makes `job` due at `at` and remembers its attempts.
    pub(super) fn ready(&mut self, job: Job, at: u64) {
        let attempts = self.due.get(&job).map_or(0, |due| due.attempts);
        self.due.insert(job, Due { at, attempts, asked: false });
    }

    /// Notes that `job`'s question was just asked: it comes back only if the answer gets lost.
    pub(super) fn asked(&mut self, job: Job, now: u64) {
        let attempts = self.due.get(&job).map_or(0, |due| due.attempts);
        self.due.insert(job, Due { at: now.saturating_add(ANSWER_WAIT_MS), attempts, asked: true });
    }

    /// Whether `job`'s question was asked and may still be answered.
    pub(super) fn is_asked(&self, job: &Job) -> bool {
        self.due.get(job).is_some_and(|due| due.asked)
    }

    /// Forgets `job`.
    pub(super) fn done(&mut self, job: &Job) {
        self.due.remove(job);
    }

    /// Whether `job` waits for a later instant than `now`.
    pub(super) fn waits(&self, job: &Job, now: u64) -> bool {
        self.due.get(job).is_some_and(|due| due.at > now)
    }

    /// Whether the time of any job has come.
    pub(super) fn is_any_due(&self, now: u64) -> bool {
        self.due.values().any(|due| due.at <= now)
    }

    /// When the next job comes due.
    #[cfg(test)]
    pub(super) fn next(&self) -> Option<u64> {
        self.due.values().map(|due| due.at).min()
    }

    /// The jobs whose time has come. Each is put off by the longest time its answer can take, in case that gets lost.
    pub(super) fn take_due(&mut self, now: u64) -> Vec<Job> {
        let due = self.due.iter_mut().filter(|(_, due)| due.at <= now).take(JOBS_AT_ONCE_MAX);
        due.map(|(job, due)| {
            due.at = now.saturating_add(ANSWER_WAIT_MS);
            job.clone()
        })
        .collect()
    }
}

impl Job {
    /// First and longest wait between attempts, in ms.
    fn waits(&self) -> (u64, u64) {
        match self {
            Job::Bill(_) => (2_000, 3_600_000),
            Job::Send(_) => (1_000, 300_000),
            Job::LookUp(_) => (1_000, 600_000),
            Job::Fetch(_) => (5_000, 3_600_000),
            Job::Owed(_) => (600_000, 600_000),
        }
    }
}

/// Spreads retries so that a thousand hubs do not come back at the same instant. Tests repeat from their seed alone.
fn jitter(below: u64) -> u64 {
    if cfg!(test) {
        return below / 2;
    }
    let mut random = [0; 8];
    match getrandom::fill(&mut random) {
        Ok(()) => u64::from_le_bytes(random) % below.max(1),
        Err(_) => 0,
    }
}

/// An effect whose answer has not come after this long is derived again; longer than any task's own time limit: a payment
/// may wait 20 s for its turn, and LNbits asks for its fee, pays and looks it up in 60 s and a few calls of 10 s each.
const ANSWER_WAIT_MS: u64 = 150_000;
const JOBS_AT_ONCE_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_move_apart_and_a_lost_answer_is_asked_for_again() {
        let mut jobs = Jobs::default();
        jobs.at(Job::Bill(1), 0);
        assert_eq!(jobs.take_due(0), [Job::Bill(1)]);
        assert!(jobs.take_due(ANSWER_WAIT_MS - 1).is_empty());
        assert_eq!(jobs.take_due(ANSWER_WAIT_MS), [Job::Bill(1)]);
        jobs.again(Job::Bill(1), 0);
        assert!(jobs.waits(&Job::Bill(1), 1_999) && !jobs.waits(&Job::Bill(1), 2_500));
        for _ in 0..40 {
            jobs.again(Job::Bill(1), 0);
        }
        assert!(!jobs.waits(&Job::Bill(1), 4_500_000), "an hour and a quarter at most");
        jobs.done(&Job::Bill(1));
        assert!(jobs.take_due(u64::MAX).is_empty());
    }
}
