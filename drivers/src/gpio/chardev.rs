//! The kernel's GPIO character device, uAPI version 2. Source: Linux, `include/uapi/linux/gpio.h`.

use std::io;
use std::time::Duration;

use gpiocdev::Error;
pub(super) use gpiocdev::Request;
use gpiocdev::chip::{Chip, chips};
use gpiocdev::line::{self, EdgeDetection, EdgeKind, EventClock, Value};
use gpiocdev_uapi::Error as CallError;

use super::pulses::Edge;
use super::{Bias, GpioFault, Line, Purpose, Trouble, Wiring};

/// What a line is requested as.
pub(super) enum Shape {
    /// An input that reports every change to its active level.
    Presses { bias: Bias, debounce: Duration },
    /// An input that reports every change that holds.
    Changes { bias: Bias, debounce: Duration },
    /// An input that reports every change, however short, with its time.
    Edges { bias: Bias },
    /// An input that is only read.
    Level { bias: Bias },
    /// An output, which becomes inactive.
    Output,
}

/// Requests the line for this program alone.
pub(super) fn request(wiring: &Wiring, purpose: Purpose, shape: &Shape) -> Result<Request, GpioFault> {
    let (chip, number) = find_line(wiring).map_err(|trouble| trouble.of(purpose))?;
    let mut builder = Request::builder();
    builder.on_chip(chip.path()).with_consumer(CONSUMER).with_line(number);
    let _ = match shape {
        Shape::Output => builder.as_output(Value::Inactive),
        Shape::Level { bias } => builder.as_input().with_bias(bias_of(*bias)),
        Shape::Presses { bias, debounce } => {
            builder.as_input().with_bias(bias_of(*bias)).with_debounce_period(*debounce);
            builder.with_edge_detection(EdgeDetection::RisingEdge)
        }
        Shape::Changes { bias, debounce } => {
            builder.as_input().with_bias(bias_of(*bias)).with_debounce_period(*debounce);
            builder.with_edge_detection(EdgeDetection::BothEdges)
        }
        Shape::Edges { bias } => {
            builder.as_input().with_bias(bias_of(*bias)).with_event_clock(EventClock::Monotonic);
            builder.with_edge_detection(EdgeDetection::BothEdges).with_kernel_event_buffer_size(EVENTS_KEPT)
        }
    };
    if wiring.active_low {
        builder.as_active_low();
    }
    builder.request().map_err(|error| refused(&chip, number, wiring, purpose, error).of(purpose))
}

fn bias_of(bias: Bias) -> line::Bias {
    match bias {
        Bias::PullUp => line::Bias::PullUp,
        Bias::PullDown => line::Bias::PullDown,
        Bias::ExternalPullUp | Bias::ExternalPullDown => line::Bias::Disabled,
    }
}

/// Sets an output's level in terms of the wiring.
pub(super) fn set(request: &Request, active: bool) -> io::Result<()> {
    request.set_lone_value(Value::from(active)).map_err(cause)
}

/// Waits for edges at most this long, and hands them on in their order; none when none came.
pub(super) fn take_edges(request: &Request, wait: Duration, mut each: impl FnMut(Edge)) -> io::Result<bool> {
    if !request.wait_edge_event(wait).map_err(cause)? {
        return Ok(false);
    }
    let mut words = [0; EVENT_WORDS * EVENTS_AT_ONCE];
    let read = request.read_edge_events_into_slice(&mut words).map_err(cause)?;
    if read == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    for event in words.chunks_exact(EVENT_WORDS).take(read / request.edge_event_u64_size()) {
        let event = request.edge_event_from_slice(event).map_err(cause)?;
        let active = event.kind == EdgeKind::Rising;
        each(Edge { at_ns: event.timestamp_ns, active, line_seqno: event.line_seqno });
    }
    Ok(true)
}

/// The line's level in terms of the wiring.
pub(super) fn is_active(request: &Request) -> io::Result<bool> {
    request.lone_value().map(|value| value == Value::Active).map_err(cause)
}

/// Takes the changes that were reported, at most [`EVENTS_AT_ONCE`], and returns how many; does not wait for any.
pub(super) fn take_reports(request: &Request) -> io::Result<usize> {
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

fn find_line(wiring: &Wiring) -> Result<(Chip, u32), Trouble> {
    let mut found = Vec::new();
    for chip in find_chips(wiring)? {
        let numbers = fitting_lines(&chip, &wiring.line).map_err(|error| match error {
            InfoFault::TooOld => Trouble::KernelTooOld,
            InfoFault::Said(source) => system(wiring, source),
        })?;
        found.extend(numbers.first().map(|number| (chip, *number, numbers.len())));
    }
    let (chip, line) = (wiring.chip.clone(), wiring.line.clone());
    match (found.pop(), found.is_empty()) {
        (Some((chip, number, 1)), true) => Ok((chip, number)),
        (Some(_), _) => Err(Trouble::Ambiguous { chip, line }),
        (None, _) => Err(Trouble::NoLine { chip, line }),
    }
}

/// The chip at the wiring's path, or those with its label; more than one only if labels are not unique.
fn find_chips(wiring: &Wiring) -> Result<Vec<Chip>, Trouble> {
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
        None => Err(Trouble::NoChip { chip: wiring.chip.clone(), known }),
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

fn refused(chip: &Chip, number: u32, wiring: &Wiring, purpose: Purpose, error: Error) -> Trouble {
    let (line, source) = (wiring.line.clone(), cause(error));
    match (source.kind(), source.raw_os_error()) {
        (io::ErrorKind::ResourceBusy, _) => {
            let user = chip.line_info(number).map(|info| info.consumer).unwrap_or_default();
            let user = if user.is_empty() { "another program".to_owned() } else { format!("{user:?}") };
            Trouble::InUse { line, user }
        }
        (io::ErrorKind::InvalidInput, _) | (_, Some(ENXIO | ENOTSUPP | EOPNOTSUPP)) => {
            Trouble::NoReports { line, what: purpose.report(), source }
        }
        _ => system(wiring, source),
    }
}

fn system(wiring: &Wiring, source: io::Error) -> Trouble {
    let line = wiring.line.clone();
    match source.kind() {
        io::ErrorKind::PermissionDenied => Trouble::NoPermission { line, source },
        _ => Trouble::System { line, source },
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
/// The kernel keeps as many for one line by itself.
const EVENTS_AT_ONCE: usize = 16;
/// As many as the kernel keeps at most: half a minute of the fastest pulses.
const EVENTS_KEPT: u32 = 1_024;
/// The line's chip has no interrupt for it.
const ENXIO: i32 = 6;
/// Not supported, once inside the kernel and once for the rest of the world.
const ENOTSUPP: i32 = 524;
const EOPNOTSUPP: i32 = 95;
