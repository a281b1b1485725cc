//! `[stop_button]`: a button that stops all payments.

use std::time::Duration;

use kilosat_drivers::gpio::{Bias, ButtonWiring, Contact, Line};

use super::reader::Absent::{IsWrong, Means};
use super::reader::Section;
use crate::latest::STOP_BUTTON;

/// `Some(None)` without such a section; `None` after a mistake.
pub(super) fn read_stop_button(root: &Section<'_>) -> Option<Option<ButtonWiring>> {
    for section in ["meter", "feed"].into_iter().flat_map(|kind| root.list(kind)) {
        if section.peek("id") == Some(STOP_BUTTON) {
            section.wrong("id", format!("{STOP_BUTTON:?} is the name of the stop button; choose another"));
        }
    }
    let section = root.section("stop_button");
    if !root.has("stop_button") {
        return Some(None);
    }
    let chip = section.text("chip", IsWrong("pinctrl-rp1"));
    let line = read_line(&section);
    let contact = section.parsed("normally", IsWrong("closed"), |text| match text {
        "open" => Ok(Contact::NormallyOpen),
        "closed" => Ok(Contact::NormallyClosed),
        other => Err(format!("{other:?} is not a contact; write \"closed\" (it opens when pressed) or \"open\"")),
    });
    let bias = section.parsed("bias", Means("pull-up"), |text| match text {
        "pull-up" => Ok(Bias::PullUp),
        "pull-down" => Ok(Bias::PullDown),
        "external-pull-up" => Ok(Bias::ExternalPullUp),
        "external-pull-down" => Ok(Bias::ExternalPullDown),
        other => Err(format!(
            "{other:?} is not a resistor; write \"pull-up\" or \"pull-down\" for the chip's own, \"external-pull-up\" or \
             \"external-pull-down\" for one of yours"
        )),
    });
    let debounce_ms = section.number("debounce_ms", 1..=1_000, Some(50));
    section.finish();
    let debounce = Duration::from_millis(debounce_ms?);
    Some(Some(ButtonWiring { chip: chip?, line: line?, contact: contact?, bias: bias?, debounce }))
}

/// A name in quotes, or a number without.
fn read_line(section: &Section<'_>) -> Option<Line> {
    if section.has("line") && section.peek("line").is_none() {
        let number = section.number("line", 0..=LINE_NUMBER_MAX, None)?;
        return Some(Line::Number(u32::try_from(number).expect("within its range")));
    }
    let name = section.parsed("line", IsWrong("GPIO17"), |text| {
        if text.trim().is_empty() {
            Err("is empty; write the line's name, such as line = \"GPIO17\"".to_owned())
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Err(format!("a line's number stands without quotes: line = {text}"))
        } else {
            Ok(text.to_owned())
        }
    });
    name.map(Line::Name)
}

/// More lines than any chip has.
const LINE_NUMBER_MAX: u64 = 65_535;
