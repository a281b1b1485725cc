#![allow(clippy::unwrap_used)]

use super::*;
use crate::latest::{Latest, Value};

/// A house without meters.
pub(in super::super) const HOUSE: &str = r#"
state_directory = "/nowhere"
[lightning]
service = "phoenixd"
[lightning.phoenixd]
url = "http://127.0.0.1:9740"
secret_file = "/nowhere/password"
"#;

const METER: &str = r#"
[[meter]]
id = "house"
profile = "eastron-sdm630"
host = "127.0.0.1"
poll_interval_ms = 5000
power_max_w = 17250
"#;

#[test]
fn what_is_older_than_three_polls_is_stale_and_what_contradicts_itself_is_doubtful() {
    let config = Config::parse(&format!("{HOUSE}{METER}")).unwrap();
    let latest = Latest::default();
    let at = |uptime_ms| all(&config, &latest.copy(), uptime_ms).remove(0);
    assert_eq!((at(500).state.as_str(), at(500).has_power), ("waiting", true));
    latest.put("house", "energy_import", Value { milli: 0, unit: String::new(), at_ms: 400 });
    assert!(at(500).note.unwrap().starts_with("Its counter stands at zero"));
    for (point, milli) in [("power", 300_000), ("energy_import", 7_000_000)] {
        latest.put("house", point, Value { milli, unit: String::new(), at_ms: 1_000 });
    }
    latest.worked("house", 1_000);
    assert_eq!((at(18_000).state.as_str(), at(18_000).power_mw), ("good", Some(300_000)));
    let stale = at(18_001);
    assert_eq!((stale.state.as_str(), stale.power_mw, stale.energy_mwh), ("stale", None, Some(7_000_000)));
    latest.alarmed("house", Some("power flows, but the energy counter has not moved"));
    let alarmed = at(2_000);
    assert_eq!((alarmed.state.as_str(), alarmed.fault.unwrap().starts_with("power flows")), ("doubtful", true));
    latest.alarmed("house", None);
    assert_eq!(at(2_000).state, "good");
    latest.failed("house", "no answer");
    assert_eq!((at(2_000).state.as_str(), at(2_000).fault.as_deref()), ("missing", Some("no answer")));
}

#[test]
fn a_relay_board_has_no_power_to_show() {
    let config = format!("{HOUSE}{METER}").replace("eastron-sdm630", "waveshare-relays");
    let board = all(&Config::parse(&config).unwrap(), &Latest::default().copy(), 500).remove(0);
    assert!(!board.has_power);
}
