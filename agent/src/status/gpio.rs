//! What the status shows of GPIO lines: pulse meters, inputs, relays, the stop button.

use kilosat_drivers::gpio::relay::Contact;
use kilosat_drivers::reading::Quantity;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::meters::{MeterStatus, meter_status};
use crate::config::{ContactInput, PulseMeter};
use crate::latest::{STOP_BUTTON, Table};
use crate::tasks::{ACTIVE, GpioHandle, LOST_EDGES, RelayView};

/// One input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InputStatus {
    /// Its id.
    pub id: String,
    /// `active`, `inactive` or `missing`.
    pub state: String,
    /// Why it is not read, in one sentence.
    pub fault: Option<String>,
}

/// One relay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayStatus {
    /// Its id.
    pub id: String,
    /// `on`, `off` or `missing`.
    pub state: String,
    /// Why it is on or off.
    pub why: String,
    /// What is wrong, in one sentence.
    pub fault: Option<String>,
}

impl InputStatus {
    pub(super) fn new(input: &ContactInput, latest: &Table) -> InputStatus {
        let fault = latest.health.get(&input.id).and_then(|health| health.fault.clone());
        let state = match latest.points.get(&format!("{}.{ACTIVE}", input.id)) {
            Some(value) if fault.is_none() => {
                if value.milli > 0 {
                    "active"
                } else {
                    "inactive"
                }
            }
            _ => "missing",
        };
        InputStatus { id: input.id.clone(), state: state.to_owned(), fault }
    }

    pub(super) fn as_text(&self) -> String {
        let fault = self.fault.iter().map(|fault| format!("\n  {fault}")).collect::<String>();
        format!("Input {}: {}{fault}", self.id, self.state)
    }
}

impl RelayStatus {
    pub(super) fn all(relays: impl Iterator<Item = String>, gpio: &GpioHandle) -> Vec<RelayStatus> {
        relays.filter_map(|id| Some(RelayStatus::new(&id, gpio.relay(&id)?.view()))).collect()
    }

    fn new(id: &str, view: RelayView) -> RelayStatus {
        let RelayView { on, why, contact, fault, contact_fault } = view;
        let state = match (&fault, on) {
            (Some(_), _) => "missing",
            (None, true) => "on",
            (None, false) => "off",
        };
        let fault = fault.or_else(|| contact_text(contact).map(str::to_owned)).or(contact_fault);
        RelayStatus { id: id.to_owned(), state: state.to_owned(), why, fault }
    }

    pub(super) fn as_text(&self) -> String {
        let fault = self.fault.iter().map(|fault| format!("\n  {fault}")).collect::<String>();
        match self.state.as_str() {
            "missing" => format!("Relay {}: cannot be switched{fault}", self.id),
            state => format!("Relay {}: {state}, because {}{fault}", self.id, self.why),
        }
    }
}

/// What an owner does about a contact that does not follow.
fn contact_text(contact: Contact) -> Option<&'static str> {
    match contact {
        Contact::NotWatched | Contact::Follows => None,
        Contact::StaysClosed => Some(
            "THE RELAY IS OFF, BUT ITS CONTACT IS CLOSED: what hangs on it may be live. Switch it off by hand and have the \
             relay replaced",
        ),
        Contact::StaysOpen => {
            Some("the relay is on, but its contact is open. Look at the relay, its supply and the wires to both")
        }
    }
}

pub(super) fn pulse_meter_status(meter: &PulseMeter, latest: &Table, uptime_ms: u64) -> MeterStatus {
    let line = &meter.wiring.wiring.line;
    let title = format!("Pulse output on line {line}, {} pulses for a kWh", meter.rules.per_kwh);
    let lost = latest.points.get(&format!("{}.{LOST_EDGES}", meter.id)).map_or(0, |value| value.milli / 1_000);
    let note = Some(note(meter, u64::try_from(lost).unwrap_or(0)));
    let measures = meter.measures.map(|measured| measured.word().to_owned());
    MeterStatus {
        measures,
        note,
        ..meter_status(&meter.id, &title, Quantity::ENERGY_IMPORT, LOOK_MS, latest, uptime_ms)
    }
}

/// How much may be missing.
fn note(meter: &PulseMeter, lost_edges: u64) -> String {
    let pulses = (u128::from(meter.interval_mwh) * u128::from(meter.rules.per_kwh)).div_ceil(MWH_PER_KWH).max(1);
    let seconds = meter.interval_ms / 1_000;
    let bound = format!(
        "A power cut costs at most {pulses} of its pulses and those of the last second, and none older than {seconds} s; \
         while Kilosat does not run, nothing counts them"
    );
    match lost_edges {
        0 => bound,
        lost => format!("{bound}. {lost} edges were lost: up to {} pulses are missing", lost / 2 + 1),
    }
}

/// How often a count is handed over.
pub(super) const LOOK_MS: u64 = 1_000;
const MWH_PER_KWH: u128 = 1_000_000;

/// The stop button.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopButtonStatus {
    /// `ready`, `pressed` or `missing`; `pressed` also when the wire of a normally closed button is broken.
    pub state: String,
    /// Why it does not work, in one sentence.
    pub fault: Option<String>,
}

impl StopButtonStatus {
    pub(super) fn new(latest: &Table) -> StopButtonStatus {
        let fault = latest.health.get(STOP_BUTTON).and_then(|health| health.fault.clone());
        let pressed = latest.points.get(&format!("{STOP_BUTTON}.pressed")).is_some_and(|value| value.milli > 0);
        let state = match (&fault, pressed) {
            (Some(_), _) => "missing",
            (None, true) => "pressed",
            (None, false) => "ready",
        };
        StopButtonStatus { state: state.to_owned(), fault }
    }

    pub(super) fn as_text(&self) -> String {
        match (&self.fault, self.state.as_str()) {
            (Some(fault), _) => format!("THE STOP BUTTON DOES NOT WORK, so nothing is paid until it does: {fault}"),
            (None, "pressed") => {
                "Stop button: pressed, or its wire is broken. Payments stay stopped until it is released and you go on"
                    .to_owned()
            }
            (None, state) => format!("Stop button: {state}"),
        }
    }
}
