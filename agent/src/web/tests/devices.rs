//! Devices on the page: found, added, changed, removed.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use kilosat_drivers::modbus::Framing;
use kilosat_drivers::modbus::server::serve;
use kilosat_drivers::profiles::find;
use kilosat_drivers::reading::MilliwattHours;
use tokio::net::TcpListener;

use super::changes::{house, location, read};
use super::served::{PASSWORD, body};
use super::text_of;
use crate::config::Measured;
use crate::sim::{Device, House};

#[tokio::test]
async fn a_device_is_found_shown_and_added() {
    let (served, source) = house().await;
    let garage = Arc::new(Mutex::new(House::new(43_200, MilliwattHours(1_234_500_000))));
    let device = Device::new(find("eastron-sdm630").unwrap(), 1, garage, || 1_000);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let place = format!("host=127.0.0.1&port={}", listener.local_addr().unwrap().port());
    let answering = tokio::spawn(async move { serve(&listener, Framing::Tcp, device).await });
    let (status, answer) = served.send("/devices/search", &place).await;
    assert_eq!((status, location(&answer).as_str()), (303, "/devices/search"), "{answer}");
    let text = loop {
        let text = read(&served, "/devices/search").await;
        if text.contains("These are all that answered.") {
            break text;
        }
    };
    assert!(text.contains("Compare these values with its display"), "{text}");
    let (status, answer) = served.send("/devices/add", "number=0&name=main&fuse=35").await;
    assert!(status == 422 && answer.contains("is used twice"), "{answer}");
    let change = location(&served.send("/devices/add", "number=0&name=garage&fuse=35").await.1);
    let text = read(&served, &change).await;
    assert!(!text.contains("+ measures"), "{text}");
    assert!(text.contains("power_max_w = 24150") || text.contains("power_max_w = 8050"), "{text}");
    let solar = location(&served.send("/devices/add", "number=0&name=garage&fuse=35&measures=solar").await.1);
    assert!(read(&served, &solar).await.contains("+ measures = \"solar\""));
    let (status, answer) = served.send("/devices/add", "number=0&name=garage&fuse=").await;
    assert!(status == 422 && text_of(body(&answer)).contains("Main fuse, in amperes"), "{answer}");
    assert!(text.contains("+ id = \"garage\"") && text.contains("starts anew"), "{text}");
    assert_eq!(served.send(&change, "").await.0, 303, "reading more puts no money at stake");
    assert!(source.settings.waits_for_new_start());
    assert!(read(&served, "/devices").await.contains("Kilosat starts anew with the new settings."));
    assert_eq!(served.send("/devices/add", "number=7&name=x&fuse=35").await.0, 404);
    answering.abort();
}

/// As the owner knows it, also on a line that is read already.
#[tokio::test]
async fn a_device_that_the_owner_names_is_read_once_and_added() {
    let (served, source) = house().await;
    let garage = Arc::new(Mutex::new(House::new(43_200, MilliwattHours(1_234_500_000))));
    let device = Device::new(find("eastron-sdm630").unwrap(), 7, garage, || 1_000);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let place = format!("host=127.0.0.1&port={}", listener.local_addr().unwrap().port());
    let answering = tokio::spawn(async move { serve(&listener, Framing::Tcp, device).await });
    let (_, form) = served.get("/devices/by-hand").await;
    assert!(form.contains("<optgroup label=\"Eastron\">") && form.contains("value=\"eastron-sdm630\""));
    let asked = format!("profile=eastron-sdm630&unit=7&{place}");
    assert_eq!(location(&served.send("/devices/by-hand", &asked).await.1), "/devices/search");
    let text = loop {
        let text = read(&served, "/devices/search").await;
        if text.contains("These are all that answered.") {
            break text;
        }
    };
    assert!(text.contains("Eastron SDM630") && text.contains("kWh"), "{text}");
    let change = location(&served.send("/devices/add", "number=0&name=garage&fuse=35").await.1);
    let text = read(&served, &change).await;
    assert!(text.contains("+ profile = \"eastron-sdm630\"") && text.contains("+ unit = 7"), "{text}");
    answering.abort();

    let busy = "profile=eastron-sdm630&unit=9&host=192.168.1.50";
    assert_eq!(served.send("/devices/by-hand", busy).await.0, 303);
    let text = read(&served, "/devices/search").await;
    assert!(text.contains("Kilosat reads this line already") && text.contains("Number 9 on its line"), "{text}");
    let change = location(&served.send("/devices/add", "number=0&name=cellar&fuse=25").await.1);
    assert!(read(&served, &change).await.contains("+ power_max_w = 17250"), "it may have three phases");
    assert_eq!(served.send(&change, "").await.0, 303);
    let config = crate::config::Config::parse(&source.settings.text()).unwrap();
    assert!(config.meters.iter().any(|meter| meter.id == "cellar" && meter.unit == 9));
    for (wrong, words) in [
        ("profile=&unit=1&host=192.168.1.9", "Pick a model."),
        ("profile=nothing&unit=1&host=192.168.1.9", "Pick a model."),
        ("profile=sunspec&unit=255&host=192.168.1.9", "A unit number is from 0 to 254."),
        ("profile=sunspec&unit=1&host=", "This is not an address."),
        ("profile=sunspec&unit=1&host=192.168.1.9&port=0", "A port is a number"),
        ("profile=sunspec&unit=1&serial=%2Fetc%2Fshadow&settings=9600+8N1", "not plugged in"),
    ] {
        let (status, answer) = served.send("/devices/by-hand", wrong).await;
        assert!(status == 422 && text_of(body(&answer)).contains(words), "{wrong}: {answer}");
    }
}

