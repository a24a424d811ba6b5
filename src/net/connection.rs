//! A connected socket: one read and one write at a time, both possibly in flight at once.
//!
//! Reads and writes take the buffer's memory by value and give it back with the outcome. What is read and when
//! is decided elsewhere.

use std::cell::RefCell;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use monoio::buf::{IoBuf, IoBufMut};
use monoio::io::{
    AsyncReadRent, AsyncWriteRent, CancelHandle, CancelableAsyncReadRent, Canceller, OwnedReadHalf,
    OwnedWriteHalf, Splitable,
};
use monoio::net::TcpStream;
use nix::sys::socket::{MsgFlags, send, shutdown};
use rustix::net::connect_unspec;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::operation::{Operation, Reusable};
use super::tls::session::{Delivery, Sealed, Session};
use crate::protocol::tls::RecordFault;
use crate::protocol::wire_buffer::Storage;

/// What a finished read or write brings back.
pub struct Transfer {
    /// Bytes moved; 0 for a read means the peer ended its direction.
    pub result: io::Result<usize>,
    /// The memory that was lent.
    pub storage: Storage,
}

struct Lent {
    storage: Storage,
    start: usize,
    end: usize,
    call_back: Option<CancelHandle>,
}

/// A connection ready for work. Dropping it closes the socket.
pub struct Connection {
    read: Pin<Box<dyn Operation<OwnedReadHalf<TcpStream>, Lent, Transfer>>>,
    write: Pin<Box<dyn Operation<OwnedWriteHalf<TcpStream>, Lent, Transfer>>>,
    descriptor: RawFd,
    canceller: Option<Canceller>,
    tls: Option<SharedSession>,
}

/// Both directions of a TLS connection work on it, never at the same time.
type SharedSession = Rc<RefCell<Session>>;

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

impl Connection {
    /// Takes over a connected stream.
    pub fn new(stream: TcpStream) -> Self {
        let descriptor = stream.as_raw_fd();
        let (reader, writer) = stream.into_split();
        let read = Reusable::new(reader, |mut reader, lent: Lent| async move {
            let target = lent.storage.slice_mut(lent.start..lent.end);
            let (result, target) = match lent.call_back {
                None => reader.read(target).await,
                Some(handle) => reader.cancelable_read(target, handle).await,
            };
            (reader, Transfer { result, storage: target.into_inner() })
        });
        let write = Reusable::new(writer, |mut writer, lent: Lent| async move {
            let source = lent.storage.slice(lent.start..lent.end);
            let (result, source) = writer.write(source).await;
            (writer, Transfer { result, storage: source.into_inner() })
        });
        Self { read: Box::pin(read), write: Box::pin(write), descriptor, canceller: None, tls: None }
    }

    /// Takes over a connected stream whose bytes are TLS records.
    fn secured(stream: TcpStream, session: SharedSession) -> Self {
        let descriptor = stream.as_raw_fd();
        let (reader, writer) = stream.into_split();
        let opening = session.clone();
        let read = Reusable::new(reader, move |reader, lent| read_records(opening.clone(), reader, lent));
        let sealing = session.clone();
        let write = Reusable::new(writer, move |writer, lent| write_records(sealing.clone(), writer, lent));
        Self { read: Box::pin(read), write: Box::pin(write), descriptor, canceller: None, tls: Some(session) }
    }

    /// Starts a read into `storage[start..end]`. None may be in flight.
    pub fn start_read(&mut self, (storage, start, end): (Storage, usize, usize)) {
        self.read.as_mut().start(Lent { storage, start, end, call_back: None });
    }

    /// Starts a read that [`Self::call_back_read`] can end with its memory returned and no byte lost.
    pub fn start_callable_read(&mut self, (storage, start, end): (Storage, usize, usize)) {
        let handle = self.canceller.get_or_insert_with(Canceller::new).handle();
        self.read.as_mut().start(Lent { storage, start, end, call_back: Some(handle) });
    }

    /// Asks for the read in flight to end now: its outcome is bytes that had arrived, or [`is_called_back`].
    pub fn call_back_read(&mut self) {
        if let Some(canceller) = self.canceller.take() {
            self.canceller = Some(canceller.cancel());
        }
    }

    /// The outcome of the read in flight, once.
    pub fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Transfer> {
        self.read.as_mut().poll(context)
    }

    /// True when bytes have come that no read has brought yet: readiness of the socket would not tell of them.
    pub fn holds_bytes(&self) -> bool {
        self.tls.as_ref().is_some_and(|session| session.borrow().holds_bytes())
    }

    /// True while a read is in flight.
    pub fn is_reading(&self) -> bool {
        self.read.in_flight()
    }

    /// Starts a write of `storage[start..end]`. None may be in flight. It may write less.
    pub fn start_write(&mut self, (storage, start, end): (Storage, usize, usize)) {
        self.write.as_mut().start(Lent { storage, start, end, call_back: None });
    }

    /// The outcome of the write in flight, once.
    pub fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Transfer> {
        self.write.as_mut().poll(context)
    }

