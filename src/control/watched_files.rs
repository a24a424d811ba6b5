//! Files that were read and may be written again: looked at from time to time for a change.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::limits::IDENTITY_LOOK;
use crate::protocol::moment::Monotonic;

/// Files and what they looked like.
#[derive(Debug)]
pub struct WatchedFiles {
    files: Vec<(PathBuf, Option<Stamp>)>,
    look: Monotonic,
}

/// What changes when a file is written or put in another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl WatchedFiles {
    /// Files as they are now: to be called before they are read, so that a change in between is seen by the next look.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let files: Vec<_> = paths.into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        let look = if files.is_empty() { Monotonic::NEVER } else { Monotonic(0) };
        Self { files, look }
    }

    /// When [`Self::have_changed`] has something to do.
    pub fn next_look(&self) -> Option<Monotonic> {
        (self.look != Monotonic::NEVER).then_some(self.look)
    }

    /// Whether one of them has changed since the last look, if it is time for one.
    pub fn have_changed(&mut self, now: Monotonic) -> bool {
        if now < self.look || self.files.is_empty() {
            return false;
        }
        self.look = now.after(IDENTITY_LOOK);
        let mut changed = false;
        for (path, known) in &mut self.files {
            let current = stamp(path);
            changed |= current != *known;
            *known = current;
        }
        changed
    }
}

/// `None`: it is not there, or not to be seen.
fn stamp(path: &Path) -> Option<Stamp> {
    let of = |metadata: Metadata| Stamp {
        inode: metadata.ino(),
        bytes: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    };
    std::fs::metadata(path).ok().map(of)
}
