//! The certificate that peers show in TLS runs, made anew for each start, and the client that trusts it alone.
//!
//! The client offers one cipher suite and one group, so that every peer does the same work whatever it prefers.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::{ClientConfig, RootCertStore, version};

/// The host that requests name, and the certificate.
pub(crate) const NAME: &str = "versus.example";
pub(crate) const ALPN: &[u8] = b"http/1.1";
const FILE: &str = "certificate.pem";
/// Where HAProxy looks for the key of `FILE`.
const KEY_FILE: &str = "certificate.pem.key";

/// Writes an ECDSA P-256 certificate and its key to `directory`. The client's handshakes are TLS 1.3 and always full.
pub(crate) fn make(directory: &Path) -> io::Result<Arc<ClientConfig>> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).map_err(io::Error::other)?;
    write(&directory.join(FILE), 0o644, &made.cert.pem())?;
    write(&directory.join(KEY_FILE), 0o600, &made.signing_key.serialize_pem())?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).map_err(io::Error::other)?;
    let mut provider = default_provider();
    provider.cipher_suites = vec![cipher_suite::TLS13_AES_128_GCM_SHA256];
    provider.kx_groups = vec![kx_group::X25519];
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_protocol_versions(&[&version::TLS13]).map_err(io::Error::other)?;
    let mut client = builder.with_root_certificates(roots).with_no_client_auth();
    client.alpn_protocols = vec![ALPN.to_vec()];
    client.resumption = Resumption::disabled();
    Ok(Arc::new(client))
}

fn write(file: &Path, mode: u32, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(file)?.write_all(text.as_bytes())
}
