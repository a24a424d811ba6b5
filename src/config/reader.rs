//! Typed reading of tables and values: what is no such value, unknown or missing is reported with its place.
//!
//! A reader that reports gives a stand-in, so that the rest of the configuration is still read and judged. What a
//! key means is the caller's business.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::document::{join, parse_integer};
use super::node::{Node, Table, Value};
use super::report::{Place, Report};
use super::units::{duration_text, parse_duration, parse_size, size_text};

/// A table with the keys it may have.
#[derive(Clone)]
pub(super) struct Section<'t> {
    /// As messages call it: `[admin]`. Empty: the top level.
    title: String,
    /// Dotted.
    path: String,
    pub(super) place: Place,
    table: &'t Table,
    known: &'static [&'static str],
    report: &'t Report,
}

/// One value with the name it goes by.
#[derive(Clone)]
pub(super) struct Field<'t> {
    /// As messages call it: the key and its table.
    label: String,
    /// Dotted.
    pub(super) path: String,
    node: Cow<'t, Node>,
    report: &'t Report,
}

static EMPTY: Table = Table::new();

impl<'t> Section<'t> {
    /// The top level of a configuration whose main file begins at `place`.
    pub(super) fn root(
        table: &'t Table,
        place: &Place,
        known: &'static [&'static str],
        report: &'t Report,
    ) -> Self {
        let section =
            Self { title: String::new(), path: String::new(), place: place.clone(), table, known, report };
        section.refuse_unknown();
        section
    }

    /// The table under `key`, if it is there.
    pub(super) fn table(&self, key: &str, known: &'static [&'static str]) -> Option<Self> {
        self.get(key)?.section(self.subtitle(key), known)
    }

    /// The table under `key`; where it is absent, one without entries.
    pub(super) fn section(&self, key: &str, known: &'static [&'static str]) -> Self {
        self.table(key, known).unwrap_or_else(|| Self {
            title: self.subtitle(key),
            path: join(&self.path, key),
            place: self.place.clone(),
            table: &EMPTY,
            known,
            report: self.report,
        })
    }

    /// The tables of the list under `key`, written `[[key]]`; `none` is reported where there is not one.
    pub(super) fn some_sections(&self, key: &str, known: &'static [&'static str], none: &str) -> Vec<Self> {
        let Some(field) = self.get(key) else {
            self.error(key, none);
            return Vec::new();
        };
        if let Value::List(list) = field.value()
            && list.elements.is_empty()
        {
            field.object(none);
        }
        self.sections(key, known)
    }

    /// The tables of the list under `key`, written `[[key]]`; none where there is no list.
    pub(super) fn sections(&self, key: &str, known: &'static [&'static str]) -> Vec<Self> {
        let Some(field) = self.get(key) else { return Vec::new() };
        let title = format!("[{}]", self.subtitle(key));
        let Cow::Borrowed(Node { value: Value::List(list), .. }) = field.node else {
            field.refuse(&format!("a list of tables, each begun by {title}"));
            return Vec::new();
        };
        let section = |(i, node)| field.element(i, node).section(title.clone(), known);
        list.elements.iter().enumerate().filter_map(section).collect()
    }

    /// The tables of the table under `key` with their names, written `[key.NAME]`.
    pub(super) fn named_sections(&self, key: &str, known: &'static [&'static str]) -> Vec<(&'t str, Self)> {
        let entries = self.get(key).map(|field| field.entries()).unwrap_or_default();
        let section = |field: Field<'t>, name| field.section(format!("[{key}.{name}]"), known);
        entries.into_iter().filter_map(|(name, _, field)| Some((name, section(field, name)?))).collect()
    }

    /// The value under `key`, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Field<'t>> {
        debug_assert!(self.known.contains(&key), "{key} is not in the schema of {}", self.title);
        let entry = self.table.get(key)?;
        Some(Field {
            label: self.label(key),
            path: join(&self.path, key),
            node: Cow::Borrowed(&entry.node),
            report: self.report,
        })
    }

    /// The value under `key`, reported where it is missing; `example` shows what to write.
    pub(super) fn require(&self, key: &str, example: &str) -> Option<Field<'t>> {
        let field = self.get(key);
        if field.is_none() {
            self.error(key, format!("{} is missing; write for example `{example}`", self.label(key)));
        }
        field
    }

    /// Reports what concerns the table as a whole, or the absence of `key` in it.
    pub(super) fn error(&self, key: &str, message: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { join(&self.path, key) };
        self.report.error(&self.place, &path, message);
    }

    /// Reports what to look at in the table as a whole, or the absence of `key` in it.
    pub(super) fn warn(&self, key: &str, message: impl Into<String>) {
        let path = if key.is_empty() { self.path.clone() } else { join(&self.path, key) };
        self.report.warn(&self.place, &path, message);
    }

    /// A duration within `range`.
    pub(super) fn duration(&self, key: &str, range: RangeInclusive<Duration>, default: Duration) -> Duration {
        self.get(key).and_then(|field| field.duration(range)).unwrap_or(default)
    }

    /// A duration of whole seconds within `range`.
    pub(super) fn seconds(&self, key: &str, range: RangeInclusive<Duration>, default: Duration) -> Duration {
        self.get(key).and_then(|field| field.seconds(range)).unwrap_or(default)
    }

    /// A number of bytes within `range`, written with its unit.
    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.get(key).and_then(|field| field.size(range)).unwrap_or(default)
    }

    /// A whole number within `range`.
    pub(super) fn count(&self, key: &str, range: RangeInclusive<u64>, default: u64) -> u64 {
        self.get(key).and_then(|field| field.count(range)).unwrap_or(default)
    }

    /// How messages call the table.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// How messages call `key` here.
    pub(super) fn label(&self, key: &str) -> String {
        if self.title.is_empty() { format!("`{key}`") } else { format!("`{key}` in {}", self.title) }
    }

    /// `[route.timeouts]` for `timeouts` in `[[route]]`.
    fn subtitle(&self, key: &str) -> String {
        format!("[{}]", join(self.title.trim_matches(['[', ']']), key))
    }

    fn refuse_unknown(&self) {
        for (name, entry) in self.table {
            if self.known.contains(&name.as_str()) {
                continue;
            }
            let at = if self.title.is_empty() { "at the top level" } else { "in" };
            let message = format!("unknown key `{name}` {at} {}", self.title);
            let advice = match nearest(name, self.known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known keys: {}", self.known.join(", ")),
            };
            let message = format!("{}; {advice}", message.trim_end());
            self.report.error(&entry.place, &join(&self.path, name), message);
        }
    }
}

