//! From text to TOML, past lines that are none.

use std::collections::BTreeSet;

use toml_edit::{Document, TomlError};

use super::reader::Problems;

/// Parses the text. A `key = value` line that is not TOML is reported and left out, so that mistakes further on are
/// found too; `None` when what is wrong cannot be left out.
pub(super) fn read_document(text: &str, problems: &Problems<'_>) -> Option<Document<String>> {
    let mut text = text.to_owned();
    leave_out_extended(&mut text, problems);
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
        leave_out(&mut text, number, line.len(), problems);
    }
    None
}

/// The parser ends the program where a value that it could not read is extended by a dotted key or heading (toml_edit 0.23:
/// "all items have spans"). Such a value is left out before.
fn leave_out_extended(text: &mut String, problems: &Problems<'_>) {
    let extended: BTreeSet<String> =
        text.lines().flat_map(|line| parts(line).skip(1).zip(parts(line))).map(|(_, part)| part).collect();
    for (number, line) in (1..).zip(text.clone().lines()) {
        let is_extended = is_in_one_line(line) && parts(line).last().is_some_and(|last| extended.contains(&last));
        if let (true, Err(error)) = (is_extended, Document::parse(line.to_owned())) {
            report(problems, number, line, &error);
            leave_out(text, number, line.len(), problems);
        }
    }
}

/// The parts of a setting's or heading's name, without quotes.
fn parts(line: &str) -> impl Iterator<Item = String> {
    let name = line.split_once('=').map_or(line, |(name, _)| name).trim().trim_matches(['[', ']']);
    name.split('.').map(|part| part.trim().trim_matches(['"', '\'']).to_owned())
}

/// Blanks a line, as long as before, so that all positions stay true.
fn leave_out(text: &mut String, number: usize, length: usize, problems: &Problems<'_>) {
    problems.lines_were_left_out();
    let start = text.split_inclusive('\n').take(number - 1).map(str::len).sum::<usize>();
    text.replace_range(start..start + length, &" ".repeat(length));
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
    let Some((key, _)) = line.split_once('=') else {
        return false;
    };
    let is_key = key.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_key && !key.trim().is_empty() && is_in_one_line(line)
}

/// Whether a value begins here that does not go on in the next line.
fn is_in_one_line(line: &str) -> bool {
    let opens = |value: &str| ["\"\"\"", "'''", "[", "{"].iter().any(|opening| value.contains(opening));
    line.split_once('=').is_some_and(|(_, value)| !opens(value))
}

/// A text with more of them is no configuration.
const SYNTAX_FAULTS_MAX: usize = 20;
