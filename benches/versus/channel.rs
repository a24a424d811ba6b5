//! The bytes of one connection to the target, in the clear or by TLS: one non-blocking socket, and for TLS a rustls
//! session beside it. What the bytes mean is the load generator's business.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt::Linger};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use crate::certificate;

/// What one call takes of an encrypted stream: several records.
const TLS_READ_BYTES: usize = 64 * 1024;

/// Where connections go, and how.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// Absent: in the clear.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

pub(crate) struct Channel {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// What one call is to bring.
#[derive(Clone, Copy)]
pub(crate) enum Want {
    /// Bytes, so many at most.
    Read(usize),
    /// The length alone of so many at most.
    Discard(usize),
}

/// What one call brought.
pub(crate) struct Received<'s> {
    /// The plaintext; empty when all was the handshake's or an unfinished record's.
    pub(crate) bytes: &'s [u8],
    /// Whether a short read said that the socket holds no more: what comes later is announced anew. Nothing waits in
    /// the session then either.
    pub(crate) drained: bool,
}

impl Target {
    pub(crate) fn in_the_clear(address: SocketAddr) -> Self {
        Target { address, tls: None }
    }
}

impl Channel {
    /// A TCP connection; the TLS handshake, if any, goes along with the first `write` and `receive` calls.
    pub(crate) fn connect(target: &Target) -> io::Result<Self> {
        let stream = TcpStream::connect(target.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let session = |config: &Arc<ClientConfig>| {
            let name = ServerName::try_from(certificate::NAME).map_err(io::Error::other)?;
            ClientConnection::new(config.clone(), name).map(Box::new).map_err(io::Error::other)
        };
        Ok(Channel { stream, tls: target.tls.as_ref().map(session).transpose()? })
    }

    /// Takes some of `bytes`. `WouldBlock`: none fit, and readiness of the socket is the time to try again.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(session) = &mut self.tls else { return self.stream.write(bytes) };
        send_records(session, &mut self.stream)?;
        let count = session.writer().write(bytes)?;
        send_records(session, &mut self.stream)?;
        if count == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(count) }
    }

    /// Sends what an earlier `write` has taken and the socket had no room for.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |session| send_records(session, &mut self.stream))
    }

    /// Reads through `scratch`. In the clear, what is not to be seen is discarded in the kernel; over TLS, what `want`
    /// says is not heeded.
    pub(crate) fn receive<'s>(&mut self, scratch: &'s mut [u8], want: Want) -> io::Result<Received<'s>> {
        if let Some(session) = &mut self.tls {
            return receive_records(session, &mut self.stream, scratch);
        }
        let (want, flags) = match want {
            Want::Read(most) => (most.min(scratch.len()), MsgFlags::empty()),
            Want::Discard(most) => (most.min(scratch.len()), MsgFlags::MSG_TRUNC),
        };
        match recv(self.stream.as_raw_fd(), &mut scratch[..want], flags)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(Received { bytes: &scratch[..count], drained: count < want }),
        }
    }

    /// Closes with a reset, which leaves no port behind in TIME-WAIT.
    pub(crate) fn abort(self) {
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        // Without the option the connection closes as usual.
        let _ = setsockopt(&self.stream, Linger, &at_once);
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn send_records(session: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    while session.wants_write() {
        match session.write_tls(stream) {
            Ok(_) => {}
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => break,
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

/// One call to the kernel, then all of it through the session: it would read by 4 KiB itself, and a slow reader would
/// be measured in the proxy's writes.
fn receive_records<'s>(
    session: &mut ClientConnection,
    stream: &mut TcpStream,
    scratch: &'s mut [u8],
) -> io::Result<Received<'s>> {
    let (records, plain) = scratch.split_at_mut(TLS_READ_BYTES);
    let taken = match stream.read(records)? {
        0 => return Err(ErrorKind::UnexpectedEof.into()),
        taken => taken,
    };
    let handshaking = session.is_handshaking();
    let (mut rest, mut count) = (&records[..taken], 0);
    while !rest.is_empty() {
        session.read_tls(&mut rest)?;
        let state = session.process_new_packets().map_err(io::Error::other)?;
        let waiting = plain.get_mut(count..count + state.plaintext_bytes_to_read());
        // What an earlier call left unfinished is less than one record, and there is room for several.
        let waiting = waiting.ok_or_else(|| io::Error::other("more plaintext than there were records"))?;
        if !waiting.is_empty() {
            session.reader().read_exact(waiting)?;
            count += waiting.len();
        }
    }
    send_records(session, stream)?;
    if handshaking && !session.is_handshaking() {
        check_agreed(session)?;
    }
    Ok(Received { bytes: &plain[..count], drained: taken < TLS_READ_BYTES })
}

/// A handshake other than the one to be measured is a fault.
fn check_agreed(session: &ClientConnection) -> io::Result<()> {
    if session.handshake_kind() != Some(HandshakeKind::Full) {
        return Err(io::Error::other("the handshake was not a full one in one round trip"));
    }
    if session.alpn_protocol() != Some(certificate::ALPN) {
        return Err(io::Error::other("the target did not choose http/1.1 by ALPN"));
    }
    Ok(())
}
