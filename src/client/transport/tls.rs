//! TLS under the client's connections, as rustls has it.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::{Origin, TlsTrust, is_pause, now, timed_out};

/// Shakes hands with a server that must be `origin`.
pub(super) fn handshake(
    socket: &mut TcpStream,
    origin: &Origin,
    trust: &TlsTrust,
    time: Duration,
) -> io::Result<ClientConnection> {
    let name = ServerName::try_from(origin.bare_host().to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(config(trust)?, name).map_err(io::Error::other)?;
    let start = now();
    while connection.is_handshaking() {
        let left = time.saturating_sub(now().saturating_duration_since(start));
        if left.is_zero() {
            return Err(timed_out());
        }
        socket.set_read_timeout(Some(left))?;
        match connection.complete_io(socket) {
            Ok(_) => {}
            Err(error) if is_pause(&error) => {}
            Err(error) => {
                return Err(io::Error::new(error.kind(), format!("no TLS with {origin}: {error}")));
            }
        }
    }
    Ok(connection)
}

/// Whether all records are on their way; not, if the peer takes none for a moment.
pub(super) fn flush(connection: &mut ClientConnection, socket: &mut TcpStream) -> io::Result<bool> {
    while connection.wants_write() {
        match connection.write_tls(socket) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(_) => {}
            Err(error) if is_pause(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// What one read of the socket brings, if no plaintext is there yet. An end without close_notify is an error.
pub(super) fn receive(
    connection: &mut ClientConnection,
    socket: &mut TcpStream,
    into: &mut [u8],
) -> io::Result<usize> {
    loop {
        match connection.reader().read(into) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            read => return read,
        }
        connection.read_tls(socket)?;
        connection.process_new_packets().map_err(io::Error::other)?;
        flush(connection, socket)?;
    }
}

fn config(trust: &TlsTrust) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let mut config = builder.with_root_certificates(roots(trust)?).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(trust: &TlsTrust) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match trust {
        TlsTrust::System => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        TlsTrust::Authorities(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(io::Error::other)?;
                roots.add(certificate).map_err(io::Error::other)?;
            }
        }
    }
    if roots.is_empty() {
        return Err(io::Error::new(
            ErrorKind::NotFound,
            "no certificate authority to trust: name a file of them",
        ));
    }
    Ok(roots)
}
