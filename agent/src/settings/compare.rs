//! Which lines of `kilosat.toml` a change touches.

use similar::{ChangeTag, TextDiff};

/// A line of the difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What becomes of it.
    pub mark: Mark,
    /// Without its end.
    pub text: String,
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It stays, and is shown so that the others can be found.
    Same,
    /// It goes.
    Gone,
    /// It is new.
    New,
    /// Lines that stay are left out here.
    Gap,
}

/// The lines that differ, with two lines around each and gaps between.
pub fn lines_that_differ(before: &str, after: &str) -> Vec<Line> {
    let difference = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    for group in difference.grouped_ops(AROUND) {
        if !lines.is_empty() {
            lines.push(Line { mark: Mark::Gap, text: String::new() });
        }
        for change in group.iter().flat_map(|operation| difference.iter_changes(operation)) {
            let mark = match change.tag() {
                ChangeTag::Equal => Mark::Same,
                ChangeTag::Delete => Mark::Gone,
                ChangeTag::Insert => Mark::New,
            };
            lines.push(Line { mark, text: change.value().trim_end_matches(['\r', '\n']).to_owned() });
        }
    }
    lines
}

const AROUND: usize = 2;
