//! A listener for few connections, beside the workers: a thread each, up to a bound.
//!
//! What is said on a connection is its service's business.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What becomes of connections.
pub trait Service: Send + Sync + 'static {
    /// What its threads are called.
    const NAME: &'static str;
    /// How many connections it takes at once.
    const CONNECTIONS: usize;

    /// Serves one. A peer that breaks off or is too slow is its own affair.
    fn serve(&self, stream: TcpStream) -> io::Result<()>;

    /// What one too many is answered: short enough for a socket's buffer.
    fn busy(&self) -> Vec<u8>;

    /// A connection was closed because there is no thread for it.
    fn starved(&self, error: &io::Error);
}

/// A running listener. Dropping it closes the address.
#[derive(Debug)]
pub struct BlockingServer {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

/// Pause after `accept` failed, so that running out of descriptors does not spin a CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl BlockingServer {
    /// Serves what comes to `listener`.
    pub fn start<S: Service>(listener: TcpListener, service: S) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let ended = Arc::new(AtomicBool::new(false));
        let (service, until) = (Arc::new(service), Arc::clone(&ended));
        thread::Builder::new().name(S::NAME.into()).spawn(move || accept(&listener, &service, &until))?;
        Ok(Self { address, ended })
    }

    /// Where it listens; the port is known even if any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for BlockingServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes `accept`. If it cannot be reached, it ends with the next connection.
        let _woken = TcpStream::connect_timeout(&self.address, ACCEPT_PAUSE);
    }
}

fn accept<S: Service>(listener: &TcpListener, service: &Arc<S>, ended: &AtomicBool) {
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
        if Arc::strong_count(&slots) > S::CONNECTIONS {
            refuse(stream, &service.busy());
            continue;
        }
        let (slot, own) = (Arc::clone(&slots), Arc::clone(service));
        let connection = move || {
            let _served = own.serve(stream);
            drop(slot);
        };
        if let Err(error) = thread::Builder::new().name(S::NAME.into()).spawn(connection) {
            service.starved(&error);
        }
    }
}

/// Does not wait.
fn refuse(mut stream: TcpStream, answer: &[u8]) {
    let _told = stream.set_nonblocking(true).and_then(|()| stream.write_all(answer));
}
