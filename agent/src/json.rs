//! JSON from strangers: bounded in depth, and with numbers read from their own digits.
//!
//! `serde_json` turns every number with a point into a float. Money and counters must not pass through
//! one, so the text of a number is found here and turned into an integer exactly.

use serde_json::Value;

/// Why a body is not JSON we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not UTF-8, or not JSON.
    #[error("the answer is not JSON")]
    NotJson,
    /// An object names a member twice.
    #[error("the answer says one thing twice")]
    Ambiguous,
    /// Nested deeper than [`DEPTH_MAX`].
    #[error("the answer is nested more deeply than Kilosat reads")]
    TooDeep,
}

/// Deepest nesting of arrays and objects that is read.
pub const DEPTH_MAX: usize = 32;

/// A checked JSON text together with its parsed form.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    /// The parsed form; its non-integer numbers are floats and must not be used for amounts.
    pub value: Value,
}

impl<'a> Document<'a> {
    /// Parses a body.
    ///
    /// # Errors
    /// [`JsonFault`] as its variants say.
    pub fn parse(body: &'a [u8]) -> Result<Self, JsonFault> {
        let text = std::str::from_utf8(body).map_err(|_| JsonFault::NotJson)?;
        if depth(text) > DEPTH_MAX {
            return Err(JsonFault::TooDeep);
        }
        let value = serde_json::from_str(text).map_err(|_| JsonFault::NotJson)?;
        Ok(Self { text, value })
    }

    /// Parses a body in which every name counts: an object that has one twice is refused, because it may say two things.
    ///
    /// # Errors
    /// [`JsonFault`] as its variants say.
    pub fn unambiguous(body: &'a [u8]) -> Result<Self, JsonFault> {
        let document = Self::parse(body)?;
        if members(&document.value) == colons(document.text) { Ok(document) } else { Err(JsonFault::Ambiguous) }
    }

    /// The text of the value at a JSON pointer, as the sender wrote it; of equal keys the last counts.
    ///
    /// Source: RFC 6901.
    pub fn text_at(&self, pointer: &str) -> Option<&'a str> {
        let mut cursor = Cursor(self.text);
        let mut found = cursor.value()?;
        if pointer.is_empty() {
            return Some(found);
        }
        for token in pointer.strip_prefix('/')?.split('/').take(DEPTH_MAX + 1) {
            found = child(found, &token.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(found)
    }

    /// The texts of the elements of the array at a JSON pointer, in one walk; `None` where there is no array.
    pub fn items_at(&self, pointer: &str) -> Option<Vec<&'a str>> {
        let mut cursor = Cursor(self.text_at(pointer)?);
        if !cursor.eat('[') {
            return None;
        }
        let mut items = Vec::new();
        while let Some(item) = cursor.value() {
            items.push(item);
            if !cursor.eat(',') {
                break;
            }
        }
        Some(items)
    }
}

/// A JSON number as a whole number, if it is one: `1000`, and `1000.0` as some senders write it.
pub fn whole_number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_zero = fraction.bytes().all(|byte| byte == b'0');
    (digits(whole) && digits(fraction) && is_zero).then(|| whole.parse().ok())?
}

