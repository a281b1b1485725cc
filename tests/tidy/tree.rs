//! The files of the workspace, as a clean clone has them.

use std::fs;
use std::path::{Path, PathBuf};

/// One text file; `path` is relative to the workspace, with `/` between its parts.
pub struct TreeFile {
    pub path: String,
    pub text: String,
}

/// Every text file, sorted by path, without what builds leave behind. Binary files are left out.
pub fn files() -> Vec<TreeFile> {
    let mut paths = Vec::new();
    collect(&root(), "", &mut paths);
    paths.sort();
    let text = |path: String| Some(TreeFile { text: fs::read_to_string(root().join(&path)).ok()?, path });
    paths.into_iter().filter_map(text).collect()
}

/// The Rust files among them.
pub fn rust_files() -> Vec<TreeFile> {
    let mut files = files();
    files.retain(|file| file.path.ends_with(".rs"));
    files
}

/// The names directly under the workspace.
pub fn top_level() -> Vec<String> {
    names(&root()).into_iter().map(|(name, _)| name).collect()
}

/// One file that must exist.
#[track_caller]
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names in one folder; empty when there is no such folder.
pub fn folder(path: &str) -> Vec<String> {
    let path = root().join(path);
    if path.is_dir() { names(&path).into_iter().map(|(name, _)| name).collect() } else { Vec::new() }
}

/// Fails with the rule and one finding (`path:line: what`) per line.
#[track_caller]
pub fn assert_none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}\n", findings.join("\n  "));
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_path_buf()
}

fn collect(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for (name, is_folder) in names(folder) {
        if is_folder {
            collect(&folder.join(&name), &format!("{prefix}{name}/"), paths);
        } else {
            paths.push(format!("{prefix}{name}"));
        }
    }
}

/// Names with whether each is a folder, without build products; links are not followed.
fn names(folder: &Path) -> Vec<(String, bool)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.expect("the folder stays while it is read");
        let name = entry.file_name().to_str().expect("file names are UTF-8").to_owned();
        let is_folder = entry.file_type().expect("the entry stays while it is read").is_dir();
        if !BUILD_PRODUCTS.contains(&name.as_str()) {
            names.push((name, is_folder));
        }
    }
    names
}

/// Never part of a clone.
const BUILD_PRODUCTS: [&str; 3] = [".git", "target", "__pycache__"];

#[test]
fn the_walk_finds_this_file_and_no_build_product() {
    let paths: Vec<String> = rust_files().into_iter().map(|file| file.path).collect();
    assert!(paths.contains(&"tests/tidy/tree.rs".to_owned()), "{paths:?}");
    assert!(!paths.iter().any(|path| path.starts_with("target/")));
}
