//! The history on the page: a house that has been recorded for a while, and histories that are gone.

use std::path::Path;

use serde_json::{Value, json};

use super::browser::{Tab, axe};
use super::served::{EXAMPLE, Served, body, example_house, house_in};

use super::moves::{filled_over_the_chain, make_moves};
use super::pay::euro;
use super::protection::sealed_house;
use super::savings::{move_savings, open_savings};
use super::text_of;
use crate::latest::Value as Reading;
use crate::lightning::LightningService;
use crate::sim::{SECONDS_PER_DAY, load_at, solar_at};
use crate::status::StatusSource;

/// Days of values every quarter of an hour, and the last two days every minute, up to now.
async fn live(source: &StatusSource, days: u64) {
    let now_ms = source.clock.house_now().0;
    let mut at_ms = (now_ms / HOUR_MS - days * 24) * HOUR_MS;
    let (mut drawn_mwh, mut fed_in_mwh) = (4_321_000_000_i64, 87_000_000_i64);
    while at_ms < now_ms {
        let step_ms = if now_ms - at_ms > 48 * HOUR_MS { 15 * MINUTE_MS } else { MINUTE_MS };
        let day = at_ms / (24 * HOUR_MS);
        let second = u32::try_from(at_ms / 1_000 % u64::from(SECONDS_PER_DAY)).unwrap();
        // Cloudy and sunny days, and a winter.
        let sun = i64::try_from(2 + day * 7 % 9).unwrap() * if day % 365 < 100 { 1 } else { 3 };
        let power = load_at(second).0 - solar_at(second).0 * sun / 10;
        let energy = power * i64::try_from(step_ms).unwrap() / 3_600_000;
        drawn_mwh += energy.max(0);
        fed_in_mwh -= energy.min(0);
        let values = [
            ("main.power", "W", power),
            ("main.energy_import", "Wh", drawn_mwh / 10_000 * 10_000),
            ("main.energy_export", "Wh", fed_in_mwh / 10_000 * 10_000),
            ("main.voltage_l1", "V", 230_000 + i64::from(second % 900) * 3 - power / 4_000),
            ("electricity.cost", "sat", drawn_mwh / 1_000 * 3 / 10),
        ];
        for (name, unit, milli) in values {
            source.history.recorder().put(name, unit, milli, at_ms);
        }
        at_ms += step_ms;
        if at_ms.is_multiple_of(HOUR_MS) {
            source.history.write().await.unwrap();
        }
    }
    source.history.write().await.unwrap();
}

/// With panels, a battery and a car, whose power stands in the picture of the first page.
async fn lived_in(days: u64) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let state = format!("state_directory = {:?}", folder.path());
    let mut text = EXAMPLE.replace("state_directory = \"/var/lib/kilosat\"", &state);
    text = text.replace("#measures = \"grid\"", "measures = \"grid\"");
    text = text.replace("\nwallet = \"none\"", "\nwallet = \"segwit\"");
    text = text.replace("\nlow_sat = 0", "\nlow_sat = 50000").replace("\nhigh_sat = 0", "\nhigh_sat = 350000");
    for (number, measures) in ["solar", "battery", "car"].iter().enumerate() {
        text += &format!(
            "[[meter]]\nid = \"{measures}\"\nmeasures = \"{measures}\"\nprofile = \"eastron-sdm630\"\nhost = \"192.168.1.{}\"\n\
             power_max_w = 11000\n",
            60 + number
        );
    }
    crate::disk::replace(&folder.path().join("kilosat.toml"), text.as_bytes()).unwrap();
    let mut house = house_in(folder, LightningService::Absent);
    live(&house.0, days).await;
    open_savings(&mut house.0).await;
    move_savings(&house.0).await;
    make_moves(&house.0).await;
    for (meter, watts) in [("main", -1_480), ("solar", 5_230), ("battery", 900), ("car", 2_300)] {
        let at_ms = house.0.clock.elapsed_ms();
        house.0.latest.put(meter, "power", Reading { milli: watts * 1_000, unit: "W".to_owned(), at_ms });
        house.0.latest.worked(meter, at_ms);
    }
    house.0.rates.put(euro(&house.0));
    Served::house(house).await
}

#[tokio::test]
async fn an_empty_history_says_when_the_first_values_come() {
    let served = Served::start().await;
    let (status, page) = served.get("/history").await;
    assert_eq!(status, 200);
    assert!(
        text_of(body(&page)).contains("Nothing has been recorded yet. The first values appear here about a minute")
    );
    assert_eq!(served.get("/history.json").await.0, 404);
    assert_eq!(served.get("/history.csv").await.0, 404);
}

