//! What a meter measures in the picture of the house's power.

use super::reader::Absent::Means;
use super::reader::Section;

/// What the power that passes a meter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// What passes between the house and the grid; positive is drawn.
    Grid,
    /// What solar panels give, whichever way round their meter counts.
    Solar,
    /// What a battery takes; negative is given.
    Battery,
    /// What a car takes.
    Car,
    /// What heats the house: a heat pump, a heater.
    Heating,
}

impl Measured {
    /// Every one.
    pub const ALL: [Measured; 5] =
        [Measured::Grid, Measured::Solar, Measured::Battery, Measured::Car, Measured::Heating];

    /// As the configuration has it.
    pub const fn word(self) -> &'static str {
        match self {
            Measured::Grid => "grid",
            Measured::Solar => "solar",
            Measured::Battery => "battery",
            Measured::Car => "car",
            Measured::Heating => "heating",
        }
    }

    /// The one with this word.
    pub fn of(word: &str) -> Option<Measured> {
        Measured::ALL.into_iter().find(|measured| measured.word() == word)
    }
}

/// `Some(None)` means that it is not in the picture.
pub(super) fn read_measured(section: &Section<'_>) -> Option<Option<Measured>> {
    section.parsed("measures", Means(""), |text| match (text, Measured::of(text)) {
        ("", _) => Ok(None),
        (_, Some(measured)) => Ok(Some(measured)),
        _ => Err(format!(
            "{text:?} is nothing of the picture of the house; write \"grid\", \"solar\", \"battery\", \"car\" or \
             \"heating\", or \"\" to leave it out of the picture"
        )),
    })
}
