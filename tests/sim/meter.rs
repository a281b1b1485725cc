//! A Modbus TCP meter on the loopback that can misbehave in every way a real one does.
//!
//! It speaks the protocol by hand: a library would refuse to send most of these answers. Frames are those of the
//! Modbus Messaging on TCP/IP guide: transaction id, protocol id 0, length, unit, function, data.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use kilosat_drivers::profiles::{Profile, Space};
use kilosat_drivers::reading::{Measure, MilliwattHours, Milliwatts, Phase, Quantity, Subject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// How the meter answers from now on, on connections that exist as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// As it should.
    #[default]
    None,
    /// With this exception code, and keeps the connection.
    Exception(u8),
    /// With bytes that are no Modbus frame.
    Garbage,
    /// With the right values under the transaction id of another request.
    WrongTransaction,
    /// Not at all; the connection stays open.
    Silent,
    /// With the answer to the request before, and not at all to the first: what a client sees after a timeout.
    Late,
    /// With a whole frame that holds one register less than was asked for.
    ShortAnswer,
    /// With the end of the connection.
    CloseAtOnce,
}

/// A running meter; dropping it ends its connections.
pub struct MeterSim {
    addr: SocketAddr,
    shared: Arc<Shared>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl MeterSim {
    /// Starts a meter of this model on a free port of the loopback, with counter and power at zero.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(profile: Arc<Profile>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let mut meter = Self {
            addr: listener.local_addr()?,
            shared: Arc::new(Shared { profile, state: Mutex::default() }),
            running: None,
        };
        meter.run(listener);
        Ok(meter)
    }

    /// Where the meter is, also while it is stopped.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sets the import counter; the meter shows it as its registers can.
    pub fn set_energy(&self, energy: MilliwattHours) {
        self.shared.change(|state| state.energy = energy);
    }

    /// Sets the power of the first phase, which is also the total.
    pub fn set_power(&self, power: Milliwatts) {
        self.shared.change(|state| state.power = power);
    }

    /// Makes the meter misbehave, or behave again with [`Fault::None`].
    pub fn set_fault(&self, fault: Fault) {
        self.shared.change(|state| state.fault = fault);
    }

    /// How many connections were accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.look().connections
    }

    /// How many requests arrived so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.look().requests
    }

    /// Switches the meter off: when this returns, its connections are closed and new ones are refused.
    pub async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            drop(stop);
            task.await.expect("the simulated meter does not panic");
        }
    }

    /// Switches the meter on again, on the same port and with the values it had.
    ///
    /// # Errors
    /// When another program took the port meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.stop().await;
        let listener = TcpListener::bind(self.addr).await?;
        self.run(listener);
        Ok(())
    }

    fn run(&mut self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, Arc::clone(&self.shared), stopped));
        self.running = Some((stop, task));
    }
}

struct Shared {
    profile: Arc<Profile>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    energy: MilliwattHours,
    power: Milliwatts,
    fault: Fault,
    connections: u64,
    requests: u64,
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        // Plain values, whole after every assignment: a panic elsewhere leaves nothing half done.
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self) -> State {
        self.change(|state| *state)
    }
}

/// Ends, and all connections with it, when the other half of `stopped` is gone.
async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < CONNECTIONS_MAX => {
                let Ok((stream, _)) = accepted else { continue };
                shared.change(|state| state.connections += 1);
                clients.spawn(serve(stream, Arc::clone(&shared)));
            }
        }
    }
    drop(listener);
    clients.shutdown().await;
}

