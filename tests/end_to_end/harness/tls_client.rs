//! A client that speaks TLS by rustls and reads answers with a `Content-Length`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::PATIENCE;
use super::authority::{Authority, Issued};

/// What a client trusts and shows; sessions are resumed among its connections.
#[derive(Clone)]
pub(crate) struct TlsClients(Arc<ClientConfig>);

/// A connection after its handshake.
pub(crate) struct TlsClient(StreamOwned<ClientConnection, TcpStream>);

impl TlsClients {
    pub(crate) fn trusting(authority: &Authority, own: Option<&Issued>) -> Self {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(authority.certificate.as_bytes()).expect("PEM");
        roots.add(root).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config =
            config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
        let config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = vec![CertificateDer::from_pem_slice(own.certificate.as_bytes()).expect("PEM")];
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).expect("PEM");
                config.with_client_auth_cert(chain, key).expect("a certificate")
            }
        };
        Self(Arc::new(config))
    }

    /// Shakes hands for `name` and sends `request` with the last flight.
    #[track_caller]
    pub(crate) fn connect_with(&self, address: SocketAddr, name: &str, request: &[u8]) -> TlsClient {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut connection = ClientConnection::new(self.0.clone(), name).expect("a client");
        connection.writer().write_all(request).expect("a request");
        let mut client = StreamOwned::new(connection, stream);
        while client.conn.is_handshaking() {
            client.conn.complete_io(&mut client.sock).expect("a handshake");
        }
        client.flush().expect("a flight");
        TlsClient(client)
    }

    /// Shakes hands for `name`, or says why that failed.
    pub(crate) fn connect(&self, address: SocketAddr, name: &str) -> std::io::Result<TlsClient> {
        self.connect_behind(b"", address, name)
    }

    /// The same, with `preface` ahead of the first flight and in one segment with it.
    pub(crate) fn connect_behind(
        &self,
        preface: &[u8],
        address: SocketAddr,
        name: &str,
    ) -> std::io::Result<TlsClient> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut connection = ClientConnection::new(self.0.clone(), name).expect("a client");
        let mut first = preface.to_vec();
        while connection.wants_write() {
            connection.write_tls(&mut first)?;
        }
        let mut client = StreamOwned::new(connection, stream);
        client.sock.write_all(&first)?;
        while client.conn.is_handshaking() {
            client.conn.complete_io(&mut client.sock)?;
        }
        Ok(TlsClient(client))
    }
}

impl TlsClients {
    /// The first bytes of a handshake for `name`.
    pub(crate) fn first_flight(&self, name: &str) -> Vec<u8> {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let mut connection = ClientConnection::new(self.0.clone(), name).expect("a client");
        let mut flight = Vec::new();
        connection.write_tls(&mut flight).expect("memory");
        flight
    }
}

impl TlsClient {
    /// What would be sent for `plain`, unsent.
    pub(crate) fn records_of(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut records = Vec::new();
        self.0.conn.writer().write_all(plain).expect("memory");
        while self.0.conn.wants_write() {
            self.0.conn.write_tls(&mut records).expect("memory");
        }
        records
    }

    /// The status and body of the answer to a GET for `host`.
    pub(crate) fn get(&mut self, host: &str, target: &str) -> std::io::Result<(u16, String)> {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))?;
        self.response()
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.write_all(bytes.as_ref())?;
        self.0.flush()
    }

    /// The next answer, which must have a `Content-Length`.
    pub(crate) fn response(&mut self) -> std::io::Result<(u16, String)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        self.0.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// What comes up to the end; an end without close_notify is an error.
    pub(crate) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).map(|_| rest)
    }

    /// Says that no more comes.
    pub(crate) fn close_notify(&mut self) -> std::io::Result<()> {
        self.0.conn.send_close_notify();
        self.0.flush()
    }

    /// Changes our key and asks for the same.
    pub(crate) fn refresh_traffic_keys(&mut self) -> std::io::Result<()> {
        self.0.conn.refresh_traffic_keys().map_err(std::io::Error::other)?;
        self.0.flush()
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.0.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// The socket below, to write what is no record.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        &mut self.0.sock
    }
}
