//! Changes to the text of `kilosat.toml` that leave every other byte as its owner wrote it, comments too.

mod fault;

use std::ops::Range;

use toml_edit::{Document, Item, Table, TableLike};

pub use self::fault::DraftFault;

/// A value as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// A text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// True or false.
    Flag(bool),
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In the section with this dotted name; at the top of the file when it is empty.
    Section(&'a str),
    /// In the section `[[list]]` that has this id, or in one below it.
    Listed {
        /// Such as `agreement`.
        list: &'a str,
        /// Its `id`; of a `[[payee]]` its `payee`.
        id: &'a str,
        /// The section below it, such as `limits`; itself when empty.
        below: &'a str,
    },
}

/// The file's text while it is being changed. Nothing is judged here: [`super::Config::parse_with`] does that at the end.
#[derive(Clone, Debug)]
pub struct Draft {
    text: String,
}

/// A section that was found.
struct Spot {
    /// Where its heading begins, or the file.
    start: usize,
    /// Where lines of its own end and those of sections below it begin.
    own_end: usize,
    /// Begins with a heading, unlike the top of the file.
    has_heading: bool,
}

impl Draft {
    /// Of this text.
    ///
    /// # Errors
    /// [`DraftFault`].
    pub fn of(text: &str) -> Result<Draft, DraftFault> {
        parse(text).map(|_| Draft { text: text.to_owned() })
    }

    /// What it has become.
    pub fn into_text(self) -> String {
        self.text
    }

    /// Whether a key is there and switched on.
    pub fn has(&self, place: Place<'_>, key: &str) -> bool {
        parse(&self.text).is_ok_and(|document| table_at(&document, place).is_some_and(|table| table.get(key).is_some()))
    }

    /// Sets a key: in its place when it is there, in place of the line that names it switched off (`#key = …`), or else
    /// as the last line of its section. A section below a list's is begun when it is missing.
    ///
    /// # Errors
    /// [`DraftFault`]; also when there is no such section in the list.
    pub fn set(&mut self, place: Place<'_>, key: &str, setting: &Setting) -> Result<(), DraftFault> {
        let document = parse(&self.text)?;
        let written = setting.written();
        if let Some(item) = table_at(&document, place).and_then(|table| table.get(key)) {
            let span = item.span().ok_or(DraftFault::NotToml)?;
            if self.text.get(span.clone()) != Some(written.as_str()) {
                self.text.replace_range(span, &written);
            }
            return parse(&self.text).map(|_| ());
        }
        let line = format!("{key} = {written}\n");
        match (Form::of(&document, place), place) {
            (Form::Heading, _) => {
                let spot = spot(&self.text, &document, place).ok_or_else(|| no_section(place))?;
                self.add_line(&spot, key, &line);
            }
            (Form::OneLine, _) => return Err(DraftFault::OneLine(key.to_owned())),
            (Form::Dotted, Place::Section(name)) => {
                let (outer, last) = name.rsplit_once('.').unwrap_or(("", name));
                return self.set(Place::Section(outer), &format!("{last}.{key}"), setting);
            }
            (Form::Dotted, Place::Listed { list, id, below }) => {
                return self.set(Place::Listed { list, id, below: "" }, &format!("{below}.{key}"), setting);
            }
            (Form::Absent, Place::Section(name)) => {
                self.end_line();
                self.text.push_str(&format!("\n[{name}]\n{line}"));
            }
            (Form::Absent, Place::Listed { list, id, below }) => {
                let outer = Place::Listed { list, id, below: "" };
                let spot = spot(&self.text, &document, outer).ok_or_else(|| no_section(place))?;
                self.insert(spot.own_end, &format!("\n[{list}.{below}]\n{line}"));
            }
        }
        parse(&self.text).map(|_| ())
    }

    /// Switches a key off: its lines begin with `#` from then on. Does nothing when it is not there.
    ///
    /// # Errors
    /// [`DraftFault`].
    pub fn clear(&mut self, place: Place<'_>, key: &str) -> Result<(), DraftFault> {
        let document = parse(&self.text)?;
        let Some(table) = table_at(&document, place) else { return Ok(()) };
        let Some((name, item)) = table.get_key_value(key) else { return Ok(()) };
        let (starts, ends) = (name.span(), item.span());
        let (starts, ends) = (starts.ok_or(DraftFault::NotToml)?.start, ends.ok_or(DraftFault::NotToml)?.end);
        let (from, to) = (line_start(&self.text, starts), line_end(&self.text, ends));
        let before = self.text.get(from..starts).unwrap_or_default().trim();
        let after = self.text.get(ends..to).unwrap_or_default().trim();
        // A dotted key's own name is only its end.
        if before.contains(['=', '{', ',']) || !(after.is_empty() || after.starts_with('#')) {
            return Err(DraftFault::OneLine(key.to_owned()));
        }
        let lines = self.text.get(from..to).ok_or(DraftFault::NotToml)?;
        let off: String = lines.split_inclusive('\n').map(|line| format!("#{line}")).collect();
        self.text.replace_range(from..to, &off);
        parse(&self.text).map(|_| ())
    }

