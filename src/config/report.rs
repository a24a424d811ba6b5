//! What is wrong with a configuration, and where: the places, the errors, the warnings, and their collection.
//!
//! Nothing here decides what is wrong; the readers do.

use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a setting was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// The file as it was named.
        file: Arc<str>,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// In an environment variable of this name.
    Variable(Arc<str>),
}

impl Place {
    /// The first character of `file`: for what concerns the file as a whole.
    pub(super) fn start_of(file: &Arc<str>) -> Self {
        Self::File { file: Arc::clone(file), line: 1, column: 1 }
    }

    /// Whether an environment variable said it.
    pub(super) fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }

    /// A path as it was meant here: relative to the file that names it. One from a variable is relative to where the
    /// process began.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        match self {
            Self::File { file, .. } => Path::new(file.as_ref()).parent().unwrap_or(Path::new("")).join(path),
            Self::Variable(_) => PathBuf::from(path),
        }
    }

    fn order(&self) -> (bool, &str, usize, usize) {
        match self {
            Self::File { file, line, column } => (false, file, *line, *column),
            Self::Variable(name) => (true, name, 0, 0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Why a configuration cannot be used. Displayed as `file:line:column: message`, or `VARIABLE: message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// The setting, levels parted by dots, elements by index: `route.0.path`. Empty: the file as a whole.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is allowed and yet deserves a look. Displayed like a [`ConfigError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Where.
    pub place: Place,
    /// The setting, as in [`ConfigError::key`].
    pub key: String,
    /// What to look at and why.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A file that a setting names. It is not opened here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// As it is opened.
    pub path: PathBuf,
    /// Where it is named.
    pub place: Place,
    /// The setting, as in [`ConfigError::key`].
    pub key: String,
}

/// Collects everything that is found, so that one run tells all of it. Shared by all readers, which only add.
#[derive(Debug, Default)]
pub(super) struct Report {
    errors: RefCell<Vec<ConfigError>>,
    warnings: RefCell<Vec<Warning>>,
    files: RefCell<Vec<NamedFile>>,
}

impl Report {
    pub(super) fn error(&self, place: &Place, key: &str, message: impl Into<String>) {
        let error = ConfigError { place: place.clone(), key: key.to_owned(), message: message.into() };
        self.errors.borrow_mut().push(error);
    }

    pub(super) fn warn(&self, place: &Place, key: &str, message: impl Into<String>) {
        let warning = Warning { place: place.clone(), key: key.to_owned(), message: message.into() };
        self.warnings.borrow_mut().push(warning);
    }

    pub(super) fn file(&self, place: &Place, key: &str, path: &Path) {
        let file = NamedFile { path: path.to_owned(), place: place.clone(), key: key.to_owned() };
        self.files.borrow_mut().push(file);
    }

    /// The files named so far, in the order in which they were read.
    pub(super) fn files(&self) -> Vec<NamedFile> {
        self.files.borrow().clone()
    }

    /// Whether nothing found so far forbids going on.
    pub(super) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    /// The warnings, or all errors; in the order of the files' names and lines, variables last.
    pub(super) fn finish(self) -> Result<Vec<Warning>, Vec<ConfigError>> {
        let (mut errors, mut warnings) = (self.errors.into_inner(), self.warnings.into_inner());
        errors.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        warnings.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        if errors.is_empty() { Ok(warnings) } else { Err(errors) }
    }
}
