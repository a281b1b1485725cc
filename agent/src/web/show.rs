//! How amounts, energy and times read on the page.

use crate::domain::money::Msat;

/// Satoshis with thousands apart; thousandths only when there are some.
pub fn sat(msat: &u64) -> String {
    let text = Msat(*msat).to_string();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (whole, rest) = text.split_at(digits);
    format!("{}{rest}", grouped(whole))
}

/// Kilowatt-hours with three decimals, rounded down.
pub fn kwh(mwh: &u64) -> String {
    format!("{}.{:03} kWh", grouped(&(mwh / 1_000_000).to_string()), mwh % 1_000_000 / 1_000)
}

/// Watts, or kilowatts above one.
pub fn watts(mw: &i64) -> String {
    let sign = if *mw < 0 { "−" } else { "" };
    let w = mw.unsigned_abs() / 1_000;
    if w < 1_000 { format!("{sign}{w} W") } else { format!("{sign}{}.{:02} kW", w / 1_000, w % 1_000 / 10) }
}

/// Thousandths as a decimal number without needless zeros.
pub fn milli(milli: &i64) -> String {
    let sign = if *milli < 0 { "−" } else { "" };
    let (whole, rest) = (milli.unsigned_abs() / 1_000, milli.unsigned_abs() % 1_000);
    let text = format!("{sign}{whole}.{rest:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A span of time in its largest unit.
pub fn span(ms: &u64) -> String {
    match ms / 1_000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// How long before `now` the instant `then` was, both in ms since 1970.
pub fn ago(now: &u64, then: &u64) -> String {
    format!("{} ago", span(&now.saturating_sub(*then)))
}

/// A payment's state in words.
pub fn state(name: &str) -> &'static str {
    match name {
        "intent" => "waiting to be sent",
        "sending" => "being sent",
        "in_flight" => "on its way",
        "unknown" => "unclear, being looked up",
        "settled" => "paid",
        "failed" => "failed, nothing was spent",
        "late_settled" => "paid late",
        "cancelled" => "given up, nothing was sent",
        _ => "unknown",
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_read_as_people_write_them() {
        assert_eq!(sat(&1_234_567_000), "1\u{202f}234\u{202f}567 sat");
        assert_eq!(sat(&12_345), "12.345 sat");
        assert_eq!(sat(&0), "0 sat");
        assert_eq!(kwh(&1_234_567_890), "1\u{202f}234.567 kWh");
        assert_eq!(watts(&450_999), "450 W");
        assert_eq!(watts(&-2_345_000), "−2.34 kW");
        assert_eq!((milli(&21_500), milli(&-40), milli(&3_000)), ("21.5".into(), "−0.04".into(), "3".into()));
        assert_eq!((span(&90_000), span(&600_000), span(&90_000_000)), ("90 s".into(), "10 min".into(), "25 h".into()));
    }
}
