//! A Raspberry Pi's header through rppal, whose author retired it in July 2025: nothing outside this file may name it.
//!
//! As thin as it can be, because it runs on a Pi alone. Lines go by their BCM number, or by the name made of it, `GPIO17`.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rppal::gpio::{Error, Event, Gpio, InputPin, OutputPin, Pin, Trigger};

use super::pulses::Edge;
use super::{Bias, InputWiring, Line, Trouble, Wiring};

/// An input whose edges a thread of the library's own reports.
pub(super) struct Edges {
    pin: Level,
    // A receiver is not for several threads at once; only one takes edges.
    reports: Mutex<Receiver<Event>>,
}

/// An input that is only read.
#[derive(Debug)]
pub(super) struct Level {
    pin: InputPin,
    active_low: bool,
}

/// An output.
#[derive(Debug)]
pub(super) struct Output {
    pin: OutputPin,
    active_low: bool,
}

impl Edges {
    pub(super) fn open(wiring: &InputWiring) -> Result<Edges, Trouble> {
        let mut pin = Level::open(wiring)?;
        let (sender, reports) = sync_channel(REPORTS_MAX);
        // Reports that find no room are missed by their numbers.
        let report = move |event| {
            let _ = sender.try_send(event);
        };
        pin.pin.set_async_interrupt(Trigger::Both, None, report).map_err(|error| trouble(&wiring.wiring, error))?;
        Ok(Edges { pin, reports: Mutex::new(reports) })
    }

    pub(super) fn is_active(&self) -> bool {
        self.pin.is_active()
    }

    pub(super) fn take(&self, wait: Duration, mut each: impl FnMut(Edge)) -> io::Result<bool> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let first = match reports.recv_timeout(wait) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => return Ok(false),
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        for event in std::iter::once(first).chain(reports.try_iter()) {
            let at_ns = u64::try_from(event.timestamp.as_nanos()).unwrap_or(u64::MAX);
            let active = (event.trigger == Trigger::FallingEdge) == self.pin.active_low;
            each(Edge { at_ns, active, line_seqno: event.seqno });
        }
        Ok(true)
    }
}

impl Level {
    pub(super) fn open(wiring: &InputWiring) -> Result<Level, Trouble> {
        let pin = pin(&wiring.wiring)?;
        let pin = match wiring.bias {
            Bias::PullUp => pin.into_input_pullup(),
            Bias::PullDown => pin.into_input_pulldown(),
            Bias::ExternalPullUp | Bias::ExternalPullDown => pin.into_input(),
        };
        Ok(Level { pin, active_low: wiring.wiring.active_low })
    }

    pub(super) fn is_active(&self) -> bool {
        self.pin.is_low() == self.active_low
    }
}

impl Output {
    pub(super) fn open(wiring: &Wiring) -> Result<Output, Trouble> {
        let pin = pin(wiring)?;
        let mut pin = if wiring.active_low { pin.into_output_high() } else { pin.into_output_low() };
        // The line keeps its inactive level when the program ends.
        pin.set_reset_on_drop(false);
        Ok(Output { pin, active_low: wiring.active_low })
    }

    pub(super) fn set(&mut self, active: bool) {
        self.pin.write((active != self.active_low).into());
    }
}

fn pin(wiring: &Wiring) -> Result<Pin, Trouble> {
    let number = match &wiring.line {
        Line::Number(number) => u8::try_from(*number).ok(),
        Line::Name(name) => name.strip_prefix("GPIO").and_then(|number| number.parse().ok()),
    };
    let (chip, line) = (wiring.chip.clone(), wiring.line.clone());
    let gpio = Gpio::new().map_err(|error| trouble(wiring, error))?;
    gpio.get(number.ok_or(Trouble::NoLine { chip, line })?).map_err(|error| trouble(wiring, error))
}

fn trouble(wiring: &Wiring, error: Error) -> Trouble {
    let (chip, line) = (wiring.chip.clone(), wiring.line.clone());
    match error {
        Error::UnknownModel => Trouble::NotHere { chip, reason: "this machine is none that it knows".to_owned() },
        Error::PinUsed(_) => Trouble::InUse { line, user: "another part of Kilosat".to_owned() },
        Error::PinNotAvailable(_) => Trouble::NoLine { chip, line },
        Error::PermissionDenied(path) => {
            let source = io::Error::new(io::ErrorKind::PermissionDenied, path);
            Trouble::NoPermission { line, source }
        }
        Error::Io(source) if source.kind() == io::ErrorKind::ResourceBusy => {
            Trouble::InUse { line, user: "another program".to_owned() }
        }
        Error::Io(source) => Trouble::System { line, source },
        Error::ThreadPanic => Trouble::System { line, source: io::Error::other("its thread ended") },
    }
}

/// Half a minute of the fastest pulses.
const REPORTS_MAX: usize = 1_024;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::gpio::{Purpose, RASPBERRY_PI, RelayLine};

    #[test]
    fn on_any_other_machine_it_is_refused_in_one_sentence() {
        let wiring = Wiring { chip: RASPBERRY_PI.to_owned(), line: Line::Number(17), active_low: false };
        let said = RelayLine::open(&wiring).map(|_| ()).unwrap_err();
        assert_eq!(said.purpose, Purpose::Relay);
        assert_eq!(
            said.to_string(),
            "the chip \"rppal\" is for a Raspberry Pi alone, and this machine is none that it knows. The relay is not \
             switched; write the chip's name, which the program gpiodetect shows"
        );
    }
}
