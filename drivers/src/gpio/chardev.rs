//! The kernel's GPIO character device, uAPI version 2. Source: Linux, `include/uapi/linux/gpio.h`.

use std::io;

use gpiocdev::Error;
pub(super) use gpiocdev::Request;
use gpiocdev::chip::{Chip, chips};
use gpiocdev::line::{self, EdgeDetection, Value};
use gpiocdev_uapi::Error as CallError;

use super::{Bias, ButtonFault, ButtonWiring, Line};

/// Requests the wiring's line as an input on which "active" means pressed and every press is reported.
pub(super) fn request(wiring: &ButtonWiring) -> Result<Request, ButtonFault> {
    let (chip, number) = find_line(wiring)?;
    let bias = match wiring.bias {
        Bias::PullUp => line::Bias::PullUp,
        Bias::PullDown => line::Bias::PullDown,
        Bias::ExternalPullUp | Bias::ExternalPullDown => line::Bias::Disabled,
    };
    let mut builder = Request::builder();
    builder.on_chip(chip.path()).with_consumer(CONSUMER).with_line(number).as_input();
    if wiring.pressed_is_low() {
        builder.as_active_low();
    }
    builder.with_bias(bias).with_debounce_period(wiring.debounce).with_edge_detection(EdgeDetection::RisingEdge);
    builder.request().map_err(|error| refused(&chip, number, wiring, error))
}

/// The line's level in terms of the wiring.
pub(super) fn is_active(request: &Request) -> io::Result<bool> {
    request.lone_value().map(|value| value == Value::Active).map_err(cause)
}

/// Takes the presses that were reported, at most [`EVENTS_AT_ONCE`], and returns how many; does not wait for any.
pub(super) fn take_presses(request: &Request) -> io::Result<usize> {
    if !request.has_edge_event().map_err(cause)? {
        return Ok(0);
    }
    let event_words = request.edge_event_u64_size();
    let mut words = [0; EVENT_WORDS * EVENTS_AT_ONCE];
    match request.read_edge_events_into_slice(&mut words).map_err(cause)? / event_words {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        events => Ok(events),
    }
}

fn find_line(wiring: &ButtonWiring) -> Result<(Chip, u32), ButtonFault> {
    let mut found = Vec::new();
    for chip in find_chips(wiring)? {
        let numbers = fitting_lines(&chip, &wiring.line).map_err(|error| match error {
            InfoFault::TooOld => ButtonFault::KernelTooOld,
            InfoFault::Said(source) => system(wiring, source),
        })?;
        found.extend(numbers.first().map(|number| (chip, *number, numbers.len())));
    }
    let (chip, line) = (wiring.chip.clone(), wiring.line.clone());
    match (found.pop(), found.is_empty()) {
        (Some((chip, number, 1)), true) => Ok((chip, number)),
        (Some(_), _) => Err(ButtonFault::Ambiguous { chip, line }),
        (None, _) => Err(ButtonFault::NoLine { chip, line }),
    }
}

/// The chip at the wiring's path, or those with its label; more than one only if labels are not unique.
fn find_chips(wiring: &ButtonWiring) -> Result<Vec<Chip>, ButtonFault> {
    let (mut fitting, mut known, mut fault) = (Vec::new(), Vec::new(), None);
    if wiring.chip.starts_with('/') {
        match Chip::from_path(&wiring.chip) {
            Ok(chip) => return Ok(vec![chip]),
            Err(Error::GpioChip(..)) => {}
            Err(error) => fault = Some(cause(error)).filter(|source| source.kind() != io::ErrorKind::NotFound),
        }
    }
    for path in chips().map_err(|error| system(wiring, cause(error)))? {
        match Chip::from_path(&path).and_then(|chip| Ok((chip.info()?.label, chip))) {
            Ok((label, chip)) if label == wiring.chip => fitting.push(chip),
            Ok((label, _)) => known.push(label),
            // It may be the one that is meant.
            Err(error) => fault = fault.or(Some(cause(error))),
        }
    }
    match fault {
        _ if !fitting.is_empty() => Ok(fitting),
        Some(source) => Err(system(wiring, source)),
        None => Err(ButtonFault::NoChip { chip: wiring.chip.clone(), known }),
    }
}

/// Why a line's description cannot be had.
enum InfoFault {
    TooOld,
    Said(io::Error),
}

/// The numbers of the chip's lines that are meant; names need not be unique.
fn fitting_lines(chip: &Chip, line: &Line) -> Result<Vec<u32>, InfoFault> {
    let count = chip.info().map_err(|error| InfoFault::Said(cause(error)))?.num_lines;
    let fits = |info: &line::Info| match line {
        Line::Name(name) => info.name == *name,
        Line::Number(number) => info.offset == *number,
    };
    let mut fitting = Vec::new();
    for number in 0..count {
        // The chip has the line, so if anything is wrong with the question, it is that this kernel does not know it.
        let info = chip.line_info(number).map_err(|error| match cause(error) {
            source if source.kind() == io::ErrorKind::InvalidInput => InfoFault::TooOld,
            source => InfoFault::Said(source),
        })?;
        if fits(&info) {
            fitting.push(number);
        }
    }
    Ok(fitting)
}

fn refused(chip: &Chip, number: u32, wiring: &ButtonWiring, error: Error) -> ButtonFault {
    let (line, source) = (wiring.line.clone(), cause(error));
    match (source.kind(), source.raw_os_error()) {
        (io::ErrorKind::ResourceBusy, _) => {
            let user = chip.line_info(number).map(|info| info.consumer).unwrap_or_default();
            let user = if user.is_empty() { "another program".to_owned() } else { format!("{user:?}") };
            ButtonFault::InUse { line, user }
        }
        (io::ErrorKind::InvalidInput, _) | (_, Some(ENXIO | ENOTSUPP | EOPNOTSUPP)) => {
            ButtonFault::NoReports { line, source }
        }
        _ => system(wiring, source),
    }
}

fn system(wiring: &ButtonWiring, source: io::Error) -> ButtonFault {
    let line = wiring.line.clone();
    match source.kind() {
        io::ErrorKind::PermissionDenied => ButtonFault::NoPermission { line, source },
        _ => ButtonFault::System { line, source },
    }
}

/// What the system said.
fn cause(error: Error) -> io::Error {
    match error {
        Error::Os(number) | Error::Uapi(_, CallError::Os(number)) => io::Error::from_raw_os_error(number.0),
        other => io::Error::other(other),
    }
}

/// Shown to whoever else wants the line.
const CONSUMER: &str = "kilosat";
/// `struct gpio_v2_line_event` has 48 bytes.
const EVENT_WORDS: usize = 6;
/// The kernel keeps as many for one line.
const EVENTS_AT_ONCE: usize = 16;
/// The line's chip has no interrupt for it.
const ENXIO: i32 = 6;
/// Not supported, once inside the kernel and once for the rest of the world.
const ENOTSUPP: i32 = 524;
const EOPNOTSUPP: i32 = 95;
