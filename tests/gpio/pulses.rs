//! A meter with a pulse output.

use std::time::Duration;

use kilosat::status::{MeterStatus, Status};
use serde_json::Value;
use sim::gpio::Wire;
use sim::house::House;
use sim::hub::Hub;
use sim::wait::let_pass;
use tokio::time::Instant;

/// Where it is connected.
const LINE: (u32, usize) = (0, 1);
const LINES: [&str; 3] = ["ID_SDA", "GPIO17", "GPIO18"];
const CHIP: &str = "pinctrl-test";
/// What its display showed when counting began.
const START_MWH: i64 = 12_345_600_000;
/// A tenth of a watt-hour.
const PULSE_MWH: i64 = 100;

/// A house with a second meter that sends 10,000 short pulses for a kilowatt-hour, at most 200 a second.
async fn house() -> House {
    let house = House::new(&format!(
        "[[meter]]\nid = \"s0\"\nchip = {CHIP:?}\npulse_line = \"GPIO17\"\npulses_per_kwh = 10_000\ndebounce_ms = 1\n\
         min_pulse_ms = 2\nmin_distance_ms = 5\npower_max_w = 72_000\ncounter_wh = 12_345_600\n\
         [ask]\nfirst_payment = false\n"
    ))
    .await;
    house.gpio.plug(LINE.0, CHIP, &LINES);
    house
}

fn meter(status: &Status) -> &MeterStatus {
    status.meters.iter().find(|meter| meter.id == "s0").unwrap()
}

async fn until_counted(hub: &mut Hub, pulses: i64) -> Status {
    let expected = START_MWH + pulses * PULSE_MWH;
    hub.until(&format!("{pulses} pulses are counted"), |status| meter(status).energy_mwh == Some(expected)).await
}

/// Ten pulses every tenth of a second, as long as it takes.
async fn send(house: &House, tens: u32) {
    for _ in 0..tens {
        house.gpio.pulse(LINE.0, LINE.1, 10, 4, 6);
        let_pass(Duration::from_millis(100)).await;
    }
}

fn entries(house: &House, event: &str) -> Vec<Value> {
    let events = house.kilosat(&["events"]);
    let entries = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].clone());
    entries.filter(|entry| entry["event"] == event && entry["meter"] == "s0").collect()
}

