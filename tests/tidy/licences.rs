//! The list of libraries on the page is that of the lock file.

use std::process::Command;

use crate::tree;

#[test]
fn the_list_of_libraries_is_what_the_program_is_built_from() {
    let built = libraries();
    if std::env::var_os("KILOSAT_RENEW").is_some() {
        #[allow(clippy::disallowed_methods)] // a file of the tree, which git keeps
        std::fs::write(tree::root().join(LIST), built.join("\n") + "\n").expect("the list can be written");
    }
    let listed = tree::read(LIST);
    let missing = built.iter().filter(|line| !listed.lines().any(|known| known == line.as_str()));
    let gone = listed.lines().filter(|known| !built.iter().any(|line| line == known));
    let findings: Vec<_> =
        missing.map(|line| format!("missing: {line}")).chain(gone.map(|line| format!("gone: {line}"))).collect();
    tree::assert_none("KILOSAT_RENEW=1 cargo test --test tidy licences writes agent/web/licences.txt anew", &findings);
}

const LIST: &str = "agent/web/licences.txt";

/// `name version|licence` of everything in the program with all its features on a PC, as cargo has it.
fn libraries() -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = "tree --locked -p kilosat -e normal --features rppal --target x86_64-unknown-linux-gnu --prefix none";
    let mut command = Command::new(cargo);
    command.current_dir(tree::root()).args(asked.split(' ')).args(["--format", "{p}|{l}"]);
    let told = command.output().expect("cargo can be started");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    listed(&String::from_utf8_lossy(&told.stdout))
}

/// Without our own crates, and each once.
fn listed(tree: &str) -> Vec<String> {
    let line = |line: &str| {
        let (package, licence) = line.split_once('|')?;
        let (name, version) = package.split_once(" v")?;
        let version = version.split(' ').next()?;
        (!name.starts_with("kilosat")).then(|| format!("{name} {version}|{}", licence.trim_end_matches(" (*)")))
    };
    let mut lines: Vec<_> = tree.lines().filter_map(line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

#[test]
fn what_cargo_says_is_read_line_by_line() {
    let told = "kilosat v0.1.0 (/somewhere/agent)|MIT\nserde v1.0.1|MIT\naskama_derive v0.1.0 (proc-macro)|MIT OR Apache-2.0 (*)\nserde v1.0.1|MIT (*)\n";
    assert_eq!(listed(told), ["askama_derive 0.1.0|MIT OR Apache-2.0", "serde 1.0.1|MIT"]);
}
