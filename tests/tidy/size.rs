//! How long a file and a function may be.

use crate::production::{self, ProductionFile};
use crate::source;
use crate::tree;

const FILE_LINES_MAX: usize = 400;
/// Tests are tables and stories; they may be somewhat longer.
const TEST_FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 60;

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    let findings: Vec<_> = tree::rust_files().iter().filter_map(|file| long_file(&file.path, &file.text)).collect();
    tree::assert_none("make a folder of it, one topic per file", &findings);
}

#[test]
fn no_function_is_longer_than_a_screen() {
    let findings: Vec<_> = production::files().iter().flat_map(long_functions).collect();
    tree::assert_none("name a part of it and move it below", &findings);
}

fn long_file(path: &str, text: &str) -> Option<String> {
    let max = if path.starts_with("tests/") { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    let lines = text.lines().count();
    (lines > max).then(|| format!("{path}:{max}: {lines} lines, at most {max}"))
}

/// Only in production code; a test may tell a long story.
fn long_functions(ProductionFile { path, code }: &ProductionFile) -> Vec<String> {
    let long = source::functions(code).into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    long.map(|f| format!("{path}:{}: `{}` has {} lines, at most {FUNCTION_LINES_MAX}", f.line, f.name, f.lines))
        .collect()
}

#[test]
fn long_samples_are_found() {
    let lines = |count: usize| "x();\n".repeat(count);
    assert!(long_file("agent/src/a.rs", &lines(400)).is_none());
    assert!(long_file("agent/src/a.rs", &lines(401)).is_some());
    assert!(long_file("tests/a.rs", &lines(500)).is_none());
    assert!(long_file("tests/a.rs", &lines(501)).is_some());
    let long_function = |count| {
        let code = format!("\nfn long() {{\n{}}}\n", lines(count));
        long_functions(&ProductionFile { path: "agent/src/a.rs".to_owned(), code })
    };
    assert!(long_function(58).is_empty());
    assert_eq!(long_function(59), ["agent/src/a.rs:2: `long` has 61 lines, at most 60"]);
}
