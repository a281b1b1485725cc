//! `[stop_button]`: a button that stops all payments.

use std::time::Duration;

use kilosat_drivers::gpio::{ButtonWiring, Contact};

use super::gpio::{read_bias, read_line};
use super::reader::Absent::IsWrong;
use super::reader::Section;
use crate::latest::STOP_BUTTON;

/// `Some(None)` without such a section; `None` after a mistake.
pub(super) fn read_stop_button(root: &Section<'_>) -> Option<Option<ButtonWiring>> {
    for section in ["meter", "feed", "input", "relay"].into_iter().flat_map(|kind| root.list(kind)) {
        if section.peek("id") == Some(STOP_BUTTON) {
            section.wrong("id", format!("{STOP_BUTTON:?} is the name of the stop button; choose another"));
        }
    }
    let section = root.section("stop_button");
    if !root.has("stop_button") {
        return Some(None);
    }
    let chip = section.text("chip", IsWrong("pinctrl-rp1"));
    let line = read_line(&section, "line");
    let contact = section.parsed("normally", IsWrong("closed"), |text| match text {
        "open" => Ok(Contact::NormallyOpen),
        "closed" => Ok(Contact::NormallyClosed),
        other => Err(format!("{other:?} is not a contact; write \"closed\" (it opens when pressed) or \"open\"")),
    });
    let bias = read_bias(&section, "bias");
    let debounce_ms = section.number("debounce_ms", 1..=1_000, Some(50));
    section.finish();
    let debounce = Duration::from_millis(debounce_ms?);
    Some(Some(ButtonWiring { chip: chip?, line: line?, contact: contact?, bias: bias?, debounce }))
}
