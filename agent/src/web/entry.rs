//! What people type into forms.

use super::Words;

/// An amount in sat, as people write it, in msat: with a point or a comma before at most three decimals, and spaces or
/// underscores between groups of digits. `None` when it is none.
pub(super) fn amount(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches("sat").trim_end();
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '_' | '\u{a0}' | '\u{202f}' | '\'')).collect();
    let (whole, part) = plain.split_once(['.', ',']).unwrap_or((&plain, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > DECIMALS || !is_number(whole) || !is_number(part) {
        return None;
    }
    let msat: u64 = format!("{part:0<DECIMALS$}").parse().ok()?;
    let msat = whole.parse::<u64>().ok()?.checked_mul(1_000)?.checked_add(msat)?;
    (msat <= AMOUNT_MAX_MSAT).then_some(msat)
}

/// An amount as it stands in a field, in sat.
pub(super) fn in_sat(msat: u64, t: Words) -> String {
    t.sat(&msat).trim_end_matches(" sat").to_owned()
}

/// All the bitcoin there can be, which is also what the configuration takes.
const AMOUNT_MAX_MSAT: u64 = 2_100_000_000_000_000_000;
const DECIMALS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, expected) in [
            ("500", Some(500_000)),
            (" 0.25 ", Some(250)),
            ("0,25", Some(250)),
            ("12\u{202f}345.678 sat", Some(12_345_678)),
            ("1 000 000", Some(1_000_000_000)),
            ("1_000", Some(1_000_000)),
            ("0", Some(0)),
            ("", None),
            (".5", None),
            ("1.2345", None),
            ("1.000,5", None),
            ("-1", None),
            ("1e3", None),
            ("99999999999999999999", None),
            ("18446744073709552", None),
            ("2100000000000000.001", None),
        ] {
            assert_eq!(amount(text), expected, "{text}");
        }
    }

    #[test]
    fn what_stands_in_a_field_is_read_back() {
        for language in Language::ALL {
            for msat in [0, 1, 999, 250, 1_000, 12_345_678, 2_100_000_000_000_000_000] {
                assert_eq!(amount(&in_sat(msat, Words::of(language))), Some(msat));
            }
        }
    }
}
