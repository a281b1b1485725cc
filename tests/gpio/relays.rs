//! Relays and contacts.

use kilosat::status::{InputStatus, RelayStatus, Status};
use serde_json::Value;
use sim::gpio::Wire;
use sim::house::House;
use sim::wait::answer;

const CHIP: &str = "pinctrl-test";
const LINES: [&str; 4] = ["GPIO22", "GPIO23", "GPIO24", "GPIO25"];
const DOOR: (u32, usize) = (0, 0);
const COIL: (u32, usize) = (0, 1);
const CONTACT: (u32, usize) = (0, 2);

async fn house(settings: &str) -> House {
    let house = House::new(&format!(
        "[[input]]\nid = \"door\"\nchip = {CHIP:?}\nline = \"GPIO22\"\ndebounce_ms = 5\n[[relay]]\nid = \"pump\"\n\
         chip = {CHIP:?}\nline = \"GPIO23\"\nmin_on_s = 0\nfeedback_line = \"GPIO24\"\n{settings}\n"
    ))
    .await;
    house.gpio.plug(COIL.0, CHIP, &LINES);
    house.gpio.plug_relay(COIL.0, COIL.1, CONTACT.1);
    house
}

fn relay(status: &Status) -> &RelayStatus {
    &status.relays[0]
}

fn relay_is(state: &'static str) -> impl Fn(&Status) -> bool {
    move |status| relay(status).state == state
}

fn door(status: &Status) -> &InputStatus {
    &status.inputs[0]
}

fn driven(house: &House) -> Option<bool> {
    house.gpio.driven(COIL.0, COIL.1)
}

