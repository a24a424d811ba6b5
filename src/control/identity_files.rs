//! The files that TLS reads: loaded with the configuration, and again when they change.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal;
use crate::limits::IDENTITY_LOOK;
use crate::net::clock;
use crate::net::tls::{Identities, Loaded, TicketKeys, TlsFault, TlsSettings};
use crate::protocol::moment::Monotonic;

/// What TLS reads, and what it looked like when it was read.
pub struct IdentityFiles {
    tickets: Arc<TicketKeys>,
    settings: TlsSettings,
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

impl IdentityFiles {
    /// None so far. Ticket keys that are made here last as long as the process.
    pub fn new() -> Result<Self, TlsFault> {
        let tickets = Arc::new(TicketKeys::new()?);
        Ok(Self { tickets, settings: TlsSettings::default(), files: Vec::new(), look: Monotonic::NEVER })
    }

    /// Reads what `settings` name. On a fault what was read before stays; it says all that is wrong, one line each.
    pub fn load(&mut self, settings: TlsSettings) -> Result<Arc<Identities>, Vec<String>> {
        // Stamped before they are read: a change in between is seen by the next look.
        let files: Vec<_> = paths(&settings).into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        let identities = self.read(&settings)?;
        self.look = if files.is_empty() { Monotonic::NEVER } else { Monotonic(0) };
        (self.settings, self.files) = (settings, files);
        Ok(identities)
    }

    /// When [`Self::look`] has something to do.
    pub fn next_look(&self) -> Option<Monotonic> {
        (self.look != Monotonic::NEVER).then_some(self.look)
    }

    /// What the files hold now, if they have changed since they were last read.
    pub fn look(&mut self, now: Monotonic) -> Option<Result<Arc<Identities>, Vec<String>>> {
        if now < self.look || self.files.is_empty() {
            return None;
        }
        self.look = now.after(IDENTITY_LOOK);
        let mut changed = false;
        for (path, known) in &mut self.files {
            let current = stamp(path);
            changed |= current != *known;
            *known = current;
        }
        changed.then(|| self.read(&self.settings))
    }

    fn read(&self, settings: &TlsSettings) -> Result<Arc<Identities>, Vec<String>> {
        let loaded = Identities::load(settings, &self.tickets, clock::unix_micros());
        let Loaded { identities, warnings } =
            loaded.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        warnings.iter().for_each(journal::warn);
        Ok(Arc::new(identities))
    }
}

/// Every file that is read.
fn paths(settings: &TlsSettings) -> Vec<PathBuf> {
    let mut all = settings.ticket_keys.clone();
    for listener in settings.listeners.iter().flatten() {
        for files in &listener.certificates {
            all.extend([files.certificate.clone(), files.key.clone()]);
        }
        all.extend(listener.client_ca.iter().chain(&listener.client_crl).cloned());
    }
    for upstream in settings.upstreams.iter().flatten() {
        all.extend(upstream.ca.clone());
        all.extend(
            upstream.certificate.iter().flat_map(|files| [files.certificate.clone(), files.key.clone()]),
        );
    }
    all
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
