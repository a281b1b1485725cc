//! Strangers' words, made fit to show, and numbers as people write them.

/// A stranger's text made fit to show: one line, no invisible or direction-changing characters.
///
/// At most `chars_max` characters remain; runs of white space become one space. The text still has to be
/// escaped wherever it is put into HTML.
pub fn cleaned(text: &str, chars_max: usize) -> String {
    let visible: String = text
        .chars()
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .filter(|character| !character.is_control() && !is_deceptive(*character))
        .take(CLEANED_CHARS_READ_MAX)
        .collect();
    let words: Vec<_> = visible.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(chars_max).collect();
    line.trim_end().to_owned()
}

/// Web addresses without what follows the host, where some services have a key.
pub fn without_paths(text: &str) -> String {
    let mut parts = text.split("://");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let host = part.find(['/', '?', '#', '"', '\\', ' ', '<', ')']).unwrap_or(part.len());
        let end = part.find(['"', '\\', ' ', '<', ')']).unwrap_or(part.len());
        let cut = if end > host + 1 { "/..." } else { "" };
        short.push_str("://");
        short.push_str(part.get(..host).unwrap_or_default());
        short.push_str(cut);
        short.push_str(part.get(end..).unwrap_or_default());
    }
    short
}

/// Characters that show nothing, or show what follows in another order than it is stored.
fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// A number without sign and with at most `places` decimals, as a whole number of its last place; at most ten digits
/// before the point.
pub fn fixed_point(text: &str, places: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_number =
        |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let part_is_right = if text.contains('.') { is_number(part, places) } else { true };
    let digits = format!("{whole}{part:0<places$}");
    if is_number(whole, WHOLE_DIGITS_MAX) && part_is_right { digits.parse().ok() } else { None }
}

/// More than anything here counts.
const WHOLE_DIGITS_MAX: usize = 10;
/// Longest text shown anywhere; what is cut is not worth reading.
const CLEANED_CHARS_READ_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::{cleaned, without_paths};

    #[track_caller]
    fn case(text: &str, expected: &str) {
        assert_eq!(cleaned(text, 10), expected);
    }

    #[test]
    fn a_strangers_text_becomes_one_plain_line() {
        case("Meter 1", "Meter 1");
        case("  a\r\n\tb\u{a0}c  ", "a b c");
        case("pay\u{202e}reverse", "payreverse");
        case("\u{1b}[31mred\u{7}", "[31mred");
        case("z\u{200b}e\u{feff}ro\u{ad}", "zero");
        case("0123456789abc", "0123456789");
        case("012345678 abc", "012345678");
        case("Zähler 日本", "Zähler 日本");
    }

    #[test]
    fn an_address_is_cut_behind_its_host() {
        for (text, expected) in [
            ("\"https://a.example/v1?key=secret\",\"x\"", "\"https://a.example/...\",\"x\""),
            ("url = \\\"http://10.0.0.2:3000/api/secret\\\"", "url = \\\"http://10.0.0.2:3000/...\\\""),
            ("\"https://a.example\"", "\"https://a.example\""),
            ("\"https://a.example/\"", "\"https://a.example\""),
            (
                "two wss://r.example?secret and ssl://e.example:50002 more",
                "two wss://r.example/... and ssl://e.example:50002 more",
            ),
            ("none", "none"),
        ] {
            assert_eq!(without_paths(text), expected);
        }
    }
}
