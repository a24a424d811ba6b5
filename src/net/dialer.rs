//! Makes upstream connections.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use monoio::net::TcpStream;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::connection::{ColdConnection, Connection};
use super::tls::{HandshakeFault, introduce};
use super::{clock, unix_socket};
use crate::telemetry::tls_failures::HandshakeFailure;

/// What is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A stream socket in the file system.
    Unix(PathBuf),
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFault {
    /// The peer or the network refused.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// This host has no descriptor, port or memory left for it.
    Exhausted,
    /// It stands, and the TLS handshake failed: the server's certificate, or what it speaks, is not what was asked for.
    Handshake(HandshakeFailure),
}

/// How a connection is secured.
pub struct Secured {
    /// What is asked of the server, and shown to it.
    pub config: Arc<ClientConfig>,
    /// The name asked for, and looked for in its certificate.
    pub name: ServerName<'static>,
}

/// Connects to `destination`, and secures the connection where it is asked to, within `limit`.
pub async fn dial(
    destination: Destination,
    limit: Duration,
    secured: Option<Secured>,
) -> Result<Connection, DialFault> {
    let began = clock::monotonic();
    let address = match destination {
        Destination::Tcp(address) => address,
        Destination::Unix(path) => {
            let stream = unix_socket::connect(&path).and_then(TcpStream::from_std);
            return stream.map(Connection::new).map_err(|error| fault(&error));
        }
    };
    let stream = match monoio::time::timeout(limit, TcpStream::connect_addr(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(fault(&error)),
        Err(_) => return Err(DialFault::TimedOut),
    };
    // Heads and last chunks are small: they must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let cold = ColdConnection::unsecured(stream);
    let Some(Secured { config, name }) = secured else { return Ok(cold.warm()) };
    let rest = limit.saturating_sub(clock::monotonic().since(began));
    match introduce(cold, config, name, rest).await {
        Ok(cold) => Ok(cold.warm()),
        Err(HandshakeFault::TimedOut) => Err(DialFault::TimedOut),
        Err(fault) => Err(DialFault::Handshake(fault.failure())),
    }
}

fn fault(error: &io::Error) -> DialFault {
    use nix::errno::Errno;
    match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
        Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::EADDRNOTAVAIL => {
            DialFault::Exhausted
        }
        Errno::ETIMEDOUT => DialFault::TimedOut,
        _ => DialFault::Refused,
    }
}
