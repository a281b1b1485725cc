//! `agent/ARCHITECTURE.md` tells the truth: each invariant names a test, and every test it names exists.

use std::collections::BTreeSet;

use crate::source::{self, Function};
use crate::tree;

const DOCUMENT: &str = "agent/ARCHITECTURE.md";
/// Test names are sentences; a name with fewer words is a module, a type or a call.
const SENTENCE_WORDS_MIN: usize = 3;

#[test]
fn every_test_the_architecture_cites_exists() {
    let functions = all_functions();
    tree::assert_none("rename it in the document, or write the test", &missing(&tree::read(DOCUMENT), &functions));
}

#[test]
fn every_invariant_names_a_test() {
    let document = tree::read(DOCUMENT);
    assert!(document.lines().any(is_invariant), "{DOCUMENT}: no table row that starts with `| M1`");
    tree::assert_none("name the test that fails without it", &unproven(&document, &all_functions()));
}

fn all_functions() -> Vec<Function> {
    tree::rust_files().iter().flat_map(|file| source::functions(&source::code(&file.text))).collect()
}

/// Sentences in backticks that no function of the tree is called.
fn missing(document: &str, functions: &[Function]) -> Vec<String> {
    let known: BTreeSet<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    let cited = document.lines().enumerate().flat_map(|(number, line)| cited(line).map(move |name| (number + 1, name)));
    let unknown = cited.filter(|(_, name)| !known.contains(name));
    unknown.map(|(number, name)| format!("{DOCUMENT}:{number}: `{name}` does not exist")).collect()
}

/// Invariants whose row names no test.
fn unproven(document: &str, functions: &[Function]) -> Vec<String> {
    let tests: BTreeSet<&str> = functions.iter().filter(|f| f.is_test).map(|f| f.name.as_str()).collect();
    let rows = document.lines().enumerate().filter(|(_, line)| is_invariant(line));
    let silent = rows.filter(|(_, line)| !cited(line).any(|name| tests.contains(name)));
    silent.map(|(number, line)| format!("{DOCUMENT}:{}: {}", number + 1, line.trim())).collect()
}

/// A table row of an invariant: `| M1 | At most one ...`.
fn is_invariant(line: &str) -> bool {
    let first = line.trim_start().strip_prefix('|').and_then(|cells| cells.split('|').next()).unwrap_or_default();
    let name = first.trim().trim_matches(['*', '`']);
    name.strip_prefix('M').is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// The last part of every `path::name` in backticks on the line, where it is a sentence.
fn cited(line: &str) -> impl Iterator<Item = &str> {
    let spans = line.split('`').skip(1).step_by(2);
    let names = spans.map(|span| span.rsplit("::").next().unwrap_or_default());
    names.filter(|name| {
        let lower = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        lower && name.split('_').count() >= SENTENCE_WORDS_MIN
    })
}

#[test]
fn missing_tests_are_found() {
    let functions = source::functions("#[test]\nfn nothing_is_lost() {}\nfn look_up_all() {}");
    let document = "see `a::nothing_is_lost`\nand `domain::meter`, `b::nothing_is_paid`, `look_up_all`";
    assert_eq!(missing(document, &functions), [format!("{DOCUMENT}:2: `nothing_is_paid` does not exist")]);
}

#[test]
fn invariants_without_a_test_are_found() {
    let functions = source::functions("#[test]\nfn nothing_is_lost() {}\nfn look_up_all() {}");
    let document =
        "| M1 | kept | `a::nothing_is_lost` |\n| M2 | lost | `look_up_all` |\n| **M3** | none | |\n| Meter |";
    let found = unproven(document, &functions);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains(":2:") && found[1].contains(":3:"), "{found:?}");
}