/// Serves one client until it leaves, sends something that is no request, or the fault says so.
async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut request = [0; REQUEST_BYTES];
    let mut held_back: Option<Vec<u8>> = None;
    while shared.look().fault != Fault::CloseAtOnce && stream.read_exact(&mut request).await.is_ok() {
        let [high, low, 0, 0, 0, 6, asked @ ..] = request else {
            return;
        };
        let state = shared.change(|state| {
            state.requests += 1;
            *state
        });
        let transaction = u16::from_be_bytes([high, low]);
        let other = transaction.wrapping_add(1);
        let frame = match state.fault {
            Fault::None => frame(transaction, answer(&shared, &state, asked, 0)),
            Fault::Exception(code) => frame(transaction, refusal(asked, code)),
            Fault::Garbage => GARBAGE.to_vec(),
            Fault::WrongTransaction => frame(other, answer(&shared, &state, asked, 0)),
            Fault::Silent => continue,
            Fault::Late => {
                let due = frame(transaction, answer(&shared, &state, asked, 0));
                match held_back.replace(due) {
                    Some(late) => late,
                    None => continue,
                }
            }
            Fault::ShortAnswer => frame(transaction, answer(&shared, &state, asked, 1)),
            Fault::CloseAtOnce => return,
        };
        if stream.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// Unit, function and data of the answer, `less` registers short.
fn answer(shared: &Shared, state: &State, asked: [u8; 6], less: usize) -> Vec<u8> {
    let [unit, function, a, b, c, d] = asked;
    let (address, quantity) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let space = match function {
        READ_COILS => Space::Coil,
        READ_DISCRETE => Space::Discrete,
        READ_HOLDING => Space::Holding,
        READ_INPUT => Space::Input,
        _ => return refusal(asked, ILLEGAL_FUNCTION),
    };
    let milli = |quantity| milli(state, quantity);
    let Some(mut words) = shared.profile.answer(space, address, quantity, milli) else {
        return refusal(asked, ILLEGAL_ADDRESS);
    };
    words.truncate(words.len().saturating_sub(less));
    let data: Vec<u8> = if space.is_bits() {
        let pack = |bits: &[u16]| bits.iter().rev().fold(0, |byte, bit| (byte << 1) | u8::from(*bit != 0));
        words.chunks(8).map(pack).collect()
    } else {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    };
    let bytes = u8::try_from(data.len()).expect("a profile answers at most 125 registers");
    [&[unit, function, bytes], data.as_slice()].concat()
}

fn refusal(asked: [u8; 6], code: u8) -> Vec<u8> {
    let [unit, function, ..] = asked;
    vec![unit, function | 0x80, code]
}

fn frame(transaction: u16, body: Vec<u8>) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("a body has at most 253 bytes");
    let [high, low] = transaction.to_be_bytes();
    let [length_high, length_low] = length.to_be_bytes();
    [&[high, low, 0, 0, length_high, length_low], body.as_slice()].concat()
}

/// One phase carries everything.
fn milli(state: &State, quantity: Quantity) -> i64 {
    if matches!(quantity.phase, Phase::L2 | Phase::L3) && quantity.measure != Measure::Voltage {
        return 0;
    }
    match quantity.measure {
        Measure::EnergyImport | Measure::EnergyTotal => i64::try_from(state.energy.0).unwrap_or(i64::MAX),
        // What can only be used or given has no sign.
        Measure::Power if !matches!(quantity.subject, Subject::Own | Subject::Grid | Subject::Battery) => {
            state.power.0.abs()
        }
        Measure::Power => state.power.0,
        Measure::Current => state.power.0.abs() / VOLTS,
        Measure::Voltage => VOLTS * 1_000,
        Measure::Frequency => 50_000,
        Measure::SerialNumber => SERIAL_NUMBER,
        Measure::CurrentRatio => 1,
        Measure::VoltageRatio => 10,
        _ => 0,
    }
}

/// The serial number on the simulated label.
pub const SERIAL_NUMBER: i64 = 20_250_001;
/// Clients served at a time; more wait.
pub const CONNECTIONS_MAX: usize = 8;