impl<'t> Field<'t> {
    /// Where it was written.
    pub(super) fn place(&self) -> &Place {
        &self.node.place
    }

    /// The text of the value; for what is no text see [`Field::text`].
    fn value(&self) -> &Value {
        &self.node.value
    }

    /// The text of the value if it is one. What it should be is told by whoever reads it.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self.value() {
            Value::Text(text) | Value::Bare(text) => Some(text),
            _ => None,
        }
    }

    /// Reports that the value is not `expected`.
    pub(super) fn refuse(&self, expected: &str) {
        self.report.error(
            self.place(),
            &self.path,
            format!("{} must be {expected}, not {}", self.label, self.node),
        );
    }

    /// Reports what is wrong with a value of the right type.
    pub(super) fn fault(&self, reason: impl std::fmt::Display) {
        self.report.error(self.place(), &self.path, format!("{} is {}: {reason}", self.label, self.node));
    }

    /// Reports what is wrong with its being there.
    pub(super) fn object(&self, reason: impl std::fmt::Display) {
        self.report.error(self.place(), &self.path, format!("{}: {reason}", self.label));
    }

    /// Reports what to look at.
    pub(super) fn warn(&self, message: impl Into<String>) {
        self.report.warn(self.place(), &self.path, message);
    }

    /// A text; `expected` says what it should be where it is none.
    pub(super) fn text(&self, expected: &str) -> Option<&str> {
        let text = self.as_text();
        if text.is_none() {
            self.refuse(expected);
        }
        text
    }

    /// What `parse` makes of a text.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        parse(self.text(expected)?).map_err(|reason| self.fault(reason)).ok()
    }

    /// The path of a file, as it was meant where it stands. An empty one would be a directory.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let parse = |text: &str| match text {
            "" => Err("it is empty; write the path of a file"),
            text => Ok(self.place().beside(text)),
        };
        let path = self.parsed("the path of a file", parse)?;
        self.report.file(self.place(), &self.path, &path);
        Some(path)
    }

    /// One of the texts in `choices`.
    pub(super) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let names = choices.iter().map(|(name, _)| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
        let text = self.text(&names)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
        if found.is_none() {
            self.refuse(&names);
        }
        found
    }

    /// True or false.
    pub(super) fn flag(&self) -> Option<bool> {
        match self.value() {
            Value::Flag(flag) => Some(*flag),
            Value::Bare(text) if text == "true" || text == "false" => Some(text == "true"),
            _ => {
                self.refuse("true or false");
                None
            }
        }
    }

    /// A whole number within `range`.
    pub(super) fn count(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let number = match self.value() {
            Value::Integer(number) => Some(*number),
            Value::Bare(text) => parse_integer(text),
            _ => None,
        };
        let (least, most) = (range.start(), range.end());
        let count = number.and_then(|number| u64::try_from(number).ok()).filter(|n| range.contains(n));
        if count.is_none() {
            self.refuse(&format!("a whole number from {least} to {most}"));
        }
        count
    }

    /// A duration within `range`.
    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration =
            self.parsed("a duration such as \"30s\" (units us, ms, s, m, h, d)", parse_duration)?;
        if range.contains(&duration) {
            return Some(duration);
        }
        let (least, most) = (duration_text(*range.start()), duration_text(*range.end()));
        self.fault(format!("allowed is {least} to {most}"));
        None
    }

    /// A duration of whole seconds within `range`, for what counts no others.
    pub(super) fn seconds(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.duration(range)?;
        if duration.subsec_nanos() != 0 {
            self.fault("write whole seconds");
        }
        Some(duration)
    }

    /// A number of bytes within `range`, written with its unit.
    pub(super) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let size = self.parsed("a size such as \"64KiB\" (units B, KiB, MiB, GiB)", parse_size)?;
        if range.contains(&size) {
            return Some(size);
        }
        let (least, most) = (size_text(*range.start()), size_text(*range.end()));
        self.fault(format!("allowed is {least} to {most}"));
        None
    }

    /// The elements of a list, or the one value that may stand for a list of one. A variable's text is parted at
    /// commas.
    pub(super) fn list(&self) -> Vec<Field<'t>> {
        match self.node {
            Cow::Borrowed(Node { value: Value::List(list), .. }) => {
                list.elements.iter().enumerate().map(|(index, node)| self.element(index, node)).collect()
            }
            Cow::Borrowed(Node { value: Value::Bare(text), place }) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                parts
                    .map(|part| Node { place: place.clone(), value: Value::Bare(part.to_owned()) })
                    .enumerate()
                    .map(|(index, node)| Field { node: Cow::Owned(node), ..self.at(index) })
                    .collect()
            }
            Cow::Borrowed(_) | Cow::Owned(_) => vec![self.clone()],
        }
    }

    /// As [`Field::list`], for what may be left out but not be empty: `nothing` says what absence means.
    pub(super) fn list_of_some(&self, nothing: &str) -> Vec<Field<'t>> {
        let list = self.list();
        if list.is_empty() {
            let message = format!("{} is an empty list; leave it out for {nothing}", self.label);
            self.report.error(self.place(), &self.path, message);
        }
        list
    }

    /// As [`Field::list`], for what must have an element: `element` is one.
    pub(super) fn list_of_one(&self, element: &str) -> Vec<Field<'t>> {
        let list = self.list();
        if list.is_empty() {
            self.object(format!("it is an empty list; write at least {element}"));
        }
        list
    }

    /// The entries of a table of free names, each with its name and where that was written.
    pub(super) fn entries(&self) -> Vec<(&'t str, &'t Place, Field<'t>)> {
        let Cow::Borrowed(Node { value: Value::Table(table), .. }) = self.node else {
            self.refuse("a table");
            return Vec::new();
        };
        let field = |name: &str, node| Field {
            label: format!("`{name}` of {}", self.label),
            path: join(&self.path, name),
            node: Cow::Borrowed(node),
            report: self.report,
        };
        table.iter().map(|(name, entry)| (name.as_str(), &entry.place, field(name, &entry.node))).collect()
    }

    /// The value as a table with known keys.
    pub(super) fn section(&self, title: String, known: &'static [&'static str]) -> Option<Section<'t>> {
        let Cow::Borrowed(Node { value: Value::Table(table), place }) = &self.node else {
            self.refuse("a table");
            return None;
        };
        let (path, place) = (self.path.clone(), place.clone());
        let section = Section { title, path, place, table, known, report: self.report };
        section.refuse_unknown();
        Some(section)
    }

    /// As [`Field::section`], for a table in a list, which has no title of its own.
    pub(super) fn inner_section(&self, known: &'static [&'static str]) -> Option<Section<'t>> {
        self.section(self.label.clone(), known)
    }

    /// Whether the value is a table.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.value(), Value::Table(_))
    }

    fn element(&self, index: usize, node: &'t Node) -> Field<'t> {
        Field { node: Cow::Borrowed(node), ..self.at(index) }
    }

    fn at(&self, index: usize) -> Field<'t> {
        Field { path: join(&self.path, &index.to_string()), ..self.clone() }
    }
}

/// The candidate that `text` is most probably a slip for.
pub(super) fn nearest<'c>(text: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let distance = |candidate: &str| {
        strsim::damerau_levenshtein(&text.to_ascii_lowercase(), &candidate.to_ascii_lowercase())
    };
    candidates
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, candidate)| *distance <= text.len().max(candidate.len()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}
