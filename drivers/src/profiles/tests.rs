#![allow(clippy::unwrap_used)]

mod exactness;
mod faults;
mod vectors;

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::reading::{Measure, Phase, Raw, Subject};

#[test]
fn every_built_in_profile_is_right_and_carries_the_name_of_its_file() {
    let mut names: Vec<&str> = Vec::new();
    for name in super::names() {
        let profile = load(text(name).unwrap(), name).unwrap_or_else(|fault| panic!("{fault}"));
        assert_eq!(profile.name, name);
        assert!(!profile.setup.is_empty(), "{name} tells the owner nothing");
        assert!(profile.setup.iter().all(|sentence| sentence.ends_with('.')), "{name}: sentences");
        names.push(name);
    }
    assert!(names.is_sorted(), "in the order of the alphabet");
    assert!(names.len() >= 45, "{} profiles", names.len());
    assert_eq!(all().len(), names.len());
    assert_eq!(find("eastron-sdm631"), None);
    assert_eq!(likely("eastron-sdm631", super::names()), Some("eastron-sdm630"));
    assert_eq!(likely("sdm630", super::names()), Some("eastron-sdm630"));
    assert_eq!(likely("toaster", super::names()), None);
}

#[test]
fn every_file_of_the_folder_is_built_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<String> = files.filter_map(|file| Some(file.strip_suffix(".toml")?.to_owned())).collect();
    assert_eq!(files, super::names().map(str::to_owned).collect());
}

#[test]
fn the_reference_shows_a_profile_that_is_right_and_names_every_measure() {
    let reference = include_str!("../../profiles/README.md");
    let example = reference.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let profile = load(example, "README.md").unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!((profile.points.len(), profile.computed.len(), profile.set_points.len()), (12, 1, 1));
    for measure in Measure::ALL {
        assert!(reference.contains(&format!("`{}`", measure.word())), "{} is not in README.md", measure.word());
    }
}

#[test]
fn what_is_billed_is_a_counter_and_its_evidence_is_in_its_file() {
    for profile in all() {
        let Some(billed) = profile.billed else { continue };
        assert!(billed.measure.is_energy(), "{}", profile.name);
        assert!(profile.printed_step.0 > 0, "{}", profile.name);
        let parts = match profile.computed.iter().find(|computed| computed.quantity == billed) {
            Some(computed) => computed.plus.clone(),
            None => vec![billed],
        };
        let file = text(&profile.name).unwrap();
        let alone = |part: &Quantity| {
            let line = file.lines().find(|line| line.contains(&format!("quantity = \"{part}\"")));
            line.unwrap().contains("# one source")
        };
        let honest = !parts.iter().any(alone) || profile.evidence == Evidence::SingleSource;
        assert!(honest, "{}: the counter rests on one source", profile.name);
    }
}

#[test]
fn a_profile_says_how_its_device_is_reached_and_what_it_bears() {
    let sdm630 = find("eastron-sdm630").unwrap();
    let serial = crate::serial::SerialSettings::default();
    assert_eq!((sdm630.link.serial, sdm630.link.tcp_port, sdm630.link.unit), (Some(serial), None, 1));
    assert!(sdm630.limits.even_only);
    let huawei = find("huawei-sun2000").unwrap();
    assert!(huawei.link.single_client);
    assert_eq!(huawei.link.pauses.after_connect_ms, 7_000);
    assert_eq!(huawei.billed, Some(Quantity::ENERGY_IMPORT.at(Subject::Grid)));
    assert_eq!(find("victron-gx").unwrap().billed, None);
    let poll = |quantity| huawei.point(quantity).unwrap().poll;
    assert_eq!(poll(Quantity::POWER), Poll::Fast);
    assert_eq!(poll(Quantity::ENERGY_EXPORT), Poll::Slow);
    assert_eq!(poll(Quantity::SERIAL_NUMBER), Poll::Static);
}

#[test]
fn a_model_is_recognised_by_its_registers() {
    #[track_caller]
    fn case(name: &str, words: &[u16], wanted: bool) {
        let profile = find(name).unwrap();
        assert_eq!(profile.identify.first().unwrap().matches(words), wanted, "{name} {words:04X?}");
    }
    case("eastron-sdm120", &[0x0020], true);
    case("eastron-sdm120", &[0x0089], false);
    case("carlo-gavazzi-em24", &[72], true);
    case("carlo-gavazzi-em24", &[74], false);
    case("abb-b23", &[0x4232, 0x3420], true);
    case("abb-b23", &[0x4232, 0x3120], false);
    case("abb-b21", &[0x4232, 0x3120], true);
    case("deye-hybrid-3p-lv", &[0x0500], true);
    case("deye-hybrid-3p-lv", &[0x0006], false);
    case("eastron-sdm220", &[0x4366, 0x8000], true);
    case("eastron-sdm220", &[0x0000, 0x0000], false);
    case("eastron-sdm220", &[0x4366], false);
    let mut name: Vec<u16> = b"SUN2000-10KTL-M1".chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    name.resize(15, 0);
    case("huawei-sun2000", &name, true);
    case("huawei-sun2000", &[0; 15], false);
}

