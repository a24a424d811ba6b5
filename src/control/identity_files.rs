//! The files that TLS reads: loaded with the configuration, and again when they change.

use std::path::PathBuf;
use std::sync::Arc;

use super::journal;
use super::watched_files::WatchedFiles;
use crate::net::clock;
use crate::net::tls::{Identities, Loaded, TicketKeys, TlsFault, TlsSettings};
use crate::protocol::moment::Monotonic;

/// What TLS reads.
pub struct IdentityFiles {
    tickets: Arc<TicketKeys>,
    settings: TlsSettings,
    files: WatchedFiles,
}

impl IdentityFiles {
    /// None so far. Ticket keys that are made here last as long as the process.
    pub fn new() -> Result<Self, TlsFault> {
        let tickets = Arc::new(TicketKeys::new()?);
        Ok(Self { tickets, settings: TlsSettings::default(), files: WatchedFiles::new(Vec::new()) })
    }

    /// Reads what `settings` name. On a fault what was read before stays; it says all that is wrong, one line each.
    pub fn load(&mut self, settings: TlsSettings) -> Result<Arc<Identities>, Vec<String>> {
        let files = WatchedFiles::new(paths(&settings));
        let identities = self.read(&settings)?;
        (self.settings, self.files) = (settings, files);
        Ok(identities)
    }

    /// When [`Self::look`] has something to do.
    pub fn next_look(&self) -> Option<Monotonic> {
        self.files.next_look()
    }

    /// What the files hold now, if they have changed since they were last read.
    pub fn look(&mut self, now: Monotonic) -> Option<Result<Arc<Identities>, Vec<String>>> {
        self.files.have_changed(now).then(|| self.read(&self.settings))
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
