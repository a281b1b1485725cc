#![allow(clippy::unwrap_used)]

#[cfg(not(feature = "node"))]
mod backups;
#[cfg(not(feature = "node"))]
mod browser;
#[cfg(not(feature = "node"))]
pub(super) mod changes;
#[cfg(not(feature = "node"))]
mod devices;
#[cfg(not(feature = "node"))]
mod doors;
#[cfg(not(feature = "node"))]
mod feeds;
mod full;
#[cfg(not(feature = "node"))]
mod live;
#[cfg(not(feature = "node"))]
mod moves;
mod parts;
#[cfg(not(feature = "node"))]
mod past;
#[cfg(not(feature = "node"))]
mod pay;
#[cfg(not(feature = "node"))]
mod protection;
#[cfg(not(feature = "node"))]
mod receive;
#[cfg(not(feature = "node"))]
mod routes;
#[cfg(not(feature = "node"))]
mod savings;
#[cfg(not(feature = "node"))]
pub(crate) mod served;
#[cfg(not(feature = "node"))]
#[allow(dead_code, reason = "the tests of the whole program use the rest")]
mod tab;
#[cfg(not(feature = "node"))]
mod tokens;
mod wallet;

use self::full::{HOSTILE, full};
use super::flow::Picture;
use super::home::Home;
use super::*;
use crate::engine::{QuestionSnapshot, WalletSnapshot};
use crate::language::Language;
use crate::latest::{LineHealth, Value};
use crate::lightning::Balance;
use crate::status::Status;
use crate::status::{
    AgreementStatus, BackupStatus, FeedStatus, Flow, FlowPart, InputStatus, MeterStatus, RelayStatus, StopButtonStatus,
    TotalsStatus,
};
use crate::store::{BitcoinPrice, PaymentSummary, Statement, StatementLine};

fn html(status: &Status) -> String {
    let t = Words::of(Language::English);
    let (frame, picture) = (Frame::around(status, t, false), Picture::of(status, t));
    Home { frame, t, picture, status, today: Vec::new(), setup: Vec::new() }.render().unwrap()
}

/// What a reader sees: no tags, single spaces, entities read.
fn text_of(html: &str) -> String {
    let words =
        html.split('<').flat_map(|part| part.split_once('>').map_or(part, |(_, text)| text).split_ascii_whitespace());
    let text = words.collect::<Vec<_>>().join(" ").replace('\u{202f}', " ");
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .into_iter()
        .fold(text, |text, (entity, plain)| text.replace(entity, plain))
}

