//! Why a GPIO line cannot be used.

use std::io;

use super::Line;

/// Why a line is not used. It is safe to try again.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}. {}; {}", .purpose.lost(), .trouble.remedy())]
pub struct GpioFault {
    /// What the line is for.
    pub purpose: Purpose,
    /// What is wrong.
    #[source]
    pub trouble: Trouble,
}

/// What a line is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A push button.
    Button,
    /// A meter's pulses.
    Pulses,
    /// A contact, such as a door's.
    Input,
    /// A relay's coil.
    Relay,
    /// The contact that shows whether a relay has switched.
    Feedback,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No chip of that name.
    #[error(
        "there is no GPIO chip {chip:?} on this machine, which has {}",
        if .known.is_empty() { "none".to_owned() } else { .known.join(", ") }
    )]
    NoChip {
        /// As it was asked for.
        chip: String,
        /// The labels of the chips there are.
        known: Vec<String>,
    },
    /// The chip has no such line.
    #[error("the GPIO chip {chip:?} has no line {line}")]
    NoLine {
        /// The chip as it was asked for.
        chip: String,
        /// The line.
        line: Line,
    },
    /// Several lines fit.
    #[error("there are several GPIO lines {line} on chips called {chip:?}")]
    Ambiguous {
        /// The chip as it was asked for.
        chip: String,
        /// The line.
        line: Line,
    },
    /// Somebody else has it.
    #[error("the GPIO line {line} is in use by {user}")]
    InUse {
        /// The line.
        line: Line,
        /// As the other program calls itself.
        user: String,
    },
    /// This user may not.
    #[error("the system does not let Kilosat use the GPIO line {line} ({source})")]
    NoPermission {
        /// The line.
        line: Line,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel has the old interface only.
    #[error("the kernel is too old to watch a GPIO line: Linux 5.10 or later is needed")]
    KernelTooOld,
    /// The line can be read, but does not say when it changes.
    #[error("the GPIO line {line} cannot report {what} ({source})")]
    NoReports {
        /// The line.
        line: Line,
        /// What it should report.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It worked, and works no more.
    #[error("the GPIO line {line} cannot be {} any more ({source})", if *.is_output { "switched" } else { "read" })]
    Lost {
        /// The line.
        line: Line,
        /// Whether Kilosat sets its level.
        is_output: bool,
        /// What the system said.
        source: io::Error,
    },
    /// The library for the Raspberry Pi does not work here.
    #[error("the chip {chip:?} is for a Raspberry Pi alone, and {reason}")]
    NotHere {
        /// The chip as it was asked for.
        chip: String,
        /// Why not.
        reason: String,
    },
    /// Anything else.
    #[error("the GPIO line {line} cannot be used ({source})")]
    System {
        /// The line.
        line: Line,
        /// What the system said.
        source: io::Error,
    },
}

impl Purpose {
    /// What does not happen while the line cannot be used.
    fn lost(self) -> &'static str {
        match self {
            Purpose::Button => "The button is not watched",
            Purpose::Pulses => "No pulse is counted",
            Purpose::Input => "The input is not read",
            Purpose::Relay => "The relay is not switched",
            Purpose::Feedback => "Whether the relay has switched is not known",
        }
    }

    /// What the line is to report.
    pub(super) fn report(self) -> &'static str {
        match self {
            Purpose::Button => "a press",
            Purpose::Pulses => "a pulse",
            Purpose::Input | Purpose::Relay | Purpose::Feedback => "a change",
        }
    }
}

impl Trouble {
    /// The same, of a line that is used for this.
    pub(super) fn of(self, purpose: Purpose) -> GpioFault {
        GpioFault { purpose, trouble: self }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Trouble::NoChip { .. } => "correct the chip's name",
            Trouble::NoLine { .. } => "the program gpioinfo lists the lines",
            Trouble::Ambiguous { .. } => "write the path of the chip and the number of the line instead of their names",
            Trouble::InUse { .. } => "end that program or choose another line",
            Trouble::NoPermission { .. } => {
                "put Kilosat's user into the group that owns the device files, usually gpio"
            }
            Trouble::KernelTooOld => "update the system",
            Trouble::NoReports { .. } => "choose another line",
            Trouble::Lost { .. } => "look whether its chip is still connected",
            Trouble::NotHere { .. } => "write the chip's name, which the program gpiodetect shows",
            Trouble::System { .. } => "look at the system's log",
        }
    }
}
