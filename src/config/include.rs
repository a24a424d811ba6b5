//! Reading the configuration's files: the main one, what it includes, and their merging into one tree.
//!
//! A file's own settings come first, then those of the files it includes, in the order they are named. Tables are
//! merged, `[[lists]]` joined, and a setting that is written twice is refused: none silently wins.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::document::{join, parse_document};
use super::node::{Entry, List, Node, Table, Value};
use super::reader::Section;
use super::report::{Place, Report};
use super::schema;
use crate::limits::{CONFIG_FILE_BYTES, CONFIG_FILES, CONFIG_INCLUDE_DEPTH};

/// Reads `main` and all that it includes. `adjust` changes the main file's own settings before `include` is read.
/// None: the tree is not whole, and the report says why.
pub(super) fn read_files(main: &Path, adjust: impl FnOnce(&mut Table), report: &Report) -> Option<Table> {
    let mut loader =
        Loader { report, seen: BTreeSet::new(), open: Vec::new(), merged: Table::new(), whole: true };
    let mut own = loader.parse(main, &Place::start_of(&name_of(main)))?;
    adjust(&mut own);
    loader.take_in(main, own);
    loader.whole.then_some(loader.merged)
}

/// How places call a file.
pub(super) fn name_of(path: &Path) -> Arc<str> {
    path.display().to_string().into()
}

struct Loader<'r> {
    report: &'r Report,
    /// Every file read so far, by canonical path.
    seen: BTreeSet<PathBuf>,
    /// The files whose includes are being read, outermost first.
    open: Vec<PathBuf>,
    merged: Table,
    /// Everything that was to be read could be.
    whole: bool,
}

impl Loader<'_> {
    /// Reads one file that `named_at` asks for.
    fn parse(&mut self, path: &Path, named_at: &Place) -> Option<Table> {
        let refuse = |message| {
            self.report.error(named_at, "include", message);
            None
        };
        let name = name_of(path);
        let canonical = match path.canonicalize() {
            Ok(canonical) => canonical,
            Err(error) => return refuse(format!("cannot read {name}: {error}")),
        };
        if self.open.contains(&canonical) {
            return refuse(format!(
                "{name} includes itself, directly or through others; remove one `include`"
            ));
        }
        if self.open.len() > CONFIG_INCLUDE_DEPTH {
            return refuse(format!("{name} is included more than {CONFIG_INCLUDE_DEPTH} levels deep"));
        }
        if self.seen.len() >= CONFIG_FILES {
            return refuse(format!("more than {CONFIG_FILES} files are included"));
        }
        if !self.seen.insert(canonical) {
            return refuse(format!("{name} is included twice; remove one `include`"));
        }
        match read_text(path) {
            Ok(text) => parse_document(&text, &name, self.report),
            Err(reason) => refuse(format!("cannot read {name}: {reason}")),
        }
    }

    /// Merges a file's own settings, then the files it includes.
    fn take_in(&mut self, path: &Path, mut own: Table) {
        let included = own.remove("include").map(|entry| patterns(entry, self.report)).unwrap_or_default();
        merge(&mut self.merged, own, "", self.report);
        let Ok(canonical) = path.canonicalize() else { return };
        self.open.push(canonical);
        let directory = path.parent().unwrap_or(Path::new(""));
        for (pattern, place) in included {
            match matching(directory, &pattern) {
                Ok(files) => {
                    for file in files {
                        match self.parse(&file, &place) {
                            Some(table) => self.take_in(&file, table),
                            None => self.whole = false,
                        }
                    }
                }
                Err(reason) => {
                    self.whole = false;
                    self.report.error(&place, "include", reason);
                }
            }
        }
        self.open.pop();
    }
}

/// The texts of an `include` with their places.
fn patterns(entry: Entry, report: &Report) -> Vec<(String, Place)> {
    let place = entry.place.clone();
    let table = Table::from([("include".to_owned(), entry)]);
    let section = Section::root(&table, &place, schema::ROOT, report);
    let fields = section.get("include").map(|field| field.list()).unwrap_or_default();
    fields
        .iter()
        .filter_map(|field| {
            Some((field.text("a file name or a list of them")?.to_owned(), field.place().clone()))
        })
        .collect()
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(CONFIG_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > CONFIG_FILE_BYTES {
        return Err(format!("it is larger than {CONFIG_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 from byte {} on; save it in that encoding", error.utf8_error().valid_up_to())
    })
}

/// The files `pattern` names, by name. A pattern with `*` may match none; a plain name must exist, which reading
/// it finds out.
fn matching(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let (parent, last) = pattern.rsplit_once('/').map_or(("", pattern), |(parent, last)| (parent, last));
    if parent.contains('*') {
        return Err(format!("{pattern:?}: `*` is understood in the last part of a path only"));
    }
    if !last.contains('*') {
        return Ok(vec![directory.join(pattern)]);
    }
    let parent = if pattern.starts_with('/') && parent.is_empty() { "/" } else { parent };
    let folder = directory.join(parent);
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
    let entries =
        std::fs::read_dir(shown).map_err(|error| format!("cannot list {}: {error}", shown.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("cannot list {}: {error}", shown.display()))?;
        let name = entry.file_name();
        // As in a shell, a hidden file is not meant: editors leave theirs beside the real ones.
        let wanted = name.to_str().is_some_and(|name| !name.starts_with('.') && matches_wildcard(last, name));
        if wanted && folder.join(&name).is_file() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// Whether `name` is `pattern` with every `*` standing for any text.
fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return name.ends_with(part);
        }
        match name.find(part) {
            Some(at) => name = name.get(at + part.len()..).unwrap_or(""),
            None => return false,
        }
    }
    true
}

fn merge(into: &mut Table, from: Table, path: &str, report: &Report) {
    for (name, entry) in from {
        let Some(existing) = into.get_mut(&name) else {
            into.insert(name, entry);
            continue;
        };
        let key = join(path, &name);
        let Node { place, value } = entry.node;
        match (&mut existing.node.value, value) {
            (Value::Table(into), Value::Table(from)) => merge(into, from, &key, report),
            (
                Value::List(List { elements, of_tables: true }),
                Value::List(List { elements: more, of_tables: true }),
            ) => {
                elements.extend(more);
            }
            _ => {
                let first = &existing.place;
                report.error(&place, &key, format!("`{key}` is already set at {first}; keep one of them"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches_wildcard(pattern, name), expected, "{pattern} {name}");
        };
        check("*.toml", "a.toml", true);
        check("*.toml", ".toml", true);
        check("*.toml", "a.toml~", false);
        check("a*b*c", "abc", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "acb", false);
        check("a*a", "a", false);
        check("*", "", true);
        check("**", "x", true);
        check("a", "ab", false);
    }
}
