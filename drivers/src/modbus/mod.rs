//! One meter over Modbus TCP: asks for everything its profile knows and never trusts a late or broken answer.
//!
//! A request that timed out is still on its way, and its answer would be taken for the next one. So whatever goes
//! wrong on a connection, other than an exception, ends that connection; the next read opens a new one.

mod backoff;
mod plan;

pub use backoff::Backoff;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_modbus::client::{Client, Context, tcp};
use tokio_modbus::{Error, ExceptionCode, Request, Response, Slave};

use crate::profiles::{Profile, Space, ValueFault, decode};
use crate::reading::{Measure, Reading};
use plan::{Span, words_of};

/// Where one meter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Name or address of the meter or of the gateway in front of it.
    pub host: String,
    /// TCP port, 502 on most meters.
    pub port: u16,
    /// Unit id, 1 on most meters; behind a gateway the number of the meter on the serial line.
    pub unit: u8,
}

/// How long to wait for a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the name lookup and the connection together.
    pub connect: Duration,
    /// For each request, from sending it to the end of its answer.
    pub answer: Duration,
}

/// A meter and the connection kept to it. One read at a time; dropping a read drops its connection too.
pub struct ModbusMeter {
    target: Target,
    profile: Arc<Profile>,
    timeouts: Timeouts,
    spans: Vec<Span>,
    connection: Option<Context>,
    missing: Vec<ValueFault>,
}

/// Why a meter could not be read. No value of such a read may be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// There is nobody at the address, or the name is unknown.
    #[error("no connection to the meter at {host}:{port}; Kilosat tries again, check its power, cable and address")]
    NoConnection {
        /// As in [`Target`].
        host: String,
        /// As in [`Target`].
        port: u16,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The meter closed the connection before it had answered.
    #[error(
        "the meter closed the connection instead of answering; Kilosat tries again, check that nothing else reads it"
    )]
    ConnectionLost,
    /// The meter took longer than [`Timeouts::answer`].
    #[error("the meter did not answer within {} ms; Kilosat tries again, check the unit number", waited.as_millis())]
    NoAnswer {
        /// How long was waited.
        waited: Duration,
    },
    /// The meter answered that it will not.
    #[error("the meter refused the request (exception {code}: {meaning}); Kilosat tries again, check profile and unit")]
    Exception {
        /// Modbus exception code.
        code: u8,
        /// The code in words.
        meaning: &'static str,
    },
    /// What came back is not the answer to the request.
    #[error("the meter sent {what}; Kilosat dropped it together with the connection and tries again")]
    Garbage {
        /// What was wrong with it.
        what: &'static str,
    },
    /// Even voltage and frequency are zero, as on many meters just after power returned.
    #[error("the meter sent only zeros, as many do just after they start; Kilosat ignored them and tries again")]
    AllZero,
    /// The counter is not usable, and nothing is billed without it.
    #[error(transparent)]
    Value(#[from] ValueFault),
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), answer: Duration::from_secs(1) }
    }
}

impl ModbusMeter {
    /// A meter that has not been contacted yet.
    #[must_use]
    pub fn new(target: Target, profile: Arc<Profile>, timeouts: Timeouts) -> Self {
        let spans = plan::spans(&profile);
        Self { target, profile, timeouts, spans, connection: None, missing: Vec::new() }
    }

    /// The profile given to [`ModbusMeter::new`].
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        &self.profile
    }

    /// The values that the last successful read had to leave out: refused, not available or impossible.
    #[must_use]
    pub fn missing(&self) -> &[ValueFault] {
        &self.missing
    }

    /// Reads every point of the profile, in the order of the profile, and adds up what it computes from them.
    ///
    /// The counter that is billed is always among the readings. Other values that the meter does not have are left out and
    /// listed by [`ModbusMeter::missing`]. A kept connection that turns out to be closed is replaced once, at once;
    /// there is no other retry, see [`Backoff`]. Takes at most `connect` plus `answer` for each request, twice.
    ///
    /// # Errors
    /// [`ReadFault`]; after every one but `Exception`, `AllZero` and `Value` the connection is gone.
    pub async fn read(&mut self) -> Result<Vec<Reading>, ReadFault> {
        let kept = self.connection.is_some();
        match self.read_once().await {
            Err(ReadFault::ConnectionLost) if kept => self.read_once().await,
            outcome => outcome,
        }
    }

    async fn read_once(&mut self) -> Result<Vec<Reading>, ReadFault> {
        self.missing.clear();
        // The connection is put back only by a complete exchange: an early return drops it, and so does a
        // caller who stops waiting for this read.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => connect(&self.target, self.timeouts.connect).await?,
        };
        let mut answers = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            match ask(&mut connection, span, self.timeouts.answer).await {
                Ok(words) => answers.push((*span, Ok(words))),
                Err(ReadFault::Exception { code, .. }) => answers.push((*span, Err(code))),
                Err(fault) => return Err(fault),
            }
        }
        self.connection = Some(connection);
        let (readings, missing) = values(&self.profile, &answers);
        if let Some(fault) = missing.iter().find(|fault| Some(fault.quantity()) == self.profile.billed) {
            return Err(match fault {
                ValueFault::Refused { code, .. } => {
                    ReadFault::Exception { code: *code, meaning: meaning(ExceptionCode::new(*code)) }
                }
                fault => ReadFault::Value(*fault),
            });
        }
        if only_zeros(&readings) {
            return Err(ReadFault::AllZero);
        }
        self.missing = missing;
        Ok(readings)
    }
}

