//! The origin server behind every peer: as cheap as sockets allow, so that it never hides the proxy's cost.
//!
//! `GET /1k` and `GET /1m` are answered with that many bytes, `POST /1k-answer` with 1 KiB, `POST /introspect` as a Token
//! Server that knows every token, any other request with two bytes; bodies of requests are read by `Content-Length` and thrown away in the kernel. Answers are prepared once and written with one call.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

use crate::event_loop::{EventLoop, Registry};
use crate::tokens::introspection_answer;

const LISTENER: u64 = 0;
/// More than any request head of the benchmark, whatever a peer adds to it.
const READ_BYTES: usize = 16 * 1024;
/// What one call discards of a request body.
const DISCARD_BYTES: usize = 1024 * 1024;

static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| answer(1024));
static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| answer(1024 * 1024));
static SHORT: LazyLock<Vec<u8>> = LazyLock::new(|| answer(2));
static ACTIVE: LazyLock<Vec<u8>> = LazyLock::new(|| document("", &introspection_answer()));
/// Questions about tokens that were answered, by all origins.
static ASKED: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Origin {
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    scratch: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// A head that came in pieces.
    head: Vec<u8>,
    body_left: usize,
    answer: Option<&'static [u8]>,
}

impl Origin {
    pub(crate) fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let scratch = vec![0; DISCARD_BYTES];
        Ok(Origin { listener, connections: Vec::new(), free: Vec::new(), scratch })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn listen(&self, registry: &Registry<'_>) -> io::Result<()> {
        registry.add(&self.listener, LISTENER)
    }

    /// Does what is possible on the socket of this token.
    pub(crate) fn ready(&mut self, token: u64, registry: &Registry<'_>) {
        if token == LISTENER {
            return self.accept(registry);
        }
        let index = token as usize - 1;
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        if connection.serve(&mut self.scratch).is_err() {
            self.connections[index] = None;
            self.free.push(index);
        }
    }

    fn accept(&mut self, registry: &Registry<'_>) {
        while let Ok((stream, _)) = self.listener.accept() {
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let ready = stream
                .set_nonblocking(true)
                .and_then(|()| stream.set_nodelay(true))
                .and_then(|()| registry.add(&stream, index as u64 + 1));
            match ready {
                Ok(()) => {
                    let connection = Connection { stream, head: Vec::new(), body_left: 0, answer: None };
                    self.connections[index] = Some(connection);
                }
                Err(_) => self.free.push(index),
            }
        }
    }
}

/// Serves an origin on a thread of its own, pinned by the caller's `prepare`, until the program ends.
pub(crate) fn serve_on_thread(
    prepare: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> io::Result<SocketAddr> {
    let origin = Origin::bind()?;
    let address = origin.address()?;
    std::thread::Builder::new().name("origin".into()).spawn(move || -> io::Result<()> {
        prepare()?;
        let mut events = EventLoop::new(Some(origin))?;
        loop {
            events.turn(Instant::now() + Duration::from_secs(3600), &mut Vec::new())?;
        }
    })?;
    Ok(address)
}

impl Connection {
    /// Reads and answers until the socket would block. An error, the end of the stream too, closes the connection.
    fn serve(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        loop {
            if !self.write()? {
                return Ok(());
            }
            let drained = if self.body_left > 0 { self.discard(scratch)? } else { self.read_head(scratch)? };
            if drained {
                self.write()?;
                return Ok(());
            }
        }
    }

    /// Whether nothing is left to write.
    fn write(&mut self) -> io::Result<bool> {
        while self.body_left == 0
            && let Some(rest) = self.answer
        {
            match self.stream.write(rest) {
                Ok(count) if count == rest.len() => self.answer = None,
                Ok(count) => self.answer = rest.get(count..),
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(fault) => return Err(fault),
            }
        }
        Ok(true)
    }

    /// Whether the socket is drained: a short read says so without another call.
    fn discard(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        let want = self.body_left.min(scratch.len());
        match recv(self.stream.as_raw_fd(), &mut scratch[..want], MsgFlags::MSG_TRUNC) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.body_left -= count;
                Ok(count < want)
            }
            Err(nix::Error::EAGAIN) => Ok(true),
            Err(fault) => Err(fault.into()),
        }
    }

    fn read_head(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        let scratch = &mut scratch[..READ_BYTES];
        let count = match self.stream.read(scratch) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(fault) => return Err(fault),
        };
        let drained = count < scratch.len();
        if self.head.is_empty() {
            if !self.begin(&scratch[..count])? {
                self.head.extend_from_slice(&scratch[..count]);
            }
        } else {
            self.head.extend_from_slice(&scratch[..count]);
            let head = std::mem::take(&mut self.head);
            if !self.begin(&head)? {
                self.head = head;
            }
        }
        Ok(drained)
    }

    /// Whether `bytes` hold a whole head; the answer is then chosen and the body's rest known.
    fn begin(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(false) };
        let (head, body) = bytes.split_at(end + 4);
        self.answer = Some(if head.starts_with(b"GET /1k ") {
            &SMALL
        } else if head.starts_with(b"GET /1m ") {
            &LARGE
        } else {
            self.body_left = content_length(head)?;
            if head.starts_with(b"POST /1k-answer ") {
                &SMALL
            } else if head.starts_with(b"POST /introspect ") {
                note_question();
                &ACTIVE
            } else {
                &SHORT
            }
        });
        // One request at a time is the benchmark's rule; what follows the head is its body.
        self.body_left = self
            .body_left
            .checked_sub(body.len())
            .ok_or_else(|| io::Error::other("bytes beyond the request"))?;
        Ok(true)
    }
}

/// That of a request's head; without one there is no body.
pub(crate) fn content_length(head: &[u8]) -> io::Result<usize> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(head).map_err(io::Error::other)?;
    let length = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length else { return Ok(0) };
    std::str::from_utf8(length.value)
        .ok()
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| io::Error::other("a Content-Length that is no number"))
}

/// Questions about tokens so far.
pub(crate) fn asked() -> u64 {
    ASKED.load(Ordering::Relaxed)
}

/// One more was answered.
pub(crate) fn note_question() {
    ASKED.fetch_add(1, Ordering::Relaxed);
}

/// 200 with a JSON text, and with these fields besides.
pub(crate) fn document(fields: &str, text: &str) -> Vec<u8> {
    let length = text.len();
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{fields}");
    format!("{head}\r\n{text}").into()
}

fn answer(body_bytes: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {body_bytes}\r\n\r\n"
    );
    let mut answer = head.into_bytes();
    answer.resize(answer.len() + body_bytes, b'x');
    answer
}
