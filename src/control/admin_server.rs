//! The admin server: what the process says of itself, over HTTP/1.1 on an address of its own.
//!
//! Blocking threads do: it serves scrapers and people, not load. It reads published pictures and counters alone. All that
//! it can have done is that a token is forgotten. What is answered is [`mod@answer`]'s business.

pub mod answer;
mod eviction;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use zeroize::Zeroizing;

use self::answer::{Answer, Heard, Refusal, answer};
use super::journal;
use super::published::Published;
use super::status::Status;
use crate::limits;
use crate::net::blocking_server::{BlockingServer, Service};
use crate::net::blocking_stream::TimedSocket;
use crate::net::clock;

/// The running server. Dropping it closes the address.
pub struct AdminServer(BlockingServer);

/// Has every worker forget the token with this SHA-256, and returns when all of them were told. False: nobody was.
pub type Evictor = Arc<dyn Fn([u8; 32]) -> bool + Send + Sync>;

/// What connections are served with.
struct Desk {
    status: Arc<Published<Status>>,
    evict: Evictor,
    /// Nobody but this machine can reach it.
    is_loopback: bool,
}

impl AdminServer {
    /// Listens on `address` and serves `status`. Warns of an address that others can reach: there is no login. On such a
    /// one `evict` is not called.
    pub fn start(address: SocketAddr, status: Arc<Published<Status>>, evict: Evictor) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let is_loopback = address.ip().is_loopback();
        if !is_loopback {
            journal::warn(format_args!(
                "the admin address {address} is not a loopback address: whoever reaches it reads counters, \
                 addresses and names of routes and upstreams; keep it behind a firewall"
            ));
        }
        let desk = Desk { status, evict, is_loopback };
        BlockingServer::start(listener, desk).map(Self)
    }

    /// Where it listens; the port is known even if any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

impl Service for Desk {
    const NAME: &'static str = "ringwall-admin";
    const CONNECTIONS: usize = limits::ADMIN_CONNECTIONS;

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut socket = TimedSocket::new(stream, clock::monotonic().after(limits::ADMIN_DEADLINE))?;
        let answer = match receive(&mut socket, self)? {
            Heard::Answer(answer) => answer,
            Heard::Evict(hash) if (self.evict)(hash) => Answer::evicted(),
            Heard::Evict(_) => Answer::refusing(Refusal::NotServing),
        };
        socket.write_all(&answer.into_bytes())?;
        socket.end(limits::DISCARD_BYTES as usize)
    }

    fn busy(&self) -> Vec<u8> {
        Answer::refusing(Refusal::Busy).into_bytes()
    }

    fn starved(&self, error: &io::Error) {
        journal::warn(format_args!("an admin connection was dropped, no thread for it: {error}"));
    }
}

fn receive(socket: &mut TimedSocket, desk: &Desk) -> io::Result<Heard> {
    // A body holds a token that is good perhaps.
    let mut bytes = Zeroizing::new(vec![0; limits::ADMIN_HEAD_BYTES + limits::ADMIN_BODY_BYTES]);
    let mut filled = 0;
    loop {
        let count = socket.read(&mut bytes[filled..])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += count;
        let now = clock::monotonic();
        if let Some(heard) = answer(&bytes[..filled], &desk.status.read(), now, desk.is_loopback) {
            return Ok(heard);
        }
        if filled == bytes.len() {
            return Ok(Heard::Answer(Answer::refusing(Refusal::BodyTooLong)));
        }
    }
}

#[cfg(test)]
mod tests;
