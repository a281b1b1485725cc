//! What the engine, the wallets and the journal say stands in records in English, once for all readers. Here it is said
//! again in the reader's language: the English catalogue holds each of these sentences under a name that begins with
//! `told-`, with places for what is put in, and the others hold what it means. What is not known as a whole stays as it is:
//! better read in English than half of it, and what strangers say is never said again in other words.

use std::sync::OnceLock;

use super::Words;
use crate::language::Language;
use crate::lightning::ServiceKind;
use crate::text::fixed_point;

/// One of the English sentences.
struct Sentence {
    name: &'static str,
    pieces: Vec<Piece>,
}

enum Piece {
    Text(String),
    Place(String),
}

impl Words {
    /// What Kilosat said in English, in this language.
    pub fn told(self, text: &str) -> String {
        if self.language == Language::English {
            return text.to_owned();
        }
        self.said_again(text, DEPTH_MAX).unwrap_or_else(|| text.to_owned())
    }

    /// Several sentences, one after the other, perhaps with a wallet's own words at the end; `None` where one of them is not
    /// known.
    fn said_again(self, text: &str, depth: usize) -> Option<String> {
        let mut says = english().iter().filter(|sentence| sentence.name == SAYS);
        if let Some(said) = says.find_map(|says| self.again(says, text, depth)) {
            return Some(said);
        }
        let said: Vec<_> =
            sentences(text).map(|sentence| self.sentence_again(sentence, depth)).collect::<Option<_>>()?;
        (!said.is_empty()).then(|| said.join(" "))
    }

    fn sentence_again(self, text: &str, depth: usize) -> Option<String> {
        if let Some(msat) = text.strip_suffix(" sat").and_then(|number| fixed_point(number, 3)) {
            return Some(self.sat(&msat));
        }
        english().iter().find_map(|sentence| self.again(sentence, text, depth))
    }

    /// What stands in its places is said again, too, where it is ours.
    fn again(self, sentence: &Sentence, text: &str, depth: usize) -> Option<String> {
        let mut values = Vec::new();
        for (name, value) in sentence.places(text)? {
            let said = match name {
                _ if OF_OTHERS.contains(&name) => Some(value.to_owned()),
                _ if depth == 0 => None,
                "name" if !ServiceKind::ALL.into_iter().any(|kind| kind.is_called(value)) => None,
                "name" => Some(self.said_again(value, depth - 1).unwrap_or_else(|| value.to_owned())),
                _ => self.said_again(value, depth - 1),
            };
            values.push((name, said?));
        }
        Some(self.fill(sentence.name, &values))
    }
}

/// Longer sentences first: a short one could be the beginning of a long one.
fn english() -> &'static [Sentence] {
    static ENGLISH: OnceLock<Vec<Sentence>> = OnceLock::new();
    ENGLISH.get_or_init(|| {
        let lines = Words::of(Language::English).catalogue().lines();
        let told = lines.filter_map(|line| line.split_once(" = ")).filter(|(name, _)| name.starts_with(TOLD));
        let mut sentences: Vec<_> = told.map(|(name, pattern)| Sentence { name, pieces: pieces(pattern) }).collect();
        sentences.sort_by_key(|sentence| std::cmp::Reverse(sentence.fixed_len()));
        sentences
    })
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some((text, (name, after))) =
        rest.split_once("{ $").and_then(|(text, after)| Some((text, after.split_once(" }")?)))
    {
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        pieces.push(Piece::Place(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

/// Each with its end mark.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // Why payments are locked begins in lower case, and there can be several reasons.
        let begins = |at: &usize| {
            rest.get(at + 2..).is_some_and(|next| next.starts_with(char::is_uppercase) || next.starts_with("the "))
        };
        let mut ends = rest.match_indices(['.', '?']).map(|(at, _)| at);
        let end = ends.find(|at| rest.get(at + 1..at + 2) == Some(" ") && begins(at));
        let (sentence, after) = match end {
            Some(at) => (rest.get(..=at).unwrap_or_default(), rest.get(at + 2..).unwrap_or_default()),
            None => (rest, ""),
        };
        rest = after;
        Some(sentence)
    })
}

impl Sentence {
    fn fixed_len(&self) -> usize {
        let len = |piece: &Piece| if let Piece::Text(text) = piece { text.len() } else { 0 };
        self.pieces.iter().map(len).sum()
    }

