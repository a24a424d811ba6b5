//! The client of the demo: writes exactly the bytes it is told to and shows what came back.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::resource::{PATIENCE, read_body, read_head};

/// One connection to the proxy.
pub(super) struct Client {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
}

/// A response as it came.
pub(super) struct Response {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Client {
    pub(super) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { writer: stream.try_clone()?, reader: BufReader::new(stream) })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// The next whole response.
    pub(super) fn response(&mut self) -> io::Result<Response> {
        let head = read_head(&mut self.reader)?;
        let body = read_body(&mut self.reader, &head)?;
        Ok(Response { head, body })
    }

    /// The next `count` bytes, whatever they are.
    pub(super) fn bytes(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// True when the proxy has closed and left nothing unread.
    pub(super) fn is_closed(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0))
    }

    /// Sends `request` on a connection of its own.
    pub(super) fn ask(address: SocketAddr, request: &[u8]) -> io::Result<Response> {
        let mut client = Self::connect(address)?;
        client.send(request)?;
        client.response()
    }
}

impl Response {
    pub(super) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
