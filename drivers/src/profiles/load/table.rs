//! A TOML table that is read key by key; the first mistake ends the reading, and every mistake is one sentence.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml_edit::{Item, TableLike, Value};

use super::ProfileFault;
use crate::profiles::decimal::Decimal;

/// One table of a profile, and what has been asked of it so far.
pub(super) struct Table<'a> {
    file: &'a str,
    source: &'a str,
    place: String,
    table: &'a dyn TableLike,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn root(file: &'a str, source: &'a str, table: &'a dyn TableLike) -> Self {
        Self { file, source, place: String::new(), table, asked: RefCell::default() }
    }

    /// The same table under the name by which a reader finds it.
    pub(super) fn named(self, place: String) -> Self {
        Self { place, ..self }
    }

    pub(super) fn fault(&self, key: &str, text: impl Into<String>) -> ProfileFault {
        let place = match (self.place.as_str(), key) {
            ("", key) => key.to_owned(),
            (place, "") => place.to_owned(),
            (place, key) => format!("{place}, {key}"),
        };
        ProfileFault { file: self.file.to_owned(), place: shown(&place), text: text.into() }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    pub(super) fn text(&self, key: &'static str) -> Result<Option<&'a str>, ProfileFault> {
        let Some(item) = self.item(key) else { return Ok(None) };
        let text = item.as_str().ok_or_else(|| self.fault(key, "must be a text in quotes"))?;
        let fits = (1..=TEXT_BYTES_MAX).contains(&text.trim().len()) && !text.chars().any(char::is_control);
        let wrong = || self.fault(key, format!("must be one line of 1 to {TEXT_BYTES_MAX} bytes"));
        if fits { Ok(Some(text.trim())) } else { Err(wrong()) }
    }

    pub(super) fn needed_text(&self, key: &'static str, example: &str) -> Result<&'a str, ProfileFault> {
        self.text(key)?.ok_or_else(|| self.missing(key, &format!("{key} = {example:?}")))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, ProfileFault> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        found
            .map(Some)
            .ok_or_else(|| self.fault(key, format!("does not know {:?}; write one of {}", shown(text), known())))
    }

    /// One or several texts.
    pub(super) fn texts(&self, key: &'static str) -> Result<Vec<&'a str>, ProfileFault> {
        let Some(Item::Value(Value::Array(list))) = self.item(key) else {
            return Ok(self.text(key)?.into_iter().collect());
        };
        let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
        texts.ok_or_else(|| self.fault(key, "must be a text in quotes or a list of such texts"))
    }

    pub(super) fn flag(&self, key: &'static str) -> Result<bool, ProfileFault> {
        match self.item(key) {
            None => Ok(false),
            Some(item) => item.as_bool().ok_or_else(|| self.fault(key, "must be true or false, without quotes")),
        }
    }

    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Option<T>, ProfileFault> {
        let Some(item) = self.item(key) else { return Ok(None) };
        item.as_integer()
            .filter(|number| range.contains(number))
            .and_then(|number| T::try_from(number).ok())
            .map(Some)
            .ok_or_else(|| self.not_a_number(key, &range))
    }

    /// One or several whole numbers, none of them twice.
    pub(super) fn numbers<T: TryFrom<i64> + PartialEq>(
        &self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Result<Vec<T>, ProfileFault> {
        let Some(Item::Value(Value::Array(list))) = self.item(key) else {
            return Ok(self.number(key, range)?.into_iter().collect());
        };
        let mut numbers: Vec<T> = Vec::new();
        for value in list {
            let number = value.as_integer().filter(|number| range.contains(number));
            let number = number.and_then(|number| T::try_from(number).ok());
            let number = number.ok_or_else(|| self.not_a_number(key, &range))?;
            if numbers.contains(&number) || numbers.len() >= LIST_MAX {
                return Err(self.fault(key, format!("names the same number twice or more than {LIST_MAX}; shorten it")));
            }
            numbers.push(number);
        }
        Ok(numbers)
    }

    /// A number exactly as its decimal is written.
    pub(super) fn decimal(&self, key: &'static str) -> Result<Option<Decimal>, ProfileFault> {
        let Some(item) = self.item(key) else { return Ok(None) };
        let number = match item.as_value() {
            Some(Value::Integer(number)) => Some(Decimal::whole(*number.value())),
            Some(value @ Value::Float(_)) => {
                let written = value.span().and_then(|span| self.source.get(span));
                written.and_then(|text| Decimal::read(text.trim()))
            }
            _ => None,
        };
        let wrong = || self.fault(key, "must be a plain number such as 1, 0.1 or -0.01, without quotes");
        number.map(Some).ok_or_else(wrong)
    }

    /// A table, or `None` where nothing stands.
    pub(super) fn table(&self, key: &'static str) -> Result<Option<Table<'a>>, ProfileFault> {
        let Some(item) = self.item(key) else { return Ok(None) };
        let table = item.as_table_like().ok_or_else(|| self.fault(key, "must be a table such as { holding = 5 }"))?;
        Ok(Some(self.below(key, table)))
    }

    /// The entries of a table whose keys are numbers.
    pub(super) fn numbered_texts(&self, key: &'static str) -> Result<Vec<(i64, String)>, ProfileFault> {
        let Some(table) = self.table(key)? else { return Ok(Vec::new()) };
        let wrong = || self.fault(key, "must give texts to numbers, such as { 0 = \"off\", 1 = \"on\" }");
        let entry = |(number, item): (&str, &Item)| Some((number.parse().ok()?, shown(item.as_str()?)));
        let entries: Option<Vec<(i64, String)>> = table.table.iter().map(entry).collect();
        entries.filter(|entries| (1..=LIST_MAX).contains(&entries.len())).ok_or_else(wrong)
    }

    /// Every table of a list, written as sections or in brackets.
    pub(super) fn tables(&self, key: &'static str) -> Result<Vec<Table<'a>>, ProfileFault> {
        let wrong = || self.fault(key, format!("must be a list of tables: write [[{key}]] above each"));
        let tables: Vec<&'a dyn TableLike> = match self.item(key) {
            None => Vec::new(),
            Some(Item::ArrayOfTables(tables)) => tables.iter().map(|table| table as &dyn TableLike).collect(),
            Some(Item::Value(Value::Array(list))) => {
                let tables = list.iter().map(|value| value.as_inline_table().map(|table| table as &dyn TableLike));
                tables.collect::<Option<_>>().ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        if tables.len() > TABLES_MAX {
            return Err(self.fault(key, format!("is there more than {TABLES_MAX} times; make two profiles of it")));
        }
        let numbered = tables.into_iter().zip(1..);
        Ok(numbered.map(|(table, number)| self.below(&format!("{key} {number}"), table)).collect())
    }

    /// Refuses keys that nothing asked for. Comes last.
    pub(super) fn finish(&self) -> Result<(), ProfileFault> {
        let asked = self.asked.borrow();
        let stranger = self.table.iter().map(|(key, _)| key).find(|key| !asked.contains(key));
        stranger.map_or(Ok(()), |key| {
            let text = match near(key, asked.iter().copied()) {
                Some(name) => format!("there is no such key; did you mean {name}?"),
                None => format!("there is no such key here; known are {}", asked.join(", ")),
            };
            Err(self.fault(key, text))
        })
    }

    pub(super) fn missing(&self, key: &str, wanted: &str) -> ProfileFault {
        self.fault(key, format!("is missing; write for example {wanted}"))
    }

    fn not_a_number(&self, key: &str, range: &RangeInclusive<i64>) -> ProfileFault {
        let (first, last) = (range.start(), range.end());
        self.fault(key, format!("must be a whole number from {first} to {last}, without quotes"))
    }

    fn below(&self, place: &str, table: &'a dyn TableLike) -> Table<'a> {
        let place = if self.place.is_empty() { place.to_owned() } else { format!("{}, {place}", self.place) };
        Table { file: self.file, source: self.source, place, table, asked: RefCell::default() }
    }

    fn item(&self, key: &'static str) -> Option<&'a Item> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        self.table.get(key)
    }
}

/// The known name that was probably meant: it holds what was written or begins it, or few letters differ.
pub(in crate::profiles) fn near<'k>(wanted: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if wanted.len() > TEXT_BYTES_MAX {
        return None;
    }
    let far = wanted.len().div_ceil(3).min(EDITS_MAX);
    let rated = known.filter_map(|name| {
        let within = wanted.len() >= 3 && (name.contains(wanted) || wanted.starts_with(name));
        let edits = if within { 1 } else { edits(name, wanted) };
        (within || edits <= far).then_some((edits, name))
    });
    rated.min().map(|(_, name)| name)
}

/// Letters to add, drop or replace to get from one word to the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (number, letter) in (1..).zip(from.chars()) {
        let mut diagonal = std::mem::replace(row.first_mut().expect("a row has a first place"), number);
        let mut left = number;
        for (slot, other) in row.iter_mut().skip(1).zip(to.chars()) {
            let best = (diagonal + usize::from(letter != other)).min(left + 1).min(*slot + 1);
            diagonal = std::mem::replace(slot, best);
            left = best;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// What a stranger wrote, short enough for a sentence.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(SHOWN_CHARS_MAX).collect()
}

const TEXT_BYTES_MAX: usize = 400;
const LIST_MAX: usize = 64;
const TABLES_MAX: usize = 200;
const SHOWN_CHARS_MAX: usize = 120;
const EDITS_MAX: usize = 3;
