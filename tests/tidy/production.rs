//! The code that users run: the two shipped crates without their tests.

use std::path::Path;

use crate::source;
use crate::tree::{self, TreeFile};

/// One shipped file; in `code`, comments, literals and tests are blanked.
pub struct ProductionFile {
    pub path: String,
    pub code: String,
}

/// Every file of the shipped crates that is not compiled for tests alone.
pub fn files() -> Vec<ProductionFile> {
    let mut files = tree::rust_files();
    files.retain(|file| file.path.starts_with("agent/src/") || file.path.starts_with("drivers/src/"));
    let test_only: Vec<_> = files.iter().flat_map(test_only).collect();
    files.retain(|file| !test_only.iter().any(|start| file.path.starts_with(start)));
    files.into_iter().map(|file| ProductionFile { code: source::production(&file.text), path: file.path }).collect()
}

/// How the paths start of the files that `#[cfg(test)] mod name;` in this file brings in.
fn test_only(file: &TreeFile) -> Vec<String> {
    let code = source::code(&file.text);
    let mut found = Vec::new();
    for (start, end) in source::test_items(&code) {
        let Some(name) = code[start..end].trim_end_matches(';').split_once("mod ").map(|(_, name)| name.trim()) else {
            continue;
        };
        if !name.chars().all(source::is_name) {
            continue; // a module with its body in this file
        }
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let given = file.text[start..end].split_once("#[path").and_then(|(_, rest)| rest.split('"').nth(1));
        if let Some(path) = given {
            found.push(format!("{folder}/{path}"));
        } else {
            let folder = module_folder(&file.path);
            found.extend([format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]);
        }
    }
    found
}

/// Where the modules lie that this file declares.
fn module_folder(path: &str) -> String {
    let folder_is_module = ["/mod.rs", "/lib.rs", "/main.rs"].iter().any(|end| path.ends_with(end));
    let path = Path::new(path);
    let folder = if folder_is_module { path.parent().unwrap_or(path).to_path_buf() } else { path.with_extension("") };
    folder.display().to_string()
}

#[test]
fn files_compiled_for_tests_alone_are_known() {
    #[track_caller]
    fn case(path: &str, text: &str, want: &[&str]) {
        assert_eq!(test_only(&TreeFile { path: path.to_owned(), text: text.to_owned() }), want);
    }
    let text = "mod a;\n#[cfg(test)]\npub(crate) mod é_b;\n#[cfg(test)]\nmod c { mod d; }";
    case("agent/src/x/mod.rs", text, &["agent/src/x/é_b.rs", "agent/src/x/é_b/"]);
    case("agent/src/x.rs", text, &["agent/src/x/é_b.rs", "agent/src/x/é_b/"]);
    case("agent/src/x.rs", "// é\n#[cfg(test)]\n#[path = \"x_tests.rs\"]\nmod tests;", &["agent/src/x_tests.rs"]);
}
