#![allow(clippy::unwrap_used)]

#[cfg(not(feature = "node"))]
mod browser;
#[cfg(not(feature = "node"))]
mod doors;
#[cfg(not(feature = "node"))]
mod past;
#[cfg(not(feature = "node"))]
pub(crate) mod served;
mod wallet;

use super::*;
use crate::engine::{QuestionSnapshot, WalletSnapshot};
use crate::latest::Value;
use crate::lightning::Balance;
use crate::status::{
    AgreementStatus, FeedStatus, InputStatus, MeterStatus, RelayStatus, StopButtonStatus, TotalsStatus,
};
use crate::store::{PaymentSummary, Statement, StatementLine};

/// A stranger's text, as hostile as it gets.
const HOSTILE: &str = "</p><script>alert('x')</script><img src=//evil.example onerror=\"x\"> & more";

fn question(question: i64, declined: bool) -> QuestionSnapshot {
    QuestionSnapshot {
        question,
        rule: "electricity".to_owned(),
        payee: format!("{HOSTILE}@utility.example"),
        amount_msat: 3_016_000,
        why: "it would be the first payment to this payee".to_owned(),
        declined,
        asked_ms: 1_699_999_000_000,
        expires_ms: 1_700_600_000_000,
    }
}

/// A house in which every number is another one.
fn full() -> Status {
    Status {
        name: "Mill & Barn".to_owned(),
        network: "regtest".to_owned(),
        version: "9.8.7".to_owned(),
        now_ms: 1_700_000_000_000,
        uptime_ms: 3 * 86_400_000,
        lock: Some(format!("The ledger does not add up. {HOSTILE}")),
        stopped: true,
        questions: vec![question(41, false), question(42, true)],
        ledger: WalletSnapshot {
            ledger_msat: 209_990_000,
            compared_ms: Some(1_700_000_000_000 - 17 * 60_000),
            difference_msat: 11_000,
            suspense_msat: 5_015,
            waits: false,
            fault: None,
        },
        stop_button: None,
        wallet_fault: Some("LND cannot be reached.".to_owned()),
        wallet_age_ms: Some(37_000),
        lightning: Balance {
            node_id: "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5".to_owned(),
            balance_msat: 210_001_000,
            spendable_msat: 190_002_000,
            receivable_msat: 370_003_000,
            channels: Some(5),
            channels_usable: Some(4),
            block_height: 899_001,
        },
        meters: meters(),
        inputs: vec![input("door", "active", None), input("tamper", "missing", Some("the GPIO line 5 is in use"))],
        relays: vec![
            relay("charger", "on", None),
            relay("pump", "off", Some("its contact is closed")),
            relay("boiler", "missing", Some("there is no GPIO chip")),
        ],
        agreements: vec![AgreementStatus {
            id: "electricity".to_owned(),
            meter: "main".to_owned(),
            payee: "rent@utility.example".to_owned(),
            price_msat_per_kwh: 283_457,
            billed_mwh: 1_234_567_890,
            owed_msat: 123_004,
            paid_msat: 349_005_000,
            slice_msat: 500_000,
            notices: vec![format!("utility.example refused: {HOSTILE}"), "Another notice.".to_owned()],
        }],
        feeds: vec![FeedStatus {
            id: "weather".to_owned(),
            url: "https://weather.example/v1/now?a=1&b=2".to_owned(),
            points: vec![(HOSTILE.to_owned(), value(21_500, "")), ("humidity".to_owned(), value(60_000, "%"))],
            notices: vec![format!("weather.example: {HOSTILE}")],
        }],
        totals: TotalsStatus {
            energy_billed_mwh: 7_654_321_000,
            owed_msat: 456_007,
            paid_energy_msat: 1_999_008_000,
            paid_data_msat: 88_009_000,
            fees_msat: 7_012,
            reserved_msat: 600_013,
            received_msat: 2_500_014_000,
            payments_settled: 4_321,
            payments_failed: 17,
            data_purchases: 1_111,
        },
        payments: payments(),
        open_payments: 2,
        journal_entries: 98_765,
    }
}

fn input(id: &str, state: &str, fault: Option<&str>) -> InputStatus {
    InputStatus { id: id.to_owned(), state: state.to_owned(), fault: fault.map(str::to_owned) }
}

fn relay(id: &str, state: &str, fault: Option<&str>) -> RelayStatus {
    let (why, fault) = ("you switched it by hand".to_owned(), fault.map(str::to_owned));
    RelayStatus { id: id.to_owned(), state: state.to_owned(), why, fault }
}

