#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::tz::TimeZone;

use super::*;

const ENGLISH: Words = Words { language: Language::English };
const GERMAN: Words = Words { language: Language::German };

/// Every message with what is put into it.
fn messages(words: Words) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for block in words.catalogue().split("\n").fold(Vec::<String>::new(), |mut blocks, line| {
        match blocks.last_mut() {
            Some(last) if line.starts_with([' ', '}']) => last.push_str(line),
            _ => blocks.push(line.to_owned()),
        }
        blocks
    }) {
        let Some((name, text)) = block.split_once(" = ").filter(|(name, _)| !name.starts_with('#')) else { continue };
        let holes = text.split('$').skip(1);
        let holes = holes.map(|rest| rest.split([' ', '}']).next().unwrap_or_default().to_owned()).collect();
        assert!(all.insert(name.to_owned(), holes).is_none(), "{name} is there twice");
    }
    all
}

/// The source of the page: Rust and templates.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|kind| kind == "rs" || kind == "html") && !entry.ends_with("tests.rs") {
            found.push_str(&std::fs::read_to_string(&entry).unwrap());
        }
    }
}

#[test]
fn every_language_says_everything() {
    for language in Language::ALL {
        assert_eq!(messages(Words::of(language)), messages(ENGLISH), "{}", language.tag());
        assert!(FluentResource::try_new(Words::of(language).catalogue().to_owned()).is_ok(), "{}", language.tag());
    }
}

#[test]
fn every_sentence_is_said_somewhere_and_every_one_that_is_said_exists() {
    let mut source = String::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["src/web", "src/notify", "src/words"] {
        sources(&folder.join(part), &mut source);
    }
    sources(&folder.join("web/templates"), &mut source);
    let known = messages(ENGLISH);
    let composed = [
        "state-",
        "page-",
        "protection-by-",
        "protection-note-",
        "meter-state-",
        "input-state-",
        "relay-state-",
        "service-",
        "setup-",
        "point-",
        "subject-",
        "form-",
        "history-",
        "flow-",
        "scope-",
        "measures-",
        "account-",
        "moves-state-",
        "moves-part-",
        "days",
        "months",
        "span-",
        "ago-",
        "told-",
    ];
    for name in known.keys() {
        let is_composed = composed.iter().any(|beginning| name.starts_with(beginning));
        assert!(is_composed || source.contains(&format!("\"{name}\"")), "{name} is said nowhere");
    }
    for call in ["t.say(\"", "t.with(\"", "t.fill(\"", "t.count(\"", "self.say(\"", "self.with(\"", "self.count(\""] {
        for said in source.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(known.contains_key(said), "{said} is in no catalogue");
        }
    }
}

#[test]
fn numbers_and_times_are_written_as_people_write_them() {
    let (winter, berlin) = (1_764_424_805_000, TimeZone::get("Europe/Berlin").unwrap());
    for (words, expected) in [
        (
            ENGLISH,
            [
                "1\u{202f}234.500 sat",
                "0.250 kWh",
                "29 Nov 2025, 15:00",
                "1 day ago",
                "paid late",
                "1\u{202f}234.50 EUR",
            ],
        ),
        (
            GERMAN,
            [
                "1\u{202f}234,500 sat",
                "0,250 kWh",
                "29. Nov. 2025, 15:00",
                "vor 1 Tag",
                "verspätet bezahlt",
                "1\u{202f}234,50 EUR",
            ],
        ),
    ] {
        // A day is said in hours until there are two.
        let day_ago = words.count("ago-days", &1);
        let said = [
            words.sat(&1_234_500),
            words.kwh(&250_000),
            words.moment(&winter, &berlin),
            day_ago,
            words.state("late_settled"),
            words.money(123_450, "EUR"),
        ];
        assert_eq!(said, expected);
    }
}

#[test]
fn what_strangers_write_is_put_in_as_it_is() {
    let text = "{ $x } \u{2068}<b>";
    assert_eq!(ENGLISH.with("play-money", "network", text), format!("{text}: play money"));
    assert_eq!(ENGLISH.say("no-such-sentence"), "no-such-sentence");
}