    /// What stands in each of its places, if `text` is this sentence.
    fn places<'a>(&'a self, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let mut places = Vec::new();
        let (mut rest, mut open) = (text, None::<&str>);
        for (number, piece) in self.pieces.iter().enumerate() {
            let wanted = match piece {
                Piece::Place(name) => {
                    open = Some(name);
                    continue;
                }
                Piece::Text(wanted) => wanted.as_str(),
            };
            let is_last = number + 1 == self.pieces.len();
            let at = match (open, is_last) {
                (None, _) => rest.starts_with(wanted).then_some(0)?,
                (Some(_), true) => rest.ends_with(wanted).then(|| rest.len() - wanted.len())?,
                (Some(_), false) => rest.find(wanted)?,
            };
            if let Some(name) = open.take() {
                places.push((name, rest.get(..at).filter(|value| !value.is_empty())?));
            }
            rest = rest.get(at + wanted.len()..)?;
        }
        match open {
            Some(name) if !rest.is_empty() => places.push((name, rest)),
            Some(_) => return None,
            None if rest.is_empty() => {}
            None => return None,
        }
        Some(places)
    }
}

const TOLD: &str = "told-";
/// What is put in from elsewhere, or is the same in every language.
const OF_OTHERS: [&str; 15] = [
    "detail", "expected", "found", "hash", "hours", "known", "most", "no", "now", "payee", "payments", "percent",
    "question", "until", "yes",
];
/// What stands in its first place can be several sentences.
const SAYS: &str = "told-says";
/// A sentence in a sentence in a sentence.
const DEPTH_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bitcoin::Network;

    use super::*;
    use crate::domain::money::{Msat, MsatPerKwh};
    use crate::domain::policy::{Layer, Question, Refusal, Window};
    use crate::lightning::{ServiceFault, ServiceKind, Trouble};
    use crate::vault::{Closed, VaultFault};

    const GERMAN: Words = Words { language: Language::German };

    #[track_caller]
    fn german(text: &str) -> String {
        let said = GERMAN.told(text);
        assert_ne!(said, text, "it stays English");
        said
    }

    #[test]
    fn every_refusal_and_every_question_is_said_in_german() {
        let (layer, limit) = (Layer::House, Msat(400_000));
        let price = |msat| MsatPerKwh(msat);
        let why = "the Lightning service settled payment 00ff, which was never sent to it. Check the wallet.";
        for refusal in [
            Refusal::Stopped,
            Refusal::Locked(why.to_owned()),
            Refusal::Locked(format!("{why} {why}")),
            Refusal::OtherWallet,
            Refusal::NoRule,
            Refusal::Paused,
            Refusal::NotListed,
            Refusal::Declined { question: 7 },
            Refusal::Price { layer: Layer::Payee, price: price(300_000), limit: price(250_000) },
            Refusal::PerPayment { layer: Layer::Rule, cost: Msat(500_000), limit },
            Refusal::Rate { layer, payments: 61, limit: 60 },
            Refusal::Window { layer, window: Window::Month, cost: Msat(9_000), committed: Msat(399_000), limit },
            Refusal::Window { layer, window: Window::Hour, cost: Msat(9_000), committed: Msat(399_000), limit },
        ] {
            german(&refusal.to_string());
        }
        let window =
            Refusal::Window { layer, window: Window::Day, cost: Msat(9_500), committed: Msat(1_399_000), limit };
        assert_eq!(
            german(&window.to_string()),
            "1\u{202f}399 sat von 400 sat pro Tag sind für das ganze Haus schon ausgegeben oder reserviert; weitere 9,500 sat \
             passen nicht hinein. Es wird später noch einmal versucht."
        );
        for question in [
            Question { first: true, above: None },
            Question { first: false, above: Some(Msat(1_000)) },
            Question { first: true, above: Some(Msat(1_000)) },
            Question { first: false, above: None },
        ] {
            german(&question.to_string());
        }
    }

    #[test]
    fn every_trouble_with_a_wallet_is_said_in_german_and_what_the_wallet_says_stays_as_it_is() {
        for kind in ServiceKind::ALL {
            for trouble in [
                Trouble::Unreachable,
                Trouble::Certificate,
                Trouble::Credential,
                Trouble::Permission,
                Trouble::Network { found: "regtest".to_owned(), expected: Network::Bitcoin },
                Trouble::NotReady,
                Trouble::Held,
                Trouble::Sealed,
                Trouble::KeyMissing,
                Trouble::Funds,
                Trouble::NoRoute,
                Trouble::Limit,
                Trouble::FeeTooHigh,
                Trouble::Opening,
                Trouble::Invoice,
                Trouble::Recipient,
                Trouble::TooSlow,
                Trouble::Busy,
                Trouble::Declined,
                Trouble::Unclear,
            ] {
                let fault = ServiceFault { kind, trouble, detail: String::new() };
                german(&fault.to_string());
                let fault = ServiceFault { detail: "Nothing was paid. Really (404)".to_owned(), ..fault };
                let said = german(&fault.to_string());
                assert!(said.ends_with(" meldet: Nothing was paid. Really (404))"), "{said}");
                assert!(!said.contains("built-in") && !said.contains("connected wallet"), "{said}");
            }
        }
    }

    #[test]
    fn why_the_words_stay_as_they_are_is_said_in_german() {
        for why in [Closed::Passphrase, Closed::Machine, Closed::Damaged, Closed::Unreadable] {
            german(&why.to_string());
            german(&VaultFault::Closed(why).to_string());
        }
        for fault in [
            VaultFault::Weak,
            VaultFault::WrongPassphrase,
            VaultFault::IsOpen,
            VaultFault::NotOnPaper,
            VaultFault::StartsAnew,
            VaultFault::Half("no space left".to_owned()),
            VaultFault::Unknown,
            VaultFault::NoKey("no memory".to_owned()),
            VaultFault::Disk("no space left".to_owned()),
            VaultFault::NoMachineKey,
            VaultFault::NoWords,
            VaultFault::OtherWords,
        ] {
            german(&fault.to_string());
        }
    }

    #[test]
    fn what_others_say_and_do_is_not_taken_for_what_a_wallet_does() {
        for text in [
            "There is no invoice from this address: pay.example did not answer in time. Kilosat asks again.",
            "Somebody cannot be reached. Nothing was paid.",
            "Two screws are missing",
            "some more",
            "May 12 of them be paid to a@b.example?",
        ] {
            assert_eq!(GERMAN.told(text), text);
        }
        let unanswered = "You did not answer in time. Nothing was moved; you are asked again.";
        assert!(german(unanswered).starts_with("Sie haben nicht rechtzeitig geantwortet."));
    }

    #[test]
    fn each_sentence_of_the_catalogue_is_one_that_the_source_says() {
        fn read(folder: &Path, found: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    read(&entry, found);
                } else {
                    found.push_str(&std::fs::read_to_string(&entry).unwrap());
                }
            }
        }
        let (mut source, root) = (String::new(), Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
        for folder in ["domain", "engine", "lightning", "tasks", "vault"] {
            read(&root.join(folder), &mut source);
        }
        // As the compiler reads texts that go on in the next line.
        let lines: Vec<_> =
            source.split("\\\n").enumerate().map(|(n, part)| if n == 0 { part } else { part.trim_start() }).collect();
        let source = lines.concat();
        let mut unsaid = Vec::new();
        for sentence in english() {
            let texts = sentence.pieces.iter().filter_map(|piece| match piece {
                Piece::Text(text) => Some(text.trim_matches([' ', '(', ':', '.'])),
                Piece::Place(_) => None,
            });
            let longest = texts.max_by_key(|text| text.len()).unwrap();
            if !source.contains(longest) {
                unsaid.push(sentence.name);
            }
        }
        unsaid.sort_unstable();
        // The engine makes these out of others, for what is paid once only and for moves; what a wallet does not offer is
        // named where that is said.
        assert_eq!(
            unsaid,
            [
                "told-ask-new-one",
                "told-not-again",
                "told-nothing-meanwhile-not-again",
                "told-too-old",
                "told-tries-not"
            ]
        );
    }

    #[test]
    fn what_nobody_knows_stays_as_it_is() {
        for text in [
            "",
            "Something new.",
            "Something new. Nothing was paid.",
            "a (b says: c)",
            " sat",
            "1.2.3 sat",
            "Nothing was paid",
            "Why? Because. No.",
        ] {
            assert_eq!(GERMAN.told(text), text);
        }
        assert_eq!(GERMAN.told("Nothing was paid."), "Es wurde nichts bezahlt.");
        assert_eq!(Words::of(Language::English).told("Nothing was paid."), "Nothing was paid.");
    }
}