/// A read request: seven bytes of header, function, address, quantity.
const REQUEST_BYTES: usize = 12;
const READ_COILS: u8 = 1;
const READ_DISCRETE: u8 = 2;
const READ_HOLDING: u8 = 3;
const READ_INPUT: u8 = 4;
const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_ADDRESS: u8 = 2;
const VOLTS: i64 = 230;
/// Looks like line noise; the length field is small, so that a client sees at once that it is none.
const GARBAGE: [u8; 11] = [0x5A, 0x13, 0xC4, 0x77, 0x00, 0x05, 0xE9, 0x80, 0x3F, 0x00, 0xD1];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use kilosat_drivers::modbus::{Device, Framing, Line, LinkFault, Model, Reader, RoundFault};
    use kilosat_drivers::profiles::{Point, all, decode, encode, find};
    use kilosat_drivers::reading::Reading;

    use super::*;

    fn client(meter: &MeterSim) -> Reader {
        waiting(meter, Duration::from_millis(200))
    }

    fn waiting(meter: &MeterSim, answer_max: Duration) -> Reader {
        let (host, port) = (meter.addr().ip().to_string(), meter.addr().port());
        let line = Line::Network { host, port, framing: Framing::Tcp, tls: None };
        let model = Model::Known(Arc::clone(&meter.shared.profile));
        Reader::new(line, Device { unit: 1, model, period: Duration::from_secs(1), answer_max })
    }

    fn energy(readings: &[Reading]) -> MilliwattHours {
        readings.iter().find_map(Reading::energy).unwrap()
    }

    async fn meter() -> MeterSim {
        let meter = MeterSim::start(find("schneider-iem3155").unwrap()).await.unwrap();
        meter.set_energy(MilliwattHours(7_000_999));
        meter
    }

    #[tokio::test]
    async fn every_profile_reads_what_its_simulated_meter_shows() {
        for profile in all() {
            let meter = MeterSim::start(Arc::clone(&profile)).await.unwrap();
            // Devices that cannot say a negative power are asked for a positive one.
            let signed = |point: &Point| decode(point, &encode(point, -1_500_000)).is_ok();
            let power = if profile.point(Quantity::POWER).is_none_or(signed) { -1_500_000 } else { 1_500_000 };
            meter.set_energy(MilliwattHours(1_234_500_000));
            meter.set_power(Milliwatts(power));
            let mut client = waiting(&meter, Duration::from_secs(5));
            let round = client.read().await.unwrap_or_else(|fault| panic!("{}: {fault}", profile.name));
            assert_eq!(round.missing, [], "{}", profile.name);
            let readings = round.readings;
            assert_eq!(readings.len(), profile.quantities().count(), "{}", profile.name);
            if let Some(billed) = profile.billed {
                let counter = readings.iter().find(|reading| reading.quantity == billed).unwrap();
                let off = counter.milli.abs_diff(1_234_500_000);
                assert!(off <= profile.printed_step.0, "{}: off by {off}", profile.name);
            }
            for reading in readings {
                let text = profile.point(reading.quantity).is_some_and(|point| point.kind.is_text());
                let wanted = match reading.quantity {
                    Quantity::POWER | Quantity::POWER_L1 => power,
                    Quantity::VOLTAGE_L1 => 230_000,
                    Quantity::SERIAL_NUMBER if !text => SERIAL_NUMBER,
                    _ => continue,
                };
                assert_eq!(reading.milli, wanted, "{} {}", profile.name, reading.quantity);
            }
            assert_eq!(meter.connections(), 1);
        }
    }

    #[track_caller]
    fn says(fault: Fault, seen: &RoundFault) {
        let RoundFault::Link(seen) = seen else { panic!("{fault:?} gave {seen:?}") };
        let fits = match fault {
            Fault::None => false,
            Fault::Exception(wanted) => {
                matches!(seen, LinkFault::Exception(code) if *code == wanted)
            }
            Fault::Garbage | Fault::WrongTransaction | Fault::ShortAnswer => {
                matches!(seen, LinkFault::Wrong(_))
            }
            Fault::Silent | Fault::Late => matches!(seen, LinkFault::NoAnswer { .. }),
            Fault::CloseAtOnce => matches!(seen, LinkFault::Closed),
        };
        assert!(fits, "{fault:?} gave {seen:?}");
    }

    #[tokio::test]
    async fn every_fault_is_seen_and_the_next_read_after_it_is_right() {
        for fault in [
            Fault::Exception(4),
            Fault::Exception(0x63),
            Fault::Garbage,
            Fault::WrongTransaction,
            Fault::Silent,
            Fault::Late,
            Fault::ShortAnswer,
            Fault::CloseAtOnce,
        ] {
            let meter = meter().await;
            let mut client = client(&meter);
            client.read().await.unwrap();
            meter.set_fault(fault);
            for counter in [7_001_000, 7_002_000] {
                meter.set_energy(MilliwattHours(counter));
                says(fault, &client.read().await.unwrap_err());
            }
            meter.set_fault(Fault::None);
            meter.set_energy(MilliwattHours(7_009_000));
            let readings = client.read().await.unwrap().readings;
            assert_eq!(energy(&readings), MilliwattHours(7_009_000), "after {fault:?}");
            let kept = matches!(fault, Fault::Exception(_));
            assert_eq!(meter.connections() == 1, kept, "{fault:?}");
        }
    }

    #[tokio::test]
    async fn a_meter_that_was_off_is_read_again_without_losing_a_read() {
        let mut meter = meter().await;
        let mut client = client(&meter);
        client.read().await.unwrap();
        meter.restart().await.unwrap();
        let readings = client.read().await.unwrap().readings;
        assert_eq!(energy(&readings), MilliwattHours(7_000_000));
        meter.stop().await;
        let fault = client.read().await.unwrap_err();
        assert!(matches!(fault, RoundFault::Link(LinkFault::NotOpened { .. })), "{fault}");
        meter.restart().await.unwrap();
        client.read().await.unwrap();
        assert_eq!(meter.connections(), 3);
    }
}
