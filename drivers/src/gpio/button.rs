//! A push button on a GPIO line.

use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use super::chardev::{self, Request, Shape};
use super::{Bias, GpioFault, InputWiring, Line, Purpose, Trouble, Wiring, watched};

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

/// A button's contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact {
    /// Closed only while the button is pressed. A broken wire is not noticed.
    NormallyOpen,
    /// Opened by the button. A broken wire is the same as a press, which is the safe way round.
    NormallyClosed,
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

    /// The line as an input on which "active" means pressed.
    fn input(&self) -> InputWiring {
        let wiring = Wiring { chip: self.chip.clone(), line: self.line.clone(), active_low: self.pressed_is_low() };
        InputWiring { wiring, bias: self.bias }
    }

    fn shape(&self) -> Shape {
        Shape::Presses { bias: self.bias, debounce: self.debounce }
    }
}

impl Button {
    /// Takes the line for this program and waits until its level is one to rely on: a little longer than the debounce
    /// period. A press in that time is not lost.
    ///
    /// # Errors
    /// [`GpioFault`]; nothing is held then.
    pub async fn open(wiring: &ButtonWiring) -> Result<Button, GpioFault> {
        let request = chardev::request(&wiring.input().wiring, Purpose::Button, &wiring.shape())?;
        let lost = |source| Trouble::Lost { line: wiring.line.clone(), is_output: false, source }.of(Purpose::Button);
        let request = watched(request).map_err(lost)?;
        // The resistor was switched on a moment ago, and a long wire takes its time to follow; without this wait a
        // button at rest could look pressed.
        sleep(wiring.debounce.saturating_add(SETTLE)).await;
        Ok(Button { line: wiring.line.clone(), request })
    }

    /// Whether it is pressed now.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub fn is_pressed(&self) -> Result<bool, GpioFault> {
        chardev::is_active(self.request.get_ref()).map_err(|source| self.lost(source))
    }

    /// Returns when it was pressed since it was opened or since this returned last, however briefly. Several presses may
    /// count as one. Nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub async fn pressed(&self) -> Result<(), GpioFault> {
        loop {
            let mut guard = self.request.readable().await.map_err(|source| self.lost(source))?;
            match chardev::take_reports(guard.get_inner()).map_err(|source| self.lost(source))? {
                0 => guard.clear_ready(),
                _ => return Ok(()),
            }
        }
    }

    fn lost(&self, source: std::io::Error) -> GpioFault {
        Trouble::Lost { line: self.line.clone(), is_output: false, source }.of(Purpose::Button)
    }
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
