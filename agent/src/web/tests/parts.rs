//! Pages of one thing: a payment with its story, a device with its values.

use serde_json::json;

use super::super::devices::DevicesPage;
use super::super::payments::{PaymentPage, steps};
use super::*;
use crate::language::Language;
use crate::store::{JournalEntry, PaymentSummary, Story};

const T: Words = Words::of(Language::English);

#[test]
fn a_device_shows_its_values_and_how_well_it_is_read() {
    let places = vec![("grid".to_owned(), "192.168.1.50:502, 1".to_owned(), "schneider-iem3155".to_owned())];
    let power = ("power_l1".to_owned(), Value { milli: 1_250_000, unit: "W".to_owned(), at_ms: 0 });
    let status = full();
    let points = vec![(status.meters[0].id.clone(), vec![power])];
    let page = DevicesPage { frame: Frame::around(&status, T, false), t: T, status, places, points };
    let text = text_of(&page.render().unwrap());
    shows(&text, &["its counter: 12 345.678 kWh", "−0.015 kWh", "last good reading 4 s ago", "Power, phase 1 1.25 kW"]);
    shows(&text, &["last good reading 2 h ago", "5 678 good readings, 3 failures", "0 good readings, 1 failure"]);
    shows(
        &text,
        &["Its line is taken 12.3 % of the time. On the whole line: 70 017 requests, 18 without an answer, 19 damaged"],
    );
    shows(&text, &["A power cut costs it.", "active", "not read", "cannot be switched", HOSTILE]);
}

fn entry(entry: serde_json::Value) -> JournalEntry {
    JournalEntry { seq: 1, at_ms: 1_764_424_805_000, entry: Some(entry) }
}

fn story(steps: Vec<JournalEntry>, preimage: Option<&str>) -> Story {
    let summary = PaymentSummary {
        payment: 912,
        kind: "energy".to_owned(),
        rule: "electricity".to_owned(),
        state: if preimage.is_some() { "settled" } else { "failed" }.to_owned(),
        amount_msat: 500_015,
        fee_msat: preimage.map(|_| 1_016),
        payment_hash: "ab".repeat(32),
        created_ms: 1_764_424_805_000,
        took_ms: 14_000,
        fault: preimage.is_none().then(|| HOSTILE.to_owned()),
        memo: Some(HOSTILE.to_owned()),
        rate: None,
    };
    Story {
        summary,
        payee: format!("{HOSTILE}@utility.example"),
        payee_key: "02".repeat(33),
        purchase: 7,
        opened_ms: 1_764_424_800_000,
        fee_max_msat: 15_000,
        service: "phoenixd".to_owned(),
        attempt: 2,
        bolt11: "lnbc5u1".to_owned(),
        expires_ms: 0,
        changed_ms: 1_764_424_819_000,
        preimage: preimage.map(str::to_owned),
        steps,
    }
}

fn shown(story: Story) -> String {
    let steps = steps(&story, T, &jiff::tz::TimeZone::UTC);
    let frame = Frame::around(&full(), T, false);
    let page = PaymentPage { frame, t: T, story, steps, zone: jiff::tz::TimeZone::UTC };
    let html = page.render().unwrap();
    assert!(!html.contains("<script>") && !html.contains("<img src=//"), "{html}");
    text_of(&html)
}

#[test]
fn a_payment_tells_its_story_and_proves_itself() {
    let steps = vec![
        entry(json!({"event": "due", "purchase": 7, "amount_msat": 500_015})),
        entry(json!({"event": "asked", "question": 1, "purchase": 7, "amount_msat": 500_015})),
        entry(json!({"event": "approved", "question": 1, "purchase": 7})),
        entry(json!({"event": "intent", "payment": 912, "amount_msat": 500_015, "fee_max_msat": 15_000})),
        entry(json!({"event": "settled", "payment": 912, "fee_msat": 1_016})),
        entry(json!({"event": "something_new", "payment": 912})),
    ];
    let text = shown(story(steps, Some(&"cd".repeat(32))));
    shows(&text, &["Payment 912", "500.015 sat", "paid", "29 Nov 2025, 14:00", "Fee 1.016 sat", "Attempt 2"]);
    shows(&text, &["500.015 sat were due.", "You were asked", "You said yes.", "up to 15 sat set aside for the fee"]);
    shows(&text, &["Paid, with a fee of 1.016 sat.", "The journal records: something_new.", HOSTILE]);
    shows(&text, &["Only who paid the invoice", &"cd".repeat(32), &"ab".repeat(32), "lnbc5u1"]);
    let failed = vec![entry(json!({"event": "failed", "payment": 912, "why": HOSTILE}))];
    let text = shown(story(failed, None));
    shows(&text, &["failed, nothing was spent", "at most 15 sat", "There is none: this was not paid.", HOSTILE]);
    shows(&shown(story(Vec::new(), None)), &["The journal says nothing of it any more."]);
}
