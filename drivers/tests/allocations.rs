//! Readings in steady state take no memory of their own: what a device with a hundred registers costs in a year of rounds
//! is what it costs in the first.

#![allow(clippy::unwrap_used)]
use std::sync::{Arc, mpsc};
use std::time::Duration;

use kilosat_drivers::modbus::server::{Answers, Reply, serve};
use kilosat_drivers::modbus::{Ask, Bus, Device, Framing, Line, Meter, Model};
use kilosat_drivers::profiles::{Profile, find};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// The registers of a profile.
#[derive(Clone)]
struct Server(Arc<Profile>);

impl Answers for Server {
    async fn answer(&self, ask: Ask) -> Reply {
        let milli = |quantity: kilosat_drivers::reading::Quantity| if quantity.unit() == "V" { 230_000 } else { 1_000 };
        let words = self.0.answer(ask.space, ask.address, ask.quantity, milli);
        words.map_or(Reply::Refusal(2), Reply::Registers)
    }
}

/// In a thread of its own, whose memory is not counted.
fn start_server(profile: Arc<Profile>) -> u16 {
    let (told, port) = mpsc::channel();
    std::thread::spawn(move || {
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            told.send(listener.local_addr().unwrap().port()).unwrap();
            serve(&listener, Framing::Tcp, Server(profile)).await
        })
    });
    port.recv().unwrap()
}

/// The readings of so many rounds.
async fn readings(meter: &mut Meter, rounds: u64) -> u64 {
    let mut readings = 0;
    for _ in 0..rounds {
        let heard = meter.next().await.unwrap();
        assert_eq!(heard.fault, None);
        readings += u64::try_from(heard.round.readings.len()).unwrap();
    }
    readings
}

#[test]
fn a_round_takes_memory_twice_at_most_and_a_reading_none() {
    const ROUNDS: u64 = 500;
    let profile = find("eastron-sdm630").unwrap();
    let port = start_server(Arc::clone(&profile));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let line = Line::Network { host: "127.0.0.1".to_owned(), port, framing: Framing::Tcp, tls: None };
    let (period, answer_max) = (Duration::from_millis(1), Duration::from_secs(1));
    let (bus, mut meters) =
        Bus::new(line, vec![Device { unit: 1, model: Model::Known(profile), period, answer_max }], || 0);
    let mut meter = meters.pop().unwrap();
    let _bus = runtime.spawn(bus.run());
    runtime.block_on(readings(&mut meter, 20));
    let mut read = 0;
    let memory = allocation_counter::measure(|| read = runtime.block_on(readings(&mut meter, ROUNDS)));
    assert!(read >= 10 * ROUNDS, "{read} readings");
    // The copy of the round that the listener gets is one piece; a round more may pass while it listens.
    assert!(memory.count_total <= 2 * ROUNDS + 10, "{} pieces of memory for {read} readings", memory.count_total);
}
