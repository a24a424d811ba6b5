//! Keys as they were read, from a file or a server.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::super::watched_files::WatchedFiles;
use crate::limits::KEY_SET_BYTES;
use crate::policy::ruleset::Ruleset;
use crate::policy::token_rules::{Issuer, IssuerId, KeySource};
use crate::protocol::token::key_set::{Complaint, KeySet, KeySetFault};

/// A set of keys that was read.
#[derive(Clone, Debug)]
pub struct ReadKeys {
    /// The keys.
    pub set: Arc<KeySet>,
    /// Keys that were skipped.
    pub complaints: Vec<Complaint>,
    /// The same for the same text.
    pub digest: [u8; 32],
    /// How long they are good, if anybody says so.
    pub lifetime: Option<Duration>,
}

/// The keys of all issuers that have them in files.
#[derive(Debug)]
pub struct KeyFiles {
    pub(super) read: Vec<(IssuerId, ReadKeys)>,
    pub(super) watched: WatchedFiles,
}

/// Why a file with keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyFileFault {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    KeySet { path: PathBuf, source: KeySetFault },
}

impl ReadKeys {
    /// The keys in `text`.
    ///
    /// # Errors
    /// [`KeySetFault`].
    pub fn parse(text: &[u8], lifetime: Option<Duration>) -> Result<Self, KeySetFault> {
        let (set, complaints) = KeySet::parse(text)?;
        let mut found = [0; 32];
        found.copy_from_slice(digest(&SHA256, text).as_ref());
        Ok(Self { set: Arc::new(set), complaints, digest: found, lifetime })
    }

    pub(super) fn from_file(path: &Path) -> Result<Self, KeyFileFault> {
        let mut text = Vec::new();
        // One byte more than may be: a file that is cut off could be taken for whole.
        let most = KEY_SET_BYTES as u64 + 1;
        let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut text));
        read.map_err(|source| KeyFileFault::Io { path: path.into(), source })?;
        Self::parse(&text, None).map_err(|source| KeyFileFault::KeySet { path: path.into(), source })
    }
}

impl KeyFiles {
    /// Reads the files that `rules` name.
    ///
    /// # Errors
    /// All that is wrong with them, one line each.
    pub fn read(rules: &Ruleset) -> Result<Self, Vec<String>> {
        let named: Vec<(IssuerId, &Issuer, &PathBuf)> = (0..)
            .map(IssuerId)
            .zip(&rules.issuers)
            .filter_map(|(id, issuer)| match issuer.keys() {
                Some(KeySource::File(path)) => Some((id, issuer, path)),
                Some(KeySource::Service(_) | KeySource::Discovery(_)) | None => None,
            })
            .collect();
        let watched = WatchedFiles::new(named.iter().map(|(_, _, path)| (*path).clone()).collect());
        let (mut read, mut faults) = (Vec::new(), Vec::new());
        for (id, issuer, path) in named {
            match ReadKeys::from_file(path) {
                Ok(keys) => read.push((id, keys)),
                Err(fault) => faults.push(format!("issuer {}: {fault}", issuer.name)),
            }
        }
        if faults.is_empty() { Ok(Self { read, watched }) } else { Err(faults) }
    }
}