fn says(house: &House, words: &str) -> bool {
    entries(house, "meter").iter().any(|entry| entry["text"].as_str().unwrap().contains(words))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulses_are_counted_while_the_disk_is_slow_and_survive_every_end() {
    let house = house().await;
    let mut hub = house.start();
    let first = until_counted(&mut hub, 0).await;
    let requested = house.gpio.requested(LINE.0, LINE.1).unwrap();
    assert_eq!((requested.consumer.as_str(), requested.debounce_us, requested.events_kept), ("kilosat", 0, 1_024));
    assert_eq!(meter(&first).title, "Pulse output on line GPIO17, 10000 pulses for a kWh");
    let bound = "A power cut costs at most 10 of its pulses and those of the last second, and none older than 60 s";
    assert!(meter(&first).note.as_ref().unwrap().starts_with(bound), "{:?}", meter(&first).note);
    assert!(house.kilosat(&["status"]).contains(bound));

    // Every commit takes longer than the pulses of a whole second, and nothing is lost.
    house.gpio.set_slow_disk(Some(1_500));
    let asked = Instant::now();
    house.kilosat(&["stop"]);
    assert!(asked.elapsed() >= Duration::from_millis(1_500), "the engine waits for the disk");
    send(&house, 30).await;
    house.gpio.set_slow_disk(None);
    let counted = until_counted(&mut hub, 300).await;
    assert_eq!(meter(&counted).state, "good");
    assert!(!meter(&counted).note.as_ref().unwrap().contains("lost"));
    // 10 ms from one to the next are 36 kW; it falls while none comes.
    assert!((1..=36_000_000).contains(&meter(&counted).power_mw.unwrap()), "{:?}", meter(&counted).power_mw);

    // A spark and a bouncing contact are no pulses.
    (0..50).for_each(|_| house.gpio.glitch(LINE.0, LINE.1, Wire::Ground));
    house.gpio.pulse(LINE.0, LINE.1, 5, 4, 6);
    until_counted(&mut hub, 305).await;
    assert!(hub.terminate().await.success());

    // An orderly end loses nothing; pulses meanwhile are missing, and that is recorded.
    house.gpio.pulse(LINE.0, LINE.1, 7, 4, 6);
    let mut hub = house.start();
    until_counted(&mut hub, 305).await;
    assert!(says(&house, "pulses while Kilosat did not run are missing, at most those of the "));
    send(&house, 2).await;
    until_counted(&mut hub, 325).await;
    let_pass(Duration::from_millis(1_500)).await;
    hub.kill();
    let mut hub = house.start();
    let after = hub.until("it counts again", |status| meter(status).state == "good").await;
    let missing = START_MWH + 325 * PULSE_MWH - meter(&after).energy_mwh.unwrap();
    assert!((0..10 * PULSE_MWH).contains(&missing), "{missing} mWh");
    let last = entries(&house, "interval").pop().unwrap();
    assert_eq!(
        last["raw_mwh"].as_i64().unwrap() - START_MWH,
        last["total_mwh"].as_i64().unwrap(),
        "as any other meter"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_sets_the_counter_and_is_billed_for_pulses_alone() {
    let house = house().await;
    let mut hub = house.start();
    until_counted(&mut hub, 0).await;
    send(&house, 2).await;
    until_counted(&mut hub, 20).await;
    let said = house.kilosat(&["meter", "set", "s0", "12400.5"]);
    let expected =
        "Meter s0: the counter was set from 12345.602 kWh to 12400.500 kWh; the 54.898 kWh more are not billed.";
    assert_eq!(said.trim(), expected);
    let set = hub.until("it is shown", |status| meter(status).energy_mwh == Some(12_400_500_000)).await;
    assert_eq!(meter(&set).state, "good");
    send(&house, 1).await;
    hub.until("it goes on from there", |status| meter(status).energy_mwh == Some(12_400_501_000)).await;
    assert!(says(&house, "the counter was set from 12345.602 kWh to 12400.500 kWh"));
    assert!(hub.terminate().await.success());
    let mut hub = house.start();
    hub.until("also after a restart", |status| meter(status).energy_mwh == Some(12_400_501_000)).await;
    let last = entries(&house, "interval").pop().unwrap();
    assert_eq!((last["generation"].as_u64(), last["total_mwh"].as_i64()), (Some(2), Some(30 * PULSE_MWH)));

    let unknown = house.try_kilosat(&["meter", "set", "house", "1"]).unwrap_err();
    assert!(unknown.contains("There is no meter with a pulse output called \"house\"; known: s0."), "{unknown}");
    assert!(house.try_kilosat(&["meter", "set", "s0", "1,5"]).unwrap_err().contains("such as 12345.6"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edges_that_are_lost_are_told_and_never_guessed() {
    let house = house().await;
    let mut hub = house.start();
    until_counted(&mut hub, 0).await;
    send(&house, 1).await;
    house.gpio.lose(LINE.0, LINE.1, 4);
    send(&house, 1).await;
    let counted = until_counted(&mut hub, 20).await;
    let note = meter(&counted).note.clone().unwrap();
    assert!(note.ends_with("4 edges were lost: up to 3 pulses are missing"), "{note}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_cannot_be_had_has_its_sentence_and_is_tried_again() {
    let house = house().await;
    house.gpio.set_other_user(LINE.0, LINE.1, Some("fan-control"));
    let mut hub = house.start();
    let busy = hub.until("the line is busy", |status| meter(status).state == "missing").await;
    let fault = "the GPIO line GPIO17 is in use by \"fan-control\". No pulse is counted; end that program or choose \
                 another line";
    assert_eq!(meter(&busy).fault.as_deref(), Some(fault));
    house.gpio.set_other_user(LINE.0, LINE.1, None);
    hub.until("the line is free", |status| meter(status).state == "good").await;
    assert!(says(&house, "pulses are counted again; those of the last "));
    house.gpio.unplug(LINE.0);
    let gone = hub.until("the chip is gone", |status| meter(status).state == "missing").await;
    assert!(
        meter(&gone).fault.as_ref().unwrap().contains("GPIO17 cannot be read any more"),
        "{:?}",
        meter(&gone).fault
    );
    hub.until("it is looked for", |status| {
        meter(status).fault.as_ref().is_some_and(|fault| {
            fault == "there is no GPIO chip \"pinctrl-test\" on this machine, which has none. No pulse is counted; correct \
                      the chip's name"
        })
    })
    .await;
    house.gpio.plug(4, CHIP, &LINES);
    hub.until("it is found under another number", |status| meter(status).state == "good").await;
    house.gpio.pulse(4, LINE.1, 3, 4, 6);
    until_counted(&mut hub, 3).await;
}
