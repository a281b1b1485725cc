//! Relays: each has a thread of its own that owns its line, so that nothing that hangs can leave one on.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use kilosat_drivers::gpio::relay::{Change, Contact, Relay};
use kilosat_drivers::gpio::{FeedbackLine, GpioFault, RelayLine};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::config::RelaySettings;
use crate::heartbeats::{Heart, Heartbeats};

/// Whoever decides about a relay holds one of these.
#[derive(Clone, Debug)]
pub struct RelayHandle {
    commands: SyncSender<Command>,
    view: Arc<Mutex<RelayView>>,
}

/// What a relay does now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayView {
    /// Switched on.
    pub on: bool,
    /// Why, to be read after "because".
    pub why: String,
    /// What its contact says.
    pub contact: Contact,
    /// Why it cannot be switched, if it cannot.
    pub fault: Option<String>,
    /// Why its contact cannot be looked at, if it cannot.
    pub contact_fault: Option<String>,
}

/// All relays. They are off when this exists, and off when it is gone.
#[derive(Debug, Default)]
pub(super) struct Relays {
    handles: BTreeMap<String, RelayHandle>,
    threads: Vec<JoinHandle<()>>,
}

/// A relay's id and what became of it, for the journal.
pub(super) type Switching = (String, Change);

#[derive(Debug)]
enum Command {
    Set { on: bool, why: String },
    Renew,
    ByHand { on: bool, done: oneshot::Sender<Result<String, String>> },
    End,
}

impl RelayHandle {
    /// It shall be on or off because of `why`. On lasts for [`LEASE`] unless it is renewed.
    pub fn set(&self, on: bool, why: &str) {
        // A relay that takes no word is full of them or gone; what is on goes off without a renewal.
        let _ = self.commands.try_send(Command::Set { on, why: why.to_owned() });
    }

    /// It is still wanted on.
    pub fn renew(&self) {
        let _ = self.commands.try_send(Command::Renew);
    }

    /// Switches it for whoever tests the installation; on lasts for [`HAND_LEASE`]. Says what was done, in one sentence.
    ///
    /// # Errors
    /// Why it was not done, in one sentence.
    pub async fn by_hand(&self, on: bool) -> Result<String, String> {
        let gone = || "The relay's thread does not answer. Look at the log; restart Kilosat.".to_owned();
        let (done, answer) = oneshot::channel();
        self.commands.try_send(Command::ByHand { on, done }).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// What it does now.
    #[must_use]
    pub fn view(&self) -> RelayView {
        lock(&self.view).clone()
    }
}

impl Relays {
    /// Takes every relay's line, which switches it off, and from then on watches over it. One that cannot be had is tried
    /// again and again.
    pub(super) fn start(
        relays: &[RelaySettings],
        clock: &Clock,
        hearts: &Heartbeats,
        changes: &mpsc::Sender<Switching>,
    ) -> Relays {
        let mut all = Relays::default();
        for settings in relays {
            let (commands, orders) = sync_channel(COMMANDS_MAX);
            let mut keeper = Keeper::new(settings, clock, changes);
            keeper.open();
            let view = Arc::clone(&keeper.view);
            let heart = hearts.heart(format!("relay {}", settings.id));
            let thread = std::thread::Builder::new().name("relay".to_owned());
            let thread = thread.spawn(move || keeper.keep(&orders, &heart));
            all.handles.insert(settings.id.clone(), RelayHandle { commands, view });
            all.threads.push(thread.expect("a thread can be started"));
        }
        all
    }

    pub(super) fn handles(&self) -> BTreeMap<String, RelayHandle> {
        self.handles.clone()
    }

