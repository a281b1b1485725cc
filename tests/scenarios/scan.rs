//! `kilosat scan` against servers nobody here wrote: what is found, what is printed, and when it refuses.

use std::process::Output;
use std::time::Duration;

use kilosat_drivers::modbus::{Device, Line, Model, Reader};
use kilosat_drivers::profiles;
use kilosat_drivers::serial::SerialSettings;
use sim::house::House;
use sim::hub::kilosat;
use sim::peer::Pymodbus;
use sim::serial::SerialPort;

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What was printed names the meter with its values, and `kilosat check` takes what it says to paste.
#[track_caller]
fn shows_the_meter(scanned: &Output, expected: &[&str]) {
    let text = words(&scanned.stdout);
    assert!(scanned.status.success(), "{text}\n{}", words(&scanned.stderr));
    let meter = ["unit 1: Eastron SDM630 v2", "345.75 W", "1234.500 kWh", "20250001", "profile = \"eastron-sdm630\""];
    for expected in meter.iter().chain(expected) {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert_eq!(text.matches("[[meter]]").count(), 1, "one device: {text}");
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("kilosat.toml");
    std::fs::write(&config, text.split("For kilosat.toml:").nth(1).unwrap()).unwrap();
    let checked = kilosat(&["check", "--config", config.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", words(&checked.stderr));
    assert!(words(&checked.stdout).contains("1 meter(s)"));
}

#[track_caller]
fn refuses(scanned: &Output, expected: &str) {
    assert_eq!(scanned.status.code(), Some(1), "{}", words(&scanned.stdout));
    assert!(words(&scanned.stderr).contains(expected), "{expected} in {}", words(&scanned.stderr));
}

#[test]
fn a_meter_in_the_network_is_found_shown_and_ready_to_paste() {
    let peer = Pymodbus::start();
    let port = peer.port().to_string();
    let scanned = kilosat(&["scan", "tcp", "127.0.0.1", "--port", &port]);
    shows_the_meter(&scanned, &["host = \"127.0.0.1\"", &format!("port = {port}")]);
    assert!(!words(&scanned.stdout).contains("rtu-over-tcp"));
}

#[test]
fn a_gateway_that_passes_bytes_on_is_told_from_one_that_speaks_tcp() {
    let peer = Pymodbus::start_rtu();
    let scanned = kilosat(&["scan", "tcp", "127.0.0.1", "--port", &peer.port().to_string()]);
    shows_the_meter(&scanned, &["transport = \"rtu-over-tcp\""]);
}

#[tokio::test]
async fn a_meter_on_a_serial_port_is_found_unless_another_program_uses_the_port() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("adapter");
    let peer = Pymodbus::start_rtu();
    let _port = SerialPort::plug(&path, peer.port());
    let named = path.to_str().unwrap();
    let scanned = kilosat(&["scan", "serial", named]);
    shows_the_meter(&scanned, &[&format!("serial = {named:?}"), "serial_settings = \"9600 8N1\""]);

    let line = Line::Serial { path: path.clone(), settings: SerialSettings::default() };
    let model = Model::Known(profiles::find("eastron-sdm630").unwrap());
    let (period, answer_max) = (Duration::from_secs(1), Duration::from_secs(1));
    let mut reader = Reader::new(line, Device { unit: 1, model, period, answer_max });
    reader.read().await.unwrap();
    refuses(&kilosat(&["scan", "serial", named]), "another program uses it");
}

#[test]
fn a_place_where_nothing_listens_and_a_port_that_is_not_there_are_named() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    refuses(&kilosat(&["scan", "tcp", "127.0.0.1", "--port", &free]), "nothing listens there");
    refuses(&kilosat(&["scan", "serial", "/nonexistent/adapter"]), "it is not there");
    assert_eq!(kilosat(&["scan", "serial", "/dev/null", "--settings", "9600"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_running_kilosat_reads_is_not_disturbed() {
    let house = House::new("").await;
    let mut hub = house.start();
    hub.status().await;
    let said = house.try_kilosat(&["scan", "tcp", "127.0.0.1"]).unwrap_err();
    assert!(said.contains("the running Kilosat reads 127.0.0.1 itself; stop it first"), "{said}");
    assert!(hub.terminate().await.success());
}