#[tokio::test]
async fn a_day_is_shown_as_chart_table_file_and_json() {
    let served = lived_in(15).await;
    let (status, page) = served.get("/history?point=main.energy_import&span=week&compare=1").await;
    assert_eq!(status, 200);
    let page = body(&page);
    for part in
        ["class=\"bars\"", "class=\"before bars\"", "<table class=\"values\">", "role=\"img\"", "aria-current=\"page\""]
    {
        assert!(page.contains(part), "{part}");
    }
    let text = text_of(page);
    for words in ["Energy drawn", "In this week", "In the week before", "Energy fed in", "Kept since"] {
        assert!(text.contains(words), "{words}");
    }
    let (_, answer) = served.get("/history.json?point=main.power&span=day").await;
    let json: Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!((&json["unit"], &json["span"]), (&json!("W"), &json!("day")));
    let buckets = json["buckets"].as_array().unwrap();
    assert!(buckets.iter().all(|bucket| bucket["min_milli"].as_i64() <= bucket["mean_milli"].as_i64()));
    let (_, csv) = served.get("/history.csv?point=main.power&span=day").await;
    assert!(csv.contains("content-disposition: attachment; filename=\"main-power-day.csv\"\r\n"), "{csv}");
    assert_eq!(body(&csv).lines().count(), 1 + buckets.len());
    for (query, status) in [
        ("?point=main.nothing", 400),
        ("?span=hour", 400),
        ("?at=tomorrow", 400),
        ("?at=9999-12-31", 400),
        ("?at=1970-01-01&compare=1", 200),
        ("?point=main.power&span=year&at=2031-01-01", 200),
    ] {
        for path in ["/history", "/history.json", "/history.csv"] {
            assert_eq!(served.get(&format!("{path}{query}")).await.0, status, "{path}{query}");
        }
    }
}

#[tokio::test]
async fn a_history_that_was_damaged_is_said_and_payments_go_on() {
    let folder = tempfile::tempdir().unwrap();
    crate::disk::replace(&folder.path().join("history.db"), &[7; 60_000]).unwrap();
    let house = house_in(folder, LightningService::Absent);
    live(&house.0, 1).await;
    let served = Served::house(house).await;
    let text = text_of(body(&served.get("/history").await.1));
    assert!(text.contains("The history was damaged and began anew on"), "{text}");
    assert!(text.contains("Payments do not need it"));
    let (status, home) = served.get("/").await;
    assert!(status == 200 && home.contains("electricity@utility.example"));
}

#[tokio::test]
async fn every_page_of_a_house_that_was_lived_in_fits_a_phone_and_a_desk() {
    let served = lived_in(40).await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    let removal = served.send("/agreements/electricity/remove", "").await.1;
    let change = removal.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim().to_owned();
    let pages = [
        ("home", "/"),
        ("history-power-day", "/history?point=main.power"),
        ("history-energy-week", "/history?point=main.energy_import&span=week&compare=1"),
        ("history-energy-month", "/history?point=main.energy_export&span=month"),
        ("history-power-year", "/history?point=main.power&span=year"),
        ("history-voltage-week", "/history?point=main.voltage_l1&span=week&compare=1"),
        ("history-cost-month", "/history?point=electricity.cost&span=month&compare=1"),
        ("account", "/statement"),
        ("agreements", "/agreements"),
        ("agreement", "/agreements/electricity"),
        ("agreement-new", "/agreements/new"),
        ("agreement-edit", "/agreements/electricity/edit"),
        ("feed-new", "/feeds/new"),
        ("feed-edit", "/feeds/weather/edit"),
        ("change", change.as_str()),
        ("payments", "/payments"),
        ("wallet", "/wallet"),
        ("wallet-pay", "/wallet/pay"),
        ("wallet-service", "/wallet/service"),
        ("wallet-words", "/wallet/words"),
        ("wallet-protection", "/wallet/protection"),
        ("moves", "/wallet/moves"),
        ("channels", "/wallet/channels"),
        ("savings", "/wallet/savings"),
        ("savings-receive", "/wallet/savings/receive"),
        ("savings-send", "/wallet/savings/send"),
        ("savings-signed", "/wallet/savings/signed"),
        ("devices", "/devices"),
        ("device-new", "/devices/new"),
        ("device-by-hand", "/devices/by-hand"),
        ("device-edit", "/devices/main/edit"),
        ("settings", "/settings"),
        ("settings-backup", "/settings/backup"),
        ("settings-file", "/settings/file"),
        ("settings-licences", "/settings/licences"),
        ("settings-tokens", "/settings/tokens"),
        ("missing", "/agreements/nobody"),
        ("login", "/login"),
    ];
    look_at(&mut tab, &served, &pages).await;
}

