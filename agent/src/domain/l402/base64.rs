//! Base64 as sellers really write it: either alphabet, padded or not.

/// Decodes standard or URL-safe base64, with or without padding; `None` if it is neither.
///
/// Left-over bits must be zero, so that two different texts never mean the same bytes.
/// Source: RFC 4648 sections 4 and 5.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('='));
    if digits.is_some() && !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = digits.unwrap_or(text).as_bytes();
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits: u32 = 0;
        for digit in group {
            bits = bits << 6 | u32::from(value(*digit)?);
        }
        let missing = 4 - group.len();
        bits <<= 6 * missing;
        let [_, first, second, third] = bits.to_be_bytes();
        let (whole, rest): (&[u8], &[u8]) = match missing {
            0 => (&[first, second, third], &[]),
            1 => (&[first, second], &[third]),
            2 => (&[first], &[second, third]),
            _ => return None,
        };
        if rest.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(whole);
    }
    Some(bytes)
}

/// Encodes in the standard alphabet with padding, the only form every old client accepts.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let mut octets = [0; 4];
        for (slot, byte) in octets.iter_mut().skip(1).zip(group) {
            *slot = *byte;
        }
        let bits = u32::from_be_bytes(octets);
        for place in 0..4 {
            if place > group.len() {
                text.push('=');
            } else {
                text.push(digit(bits >> (18 - 6 * place) & 63));
            }
        }
    }
    text
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

fn digit(value: u32) -> char {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let place = usize::try_from(value).expect("six bits fit");
    char::from(*alphabet.get(place).expect("six bits are below 64"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn case(text: &str, bytes: &[u8]) {
        assert_eq!(encode(bytes), text);
        assert_eq!(decode(text).unwrap(), bytes);
        assert_eq!(decode(text.trim_end_matches('=')).unwrap(), bytes);
    }

    #[test]
    fn the_examples_of_the_standard_hold() {
        case("", b"");
        case("Zg==", b"f");
        case("Zm8=", b"fo");
        case("Zm9v", b"foo");
        case("Zm9vYg==", b"foob");
        case("Zm9vYmE=", b"fooba");
        case("Zm9vYmFy", b"foobar");
        case("+/+/", &[0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn both_alphabets_are_read() {
        assert_eq!(decode("-_-_"), decode("+/+/"));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["Z", "Zg=", "Z===", "Zm9v=", "Zh==", "Zm9", "Zm 9v", "é", "===="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }
    }
}
