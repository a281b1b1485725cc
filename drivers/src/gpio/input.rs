//! A contact on a GPIO line: a door, a tamper switch.

use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use super::chardev::{self, Request, Shape};
use super::{GpioFault, InputWiring, Line, Purpose, Trouble, watched};

/// An input that is watched. The line belongs to this handle alone until it is dropped.
#[derive(Debug)]
pub struct Input {
    line: Line,
    request: AsyncFd<Request>,
}

impl Input {
    /// Takes the line for this program and waits until its level is one to rely on: a little longer than the debounce
    /// period, over which the kernel watches.
    ///
    /// # Errors
    /// [`GpioFault`]; nothing is held then.
    pub async fn open(wiring: &InputWiring, debounce: Duration) -> Result<Input, GpioFault> {
        let shape = Shape::Changes { bias: wiring.bias, debounce };
        let request = chardev::request(&wiring.wiring, Purpose::Input, &shape)?;
        let line = wiring.wiring.line.clone();
        let request = watched(request).map_err(|source| lost(&line, source))?;
        sleep(debounce.saturating_add(SETTLE)).await;
        Ok(Input { line, request })
    }

    /// Forgets the changes that were reported so far.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub fn take_changes(&self) -> Result<(), GpioFault> {
        while self.take()? > 0 {}
        Ok(())
    }

    /// Whether it is active now.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub fn is_active(&self) -> Result<bool, GpioFault> {
        chardev::is_active(self.request.get_ref()).map_err(|source| lost(&self.line, source))
    }

    /// Returns when it has changed since its changes were taken last, however briefly. Several may count as one. Nothing is
    /// lost when the future is dropped.
    ///
    /// # Errors
    /// [`Trouble::Lost`].
    pub async fn changed(&self) -> Result<(), GpioFault> {
        loop {
            let mut guard = self.request.readable().await.map_err(|source| lost(&self.line, source))?;
            match self.take()? {
                0 => guard.clear_ready(),
                _ => return Ok(()),
            }
        }
    }

    fn take(&self) -> Result<usize, GpioFault> {
        chardev::take_reports(self.request.get_ref()).map_err(|source| lost(&self.line, source))
    }
}

fn lost(line: &Line, source: std::io::Error) -> GpioFault {
    Trouble::Lost { line: line.clone(), is_output: false, source }.of(Purpose::Input)
}

/// On top of the debounce period, for the wire to follow its resistor.
const SETTLE: Duration = Duration::from_millis(5);
