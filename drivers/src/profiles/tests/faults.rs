//! Every mistake in a profile has a sentence that names file, point and key; no text makes the reader panic.

use proptest::prelude::*;

use super::super::*;

const RIGHT: &str = r#"
name = "my-meter"
title = "My meter"
vendor = "Its maker"
role = "meter"
evidence = "single source"
source = "Its manual, page 7"
setup = "Set it to unit 5."
serial = "9600 8N1"
unit = 5
registers_max = 20
energy_step_mwh = 10_000
[[identify]]
holding = 11
type = "u16"
value = 341
[[point]]
quantity = "energy_import"
input = 72
type = "f32"
unit = "kWh"
[[point]]
quantity = "power_import"
input = 80
type = "u32"
scale = 0.1
[[point]]
quantity = "power_export"
input = 82
type = "u32"
scale = 0.1
[[point]]
quantity = "power"
difference = ["power_import", "power_export"]
[[point]]
quantity = "state"
holding = 3
type = "u16"
mask = 0x0F00
shift = 8
texts = { 0 = "off", 1 = "on" }
[[point]]
quantity = "current_limit"
write = true
holding = 9
type = "u16"
function = 6
min = 6
max = 16
"#;

#[test]
fn the_example_is_right() {
    let profile = load(RIGHT, "my.toml").unwrap();
    assert_eq!((profile.points.len(), profile.computed.len(), profile.set_points.len()), (4, 1, 1));
    let state = profile.points.last().unwrap();
    assert_eq!((decode(state, &[0x7150]), state.text(&[0x7150])), (Ok(1), Some("on".to_owned())));
    assert_eq!((decode(state, &[0xF2FF]), state.text(&[0xF2FF])), (Ok(2), None));
    assert_eq!(encode(state, 1), [0x0100]);
}

/// Replaces one part of the right example, and expects this sentence.
#[track_caller]
fn case(from: &str, to: &str, wanted: &str) {
    assert!(RIGHT.contains(from), "{from}");
    let fault = load(&RIGHT.replacen(from, to, 1), "my.toml").unwrap_err().to_string();
    assert_eq!(fault, format!("my.toml: {wanted}"));
}

#[test]
fn every_mistake_of_the_device_has_its_sentence() {
    case("name = \"my-meter\"", "", "name: is missing; write for example name = \"my-meter\"");
    case(
        "my-meter",
        "My meter",
        "name: must be 1 to 40 lower-case letters, digits and - between them, such as \"my-meter\"",
    );
    case(
        "role = \"meter\"",
        "role = \"counter\"",
        "role: does not know \"counter\"; write one of meter, inverter, battery, charger, relays",
    );
    case("evidence =", "evidnce =", "evidence: is missing; write for example evidence = \"single source\"");
    case("unit = 5", "unit = 300", "unit: must be a whole number from 0 to 255, without quotes");
    case(
        "unit = 5",
        "unit = 5\ncolour = 1",
        "colour: there is no such key here; known are name, title, vendor, role, evidence, source, setup, serial, tcp_port, unit, units_to_try, single_client, wake_up, pause_after_connect_ms, pause_between_requests_ms, pause_unit_change_ms, answer_timeout_min_ms, registers_max, barriers, hole_max, even_only, one_value_per_request, word_order, word_order_register, identify, energy_step_mwh, volatile, rolls_over_mwh, point, billed",
    );
    case("unit = 5", "units = 5", "units: there is no such key; did you mean unit?");
    case("9600 8N1", "9600 7E1", "serial: must be baud rate, data bits, parity and stop bits, such as \"9600 8N1\"");
    case("serial = \"9600 8N1\"", "", "serial: is missing; write for example serial = \"9600 8N1\" or tcp_port = 502");
    case(
        "registers_max = 20",
        "registers_max = 126",
        "registers_max: must be a whole number from 1 to 125, without quotes",
    );
    case(
        "registers_max = 20",
        "registers_max = 1",
        "point energy_import: needs 2 registers, and registers_max = 1; raise it or drop the point",
    );
    case(
        "registers_max = 20",
        "barriers = [73]",
        "point energy_import: crosses the barrier at 73; correct the barrier or the address",
    );
    case(
        "registers_max = 20",
        "even_only = true",
        "point state: lies at an odd address or has an odd length, and even_only = true; correct one",
    );
    case(
        "energy_step_mwh = 10_000",
        "",
        "energy_step_mwh: is missing; write for example energy_step_mwh = 10_000 for a display of 0.01 kWh",
    );
    case(
        "energy_step_mwh",
        "billed = \"power\"\nenergy_step_mwh",
        "billed: must be a counter of energy among the points of this profile, or \"none\"",
    );
    case(
        "value = 341",
        "min = 2\nmax = 1",
        "identify 1, value: is missing; write for example value = 32, or min = 80 and max = 300, or for a text text = \"B23\"",
    );
    case(
        "unit = 5",
        "unit = ",
        "line 10: cannot be read (string values must be quoted, expected literal string); write key = value",
    );
}

