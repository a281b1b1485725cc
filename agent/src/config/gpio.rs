//! What hangs on GPIO lines: `[[meter]]` with a pulse output, `[[input]]`, `[[relay]]`.

use std::time::Duration;

use kilosat_drivers::gpio::pulses::PulseRules;
use kilosat_drivers::gpio::relay::RelayRules;
use kilosat_drivers::gpio::{Bias, InputWiring, Line, Wiring};
use kilosat_drivers::reading::MilliwattHours;

use super::Config;
use super::lists::{MILLI, read_id};
use super::measured::{Measured, read_measured};
use super::reader::Absent::{IsWrong, Means};
use super::reader::Section;

/// A meter whose pulses are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulseMeter {
    /// Its name in agreements and on the page.
    pub id: String,
    /// Where its pulse output is connected.
    pub wiring: InputWiring,
    /// What its pulses look like.
    pub rules: PulseRules,
    /// What its power is in the picture of the house, if it is in it.
    pub measures: Option<Measured>,
    /// What its display showed when counting began; of no meaning once it has counted.
    pub counter: MilliwattHours,
    /// What the fuse lets through, in mW; anything above cannot be true.
    pub power_max_mw: u64,
    /// An interval closes after this much energy, in mWh.
    pub interval_mwh: u64,
    /// Or after this much time, in ms.
    pub interval_ms: u64,
}

/// A contact that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactInput {
    /// Its name on the page.
    pub id: String,
    /// Where it is connected.
    pub wiring: InputWiring,
    /// Changes shorter than this do not count.
    pub debounce: Duration,
}

/// A relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// Its name for the command line and the page.
    pub id: String,
    /// Where its coil is connected.
    pub wiring: Wiring,
    /// What it can bear.
    pub rules: RelayRules,
    /// Where the contact is connected that shows whether it has switched, if one is.
    pub feedback: Option<InputWiring>,
}

pub(super) fn is_pulse_meter(section: &Section<'_>) -> bool {
    section.has("pulse_line")
}

pub(super) fn read_pulse_meter(section: &Section<'_>) -> Option<PulseMeter> {
    let id = read_id(section, "heat-pump");
    let chip = section.text("chip", IsWrong("pinctrl-rp1"));
    let line = read_line(section, "pulse_line");
    let per_kwh = section.number("pulses_per_kwh", 1..=1_000_000, None);
    let active_low = section.flag("active_low", true);
    let bias = read_bias(section, "bias");
    let debounce_ms = section.number("debounce_ms", 1..=1_000, Some(10));
    let min_pulse_ms = section.number("min_pulse_ms", 1..=10_000, Some(20));
    let min_distance_ms = section.number("min_distance_ms", 1..=60_000, Some(50));
    let measures = read_measured(section);
    let counter_wh = section.number("counter_wh", 0..=100_000_000_000, Some(0));
    let power_max_w = section.number("power_max_w", 1..=1_000_000, None);
    let ten_pulses_wh = per_kwh.map_or(1, |per_kwh| PULSES_AT_RISK.saturating_mul(MILLI).div_ceil(per_kwh));
    let interval_wh = section.number("interval_wh", 1..=1_000_000, Some(ten_pulses_wh));
    let interval_s = section.number("interval_s", 1..=86_400, Some(60));
    section.finish();
    let (per_kwh, power_max_w, min_distance_ms) = (per_kwh?, power_max_w?, min_distance_ms?);
    let shortest_ms = KWH_IN_WATT_MILLISECONDS / per_kwh.saturating_mul(power_max_w);
    if shortest_ms < min_distance_ms {
        let text = format!(
            "at power_max_w a pulse comes every {shortest_ms} ms, and such would not be counted. Write at most that, lower \
             power_max_w, or set the meter to fewer pulses"
        );
        section.wrong("min_distance_ms", text);
    }
    Some(PulseMeter {
        id: id?,
        wiring: InputWiring { wiring: Wiring { chip: chip?, line: line?, active_low: active_low? }, bias: bias? },
        rules: PulseRules {
            per_kwh: u32::try_from(per_kwh).expect("within its range"),
            debounce: Duration::from_millis(debounce_ms?),
            width_min: Duration::from_millis(min_pulse_ms?),
            distance_min: Duration::from_millis(min_distance_ms),
        },
        measures: measures?,
        counter: MilliwattHours(counter_wh?.saturating_mul(MILLI)),
        power_max_mw: power_max_w.saturating_mul(MILLI),
        interval_mwh: interval_wh?.saturating_mul(MILLI),
        interval_ms: interval_s?.saturating_mul(MILLI),
    })
}

