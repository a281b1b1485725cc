//! What points are called on the page.

use kilosat_drivers::reading::{Measure, Phase, Quantity, Subject};

/// A point in words, such as `Power of the battery` for `battery_power`; a name nobody gave words to as it is.
pub(in super::super) fn label(point: &str) -> String {
    match point {
        "cost" => return "Cost".to_owned(),
        "price" => return "Price".to_owned(),
        "active" => return "Active".to_owned(),
        "pressed" => return "Pressed".to_owned(),
        _ => {}
    }
    let Ok(quantity) = point.parse::<Quantity>() else { return point.to_owned() };
    let Some(measure) = measure(quantity.measure) else { return point.to_owned() };
    let phase = match quantity.phase {
        Phase::All => "",
        Phase::L1 => ", phase 1",
        Phase::L2 => ", phase 2",
        Phase::L3 => ", phase 3",
    };
    let subject = match quantity.subject {
        Subject::Own => String::new(),
        Subject::Grid => " of the grid".to_owned(),
        Subject::Pv => " of the solar panels".to_owned(),
        Subject::Battery => " of the battery".to_owned(),
        Subject::Load => " of the house".to_owned(),
        other => format!(" of {}", other.word()),
    };
    format!("{measure}{subject}{phase}")
}

fn measure(measure: Measure) -> Option<&'static str> {
    Some(match measure {
        Measure::EnergyImport => "Energy drawn",
        Measure::EnergyExport => "Energy fed in",
        Measure::EnergyTotal => "Energy",
        Measure::EnergyImportT1 => "Energy drawn, tariff 1",
        Measure::EnergyImportT2 => "Energy drawn, tariff 2",
        Measure::EnergyExportT1 => "Energy fed in, tariff 1",
        Measure::EnergyExportT2 => "Energy fed in, tariff 2",
        Measure::EnergyCharged => "Energy charged",
        Measure::EnergyDischarged => "Energy taken out",
        Measure::EnergySession => "Energy of the charging session",
        Measure::ReactiveEnergy => "Reactive energy",
        Measure::Power => "Power",
        Measure::PowerImport => "Power drawn",
        Measure::PowerExport => "Power fed in",
        Measure::PowerCharge => "Charging power",
        Measure::PowerDischarge => "Discharging power",
        Measure::ApparentPower => "Apparent power",
        Measure::ReactivePower => "Reactive power",
        Measure::PowerFactor => "Power factor",
        Measure::Voltage => "Voltage",
        Measure::Current => "Current",
        Measure::CurrentSum => "Current of all phases",
        Measure::Frequency => "Frequency",
        Measure::Soc => "State of charge",
        Measure::Temperature => "Temperature",
        Measure::State => "State",
        Measure::CurrentLimit => "Current limit",
        _ => return None,
    })
}

/// As it stands in an address: whatever is not a letter, a digit or one of `._-` is written as a number.
pub(super) fn in_address(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(label(point), words);
        }
    }

    #[test]
    fn an_address_holds_any_name() {
        assert_eq!(in_address("weather.a b&c=ü"), "weather.a%20b%26c%3D%C3%BC");
    }
}
