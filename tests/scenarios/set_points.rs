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
    let lines = |id: &str| house.kilosat(&["read", id]);
    assert!(
        lines("lamp").contains("relay1_state             0\n")
            && lines("lamp").contains("relay8_state             1\n")
    );
    assert!(lines("pump").contains("relay3_state             1\n"), "{}", lines("pump"));

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_simulated_charger_is_told_its_limit_which_is_renewed_until_it_is_released() {
    let charger = Simulated::start(&["--profile", "alfen-eve"]);
    let house = House::new(&format!(
        "[[meter]]\nid = \"car\"\nprofile = \"alfen-eve\"\nhost = \"127.0.0.1\"\nport = {}\npower_max_w = 22_000\n\
         poll_interval_ms = 200\nset = \"current_limit\"\n",
        charger.port()
    ))
    .await;
    let mut hub = house.start();
    // It has charged nothing yet, and a counter of zero is not believed at once.
    hub.until("the charger is read", |status| meter(status, "car").power_mw.is_some()).await;
    let told = house.kilosat(&["set", "car", "current_limit", "10.5"]);
    let wanted = "car: current_limit is 10.5 A (the device confirmed it). Kilosat renews it every 15 s while it runs; to \
                  end that, enter this with --release instead of a value.";
    assert_eq!(told.trim(), wanted);
    let refused = house.try_kilosat(&["set", "car", "current_limit", "40"]).unwrap_err();
    assert!(refused.contains("current_limit may be 6 A to 32 A. Nothing was written."), "{refused}");
    let released = house.kilosat(&["set", "car", "current_limit", "--release"]);
    assert!(released.starts_with("car: Kilosat no longer renews current_limit;"), "{released}");
    assert!(hub.terminate().await.success());
}
