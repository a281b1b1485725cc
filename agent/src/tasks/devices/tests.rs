//! What the owner writes and what is listed; `tests/scenarios/set_points.rs` has the running program.

#![allow(clippy::unwrap_used)]
use kilosat_drivers::profiles::find;
use kilosat_drivers::reading::Measure;

use super::*;

#[test]
fn a_value_is_read_in_the_unit_of_what_is_set() {
    let current: Quantity = "current_limit".parse().unwrap();
    let enabled: Quantity = "enabled".parse().unwrap();
    for (text, milli) in [("16", 16_000), ("10.5", 10_500), ("-6.125", -6_125), ("0", 0)] {
        assert_eq!(read_value(current, text), Ok(milli), "{text}");
    }
    for (text, number) in [("on", 1), ("off", 0), ("2", 2)] {
        assert_eq!(read_value(enabled, text), Ok(number), "{text}");
    }
    for text in ["", "on", "16 A", "1.0005", ".5", "5.", "--1", "1e3"] {
        let wrong = read_value(current, text).unwrap_err();
        assert!(wrong.ends_with("write a number of A, such as 16 or 10.5. Nothing was written."), "{wrong}");
    }
    assert!(read_value(enabled, "1.0").unwrap_err().contains("write a whole number, or on or off"));
}

#[test]
fn what_can_be_told_is_listed_with_its_limits_and_whether_it_is_allowed() {
    let profile = find("waveshare-relays").unwrap();
    let relay = |name: &str| name.parse::<Quantity>().unwrap();
    let (handle, _bus) = {
        let line = kilosat_drivers::modbus::Line::Network {
            host: "h".to_owned(),
            port: 502,
            framing: kilosat_drivers::modbus::Framing::Tcp,
            tls: None,
        };
        let (bus, _) = kilosat_drivers::modbus::Bus::new(line, Vec::new(), || 0);
        (bus.handle(), bus)
    };
    let settable = vec![relay("relay2_state")];
    let device = Device { bus: handle, unit: 1, title: profile.title.clone(), profile: Some(profile), settable };
    let on = Reading { quantity: relay("relay1_state"), milli: 1, raw: [1].into_iter().collect() };
    let temperature =
        Reading { quantity: Quantity::of(Measure::Temperature), milli: 21_500, raw: [215].into_iter().collect() };
    let round = Round { readings: vec![temperature], missing: Vec::new(), settings: vec![on] };
    let text = device.list("lamp", &round);
    assert!(text.starts_with("lamp, Waveshare relay boards"), "{text}");
    assert!(text.contains("\n  temperature              21.5 °C\nIt can be told:\n"), "{text}");
    let first = "\n  relay1_state             0 to 1, now 1; not allowed in the configuration\n";
    assert!(text.contains(first) && text.contains("\n  relay2_state             0 to 1\n"), "{text}");
    let refused = device.settable("lamp", "relay1_state").unwrap_err();
    assert_eq!(refused, "Kilosat may not change \"relay1_state\" on lamp; it may change: relay2_state.");
}
