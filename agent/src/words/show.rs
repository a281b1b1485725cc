//! How amounts, energy and times read on the page.

use crate::domain::money::Msat;

/// Satoshis with thousands apart; thousandths only when there are some.
pub fn sat(msat: &u64) -> String {
    let text = Msat(*msat).to_string();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits);
    format!("{}{rest}", grouped(whole))
}

/// A whole number with thousands apart.
pub fn whole(number: u64) -> String {
    grouped(&number.to_string())
}

/// Satoshis that may be below zero.
pub fn signed_sat(msat: &i64) -> String {
    format!("{}{}", sign(*msat), sat(&msat.unsigned_abs()))
}

/// Kilowatt-hours with three decimals, cut off.
pub fn kwh(mwh: &u64) -> String {
    format!("{}.{:03} kWh", grouped(&(mwh / 1_000_000).to_string()), mwh % 1_000_000 / 1_000)
}

/// A meter's counter, which some meters let run below zero.
pub fn counter(mwh: &i64) -> String {
    format!("{}{}", sign(*mwh), kwh(&mwh.unsigned_abs()))
}

/// Watts, or kilowatts above one.
pub fn watts(mw: &i64) -> String {
    let sign = sign(*mw);
    let w = mw.unsigned_abs() / 1_000;
    if w < 1_000 {
        format!("{sign}{w} W")
    } else {
        format!("{sign}{}.{:02} kW", grouped(&(w / 1_000).to_string()), w % 1_000 / 10)
    }
}

/// A value in the unit people use for it, such as `2.34 kW` for watts; `milli` is thousandths of `unit`.
pub fn quantity(milli: i64, unit: &str) -> String {
    match unit {
        "W" => watts(&milli),
        "Wh" => format!("{} kWh", decimal(milli, 1_000_000, 3)),
        "varh" => format!("{} kvarh", decimal(milli, 1_000_000, 3)),
        "" => decimal(milli, 1_000, 3),
        _ => format!("{} {unit}", decimal(milli, 1_000, 3)),
    }
}

/// A value beside an axis on which `largest` is the largest: all of them have the same unit.
pub fn on_axis(milli: i64, unit: &str, largest: i128) -> String {
    match unit {
        "W" if largest >= 1_000_000 => format!("{} kW", decimal(milli, 1_000_000, 3)),
        "W" => format!("{} W", decimal(milli, 1_000, 3)),
        _ => quantity(milli, unit),
    }
}

/// Thousandths as a decimal number that programs read.
pub fn plain(milli: i64) -> String {
    let (whole, rest) = (milli.unsigned_abs() / 1_000, milli.unsigned_abs() % 1_000);
    format!("{}{whole}.{rest:03}", if milli < 0 { "-" } else { "" })
}

/// How much more or less than before, in percent.
pub fn difference(now: i64, before: i64) -> String {
    if before == 0 {
        return "–".to_owned();
    }
    let percent = (i128::from(now) - i128::from(before)) * 100 / i128::from(before).abs();
    format!(
        "{}{} %",
        if percent > 0 {
            "+"
        } else if percent < 0 {
            "−"
        } else {
            ""
        },
        percent.abs()
    )
}

/// A size of a file.
pub fn bytes(bytes: &u64) -> String {
    match bytes >> 10 {
        kib @ 0..=1_023 => format!("{kib} KiB"),
        kib => format!("{}.{} MiB", kib >> 10, ((kib & 1_023) * 10) >> 10),
    }
}

/// A number of which `one` makes one, with at most so many decimals and no needless zeros; cut off.
pub(super) fn decimal(value: i64, one: u64, decimals: u32) -> String {
    let (whole, part) = (value.unsigned_abs() / one, value.unsigned_abs() % one);
    let part = part * 10_u64.pow(decimals) / one;
    let sign = if whole == 0 && part == 0 { "" } else { sign(value) };
    let text = format!("{sign}{}.{part:0width$}", grouped(&whole.to_string()), width = decimals as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A quantity's number and its unit, which are set in two sizes.
pub fn parts(quantity: &str) -> (&str, &str) {
    quantity.rsplit_once(' ').unwrap_or((quantity, ""))
}

/// Whether a number needs a smaller size to stay on its line.
pub fn is_wide(number: &str) -> bool {
    number.chars().count() > FIGURE_CHARS_MAX
}

fn sign(number: i64) -> &'static str {
    if number < 0 { "−" } else { "" }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

const FIGURE_CHARS_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_write_them() {
        assert_eq!(sat(&1_234_567_000), "1\u{202f}234\u{202f}567 sat");
        assert_eq!(sat(&12_345), "12.345 sat");
        assert_eq!(sat(&0), "0 sat");
        assert_eq!(signed_sat(&-12_345), "−12.345 sat");
        assert_eq!(kwh(&1_234_567_890), "1\u{202f}234.567 kWh");
        assert_eq!(counter(&-1_234_000), "−1.234 kWh");
        assert_eq!(watts(&450_999), "450 W");
        assert_eq!(watts(&-2_345_000), "−2.34 kW");
        assert_eq!(parts("−2.34 kW"), ("−2.34", "kW"));
    }

    #[test]
    fn the_largest_numbers_there_are_can_be_shown() {
        assert_eq!(kwh(&u64::MAX), "18\u{202f}446\u{202f}744\u{202f}073\u{202f}709.551 kWh");
        assert!(watts(&i64::MIN).starts_with('−') && counter(&i64::MIN).starts_with('−'));
        assert!(sat(&u64::MAX).ends_with(".615 sat"));
    }
}
