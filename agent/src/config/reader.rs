//! Reads a TOML table key by key and collects every mistake with its line, instead of stopping at the first.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::{Range, RangeInclusive};

use toml_edit::{Document, Item, TableLike};

use crate::text::cleaned;

/// One mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// Dotted, such as `meter.poll_interval_ms`.
    pub key: String,
    /// What is wrong and what would be right.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.key, self.text)
    }
}

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(super) struct Problems<'a> {
    text: &'a str,
    found: RefCell<Vec<Problem>>,
    lines_left_out: Cell<bool>,
}

/// One table being read. Every key that is asked for counts as known; [`Section::finish`] reports the others.
pub(super) struct Section<'a> {
    problems: &'a Problems<'a>,
    table: Option<&'a dyn TableLike>,
    path: String,
    line: usize,
    known: RefCell<Vec<&'static str>>,
}

/// What an absent text means.
#[derive(Clone, Copy)]
pub(super) enum Absent<'a> {
    /// The same as this text.
    Means(&'a str),
    /// A mistake; this is what could stand there.
    IsWrong(&'a str),
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Problems<'a> {
        Problems { text, ..Problems::default() }
    }

    pub(super) fn root(&'a self, document: &'a Document<String>) -> Section<'a> {
        Section {
            problems: self,
            table: Some(document.as_table()),
            path: String::new(),
            line: 1,
            known: RefCell::default(),
        }
    }

    pub(super) fn add(&self, line: usize, key: &str, text: impl Into<String>) {
        let key = cleaned(key, KEY_CHARS_SHOWN_MAX);
        self.found.borrow_mut().push(Problem { line, key, text: text.into() });
    }

    /// Lines that are not TOML were left out: what is absent from now on may have stood there, and is not reported.
    pub(super) fn lines_were_left_out(&self) {
        self.lines_left_out.set(true);
    }

    /// All mistakes in the order of the file.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        let mut found = self.found.into_inner();
        found.sort();
        found.dedup();
        found
    }

    pub(super) fn line_at(&self, span: Option<Range<usize>>) -> usize {
        let end = span.map_or(0, |span| span.start);
        1 + self.text.bytes().take(end).filter(|byte| *byte == b'\n').count()
    }
}

impl<'a> Section<'a> {
    /// The line of `key`, or of the section when the key is not there.
    pub(super) fn line_of(&self, key: &str) -> usize {
        let entry = self.table.and_then(|table| table.get_key_value(key));
        entry.map_or(self.line, |(key, item)| self.problems.line_at(key.span().or_else(|| item.span())))
    }

    /// Reports a mistake at `key`.
    pub(super) fn wrong(&self, key: &str, text: impl Into<String>) {
        self.problems.add(self.line_of(key), &self.full(key), text);
    }

