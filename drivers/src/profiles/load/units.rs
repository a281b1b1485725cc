//! The units that may be written beside a scale.

use crate::reading::Measure;

/// By which power of ten one `unit` is more than a thousandth of the measure's own unit; otherwise what may be written.
pub(super) fn exponent_of(measure: Measure, unit: &str) -> Result<i32, String> {
    let units = units_of(measure);
    let found = units.iter().find(|(name, _)| *name == unit).map(|(_, exponent)| *exponent);
    found.ok_or_else(|| units.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>().join(", "))
}

fn units_of(measure: Measure) -> &'static [(&'static str, i32)] {
    match measure.unit() {
        "Wh" => &[("Wh", 3), ("kWh", 6), ("MWh", 9), ("mWh", 0)],
        "varh" => &[("varh", 3), ("kvarh", 6), ("Mvarh", 9)],
        "W" => &[("W", 3), ("kW", 6), ("mW", 0), ("MW", 9)],
        "VA" => &[("VA", 3), ("kVA", 6)],
        "var" => &[("var", 3), ("kvar", 6)],
        "V" => &[("V", 3), ("mV", 0), ("kV", 6)],
        "A" => &[("A", 3), ("mA", 0)],
        "Hz" => &[("Hz", 3), ("mHz", 0)],
        "%" => &[("%", 3)],
        "°C" => &[("°C", 3)],
        "s" => &[("s", 3), ("ms", 0)],
        _ if measure == Measure::PowerFactor => &[("", 3), ("%", 1)],
        _ => &[("", 0)],
    }
}
