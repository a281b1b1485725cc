//! The profiles that are part of the program, each as the text of its file.

use std::sync::Arc;

use super::load::table::near;
use super::{Profile, load};

/// The names of all built-in profiles, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The text of a built-in profile, as its file has it.
#[must_use]
pub fn text(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The built-in profile with this configuration name. Only its own text is read.
#[must_use]
pub fn find(name: &str) -> Option<Arc<Profile>> {
    text(name).map(|text| parse(name, text))
}

/// Every built-in profile, sorted by name; for lists and tests.
#[must_use]
pub fn all() -> Vec<Arc<Profile>> {
    BUILT_IN.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The name among `names` that was probably meant.
#[must_use]
pub fn likely<'k>(wanted: &str, names: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    near(wanted, names)
}

fn parse(name: &str, text: &str) -> Arc<Profile> {
    Arc::new(load(text, name).expect("a test reads every built-in profile"))
}

macro_rules! files {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("../../profiles/", $name, ".toml"))),)*]
    };
}

const BUILT_IN: &[(&str, &str)] = files![
    "abb-b21",
    "abb-b23",
    "abl-em4",
    "alfen-eve",
    "carlo-gavazzi-em112",
    "carlo-gavazzi-em24",
    "carlo-gavazzi-em24-ethernet",
    "carlo-gavazzi-em340",
    "chint-dtsu666",
    "deye-hybrid-1p",
    "deye-hybrid-3p-hv",
    "deye-hybrid-3p-lv",
    "dzg-dvh4013",
    "eastron-sdm120",
    "eastron-sdm220",
    "eastron-sdm230",
    "eastron-sdm630",
    "eastron-sdm72d-m",
    "eastron-sdm72d-m-v2",
    "finder-7m24",
    "finder-7m38",
    "go-e-charger",
    "goodwe-et",
    "growatt-sph",
    "growatt-tlx",
    "huawei-sun2000",
    "inepro-pro380",
    "janitza-umg604",
    "janitza-umg96rm",
    "keba-p30",
    "kostal-ksem",
    "kostal-plenticore",
    "orno-we-504",
    "orno-we-514",
    "orno-we-516",
    "phoenix-em-cp",
    "schneider-iem3155",
    "shelly-pro-3em",
    "siemens-pac1600",
    "siemens-pac2200",
    "sma-energy-meter",
    "sma-inverter",
    "sungrow-sh",
    "victron-grid-meter",
    "victron-gx",
    "wallbe-eco",
    "waveshare-relays",
];