#[tokio::test]
async fn nonsense_is_not_searched_for() {
    let (served, _) = house().await;
    for (form, words) in [
        ("host=", "This is not an address."),
        ("host=http%3A%2F%2Fx", "This is not an address."),
        ("host=127.0.0.1&port=0", "A port is a number"),
        ("host=127.0.0.1&port=99999", "A port is a number"),
        ("serial=%2Fetc%2Fshadow", "not plugged in"),
        ("host=192.168.1.50", "Kilosat reads 192.168.1.50 already"),
    ] {
        let (status, answer) = served.send("/devices/search", form).await;
        assert!(status == 422 && text_of(body(&answer)).contains(words), "{form}: {answer}");
    }
    assert_eq!(served.get("/devices/search").await.0, 404);
    let (status, answer) = served.send("/devices/main/remove", "").await;
    assert!(status == 409 && text_of(body(&answer)).contains("the agreement electricity pays"), "{answer}");
    assert_eq!(served.send("/devices/nobody/remove", "").await.0, 404);
}

/// The form of the example's meter, as it is filled in.
const MAIN: &str = "measures=grid&host=192.168.1.50&port=502&unit=1&every=5&power_max=17250";

#[tokio::test]
async fn a_device_is_changed_once_the_owner_has_seen_it() {
    let (served, source) = house().await;
    let (_, form) = served.get("/devices/main/edit").await;
    for part in ["value=\"192.168.1.50\"", "value=\"502\"", "value=\"5\"", "value=\"17250\"", "value=\"grid\" selected"]
    {
        assert!(form.contains(part), "{part}: {form}");
    }
    let same = location(&served.send("/devices/main/edit", MAIN).await.1);
    assert!(read(&served, &same).await.contains("Nothing would change."));
    let picture = location(&served.send("/devices/main/edit", &MAIN.replace("=grid", "=")).await.1);
    let text = read(&served, &picture).await;
    assert!(text.contains("− measures = \"grid\" + measures = \"\"") && !text.contains("Your password"), "{text}");
    assert_eq!(served.send(&picture, "").await.0, 303);
    assert_eq!(source.config().meters[0].measures, None);
    assert!(!source.settings.waits_for_new_start(), "the picture is drawn anew at each look");
    // What a billed meter counts by is at stake.
    let moved =
        MAIN.replace("192.168.1.50", "meter.local").replace("unit=1", "unit=7").replace("every=5", "every=0%2C5");
    let change = location(&served.send("/devices/main/edit", &moved).await.1);
    let text = read(&served, &change).await;
    for words in
        ["+ host = \"meter.local\"", "+ unit = 7", "+ poll_interval_ms = 500", "+ measures = \"grid\"", "Your password"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(served.send(&change, "").await.0, 403);
    assert_eq!(served.send(&change, &format!("password={PASSWORD}")).await.0, 303);
    assert!(source.settings.waits_for_new_start() && source.settings.text().contains("meter.local"));
    let (meter, grid) = (&source.settings.text(), Some(Measured::Grid));
    assert!(crate::config::Config::parse(meter).unwrap().meters[0].measures == grid);
}

#[tokio::test]
async fn a_device_is_not_changed_to_nonsense() {
    let (served, source) = house().await;
    let before = source.settings.text();
    for (wrong, words) in [
        (MAIN.replace("unit=1", "unit=one"), "Unit number: please write a number."),
        (MAIN.replace("unit=1", "unit=256"), "meter.unit"),
        (MAIN.replace("every=5", "every="), "Read every … seconds: please write a number."),
        (MAIN.replace("every=5", "every=0.01"), "meter.poll_interval_ms"),
        (MAIN.replace("192.168.1.50", "a+b"), "This is not an address."),
        (MAIN.replace("17250", "-1"), "The most power that can flow, in watts: please write a number."),
        (MAIN.replace("grid", "moon"), "is nothing of the picture of the house"),
    ] {
        let (status, answer) = served.send("/devices/main/edit", &wrong).await;
        assert!(status == 422 && text_of(body(&answer)).contains(words), "{wrong}: {answer}");
    }
    assert_eq!(served.send("/devices/nobody/edit", MAIN).await.0, 404);
    assert_eq!(served.get("/devices/nobody/edit").await.0, 404);
    assert_eq!(source.settings.text(), before);
}