    /// A text that `read` turns into a value; what `read` rejects is a mistake with its sentence.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        absent: Absent<'_>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = match (self.item(key), absent) {
            (Some(item), _) => item.as_str().or_else(|| self.mismatch(key, item, A_TEXT))?,
            (None, Absent::Means(text)) => text,
            (None, Absent::IsWrong(example)) => return self.missing(key, &format!("{key} = {example:?}")),
        };
        read(text).map_err(|fault| self.wrong(key, fault)).ok()
    }

    /// A text that may not be empty.
    pub(super) fn text(&self, key: &'static str, absent: Absent<'_>) -> Option<String> {
        self.parsed(key, absent, |text| {
            if text.trim().is_empty() {
                let (Absent::Means(example) | Absent::IsWrong(example)) = absent;
                Err(format!("is empty; write for example {key} = {example:?}"))
            } else {
                Ok(text.to_owned())
            }
        })
    }

    /// A text that may be absent: `Some(None)` then, `None` after a mistake.
    pub(super) fn optional<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        match self.item(key) {
            None => Some(None),
            Some(_) => self.parsed(key, Absent::Means(""), read).map(Some),
        }
    }

    /// A whole number within `range`; without a default it must be there.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u64>, default: Option<u64>) -> Option<u64> {
        let wanted = format!("a whole number from {} to {}", grouped(*range.start()), grouped(*range.end()));
        match (self.item(key), default) {
            (None, Some(default)) => Some(default),
            (None, None) => self.missing(key, &format!("{key} = and {wanted}")),
            (Some(item), _) => item
                .as_integer()
                .and_then(|number| u64::try_from(number).ok())
                .filter(|number| range.contains(number))
                .or_else(|| self.mismatch(key, item, &wanted)),
        }
    }

    /// A whole number within `range` that may be absent: `Some(None)` then, `None` after a mistake.
    pub(super) fn optional_number(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<Option<u64>> {
        match self.item(key) {
            None => Some(None),
            Some(_) => self.number(key, range, None).map(Some),
        }
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> Option<bool> {
        match self.item(key) {
            None => Some(default),
            Some(item) => item.as_bool().or_else(|| self.mismatch(key, item, "true or false")),
        }
    }

    /// The text at `key` if there is one, without judging it.
    pub(super) fn peek(&self, key: &'static str) -> Option<&'a str> {
        self.item(key).and_then(Item::as_str)
    }

    /// Whether anything stands at `key`.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// A sub-table, empty when it is absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let item = self.item(key);
        let table = item.and_then(Item::as_table_like);
        if let (Some(item), None) = (item, table) {
            self.mismatch::<()>(key, item, &format!("one section, which begins with [{}]", self.full(key)));
        }
        Section {
            problems: self.problems,
            table,
            path: self.full(key),
            line: self.line_of(key),
            known: RefCell::default(),
        }
    }

    /// Every table of a list such as `[[meter]]`.
    pub(super) fn list(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(item) = self.item(key) else { return Vec::new() };
        let Some(tables) = item.as_array_of_tables() else {
            self.mismatch::<()>(
                key,
                item,
                &format!("one or more sections, each of which begins with [[{}]]", self.full(key)),
            );
            return Vec::new();
        };
        tables
            .iter()
            .map(|table| Section {
                problems: self.problems,
                table: Some(table),
                path: self.full(key),
                line: self.problems.line_at(table.span()),
                known: RefCell::default(),
            })
            .collect()
    }

    /// Every key of this section with its text value, for sections whose keys the owner chooses.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let pairs = self.table.into_iter().flat_map(TableLike::iter);
        pairs
            .filter_map(|(key, item)| match item.as_str() {
                Some(text) => Some((key.to_owned(), text.to_owned())),
                None => self.mismatch(key, item, A_TEXT),
            })
            .collect()
    }

    /// Reports the keys that nothing asked for. Comes last.
    pub(super) fn finish(&self) {
        let known = self.known.borrow();
        let all = self.table.into_iter().flat_map(TableLike::iter);
        for (key, _) in all.filter(|(key, _)| !known.contains(key)) {
            match likely(key, &known) {
                Some(name) => self.wrong(key, format!("there is no such key; did you mean {name}?")),
                None => self.wrong(key, format!("there is no such key here; known: {}", known.join(", "))),
            }
        }
    }

    fn item(&self, key: &'static str) -> Option<&'a Item> {
        if !self.known.borrow().contains(&key) {
            self.known.borrow_mut().push(key);
        }
        self.table.and_then(|table| table.get(key))
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn missing<T>(&self, key: &str, wanted: &str) -> Option<T> {
        if !self.problems.lines_left_out.get() {
            self.problems.add(self.line, &self.full(key), format!("is missing; write {wanted}"));
        }
        None
    }

    fn mismatch<T>(&self, key: &str, item: &Item, wanted: &str) -> Option<T> {
        let written = item.as_value().and_then(|value| self.problems.text.get(value.span()?));
        let found = match written {
            Some(text) => format!("{} ({})", cleaned(text, VALUE_CHARS_SHOWN_MAX), kind(item)),
            None => kind(item).to_owned(),
        };
        let hint = match item {
            _ if wanted == A_TEXT => "",
            _ if item.is_str() => ". Leave out the quotes",
            _ if item.is_float() && key.ends_with("_msat") => ". Amounts are whole msat; 1000 msat are 1 sat",
            _ => "",
        };
        self.wrong(key, format!("expected {wanted}, found {found}{hint}"));
        None
    }
}

fn kind(item: &Item) -> &'static str {
    match item.type_name() {
        "string" => "a text",
        "integer" => "a whole number",
        "float" => "a number with a decimal point",
        "boolean" => "true or false",
        "datetime" => "a date",
        "array" | "inline table" => "a list",
        "array of tables" => "several sections",
        _ => "a section",
    }
}

/// Digits in groups of three, as TOML allows them too.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// The known key that was probably meant: its unit was left out, or it is a few typing mistakes away.
fn likely<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    if key.len() > KEY_CHARS_SHOWN_MAX {
        return None;
    }
    let without_unit = known.iter().find(|name| key.len() >= PREFIX_BYTES_MIN && name.starts_with(key));
    without_unit.copied().or_else(|| {
        let edits_max = key.len().div_ceil(2).min(EDITS_MAX);
        let near = known.iter().map(|name| (distance(name, key), *name)).min();
        near.filter(|(edits, _)| *edits <= edits_max).map(|(_, name)| name)
    })
}

/// Edits from one key to another (Levenshtein), for hints at misspelled keys.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.chars().zip(row.iter().skip(1)) {
            left = (left + 1).min(above + 1).min(corner + usize::from(from != to));
            corner = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

const A_TEXT: &str = "a text in quotes";
const KEY_CHARS_SHOWN_MAX: usize = 80;
const VALUE_CHARS_SHOWN_MAX: usize = 40;
const EDITS_MAX: usize = 3;
const PREFIX_BYTES_MIN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        for (a, b, expected) in
            [("", "", 0), ("port", "prot", 2), ("meter", "meters", 1), ("abc", "xyz", 3), ("", "ab", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_misspelled_key_finds_the_one_that_was_meant() {
        let known = ["id", "port", "slice_msat", "poll_interval_ms"];
        for (key, expected) in [
            ("prot", Some("port")),
            ("ID", None),
            ("ip", Some("id")),
            ("slice", Some("slice_msat")),
            ("poll_intervall_ms", Some("poll_interval_ms")),
            ("x", None),
            ("colour", None),
        ] {
            assert_eq!(likely(key, &known), expected, "{key}");
        }
        assert_eq!(likely(&"p".repeat(100_000), &known), None);
    }

    #[test]
    fn long_numbers_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1_000"), (21_000_000, "21_000_000")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
