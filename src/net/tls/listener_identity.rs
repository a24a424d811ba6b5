//! What a listener shows and asks of its clients, as a rustls configuration.

use std::fmt;
use std::sync::Arc;

use ring::digest::{self, Digest};
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

use super::certificate_facts::dns_names;
use super::client_check::ClientCheck;
use super::fault::{Findings, TlsFault};
use super::provider::ALPN_HTTP_1_1;
use super::settings::ListenerTls;
use super::tickets::ListenerTickets;
use super::workshop::Workshop;
use crate::protocol::tls_names::CertificateNames;

/// What a listener shows and asks of its clients.
pub struct ListenerIdentity {
    /// TLS 1.2 and 1.3, `http/1.1`, tickets and no other memory of sessions, no early data; secrets can be taken out.
    pub config: Arc<ServerConfig>,
    /// The names of its certificates. The one shown to a client is `index_of(sni).unwrap_or(0)`, 0 without SNI.
    pub names: Arc<CertificateNames>,
}

impl ListenerIdentity {
    /// Reads the files of listener `number`, counted from 1. `None` after a fault.
    pub(super) fn load(settings: &ListenerTls, number: usize, workshop: &mut Workshop<'_>) -> Option<Self> {
        if settings.certificates.is_empty() {
            workshop.findings.fault(TlsFault::NoCertificates { listener: number });
        }
        let pairs = settings.certificates.iter();
        let certificates: Vec<_> = pairs.map(|pair| workshop.certified_key(pair)).collect();
        let clients = ClientCheck::load(settings, number, workshop)?;
        let certificates: Vec<_> =
            certificates.into_iter().map(|it| it.map(Arc::new)).collect::<Option<_>>()?;
        let own_names: Vec<_> = certificates.iter().map(|it| dns_names(&it.cert)).collect();
        let binding = binding(&clients, &own_names);
        let names = CertificateNames::new(own_names);
        warn_of_hidden(settings, &names, workshop.findings);
        let config = ServerConfig::builder_with_provider(Arc::clone(&workshop.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsFault::from);
        let mut config = workshop
            .findings
            .keep(config)?
            .with_client_cert_verifier(clients.verifier)
            .with_cert_resolver(Arc::new(ByServerName { names: names.clone(), certificates }));
        config.ignore_client_order = true;
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = Arc::new(ListenerTickets::new(workshop.tickets.clone()?, binding));
        config.send_tls13_tickets = 1;
        config.max_early_data_size = 0;
        config.enable_secret_extraction = true;
        Some(Self { config: Arc::new(config), names: Arc::new(names) })
    }
}

impl fmt::Debug for ListenerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerIdentity").field("names", &self.names).finish_non_exhaustive()
    }
}

/// Warns of certificates that no client can ever ask for.
fn warn_of_hidden(settings: &ListenerTls, names: &CertificateNames, findings: &mut Findings) {
    for (index, pair) in settings.certificates.iter().enumerate().skip(1) {
        if !names.leads_to(index) {
            let words = "never shown: it has no DNS name (subjectAltName) that no certificate before it has";
            findings.warn(&pair.certificate, words.to_owned());
        }
    }
}

/// Chooses the certificate by the name that the client asks for; the first when it asks for none or an unknown one.
#[derive(Debug)]
struct ByServerName {
    names: CertificateNames,
    certificates: Vec<Arc<CertifiedKey>>,
}

impl ResolvesServerCert for ByServerName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let index = hello.server_name().and_then(|name| self.names.index_of(name.as_bytes()));
        self.certificates.get(index.unwrap_or(0)).cloned()
    }
}

/// What a session must have in common with the listener that resumes it.
fn binding(clients: &ClientCheck, names: &[Vec<String>]) -> Digest {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(clients.fingerprint.as_ref());
    for name in names.iter().flatten() {
        hash.update(&(name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
    }
    hash.finish()
}
