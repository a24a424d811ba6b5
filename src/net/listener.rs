//! A worker's own listening socket: every worker binds the same address and the kernel spreads connections.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as StdUnixStream;

use monoio::net::TcpListener;
use socket2::{Domain, Protocol, Socket, Type};

use super::connection::ColdConnection;
use crate::limits::LISTEN_BACKLOG;

/// A listening socket on this worker's ring.
pub struct Listener {
    inner: TcpListener,
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
        socket.bind(&address.into())?;
        socket.listen(LISTEN_BACKLOG)?;
        Ok(Self { inner: TcpListener::from_std(socket.into())? })
    }

    /// The next connection and its peer. The future must not be dropped while it waits: a connection that arrives
    /// just then would be lost with its descriptor.
    pub async fn accept(&self) -> io::Result<(ColdConnection, SocketAddr)> {
        let (stream, peer) = self.inner.accept().await?;
        Ok((ColdConnection::new(stream), peer))
    }
}

/// A pair of connected streams for tests of what needs a connection without a network.
pub fn socket_pair() -> io::Result<(StdUnixStream, StdUnixStream)> {
    StdUnixStream::pair()
}
