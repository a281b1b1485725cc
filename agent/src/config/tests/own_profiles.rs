//! The owner's own profiles, and meters that cannot be billed by.

use std::fs::{self, File};
use std::io::Write as _;

use super::*;
use crate::config::MeterLine;

const HOUSE: &str = "[[meter]]\nid = \"main\"\nprofile = \"NAME\"\nhost = \"h\"\npower_max_w = 1\n";
const AGREEMENT: &str = "[[agreement]]\nid = \"a\"\nmeter = \"main\"\npayee = \"a@b.example\"\nprice_msat_per_kwh = 1\n\
                         limits = { per_payment_msat = 1_000_000, per_month_msat = 1_000_000 }\n";

fn house(profile: &str) -> String {
    HOUSE.replace("NAME", profile)
}

#[test]
fn a_meter_without_a_counter_is_read_and_never_billed_by() {
    let meters = Config::parse(&house("victron-gx")).unwrap().meters;
    assert_eq!(meters.first().unwrap().model.profile().unwrap().billed, None);
    let found = problems(&format!("{}{AGREEMENT}", house("victron-gx")));
    let wanted = "line 8: agreement.meter: \"main\" is a victron-gx, which has no counter to bill by; \
                  name a meter that has one";
    assert_eq!(found, [wanted]);
    assert!(Config::parse(&format!("{}{AGREEMENT}", house("keba-p30"))).is_ok());
}

#[test]
fn port_and_unit_are_those_of_the_profile_unless_the_owner_says_otherwise() {
    #[track_caller]
    fn case(text: &str, port: u16, unit: u8) {
        let meters = Config::parse(text).unwrap().meters;
        let meter = meters.first().unwrap();
        let MeterLine::Network { port: read, .. } = meter.line else { panic!("{meter:?}") };
        assert_eq!((read, meter.unit), (port, unit));
    }
    case(&house("kostal-plenticore"), 1_502, 71);
    case(&house("eastron-sdm630"), 502, 1);
    case(&format!("{}port = 503\nunit = 9\n", house("kostal-plenticore")), 503, 9);
}

#[test]
fn the_owners_folder_is_read_with_the_configuration_and_a_broken_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| File::create(folder.path().join(name)).unwrap().write_all(text.as_bytes());
    let path = folder.path().join("kilosat.toml");
    write("kilosat.toml", &house("my-meter")).unwrap();
    let without = Config::load(&path).unwrap_err().to_string();
    assert!(
        without.contains("meter.profile: there is no profile \"my-meter\". All of them: kilosat profiles"),
        "{without}"
    );
    fs::create_dir(folder.path().join("profiles")).unwrap();
    let built_in = Profiles::default().toml("eastron-sdm630").unwrap().to_owned();
    let own = built_in.replacen("\"eastron-sdm630\"", "\"my-meter\"", 1);
    write("profiles/mine.toml", &own).unwrap();
    assert_eq!(Config::load(&path).unwrap().meters.first().unwrap().title(), "Eastron SDM630 v2");
    let profiles = Profiles::beside(&path).unwrap();
    assert_eq!(profiles.toml("my-meter"), Ok(own.as_str()));
    assert!(profiles.as_text().contains("my-meter                     Eastron SDM630 v2 (two sources, your own)\n"));
    let listed = profiles.list().pop().unwrap();
    assert_eq!((listed.name.as_str(), listed.billed.as_deref(), listed.own), ("my-meter", Some("energy_import"), true));
    let unknown = profiles.toml("my-meters").unwrap_err();
    assert_eq!(unknown, "there is no profile \"my-meters\"; did you mean \"my-meter\"? All of them: kilosat profiles");
    write("profiles/mine.toml", &own.replacen("registers_max = 80", "registers_max = 200", 1)).unwrap();
    let broken = Config::load(&path).unwrap_err().to_string();
    let wanted = "mine.toml: registers_max: must be a whole number from 1 to 125, without quotes. \
                  Nothing was started; correct the profile and try again";
    assert!(broken.ends_with(wanted), "{broken}");
}