    /// Switches all of them off and gives their lines back.
    pub(super) fn stop(&mut self) {
        for handle in self.handles.values() {
            // A thread that takes no word has ended, or ends with its last handle.
            let _ = handle.commands.send(Command::End);
        }
        self.handles.clear();
        for thread in self.threads.drain(..) {
            // Whatever ended it early was logged, and its line was switched off as it was given back.
            let _ = thread.join();
        }
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Switches off every relay of the configuration, after a Kilosat that could not do it itself. Says what cannot be done.
///
/// # Errors
/// One sentence for each relay that could not be switched off.
pub fn switch_relays_off(relays: &[RelaySettings]) -> Result<(), Vec<String>> {
    let faults = relays.iter().filter_map(|relay| match RelayLine::open(&relay.wiring) {
        Ok(line) => {
            drop(line);
            None
        }
        Err(fault) => Some(format!("Relay {}: {fault}", relay.id)),
    });
    let faults: Vec<_> = faults.collect();
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Owns one relay.
struct Keeper {
    settings: RelaySettings,
    clock: Clock,
    changes: mpsc::Sender<Switching>,
    relay: Relay,
    line: Option<RelayLine>,
    feedback: Option<FeedbackLine>,
    view: Arc<Mutex<RelayView>>,
    retry_ms: u64,
}

impl Keeper {
    fn new(settings: &RelaySettings, clock: &Clock, changes: &mpsc::Sender<Switching>) -> Keeper {
        let relay = Relay::new(settings.rules, clock.elapsed_ms());
        let Change { on, why } = relay.state().clone();
        let view = RelayView { on, why, contact: Contact::NotWatched, fault: None, contact_fault: None };
        let (settings, clock, changes, view) =
            (settings.clone(), clock.clone(), changes.clone(), Arc::new(Mutex::new(view)));
        Keeper { settings, clock, changes, relay, line: None, feedback: None, view, retry_ms: 0 }
    }

    fn keep(mut self, orders: &Receiver<Command>, heart: &Heart) {
        loop {
            heart.beat();
            match orders.recv_timeout(LOOK) {
                Ok(Command::Set { on, why }) => self.relay.set(self.clock.elapsed_ms(), on, &why, LEASE),
                Ok(Command::Renew) => self.relay.renew(self.clock.elapsed_ms(), LEASE),
                Ok(Command::ByHand { on, done }) => {
                    // Whoever asked may have gone; it is done all the same.
                    let _ = done.send(self.by_hand(on));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Command::End) | Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.line.is_none() || (self.feedback.is_none() && self.settings.feedback.is_some()) {
                self.open();
            }
            self.step();
        }
        let off = self.relay.switch_off(self.clock.elapsed_ms(), "Kilosat stops");
        self.perform(off);
    }

    /// Takes what it does not have yet, every [`RETRY_MS`].
    fn open(&mut self) {
        let now = self.clock.elapsed_ms();
        if now < self.retry_ms {
            return;
        }
        self.retry_ms = now.saturating_add(RETRY_MS);
        if self.line.is_none() {
            match RelayLine::open(&self.settings.wiring) {
                Ok(line) => {
                    self.line = Some(line);
                    lock(&self.view).fault = None;
                }
                Err(fault) => self.lost(&fault),
            }
        }
        if let (None, Some(wiring)) = (&self.feedback, &self.settings.feedback) {
            let opened = FeedbackLine::open(wiring);
            let fault = opened.as_ref().err().map(ToString::to_string);
            lock(&self.view).contact_fault = fault;
            self.feedback = opened.ok();
        }
    }

    fn step(&mut self) {
        let now = self.clock.elapsed_ms();
        let contact = match self.feedback.as_ref().map(FeedbackLine::is_active) {
            Some(Ok(closed)) => Some(closed),
            Some(Err(fault)) => {
                lock(&self.view).contact_fault = Some(fault.to_string());
                self.feedback = None;
                None
            }
            None => None,
        };
        let change = match self.line {
            Some(_) => self.relay.step(now, contact),
            None => self.relay.switch_off(now, "its line cannot be used"),
        };
        self.perform(change);
        let contact = self.relay.contact(now);
        let told = std::mem::replace(&mut lock(&self.view).contact, contact);
        if told != contact && matches!(contact, Contact::StaysClosed | Contact::StaysOpen) {
            tracing::error!(relay = self.settings.id, ?contact, "THE RELAY'S CONTACT DOES NOT FOLLOW");
        }
    }

    fn perform(&mut self, change: Option<Change>) {
        let Some(change) = change else { return };
        let done = self.line.as_mut().map_or(Ok(()), |line| line.set(change.on));
        if let Err(fault) = done {
            self.lost(&fault);
            self.relay.switch_off(self.clock.elapsed_ms(), "its line cannot be used");
            return;
        }
        tracing::info!(relay = self.settings.id, on = change.on, "switched, because {}", change.why);
        let Change { on, why } = change.clone();
        {
            let mut view = lock(&self.view);
            (view.on, view.why) = (on, why);
        }
        // The journal of a relay that chatters has holes; the log has none.
        let _ = self.changes.try_send((self.settings.id.clone(), change));
    }

    fn lost(&mut self, fault: &GpioFault) {
        tracing::error!(relay = self.settings.id, %fault, "the relay cannot be switched; it is tried again");
        self.line = None;
        let mut view = lock(&self.view);
        (view.on, view.fault) = (false, Some(fault.to_string()));
    }

    fn by_hand(&mut self, on: bool) -> Result<String, String> {
        let (id, now) = (self.settings.id.clone(), self.clock.elapsed_ms());
        if let Some(fault) = lock(&self.view).fault.clone() {
            return Err(format!("The relay {id} cannot be switched: {fault}."));
        }
        self.relay.set(now, on, "you switched it by hand", HAND_LEASE);
        self.step();
        let waits_s = self.relay.waits(now).as_millis().div_ceil(1_000);
        if let Some(fault) = lock(&self.view).fault.clone() {
            return Err(format!("The relay {id} cannot be switched: {fault}."));
        }
        match (on, waits_s) {
            (true, 0) => Ok(format!(
                "The relay {id} is on. It goes off by itself in {} s, unless you enter this again.",
                HAND_LEASE.as_secs()
            )),
            (true, _) => {
                self.relay.set(now, false, "you switched it by hand", HAND_LEASE);
                Err(format!(
                    "The relay {id} must stay off for another {waits_s} s; nothing was switched. Try again then."
                ))
            }
            (false, 0) => Ok(format!("The relay {id} is off.")),
            (false, _) => Ok(format!("The relay {id} goes off in {waits_s} s; until then it must stay on.")),
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On lasts this long without a renewal.
pub const LEASE: Duration = Duration::from_secs(30);
/// The same when somebody tests the installation.
pub const HAND_LEASE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
const RETRY_MS: u64 = 10_000;
const COMMANDS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use kilosat_drivers::gpio::relay::RelayRules;
    use kilosat_drivers::gpio::{Line, Wiring};

    use super::*;

    #[tokio::test]
    async fn a_relay_without_a_line_stays_off_whatever_is_wanted_and_says_why() {
        let settings = RelaySettings {
            id: "pump".to_owned(),
            wiring: Wiring { chip: "no such chip".to_owned(), line: Line::Number(1), active_low: false },
            rules: RelayRules {
                on_min: Duration::ZERO,
                off_min: Duration::ZERO,
                contact_max: Duration::from_millis(1),
            },
            feedback: None,
        };
        let ((changes, mut journal), clock) = (mpsc::channel(1), Clock::real());
        let mut relays =
            Relays::start(std::slice::from_ref(&settings), &clock, &Heartbeats::new(clock.clone()), &changes);
        let relay = relays.handles().remove("pump").unwrap();
        relay.set(true, "it is paid for");
        relay.renew();
        let said = relay.by_hand(true).await.unwrap_err();
        assert!(
            said.starts_with("The relay pump cannot be switched: there is no GPIO chip \"no such chip\""),
            "{said}"
        );
        let view = relay.view();
        assert!(!view.on && view.fault.is_some() && view.contact == Contact::NotWatched, "{view:?}");
        relays.stop();
        assert!(relay.by_hand(false).await.unwrap_err().contains("does not answer"));
        assert!(journal.try_recv().is_err(), "nothing was switched");
        let left = switch_relays_off(&[settings]).unwrap_err();
        assert!(matches!(left.as_slice(), [one] if one.starts_with("Relay pump: there is no GPIO chip")), "{left:?}");
    }
}
