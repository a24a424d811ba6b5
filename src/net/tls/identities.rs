//! All listeners' and upstreams' identities at once: every fault is found in one go, and a reload replaces all or nothing.

use std::sync::Arc;

use super::fault::{Findings, TlsFault, TlsWarning};
use super::listener_identity::ListenerIdentity;
use super::provider::provider;
use super::settings::TlsSettings;
use super::tickets::TicketKeys;
use super::upstream_identity::UpstreamIdentity;
use super::workshop::Workshop;
use crate::protocol::moment::UnixMicros;

/// What listeners show and upstreams are checked against: built by the control thread, read by all workers, replaced whole.
/// Positions are those of the settings.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// Per listener; absent: it speaks plain HTTP.
    pub listeners: Vec<Option<Arc<ListenerIdentity>>>,
    /// Per upstream; absent: no server of it is spoken to over TLS.
    pub upstreams: Vec<Option<Arc<UpstreamIdentity>>>,
}

/// Settings whose files are good.
#[derive(Debug)]
pub struct Loaded {
    /// What they became.
    pub identities: Identities,
    /// What is odd about them.
    pub warnings: Vec<TlsWarning>,
}

impl Identities {
    /// Reads all files that the settings name, key files of tickets included, so that a reload takes up new ones. `now` is
    /// what expiry is judged by for warnings.
    ///
    /// # Errors
    /// All that is wrong, each once.
    pub fn load(
        settings: &TlsSettings,
        tickets: &Arc<TicketKeys>,
        now: UnixMicros,
    ) -> Result<Loaded, Vec<TlsFault>> {
        let mut findings = Findings::default();
        let tickets = tickets.select(&settings.ticket_keys, &mut findings);
        let mut workshop = Workshop { provider: provider(), tickets, now, findings: &mut findings };
        let mut identities = Self::default();
        for (at, listener) in settings.listeners.iter().enumerate() {
            let loaded = listener.as_ref().and_then(|it| ListenerIdentity::load(it, at + 1, &mut workshop));
            identities.listeners.push(loaded.map(Arc::new));
        }
        for (at, upstream) in settings.upstreams.iter().enumerate() {
            let loaded = upstream.as_ref().and_then(|it| UpstreamIdentity::load(it, at + 1, &mut workshop));
            identities.upstreams.push(loaded.map(Arc::new));
        }
        let Findings { faults, warnings } = findings;
        if faults.is_empty() { Ok(Loaded { identities, warnings }) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests;
