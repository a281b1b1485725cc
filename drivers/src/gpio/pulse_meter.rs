//! A meter's pulse output on a GPIO line, counted in a thread of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::lines::EdgeLine;
use super::pulses::{PulseCounter, PulseRules, Tally};
use super::{GpioFault, InputWiring, Purpose, Trouble};
use crate::reading::{MilliwattHours, Milliwatts};

/// Counts pulses from the moment it is opened, whatever the rest of the program does; reading hands the count over.
#[derive(Debug)]
pub struct PulseMeter {
    wiring: InputWiring,
    counter: Arc<Mutex<PulseCounter>>,
    thread: Option<Counting>,
}

/// What was counted since the first opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PulseReading {
    /// Pulses.
    pub pulses: u64,
    /// Their energy, rounded down.
    pub energy: MilliwattHours,
    /// The power now, as far as pulses tell.
    pub power: Option<Milliwatts>,
    /// What was not counted.
    pub tally: Tally,
}

/// The thread that counts, until it is dropped.
#[derive(Debug)]
struct Counting {
    stop: Arc<AtomicBool>,
    fault: Arc<Mutex<Option<std::io::Error>>>,
}

impl PulseMeter {
    /// A meter that does not count yet.
    #[must_use]
    pub fn new(wiring: InputWiring, rules: PulseRules) -> PulseMeter {
        PulseMeter { wiring, counter: Arc::new(Mutex::new(PulseCounter::new(rules))), thread: None }
    }

    /// Takes the line for this program and counts on it from now on. Opened again after a fault, it goes on with the count
    /// it had; what came in between is not known.
    ///
    /// # Errors
    /// [`GpioFault`]; nothing is held then.
    pub fn open(&mut self) -> Result<(), GpioFault> {
        self.thread = None;
        let line = EdgeLine::open(&self.wiring)?;
        let active = line.is_active().map_err(|source| self.lost(source))?;
        lock(&self.counter).opened(active);
        let counting = Counting { stop: Arc::default(), fault: Arc::default() };
        let (stop, fault, counter) =
            (Arc::clone(&counting.stop), Arc::clone(&counting.fault), Arc::clone(&self.counter));
        let thread = std::thread::Builder::new().name("pulses".to_owned()).spawn(move || {
            if let Err(error) = count(&line, &counter, &stop) {
                *lock(&fault) = Some(error);
            }
        });
        let _detached = thread.map_err(|source| self.lost(source))?;
        self.thread = Some(counting);
        Ok(())
    }

    /// What was counted so far, also while nothing is counted because of a fault.
    #[must_use]
    pub fn read(&self) -> PulseReading {
        let counter = lock(&self.counter);
        PulseReading {
            pulses: counter.pulses(),
            energy: counter.energy(),
            power: counter.power(),
            tally: counter.tally(),
        }
    }

    /// Whether it counts.
    ///
    /// # Errors
    /// [`Trouble::Lost`], once: open it again then.
    pub fn check(&mut self) -> Result<bool, GpioFault> {
        let Some(counting) = &self.thread else { return Ok(false) };
        let fault = lock(&counting.fault).take();
        match fault {
            None => Ok(true),
            Some(source) => {
                self.thread = None;
                Err(self.lost(source))
            }
        }
    }

    fn lost(&self, source: std::io::Error) -> GpioFault {
        Trouble::Lost { line: self.wiring.wiring.line.clone(), is_output: false, source }.of(Purpose::Pulses)
    }
}

impl Drop for Counting {
    /// The line is given back a moment later.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn count(line: &EdgeLine, counter: &Mutex<PulseCounter>, stop: &AtomicBool) -> std::io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let wait = lock(counter).pending().unwrap_or(LOOK).clamp(WAIT_MIN, LOOK);
        match line.take(wait, |edge| lock(counter).edge(edge)) {
            Ok(true) => {}
            // Nothing was waiting in the kernel either, so this much time has passed since the last edge.
            Ok(false) => lock(counter).quiet(wait),
            // A signal; how much of the time has passed is not known.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often the thread looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(200);
/// The kernel waits in whole milliseconds.
const WAIT_MIN: Duration = Duration::from_millis(1);
