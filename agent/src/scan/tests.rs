#![allow(clippy::unwrap_used)]
use kilosat_drivers::modbus::Round;
use kilosat_drivers::profiles::{all, find};
use kilosat_drivers::reading::{Quantity, Reading};

use super::*;
use crate::config::Config;

fn serial() -> Line {
    Line::Serial { path: PathBuf::from("/dev/serial/by-id/usb-adapter"), settings: "2400 8N1".parse().unwrap() }
}

fn network(framing: Framing) -> Line {
    Line::Network { host: "192.168.1.50".to_owned(), port: 1_502, framing, tls: None }
}

fn found(line: Line, profile: &str, values: &[(&str, i64)]) -> Found {
    let profile = find(profile).unwrap();
    let readings = values.iter().map(|(name, milli)| {
        let quantity: Quantity = name.parse().unwrap();
        Reading { quantity, milli: *milli, raw: [0, 0].into_iter().collect() }
    });
    let round = Ok(Round { readings: readings.collect(), missing: Vec::new(), settings: Vec::new() });
    let look = Look { model: Model::Known(Arc::clone(&profile)), profile: Some(profile), round };
    Found { line, unit: 7, looks: vec![look] }
}

/// What is printed after the words, as an owner pastes it.
fn pasted(text: &str) -> Config {
    let section = text.split("For kilosat.toml:").nth(1).unwrap();
    Config::parse(section).unwrap_or_else(|error| panic!("{error:?}\n{section}"))
}

#[test]
fn what_is_printed_can_be_pasted_for_every_kind_of_line() {
    for line in [serial(), network(Framing::Tcp), network(Framing::Rtu)] {
        let expected = line.to_string();
        let text = found(line, "eastron-sdm630", &[]).as_text(3);
        let config = pasted(&text);
        let meter = config.meters.first().unwrap();
        assert_eq!((meter.id.as_str(), meter.unit, meter.line.line().unwrap().to_string()), ("meter-3", 7, expected));
    }
    let battery = found(network(Framing::Tcp), "deye-hybrid-3p-lv", &[]).as_text(1);
    assert_eq!(pasted(&battery).meters.first().unwrap().id, "inverter-1");
}

#[test]
fn values_stand_as_on_a_display_and_the_sign_is_asked_about() {
    let values = [("voltage_l1", 230_500), ("power", -1_250), ("energy_import", 1_234_500_999), ("frequency", 49_980)];
    let text = found(serial(), "eastron-sdm630", &values).as_text(1);
    for expected in ["230.5 V", "-1.25 W", "1234.500 kWh", "49.98 Hz", "wired the other way round", "unit 7"] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    assert!(text.contains("power_max_w = 5750 "), "one phase: {text}");
    let text = found(serial(), "eastron-sdm630", &[("voltage_l2", 230_000)]).as_text(1);
    assert!(text.contains("power_max_w = 17250 "), "three phases: {text}");
}

#[test]
fn a_device_that_no_profile_knows_says_what_to_do() {
    let text = Found { line: serial(), unit: 5, looks: Vec::new() }.as_text(1);
    assert!(text.contains("kilosat profiles") && text.contains("unit = 5"), "{text}");
}

#[tokio::test]
async fn a_place_where_nothing_is_says_so() {
    let missing = Place::Serial { path: PathBuf::from("/nonexistent/port"), settings: None };
    let error = scan(&missing, false, &all(), &mut |_| {}).await.unwrap_err();
    let said = error.to_string();
    assert!(said.contains("it is not there") && !said.contains("tries again"), "{said}");
}
