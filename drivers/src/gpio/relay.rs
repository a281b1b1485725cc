//! When a relay is on: decisions without I/O or a clock. In doubt it is off.

use std::time::Duration;

/// What a relay and what hangs on it can bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayRules {
    /// Once on, it stays on for at least this long, unless it is switched off for safety.
    pub on_min: Duration,
    /// Once off, and after every start, it stays off for at least this long.
    pub off_min: Duration,
    /// Its contact follows within this time.
    pub contact_max: Duration,
}

/// One relay: what is wanted of it, and what it does.
#[derive(Clone, Debug)]
pub struct Relay {
    rules: RelayRules,
    state: Change,
    since_ms: u64,
    wanted: Change,
    /// Off at this time unless whoever wanted it on says so again before.
    deadline_ms: Option<u64>,
    contact: Option<bool>,
    differs_since_ms: Option<u64>,
}

/// A state, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Switched on.
    pub on: bool,
    /// Why, to be read after "because".
    pub why: String,
}

/// What a relay's contact says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Nobody looks at it.
    NotWatched,
    /// As it should be, or not yet late.
    Follows,
    /// It should be open: the contact may be welded, and what hangs on it is not switched off.
    StaysClosed,
    /// It should be closed: the relay, its supply or its wire may be broken.
    StaysOpen,
}

impl Relay {
    /// A relay that was just switched off.
    #[must_use]
    pub fn new(rules: RelayRules, now_ms: u64) -> Relay {
        let off = Change { on: false, why: "Kilosat started".to_owned() };
        Relay {
            rules,
            state: off.clone(),
            since_ms: now_ms,
            wanted: off,
            deadline_ms: None,
            contact: None,
            differs_since_ms: None,
        }
    }

    /// It shall be on or off because of `why`; on for `lease`, unless that is renewed in time.
    pub fn set(&mut self, now_ms: u64, on: bool, why: &str, lease: Duration) {
        self.wanted = Change { on, why: why.to_owned() };
        self.deadline_ms = on.then(|| now_ms.saturating_add(millis(lease)));
    }

    /// What was wanted is still wanted, for `lease` from now on. Renews nothing that has lapsed.
    pub fn renew(&mut self, now_ms: u64, lease: Duration) {
        if let Some(deadline) = self.deadline_ms.filter(|deadline| now_ms < *deadline) {
            self.deadline_ms = Some(deadline.max(now_ms.saturating_add(millis(lease))));
        }
    }

    /// Off now, whatever was wanted: for the end of the program and for faults.
    pub fn switch_off(&mut self, now_ms: u64, why: &str) -> Option<Change> {
        self.wanted = Change { on: false, why: why.to_owned() };
        self.deadline_ms = None;
        self.change(now_ms)
    }

    /// What the relay is to be switched to now, if it is to be. `contact`: whether its contact is closed, if somebody looks.
    pub fn step(&mut self, now_ms: u64, contact: Option<bool>) -> Option<Change> {
        self.look(now_ms, contact);
        if self.deadline_ms.is_some_and(|deadline| now_ms >= deadline) {
            return self.switch_off(now_ms, "nobody said in time that it is still wanted");
        }
        if self.waits(now_ms) > Duration::ZERO { None } else { self.change(now_ms) }
    }

    /// How long what is wanted has to wait for what the relay can bear.
    #[must_use]
    pub fn waits(&self, now_ms: u64) -> Duration {
        let least = if self.state.on { self.rules.on_min } else { self.rules.off_min };
        let over_ms = self.since_ms.saturating_add(millis(least));
        let waits_ms = if self.wanted.on == self.state.on { 0 } else { over_ms.saturating_sub(now_ms) };
        Duration::from_millis(waits_ms)
    }

    /// What it does, and why.
    #[must_use]
    pub fn state(&self) -> &Change {
        &self.state
    }

    /// What its contact said at the last step.
    #[must_use]
    pub fn contact(&self, now_ms: u64) -> Contact {
        let is_late =
            self.differs_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= millis(self.rules.contact_max));
        match self.contact {
            None => Contact::NotWatched,
            Some(true) if is_late => Contact::StaysClosed,
            Some(false) if is_late => Contact::StaysOpen,
            Some(_) => Contact::Follows,
        }
    }

    fn look(&mut self, now_ms: u64, contact: Option<bool>) {
        self.contact = contact;
        let differs = contact.is_some_and(|closed| closed != self.state.on);
        self.differs_since_ms = self.differs_since_ms.or(Some(now_ms)).filter(|_| differs);
    }

    fn change(&mut self, now_ms: u64) -> Option<Change> {
        if self.wanted.on == self.state.on {
            return None;
        }
        self.state = self.wanted.clone();
        (self.since_ms, self.differs_since_ms) = (now_ms, None);
        Some(self.state.clone())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
