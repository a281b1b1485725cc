//! A push button on a GPIO line of this machine, through the kernel's GPIO character device.

mod chardev; // the only file that names gpiocdev
mod fault;
pub mod pulses;

use std::fmt;
use std::time::Duration;

use chardev::Request;
pub use fault::ButtonFault;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

/// Where a button is connected, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ButtonWiring {
    /// The chip's label such as `pinctrl-rp1`, or the path of its device file, which begins with `/`.
    pub chip: String,
    /// The line of that chip.
    pub line: Line,
    /// What the button does to the circuit when it is pressed.
    pub contact: Contact,
    /// What holds the line while the circuit is open.
    pub bias: Bias,
    /// Changes shorter than this are not a press; the kernel watches over it.
    pub debounce: Duration,
}

/// One line of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// By the name the machine's maker gave it, such as `GPIO17`.
    Name(String),
    /// By its number on the chip, from 0.
    Number(u32),
}

/// A button's contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Closed only while the button is pressed. A broken wire is not noticed.
    NormallyOpen,
    /// Opened by the button. A broken wire is the same as a press, which is the safe way round.
    NormallyClosed,
}

/// The resistor that gives an open circuit its level. The button connects the line to the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bias {
    /// The chip's own, to the supply.
    PullUp,
    /// The chip's own, to ground.
    PullDown,
    /// One outside the chip, to the supply.
    ExternalPullUp,
    /// One outside the chip, to ground.
    ExternalPullDown,
}

/// A button that is watched. The line belongs to this handle alone until it is dropped.
#[derive(Debug)]
pub struct Button {
    line: Line,
    request: AsyncFd<Request>,
}

impl ButtonWiring {
    /// Whether a pressed button means the low level on the line.
    fn pressed_is_low(&self) -> bool {
        let open_is_low = matches!(self.bias, Bias::PullDown | Bias::ExternalPullDown);
        match self.contact {
            Contact::NormallyOpen => !open_is_low,
            Contact::NormallyClosed => open_is_low,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Name(name) => f.write_str(name),
            Line::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Button {
    /// Takes the line for this program and waits until its level is one to rely on: a little longer than the debounce
    /// period. A press in that time is not lost.
    ///
    /// # Errors
    /// [`ButtonFault`]; nothing is held then.
    pub async fn open(wiring: &ButtonWiring) -> Result<Button, ButtonFault> {
        let request = chardev::request(wiring)?;
        let lost = |source| ButtonFault::Lost { line: wiring.line.clone(), source };
        let request = watched(request).map_err(lost)?;
        // The resistor was switched on a moment ago, and a long wire takes its time to follow; without this wait a
        // button at rest could look pressed.
        sleep(wiring.debounce.saturating_add(SETTLE)).await;
        Ok(Button { line: wiring.line.clone(), request })
    }

    /// Whether it is pressed now.
    ///
    /// # Errors
    /// [`ButtonFault::Lost`].
    pub fn is_pressed(&self) -> Result<bool, ButtonFault> {
        chardev::is_active(self.request.get_ref()).map_err(|source| self.lost(source))
    }

    /// Returns when it was pressed since it was opened or since this returned last, however briefly. Several presses may
    /// count as one. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ButtonFault::Lost`].
    pub async fn pressed(&self) -> Result<(), ButtonFault> {
        loop {
            let mut guard = self.request.readable().await.map_err(|source| self.lost(source))?;
            match chardev::take_presses(guard.get_inner()).map_err(|source| self.lost(source))? {
                0 => guard.clear_ready(),
                _ => return Ok(()),
            }
        }
    }

    fn lost(&self, source: std::io::Error) -> ButtonFault {
        ButtonFault::Lost { line: self.line.clone(), source }
    }
}

#[allow(deprecated, reason = "its successor is an unsafe function, which no crate here may call")]
fn watched(request: Request) -> std::io::Result<AsyncFd<Request>> {
    // Sound: a request owns one open file, and names that file for as long as it lives.
    AsyncFd::with_interest(request, Interest::READABLE)
}

/// On top of the debounce period: 50 kOhm and 100 m of cable settle within it many times over.
const SETTLE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_pressed_follows_from_contact_and_resistor() {
        #[track_caller]
        fn case(contact: Contact, bias: Bias, low: bool) {
            let (chip, line) = (String::new(), Line::Number(0));
            let wiring = ButtonWiring { chip, line, contact, bias, debounce: Duration::ZERO };
            assert_eq!(wiring.pressed_is_low(), low, "{contact:?} {bias:?}");
        }
        case(Contact::NormallyOpen, Bias::PullUp, true);
        case(Contact::NormallyClosed, Bias::PullUp, false);
        case(Contact::NormallyOpen, Bias::PullDown, false);
        case(Contact::NormallyClosed, Bias::PullDown, true);
        case(Contact::NormallyOpen, Bias::ExternalPullUp, true);
        case(Contact::NormallyClosed, Bias::ExternalPullUp, false);
        case(Contact::NormallyOpen, Bias::ExternalPullDown, false);
        case(Contact::NormallyClosed, Bias::ExternalPullDown, true);
    }
}
