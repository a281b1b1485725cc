//! From text to TOML, past lines that are none.

use toml_edit::{Document, TomlError};

use super::reader::Problems;

/// Parses the text. A `key = value` line that is not TOML is reported and left out, so that mistakes further on are
/// found too; `None` when what is wrong cannot be left out.
pub(super) fn read_document(text: &str, problems: &Problems<'_>) -> Option<Document<String>> {
    let mut text = text.to_owned();
    for _ in 0..SYNTAX_FAULTS_MAX {
        let error = match Document::parse(text.clone()) {
            Ok(document) => return Some(document),
            Err(error) => error,
        };
        let number = problems.line_at(error.span());
        let line = text.lines().nth(number - 1).unwrap_or_default().to_owned();
        report(problems, number, &line, &error);
        if !is_single_setting(&line) {
            return None;
        }
        problems.lines_were_left_out();
        // As long as before, so that all positions stay true.
        let blank = " ".repeat(line.len());
        let start = text.split_inclusive('\n').take(number - 1).map(str::len).sum::<usize>();
        text.replace_range(start..start + line.len(), &blank);
    }
    None
}

fn report(problems: &Problems<'_>, number: usize, line: &str, error: &TomlError) {
    let key = line.split_once('=').map_or("this line", |(key, _)| key.trim());
    let key = if line.trim_start().starts_with('[') || key.is_empty() { "this line" } else { key };
    let what = error.message().split([',', '\n']).next().unwrap_or_default();
    let text = if what == "duplicate key" {
        "is there twice; keep one and remove the other".to_owned()
    } else {
        format!("cannot be read ({what}). A text stands in quotes, a number does not: name = \"My house\", port = 502")
    };
    problems.add(number, key, text);
}

/// Whether the line is one setting, complete in itself, and not a heading or a part of something longer.
fn is_single_setting(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let is_key = key.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_key && !key.trim().is_empty() && !["\"\"\"", "'''", "[", "{"].iter().any(|opening| value.contains(opening))
}

/// A text with more of them is no configuration.
const SYNTAX_FAULTS_MAX: usize = 20;
