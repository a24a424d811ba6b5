//! From the text of one TOML file, or one TOML value in a variable, to a tree of [`Node`]s.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use super::node::{Entry, List, Node, Table, Value};
use super::report::{Place, Report};

/// Parses a whole file. Reports one syntax error at most, then gives nothing.
pub(super) fn parse_document(text: &str, file: &Arc<str>, report: &Report) -> Option<Table> {
    let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let source = Source::File { text, file, line_starts };
    match DeTable::parse(text) {
        Ok(document) => Some(source.table(document.get_ref())),
        Err(error) => {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            report.error(&source.place(error.span().unwrap_or(0..0)), "", format!("not TOML: {message}"));
            None
        }
    }
}

/// Reads a variable's text: a TOML string, list or table; anything else is [`Value::Bare`].
pub(super) fn parse_variable(text: &str, place: &Place) -> Node {
    match DeValue::parse(text) {
        Ok(value)
            if matches!(value.get_ref(), DeValue::String(_) | DeValue::Array(_) | DeValue::Table(_)) =>
        {
            Source::Variable(place).node(&value)
        }
        Ok(_) | Err(_) => Node { place: place.clone(), value: Value::Bare(text.to_owned()) },
    }
}

/// An integer as TOML writes it: signs, underscores, `0x`, `0o`, `0b`.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    DeValue::parse(text).ok().and_then(|value| value.get_ref().as_integer().and_then(integer))
}

fn integer(digits: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(digits.as_str(), digits.radix()).ok()
}

/// The dotted path of `name` in the table or list at `path`.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// What was parsed: it turns the parser's byte ranges into places.
enum Source<'t> {
    /// A file, with the offset of each line's first byte.
    File { text: &'t str, file: &'t Arc<str>, line_starts: Vec<usize> },
    /// A variable, all of which is one place.
    Variable(&'t Place),
}

impl Source<'_> {
    fn table(&self, table: &DeTable<'_>) -> Table {
        let entry = |(name, value): (&Spanned<DeString<'_>>, _)| {
            let entry = Entry { place: self.place(name.span()), node: self.node(value) };
            (name.get_ref().to_string(), entry)
        };
        table.iter().map(entry).collect()
    }

    fn node(&self, spanned: &Spanned<DeValue<'_>>) -> Node {
        let place = self.place(spanned.span());
        let value = match spanned.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(digits) => {
                integer(digits).map_or_else(|| Value::Number(digits.to_string()), Value::Integer)
            }
            DeValue::Float(float) => Value::Number(float.as_str().to_owned()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Datetime(date) => Value::Date(date.to_string()),
            DeValue::Array(array) => Value::List(List {
                of_tables: array.first().is_some_and(|first| self.is_header(first)),
                elements: array.iter().map(|element| self.node(element)).collect(),
            }),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Node { place, value }
    }

    /// Whether a list's element was written as `[[name]]` rather than inside brackets.
    fn is_header(&self, element: &Spanned<DeValue<'_>>) -> bool {
        match self {
            Self::File { text, .. } => {
                matches!(element.get_ref(), DeValue::Table(_))
                    && text.get(element.span().start..).is_some_and(|rest| rest.starts_with("[["))
            }
            Self::Variable(_) => false,
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        match self {
            Self::Variable(place) => (*place).clone(),
            Self::File { text, file, line_starts } => {
                let line = line_starts.partition_point(|start| *start <= span.start);
                let line_start = line.checked_sub(1).and_then(|index| line_starts.get(index)).copied();
                let before = text.get(line_start.unwrap_or(0)..span.start).unwrap_or("");
                Place::File { file: Arc::clone(file), line, column: before.chars().count() + 1 }
            }
        }
    }
}