    /// Adds a section to a list, after the last one of its kind, or at the end of the file.
    ///
    /// `below` is the sections below it, each with its keys.
    ///
    /// # Errors
    /// [`DraftFault`].
    pub fn add(
        &mut self,
        list: &str,
        keys: &[(&str, Setting)],
        below: &[(&str, Vec<(&str, Setting)>)],
    ) -> Result<(), DraftFault> {
        let mut section = format!("[[{list}]]\n{}", lines(keys));
        for (name, keys) in below.iter().filter(|(_, keys)| !keys.is_empty()) {
            section.push_str(&format!("\n[{list}.{name}]\n{}", lines(keys)));
        }
        self.add_section(list, &section)
    }

    /// The same for a section that is written already, its heading included.
    ///
    /// # Errors
    /// [`DraftFault`].
    pub fn add_section(&mut self, list: &str, section: &str) -> Result<(), DraftFault> {
        let document = parse(&self.text)?;
        let section = format!("\n{section}");
        let last = sections(&document, list).last().map(|(_, table)| own_parts(&self.text, table));
        match last.and_then(|parts| parts.into_iter().map(|part| part.end).max()) {
            Some(end) => self.insert(end, &section),
            None => {
                self.end_line();
                self.text.push_str(&section);
            }
        }
        parse(&self.text).map(|_| ())
    }

    /// Takes a section out of a list, with the sections below it. Comments before its heading stay.
    ///
    /// # Errors
    /// [`DraftFault`]; also when there is no such section.
    pub fn remove(&mut self, list: &str, id: &str) -> Result<(), DraftFault> {
        let document = parse(&self.text)?;
        let found = sections(&document, list).into_iter().find(|(known, _)| *known == id);
        let (_, table) = found.ok_or_else(|| DraftFault::NoSection(format!("[[{list}]] {id}")))?;
        // Its sections need not follow one another, and what stands between them is somebody else's.
        let mut parts = own_parts(&self.text, table);
        parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.start));
        for Range { start, end } in parts {
            // Of the empty lines before and after it, one is enough.
            let rest = self.text.get(end..).unwrap_or_default();
            let between = self.text[..start].ends_with("\n\n") && (rest.is_empty() || rest.starts_with('\n'));
            self.text.replace_range(start - usize::from(between)..end, "");
        }
        parse(&self.text).map(|_| ())
    }

    /// In place of the switched-off line that names the key in this section, or as its last line.
    fn add_line(&mut self, spot: &Spot, key: &str, line: &str) {
        let own = spot.start..spot.own_end;
        let mut at = own.start;
        for known in self.text[own.clone()].split_inclusive('\n') {
            let is_this = known.strip_prefix('#').and_then(|rest| rest.trim_start().strip_prefix(key));
            if is_this.is_some_and(|rest| rest.trim_start().starts_with('=')) {
                self.text.replace_range(at..at + known.len(), line);
                return;
            }
            at += known.len();
        }
        if spot.has_heading || own.end > own.start {
            self.insert(own.end, line);
        } else {
            self.text.insert_str(0, line);
        }
    }

    /// Whole lines, after the line that ends at `at`.
    fn insert(&mut self, at: usize, lines: &str) {
        let needs_break = at > 0 && !self.text[..at].ends_with('\n');
        self.text.insert_str(at, &format!("{}{lines}", if needs_break { "\n" } else { "" }));
    }

    fn end_line(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }
}

/// How a section is written.
enum Form {
    /// With a heading of its own; also the top of the file.
    Heading,
    /// As `name.key = value` in the section around it.
    Dotted,
    /// In braces.
    OneLine,
    /// Nowhere, or only by sections below it.
    Absent,
}

impl Form {
    fn of(document: &Document<String>, place: Place<'_>) -> Form {
        let (top, name) = match place {
            Place::Section(name) => (Some(document.as_table()), name),
            Place::Listed { list, id, below } => {
                let found = sections(document, list).into_iter().find(|(known, _)| *known == id);
                (found.map(|(_, table)| table), below)
            }
        };
        match top.and_then(|top| heading_at(top, name)) {
            Some(table) if table.is_dotted() => Form::Dotted,
            Some(table) if table.is_implicit() && !name.is_empty() => Form::Absent,
            Some(_) => Form::Heading,
            None if table_at(document, place).is_some() => Form::OneLine,
            None => Form::Absent,
        }
    }
}

