//! The resource server of the demo: a plain thread per connection that records every byte it receives.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// The server and what it has seen.
pub(super) struct Resource {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Receiver<String>,
    bodies: Receiver<Vec<u8>>,
}

/// Nobody in a demo waits longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// Of what a part of the demo received, so much is kept until a step looks: what comes after the walk is nobody's.
pub(super) const KEPT: usize = 256;
/// Bytes of a head or body line the demo takes in.
const LINE_BYTES: u64 = 16 * 1024;

impl Resource {
    /// Listens on a free port of loopback.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicUsize::new(0));
        let (head_sender, heads) = sync_channel(KEPT);
        let (body_sender, bodies) = sync_channel(KEPT);
        let counter = Arc::clone(&connections);
        std::thread::Builder::new().name("demo-resource".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::Relaxed);
                let seen = Seen { heads: head_sender.clone(), bodies: body_sender.clone() };
                let name = "demo-connection".to_owned();
                // Without a thread the connection is closed, and the walk will say so.
                let _refused = std::thread::Builder::new().name(name).spawn(move || serve(stream, &seen));
            }
        })?;
        Ok(Self { address, connections, heads, bodies })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Request heads received since the last call.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.try_iter().collect()
    }

    /// Small bodies received since the last call, empty ones too.
    pub(super) fn bodies(&self) -> Vec<Vec<u8>> {
        self.bodies.try_iter().collect()
    }
}

/// Where connections say what they receive.
struct Seen {
    heads: SyncSender<String>,
    bodies: SyncSender<Vec<u8>>,
}

/// Serves one connection until either side ends it.
fn serve(stream: TcpStream, seen: &Seen) {
    let _ended = converse(stream, seen);
}

fn converse(stream: TcpStream, seen: &Seen) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let head = read_head(&mut reader)?;
        if head.is_empty() {
            return Ok(());
        }
        // After the walk nobody looks.
        let _unseen = seen.heads.try_send(head.clone());
        let body = read_body(&mut reader, &head)?;
        if body.len() as u64 <= LINE_BYTES {
            let _unseen = seen.bodies.try_send(body.clone());
        }
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        match path.as_str() {
            "/echo" => answer(&mut writer, "200 OK", "", &body)?,
            "/once" => {
                // Says nothing of closing and closes: the way connections go stale in a pool.
                return answer(&mut writer, "200 OK", "", b"the last word on this connection\n");
            }
            "/transfer?from=savings" => {
                answer(&mut writer, "200 OK", "X-Receipt: receipt-4711\r\n", b"transferred\n")?
            }
            "/tunnel" => {
                writer.write_all(
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
                )?;
                return io::copy(&mut reader, &mut writer).map(|_| ());
            }
            _ => answer(
                &mut writer,
                "200 OK",
                "X-Internal-Node: 7\r\nConnection: X-Internal-Node\r\n",
                b"hello\n",
            )?,
        }
    }
}

fn answer(writer: &mut TcpStream, status: &str, fields: &str, body: &[u8]) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nServer: demo-resource\r\nContent-Type: text/plain\r\n{fields}Content-Length: {}\r\n\r\n",
        body.len()
    );
    writer.write_all(&[head.as_bytes(), body].concat())
}

/// A whole head, or nothing at the end of the connection.
pub(super) fn read_head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    loop {
        let before = head.len();
        let count = reader.by_ref().take(LINE_BYTES).read_line(&mut head)?;
        if count == 0 || head.len() as u64 > LINE_BYTES {
            return if head.is_empty() { Ok(head) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        if &head[before..] == "\r\n" {
            return Ok(head);
        }
    }
}

/// The content of a message with this head.
pub(super) fn read_body(reader: &mut impl BufRead, head: &str) -> io::Result<Vec<u8>> {
    if has_field(head, "transfer-encoding", "chunked") {
        return read_chunks(reader);
    }
    let length = field(head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// The value of a field of a head.
pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

fn has_field(head: &str, name: &str, value: &str) -> bool {
    field(head, name).is_some_and(|own| own.eq_ignore_ascii_case(value))
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.by_ref().take(LINE_BYTES).read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + length + 2, 0);
        reader.read_exact(&mut body[start..])?;
        body.truncate(start + length);
        if length == 0 {
            return Ok(body);
        }
    }
}
