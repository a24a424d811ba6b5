//! Streams for the threads beside the workers: blocking, by one deadline for all that is done with one, and secured by
//! rustls as it is. Few bytes go this way; what many go is `connection`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use super::tls::UpstreamIdentity;
use super::{clock, unix_socket};
use crate::protocol::moment::Monotonic;

/// A stream to a server. Every operation fails with [`ErrorKind::TimedOut`] once its deadline has passed.
pub enum BlockingStream {
    /// In the clear.
    Plain(TimedSocket),
    /// Over TLS; the first operation shakes hands.
    Secured(Box<StreamOwned<ClientConnection, TimedSocket>>),
}

/// A socket and when everything on it must be done.
pub struct TimedSocket {
    socket: TcpStream,
    deadline: Monotonic,
}

impl TimedSocket {
    /// Takes a connection that was accepted.
    pub fn new(socket: TcpStream, deadline: Monotonic) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        Ok(Self { socket, deadline })
    }

    /// Sends no more, and reads on until the peer closes or has sent `unread` bytes: closing with bytes unread would reset
    /// the connection under what was sent last.
    pub fn end(mut self, mut unread: usize) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)?;
        let mut bytes = [0; 4096];
        while unread > 0 {
            let count = self.read(&mut bytes)?;
            if count == 0 {
                break;
            }
            unread = unread.saturating_sub(count);
        }
        Ok(())
    }
}

impl BlockingStream {
    /// Connects to `address`.
    pub fn connect(address: SocketAddr, deadline: Monotonic) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, left_until(deadline)?)?;
        TimedSocket::new(socket, deadline).map(Self::Plain)
    }

    /// Connects to the Unix socket at `path`.
    pub fn connect_unix(path: &Path, deadline: Monotonic) -> io::Result<Self> {
        Ok(Self::Plain(TimedSocket { socket: unix_socket::connect(path)?, deadline }))
    }

    /// The same over TLS, with a server that `host` is the name of unless `identity` has another.
    pub fn secured(self, identity: &UpstreamIdentity, host: &str) -> io::Result<Self> {
        let Self::Plain(socket) = self else { return Ok(self) };
        let name = identity.name_for(host).ok_or_else(|| {
            io::Error::new(
                ErrorKind::InvalidInput,
                format!("`{host}` cannot stand in a certificate; set `server_name`"),
            )
        })?;
        let client = ClientConnection::new(identity.config.clone(), name).map_err(io::Error::other)?;
        Ok(Self::Secured(Box::new(StreamOwned::new(client, socket))))
    }
}

impl Read for BlockingStream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(bytes),
            Self::Secured(stream) => stream.read(bytes),
        }
    }
}

impl Write for BlockingStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Secured(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Secured(stream) => stream.flush(),
        }
    }
}

/// The time left is set anew for every system call: a peer that sends a byte now and then gains nothing by it.
impl Read for TimedSocket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(Some(left_until(self.deadline)?))?;
        self.socket.read(bytes).map_err(timeout_by_name)
    }
}

impl Write for TimedSocket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(left_until(self.deadline)?))?;
        self.socket.write(bytes).map_err(timeout_by_name)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// Never zero, which sockets take for "without limit".
fn left_until(deadline: Monotonic) -> io::Result<Duration> {
    let left = deadline.since(clock::monotonic());
    if left.is_zero() { Err(timed_out()) } else { Ok(left) }
}

/// A blocking socket reports its time limit as "would block".
fn timeout_by_name(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { timed_out() } else { error }
}

fn timed_out() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "no answer in time")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::thread;

    use rustls::ServerConnection;

    use super::*;
    use crate::net::tls::fixture::{Authority, Folder, params};
    use crate::net::tls::{Identities, ListenerTls, TicketKeys, TlsSettings, UpstreamTls};
    use crate::protocol::moment::UnixMicros;

    const LONG: Duration = Duration::from_secs(20);

    /// What a server for `a.test` shows, and an upstream that trusts it with this `server_name`.
    fn identities(server_name: Option<&str>) -> Identities {
        let (folder, authority) = (Folder::new(), Authority::new("authority"));
        let pair = folder.pair("own", &authority.issue(params("a", &["a.test"])));
        let listener = ListenerTls { certificates: vec![pair], ..ListenerTls::default() };
        let upstream = UpstreamTls {
            ca: Some(folder.write("ca.pem", authority.pem())),
            server_name: server_name.map(str::to_owned),
            ..UpstreamTls::default()
        };
        let settings = TlsSettings {
            listeners: vec![Some(listener)],
            upstreams: vec![Some(upstream)],
            ..TlsSettings::default()
        };
        let tickets = Arc::new(TicketKeys::new().unwrap());
        let now = UnixMicros(1_787_745_600_000_000);
        Identities::load(&settings, &tickets, now).unwrap().identities
    }

    /// What a client that takes the server for `host` hears when it says `ping`.
    fn ask(server_name: Option<&str>, host: &str) -> Result<String, String> {
        let identities = identities(server_name);
        let shown = identities.listeners[0].as_ref().unwrap().config.clone();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut stream =
                StreamOwned::new(ServerConnection::new(shown).unwrap(), listener.accept().unwrap().0);
            let mut heard = [0; 4];
            if stream.read_exact(&mut heard).is_ok() {
                stream.write_all(&heard).unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        });
        let answer = || -> io::Result<String> {
            let stream = BlockingStream::connect(address, clock::monotonic().after(LONG))?;
            let mut stream = stream.secured(identities.upstreams[0].as_ref().unwrap(), host)?;
            stream.write_all(b"ping")?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        };
        let answer = answer().map_err(|error| error.to_string());
        server.join().unwrap();
        answer
    }

    #[test]
    fn a_server_must_have_the_name_it_is_asked_by() {
        assert_eq!(ask(None, "a.test").as_deref(), Ok("ping"));
        assert_eq!(ask(Some("a.test"), "127.0.0.1").as_deref(), Ok("ping"));
        for (server_name, host, word) in [
            (None, "127.0.0.1", "certificate"),
            (Some("b.test"), "a.test", "certificate"),
            (None, "not a name", "`server_name`"),
        ] {
            let fault = ask(server_name, host).unwrap_err();
            assert!(fault.contains(word), "{server_name:?} {host}: {fault}");
        }
    }

    #[test]
    fn a_server_that_never_stops_gains_no_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let deadline = clock::monotonic().after(Duration::from_millis(20));
        let mut stream = BlockingStream::connect(listener.local_addr().unwrap(), deadline).unwrap();
        let (mut accepted, _) = listener.accept().unwrap();
        let endless = thread::spawn(move || while accepted.write_all(b"a").is_ok() {});
        let fault = loop {
            if let Err(fault) = stream.read(&mut [0]) {
                break fault;
            }
        };
        assert_eq!((fault.kind(), fault.to_string().as_str()), (ErrorKind::TimedOut, "no answer in time"));
        drop(stream);
        endless.join().unwrap();
    }

    #[test]
    fn a_server_that_is_silent_in_the_handshake_is_waited_for_in_time() {
        let identities = identities(None);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let deadline = clock::monotonic().after(Duration::from_millis(20));
        let stream = BlockingStream::connect(listener.local_addr().unwrap(), deadline).unwrap();
        let mut stream = stream.secured(identities.upstreams[0].as_ref().unwrap(), "a.test").unwrap();
        assert_eq!(stream.write_all(b"ping").unwrap_err().kind(), ErrorKind::TimedOut);
    }
}
