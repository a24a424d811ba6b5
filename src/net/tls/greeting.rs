//! Carries handshakes out on sockets: reads, writes, and the limit on time.

use std::os::fd::AsRawFd;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::TcpStream;
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion, ServerConfig};

use super::client_certificate;
use super::handshake::{End, Handshake, Needs};
use super::handshake_fault::HandshakeFault;
use super::session::{KeySource, Session};
use crate::limits::TLS_RECEIVE_STEPS;
use crate::net::clock;
use crate::net::connection::ColdConnection;
use crate::protocol::client_certificate::ClientCertificate;
use crate::protocol::tls::Role;

/// What a client said and showed in its handshake.
#[derive(Debug)]
pub struct Greeting {
    /// The name it asked for, lower case.
    pub server_name: Option<String>,
    /// The certificate it proved to own, verified.
    pub client: Option<ClientCertificate>,
    /// It resumed an earlier session.
    pub resumed: bool,
}

/// How a client began.
pub enum Greeted {
    /// With a handshake, which is done.
    Secured(ColdConnection, Greeting),
    /// With HTTP, as if there were no TLS. What it sent is lost.
    PlainHttp(ColdConnection),
}

/// Greets a client that connected. Time is limited by the caller.
pub async fn greet(cold: ColdConnection, config: Arc<ServerConfig>) -> Result<Greeted, HandshakeFault> {
    let mut stream = cold.into_stream();
    let overheard =
        Arc::new(Overheard { resolver: config.cert_resolver.clone(), server_name: OnceLock::new() });
    let mut config = ServerConfig::clone(&config);
    config.cert_resolver = overheard.clone();
    let mut handshake = Handshake::new(UnbufferedServerConnection::new(Arc::new(config))?);
    if shake(&mut stream, &mut handshake, true).await? == Shaken::PlainHttp {
        return Ok(Greeted::PlainHttp(ColdConnection::unsecured(stream)));
    }
    let end = &handshake.end;
    let client = match end.peer_certificates().and_then(|chain| chain.first()) {
        None => None,
        // One that expired since the session it resumes, or that cannot be told whole, is no identity.
        Some(leaf) => {
            Some(client_certificate(leaf, clock::unix_micros()).ok_or(HandshakeFault::Unidentified)?)
        }
    };
    let greeting = Greeting {
        server_name: overheard.server_name.get().cloned(),
        client,
        resumed: end.handshake_kind() == Some(HandshakeKind::Resumed),
    };
    let session = Session::new(handshake.establish()?, KeySource::Server, Role::Server, stream.as_raw_fd())?;
    Ok(Greeted::Secured(ColdConnection::secured(stream, session), greeting))
}

/// Introduces us to a server that we connected to, within `limit`.
pub async fn introduce(
    cold: ColdConnection,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    limit: Duration,
) -> Result<ColdConnection, HandshakeFault> {
    let mut stream = cold.into_stream();
    let mut handshake = Handshake::new(UnbufferedClientConnection::new(config, name)?);
    let shaking = monoio::time::timeout(limit, shake(&mut stream, &mut handshake, false));
    shaking.await.unwrap_or(Err(HandshakeFault::TimedOut))?;
    let session = Session::new(handshake.establish()?, KeySource::Client, Role::Client, stream.as_raw_fd())?;
    Ok(ColdConnection::secured(stream, session))
}

/// Notes the name that a client asks for: an unbuffered connection does not tell it.
#[derive(Debug)]
struct Overheard {
    resolver: Arc<dyn ResolvesServerCert>,
    server_name: OnceLock<String>,
}

impl ResolvesServerCert for Overheard {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            self.server_name.get_or_init(|| name.to_ascii_lowercase());
        }
        self.resolver.resolve(hello)
    }
}

/// How a handshake ended that did not fail.
#[derive(PartialEq, Eq)]
enum Shaken {
    Done,
    PlainHttp,
}

async fn shake<E: End>(
    stream: &mut TcpStream,
    handshake: &mut Handshake<E>,
    is_server: bool,
) -> Result<Shaken, HandshakeFault> {
    let mut room = vec![0; TLS_RECEIVE_STEPS[0]].into_boxed_slice();
    let mut received = 0;
    loop {
        match handshake.step() {
            Ok(Needs::Nothing) if handshake.end.protocol_version() == Some(ProtocolVersion::TLSv1_3) => {
                return Ok(Shaken::Done);
            }
            // The peer waits for our last words before it says anything itself.
            Ok(Needs::Nothing) => return send(stream, handshake).await.map(|()| Shaken::Done),
            Ok(Needs::Sending) => send(stream, handshake).await?,
            Ok(Needs::Receiving) => {}
            Err(fault) => {
                let _peer_not_told = send(stream, handshake).await;
                return Err(fault.into());
            }
        }
        let (result, back) = stream.read(room).await;
        room = back;
        let count = result.map_err(|_| HandshakeFault::Gone)?;
        if count == 0 {
            return Err(if received == 0 { HandshakeFault::Silent } else { HandshakeFault::Gone });
        }
        if is_server && received == 0 && room[0].is_ascii_uppercase() {
            return Ok(Shaken::PlainHttp);
        }
        received += count;
        handshake.receive(&room[..count])?;
    }
}

async fn send<E: End>(stream: &mut TcpStream, handshake: &mut Handshake<E>) -> Result<(), HandshakeFault> {
    let outgoing = handshake.take_outgoing();
    if outgoing.is_empty() {
        return Ok(());
    }
    let (result, _) = stream.write_all(outgoing).await;
    result.map(|_| ()).map_err(|_| HandshakeFault::Gone)
}