pub(super) fn read_input(section: &Section<'_>) -> Option<ContactInput> {
    let id = read_id(section, "door");
    let chip = section.text("chip", IsWrong("pinctrl-rp1"));
    let line = read_line(section, "line");
    let active_low = section.flag("active_low", true);
    let bias = read_bias(section, "bias");
    let debounce_ms = section.number("debounce_ms", 1..=1_000, Some(50));
    section.finish();
    let wiring = Wiring { chip: chip?, line: line?, active_low: active_low? };
    let (wiring, debounce) = (InputWiring { wiring, bias: bias? }, Duration::from_millis(debounce_ms?));
    Some(ContactInput { id: id?, wiring, debounce })
}

pub(super) fn read_relay(section: &Section<'_>) -> Option<RelaySettings> {
    let id = read_id(section, "charger");
    let chip = section.text("chip", IsWrong("pinctrl-rp1"));
    let line = read_line(section, "line");
    let active_low = section.flag("active_low", false);
    let min_on_s = section.number("min_on_s", 0..=86_400, Some(1));
    let min_off_s = section.number("min_off_s", 0..=86_400, Some(1));
    let feedback_line = section.has("feedback_line").then(|| read_line(section, "feedback_line"));
    // Known, though it may be absent.
    section.peek("feedback_line");
    let feedback_active_low = section.flag("feedback_active_low", true);
    let feedback_bias = read_bias(section, "feedback_bias");
    let feedback_ms = section.number("feedback_ms", 10..=60_000, Some(500));
    section.finish();
    let chip = chip?;
    let feedback = match feedback_line {
        Some(line) => {
            let wiring = Wiring { chip: chip.clone(), line: line?, active_low: feedback_active_low? };
            Some(InputWiring { wiring, bias: feedback_bias? })
        }
        None => None,
    };
    Some(RelaySettings {
        id: id?,
        wiring: Wiring { chip, line: line?, active_low: active_low? },
        rules: RelayRules {
            on_min: Duration::from_secs(min_on_s?),
            off_min: Duration::from_secs(min_off_s?),
            contact_max: Duration::from_millis(feedback_ms?),
        },
        feedback,
    })
}

/// A line is for one purpose.
pub(super) fn check_lines(root: &Section<'_>, config: &Config) {
    let mut used: Vec<(&str, &Line)> = Vec::new();
    if let Some(button) = &config.stop_button {
        used.push((&button.chip, &button.line));
    }
    let pulse_sections: Vec<_> = root.list("meter").into_iter().filter(is_pulse_meter).collect();
    let (input_sections, relay_sections) = (root.list("input"), root.list("relay"));
    let pulses = pulse_sections.iter().zip(&config.pulse_meters);
    let inputs = input_sections.iter().zip(&config.inputs);
    let relays = relay_sections.iter().zip(&config.relays);
    let feedback = relays.clone().filter_map(|(section, relay)| Some((section, relay.feedback.as_ref()?)));
    let lines = pulses
        .map(|(section, meter)| (section, "pulse_line", &meter.wiring.wiring))
        .chain(inputs.map(|(section, input)| (section, "line", &input.wiring.wiring)))
        .chain(relays.map(|(section, relay)| (section, "line", &relay.wiring)))
        .chain(feedback.map(|(section, feedback)| (section, "feedback_line", &feedback.wiring)));
    for (section, key, wiring) in lines {
        if used.contains(&(wiring.chip.as_str(), &wiring.line)) {
            section.wrong(key, format!("the line {} of {:?} is used twice; choose another", wiring.line, wiring.chip));
        }
        used.push((&wiring.chip, &wiring.line));
    }
}

/// A name in quotes, or a number without.
pub(super) fn read_line(section: &Section<'_>, key: &'static str) -> Option<Line> {
    if section.has(key) && section.peek(key).is_none() {
        let number = section.number(key, 0..=LINE_NUMBER_MAX, None)?;
        return Some(Line::Number(u32::try_from(number).expect("within its range")));
    }
    let name = section.parsed(key, IsWrong("GPIO17"), |text| {
        if text.trim().is_empty() {
            Err(format!("is empty; write the line's name, such as {key} = \"GPIO17\""))
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            Err(format!("a line's number stands without quotes: {key} = {text}"))
        } else {
            Ok(text.to_owned())
        }
    });
    name.map(Line::Name)
}

pub(super) fn read_bias(section: &Section<'_>, key: &'static str) -> Option<Bias> {
    section.parsed(key, Means("pull-up"), |text| match text {
        "pull-up" => Ok(Bias::PullUp),
        "pull-down" => Ok(Bias::PullDown),
        "external-pull-up" => Ok(Bias::ExternalPullUp),
        "external-pull-down" => Ok(Bias::ExternalPullDown),
        other => Err(format!(
            "{other:?} is not a resistor; write \"pull-up\" or \"pull-down\" for the chip's own, \"external-pull-up\" or \
             \"external-pull-down\" for one of yours"
        )),
    })
}

/// More lines than any chip has.
const LINE_NUMBER_MAX: u64 = 65_535;
/// A power cut costs at most so many pulses, unless the owner wants fewer entries.
const PULSES_AT_RISK: u64 = 10;
const KWH_IN_WATT_MILLISECONDS: u64 = 3_600_000_000;
