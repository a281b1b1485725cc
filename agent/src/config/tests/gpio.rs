use std::time::Duration;

use kilosat_drivers::gpio::pulses::PulseRules;
use kilosat_drivers::gpio::relay::RelayRules;
use kilosat_drivers::gpio::{Bias, InputWiring, Line, Wiring};
use kilosat_drivers::reading::MilliwattHours;

use super::*;
use crate::config::Measured;

const CHIP: &str = "chip = \"pinctrl-rp1\"\n";
const PULSES: &str = "id = \"p\"\npulse_line = \"GPIO17\"\npulses_per_kwh = 1000\npower_max_w = 5000\n";

fn wiring(line: &str, active_low: bool) -> Wiring {
    Wiring { chip: "pinctrl-rp1".to_owned(), line: Line::Name(line.to_owned()), active_low }
}

fn pulled_up(line: &str) -> InputWiring {
    InputWiring { wiring: wiring(line, true), bias: Bias::PullUp }
}

/// The section of the example with this heading, which is switched off there, switched on.
fn example(heading: &str) -> String {
    let off = format!("#{heading}\n");
    let (_, rest) = EXAMPLE.split_once(&off).unwrap();
    let section = rest.lines().take_while(|line| !line.starts_with("# ----") && !line.starts_with('['));
    let on = section.filter(|line| !line.starts_with("# ")).map(|line| line.trim_start_matches('#'));
    format!("{heading}\n{}\n", on.collect::<Vec<_>>().join("\n"))
}

/// A section with these lines, in which one is replaced by the setting of its key, or added, has one mistake.
#[track_caller]
fn wrong(heading: &str, lines: &str, setting: &str, words: &str) {
    let key = setting.split(" = ").next().unwrap();
    let kept = lines.lines().filter(|line| !line.starts_with(&format!("{key} ")));
    let text = format!("{heading}\n{CHIP}{}\n{setting}\n", kept.collect::<Vec<_>>().join("\n"));
    let found = Config::parse(&text).unwrap_err();
    let [problem] = found.as_slice() else { panic!("{found:#?}") };
    let section = heading.trim_matches(['[', ']']);
    assert_eq!((problem.line, problem.key.as_str()), (text.lines().count(), format!("{section}.{key}").as_str()));
    assert!(problem.text.contains(words), "{problem}");
}

#[test]
fn the_example_of_a_pulse_meter_is_right_and_the_shortest_means_the_same() {
    let expected = PulseMeter {
        measures: Some(Measured::Heating),
        id: "heat-pump".to_owned(),
        wiring: pulled_up("GPIO17"),
        rules: PulseRules::s0(1_000),
        counter: MilliwattHours(12_345_600_000),
        power_max_mw: 5_000_000,
        interval_mwh: 10_000,
        interval_ms: 60_000,
    };
    assert_eq!(Config::parse(&example("[[meter]]")).unwrap().pulse_meters, std::slice::from_ref(&expected));
    let short = Config::parse(&format!("[[meter]]\n{CHIP}{PULSES}")).unwrap();
    let expected = PulseMeter { id: "p".to_owned(), measures: None, counter: MilliwattHours(0), ..expected };
    assert_eq!((short.pulse_meters, short.meters.len()), (vec![expected], 0));
}

#[test]
fn the_default_interval_is_ten_pulses_and_never_less_than_a_watt_hour() {
    for (per_kwh, watts, mwh) in [
        (100, 5_000, 100_000),
        (1_000, 5_000, 10_000),
        (800, 5_000, 13_000),
        (10_000, 5_000, 1_000),
        (20_000, 1_000, 1_000),
    ] {
        let text = PULSES.replace("1000", &per_kwh.to_string()).replace("5000", &watts.to_string());
        let config = Config::parse(&format!("[[meter]]\n{CHIP}{text}")).unwrap();
        assert_eq!(config.pulse_meters[0].interval_mwh, mwh, "{per_kwh}");
    }
}

#[test]
fn the_example_of_an_input_is_right_and_the_shortest_means_the_same() {
    let expected =
        ContactInput { id: "door".to_owned(), wiring: pulled_up("GPIO22"), debounce: Duration::from_millis(50) };
    let text = example("[[input]]");
    assert_eq!(Config::parse(&text).unwrap().inputs, std::slice::from_ref(&expected));
    let short = format!("[[input]]\nid = \"door\"\n{CHIP}line = \"GPIO22\"\n");
    assert_eq!(Config::parse(&short).unwrap().inputs, [expected]);
}

