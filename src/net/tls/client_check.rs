//! What a listener checks its clients' certificates against.

use std::sync::Arc;

use ring::digest::{self, Digest};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::certificate_facts::review_revocation;
use super::fault::TlsFault;
use super::files;
use super::settings::{ClientAuth, ListenerTls};
use super::workshop::Workshop;

/// How a listener checks its clients.
///
/// Chains are followed up to an authority in `client_ca`. With revocation lists, every certificate of a chain is looked
/// up: one that is listed is refused, and so is one whose issuer's list is not properly signed. A certificate whose issuer
/// has no list here passes, so that lists need not be complete. A list past its date is obeyed, because without it what it
/// names would pass; loading warns of it.
pub(super) struct ClientCheck {
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// Differs whenever what is asked of clients differs: the kind of authentication, an authority, a revocation list.
    pub(super) fingerprint: Digest,
}

impl ClientCheck {
    /// Reads the files of listener `number`, counted from 1. `None` after a fault.
    pub(super) fn load(settings: &ListenerTls, number: usize, workshop: &mut Workshop<'_>) -> Option<Self> {
        let ask = settings.client_auth;
        if ask == ClientAuth::Off {
            let verifier = WebPkiClientVerifier::no_client_auth();
            return Some(Self { verifier, fingerprint: fingerprint(ask, &[], &[]) });
        }
        let Some(path) = &settings.client_ca else {
            workshop.findings.fault(TlsFault::ClientCaMissing { listener: number });
            return None;
        };
        let authorities = workshop.authorities(path);
        let lists = match &settings.client_crl {
            Some(path) => workshop.findings.keep(files::revocation_lists(path)),
            None => Some(Vec::new()),
        };
        let ((authorities, roots), lists) = (authorities?, lists?);
        if let Some(path) = &settings.client_crl {
            review_revocation(path, &lists, &authorities, workshop.now, workshop.findings);
        }
        let fingerprint = fingerprint(ask, &authorities, &lists);
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(&workshop.provider))
            .with_crls(lists)
            .allow_unknown_revocation_status();
        if ask == ClientAuth::Optional {
            builder = builder.allow_unauthenticated();
        }
        // There is at least one authority, so it is the lists that can be wrong.
        let verifier = builder.build().map_err(|error| TlsFault::RevocationList {
            path: settings.client_crl.clone().unwrap_or_default(),
            reason: error.to_string(),
        });
        Some(Self { verifier: workshop.findings.keep(verifier)?, fingerprint })
    }
}

fn fingerprint(
    ask: ClientAuth,
    authorities: &[CertificateDer<'_>],
    lists: &[CertificateRevocationListDer<'_>],
) -> Digest {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(match ask {
        ClientAuth::Off => b"0",
        ClientAuth::Optional => b"1",
        ClientAuth::Required => b"2",
    });
    // DER says its own length, and a list does not look like a certificate: the parts cannot be mistaken.
    authorities.iter().for_each(|authority| hash.update(authority));
    lists.iter().for_each(|list| hash.update(list));
    hash.finish()
}
