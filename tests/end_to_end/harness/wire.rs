//! A connected socket read byte by byte with bounded patience. Knows nothing of HTTP.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// How the other side's direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An orderly close.
    Closed,
    /// A reset.
    Reset,
}

/// A connection and what was read of it and not used yet.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    pub(crate) unread: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // A Unix socket has no such option.
        let _of_tcp_alone = stream.set_nodelay(true);
        stream.set_write_timeout(Some(PATIENCE)).expect("a write timeout");
        Self { stream, unread: Vec::new() }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads more into `unread`. The count, or how the connection ended.
    ///
    /// # Panics
    /// When nothing comes within the patience of the tests.
    #[track_caller]
    pub(crate) fn fill(&mut self) -> Result<usize, End> {
        match self.fill_within(PATIENCE) {
            Some(outcome) => outcome,
            None => panic!("nothing came within {PATIENCE:?}; unread so far: {}", shown(&self.unread)),
        }
    }

    /// Like [`Self::fill`], `None` when nothing came in time.
    pub(crate) fn fill_within(&mut self, patience: Duration) -> Option<Result<usize, End>> {
        let deadline = Instant::now() + patience;
        let mut chunk = [0; 64 * 1024];
        loop {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).expect("a read timeout");
            match self.stream.read(&mut chunk) {
                Ok(0) => return Some(Err(End::Closed)),
                Ok(count) => {
                    self.unread.extend_from_slice(&chunk[..count]);
                    return Some(Ok(count));
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        if Instant::now() >= deadline {
                            return None;
                        }
                    }
                    _ => return Some(Err(End::Reset)),
                },
            }
        }
    }

    /// True when all was taken by the kernel.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends this side's direction.
    pub(crate) fn end_sending(&self) {
        let _gone_already = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        let linger = socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        linger.expect("SO_LINGER");
    }
}

/// Bytes for a message: what is printable as it is, cut to what a reader can bear.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let cut = if bytes.len() > MOST { format!("... ({} bytes)", bytes.len()) } else { String::new() };
    format!("\"{}\"{cut}", bytes[..bytes.len().min(MOST)].escape_ascii())
}