    /// Writes what the socket takes at once, without the ring: saves a turn of the loop when there is nothing to
    /// batch with. `None`: it takes nothing now.
    pub fn write_now(&self, bytes: &[u8]) -> Option<io::Result<usize>> {
        if let Some(session) = &self.tls {
            return session.borrow_mut().seal_and_send(bytes);
        }
        match send(self.descriptor, bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => Some(Ok(count)),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Says that we send no more, where there is a word for it: the peer then knows that nothing was cut off.
    pub fn say_end(&self) {
        if let Some(session) = &self.tls {
            session.borrow_mut().end();
        }
    }

    /// What the peer's TLS records ended the connection with.
    pub fn record_fault(&self) -> Option<RecordFault> {
        self.tls.as_ref().and_then(|session| session.borrow().fault())
    }

    /// Ends one or both directions now, in order; what is in flight there completes.
    pub fn shut(&self, how: Shutdown) {
        if how != Shutdown::Read {
            self.say_end();
        }
        let how = match how {
            Shutdown::Read => nix::sys::socket::Shutdown::Read,
            Shutdown::Write => nix::sys::socket::Shutdown::Write,
            Shutdown::Both => nix::sys::socket::Shutdown::Both,
        };
        // Fails only when the peer has closed already, which is what is asked for.
        let _already_closed = shutdown(self.descriptor, how);
    }

    /// Makes the close a reset, so that the peer cannot take what it got for everything.
    pub fn reset(self) {
        // The runtime owns the descriptor and shows no borrow of it; a duplicate that the kernel hands out shares the
        // socket. Disconnecting sends the reset now: the option to reset on close would come too late, as the
        // runtime ends the write direction in order before it closes. Where a sandbox forbids the duplicate, the close
        // is an ordinary one.
        if let Ok(process) = pidfd_open(getpid(), PidfdFlags::empty())
            && let Ok(socket) = pidfd_getfd(process, self.descriptor, PidfdGetfdFlags::empty())
        {
            let _no_reset = connect_unspec(&socket);
        }
    }

    /// A connection that nobody reads for now; `None`, and closed, when something is in flight.
    pub fn cool(mut self) -> Option<ColdConnection> {
        let reader = self.read.as_mut().take_subject()?;
        let writer = self.write.as_mut().take_subject()?;
        let stream = reader.reunite(writer).ok()?;
        match self.tls {
            Some(session) if !session.borrow_mut().cool() => None,
            tls => Some(ColdConnection { stream, tls }),
        }
    }
}

/// True for the outcome of a read that was called back before any byte came.
pub fn is_called_back(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ECANCELED as i32)
}

/// Opens records until there is plaintext for the caller.
async fn read_records(
    session: SharedSession,
    mut reader: OwnedReadHalf<TcpStream>,
    mut lent: Lent,
) -> (OwnedReadHalf<TcpStream>, Transfer) {
    let result = loop {
        let delivery = session.borrow_mut().deliver(&mut lent.storage[lent.start..lent.end]);
        let (storage, start) = match delivery {
            Delivery::Plain(count) => break Ok(count),
            Delivery::Broken(fault) => break Err(fault),
            Delivery::Wants(storage, start) => (storage, start),
        };
        let end = storage.len();
        let target = storage.slice_mut(start..end);
        let (result, target) = match lent.call_back.clone() {
            None => reader.read(target).await,
            Some(handle) => reader.cancelable_read(target, handle).await,
        };
        session.borrow_mut().received(target.into_inner(), *result.as_ref().unwrap_or(&0));
        match result {
            // Without a close_notify an end may be an attacker's.
            Ok(0) => break Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {}
            Err(fault) => break Err(fault),
        }
    };
    (reader, Transfer { result, storage: lent.storage })
}

/// Seals a piece of what is lent and sends all of that.
async fn write_records(
    session: SharedSession,
    mut writer: OwnedWriteHalf<TcpStream>,
    lent: Lent,
) -> (OwnedWriteHalf<TcpStream>, Transfer) {
    let sealed = session.borrow_mut().seal(&lent.storage[lent.start..lent.end]);
    let result = match sealed {
        Err(fault) => Err(fault),
        Ok(Sealed { mut bytes, mut from, plain }) => loop {
            if from == bytes.len() {
                session.borrow_mut().sent(bytes);
                break Ok(plain);
            }
            let (result, rest) = writer.write(bytes.slice(from..)).await;
            bytes = rest.into_inner();
            match result {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => from += count,
                Err(fault) => break Err(fault),
            }
        },
    };
    (writer, Transfer { result, storage: lent.storage })
}

/// A connected stream that nobody reads: it holds no buffer. Wakes when there is something to read.
pub struct ColdConnection {
    stream: TcpStream,
    tls: Option<SharedSession>,
}

impl ColdConnection {
    /// Takes over a connected socket in blocking mode, as the ring wants it.
    pub fn new(stream: std::net::TcpStream) -> io::Result<Self> {
        Ok(Self::unsecured(TcpStream::from_std(stream)?))
    }

    /// A connection whose handshake is done.
    pub(super) fn secured(stream: TcpStream, session: Session) -> Self {
        Self { stream, tls: Some(Rc::new(RefCell::new(session))) }
    }

    /// A connection without TLS.
    pub(super) fn unsecured(stream: TcpStream) -> Self {
        Self { stream, tls: None }
    }

    /// The stream, for a handshake.
    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Returns when a read would not wait: bytes, end or error.
    pub async fn readable(&self) -> io::Result<()> {
        if self.tls.as_ref().is_some_and(|session| session.borrow().may_deliver()) {
            return Ok(());
        }
        self.stream.readable(false).await
    }

    /// As [`Connection::say_end`].
    pub fn say_end(&self) {
        if let Some(session) = &self.tls {
            session.borrow_mut().end();
        }
    }

    /// Makes it ready for work again.
    pub fn warm(self) -> Connection {
        match self.tls {
            None => Connection::new(self.stream),
            Some(session) => Connection::secured(self.stream, session),
        }
    }
}
