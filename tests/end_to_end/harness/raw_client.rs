//! A client that sends the bytes it is given and reads answers strictly.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::PATIENCE;
use super::message::{Answers, Fault, Message, read_head, read_response, take};
use super::wire::{End, Wire, shown};

/// A connection to the proxy.
#[derive(Debug)]
pub(crate) struct RawClient {
    wire: Wire,
}

impl RawClient {
    #[track_caller]
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).unwrap_or_else(|error| panic!("cannot connect to {address}: {error}"))
    }

    pub(crate) fn try_connect(address: SocketAddr) -> std::io::Result<Self> {
        TcpStream::connect_timeout(&address, PATIENCE).map(|stream| Self { wire: Wire::new(stream) })
    }

    /// A connection to the Unix socket at `path`.
    #[track_caller]
    pub(crate) fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path);
        let stream = stream.unwrap_or_else(|error| panic!("cannot connect to {}: {error}", path.display()));
        Self { wire: Wire::new(TcpStream::from(OwnedFd::from(stream))) }
    }

    /// A connection from one address of this host to another.
    #[track_caller]
    pub(crate) fn connect_from(own: IpAddr, address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::new(own, 0).into()).expect("an address of this host");
        socket.connect(&address.into()).expect("a connection");
        Self { wire: Wire::new(socket.into()) }
    }

    /// Sends bytes; a peer that does not take them fails the test.
    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.wire.send(bytes.as_ref()), "the proxy took no more: {}", shown(bytes.as_ref()));
    }

    /// Sends bytes to a peer that may have closed. True when all were taken.
    pub(crate) fn send_if_open(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.wire.send(bytes.as_ref())
    }

    /// Sends a request with no body, and reads its answer.
    #[track_caller]
    pub(crate) fn get(&mut self, target: &str) -> Message {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: example.test\r\n\r\n"));
        self.response()
    }

    /// The next response, which must be final and whole.
    #[track_caller]
    pub(crate) fn response(&mut self) -> Message {
        self.try_response().unwrap_or_else(|fault| panic!("no whole response: {fault:?}"))
    }

    #[track_caller]
    pub(crate) fn try_response(&mut self) -> Result<Message, Fault> {
        read_response(&mut self.wire, Answers::Other)
    }

    /// The next response, to a HEAD request.
    #[track_caller]
    pub(crate) fn response_to_head(&mut self) -> Message {
        read_response(&mut self.wire, Answers::Head)
            .unwrap_or_else(|fault| panic!("no whole response: {fault:?}"))
    }

    /// The head of the next response, whatever its status; the body is left unread.
    #[track_caller]
    pub(crate) fn head(&mut self) -> Message {
        read_head(&mut self.wire).unwrap_or_else(|fault| panic!("no response head: {fault:?}"))
    }

    /// Exactly `count` bytes.
    #[track_caller]
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        take(&mut self.wire, count).unwrap_or_else(|fault| panic!("not {count} bytes: {fault:?}"))
    }

    /// Everything up to the end of the connection, and how that came.
    #[track_caller]
    pub(crate) fn rest(&mut self) -> (Vec<u8>, End) {
        loop {
            if let Err(end) = self.wire.fill() {
                return (std::mem::take(&mut self.wire.unread), end);
            }
        }
    }

    /// The connection must end now, in order and without another byte.
    #[track_caller]
    pub(crate) fn expect_close(&mut self) {
        let (rest, end) = self.rest();
        assert_eq!((shown(&rest).as_str(), end), ("\"\"", End::Closed), "the connection's end");
    }

    /// True when nothing comes for `moment`: for what must not happen, where there is nothing to wait for.
    pub(crate) fn is_quiet_for(&mut self, moment: Duration) -> bool {
        self.wire.unread.is_empty() && self.wire.fill_within(moment).is_none()
    }

    /// Ends the client's direction and leaves the other open.
    pub(crate) fn end_sending(&self) {
        self.wire.end_sending();
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        self.wire.reset();
    }

    /// The socket, for tests that read at their own pace.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.wire.stream()
    }
}
