//! A meter on a serial port that other programs read through the running Kilosat.

use std::net::TcpListener;

use kilosat::status::{MeterStatus, Status};
use sim::house::House;
use sim::hub::kilosat;
use sim::peer::{Pymodbus, pymodbus_reads};
use sim::serial::SerialPort;

fn cellar(status: &Status) -> &MeterStatus {
    status.meters.iter().find(|meter| meter.id == "cellar").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_program_reads_a_serial_meter_through_the_running_kilosat_and_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("adapter");
    let mut peer = Pymodbus::start_rtu();
    let _port = SerialPort::plug(&path, peer.port());
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let house = House::new(&format!(
        "[[meter]]\nid = \"cellar\"\nprofile = \"eastron-sdm630\"\nserial = {path:?}\nshare = \"{address}\"\n\
         poll_interval_ms = 200\npower_max_w = 17250\n"
    ))
    .await;
    let mut hub = house.start();
    let told = |text: &'static str| {
        move |status: &Status| cellar(status).note.as_ref().is_some_and(|note| note.contains(text))
    };
    hub.until("the port is taken", told("is not shared")).await;
    drop(taken);
    let status = hub.until("the line is shared", told("can read its line")).await;
    assert!(house.kilosat(&["status"]).contains(&format!("can read its line at {address}")), "{status:#?}");
    hub.until("the meter is read", |status| cellar(status).state == "good").await;

    assert_eq!(pymodbus_reads(address.port(), 1, 52), ["345.75", "1"], "the power, and a write that is refused");
    assert_eq!(pymodbus_reads(address.port(), 9, 52), ["refused", "1"], "a unit that is not read here");
    peer.order("power 512.5");
    assert_eq!(pymodbus_reads(address.port(), 1, 52), ["512.5", "1"]);
    let scanned = kilosat(&["scan", "tcp", "127.0.0.1", "--port", &address.port().to_string()]);
    let text = String::from_utf8_lossy(&scanned.stdout);
    assert!(text.contains("unit 1: Eastron SDM630 v2") && text.matches("[[meter]]").count() == 1, "{text}");

    let faults = cellar(&hub.status().await).faults;
    assert_eq!(faults, 0, "the guests disturbed nothing");
    assert!(hub.terminate().await.success());
}