#[test]
fn every_mistake_of_a_point_has_its_sentence() {
    case(
        "\"energy_import\"",
        "\"energy\"",
        "point energy, quantity: it is not the name of a quantity, such as energy_import, power_l1 or battery_soc",
    );
    case(
        "\"f32\"",
        "\"f33\"",
        "point energy_import, type: does not know \"f33\"; write one of u16, i16, u32, i32, u64, i64, f32, f64, bcd16, bcd32, bool, text, chars",
    );
    case(
        "input = 72",
        "input = 65535",
        "point energy_import, input: ends beyond the last address, 65535; write a lower one",
    );
    case(
        "input = 72",
        "input = [72, 73, 74]",
        "point energy_import, input: needs one address, or one for each of the 2 registers of the type",
    );
    case(
        "input = 72",
        "input = 72\nholding = 1",
        "point energy_import: has two addresses; keep one of holding, input, coil and discrete",
    );
    case(
        "input = 72",
        "",
        "point energy_import: is missing; write for example holding = 72, input = 72, coil = 0 or discrete = 0",
    );
    case("unit = \"kWh\"", "", "point energy_import, unit: is missing; write for example unit = \"kWh\"");
    case(
        "unit = \"kWh\"",
        "unit = \"kW\"",
        "point energy_import, unit: \"kW\" is no unit of this quantity; write one of \"Wh\", \"kWh\", \"MWh\", \"mWh\"",
    );
    case(
        "unit = \"kWh\"",
        "unit = \"Wh\"\nscale = 0.0001",
        "point energy_import, scale: is finer than a thousandth of a watt-hour; Kilosat counts no less",
    );
    case(
        "scale = 0.1",
        "scale = 0",
        "point power_import, scale: must not be 0 and must have at most six digits, such as 0.1, 1000 or -0.01",
    );
    case(
        "scale = 0.1",
        "scale = \"0.1\"",
        "point power_import, scale: must be a plain number such as 1, 0.1 or -0.01, without quotes",
    );
    case(
        "input = 82",
        "input = 81",
        "point power_export: shares register 81 with power_import; correct an address or give both a mask",
    );
    case("\"power_export\"\ninput", "\"power_import\"\ninput", "point power_import: is there twice; keep one");
    case(
        "[\"power_import\", \"power_export\"]",
        "[\"power_import\", \"energy_import\"]",
        "point power: is made of energy_import, which has another unit or none; correct the list",
    );
    case(
        "[\"power_import\", \"power_export\"]",
        "[\"power_import\", \"power_l1\"]",
        "point power: is made of power_l1, which is no point that is read from registers; add it",
    );
    case(
        "[\"power_import\", \"power_export\"]",
        "[\"power_import\"]",
        "point power, sum: needs a list of 2 to 8 points; write either sum or difference",
    );
    case("mask = 0x0F00", "mask = 0", "point state, mask: must be a whole number from 1 to 4294967295, without quotes");
    case(
        "{ 0 = \"off\", 1 = \"on\" }",
        "{ off = 0 }",
        "point state, texts: must give texts to numbers, such as { 0 = \"off\", 1 = \"on\" }",
    );
    case(
        "function = 6",
        "function = 5",
        "point current_limit, function: must be 5 for a coil, 6 or 16 for one register, 16 for several",
    );
    case("max = 16", "max = 1", "point current_limit, min: is above max; exchange them");
    case(
        "max = 16",
        "max = 16\ninvalid = 5",
        "point current_limit, invalid: there is no such key here; known are quantity, sum, difference, write, holding, input, coil, discrete, registers, type, order, unit, scale, function, min, max, refresh_s, readable",
    );
    case(
        "type = \"f32\"",
        "type = \"f32\"\ninvalid = [1]",
        "point energy_import, invalid: is for integers; floats say NaN by themselves, so leave it out",
    );
}

