//! Feeds every fuzz target its corpus and some hundred changes of each file, in the ordinary tests.
//!
//! `tests/vectors/fuzz/TARGET/` holds the files: hand-made ones, and what the fuzzer (`tests/fuzz/run`) found. Changes
//! are the same on every run; a failure names target, file and change, and shows the bytes.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod changes;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use sim::fuzzing::{TARGETS, feed};

use changes::Changes;

/// One file of a corpus.
struct Seed {
    name: String,
    bytes: Vec<u8>,
}

/// One test per target, so that they run side by side.
macro_rules! replayed {
    ($($target:ident)*) => {
        $(
            mod $target {
                #[test]
                fn holds_for_its_corpus_and_changes_of_it() {
                    super::replay(stringify!($target));
                }
            }
        )*
        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replayed! {
    bolt11 bolt11_text cln config json l402_challenge l402_macaroon l402_ticket lnbits lnd lnurl_answers lnurl_target
    nwc nwc_relay phoenixd
}

#[test]
fn every_target_has_its_folder_its_fuzz_target_and_its_replay() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(targets.len(), TARGETS.len(), "two targets of one name");
    assert_eq!(names("vectors/fuzz"), targets);
    assert_eq!(REPLAYED.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), targets);
    let sources: BTreeSet<String> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names("fuzz/fuzz_targets"), sources);
    let manifest = fs::read_to_string(path("fuzz/Cargo.toml")).unwrap();
    for name in &targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "fuzz/Cargo.toml: no {name}");
        let source = fs::read_to_string(path(&format!("fuzz/fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("feed(\"{name}\", input)")), "{name}.rs feeds another target");
    }
}

#[test]
fn every_corpus_is_small_and_says_where_it_comes_from() {
    let mut bytes = 0;
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(seeds.len() >= SEEDS_MIN, "{}: {} files", target.name, seeds.len());
        bytes += seeds.iter().map(|seed| seed.bytes.len()).sum::<usize>();
        let origin = fs::read_to_string(path(&format!("vectors/fuzz/{}/{ORIGIN}", target.name))).unwrap();
        assert!(!origin.trim().is_empty(), "{}: an empty {ORIGIN}", target.name);
    }
    assert!(bytes <= BYTES_MAX, "the corpora hold {bytes} bytes");
}

fn replay(target: &str) {
    let seeds = seeds(target);
    for (place, seed) in seeds.iter().enumerate() {
        tried(target, &seed.name, 0, &seed.bytes);
        let other = &seeds[(place + 1) % seeds.len()].bytes;
        let mut changes = Changes::of(&seed.name);
        for number in 1..=CHANGES_PER_FILE {
            tried(target, &seed.name, number, &changes.next(&seed.bytes, other));
        }
    }
}

fn tried(target: &str, file: &str, change: u32, input: &[u8]) {
    if catch_unwind(AssertUnwindSafe(|| feed(target, input))).is_err() {
        panic!("{target}: {file}, change {change}: \"{}\"", input.escape_ascii());
    }
}

fn seeds(target: &str) -> Vec<Seed> {
    let folder = format!("vectors/fuzz/{target}");
    let names = names(&folder).into_iter().filter(|name| name != ORIGIN);
    names.map(|name| Seed { bytes: fs::read(path(&format!("{folder}/{name}"))).unwrap(), name }).collect()
}

fn names(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(path(folder)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

const ORIGIN: &str = "ORIGIN";
const SEEDS_MIN: usize = 15;
const BYTES_MAX: usize = 500_000;
const CHANGES_PER_FILE: u32 = 200;
