//! The admin server: what the process says of itself, over HTTP/1.1 on an address of its own.
//!
//! Plain blocking threads, one per connection up to a bound: it serves scrapers and people, not load. It reads
//! published pictures and counters alone. All that it can have done is that a token is forgotten. What is answered is
//! [`mod@answer`]'s business.

pub mod answer;
mod eviction;

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use self::answer::{Answer, Heard, Refusal, answer};
use super::journal;
use super::published::Published;
use super::status::Status;
use crate::limits;
use crate::net::clock;
use crate::protocol::moment::Monotonic;

/// The running server. Dropping it closes the address.
pub struct AdminServer {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

/// Has every worker forget the token with this SHA-256, and returns when all of them were told. False: nobody was.
pub type Evictor = Arc<dyn Fn([u8; 32]) -> bool + Send + Sync>;

/// What connections are served with.
#[derive(Clone)]
struct Desk {
    status: Arc<Published<Status>>,
    evict: Evictor,
    /// Nobody but this machine can reach it.
    is_loopback: bool,
}

/// Pause after `accept` failed, so that running out of descriptors does not spin a CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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
        let ended = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&ended);
        thread::Builder::new()
            .name("ringwall-admin".into())
            .spawn(move || accept(&listener, &Desk { status, evict, is_loopback }, &until))?;
        Ok(Self { address, ended })
    }

    /// Where it listens; the port is known even if any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes `accept`. If it cannot be reached, it ends with the next connection.
        let _woken = TcpStream::connect_timeout(&self.address, ACCEPT_PAUSE);
    }
}

fn accept(listener: &TcpListener, desk: &Desk, ended: &AtomicBool) {
    // Every connection holds a copy: the count is one more than the connections.
    let slots = Arc::new(());
    for stream in listener.incoming() {
        if ended.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            thread::park_timeout(ACCEPT_PAUSE);
            continue;
        };
        if Arc::strong_count(&slots) > limits::ADMIN_CONNECTIONS {
            refuse(stream);
            continue;
        }
        let (slot, desk) = (Arc::clone(&slots), desk.clone());
        let connection = move || {
            // A peer that breaks off or is too slow is its own affair.
            let _served = serve(stream, &desk);
            drop(slot);
        };
        if let Err(error) = thread::Builder::new().name("ringwall-admin".into()).spawn(connection) {
            journal::warn(format_args!("an admin connection was dropped, no thread for it: {error}"));
        }
    }
}

/// A short answer fits the socket's buffer: writing it does not wait.
fn refuse(mut stream: TcpStream) {
    let answer = Answer::refusing(Refusal::Busy).into_bytes();
    let _told = stream.set_nonblocking(true).and_then(|()| stream.write_all(&answer));
}

fn serve(mut stream: TcpStream, desk: &Desk) -> io::Result<()> {
    let deadline = clock::monotonic().after(limits::ADMIN_DEADLINE);
    let answer = match receive(&mut stream, desk, deadline)? {
        Heard::Answer(answer) => answer,
        Heard::Evict(hash) if (desk.evict)(hash) => Answer::evicted(),
        Heard::Evict(_) => Answer::refusing(Refusal::NotServing),
    };
    stream.set_write_timeout(Some(left_until(deadline)?))?;
    stream.write_all(&answer.into_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    linger(stream, deadline)
}

fn receive(stream: &mut TcpStream, desk: &Desk, deadline: Monotonic) -> io::Result<Heard> {
    // A body holds a token that is good perhaps.
    let mut bytes = Zeroizing::new(vec![0; limits::ADMIN_HEAD_BYTES + limits::ADMIN_BODY_BYTES]);
    let mut filled = 0;
    loop {
        stream.set_read_timeout(Some(left_until(deadline)?))?;
        let count = stream.read(&mut bytes[filled..])?;
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

/// Reads on until the peer closes: closing with bytes unread would reset the connection under the answer.
fn linger(mut stream: TcpStream, deadline: Monotonic) -> io::Result<()> {
    let mut unread = limits::DISCARD_BYTES as usize;
    let mut bytes = [0; 4096];
    while unread > 0 {
        stream.set_read_timeout(Some(left_until(deadline)?))?;
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            break;
        }
        unread = unread.saturating_sub(count);
    }
    Ok(())
}

/// Never zero, which sockets take for "without limit".
fn left_until(deadline: Monotonic) -> io::Result<Duration> {
    let left = deadline.since(clock::monotonic());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

#[cfg(test)]
mod tests;
