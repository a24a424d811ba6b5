//! A connected socket: one read and one write at a time, both possibly in flight at once.
//!
//! Reads and writes take the buffer's memory by value and give it back with the outcome. What is read and when
//! is decided elsewhere.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
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
}

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
        Self { read: Box::pin(read), write: Box::pin(write), descriptor, canceller: None }
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
        match send(self.descriptor, bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => Some(Ok(count)),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Ends one or both directions now; what is in flight there completes.
    pub fn shut(&self, how: Shutdown) {
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
        Some(ColdConnection { stream })
    }
}

/// True for the outcome of a read that was called back before any byte came.
pub fn is_called_back(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::ECANCELED as i32)
}

/// A connected stream that nobody reads: it holds no buffer. Wakes when there is something to read.
pub struct ColdConnection {
    stream: TcpStream,
}

impl ColdConnection {
    /// Takes over a connected socket in blocking mode, as the ring wants it.
    pub fn new(stream: std::net::TcpStream) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::from_std(stream)? })
    }

    /// Returns when a read would not wait: bytes, end or error.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable(false).await
    }

    /// Makes it ready for work again.
    pub fn warm(self) -> Connection {
        Connection::new(self.stream)
    }
}