#[test]
fn an_owners_folder_adds_profiles_and_replaces_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(load_folder(&path.join("profiles")).unwrap(), []);
    let write = |file: &str, text: &str| {
        let mut file = std::fs::File::create(path.join(file)).unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    };
    write("a.toml", RIGHT);
    write("notes.txt", "not a profile");
    std::fs::create_dir(path.join("folder.toml")).unwrap();
    let names = load_folder(path).unwrap().iter().map(|own| own.profile.name.clone()).collect::<Vec<_>>();
    assert_eq!(names, ["my-meter"]);
    let refused = |text: &str, wanted: &str| {
        write("b.toml", text);
        let fault = load_folder(path).unwrap_err().to_string();
        assert!(fault.contains("b.toml: ") && fault.contains(wanted), "{fault}");
    };
    refused(RIGHT, "name: \"my-meter\" is the name of another file too; choose another");
    let built_in = text("eastron-sdm630").unwrap();
    refused(built_in, "name: \"eastron-sdm630\" is built in; choose another, such as \"my-eastron-sdm630\"");
    refused(&format!("{RIGHT}#{}", "x".repeat(64 << 10)), "the file: is larger than 65536 bytes; shorten it");
    refused("name = ", "line 1: cannot be read");
    write("b.toml", &built_in.replacen("\"eastron-sdm630\"", "\"my-sdm630\"", 1));
    assert_eq!(load_folder(path).unwrap().len(), 2);
}

/// Pieces that a careless hand could leave anywhere.
const PIECES: [&str; 18] = [
    "",
    "=",
    "[[point]]\n",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "\n",
    "-1",
    "65536",
    "99999999999999999999",
    "1e308",
    "nan",
    "0.1",
    "true",
    "\"none\"",
    "\u{0}é",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_the_reader_panic(
        which in 0_usize..60,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..24, 0_usize..PIECES.len()), 1..6),
    ) {
        let names: Vec<_> = super::super::names().collect();
        let mut text = text(names[which % names.len()]).unwrap().to_owned();
        for (at, drop, piece) in edits {
            let mut start = at.index(text.len() + 1);
            while !text.is_char_boundary(start) { start -= 1; }
            let mut end = (start + drop).min(text.len());
            while !text.is_char_boundary(end) { end -= 1; }
            text.replace_range(start..end, PIECES[piece]);
        }
        match load(&text, "mutated.toml") {
            Ok(profile) => {
                let last = u16::try_from(profile.points.len()).unwrap();
                prop_assert!(last > 0 || !profile.set_points.is_empty());
                for point in &profile.points {
                    let _ = decode(point, &encode(point, 50_000));
                    let _ = decode(point, &vec![0xFFFF; point.words()]);
                }
                let _ = profile.answer(Space::Input, 0, 10, |_| i64::MAX);
                let _ = profile.energy_step(MilliwattHours(u64::MAX));
            }
            Err(fault) => {
                let sentence = fault.to_string();
                prop_assert!(sentence.starts_with("mutated.toml: ") && !sentence.contains('\n'), "{sentence}");
            }
        }
    }
}
