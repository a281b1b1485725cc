//! Why a button cannot be watched.

use std::io;

use super::Line;

/// Why a button is not watched. It is safe to try again.
#[derive(Debug, thiserror::Error)]
pub enum ButtonFault {
    /// No chip of that name.
    #[error(
        "there is no GPIO chip {chip:?} on this machine, which has {}. The button is not watched; correct the chip's name",
        if .known.is_empty() { "none".to_owned() } else { .known.join(", ") }
    )]
    NoChip {
        /// As it was asked for.
        chip: String,
        /// The labels of the chips there are.
        known: Vec<String>,
    },
    /// The chip has no such line.
    #[error(
        "the GPIO chip {chip:?} has no line {line}. The button is not watched; the program gpioinfo lists the lines"
    )]
    NoLine {
        /// The chip as it was asked for.
        chip: String,
        /// The line.
        line: Line,
    },
    /// Several lines fit.
    #[error(
        "there are several GPIO lines {line} on chips called {chip:?}. The button is not watched; write the path of the \
         chip and the number of the line instead of their names"
    )]
    Ambiguous {
        /// The chip as it was asked for.
        chip: String,
        /// The line.
        line: Line,
    },
    /// Somebody else has it.
    #[error(
        "the GPIO line {line} is in use by {user}. The button is not watched; end that program or choose another line"
    )]
    InUse {
        /// The line.
        line: Line,
        /// As the other program calls itself.
        user: String,
    },
    /// This user may not.
    #[error(
        "the system does not let Kilosat use the GPIO line {line} ({source}). The button is not watched; put Kilosat's \
         user into the group that owns the device files, usually gpio"
    )]
    NoPermission {
        /// The line.
        line: Line,
        /// What the system said.
        source: io::Error,
    },
    /// The kernel has the old interface only.
    #[error(
        "the kernel is too old to watch a GPIO line: Linux 5.10 or later is needed. The button is not watched; update \
         the system"
    )]
    KernelTooOld,
    /// The line can be read, but does not say when it changes.
    #[error("the GPIO line {line} cannot report a press ({source}). The button is not watched; choose another line")]
    NoReports {
        /// The line.
        line: Line,
        /// What the system said.
        source: io::Error,
    },
    /// It worked, and works no more.
    #[error(
        "the GPIO line {line} cannot be read any more ({source}). The button is not watched; look whether its chip is \
         still connected"
    )]
    Lost {
        /// The line.
        line: Line,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else.
    #[error("the GPIO line {line} cannot be used ({source}). The button is not watched; look at the system's log")]
    System {
        /// The line.
        line: Line,
        /// What the system said.
        source: io::Error,
    },
}