async fn connect(target: &Target, limit: Duration) -> Result<Context, ReadFault> {
    let no_connection = |cause| ReadFault::NoConnection { host: target.host.clone(), port: target.port, cause };
    let stream = timeout(limit, TcpStream::connect((target.host.as_str(), target.port)))
        .await
        .map_err(|_| no_connection(io::ErrorKind::TimedOut.into()))?
        .map_err(no_connection)?;
    stream.set_nodelay(true).map_err(no_connection)?;
    Ok(tcp::attach_slave(stream, Slave(target.unit)))
}

/// One request and its answer. The library's own readers assert the length of the answer, which a meter must not
/// be able to fail; so the request goes through `call` and the length is checked here.
async fn ask(connection: &mut Context, span: &Span, limit: Duration) -> Result<Vec<u16>, ReadFault> {
    let (address, quantity) = (span.address, span.quantity);
    let request = match span.space {
        Space::Holding => Request::ReadHoldingRegisters(address, quantity),
        Space::Input => Request::ReadInputRegisters(address, quantity),
        Space::Coil => Request::ReadCoils(address, quantity),
        Space::Discrete => Request::ReadDiscreteInputs(address, quantity),
    };
    let response = timeout(limit, connection.call(request))
        .await
        .map_err(|_| ReadFault::NoAnswer { waited: limit })?
        .map_err(classify)?
        .map_err(|exception| ReadFault::Exception { code: exception.into(), meaning: meaning(exception) })?;
    let words = match (span.space, response) {
        (Space::Holding, Response::ReadHoldingRegisters(words))
        | (Space::Input, Response::ReadInputRegisters(words)) => words,
        // Bits come in whole bytes.
        (Space::Coil, Response::ReadCoils(bits)) | (Space::Discrete, Response::ReadDiscreteInputs(bits)) => {
            bits.into_iter().take(usize::from(quantity)).map(u16::from).collect()
        }
        _ => {
            return Err(ReadFault::Garbage { what: "the answer to another request" });
        }
    };
    if words.len() != usize::from(span.quantity) {
        return Err(ReadFault::Garbage { what: "an answer of the wrong length" });
    }
    Ok(words)
}

fn values(profile: &Profile, answers: &[(Span, Result<Vec<u16>, u8>)]) -> (Vec<Reading>, Vec<ValueFault>) {
    let (mut readings, mut missing) = (Vec::new(), Vec::new());
    for point in &profile.points {
        let quantity = point.quantity;
        let refused = |code| ValueFault::Refused { quantity, code };
        match words_of(point, answers).map_err(refused).and_then(|raw| Ok((decode(point, &raw)?, raw))) {
            Ok((milli, raw)) => readings.push(Reading { quantity, milli, raw }),
            Err(fault) => missing.push(fault),
        }
    }
    profile.complete(&mut readings, &mut missing);
    (readings, missing)
}

/// A meter that measures has a voltage, so zeros throughout mean that it does not measure yet.
fn only_zeros(readings: &[Reading]) -> bool {
    let mut measured = readings.iter().filter(|reading| !reading.quantity.measure.is_plain());
    let voltage =
        readings.iter().any(|reading| matches!(reading.quantity.measure, Measure::Voltage | Measure::Frequency));
    voltage && measured.all(|reading| reading.milli == 0)
}

fn classify(error: Error) -> ReadFault {
    match error {
        Error::Protocol(_) => ReadFault::Garbage { what: "the answer to another request" },
        // Without a code of the system the error comes from taking the frame apart, except at the end of the stream.
        Error::Transport(cause) if cause.raw_os_error().is_none() => match cause.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Unsupported => ReadFault::Garbage { what: "a broken answer" },
            _ => ReadFault::ConnectionLost,
        },
        Error::Transport(_) => ReadFault::ConnectionLost,
    }
}

/// Modbus Application Protocol V1.1b3, exception responses.
fn meaning(exception: ExceptionCode) -> &'static str {
    match exception {
        ExceptionCode::IllegalFunction => "it does not know this kind of request",
        ExceptionCode::IllegalDataAddress => "it does not have these registers",
        ExceptionCode::IllegalDataValue => "it does not give so many registers at once",
        ExceptionCode::ServerDeviceFailure => "it has a fault of its own",
        ExceptionCode::Acknowledge => "it needs more time",
        ExceptionCode::ServerDeviceBusy => "it is busy",
        ExceptionCode::MemoryParityError => "its memory is damaged",
        ExceptionCode::GatewayPathUnavailable => "the gateway cannot reach the line of the meter",
        ExceptionCode::GatewayTargetDevice => "the gateway got no answer from the meter",
        ExceptionCode::Custom(_) => "a code of the maker's own",
    }
}

#[cfg(test)]
mod tests;
