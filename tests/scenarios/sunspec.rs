//! SunSpec devices laid out by pysunspec2, served by libmodbus, and read by pysunspec2 and by Kilosat: both must say the
//! same of every value.

use std::time::Duration;

use kilosat_drivers::modbus::{Device, Framing, Line, Model, Reader};
use kilosat_drivers::profiles::Space;
use kilosat_drivers::reading::{Measure, Quantity};
use serde_json::Value;
use sim::libmodbus::Libmodbus;
use sim::peer::pysunspec;

/// What the SunSpec Alliance calls a value of an inverter's or a meter's model.
const NAMES: &[(&str, &str)] = &[
    ("current", "A"),
    ("voltage", "PhV"),
    ("frequency", "Hz"),
    ("power", "W"),
    ("power_factor", "PF"),
    ("energy_import", "TotWhImp"),
    ("energy_export", "TotWhExp"),
];
const OF_INVERTERS: &[(&str, &str)] = &[("energy_export", "WH"), ("pv_power", "DCW")];
/// Models of other kinds, with what they have.
const OTHERS: &[(u16, &[(&str, &str)])] = &[
    (124, &[("battery_soc", "ChaState")]),
    (160, &[("pv1_power", "module.DCW[0]"), ("pv2_power", "module.DCW[1]"), ("pv3_power", "module.DCW[2]")]),
    (701, &[("power", "W"), ("frequency", "Hz"), ("energy_export", "TotWhInj"), ("energy_import", "TotWhAbs")]),
    (713, &[("battery_soc", "SoC")]),
    (802, &[("battery_soc", "SoC"), ("battery_power", "W")]),
];

/// The name of a quantity in a model.
fn name(model: u16, quantity: Quantity) -> String {
    let full = quantity.name();
    if let Some((_, names)) = OTHERS.iter().find(|(other, _)| *other == model) {
        return names.iter().find(|(ours, _)| *ours == &*full).unwrap().1.to_owned();
    }
    let (base, phase) = ["_l1", "_l2", "_l3"]
        .iter()
        .zip(["A", "B", "C"])
        .find_map(|(ours, theirs)| full.strip_suffix(ours).map(|base| (base, theirs)))
        .unwrap_or((&full, ""));
    let is_inverter = (101..=113).contains(&model);
    let own = OF_INVERTERS.iter().find(|(ours, _)| is_inverter && *ours == base);
    let theirs = own.or_else(|| NAMES.iter().find(|(ours, _)| *ours == base)).unwrap().1;
    match (phase, theirs) {
        ("", theirs) => theirs.to_owned(),
        (phase, "A" | "W" | "PF" | "PhV") => format!("{theirs}ph{phase}"),
        (phase, theirs) => format!("{theirs}Ph{phase}"),
    }
}

/// What pysunspec2 read, in thousandths; power factors are in percent there.
fn milli(said: &Value, name: &str, quantity: Quantity) -> i64 {
    let value = match name.split_once('[') {
        Some((list, place)) => &said[list][place.trim_end_matches(']').parse::<usize>().unwrap()],
        None => &said[name],
    };
    let value = value.as_f64().unwrap_or_else(|| panic!("{name} is not in {said}"));
    let scale = if quantity.measure == Measure::PowerFactor { 10.0 } else { 1_000.0 };
    #[expect(clippy::cast_possible_truncation, reason = "values of a few digits")]
    let milli = (value * scale).round() as i64;
    milli
}

#[tokio::test]
async fn pysunspec_and_kilosat_say_the_same_of_every_model_that_is_known() {
    let libmodbus = Libmodbus::build();
    let meters = [201, 202, 203, 204, 211, 212, 213, 214].map(|model| (model, 12));
    let inverters = [101, 102, 103, 111, 112, 113].map(|model| (model, 11));
    let others = OTHERS.iter().map(|(model, names)| (*model, names.len()));
    for (model, least) in meters.into_iter().chain(inverters).chain(others) {
        let word = |line: &str| -> (Space, u16, u16) {
            let (address, word) = line.split_once(' ').unwrap();
            (Space::Holding, address.parse().unwrap(), word.parse().unwrap())
        };
        let image: Vec<_> = pysunspec(&["image", &model.to_string()]).lines().map(word).collect();
        let device = libmodbus.start(&image, None);
        let said: Value = serde_json::from_str(&pysunspec(&["read", &device.port().to_string()])).unwrap();
        let device = libmodbus.start(&image, None);
        let (host, port) = ("127.0.0.1".to_owned(), device.port());
        let line = Line::Network { host, port, framing: Framing::Tcp, tls: None };
        let second = Duration::from_secs(1);
        let asked = Device { unit: 1, model: Model::SunSpec, period: second, answer_max: second };
        let mut reader = Reader::new(line, asked);
        let round = reader.read().await.unwrap_or_else(|fault| panic!("model {model}: {fault}"));
        assert_eq!(reader.profile().unwrap().title, "Maker Model 7");
        assert!(round.missing.is_empty(), "model {model}: {:?}", round.missing);
        assert!(round.readings.len() >= least, "model {model}: {:?}", round.readings);
        for reading in &round.readings {
            let name = name(model, reading.quantity);
            assert_eq!(reading.milli, milli(&said, &name, reading.quantity), "model {model}, {name}");
        }
    }
}
