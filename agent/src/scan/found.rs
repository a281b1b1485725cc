//! A device that was found: its values for people, and its section of the configuration.

use std::fmt::Write as _;
use std::sync::Arc;

use kilosat_drivers::modbus::{Framing, Line, Model, Round, RoundFault};
use kilosat_drivers::profiles::{Profile, Role};
use kilosat_drivers::reading::{Measure, Milliwatts, Phase, Quantity, Reading};

/// A device that answered.
#[derive(Debug)]
pub struct Found {
    /// Where it is.
    pub line: Line,
    /// Its number there.
    pub unit: u8,
    /// What it can be, each as it was read; the likeliest first. Empty where no profile knows it.
    pub looks: Vec<Look>,
}

/// A device read as one model.
#[derive(Debug)]
pub struct Look {
    /// Which.
    pub model: Model,
    /// Its profile; of a device that says itself what it is, once that was read.
    pub profile: Option<Arc<Profile>>,
    /// Its values.
    pub round: Result<Round, RoundFault>,
}

impl Found {
    /// A device that the owner names and that cannot be read yet.
    #[must_use]
    pub fn unread(line: Line, unit: u8, model: Model) -> Found {
        let profile = model.profile();
        Found { line, unit, looks: vec![Look { model, profile, round: Ok(Round::default()) }] }
    }

    /// What is there, with its values and what to check, for people. `number` counts what was found, from 1.
    #[must_use]
    pub fn as_text(&self, number: usize) -> String {
        let mut text = format!("{}, unit {}: ", self.line, self.unit);
        let Some((look, others)) = self.looks.split_first() else {
            text.push_str(
                "a device answers, but none of the profiles that can recognise one fits.\nChoose its profile by hand, \
                 kilosat profiles lists them, or write one for it (drivers/profiles/README.md).\n",
            );
            return text + "\nFor kilosat.toml:\n\n" + &self.section(&format!("{}-{number}", self.kind()));
        };
        let _ = writeln!(text, "{}", look.title());
        let others: Vec<&str> = others.iter().map(Look::title).collect();
        if !others.is_empty() {
            let _ = writeln!(text, "It could also be: {}. Compare the values with its display.", others.join(", "));
        }
        match &look.round {
            Ok(round) => {
                text.push('\n');
                for reading in &round.readings {
                    let name = reading.quantity.to_string().replace('_', " ");
                    let _ = writeln!(text, "  {name:<28} {:>16}", look.shown(reading));
                }
                text.push_str(look.check(round));
            }
            Err(fault) => {
                let _ = writeln!(text, "It was not read: {fault}.");
            }
        }
        for (at, sentence) in look.profile.iter().flat_map(|profile| &profile.setup).enumerate() {
            let _ = writeln!(text, "{}- {sentence}", if at == 0 { "\nOn the device itself:\n" } else { "" });
        }
        text + "\nFor kilosat.toml:\n\n" + &self.section(&format!("{}-{number}", self.kind()))
    }

    /// Maker and model of what it most likely is.
    #[must_use]
    pub fn title(&self) -> &str {
        self.looks.first().map_or("a device that no profile knows", Look::title)
    }

    /// What else it could be.
    #[must_use]
    pub fn alternatives(&self) -> Vec<&str> {
        self.looks.iter().skip(1).map(Look::title).collect()
    }

    /// Its values as its display has them; none where it could not be read.
    #[must_use]
    pub fn values(&self) -> Vec<(Quantity, String)> {
        let Some((look, round)) = self.looks.first().and_then(|look| Some((look, look.round.as_ref().ok()?))) else {
            return Vec::new();
        };
        round.readings.iter().map(|reading| (reading.quantity, look.shown(reading))).collect()
    }

