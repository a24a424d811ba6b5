//! What loading an identity needs, whichever side it is for.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::ProducesTickets;
use rustls::sign::CertifiedKey;

use super::certificate_facts::review_validity;
use super::fault::{Findings, TlsFault};
use super::files;
use super::settings::CertificateFiles;
use crate::protocol::moment::UnixMicros;

/// What one load uses for all its listeners and upstreams, and where it notes what it finds.
pub(super) struct Workshop<'a> {
    pub(super) provider: Arc<CryptoProvider>,
    /// What seals tickets; absent after a fault, which is noted.
    pub(super) tickets: Option<Arc<dyn ProducesTickets>>,
    pub(super) now: UnixMicros,
    pub(super) findings: &'a mut Findings,
}

impl Workshop<'_> {
    /// A chain and its key, which belong to each other. `None` after a fault.
    pub(super) fn certified_key(&mut self, pair: &CertificateFiles) -> Option<CertifiedKey> {
        let chain = self.certificates(&pair.certificate);
        let key = files::private_key(&pair.key, self.findings);
        let key = self.findings.keep(key)?;
        let key = self.provider.key_provider.load_private_key(key);
        let key = key.map_err(|error| TlsFault::Key { path: pair.key.clone(), reason: error.to_string() });
        let key = self.findings.keep(key)?;
        let certified = CertifiedKey::new(chain?, key);
        let matching = certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsFault::KeyMismatch { certificate: pair.certificate.clone(), key: pair.key.clone() }
            }
            error => unusable(&pair.certificate, 0, &error),
        });
        self.findings.keep(matching)?;
        Some(certified)
    }

    /// The certificates that vouch for peers, and as rustls wants them. One that has expired still counts, with a warning.
    /// `None` after a fault.
    pub(super) fn authorities(
        &mut self,
        path: &Path,
    ) -> Option<(Vec<CertificateDer<'static>>, Arc<RootCertStore>)> {
        let authorities = self.certificates(path)?;
        let mut roots = RootCertStore::empty();
        for (at, authority) in authorities.iter().enumerate() {
            let added = roots.add(authority.clone()).map_err(|error| unusable(path, at, &error));
            self.findings.keep(added)?;
        }
        Some((authorities, Arc::new(roots)))
    }

    fn certificates(&mut self, path: &Path) -> Option<Vec<CertificateDer<'static>>> {
        let certificates = self.findings.keep(files::certificates(path))?;
        let review = review_validity(path, &certificates, self.now, self.findings);
        self.findings.keep(review)?;
        Some(certificates)
    }
}

fn unusable(path: &Path, at: usize, error: &rustls::Error) -> TlsFault {
    TlsFault::Certificate { path: path.into(), number: at + 1, reason: error.to_string() }
}
