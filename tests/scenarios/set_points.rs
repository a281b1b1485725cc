//! Settings of devices, changed by the owner through the running Kilosat: on libmodbus, on a simulated charger, and on
//! what they have no business with.

use kilosat::status::{MeterStatus, Status};
use kilosat_drivers::profiles::Space;
use sim::house::House;
use sim::libmodbus::{Libmodbus, Wire};
use sim::simulated::Simulated;

fn meter<'a>(status: &'a Status, id: &str) -> &'a MeterStatus {
    status.meters.iter().find(|meter| meter.id == id).unwrap()
}

fn state<'a>(status: &'a Status, id: &str) -> &'a str {
    &meter(status, id).state
}

/// The relays of a board that are on, as they are read.
fn on(house: &House, id: &str) -> Vec<String> {
    let listed = house.kilosat(&["read", id]);
    let lines = listed.lines().take_while(|line| !line.starts_with("It can be told"));
    let words = lines.filter_map(|line| line.trim().split_once(' '));
    words
        .filter(|(name, value)| name.starts_with("relay") && value.trim() == "1")
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_of_libmodbus_are_switched_over_tcp_and_on_a_serial_line_and_nothing_else_is() {
    let (libmodbus, wire) = (Libmodbus::build(), Wire::lay().await);
    let lamp = libmodbus.start(&[(Space::Coil, 0, 1), (Space::Holding, 32_768, 200)], None);
    let _pump = libmodbus.start(&[], Some(&wire.theirs()));
    let house = House::new(&format!(
        "[[meter]]\nid = \"lamp\"\nprofile = \"waveshare-relays\"\nhost = \"127.0.0.1\"\nport = {}\npower_max_w = 1\n\
         set = \"relay1_state relay8_state\"\n\
         [[meter]]\nid = \"pump\"\nprofile = \"waveshare-relays\"\nserial = {:?}\npower_max_w = 1\n\
         set = \"relay3_state\"\n",
        lamp.port(),
        wire.ours(),
    ))
    .await;
    let mut hub = house.start();
    hub.until("both are read", |status| state(status, "lamp") == "good" && state(status, "pump") == "good").await;

    let listed = house.kilosat(&["read", "lamp"]);
    assert!(listed.starts_with("lamp, Waveshare relay boards"), "{listed}");
    for line in [
        "\n  firmware                 200\n",
        "\n  relay1_state             1\n",
        "\n  relay1_state             0 to 1, now 1\n",
        "\n  relay2_state             0 to 1, now 0; not allowed in the configuration\n",
    ] {
        assert!(listed.contains(line), "{listed}");
    }
    let told = house.kilosat(&["set", "lamp", "relay1_state", "off"]);
    assert_eq!(told.trim(), "lamp: relay1_state is 0 (read back).");
    house.kilosat(&["set", "lamp", "relay8_state", "on"]);
    house.kilosat(&["set", "pump", "relay3_state", "1"]);
    assert_eq!(on(&house, "lamp"), ["relay8_state"], "nothing else was switched");
    assert_eq!(on(&house, "pump"), ["relay3_state"]);

    let refused = house.try_kilosat(&["set", "lamp", "relay2_state", "on"]).unwrap_err();
    assert!(refused.contains("may not change \"relay2_state\" on lamp; it may change: relay1_state, relay8_state."));
    let refused = house.try_kilosat(&["set", "house", "power", "1"]).unwrap_err();
    assert!(refused.contains("Kilosat may not change anything on house. To allow it, write"), "{refused}");
    let refused = house.try_kilosat(&["set", "lamp", "relay1_state", "dim"]).unwrap_err();
    assert!(refused.contains("is no value for relay1_state; write a whole number, or on or off."), "{refused}");
    let refused = house.try_kilosat(&["read", "garage"]).unwrap_err();
    assert!(refused.contains("There is no device called \"garage\"; known: house, lamp, pump."), "{refused}");
    let events = house.kilosat(&["events"]);
    assert_eq!(events.matches("\"event\":\"set\"").count(), 3, "{events}");

    drop(lamp);
    hub.until("the lamp is gone", |status| state(status, "lamp") == "missing").await;
    let refused = house.try_kilosat(&["set", "lamp", "relay1_state", "on"]).unwrap_err();
    assert!(refused.contains("cannot be reached at present (") && refused.contains("Nothing was written"), "{refused}");
    assert!(house.try_kilosat(&["read", "lamp"]).unwrap_err().contains("lamp could not be read: "));
    assert!(hub.terminate().await.success());
}

/// A charger of the owner's own: it forgets its limit after two seconds, and takes a power as a float.
const CHARGER: &str = r#"
name = "own-charger"
title = "Own charger"
vendor = "Own"
role = "charger"
evidence = "single source"
source = "own"
tcp_port = 502
point = [
  { quantity = "power", holding = 10, type = "u16", unit = "W" },
  { quantity = "current_limit", write = true, holding = 20, type = "u16", unit = "A", function = 6, min = 6, max = 32, refresh_s = 2, readable = true },
  { quantity = "battery_power", write = true, holding = 30, type = "f32", unit = "W", function = 16, min = -5000, max = 5000, readable = true },
]
"#;

fn charger(id: &str, port: u16) -> String {
    format!(
        "[[meter]]\nid = {id:?}\nprofile = \"own-charger\"\nhost = \"127.0.0.1\"\nport = {port}\npower_max_w = 22000\n\
         poll_interval_ms = 200\nset = \"current_limit battery_power\"\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registers_of_libmodbus_and_of_a_device_that_forgets_are_written_and_renewed_until_they_are_released() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kilosat.toml");
    std::fs::create_dir(folder.path().join("profiles")).unwrap();
    std::fs::write(folder.path().join("profiles/own-charger.toml"), CHARGER).unwrap();
    let simulated = Simulated::start(&["--profile", "own-charger", "--config", config.to_str().unwrap()]);
    let libmodbus = Libmodbus::build();
    let foreign = libmodbus.start(&[], None);
    let house = House::new(&(charger("car", simulated.port()) + &charger("foreign", foreign.port()))).await;
    house.add_profile("own-charger", CHARGER);
    let mut hub = house.start();
    hub.until("both are read", |status| state(status, "car") == "good" && state(status, "foreign") == "good").await;
    for id in ["car", "foreign"] {
        let told = house.kilosat(&["set", id, "current_limit", "10"]);
        let wanted = "current_limit is 10 A (read back). Kilosat renews it every 1 s while it runs; to end that, enter \
                      this with --release instead of a value.";
        assert_eq!(told.trim(), format!("{id}: {wanted}"));
        let told = house.kilosat(&["set", id, "battery_power", "-1250.5"]);
        assert_eq!(told.trim(), format!("{id}: battery_power is -1250.5 W (read back)."));
        assert!(house.kilosat(&["read", id]).contains("battery_power            -5000 W to 5000 W, now -1250.5 W"));
    }
    let refused = house.try_kilosat(&["set", "car", "current_limit", "40"]).unwrap_err();
    assert!(refused.contains("current_limit may be 6 A to 32 A. Nothing was written."), "{refused}");
    // Twenty readings are four seconds, twice as long as the charger remembers.
    let later = meter(&hub.status().await, "car").reads + 20;
    hub.until("time passes", |status| meter(status, "car").reads >= later).await;
    assert!(house.kilosat(&["read", "car"]).contains("6 A to 32 A, now 10 A"), "it is renewed");
    let released = house.kilosat(&["set", "car", "current_limit", "--release"]);
    assert!(released.starts_with("car: Kilosat no longer renews current_limit;"), "{released}");
    let later = meter(&hub.status().await, "car").reads + 20;
    hub.until("more time passes", |status| meter(status, "car").reads >= later).await;
    assert!(house.kilosat(&["read", "car"]).contains("6 A to 32 A, now 0 A"), "the charger forgot it");
    assert!(hub.terminate().await.success());
}