#[track_caller]
fn shows(text: &str, expected: &[&str]) {
    for expected in expected {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
}

#[test]
fn every_number_is_on_the_page() {
    let text = text_of(&html(&full()));
    shows(
        &text,
        &["Mill & Barn", "regtest: play money", "Kilosat 9.8.7", "running for 3 days", "98 765 journal entries"],
    );
    shows(&text, &["2.34 kW", "−800 W", "solar, feeding in"]);
    shows(&text, &["Comes from Solar panels 4.10 kW Grid 0 W", "Goes to House 1.11 kW Car 2.22 kW Grid 770 W"]);
    shows(&text, &["Not known now: Heating. What the house uses cannot be said"]);
    assert!(!text.contains("9.87 kW"), "what is in the picture needs no tile");
    shows(&text, &["door active", "tamper not read", "the GPIO line 5 is in use"]);
    shows(
        &text,
        &["charger on, because you switched it by hand", "its contact is closed", "boiler cannot be switched"],
    );
    shows(&text, &["7 654.321 kWh", "456.007 sat", "2 payments on the way, 600.013 sat set aside", "1 999 008 sat"]);
    shows(&text, &["88 009 sat", "7.012 sat", "2 500 014 sat", "4 321", "1 111", "Payments that failed 17"]);
    shows(&text, &["190 002 sat", "≈ 116.35 EUR, 4 of 5 channels ready", "Paid by hand 3 000.021 sat"]);
    shows(&text, &["rent@utility.example 283.457 sat per kWh", "123.004 sat owed, paid at 500 sat"]);
    shows(&text, &["1 234.567 kWh billed, 349 005 sat paid", "60 %", "21.5", "weather.example/v1/now?a=1&b=2"]);
    shows(&text, &["500.015 sat", "Fee 1.016 sat", "11 min ago"]);
    shows(
        &text,
        &[
            "May 3 016 sat (≈ 1.85 EUR) be paid to",
            "Yes, pay 3 016 sat",
            "You refused to pay",
            "I changed my mind: pay 3 016 sat",
        ],
    );
    shows(&text, &["on its way", "failed, nothing was spent", "paid", "Another notice."]);
}

#[test]
fn the_bars_of_the_picture_are_as_long_as_the_power() {
    let drawn = |flow: Flow| {
        let html = html(&Status { flow: Some(flow), ..Status::default() });
        let bars = html.split("<rect class=\"").skip(1).map(|part| {
            let mut quoted = part.split('"').step_by(2);
            let mut next = || quoted.next().unwrap().to_owned();
            (next(), next(), next())
        });
        bars.collect::<Vec<_>>()
    };
    let part = |what: &str, power_mw| FlowPart { what: what.to_owned(), power_mw };
    let bars = drawn(Flow {
        from: vec![part("solar", 1_000), part("grid", 2_000)],
        to: vec![part("house", 500), part("car", 1_000)],
        unknown: Vec::new(),
    });
    let expected = [("solar", 0, 333), ("grid", 333, 667), ("house", 0, 166), ("car", 166, 334)];
    let expected = expected.map(|(what, x, width)| (format!("of-{what}"), format!("{x}"), format!("{width}")));
    assert_eq!(bars, expected);
    let nothing = drawn(Flow { from: vec![part("grid", 0)], to: vec![part("house", 0)], unknown: Vec::new() });
    assert!(nothing.iter().all(|(_, _, width)| width == "0"), "{nothing:?}");
    let most = vec![part("grid", u64::MAX), part("solar", u64::MAX)];
    assert_eq!(drawn(Flow { from: most, to: Vec::new(), unknown: Vec::new() })[0].2, "1000");
}

#[test]
fn a_stop_button_is_on_the_page_when_it_matters() {
    let page = |state: &str, fault: Option<&str>| {
        let button = StopButtonStatus { state: state.to_owned(), fault: fault.map(str::to_owned) };
        text_of(&html(&Status { stop_button: Some(button), ..Status::default() }))
    };
    assert!(!page("ready", None).contains("stop button"));
    shows(&page("pressed", None), &["The stop button is pressed, or its wire is broken. Payments stay stopped"]);
    let missing = page("missing", Some("the GPIO line 17 is in use by \"fan\"."));
    shows(
        &missing,
        &["The stop button does not work, so nothing is paid until it does. the GPIO line 17 is in use by \"fan\"."],
    );
}

#[test]
fn the_texts_of_strangers_are_only_text() {
    let html = html(&full());
    for tag in ["<script>", "<img src=//", "onerror=\"", "alert('"] {
        assert!(!html.contains(tag), "{tag}");
    }
    // Settings, backup, lock, two questions, meter, agreement, feed point, feed notice, payment.
    assert_eq!(text_of(&html).matches(HOSTILE).count(), 10);
}

#[test]
fn everything_comes_from_this_machine_and_nothing_is_inline() {
    for html in [html(&full()), html(&Status::default())] {
        let tags: Vec<_> = html.split('<').filter_map(|part| part.split('>').next()).collect();
        for tag in tags {
            for (name, value) in attributes(tag) {
                assert!(!name.starts_with("on") && name != "style", "{tag}");
                if ["src", "href", "action", "srcset"].contains(&name) {
                    let is_ours = value.starts_with('#') || (value.starts_with('/') && !value.starts_with("//"));
                    assert!(is_ours, "{tag}");
                }
            }
        }
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("<script src=\"/static/live.js\" defer></script>") && !html.contains("<style"));
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    assert!(!SCRIPT.contains("://") && !SCRIPT.contains("innerHTML"));
}

#[test]
fn the_button_to_stop_is_there_until_it_was_pressed() {
    assert!(!html(&full()).contains("\"/stop\""));
    assert!(
        html(&Status { stopped: false, ..full() }).contains("<form class=\"stop\" method=\"post\" action=\"/stop\">")
    );
}

/// The script exchanges everything in `live` every two seconds, and a press with it.
#[test]
fn the_button_to_stop_is_not_in_the_part_that_is_exchanged() {
    let html = html(&Status::default());
    let place = |text: &str| html.find(text).unwrap();
    assert!(
        place("<div id=\"order\">") < place("<form class=\"stop\"")
            && place("</form></div>") < place("<div id=\"live\">")
    );
    assert_eq!(html.matches("<form").count(), 2, "this one and that which ends the session");
    assert!(SCRIPT.contains("if (!shown.isEqualNode(fresh)) shown.replaceWith(fresh);") && SCRIPT.contains(":active"));
}

#[test]
fn a_month_is_shown_whole() {
    let line = StatementLine {
        rule: "electricity".to_owned(),
        kind: "energy".to_owned(),
        payee: format!("{HOSTILE}@utility.example"),
        payments: 7,
        paid_msat: 70_007_000,
        fees_msat: 7_001,
    };
    let statement = Statement {
        opening_msat: 1_000_000,
        brought_msat: 2_000_000,
        received_msat: 3_000_000,
        paid_msat: 400_000,
        fees_msat: 50_000,
        fees_returned_msat: 8_000,
        rounding_msat: 9_000,
        credited_msat: 11_000,
        suspense_msat: -6_000,
        reserved_msat: 700,
        closing_msat: 5_555_300,
        lines: vec![line],
        metered_mwh: vec![("main".to_owned(), 8_000_000)],
        ..Statement::default()
    };
    let (month, before) = ("2026-11".to_owned(), "2026-10".to_owned());
    let status = full();
    let page = statement::StatementPage {
        frame: Frame::around(&status, Words::of(Language::English), false),
        t: Words::of(Language::English),
        month,
        before,
        after: None,
        statement: &statement,
    };
    let text = text_of(&page.render().unwrap());
    shows(
        &text,
        &["Account of 2026-11", "2026-10", "1 000 sat", "2 000 sat", "3 000 sat", "−400 sat", "−50 sat", " 6 sat"],
    );
    shows(&text, &["lower than booked 8 sat", "Roundings of the wallet −9 sat", "Credited to agreements −11 sat"]);
    shows(&text, &["−0.700 sat", "5 555.300 sat", "70 007 sat", "7.001 sat", "8.000 kWh", "this one goes on", HOSTILE]);
    assert!(!page.render().unwrap().contains("<script>"));
}

#[test]
fn an_empty_house_is_told_what_to_do() {
    let lightning = Balance { channels: Some(0), channels_usable: Some(0), ..Balance::default() };
    let answered = Status { wallet_age_ms: Some(0), lightning, ..Status::default() };
    let text = text_of(&html(&Status { network: "bitcoin".to_owned(), ..answered }));
    shows(&text, &["No meter is read yet.", "Nothing is paid automatically yet. New agreement"]);
    shows(&text, &["Nothing was paid yet. The first payment follows", "no channel yet", "nothing is on its way"]);
    for absent in ["play money", "Data bought", "locked", "Public key"] {
        assert!(!text.contains(absent), "{absent}");
    }
    let feed =
        FeedStatus { id: "f".to_owned(), url: String::new(), points: Vec::new(), notices: Vec::new(), paused: false };
    shows(&text_of(&html(&Status { feeds: vec![feed], ..Status::default() })), &["No data yet."]);
}

#[test]
fn the_largest_numbers_do_not_break_the_page() {
    let mut status = full();
    status.now_ms = 0;
    status.uptime_ms = u64::MAX;
    status.totals.energy_billed_mwh = u64::MAX;
    status.agreements[0].owed_msat = u64::MAX;
    status.meters[0].power_mw = Some(i64::MIN);
    shows(&text_of(&html(&status)), &["0 s ago", "18 446 744 073 709.551 kWh"]);
}

#[test]
fn only_names_of_this_machine_are_ours() {
    #[track_caller]
    fn case(host: &str, address: &str, is_encrypted: bool, expected: bool) {
        let local = address.parse().unwrap();
        let peer = Peer { address: local, local, is_encrypted };
        assert_eq!(is_ours(host, &peer, &PageIdentity::default()), expected, "{host} at {address}");
    }
    for host in ["localhost:8380", "127.0.0.1:8380", "[::1]:8380"] {
        case(host, "127.0.0.1:8380", false, true);
    }
    for host in
        ["", "localhost", "localhost:8381", "evil.example:8380", "127.0.0.1.evil.example:8380", ":8380", "0.0.0.0:8380"]
    {
        case(host, "127.0.0.1:8380", false, false);
    }
    case("127.0.0.2:8380", "127.0.0.2:8380", false, true);
    case("192.168.1.20:8380", "192.168.1.20:8380", true, true);
    case("192.168.1.21:8380", "192.168.1.20:8380", true, false);
    case("127.0.0.1:8380", "192.168.1.20:8380", true, false);
    case("[fd00::7]:8380", "[fd00::7]:8380", true, true);
    case("[::1]:8380", "[::1]:8380", false, true);
    case("localhost", "127.0.0.1:80", false, true);
    case("localhost", "127.0.0.1:443", true, true);
    case("localhost", "127.0.0.1:80", true, false);
    case("evil.example", "127.0.0.1:80", false, false);
}

/// Names and values of a tag's attributes.
fn attributes(tag: &str) -> Vec<(&str, &str)> {
    let pairs = tag.split("=\"").collect::<Vec<_>>();
    let names = pairs.iter().map(|part| part.rsplit([' ', '\n']).next().unwrap_or(part));
    let values = pairs.iter().skip(1).map(|part| part.split('"').next().unwrap_or(part));
    names.zip(values).collect()
}
