//! Changes of a file, the same on every run.

/// A source of changes.
pub struct Changes(u64);

impl Changes {
    /// Those of the file of this name.
    pub fn of(name: &str) -> Changes {
        // FNV-1a; never zero, from where xorshift does not move.
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        Changes(hash | 1)
    }

    /// One to four changes of `bytes`, some of them with a piece of `other`.
    pub fn next(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut changed, other);
        }
        changed
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let end = (at + 1 + self.below(16)).min(bytes.len());
        match self.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.byte(),
            2 if at < end => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let piece = bytes[at..end].to_vec();
                let place = self.below(bytes.len() + 1);
                bytes.splice(place..place, piece);
            }
            5 => {
                let from = self.below(other.len() + 1);
                let to = (from + self.below(200)).min(other.len());
                bytes.splice(at..end.max(at), other[from..to].iter().copied());
            }
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
        }
        bytes.truncate(BYTES_MAX);
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap()).unwrap()
    }
}

/// What is written into the middle of things.
const WORDS: [&str; 20] = [
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "0.5",
    "18446744073709551616",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\n> 404\n",
    "\n",
    "\0",
    "\u{202e}",
    "\\u0000",
    "=",
];
/// Longer than any file.
const BYTES_MAX: usize = 20_000;

#[test]
fn changes_are_the_same_every_time_and_change_something() {
    let changed = |name| {
        let mut changes = Changes::of(name);
        (0..50).map(|_| changes.next(b"{\"a\":1}", b"other")).collect::<Vec<_>>()
    };
    assert_eq!(changed("a"), changed("a"));
    assert_ne!(changed("a"), changed("b"));
    assert!(changed("a").iter().filter(|bytes| **bytes != b"{\"a\":1}").count() > 40);
}