#[test]
fn the_example_of_a_relay_is_right_and_the_shortest_has_no_feedback() {
    let expected = RelaySettings {
        id: "charger".to_owned(),
        wiring: wiring("GPIO23", false),
        rules: RelayRules {
            on_min: Duration::from_secs(1),
            off_min: Duration::from_secs(1),
            contact_max: Duration::from_millis(500),
        },
        feedback: Some(pulled_up("GPIO24")),
    };
    assert_eq!(Config::parse(&example("[[relay]]")).unwrap().relays, std::slice::from_ref(&expected));
    let short = format!("[[relay]]\nid = \"charger\"\n{CHIP}line = \"GPIO23\"\n");
    assert_eq!(Config::parse(&short).unwrap().relays, [RelaySettings { feedback: None, ..expected }]);
}

#[test]
fn every_key_of_these_sections_stands_in_the_example() {
    for heading in ["[[meter]]", "[[input]]", "[[relay]]"] {
        let text = example(heading);
        let unknown = problems(&format!("{text}zzzzzzzzzzzzzzzz = 1\n"));
        let [problem] = unknown.as_slice() else { panic!("{unknown:?}") };
        let (_, known) = problem.split_once("known: ").unwrap();
        for key in known.split(", ") {
            assert!(text.contains(&format!("\n{key} = ")), "{key} of {heading}");
        }
    }
}

#[test]
fn every_mistake_about_a_pulse_meter_has_its_line_and_its_sentence() {
    wrong("[[meter]]", PULSES, "pulse_line = \"17\"", "without quotes: pulse_line = 17");
    wrong("[[meter]]", PULSES, "pulses_per_kwh = 0", "from 1 to 1_000_000");
    wrong("[[meter]]", PULSES, "bias = \"up\"", "external-pull-down");
    wrong("[[meter]]", PULSES, "profile = \"eastron-sdm630\"", "there is no such key");
    wrong("[[meter]]", PULSES, "debounce_ms = 0", "from 1 to 1_000");
    wrong("[[meter]]", PULSES, "counter_wh = 1.5", "a number with a decimal point");
    wrong("[[meter]]", PULSES, "min_distance_ms = 721", "at power_max_w a pulse comes every 720 ms");
    wrong("[[meter]]", PULSES, "id = \"stop_button\"", "the name of the stop button");
    // 10,000 pulses for a kWh at 10 kW come faster than any contact.
    let fast = PULSES.replace("1000", "10000").replace("5000", "10000");
    let found = problems(&format!("[[meter]]\n{CHIP}{fast}"));
    assert!(found[0].contains("meter.min_distance_ms: at power_max_w a pulse comes every 36 ms"), "{found:?}");
}

#[test]
fn every_mistake_about_an_input_or_a_relay_has_its_line_and_its_sentence() {
    let lines = "id = \"x\"\nline = 4\n";
    wrong("[[input]]", lines, "line = \" \"", "is empty");
    wrong("[[input]]", lines, "active_low = 1", "true or false");
    wrong("[[input]]", lines, "id = \"X\"", "is not an id");
    wrong("[[relay]]", lines, "min_on_s = 86401", "from 0 to 86_400");
    wrong("[[relay]]", lines, "feedback_line = \"4\"", "feedback_line = 4");
    wrong("[[relay]]", lines, "feedback_line = 4", "the line 4 of \"pinctrl-rp1\" is used twice");
    wrong("[[relay]]", lines, "feedback = 5", "did you mean feedback_");
}

#[test]
fn a_line_is_for_one_purpose_and_an_id_for_one_thing() {
    let lines = [
        format!("[stop_button]\n{CHIP}line = \"GPIO17\"\nnormally = \"closed\"\n"),
        format!("[[meter]]\n{CHIP}{PULSES}"),
        format!("[[input]]\n{CHIP}id = \"i\"\nline = \"GPIO17\"\n"),
        format!("[[relay]]\n{CHIP}id = \"r\"\nline = \"GPIO17\"\n"),
    ];
    for (index, first) in lines.iter().enumerate() {
        for second in &lines[index + 1..] {
            let found = problems(&format!("{first}{second}"));
            assert!(matches!(found.as_slice(), [one] if one.contains("is used twice; choose another")), "{found:?}");
            let other = second.replace("pinctrl-rp1", "pinctrl-other");
            assert!(Config::parse(&format!("{first}{other}")).is_ok());
        }
    }
    let twice = format!("[[input]]\n{CHIP}id = \"i\"\nline = 1\n[[relay]]\n{CHIP}id = \"i\"\nline = 2\n");
    assert!(problems(&twice)[0].contains("\"i\" is used twice; every meter, agreement, feed, input and relay"));
}