/// What the journal says of a device: whether it is on, and why.
fn switched(house: &House, device: &str) -> Vec<(bool, String)> {
    let events = house.kilosat(&["events"]);
    let entries = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].clone());
    let own = entries.filter(|entry| entry["event"] == "switched" && entry["device"] == device);
    own.map(|entry| (entry["on"].as_bool().unwrap(), entry["why"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_is_off_at_the_start_on_by_hand_and_off_when_kilosat_ends() {
    let house = house("min_off_s = 0").await;
    let mut hub = house.start();
    let first = hub.status().await;
    assert_eq!((relay(&first).state.as_str(), driven(&house)), ("off", Some(false)), "{first:#?}");
    assert_eq!(house.gpio.requested(COIL.0, COIL.1).unwrap().consumer, "kilosat");
    assert!(house.kilosat(&["status"]).contains("Relay pump: off, because Kilosat started"));

    let said = house.kilosat(&["relay", "pump", "on"]);
    assert_eq!(said.trim(), "The relay pump is on. It goes off by itself in 60 s, unless you enter this again.");
    assert_eq!(driven(&house), Some(true));
    let on = hub.until("it is on", relay_is("on")).await;
    assert_eq!((relay(&on).why.as_str(), &relay(&on).fault), ("you switched it by hand", &None));
    assert_eq!(house.kilosat(&["relay", "pump", "off"]).trim(), "The relay pump is off.");
    assert_eq!(driven(&house), Some(false));
    let by_hand = |on| (on, "you switched it by hand".to_owned());
    let journal = answer(async || Some(switched(&house, "pump")).filter(|entries| entries.len() == 2)).await;
    assert_eq!(journal, Some(vec![by_hand(true), by_hand(false)]));
    let unknown = house.try_kilosat(&["relay", "door", "on"]).unwrap_err();
    assert!(unknown.contains("There is no relay called \"door\"; known: pump."), "{unknown}");

    house.kilosat(&["relay", "pump", "on"]);
    assert_eq!(driven(&house), Some(true));
    assert!(hub.terminate().await.success());
    assert_eq!((driven(&house), house.gpio.requested(COIL.0, COIL.1)), (Some(false), None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kilosat_that_was_killed_leaves_it_on_until_relays_off_or_the_next_start() {
    // What systemd does after every end, however it came about.
    let unit = include_str!("../../systemd/kilosat.service");
    assert!(unit.contains("\nExecStopPost=/usr/bin/kilosat relays-off\n"), "{unit}");
    let house = house("min_off_s = 0").await;
    let mut hub = house.start();
    hub.until("it is off", relay_is("off")).await;
    house.kilosat(&["relay", "pump", "on"]);
    let refused = house.try_kilosat(&["relays-off"]).unwrap_err();
    assert!(
        refused.contains("Relay pump: the GPIO line GPIO23 is in use by \"kilosat\". The relay is not switched"),
        "{refused}"
    );
    hub.kill();
    assert_eq!(driven(&house), Some(true), "the chip keeps its level");
    assert_eq!(house.kilosat(&["relays-off"]).trim(), "1 relay(s) are off.");
    assert_eq!((driven(&house), house.gpio.requested(COIL.0, COIL.1)), (Some(false), None));

    let mut hub = house.start();
    hub.until("it is off", relay_is("off")).await;
    house.kilosat(&["relay", "pump", "on"]);
    hub.kill();
    assert_eq!(driven(&house), Some(true));
    let mut hub = house.start();
    hub.until("it is off again", relay_is("off")).await;
    assert_eq!(driven(&house), Some(false));

    house.gpio.unplug(COIL.0);
    let gone = house.try_kilosat(&["relays-off"]).unwrap_err();
    assert!(gone.contains("Relay pump: there is no GPIO chip \"pinctrl-test\" on this machine"), "{gone}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_that_does_not_follow_is_shown() {
    let house = house("min_off_s = 0\nfeedback_ms = 100").await;
    let mut hub = house.start();
    hub.until("it is off", relay_is("off")).await;
    house.kilosat(&["relay", "pump", "on"]);
    house.gpio.weld(COIL.0, COIL.1, true);
    house.kilosat(&["relay", "pump", "off"]);
    let welded = hub.until("it is welded", |status| relay(status).fault.is_some()).await;
    let fault = relay(&welded).fault.clone().unwrap();
    assert!(fault.starts_with("THE RELAY IS OFF, BUT ITS CONTACT IS CLOSED"), "{fault}");
    assert_eq!(relay(&welded).state, "off");
    assert!(house.kilosat(&["status"]).contains(&fault));
    house.gpio.weld(COIL.0, COIL.1, false);
    hub.until("it moves again", |status| relay(status).fault.is_none()).await;
    house.kilosat(&["relay", "pump", "on"]);
    house.gpio.connect(CONTACT.0, CONTACT.1, Wire::Open);
    let open = hub.until("its wire is broken", |status| relay(status).fault.is_some()).await;
    assert!(relay(&open).fault.as_ref().unwrap().starts_with("the relay is on, but its contact is open"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_must_rest_says_for_how_long() {
    let house = house("min_off_s = 3600").await;
    let mut hub = house.start();
    hub.until("it is off", relay_is("off")).await;
    let refused = house.try_kilosat(&["relay", "pump", "on"]).unwrap_err();
    assert!(refused.contains("The relay pump must stay off for another 3"), "{refused}");
    assert!(refused.contains("nothing was switched"), "{refused}");
    assert_eq!(driven(&house), Some(false));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_cannot_be_had_have_their_sentences_and_are_tried_again() {
    let house = house("min_off_s = 0").await;
    house.gpio.set_other_user(COIL.0, COIL.1, Some("fan-control"));
    house.gpio.set_other_user(DOOR.0, DOOR.1, Some("alarm"));
    house.gpio.set_other_user(CONTACT.0, CONTACT.1, Some("alarm"));
    let mut hub = house.start();
    let busy =
        hub.until("the lines are busy", |status| relay_is("missing")(status) && door(status).fault.is_some()).await;
    let fault = "the GPIO line GPIO23 is in use by \"fan-control\". The relay is not switched; end that program or choose \
                 another line";
    assert_eq!(relay(&busy).fault.as_deref(), Some(fault));
    let fault = "the GPIO line GPIO22 is in use by \"alarm\". The input is not read; end that program or choose another \
                 line";
    assert_eq!((door(&busy).state.as_str(), door(&busy).fault.as_deref()), ("missing", Some(fault)));
    let refused = house.try_kilosat(&["relay", "pump", "on"]).unwrap_err();
    assert!(refused.contains("The relay pump cannot be switched: the GPIO line GPIO23 is in use"), "{refused}");
    house.gpio.set_other_user(COIL.0, COIL.1, None);
    house.gpio.set_other_user(DOOR.0, DOOR.1, None);
    let had = hub.until("they are free", |status| relay_is("off")(status) && door(status).fault.is_none()).await;
    let fault = relay(&had).fault.clone().unwrap();
    assert!(fault.contains("GPIO24 is in use by \"alarm\". Whether the relay has switched is not known"), "{fault}");
    house.kilosat(&["relay", "pump", "on"]);
    assert_eq!(driven(&house), Some(true), "it works without its contact");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_is_shown_and_its_changes_are_recorded() {
    let house = house("").await;
    let mut hub = house.start();
    hub.until("it is at rest", |status| door(status).state == "inactive").await;
    house.gpio.connect(DOOR.0, DOOR.1, Wire::Ground);
    hub.until("it is open", |status| door(status).state == "active").await;
    assert!(house.kilosat(&["status"]).contains("Input door: active"));
    house.gpio.connect(DOOR.0, DOOR.1, Wire::Open);
    hub.until("it is closed", |status| door(status).state == "inactive").await;
    // Open and closed again before anybody has time to look.
    house.gpio.connect(DOOR.0, DOOR.1, Wire::Ground);
    house.gpio.connect(DOOR.0, DOOR.1, Wire::Open);
    let journal = answer(async || Some(switched(&house, "door")).filter(|entries| entries.len() == 4)).await.unwrap();
    let expected = [
        (false, "it is watched from now on"),
        (true, "it changed"),
        (false, "it changed"),
        (false, "it changed for a moment"),
    ];
    assert_eq!(journal, expected.map(|(on, why)| (on, why.to_owned())));
}
