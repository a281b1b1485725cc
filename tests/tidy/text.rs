//! What no file may contain: unfinished work, skipped or sleeping tests, traces of one machine.

use crate::source;
use crate::tree;

#[test]
fn nothing_is_left_unfinished() {
    let findings: Vec<_> = tree::files().iter().flat_map(|file| unfinished(&file.path, &file.text)).collect();
    tree::assert_none("finish it, or open an issue and delete the note", &findings);
}

#[test]
fn no_test_is_skipped_and_none_sleeps() {
    let findings: Vec<_> = tree::rust_files().iter().flat_map(|file| skipped(&file.path, &file.text)).collect();
    tree::assert_none("a test runs always, and waits for events or on a paused clock", &findings);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    let findings: Vec<_> = tree::files().iter().flat_map(|file| machine_traces(&file.path, &file.text)).collect();
    tree::assert_none("paths and package sources of one machine do not belong in the tree", &findings);
}

#[test]
fn no_module_is_a_drawer_for_odds_and_ends() {
    let findings: Vec<_> = tree::rust_files().iter().filter_map(|file| vague_name(&file.path)).collect();
    tree::assert_none("name the module after what it does", &findings);
}

fn unfinished(path: &str, text: &str) -> Vec<String> {
    let mut found: Vec<_> = MARKERS.iter().flat_map(|marker| at_lines(path, text, marker)).collect();
    if path.ends_with(".rs") {
        let code = source::code(text);
        found.extend(["todo!", "unimplemented!"].iter().flat_map(|word| at_lines(path, &code, word)));
    }
    found
}

fn skipped(path: &str, text: &str) -> Vec<String> {
    let code = source::code(text);
    let mut found = at_lines(path, &code, "#[ignore");
    if path.starts_with("tests/") {
        found.extend(["sleep(", "sleep_until("].iter().flat_map(|word| at_lines(path, &code, word)));
    }
    found
}

fn machine_traces(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let host = PACKAGE_HOSTS.iter().find(|host| line.contains(**host));
        if let Some(trace) = MACHINE_PATHS.iter().find(|folder| names_folder(line, folder)).or(host) {
            found.push(format!("{path}:{}: `{trace}`", number + 1));
        }
    }
    found
}

/// Whether an absolute path starts with `folder`; the same letters inside a longer path do not count.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let inside = |c: char| source::is_name(c) || "./~}-*".contains(c);
        !line[..at].ends_with(inside) && line[at + folder.len()..].starts_with(|c: char| c.is_ascii_lowercase())
    })
}

fn vague_name(path: &str) -> Option<String> {
    let name = path.split('/').find(|part| VAGUE_NAMES.contains(&part.trim_end_matches(".rs")))?;
    Some(format!("{path}:1: `{name}`"))
}

fn at_lines(path: &str, text: &str, word: &str) -> Vec<String> {
    source::lines_with(text, word).into_iter().map(|line| format!("{path}:{line}: `{word}`")).collect()
}

// In two parts each, so that this file does not find itself.
const MARKERS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];
const PACKAGE_HOSTS: [&str; 6] = [
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("deb.debian", ".org"),
];
const VAGUE_NAMES: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "types", "misc", "shared"];

#[test]
fn unfinished_samples_are_found() {
    let note = format!("fn f() {{}}\n// {}: later", MARKERS[0]);
    assert_eq!(unfinished("a.rs", &note), [format!("a.rs:2: `{}`", MARKERS[0])]);
    assert_eq!(unfinished("a.rs", "fn f() { todo!() }"), ["a.rs:1: `todo!`"]);
    assert!(unfinished("a.rs", "// no todo! here").is_empty());
    assert!(unfinished("run", &format!("mktemp log.{}{}", MARKERS[1], MARKERS[1])).is_empty());
}

#[test]
fn skipped_and_sleeping_samples_are_found() {
    assert_eq!(skipped("agent/src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"), ["agent/src/a.rs:2: `#[ignore`"]);
    assert_eq!(skipped("tests/a.rs", "tokio::time::sleep(d).await"), ["tests/a.rs:1: `sleep(`"]);
    assert!(skipped("agent/src/a.rs", "tokio::time::sleep(d).await").is_empty());
}

#[test]
fn machine_samples_are_found() {
    #[track_caller]
    fn case(text: String, want: usize) {
        assert_eq!(machine_traces("a.md", &text).len(), want, "{text}");
    }
    for folder in MACHINE_PATHS {
        case(format!("see {folder}x"), 1);
        case(format!("\"{folder}x\""), 1);
        case(format!("see agent{folder}x and $dir{folder}"), 0);
    }
    case(format!("pip install -i https://{}/simple x", PACKAGE_HOSTS[0]), 1);
}

#[test]
fn vague_names_are_found() {
    assert!(vague_name("agent/src/utils.rs").is_some());
    assert!(vague_name("tests/sim/helpers/a.rs").is_some());
    assert!(vague_name("agent/src/domain/types.rs").is_some());
    assert!(vague_name("agent/src/commonwealth.rs").is_none());
}
