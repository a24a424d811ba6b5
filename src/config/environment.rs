//! Settings from environment variables, laid over what the files say.
//!
//! `RINGWALL_ROUTE__0__PATH` is `path` of the first `[[route]]`: levels are parted by two underscores, names go
//! without regard to case and with `-` as `_`, elements by index, and the index after the last appends one. What
//! a variable's value means is the readers' business: they see it as TOML or as bare text.

use std::cmp::Ordering;

use super::document::{join, parse_variable};
use super::node::{Entry, List, Node, Table, Value};
use super::report::{Place, Report};
use super::schema;
use crate::limits::CONFIG_LEVELS;

/// What one variable sets.
#[derive(Debug)]
pub(super) struct Assignment {
    place: Place,
    /// Folded names and indices, outermost first; never empty.
    levels: Vec<String>,
    text: String,
}

/// Variables of ours that are no settings: the test run's demand that every peer be installed.
const NOT_SETTINGS: &[&str] = &["require_peers"];

/// The settings among `variables`, parents before their parts and elements by index.
pub(super) fn assignments(
    variables: impl Iterator<Item = (String, String)>,
    report: &Report,
) -> Vec<Assignment> {
    let mut found: Vec<_> = variables.filter_map(|(name, text)| assignment(&name, text, report)).collect();
    found.sort_by(|a, b| in_order(&a.levels, &b.levels));
    for pair in found.windows(2) {
        let [first, second] = pair else { continue };
        if second.levels.starts_with(&first.levels) {
            let (key, other) = (second.levels.join("."), &first.place);
            let message = format!("{other} also sets `{}`; keep one of them", first.levels.join("."));
            report.error(&second.place, &key, message);
        }
    }
    found
}

impl Assignment {
    /// Whether it sets the top-level `key` or a part of it.
    pub(super) fn concerns(&self, key: &str) -> bool {
        self.levels.first().is_some_and(|level| level == key)
    }

    /// Writes the setting into the tree.
    pub(super) fn apply(&self, root: &mut Table, report: &Report) {
        if let Err(reason) = self.set_in_table(root, &self.levels, "") {
            report.error(&self.place, &self.levels.join("."), reason);
        }
    }

    fn set_in_table(&self, table: &mut Table, levels: &[String], path: &str) -> Result<(), String> {
        let Some((level, inner)) = levels.split_first() else { return Ok(()) };
        let mut same = table.keys().filter(|name| fold(name) == *level);
        let name = same.next().unwrap_or(level).clone();
        if let Some(other) = same.next() {
            return Err(format!("`{name}` and `{other}` are both meant; set this one in the file"));
        }
        let key = join(path, &name);
        if inner.is_empty() {
            let node = parse_variable(&self.text, &self.place);
            match table.get_mut(&name) {
                Some(entry) => entry.node = node,
                None => drop(table.insert(name, Entry { place: self.place.clone(), node })),
            }
            return Ok(());
        }
        let new = || Entry { place: self.place.clone(), node: self.container(inner) };
        self.set_in_node(&mut table.entry(name).or_insert_with(new).node, inner, &key)
    }

    fn set_in_node(&self, node: &mut Node, levels: &[String], path: &str) -> Result<(), String> {
        let first = levels.first().map_or("", String::as_str);
        if matches!(node.value, Value::Text(_)) && index(first).is_some() {
            // One value may stand for a list of one.
            let element = node.clone();
            node.value = Value::List(List { elements: vec![element], of_tables: false });
        }
        match &mut node.value {
            Value::Table(table) => self.set_in_table(table, levels, path),
            Value::List(list) => self.set_in_list(&mut list.elements, levels, path),
            _ => Err(format!("`{path}` is {node} and has no part `{first}`")),
        }
    }

    fn set_in_list(&self, elements: &mut Vec<Node>, levels: &[String], path: &str) -> Result<(), String> {
        let Some((level, inner)) = levels.split_first() else { return Ok(()) };
        let next = elements.len();
        let Some(index) = index(level).filter(|index| *index <= next) else {
            return Err(format!(
                "`{path}` is a list of {next}: its elements go by index from 0, and {next} appends one"
            ));
        };
        let key = join(path, level);
        if inner.is_empty() {
            let node = parse_variable(&self.text, &self.place);
            match elements.get_mut(index) {
                Some(element) => *element = node,
                None => elements.push(node),
            }
            return Ok(());
        }
        if index == next {
            elements.push(self.container(inner));
        }
        elements.get_mut(index).map_or(Ok(()), |element| self.set_in_node(element, inner, &key))
    }

    /// What holds the first of `levels`: a list for an index, else a table.
    fn container(&self, levels: &[String]) -> Node {
        let value = match levels.first().and_then(|level| index(level)) {
            Some(_) => Value::List(List { elements: Vec::new(), of_tables: false }),
            None => Value::Table(Table::new()),
        };
        Node { place: self.place.clone(), value }
    }
}

/// Names that differ in case, or in `-` and `_`, are the same name in a variable.
fn fold(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

fn assignment(name: &str, text: String, report: &Report) -> Option<Assignment> {
    let folded = fold(name);
    let setting = folded.strip_prefix("ringwall_")?;
    let place = Place::Variable(name.into());
    if !setting.contains("__") && !schema::ROOT.contains(&setting) {
        if !NOT_SETTINGS.contains(&setting) {
            report.warn(&place, setting, "no setting, ignored; levels are parted by two underscores");
        }
        return None;
    }
    let levels: Vec<_> = setting.split("__").map(str::to_owned).collect();
    if levels.iter().any(String::is_empty) || levels.len() > CONFIG_LEVELS {
        let key = levels.join(".");
        report.error(
            &place,
            &key,
            format!("not the name of a setting: 1 to {CONFIG_LEVELS} levels, none empty"),
        );
        return None;
    }
    Some(Assignment { place, levels, text })
}

/// `level` as an index; a leading zero would give one element two names.
fn index(level: &str) -> Option<usize> {
    let digits = level.bytes().all(|byte| byte.is_ascii_digit()) && (level == "0" || !level.starts_with('0'));
    if digits { level.parse().ok() } else { None }
}

/// By levels, indices by number: an appended element must find its forerunner.
fn in_order(a: &[String], b: &[String]) -> Ordering {
    let level = |a: &str, b: &str| match (index(a), index(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    };
    let differing = a.iter().zip(b).map(|(a, b)| level(a, b)).find(|order| order.is_ne());
    differing.unwrap_or_else(|| a.len().cmp(&b.len()))
}