    /// Why its values could not be read; nothing where they were, or where nobody asked.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.looks.first().and_then(|look| look.round.as_ref().err()).map(ToString::to_string)
    }

    /// What kind of thing it is, as the beginning of a name.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        let profile = self.looks.first().and_then(|look| look.profile.as_ref());
        match profile.map_or(Role::Meter, |profile| profile.role) {
            Role::Meter => "meter",
            Role::Inverter => "inverter",
            Role::Battery => "battery",
            Role::Charger => "charger",
            Role::Relays => "relays",
        }
    }

    /// What to paste into kilosat.toml.
    #[must_use]
    pub fn section(&self, id: &str) -> String {
        let (phases, sum) = if self.phases() == 3 { (3, "3 x 25 A x 230 V") } else { (1, "25 A x 230 V") };
        let watts = phases * USUAL_FUSE_A * MAINS_V;
        let comment = format!("   # what the fuse lets through, here {sum}: put in yours");
        self.section_for(id, watts, &comment)
    }

    /// The same for a house whose fuse lets so many amperes through on each phase.
    #[must_use]
    pub fn section_behind(&self, id: &str, fuse_a: u32) -> String {
        self.section_for(id, self.phases() * fuse_a * MAINS_V, "")
    }

    /// 3 where there is current or voltage on the second phase, or may be on a device that was not read.
    fn phases(&self) -> u32 {
        if self.looks.first().is_some_and(Look::has_three_phases) { 3 } else { 1 }
    }

    fn section_for(&self, id: &str, watts: u32, comment: &str) -> String {
        let look = self.looks.first();
        let mut text = format!("[[meter]]\nid = \"{id}\"\n");
        let _ = match look.map(Look::name) {
            Some(name) => writeln!(text, "profile = {name:?}"),
            None => writeln!(text, "profile = \"\"            # put in the name of its profile"),
        };
        match &self.line {
            Line::Serial { path, settings } => {
                let _ = writeln!(text, "serial = {path:?}\nserial_settings = \"{settings}\"");
            }
            Line::Network { host, port, framing, .. } => {
                let _ = writeln!(text, "host = {host:?}\nport = {port}");
                if *framing == Framing::Rtu {
                    text.push_str("transport = \"rtu-over-tcp\"\n");
                }
            }
        }
        let _ = writeln!(text, "unit = {}", self.unit);
        let _ = writeln!(text, "power_max_w = {watts}{comment}");
        text
    }
}

impl Look {
    /// The name in configuration.
    fn name(&self) -> &str {
        match &self.model {
            Model::Known(profile) => &profile.name,
            Model::SunSpec => "sunspec",
        }
    }

    fn title(&self) -> &str {
        self.profile.as_ref().map_or("a SunSpec device", |profile| &profile.title)
    }

    fn has_three_phases(&self) -> bool {
        let second = |measure| Quantity::of(measure).on(Phase::L2);
        let of_second = [second(Measure::Voltage), second(Measure::Current)];
        let is_live = |reading: &Reading| reading.milli != 0 && of_second.contains(&reading.quantity);
        match &self.round {
            Ok(round) if !round.readings.is_empty() => round.readings.iter().any(is_live),
            _ => self.profile.as_ref().is_none_or(|profile| of_second.into_iter().any(|point| profile.gives(point))),
        }
    }

    /// A value as its display has it.
    fn shown(&self, reading: &Reading) -> String {
        if reading.quantity.measure.is_plain() {
            let point = self.profile.as_ref().and_then(|profile| profile.point(reading.quantity));
            if let Some(text) = point.and_then(|point| point.text(&reading.raw)) {
                return crate::text::cleaned(&text, TEXT_CHARS_MAX);
            }
        }
        reading.quantity.shown(reading.milli)
    }

    /// What the owner has to look at before anything is billed by it.
    fn check(&self, round: &Round) -> &'static str {
        let is_meter = self.profile.as_ref().is_some_and(|profile| profile.role == Role::Meter);
        let power = round.readings.iter().find(|reading| reading.quantity == Quantity::POWER).and_then(Reading::power);
        match power {
            Some(Milliwatts(power)) if is_meter && power < 0 => NEGATIVE,
            Some(_) if is_meter => POSITIVE,
            _ => "\nCompare these values with the device's display.\n",
        }
    }
}

const USUAL_FUSE_A: u32 = 25;
const MAINS_V: u32 = 230;
const TEXT_CHARS_MAX: usize = 40;
const NEGATIVE: &str = "\nThe power is negative: electricity is fed in. If the house uses electricity now, the meter is \
                        wired the other way round.\n";
const POSITIVE: &str = "\nCompare these values with the display. Switch on something large and scan again: the power must \
                        rise; if it falls, the meter is wired the other way round.\n";
