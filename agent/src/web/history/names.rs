//! What points are called on the page.

use kilosat_drivers::reading::{Phase, Quantity, Subject};

use crate::web::Words;

/// A point in words, such as `Power of the battery` for `battery_power`; a name nobody gave words to as it is.
pub(in super::super) fn label(point: &str, t: Words) -> String {
    let said = |word: &str| t.known(&format!("point-{}", word.replace('_', "-")));
    let Ok(quantity) = point.parse::<Quantity>() else { return said(point).unwrap_or_else(|| point.to_owned()) };
    let Some(measure) = said(quantity.measure.word()) else { return point.to_owned() };
    let subject = quantity.subject.word();
    let of = match (quantity.subject, t.known(&format!("subject-{subject}"))) {
        (Subject::Own, _) => measure,
        (_, Some(_)) => t.with(&format!("subject-{subject}"), "point", measure),
        (_, None) => t.fill("subject-other", &[("point", measure), ("subject", subject.to_owned())]),
    };
    match quantity.phase {
        Phase::All => of,
        phase => t.fill("point-phase", &[("point", of), ("phase", phase.word().trim_start_matches('l').to_owned())]),
    }
}

/// As it stands in an address: whatever is not a letter, a digit or one of `._-` is written as a number.
pub(super) fn in_address(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn points_are_called_what_people_call_them() {
        for (point, words) in [
            ("power", "Power"),
            ("power_l2", "Power, phase 2"),
            ("grid_power_l1", "Power of the grid, phase 1"),
            ("battery_soc", "State of charge of the battery"),
            ("energy_import", "Energy drawn"),
            ("pv2_voltage", "Voltage of pv2"),
            ("cost", "Cost"),
            ("hourly.temperature", "hourly.temperature"),
            ("wiring", "wiring"),
        ] {
            assert_eq!(label(point, Words::of(Language::English)), words);
        }
    }

    #[test]
    fn an_address_holds_any_name() {
        assert_eq!(in_address("weather.a b&c=ü"), "weather.a%20b%26c%3D%C3%BC");
    }
}
