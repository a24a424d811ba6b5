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

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;

    use rustls::{ServerConnection, StreamOwned};

    use super::super::{Link, Timeouts, Wait};
    use super::*;
    use crate::net::tls::fixture::{Authority, Folder, params};
    use crate::net::tls::{Identities, ListenerTls, TicketKeys, TlsSettings};
    use crate::protocol::moment::UnixMicros;

    /// What a client that trusts `trusted` hears of a server whose certificate is for `named` when it says `ping`.
    fn ask(named: &str, is_trusted: bool, ends_in_order: bool) -> io::Result<Vec<u8>> {
        let (folder, authority, other) = (Folder::new(), Authority::new("one"), Authority::new("other"));
        let pair = folder.pair("own", &authority.issue(params("a", &[named])));
        let listener = ListenerTls { certificates: vec![pair], ..ListenerTls::default() };
        let settings = TlsSettings { listeners: vec![Some(listener)], ..TlsSettings::default() };
        let tickets = Arc::new(TicketKeys::new().unwrap());
        let now = UnixMicros(1_787_745_600_000_000);
        let identities = Identities::load(&settings, &tickets, now).unwrap().identities;
        let shown = identities.listeners[0].as_ref().unwrap().config.clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            let connection = ServerConnection::new(shown).unwrap();
            let mut stream = StreamOwned::new(connection, listener.accept().unwrap().0);
            let mut heard = [0; 4];
            if stream.read_exact(&mut heard).is_ok() {
                let _ = stream.write_all(&heard);
                if ends_in_order {
                    stream.conn.send_close_notify();
                }
                let _ = stream.flush();
            }
        });
        let authorities = if is_trusted { authority.pem() } else { other.pem() };
        let trust = TlsTrust::Authorities(authorities.into());
        let mut link = Link::connect(&Origin::parse(&url).unwrap().0, &trust, Timeouts::default())?;
        assert_eq!(link.send(b"ping")?, 4);
        while !link.flush()? {}
        let (mut heard, mut piece) = (Vec::new(), [0; 16]);
        loop {
            match link.receive(&mut piece, Wait::Idle)? {
                Some(0) => return Ok(heard),
                Some(count) => heard.extend_from_slice(&piece[..count]),
                None => {}
            }
        }
    }

    #[test]
    fn a_proxy_must_be_vouched_for_and_end_in_order() {
        assert_eq!(ask("localhost", true, true).unwrap(), b"ping");
        assert!(ask("localhost", true, false).is_err(), "cut off");
        assert!(ask("localhost", false, true).is_err(), "another authority");
        assert!(ask("b.test", true, true).is_err(), "another name");
    }

    #[test]
    fn no_authority_is_no_trust() {
        assert!(roots(&TlsTrust::Authorities(b"no PEM".to_vec())).is_err());
    }
}
