//! The meter of the simulated house as a Modbus TCP server.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kilosat_drivers::profiles::{self, Profile, Space};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

use super::House;

/// Serves the meter of the house on Modbus TCP, unit 1, until `stop` is done.
///
/// `clock` gives the simulated milliseconds since the start. At most [`CONNECTIONS_MAX`] clients are served at a
/// time, and one that is silent for [`IDLE_MAX`] is dismissed.
///
/// # Errors
/// When the system no longer accepts connections.
pub async fn serve(
    listener: TcpListener,
    house: Arc<Mutex<House>>,
    clock: impl Fn() -> u64 + Send + Sync + 'static,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let profile = profiles::find(PROFILE).expect("the driver's tables hold the demo's meter");
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let clock = Arc::new(clock);
    let on_connected = |stream: TcpStream, _: SocketAddr| {
        let meter = Arc::clone(&places).try_acquire_owned().ok().map(|place| Meter {
            profile: Arc::clone(&profile),
            house: Arc::clone(&house),
            clock: Arc::clone(&clock),
            _place: place,
        });
        async move { Ok(meter.map(|meter| (meter, Impatient::new(stream)))) }
    };
    let on_error = |error: io::Error| tracing::debug!(%error, "a client of the simulated meter left");
    let server = Server::new(listener);
    // Leaving `serve` also ends the connections it began.
    tokio::select! {
        ended = server.serve(&on_connected, on_error) => ended,
        () = stop => Ok(()),
    }
}

/// The meter as one client sees it.
struct Meter<Clock> {
    profile: Arc<Profile>,
    house: Arc<Mutex<House>>,
    clock: Arc<Clock>,
    _place: OwnedSemaphorePermit,
}

impl<Clock: Fn() -> u64 + Send + Sync + 'static> Service for Meter<Clock> {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = std::future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, asked: SlaveRequest<'static>) -> Self::Future {
        std::future::ready(self.answer(&asked))
    }
}

impl<Clock: Fn() -> u64> Meter<Clock> {
    fn answer(&self, asked: &SlaveRequest<'static>) -> Result<Response, ExceptionCode> {
        if asked.slave != UNIT {
            return Err(ExceptionCode::GatewayTargetDevice);
        }
        let Request::ReadHoldingRegisters(address, quantity) = asked.request else {
            return Err(ExceptionCode::IllegalFunction);
        };
        // A house is plain numbers, complete after every statement, so one left by a panic is still usable.
        let mut house = self.house.lock().unwrap_or_else(PoisonError::into_inner);
        house.advance_to((self.clock)());
        let milli = |quantity| house.milli(quantity);
        self.profile
            .answer(Space::Holding, address, quantity, milli)
            .map(Response::ReadHoldingRegisters)
            .ok_or(ExceptionCode::IllegalDataAddress)
    }
}

/// A connection that fails when the client sends nothing for [`IDLE_MAX`]; the library's server waits for ever.
struct Impatient {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
}

impl Impatient {
    fn new(stream: TcpStream) -> Self {
        Self { stream, deadline: Box::pin(tokio::time::sleep(IDLE_MAX)) }
    }
}

impl AsyncRead for Impatient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(context, buffer) {
            self.deadline.set(tokio::time::sleep(IDLE_MAX));
            return Poll::Ready(read);
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The configuration name of the meter that the house has.
pub const PROFILE: &str = "schneider-iem3155";
/// Its unit id.
pub const UNIT: u8 = 1;
/// Clients served at a time.
pub const CONNECTIONS_MAX: usize = 8;
/// How long a client may be silent.
pub const IDLE_MAX: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU64, Ordering};

    use std::time::Duration;

    use kilosat_drivers::modbus::{Device, Framing, Line, Model, Reader};
    use kilosat_drivers::reading::{Measure, MilliwattHours, Phase, Quantity, Reading};
    use tokio::sync::oneshot;

    use super::*;

    const NOON: u32 = 12 * 3_600;
    const HOUR_MS: u64 = 3_600_000;

    #[tokio::test]
    async fn the_meter_shows_the_integral_rounded_down_to_its_step() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let initial = MilliwattHours(4_321_000_999);
        let house = Arc::new(Mutex::new(House::new(NOON, 60, initial)));
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving =
            tokio::spawn(serve(listener, Arc::clone(&house), move || clock.load(Ordering::SeqCst), async move {
                drop(stopped.await)
            }));
        let mut meter = meter(port, UNIT);
        for ms in [0, 999, 60_000, 3 * HOUR_MS + 17, 30 * HOUR_MS] {
            now.store(ms, Ordering::SeqCst);
            let readings = meter.read().await.unwrap().readings;
            let house = house.lock().unwrap();
            let wanted = |quantity| match quantity {
                Quantity { measure: Measure::EnergyImport, phase: Phase::All | Phase::L1, .. } => {
                    house.metered().0 / 1_000 * 1_000
                }
                Quantity { measure: Measure::EnergyImport, .. } => 0,
                _ => house.exported().0 / 1_000 * 1_000,
            };
            let counters = readings.iter().filter_map(|reading| Some((reading.quantity, reading.energy()?.0)));
            for (quantity, counter) in counters {
                assert_eq!(counter, wanted(quantity), "{quantity} after {ms} ms");
            }
            let power = readings.iter().find_map(Reading::power).unwrap();
            assert!((power.0 - house.power().0).abs() <= 1, "32-bit float");
            assert_eq!(readings.len(), profiles::find(PROFILE).unwrap().points.len());
        }
        assert!(self::meter(port, 2).read().await.is_err(), "another unit");
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        assert!(meter.read().await.is_err(), "nobody there any more");
    }

    #[tokio::test]
    async fn one_client_too_many_is_sent_away() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let house = Arc::new(Mutex::new(House::new(0, 1, MilliwattHours(0))));
        let serving = tokio::spawn(serve(listener, house, || 0, std::future::pending()));
        let mut meters: Vec<_> = (0..=CONNECTIONS_MAX).map(|_| meter(port, UNIT)).collect();
        let mut extra = meters.pop().unwrap();
        for meter in &mut meters {
            meter.read().await.unwrap();
        }
        assert!(extra.read().await.is_err());
        serving.abort();
    }

    fn meter(port: u16, unit: u8) -> Reader {
        let line = Line::Network { host: "127.0.0.1".to_owned(), port, framing: Framing::Tcp, tls: None };
        let model = Model::Known(profiles::find(PROFILE).unwrap());
        let second = Duration::from_secs(1);
        Reader::new(line, Device { unit, model, period: second, answer_max: second })
    }
}
