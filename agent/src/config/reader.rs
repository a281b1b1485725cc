//! Reads a TOML table key by key and collects every mistake with its line, instead of stopping at the first.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use toml_edit::{Document, Item, TableLike};

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
}

/// One table being read. Every key that is asked for counts as known; [`Section::finish`] reports the others.
pub(super) struct Section<'a> {
    problems: &'a Problems<'a>,
    table: Option<&'a dyn TableLike>,
    path: String,
    line: usize,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Problems<'a> {
    pub(super) fn new(text: &'a str) -> Problems<'a> {
        Problems { text, found: RefCell::default() }
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
        self.found.borrow_mut().push(Problem { line, key: key.to_owned(), text: text.into() });
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

    /// A text; `default` when the key is absent, or a mistake when there is none.
    pub(super) fn text(&self, key: &'static str, default: Option<&str>) -> String {
        match self.item(key) {
            None => self.absent(key, default.map(str::to_owned), "a text in quotes").unwrap_or_default(),
            Some(item) => match item.as_str() {
                Some(text) => text.to_owned(),
                None => self.mismatch(key, item, "a text in quotes").unwrap_or_default(),
            },
        }
    }

    /// A text that may be absent.
    pub(super) fn maybe_text(&self, key: &'static str) -> Option<String> {
        self.item(key).and_then(|item| match item.as_str() {
            Some(text) => Some(text.to_owned()),
            None => self.mismatch(key, item, "a text in quotes"),
        })
    }

    /// A whole number within `range`.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u64>, default: Option<u64>) -> u64 {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let fallback = *range.start();
        match self.item(key) {
            None => self.absent(key, default, &wanted).unwrap_or(fallback),
            Some(item) => match item.as_integer().and_then(|number| u64::try_from(number).ok()) {
                Some(number) if range.contains(&number) => number,
                _ => self.mismatch(key, item, &wanted).unwrap_or(fallback),
            },
        }
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str, default: bool) -> bool {
        match self.item(key) {
            None => default,
            Some(item) => item.as_bool().or_else(|| self.mismatch(key, item, "true or false")).unwrap_or(default),
        }
    }

    /// A text that `read` turns into a value; what `read` rejects is a mistake with its sentence.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        default: Option<&str>,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if default.is_none() && self.item(key).is_none() {
            self.absent::<T>(key, None, "a text in quotes");
            return None;
        }
        let text = self.text(key, default);
        if self.item(key).is_some_and(|item| item.as_str().is_none()) {
            return None;
        }
        read(&text).map_err(|fault| self.wrong(key, fault)).ok()
    }

    /// A sub-table, empty when it is absent.
    pub(super) fn section(&self, key: &'static str) -> Section<'a> {
        let item = self.item(key);
        let table = item.and_then(Item::as_table_like);
        if let (Some(item), None) = (item, table) {
            self.mismatch::<()>(key, item, &format!("a section: [{}]", self.full(key)));
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
            self.mismatch::<()>(key, item, &format!("one or more sections: [[{key}]]"));
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
        let Some(table) = self.table else { return Vec::new() };
        table
            .iter()
            .filter_map(|(key, item)| match item.as_str() {
                Some(text) => Some((key.to_owned(), text.to_owned())),
                None => {
                    self.wrong(key, format!("expected a text in quotes, found {}", item.type_name()));
                    None
                }
            })
            .collect()
    }

    /// Reports the keys that nothing asked for. Comes last.
    pub(super) fn finish(&self) {
        let Some(table) = self.table else { return };
        let known = self.known.borrow();
        for (key, _) in table.iter().filter(|(key, _)| !known.contains(key)) {
            let near = known.iter().min_by_key(|name| distance(name, key)).filter(|name| distance(name, key) <= 3);
            let hint = match near {
                Some(name) => format!("there is no such key; did you mean {name}?"),
                None => format!("there is no such key here; known: {}", known.join(", ")),
            };
            self.wrong(key, hint);
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

    fn absent<T>(&self, key: &str, default: Option<T>, wanted: &str) -> Option<T> {
        if default.is_none() {
            self.problems.add(self.line, &self.full(key), format!("is missing; write {wanted}"));
        }
        default
    }

    fn mismatch<T>(&self, key: &str, item: &Item, wanted: &str) -> Option<T> {
        let written = item.as_value().and_then(|value| self.problems.text.get(value.span()?));
        let found =
            written.map_or_else(|| item.type_name().to_owned(), |text| format!("{text} ({})", item.type_name()));
        self.wrong(key, format!("expected {wanted}, found {found}"));
        None
    }
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

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn distances_count_edits() {
        for (a, b, expected) in
            [("", "", 0), ("port", "prot", 2), ("meter", "meters", 1), ("abc", "xyz", 3), ("", "ab", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