impl Setting {
    fn written(&self) -> String {
        match self {
            Setting::Text(text) => toml_edit::Value::from(text.as_str()).to_string(),
            Setting::Number(number) => super::reader::grouped(*number),
            Setting::Flag(flag) => flag.to_string(),
        }
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Setting {
        Setting::Text(text.to_owned())
    }
}

fn lines(keys: &[(&str, Setting)]) -> String {
    keys.iter().map(|(key, setting)| format!("{key} = {}\n", setting.written())).collect()
}

fn parse(text: &str) -> Result<Document<String>, DraftFault> {
    Document::parse(text.to_owned()).map_err(|_| DraftFault::NotToml)
}

fn sections<'d>(document: &'d Document<String>, list: &str) -> Vec<(&'d str, &'d Table)> {
    let tables = document.get(list).and_then(Item::as_array_of_tables);
    let id_of = |table: &'d Table| {
        let id = table.get("id").or_else(|| table.get("payee"));
        id.and_then(Item::as_str).unwrap_or_default()
    };
    tables.into_iter().flat_map(|tables| tables.iter()).map(|table| (id_of(table), table)).collect()
}

fn table_at<'d>(document: &'d Document<String>, place: Place<'_>) -> Option<&'d dyn TableLike> {
    match place {
        Place::Section(name) => below(document.as_table(), name),
        Place::Listed { list, id, below: name } => {
            let (_, table) = sections(document, list).into_iter().find(|(known, _)| *known == id)?;
            below(table, name)
        }
    }
}

fn below<'d>(table: &'d dyn TableLike, name: &str) -> Option<&'d dyn TableLike> {
    let mut steps = name.split('.').filter(|step| !step.is_empty());
    steps.try_fold(table, |table, step| table.get(step)?.as_table_like())
}

/// Where the lines of a section with a heading, or of the top of the file, are. Values in braces have no lines.
fn spot(text: &str, document: &Document<String>, place: Place<'_>) -> Option<Spot> {
    let top = document.as_table();
    if place == Place::Section("") {
        let own_end = own_end(text, top, 0, false);
        return Some(Spot { start: 0, own_end, has_heading: false });
    }
    let table = match place {
        Place::Section(name) => heading_at(top, name)?,
        Place::Listed { list, id, below } => {
            let (_, table) = sections(document, list).into_iter().find(|(known, _)| *known == id)?;
            heading_at(table, below)?
        }
    };
    spot_of(text, table)
}

fn heading_at<'d>(table: &'d Table, name: &str) -> Option<&'d Table> {
    let mut steps = name.split('.').filter(|step| !step.is_empty());
    steps.try_fold(table, |table, step| table.get(step)?.as_table())
}

fn spot_of(text: &str, table: &Table) -> Option<Spot> {
    let start = line_start(text, table.span()?.start);
    let own_end = own_end(text, table, start, true);
    Some(Spot { start, own_end, has_heading: true })
}

/// The end of the last line with a key of this section's own, and of the switched-off lines that follow it at once.
fn own_end(text: &str, table: &Table, start: usize, has_heading: bool) -> usize {
    let heading = if has_heading { line_end(text, start) } else { start };
    let values = table.iter().filter(|(_, item)| !item.is_table() && !item.is_array_of_tables());
    let dotted = table.iter().filter_map(|(_, item)| item.as_table().filter(|table| table.is_dotted()));
    let ends = values.filter_map(|(_, item)| Some(line_end(text, item.span()?.end)));
    let inner = dotted.map(|table| own_end(text, table, start, false));
    let mut end = ends.chain(inner).fold(heading, usize::max);
    // A key that is switched off belongs to the section whose comment explains it.
    let mut at = end;
    for line in text.get(end..).unwrap_or_default().split_inclusive('\n') {
        at += line.len();
        match line.trim_end() {
            "" => {}
            // A section that is switched off begins here.
            line if line.starts_with("#[") => break,
            line if is_switched_off(line) => end = at,
            line if line.starts_with('#') && !line.starts_with(RULE) => {}
            _ => break,
        }
    }
    end
}

/// `#key = value`, without a space after the mark.
fn is_switched_off(line: &str) -> bool {
    let Some((key, _)) = line.strip_prefix('#').and_then(|rest| rest.split_once('=')) else { return false };
    let key = key.trim_end();
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The lines of a section and of every section below it, each by itself.
fn own_parts(text: &str, table: &Table) -> Vec<Range<usize>> {
    let below = table.iter().flat_map(|(_, item)| -> Vec<&Table> {
        match item {
            Item::Table(table) if !table.is_dotted() => vec![table],
            Item::ArrayOfTables(tables) => tables.iter().collect(),
            _ => Vec::new(),
        }
    });
    let own = (!table.is_implicit()).then(|| spot_of(text, table)).flatten().map(|spot| spot.start..spot.own_end);
    own.into_iter().chain(below.flat_map(|table| own_parts(text, table))).collect()
}

fn no_section(place: Place<'_>) -> DraftFault {
    match place {
        Place::Section(name) => DraftFault::NoSection(format!("[{name}]")),
        Place::Listed { list, id, .. } => DraftFault::NoSection(format!("[[{list}]] {id}")),
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|after| after.find('\n')).map_or(text.len(), |end| at + end + 1)
}

/// The beginning of a line that parts the file.
const RULE: &str = "# ----";

#[cfg(test)]
mod tests;
