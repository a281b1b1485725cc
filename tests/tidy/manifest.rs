//! The manifests, the top level, the change log, the schema: what belongs together agrees.

use crate::tree;

#[test]
fn the_top_level_holds_what_the_design_lists_and_nothing_else() {
    tree::assert_none("the top level is fixed", &strangers(&tree::top_level()));
}

#[test]
fn every_dependency_says_why_it_is_here() {
    let manifest = tree::read("Cargo.toml");
    tree::assert_none("end the line with `# the reason`", &without_reason("Cargo.toml", &manifest));
}

#[test]
fn every_crate_takes_its_dependencies_from_the_workspace() {
    let members = ["agent/Cargo.toml", "drivers/Cargo.toml", "tests/Cargo.toml"];
    let findings: Vec<_> = members.iter().flat_map(|path| own_versions(path, &tree::read(path))).collect();
    tree::assert_none("one version per dependency: write `name.workspace = true`", &findings);
}

#[test]
fn every_package_comes_from_the_public_registry() {
    let findings = foreign_sources("Cargo.lock", &tree::read("Cargo.lock"));
    tree::assert_none("no git sources and no mirrors in the lock file", &findings);
}

#[test]
fn the_change_log_starts_with_the_version_of_the_workspace() {
    let (manifest, log) = (tree::read("Cargo.toml"), tree::read("CHANGELOG.md"));
    let version = workspace_version(&manifest).expect("[workspace.package] has a version");
    assert_eq!(newest_entry(&log), Some(version), "CHANGELOG.md: the first `## ` heading names another version");
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let names: Vec<_> = tree::folder("agent/schema").into_iter().filter(|name| name.ends_with(".sql")).collect();
    assert!(!names.is_empty(), "agent/schema: no migration");
    tree::assert_none("name it NNNN_what.sql with the next number", &misnumbered(names));
}

#[test]
fn the_reference_configuration_exists() {
    assert!(!tree::read("agent/kilosat.toml").trim().is_empty(), "agent/kilosat.toml is empty");
}

fn strangers(names: &[String]) -> Vec<String> {
    let known =
        |name: &&String| name.starts_with('.') || name.starts_with("LICENSE-") || TOP_LEVEL.contains(&name.as_str());
    names.iter().filter(|name| !known(name)).map(|name| format!("{name}:1: not in the list")).collect()
}

/// Lines under `[workspace.dependencies]` that neither name a crate of ours nor end with a reason.
fn without_reason(path: &str, manifest: &str) -> Vec<String> {
    let lines = section_lines(manifest, |section| section == "workspace.dependencies");
    let silent = lines.filter(|(_, line)| {
        let reason = line.split_once('#').map_or("", |(_, reason)| reason.trim());
        !line.contains("path = ") && reason.is_empty()
    });
    silent.map(|(number, line)| format!("{path}:{number}: {line}")).collect()
}

fn own_versions(path: &str, manifest: &str) -> Vec<String> {
    let lines = section_lines(manifest, |section| section.ends_with("dependencies"));
    let own = lines.filter(|(_, line)| !line.contains("workspace = true"));
    own.map(|(number, line)| format!("{path}:{number}: {line}")).collect()
}

fn foreign_sources(path: &str, lock: &str) -> Vec<String> {
    let sources = lock.lines().enumerate().filter(|(_, line)| line.starts_with("source = "));
    let foreign = sources.filter(|(_, line)| *line != PUBLIC_REGISTRY);
    foreign.map(|(number, line)| format!("{path}:{}: {line}", number + 1)).collect()
}

/// Number, from 1, and text of every line with a key in the sections that `wanted` accepts.
fn section_lines(manifest: &str, wanted: fn(&str) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    manifest.lines().enumerate().filter_map(move |(number, line)| {
        if let Some(section) = line.strip_prefix('[') {
            inside = wanted(section.split(']').next().unwrap_or_default());
            return None;
        }
        let has_key = line.starts_with(|c: char| c.is_ascii_alphanumeric());
        (inside && has_key).then_some((number + 1, line))
    })
}

fn workspace_version(manifest: &str) -> Option<&str> {
    let mut lines = section_lines(manifest, |section| section == "workspace.package");
    lines.find_map(|(_, line)| line.strip_prefix("version = ")).map(|value| value.trim().trim_matches('"'))
}

/// The version in the first heading of second level: `## 1.2.3 - 2027-01-31`, `## [1.2.3]`, `## v1.2.3`.
fn newest_entry(log: &str) -> Option<&str> {
    let heading = log.lines().find_map(|line| line.strip_prefix("## "))?;
    Some(heading.split_whitespace().next()?.trim_matches(['[', ']', ':', 'v']))
}

fn misnumbered(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    let wrong = |(index, name): (usize, &String)| {
        let number = name.split_once('_').map_or("", |(number, _)| number);
        let right = format!("{:04}", index + 1);
        (number != right).then(|| format!("agent/schema/{name}:1: should start with {right}_"))
    };
    names.iter().enumerate().filter_map(wrong).collect()
}

const TOP_LEVEL: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "agent",
    "drivers",
    "packaging",
    "systemd",
    "yocto",
    "tests",
    "README.md",
    "CHANGELOG.md",
];
const PUBLIC_REGISTRY: &str = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";

#[test]
fn strangers_are_found() {
    let names = ["agent", "LICENSE-MIT", ".ci", "notes.txt"].map(str::to_owned);
    assert_eq!(strangers(&names), ["notes.txt:1: not in the list"]);
}

#[test]
fn silent_dependencies_are_found() {
    let manifest =
        "[workspace.dependencies]\nown = { path = \"own\" }\na = \"1\" # reason\nb = \"1\" #\nc = \"2\"\n[x]\nd = 1";
    assert_eq!(without_reason("m", manifest), ["m:4: b = \"1\" #", "m:5: c = \"2\""]);
    let member = "[package]\nname = \"x\"\n[dev-dependencies]\na.workspace = true\nb = \"1\"";
    assert_eq!(own_versions("m", member), ["m:5: b = \"1\""]);
}

#[test]
fn foreign_sources_are_found() {
    let lock = format!("{PUBLIC_REGISTRY}\nsource = \"git+https://example.org/x#1\"");
    assert_eq!(foreign_sources("l", &lock), ["l:2: source = \"git+https://example.org/x#1\""]);
}

#[test]
fn versions_are_read_from_manifest_and_log() {
    assert_eq!(workspace_version("[workspace]\n[workspace.package]\nversion = \"1.2.3\""), Some("1.2.3"));
    assert_eq!(newest_entry("# Changes\n\n## [1.2.3] - 2027-01-31\n## 1.2.2"), Some("1.2.3"));
    assert_eq!(newest_entry("# Changes"), None);
}

#[test]
fn misnumbered_migrations_are_found() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert!(misnumbered(names(&["0002_b.sql", "0001_a.sql"])).is_empty());
    assert_eq!(misnumbered(names(&["0001_a.sql", "0003_c.sql"])).len(), 1);
    assert_eq!(misnumbered(names(&["0001_a.sql", "0001_b.sql"])).len(), 1);
}
