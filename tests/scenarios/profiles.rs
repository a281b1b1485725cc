//! Every profile read from libmodbus and from pymodbus, which nobody here wrote, in both framings.

use std::sync::Arc;
use std::time::Duration;

use kilosat_drivers::modbus::{Device, Framing, Line, Model, Reader};
use kilosat_drivers::profiles::{self, Profile, Space, decode};
use kilosat_drivers::reading::Quantity;
use kilosat_drivers::serial::SerialSettings;
use sim::libmodbus::{Libmodbus, Wire};
use sim::peer::PymodbusDevices;

/// Different for every quantity, as far as its unit lets it be; no counter is zero.
fn milli(quantity: Quantity) -> i64 {
    let name = quantity.name().to_string();
    let own = name.bytes().fold(0_i64, |sum, byte| (sum * 31 + i64::from(byte)) % 900);
    match quantity.unit() {
        "Wh" => 5_000_000 + own * 10_000,
        "V" => 230_000 + own,
        "Hz" => 50_000,
        _ => 100 + own,
    }
}

/// All registers that a device with this profile has.
fn image(profile: &Profile) -> Vec<(Space, u16, u16)> {
    let parts = profile.points.iter().flat_map(|point| &point.parts);
    let words = |part: &profiles::Part| {
        let words = profile.answer(part.space, part.address, part.count, milli).unwrap();
        let space = part.space;
        (part.address..).zip(words).map(move |(address, word)| (space, address, word)).collect::<Vec<_>>()
    };
    parts.flat_map(words).collect()
}

/// What each point says when its own registers are taken from the image, without any client or server.
fn expected(profile: &Profile) -> Vec<(Quantity, i64)> {
    let said = |point: &profiles::Point| {
        let words = |part: &profiles::Part| profile.answer(part.space, part.address, part.count, milli).unwrap();
        let words: Vec<u16> = point.parts.iter().flat_map(words).collect();
        (point.quantity, decode(point, &words).unwrap())
    };
    profile.points.iter().filter(|point| point.poll != profiles::Poll::Now).map(said).collect()
}

async fn read(line: Line, profile: &Arc<Profile>) {
    let (model, second) = (Model::Known(Arc::clone(profile)), Duration::from_secs(1));
    let mut reader = Reader::new(line, Device { unit: 1, model, period: second, answer_max: second });
    let round = reader.read().await.unwrap_or_else(|fault| panic!("{}: {fault}", profile.name));
    assert!(round.missing.is_empty(), "{}: {:?}", profile.name, round.missing);
    let expected = expected(profile);
    assert!(!expected.is_empty(), "{}", profile.name);
    for (quantity, milli) in expected {
        let read = round.readings.iter().find(|reading| reading.quantity == quantity).map(|reading| reading.milli);
        assert_eq!(read, Some(milli), "{} {quantity}", profile.name);
    }
    assert_eq!((reader.counts().damaged, reader.counts().unanswered), (0, 0), "{}", profile.name);
}

fn network(port: u16) -> Line {
    Line::Network { host: "127.0.0.1".to_owned(), port, framing: Framing::Tcp, tls: None }
}

fn serial(wire: &Wire) -> Line {
    Line::Serial { path: wire.ours(), settings: SerialSettings::default() }
}

#[tokio::test]
async fn every_profile_is_read_from_libmodbus_over_tcp() {
    let libmodbus = Libmodbus::build();
    for profile in profiles::all() {
        let device = libmodbus.start(&image(&profile), None);
        read(network(device.port()), &profile).await;
    }
}

#[tokio::test]
async fn every_profile_is_read_from_libmodbus_on_a_serial_line() {
    let (libmodbus, wire) = (Libmodbus::build(), Wire::lay().await);
    for profile in profiles::all() {
        let _device = libmodbus.start(&image(&profile), Some(&wire.theirs()));
        read(serial(&wire), &profile).await;
    }
}

#[tokio::test]
async fn every_profile_is_read_from_pymodbus_over_tcp() {
    let mut pymodbus = PymodbusDevices::start(None);
    for profile in profiles::all() {
        let port = pymodbus.serve(&image(&profile));
        read(network(port), &profile).await;
    }
}

#[tokio::test]
async fn every_profile_is_read_from_pymodbus_on_a_serial_line() {
    let wire = Wire::lay().await;
    let mut pymodbus = PymodbusDevices::start(Some(&wire.theirs()));
    for profile in profiles::all() {
        pymodbus.serve(&image(&profile));
        read(serial(&wire), &profile).await;
    }
}
