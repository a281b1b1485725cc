//! Why an exchange gave nothing, in words for the owner.

use std::io;
use std::time::Duration;

use tokio_rustls::rustls;

use super::frame::Wrong;
use super::sunspec::WalkFault;
use crate::profiles::ValueFault;

/// Why an exchange gave no registers. No value may be made of it.
#[derive(Debug, thiserror::Error)]
pub enum LinkFault {
    /// The port or the connection could not be opened.
    #[error("{line} cannot be opened: {}; Kilosat tries again", opening(cause))]
    NotOpened {
        /// Which line.
        line: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The connection ended, or the adapter was unplugged, before an answer came.
    #[error(
        "the connection was closed instead of an answer; Kilosat tries again, check that nothing else reads the device"
    )]
    Closed,
    /// The device did not answer in time.
    #[error(
        "unit {unit} did not answer within {} ms; Kilosat tries again, check its number, its power and the two wires",
        waited.as_millis()
    )]
    NoAnswer {
        /// Who was asked.
        unit: u8,
        /// How long, without the time of the bytes on the wire.
        waited: Duration,
    },
    /// The device, or the gateway in front of it, refused.
    #[error("the device refused the request (exception {code}: {meaning}); check profile and unit", code = .0, meaning = meaning(*.0))]
    Exception(u8),
    /// What came is not the answer.
    #[error("there came {what}; Kilosat dropped it and asks again{hint}", what = .0, hint = hint(*.0))]
    Wrong(Wrong),
    /// The line never became quiet.
    #[error("the line is never quiet: something else sends on it all the time; Kilosat waits until it stops")]
    Busy,
}

/// Why a round of a device gave nothing. No value of it may be used.
#[derive(Debug, thiserror::Error)]
pub enum RoundFault {
    /// The exchange failed.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// Even voltage and frequency are zero, as on many meters just after power returned.
    #[error("the meter sent only zeros, as many do just after they start; Kilosat ignored them and tries again")]
    AllZero,
    /// The device was to say itself what it is.
    #[error(transparent)]
    Unrecognised(WalkFault),
    /// The counter is not usable, and nothing is billed without it.
    #[error(transparent)]
    Value(ValueFault),
}

/// What an owner can do about a line that cannot be opened.
#[must_use]
pub fn opening(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::NotFound => "it is not there, check that the adapter is plugged in or that the name is right",
        io::ErrorKind::PermissionDenied => {
            "it may not be used, the user of this program has to be in the group dialout"
        }
        io::ErrorKind::ResourceBusy => "another program uses it, stop that program",
        io::ErrorKind::ConnectionRefused => "nothing listens there, check that Modbus is enabled and the port is right",
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "nobody answers there, check its power, cable and address"
        }
        io::ErrorKind::InvalidData => in_tls(cause),
        _ => "check its power, cable and address",
    }
}

/// What went wrong before both ends trusted each other.
fn in_tls(cause: &io::Error) -> &'static str {
    match cause.get_ref().and_then(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => "its certificate is not the expected one",
        Some(rustls::Error::AlertReceived(_)) => {
            "it does not accept Kilosat, give it Kilosat's certificate and name that with client_certificate"
        }
        _ => "what answers there does not speak TLS, check port and transport",
    }
}

/// What an owner can do about it.
fn hint(wrong: Wrong) -> &'static str {
    match wrong {
        Wrong::Checksum | Wrong::Truncated | Wrong::NotModbus => {
            "; if it goes on, check wiring, line ends and speed, and that no two devices have the same number"
        }
        Wrong::Trailing | Wrong::Unasked => {
            "; if it goes on, two devices have the same number, or another program asks too"
        }
        Wrong::Unit(_) => "; give every device on the line a number of its own",
        Wrong::OtherRequest => "; if it goes on, another program reads the device too",
    }
}

/// Modbus Application Protocol V1.1b3, exception responses.
pub(super) fn meaning(code: u8) -> &'static str {
    match code {
        1 => "it does not know this kind of request",
        2 => "it does not have these registers",
        3 => "it does not give so many registers at once",
        4 => "it has a fault of its own",
        5 => "it needs more time",
        6 => "it is busy",
        8 => "its memory is damaged",
        0x0A => "the gateway cannot reach the line of the device",
        0x0B => "the gateway got no answer from the device",
        _ => "a code of the maker's own",
    }
}
