//! Takes the PROXY header off a connection, to the byte: what follows it is somebody else's.

use std::os::fd::AsRawFd;

use monoio::net::TcpStream;
use nix::sys::socket::{MsgFlags, recv};

use super::connection::ColdConnection;
use crate::limits::PROXY_HEADER_BYTES;
use crate::protocol::progress::Progress;
use crate::protocol::proxy_header::{ProxyHeader, parse_proxy_header};

/// The connection and what its header said; `None` when there is no valid one. Time is limited by the caller.
pub async fn take_proxy_header(cold: ColdConnection) -> Option<(ColdConnection, ProxyHeader)> {
    let stream = cold.into_stream();
    let mut header = vec![0; PROXY_HEADER_BYTES];
    let mut have = 0;
    loop {
        stream.readable(false).await.ok()?;
        let seen = receive(&stream, &mut header[have..], MsgFlags::MSG_PEEK)?;
        let parsed = parse_proxy_header(&header[..have + seen]).ok()?;
        // Of an incomplete header everything is taken off, so that readiness means more.
        let whole = match parsed {
            Progress::Done { consumed, .. } => consumed,
            Progress::NeedMore { .. } => have + seen,
        };
        while have < whole {
            have += receive(&stream, &mut header[have..whole], MsgFlags::empty())?;
        }
        if let Progress::Done { value, .. } = parsed {
            return Some((ColdConnection::unsecured(stream), value));
        }
    }
}

/// Bytes that have come; `None` at the end, on a fault, and when there is no room.
fn receive(stream: &TcpStream, target: &mut [u8], flags: MsgFlags) -> Option<usize> {
    match recv(stream.as_raw_fd(), target, flags | MsgFlags::MSG_DONTWAIT) {
        Ok(0) | Err(_) => None,
        Ok(count) => Some(count),
    }
}
