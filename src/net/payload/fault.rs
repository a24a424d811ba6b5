//! What can be wrong with the key files of payload encryption, in words for the person who made them.

use std::io;
use std::path::{Path, PathBuf};

use crate::limits::PAYLOAD_KEY_FILE_BYTES;
use crate::protocol::payload::key_document::SigningFault;
use crate::protocol::payload::ohttp_keys::GatewayKeysFault;

/// Why the keys of payload encryption cannot be used, and what to do about it. Never says a byte of a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    /// A file is not what it is named for, or was damaged.
    #[error("{}: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The keys do not go together.
    #[error(transparent)]
    Gateway(#[from] GatewayKeysFault),
    /// Two files hold keys with the same id.
    #[error(
        "{}: its key has the id {id}, as has an earlier one, so that a client could not say which it means; make it \
         anew with another `--id`", path.display()
    )]
    IdRepeated {
        /// The second file.
        path: PathBuf,
        /// The id.
        id: u8,
    },
    /// A key has the id of another that a signed list still names.
    #[error(
        "the key with the id {id} is another than the one that a signed list names for {hours} h more: clients \
         would seal to that one; make the key anew with another `--id`"
    )]
    IdTaken {
        /// The id.
        id: u8,
        /// For how long, at least 1.
        hours: u64,
    },
    /// The system has no randomness.
    #[error("the system gives no random bytes for keys; is /dev/urandom or getrandom(2) forbidden?")]
    Random,
    /// A file cannot be read.
    #[error("{}: cannot be read ({source}); check the path and the rights of the user that ringwall runs as", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The list of keys cannot be signed.
    #[error("the list of keys cannot be signed: {0}")]
    Signing(#[from] SigningFault),
    /// A file is too long.
    #[error("{}: longer than {PAYLOAD_KEY_FILE_BYTES} bytes; is it the right file?", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

impl KeyFault {
    /// The file that is at fault; none where it is all of them, or the system.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Broken { path, .. }
            | Self::IdRepeated { path, .. }
            | Self::Read { path, .. }
            | Self::TooLong { path } => Some(path),
            Self::Gateway(_) | Self::IdTaken { .. } | Self::Random | Self::Signing(_) => None,
        }
    }
}

/// What is odd about a file that can be used all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {words}", path.display())]
pub struct KeyWarning {
    /// The file.
    pub path: PathBuf,
    /// What is odd, and what to do.
    pub words: String,
}

/// All that was noticed while loading. Loading goes on after a fault, so that a person sees all of them at once.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<KeyFault>,
    pub(super) warnings: Vec<KeyWarning>,
}

impl Findings {
    pub(super) fn warn(&mut self, path: &Path, words: impl Into<String>) {
        self.warnings.push(KeyWarning { path: path.to_owned(), words: words.into() });
    }

    /// The value, or its fault noted.
    pub(super) fn keep<T>(&mut self, result: Result<T, KeyFault>) -> Option<T> {
        result.map_err(|fault| self.faults.push(fault)).ok()
    }
}
