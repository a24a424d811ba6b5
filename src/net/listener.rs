//! A worker's own listening socket. Every worker binds the same TCP address and the kernel spreads connections; a Unix
//! socket is bound once (`unix_socket`), and every worker has a duplicate.
//!
//! The ring only says when somebody waits; accepting is a call that does not wait. So an accept can never be lost
//! in flight, and accepted descriptors are closed on exec.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use monoio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::ColdConnection;
use super::unix_socket::{self, UnixSocket};
use crate::limits::LISTEN_BACKLOG;

/// A listening socket on this worker's ring.
pub struct Listener {
    socket: ListeningSocket,
    readiness: TcpListener,
}

enum ListeningSocket {
    Tcp(StdTcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Binds and listens. Every option is stated; accepted sockets inherit TCP_NODELAY.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.set_tcp_nodelay(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(LISTEN_BACKLOG)?;
        let socket = StdTcpListener::from(socket);
        let readiness = TcpListener::from_std(socket.try_clone()?)?;
        Ok(Self { socket: ListeningSocket::Tcp(socket), readiness })
    }

    /// Listens on `socket` beside others that do.
    pub fn share(socket: &UnixSocket) -> io::Result<Self> {
        // It is only polled, whatever its family.
        let polled = StdTcpListener::from(OwnedFd::from(socket.duplicate()?));
        let readiness = TcpListener::from_std(polled)?;
        Ok(Self { socket: ListeningSocket::Unix(socket.duplicate()?), readiness })
    }

    /// Returns when somebody waits to be accepted. May be dropped at any time.
    pub async fn somebody_waits(&self) -> io::Result<()> {
        self.readiness.readable(false).await
    }

    /// The next connection that waits, and its peer's address, which one on a Unix socket has not; `None` when nobody
    /// waits.
    pub fn accept(&self) -> io::Result<Option<(ColdConnection, Option<SocketAddr>)>> {
        let accepted = match &self.socket {
            ListeningSocket::Tcp(socket) => socket.accept().map(|(stream, peer)| (stream, Some(peer))),
            ListeningSocket::Unix(socket) => {
                socket.accept().map(|(stream, _)| (unix_socket::as_tcp(stream), None))
            }
        };
        match accepted {
            Ok((stream, peer)) => Ok(Some((ColdConnection::new(stream)?, peer))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}