fn meters() -> Vec<MeterStatus> {
    let meter = |id: &str, state: &str| MeterStatus {
        id: id.to_owned(),
        title: "Schneider Electric iEM3155".to_owned(),
        state: state.to_owned(),
        fault: None,
        note: None,
        has_power: true,
        power_mw: Some(2_345_000),
        energy_mwh: Some(12_345_678_000),
        age_ms: Some(4_000),
        reads: 5_678,
        faults: 3,
    };
    let fault = Some(format!("it answered {HOSTILE}"));
    vec![
        meter("main", "good"),
        MeterStatus { power_mw: Some(-800_000), energy_mwh: Some(-15_000), ..meter("solar", "good") },
        MeterStatus {
            fault,
            age_ms: Some(7_500_000),
            note: Some("A power cut costs it.".to_owned()),
            ..meter("garage", "missing")
        },
        MeterStatus { power_mw: None, energy_mwh: None, age_ms: None, reads: 0, faults: 1, ..meter("new", "waiting") },
    ]
}

fn payments() -> Vec<PaymentSummary> {
    let payment = |payment, state: &str, fee_msat, fault: Option<String>| PaymentSummary {
        payment,
        kind: "energy".to_owned(),
        rule: "electricity".to_owned(),
        state: state.to_owned(),
        amount_msat: 500_015,
        fee_msat,
        payment_hash: "ab".repeat(32),
        created_ms: 1_700_000_000_000 - 660_000,
        took_ms: 14_000,
        fault,
    };
    vec![
        payment(912, "in_flight", None, None),
        payment(911, "failed", None, Some(format!("no route {HOSTILE}"))),
        payment(910, "settled", Some(1_016), None),
    ]
}

fn value(milli: i64, unit: &str) -> Value {
    Value { milli, unit: unit.to_owned(), at_ms: 1 }
}

fn html(status: &Status) -> String {
    Home { frame: Frame::around(status), status }.render().unwrap()
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
    shows(
        &text,
        &["2.34 kW", "−800 W", "solar, feeding in", "12 345.678 kWh", "−0.015 kWh", "last good reading 4 s ago"],
    );
    shows(&text, &["last good reading 2 h ago", "5 678 good readings, 3 failures", "0 good readings, 1 failure"]);
    shows(&text, &["A power cut costs it.", "door active", "tamper not read", "the GPIO line 5 is in use"]);
    shows(
        &text,
        &["charger on, because you switched it by hand", "its contact is closed", "boiler cannot be switched"],
    );
    shows(&text, &["7 654.321 kWh", "456.007 sat", "2 payments on the way, 600.013 sat set aside", "1 999 008 sat"]);
    shows(&text, &["88 009 sat", "7.012 sat", "2 500 014 sat", "4 321 payments", "1 111 payments", "17 payments"]);
    shows(&text, &["210 001 sat", "190 002 sat", "370 003 sat", "4 of 5 channels ready", "899001", "02c6047f"]);
    shows(&text, &["rent@utility.example 283.457 sat per kWh", "123.004 sat owed, paid at 500 sat"]);
    shows(&text, &["1 234.567 kWh billed, 349 005 sat paid", "60 %", "21.5", "weather.example/v1/now?a=1&b=2"]);
    shows(&text, &["500.015 sat", "fee 1.016 sat", "11 min ago", "Payment 910", "Payment 912", &"ab".repeat(32)]);
    shows(&text, &["209 990 sat", "5.015 sat", "Compared 17 min ago: the wallet's own number differs by 11 sat"]);
    shows(
        &text,
        &["May 3 016 sat be paid to", "Yes, pay 3 016 sat", "You refused to pay", "I changed my mind: pay 3 016 sat"],
    );
    shows(&text, &["on its way", "failed, nothing was spent", "paid", "14 s after", "Another notice."]);
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
        &[
            "The stop button does not work, so nothing is paid until it does. What keeps it: the GPIO line 17 is in use by \"fan\".",
        ],
    );
}

#[test]
fn the_texts_of_strangers_are_only_text() {
    let html = html(&full());
    for tag in ["<script>", "<img src=//", "onerror=\"", "alert('"] {
        assert!(!html.contains(tag), "{tag}");
    }
    // Lock, two questions, meter, agreement, feed point, feed notice, payment.
    assert_eq!(text_of(&html).matches(HOSTILE).count(), 8);
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
    let page =
        statement::StatementPage { frame: Frame::around(&status), month, before, after: None, statement: &statement };
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
    shows(&text, &["No meter is read. Add a [[meter]]", "Nothing is paid automatically. Add an [[agreement]]"]);
    shows(
        &text,
        &[
            "None yet. The first one follows",
            "The wallet has no channel yet, so it cannot pay",
            "nothing is on its way",
        ],
    );
    for absent in ["play money", "Data bought", "locked", "Public key"] {
        assert!(!text.contains(absent), "{absent}");
    }
    let feed = FeedStatus { id: "f".to_owned(), url: String::new(), points: Vec::new(), notices: Vec::new() };
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
