#![allow(clippy::unwrap_used)]

use super::super::meters::tests::HOUSE;
use super::*;
use crate::latest::{Latest, Value};

fn meter(id: &str, profile: &str, measures: &str) -> String {
    let host = 1 + id.len();
    format!(
        "[[meter]]\nid = \"{id}\"\nprofile = \"{profile}\"\nhost = \"192.168.1.{host}\"\npoll_interval_ms = 5000\n\
         power_max_w = 17250\nmeasures = \"{measures}\"\n"
    )
}

/// What is shown of meters with these values, all of them read at 1 s.
#[track_caller]
fn shown(meters: &[String], watts: &[(&str, i64)], uptime_ms: u64) -> Option<Flow> {
    let config = Config::parse(&format!("{HOUSE}{}", meters.concat())).unwrap();
    let latest = Latest::default();
    for (key, watts) in watts {
        let (source, point) = key.split_once('.').unwrap();
        latest.put(source, point, Value { milli: watts * 1_000, unit: "W".to_owned(), at_ms: 1_000 });
    }
    flow(&config, &latest.copy(), uptime_ms)
}

fn parts(parts: &[FlowPart]) -> Vec<(&str, u64)> {
    parts.iter().map(|part| (part.what.as_str(), part.power_mw / 1_000)).collect()
}

#[test]
fn what_comes_in_goes_somewhere() {
    let house = [
        meter("a", "eastron-sdm630", "grid"),
        meter("bb", "eastron-sdm630", "solar"),
        meter("ccc", "eastron-sdm630", "battery"),
        meter("dddd", "eastron-sdm630", "car"),
        meter("eeeee", "eastron-sdm630", ""),
    ];
    let now = |grid, solar, battery, car| {
        let watts = [("a.power", grid), ("bb.power", solar), ("ccc.power", battery), ("dddd.power", car)];
        shown(&house, &watts, 2_000).unwrap()
    };
    let noon = now(-1_500, 6_000, 1_000, 2_200);
    assert_eq!(parts(&noon.from), [("solar", 6_000), ("grid", 0)]);
    assert_eq!(parts(&noon.to), [("house", 1_300), ("car", 2_200), ("battery", 1_000), ("grid", 1_500)]);
    let evening = now(200, 0, -900, 0);
    assert_eq!(parts(&evening.from), [("solar", 0), ("battery", 900), ("grid", 200)]);
    assert_eq!(parts(&evening.to), [("house", 1_100), ("car", 0)]);
    // Panels whose meter was wired the other way round give as much.
    assert_eq!(now(-1_500, -6_000, 1_000, 2_200), noon);
    // Meters that were read one after the other: less than nothing is nothing.
    assert_eq!(parts(&now(100, 0, 0, 5_000).to), [("house", 0), ("car", 5_000)]);
    assert_eq!(parts(&now(i64::MIN / 1_000, 0, i64::MAX / 1_000, 1).to)[0], ("house", 0));
}

#[test]
fn what_is_not_known_now_is_said() {
    let house = [meter("a", "eastron-sdm630", "grid"), meter("bb", "eastron-sdm630", "solar")];
    let stale = shown(&house, &[("a.power", 300), ("bb.power", 100)], 18_001).unwrap();
    assert_eq!(stale, Flow { unknown: vec!["grid".to_owned(), "solar".to_owned()], ..Flow::default() });
    let half = shown(&house, &[("a.power", 300)], 2_000).unwrap();
    assert_eq!((parts(&half.from), half.to.len(), half.unknown), (vec![("grid", 300)], 0, vec!["solar".to_owned()]));
}

#[test]
fn without_a_meter_of_the_grid_there_is_no_picture() {
    assert_eq!(shown(&[meter("a", "eastron-sdm630", "")], &[("a.power", 300)], 2_000), None);
    assert_eq!(shown(&[meter("a", "eastron-sdm630", "solar")], &[("a.power", 300)], 2_000), None);
}

#[test]
fn a_hybrid_inverter_is_a_whole_house() {
    let watts = [("a.grid_power", -500), ("a.pv_power", 4_000), ("a.battery_power", 1_000), ("a.power", 3_000)];
    for measures in ["", "grid"] {
        let all = shown(&[meter("a", "growatt-sph", measures)], &watts, 2_000).unwrap();
        assert_eq!(parts(&all.from), [("solar", 4_000), ("grid", 0)], "{measures}");
        assert_eq!(parts(&all.to), [("house", 2_500), ("battery", 1_000), ("grid", 500)]);
    }
    // A meter of its own is believed instead, and the grid is not counted twice.
    let meters =
        [meter("a", "growatt-sph", ""), meter("bb", "growatt-sph", ""), meter("ccc", "eastron-sdm630", "battery")];
    let both =
        [&watts[..], &[("bb.grid_power", -500), ("bb.pv_power", 1_000), ("bb.battery_power", 7), ("ccc.power", 10)]]
            .concat();
    let all = shown(&meters, &both, 2_000).unwrap();
    assert_eq!(parts(&all.from), [("solar", 5_000), ("grid", 0)]);
    assert_eq!(parts(&all.to), [("house", 4_490), ("battery", 10), ("grid", 500)]);
}

#[test]
fn panels_are_added_up_however_they_are_wired_and_told() {
    let meters = [
        meter("a", "eastron-sdm630", "grid"),
        meter("bb", "eastron-sdm630", "solar"),
        meter("ccc", "eastron-sdm630", "solar"),
    ];
    let two = shown(&meters, &[("a.power", 0), ("bb.power", 3_000), ("ccc.power", -2_000)], 2_000).unwrap();
    assert_eq!(parts(&two.from), [("solar", 5_000), ("grid", 0)]);
    // One that tells its strings only.
    let strings =
        [("a.grid_power", -2_500), ("a.battery_power", 1_000), ("a.pv1_power", 4_000), ("a.pv2_power", 1_000)];
    let deye = shown(&[meter("a", "deye-hybrid-3p-lv", "")], &strings, 2_000).unwrap();
    assert_eq!((parts(&deye.from), parts(&deye.to)[0]), (vec![("solar", 5_000), ("grid", 0)], ("house", 1_500)));
    // One that tells nothing of its panels: its own power is the battery's too.
    let own = [("a.grid_power", 200), ("a.battery_power", -900), ("a.power", 900)];
    for measures in ["", "solar"] {
        let kostal = shown(&[meter("a", "kostal-plenticore", measures)], &own, 2_000).unwrap();
        assert_eq!(
            (kostal.unknown, parts(&kostal.from)),
            (vec!["solar".to_owned()], vec![("battery", 900), ("grid", 200)])
        );
    }
    // What has not come yet is not taken for something else.
    let half = shown(&[meter("a", "growatt-sph", "")], &[("a.grid_power", 100), ("a.power", 3_000)], 2_000).unwrap();
    assert_eq!(half.unknown, ["solar", "battery"]);
}
