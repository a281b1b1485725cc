//! `kilosat sim`: a device without hardware, as an integrator tries an installation with it.

use sim::hub::kilosat;
use sim::peer::pymodbus_reads;
use sim::simulated::Simulated;

#[test]
fn another_library_reads_the_simulated_meter_and_what_is_printed_can_be_pasted() {
    let simulated = Simulated::start(&["--profile", "eastron-sdm630", "--counter", "1234.5"]);
    let port = simulated.port();
    assert_eq!(pymodbus_reads(port, 1, 0), ["230.0", "1"], "a voltage, and a write that is refused");
    let counter: f32 = pymodbus_reads(port, 1, 72)[0].parse().unwrap();
    assert!((1234.4..1235.0).contains(&counter), "{counter} kWh");
    assert_eq!(pymodbus_reads(port, 2, 0), ["refused", "11"], "nobody has this number");
    let rest = simulated.interrupt();
    let (section, end) = rest.split_once("The simulated device is gone.").unwrap();
    assert_eq!(end.trim(), "");
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("kilosat.toml");
    std::fs::write(&config, section.split("For kilosat.toml:").nth(1).unwrap()).unwrap();
    let checked = kilosat(&["check", "--config", config.to_str().unwrap()]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn a_scan_finds_the_simulated_meter_on_a_serial_port_without_a_wire_although_some_answers_fail() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("meter");
    let path = path.to_str().unwrap();
    let options = ["--profile", "carlo-gavazzi-em340", "--unit", "3", "--serial", path, "--fault", "damaged:7"];
    let simulated = Simulated::start(&options);
    assert!(simulated.first.contains(&format!("answers as unit 3 on {path} (9600 8N1)")), "{}", simulated.first);
    let scanned = kilosat(&["scan", "serial", path, "--settings", "9600 8N1"]);
    let text = String::from_utf8_lossy(&scanned.stdout);
    assert!(text.contains("unit 3: Carlo Gavazzi EM340"), "{text}\n{}", String::from_utf8_lossy(&scanned.stderr));
    simulated.interrupt();
    assert!(!std::path::Path::new(path).exists(), "the port is gone with its device");
}

#[test]
fn what_cannot_be_simulated_is_refused_with_a_hint() {
    let unknown = kilosat(&["sim", "--profile", "sdm630"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean \"eastron-sdm630\"?"));
    let fault = kilosat(&["sim", "--profile", "eastron-sdm630", "--fault", "loud"]);
    assert!(String::from_utf8_lossy(&fault.stderr).contains("silent:20"));
    let held = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = held.local_addr().unwrap().port().to_string();
    let taken = kilosat(&["sim", "--profile", "eastron-sdm630", "--port", &port]);
    assert!(String::from_utf8_lossy(&taken.stderr).contains("cannot be reached at 127.0.0.1"));
}
