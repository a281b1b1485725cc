//! Every profile against a register dump with documented values, kept in `tests/vectors/meters`.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use toml_edit::{Document, Item, TableLike};

use super::super::*;

/// A register dump and what it means.
struct Vector {
    registers: BTreeMap<(Space, u16), u16>,
    milli: BTreeMap<String, i64>,
    texts: BTreeMap<String, String>,
    missing: Vec<(String, Vec<u16>, String)>,
}

#[test]
fn every_profile_decodes_its_register_dump_to_the_documented_values() {
    for profile in all() {
        let name = &profile.name;
        let vector = read(name);
        let mut seen = HashSet::new();
        let mut readings = Vec::new();
        for point in &profile.points {
            let addresses = point.parts.iter().flat_map(|part| {
                (part.address..).take(usize::from(part.count)).map(move |address| (part.space, address))
            });
            let word = |at: (Space, u16)| vector.registers.get(&at).copied();
            let raw: Raw = addresses.map(|at| word(at).unwrap_or_else(|| panic!("{name}: no {at:?}"))).collect();
            let milli = decode(point, &raw).unwrap_or_else(|fault| panic!("{name}: {fault}"));
            let quantity = point.quantity.to_string();
            match vector.texts.get(&quantity) {
                Some(text) => assert_eq!(point.text(&raw).as_ref(), Some(text), "{name} {quantity}"),
                None => assert_eq!(Some(&milli), vector.milli.get(&quantity), "{name} {quantity}"),
            }
            seen.insert(quantity);
            readings.push(Reading { quantity: point.quantity, milli, raw });
        }
        let mut faults = Vec::new();
        profile.complete(&mut readings, &mut faults);
        assert_eq!(faults, [], "{name}");
        for computed in &profile.computed {
            let reading = readings.iter().find(|reading| reading.quantity == computed.quantity).unwrap();
            let quantity = computed.quantity.to_string();
            assert_eq!(Some(&reading.milli), vector.milli.get(&quantity), "{name} {quantity}");
            seen.insert(quantity);
        }
        let unknown: Vec<_> =
            vector.milli.keys().chain(vector.texts.keys()).filter(|key| !seen.contains(*key)).collect();
        assert!(unknown.is_empty(), "{name}: the vector has {unknown:?}, the profile does not");
    }
}

#[test]
fn what_a_device_marks_as_missing_is_missing() {
    let mut cases = 0;
    for profile in all() {
        for (quantity, words, because) in read(&profile.name).missing {
            let point = profile.point(quantity.parse().unwrap()).unwrap();
            let quantity = point.quantity;
            let wanted = match because.as_str() {
                "not available" => ValueFault::NotAvailable { quantity },
                "not a number" => ValueFault::NotANumber { quantity },
                other => panic!("{}: {other}", profile.name),
            };
            // Exponents, factors and marks of word order follow the value's own registers.
            let rest = encode(point, 0).split_off(usize::from(point.kind.words()));
            let words: Vec<u16> = words.into_iter().chain(rest).collect();
            assert_eq!(decode(point, &words), Err(wanted), "{} {quantity}", profile.name);
            cases += 1;
        }
    }
    assert!(cases >= all().len(), "{cases} marks");
}

#[test]
fn every_vector_belongs_to_a_profile_and_tells_its_origin() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.strip_suffix(".toml").unwrap();
        assert!(find(name).is_some(), "{file} is of no profile");
        let text = std::fs::read_to_string(folder().join(&file)).unwrap();
        assert!(text.starts_with("origin = \""), "{file}");
    }
}

fn read(name: &str) -> Vector {
    let path = folder().join(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document = Document::parse(text).unwrap();
    let table = |key: &str| document.get(key).and_then(Item::as_table_like);
    let mut registers = BTreeMap::new();
    let spaces =
        [("input", Space::Input), ("holding", Space::Holding), ("coil", Space::Coil), ("discrete", Space::Discrete)];
    for (key, space) in spaces {
        for (address, item) in table(key).into_iter().flat_map(TableLike::iter) {
            for (address, word) in (address.parse().unwrap()..).zip(words(item)) {
                assert_eq!(registers.insert((space, address), word), None, "{name}: {key} {address} twice");
            }
        }
    }
    let entries =
        |key: &str| table(key).into_iter().flat_map(TableLike::iter).map(|(key, item)| (key.to_owned(), item));
    let milli = entries("milli").map(|(key, item)| (key, item.as_integer().unwrap())).collect();
    let texts = entries("text").map(|(key, item)| (key, item.as_str().unwrap().to_owned())).collect();
    let missing = document.get("missing").and_then(Item::as_array_of_tables).into_iter().flatten().map(|table| {
        let text = |key: &str| table.get(key).unwrap().as_str().unwrap().to_owned();
        (text("quantity"), words(table.get("words").unwrap()), text("because"))
    });
    Vector { registers, milli, texts, missing: missing.collect() }
}

fn words(item: &Item) -> Vec<u16> {
    item.as_array().unwrap().iter().map(|word| u16::try_from(word.as_integer().unwrap()).unwrap()).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/meters"))
}
