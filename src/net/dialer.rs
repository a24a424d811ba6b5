//! Makes upstream connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use monoio::net::TcpStream;

use super::connection::Connection;

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFault {
    /// The peer or the network refused.
    Refused,
    /// Nobody answered in time.
    TimedOut,
    /// This host has no descriptor, port or memory left for it.
    Exhausted,
}

/// Connects to `address` within `limit`.
pub async fn dial(address: SocketAddr, limit: Duration) -> Result<Connection, DialFault> {
    let stream = match monoio::time::timeout(limit, TcpStream::connect_addr(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(fault(&error)),
        Err(_) => return Err(DialFault::TimedOut),
    };
    // Heads and last chunks are small: they must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    Ok(Connection::new(stream))
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