#[test]
fn a_float_counter_gets_coarser_as_it_grows_and_an_integer_counter_does_not() {
    let step = |name, kwh: u64| find(name).unwrap().energy_step(MilliwattHours(kwh * 1_000_000)).0;
    assert_eq!(step("eastron-sdm630", 0), 10_000);
    assert_eq!(step("eastron-sdm630", 131_071), 10_000);
    assert_eq!(step("eastron-sdm630", 131_072), 15_625);
    assert_eq!(step("janitza-umg604", 16_777), 1_000);
    assert_eq!(step("janitza-umg604", 16_778), 2_000);
    assert_eq!(step("schneider-iem3155", 90_000_000), 1_000);
    assert_eq!(step("siemens-pac2200", 90_000_000), 1_000, "a sum of 64-bit floats");
}

#[test]
fn a_simulated_meter_answers_its_registers_and_refuses_the_others() {
    let iem = find("schneider-iem3155").unwrap();
    let milli = |quantity| if quantity == Quantity::ENERGY_IMPORT { 7_999 } else { 0 };
    let answer = |space, address, quantity| iem.answer(space, address, quantity, milli);
    assert_eq!(answer(Space::Holding, 3_203, 4), Some(vec![0, 0, 0, 7]));
    assert_eq!(answer(Space::Holding, 3_205, 2), Some(vec![0, 7]), "half a value");
    assert_eq!(answer(Space::Input, 3_203, 4), None, "the other table");
    assert_eq!(answer(Space::Holding, 3_202, 4), None, "a register it does not have");
    assert_eq!(answer(Space::Holding, 3_203, 0), None);
    assert_eq!(answer(Space::Holding, 3_203, 126), None);
    assert_eq!(answer(Space::Holding, u16::MAX, 2), None);
    let sdm = find("eastron-sdm630").unwrap();
    let answer = sdm.answer(Space::Input, 70, 8, |_| 50_000).unwrap();
    assert_eq!(answer.get(..2), Some(&[0x4248, 0x0000][..]));
    assert_eq!(answer.get(6..), Some(&[0, 0][..]), "zeros in the hole");
}

#[test]
fn a_simulated_device_shows_what_is_computed_from_its_registers() {
    for profile in all() {
        let milli = |quantity: Quantity| match (quantity.measure, quantity.subject) {
            (Measure::EnergyImport, Subject::Own) if quantity.phase == Phase::All => 4_321_000_000,
            (Measure::Power, Subject::Load | Subject::Pv) if quantity.phase == Phase::All => 1_250_000,
            (Measure::Power, _) if quantity.phase == Phase::All => -1_250_000,
            _ => 0,
        };
        let mut readings = Vec::new();
        for point in &profile.points {
            let words = point.parts.iter().flat_map(|part| {
                let answer = profile.answer(part.space, part.address, part.count, milli);
                answer.unwrap_or_else(|| panic!("{} {}: refused", profile.name, point.quantity))
            });
            let raw: Raw = words.collect();
            if let Ok(milli) = decode(point, &raw) {
                readings.push(Reading { quantity: point.quantity, milli, raw });
            }
        }
        let mut missing = Vec::new();
        profile.complete(&mut readings, &mut missing);
        assert_eq!(missing, [], "{}", profile.name);
        for computed in &profile.computed {
            let reading = readings.iter().find(|reading| reading.quantity == computed.quantity).unwrap();
            assert_eq!(reading.milli, milli(computed.quantity), "{} {}", profile.name, computed.quantity);
        }
    }
}

#[test]
fn only_set_points_can_be_written_and_only_within_their_limits() {
    let keba = find("keba-p30").unwrap();
    let limit = keba.set_points.first().unwrap();
    assert_eq!((limit.function, limit.point.parts.first().unwrap().address), (6, 5_004));
    assert_eq!(limit.encode(16_000), Ok(vec![16_000]));
    for outside in [5_999, 32_001] {
        let fault = limit.encode(outside).unwrap_err().to_string();
        assert_eq!(fault, "current_limit may be 6 A to 32 A. Nothing was written");
    }
    let alfen = find("alfen-eve").unwrap();
    let limit = alfen.set_points.first().unwrap();
    assert_eq!((limit.encode(16_000), limit.refresh_s), (Ok(vec![0x4180, 0]), Some(30)));
    let abl = find("abl-em4").unwrap();
    assert_eq!(abl.set_points.first().unwrap().encode(16_090), Ok(vec![160]), "rounded down to a tenth of an ampere");
    let narrow = SetPoint { max_milli: 90_000, ..limit.clone() };
    let narrow = SetPoint {
        point: Point { kind: Kind::U16, scale: Decimal { mantissa: 1, exponent: 0 }, ..narrow.point },
        ..narrow
    };
    let fault = narrow.encode(70_000).unwrap_err().to_string();
    assert_eq!(fault, "the device has no room for a current_limit of 70 A. Nothing was written");
    let relays = find("waveshare-relays").unwrap();
    let third = relays.set_points.get(2).unwrap();
    assert_eq!((third.function, third.readable, third.encode(1)), (5, true, Ok(vec![1])));
    assert!(third.encode(2).is_err());
}
