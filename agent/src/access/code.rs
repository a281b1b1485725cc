//! The setup code: whoever can read it at the machine may own it.

use super::{Denied, digest, random};

/// A code that holds for half an hour, for five tries, and once.
pub(super) struct SetupCode {
    text: String,
    begun_ms: u64,
    tries_left: u32,
}

impl SetupCode {
    pub fn new(now_ms: u64) -> SetupCode {
        // 32 does not favour any letter: a byte has eight times as many values.
        let letters = random::<CODE_LETTERS>().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
        SetupCode { text: letters.iter().collect(), begun_ms: now_ms, tries_left: TRIES }
    }

    /// The one that the builder of an image, or whoever wrote the card, put on its boot partition; else a new one.
    pub fn at_start(now_ms: u64) -> SetupCode {
        let read = |path: &&str| std::fs::read_to_string(path).ok();
        let given = BOOT_FILES.iter().find_map(read).map(|text| normal(&text));
        match given.filter(|text| text.len() >= GIVEN_LETTERS_MIN) {
            Some(text) => SetupCode { text, begun_ms: now_ms, tries_left: TRIES },
            None => SetupCode::new(now_ms),
        }
    }

    /// As it is read out: in two halves.
    pub fn text(&self) -> String {
        let (left, right) = self.text.split_at_checked(self.text.len() / 2).unwrap_or((&self.text, ""));
        format!("{left}-{right}")
    }

    pub fn holds(&self, now_ms: u64) -> bool {
        self.tries_left > 0 && now_ms.saturating_sub(self.begun_ms) < HOLDS_MS
    }

    /// Takes one try.
    ///
    /// # Errors
    /// [`Denied::NoCode`] or [`Denied::WrongCode`].
    pub fn check(&mut self, guess: &str, now_ms: u64) -> Result<(), Denied> {
        if !self.holds(now_ms) {
            return Err(Denied::NoCode);
        }
        if digest(&normal(guess)) == digest(&self.text) {
            return Ok(());
        }
        self.tries_left -= 1;
        Err(if self.tries_left == 0 { Denied::NoCode } else { Denied::WrongCode(self.tries_left) })
    }
}

/// Upper case without anything between; letters that look like digits are those.
fn normal(text: &str) -> String {
    let letters = text.chars().filter(char::is_ascii_alphanumeric).take(GUESS_LETTERS_MAX);
    let letter = |c: char| match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    letters.map(letter).collect()
}

/// Crockford's base 32: none of them looks like another.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// 50 bits.
const CODE_LETTERS: usize = 10;
const GIVEN_LETTERS_MIN: usize = 8;
const GUESS_LETTERS_MAX: usize = 64;
const TRIES: u32 = 5;
const HOLDS_MS: u64 = 30 * 60 * 1_000;
const BOOT_FILES: [&str; 2] = ["/boot/firmware/kilosat-setup-code", "/boot/kilosat-setup-code"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let mut code = SetupCode { text: "01AB1KQXYZ".to_owned(), begun_ms: 0, tries_left: TRIES };
        assert_eq!(code.text(), "01AB1-KQXYZ");
        for guess in ["01AB1-KQXYZ", "o1ab1 kqxyz", "OIABL-kqXYZ"] {
            assert!(code.check(guess, 0).is_ok(), "{guess}");
        }
        assert!(matches!(code.check("01AB1-KQXY", 0), Err(Denied::WrongCode(4))));
        assert!(matches!(code.check("", 0), Err(Denied::WrongCode(3))));
    }

    #[test]
    fn a_code_holds_for_half_an_hour_and_five_tries() {
        let mut code = SetupCode::new(1_000);
        let text = code.text();
        assert_eq!(text.len(), 11);
        assert!(code.check(&text, HOLDS_MS + 999).is_ok());
        assert!(matches!(code.check(&text, HOLDS_MS + 1_000), Err(Denied::NoCode)));
        for left in [4, 3, 2, 1] {
            assert!(matches!(code.check("wrong", 1_000), Err(Denied::WrongCode(found)) if found == left));
        }
        assert!(matches!(code.check("wrong", 1_000), Err(Denied::NoCode)));
        assert!(matches!(code.check(&text, 1_000), Err(Denied::NoCode)), "the right one comes too late");
        assert_ne!(SetupCode::new(0).text, SetupCode::new(0).text);
    }
}
