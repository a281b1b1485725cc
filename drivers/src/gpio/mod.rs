//! Lines of this machine: buttons, contacts, meters' pulses and relays.
//!
//! They are reached through the kernel's GPIO character device, or on a Raspberry Pi through a library of its own; the
//! chip's name says which. Chips and lines go by their names, because their numbers change with the system.

mod button;
mod chardev; // the only file that names gpiocdev
mod fault;
mod input;
mod lines;
mod pulse_meter;
pub mod pulses;
#[cfg(feature = "rppal")]
#[path = "rppal.rs"]
mod raspberry_pi; // the only file that names its library
pub mod relay;

use std::fmt;

pub use button::{Button, ButtonWiring, Contact};
use chardev::Request;
pub use fault::{GpioFault, Purpose, Trouble};
pub use input::Input;
pub use lines::{FeedbackLine, RelayLine};
pub use pulse_meter::{PulseMeter, PulseReading};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A line, and which of its levels is the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring {
    /// The chip's label such as `pinctrl-rp1`, or the path of its device file, which begins with `/`, or
    /// [`RASPBERRY_PI`].
    pub chip: String,
    /// The line of that chip.
    pub line: Line,
    /// The low level is the active one.
    pub active_low: bool,
}

/// An input and its resistor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputWiring {
    /// Where it is connected.
    pub wiring: Wiring,
    /// What holds the line while the circuit is open.
    pub bias: Bias,
}

/// One line of a chip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// By the name the machine's maker gave it, such as `GPIO17`.
    Name(String),
    /// By its number on the chip, from 0.
    Number(u32),
}

/// The resistor that gives an open circuit its level. What is connected to the line connects it to the other side.
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

/// The name that stands for the chip of a Raspberry Pi's header, reached without the character device.
pub const RASPBERRY_PI: &str = "rppal";

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Name(name) => f.write_str(name),
            Line::Number(number) => write!(f, "{number}"),
        }
    }
}

#[allow(deprecated, reason = "its successor is an unsafe function, which no crate here may call")]
fn watched(request: Request) -> std::io::Result<AsyncFd<Request>> {
    // Sound: a request owns one open file, and names that file for as long as it lives.
    AsyncFd::with_interest(request, Interest::READABLE)
}