/// A JSON number in thousandths, exactly; what lies beyond them is rounded half away from zero.
///
/// `1.2345` is 1235 thousandths (1234.5 rounded), `-0.0005` is -1, `1.5e3` is 1,500,000. `None` if the
/// text is not a number, is longer than 64 characters, or does not fit.
pub fn thousandths(text: &str) -> Option<i64> {
    if text.len() > NUMBER_CHARS_MAX {
        return None;
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let decimals = i64::try_from(fraction.len()).ok()?;
    let shift = exponent.checked_sub(decimals)?.checked_add(3)?;
    sign_times(sign, shifted(significant, shift)?)
}

/// The digits times ten to the `shift`, rounded half up.
fn shifted(digits: &str, shift: i64) -> Option<i64> {
    if let Ok(zeros) = u32::try_from(shift) {
        let number: i64 = digits.parse().ok()?;
        return number.checked_mul(10_i64.checked_pow(zeros)?);
    }
    let dropped = usize::try_from(shift.unsigned_abs()).ok()?;
    let Some(kept) = digits.len().checked_sub(dropped) else {
        return Some(0);
    };
    let (kept, rest) = digits.split_at_checked(kept)?;
    let number: i64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let rounds_up = rest.bytes().next().is_some_and(|digit| digit >= b'5');
    number.checked_add(i64::from(rounds_up))
}

fn sign_times(sign: i64, magnitude: i64) -> Option<i64> {
    magnitude.checked_mul(sign)
}

/// Deepest nesting of brackets outside strings.
fn depth(text: &str) -> usize {
    let (mut deepest, mut depth) = (0_usize, 0_usize);
    for byte in outside_strings(text) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// As many as the text has members, those that are there twice included.
fn colons(text: &str) -> usize {
    outside_strings(text).filter(|byte| *byte == b':').count()
}

/// Members of every object in `value`, which keeps one of each name.
fn members(value: &Value) -> usize {
    match value {
        Value::Array(values) => values.iter().map(members).sum(),
        Value::Object(object) => object.len() + object.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

fn outside_strings(text: &str) -> impl Iterator<Item = u8> {
    let (mut in_string, mut escaped) = (false, false);
    text.bytes().filter(move |byte| {
        let is_quote = *byte == b'"' && !escaped;
        escaped = in_string && !escaped && *byte == b'\\';
        in_string ^= is_quote;
        !in_string && !is_quote
    })
}

/// The text of one member or element of a value.
fn child<'a>(value: &'a str, token: &str) -> Option<&'a str> {
    let mut cursor = Cursor(value);
    if cursor.eat('[') {
        let canonical = token == "0" || !token.starts_with(['0', '+']);
        let wanted: usize = token.parse().ok().filter(|_| canonical)?;
        for _ in 0..wanted {
            cursor.value()?;
            if !cursor.eat(',') {
                return None;
            }
        }
        return cursor.value();
    }
    if !cursor.eat('{') {
        return None;
    }
    let mut found = None;
    loop {
        let Some(key) = cursor.value() else {
            return found;
        };
        if !cursor.eat(':') {
            return None;
        }
        let content = cursor.value()?;
        if serde_json::from_str::<String>(key).is_ok_and(|key| key == token) {
            found = Some(content);
        }
        if !cursor.eat(',') {
            return found;
        }
    }
}

/// Walks a JSON text whose syntax `serde_json` has already checked.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.0.trim_start_matches(WHITE_SPACE);
        self.0 = rest.strip_prefix(wanted).unwrap_or(rest);
        self.0.len() < rest.len()
    }

    /// The next whole value; `None` where a closing bracket or the end comes first.
    fn value(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches(WHITE_SPACE);
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        let end = text.char_indices().find_map(|(place, character)| {
            let after = place + character.len_utf8();
            match character {
                _ if escaped => escaped = false,
                '\\' if in_string => escaped = true,
                '"' => {
                    in_string = !in_string;
                    return (!in_string && depth == 0).then_some(after);
                }
                _ if in_string => {}
                '[' | '{' => depth += 1,
                ']' | '}' if depth == 0 => return Some(place),
                ']' | '}' => {
                    depth -= 1;
                    return (depth == 0).then_some(after);
                }
                ',' | ' ' | '\t' | '\n' | '\r' if depth == 0 => return Some(place),
                _ => {}
            }
            None
        });
        let (value, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
        self.0 = rest;
        (!value.is_empty()).then_some(value)
    }
}

const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
/// Longer than any quantity a meter or a market can mean.
const NUMBER_CHARS_MAX: usize = 64;

#[cfg(test)]
mod tests;
