//! Lines of either backend: the character device, or a Raspberry Pi's own registers.

use std::io;
use std::time::Duration;

use super::chardev::{self, Request, Shape};
use super::pulses::Edge;
#[cfg(feature = "rppal")]
use super::raspberry_pi;
use super::{GpioFault, InputWiring, Line, Purpose, RASPBERRY_PI, Trouble, Wiring};

/// A line that reports every edge.
pub(super) enum EdgeLine {
    Chardev(Request),
    #[cfg(feature = "rppal")]
    RaspberryPi(raspberry_pi::Edges),
}

/// A relay's coil. It is off from the moment it is opened, and switched off before it is given back. What the line does
/// then is up to the chip: a relay whose coil must not be driven then needs a resistor of its own.
#[derive(Debug)]
pub struct RelayLine {
    line: Line,
    output: Output,
}

/// The contact that shows whether a relay has switched.
#[derive(Debug)]
pub struct FeedbackLine {
    line: Line,
    level: Level,
}

#[derive(Debug)]
enum Output {
    Chardev(Request),
    #[cfg(feature = "rppal")]
    RaspberryPi(raspberry_pi::Output),
}

#[derive(Debug)]
enum Level {
    Chardev(Request),
    #[cfg(feature = "rppal")]
    RaspberryPi(raspberry_pi::Level),
}

impl EdgeLine {
    pub(super) fn open(wiring: &InputWiring) -> Result<EdgeLine, GpioFault> {
        if wiring.wiring.chip == RASPBERRY_PI {
            #[cfg(feature = "rppal")]
            return raspberry_pi::Edges::open(wiring).map(EdgeLine::RaspberryPi).map_err(|t| t.of(Purpose::Pulses));
            #[cfg(not(feature = "rppal"))]
            return Err(not_built().of(Purpose::Pulses));
        }
        let shape = Shape::Edges { bias: wiring.bias };
        chardev::request(&wiring.wiring, Purpose::Pulses, &shape).map(EdgeLine::Chardev)
    }

    pub(super) fn is_active(&self) -> io::Result<bool> {
        match self {
            EdgeLine::Chardev(request) => chardev::is_active(request),
            #[cfg(feature = "rppal")]
            EdgeLine::RaspberryPi(edges) => Ok(edges.is_active()),
        }
    }

    /// Waits for edges at most this long, and hands them on in their order; whether any came.
    pub(super) fn take(&self, wait: Duration, each: impl FnMut(Edge)) -> io::Result<bool> {
        match self {
            EdgeLine::Chardev(request) => chardev::take_edges(request, wait, each),
            #[cfg(feature = "rppal")]
            EdgeLine::RaspberryPi(edges) => edges.take(wait, each),
        }
    }
}

impl RelayLine {
    /// Takes the line for this program and makes it an inactive output.
    ///
    /// # Errors
    /// [`GpioFault`]; nothing is held then.
    pub fn open(wiring: &Wiring) -> Result<RelayLine, GpioFault> {
        let line = wiring.line.clone();
        if wiring.chip == RASPBERRY_PI {
            #[cfg(feature = "rppal")]
            return match raspberry_pi::Output::open(wiring) {
                Ok(output) => Ok(RelayLine { line, output: Output::RaspberryPi(output) }),
                Err(trouble) => Err(trouble.of(Purpose::Relay)),
            };
            #[cfg(not(feature = "rppal"))]
            return Err(not_built().of(Purpose::Relay));
        }
        let request = chardev::request(wiring, Purpose::Relay, &Shape::Output)?;
        Ok(RelayLine { line, output: Output::Chardev(request) })
    }

    /// Switches it.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub fn set(&mut self, on: bool) -> Result<(), GpioFault> {
        let done = match &mut self.output {
            Output::Chardev(request) => chardev::set(request, on),
            #[cfg(feature = "rppal")]
            Output::RaspberryPi(output) => {
                output.set(on);
                Ok(())
            }
        };
        done.map_err(|source| Trouble::Lost { line: self.line.clone(), is_output: true, source }.of(Purpose::Relay))
    }
}

impl Drop for RelayLine {
    fn drop(&mut self) {
        // A line that is lost cannot be switched any more, and whoever had it knows already.
        let _ = self.set(false);
    }
}

impl FeedbackLine {
    /// Takes the line for this program.
    ///
    /// # Errors
    /// [`GpioFault`]; nothing is held then.
    pub fn open(wiring: &InputWiring) -> Result<FeedbackLine, GpioFault> {
        let line = wiring.wiring.line.clone();
        if wiring.wiring.chip == RASPBERRY_PI {
            #[cfg(feature = "rppal")]
            return match raspberry_pi::Level::open(wiring) {
                Ok(level) => Ok(FeedbackLine { line, level: Level::RaspberryPi(level) }),
                Err(trouble) => Err(trouble.of(Purpose::Feedback)),
            };
            #[cfg(not(feature = "rppal"))]
            return Err(not_built().of(Purpose::Feedback));
        }
        let request = chardev::request(&wiring.wiring, Purpose::Feedback, &Shape::Level { bias: wiring.bias })?;
        Ok(FeedbackLine { line, level: Level::Chardev(request) })
    }

    /// Whether the relay's contact is closed.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub fn is_active(&self) -> Result<bool, GpioFault> {
        let active = match &self.level {
            Level::Chardev(request) => chardev::is_active(request),
            #[cfg(feature = "rppal")]
            Level::RaspberryPi(level) => Ok(level.is_active()),
        };
        active
            .map_err(|source| Trouble::Lost { line: self.line.clone(), is_output: false, source }.of(Purpose::Feedback))
    }
}

#[cfg(not(feature = "rppal"))]
fn not_built() -> Trouble {
    Trouble::NotHere { chip: RASPBERRY_PI.to_owned(), reason: "this Kilosat was built without it".to_owned() }
}

#[cfg(test)]
#[cfg(not(feature = "rppal"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_backend_that_was_not_built_is_refused_in_one_sentence() {
        let wiring = Wiring { chip: RASPBERRY_PI.to_owned(), line: Line::Name("GPIO17".to_owned()), active_low: true };
        let input = InputWiring { wiring: wiring.clone(), bias: crate::gpio::Bias::PullUp };
        let said = [
            RelayLine::open(&wiring).map(|_| ()).unwrap_err().to_string(),
            FeedbackLine::open(&input).map(|_| ()).unwrap_err().to_string(),
            EdgeLine::open(&input).map(|_| ()).unwrap_err().to_string(),
        ];
        let lost = ["The relay is not switched", "Whether the relay has switched is not known", "No pulse is counted"];
        for (said, lost) in said.iter().zip(lost) {
            let expected = format!(
                "the chip \"rppal\" is for a Raspberry Pi alone, and this Kilosat was built without it. {lost}; write the \
                 chip's name, which the program gpiodetect shows"
            );
            assert_eq!(*said, expected);
        }
    }
}