#[tokio::test]
async fn pages_of_a_house_that_is_nobodys_sealed_or_filled_over_the_chain_fit_a_phone_and_a_desk() {
    let (sealed, nobodys) = (sealed_house().await, Served::unclaimed(example_house()).await);
    let filled = Served::house(filled_over_the_chain().await).await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    look_at(&mut tab, &nobodys, &[("claim", "/claim")]).await;
    tab.log_in(&sealed).await;
    let pages = [
        ("sealed-home", "/"),
        ("sealed-wallet", "/wallet"),
        ("sealed-words", "/wallet/words"),
        ("sealed-protection", "/wallet/protection"),
    ];
    look_at(&mut tab, &sealed, &pages).await;
    tab.log_in(&filled).await;
    look_at(&mut tab, &filled, &[("filled-moves", "/wallet/moves")]).await;
}

/// Looked at by whoever changes the page: `$KILOSAT_SCREENSHOTS` is a folder for the pictures.
async fn look_at(tab: &mut Tab, served: &Served, pages: &[(&str, &str)]) {
    let (pictures, axe) = (std::env::var_os("KILOSAT_SCREENSHOTS"), axe());
    for (width, device) in [(390, "phone"), (1280, "desk")] {
        tab.resize(width).await;
        for (name, path) in pages {
            for scheme in ["light", "dark"] {
                let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
                tab.call("Emulation.setEmulatedMedia", media).await;
                tab.go(&format!("http://{}{path}", served.address)).await;
                if let Some(axe) = &axe {
                    let faults = tab.judge(axe).await;
                    assert!(faults.is_empty(), "{path} on a {device}, {scheme}: {faults}");
                }
                let wide = "document.documentElement.scrollWidth";
                assert!(tab.run(wide).await.as_u64().unwrap() <= width, "{path} is wider than a {device}");
                if let Some(folder) = &pictures {
                    let file = Path::new(folder).join(format!("{name}-{device}-{scheme}.png"));
                    let picture = crate::domain::l402::base64_decode(&tab.picture().await).unwrap();
                    crate::disk::replace(&file, &picture).unwrap();
                }
            }
        }
    }
}

/// What is sent for the first look at a house in which there is much of everything.
#[tokio::test]
async fn the_first_look_is_small() {
    let served = lived_in(2).await;
    let mut bytes = 0;
    for path in ["/", "/static/kilosat.css", "/static/live.js", "/static/icon.svg"] {
        let (status, answer) = served.get(path).await;
        assert_eq!(status, 200);
        bytes += answer.len();
    }
    bytes += super::html(&super::full::full()).len();
    assert!(bytes < FIRST_LOOK_BYTES_MAX, "{bytes} bytes");
}

#[tokio::test]
async fn who_judges_the_page_finds_what_is_wrong_with_one() {
    let Some(axe) = axe() else { return };
    let served = Served::start().await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    tab.go(&format!("http://{}/settings", served.address)).await;
    tab.run("document.querySelector('label[for=name]').remove(); document.documentElement.lang = ''; true").await;
    let faults = tab.judge(&axe).await;
    assert!(faults.contains("label: ") && faults.contains("html-has-lang: "), "{faults}");
}

#[tokio::test]
async fn the_arrow_keys_read_a_chart_out() {
    let served = lived_in(2).await;
    let Some(mut tab) = Tab::open("about:blank").await else { return };
    tab.log_in(&served).await;
    tab.go(&format!("http://{}/history?point=main.power", served.address)).await;
    let press = "(key) => { document.getElementById('chart').dispatchEvent(new KeyboardEvent('keydown', {key}));
                 return document.getElementById('read').textContent; }";
    let last = tab.run(&format!("({press})('ArrowRight')")).await;
    let before = tab.run(&format!("({press})('ArrowLeft')")).await;
    let first = tab.run(&format!("({press})('Home')")).await;
    for said in [&last, &before, &first] {
        assert!(said.as_str().unwrap().contains('W'), "{said}");
    }
    assert!(first.as_str().unwrap().starts_with("00:00: "), "{first}");
    assert_ne!(last, before);
}

/// Without compression.
const FIRST_LOOK_BYTES_MAX: usize = 60 * 1_024;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
