//! The configuration as a tree of values that remember where they were written.
//!
//! Files and variables become such trees; what the values mean is the readers' business.

use std::collections::BTreeMap;
use std::fmt;

use super::report::Place;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What TOML knows, and what a variable says without TOML.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// A variable's text that is no TOML string, list or table: the reader of the key says what it is.
    Bare(String),
    Integer(i64),
    /// A float, or an integer beyond 64 bits, as written: no setting is one, but a refusal quotes it.
    Number(String),
    Flag(bool),
    /// As written: no setting is one, but a refusal quotes it.
    Date(String),
    List(List),
    Table(Table),
}

/// Elements in order.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) elements: Vec<Node>,
    /// Written as `[[name]]`: such lists from several files are joined.
    pub(super) of_tables: bool,
}

/// Entries by name.
pub(super) type Table = BTreeMap<String, Entry>;

/// A value in a table and where its name was written.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) node: Node,
}

/// Longest text a message quotes.
const QUOTED_CHARS: usize = 80;

/// What was found where something else belongs: `the integer 3`, `"text"`, `a table`.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Text(text) | Value::Bare(text) => write!(f, "{}", quoted(text)),
            Value::Integer(number) => write!(f, "the integer {number}"),
            Value::Number(text) => write!(f, "the number {text}"),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::Date(text) => write!(f, "the date {text}"),
            Value::List(_) => f.write_str("a list"),
            Value::Table(_) => f.write_str("a table"),
        }
    }
}

/// `text` in quotation marks, control characters escaped, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}...", &text[..end]),
    }
}
