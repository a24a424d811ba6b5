//! What the servers of an upstream are checked against and shown, as a rustls configuration.

use std::fmt;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::fault::TlsFault;

use super::provider::ALPN_HTTP_1_1;
use super::settings::UpstreamTls;
use super::workshop::Workshop;
use crate::limits::UPSTREAM_SESSIONS;

/// What the servers of an upstream are checked against and shown.
pub struct UpstreamIdentity {
    /// TLS 1.2 and 1.3, `http/1.1`, sessions remembered for resumption, no early data; secrets can be taken out.
    pub config: Arc<ClientConfig>,
    /// The name to ask for and to look for in the certificate; absent: the host that is connected to.
    pub server_name: Option<ServerName<'static>>,
}

impl UpstreamIdentity {
    /// Reads the files of upstream `number`, counted from 1. `None` after a fault.
    pub(super) fn load(settings: &UpstreamTls, number: usize, workshop: &mut Workshop<'_>) -> Option<Self> {
        let server_name =
            settings.server_name.as_ref().map(|name| workshop.findings.keep(server_name(name, number)));
        let own = settings.certificate.as_ref().map(|pair| workshop.certified_key(pair));
        let verifier = verifier(settings, number, workshop)?;
        let server_name = match server_name {
            Some(name) => Some(name?),
            None => None,
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&workshop.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsFault::from);
        let builder = workshop.findings.keep(builder)?.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match own {
            Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own?))),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN_HTTP_1_1.to_vec()];
        config.resumption = Resumption::in_memory_sessions(UPSTREAM_SESSIONS);
        config.enable_early_data = false;
        config.enable_secret_extraction = true;
        Some(Self { config: Arc::new(config), server_name })
    }

    /// The name to ask the server at `host` for; none when `host` cannot be one of a certificate.
    pub fn name_for(&self, host: &str) -> Option<ServerName<'static>> {
        let own = || ServerName::try_from(host.to_owned()).ok();
        self.server_name.clone().or_else(own)
    }
}

impl fmt::Debug for UpstreamIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamIdentity").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn server_name(name: &str, number: usize) -> Result<ServerName<'static>, TlsFault> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| TlsFault::ServerName { upstream: number, name: name.to_owned() })
}

fn verifier(
    settings: &UpstreamTls,
    number: usize,
    workshop: &mut Workshop<'_>,
) -> Option<Arc<dyn ServerCertVerifier>> {
    if settings.dangerous_accept_any_certificate {
        let algorithms = workshop.provider.signature_verification_algorithms;
        return Some(Arc::new(AcceptAnyCertificate { algorithms }));
    }
    let roots = match &settings.ca {
        Some(path) => workshop.authorities(path)?.1,
        None => workshop.findings.keep(system_roots(number))?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&workshop.provider)).build();
    let verifier = verifier.map_err(|error| TlsFault::Unexpected(Error::General(error.to_string())));
    workshop.findings.keep(verifier).map(|verifier| verifier as Arc<dyn ServerCertVerifier>)
}

/// The authorities that the system trusts. What cannot be read among them does not matter as long as any can.
fn system_roots(number: usize) -> Result<Arc<RootCertStore>, TlsFault> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let reasons = found.errors.iter().map(|error| format!("; {error}")).collect();
        return Err(TlsFault::SystemRoots { upstream: number, reasons });
    }
    Ok(Arc::new(roots))
}

/// Asks no authority. Still the server must have the key of the certificate it shows, or the handshake itself is broken.
#[derive(Debug)]
struct AcceptAnyCertificate {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
